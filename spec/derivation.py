"""From a command's syntax line and facts to its metadata: what the text says once is told many times.

What must live here: arity, key positions, argument trees and all else that COMMAND INFO and DOCS tell, worked out for
one profile. What cannot be worked out is a fact of the text (an arity that a server declares by hand). No replies:
those are `metadata`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from attrs import evolve

from redlark.spec import syntax as s
from redlark.spec.metadata import ACCESS, CATEGORIES, FLAGS, Argument, Facts, KeySpec, Table
from redlark.spec.places import argument_slots, key_range, length
from redlark.spec.profiles import Profile
from redlark.spec.profiles import profile as profile_named

# Two argument names that need no type to say what they are.
NATURAL_TYPES = {"key": "key", "pattern": "pattern"}


def table(profile: str | Profile, specification: s.Specification | None = None) -> Table:
    """The metadata of every command that a text specifies for a profile; without a text, of Redlark's own."""
    if isinstance(profile, str):
        profile = profile_named(profile)
    return _own_table(profile) if specification is None else _table(profile, specification)


@cache
def _own_table(profile: Profile) -> Table:
    from redlark.spec.loader import specification

    return _table(profile, specification())


def _table(profile: Profile, specification: s.Specification) -> Table:
    shown = {d.name: d.shown or d.name for d in specification.types if profile.holds(d.guard)}
    told = [c for c in specification.commands if is_told(c, profile)]
    rows = {c.name.lower(): _Derivation(c, profile, shown).facts() for c in told}
    for name, facts in rows.items():
        below = tuple(other for other in rows if other.startswith(f"{name}|"))
        rows[name] = evolve(facts, subcommands=below)
    if profile.product == "redis" and profile.version < (7, 0):
        rows = _without_subcommands(rows)
    return Table(profile.name, rows)


def _without_subcommands(rows: dict[str, Facts]) -> dict[str, Facts]:
    """Before 7.0 a container is one command; where its subcommands have keys is told, if not ``movablekeys``."""
    plain = {}
    for name, facts in rows.items():
        if "|" not in name:
            below = [rows[sub] for sub in facts.subcommands if any(rows[sub].key_range)]
            of = "key_specs" if "movablekeys" in facts.flags else "key_range"
            facts = evolve(facts, **{of: getattr(below[0], of)}) if below else facts
            plain[name] = evolve(facts, subcommands=())
    return plain


def exists(command: s.Command, profile: Profile) -> bool:
    """Whether a profile has a command, by its facts ``since``, ``until`` and ``only``."""
    for fact in command.facts:
        if fact.kind in ("since", "until", "only"):
            reached = any(profile.reached(version) for version in fact.values if isinstance(version, s.Version))
            if reached == (fact.kind == "until"):
                return False
    return True


def since(command: s.Command, profile: Profile) -> str:
    """The first version of a command as a product tells it: its own where `since` gives one, else the bare one."""
    versions = [v for fact in command.facts if fact.kind == "since" for v in fact.values if isinstance(v, s.Version)]
    told = [f.values[0] for f in command.facts if f.kind == "tells-since" and profile.holds(f.guard)]
    versions = [v for v in told if isinstance(v, s.Version)] or versions
    own = next((v for v in versions if v.product == profile.product), versions[0] if versions else None)
    return number(own) if own else "0"


def is_told(command: s.Command, profile: Profile) -> bool:
    """Whether COMMAND tells of a command: it exists, is not unlisted, and is not the block that all requests meet."""
    return exists(command, profile) and not any(
        (fact.kind, *fact.values) in {("group", "dispatch"), ("doc-flags", "unlisted")} and profile.holds(fact.guard)
        for fact in command.facts
    )


def arity(command: s.Command, profile: Profile) -> int:
    """How many texts a request of this command has, its name included; negative: at least so many."""
    return _Derivation(command, profile, {}).arity


def number(version: s.Version) -> str:
    """A version as servers spell it, with three numbers."""
    return ".".join(map(str, (*version.number, 0, 0)[:3]))


