"""Orders: which worlds are possible after what several clients asked at once.

Theory of operation. Exchanges are judged in the order in which their replies came. What had been asked by then and was
not answered yet may have happened before or may not: a configuration is one possible world, and which of those open
exchanges have happened in it. As an exchange is answered each configuration in which it has not happened is carried on
by every order of open ones that ends with it (just in time, as Lowe, Testing for linearizability, 2017, has it), of
those alone that share a key with it, directly or by others: any order is as good as one in which the rest comes later.
Replies that are already known decide early. A lower bound of the clock never rises above what an open exchange may
still need. What must not live here: what is done when none is possible (``observed.py``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations, pairwise, permutations

from attrs import evolve, field, mutable

from redlark.conformance.crowds.footprints import EVERYTHING, WAITING, Footprints, Thing
from redlark.conformance.crowds.linearize import Operation
from redlark.conformance.watch.wire import Exchange, Words
from redlark.reference import Model, World

MOST_CONFIGURATIONS = 256
MOST_STEPS = 4_000  # questions to the model for one reply
MOST_COMPARED = 1_000_000  # keys, as one of many configurations is gone on with
SETTLED = 300  # milliseconds after which who was asked to wait, and was not answered, is taken to wait
FEW = 4  # who wait at once and may have come in any order
SCRIPTED = frozenset((b"eval", b"evalsha", b"eval_ro", b"evalsha_ro", b"fcall", b"fcall_ro"))
_PUBLISHING = frozenset((
    b"publish", b"spublish", b"pubsub", b"subscribe", b"psubscribe", b"ssubscribe", b"unsubscribe", b"punsubscribe",
    b"sunsubscribe",
))  # fmt: skip
_OWN = frozenset((b"select", b"ping", b"echo", b"hello", b"auth", b"multi", b"unwatch", b"discard", b"quit"))
_OWN_OF_CLIENT = frozenset((b"id", b"setname", b"getname", b"setinfo", b"no-evict", b"no-touch", b"info", b"help"))

Place = tuple[int, bytes]  # a database and a key
Configuration = tuple[World, frozenset[tuple[int, int]]]


@mutable(eq=False)
class Orders:
    """The configurations that are possible, and the exchanges that are open."""

    model: Model
    clock: tuple[int, int] = (0, 0)  # the server's clock minus ours, in milliseconds, lies between these
    most: int = 1  # configurations at once
    configurations: list[Configuration] = field(factory=list)
    open: dict[int, deque[Exchange]] = field(factory=dict)
    footprints: Footprints = field(init=False)
    _steps: int = field(default=0, init=False)

    @footprints.default
    def _of_model(self) -> Footprints:
        return Footprints(self.model)

    def behind(self, one: Exchange, others: Sequence[Exchange], eager: bool = True) -> list[Configuration]:
        """The configurations in which an exchange has happened, behind any of the others. Raises OverflowError."""
        return self.after(one, others, lambda world: self.moves(one, world), eager)

    def keep(self, found: list[Configuration]) -> None:
        floors = [mine[0].interval[0] + self.clock[0] for mine in self.open.values() if mine]
        if floors or len(found) > 1:  # a lower bound for all: they differ in nothing else, often
            floor = min((*floors, *(world.now for world, _ in found)))
            found = [(evolve(w, now=floor) if w.now > floor else w, a) for w, a in found]
        self.configurations = distinct(found)
        self.most = max(self.most, len(self.configurations))

    def settle(self, one: Exchange, places: Callable[[int, Words], Iterable[Place]]) -> set[Place] | None:
        """Go on with one configuration; the keys about which it may be wrong, None where it may be any.

        These are the keys that the others hold otherwise, and those of what has not happened in all of them; and of
        this exchange, even where it only reads: what others have done there is open.
        """
        (first, ahead), *others = self.configurations
        self.configurations = [(first, ahead)]
        changed = [
            (number, db, first.databases[number])
            for world, _ in others
            for number, db in enumerate(world.databases)
            if db is not first.databases[number]
        ]
        if sum(len(db) + len(mine) for _, db, mine in changed) > MOST_COMPARED:
            return None
        found = {(n, key) for n, db, mine in changed for key in {*db, *mine} if db.get(key) != mine.get(key)}
        unsure = {each for _, done in others for each in done ^ ahead}
        for each in (one, *(other for mine in self.open.values() for other in mine if other.id in unsure)):
            for words in each.queue or (each.words,):
                found.update(places(each.connection, words))
        return found

    def close(self, one: Exchange) -> None:
        mine = self.open.get(one.connection)
        if mine and one in mine:
            mine.remove(one)
            if not mine:
                del self.open[one.connection]

    def others(self, one: Exchange) -> list[Exchange]:
        """What others have asked that is still open."""
        return [o for client, mine in self.open.items() if client != one.connection for o in mine]

    def after(
        self,
        one: Exchange | None,
        among: Sequence[Exchange],
        goal: Callable[[World], Iterable[World]],
        eager: bool = True,
    ) -> list[Configuration]:
        """The configurations in which this has happened, behind any of the others. Raises OverflowError.

        `eager`: what only reads comes as early as it may. Where the clock matters that may be too early.
        """
        found: list[Configuration] = []
        self._steps = 0
        agenda = list(self._settled(among, one))
        seen = _Seen(agenda) if among else _Seen([])
        while agenda:
            world, ahead = agenda.pop()
            if one is not None and one.id in ahead:
                found.append((world, ahead - {one.id}))
                continue
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise OverflowError
            found += [(after, ahead) for after in goal(world)]
            following = list(self._parked(one, world, ahead)) if one is not None else []
            for other in _heads(among, ahead):
                steps = list(self._step(other, world, ahead))
                if eager and steps and self._reads(other) and steps[0][0].databases == world.databases:
                    following = steps[:1]  # what only reads, and may come here, takes nothing from what comes later
                    break
                following += steps
            for each in following:
                if seen.adds(each):
                    agenda.append(each)
            if len(found) > MOST_CONFIGURATIONS:
                found = distinct(found)
                if len(found) > MOST_CONFIGURATIONS:
                    raise OverflowError
        return found

    def _step(self, other: Exchange, world: World, ahead: frozenset[tuple[int, int]]) -> Iterator[Configuration]:
        self._steps += 1
        for after in self.moves(other, world):
            yield after, ahead | {other.id}
        yield from self._parked(other, world, ahead)

    def _parked(self, one: Exchange, world: World, ahead: frozenset[tuple[int, int]]) -> Iterator[Configuration]:
        if self.model.parks(one.words) and not one.queued and not _has_begun(world, one.connection):
            for after in self.model.left_waiting((world,), one.connection, one.words, self._parking(one)):
                yield after, ahead

    def _settled(self, among: Sequence[Exchange], one: Exchange | None) -> Iterator[Configuration]:
        """The configurations, in which those wait who were asked to long before anybody asked this."""
        moment = one.interval[0] if one is not None else 0
        old = [each for each in among if self.model.parks(each.words) and each.interval[0] + SETTLED < moment]
        for world, ahead in self.configurations:
            begin = [each for each in old if not _has_begun(world, each.connection) and each.id not in ahead]
            for order in _queues(begin):
                waiting = world
                for other in order:
                    found = self.model.left_waiting((waiting,), other.connection, other.words, self._parking(other))
                    waiting = found[0] if found else waiting
                yield waiting, ahead

    def _parking(self, one: Exchange) -> tuple[int, int]:
        """When a request has left its client waiting: a busy server reads it later than it was passed on."""
        return one.interval[0] + self.clock[0], one.interval[0] + SETTLED + self.clock[1]

    def interval(self, one: Exchange) -> tuple[int, int]:
        until = one.interval[1] if one.answered else one.interval[0] + SETTLED
        return one.interval[0] + self.clock[0], until + self.clock[1]

    def moves(self, one: Exchange, world: World) -> Iterable[World]:
        """The worlds after an exchange, as it was answered; as it may be, where no reply has come yet."""
        client, interval = one.connection, self.interval(one)
        if client not in world.sessions:
            return ()
        if _has_begun(world, client):
            worlds: tuple[World, ...] = (world,) if one.answered else ()
            for frame in (*one.before, *one.frames):
                worlds = self.model.arrives(worlds, client, frame, interval[1])
            return worlds
        if not one.answered:
            if self.model.parks(one.words):
                return ()
            return self.model.allows((world,), client, one.words, interval, None)
        if self.model.parks(one.words) and any(owed.client == client for owed in world.outbox):
            served: tuple[World, ...] = (world,)  # who has waited may have been woken by what was judged already
            for frame in (*one.before, *one.frames):
                served = self.model.arrives(served, client, frame, interval[1])
            if served:
                return served
        first, *behind = one.frames
        if self._is_plain(one, world):
            return self.model.allows((world,), client, one.words, interval, first)
        frames = (*one.before, first)
        worlds, _ = self.model.answers((world,), client, one.words, interval, frames, tuple(behind))
        for frame in behind:
            worlds = self.model.arrives(worlds, client, frame, interval[1])
        return worlds

    def _is_plain(self, one: Exchange, world: World) -> bool:
        """Whether one frame answers it, and nothing can be pushed to its client before."""
        if one.before or len(one.frames) > 1 or self.model.parks(one.words) or one.queue or world.outbox:
            return False
        session = world.sessions[one.connection]
        return not (session["channels"] or session["patterns"] or world.server.get("tracking"))

    # ---- what meets what ---------------------------------------------------------------------------------------------

    def among(self, one: Exchange, others: Sequence[Exchange]) -> list[Exchange]:
        """Those of the others that may have to happen before it: they share something, directly or by more of them."""
        return self._with_those_met([one], [o for o in others if o.connection != one.connection])[1:]

    def _with_those_met(self, chosen: list[Exchange], left: list[Exchange]) -> list[Exchange]:
        """Some exchanges, and those of the others that share something with them, directly or by more of them."""
        grew = True
        while grew and left:
            grew = False
            for other in list(left):
                if any(self._meet(other, each) for each in chosen):
                    mine = [o for o in left if o.connection == other.connection and o.number <= other.number]
                    chosen += mine
                    left = [o for o in left if o not in mine]
                    grew = True
                    break
        return chosen

    def _meet(self, one: Exchange, other: Exchange) -> bool:
        mine, theirs = self.things(one), self.things(other)
        if not mine or not theirs:
            return False
        if EVERYTHING not in mine and EVERYTHING not in theirs and mine.isdisjoint(theirs):
            return False
        return not (self._reads(one) and self._reads(other))

    def felt(self, others: Iterable[Exchange]) -> list[Exchange]:
        """Those of some exchanges because of which something may be pushed to others, and what may come before them."""
        server, some = self.configurations[0][0].server, list(others)
        if server.get("tracking") or server["config"].get(b"notify-keyspace-events"):
            return some
        telling = (("channels", None), EVERYTHING)
        last: dict[int, int] = {}
        for one in some:
            scripted = any(words[0].lower() in SCRIPTED for words in one.queue or (one.words,))
            if scripted or not self.things(one).isdisjoint(telling):
                last[one.connection] = max(one.number, last.get(one.connection, 0))
        chosen = [one for one in some if one.number <= last.get(one.connection, 0)]
        return self._with_those_met(chosen, [one for one in some if one not in chosen])

    def things(self, one: Exchange) -> frozenset[Thing]:
        if one.things is None:
            found: set[Thing] = set()
            for words in () if one.queued else one.queue or (one.words,):
                found |= self._things_of(words)
            if one.queue or one.name == b"exec":
                for world, _ in self.configurations:
                    session = world.sessions.get(one.connection)
                    found |= {("key", key) for _, key in session["watched"]} if session is not None else set()
            one.things = frozenset(found)
        return one.things

    def _things_of(self, words: Words) -> frozenset[Thing]:
        name = words[0].lower()
        if name in _OWN or (name == b"client" and len(words) > 1 and words[1].lower() in _OWN_OF_CLIENT):
            return frozenset()
        if name == b"client":
            return frozenset((EVERYTHING,))
        if name in _PUBLISHING:
            return frozenset((("channels", None),))
        return self.footprints.keys(words) - {WAITING}

    def _reads(self, one: Exchange) -> bool:
        if one.reply is None or not one.answered or self.configurations[0][0].server.get("tracking"):
            return False
        return self.footprints.only_reads(Operation(one.connection, one.words, one.reply, 0, 0), one.queue)


def _has_begun(world: World, client: int) -> bool:
    """Whether a client's request has left it waiting, and its reply is still to come, or on its way."""
    if world.waits(client) is not None:
        return True
    return any(owed.client == client and getattr(owed.reply, "kind", None) != "push" for owed in world.outbox)


