"""From text to tree: a precedence climber over expr-lang's grammar. Pure.

Precedences and their quirks are expr-lang's: signs bind looser than ``**``, ``not`` binds tighter than comparisons,
``a < b < c`` means ``a < b && b < c``, and ``??`` binds tightest of all.
"""

from __future__ import annotations

from typing import Final, TypeVar

from dynameter.gateway.expression import syntax
from dynameter.gateway.expression.closures import CLOSURE_FUNCTIONS
from dynameter.gateway.expression.errors import ExpressionError, Position
from dynameter.gateway.expression.lexer import WORD_OPERATORS, Kind, Token, tokenize
from dynameter.gateway.expression.limits import MAX_CHARACTERS, MAX_NESTING, MAX_NODES

BINARY: Final = {
    "|": 0,
    "or": 10,
    "||": 10,
    "and": 15,
    "&&": 15,
    "==": 20,
    "!=": 20,
    "<": 20,
    ">": 20,
    ">=": 20,
    "<=": 20,
    "in": 20,
    "matches": 20,
    "contains": 20,
    "startsWith": 20,
    "endsWith": 20,
    "..": 25,
    "+": 30,
    "-": 30,
    "*": 60,
    "/": 60,
    "%": 60,
    "**": 100,
    "^": 100,
    "??": 500,
}
UNARY: Final = {"not": 50, "!": 50, "-": 90, "+": 90}
_RIGHT_BINDING = frozenset(["**", "^"])
_COMPARISONS = frozenset(["<", ">", ">=", "<="])
_NEGATABLE = frozenset(["in", "matches", "contains", "startsWith", "endsWith"])
_SPELLINGS = {"or": "||", "and": "&&", "^": "**", "!": "not"}
_CONSTANTS = {"true": True, "false": False, "nil": None}
_POINTERS = frozenset(["", "acc", "index"])
N = TypeVar("N", bound=syntax.Node)


