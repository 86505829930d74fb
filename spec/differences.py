"""What two profiles differ in, one by one: commands, options, facts, rules, errors, what commands share.

What must live here: the comparison of two resolved texts, and for each difference the text without it: the second
profile's, but for this one difference, which is as in the first. Whether a server shows it is not known here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, Literal, cast

from attrs import evolve, field, frozen, mutable

from redlark.spec import alignment, facts_told, printing
from redlark.spec import syntax as s
from redlark.spec.derivation import exists
from redlark.spec.profiles import Profile
from redlark.spec.profiles import profile as profile_named
from redlark.spec.references import Users
from redlark.spec.resolved import resolved_text

Kind = Literal[
    "command", "option", "syntax", "rule", "step", "reply", "refusal", "error", "type", "definition", "encoding",
    "state", "fact", "parameter",
]  # fmt: skip
Lines = tuple[str, ...]

SHARED = "(shared)"
CONFIGURATION = "(parameters)"
UNTOLD = frozenset({"DISPATCH", "DELIVERY", "CALLED", "NOTIFIED"})  # blocks that are no commands

# Definitions that the text gives to the model, and the commands that show them.
USED_BY_THE_MODEL = {
    **dict.fromkeys(("lua", "lua-says", "lua-constants"), ("EVAL", "EVAL_RO", "EVALSHA", "SCRIPT|LOAD")),
    **dict.fromkeys(("waits-anew", "own-pushes-follow"), ("BLPOP", "BRPOP", "BLMOVE", "BLMPOP", "SUBSCRIBE")),
    "moment-per-command": ("EXEC",),
    "gone-at-deadline": ("GET",),
}


@frozen
class Difference:
    """One thing that two profiles have differently: its text in each, empty where one lacks it.

    `subject` is the command that it is of, or what it is where commands share it; `users` are the commands by which it
    may be felt.
    """

    kind: Kind
    subject: str
    name: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    users: tuple[str, ...]
    group: str = "other"
    note: str = ""

    @property
    def id(self) -> str:
        """A name that no other difference of the same two profiles has."""
        return f"{self.kind} {self.subject} {self.name}".rstrip()

    @property
    def change(self) -> Literal["new", "gone", "changed"]:
        """Whether the second profile alone has it, the first alone, or both."""
        return "new" if not self.before else "gone" if not self.after else "changed"


@mutable
class Comparison:
    """Two profiles and what they differ in."""

    first: str
    second: str
    texts: tuple[s.Specification, s.Specification] = field(init=False)
    profiles: tuple[Profile, Profile] = field(init=False)

    @texts.default
    def _read(self) -> tuple[s.Specification, s.Specification]:
        return resolved_text(self.first), resolved_text(self.second)

    @profiles.default
    def _named(self) -> tuple[Profile, Profile]:
        return profile_named(self.first), profile_named(self.second)

    @cached_property
    def commands(self) -> tuple[dict[str, s.Command], dict[str, s.Command]]:
        """The commands of each profile by name."""
        first, second = (
            {c.name: c for c in text.commands if exists(c, profile)}
            for text, profile in zip(self.texts, self.profiles, strict=True)
        )
        return first, second

    @cached_property
    def differences(self) -> tuple[Difference, ...]:
        """All of them: of each command, by group and name, then of what commands share."""
        first, second = self.commands
        names = sorted(first.keys() | second.keys(), key=lambda name: (_group((second | first)[name]), name))
        found = [one for name in names for one in self._command(name)]
        shared = (one for one in self._shared() if not one.users or self._both_have(one.users))
        return (*found, *shared, *self._parameters())

    def _both_have(self, users: Iterable[str]) -> bool:
        """Whether any of these commands is in both: what others share is a part of them, as they come or go."""
        first, second = self.commands
        return any(user in first and user in second for user in users)

    # ---- commands ------------------------------------------------------------------------------------------------

    def _command(self, name: str) -> Iterator[Difference]:
        first, second = (commands.get(name) for commands in self.commands)
        if first is None or second is None:
            yield self._whole(name, first, second)
            return
        make = _Maker(name, _group(second), (name,))
        yield from self._options(make, first, second)
        yield from self._replies(make, first, second)
        for word in sorted({*_refusals(first), *_refusals(second)}):
            yield from make("refusal", word, [_refusals(block).get(word, ()) for block in (first, second)])
        yield from self._steps(make, first.steps, second.steps)
        means = [tuple(line for one in block.means for line in printing.means(one)) for block in (first, second)]
        yield from make("step", "means", means)
        if name not in UNTOLD:
            yield from self._facts(make, name)

    def _whole(self, name: str, first: s.Command | None, second: s.Command | None) -> Difference:
        block = first or second
        assert block is not None
        line = (f"{name.replace('|', ' ')} {printing.syntax_line(block.syntax)}".rstrip(),)
        return Difference("command", name, "", line if first else (), line if second else (), (name,), _group(block))

    def _options(self, make: _Maker, first: s.Command, second: s.Command) -> Iterator[Difference]:
        ours, theirs = (
            {name: (within, told) for within, name, told in options(block.syntax)} for block in (first, second)
        )
        found: list[Difference] = []
        for name, (within, _) in {**ours, **theirs}.items():
            if within and (within in ours) != (within in theirs):
                continue  # it came or went with what it stands in
            told = [each[name][1] if name in each else () for each in (ours, theirs)]
            found += make("option", name, told)
        if not found:
            lines = [(printing.syntax_line(block.syntax),) for block in (first, second)]
            found = list(make("syntax", "", lines))
        yield from found

    def _replies(self, make: _Maker, first: s.Command, second: s.Command) -> Iterator[Difference]:
        told = [(" | ".join(map(printing.reply_type, returns(block))),) for block in (first, second)]
        yield from make("reply", "", told)

    def _steps(self, make: _Maker, first: alignment.Steps, second: alignment.Steps) -> Iterator[Difference]:
        segments = alignment.aligned(first, second)
        rules = [dict(alignment.rules_of(steps)) for steps in (first, second)]
        for owner in alignment.owners(segments):
            if any(owner in named for named in rules):
                texts = [tuple(printing.step(named[owner])) if owner in named else () for named in rules]
                moved = texts[0] == texts[1]
                note = "the rule stands elsewhere: the order of what is checked differs" if moved else ""
                yield from make("rule", owner, texts, note=note, moved=moved)
            else:
                texts = [tuple(printing.steps(edit)) for edit in alignment.edits_of(segments, owner)]
                note = "it stands elsewhere: the order of what is done differs" if texts[0] == texts[1] else ""
                yield from make("step", owner, texts, note=note, moved=True)

    def _facts(self, make: _Maker, name: str) -> Iterator[Difference]:
        for fact, before, after in facts_told.compared(name.lower(), *self.profiles):
            yield from make("fact", fact, (before, after))

    # ---- what commands share -------------------------------------------------------------------------------------

    def _shared(self) -> Iterator[Difference]:
        users = tuple(Users(text, commands) for text, commands in zip(self.texts, self.commands, strict=True))

        def of(kind: str, name: str) -> tuple[str, ...]:
            return USED_BY_THE_MODEL.get(name) or tuple(sorted({one for each in users for one in each.of(kind, name)}))

        texts: list[tuple[Kind, str, Callable[[Any], Lines]]] = [
            ("error", "errors", lambda one: (printing.quoted(one.text),)),
            ("type", "types", lambda one: (printing.type_definition(one),)),
            ("definition", "defines", lambda one: (printing.definition(one),)),
        ]
        for kind, attribute, printed in texts:
            ours, theirs = ({one.name: one for one in getattr(text, attribute)} for text in self.texts)
            for name in {**ours, **theirs}:
                told = [printed(each[name]) if name in each else () for each in (ours, theirs)]
                yield from _Maker(SHARED, "shared", of(kind, name))(kind, name, told)
        yield from self._fragments(of)
        for table in sorted({one.type for text in self.texts for one in text.encodings}):
            told = [
                tuple(line for one in text.encodings if one.type == table for line in printing.encodings(one))
                for text in self.texts
            ]
            yield from _Maker(SHARED, "shared", ("OBJECT|ENCODING",))("encoding", table, told)
        fields = [_fields(text) for text in self.texts]
        for name in {**fields[0], **fields[1]}:
            told = [each.get(name, ()) for each in fields]
            yield from _Maker(SHARED, "shared", of("state", name.partition(".")[2]))("state", name, told)

    def _parameters(self) -> Iterator[Difference]:
        ours, theirs = ({name: one for one in text.parameters for name in one.names} for text in self.texts)
        for name in sorted({**ours, **theirs}):
            told = [
                (printing.parameter(evolve(each[name], names=(name,))),) if name in each else ()
                for each in (ours, theirs)
            ]
            yield from _Maker(CONFIGURATION, "server", ("CONFIG|GET", "CONFIG|SET"))("parameter", name, told)

    def _fragments(self, of: Callable[[str, str], tuple[str, ...]]) -> Iterator[Difference]:
        first, second = ({one.name: one for one in text.fragments} for text in self.texts)
        for name in {**first, **second}:
            users = of("fragment", name)
            steps = [each[name].steps if name in each else () for each in (first, second)]
            yield from self._steps(_Maker(f"fragment {name}", "shared", users), steps[0], steps[1])

    # ---- texts with one difference ---------------------------------------------------------------------------------

    def mixed(self, several: Iterable[Difference]) -> s.Specification | None:
        """The second profile's text, but for some differences; None where one of them is no part of a text that runs.

        Nobody can tell what is named nowhere: an error, a type, a definition or a fragment that one profile alone has
        is there in any case.
        """
        text = self._united
        by_subject: dict[str, list[Difference]] = {}
        for one in several:
            if one.kind in ("fact", "parameter", "command"):
                return None
            by_subject.setdefault(one.subject, []).append(one)
        for one in by_subject.pop(SHARED, ()):
            text = _exchanged(self.texts[0], text, one)
        blocks: dict[str, s.Command] = {}
        fragments: dict[str, s.Fragment] = {}
        for subject, ones in by_subject.items():
            if subject.startswith("fragment "):
                fragments[subject.removeprefix("fragment ")] = self._other_fragment(ones)
            else:
                blocks[subject] = _other_block(self.commands[0][subject], self.commands[1][subject], ones)
        return evolve(
            text,
            commands=tuple(blocks.get(c.name, c) if c is self.commands[1].get(c.name) else c for c in text.commands),
            fragments=tuple(fragments.get(f.name, f) for f in text.fragments),
        )

    @cached_property
    def _united(self) -> s.Specification:
        """The second text, with what only the first defines beside it."""
        first, second = self.texts
        more = {}
        for attribute in ("errors", "types", "defines", "fragments"):
            known = {one.name for one in getattr(second, attribute)}
            others = (one for one in getattr(first, attribute) if one.name not in known)
            more[attribute] = (*getattr(second, attribute), *others)
        known = set(_fields(second))
        states = [
            evolve(one, fields=tuple(f for f in one.fields if f"{one.name}.{f[0]}" not in known))
            for one in first.states
        ]
        return evolve(second, states=(*second.states, *(one for one in states if one.fields)), **more)

    def _other_fragment(self, ones: Sequence[Difference]) -> s.Fragment:
        name = ones[0].subject.removeprefix("fragment ")
        first, second = ({f.name: f for f in text.fragments} for text in self.texts)
        if name not in first or name not in second:
            return (first | second)[name]
        segments = alignment.aligned(first[name].steps, second[name].steps)
        return evolve(second[name], steps=alignment.mixed(segments, {one.name for one in ones}))


@frozen
class _Maker:
    """Makes the differences of one subject."""

    subject: str
    group: str
    users: tuple[str, ...]

    def __call__(
        self, kind: Kind, name: str, texts: Sequence[Lines], *, note: str = "", moved: bool = False
    ) -> Iterator[Difference]:
        before, after = texts
        if before != after or moved:
            yield Difference(kind, self.subject, name, before, after, self.users, self.group, note)


def _group(command: s.Command) -> str:
    return next((str(fact.values[0]) for fact in command.facts if fact.kind == "group"), "other")


def returns(command: s.Command) -> tuple[s.ReplyType, ...]:
    """The reply types that a command declares."""
    found = (value for fact in command.facts if fact.kind == "returns" for value in fact.values)
    return tuple(value for value in found if isinstance(value, s.ReplyType))


def _refusals(command: s.Command) -> dict[str, Lines]:
    found: dict[str, Lines] = {}
    for fact in command.facts:
        if fact.kind == "refuses":
            name, error = fact.values
            found[str(name)] = (
                "with nothing" if error is None else f"with {printing.expression(cast(s.Error, error))}",
            )
    return found


def options(parts: Iterable[s.Part], within: str = "") -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The options of a syntax line, those inside others too, and the words of each choice.

    Each with what it stands in (empty at the top), its name, and its text.
    """
    for part in parts:
        match part:
            case s.Group(alternatives=alternatives) if printing.part(part):
                for one in alternatives:
                    own = tuple(_bare(inner) for inner in one.parts if not isinstance(inner, (s.Group, s.Pairs)))
                    here = within
                    if own and printing.part(evolve(part, alternatives=(one,))):
                        here = _name(own)
                        yield within, here, (printing.syntax_line(own),)
                    yield from options(one.parts, here)
            case s.Pairs(parts=inner):
                yield from options(inner, within)
            case s.Choice(name=name, words=words):
                yield from ((within, f"{name} {word}", (word,)) for word, _ in words)


