"""What is known of an expression before it runs: its types, its truth, where it comes from.

What must live here: the walk over expressions that the checker's walk over steps (``checker.py``) rests on, and what it
notes: mistakes, reads of stored values. Theory of operation: see the checker.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard

from attrs import define, field, frozen

from redlark.spec import language
from redlark.spec import syntax as s
from redlark.spec.derivation import exists
from redlark.spec.primitives import Type as Declared
from redlark.spec.primitives import primitives
from redlark.spec.profiles import Profile

ANY = frozenset({"any"})
NUMBER = frozenset({"int", "time", "float"})


@frozen
class Value:
    """What is known of an expression: its types, its truth if known, the arguments it comes from."""

    types: frozenset[str] = ANY
    of: frozenset[str] = ANY  # of its elements
    truth: bool | None = None
    keys: frozenset[str] = frozenset()  # arguments that it comes from
    stored: frozenset[str] = frozenset()  # arguments whose stored value it is


UNKNOWN = Value()
PARTS = frozenset({"db", "ttl", "encoding", "field-ttl"})
PARTS_OF_ALL = frozenset(part + "s" for part in PARTS)


@frozen
class Effect:
    """One way in which a block touches the state."""

    kind: str  # value-read, value-write, ttl-read, ttl-write, delete, other-write
    keys: frozenset[str]
    place: s.Place


@define
class Findings:
    """What the checker found, each message once, over all profiles."""

    messages: dict[tuple[s.Place, str], None] = field(factory=dict)
    reached: set[tuple[str, str, s.Place]] = field(factory=set)
    unreached: dict[tuple[str, str, s.Place], str] = field(factory=dict)

    def add(self, node: Any, message: str) -> None:
        """Notes a message at a node."""
        self.messages[node.place, message] = None


class Definitions:
    """What a text defines in one profile."""

    def __init__(self, text: s.Specification, profile: Profile) -> None:
        def held(items: Iterable[Any]) -> dict[str, Any]:
            return {item.name: item for item in items if profile.holds(getattr(item, "guard", None))}

        self.text, self.profile = text, profile
        self.errors, self.types = held(text.errors), held(text.types)
        self.defines, self.fragments = held(text.defines), held(text.fragments)
        self.commands = {c.name: c for c in text.commands if exists(c, profile)}
        self.fields: dict[str, set[str]] = {}
        for state in text.states:  # several files may add fields to one state
            self.fields.setdefault(state.name, {"selected"}).update(f[0] for f in state.fields)


class Inference:
    """The walk over one block's expressions in one profile, with its environment of variables."""

    def __init__(self, definitions: Definitions, findings: Findings, command: s.Command | None) -> None:
        self.d, self.findings, self.command = definitions, findings, command
        self.names: dict[str, Value] = {}
        self.words: dict[str, bool | None] = {}
        self.given: set[str] = set()  # names that fragments have bound for their user
        self.effects: list[Effect] = []
        self.replies: list[tuple[s.Node, Value]] = []
        self.loops = 0
        self.dead = False  # the steps that follow cannot be reached
        self.family = False  # inside `means`: rules of the meant command that this one has no use for are no mistake
        self.written: frozenset[str] = frozenset()  # keys written already: what is read there is the block's own
        self.presence = False  # inside a test of presence: the value itself is not looked at

    def unknown(self, node: Any, name: str, what: str = "name", among: Iterable[str] = ()) -> Value:
        """Notes that a name is not defined, with the nearest one that is."""
        known = [*among, *self.names, *self.words, *language.STATE, *language.CONSTANTS]
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "; bind it with let, or name it in the syntax line"
        self.findings.add(node, f"{what} {name!r} is not defined{hint}")
        return UNKNOWN

    def effect(self, kind: str, keys: frozenset[str], node: s.Node) -> None:
        """Notes a way in which the block touches the state."""
        if kind == "value-write":
            self.written |= keys
        self.effects.append(Effect(kind, keys, node.place))

    # ---- expressions -----------------------------------------------------------------------------------------

    def value(self, node: s.Expression) -> Value:
        """What is known of an expression; notes what it reads and what is wrong with it."""
        return _EXPRESSIONS[type(node)](self, node)

    def _name_value(self, node: s.Name) -> Value:
        name = node.name
        if name in self.names:
            value = self.names[name]
            if value.stored and not self.presence:
                self.effect("value-read", value.stored, node)
            return value
        if name in language.CONSTANTS:
            kind = {"nil": "absent", "none": "absent", "max-time": "int"}.get(name, name)
            return Value(frozenset({kind}), truth=False if kind == "absent" else None)
        if name in language.STATE:
            types = {"now": "time", "selected": "int", "command": "text", "request": "list", "in-exec": "bool",
                     "databases": "int", "client": "int", "token": "text"}  # fmt: skip
            if name in ("woken-by", "woken-with"):
                return Value(frozenset({"text" if name == "woken-by" else "any", "absent"}))
            return Value(frozenset({types.get(name, "any")}))
        definition = self.d.defines.get(name)
        if definition is not None and not definition.parameters:
            return UNKNOWN
        return self.unknown(node, name, "name", self.d.defines)

    def _word_value(self, node: s.Word) -> Value:
        if node.word in self.words:
            return Value(frozenset({"bool"}), truth=self.words[node.word])
        if node.word in language.WORDS:
            return Value(frozenset({"status" if node.word == "OK" else "bool"}), truth=node.word != "FALSE")
        return self.unknown(node, node.word, "option")

    def _field_value(self, node: s.Field) -> Value:
        if isinstance(node.base, s.Name) and node.base.name in ("session", "server"):
            fields = self.d.fields.get(node.base.name)
            if fields is not None and node.name not in fields:
                self.unknown(node, node.name, f"{node.base.name} field", fields)
            return UNKNOWN
        self.value(node.base)
        return UNKNOWN

    def _index_value(self, node: s.Index) -> Value:
        root = state_place(node)
        if root is not None:
            part, key = root
            keys = self.value(key).keys
            if part == "db":
                if not self.presence and not (keys and keys <= self.written):
                    self.effect("value-read", keys, node)
                return Value(ANY, keys=keys, stored=keys)
            self.effect("ttl-read", keys, node)
            types = {"ttl": {"time", "absent"}, "field-ttl": {"map", "absent"}}.get(part, {"text", "absent"})
            return Value(frozenset(types), keys=keys)
        base = self.value(node.base)
        self.value(node.key)
        return Value(base.of if "list" in base.types else ANY, keys=base.keys)

    def _conditional_value(self, node: s.Conditional) -> Value:
        truth = self.value(node.test).truth
        if truth is not None:
            return self.value(node.yes if truth else node.no)
        yes, no = self.value(node.yes), self.value(node.no)
        return Value(yes.types | no.types, yes.of | no.of, None, yes.keys | no.keys, yes.stored | no.stored)

    def _boolean_value(self, node: s.Boolean) -> Value:
        left = self.value(node.left)
        if left.truth is (node.operator == "or"):
            return left
        right = self.value(node.right)
        if left.truth is not None:
            return right
        return Value(frozenset({"bool"}), truth=right.truth if right.truth is (node.operator == "or") else None)

    def _not_value(self, node: s.Not) -> Value:
        truth = self.value(node.operand).truth
        return Value(frozenset({"bool"}), truth=None if truth is None else not truth)

    def _compare_value(self, node: s.Compare) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        a, b = left.types - {"absent"}, right.types - {"absent"}
        if a and b and "any" not in a | b and not (a & b or (a <= NUMBER and b <= NUMBER)):
            self.findings.add(node, f"{_shown(a)} and {_shown(b)} are never equal; convert one of them")
        return Value(frozenset({"bool"}))

    def _in_value(self, node: s.In) -> Value:
        if isinstance(node.domain, s.Name) and node.domain.name == "db":
            self.value(node.item)
        elif _is_database(node.domain):
            self.value(node.item)
            self.value(node.domain.key)
        else:
            self.value(node.item)
            self.value(node.domain)
        return Value(frozenset({"bool"}))

    def test_of_presence(self, item: s.Expression) -> Value:
        """What is known of an expression that is only asked whether it is there: its value is not looked at."""
        before, self.presence = self.presence, True
        try:
            return self.value(item)
        finally:
            self.presence = before

    def _is_value(self, node: s.Is) -> Value:
        if node.type not in language.TYPES:
            self.unknown(node, node.type, "type", language.TYPES)
        self.test_of_presence(node.item)
        return Value(frozenset({"bool"}))

    def _given_value(self, node: s.Given) -> Value:
        item = self.test_of_presence(node.item)
        truth = False if item.types == {"absent"} else None
        return Value(frozenset({"bool"}), truth=None if truth is None else truth != node.negated)

    def _quantified_value(self, node: s.Quantified) -> Value:
        domain = self.value(node.domain)
        before = dict(self.names)
        self.names[node.variable] = Value(domain.of, keys=domain.keys)
        self.value(node.body)
        self.names = before
        return Value(frozenset({"bool"}))

    def _arithmetic_value(self, node: s.Arithmetic) -> Value:
        left, right = self.value(node.left), self.value(node.right)
        keys = left.keys | right.keys
        for operand, value in ((node.left, left), (node.right, right)):
            wrong = value.types & {"text", "bool", "status"} if node.operator not in ("++", "\\") else frozenset()
            if wrong:
                self.findings.add(operand, f"'{node.operator}' takes numbers, this is {_shown(wrong)}")
        if node.operator in ("++", "\\"):
            return Value((left.types | right.types) - {"absent"} or ANY, left.of | right.of, keys=keys)
        times = [v for v in (left, right) if "time" in v.types]
        types = [frozenset({"int"}), frozenset({"time"}), frozenset({"int", "time"})][len(times)]
        return Value(ANY if "any" in left.types | right.types else types, keys=keys)

    def _as_value(self, node: s.As) -> Value:
        item = self.value(node.item)
        if node.kind not in language.KINDS:
            self.unknown(node, node.kind, "kind", language.KINDS)
        kind = {"status": "status", "seconds": "int"}.get(node.kind, f"as {node.kind}")
        return Value(frozenset({kind}), keys=item.keys)

    def _array_value(self, node: s.Array) -> Value:
        items = [self.value(item) for item in node.items]
        of = frozenset().union(*(i.types for i in items)) if items else ANY
        return Value(frozenset({"list"}), of, keys=frozenset().union(*(i.keys for i in items)))

    def _comprehension_value(self, node: s.Comprehension) -> Value:
        domains = [self.value(domain) for domain in node.domains]
        before = dict(self.names)
        for index, name in enumerate(node.variables):
            domain = domains[min(index, len(domains) - 1)]
            self.names[name] = Value(domain.of if len(domains) == len(node.variables) else ANY, keys=domain.keys)
        if node.when is not None:
            self.value(node.when)
        body = self.value(node.body)
        self.names = before
        return Value(frozenset({"list"}), body.types, keys=body.keys.union(*(d.keys for d in domains)))

    def _mapping_value(self, node: s.Mapping) -> Value:
        for key, item in node.pairs:
            self.value(key)
            self.value(item)
        return Value(frozenset({"map"}))

    def _call_value(self, node: s.Call) -> Value:
        arguments = [self.value(argument) for argument in node.arguments]
        keys = frozenset().union(*(a.keys for a in arguments)) if arguments else frozenset()
        name = node.function
        if name in self.d.defines:
            expected = len(self.d.defines[name].parameters)
            if expected != len(arguments):
                self.findings.add(node, f"{name} takes {expected} arguments, here are {len(arguments)}")
            return Value(keys=keys)
        if name in language.VARIADIC:
            types = frozenset().union(*(a.types for a in arguments)) if arguments else ANY
            return Value(types, keys=keys)
        signature = language.FUNCTIONS.get(name) or language.RUN_FUNCTIONS.get(name)
        if signature is None and name in primitives():
            signature = primitives()[name].signature
        if signature is None:
            known = [*language.FUNCTIONS, *language.RUN_FUNCTIONS, *language.VARIADIC, *primitives(), *self.d.defines]
            near = difflib.get_close_matches(name, known, 1)
            hint = f"; did you mean {near[0]!r}?" if near else "; define it, or add a primitive"
            self.findings.add(node, f"no function {name!r}{hint}")
            return Value(keys=keys)
        if len(signature.parameters) != len(arguments):
            self.findings.add(node, f"{signature} does not take {len(arguments)} arguments")
        for parameter, argument, operand in zip(signature.parameters, arguments, node.arguments, strict=False):
            wanted = _types_of(parameter)
            known_types = argument.types - {"absent"}
            if "any" not in wanted | known_types and known_types and not known_types & wanted:
                self.findings.add(operand, f"{signature}: this is {_shown(known_types)}, not {_shown(wanted)}")
        result = signature.result
        return Value(_types_of(result), _types_of(result.of) if result.of else ANY, keys=keys)

    def _error_value(self, node: s.Error) -> Value:
        for argument in node.arguments:
            self.value(argument)
        if node.name is not None and node.name not in self.d.errors:
            elsewhere = any(e.name == node.name for e in self.d.text.errors)
            hint = f" for {self.d.profile.name}; widen its guard" if elsewhere else "; declare it in an errors block"
            self.findings.add(node, f"error {node.name} is not declared{hint}")
        elif node.name is not None and len(self.d.errors[node.name].parameters) != len(node.arguments):
            self.findings.add(node, f"error {node.name} takes {len(self.d.errors[node.name].parameters)} arguments")
        return Value(frozenset({"error"}))