class _Derivation:
    """One command in one profile."""

    def __init__(self, command: s.Command, profile: Profile, shown: dict[str, str]) -> None:
        self.command, self.profile, self.shown = command, profile, shown
        self.words = command.name.count("|") + 1
        self.syntax = tuple(self._held(command.syntax))
        self.key_specs, self._specs_of = self._keys()

    # -- facts

    def facts(self) -> Facts:
        values, deprecated = self._values, self._fact("deprecated")
        categories = {*values("acl")}
        if "scripting" not in categories:
            categories |= {"write"} & {*values("flags")} | ({"read"} if "readonly" in values("flags") else set())
        return Facts(
            name=self.command.name.lower(),
            group=str(next(iter(values("group")), "")),
            since=since(self.command, self.profile),
            summary=self.command.summary or "",
            complexity=str(next(iter(values("complexity")), "")),
            arity=self.arity,
            flags=_ordered(map(str, values("flags")), FLAGS),
            categories=_ordered(map(str, categories), CATEGORIES),
            tips=tuple(map(str, values("tips"))),
            key_specs=self.key_specs,
            key_range=key_range(self.key_specs),
            arguments=self._arguments(self.syntax, self._required()),
            history=tuple(self._history()),
            doc_flags=tuple(map(str, values("doc-flags"))) + (("deprecated",) if deprecated else ()),
            deprecated=(number(_version(deprecated)), str(deprecated.values[1])) if deprecated else None,
        )

    def _facts(self, kind: str) -> Iterator[s.Fact]:
        return (f for f in self.command.facts if f.kind == kind and self.profile.holds(f.guard))

    def _fact(self, kind: str) -> s.Fact | None:
        return next(self._facts(kind), None)

    def _values(self, kind: str) -> list[object]:
        return [value for fact in self._facts(kind) for value in fact.values]

    def _history(self) -> Iterator[tuple[str, str]]:
        for fact in self._facts("history"):
            version = _version(fact)
            if self.profile.reached(version) or (fact.guard is not None and self.profile.product == "valkey"):
                yield number(version), str(fact.values[1])

    # -- the syntax line in this profile

    def _held(self, parts: Iterable[s.Part]) -> Iterator[s.Part]:
        """The parts that this profile has; a group goes with the last of its alternatives."""
        for part in parts:
            if isinstance(part, s.Group):
                if self.profile.holds(part.guard):
                    held = [a for a in part.alternatives if self.profile.holds(a.guard)]
                    inner = (evolve(a, parts=tuple(self._held(a.parts))) for a in held)
                    filled = tuple(alternative for alternative in inner if alternative.parts)
                    if filled:
                        yield evolve(part, alternatives=filled)
            elif isinstance(part, s.Choice):
                yield evolve(part, words=tuple(w for w in part.words if self.profile.holds(w[1])))
            elif isinstance(part, s.Pairs) and (part.label or part.repeat):
                yield evolve(part, parts=tuple(self._held(part.parts)))
            elif isinstance(part, s.Pairs):
                yield from self._held(part.parts)
            else:
                yield part

    @property
    def arity(self) -> int:
        declared = self._fact("arity")
        if declared:
            return int(str(declared.values[0]))
        needed, fixed = length(self.syntax)
        return self.words + needed if fixed else -(self.words + needed)

    def _required(self) -> int:
        """How many groups, from the left, are not optional: those for which the declared arity has room.

        The fact ``needs`` names them by the word that begins them, where they are not the first.
        """
        if self._fact("needs"):
            return 0
        missing = abs(self.arity) - self.words - length(self.syntax)[0]
        required = 0
        for part in self.syntax:
            if isinstance(part, s.Group) and missing > 0:
                missing -= min(length(a.parts)[0] for a in part.alternatives)
                required += 1
        return required

    # -- keys

    def _type(self, argument: s.Argument) -> str:
        plain = argument.type == "text"
        name = NATURAL_TYPES.get(argument.name, "string") if plain else argument.type
        return self.shown.get(name, name)

    def _keys(self) -> tuple[tuple[KeySpec, ...], dict[str, int]]:
        """The key specifications, and which of them each key argument belongs to.

        A ``touches`` fact speaks of its argument and of the key arguments that follow it without a fact of their own.
        """
        specs: list[KeySpec] = []
        of: dict[str, int] = {}
        slots = {slot.argument.name: slot for slot in argument_slots(self.syntax, self.words, self._is_needed)}
        facts = {str(fact.values[0]): fact for fact in self._facts("touches")}
        for name, fact in facts.items():
            slot, last, of[name] = slots[name], 0, len(specs)
            for follower in list(slots)[list(slots).index(name) + 1 :]:
                if self._type(slots[follower].argument) != "key" or follower in facts or slot.last != 0:
                    break
                last, of[follower] = last + 1, len(specs)
            # `as-told` is a word to the checker: servers tell of another access than the steps have.
            flags = [v for v in fact.values[1:] if isinstance(v, str) and v != "as-told"]
            if "not-key" in flags and "as-told" in fact.values:  # the argument is not told to be what it speaks of
                del of[name]
            notes = next((v.value for v in fact.values if isinstance(v, s.Text)), None)
            if "unknown" in flags:  # such arguments of the same type, patterns of keys, belong to it as well
                known = _ordered((flag for flag in flags if flag != "unknown"), ACCESS)
                word = slot.keyword if self._type(slot.argument) == "key" else None
                specs.append(KeySpec(known, keyword=word, notes=notes, unknown=True))
                alike = [each.argument for each in slots.values() if each.argument.type == slot.argument.type]
                of |= {each.name: len(specs) - 1 for each in alike if each.name not in of and each.name not in facts}
                continue
            spec = evolve(slot.spec(_ordered(flags, ACCESS), notes), last=slot.last or last)
            # where a word's keys may be another option's argument, servers say to look for it from the end
            specs.append(evolve(spec, start=-2) if "incomplete" in flags else spec)
        return tuple(specs), of

    # -- the arguments of COMMAND DOCS

    def _since(self, guard: s.Guard | None) -> str | None:
        """The version of a guard, where it is later than the command itself."""
        if guard is None or guard.kind in ("until", "only"):
            return None
        version = next((v for v in guard.versions if v.product == self.profile.product), guard.versions[0])
        came = number(version)
        return came if _numbers(came) > _numbers(since(self.command, self.profile)) else None

    def _named(self, name: str, argument: Argument) -> Argument:
        """An argument as the ``shown`` facts have it: its name before 7.2, since then a text to display beside it.

        The facts may also give it another type, tell of it as deprecated, or with a summary. Shown as nothing, it is
        not told of at all.
        """
        if self._is_shown("optional", name) and "optional" not in argument.flags:
            argument = evolve(argument, flags=("optional", *argument.flags))
        said, *kind = self._shown_as("shown", name) or (name,)
        summary, deprecated = self._shown_as("shown-with", name), self._shown_as("shown-deprecated", name)
        if dated := self._shown_as("shown-dated", name):
            argument = evolve(argument, since=number(dated[0]))  # type: ignore[arg-type]
        argument = evolve(argument, key_spec=0) if self._is_shown("keyed", name) else argument
        argument = evolve(
            argument,
            name=name,
            summary=str(summary[0]) if summary else None,
            deprecated=number(deprecated[0]) if deprecated else None,  # type: ignore[arg-type]
        )
        if self.profile.product == "valkey" or self.profile.version >= (7, 2):
            argument = evolve(argument, name=name if said else "")
            return evolve(argument, display=None if argument.type in ("oneof", "block") else str(said))
        if kind == ["block"]:
            inner = evolve(argument, token=None, since=None)
            return Argument(str(said), "block", token=argument.token, since=argument.since, arguments=(inner,))
        if kind == ["blocks"]:  # a block that is repeated, not what is in it
            inner = evolve(argument, flags=())
            return Argument(str(said), "block", flags=argument.flags, arguments=(inner,))
        if kind:
            argument = evolve(argument, type=str(kind[0]), arguments=())
        return evolve(argument, name=str(said))

    def _is_shown(self, how: str, name: str) -> bool:
        """Whether a part is told of in such a way: undated, required, optional, once, apart."""
        return any(fact.values[0] == name for fact in self._facts(f"shown-{how}"))

    def _shown_as(self, kind: str, name: str) -> tuple[object, ...]:
        return next((fact.values[1:] for fact in self._facts(kind) if fact.values[0] == name), ())

    def _arguments(self, parts: Sequence[s.Part], required: int = 0, last: bool = False) -> tuple[Argument, ...]:
        """The argument trees of a sequence; a word and the argument behind it are one.

        Optional are the groups behind the first so many; not a choice that ends a block of groups alone.
        """
        trees: list[Argument] = []
        words: list[s.Token] = []
        for place, part in enumerate(parts):
            if isinstance(part, s.Token):
                trees += [self._pure(word) for word in words]
                words = [part]
                continue
            if words and isinstance(part, s.Group) and _is_option(part):
                trees.append(self._pure(words.pop()))  # an option behind a word has a word of its own
            token = words.pop().text if words else None
            if isinstance(part, s.Group):
                needed = self._is_needed(part) or (last and place == len(parts) - 1 and len(part.alternatives) > 1)
                apart = part.label is not None and self._is_shown("apart", part.label)
                for group in _alone(part) if apart else (part,):
                    trees.append(self._group(group, token, optional=required <= 0 and not needed))
                required -= 1
            else:
                trees.append(self._single(part, token))
        return tuple(tree for tree in (*trees, *map(self._pure, words)) if tree.name)

    def _is_needed(self, group: s.Group) -> bool:
        words = self._values("needs")
        heads = [alternative.parts[0] for alternative in group.alternatives]
        return any(isinstance(h, s.Token) and h.word in words for h in heads) or any(
            isinstance(h, s.Choice) and h.words[0][0] in words for h in heads
        )

    def _pure(self, word: s.Token) -> Argument:
        return self._named(word.word.lower(), Argument(word.word.lower(), "pure-token", token=word.text))

    def _among(self, own: str, argument: Argument) -> Argument:
        """An argument, or, where a ``shown ... of`` fact says so, the choice between it and signs that replace it.

        Named itself before them, it is the choice of the signs alone.
        """
        for fact in self._facts("shown-of"):
            name, *said = map(_said, fact.values)
            if own in (name, *said):
                signs = (item if isinstance(item, str) else s.Token(item[1].upper(), item[0]) for item in said)
                trees = tuple(argument if isinstance(sign, str) else self._pure(sign) for sign in signs)
                return self._named(str(name), Argument(str(name), "oneof", arguments=trees))
        return argument

    def _single(self, part: s.Argument | s.Choice | s.Pairs, token: str | None) -> Argument:
        multiple = ("multiple",) if not isinstance(part, s.Choice) and part.repeat else ()
        if isinstance(part, s.Argument):
            spec = self._specs_of.get(part.name) if self._type(part) in ("key", "pattern") else None
            tree = Argument(part.name, self._type(part), token=token, key_spec=spec, flags=multiple)
            return self._among(part.name, self._named(part.name, tree))
        if isinstance(part, s.Choice):
            hidden = self._shown_as("shown-without", part.name)
            told = [word for word in part.words if word[0] not in hidden]
            bare = self._is_shown("undated", part.name)
            pure = [(self._pure(s.Token(word)), guard) for word, guard in told]
            words = tuple(evolve(tree, since=None if bare else self._since(guard)) for tree, guard in pure)
            return self._named(part.name, _hoisted(Argument(part.name, "oneof", token=token, arguments=words)))
        label, parts = part.label or "data", part.parts
        if len(parts) == 1 and isinstance(parts[0], s.Token):  # (name = WORD): a word that stands by itself
            return self._named(label, Argument(label, "pure-token", token=parts[0].word))
        whole = all(isinstance(each, s.Token) for each in parts) or self._is_shown("in-parts", label)
        if isinstance(parts[0], s.Token) and not whole:
            token, parts = parts[0].word, parts[1:]  # a word that begins a block is the block's
        inner = self._arguments(parts, last=all(isinstance(each, s.Group) for each in parts))
        return self._named(label, Argument(label, "block", token=token, flags=multiple, arguments=inner))

    def _group(self, group: s.Group, token: str | None, optional: bool) -> Argument:
        label = group.label if len(group.alternatives) == 1 else None
        trees = [self._alternative(alternative, label) for alternative in group.alternatives]
        if len(trees) == 1:
            tree = trees[0]
        else:
            name = group.label or "option"
            whole = Argument(name, "oneof", arguments=tuple(trees))
            if self._is_shown("in-parts", name):  # a block whose first part must be there
                rest = [evolve(each, flags=("optional", *each.flags)) for each in trees[1:]]
                whole = Argument(name, "block", arguments=(trees[0], *rest))
            tree = self._named(name, _hoisted(whole))
        optional = (optional and not self._is_shown("required", tree.name)) or self._is_shown("optional", tree.name)
        flags = (("optional",) if optional and "optional" not in tree.flags else ()) + tree.flags
        inner = [part.name for each in group.alternatives for part in each.parts if isinstance(part, s.Argument)]
        if group.many and not any(self._is_shown("once", name) for name in (group.label, tree.name, *inner) if name):
            flags += ("multiple",) + (("multiple_token",) if tree.token else ())
        since = None if self._is_shown("undated", tree.name) else self._since(group.guard) or tree.since
        return evolve(tree, token=token or tree.token, flags=flags, since=since)

    def _alternative(self, alternative: s.Alternative, label: str | None) -> Argument:
        """One alternative: the thing itself, or a block of several, which a leading word begins."""
        parts, since = alternative.parts, self._since(alternative.guard)
        choice = len(parts) == 1 and isinstance(parts[0], s.Group) and len(parts[0].alternatives) > 1
        trees = self._arguments(parts, required=int(choice))  # a choice in brackets of its own only nests
        if not trees:
            return Argument("", "block")
        if len(trees) == 1:
            only = trees[0]
            renamed = self._named(label, only) if label and only.type != "block" else only
            return evolve(renamed, since=since or only.since)
        token = parts[0].text if isinstance(parts[0], s.Token) else None
        if token:
            trees = self._arguments(parts[1:])
        name = label or (token or "block").lower()
        if self._is_shown("in-parts", name):
            return self._named(name, Argument(name, "block", since=since, arguments=self._arguments(parts)))
        return self._named(name, Argument(name, "block", token=token, since=since, arguments=trees))


