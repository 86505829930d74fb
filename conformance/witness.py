"""Witnesses: for a difference of two profiles, a shortest history on which their models differ because of it.

Theory of operation. Histories around each command are rehearsed with both models; where the two say something else, the
history is kept, cut there. A difference is behind it if the second model, but for this one difference, does not say
what the second says: what is found so is no guess. Then the history is shrunk while all of that still holds. What must
not live here: real servers (`sight.py`).
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from attrs import evolve, field, frozen, mutable

from redlark.conformance import draw, examples, hints, values
from redlark.conformance.attempts import attempt
from redlark.conformance.divergence import Divergence
from redlark.conformance.generate import Generator, Grammar, grammar
from redlark.conformance.history import History, Request, request, steps_of
from redlark.conformance.rehearse import Rehearsal, Told
from redlark.conformance.scenarios import HELPERS, Pool
from redlark.conformance.setups import SETUPS, Setup
from redlark.conformance.shrink import Shrinker, measure
from redlark.reference import Model
from redlark.spec import facts_told
from redlark.spec import syntax as s
from redlark.spec.differences import UNTOLD, Comparison, Difference
from redlark.spec.loader import NotationError

TRIES = 240  # histories for each command; then MORE where something is still unseen
MORE = 1000
FEW = 4  # commands: what is felt by more than these is not looked for so long
KEPT = 6  # histories with the same pair of answers
AIMED, DRAWN = 40, 3000  # requests that hold the word of an option, and how many are drawn for them
CHANNELS = ("reply", "propagated", "events")
SHRINK_SECONDS, SHRINK_RUNS = 2.5, 600


@frozen
class Witness:
    """A history at whose end two profiles differ: in the reply, in what replicas get, or in notifications."""

    history: History
    channel: str
    exact: bool  # without this difference the second profile says just what the first does
    config: Mapping[str, str] = field(factory=dict)


@frozen
class Entry:
    """A history at whose end two profiles differ."""

    history: History
    channel: str
    command: str
    first: Told
    second: Told
    place: int

    @property
    def size(self) -> tuple[int, ...]:
        return measure(self.history)

    @property
    def errors(self) -> tuple[bool, bool]:
        return self.first.reply[:1] == b"-", self.second.reply[:1] == b"-"

    @property
    def pattern(self) -> tuple[object, ...]:
        """What two histories have in common that show the same."""
        return self.channel, self.command, *(_digest(one.reply) for one in (self.first, self.second))


def _digest(reply: bytes) -> bytes:
    return reply[:40] if reply[:1] == b"-" else reply[:1]


@mutable
class Search:
    """The search for the witnesses of one comparison, on servers configured in one way."""

    comparison: Comparison
    seed: int = 1
    config: Mapping[str, str] = field(factory=dict)
    likely: tuple[Request, ...] = ()
    models: tuple[Model, Model] = field(init=False)
    grammars: tuple[dict[str, Grammar], dict[str, Grammar]] = field(init=False)
    pools: tuple[Pool, Pool] = field(init=False)
    kept: dict[str, list[Entry]] = field(factory=dict, init=False)
    tried: dict[str, int] = field(factory=dict, init=False)

    @models.default
    def _load(self) -> tuple[Model, Model]:
        return Model.load(self.comparison.first), Model.load(self.comparison.second)

    @grammars.default
    def _read(self) -> tuple[dict[str, Grammar], dict[str, Grammar]]:
        first, second = ({n: grammar(c.block, m.profile) for n, c in m.commands.items()} for m in self.models)
        return first, second

    @pools.default
    def _fill(self) -> tuple[Pool, Pool]:
        first, second = (_pool(grammars) for grammars in self.grammars)
        return first, second

    @cached_property
    def reversed(self) -> tuple[Comparison, dict[str, Difference]]:
        """The same comparison the other way round, and its differences by id."""
        found = Comparison(self.comparison.second, self.comparison.first)
        return found, {one.id: one for one in found.differences}

    # ---- histories on which the two differ -------------------------------------------------------------------------

    def entries(self, name: str, tries: int) -> list[Entry]:
        """Histories around a command on which the two differ; as many are tried as have not been tried yet."""
        kept = self.kept.setdefault(name, [])
        for history in self._histories(name, self.tried.get(name, 0), tries):
            kept += self._differing(name, history)
        self.tried[name] = max(tries, self.tried.get(name, 0))
        by_pattern: dict[tuple[object, ...], list[Entry]] = {}
        for entry in sorted(kept, key=lambda entry: entry.size):
            same = by_pattern.setdefault(entry.pattern, [])
            if len(same) < KEPT:
                same.append(entry)
        self.kept[name] = [entry for same in by_pattern.values() for entry in same]
        return self.kept[name]

    def _histories(self, name: str, begin: int, end: int) -> Iterator[History]:
        sides = [side for side in (0, 1) if name in self.pools[side].names]
        if begin == 0:
            for side in sides:
                yield from examples.histories(self.grammars[side], {name}, self.models[side].profile, (2, 3))
                for one in self.likely:
                    yield History(steps_of(0, (one,)))
        rng = random.Random(f"{self.seed} {name} {begin}")
        for number in range(begin, end if sides else begin):
            made = attempt(self.pools[sides[number % len(sides)]], name, rng, 2 if rng.random() < 0.6 else 3)
            if self.likely and rng.random() < 0.7:
                made = evolve(made, steps=(*steps_of(0, rng.choices(self.likely, k=rng.randrange(1, 5))), *made.steps))
            yield _observed(made, self.grammars[sides[0]][name].group, rng) if rng.random() < 0.5 else made

    def _differing(self, name: str, history: History) -> Iterator[Entry]:
        told = self.told(self.models[0], history), self.told(self.models[1], history)
        if told[0] is None or told[1] is None:
            return
        for channel in CHANNELS:
            place = first_difference(told[0], told[1], channel)
            if place is None:
                continue
            asked = sum(1 for one in told[0][: place + 1] if one.request)
            cut = history if history.social else _cut(history, asked)
            yield Entry(cut, channel, name, told[0][place], told[1][place], place)
            return

    def told(self, model: Model, history: History) -> list[Told] | None:
        """What a model says in a history; None where it cannot be run there."""
        try:
            return Rehearsal(model, self.config, signed_in="requirepass" not in self.config).told(history)
        except (LookupError, OverflowError, TypeError, ValueError, ArithmeticError, AttributeError):
            return None

    # ---- witnesses -------------------------------------------------------------------------------------------------

    def witness(self, one: Difference, tries: int = TRIES) -> Witness | None:
        """The shortest history found that shows a difference; None if none of so many for each command does."""
        if one.kind == "fact":
            return _of_fact(one)
        if one.kind == "parameter":
            return self._of_parameter(one)
        if one.kind == "command" and self._never_sent(one.subject):
            return Witness(_ask("COMMAND", "INFO", one.subject.lower()), "reply", exact=True)
        entries = [entry for history in self._aimed(one) for entry in self._differing(one.subject, history)]
        found = self._best(one, entries)
        if found is None and tries:
            entries = [entry for name in self._users(one) for entry in self.entries(name, tries)]
            found = self._best(one, entries)
        return found

    def _best(self, one: Difference, entries: list[Entry]) -> Witness | None:
        if not entries:
            return None
        best: tuple[Entry, bool] | None = None
        for model, side in self._without(one):
            for entry in sorted(entries, key=lambda entry: _rank(one, entry)):
                exact = self._behind(one, model, side, entry.history, entry)
                if exact is not None and (best is None or (exact and not best[1])):
                    best = entry, exact
                if exact:
                    return self._shrunk(one, model, side, entry, exact=True)
            if best is not None:
                return self._shrunk(one, model, side, best[0], exact=False)
        return None

    def _aimed(self, one: Difference) -> Iterator[History]:
        """Histories made for one difference: the hints, and requests that hold the word of an option."""
        yield from hints.histories(one.id, dict(self.config))
        side = 0 if one.change == "gone" else 1
        if one.kind != "option" or self.config or not one.name.rpartition(" ")[2].isupper():
            return
        rng, left = random.Random(f"{self.seed} {one.id}"), AIMED
        for _ in range(DRAWN if one.subject in self.pools[side].names else 0):
            asked = self.pools[side].of(one.subject, rng)
            if _mentions(one, tuple(part for part in asked.parts if isinstance(part, bytes))):
                yield History(steps_of(0, (asked,)))
                left -= 1
            if not left:
                return

    def _of_parameter(self, one: Difference) -> Witness | None:
        """What CONFIG GET tells of it, or what CONFIG SET says of values at the bounds that either profile has."""
        listed = (each for text in self.comparison.texts for each in text.parameters if one.name in each.names)
        values = [value for each in listed for value in _edges(each)]
        names = (_ask("CONFIG", "GET", one.name), _ask("CONFIG", "GET", f"{one.name}*"))
        asked = [*names, *(_ask("CONFIG", "SET", one.name, value) for value in values)]
        for history in asked:
            first, second = (self.told(model, history) for model in self.models)
            if first is not None and second is not None and first_difference(first, second, "reply") is not None:
                return Witness(history, "reply", exact=True)
        return None

    def _users(self, one: Difference) -> list[str]:
        names = set(self.grammars[0]) | set(self.grammars[1])
        users = [user for user in one.users if user in names]
        if UNTOLD.isdisjoint(one.users):
            return users
        scripts = ["EVAL"] if "CALLED" in one.users else ["EXEC", "MULTI", "GET", "SET", "AUTH", "SUBSCRIBE", "PING"]
        return [name for name in scripts if name in names] + users

    def _without(self, one: Difference) -> Iterator[tuple[Model | None, int]]:
        """The second model but for the difference; then the first but for it. None for a command: nothing to take."""
        if one.kind == "command":
            yield None, 1
            return
        made = self._model(self.comparison, one, 1)
        if made is not None:
            yield made, 1
        other, by_id = self.reversed
        if one.id in by_id and (made := self._model(other, by_id[one.id], 0)) is not None:
            yield made, 0

    def _model(self, comparison: Comparison, one: Difference, side: int) -> Model | None:
        text: s.Specification | None = comparison.without(one)
        if text is None:
            return None
        try:
            return Model(text, self.comparison.profiles[side])
        except (NotationError, LookupError):  # it needs another difference as well
            return None

    def _behind(self, one: Difference, model: Model | None, side: int, history: History, entry: Entry) -> bool | None:
        """Whether the difference is behind what two models say differently at the end of a history.

        None: it is not. True: it alone makes all of the difference there.
        """
        told = [self.told(each, history) for each in self.models]
        first, second = told
        if first is None or second is None:
            return None
        place = first_difference(first, second, entry.channel)
        if place is None or (
            sum(1 for each in first[: place + 1] if each.request) != history.size and not history.social
        ):
            return None
        if (first[place].reply[:1] == b"-", second[place].reply[:1] == b"-") != entry.errors:
            return None
        if model is None:
            return True if _names(one, first[place].request) else None
        if one.kind == "option" and not _mentions(one, first[place].request):
            return None
        without = self.told(model, history)
        if without is None or len(without) <= place:
            return None
        own, others = (second, first) if side == 1 else (first, second)
        parts = [_part(each[place], entry.channel) for each in (without, own, others)]
        if parts[0] == parts[1]:
            return None
        return parts[0] == parts[2]

    def _shrunk(self, one: Difference, model: Model | None, side: int, entry: Entry, *, exact: bool) -> Witness:
        def run(history: History) -> Divergence | None:
            found = self._behind(one, model, side, history, entry)
            if found is None or (exact and not found):
                return None
            return Divergence("", (), (), "", b"-", (), history.size, history)

        begin = Divergence("", (), (), "", b"-", (), entry.history.size, entry.history)
        found = Shrinker(run, begin, SHRINK_RUNS, SHRINK_SECONDS).shrink()
        return Witness(found.history, entry.channel, exact, self.config)

    def _never_sent(self, name: str) -> bool:
        return all(grammars[name].never_sent for grammars in self.grammars if name in grammars)


def witnesses(
    comparison: Comparison, wanted: Iterable[Difference] | None = None, seconds: float = 1e9
) -> Iterator[tuple[Difference, Witness | None]]:
    """Differences with their witnesses, quickly found ones first; None where nothing that was tried shows one.

    First on a server as it is, then on servers set up as rules need it, then for longer.
    """
    end = time.monotonic() + seconds
    left = list(comparison.differences if wanted is None else wanted)
    plain = Search(comparison)
    unseen = []
    for one in left:
        hinted = [Search(comparison, config=config) for config in hints.configurations(one.id)]
        witness = next((seen for search in hinted if (seen := search.witness(one, 0)) is not None), None)
        if witness is None:
            unseen.append(one)
        else:
            yield one, witness
    left = unseen
    for setup, tries in ((None, TRIES), *((one, TRIES) for one in SETUPS), (None, MORE)):
        if setup is not None and not (setup.is_of(comparison.first) and setup.is_of(comparison.second)):
            continue
        search = plain if setup is None else Search(comparison, config=setup.config, likely=setup.likely)
        unseen = []
        for one in left:
            fit = (tries == TRIES or len(one.users) <= FEW) if setup is None else _suits(setup, one)
            found = search.witness(one, tries) if fit and time.monotonic() < end else None
            if found is None:
                unseen.append(one)
            else:
                yield one, found
        left = unseen
    yield from ((one, None) for one in left)


def why_unseen(comparison: Comparison, one: Difference) -> str:
    """Why no history shows a difference, as far as that is known."""
    found = hints.reason(one.id)
    if not found and one.users:
        sent = [
            fact.values[0] if fact else None
            for commands in comparison.commands
            for user in one.users
            if user in commands
            for fact in [next((f for f in commands[user].facts if f.kind == "never-sent"), None)]
        ]
        if sent and None not in sent:
            found = f"requests of this command are not sent: {sent[0]}"
    return found or "no history was found that shows it"


def _suits(setup: Setup, one: Difference) -> bool:
    """Whether a difference may be seen rather on a server set up in this way."""
    if setup.reaches(f"{one.subject}/{one.name}") or (setup.needed_by.startswith(".*/") and one.subject in UNTOLD):
        return True
    asked = {str(each.parts[0], "latin-1") for each in setup.likely if isinstance(each.parts[0], bytes)}
    return not asked.isdisjoint({user.partition("|")[0] for user in one.users})


def first_difference(first: list[Told], second: list[Told], channel: str) -> int | None:
    """The place at which two models say something else, or tell replicas something else; None: nowhere.

    Where they have spoken otherwise before, nothing that follows counts: the other channels are compared up to there.
    """
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if (one.client, one.request) != (other.client, other.request):
            return None
        if _part(one, channel) != _part(other, channel):
            return place
        if one.reply != other.reply:
            return None
    return None


def _part(told: Told, channel: str) -> object:
    return repr(getattr(told, channel)) if channel != "reply" else told.reply


def _cut(history: History, asked: int) -> History:
    """The history up to so many requests."""
    steps = []
    for step in history.steps:
        if asked <= 0:
            break
        steps.append(evolve(step, requests=step.requests[:asked]))
        asked -= len(step.requests)
    return evolve(history, steps=tuple(steps))


def _rank(one: Difference, entry: Entry) -> tuple[object, ...]:
    """Best is a reply, of the profile that has the thing no error, and asked for directly; then the shortest."""
    having = {"new": entry.errors[1], "gone": entry.errors[0], "changed": all(entry.errors)}[one.change]
    wrapped = entry.first.request[:1] and entry.first.request[0].upper() in (b"EXEC", b"EVAL", b"EVAL_RO", b"EVALSHA")
    bare = one.kind in ("command", "option", "syntax", "fact")
    return CHANNELS.index(entry.channel), bare and having, bool(wrapped), entry.size


def _names(one: Difference, asked: tuple[bytes, ...]) -> bool:
    words = one.subject.encode().split(b"|")
    return [word.upper() for word in asked[: len(words)]] == words


def _mentions(one: Difference, asked: tuple[bytes, ...]) -> bool:
    within, _, word = one.name.rpartition(" ")
    words = [part.upper() for part in asked]
    if not word.isupper() or word.encode() not in words:
        return not word.isupper()
    before = words[words.index(word.encode()) - 1]  # a word of TYPE stands behind TYPE
    return not within.endswith("type") or before in (b"TYPE", b"NOT-TYPE")


def _ask(*parts: str) -> History:
    return History(steps_of(0, (request(*parts),)))


def _of_fact(one: Difference) -> Witness:
    word = "INFO" if one.name in facts_told.INFO else "DOCS"
    return Witness(_ask("COMMAND", word, one.subject.lower()), "reply", exact=True)


def _edges(one: s.Parameter) -> Iterator[str]:
    """Values that show a parameter's kind and its bounds."""
    yield "nosuch"
    for bound in (one.low, one.high):
        if bound is not None:
            yield from map(str, (bound, bound - 1, bound + 1))
    yield from one.words


