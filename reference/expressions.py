"""Expressions as Python source: each expression of the text is compiled once, when a profile is loaded.

Theory of operation. A compiled expression is a function of a *frame*, the list of a command's variables ``v``; slot 0
holds the :class:`~world.Run`. Names are resolved to slots here, so that running looks nothing up. ``code`` gives the
source of an expression, of which its user makes part of its own; what loops, or fails, is a function that is called.
What must not live here: steps (``steps.py``) and argument parsing (``arguments.py``).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from immutables import Map

from redlark.reference import fields, values
from redlark.reference.certain import certain, literal_of
from redlark.reference.domains import Numbers
from redlark.reference.functions import FUNCTIONS, RUN_FUNCTIONS
from redlark.reference.scope import CONSTANTS, STATE, WORDS, Frame, Scope, refuse
from redlark.reference.source import Closure, Code, Object, Temporary, called, constant, joined, listed
from redlark.reference.values import Spoken, Uncertain
from redlark.reference.walks import bind, rows
from redlark.spec import syntax as s
from redlark.spec.inference import PARTS, PARTS_OF_ALL
from redlark.spec.primitives import primitives


def expression(node: s.Expression, scope: Scope) -> Closure:
    """Compiles an expression; raises NotationError where a name does not resolve."""
    return code(node, scope).closure()


def code(node: s.Expression, scope: Scope) -> Code:
    """An expression as source, to be put into what it is part of; raises NotationError like `expression`."""
    return _COMPILERS[type(node)](node, scope)


# ---- atoms ---------------------------------------------------------------------------------------------------


def _name(node: s.Name, scope: Scope) -> Code:
    name = node.name
    slot = scope.names.get(name)
    if slot is not None:
        return joined(f"v[{slot}]")
    if name == "command":
        return constant(scope.command.encode())
    if name in STATE:
        return joined(STATE[name])
    if name in CONSTANTS:
        return constant(CONSTANTS[name])
    if name in scope.text.defines and not scope.text.defines[name].parameters:
        return _define(name, (), scope)
    if name in scope.elsewhere:
        return constant(None)
    raise refuse(node, f"{name!r} is not defined here; bind it with let, or name an argument of the syntax line")


def _word(node: s.Word, scope: Scope) -> Code:
    slot = scope.words.get(node.word)
    if slot is not None:
        return joined(f"v[{slot}]")
    if node.word in WORDS:
        return constant(WORDS[node.word])
    if node.word in scope.elsewhere:
        return constant(False)
    raise refuse(node, f"{node.word} is no option of the syntax line; for a text write it in quotes")


def _field(node: s.Field, scope: Scope) -> Code:
    if isinstance(node.base, s.Name) and node.base.name == "session" and "session" not in scope.names:
        return joined(f"v[0].session[{node.name!r}]")
    if isinstance(node.base, s.Name) and node.base.name == "server":
        return joined(f"v[0].server[{node.name!r}]")
    return joined(code(node.base, scope), f"[{node.name!r}]")


def _is_root(node: s.Expression, name: str) -> bool:
    return isinstance(node, s.Name) and node.name == name


def root_of(node: s.Expression, scope: Scope) -> tuple[str, Code, Code] | None:
    """``db[key]``, ``ttls[n][key]`` and the like: which part of the state, the database's number, the key."""
    if not isinstance(node, s.Index):
        return None
    base = node.base
    if isinstance(base, s.Name) and base.name in PARTS and base.name not in scope.names:
        return base.name, joined("v[0].selected"), code(node.key, scope)
    if isinstance(base, s.Index) and isinstance(base.base, s.Name) and base.base.name in PARTS_OF_ALL:
        return base.base.name[:-1], code(base.key, scope), code(node.key, scope)
    return None


_READ = {"db": "v[0].value(", "ttl": "v[0].deadline(", "encoding": "v[0].encoding("}


def _index(node: s.Index, scope: Scope) -> Code:
    root = root_of(node, scope)
    if root is not None:
        part, number, key = root
        if part == "field-ttl":
            return joined(Object(fields.deadlines_of), "(v[0], ", number, ", ", key, ")")
        return joined(_READ[part], number, ", ", key, ")")
    root = root_of(node.base, scope)
    position = code(node.key, scope)
    if root is not None and root[0] == "field-ttl":
        return joined(Object(fields.deadline_of), "(v[0], ", root[1], ", ", root[2], ", ", position, ")")
    if _is_root(node.base, "dbs"):
        return joined("DatabaseHandle(v[0], ", position, ")")
    if _is_root(node.base, "sessions"):
        return joined("v[0].session_of(", position, ")")
    return joined(Object(_at_position), "(", code(node.base, scope), ", ", position, ")")


def _at_position(container: Any, index: Any) -> Any:
    if isinstance(container, (Map, values.SortedSet)):
        return container.get(index)
    if container is None or not -len(container) <= index < len(container):
        return None
    return container[index : index + 1] if isinstance(container, bytes) else container[index]


