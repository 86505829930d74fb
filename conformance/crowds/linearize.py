"""Linearizability: whether what several clients saw at once could have happened one request at a time.

A history is a list of operations, each with the numbers of the event at which it was invoked and of the one at which
its reply was there. It is sound if its operations can be put in an order that respects those (what returned before
something else was invoked comes first, what one client wrote at once stays in its order) and in which the model allows
each reply. That is linearizability as Herlihy and Wing define it (Linearizability: a correctness condition for
concurrent objects, 1990), the object being the model.

The search is Wing and Gong's (Testing and verifying concurrent objects, 1993) with the memory of Lowe (Testing for
linearizability, 2017): depth first over worlds, and never twice from the same world with the same operations done. A
world is remembered without what nobody can see any more: how low the clock's lower bound is, where all that is left was
sent later, and how often a key was changed, beyond whether those who watch it have missed a change.

Before it, a history is split. Linearizability is local (Herlihy and Wing, theorem 1): a history has an order if the
histories of its objects have one each. Horn and Kroening (Faster linearizability checking via P-compositionality, 2015)
split so by keys; here requests that share keys are joined (``footprints.py``), and what one client sent in one write,
whose order is promised beyond real time. The clock stands in no way: orders of the parts merge by their moments, which
in each part never go back.

Within it, two kinds of operation come as early as they may, and nothing else is tried in their place. What touches
its own client alone (a request that is queued, MULTI) commutes with all that others do. What reads, and is allowed
where it stands, would leave every later world as it is: each order that has it later is one that has it here. But
reading later is also running later, after others whose deadlines are then earlier by a millisecond. So the first search
may take too much for granted where deadlines can be set: what it finds is an order all the same, since the model has
judged it; what it does not find is looked for a second time, with reads taken early only where the clock cannot matter.
A part in which no request knows of time is searched once, all its operations with the same interval.

A client that waits is at the head of its own queue until it is told: its request may be answered at once, or park it;
what other requests then owe it must be its reply, and at any time that its deadline permits it may be told that its
time is over. Who would wait for ever is freed by CLIENT UNBLOCK, an operation like any other, so that a wake-up that
was lost is a contradiction, too.
What must not live here: sockets, and how histories are drawn (``concurrent.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import evolve, field, frozen, mutable
from immutables import Map

from redlark.conformance.crowds.footprints import Footprints, components, footprints_of
from redlark.reference import Model, World, Worlds
from redlark.reference.replies import matches
from redlark.reference.resp import Frame

NEVER = 1 << 62  # when something returns that had not returned as the history was cut
MOST_STEPS = 200_000


class Undecided(Exception):
    """The search was given up: neither an order nor a contradiction was found within its bound."""


@frozen
class Operation:
    """One request of one client, and what came of it.

    ``reply`` is None where it was not seen (the history was cut before): the operation may have happened or not.
    ``interval`` is the Unix time in milliseconds before sending and after receiving.
    """

    client: int
    request: tuple[bytes, ...]
    reply: Frame | None
    invoked: int
    returned: int
    interval: tuple[int, int] = (0, 0)


Done = tuple[int, ...]  # how many operations of each client are in the order
Move = tuple[tuple[Operation, ...], Done, World]  # what is added to an order, and where that leads


@mutable
class _Search:
    """One depth-first search; `steps` counts what the model was asked. `eager` takes reads early without a proof."""

    model: Model
    footprints: Footprints
    queues: tuple[tuple[Operation, ...], ...]
    most: int
    eager: bool
    steps: int = field(default=0, init=False)
    tried: set[tuple[Done, World]] = field(factory=set, init=False)
    _floors: tuple[tuple[int, ...], ...] = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Of each queue, from each place on: the earliest moment at which one of its operations was sent."""
        self._floors = tuple(
            tuple(min((one.interval[0] for one in queue[place:]), default=NEVER) for place in range(len(queue) + 1))
            for queue in self.queues
        )

    def run(self, world: World) -> list[Operation] | None:
        """An order of the operations from this world on, None if there is none."""
        start = (0,) * len(self.queues)
        path: list[tuple[Operation, ...]] = []
        agenda = [self._next(start, world)]
        if self._is_done(start):
            return []
        while agenda:
            following = next(agenda[-1], None)
            if following is None:
                agenda.pop()
                if path:
                    path.pop()
                continue
            operations, done, after = following
            after = self._settled(done, after)
            if (done, after) in self.tried:
                continue
            self.tried.add((done, after))
            path.append(operations)
            if self._is_done(done):
                return [one for several in path for one in several]
            agenda.append(self._next(done, after))
        return None

    def _is_done(self, done: Done) -> bool:
        """Whether all operations that were answered are in the order."""
        return all(
            place >= len(queue) or all(later.reply is None for later in queue[place:])
            for place, queue in zip(done, self.queues, strict=True)
        )

    def _settled(self, done: Done, world: World) -> World:
        """The world without what makes no difference to what is left."""
        floor = min(floors[place] for floors, place in zip(self._floors, done, strict=True))
        if world.now < floor < NEVER:
            world = evolve(world, now=floor)
        return forgotten(world) if world.versions else world

    def _ask(self) -> None:
        self.steps += 1
        if self.steps > self.most:
            raise Undecided

    # ---- what may come next --------------------------------------------------------------------------------------

    def _next(self, done: Done, world: World) -> Iterator[Move]:
        """What may come next: a client's first operation, if nothing else had returned before it was invoked."""
        heads = [queue[place] for place, queue in zip(done, self.queues, strict=True) if place < len(queue)]
        first_return = min((one.returned for one in heads), default=NEVER)
        heads = [one for one in heads if one.invoked < first_return or one.returned == first_return]
        heads.sort(key=lambda one: one.returned)
        known: dict[int, list[Move]] = {}
        for one in heads:
            alone = self._is_its_own(one, world)
            if not alone and not self._may_come_early(one, world):
                continue
            known[one.client] = moves = list(self._moves(one, done, world))
            early = next((move for move in moves if self._is_early(move, one, alone, world)), None)
            if early is not None or alone:
                if early is not None:
                    yield (early[0], early[1], evolve(early[2], now=world.now)) if alone else early
                return
        for one in heads:
            yield from known.get(one.client) or self._moves(one, done, world)

    def _is_its_own(self, one: Operation, world: World) -> bool:
        """Whether an operation meets its own client's session alone: it is queued, or begins a transaction."""
        name = one.request[0].upper()
        if world.sessions[one.client]["in-multi"]:
            return name != b"EXEC"
        return name in (b"MULTI", b"UNWATCH") and len(one.request) == 1

    def _may_come_early(self, one: Operation, world: World) -> bool:
        return (
            one.reply is not None
            and world.waits(one.client) is None
            and self.footprints.only_reads(one, world.sessions[one.client]["queue"])
            and (self.eager or not (_has_deadlines(world) or one.interval[0] > world.now))
        )

    def _is_early(self, move: Move, one: Operation, alone: bool, world: World) -> bool:
        """Whether a move leaves all as it was but its client's session, and perhaps the clock's lower bound."""
        after = move[2]
        same = (
            after.databases == world.databases
            and after.parked == world.parked
            and after.server == world.server
            and not after.outbox
            and after.sessions.delete(one.client) == world.sessions.delete(one.client)
        )
        return same and (alone or self.eager or after.now == world.now)

    def _moves(self, one: Operation, done: Done, world: World) -> Iterator[Move]:
        """The worlds after an operation and what it tells those who waited, each with what is in the order then."""
        client, reply = one.client, one.reply
        if world.waits(client) is not None:
            if reply is not None:
                self._ask()
                for after in self.model.arrives((world,), client, reply, one.interval[1]):
                    yield from self._told((one,), _with(done, client), after)
            return
        self._ask()
        if not self.model.parks(one.request) or world.sessions[client]["in-multi"]:
            for after in self.model.allows((world,), client, one.request, one.interval, reply):
                yield from self._told((one,), _with(done, client), after)
            return
        if reply is not None:
            answered, _ = self.model.answers((world,), client, one.request, one.interval, (reply,))
            for after in answered:
                yield from self._told((one,), _with(done, client), after)
        for after in self.model.allows((world,), client, one.request, one.interval, None):
            parked = after.waits(client) is not None
            if parked or reply is None:
                yield from self._told(() if parked else (one,), done if parked else _with(done, client), after)

    def _told(self, operations: tuple[Operation, ...], done: Done, world: World) -> Iterator[Move]:
        """A move, if what is owed to those who waited are the replies that they got."""
        while world.outbox:
            owed = world.outbox[0]
            place = done[owed.client]
            if place >= len(self.queues[owed.client]):
                return
            waited = self.queues[owed.client][place]
            if waited.reply is not None and not matches(owed.reply, waited.reply, owed.resp):
                return
            operations, done = (*operations, waited), _with(done, owed.client)
            world = evolve(world, outbox=world.outbox[1:])
        yield operations, done, world