def state_place(node: s.Expression) -> tuple[str, s.Expression] | None:
    """``db[key]``, ``ttls[n][key]`` ...: the part of the state and the key."""
    if not isinstance(node, s.Index):
        return None
    base = node.base
    if isinstance(base, s.Name) and base.name in PARTS:
        return base.name, node.key
    if isinstance(base, s.Index) and isinstance(base.base, s.Name) and base.base.name in PARTS_OF_ALL:
        return base.base.name[:-1], node.key
    return None


def _is_database(node: s.Expression) -> TypeGuard[s.Index]:
    """``dbs[n]``."""
    return isinstance(node, s.Index) and isinstance(node.base, s.Name) and node.base.name == "dbs"


def _types_of(declared: Declared | None) -> frozenset[str]:
    if declared is None or declared.name == "any":
        return ANY
    types = frozenset({declared.name} | ({"time"} if declared.name == "int" else set()))
    return types | {"absent"} if declared.optional else types


def _shown(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def _literal(name: str) -> Callable[[Inference, Any], Value]:
    return lambda block, node: Value(frozenset({name}))


def _run_value(block: Inference, node: s.Run) -> Value:
    block.value(node.request)
    return UNKNOWN


def _version_value(block: Inference, node: s.VersionConditional) -> Value:
    return block.value(node.yes if block.d.profile.holds(node.guard) else node.no)


def _at_value(block: Inference, node: s.At) -> Value:
    block.findings.add(node, f"'{node.type} at' can fail: write `need x = {node.type} at ...`")
    return UNKNOWN


def _range_value(block: Inference, node: s.Range) -> Value:
    for bound in (node.low, node.high):
        if bound is not None and "text" in block.value(bound).types:
            block.findings.add(bound, "a range has numbers as its bounds, this is text")
    return Value(ANY, of=frozenset({"int"}))


_EXPRESSIONS: dict[type, Callable[[Inference, Any], Value]] = {
    s.Name: Inference._name_value, s.Word: Inference._word_value, s.Int: _literal("int"), s.Float: _literal("float"),
    s.Text: _literal("text"), s.Call: Inference._call_value, s.Field: Inference._field_value,
    s.Index: Inference._index_value,
    s.At: _at_value, s.Run: _run_value, s.Conditional: Inference._conditional_value,
    s.VersionConditional: _version_value, s.Boolean: Inference._boolean_value, s.Not: Inference._not_value,
    s.Compare: Inference._compare_value, s.In: Inference._in_value, s.Is: Inference._is_value,
    s.Given: Inference._given_value,
    s.Quantified: Inference._quantified_value, s.Arithmetic: Inference._arithmetic_value, s.Range: _range_value,
    s.As: Inference._as_value, s.Array: Inference._array_value, s.Comprehension: Inference._comprehension_value,
    s.Mapping: Inference._mapping_value, s.Error: Inference._error_value,
}  # fmt: skip
