"""Requests from the text's own argument grammar: mostly what a syntax line allows, now and then what it forbids.

Nothing here knows a command. A request is drawn by walking the syntax tree of `redlark.spec.syntax`; options come in
any order and sometimes twice or together with what excludes them; then one request in eight is damaged: too short, too
long, a stray token, a wrong value. The source of chance is an argument, so equal seeds give equal requests.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from attrs import evolve, field, frozen, mutable

from redlark.conformance.drawing import debugging, functions, scripts, values
from redlark.conformance.drawing.parameters import pair
from redlark.conformance.history import Part, Request
from redlark.spec import syntax
from redlark.spec.profiles import Profile

DAMAGED = 0.14
_MET = frozenset(("element", "pivot", "member", "member1", "member2", "field"))
_KEY_NAMES = frozenset(("key", "source", "destination", "newkey", "key1", "key2", "dst", "src"))
_COMMAND_NAMES = frozenset(("command", "command-name", "commandname"))
_NO_COMMANDS = (b"nosuchcommand", b"", b"get ", b"client|nosuch", b"x" * 130)


@frozen
class Grammar:
    """What is drawn from: a command's name, group, syntax line in one profile, key arguments, words and examples."""

    name: str
    group: str
    line: tuple[syntax.Part, ...]
    keys: frozenset[str]
    tokens: tuple[str, ...]
    examples: tuple[syntax.Example, ...] = ()
    never_sent: str = ""  # why no request of this command is ever sent
    unreachable: Mapping[str, str] = field(factory=dict)  # rules that no server can be brought to, with the reason
    needs: frozenset[str] = frozenset()  # words of options without which every request is refused


def grammar(command: syntax.Command, profile: Profile) -> Grammar:
    """A command as one profile has it; the words of other profiles stay, as tokens that should be refused."""
    touched = {str(fact.values[0]) for fact in command.facts if fact.kind == "touches" and fact.values}
    words = tuple(dict.fromkeys(part.word for part in walk(command.syntax) if isinstance(part, syntax.Token)))
    examples = tuple(example for example in command.examples if profile.holds(example.guard))
    return Grammar(
        command.name,
        group_of(command),
        _pruned(command.syntax, profile),
        frozenset(touched | _KEY_NAMES),
        words,
        examples,
        next((str(f.values[0]) for f in command.facts if f.kind == "never-sent" and profile.holds(f.guard)), ""),
        unreachable(command, profile),
        frozenset(
            str(word) for f in command.facts if f.kind == "needs" and profile.holds(f.guard) for word in f.values
        ),
    )


def optional_words(line: Iterable[syntax.Part]) -> tuple[str, ...]:
    """The words of a syntax line that a request may have or not, or of which it has one, as requests spell them."""
    chosen = (word for part in walk(line) if isinstance(part, syntax.Choice) for word, _ in part.words)
    groups = (part for part in walk(line) if isinstance(part, syntax.Group))
    optional = (
        part.text
        for group in groups
        for alternative in group.alternatives
        for part in walk(alternative.parts)
        if isinstance(part, syntax.Token)
    )
    return tuple(dict.fromkeys((*optional, *chosen)))


def unreachable(command: syntax.Command, profile: Profile) -> dict[str, str]:
    """The rules of a block that no server can be brought to, by their full names, each with the reason."""
    told = (fact for fact in command.facts if fact.kind == "unreachable" and profile.holds(fact.guard))
    return {f"{command.name}/{fact.values[0]}": str(fact.values[1]) for fact in told}


def group_of(command: syntax.Command) -> str:
    """The group that a command says it belongs to."""
    return next((str(fact.values[0]) for fact in command.facts if fact.kind == "group"), "other")


