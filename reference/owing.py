"""What the model owes to others than who asked, or later: frames on their way, clients that wait.

Theory of operation. A world's outbox holds frames in the order in which they were sent; on each connection they must
come in that order, but where they share a bag (the messages of several patterns) in any. ``answers`` and ``arrives``
take away what has come. What must not live here: when something is sent (the text says ``send push`` and ``park``).
"""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from attrs import evolve

from redlark.reference import counting, logs, tracking
from redlark.reference.blocks import Compiled
from redlark.reference.replies import describe, encode, matches, some
from redlark.reference.resp import Frame
from redlark.reference.values import NO_REPLY, PARKED, Dead, Owed, Parked, Place, Several, Spoken, Status
from redlark.reference.world import Run, World

Worlds = tuple[World, ...]
Request = tuple[bytes, ...]
Interval = tuple[int, int]

MAX_WORLDS = 64  # worlds kept; the text keeps choices small, so more would be an error of the text as well
LATENESS = 2_000  # milliseconds that a server may be late in telling that someone has waited long enough
SPONTANEOUS = 6  # things that happen by themselves, at most, before one frame


class Owing:
    """The part of a model that knows of several clients."""

    reached: Counter[str]
    reached_in: dict[int, Counter[str]]  # what requests of connections in RESP2 and in RESP3 reached; less by itself
    left_out: bool = False  # whether there were more worlds than are here, since somebody last said that there were not

    @abstractmethod
    def _runs(
        self, world: World, client: int, request: Request, interval: Interval, observed: Frame | None
    ) -> Iterable[tuple[Run, Any]]: ...

    @abstractmethod
    def _agrees(self, run: Run, reply: Any, observed: Frame) -> bool: ...

    @abstractmethod
    def delivered(self, run: Run, reply: Any) -> Any: ...

    @abstractmethod
    def command(self, request: Request) -> Compiled | None: ...

    def _starts(self, world: World, interval: Interval) -> Iterable[World]:
        """The worlds in which a request may find itself: those who wait may have stopped before it, or not yet."""
        tells = tracking.tells(world)
        found = self._already(world, interval[1]) if tells else [world]
        for parked in world.parked:
            if parked.deadline is not None and parked.deadline[0] <= interval[1]:
                over = [self._late(w, parked) for w in found]
                found = over if parked.deadline[1] + LATENESS < interval[0] else over + found
        for place in watched_deadlines(world) if not tells else ():
            found = found + [after for w in found for after in self._expires(w, place, interval[1])]
        return found

    @abstractmethod
    def _expires(self, world: World, place: Place, until: int) -> Iterable[World]:
        """The worlds in which the server has cleared a key away by a moment, its deadline being over."""

    @abstractmethod
    def _cleared(self, world: World, until: int) -> Iterable[World]:
        """The worlds in which it has cleared away one key, where somebody hears of that."""

    @abstractmethod
    def _already(self, world: World, until: int) -> list[World]:
        """A world, and those in which it has cleared away some such keys."""

    def _late(self, world: World, parked: Parked) -> World:
        """Someone who waited gets the reply that says so."""
        owed = Owed(parked.client, parked.late, world.sessions[parked.client]["resp"])
        left = tuple(one for one in world.parked if one is not parked)
        run = Run(self, world, parked.client, parked.request, (world.now, world.now), None, ())  # type: ignore[arg-type]
        counting.told(run, parked.request, parked.late, counting.GAVE_UP)
        silent = self.delivered(run, parked.late) is NO_REPLY
        after = evolve(run.finish(), parked=left, outbox=world.outbox if silent else (*world.outbox, owed))
        if world.server.get("logs") and parked.deadline is not None:
            after = logs.waited(self, after, parked, parked.deadline[1] + LATENESS)
        return tracking.waited(self, after, parked) if tracking.tracks(world) else after

    def answers(
        self, worlds: Worlds, client: int, request: Request, interval: Interval, frames: tuple[Frame, ...],
        behind: tuple[Frame, ...] = (), elsewhere: Callable[[], Mapping[int, tuple[Frame, ...]]] | None = None,
    ) -> tuple[Worlds, bool]:  # fmt: skip
        """The worlds in which these frames came on a client's connection, the last of them the reply to its request.

        Before it comes what the client was owed already. Of a reply of several frames the last is the first; the others
        are owed then, and those that are here already (``behind``) say how choices went. And whether more frames may
        have to come, before the reply. Where there are more worlds than are kept, what has come to others by then
        (``elsewhere``) tells which of them can be.
        """
        found: list[World] = []
        before, last = frames[:-1], frames[-1]
        whole = Frame(last.kind, (*last.value, *behind), last.raw) if behind and type(last.value) is tuple else last
        for world in self._flushed(worlds, client, len(before), interval[1]):
            for run, reply in self._runs(world, client, request, interval, whole):
                if reply in (NO_REPLY, PARKED):
                    continue
                ahead = (*_of(run.world, client), *run.pushed)
                if len(ahead) != len(before) or left_after(ahead, before) is None:
                    continue
                first, rest = first_of(reply, client, run.session["resp"])
                if not self._agrees(run, first, last) or (run.delay and interval[1] - interval[0] < run.delay):
                    continue
                known, added = run.world.outbox, run.outbox[len(run.world.outbox) :]
                run.outbox = (*[one for one in known if one.client != client], *rest, *added)
                self._keep(run, found)
        if len(found) > MAX_WORLDS and elsewhere is not None:
            come = elsewhere()
            found = [w for w in found if all(_may_get(w, one, there) for one, there in come.items())] or found
        return self._some(found), not found and self._more(worlds, client, request, interval, frames)

    def _keep(self, run: Run, found: list[World]) -> None:
        """Adds the world after a run to those that were found, where there can be one."""
        try:
            after = run.finish()
        except Dead:
            return
        if run.partial and after.databases != run.world.databases:
            self.left_out = True
        reached, spoken, noted = self.reached, self.reached_in[run.session["resp"]], run.world.noted
        for rule in run.reached:
            reached[rule] += 1
            spoken[rule] += 1
        for rule in noted:
            reached[rule] += 1
        if not found or after not in found:
            found.append(evolve(after, noted=()) if after.noted else after)

    def _some(self, found: Collection[World]) -> Worlds:
        """As many worlds as are kept; where that is not all of them, nothing is certain any more."""
        self.left_out = self.left_out or len(found) > MAX_WORLDS
        return tuple(found)[:MAX_WORLDS]

    def _counted(self, world: World) -> World:
        """The world, once what the server did by itself on the way to it counts as done."""
        self.reached.update(world.noted)
        return evolve(world, noted=()) if world.noted else world

    def _more(
        self, worlds: Worlds, client: int, request: Request, interval: Interval, frames: tuple[Frame, ...]
    ) -> bool:
        for world in self._flushed(worlds, client, len(frames), interval[1]):
            for run, _ in self._runs(world, client, request, interval, None):
                ahead = (*_of(run.world, client), *run.pushed)
                if len(ahead) >= len(frames) and left_after(ahead, frames) is not None:
                    return True
        return False

    def arrives(self, worlds: Worlds, client: int, observed: Frame, until: int) -> Worlds:
        """The worlds in which this frame comes to a client that has asked for nothing; none: nobody owes it.

        ``until`` is the Unix time in milliseconds at which it was here.
        """
        found: dict[World, None] = {}
        waiting: Iterable[World] = worlds
        for _ in range(SPONTANEOUS):
            unmet: list[World] = []
            for world in waiting:
                head = taken(_of(world, client), observed)
                if head is not None:
                    left = tuple(one for one in world.outbox if one is not head)
                    found[evolve(self._counted(world), outbox=left)] = None
                elif not found or tracking.tells(world):  # the same may be told of more, or of what expired meanwhile
                    unmet.append(world)
            waiting = dict.fromkeys(after for world in unmet for after in self.spontaneous(world, until))
        return self._some(found)

    def spontaneous(self, world: World, until: int) -> Iterable[World]:
        """The worlds that come of this one by nobody's request: someone has waited long enough, something expired."""
        for parked in world.parked:
            if parked.deadline is not None and parked.deadline[0] <= until:
                yield self._late(world, parked)
        if tracking.tells(world):
            yield from self._by_itself(world, until)
            return
        for place in watched_deadlines(world):
            yield from self._expires(world, place, until)

    def _by_itself(self, world: World, until: int) -> Iterable[World]:
        """The worlds in which the server has told what it had put off, or cleared away what somebody hears of."""
        if tracking.tracks(world):
            yield from tracking.broadcasts(self, world)
            yield from tracking.forgets(self, world)
        yield from self._cleared(world, until)

    def owes(self, world: World) -> bool:
        """Whether somebody is still to get a frame, now that the server has done all that was asked."""
        return bool(world.outbox or tracking.rested(self, world).outbox)

    def rested(self, worlds: Worlds) -> Worlds:
        """The worlds in which the server has told all that it had put off."""
        return tuple(dict.fromkeys(self._counted(tracking.rested(self, world)) for world in worlds))

    def _flushed(self, worlds: Worlds, client: int, frames: int, until: int) -> Iterable[World]:
        """The worlds, and where frames came before a reply, those in which they may be what had been put off."""
        yield from worlds
        last: Iterable[World] = [world for world in worlds if frames and tracking.tells(world)]
        for _ in range(SPONTANEOUS if frames else 0):
            short = [world for world in last if len(_of(world, client)) < frames]
            last = dict.fromkeys(after for world in short for after in self._by_itself(world, until))
            yield from last

    def spoken(self, owed: Owed) -> str:
        """A frame that is owed, in redis-cli's words."""
        return describe(owed.reply, owed.resp)

    def parks(self, request: Request) -> bool:
        """Whether a request is of a command that may leave its client waiting."""
        command = self.command(request)
        return command is not None and command.parks

    def waits(self, worlds: Worlds, client: int, request: Request, interval: Interval) -> frozenset[bool]:
        """Whether a request leaves its client waiting, without a reply: yes, no, or both."""
        ways = (pair for world in worlds for pair in self._runs(world, client, request, interval, None))
        return frozenset(reply is PARKED for _, reply in ways)

    def left_waiting(self, worlds: Worlds, client: int, request: Request, interval: Interval) -> Worlds:
        """The worlds in which a request left its client waiting."""
        found: dict[World, None] = {}
        for world in worlds:
            for run, reply in self._runs(world, client, request, interval, None):
                if reply is PARKED:
                    _owe_pushed(run)
                    found[evolve(run.finish(), noted=())] = None
                    self.reached.update(run.world.noted)
                    self.reached.update(run.reached)
                    self.reached_in[run.session["resp"]].update(run.reached)
        return tuple(found)

    def begun(self, worlds: Worlds, client: int, request: Request, interval: Interval) -> Worlds:
        """The worlds in which a request that answers OK late has done all but that; none where it may answer otherwise.

        What the server tells before it sleeps is put off until it does.
        """
        found: list[World] = []
        for world in worlds:
            unsent = world.server.get("unsent", ())
            bare = evolve(world, server=world.server.set("unsent", ())) if unsent else world
            for run, reply in self._runs(bare, client, request, interval, None):
                if reply != Status(b"OK") or not run.answers_late:
                    return ()
                _owe_pushed(run)
                if unsent:
                    run.server = run.server.set("unsent", (*unsent, *run.server["unsent"]))
                self._keep(run, found)
        return tuple(found)

    def done(self, worlds: Worlds, client: int) -> Worlds:
        """The worlds in which such a request answers, once the server has slept and told what it had put off."""
        return tuple(
            evolve(w, outbox=(*w.outbox, Owed(client, Status(b"OK"), w.sessions[client]["resp"])))
            for w in self.rested(worlds)
        )

    def deliver(self, world: World, now: int) -> tuple[World, tuple[tuple[int, bytes], ...]]:
        """Gives up what a world owes by a moment, as a server would: the frames, each with whose it is."""
        for parked in world.parked:
            if parked.deadline is not None and parked.deadline[0] <= now:
                world = self._late(world, parked)
        world = tracking.rested(self, world)
        if not world.outbox:
            return world, ()
        frames = tuple((owed.client, encode(some(owed.reply, owed.resp), owed.resp)) for owed in world.outbox)
        return evolve(world, outbox=()), frames