def _with(done: Done, client: int) -> Done:
    return (*done[:client], done[client] + 1, *done[client + 1 :])


def _has_deadlines(world: World) -> bool:
    """Whether the clock can change what a world holds."""
    held = (entry for database in world.databases for entry in database.values())
    return any(entry.deadline is not None or entry.fields is not None for entry in held) or any(
        parked.deadline is not None for parked in world.parked
    )


def forgotten(world: World) -> World:
    """The world without how often keys were changed: of a watched key remains how that compares with what was seen.

    It goes on exactly as the world does: counts only grow, and are only compared with what was seen as the key was
    watched. That may be one more than the count, where the key had expired and was still to be removed; less than the
    count it is never made up for.
    """
    sessions, watched = world.sessions, dict[tuple[int, bytes], int]()
    for client, session in sessions.items():
        if session["watched"]:
            kept = {
                place: max(1 + seen - world.versions.get(place, 0), 0) for place, seen in session["watched"].items()
            }
            watched.update(dict.fromkeys(kept, 1))
            sessions = sessions.set(client, session.set("watched", Map(kept)))
    return evolve(world, sessions=sessions, versions=Map(watched))


def order_of(
    model: Model, worlds: Worlds, operations: Sequence[Operation], most: int = MOST_STEPS
) -> list[Operation] | None:
    """An order in which these operations may have happened, None if there is none.

    ``worlds`` are those before the first operation; their clients are called as the operations call them. Raises
    `Undecided` after `most` questions to the model, or where it has left worlds out in which an order may stand.
    """
    footprints = footprints_of(model)
    orders = []
    for part in components(footprints, operations):
        model.left_out = False
        order = _order_of_part(model, footprints, worlds, part, most)
        if order is None:
            if model.left_out:
                raise Undecided
            return None
        orders.append(order)
    return merged(orders)


