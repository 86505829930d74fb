"""Who watches a key that had expired by then, and does not see what is stored over it.

Since 7.0 a server notes of a key that it had expired, and was still stored, when it began to be watched: until such a
key is gone nothing that happens to it counts. What stores over it without looking whether it has expired (RESTORE)
leaves that note as it is. What must not live here: when that happens (the text says ``overlook``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redlark.reference.functions import of_run

if TYPE_CHECKING:
    from redlark.reference.world import Run

Place = tuple[int, bytes]
OVERLOOKING = -2  # what a connection keeps of such a key in place of its version
CHANGED = -1  # and of one that can only have changed: no version is that
_PLACES = "overlooked"  # the field of the server that holds which keys are


@of_run
def overlook(run: Any, key: bytes) -> None:
    """Whoever watches a key since it has expired does not see what is stored over it, until that is gone.

    Its going has been counted by now, which who watched it as it had expired expects.
    """
    place = run.selected, key
    if _keep(run, place, run.version(*place), OVERLOOKING):
        run.server = run.server.set(_PLACES, run.server.get(_PLACES, frozenset()) | {place})


def notice(run: Run) -> None:
    """A command has ended, or time has taken a key away: of what is gone by now, everybody sees what follows."""
    for place in run.server.get(_PLACES, ()):
        if place[1] not in run.databases[place[0]]:
            _settle(run, place, run.version(*place))


def exchange(run: Run, live: Sequence[Place]) -> None:
    """Databases have changed places, so that what is there now and has not expired is another value for who watches."""
    for place in run.server.get(_PLACES, ()):
        if place in live:
            _settle(run, place, CHANGED)


def _settle(run: Run, place: Place, seen: int) -> None:
    _keep(run, place, OVERLOOKING, seen)
    run.server = run.server.set(_PLACES, run.server[_PLACES] - {place})


def _keep(run: Any, place: Place, before: int, after: int) -> bool:
    """Lets all connections that kept one number of a key keep another one; whether there were any."""
    found = False
    for client in run.sessions:
        watched = run.session_of(client).get("watched")
        if watched and watched.get(place) == before:
            run.set_session(client, "watched", watched.set(place, after))
            found = True
    return found
