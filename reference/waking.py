"""Waking: who waits for a key is served when the request that made it has ended.

What must live here: in which order the waiting are looked at, and how a run goes on as one of them. What they then do
is their own block, from its first step.
"""

from __future__ import annotations

from redlark.reference.values import Parked, Place, Waiting, type_of
from redlark.reference.world import Run


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


def _serve(run: Run, parked: Parked, place: Place) -> None:
    """Runs the block of a client that waits again; where it would wait again, it goes on waiting."""
    mine = run.client, run.request, run.observed, run.children
    _become(run, parked.client)
    run.woken_by, run.observed, run.children = place[1], None, -1
    run.parked = tuple(one for one in run.parked if one is not parked)
    reply = run.model.execute(run, parked.request, True)
    _become(run, mine[0])
    _, run.request, run.observed, run.children = mine
    run.woken_by = None
    if not isinstance(reply, Waiting):
        run.send(parked.client, reply, push=False)
    else:
        run.parked = (*run.parked, parked)


def _become(run: Run, client: int) -> None:
    """Goes on as another client."""
    if run.client in run.sessions:
        run.sessions = run.sessions.set(run.client, run.session)
    run.client, run.session = client, run.sessions[client]
    run.selected = run.session["selected"]