def _pruned(parts: Iterable[syntax.Part], profile: Profile) -> tuple[syntax.Part, ...]:
    """The parts that exist in a profile."""
    kept: list[syntax.Part] = []
    for part in parts:
        if isinstance(part, syntax.Group):
            alternatives = tuple(
                evolve(alternative, parts=inside)
                for alternative in part.alternatives
                if profile.holds(alternative.guard) and (inside := _pruned(alternative.parts, profile))
            )
            if alternatives and profile.holds(part.guard):
                kept.append(evolve(part, alternatives=alternatives))
        elif isinstance(part, syntax.Choice):
            kept.append(evolve(part, words=tuple(word for word in part.words if profile.holds(word[1]))))
        elif isinstance(part, syntax.Pairs):
            kept.append(evolve(part, parts=_pruned(part.parts, profile)))
        elif not isinstance(part, syntax.Argument) or profile.holds(getattr(part, "guard", None)):
            kept.append(part)
    return tuple(kept)


@frozen
class Among:
    """What a request is mostly about: one of these keys, and these members, fields or elements, or ids of a stream."""

    keys: tuple[bytes, ...]
    members: tuple[bytes, ...]
    ids: tuple[bytes, ...] = ()


@mutable
class Generator:
    """Draws requests for the commands of one profile."""

    commands: Mapping[str, Grammar]
    names: tuple[str, ...] = field(init=False)

    @names.default
    def _sorted(self) -> tuple[str, ...]:
        return tuple(sorted(self.commands))

    @cached_property
    def callable(self) -> tuple[str, ...]:
        """The commands that scripts are made to call."""
        found = ((name, one.group) for name, one in sorted(self.commands.items()))
        return tuple(
            name
            for name, group in found
            if group in _CALLABLE and name not in _NOT_CALLABLE and not name.endswith("|HELP")
        )

    def request(self, name: str, rng: random.Random, among: Among | None = None) -> Request:
        """A request for the command of this name; its first argument may be in any case."""
        return Request(tuple(self.parts(name, rng, damaged=DAMAGED if among is None else DAMAGED / 3, among=among)))

    def parts(
        self, name: str, rng: random.Random, depth: int = 0, damaged: float = DAMAGED, among: Among | None = None
    ) -> list[Part]:
        """The parts of a request, with that chance to be damaged."""
        command = self.commands[name]
        walk = _Walk(self, command, rng, depth, among)
        arguments = walk.sequence(command.line, likely=0.8)
        if rng.random() < damaged:
            arguments = _damaged(arguments, command.tokens, rng)
        return [*(_cased(word, rng) for word in name.split("|")), *arguments]

    def shapes(self, name: str, rng: random.Random) -> list[Request]:
        """A request, the same with its arguments twice, one too many, one too few and none, and in small letters."""
        parts = self.parts(name, rng, damaged=0.0)
        words = name.count("|") + 1
        head, rest = parts[:words], parts[words:]
        small = [part.lower() if isinstance(part, bytes) else part for part in head]
        shapes = (parts, head + rest + rest, [*parts, b"extra"], parts[:-1] if rest else parts, head, small + rest)
        return [Request(tuple(shape)) for shape in shapes]

    def unknown(self, rng: random.Random) -> Request:
        """A request that no command answers: an unknown name, or an unknown subcommand of a container."""
        containers = sorted({name.split("|")[0] for name in self.names if "|" in name})
        if containers and rng.random() < 0.5:
            return Request((_cased(rng.choice(containers), rng), rng.choice((b"nosuch", b"", b"a\r\nb", b"x" * 140))))
        extra = [values.value("value", "text", rng) for _ in range(rng.choice((0, 1, 2, 3, 12)))]
        return Request((rng.choice((b"nosuch", b"NOSUCH", b"x" * 140, b"two words", b"new\r\nline", b"")), *extra))


# What a script passes on: requests of these groups, but not what tells of a whole server or goes on where it left off.
_CALLABLE = frozenset((
    "string", "generic", "list", "set", "hash", "sorted-set", "stream", "bitmap", "hyperloglog", "geo", "transactions",
))  # fmt: skip
_NOT_CALLABLE = ("SCAN", "HSCAN", "SSCAN", "ZSCAN", "RANDOMKEY", "WAIT", "WAITAOF", "MIGRATE", "RESTORE-ASKING")

