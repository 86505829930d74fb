"""Expressions as closures: each expression of the text is compiled once, when a profile is loaded.

Theory of operation. A compiled expression is a function of a *frame*, the list of a command's variables; slot 0
holds the :class:`~world.Run`. Names are resolved to slots here, so that running looks nothing up. What must not
live here: steps (``steps.py``) and argument parsing (``arguments.py``).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from immutables import Map

from redlark.reference import fields, values
from redlark.reference.certain import certain, literal_of
from redlark.reference.functions import FUNCTIONS, RUN_FUNCTIONS, DatabaseHandle, Numbers
from redlark.reference.scope import CONSTANTS, STATE, WORDS, Closure, Frame, Scope, refuse
from redlark.reference.values import ABSENT, ErrorReply, Kinded, Spoken, Uncertain
from redlark.reference.walks import bind, rows
from redlark.spec import syntax as s
from redlark.spec.inference import PARTS, PARTS_OF_ALL
from redlark.spec.primitives import primitives


def expression(node: s.Expression, scope: Scope) -> Closure:
    """Compiles an expression; raises NotationError where a name does not resolve."""
    return _COMPILERS[type(node)](node, scope)


# ---- atoms ---------------------------------------------------------------------------------------------------


def _constant(value: Any) -> Closure:
    return lambda v: value


def _name(node: s.Name, scope: Scope) -> Closure:
    name = node.name
    slot = scope.names.get(name)
    if slot is not None:
        return lambda v: v[slot]
    if name == "command":
        return _constant(scope.command.encode())
    if name in STATE:
        return STATE[name]
    if name in CONSTANTS:
        return _constant(CONSTANTS[name])
    if name in scope.text.defines and not scope.text.defines[name].parameters:
        return _define(name, (), scope)
    if name in scope.elsewhere:
        return _constant(None)
    raise refuse(node, f"{name!r} is not defined here; bind it with let, or name an argument of the syntax line")


def _word(node: s.Word, scope: Scope) -> Closure:
    slot = scope.words.get(node.word)
    if slot is not None:
        return lambda v: v[slot]
    if node.word in WORDS:
        return _constant(WORDS[node.word])
    if node.word in scope.elsewhere:
        return _constant(False)
    raise refuse(node, f"{node.word} is no option of the syntax line; for a text write it in quotes")


def _field(node: s.Field, scope: Scope) -> Closure:
    name = node.name
    if isinstance(node.base, s.Name) and node.base.name == "session" and "session" not in scope.names:
        return lambda v: v[0].session[name]
    if isinstance(node.base, s.Name) and node.base.name == "server":
        return lambda v: v[0].server[name]
    base = expression(node.base, scope)
    return lambda v: base(v)[name]


def _is_root(node: s.Expression, name: str) -> bool:
    return isinstance(node, s.Name) and node.name == name


def root_of(node: s.Expression, scope: Scope) -> tuple[str, Closure, Closure] | None:
    """``db[key]``, ``ttls[n][key]`` and the like: which part of the state, the database's number, the key."""
    if not isinstance(node, s.Index):
        return None
    base = node.base
    if isinstance(base, s.Name) and base.name in PARTS and base.name not in scope.names:
        return base.name, lambda v: v[0].selected, expression(node.key, scope)
    if isinstance(base, s.Index) and isinstance(base.base, s.Name) and base.base.name in PARTS_OF_ALL:
        return base.base.name[:-1], expression(base.key, scope), expression(node.key, scope)
    return None


def _index(node: s.Index, scope: Scope) -> Closure:
    root = root_of(node, scope)
    if root is not None:
        part, number, key = root
        if part == "db":
            if _is_root(node.base, "db"):
                return lambda v: v[0].value(v[0].selected, key(v))
            return lambda v: v[0].value(number(v), key(v))
        if part == "ttl":
            return lambda v: v[0].deadline(number(v), key(v))
        if part == "field-ttl":
            return lambda v: fields.deadlines_of(v[0], number(v), key(v))
        return lambda v: v[0].encoding(number(v), key(v))
    root = root_of(node.base, scope)
    if root is not None and root[0] == "field-ttl":
        _, number, key = root
        field = expression(node.key, scope)
        return lambda v: fields.deadline_of(v[0], number(v), key(v), field(v))
    if _is_root(node.base, "dbs"):
        position = expression(node.key, scope)
        return lambda v: DatabaseHandle(v[0], position(v))
    if _is_root(node.base, "sessions"):
        client = expression(node.key, scope)
        return lambda v: v[0].session_of(client(v))
    base, position = expression(node.base, scope), expression(node.key, scope)

    def at(v: Frame) -> Any:
        container, index = base(v), position(v)
        if isinstance(container, (Map, values.SortedSet)):
            return container.get(index)
        if container is None or not -len(container) <= index < len(container):
            return None
        return container[index : index + 1] if isinstance(container, bytes) else container[index]

    return at