def _bare(part: s.Part) -> s.Part:
    """A choice without its words, which are options of their own."""
    return s.Argument(part.name) if isinstance(part, s.Choice) else part


def _name(parts: tuple[s.Part, ...]) -> str:
    match parts[0]:
        case s.Token(word=word):
            return word
        case s.Argument(name=name):
            return name
    return printing.syntax_line(parts)


def _fields(text: s.Specification) -> dict[str, tuple[str, ...]]:
    return {
        f"{state.name}.{name}": (printing.expression(value),)
        for state in text.states
        for name, value, _ in state.fields
    }


def _other_block(first: s.Command, second: s.Command, ones: Iterable[Difference]) -> s.Command:
    """The second block, but for some differences."""
    block, owners = second, set()
    for one in ones:
        match one.kind:
            case "option" | "syntax":
                block = evolve(block, syntax=first.syntax, facts=_facts_of(first, block, "arity", None))
            case "refusal":
                block = evolve(block, facts=_facts_of(first, block, "refuses", one.name))
            case "reply":
                block = evolve(block, facts=_facts_of(first, block, "returns", None))
            case "step" if one.name == "means":
                block = evolve(block, means=first.means)
            case _:
                owners.add(one.name)
    if owners:
        block = evolve(block, steps=alignment.mixed(alignment.aligned(first.steps, second.steps), owners))
    return block