# ---- operators -----------------------------------------------------------------------------------------------


def _conditional(node: s.Conditional, scope: Scope) -> Code:
    test, yes, no = (code(n, scope) for n in (node.test, node.yes, node.no))
    if (known := certain(node.test, scope)) is not None:
        return yes if known else no
    return joined("(", yes, " if ", test, " else ", no, ")")


def _version_conditional(node: s.VersionConditional, scope: Scope) -> Code:
    return code(node.yes if scope.text.profile.holds(node.guard) else node.no, scope)


def _boolean(node: s.Boolean, scope: Scope) -> Code:
    left, right = code(node.left, scope), code(node.right, scope)
    known = certain(node, scope)
    if known is not None:  # an option that this profile has not
        return constant(known)
    if certain(node.left, scope) is not None:
        return right
    if certain(node.right, scope) is not None:
        return left
    return joined("(", left, f" {node.operator} ", right, ")")


def _not(node: s.Not, scope: Scope) -> Code:
    return joined("(not ", code(node.operand, scope), ")")


_COMPARE = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


def _compare(node: s.Compare, scope: Scope) -> Code:
    left, right, symbol = code(node.left, scope), code(node.right, scope), node.operator
    python = "==" if symbol == "=" else symbol
    if isinstance(literal_of(node.right), bytes | tuple):  # never uncertain
        return joined("(", left, f" {python} ", right, ")")
    compare = Object(_COMPARISONS[symbol])
    if isinstance(node.right, s.Int):
        one = Temporary()
        sure = ("(", one, f" {python} ", right, " if type(", one, " := ", left, ") is int else ")
        return joined(*sure, compare, "(v[0], ", one, ", ", right, "))")
    return joined(compare, "(v[0], ", left, ", ", right, ")")


def _comparison(symbol: str) -> Callable[[Any, Any, Any], bool]:
    plain = _COMPARE[symbol]

    def compare(run: Any, left: Any, right: Any) -> bool:
        if isinstance(left, Uncertain) or isinstance(right, Uncertain):
            return bool(run.compare(symbol, left, right))
        return bool(plain(left, right))

    return compare


_COMPARISONS = {symbol: _comparison(symbol) for symbol in _COMPARE}


def _in(node: s.In, scope: Scope) -> Code:
    item, negated = code(node.item, scope), node.negated
    present = " is None)" if negated else " is not None)"
    if isinstance(node.domain, s.Name) and node.domain.name == "db":
        return joined("(v[0].entry(v[0].selected, ", item, ")", present)
    if isinstance(node.domain, s.Index) and _is_root(node.domain.base, "dbs"):
        return joined("(v[0].entry(", code(node.domain.key, scope), ", ", item, ")", present)
    if isinstance(node.domain, s.Range):
        asked = item.closure()
        low = expression(node.domain.low, scope)
        high = None if node.domain.high is None else expression(node.domain.high, scope)

        def within(v: Frame) -> bool:
            value, run = asked(v), v[0]
            above = value is not None and _at_most(run, low(v), value)
            return (above and (high is None or _at_most(run, value, high(v)))) != negated

        return called(within)
    return joined("(", item, " not in " if negated else " in ", code(node.domain, scope), ")")


def _at_most(run: Any, left: Any, right: Any) -> bool:
    if isinstance(left, Uncertain) or isinstance(right, Uncertain):
        return bool(run.compare("<=", left, right))
    return bool(left <= right)


def _is(node: s.Is, scope: Scope) -> Code:
    item, negated, type_ = expression(node.item, scope), node.negated, node.type

    def test(v: Frame) -> bool:
        value = item(v)
        return (value is None or values.type_of(value) == type_) != negated

    return called(test)


def _given(node: s.Given, scope: Scope) -> Code:
    one, before, after = Temporary(), "(not " if node.negated else "", ")" if node.negated else ""
    there = (before + "((", one, " := ", code(node.item, scope), ") is not None")
    return joined(*there, " and (type(", one, ") is bytes or ", one, " not in ABSENT))" + after)


def _quantified(node: s.Quantified, scope: Scope) -> Code:
    domain = expression(node.domain, scope)
    slot, body = _bound(scope, (node.variable,), lambda: expression(node.body, scope))
    if node.kind == "some":
        return called(lambda v: any(body(v) for _ in bind(v, slot[0], domain(v))))
    return called(lambda v: all(body(v) for _ in bind(v, slot[0], domain(v))))


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


def _arithmetic(node: s.Arithmetic, scope: Scope) -> Code:
    apply = _joined if node.operator == "++" else _ARITHMETIC[node.operator]
    return joined(Object(apply), "(", code(node.left, scope), ", ", code(node.right, scope), ")")


def _joined(left: Any, right: Any) -> Any:  # an absent one reads as empty: a command that appends makes its key
    if left is None:
        return right
    return left if right is None else left + right