def _order_of_part(
    model: Model, footprints: Footprints, worlds: Worlds, part: Sequence[Operation], most: int
) -> list[Operation] | None:
    """An order of operations that share nothing with others."""
    timeless = not any(footprints.is_timed(one.request) for one in part)
    hull = min(one.interval[0] for one in part), max(one.interval[1] for one in part)
    clients = max(one.client for one in part) + 1
    queues: list[list[Operation]] = [[] for _ in range(clients)]
    for one in part:
        queues[one.client].append(evolve(one, interval=hull) if timeless else one)
    left = most
    for eager in (False,) if timeless else (True, False):
        for world in worlds:
            search = _Search(model, footprints, tuple(map(tuple, queues)), left, eager)
            found = search.run(world)
            if found is not None:
                return found
            left -= search.steps
    return None


def merged(orders: Sequence[Sequence[Operation]]) -> list[Operation]:
    """One order of operations of which some parts have an order each: what returned first comes first."""
    left = [list(reversed(order)) for order in orders if order]
    found = []
    while left:
        first_return = min(one.returned for order in left for one in order)
        order = next(order for order in left if order[-1].invoked < first_return or order[-1].returned == first_return)
        found.append(order.pop())
        left = [order for order in left if order]
    return found


def cut(operations: Iterable[Operation], event: int) -> list[Operation]:
    """The history as it stood at an event: what was not invoked is gone, what had not returned has no reply yet."""
    kept = []
    for one in operations:
        if one.invoked >= event:
            continue
        if one.returned < event:
            kept.append(one)
        else:
            kept.append(Operation(one.client, one.request, None, one.invoked, NEVER, one.interval))
    return kept