def _facts_of(first: s.Command, second: s.Command, kind: str, name: str | None) -> tuple[s.Fact, ...]:
    """The second block's facts, but those of one kind (and name) as in the first."""

    def meant(fact: s.Fact) -> bool:
        return fact.kind == kind and (name is None or fact.values[0] == name)

    return (*(fact for fact in second.facts if not meant(fact)), *(fact for fact in first.facts if meant(fact)))


def _exchanged(first: s.Specification, second: s.Specification, one: Difference) -> s.Specification:
    """The second text, but for one definition."""
    if one.kind == "state":
        name, _, of = one.name.partition(".")
        field_ = next((f for state in first.states if state.name == name for f in state.fields if f[0] == of), None)
        if field_ is None:
            return second
        states = (
            evolve(state, fields=tuple(field_ if f[0] == of else f for f in state.fields))
            if state.name == name
            else state
            for state in second.states
        )
        return evolve(second, states=tuple(states))
    attribute, key = {
        "error": ("errors", "name"), "type": ("types", "name"), "definition": ("defines", "name"),
        "encoding": ("encodings", "type"),
    }[one.kind]  # fmt: skip
    given = [item for item in getattr(first, attribute) if getattr(item, key) == one.name]
    if not given and one.kind != "encoding":
        return second
    kept = [item for item in getattr(second, attribute) if getattr(item, key) != one.name] + given
    return evolve(second, **{attribute: tuple(kept)})
