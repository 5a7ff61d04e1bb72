"""What may be wrong with an expression: in its text, or with what it is run on."""

from __future__ import annotations

from typing import NamedTuple


class Position(NamedTuple):
    """A place in an expression's text, both counted from 1."""

    line: int
    column: int

    @classmethod
    def of(cls, text: str, offset: int) -> Position:
        """The place of a character of ``text``."""
        before = text[:offset]
        return cls(before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}"


class ExpressionError(ValueError):
    """The text is no expression that can run here. The message ends with the place; ``position`` has it as numbers."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(f"{message} ({position})")
        self.message = message
        self.position = position


class EvaluationError(ValueError):
    """Running the expression failed. The message ends with the place and holds nothing of the data it ran on."""

    def __init__(self, message: str, position: Position) -> None:
        super().__init__(f"{message} ({position})")
        self.message = message
        self.position = position


class Fault(Exception):
    """What an operator or function cannot do; the node it belongs to turns it into an ``EvaluationError``."""
