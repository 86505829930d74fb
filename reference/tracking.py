"""Hidden blocks: what the text says happens by itself, when keys are read or changed, a reply is given, a server idles.

What must live here: which block runs at which moment, with what. Nothing runs before somebody has tracked
(``server.tracking``). What a script does is noted and told before an event of it, or when it has ended.
What the blocks do is the text's to say (``spec/text/tracking.redlark``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from attrs import evolve

from redlark.reference.functions import of_run, pure
from redlark.reference.notifying import NOTIFY, listens
from redlark.reference.scripts import nobody
from redlark.reference.values import READ, Parked, Spoken
from redlark.reference.world import Run, World

HIDDEN = (
    "DISPATCH",
    "DELIVERY",
    "CALLED",
    "REMEMBER",
    "INVALIDATE",
    "ANSWERED",
    "ENDED",
    "BROADCAST",
    "NOTIFIED",
    "LOGGED",
    "COUNTED",
    "FORGET",
)
BY_ITSELF = tuple(f"{name}/" for name in HIDDEN[3:])  # rules that are not of what was asked
# Fields of a session that decide whether its connection is told of something:
HEARING = (
    "tracking",
    "bcast",
    "prefixes",
    "remembered",
    "redirect",
    "resp",
    "channels",
    "patterns",
    "shards",
    "closed",
)
TELLING = ("config", "event-classes", "tracking")  # and those of the server
MOST_APART = 5  # requests of which each may have been told of by itself; of more, at so many times at most:
MOST_TIMES = 2
NOBODY = -1  # the client of what the server does by itself


@pure
def begins_with(text: bytes, prefix: bytes) -> bool:
    """Whether a text begins with another one."""
    return text.startswith(prefix)


@pure
def sorted_(texts: Iterable[bytes]) -> tuple[bytes, ...]:
    """Texts in the order of their bytes."""
    return tuple(sorted(texts))


@pure
def in_protocol(reply: Any, protocol: int) -> Spoken:
    """A reply as a protocol has it, whichever its receiver speaks."""
    return Spoken(reply, protocol)


def tracks(world: World) -> bool:
    """Whether somebody has tracked."""
    return bool(world.server.get("tracking"))


def tells(world: World) -> bool:
    """Whether somebody may be told that a key's time is up: who tracks, or who listens to events."""
    return tracks(world) or (bool(world.server["config"].get(NOTIFY)) and any(map(listens, world.sessions.values())))


def audience(run: Run) -> World | None:
    """The world before a run with the connections as they are after it, if somebody may hear now who did not before."""
    world, own = run.world, run.session
    before = world.sessions
    same = own is before.get(run.client)
    if same and run.sessions is before and run.server is world.server:
        return None
    if not (
        (not same and run.client in before and _hear_otherwise(own, before[run.client]))
        or (run.sessions is not before and _others_hear_otherwise(run, before))
        or (run.server is not world.server and any(run.server.get(n) is not world.server.get(n) for n in TELLING))
    ):
        return None
    now = {name: run.server[name] for name in TELLING if name in run.server}
    sessions = run.sessions if same else run.sessions.set(run.client, own)
    return evolve(world, sessions=sessions, server=world.server.update(now))


def _others_hear_otherwise(run: Run, before: Any) -> bool:
    others = ((after, before.get(client)) for client, after in run.sessions.items() if client != run.client)
    return any(now is not then and then is not None and _hear_otherwise(now, then) for now, then in others)


def _hear_otherwise(session: Any, before: Any) -> bool:
    """Whether a connection hears something else than it did."""
    return any(session.get(field) != before.get(field) for field in HEARING)


def tell(run: Run) -> None:
    """Runs what the text has for keys that were read or changed; of what a script did it is its caller's turn."""
    happened, run.happened = run.happened, []
    own, caller = run.session, run.caller
    if caller is not None:
        run.session, run.caller = caller, None
    for kind, what, writer in happened:
        if kind == READ:
            _execute(run, "REMEMBER", what)
        else:
            before = run.replied
            run.replied = before or (None if writer != NOBODY else False)
            _execute(run, "INVALIDATE", what[1], writer)
            run.replied = before
    if caller is not None:
        run.session, run.caller = own, run.session


def _execute(run: Run, name: str, *what: Any) -> None:
    run.model.hidden[name].execute(run, what)


def answered(run: Run, waits: bool) -> None:
    """Runs what the text has for the end of a client's request, behind its reply."""
    tell(run)
    run.replied = True
    _execute(run, "ANSWERED", waits)


