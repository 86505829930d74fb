"""Keyspace notifications: from an event of a run to the text's block NOTIFIED, and where a push to oneself stands.

What must not live here: which events become which messages (that is the text).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redlark.reference.world import Run

NOTIFY = b"notify-keyspace-events"


def is_listened(run: Run) -> bool:
    """Whether anybody listens to any channel."""
    return listens(run.session_of(run.client)) or any(map(listens, run.sessions.values()))


def listens(session: Any) -> bool:
    """Whether a connection listens to any channel."""
    return bool(session["channels"] or session["patterns"])


def tell(run: Run, number: int, event: bytes, key: bytes, early: bool, ahead: bool = False) -> None:
    """Runs the text's block of events, whose pushes are marked as being about this place.

    An ``early`` one, that something expired, may come before others' events. Who tracks is told of the changes before
    an event first, unless it is early or goes ``ahead`` of them.
    """
    if run.happened and not (ahead or early) and run.script is None:  # a script's changes are told at its end
        run.model.tell_changes(run)
    notified = run.model.hidden.get("NOTIFIED")
    if notified is not None:
        before, run.about = run.about, ((number, key), early)
        notified.execute(run, (event, key, b"%d" % number))
        run.about = before


def arrive(run: Run, number: int, key: bytes) -> None:
    """Tells that a key comes to be where there was none: before anything that a command tells of it."""
    if run.server["config"].get(NOTIFY) and is_listened(run):
        tell(run, number, b"new", key, False)


def whither(run: Run, ahead: bool) -> str:
    """Where a push to the request's own client is kept: what precedes the reply, what follows it, or all that is owed.

    From 7.2 on it follows all replies. Before that it stands where the command happened to tell of it, ahead of the
    reply or behind it, which is not specified for events and changes (RPUSH answers first, SET tells first); but what
    has expired, and what a script causes, is told before the reply.
    """
    if (run.model.own_pushes_follow and not ahead) or run.replied:
        return "outbox"
    told = bool(run.about) and not run.about[1] and run.script is None
    if not (told or run.replied is None) or run.fork(2) == 0:
        return "pushed"
    return "behind" if run.children >= 0 else "outbox"