# ---- operators -----------------------------------------------------------------------------------------------


def _conditional(node: s.Conditional, scope: Scope) -> Closure:
    test, yes, no = (expression(n, scope) for n in (node.test, node.yes, node.no))
    if (known := certain(node.test, scope)) is not None:
        return yes if known else no
    return lambda v: yes(v) if test(v) else no(v)


def _version_conditional(node: s.VersionConditional, scope: Scope) -> Closure:
    return expression(node.yes if scope.text.profile.holds(node.guard) else node.no, scope)


def _boolean(node: s.Boolean, scope: Scope) -> Closure:
    left, right = expression(node.left, scope), expression(node.right, scope)
    known = certain(node, scope)
    if known is not None:  # an option that this profile has not
        return _constant(known)
    if certain(node.left, scope) is not None:
        return right
    if certain(node.right, scope) is not None:
        return left
    if node.operator == "and":
        return lambda v: left(v) and right(v)
    return lambda v: left(v) or right(v)


def _not(node: s.Not, scope: Scope) -> Closure:
    operand = expression(node.operand, scope)
    return lambda v: not operand(v)


_COMPARE = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _compare(node: s.Compare, scope: Scope) -> Closure:
    left, right, symbol = expression(node.left, scope), expression(node.right, scope), node.operator
    plain = _COMPARE[symbol]
    literal = literal_of(node.right)
    if isinstance(literal, bytes | tuple):  # never uncertain
        return lambda v: plain(left(v), literal)
    if isinstance(node.right, s.Int):
        number = node.right.value

        def compare_number(v: Frame) -> bool:
            a = left(v)
            if type(a) is int:  # by far the most
                return bool(plain(a, number))
            return bool(v[0].compare(symbol, a, number) if isinstance(a, Uncertain) else plain(a, number))

        return compare_number

    def compare(v: Frame) -> bool:
        a, b = left(v), right(v)
        if type(a) is int and type(b) is int:
            return bool(plain(a, b))
        if isinstance(a, Uncertain) or isinstance(b, Uncertain):
            return bool(v[0].compare(symbol, a, b))
        return bool(plain(a, b))

    return compare


def _in(node: s.In, scope: Scope) -> Closure:
    item, negated = expression(node.item, scope), node.negated
    if isinstance(node.domain, s.Name) and node.domain.name == "db":
        if negated:
            return lambda v: v[0].entry(v[0].selected, item(v)) is None
        return lambda v: v[0].entry(v[0].selected, item(v)) is not None
    if isinstance(node.domain, s.Index) and _is_root(node.domain.base, "dbs"):
        number = expression(node.domain.key, scope)
        return lambda v: (v[0].entry(number(v), item(v)) is None) == negated
    if isinstance(node.domain, s.Range):
        low = expression(node.domain.low, scope)
        high = None if node.domain.high is None else expression(node.domain.high, scope)

        def within(v: Frame) -> bool:
            value, run = item(v), v[0]
            above = value is not None and _at_most(run, low(v), value)
            return (above and (high is None or _at_most(run, value, high(v)))) != negated

        return within
    domain = expression(node.domain, scope)
    return lambda v: (item(v) in domain(v)) != negated


def _at_most(run: Any, left: Any, right: Any) -> bool:
    if isinstance(left, Uncertain) or isinstance(right, Uncertain):
        return bool(run.compare("<=", left, right))
    return bool(left <= right)


def _is(node: s.Is, scope: Scope) -> Closure:
    item, negated, type_ = expression(node.item, scope), node.negated, node.type

    def test(v: Frame) -> bool:
        value = item(v)
        return (value is None or values.type_of(value) == type_) != negated

    return test


def _given(node: s.Given, scope: Scope) -> Closure:
    item = expression(node.item, scope)
    negated = node.negated

    def given(v: Frame) -> bool:
        value = item(v)
        return (value is not None and (type(value) is bytes or value not in ABSENT)) != negated

    return given


