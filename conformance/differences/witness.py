"""Witnesses: for a difference of two profiles, a shortest history on which their models differ because of it.

Theory of operation. Twins are two models that have all in common but one difference: the second profile's, and the
second's but for that difference; or the first's, and the first's with it. Histories around the commands that may show
it are rehearsed with both twins; where those say something else, and the two profiles do so there, too, the difference
is behind it, and no guess. Some differences show only together with others (a step that uses what another one has
found): their twins are models between the two profiles. And some are about what one profile has no way to bring about:
there, what leads to it differs, and the twins behind it. A history is shrunk while all of that still holds. No clock is
looked at: equal seeds give equal witnesses. What must not live here: real servers (`sight.py`).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from attrs import evolve, field, frozen, mutable

from redlark.conformance.differences import hints
from redlark.conformance.differences.around import Around
from redlark.conformance.drawing.generate import Grammar, grammar
from redlark.conformance.drawing.rehearse import Rehearsal, Told
from redlark.conformance.history import History, Request, request, steps_of
from redlark.conformance.judging.attempt import command_of
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.judging.shrink import Shrinker, measure
from redlark.reference import Model
from redlark.spec import facts_told
from redlark.spec import syntax as s
from redlark.spec.differences import UNTOLD, Comparison, Difference
from redlark.spec.loader import NotationError

TRIES = 240  # histories for each command
FEW = 12  # commands: of what is felt by more, so many are tried, others for each difference
AIMED, DRAWN = 40, 3000  # requests that hold the word of an option, and how many are drawn for them
ENOUGH = 6  # histories that show a difference alone: the best of them will do
OFFERED = 3  # witnesses of one difference that are worth a look at real servers
CHANNELS = ("reply", "propagated", "events")
SHRINK_RUNS = 400
LUCK = (0, 7)  # where a request may go several ways: the first, and the last (of so many)
STANDING = 1_000_000  # steps a millisecond: where time must pass, a history says so
NOTHING = Told(-1, (), b"")  # stands behind what a model says


@frozen
class Witness:
    """A history at whose end two profiles differ: in the reply, in what replicas get, or in notifications."""

    history: History
    channel: str
    exact: bool  # without this difference the second profile says just what the first does
    config: Mapping[str, str] = field(factory=dict)
    others: tuple[str, ...] = ()  # the ids of the differences together with which alone it shows
    late: bool = False  # what the two tell replicas, or of events, differs before its last request already
    lacking: str = ""  # which profile has no command that leads there: what follows shows on the other one alone


@frozen
class Twins:
    """Two models that have all in common but one difference, and which profile the first of them is (or is like)."""

    own: Model
    other: Model
    side: int
    others: tuple[str, ...] = ()
    luck: int = 0  # which way requests go that may go several ways


@frozen
class Entry:
    """A history that shows a difference."""

    twins: Twins
    history: History
    channel: str
    first: Told
    second: Told
    exact: bool
    lacking: str
    own: Told
    late: bool = False

    @property
    def size(self) -> tuple[int, ...]:
        return measure(self.history)

    @property
    def errors(self) -> tuple[bool, bool]:
        return self.first.reply[:1] == b"-", self.second.reply[:1] == b"-"

    @property
    def pattern(self) -> tuple[object, ...]:
        """What two histories have in common that show the same."""
        replies = (_digest(one.reply) for one in (self.first, self.second))
        return self.channel, self.lacking, self.own.request[:1], *replies


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
    around: Around = field(init=False)
    _told: dict[tuple[int, int, int], tuple[History, list[Told] | None]] = field(factory=dict, init=False)
    _known: dict[str, Difference] = field(init=False)

    @models.default
    def _load(self) -> tuple[Model, Model]:
        first, second = (
            Model(text, profile) for text, profile in zip(self.comparison.texts, self.comparison.profiles, strict=True)
        )
        return first, second

    @around.default
    def _draw(self) -> Around:
        first, second = ({n: grammar(c.block, m.profile) for n, c in m.commands.items()} for m in self.models)
        return Around(self.models, (first, second), self.seed, self.likely)

    @_known.default
    def _by_id(self) -> dict[str, Difference]:
        return {one.id: one for one in self.comparison.differences}

    @property
    def grammars(self) -> tuple[Mapping[str, Grammar], Mapping[str, Grammar]]:
        """The commands of both profiles as they are drawn."""
        return self.around.grammars

    @cached_property
    def reversed(self) -> tuple[Comparison, dict[str, Difference]]:
        """The same comparison the other way round, and its differences by id."""
        found = Comparison(self.comparison.second, self.comparison.first)
        return found, {one.id: one for one in found.differences}

    # ---- twins -----------------------------------------------------------------------------------------------------

    def twins(self, one: Difference) -> Iterator[Twins]:
        """The second profile with and without a difference, then the first."""
        other, by_id = self.reversed
        sides = [(self.comparison, one, 1)] + ([(other, by_id[one.id], 0)] if one.id in by_id else [])
        for comparison, each, side in sides:
            own = self.models[side]
            made = _variant(own, comparison.mixed((each,)))
            if made is not None:
                yield Twins(own, made, side)

    def between(self, one: Difference) -> Iterator[Twins]:
        """Models between the two profiles, with and without a difference: first with little of the first profile."""
        others = [each for each in self._known.values() if each != one and not set(each.users).isdisjoint(one.users)]
        same = [each for each in others if each.subject == one.subject]
        kinds = [[each for each in same if each.kind == kind] for kind in dict.fromkeys(each.kind for each in same)]
        tried: list[list[Difference]] = [[]]
        for some in (*kinds, same, others):
            if some not in tried:
                tried.append(some)
                made = self._with(one, some)
                if made is not None:
                    yield made

    def _with(self, one: Difference, others: Iterable[Difference]) -> Twins | None:
        some = [each for each in others if each.kind not in ("fact", "parameter", "command")]
        own, other = (_variant(self.models[1], self.comparison.mixed(each)) for each in (some, (*some, one)))
        if own is None and one.name.startswith("let "):  # what uses a name cannot stand without it
            own = _variant(
                self.models[1], self.comparison.mixed([each for each in some if each.subject != one.subject])
            )
        if own is None or other is None:
            return None
        return Twins(own, other, 1, tuple(each.id for each in some))

    def shown_by(self, one: Difference, witness: Witness) -> Twins | None:
        """The twins that a witness tells apart at its end; None if, as the text now is, it tells none apart."""
        if one.kind == "fact":  # what is told of commands may come in any order
            return Twins(self.models[1], self.models[0], 1)
        if one.kind in ("parameter", "command"):
            first, second = (self.told(model, witness.history) for model in self.models)
            same = first is None or second is None or first_difference(first, second, "reply") is None
            return None if same else Twins(self.models[1], self.models[0], 1)
        if witness.others:
            known = [self._known[name] for name in witness.others if name in self._known]
            with_others = self._with(one, known) if len(known) == len(witness.others) else None
            candidates = iter([with_others] if with_others is not None else [])
        else:
            candidates = (evolve(twins, luck=luck) for luck in LUCK for twins in self.twins(one))
        for twins in candidates:
            found = self.entry(one, twins, witness.history)
            shown = None if found is None else (found.channel, found.late, found.lacking, found.history.size)
            if shown == (witness.channel, witness.late, witness.lacking, witness.history.size):
                return twins
        return None

    # ---- histories on which twins differ ---------------------------------------------------------------------------

    def told(self, model: Model, history: History, luck: int = 0, *, keep: bool = False) -> list[Told] | None:
        """What a model says in a history, and nothing at its end; None where it cannot be run there."""
        place = id(model), id(history), luck
        if place in self._told:
            return self._told[place][1]
        try:
            databases = 1 if self.config.get("cluster-enabled") == "yes" else 16
            config, signed_in = {"databases": "16", **self.config}, "requirepass" not in self.config
            rehearsal = Rehearsal(model, config, signed_in, pace=STANDING, databases=databases)
            said = [*rehearsal.told(history, luck), NOTHING]
        except (LookupError, OverflowError, TypeError, ValueError, ArithmeticError, AttributeError):
            said = None
        if keep and model in self.models:
            self._told[place] = history, said
        return said

    def entry(self, one: Difference, twins: Twins, history: History, *, keep: bool = False) -> Entry | None:
        """What a history shows of a difference, cut where it does; None if it does not."""
        own = self.told(twins.own, history, twins.luck, keep=keep)
        other = self.told(twins.other, history, twins.luck)
        if own is None or other is None:
            return None
        for channel in CHANNELS:
            place = first_difference(own, other, channel)
            if place is None:
                continue
            first, second = (self.told(model, history, twins.luck, keep=keep) for model in self.models)
            if first is None or second is None:
                return None
            lacking = ""
            if not _differ_at(first, second, channel, place):
                lacking = "" if twins.others else self._lacking(first, second, place)
                if not lacking:
                    continue
            if one.kind == "option" and not _mentions(one, own[place].request):
                continue
            asked = sum(1 for each in own[: place + 1] if each.request)
            cut = history if history.social else _cut(history, asked)
            pair = (first, second) if not lacking else (own, other) if twins.side == 0 else (other, own)
            theirs = pair[1 - twins.side][place]
            late = channel != "reply" and first_difference(first, second, channel) != place
            exact = not lacking and _part(other[place], channel) == _part(theirs, channel)
            return Entry(twins, cut, channel, pair[0][place], pair[1][place], exact, lacking, own[place], late)
        return None

    def _lacking(self, first: list[Told], second: list[Told], place: int) -> str:
        """Which command, or parameter, was asked for before a place that one of the two profiles lacks."""
        there = first_difference(first, second, "reply")
        if there is None or there >= place:
            return ""
        asked = first[there].request
        for side, profile in enumerate((self.comparison.first, self.comparison.second)):
            name = command_of(asked, self.grammars[1 - side])
            if name in self.grammars[1 - side] and name not in self.grammars[side]:
                return f"{profile} has no {name.replace('|', ' ')}"
            parameter = asked[2].decode("latin-1").lower() if name == "CONFIG|SET" and len(asked) == 4 else ""
            if parameter and not any(parameter in one.names for one in self.comparison.texts[side].parameters):
                return f"{profile} has no parameter {parameter}"
        return ""

    # ---- witnesses -------------------------------------------------------------------------------------------------

    def witness(self, one: Difference, tries: int = TRIES) -> Witness | None:
        """The shortest history found that shows a difference; None if none of so many for each command does."""
        return next(self.witnesses(one, 0, tries), None)

    def witnesses(self, one: Difference, begin: int, end: int, *, between: bool = False) -> Iterator[Witness]:
        """Histories that show a difference, best first, among those from `begin` to `end` around each command.

        With `between`, those that show it together with others only.
        """
        if one.kind in ("fact", "parameter") or (one.kind == "command" and self._never_sent(one.subject)):
            found = self._told_of(one) if not begin and not between else None
            if found is not None:
                yield found
            return
        offered: set[tuple[object, ...]] = set()
        for entry in sorted(self._entries(one, begin, end, between), key=lambda entry: _rank(one, entry)):
            if entry.pattern not in offered and len(offered) < OFFERED:
                offered.add(entry.pattern)
                yield self._shrunk(one, entry)
                if not end:  # what a model does not know may be what makes a server show it
                    yield self._witness(entry)

    def _entries(self, one: Difference, begin: int, end: int, between: bool) -> list[Entry]:
        histories = [*(self._aimed(one) if not begin else ()), *self._histories(one, begin, end)]
        if one.kind == "command":
            return [entry for history in histories for entry in self._of_command(one, history)]
        found: list[Entry] = []
        candidates = self.between(one) if between else self.twins(one)
        if not end:  # hints: what may go several ways, too
            candidates = (evolve(twins, luck=luck) for twins in candidates for luck in LUCK)
        for twins in candidates:
            for history in histories:
                entry = self.entry(one, twins, history, keep=True)
                if entry is not None:
                    found.append(entry)
                    if sum(each.exact for each in found) >= ENOUGH:
                        return found
            if between and found:
                return [self._fewer(one, entry) for entry in sorted(found, key=lambda e: _rank(one, e))[:OFFERED]]
        return found

    def _fewer(self, one: Difference, entry: Entry) -> Entry:
        """The same history, with as few other differences as it takes."""
        left = list(entry.twins.others)
        for name in list(left):
            fewer = [self._known[each] for each in left if each != name]
            twins = self._with(one, fewer)
            found = None if twins is None else self.entry(one, twins, entry.history)
            if found is not None and found.channel == entry.channel:
                entry, left = found, [each.id for each in fewer]
        return entry

    def _of_command(self, one: Difference, history: History) -> Iterator[Entry]:
        """What a command that only one of the two has shows: there is nothing to be taken away."""
        first, second = (self.told(model, history, keep=True) for model in self.models)
        place = None if first is None or second is None else first_difference(first, second, "reply")
        if first is None or second is None or place is None or not _names(one, first[place].request):
            return
        cut = _cut(history, sum(1 for each in first[: place + 1] if each.request))
        twins = Twins(self.models[1], self.models[0], 1)
        yield Entry(twins, cut, "reply", first[place], second[place], True, "", second[place])

    def _histories(self, one: Difference, begin: int, end: int) -> Iterator[History]:
        users = self._users(one)
        if len(users) > FEW:
            users = sorted(random.Random(f"{self.seed} {one.id}").sample(users, FEW))
        for name in users:
            yield from self.around.of(name, begin, end)

    def _aimed(self, one: Difference) -> Iterator[History]:
        """Histories made for one difference: the hints, and requests that hold the word of an option."""
        yield from hints.histories(one.id, dict(self.config))
        side = 0 if one.change == "gone" else 1
        if one.kind != "option" or self.config or not one.name.rpartition(" ")[2].isupper():
            return
        pool, left = self.around.pools[side], AIMED
        rng = random.Random(f"{self.seed} {one.id}")
        for _ in range(DRAWN if one.subject in pool.names else 0):
            asked = pool.of(one.subject, rng)
            if _mentions(one, tuple(part for part in asked.parts if isinstance(part, bytes))):
                yield History(steps_of(0, (asked,)))
                left -= 1
            if not left:
                return

    def _told_of(self, one: Difference) -> Witness | None:
        """What the server itself tells of a fact, a parameter, or a command that nobody sends."""
        if one.kind == "fact":
            word = "INFO" if one.name in facts_told.INFO else "DOCS"
            return Witness(_ask("COMMAND", word, one.subject.lower()), "reply", exact=True)
        if one.kind == "command":
            return Witness(_ask("COMMAND", "INFO", one.subject.lower()), "reply", exact=True)
        listed = (each for text in self.comparison.texts for each in text.parameters if one.name in each.names)
        values = [value for each in listed for value in _edges(each)]
        names = (_ask("CONFIG", "GET", one.name), _ask("CONFIG", "GET", f"{one.name}*"))
        for history in (*names, *(_ask("CONFIG", "SET", one.name, value) for value in values)):
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

    def _shrunk(self, one: Difference, entry: Entry) -> Witness:
        def run(history: History) -> Divergence | None:
            if one.kind == "command":
                found = next(self._of_command(one, history), None)
            else:
                found = self.entry(one, entry.twins, history)
            if found is None or (found.channel, found.errors, found.lacking) != shown or found.exact < entry.exact:
                return None
            if found.history.size != history.size:
                return None
            return Divergence("", (), (), "", b"-", (), history.size, history)

        shown = entry.channel, entry.errors, entry.lacking
        begin = Divergence("", (), (), "", b"-", (), entry.history.size, entry.history)
        found = Shrinker(run, begin, SHRINK_RUNS, seconds=1e9).shrink()
        return self._witness(evolve(entry, history=found.history))

    def _witness(self, entry: Entry) -> Witness:
        others, late, lacking = entry.twins.others, entry.late, entry.lacking
        return Witness(entry.history, entry.channel, entry.exact, self.config, others, late, lacking)

    def _never_sent(self, name: str) -> bool:
        return all(grammars[name].never_sent for grammars in self.grammars if name in grammars)


def _variant(model: Model, text: s.Specification | None) -> Model | None:
    if text is None:
        return None
    try:
        return model.variant(text)
    except (NotationError, LookupError):  # it needs another difference as well
        return None


def first_difference(first: list[Told], second: list[Told], channel: str) -> int | None:
    """The place at which two models say something else, or tell replicas something else; None: nowhere.

    Where they have spoken otherwise before, nothing that follows counts: the other channels are compared up to there.
    """
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if (one.client, one.request) != (other.client, other.request):  # a frame came unasked, here and not there
            return place if channel == "reply" and not (one.request and other.request) else None
        if _part(one, channel) != _part(other, channel):
            return place
        if one.reply != other.reply:
            return None
    return None


def _differ_at(first: list[Told], second: list[Told], channel: str, place: int) -> bool:
    """Whether two models, which have replied alike so far, differ at a place; what else they have told may differ."""
    if channel == "reply":
        return first_difference(first, second, channel) == place
    there = first_difference(first, second, "reply")
    if (there is not None and there < place) or place >= min(len(first), len(second)):
        return False
    return _part(first[place], channel) != _part(second[place], channel)


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
    """Best is what the difference alone shows, in a reply that is no error where there is a thing to be shown.

    Then what was asked for directly; then the shortest.
    """
    having = {"new": entry.errors[1], "gone": entry.errors[0], "changed": all(entry.errors)}[one.change]
    wrapped = entry.own.request[:1] and entry.own.request[0].upper() in (b"EXEC", b"EVAL", b"EVAL_RO", b"EVALSHA")
    bare = one.kind in ("command", "option", "syntax")
    weak = bool(entry.lacking), not entry.exact
    return *weak, CHANNELS.index(entry.channel), bare and having, bool(wrapped), entry.size


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


def _edges(one: s.Parameter) -> Iterator[str]:
    """Values that show a parameter's kind and its bounds."""
    yield "nosuch"
    if one.kind in ("int", "natural"):
        yield "-1"
    for bound in (one.low, one.high):
        if bound is not None:
            yield from map(str, (bound, bound - 1, bound + 1))
    yield from one.words