_OBSERVERS = (("OBJECT", "ENCODING"), ("OBJECT", "ENCODING"), ("PTTL",), ("OBJECT", "REFCOUNT"))
_STREAM_OBSERVERS = (("XINFO", "STREAM"), ("XINFO", "GROUPS"), ("XPENDING",))


def _observed(history: History, group: str, rng: random.Random) -> History:
    """The history, and then a look at what it left behind."""
    client = history.steps[-1].client if history.steps else 0
    if group == "stream":
        key = values.KEYS[4]
        look = rng.choice((
            ("XINFO", "STREAM", key, "FULL"), ("XINFO", "GROUPS", key), ("XINFO", "CONSUMERS", key, "g"),
        ))  # fmt: skip
        return evolve(history, steps=(*history.steps, *steps_of(client, (request(*look),))))
    if group in ("connection", "server"):
        return evolve(history, steps=(*history.steps, *steps_of(client, (request("CLIENT", "LIST"),))))
    used = [part for step in history.steps for one in step.requests for part in one.parts if part in values.KEYS]
    looks = [request(*rng.choice(_OBSERVERS), key) for key in dict.fromkeys(used)]
    return evolve(history, steps=(*history.steps, *steps_of(client, looks)))


def _pool(grammars: Mapping[str, Grammar]) -> Pool:
    sendable = frozenset(name for name, one in grammars.items() if not one.never_sent)
    names, weights = draw.weighted(dict.fromkeys(grammars, 0), sendable, frozenset(), HELPERS)
    return Pool(Generator(grammars), names, weights)
