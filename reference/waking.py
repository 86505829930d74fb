"""Waking: who waits for a key is served when the request that made it has ended.

What must live here: in which order the waiting are looked at, and how a run goes on as one of them. What they then do
is their own block, from its first step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from redlark.reference import fields
from redlark.reference.tracking import (
    after_nobody,
    answered_as,
    asleep,
    become,
    by_nobody,
    ended,
    forget_some,
    rested,
    tell,
    tracks,
)
from redlark.reference.values import NO_REPLY, Dead, Entry, Moment, Parked, Place, Variable, Waiting, type_of
from redlark.reference.world import Database, Run, World

if TYPE_CHECKING:
    from redlark.reference.model import Model

MOST_CLEARED = 3  # keys whose time is up that may or may not be gone already, at one moment


def wake(run: Run) -> None:
    """Serves who waits for a key that has come to be: in the order of the keys, then of the clients' coming."""
    again = run.model.waits_anew  # who is served runs a command of its own, later than what woke it
    while run.signalled and run.parked:
        places, run.signalled = dict.fromkeys(run.signalled), []
        for place in places:
            held = _held(run, place)
            if not again and any(one.type == held for one in run.parked):
                _later(run)
                run.value(*place)  # an expired key is cleared away as it is looked at
            for parked in [one for one in run.parked if place in one.places]:
                if run.sessions[parked.client].get("closed") or parked not in run.parked:
                    continue
                held = _held(run, place)
                if parked.type is None or (held == parked.type and not (again and run.expired(*place))):
                    _serve(run, parked, place)
    run.signalled = []


def _held(run: Run, place: Place) -> str | None:
    """The type of what is stored at a place, expired or not."""
    entry = run.databases[place[0]].get(place[1])
    return None if entry is None else type_of(entry.value)


def _later(run: Run) -> None:
    """Goes on at a later moment, at which deadlines may be over that were not before."""
    run.began = run.now = Moment(Variable(run.now.lo, run.latest))
    run.alive.clear()
    run.over.clear()


def expire(model: Model, world: World, place: Place, until: int) -> Iterable[World]:
    """The worlds in which a key, or fields of it, have been cleared away by a moment, since their deadline is over.

    Who waits is woken, and who listens or tracks is told.
    """
    number, key = place
    entry = world.databases[number].get(key)
    since = None if entry is None else _earliest(entry)
    agenda: list[tuple[int, ...]] = [()]
    while agenda and since is not None and since <= until:
        run = by_nobody(model, world, max(since, world.now), until, agenda.pop())
        try:
            left = run.entry(*place)
            if left is not None and left.fields is not None:
                fields.take_away(run, *place, left.fields)
            if run.databases[number] is not world.databases[number]:
                if tracks(world):
                    tell(run)
                wake(run)
                if tracks(world):
                    ended(run)
                yield after_nobody(run)
        except Dead:
            pass
        agenda.extend(run.pending)


def _earliest(entry: Entry) -> int | None:
    """The first moment at which a key, or a field of it, may be over."""
    moments = [bounds[0] for bounds in (entry.fields or {}).values()]
    return min(moments + ([entry.deadline[0]] if entry.deadline else []), default=None)


def already(model: Model, world: World, until: int) -> list[World]:
    """A world, and those in which keys have been cleared whose time is up, in any order, where somebody hears of it.

    The server has slept then, and may have broadcast what it had put off.
    """
    found, last = [world], [world]
    for _ in range(MOST_CLEARED):
        last = [after for one in last for after in cleared(model, one, until)]
        if not last:
            break
        found += [one for one in last if one not in found]
    return list(dict.fromkeys((*found, *(rested(model, one) for one in found[1:]))))


def cleared(model: Model, world: World, until: int) -> Iterable[World]:
    """The worlds in which one key has been cleared away, where somebody hears of that."""
    for number, database in enumerate(world.databases):
        for key in sorted(_due(database, until)):
            for after in expire(model, world, (number, key), until):
                if _tells(world, after):
                    yield after


def unheard(model: Model, world: World, audience: World, until: int) -> list[World]:
    """The worlds in which keys whose time is up were cleared before a request by which others came to hear of that.

    ``world``: before the request; ``audience``: that world, with the connections as they are after it. Only the keys
    matter of which nobody would have heard before, and somebody would now. The server may have slept before such a
    request, or between those before it, and then it has told those who heard until now what it had put off.
    """
    found = [world, *asleep(model, world)]
    for number, database in enumerate(world.databases):
        for key in sorted(_due(database, until)):
            place = (number, key)
            if _is_heard(model, audience, place, until) and not _is_heard(model, world, place, until):
                found += [after for one in found for after in expire(model, one, place, until)]
    return found[1:]


def _is_heard(model: Model, world: World, place: Place, until: int) -> bool:
    """Whether anybody would be told that a key is cleared away."""
    return any(_tells(world, after) for after in expire(model, world, place, until))


def _tells(world: World, after: World) -> bool:
    """Whether what happened by itself was told, is still to be, or could not be."""
    if after.outbox is not world.outbox or after.server.get("unsent") != world.server.get("unsent"):
        return True
    before, field = world.sessions, "redirect-broken"
    return after.sessions is not before and any(before[c].get(field) != after.sessions[c].get(field) for c in before)


def _due(database: Database, until: int) -> list[bytes]:
    """The keys whose time may be up, or that of some of their fields."""
    timed = [(key, _earliest(e)) for key, e in database.items() if e.deadline is not None or e.fields is not None]
    return [key for key, since in timed if since is not None and since <= until]


def _serve(run: Run, parked: Parked, place: Place) -> None:
    """Runs the block of a client that waits again; where it would wait again, it goes on waiting."""
    mine = run.client, run.request, run.observed, run.children
    asked, run.asked = run.asked, ()
    pushed, owed, replied = run.pushed, run.outbox, run.replied
    run.pushed, run.outbox, run.replied = (), (), False
    become(run, parked.client)
    if run.model.waits_anew:
        _later(run)
    run.woken_by, run.woken_with, run.observed, run.children = place[1], parked.kept, None, -1
    at = next(number for number, one in enumerate(run.parked) if one is parked)
    run.parked = (*run.parked[:at], *run.parked[at + 1 :])
    if run.model.waits_anew and run.model.holds_too_many(run):
        forget_some(run)
    reply = run.model.execute(run, parked.request, True)
    if not isinstance(reply, Waiting):
        reply = run.model.delivered(run, reply)
    become(run, mine[0])
    _, run.request, run.observed, run.children = mine
    run.woken_by = run.woken_with = None
    run.asked = asked
    behind, run.outbox, run.pushed, run.replied = run.outbox, (*owed, *run.pushed), pushed, replied
    if not isinstance(reply, Waiting) and reply is not NO_REPLY:
        run.send(parked.client, reply, push=False)
    run.outbox = (*run.outbox, *behind)
    if not isinstance(reply, Waiting):
        if run.server.get("tracking"):
            answered_as(run, parked)
    elif run.model.waits_anew:
        run.parked = (*run.parked, parked)
    else:
        run.parked = (*run.parked[:at], parked, *run.parked[at:])
