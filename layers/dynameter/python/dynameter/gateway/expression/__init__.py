"""The language in which a route says what an exchange counts: bounded, without side effects, exact.

See docs/expressions.md for the language and docs/decisions/0001-expression-engine.md for why it is our own.
"""

from dynameter.gateway.expression.errors import EvaluationError, ExpressionError, Position
from dynameter.gateway.expression.program import Expression, check_expression, compile_expression

__all__ = ["EvaluationError", "Expression", "ExpressionError", "Position", "check_expression", "compile_expression"]