_PASSING = frozenset((*scripts.CALLERS, *functions.CALLING))  # scripts, and functions by their names


@mutable
class _Walk:
    """One walk over one syntax line."""

    generator: Generator
    command: Grammar
    rng: random.Random
    depth: int
    among: Among | None = None
    counters: frozenset[str] = field(init=False)
    counts: dict[str, int] = field(factory=dict, init=False)
    script: bytes = field(default=b"", init=False)

    @counters.default
    def _counters(self) -> frozenset[str]:
        return frozenset(
            part.repeat[1]
            for part in walk(self.command.line)
            if isinstance(part, syntax.Argument | syntax.Pairs) and isinstance(part.repeat, tuple)
        )

    def sequence(self, parts: Sequence[syntax.Part], likely: float = 0.0) -> list[Part]:
        """Parts in their order, adjacent groups in any; where there is nothing but groups they are `likely` taken."""
        if any(not isinstance(part, syntax.Group) for part in parts):
            likely = 0.0
        drawn: list[Part] = []
        bag: list[syntax.Group] = []
        for part in parts:
            if isinstance(part, syntax.Group):
                bag.append(part)
                continue
            drawn += self.bag(bag, likely)
            bag = []
            drawn += self.one(part)
        return drawn + self.bag(bag, likely)

    def bag(self, groups: Sequence[syntax.Group], likely: float) -> list[Part]:
        options = [option for group in groups for option in self.group(group, likely)]
        if len(options) > 1 and self.rng.random() < 0.6:
            self.rng.shuffle(options)
        return [part for option in options for part in option]

    def group(self, group: syntax.Group, likely: float) -> list[list[Part]]:
        """The options taken from one group; at times more than it allows."""
        rng = self.rng
        if rng.random() > max(likely, 0.6 if len(group.alternatives) > 2 else 0.4):
            return []
        several = 0.35 if group.kind == "compatible" else 0.07
        if len(group.alternatives) > 1 and rng.random() < several:
            taken = rng.sample(group.alternatives, 2)
        else:
            taken = [rng.choice(group.alternatives)]
        if group.many:
            taken += rng.choices(group.alternatives, k=rng.choice((0, 0, 1, 2)))
        elif rng.random() < 0.03:
            taken *= 2
        return [self.sequence(alternative.parts, likely=1.0) for alternative in taken]

    def one(self, part: syntax.Part) -> list[Part]:
        rng = self.rng
        match part:
            case syntax.Token(word=word):
                return [_cased(word, rng)]
            case syntax.Argument(name="word") if self.command.name == "DEBUG":
                return [*debugging.words(rng)]
            case syntax.Choice(name="mode") if self.command.name == "SCRIPT|DEBUG":
                return [values.value("mode", "text", rng)]
            case syntax.Pairs(label="data", repeat=repeat) if self.command.name == "CONFIG|SET":
                return [drawn for _ in range(self.times(repeat)) for drawn in pair(rng)]
            case syntax.Choice(words=words):
                return [_cased(rng.choice(words)[0], rng) if rng.random() < 0.93 else b"NOSUCH"]
            case syntax.Pairs(parts=parts, repeat=repeat):
                return [drawn for _ in range(self.times(repeat)) for drawn in self.sequence(parts)]
            case syntax.Argument(name=name) if name in self.counters:
                count = self.counts[name] = rng.choice((1, 1, 2, 2, 3))
                return [b"%d" % count if rng.random() < 0.92 else rng.choice((b"0", b"-1", b"4", b"abc", b""))]
            case syntax.Argument(name="arg") if self.script in _PASSING and self.depth == 0:
                return self.called()
            case syntax.Argument(name="arg" | "argument") if self.command.name.startswith("COMMAND|GETKEYS"):
                return []  # drawn together with the command they belong to
            case syntax.Argument(repeat=repeat):
                return [drawn for _ in range(self.times(repeat)) for drawn in self.argument(part)]
        return []

    def times(self, repeat: syntax.Repeat) -> int:
        if repeat is None:
            return 1
        if repeat == "many":
            return self.rng.choice((1, 1, 1, 2, 2, 3, 4))
        return self.counts.setdefault(repeat[1], self.rng.choice((1, 2)))

    def argument(self, argument: syntax.Argument) -> list[Part]:
        rng, name, among = self.rng, argument.name, self.among
        is_key = name in self.command.keys or argument.type == "key"
        if among is not None and (is_key or (name in _MET and among.members)) and rng.random() < 0.88:
            return [rng.choice(among.keys if is_key else among.members)]
        if among is not None and among.members and argument.type == "lex-bound" and rng.random() < 0.7:
            return [rng.choice((b"[", b"(")) + rng.choice(among.members)]
        if among is not None and among.ids and argument.type == "stream-id" and rng.random() < 0.7:
            return [rng.choice(among.ids)]
        if is_key:
            return [values.key(rng, "other" if rng.random() < 0.5 else self.command.group)]
        if name in _COMMAND_NAMES:
            return self.command_name()
        if name == "serialized-value" and self.command.name == "FUNCTION|RESTORE":
            return [functions.payload(rng)]
        if name == "client-id" and self.command.name == "CLIENT|TRACKING":
            name = "target-id"  # of somebody who is there
        drawn = values.value(name, argument.type, rng)
        if name in ("script", "sha1") and isinstance(drawn, bytes):
            self.script = scripts.BY_DIGEST.get(drawn.lower(), drawn)
        if name == "function" and isinstance(drawn, bytes):
            self.script = drawn
        return [drawn]

    def called(self) -> list[Part]:
        """A whole request for a script to pass on."""
        names = self.generator.callable
        return self.generator.parts(self.rng.choice(names), self.rng, depth=1, among=self.among) if names else []

    def command_name(self) -> list[Part]:
        """The name of a command, or a whole request where COMMAND GETKEYS wants one."""
        rng, names = self.rng, self.generator.names
        if self.command.name.startswith("COMMAND|GETKEYS") and self.depth == 0:
            return self.generator.parts(rng.choice(names), rng, depth=1)
        name = rng.choice(names)
        return [_cased(name, rng) if rng.random() < 0.85 else rng.choice(_NO_COMMANDS)]


