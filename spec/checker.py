"""The checker: what can be known of a text before it runs.

It resolves names, infers types and effects, and refuses: a name that is not defined, an argument called like a keyword,
an undeclared error, operands that cannot be compared or added, a read-only command with an effect, a declared key
access other than the inferred one, a reply outside the declared reply types, a rule that no input can reach. What must
not live here: running the text; whether an example holds is the model's to say (``redlark spec check`` asks it).

Theory of operation. A block is walked once for each profile, in reading order, with an environment of variables. A
variable has a type (a set of names, ``any`` where nothing is known), perhaps a known truth (an option that this profile
lacks is false), and remembers which key arguments it came from, which is how effects find their key.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeGuard

from attrs import define, evolve, field, frozen

from redlark.spec import language
from redlark.spec import syntax as s
from redlark.spec.derivation import exists
from redlark.spec.loader import NotationError
from redlark.spec.primitives import Type as Declared
from redlark.spec.primitives import primitives
from redlark.spec.profiles import PROFILES, Profile

ANY = frozenset({"any"})
NUMBER = frozenset({"int", "time", "float"})
REPLY_TYPES: dict[str, frozenset[str]] = {
    "bulk": frozenset({"text"}), "int": frozenset({"int", "time", "bool"}), "nil": frozenset({"absent"}),
    "nil-array": frozenset({"nil-array"}), "OK": frozenset({"status"}), "status": frozenset({"status"}),
    "double": frozenset({"as double"}), "set": frozenset({"as set", "set", "as status-set"}),
    "map": frozenset({"as map", "map"}), "pairs": frozenset({"as pairs"}), "push": frozenset({"as push"}),
    "array": frozenset({"list", "as unordered"}), "array-of": frozenset({"list", "as unordered"}),
    "verbatim": frozenset({"as verbatim"}), "bool": frozenset({"bool"}), "any": ANY,
}  # fmt: skip
ALWAYS = frozenset({"any", "error", "no-reply", "skip"})  # what any block may answer
ACCESS = {"RO": "is only read", "RM": "is only removed", "OW": "is overwritten unread", "RW": "is read and changed"}


@frozen
class Value:
    """What is known of an expression: its types, its truth if known, the arguments it comes from."""

    types: frozenset[str] = ANY
    of: frozenset[str] = ANY  # of its elements
    truth: bool | None = None
    keys: frozenset[str] = frozenset()  # arguments that it comes from
    stored: frozenset[str] = frozenset()  # arguments whose stored value it is


UNKNOWN = Value()


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


def check(text: s.Specification, profiles: Iterable[Profile] = PROFILES.values()) -> tuple[NotationError, ...]:
    """Everything that is wrong with a text, in the order of its files and lines; empty where nothing is."""
    findings = Findings()
    for profile in profiles:
        definitions = _Definitions(text, profile)
        for define_ in text.defines:
            if profile.holds(define_.guard):
                _Block(definitions, findings, None).define(define_)
        for command in text.commands:
            if exists(command, profile):
                _Block(definitions, findings, command).check()
    for key in findings.unreached.keys() - findings.reached:
        findings.messages[key[2], findings.unreached[key]] = None
    ordered = sorted(findings.messages, key=lambda m: (m[0].file, m[0].line, m[0].column))
    return tuple(NotationError(place, message) for place, message in ordered)


class _Definitions:
    """What a text defines in one profile."""

    def __init__(self, text: s.Specification, profile: Profile) -> None:
        def held(items: Iterable[Any]) -> dict[str, Any]:
            return {item.name: item for item in items if profile.holds(getattr(item, "guard", None))}

        self.text, self.profile = text, profile
        self.errors, self.types = held(text.errors), held(text.types)
        self.defines, self.fragments = held(text.defines), held(text.fragments)
        self.commands = {c.name: c for c in text.commands if exists(c, profile)}
        self.fields = {state.name: {f[0] for f in state.fields} | {"selected"} for state in text.states}


class _Block:
    """The walk over one block in one profile."""

    def __init__(self, definitions: _Definitions, findings: Findings, command: s.Command | None) -> None:
        self.d, self.findings, self.command = definitions, findings, command
        self.names: dict[str, Value] = {}
        self.words: dict[str, bool | None] = {}
        self.effects: list[Effect] = []
        self.replies: list[tuple[s.Node, Value]] = []
        self.loops = 0
        self.dead = False  # the steps that follow cannot be reached
        self.family = False  # inside `means`: rules of the meant command that this one has no use for are no mistake
        self.written: frozenset[str] = frozenset()  # keys written already: what is read there is the block's own
        self.presence = False  # inside a test of presence: the value itself is not looked at

    # ---- a whole command -------------------------------------------------------------------------------------

    def check(self) -> None:
        assert self.command is not None
        self._declare(self.command.syntax, given=True)
        rest = [x for x in self.command.steps if not isinstance(x, s.On)]
        for step in self.command.steps:
            if isinstance(step, s.On) and self.d.profile.holds(getattr(step, "guard", None)):
                if step.argument in self.names or step.argument in self.words:
                    self.steps(step.steps)
                    self.dead = False
                else:
                    self._unknown(step, step.argument)
        self.steps(rest)
        for means in self.command.means:
            if self.d.profile.holds(means.guard):
                self._means(means)
        self._check_effects()
        self._check_replies()

    def define(self, definition: s.Define) -> None:
        """Checks a definition's expression, its parameters unknown."""
        for parameter in definition.parameters:
            self.names[parameter] = UNKNOWN
            self.words[parameter] = None
        self.value(definition.value)

    def _declare(self, parts: Sequence[s.Part], *, given: bool, required: bool = True) -> None:
        for part in parts:
            if isinstance(part, s.Argument):
                self._declare_argument(part, required)
            elif isinstance(part, s.Token):
                self.words[part.word] = None if given else False
            elif isinstance(part, s.Choice):
                self.names[part.name] = Value(frozenset({"text"}))
            elif isinstance(part, s.Pairs):
                self._declare(part.parts, given=given, required=required)
            else:
                for alternative in part.alternatives:
                    held = given and self.d.profile.holds(part.guard) and self.d.profile.holds(alternative.guard)
                    self._declare(alternative.parts, given=held, required=False)

    def _declare_argument(self, part: s.Argument, required: bool) -> None:
        if part.name in language.KEYWORDS:
            self.findings.add(part, f"{part.name!r} is a word of the notation; call the argument something else")
        known = [t.name for t in self.d.text.types]
        if part.type not in language.RAW_TYPES and part.type not in known:
            self._unknown(part, part.type, "type", known)
        types = frozenset({"text"}) if part.type in language.RAW_TYPES or part.late else ANY
        keys = frozenset({part.name})
        if part.repeat is None:
            self.names[part.name] = Value(types if required else types | {"absent"}, keys=keys)
        else:
            self.names[part.name] = Value(frozenset({"list"}), of=types, keys=keys)

    def _unknown(self, node: Any, name: str, what: str = "name", among: Iterable[str] = ()) -> Value:
        known = [*among, *self.names, *self.words, *language.STATE, *language.CONSTANTS]
        near = difflib.get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else "; bind it with let, or name it in the syntax line"
        self.findings.add(node, f"{what} {name!r} is not defined{hint}")
        return UNKNOWN

    # ---- steps -----------------------------------------------------------------------------------------------

    def steps(self, steps: Iterable[s.Step]) -> None:
        for step in steps:
            if self.d.profile.holds(getattr(step, "guard", None)):
                getattr(self, f"_{type(step).__name__.lower()}")(step)

    def _let(self, node: s.Let) -> None:
        # a name for a stored value reads nothing yet: where the name is used, it does
        root = _root(node.value)
        value = self._test_of_presence(node.value) if root is not None and root[0] == "db" else self.value(node.value)
        for name in node.names:
            self._name_is_free(node, name)
            self.names[name] = value if len(node.names) == 1 else Value(value.of, keys=value.keys)

    def _name_is_free(self, node: s.Node, name: str) -> None:
        if name in language.KEYWORDS or name in language.STATE:
            self.findings.add(node, f"{name!r} is a word of the notation; choose another name")

    def _need(self, node: s.Need) -> None:
        if node.error is not None:
            self.value(node.error)
        if node.value is None:
            if node.name not in self.names:
                self._unknown(node, node.name, "argument")
            elif self.command is not None:
                self.names[node.name] = evolve(self.names[node.name], types=ANY)
            return
        if isinstance(node.value, s.At):
            if node.value.type not in language.TYPES:
                self._unknown(node.value, node.value.type, "type", language.TYPES)
            key = self.value(node.value.key)
            types = {"string": "text", "list": "list", "set": "set"}.get(node.value.type, "map")
            self.names[node.name] = Value(frozenset({types, "absent"}), keys=key.keys, stored=key.keys)
            return
        if node.error is None:
            self.findings.add(node, f"say what happens where it fails: need {node.name} = ... else error ...")
        value = self.value(node.value)
        self.names[node.name] = evolve(value, types=value.types - {"absent"} or ANY)

    def _use(self, node: s.Use) -> None:
        fragment = self.d.fragments.get(node.fragment)
        if fragment is None:
            self._unknown(node, node.fragment, "fragment", self.d.fragments)
            return
        if node.when is not None and self.value(node.when).truth is False:
            return
        names, words = dict(self.names), dict(self.words)
        for parameter, argument in zip(fragment.parameters, node.arguments, strict=False):
            value = self.value(argument)
            self.names[parameter], self.words[parameter] = value, value.truth
        if len(fragment.parameters) != len(node.arguments):
            self.findings.add(node, f"fragment {node.fragment} takes {len(fragment.parameters)} arguments")
        ended, self.dead = self.dead, False
        self.steps(fragment.steps)
        self.dead = ended or (self.dead and node.when is None)
        for parameter in fragment.parameters:
            del self.names[parameter], self.words[parameter]
            if parameter in names:
                self.names[parameter] = names[parameter]
            if parameter in words:
                self.words[parameter] = words[parameter]

    def _rule(self, node: s.Rule) -> None:
        owner = self.command.name if self.command is not None else "?"
        key = (owner, node.name, node.place)
        truth = True if node.when is None else self.value(node.when).truth
        if self.family and (self.dead or truth is False):
            return
        if self.dead or truth is False:
            why = "the steps before it always end the block" if self.dead else "its condition is never true"
            self.findings.unreached.setdefault(key, f"no request can reach rule {owner}/{node.name}: {why}")
            return
        self.findings.reached.add(key)
        before = dict(self.names)
        self.steps(node.steps)
        ends = node.reply is not None
        if node.reply is not None:
            self._reply(node.reply)
        else:
            ends = self.dead
        self.names = {**self.names, **before} if ends and node.when is not None else self.names
        self.dead = ends and truth is True

    def _reply(self, reply: s.Reply) -> None:
        if isinstance(reply, s.Fail):
            self.value(reply.error)
        elif isinstance(reply, s.Park):
            self.value(reply.keys)
            self.value(reply.until)
            self.replies.append((reply, self.value(reply.reply)))
        elif self.loops:
            self.value(reply)
        else:
            self.replies.append((reply, self.value(reply)))

    def _each(self, node: s.Each) -> None:
        domains = [self.value(domain) for domain in node.domains]
        before = dict(self.names)
        for index, name in enumerate(node.variables):
            self._name_is_free(node, name)
            domain = domains[min(index, len(domains) - 1)]
            self.names[name] = Value(domain.of if len(domains) == len(node.variables) else ANY, keys=domain.keys)
        self.loops += 1
        ended, self.dead = self.dead, False
        self.steps(node.steps)
        if node.reply is not None and not self.dead:
            self._reply(node.reply)
        self.dead = ended
        self.loops -= 1
        self.names = before
        if node.giving is not None:
            self.names[node.giving] = Value(frozenset({"list"}))

    def _choose(self, node: s.Choose) -> None:
        domain = self.value(node.domain)
        self.names[node.name] = Value(domain.of, keys=domain.keys)

    def _effect(self, kind: str, keys: frozenset[str], node: s.Node) -> None:
        if kind == "value-write":
            self.written |= keys
        self.effects.append(Effect(kind, keys, node.place))

    def _when(self, node: Any) -> bool:
        return node.when is None or self.value(node.when).truth is not False

    def _assign(self, node: s.Assign) -> None:
        if self._when(node):
            self.value(node.value)
            self._write(node.target, node, "write")

    def _delete(self, node: s.Delete) -> None:
        if self._when(node):
            self._write(node.target, node, "delete")

    def _write(self, target: s.Expression, node: s.Node, how: str) -> None:
        root = _root(target)
        if root is not None:
            part, key = root
            keys = self.value(key).keys
            kind = {"db": "value-write", "ttl": "ttl-write", "encoding": "encoding-write"}[part]
            self._effect("delete" if how == "delete" and part == "db" else kind, keys, node)
        elif isinstance(target, s.Index):
            if isinstance(target.base, s.Name) and target.base.name == "config":
                return
            self.value(target.key)
            before = _root(target.base)
            if before is not None:
                self._effect("value-read", self.value(before[1]).keys, node)
            self._write(target.base, node, "write")
        elif isinstance(target, s.Field):
            self.value(target)
        else:
            self.findings.add(target, "not a place: write db[key], ttl[key], session.field or server.field")

    def _event(self, node: s.Event) -> None:
        if self._when(node):
            self.value(node.event)
            self.value(node.key)

    def _propagate(self, node: s.Propagate) -> None:
        if self._when(node) and node.items is not None:
            for item in node.items:
                self.value(item.item if isinstance(item, s.Spread) else item)

    def _push(self, node: s.Push) -> None:
        if self._when(node):
            self.value(node.value)

    def _perform(self, node: s.Perform) -> None:
        if self._when(node):
            self.value(node.call)
            if node.call.function in ("flush", "swap"):
                self._effect("other-write", frozenset(), node)

    def _on(self, node: s.On) -> None:
        self.findings.add(node, "`on` belongs at the top of a block")

    def _means(self, means: s.Means) -> None:
        target = self.d.commands.get(means.command)
        if target is None:
            self._unknown(means, means.command, "command", self.d.commands)
            return
        names = {name: self.value(value) for name, value in means.bindings}
        own_names, own_words = dict(self.names), dict(self.words)
        self._declare(target.syntax, given=False)
        for name in set(self.names) - set(own_names):
            self.names[name] = Value(frozenset({"absent"}), truth=False)
        self.names.update({**own_names, **names})
        self.words.update({word: known for word, known in own_words.items() if known is None})
        self.words.update(dict.fromkeys(means.words, True))
        replies, self.replies, self.family = self.replies, [], True
        self.steps(x for x in target.steps if not isinstance(x, s.On))
        self.replies = replies if means.replying else [*replies, *self.replies]
        for new, old, _ in means.replying:
            self.value(new)
            self.value(old)

    # ---- what the facts declare ------------------------------------------------------------------------------

    def _facts(self, kind: str) -> list[s.Fact]:
        assert self.command is not None
        return [f for f in self.command.facts if f.kind == kind and self.d.profile.holds(f.guard)]

    def _check_effects(self) -> None:
        command = self.command
        assert command is not None
        writes = [e for e in self.effects if e.kind.endswith("write") or e.kind == "delete"]
        flags = {flag for fact in self._facts("flags") for flag in fact.values}
        if "readonly" in flags and writes:
            where = writes[0].place
            self.findings.add(command, f"{command.name} is declared readonly, but line {where.line} has an effect")
        if "write" in flags and not writes and not command.means:
            self.findings.add(command, f"{command.name} is declared write, but no step changes the database")
        for fact in self._facts("touches"):
            argument, declared = str(fact.values[0]), str(fact.values[1])
            own = {e.kind for e in self.effects if argument in e.keys}
            inferred = _access(own)
            if argument not in self.names:
                self._unknown(fact, argument, "argument")
            elif "as-told" in fact.values and inferred == declared:
                self.findings.add(fact, f"{argument} is what the steps say as well: leave out as-told")
            elif inferred is not None and declared != inferred and not {"incomplete", "as-told"} & set(fact.values):
                self.findings.add(
                    fact,
                    f"{argument} is declared {declared} ({ACCESS[declared]}); the steps say {inferred}"
                    f" ({ACCESS[inferred]}); where servers do tell it so, add as-told",
                )

    def _check_replies(self) -> None:
        declared: set[str] = set()
        for fact in self._facts("returns"):
            declared |= {t.name for t in fact.values if isinstance(t, s.ReplyType)}
        if not declared or "any" in declared:
            return
        allowed = frozenset().union(*(REPLY_TYPES.get(name, ANY) for name in declared))
        for node, value in self.replies:
            outside = value.types - allowed - ALWAYS
            if value.types != {"absent"}:  # what is absent here, rules before may have answered: that is not followed
                outside -= {"absent"}
            if outside and "any" not in allowed:
                shown = ", ".join(sorted(declared))
                replied = ", ".join(sorted(outside))
                self.findings.add(node, f"this replies {replied}; {self._name()} declares returns {shown}")

    def _name(self) -> str:
        return self.command.name if self.command is not None else "it"

    # ---- expressions -----------------------------------------------------------------------------------------

    def value(self, node: s.Expression) -> Value:
        """What is known of an expression; notes what it reads and what is wrong with it."""
        return _EXPRESSIONS[type(node)](self, node)

    def _name_value(self, node: s.Name) -> Value:
        name = node.name
        if name in self.names:
            value = self.names[name]
            if value.stored and not self.presence:
                self._effect("value-read", value.stored, node)
            return value
        if name in language.CONSTANTS:
            kind = {"nil": "absent", "none": "absent", "max-time": "int"}.get(name, name)
            return Value(frozenset({kind}), truth=False if kind == "absent" else None)
        if name in language.STATE:
            types = {"now": "time", "selected": "int", "command": "text", "request": "list", "in-exec": "bool",
                     "databases": "int", "client": "int", "token": "text"}  # fmt: skip
            return Value(frozenset({types.get(name, "any")}))
        definition = self.d.defines.get(name)
        if definition is not None and not definition.parameters:
            return UNKNOWN
        return self._unknown(node, name, "name", self.d.defines)

    def _word_value(self, node: s.Word) -> Value:
        if node.word in self.words:
            return Value(frozenset({"bool"}), truth=self.words[node.word])
        if node.word in language.WORDS:
            return Value(frozenset({"status" if node.word == "OK" else "bool"}), truth=node.word != "FALSE")
        return self._unknown(node, node.word, "option")

    def _field_value(self, node: s.Field) -> Value:
        if isinstance(node.base, s.Name) and node.base.name in ("session", "server"):
            fields = self.d.fields.get(node.base.name)
            if fields is not None and node.name not in fields:
                self._unknown(node, node.name, f"{node.base.name} field", fields)
            return UNKNOWN
        self.value(node.base)
        return UNKNOWN

    def _index_value(self, node: s.Index) -> Value:
        root = _root(node)
        if root is not None:
            part, key = root
            keys = self.value(key).keys
            if part == "db":
                if not self.presence and not (keys and keys <= self.written):
                    self._effect("value-read", keys, node)
                return Value(ANY, keys=keys, stored=keys)
            self._effect("ttl-read", keys, node)
            return Value(frozenset({"time", "absent"}) if part == "ttl" else frozenset({"text", "absent"}), keys=keys)
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

    def _test_of_presence(self, item: s.Expression) -> Value:
        before, self.presence = self.presence, True
        try:
            return self.value(item)
        finally:
            self.presence = before

    def _is_value(self, node: s.Is) -> Value:
        if node.type not in language.TYPES:
            self._unknown(node, node.type, "type", language.TYPES)
        self._test_of_presence(node.item)
        return Value(frozenset({"bool"}))

    def _given_value(self, node: s.Given) -> Value:
        item = self._test_of_presence(node.item)
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
            self._unknown(node, node.kind, "kind", language.KINDS)
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


