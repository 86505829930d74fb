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

from collections.abc import Iterable, Sequence
from typing import Any

from attrs import evolve

from redlark.spec import language
from redlark.spec import syntax as s
from redlark.spec.choices import choices
from redlark.spec.derivation import exists
from redlark.spec.inference import ANY, UNKNOWN, Definitions, Findings, Inference, Value, state_place
from redlark.spec.loader import NotationError
from redlark.spec.profiles import PROFILES, Profile

REPLY_TYPES: dict[str, frozenset[str]] = {
    "bulk": frozenset({"text"}), "int": frozenset({"int", "time", "bool"}), "nil": frozenset({"absent"}),
    "nil-array": frozenset({"nil-array"}), "OK": frozenset({"status"}), "status": frozenset({"status"}),
    "double": frozenset({"as double"}), "set": frozenset({"as set", "set", "as status-set"}),
    "map": frozenset({"as map", "as pair-map", "as map-in-order", "map"}),
    "pairs": frozenset({"as pairs"}), "push": frozenset({"as push", "as several"}),
    "array": frozenset({"list", "as unordered"}), "array-of": frozenset({"list", "as unordered"}),
    "verbatim": frozenset({"as verbatim"}), "bool": frozenset({"bool"}), "any": ANY,
}  # fmt: skip
ALWAYS = frozenset({"any", "error", "no-reply", "skip", "stop"})  # what any block may answer
ACCESS = {"RO": "is only read", "RM": "is only removed", "OW": "is overwritten unread", "RW": "is read and changed"}


def check(text: s.Specification, profiles: Iterable[Profile] = PROFILES.values()) -> tuple[NotationError, ...]:
    """Everything that is wrong with a text, in the order of its files and lines; empty where nothing is."""
    findings = Findings()
    for profile in profiles:
        definitions = Definitions(text, profile)
        _repeated(text, profile, findings)
        for define_ in text.defines:
            if profile.holds(define_.guard):
                _Block(definitions, findings, None).define(define_)
        for command in text.commands:
            if exists(command, profile):
                _Block(definitions, findings, command).check()
                for choice in choices(command, definitions.fragments):
                    if choice.endless:
                        findings.add(choice.node, f"no reply shows {choice.node.name}; its domain has no end: bound it")
    for key in findings.unreached.keys() - findings.reached:
        findings.messages[key[2], findings.unreached[key]] = None
    ordered = sorted(findings.messages, key=lambda m: (m[0].file, m[0].line, m[0].column))
    return tuple(NotationError(place, message) for place, message in ordered)


def _repeated(text: s.Specification, profile: Profile, findings: Findings) -> None:
    """Notes what is defined twice in one profile: all files share their names, and the last one would hold."""
    kinds: dict[str, Iterable[Any]] = {
        "error": text.errors, "type": text.types, "definition": text.defines, "fragment": text.fragments,
    }  # fmt: skip
    for kind, items in kinds.items():
        seen: dict[str, Any] = {}
        for item in items:
            if profile.holds(getattr(item, "guard", None)):
                first = seen.setdefault(item.name, item)
                if first is not item:
                    findings.add(item, f"{kind} {item.name} is defined already at {first.place}; choose another name")


