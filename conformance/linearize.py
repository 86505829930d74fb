"""Linearizability: whether what several clients saw at once could have happened one request at a time.

A history is a list of operations, each with the numbers of the event at which it was invoked and of the one at which
its reply was there. It is sound if its operations can be put in an order that respects those (what returned before
something else was invoked comes first) and in which the model allows each reply. The search is Wing and Gong's (Testing
and verifying concurrent objects, 1993) with the memory of Lowe (Testing for linearizability, 2017): depth first over
worlds, and never twice from the same world with the same operations done.
What must not live here: sockets, and how histories are drawn (``concurrent.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen, mutable

from redlark.reference import Model, World, Worlds
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


@mutable
class _Search:
    """One depth-first search; `steps` counts what the model was asked."""

    model: Model
    queues: tuple[tuple[Operation, ...], ...]
    most: int
    steps: int = field(default=0, init=False)
    tried: set[tuple[tuple[int, ...], World]] = field(factory=set, init=False)

    def run(self, world: World) -> list[Operation] | None:
        """An order of the operations from this world on, None if there is none."""
        start = (0,) * len(self.queues)
        path: list[Operation] = []
        agenda = [self._next(start, world)]
        if self._done(start):
            return path
        while agenda:
            following = next(agenda[-1], None)
            if following is None:
                agenda.pop()
                if path:
                    path.pop()
                continue
            operation, done, after = following
            if (done, after) in self.tried:
                continue
            self.tried.add((done, after))
            path.append(operation)
            if self._done(done):
                return path
            agenda.append(self._next(done, after))
        return None

    def _done(self, done: tuple[int, ...]) -> bool:
        """Whether all operations that were answered are in the order."""
        return all(
            place >= len(queue) or all(later.reply is None for later in queue[place:])
            for place, queue in zip(done, self.queues, strict=True)
        )

    def _next(self, done: tuple[int, ...], world: World) -> Iterator[tuple[Operation, tuple[int, ...], World]]:
        """What may come next: a client's first operation, if nothing else had returned before it was invoked."""
        heads = [
            (queue[place], number)
            for number, (place, queue) in enumerate(zip(done, self.queues, strict=True))
            if place < len(queue)
        ]
        first_return = min((one.returned for one, _ in heads), default=NEVER)
        heads = [head for head in heads if head[0].invoked < first_return or head[0].returned == first_return]
        for operation, number in sorted(heads, key=lambda head: head[0].returned):
            self.steps += 1
            if self.steps > self.most:
                raise Undecided
            after = (*done[:number], done[number] + 1, *done[number + 1 :])
            worlds = self.model.allows((world,), number, operation.request, operation.interval, operation.reply)
            for one in worlds:
                yield operation, after, one


def order_of(
    model: Model, worlds: Worlds, operations: Sequence[Operation], most: int = MOST_STEPS
) -> list[Operation] | None:
    """An order in which these operations may have happened, None if there is none.

    ``worlds`` are those before the first operation; their clients are called as the operations call them. Raises
    `Undecided` after `most` questions to the model.
    """
    clients = max((one.client for one in operations), default=-1) + 1
    queues = tuple(tuple(one for one in operations if one.client == client) for client in range(clients))
    left = most
    for world in worlds:
        search = _Search(model, queues, left)
        found = search.run(world)
        if found is not None:
            return found
        left -= search.steps
    return None


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
