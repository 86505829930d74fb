"""Waking: who waits for a key is served when the request that made it has ended.

What must live here: in which order the waiting are looked at, and how a run goes on as one of them. What they then do
is their own block, from its first step.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from redlark.reference.values import Dead, Moment, Parked, Place, Variable, Waiting, type_of
from redlark.reference.world import Run, World

if TYPE_CHECKING:
    from redlark.reference.model import Model


def wake(run: Run) -> None:
    """Serves who waits for a key that has come to be: in the order of the keys, then of the clients' coming."""
    while run.signalled and run.parked:
        places, run.signalled = dict.fromkeys(run.signalled), []
        for place in places:
            for parked in [one for one in run.parked if place in one.places]:
                if run.sessions[parked.client].get("closed") or parked not in run.parked:
                    continue
                value = run.value(*place)
                if parked.type is None or (value is not None and type_of(value) == parked.type):
                    _serve(run, parked, place)
    run.signalled = []


def expire(model: Model, world: World, place: Place, until: int) -> Iterable[World]:
    """The worlds in which a key has been cleared away by a moment, since its deadline is over; who waits is woken."""
    entry = world.databases[place[0]][place[1]]
    client = next(iter(world.sessions))
    agenda: list[tuple[int, ...]] = [()]
    while agenda and entry.deadline is not None and entry.deadline[0] < until:
        run = Run(model, world, client, (), (max(entry.deadline[0], world.now), until), None, agenda.pop())
        try:
            if run.entry(*place) is None:
                wake(run)
                yield run.finish()
        except Dead:
            pass
        agenda.extend(run.pending)


def _serve(run: Run, parked: Parked, place: Place) -> None:
    """Runs the block of a client that waits again; where it would wait again, it goes on waiting."""
    mine = run.client, run.request, run.observed, run.children
    _become(run, parked.client)
    run.now = Moment(Variable(run.now.lo, run.latest))  # a command of its own, a little later
    run.woken_by, run.woken_with, run.observed, run.children = place[1], parked.kept, None, -1
    at = next(number for number, one in enumerate(run.parked) if one is parked)
    run.parked = (*run.parked[:at], *run.parked[at + 1 :])
    reply = run.model.execute(run, parked.request, True)
    _become(run, mine[0])
    _, run.request, run.observed, run.children = mine
    run.woken_by = run.woken_with = None
    if not isinstance(reply, Waiting):
        run.send(parked.client, reply, push=False)
    elif run.model.waits_anew:
        run.parked = (*run.parked, parked)
    else:
        run.parked = (*run.parked[:at], parked, *run.parked[at:])


def _become(run: Run, client: int) -> None:
    """Goes on as another client."""
    if run.client in run.sessions:
        run.sessions = run.sessions.set(run.client, run.session)
    run.client, run.session = client, run.sessions[client]
    run.selected = run.session["selected"]