# -- pieces


def _said(value: object) -> str | tuple[str, str]:
    assert isinstance(value, (str, tuple))
    return value if isinstance(value, str) else (str(value[0]), str(value[1]))


def _version(fact: s.Fact) -> s.Version:
    version = fact.values[0]
    assert isinstance(version, s.Version)
    return version


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def _ordered(names: Iterable[str], order: str) -> tuple[str, ...]:
    """Names in the servers' order; those that it does not know come last."""
    places = {name: place for place, name in enumerate(order.split())}
    return tuple(sorted(dict.fromkeys(names), key=lambda name: places.get(name, len(places))))


def _hoisted(tree: Argument) -> Argument:
    """A oneof whose alternatives all came with one version came with it itself."""
    versions = {each.since for each in tree.arguments}
    if len(versions) != 1 or None in versions:
        return tree
    return evolve(tree, since=versions.pop(), arguments=tuple(evolve(each, since=None) for each in tree.arguments))


def _alone(group: s.Group) -> Iterable[s.Group]:
    """The alternatives of a group as groups of their own, each given once."""
    return (evolve(group, label=None, many=False, alternatives=(each,)) for each in group.alternatives)


def _is_option(part: s.Group) -> bool:
    return len(part.alternatives) == 1 and isinstance(part.alternatives[0].parts[0], s.Token)