def watched_deadlines(world: World) -> list[Place]:
    """The keys with a deadline whose going somebody waits for."""
    places = dict.fromkeys(place for parked in world.parked if parked.type is None for place in parked.places)
    return [place for place in places if key_deadline(world, place) is not None]


def key_deadline(world: World, place: Place) -> tuple[int, int] | None:
    """Bounds of the deadline of a stored key, as Unix times in milliseconds; None where it has none."""
    entry = world.databases[place[0]].get(place[1])
    return None if entry is None else entry.deadline


def _of(world: World, client: int) -> tuple[Owed, ...]:
    return world.owed(client) if world.outbox else ()


def _may_get(world: World, client: int, frames: tuple[Frame, ...]) -> bool:
    """Whether what a client gets may begin with these frames; of what keys are told to go through, nothing is sure."""
    owed = tuple(one for one in world.owed(client) if one.about is None)
    come = tuple(frame for frame in frames if not _is_notification(frame))
    number = min(len(owed), len(come))
    return left_after(owed, come[:number]) is not None


def _is_notification(frame: Frame) -> bool:
    leaves = frame.value if type(frame.value) is tuple else ()
    return any(type(one.value) is bytes and one.value.startswith(b"__key") for one in leaves)


def _owe_pushed(run: Run) -> None:
    """What a client gets before a reply that is still to come is owed to it, behind what it was owed before."""
    known = len(run.world.outbox)
    run.outbox, run.pushed = (*run.outbox[:known], *run.pushed, *run.outbox[known:]), ()