def answered_as(run: Run, parked: Parked) -> None:
    """The same as a client that has waited, and waits no longer."""
    mine = run.client, run.request
    become(run, parked.client)
    run.request = parked.request
    answered(run, False)
    become(run, mine[0])
    run.request = mine[1]


def become(run: Run, client: int) -> None:
    """Goes on as another client."""
    if run.client in run.sessions:
        run.sessions = run.sessions.set(run.client, run.session)
    run.client, run.session = client, run.sessions[client]
    run.selected = run.session["selected"]


def waited(model: Any, world: World, parked: Parked) -> World:
    """The world in which a client has been told that its time is over, after all that this entails."""
    run = Run(model, world, parked.client, parked.request, (world.now, world.now), None, ())
    answered(run, False)
    return run.finish()


def ended(run: Run) -> None:
    """Runs what the text has for the end of a request and of all that it woke."""
    _execute(run, "ENDED")


@of_run
def forget_some(run: Run) -> None:
    """Runs what the text has for a table that holds too many keys."""
    _execute(run, "FORGET")


# ---- what happens between requests --------------------------------------------------------------------------------


def by_nobody(model: Any, world: World, since: int, until: int, decisions: tuple[int, ...] = ()) -> Run:
    """A run of what the server does by itself between two moments."""
    alone = evolve(world, sessions=world.sessions.set(NOBODY, nobody(model)))
    return Run(model, alone, NOBODY, (), (since, max(since, until)), None, decisions)


def after_nobody(run: Run) -> World:
    """The world after a run of nobody; its rules are noted there."""
    after = run.finish()
    return evolve(after, sessions=after.sessions.delete(NOBODY), noted=(*run.world.noted, *run.reached))


def _by_itself(model: Any, world: World, name: str, *what: Any) -> Iterable[World]:
    """The worlds after a block that runs by itself, once for each way its choices may go."""
    agenda: list[tuple[int, ...]] = [()]
    while agenda:
        run = by_nobody(model, world, world.now, world.now, agenda.pop())
        _execute(run, name, *what)
        agenda += run.pending
        yield after_nobody(run)


def broadcasts(model: Any, world: World) -> Iterable[World]:
    """The worlds in which the changes of the first so many requests have been broadcast."""
    unsent = world.server["unsent"]
    for requests in range(1, len(unsent) + 1):
        yield from _by_itself(model, world, "BROADCAST", unsent[:requests])


def crosses(run: Run) -> bool:
    """Whether a request owes a frame to somebody who is still to be told of what requests before it have changed.

    The server may have slept between them, even if they came in one write: it reads so many bytes at once.
    """
    unsent, known = run.world.server.get("unsent"), len(run.world.outbox)
    if not unsent or len(run.outbox) <= known:
        return False
    owed = {one.client for one in run.outbox[known:]}
    prefixes = {change[0] for group in unsent for change in group}
    hearing = [(c, session) for c, session in run.world.sessions.items() if prefixes.intersection(session["prefixes"])]
    return any(session["redirect"] != 0 or client in owed for client, session in hearing)


def partly(model: Any, world: World) -> Iterable[World]:
    """The worlds in which the changes of the first so many requests have been broadcast, at one time or several."""
    found: dict[World, None] = {}
    going, times = [world], 0
    while going and (times < MOST_TIMES or len(world.server["unsent"]) <= MOST_APART):
        going = [after for one in going for after in broadcasts(model, one) if after not in found]
        found |= dict.fromkeys(going)
        times += 1
    return found


def rested(model: Any, world: World) -> World:
    """The world in which all that is to be broadcast has been."""
    unsent = world.server.get("unsent", ())
    return next(iter(_by_itself(model, world, "BROADCAST", unsent))) if unsent else world


def asleep(model: Any, world: World) -> list[World]:
    """The worlds in which all that is to be broadcast has been, at once or in as many times as there were requests."""
    done: dict[World, None] = {}
    going = [world] if world.server.get("unsent") else []
    while going:
        for after in broadcasts(model, going.pop()):
            if after.server["unsent"]:
                going.append(after)
            else:
                done[after] = None
    return list(done)


def forgets(model: Any, world: World) -> Iterable[World]:
    """The worlds in which a table that holds too many keys has forgotten some."""
    if model.holds_too_many(by_nobody(model, world, world.now, world.now)):
        yield from _by_itself(model, world, "FORGET")