def _heads(among: Sequence[Exchange], ahead: frozenset[tuple[int, int]]) -> list[Exchange]:
    """Of each client the first exchange that has not happened."""
    found: dict[int, Exchange] = {}
    for one in sorted(among, key=lambda each: each.number):
        if one.id not in ahead and one.connection not in found:
            found[one.connection] = one
    return sorted(found.values(), key=lambda each: each.asked)


def _queues(some: Sequence[Exchange]) -> Iterable[tuple[Exchange, ...]]:
    """The orders in which clients may have come to wait: as they were asked, but those asked close together in any.

    Of many who wait, besides, only the order in which they were answered: who waits longest is served first.
    """
    asked = tuple(sorted(some, key=lambda each: each.asked))
    if len(asked) <= FEW:
        return (
            order for order in permutations(asked) if all(_may_wait_before(*pair) for pair in combinations(order, 2))
        )
    served = list(asked)
    for _ in served:  # neighbours change places, as far as they may
        for place, (one, other) in enumerate(pairwise(served)):
            if other.answered and (not one.answered or one.answered > other.answered) and _may_wait_before(other, one):
                served[place : place + 2] = other, one
    return dict.fromkeys((asked, tuple(served)))


def _may_wait_before(one: Exchange, other: Exchange) -> bool:
    return one.interval[0] <= other.interval[0] + SETTLED


class _Seen:
    """Configurations, each once. Worlds are compared where what is cheap to compare is the same."""

    def __init__(self, some: Iterable[Configuration]) -> None:
        self._held: dict[object, list[World]] = {}
        for each in some:
            self.adds(each)

    def adds(self, each: Configuration) -> bool:
        """Whether a configuration is new; it is not any more then."""
        world, ahead = each
        sizes = tuple(map(len, world.databases))
        held = self._held.setdefault((ahead, world.now, len(world.parked), len(world.outbox), sizes), [])
        if any(_same(world, other) for other in held):
            return False
        held.append(world)
        return True


def _same(one: World, other: World) -> bool:
    return (
        one.parked == other.parked
        and one.outbox == other.outbox
        and one.sessions == other.sessions
        and one.databases == other.databases
        and one == other
    )


def distinct(found: Sequence[Configuration]) -> list[Configuration]:
    """The same configurations, each once."""
    if len(found) < 2:
        return list(found)
    seen = _Seen(())
    return [each for each in found if seen.adds(each)]
