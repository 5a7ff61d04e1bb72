"""Expressions ready to run, each text compiled once."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from dynameter.gateway.exchange import Exchange
from dynameter.gateway.expression.closures import Run
from dynameter.gateway.expression.compiler import Compiler
from dynameter.gateway.expression.context import variables
from dynameter.gateway.expression.errors import EvaluationError, ExpressionError, Fault, Position
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.parser import parse
from dynameter.gateway.expression.syntax import Node

CACHED_EXPRESSIONS: Final = 1_024
_START = Position(1, 1)


class Expression:
    """An expression ready to run. ``names`` are the variables of the context that it reads."""

    __slots__ = ("_run", "_slots", "names")

    def __init__(self, run: Run, slots: int, names: frozenset[str]) -> None:
        self._run = run
        self._slots = slots
        self.names = names

    def evaluate(self, exchange: Exchange, *, now_us: int | None = None) -> Any:
        """The value for an exchange; the kinds are those of ``expression.values``. Raises ``EvaluationError``.

        ``now_us`` is what ``now()`` tells; without it ``now()`` fails.
        """
        try:
            return self._run(Frame(exchange, self._slots, now_us))
        except Fault as fault:
            raise EvaluationError(str(fault), _START) from None
        except RecursionError:
            raise EvaluationError("the expression nests too deep", _START) from None


def check_expression(text: str, *, streaming: bool) -> None:
    """Raises ``ExpressionError`` unless the text is an expression over a response (or over a stream)."""
    compile_expression(text, streaming=streaming)


def compile_expression(text: str, *, streaming: bool) -> Expression:
    """The expression, ready to run over responses, or over streams. Raises ``ExpressionError``."""
    compiled = _compiled(text, streaming)
    if isinstance(compiled, ExpressionError):
        raise ExpressionError(compiled.message, compiled.position)
    return compiled


@lru_cache(maxsize=CACHED_EXPRESSIONS)
def _compiled(text: str, streaming: bool) -> Expression | ExpressionError:
    """What a text compiles to; errors are kept, too, since a route with one is met at every request."""
    try:
        return compile_tree(text, parse(text), streaming=streaming)
    except ExpressionError as error:
        return error
    except RecursionError:
        return ExpressionError("the expression nests too deep", _START)


def compile_tree(text: str, tree: Node, *, streaming: bool) -> Expression:
    """The code of a tree that was read from ``text``. Raises ``ExpressionError``."""
    compiler = Compiler(text, variables(streaming=streaming))
    run, _ = compiler.compile(tree)
    return Expression(run, compiler.slots, frozenset(compiler.names))