def _range(node: s.Range, scope: Scope) -> Code:
    high = constant(None) if node.high is None else code(node.high, scope)
    return joined(Object(Numbers), "(", code(node.low, scope), ", ", high, ")")


def _as(node: s.As, scope: Scope) -> Code:
    item, kind = code(node.item, scope), node.kind
    if kind == "status":
        return joined("Status(", item, ")")
    if kind == "several":
        return joined(Object(values.Several), "(tuple(", item, "))")
    if kind == "seconds":
        return joined(Object(_rounded_to_seconds), "(", item, ")")
    if kind == "flat":
        return joined(Object(Spoken), '(Kinded("map", ', item, "), 2)")
    return joined(f"Kinded({kind!r}, ", item, ")")


def _rounded_to_seconds(milliseconds: Any) -> Any:
    return values.divided(values.plus(milliseconds, 500), 1000)


def _array(node: s.Array, scope: Scope) -> Code:
    if (literal := literal_of(node)) is not None:
        return constant(literal)
    return joined(*listed([code(item, scope) for item in node.items], "(", ",)" if node.items else ")"))


def _comprehension(node: s.Comprehension, scope: Scope, *, first: bool = False) -> Code:
    """All elements, or the `first` alone: no key behind that is looked at, as who is told of expired ones would see."""
    domains = [expression(domain, scope) for domain in node.domains]

    def inside() -> tuple[Closure, Closure | None]:
        when = None if node.when is None else expression(node.when, scope)
        return expression(node.body, scope), when

    slots, (body, when) = _bound(scope, node.variables, inside)

    def build(v: Frame) -> Any:
        result = []
        for row in rows(domains, len(slots), v):
            for slot, value in zip(slots, row, strict=True):
                v[slot] = value
            if when is None or when(v):
                if first:
                    return body(v)
                result.append(body(v))
        return None if first else tuple(result)

    return called(build)


def _mapping(node: s.Mapping, scope: Scope) -> Code:
    pairs = [joined(code(k, scope), ": ", code(x, scope)) for k, x in node.pairs]
    return joined(Object(Map), *listed(pairs, "({", "})"))


# ---- calls and errors ----------------------------------------------------------------------------------------


def _call(node: s.Call, scope: Scope) -> Code:
    name = node.function
    if name == "first-of" and isinstance(node.arguments[0], s.Comprehension):
        return _comprehension(node.arguments[0], scope, first=True)
    arguments = tuple(code(argument, scope) for argument in node.arguments)
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
        return joined(Object(function), *listed(arguments, "(", ")"))
    if name in RUN_FUNCTIONS:
        return joined(Object(RUN_FUNCTIONS[name]), *listed([joined("v[0]"), *arguments], "(", ")"))
    raise refuse(node, f"no function {name!r}: neither defined in the text nor built in nor a primitive")


def _define(name: str, arguments: tuple[Code, ...], scope: Scope) -> Code:
    text = scope.text
    if (literal := literal_of(text.defines[name].value)) is not None:
        return constant(literal)
    if name not in text.compiled:
        definition = text.defines[name]
        text.compiled[name] = lambda v: text.compiled[name](v)  # a definition may be used before it stands
        inner = Scope(text, elsewhere=scope.elsewhere)
        for parameter in definition.parameters:
            slot = inner.slot(parameter)
            inner.words[parameter] = slot
        value = code(definition.value, inner)
        body = value.closure()
        room = [None] * (inner.size[0] - 1 - len(definition.parameters))  # for the names that it binds itself
        text.compiled[name] = (lambda v: body(v + room)) if room else body
        if not room and not definition.parameters:
            text.inlined[name] = value
    if name in text.inlined:
        return text.inlined[name]
    return joined(Object(text.compiled[name]), "(", *listed([joined("v[0]"), *arguments], "[", "]"), ")")


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
        return constant(text.encode()).closure()
    pieces = [
        (_name(s.Name(part, place=node.place), scope) if index % 2 else constant(part.encode())).closure()
        for index, part in enumerate(parts)
    ]
    return lambda v: b"".join([_printed(piece(v)) for piece in pieces])


def _printed(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _error(node: s.Error, scope: Scope) -> Code:
    return joined("ErrorReply(", called(error_text(node, scope)), ")")


def _at(node: s.At, scope: Scope) -> Code:
    raise refuse(node, f"'{node.type} at' can fail: write `need x = {node.type} at ...`")


def _run(node: s.Run, scope: Scope) -> Code:
    dispatching = scope.command in ("dispatch", "called")
    return joined("v[0].model.execute(v[0], ", code(node.request, scope), f", {dispatching})")


_COMPILERS: dict[type, Callable[[Any, Scope], Code]] = {
    s.Name: _name,
    s.Word: _word,
    s.Int: lambda node, scope: constant(node.value),
    s.Float: lambda node, scope: constant(node.value),
    s.Text: lambda node, scope: constant(node.value.encode()),
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