def _root(node: s.Expression) -> tuple[str, s.Expression] | None:
    """``db[key]``, ``ttls[n][key]`` ...: the part of the state and the key."""
    if not isinstance(node, s.Index):
        return None
    base = node.base
    if isinstance(base, s.Name) and base.name in ("db", "ttl", "encoding"):
        return base.name, node.key
    if isinstance(base, s.Index) and isinstance(base.base, s.Name) and base.base.name in ("dbs", "ttls", "encodings"):
        return base.base.name[:-1], node.key
    return None


def _is_database(node: s.Expression) -> TypeGuard[s.Index]:
    """``dbs[n]``."""
    return isinstance(node, s.Index) and isinstance(node.base, s.Name) and node.base.name == "dbs"


def _access(kinds: set[str]) -> str | None:
    """The access that effects on a key amount to; None where the steps do not touch it by itself."""
    if not kinds:
        return None
    writes = {kind for kind in kinds if kind.endswith("write")}
    if not writes and "delete" not in kinds:
        return "RO"
    if not writes:
        return "RW" if "value-read" in kinds else "RM"
    return "OW" if "value-write" in writes and "value-read" not in kinds else "RW"


def _types_of(declared: Declared | None) -> frozenset[str]:
    if declared is None or declared.name == "any":
        return ANY
    types = frozenset({declared.name} | ({"time"} if declared.name == "int" else set()))
    return types | {"absent"} if declared.optional else types