def first_of(reply: Any, client: int, resp: int) -> tuple[Any, tuple[Owed, ...]]:
    """The first frame of a reply, and what is owed of it then."""
    if type(reply) is not Several:
        return reply, ()
    first, *others = reply.frames
    return first, tuple(Owed(client, one, resp) for one in others)


def taken(owed: tuple[Owed, ...], frame: Frame) -> Owed | None:
    """Which of these, in order but for what shares a bag, a frame is; None if it is none that may come first."""
    in_bag = True
    for place, one in enumerate(owed):
        in_bag = in_bag and (not place or (one.bag is not None and one.bag == owed[0].bag))
        if (in_bag or _overtakes(one, owed[:place])) and matches(one.reply, frame, one.resp):
            return one
    return None


def _overtakes(one: Owed, ahead: tuple[Owed, ...]) -> bool:
    """Whether what is told may come first: that something expired, or before that, what is about other keys."""
    return one.about is not None and all(
        other.about is not None and other.about != one.about and (one.early or other.early) for other in ahead
    )


def left_after(owed: tuple[Owed, ...], frames: tuple[Frame, ...]) -> tuple[Owed, ...] | None:
    """What is still owed when these frames have come; None if they cannot have."""
    for frame in frames:
        found = taken(owed, frame)
        if found is None:
            return None
        owed = tuple(one for one in owed if one is not found)
    return owed


