"""Keyspace notifications: from an event of a run to the text's block NOTIFIED, and where a push to oneself stands.

What must not live here: which events become which messages (that is the text).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from redlark.reference.counting import COUNTS, count
from redlark.reference.functions import of_run
from redlark.reference.values import EXPIRED, Place

if TYPE_CHECKING:
    from redlark.reference.world import Run

NOTIFY = b"notify-keyspace-events"


def is_listened(run: Run) -> bool:
    """Whether anybody listens to any channel."""
    return listens(run.session_of(run.client)) or any(map(listens, run.sessions.values()))


def listens(session: Any) -> bool:
    """Whether a connection listens to any channel."""
    return bool(session["channels"] or session["patterns"])


def happen(run: Run, number: int, event: bytes, key: bytes, early: bool, ahead: bool) -> None:
    """An event of the command under way: it is told if anybody listens, behind the changes that it comes with."""
    if not early:
        run.told = event
    if run.server["config"].get(NOTIFY) and is_listened(run):
        tell(run, number, event, key, early, ahead)
    elif run.happened and run.script is None:  # nobody can tell when a script's changes are told, if no event is
        _changes_first(run, (number, key), early, ahead)


def _changes_first(run: Run, place: Place, early: bool, ahead: bool) -> None:
    """Tells who tracks what has changed before an event of a key.

    Before an event that goes ``ahead`` of changes that is what has expired; before an ``early`` one, all that has but
    this key.
    """
    if not run.happened:
        return
    later = []
    if early or ahead:
        later = [one for one in run.happened if one[0] != EXPIRED or (early and one[1] == place)]
    if len(later) < len(run.happened):
        run.happened = [one for one in run.happened if one not in later] if later else run.happened
        run.model.tell_changes(run)
        run.happened = later


def tell(run: Run, number: int, event: bytes, key: bytes, early: bool, ahead: bool = False) -> None:
    """Runs the text's block of events, whose pushes are marked as being about this place.

    An ``early`` one, that something expired, may come before others' events. Who tracks is told of the changes before
    an event first, unless it is early or goes ``ahead`` of them.
    """
    _changes_first(run, (number, key), early, ahead)
    notified = run.model.hidden.get("NOTIFIED")
    if notified is not None:
        before, latest = run.about, run.told
        run.about, run.told = ((number, key), early), event
        what: tuple[Any, ...] = (event, key, b"%d" % number, early)
        notified.execute(run, what)
        run.about, run.told = before, latest


def arrive(run: Run, number: int, key: bytes) -> None:
    """Tells that a key comes to be where there was none: before anything that a command tells of it."""
    if run.server["config"].get(NOTIFY) and is_listened(run):
        tell(run, number, b"new", key, False, ahead=True)  # what else a command has changed is told with its own event


def looked(run: Run, key: bytes, is_there: bool, in_order: bool = True, untold: bool = False) -> None:
    """Counts a look-up of a command that tells of its look-ups, and tells of one in vain unless it is ``untold``.

    Of a hash whose last field is over nothing is left: this command has met it, or the server has cleared it before.
    """
    counts = run.server.get(COUNTS) is not None
    tells = not (is_there or untold) and bool(run.server["config"].get(NOTIFY)) and is_listened(run)
    if not (counts or tells):
        return
    met, run.vanished = run.vanished == (run.selected, key), ()
    is_there = is_there or (met and run.fork(2) == 0)
    if counts:
        count(run, b"keyspace_hits" if is_there else b"keyspace_misses")
    if tells and not is_there:
        tell(run, run.selected, b"keymiss", key, not in_order)


@of_run
def look_up(run: Run, key: bytes) -> None:
    """Looks a key up, which is told if it is not there."""
    _look_up(run, key, True)


@of_run
def look_up_untold(run: Run, key: bytes) -> None:
    """Looks a key up, which is counted, but not told if it is not there."""
    if run.server.get(COUNTS) is not None:
        looked(run, key, run.entry(run.selected, key) is not None, untold=True)


@of_run
def look_up_all(run: Run, keys: Sequence[bytes]) -> None:
    """Looks keys up in their order."""
    for key in keys:
        _look_up(run, key, True)


@of_run
def look_up_in_any_order(run: Run, keys: Sequence[bytes]) -> None:
    """Looks keys up in an order of the server's own."""
    for key in keys:
        _look_up(run, key, False)


def _look_up(run: Run, key: bytes, in_order: bool) -> None:
    if run.looks:
        looked(run, key, run.entry(run.selected, key) is not None, in_order)


@of_run
def tell_of_misses(run: Run) -> None:
    """From here on the command under way tells of keys that it looks up in vain, though it does not only read."""
    run.looks = True


def whither(run: Run, ahead: bool) -> str:
    """Where a push to the request's own client is kept: what precedes the reply, what follows it, or all that is owed.

    From 7.2 on it follows all replies. Before that it stands where the command tells of it, ahead of its reply or
    behind it (the text's `answers-first`); what has expired, and what a script causes, is told before the reply.
    """
    if (run.model.own_pushes_follow and not ahead) or run.replied:
        return "outbox"
    of_change = run.replied is None
    told = run.script is None and (of_change or (bool(run.about) and not run.about[1]))
    if not (told and run.model.answers_first(run, run.told, of_change)):
        return "pushed"
    return "behind" if run.children >= 0 else "outbox"
