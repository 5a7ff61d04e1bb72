"""From tree to closures: each node becomes a function of the frame, so that evaluating walks no tree."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple, NoReturn

from dynameter.gateway.expression import kinds, syntax
from dynameter.gateway.expression.calls import call_run
from dynameter.gateway.expression.closures import CLOSURE_FUNCTIONS, Loop, Run
from dynameter.gateway.expression.context import Variable, variables
from dynameter.gateway.expression.dates import METHODS, call_method
from dynameter.gateway.expression.errors import EvaluationError, ExpressionError, Fault, Position
from dynameter.gateway.expression.frame import Frame
from dynameter.gateway.expression.functions import FUNCTIONS
from dynameter.gateway.expression.limits import MAX_DEPTH
from dynameter.gateway.expression.operators import BINARY, Operation, matching, negate, slice_of
from dynameter.gateway.expression.values import MAPS, MadeMap, fetch, kind_of, map_key
from dynameter.gateway.pattern import InvalidPattern, compile_pattern


class Compiled(NamedTuple):
    """A node's code, and the kind of its result as far as it is known."""

    run: Run
    kind: str


class _Skip(Exception):
    """``?.`` found nil: the whole chain is nil."""


class Compiler:
    """Compiles the tree of one text; ``slots`` and ``names`` are what its code uses, once it is compiled."""

    def __init__(self, text: str, context: dict[str, Variable]) -> None:
        self._text = text
        self._context = context
        self._lets: dict[str, tuple[int, str]] = {}
        self._loops: list[Loop] = []
        self._depth = 0
        self._nodes = 0
        self.slots = 0
        self.names: set[str] = set()

    def compile(self, node: syntax.Node) -> Compiled:
        """A node's code."""
        self._nodes += 1
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error(node, f"more than {MAX_DEPTH} operators or accesses in a row")
        try:
            compiled = _COMPILE[type(node)](self, node)
        except Fault as fault:
            raise self._error(node, str(fault)) from None
        self._depth -= 1
        return compiled

    def _error(self, node: syntax.Node, message: str) -> ExpressionError:
        return ExpressionError(message, Position.of(self._text, node.at))

    def _failing(self, node: syntax.Node) -> Callable[[Fault], NoReturn]:
        position = Position.of(self._text, node.at)

        def fail(fault: Fault) -> NoReturn:
            raise EvaluationError(str(fault), position) from None

        return fail

    def _slot(self) -> int:
        self.slots += 1
        return self.slots - 1

    # Operands

    def literal(self, node: syntax.Literal) -> Compiled:
        value = node.value
        return Compiled(lambda _: value, kind_of(value))

    def name(self, node: syntax.Name) -> Compiled:
        if node.name in self._lets:
            slot, kind = self._lets[node.name]
            return Compiled(lambda frame: frame.slots[slot], kind)
        variable = self._context.get(node.name)
        if variable is None:
            raise self._error(node, self._unknown(node.name))
        self.names.add(node.name)
        return Compiled(variable.read, variable.kind)

    def _unknown(self, name: str) -> str:
        if name in variables(streaming=True):
            return f"{name} is known for streams only"
        if name in variables(streaming=False):
            return f"{name} is not known for streams, see allData"
        if name in FUNCTIONS or name in CLOSURE_FUNCTIONS:
            return f"{name} is a function and needs ( )"
        return f"unknown name {name[:64]}"

    def pointer(self, node: syntax.Pointer) -> Compiled:
        loop = self._loops[-1]
        slot = {"": loop.element, "index": loop.index, "acc": loop.accumulator}[node.name]
        if slot < 0:
            raise self._error(node, "#acc is known in reduce only")
        return Compiled(lambda frame: frame.slots[slot], "int" if node.name == "index" else kinds.ANY)

    def array(self, node: syntax.ArrayLiteral) -> Compiled:
        items = [self.compile(item).run for item in node.items]
        return Compiled(lambda frame: tuple(run(frame) for run in items), "array")

    def map(self, node: syntax.MapLiteral) -> Compiled:
        pairs = [(self.compile(key).run, self.compile(value).run) for key, value in node.pairs]
        fail = self._failing(node)

        def run(frame: Frame) -> MadeMap:
            try:
                return MadeMap((map_key(key(frame)), value(frame)) for key, value in pairs)
            except Fault as fault:
                fail(fault)

        return Compiled(run, "map")

    # Operators

    def unary(self, node: syntax.Unary) -> Compiled:
        operand, kind = self.compile(node.operand)
        fail = self._failing(node)
        if node.operator == "not":
            kinds.require_bool(kind, "not")

            def invert(frame: Frame) -> bool:
                value = operand(frame)
                if value is True or value is False:
                    return not value
                return fail(Fault(f"not {kind_of(value)} is not defined"))

            return Compiled(invert, "bool")
        kind = kinds.sign_kind(kind)
        if node.operator == "+":
            return Compiled(operand, kind)

        def minus(frame: Frame) -> Any:
            try:
                return negate(frame, operand(frame))
            except Fault as fault:
                fail(fault)

        return Compiled(minus, kind)

    def binary(self, node: syntax.Binary) -> Compiled:
        if node.operator in ("&&", "||"):
            return self._logical(node)
        left, left_kind = self.compile(node.left)
        right, right_kind = self.compile(node.right)
        fail = self._failing(node)
        if node.operator == "??":

            def coalesce(frame: Frame) -> Any:
                value = left(frame)
                return right(frame) if value is None else value

            return Compiled(coalesce, left_kind if left_kind == right_kind else kinds.ANY)
        kind = kinds.binary_kind(node.operator, left_kind, right_kind)
        operation = self._operation(node)

        def operate(frame: Frame) -> Any:
            try:
                return operation(frame, left(frame), right(frame))
            except Fault as fault:
                fail(fault)

        if node.negated:
            return Compiled(lambda frame: not operate(frame), kind)
        return Compiled(operate, kind)

    def _operation(self, node: syntax.Binary) -> Operation:
        if node.operator == "matches" and isinstance(node.right, syntax.Literal) and isinstance(node.right.value, str):
            try:
                return matching(compile_pattern(node.right.value))
            except InvalidPattern as error:
                raise self._error(node.right, f"invalid pattern: {error}") from None
        return BINARY[node.operator]

    def _logical(self, node: syntax.Binary) -> Compiled:
        left, left_kind = self.compile(node.left)
        right, right_kind = self.compile(node.right)
        kinds.binary_kind(node.operator, left_kind, right_kind)
        goes_on = node.operator == "&&"
        fail = self._failing(node)

        def run(frame: Frame) -> bool:
            value = left(frame)
            if value is goes_on:
                value = right(frame)
            if value is True or value is False:
                return value is True
            return fail(Fault(f"{node.operator} of {kind_of(value)} is not defined"))

        return Compiled(run, "bool")

    def conditional(self, node: syntax.Conditional) -> Compiled:
        condition, kind = self.compile(node.condition)
        kinds.require_bool(kind, "a condition")
        then, then_kind = self.compile(node.then)
        otherwise, otherwise_kind = self.compile(node.otherwise)
        fail = self._failing(node)

        def run(frame: Frame) -> Any:
            value = condition(frame)
            if value is True:
                return then(frame)
            if value is False:
                return otherwise(frame)
            return fail(Fault(f"a condition must be a bool, not {kind_of(value)}"))

        return Compiled(run, then_kind if then_kind == otherwise_kind else kinds.ANY)

    # Accesses

    def member(self, node: syntax.Member) -> Compiled:
        target, kind = self.compile(node.target)
        kinds.require_readable(kind)
        fail = self._failing(node)
        if isinstance(node.key, syntax.Literal) and isinstance(node.key.value, str) and not node.optional:
            return Compiled(_field(target, node.key.value, fail), kinds.ANY)
        key, optional = self.compile(node.key).run, node.optional
        shown = node.key.value if isinstance(node.key, syntax.Literal) else None

        def run(frame: Frame) -> Any:
            found = target(frame)
            if optional and found is None:
                raise _Skip
            wanted = key(frame)
            try:
                return fetch(found, wanted)
            except Fault as fault:
                # A computed key comes out of the data and is not shown.
                hidden = shown is None and type(wanted) is str
                fail(Fault(f"cannot read a field of {kind_of(found)}") if hidden else fault)

        return Compiled(run, kinds.ANY)

    def chain(self, node: syntax.Chain) -> Compiled:
        inner, _ = self.compile(node.inner)

        def run(frame: Frame) -> Any:
            try:
                return inner(frame)
            except _Skip:
                return None

        return Compiled(run, kinds.ANY)

    def slice(self, node: syntax.Slice) -> Compiled:
        target, kind = self.compile(node.target)
        kind = kinds.slice_kind(kind)
        start = None if node.start is None else self.compile(node.start).run
        stop = None if node.stop is None else self.compile(node.stop).run
        fail = self._failing(node)

        def run(frame: Frame) -> Any:
            try:
                found = target(frame)
                return slice_of(frame, found, start and start(frame), stop and stop(frame))
            except Fault as fault:
                fail(fault)

        return Compiled(run, kind)

    # Calls

    def call(self, node: syntax.Call) -> Compiled:
        if node.name in CLOSURE_FUNCTIONS:
            return self._closure_call(node)
        function = FUNCTIONS.get(node.name)
        if function is None:
            raise self._error(node, f"unknown function {node.name[:64]}")
        if not function.least <= len(node.arguments) <= function.most:
            raise self._error(node, _arity(node.name, function.least, function.most, len(node.arguments)))
        arguments = [self.compile(argument).run for argument in node.arguments]
        return Compiled(call_run(function.call, arguments, self._failing(node)), function.gives)

    def _closure_call(self, node: syntax.Call) -> Compiled:
        function = CLOSURE_FUNCTIONS[node.name]
        if not 2 <= len(node.arguments) <= 2 + function.more:
            raise self._error(node, _arity(node.name, 2, 2 + function.more, len(node.arguments)))
        array, kind = self.compile(node.arguments[0])
        kinds.require(kind, frozenset(["array", "nil"]), node.name)
        closure = node.arguments[1]
        assert isinstance(closure, syntax.Closure)
        slots = self._slot(), self._slot(), self._slot() if node.name == "reduce" else -1
        before = self._nodes
        self._loops.append(Loop(lambda _: None, *slots, cost=0))
        body = self.compile(closure.body).run
        self._loops.pop()
        loop = Loop(body, *slots, cost=self._nodes - before + 1)
        more = [self.compile(argument).run for argument in node.arguments[2:]]
        go = function.run

        def call(frame: Frame, values: Any, *rest: Any) -> Any:
            return go(frame, loop, values, *rest)

        return Compiled(call_run(call, [array, *more], self._failing(node)), function.gives)

    def method_call(self, node: syntax.MethodCall) -> Compiled:
        if node.name not in METHODS:
            raise self._error(node, f"unknown method {node.name[:64]}")
        if node.arguments:
            raise self._error(node, _arity(node.name, 0, 0, len(node.arguments)))
        name = node.name
        target = self.compile(node.target).run
        run = call_run(lambda _, value: call_method(value, name), [target], self._failing(node))
        return Compiled(run, kinds.ANY)

    def closure(self, node: syntax.Closure) -> Compiled:
        raise self._error(node, "a closure stands in the second place of filter, map and their like only")

    # Variables

    def let(self, node: syntax.Let) -> Compiled:
        known = node.name in self._context or node.name in self._lets
        if known or node.name in FUNCTIONS or node.name in CLOSURE_FUNCTIONS:
            raise self._error(node, f"{node.name[:64]} is known already")
        value, kind = self.compile(node.value)
        slot = self._slot()
        self._lets[node.name] = slot, kind
        body, body_kind = self.compile(node.body)
        del self._lets[node.name]

        def run(frame: Frame) -> Any:
            frame.slots[slot] = value(frame)
            return body(frame)

        return Compiled(run, body_kind)

    def sequence(self, node: syntax.Sequence) -> Compiled:
        compiled = [self.compile(item) for item in node.items]
        runs = [run for run, _ in compiled]

        def run(frame: Frame) -> Any:
            result = None
            for step in runs:
                result = step(frame)
            return result

        return Compiled(run, compiled[-1].kind)