def _shown(types: frozenset[str]) -> str:
    return " or ".join(sorted(types))


def _literal(name: str) -> Callable[[_Block, Any], Value]:
    return lambda block, node: Value(frozenset({name}))


def _run_value(block: _Block, node: s.Run) -> Value:
    block.value(node.request)
    return UNKNOWN


def _version_value(block: _Block, node: s.VersionConditional) -> Value:
    return block.value(node.yes if block.d.profile.holds(node.guard) else node.no)


def _at_value(block: _Block, node: s.At) -> Value:
    block.findings.add(node, f"'{node.type} at' can fail: write `need x = {node.type} at ...`")
    return UNKNOWN


def _range_value(block: _Block, node: s.Range) -> Value:
    for bound in (node.low, node.high):
        if bound is not None and "text" in block.value(bound).types:
            block.findings.add(bound, "a range has numbers as its bounds, this is text")
    return Value(ANY, of=frozenset({"int"}))


_EXPRESSIONS: dict[type, Callable[[_Block, Any], Value]] = {
    s.Name: _Block._name_value, s.Word: _Block._word_value, s.Int: _literal("int"), s.Float: _literal("float"),
    s.Text: _literal("text"), s.Call: _Block._call_value, s.Field: _Block._field_value, s.Index: _Block._index_value,
    s.At: _at_value, s.Run: _run_value, s.Conditional: _Block._conditional_value,
    s.VersionConditional: _version_value, s.Boolean: _Block._boolean_value, s.Not: _Block._not_value,
    s.Compare: _Block._compare_value, s.In: _Block._in_value, s.Is: _Block._is_value, s.Given: _Block._given_value,
    s.Quantified: _Block._quantified_value, s.Arithmetic: _Block._arithmetic_value, s.Range: _range_value,
    s.As: _Block._as_value, s.Array: _Block._array_value, s.Comprehension: _Block._comprehension_value,
    s.Mapping: _Block._mapping_value, s.Error: _Block._error_value,
}  # fmt: skip