def _quantified(node: s.Quantified, scope: Scope) -> Closure:
    domain = expression(node.domain, scope)
    slot, body = _bound(scope, (node.variable,), lambda: expression(node.body, scope))
    if node.kind == "some":
        return lambda v: any(body(v) for _ in bind(v, slot[0], domain(v)))

    return lambda v: all(body(v) for _ in bind(v, slot[0], domain(v)))


def _bound(scope: Scope, names: tuple[str, ...], compile_body: Callable[[], Any]) -> tuple[list[int], Any]:
    """Compiles a body in which these names are variables of their own; then they mean again what they meant."""
    before = {name: scope.names.get(name) for name in names}
    slots = []
    for name in names:
        scope.names[name] = scope.fresh()
        slots.append(scope.names[name])
    body = compile_body()
    for name, slot in before.items():
        if slot is None:
            del scope.names[name]
        else:
            scope.names[name] = slot
    return slots, body


_ARITHMETIC = {
    "+": values.plus, "-": values.minus, "*": operator.mul, "div": values.divided, "mod": values.remainder,
    "\\": operator.sub,
}  # fmt: skip


def _arithmetic(node: s.Arithmetic, scope: Scope) -> Closure:
    left, right = expression(node.left, scope), expression(node.right, scope)
    if node.operator == "++":
        return lambda v: _joined(left(v), right(v))
    apply = _ARITHMETIC[node.operator]
    return lambda v: apply(left(v), right(v))


def _joined(left: Any, right: Any) -> Any:  # an absent one reads as empty: a command that appends makes its key
    if left is None:
        return right
    return left if right is None else left + right


def _range(node: s.Range, scope: Scope) -> Closure:
    low = expression(node.low, scope)
    if node.high is None:
        return lambda v: Numbers(low(v), None)
    high = expression(node.high, scope)
    return lambda v: Numbers(low(v), high(v))


def _as(node: s.As, scope: Scope) -> Closure:
    item, kind = expression(node.item, scope), node.kind
    if kind == "status":
        return lambda v: values.Status(item(v))
    if kind == "several":
        return lambda v: values.Several(tuple(item(v)))
    if kind == "seconds":
        return lambda v: values.divided(values.plus(item(v), 500), 1000)
    if kind == "flat":
        return lambda v: Spoken(Kinded("map", item(v)), 2)
    return lambda v: Kinded(kind, item(v))


def _array(node: s.Array, scope: Scope) -> Closure:
    if (literal := literal_of(node)) is not None:
        return _constant(literal)
    items = [expression(item, scope) for item in node.items]
    return lambda v: tuple([item(v) for item in items])


def _comprehension(node: s.Comprehension, scope: Scope) -> Closure:
    domains = [expression(domain, scope) for domain in node.domains]

    def inside() -> tuple[Closure, Closure | None]:
        when = None if node.when is None else expression(node.when, scope)
        return expression(node.body, scope), when

    slots, (body, when) = _bound(scope, node.variables, inside)

    def build(v: Frame) -> tuple[Any, ...]:
        result = []
        for row in rows(domains, len(slots), v):
            for slot, value in zip(slots, row, strict=True):
                v[slot] = value
            if when is None or when(v):
                result.append(body(v))
        return tuple(result)

    return build


def _mapping(node: s.Mapping, scope: Scope) -> Closure:
    pairs = [(expression(k, scope), expression(x, scope)) for k, x in node.pairs]
    return lambda v: Map({k(v): x(v) for k, x in pairs})


# ---- calls and errors ----------------------------------------------------------------------------------------


def _call(node: s.Call, scope: Scope) -> Closure:
    name = node.function
    arguments = tuple(expression(argument, scope) for argument in node.arguments)
    if name in scope.text.defines:
        expected = len(scope.text.defines[name].parameters)
        if expected != len(arguments):
            raise refuse(node, f"{name} takes {expected} arguments, here are {len(arguments)}")
        return _define(name, arguments, scope)
    function = FUNCTIONS.get(name)
    primitive = primitives().get(name)
    if function is None and primitive is not None:
        if len(primitive.signature.parameters) != len(arguments):
            raise refuse(node, f"{primitive.signature} does not take {len(arguments)} arguments")
        function = primitive.function
    if function is not None:
        return _apply(function, arguments)
    if name in RUN_FUNCTIONS:
        of_run = RUN_FUNCTIONS[name]
        if len(arguments) == 1:
            (one,) = arguments
            return lambda v: of_run(v[0], one(v))
        if len(arguments) == 2:
            first, second = arguments
            return lambda v: of_run(v[0], first(v), second(v))
        return lambda v: of_run(v[0], *[argument(v) for argument in arguments])
    raise refuse(node, f"no function {name!r}: neither defined in the text nor built in nor a primitive")