def parse(text: str) -> syntax.Node:
    """The tree of an expression. Raises ``ExpressionError`` with the place where it is wrong."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"the expression is longer than {MAX_CHARACTERS} characters", Position(1, 1))
    return _Parser(text).parse()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = tokenize(text)
        self._next = 0
        self._nodes = 0
        self._nesting = -1  # the whole expression is inside of nothing
        self._closures = 0

    def parse(self) -> syntax.Node:
        if self._ended():
            raise self._error("the expression is empty")
        node = self._sequence()
        if not self._ended():
            raise self._unexpected()
        return node

    # Tokens

    @property
    def _current(self) -> Token:
        return self._tokens[self._next]

    def _ended(self) -> bool:
        return self._current.kind is Kind.END

    def _at(self, *operators: str) -> bool:
        return self._tokens[self._next].is_operator(*operators)

    def _advance(self) -> Token:
        token = self._tokens[self._next]
        if token.kind is not Kind.END:
            self._next += 1
        return token

    def _accept(self, *operators: str) -> bool:
        if self._at(*operators):
            self._advance()
            return True
        return False

    def _expect(self, operator: str) -> None:
        if not self._accept(operator):
            raise self._error(f"expected {operator!r}, found {self._shown()}")

    def _expect_name(self) -> Token:
        if self._current.kind is not Kind.NAME:
            raise self._error(f"expected a name, found {self._shown()}")
        return self._advance()

    def _shown(self) -> str:
        return "the end" if self._current.kind is Kind.END else repr(self._current.text[:40])

    def _error(self, message: str, at: int | None = None) -> ExpressionError:
        return ExpressionError(message, Position.of(self._text, self._current.offset if at is None else at))

    def _unexpected(self) -> ExpressionError:
        return self._error(f"unexpected {self._shown()}")

    def _add(self, node: N) -> N:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._error(f"the expression has more than {MAX_NODES} parts", node.at)
        return node

    # Expressions

    def _sequence(self) -> syntax.Node:
        at = self._current.offset
        items = [self._expression(0)]
        while self._accept(";"):
            if self._current.kind is Kind.END or self._at(")", "}"):
                break
            items.append(self._expression(0))
        return items[0] if len(items) == 1 else self._add(syntax.Sequence(at, tuple(items)))

    def _expression(self, precedence: int) -> syntax.Node:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(f"the expression nests deeper than {MAX_NESTING}")
        node = self._statement(precedence)
        self._nesting -= 1
        return node

    def _statement(self, precedence: int) -> syntax.Node:
        if precedence == 0 and self._at("let"):
            return self._let()
        if precedence == 0 and self._at("if"):
            return self._if()
        node = self._primary()
        while (operator := self._binary_operator(precedence)) is not None:
            node = self._binary(node, operator)
        return self._ternary(node) if precedence == 0 else node

    def _binary_operator(self, precedence: int) -> tuple[Token, bool] | None:
        """The operator that follows, read, and whether a ``not`` stood before it; None where it binds too loosely."""
        token = self._current
        negated = token.is_operator("not")
        if negated:
            token = self._tokens[self._next + 1]
            if not token.is_operator(*_NEGATABLE):
                raise self._unexpected()
        if token.kind is not Kind.OPERATOR or BINARY.get(token.text, -1) < precedence:
            return None
        self._next += 2 if negated else 1
        return token, negated

    def _binary(self, left: syntax.Node, operator: tuple[Token, bool]) -> syntax.Node:
        token, negated = operator
        if token.text == "|":
            return self._postfix(self._call(self._expect_name(), (left,)))
        precedence = BINARY[token.text]
        if token.text in _COMPARISONS:
            return self._comparison(left, token, precedence)
        right = self._expression(precedence if token.text in _RIGHT_BINDING else precedence + 1)
        spelling = _SPELLINGS.get(token.text, token.text)
        return self._add(syntax.Binary(token.offset, spelling, left, right, negated))

    def _comparison(self, left: syntax.Node, token: Token, precedence: int) -> syntax.Node:
        right = self._expression(precedence + 1)
        node: syntax.Node = self._add(syntax.Binary(token.offset, token.text, left, right))
        while self._at(*_COMPARISONS):
            token = self._advance()
            left, right = right, self._expression(precedence + 1)
            further = self._add(syntax.Binary(token.offset, token.text, left, right))
            node = self._add(syntax.Binary(token.offset, "&&", node, further))
        return node

    def _ternary(self, node: syntax.Node) -> syntax.Node:
        while self._at("?"):
            at = self._advance().offset
            if self._accept(":"):
                then = node
            else:
                then = self._expression(0)
                self._expect(":")
            node = self._add(syntax.Conditional(at, node, then, self._expression(0)))
        return node

    def _let(self) -> syntax.Node:
        self._advance()
        name = self._expect_name()
        if name.text in _CONSTANTS:
            raise self._error(f"{name.text} cannot be redefined", name.offset)
        self._expect("=")
        value = self._expression(0)
        self._expect(";")
        return self._add(syntax.Let(name.offset, name.text, value, self._sequence()))

    def _if(self) -> syntax.Node:
        at = self._advance().offset
        condition = self._expression(0)
        then = self._block()
        if not self._accept("else"):
            raise self._error(f"expected 'else', found {self._shown()}")
        otherwise = self._expression(0) if self._at("if") else self._block()
        return self._add(syntax.Conditional(at, condition, then, otherwise))

    def _block(self) -> syntax.Node:
        self._expect("{")
        node = self._sequence()
        self._expect("}")
        return node

    # Operands

    def _primary(self) -> syntax.Node:
        token = self._current
        if token.kind is Kind.OPERATOR and token.text in UNARY:
            self._advance()
            operand = self._expression(UNARY[token.text])
            spelling = _SPELLINGS.get(token.text, token.text)
            return self._postfix(self._add(syntax.Unary(token.offset, spelling, operand)))
        if self._accept("("):
            node = self._sequence()
            self._expect(")")
            return self._postfix(node)
        if self._at("#", "."):
            return self._postfix(self._pointer())
        if self._accept("::"):
            raise self._error("'::' is not offered", token.offset)
        return self._operand()

    def _pointer(self) -> syntax.Node:
        if not self._closures:
            raise self._error(f"{self._current.text!r} is only known inside a closure")
        # A leading dot is read as "#." is: it stays for the access that follows.
        token = self._current
        name = ""
        if token.text == "#":
            self._advance()
            if self._current.kind is Kind.NAME and self._current.offset == token.offset + 1:
                name = self._advance().text
        if name not in _POINTERS:
            raise self._error(f"unknown pointer #{name}", token.offset)
        return self._add(syntax.Pointer(token.offset, name))

    def _operand(self) -> syntax.Node:
        token = self._current
        if token.kind in (Kind.NUMBER, Kind.STRING, Kind.BYTES):
            self._advance()
            literal = self._add(syntax.Literal(token.offset, token.value))
            return literal if token.kind is Kind.NUMBER else self._postfix(literal)
        if token.kind is Kind.NAME:
            self._advance()
            if token.text in _CONSTANTS:
                return self._add(syntax.Literal(token.offset, _CONSTANTS[token.text]))
            called = self._at("(")
            return self._postfix(self._call(token, ()) if called else self._add(syntax.Name(token.offset, token.text)))
        if self._at("["):
            return self._postfix(self._array())
        if self._at("{"):
            return self._postfix(self._map())
        raise self._unexpected()

    def _call(self, name: Token, piped: tuple[syntax.Node, ...]) -> syntax.Node:
        self._expect("(")
        arguments = list(piped)
        closure_at = 1 if name.text in CLOSURE_FUNCTIONS else None
        while not self._at(")"):
            if len(arguments) > len(piped):
                self._expect(",")
                if self._at(")"):
                    break
            arguments.append(self._closure() if len(arguments) == closure_at else self._expression(0))
        self._expect(")")
        return self._add(syntax.Call(name.offset, name.text, tuple(arguments)))

    def _closure(self) -> syntax.Node:
        at = self._current.offset
        self._closures += 1
        body = self._block() if self._at("{") else self._expression(0)
        self._closures -= 1
        return self._add(syntax.Closure(at, body))

    def _array(self) -> syntax.Node:
        at = self._advance().offset
        items: list[syntax.Node] = []
        while not self._at("]"):
            if items:
                self._expect(",")
                if self._at("]"):
                    break
            items.append(self._expression(0))
        self._expect("]")
        return self._add(syntax.ArrayLiteral(at, tuple(items)))

    def _map(self) -> syntax.Node:
        at = self._advance().offset
        pairs: list[tuple[syntax.Node, syntax.Node]] = []
        while not self._at("}"):
            if pairs:
                self._expect(",")
                if self._at("}"):
                    break
            key = self._map_key()
            self._expect(":")
            pairs.append((key, self._expression(0)))
        self._expect("}")
        return self._add(syntax.MapLiteral(at, tuple(pairs)))

    def _map_key(self) -> syntax.Node:
        token = self._current
        if self._at("("):
            return self._expression(0)
        if token.kind is Kind.STRING:
            self._advance()
            return self._add(syntax.Literal(token.offset, token.value))
        if token.kind in (Kind.NAME, Kind.NUMBER) or token.text in WORD_OPERATORS:
            self._advance()
            return self._add(syntax.Literal(token.offset, token.text))
        raise self._error(f"expected a key of the map, found {self._shown()}; an expression as key needs ( )")

    # Accesses

    def _postfix(self, node: syntax.Node) -> syntax.Node:
        optional = False
        while True:
            at = self._current.offset
            if self._at(".", "?."):
                once = self._advance().text == "?."
                optional = optional or once
                node = self._index(node, at, once) if once and self._at("[") else self._member(node, once)
            elif self._at("["):
                node = self._index(node, at, False)
            else:
                return self._add(syntax.Chain(node.at, node)) if optional else node

    def _member(self, target: syntax.Node, optional: bool) -> syntax.Node:
        token = self._current
        if token.kind is not Kind.NAME and token.text not in WORD_OPERATORS:
            raise self._error(f"expected a name after the dot, found {self._shown()}")
        self._advance()
        if self._at("("):
            called = self._call(token, ())
            assert isinstance(called, syntax.Call)
            return self._add(syntax.MethodCall(token.offset, target, token.text, called.arguments))
        key = self._add(syntax.Literal(token.offset, token.text))
        return self._add(syntax.Member(token.offset, target, key, optional))

    def _index(self, target: syntax.Node, at: int, optional: bool) -> syntax.Node:
        self._expect("[")
        start = None if self._at(":") else self._expression(0)
        if not self._accept(":"):
            self._expect("]")
            assert start is not None
            return self._add(syntax.Member(at, target, start, optional))
        stop = None if self._at("]") else self._expression(0)
        self._expect("]")
        return self._add(syntax.Slice(at, target, start, stop))