def walk(parts: Iterable[syntax.Part]) -> Iterable[syntax.Part]:
    """Every part of a syntax line, those inside groups and pairs too."""
    for part in parts:
        yield part
        if isinstance(part, syntax.Group):
            for alternative in part.alternatives:
                yield from walk(alternative.parts)
        elif isinstance(part, syntax.Pairs):
            yield from walk(part.parts)


def _cased(word: str, rng: random.Random) -> bytes:
    """A word in upper case, mostly; case must not matter."""
    roll = rng.random()
    if roll < 0.75:
        return word.upper().encode()
    return (word.lower() if roll < 0.93 else word.capitalize()).encode()


def _damaged(arguments: list[Part], tokens: Sequence[str], rng: random.Random) -> list[Part]:
    """The arguments with one thing wrong."""
    kind = rng.choice(("short", "short", "cut", "long", "token", "value", "repeat", "none", "drop"))
    place = rng.randrange(len(arguments)) if arguments else 0
    junk = rng.choice((b"junk", b"", b"1", b"-1", b"k1", b"abc"))
    match kind:
        case "short" if arguments:
            return arguments[:-1]
        case "cut" if arguments:
            return arguments[: place + 1]
        case "long":
            return [*arguments, junk]
        case "token" if tokens:
            return [*arguments[:place], rng.choice(tokens).encode(), *arguments[place:]]
        case "value" if arguments:
            return [*arguments[:place], junk, *arguments[place + 1 :]]
        case "repeat" if arguments:
            return [*arguments, *arguments[place:]]
        case "drop" if arguments:
            return [*arguments[:place], *arguments[place + 1 :]]
    return []
