"""Keyspace notifications: from an event of a run to the text's block NOTIFIED, and what expires with nobody's doing.

What must not live here: which events become which messages (that is the text).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from redlark.reference import fields
from redlark.reference.values import Dead, Place

if TYPE_CHECKING:
    from redlark.reference.world import Run, World

NOTIFY = b"notify-keyspace-events"


def is_listened(run: Run) -> bool:
    """Whether anybody listens to any channel."""
    return _listens(run.session_of(run.client)) or any(map(_listens, run.sessions.values()))


def _listens(session: Any) -> bool:
    return bool(session["channels"] or session["patterns"])


def tell(run: Run, number: int, event: bytes, key: bytes, early: bool) -> None:
    """Runs the text's block of events, whose pushes are marked as being about this place."""
    notified = run.model.hidden.get("NOTIFIED")
    if notified is not None:
        before, run.about = run.about, ((number, key), early)
        notified.execute(run, (event, key, b"%d" % number))
        run.about = before


def arrive(run: Run, number: int, key: bytes) -> None:
    """Tells that a key comes to be where there was none: before anything that a command tells of it."""
    if run.server["config"].get(NOTIFY) and is_listened(run):
        tell(run, number, b"new", key, False)


def precedes(run: Run, ahead: bool) -> bool:
    """Whether a push to the request's own client precedes the reply.

    For an event before 7.2 it is not specified, but a script's events precede the script's reply.
    """
    if (run.model.own_pushes_follow and not ahead) or run.replied:
        return False
    return not run.about or run.script is not None or run.fork(2) == 0


def expiries(run_of: Any, world: World, until: int) -> Iterable[World]:
    """The worlds in which a server has cleared an expired key, or fields, away by a moment: told before what is owed.

    ``run_of`` makes a run of a world that is to take these decisions.
    """
    for number, database in enumerate(world.databases):
        for key, entry in database.items():
            if entry.fields is not None or (entry.deadline is not None and entry.deadline[0] <= until):
                for run in _cleared(run_of, (number, key)):
                    told = run.outbox[len(world.outbox) :]
                    if told:
                        run.outbox = (*told, *world.outbox)
                        with suppress(Dead):
                            yield run.finish()


def _cleared(run_of: Any, place: Place) -> Iterable[Run]:
    """The ways in which a server clears what has expired of a key away."""
    agenda: list[tuple[int, ...]] = [()]
    while agenda:
        run: Run = run_of(agenda.pop())
        try:
            entry = run.entry(*place)
            if entry is not None and entry.fields is not None:
                fields.take_away(run, *place, entry.fields)
        except Dead:
            agenda.extend(run.pending)
            continue
        agenda.extend(run.pending)
        yield run