def _field(target: Run, name: str, fail: Callable[[Fault], NoReturn]) -> Run:
    """``x.name``: the access there is most of."""

    def run(frame: Frame) -> Any:
        found = target(frame)
        if type(found) is dict:
            value = found.get(name)
            return Decimal(value) if type(value) is int else value
        try:
            if type(found) in MAPS:
                return found.get(name)
            raise Fault(f"cannot read field {name[:64]} of {kind_of(found)}")
        except Fault as fault:
            fail(fault)

    return run


def _arity(name: str, least: int, most: int, given: int) -> str:
    wanted = str(least) if least == most else f"{least} to {most}"
    return f"{name} takes {wanted} argument{'' if wanted == '1' else 's'}, not {given}"


_COMPILE: dict[type, Callable[[Compiler, Any], Compiled]] = {
    syntax.Literal: Compiler.literal,
    syntax.Name: Compiler.name,
    syntax.Pointer: Compiler.pointer,
    syntax.ArrayLiteral: Compiler.array,
    syntax.MapLiteral: Compiler.map,
    syntax.Unary: Compiler.unary,
    syntax.Binary: Compiler.binary,
    syntax.Conditional: Compiler.conditional,
    syntax.Member: Compiler.member,
    syntax.Chain: Compiler.chain,
    syntax.Slice: Compiler.slice,
    syntax.Call: Compiler.call,
    syntax.MethodCall: Compiler.method_call,
    syntax.Closure: Compiler.closure,
    syntax.Let: Compiler.let,
    syntax.Sequence: Compiler.sequence,
}