class _Block(Inference):
    """The walk over one block in one profile."""

    # ---- a whole command -------------------------------------------------------------------------------------

    def check(self) -> None:
        assert self.command is not None
        self._declare(self.command.syntax, given=True)
        rest = [x for x in self.command.steps if not isinstance(x, s.On)]
        for step in self.command.steps:
            if isinstance(step, s.On) and self.d.profile.holds(getattr(step, "guard", None)):
                if step.argument in self.names or step.argument in self.words or step.argument == "request":
                    self.steps(step.steps)
                    self.dead = False
                else:
                    self.unknown(step, step.argument)
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
                if part.many and part.label is not None:
                    self.names[part.label] = Value(frozenset({"list"}), of=frozenset({"map"}))
                for alternative in part.alternatives:
                    held = given and self.d.profile.holds(part.guard) and self.d.profile.holds(alternative.guard)
                    self._declare(alternative.parts, given=held, required=False)

    def _declare_argument(self, part: s.Argument, required: bool) -> None:
        if part.name in language.KEYWORDS - language.STEP_WORDS:
            self.findings.add(part, f"{part.name!r} is a word of the notation; call the argument something else")
        known = [t.name for t in self.d.text.types]
        if part.type not in language.RAW_TYPES and part.type not in known:
            self.unknown(part, part.type, "type", known)
        types = frozenset({"text"}) if part.type in language.RAW_TYPES or part.late else ANY
        keys = frozenset({part.name})
        if part.repeat is None:
            self.names[part.name] = Value(types if required else types | {"absent"}, keys=keys)
        else:
            self.names[part.name] = Value(frozenset({"list"}), of=types, keys=keys)

    # ---- steps -----------------------------------------------------------------------------------------------

    def steps(self, steps: Iterable[s.Step]) -> None:
        for step in steps:
            if self.d.profile.holds(getattr(step, "guard", None)):
                getattr(self, f"_{type(step).__name__.lower()}")(step)

    def _let(self, node: s.Let) -> None:
        # a name for a stored value reads nothing yet: where the name is used, it does
        root = state_place(node.value)
        value = self.test_of_presence(node.value) if root is not None and root[0] == "db" else self.value(node.value)
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
                self.unknown(node, node.name, "argument")
            elif self.command is not None:
                self.names[node.name] = evolve(self.names[node.name], types=ANY)
            return
        if isinstance(node.value, s.At):
            if node.value.type not in language.TYPES:
                self.unknown(node.value, node.value.type, "type", language.TYPES)
            key = self.value(node.value.key)
            types = {"string": "text", "list": "list", "set": "set", "zset": "zset"}.get(node.value.type, "map")
            self.names[node.name] = Value(frozenset({types, "absent"}), keys=key.keys, stored=key.keys)
            return
        if node.error is None:
            self.findings.add(node, f"say what happens where it fails: need {node.name} = ... else error ...")
        value = self.value(node.value)
        self.names[node.name] = evolve(value, types=value.types - {"absent"} or ANY)

    def _use(self, node: s.Use) -> None:
        fragment = self.d.fragments.get(node.fragment)
        if fragment is None:
            self.unknown(node, node.fragment, "fragment", self.d.fragments)
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
        for name in names.keys() - self.given:  # a fragment binds none of its user's own names
            self.names[name] = names[name]
        self.given |= self.names.keys() - names.keys()
        for parameter in fragment.parameters:
            if parameter not in names:
                del self.names[parameter]
            del self.words[parameter]
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
        if isinstance(reply, s.Declared):
            if not self._facts("semantics"):
                self.findings.add(reply, f'{self._name()} replies as declared: say why, semantics schema "..."')
        elif isinstance(reply, s.Fail):
            self.value(reply.error)
        elif isinstance(reply, s.Park):
            self.value(reply.keys.item if isinstance(reply.keys, s.As) else reply.keys)  # `as list`: what is waited for
            self.value(reply.until)
            if reply.kept is not None:
                self.value(reply.kept)
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
        root = state_place(target)
        if root is not None:
            part, key = root
            keys = self.value(key).keys
            kind = {"db": "value-write", "encoding": "encoding-write"}.get(part, "ttl-write")
            self.effect("delete" if how == "delete" and part == "db" else kind, keys, node)
        elif isinstance(target, s.Index):
            if isinstance(target.base, s.Name) and target.base.name == "config":
                return
            self.value(target.key)
            before = state_place(target.base)
            if before is not None and before[0] != "field-ttl":
                self.effect("value-read", self.value(before[1]).keys, node)
            self._write(target.base, node, "write")
        elif isinstance(target, s.Field) and isinstance(target.base, (s.Field, s.Index)) and not _is_session(target):
            before = state_place(target.base)
            if before is not None:
                self.effect("value-read", self.value(before[1]).keys, node)
            self._write(target.base, node, "write")
        elif isinstance(target, s.Field):
            self.value(target)
        else:
            self.findings.add(target, "not a place: write db[key], ttl[key], session.field or server.field")

    def _event(self, node: s.Event) -> None:
        if self._when(node):
            self.value(node.event)
            self.value(node.key)
            if node.database is not None:
                self.value(node.database)

    def _propagate(self, node: s.Propagate) -> None:
        if self._when(node) and node.items is not None:
            self.effect("propagated", frozenset(), node)
            for item in node.items:
                self.value(item.item if isinstance(item, s.Spread) else item)

    def _push(self, node: s.Push) -> None:
        if self._when(node):
            self.value(node.value)
            self.value(node.to)

    def _perform(self, node: s.Perform) -> None:
        if self._when(node):
            self.value(node.call)
            if node.call.function in ("flush", "swap"):
                self.effect("other-write", frozenset(), node)

    def _on(self, node: s.On) -> None:
        self.findings.add(node, "`on` belongs at the top of a block")

    def _means(self, means: s.Means) -> None:
        target = self.d.commands.get(means.command)
        if target is None:
            self.unknown(means, means.command, "command", self.d.commands)
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
        told = {
            str(fact.values[0]) for fact in self._facts("touches") if fact.values[1] == "RW"
        }  # PFCOUNT keeps a count
        changes = [e for e in writes if e.kind != "encoding-write"]  # how a value is kept is not what it is
        if "readonly" in flags and any(not effect.keys <= told for effect in changes):
            where = changes[0].place
            self.findings.add(command, f"{command.name} is declared readonly, but line {where.line} has an effect")
        explained = command.means or self._facts("container") or self._facts("semantics")
        kept = any(
            effect.kind == "propagated" for effect in self.effects
        )  # what replicas get too, libraries of functions
        if "write" in flags and not writes and not kept and not explained:
            self.findings.add(command, f"{command.name} is declared write, but no step changes the database")
        for fact in self._facts("touches"):
            if "not-key" in fact.values:
                continue
            argument, declared = str(fact.values[0]), str(fact.values[1])
            own = {e.kind for e in self.effects if argument in e.keys}
            inferred = _access(own if declared != "RO" else own - {"encoding-write"})
            if argument not in self.names:
                self.unknown(fact, argument, "argument")
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
            types = [t for t in fact.values if isinstance(t, s.ReplyType)]
            declared |= {t.name for t in types}
            for name in sorted(_names_of(types) - REPLY_TYPES.keys() - {"no-reply", "error", "either"}):
                self.unknown(fact, name, "reply type", REPLY_TYPES)
        for fact in self._facts("semantics"):
            if fact.values[0] != "schema":
                self.findings.add(fact, f"semantics {fact.values[0]}: write schema, or nothing where rules say it all")
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


def _is_session(target: s.Field) -> bool:
    """``sessions[c].field``."""
    base = target.base
    return isinstance(base, s.Index) and isinstance(base.base, s.Name) and base.base.name == "sessions"


def _names_of(types: Iterable[s.ReplyType]) -> set[str]:
    """The names of reply types, those inside them among them."""
    found = set()
    for one in types:
        found |= {one.name} | _names_of(one.of) | _names_of(field.type for field in one.fields)
    return found


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