# ---- several frames of one request ---------------------------------------------------------------------------


def in_exec(run: Run, reply: Any, before: int, observed: Frame | None) -> Several:
    """What a command inside EXEC answers with more than one frame, or with pushes before its reply or behind it.

    EXEC has told how many frames there will be, one for each command; those that are too many follow behind it.
    """
    pushes, run.pushed = run.pushed[before:], run.pushed[:before]
    replies = reply.frames if type(reply) is Several else () if reply is NO_REPLY else (reply,)
    ahead, behind = ([Spoken(push.reply, push.resp) for push in part] for part in (pushes, run.behind))
    frames = (*ahead, *(Spoken(one, run.session["resp"]) for one in replies), *behind)
    run.behind = ()
    if observed is not None:
        seen = observed.value[run.children : run.children + len(frames)]
        if not all(matches(one, frame, one.resp) for one, frame in zip(frames, seen, strict=False)):
            raise Dead
    run.children += len(frames) - 1
    return Several(frames)


def torn(replies: tuple[Any, ...]) -> Any:
    """EXEC's array: as many frames as there were commands, and behind it those that are too many."""
    if not any(type(one) is Several for one in replies):
        return replies
    frames = [frame for one in replies for frame in (one.frames if type(one) is Several else (one,))]
    return Several((tuple(frames[: len(replies)]), *frames[len(replies) :]))


def pushes_of(reply: Several) -> Any:
    """What of several frames comes where replies are switched off: the pushes, those inside EXEC's array too."""
    frames = [one for frame in reply.frames for one in (frame if type(frame) is tuple else (frame,))]
    pushes = tuple(one for one in frames if getattr(_said(one), "kind", None) == "push")
    return Several(pushes) if pushes else NO_REPLY


def _said(frame: Any) -> Any:
    return frame.reply if type(frame) is Spoken else frame