def _apply(function: Callable[..., Any], arguments: tuple[Closure, ...]) -> Closure:
    if len(arguments) == 1:
        (one,) = arguments
        return lambda v: function(one(v))
    if len(arguments) == 2:
        first, second = arguments
        return lambda v: function(first(v), second(v))
    return lambda v: function(*[argument(v) for argument in arguments])


def _define(name: str, arguments: tuple[Closure, ...], scope: Scope) -> Closure:
    text = scope.text
    if name not in text.compiled:
        definition = text.defines[name]
        text.compiled[name] = lambda v: text.compiled[name](v)  # a definition may be used before it stands
        inner = Scope(text, elsewhere=scope.elsewhere)
        for parameter in definition.parameters:
            slot = inner.slot(parameter)
            inner.words[parameter] = slot
        body = expression(definition.value, inner)
        room = [None] * (inner.size[0] - 1 - len(definition.parameters))  # for the names that it binds itself
        text.compiled[name] = (lambda v: body(v + room)) if room else body
    if (literal := literal_of(text.defines[name].value)) is not None:
        return _constant(literal)
    compiled = text.compiled
    if not arguments:
        return lambda v: compiled[name]([v[0]])
    if len(arguments) == 1:
        (one,) = arguments
        return lambda v: compiled[name]([v[0], one(v)])
    return lambda v: compiled[name]([v[0], *[argument(v) for argument in arguments]])


_BRACES = re.compile(r"\{([a-z][a-z0-9-]*)\}")


def error_text(node: s.Error, scope: Scope) -> Closure:
    """The text of an error, variables in braces filled in, as bytes."""
    if node.name is None:
        return _template(node.text or "", node, scope)
    definition = scope.text.errors.get(node.name)
    if definition is None:
        raise refuse(node, f"error {node.name} is not declared for {scope.text.profile.name}")
    if len(definition.parameters) != len(node.arguments):
        raise refuse(node, f"error {node.name} takes {len(definition.parameters)} arguments")
    inner = scope.inner()
    slots = [(inner.slot(p), expression(a, scope)) for p, a in zip(definition.parameters, node.arguments, strict=True)]
    template = _template(definition.text, definition, inner)

    def fill(v: Frame) -> bytes:
        for slot, value in [(slot, argument(v)) for slot, argument in slots]:
            v[slot] = value
        return bytes(template(v))

    return fill if slots else template


def _template(text: str, node: s.Node, scope: Scope) -> Closure:
    parts = _BRACES.split(text)
    if len(parts) == 1:
        return _constant(text.encode())
    pieces = [
        _name(s.Name(part, place=node.place), scope) if index % 2 else _constant(part.encode())
        for index, part in enumerate(parts)
    ]
    return lambda v: b"".join([_printed(piece(v)) for piece in pieces])


def _printed(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _error(node: s.Error, scope: Scope) -> Closure:
    text = error_text(node, scope)
    return lambda v: ErrorReply(text(v))


def _at(node: s.At, scope: Scope) -> Closure:
    raise refuse(node, f"'{node.type} at' can fail: write `need x = {node.type} at ...`")


def _run(node: s.Run, scope: Scope) -> Closure:
    request = expression(node.request, scope)
    dispatching = scope.command in ("dispatch", "called")
    return lambda v: v[0].model.execute(v[0], request(v), dispatching)


_COMPILERS: dict[type, Callable[[Any, Scope], Closure]] = {
    s.Name: _name,
    s.Word: _word,
    s.Int: lambda node, scope: _constant(node.value),
    s.Float: lambda node, scope: _constant(node.value),
    s.Text: lambda node, scope: _constant(node.value.encode()),
    s.Field: _field,
    s.Index: _index,
    s.At: _at,
    s.Run: _run,
    s.Conditional: _conditional,
    s.VersionConditional: _version_conditional,
    s.Boolean: _boolean,
    s.Not: _not,
    s.Compare: _compare,
    s.In: _in,
    s.Is: _is,
    s.Given: _given,
    s.Quantified: _quantified,
    s.Arithmetic: _arithmetic,
    s.Range: _range,
    s.As: _as,
    s.Array: _array,
    s.Comprehension: _comprehension,
    s.Mapping: _mapping,
    s.Call: _call,
    s.Error: _error,
}
