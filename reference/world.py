"""Worlds and runs: one possible state, and one attempt to execute a request in it.

Theory of operation. A world is immutable. A :class:`Run` works on a copy, command by command. Where the text
leaves a choice, or a comparison of times could go either way, the run takes the next decision of its list; where the
list ends it takes the first alternative and notes the others. ``model.step`` then runs again with each of those:
re-execution instead of continuations, since most requests have no choice at all. What must not live here: commands.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from immutables import Map

from redlark.reference import fields
from redlark.reference.candidates import are_all, candidates_of, perhaps_unseen
from redlark.reference.domains import Unshown
from redlark.reference.iterations import forget, narrow
from redlark.reference.moments import Comparing
from redlark.reference.notifying import happen, whither
from redlark.reference.resp import Frame
from redlark.reference.values import (
    CHANGED,
    EMPTY,
    EXPIRED,
    Dead,
    Entry,
    Happening,
    Moment,
    Owed,
    Parked,
    Place,
    Variable,
    Waiting,
    type_of,
)
from redlark.reference.watching import notice
from redlark.reference.writes import set_own, store, without

if TYPE_CHECKING:
    from redlark.reference.model import Model

Database = Map[bytes, Entry]


@frozen
class World:
    """One possible state of a server: databases, connections, its own fields, the clock's lower bound, what it owes.

    Clients wait in the order in which they came; `outbox` holds the frames that are on their way.
    """

    databases: tuple[Database, ...]
    sessions: Map[int, Map[str, Any]]
    server: Map[str, Any]
    versions: Map[tuple[int, bytes], int]
    now: int
    parked: tuple[Parked, ...] = ()
    outbox: tuple[Owed, ...] = ()
    noted: tuple[str, ...] = field(default=(), eq=False)  # rules of what it did by itself, until they are counted

    def owed(self, client: int) -> tuple[Owed, ...]:
        """The frames that a client is still to get, in order."""
        return tuple(owed for owed in self.outbox if owed.client == client)

    def waits(self, client: int) -> Parked | None:
        """What a client waits for; None where it does not wait."""
        return next((parked for parked in self.parked if parked.client == client), None)


class Run(Comparing):
    """One attempt to execute a request; raises :class:`~values.Dead` where its decisions cannot have been."""

    __slots__ = (
        "about", "alive", "answered", "answers_late",
        "asked",
        "began", "behind",
        "busy",
        "caller",
        "changes",
        "children",
        "cleared",
        "client",
        "concealed",
        "databases",
        "deadlines",
        "decisions",
        "delay",
        "differences",
        "earliest",
        "emptied",
        "encodings",
        "events",
        "field_moments",
        "field_places",
        "happened",
        "keeps",
        "latest",
        "looks",
        "model",
        "nested",
        "now",
        "observed",
        "outbox",
        "over",
        "parked", "partial", "pending",
        "position",
        "propagated", "pushed", "quiet",
        "reached", "read", "recoded",
        "replied",
        "request",
        "script",
        "selected",
        "server",
        "session",
        "sessions",
        "signalled",
        "silent_propagation", "told",
        "vanished",
        "versions",
        "waiting",
        "woken_by",
        "woken_with",
        "world",
        "written",
    )  # fmt: skip

    def __init__(
        self, model: Model, world: World, client: int, request: tuple[bytes, ...], interval: tuple[int, int],
        observed: Frame | None, decisions: tuple[int, ...],
    ) -> None:  # fmt: skip
        self.model, self.world, self.client, self.request = model, world, client, request
        self.databases, self.decisions, self.position = list(world.databases), decisions, 0
        self.sessions, self.server, self.versions = world.sessions, world.server, world.versions
        self.session = world.sessions[client]
        self.selected: int = self.session["selected"]
        self.earliest, self.latest = max(interval[0], world.now), max(interval[1], world.now)
        self.began = self.now = Moment(Variable(self.earliest, self.latest))
        self.observed, self.encodings = observed, model.encodings
        self.pending: list[tuple[int, ...]] = []
        self.alive: set[tuple[int, bytes]] = set()
        self.deadlines: dict[tuple[int, bytes], Moment] = {}
        self.written: set[tuple[int, bytes]] = set()  # places of deadlines that this run has set, not only looked at
        self.differences: dict[tuple[Variable, Variable], tuple[int, int]] = {}
        # of fields: moments by the identity of their bounds, places looked at, what is over, hashes emptied
        self.field_moments: dict[int, tuple[tuple[int, int], Moment]] = {}
        self.field_places: set[tuple[int, bytes]] = set()
        self.over: dict[tuple[Variable, int], bool] = {}
        self.emptied: dict[tuple[int, bytes], tuple[Any, bool]] = {}
        self.cleared: list[Place] = []  # keys that have expired and were met
        self.events: list[tuple[int, bytes, bytes]] = []
        self.propagated: list[tuple[int, tuple[Any, ...]]] = []
        self.silent_propagation = self.quiet = False  # quiet: what is written is hidden from those who watch it
        self.replied: bool | None = False  # whether what its client is pushed now follows the reply; None: as it may be
        self.reached: list[str] = []
        self.recoded: list[tuple[int, bytes, Any, bytes]] = []  # encodings that were said, of which values
        self.changes, self.keeps = 0, False  # keeps: whether what a command wrote stays though it fails
        self.partial = False  # whether it has chosen among examples, where a reply that was observed would tell more
        # how many replies of an EXEC around it have been given (-1 outside); milliseconds that the reply takes at least
        self.children, self.delay = -1, 0
        self.script: Map[str, Any] | None = None  # what a script may do, while one runs
        self.caller: Map[str, Any] | None = None  # its client's connection; its calls have a session of their own
        self.about: tuple[Any, ...] = ()  # of a notification that is being sent: its place, and whether it may be early
        self.parked, self.outbox = world.parked, world.outbox
        self.pushed: tuple[Owed, ...] = ()  # what this client gets before its reply; behind it, in an EXEC
        self.behind: tuple[Owed, ...] = ()
        self.signalled: list[Place] = []  # keys that clients wait for and that came to be
        self.woken_by: bytes | None = None
        self.woken_with: Any = None  # what the block that was woken has kept from its first run
        self.nested: tuple[bytes, ...] = ()  # errors that calls of the script under way were told
        self.happened: list[Happening] = []  # keys that were read or changed, once somebody tracks
        # whether misses are told; whether who asks is answered behind those who are woken; the command's latest event
        self.looks, self.answers_late, self.told = False, False, b""
        self.vanished: tuple[Any, ...] = ()  # a hash met as it ended
        self.waiting: Waiting | None = None  # where the request's own client is left waiting
        # for logs: what was asked, bytes answered, microseconds of work at least, words read, words that are secrets
        self.asked, self.answered, self.busy, self.read = request, (0, 0), 0, 0
        self.concealed: frozenset[int] = frozenset()

    # ---- decisions -------------------------------------------------------------------------------------------

    def fork(self, alternatives: int) -> int:
        """One of this many alternatives; the others are noted as runs still to be made."""
        if alternatives == 1:
            return 0
        if self.position < len(self.decisions):
            taken = self.decisions[self.position]
        else:
            taken = 0
            self.pending.extend((*self.decisions, other) for other in range(1, alternatives))
            self.decisions = (*self.decisions, 0)
        self.position += 1
        return taken

    def pick(self, domain: Any) -> Any:
        """``choose``: a member of the domain; those that the observed reply suggests, else all of them."""
        candidates = candidates_of(domain, self.observed)
        if not self.partial and (self.observed is None or type(domain) is Unshown):
            self.partial = not are_all(domain, candidates)
        if self.script is not None:
            candidates = perhaps_unseen(domain, candidates)
        if not candidates:
            raise Dead
        picked = candidates[self.fork(len(candidates))]
        settle = getattr(domain, "settle", None)
        if settle is not None:  # which one it is tells something of the domain's uncertain bounds
            settle(picked)
        return picked

    # ---- databases -------------------------------------------------------------------------------------------

    def entry(self, number: int, key: bytes) -> Entry | None:
        """What a key holds, None if nothing or expired: an expired key is removed as it is met."""
        entry = self.databases[number].get(key)
        if entry is None or (entry.deadline is None and entry.fields is None) or (number, key) in self.alive:
            return entry
        if self._overdue(number, key):
            self.clear(number, key)
            self.propagated.append((number, (b"DEL", key)))
            self.notify(number, b"expired", key, early=True)
            return None
        if entry.fields is not None and fields.emptied(self, number, key):
            self.clear(number, key)
            self.propagated.append((number, (b"HDEL", key, *entry.fields)))
            self.notify(number, b"hexpired", key, early=True)
            self.notify(number, b"del", key, early=True)
            self.vanished = number, key
            return None
        self.alive.add((number, key))
        return self.databases[number].get(key)

    def clear(self, number: int, key: bytes) -> None:
        """Takes out what has expired; it is gone even if the command that met it fails."""
        self.remove(number, key)
        self.over_for(number, key)
        self.cleared.append((number, key))

    def over_for(self, number: int, key: bytes) -> None:
        """Counts that a key's time was up, for WATCH and for who tracks."""
        self.count(number, key)
        if self.server.get("tracking"):
            self.happened.append((EXPIRED, (number, key), -1))
        notice(self)

    def expired(self, number: int, key: bytes) -> bool:
        """Whether a stored key is gone by its deadline, or by that of its last field."""
        if self._overdue(number, key):
            return True
        entry = self.databases[number].get(key)
        return entry is not None and entry.fields is not None and fields.emptied(self, number, key)

    def _overdue(self, number: int, key: bytes) -> bool:
        """Whether a stored key's deadline lies before this command's moment; at the moment itself, the text says."""
        deadline = self.stored_deadline(number, key)
        if deadline is None or not self.at_most(self.began, deadline):
            return deadline is not None
        return self.model.gone_at_deadline and self.equal(self.began, deadline) and self.fork(2) == 1

    def is_over(self, deadline: Moment) -> bool:
        """Whether the deadline of a field lies before this command's moment; at the moment itself it may be over.

        Redis has it so for keys as well; in Valkey such a field still answers, but may be cleared away already.
        """
        known = self.over.get((deadline.variable, deadline.offset))
        if known is None:
            met = self.at_most(self.began, deadline)
            known = not met or (self.equal(self.began, deadline) and self.fork(2) == 1)
            self.over[deadline.variable, deadline.offset] = known
        return known

    def value(self, number: int, key: bytes) -> Any:
        """The value at a key, None if absent."""
        entry = self.entry(number, key)
        return None if entry is None else entry.value

    def encoding(self, number: int, key: bytes) -> bytes | None:
        """How the value at a key is encoded, None if absent."""
        entry = self.entry(number, key)
        return None if entry is None else entry.encoding

    def stored_deadline(self, number: int, key: bytes) -> Moment | None:
        """The deadline of a stored key, expired or not."""
        found = self.deadlines.get((number, key))
        if found is None:
            entry = self.databases[number].get(key)
            if entry is None or entry.deadline is None:
                return None
            found = self.deadlines[number, key] = Moment(Variable(*entry.deadline))
        return found

    def deadline(self, number: int, key: bytes) -> Moment | None:
        """The deadline of a key, None if it is absent or lives forever."""
        return None if self.entry(number, key) is None else self.stored_deadline(number, key)

    def put(self, number: int, key: bytes, value: Any) -> None:
        """Stores a value and keeps the deadline; an empty collection removes its key."""
        old = self.entry(number, key)
        if value is None or (not isinstance(value, bytes) and value == EMPTY[type_of(value)]):
            if old is not None:
                self.delete(number, key)
            return
        encoding = self.encodings(self, key, value, old)
        if old is None:
            entry = Entry(value, None, encoding)
        else:
            entry = Entry(value, old.deadline, encoding, old.fields and fields.still(old.fields, value))
        store(self, number, key, entry)
        self.touch(number, key)
        if self.parked and (old is None or (type(old.value) is not type(value) and self._any_change(number, key))):
            self.signalled.append((number, key))

    def put_entry(self, number: int, key: bytes, entry: Entry | None, deadline: Moment | None) -> None:
        """Stores an entry as it is, or removes the key: what moving a key needs."""
        self.deadlines.pop((number, key), None)
        if entry is None:
            self.databases[number] = without(self.databases[number], key)
        else:
            store(self, number, key, entry)
            if deadline is not None:
                self.deadlines[number, key] = deadline
                self.written.add((number, key))
                self.alive.add((number, key))
        self.touch(number, key)
        if self.parked:
            self.signalled.append((number, key))

    def set_encoding(self, number: int, key: bytes, encoding: bytes) -> None:
        """Says how a key is stored, where that is not what a fresh value would be."""
        entry = self.entry(number, key)
        if entry is not None:
            self.databases[number] = self.databases[number].set(key, entry._replace(encoding=encoding))
            self.recoded.append((number, key, entry.value, encoding))

    def set_deadline(self, number: int, key: bytes, deadline: Any) -> None:
        """Sets a deadline, None for forever."""
        entry = self.entry(number, key)
        if entry is None:
            return
        if deadline is None:
            self.deadlines.pop((number, key), None)
            self.databases[number] = self.databases[number].set(key, entry._replace(deadline=None))
        else:
            moment = deadline if isinstance(deadline, Moment) else Moment(Variable(deadline, deadline))
            self.deadlines[number, key] = moment
            self.written.add((number, key))
            self.databases[number] = self.databases[number].set(key, entry._replace(deadline=(moment.lo, moment.hi)))
            self.alive.add((number, key))
        self.touch(number, key)

    def delete(self, number: int, key: bytes) -> None:
        """Removes a key, its deadline with it."""
        if self.entry(number, key) is not None:
            self.remove(number, key)
            self.touch(number, key)

    def remove(self, number: int, key: bytes) -> None:
        """Takes a key out, uncounted."""
        if self.parked and self._any_change(number, key):
            self.signalled.append((number, key))
        self.databases[number] = self.databases[number].delete(key)
        self.deadlines.pop((number, key), None)
        narrow(self, number, key)
        forget(self, number, key)

    def _any_change(self, number: int, key: bytes) -> bool:
        """Whether somebody waits for any change of a key: it is a stream that a group reads."""
        return any(parked.type is None and (number, key) in parked.places for parked in self.parked)

    def touch(self, number: int, key: bytes) -> None:
        """Counts a change, for WATCH and for what is propagated."""
        self.changes += 1
        if not self.quiet:
            self.count(number, key)
            if self.server.get("tracking"):
                self.happened.append((CHANGED, (number, key), -1 if self.script is not None else self.client))
        narrow(self, number, key)

    def count(self, number: int, key: bytes) -> None:
        """Counts a change for WATCH alone."""
        version = self.versions.get((number, key))
        if version is not None:
            self.versions = self.versions.set((number, key), version + 1)

    def version(self, number: int, key: bytes) -> int:
        """A number that changes with every change of a key that is watched; asking for it makes it watched."""
        found = self.versions.get((number, key))
        if found is None:
            found = 0
            self.versions = self.versions.set((number, key), 0)
        return found

    # ---- sessions --------------------------------------------------------------------------------------------

    def session_of(self, client: int) -> Map[str, Any]:
        """The fields of any connection."""
        own = self.session if self.caller is None else self.caller
        return own if client == self.client else self.sessions[client]

    def set_session(self, client: int, field: str, value: Any) -> None:
        """Writes a field of any connection."""
        if client != self.client:
            self.sessions = self.sessions.set(client, self.sessions[client].set(field, value))
        elif self.caller is not None:
            self.caller = self.caller.set(field, value)
        else:
            set_own(self, field, value)

    # ---- other clients ---------------------------------------------------------------------------------------

    def send(self, client: int, reply: Any, *, push: bool = True, bag: Any = None, ahead: bool = False) -> None:
        """Owes a client a frame. Whether what a command pushes to its own client precedes the reply, the text says."""
        session = self.session_of(client)
        if session.get("closed"):
            return
        owed = Owed(client, reply, session["resp"], bag, *self.about)
        way = whither(self, ahead) if push and client == self.client else "outbox"
        setattr(self, way, (*getattr(self, way), owed))

    def notify(self, number: int, event: bytes, key: bytes, *, early: bool = False, ahead: bool = False) -> None:
        """An event, which the text tells to whoever listens; see `notifying.tell`."""
        self.events.append((number, event, key))
        happen(self, number, event, key, early, ahead)

    def park(self, waiting: Waiting) -> None:
        """Leaves the request's client waiting."""
        self.waiting = waiting
        ends = (self.began.lo + waiting.delay, self.began.hi + waiting.delay) if waiting.delay else None
        parked = Parked(self.client, self.request, waiting.places, waiting.type, ends, waiting.late, waiting.kept)
        self.parked = (*self.parked, parked)

    def waited_for(self, number: int) -> list[Place]:
        """The keys of a database for which what they hold now is somebody's concern, each once."""
        found: dict[Place, None] = {}
        for parked in self.parked:
            for place in [place for place in parked.places if place[0] == number]:
                entry = self.databases[number].get(place[1])
                if parked.type is None or (entry and type_of(entry.value) == parked.type):
                    found[place] = None
        return list(found)

    def signal_all(self, places: list[Place]) -> None:
        """Keys that change at once wake their waiters in whatever order a server's table has them."""
        left = list(places)
        while left:
            self.signalled.append(left.pop(self.fork(len(left))))

    # ---- the end ---------------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[Any, ...]:
        """What a failed command gives back: the databases, not the sessions."""
        deadlines, written = self.deadlines.copy(), self.written.copy()
        self.recoded.clear()
        counts = len(self.events), len(self.propagated), len(self.signalled), len(self.happened), len(self.cleared)
        return tuple(self.databases), self.versions, *counts, self.changes, deadlines, written

    def restore(self, snapshot: tuple[Any, ...]) -> None:
        """Undoes a failed command's writes; what was found out about times stands, and how an old value is now kept."""
        databases, self.versions, events, propagated, signalled, happened, cleared, *rest = snapshot
        self.changes, deadlines, written = rest
        self.databases = list(databases)
        for place in self.written - written:
            self.deadlines.pop(place, None)
            self.alive.discard(place)
        self.deadlines.update(deadlines)
        self.written = written
        del self.events[events:]
        del self.propagated[propagated:]
        del self.signalled[signalled:]
        self.happened[happened:] = [one for one in self.happened[happened:] if one[0] == EXPIRED]
        for number, key in self.cleared[cleared:]:  # who listens or tracks is told of it: it is gone
            self.count(number, key)
            if key in self.databases[number]:
                self.remove(number, key)
        for number, key, value, encoding in self.recoded:
            entry = self.databases[number].get(key)
            if entry is not None and entry.value is value:
                self.databases[number] = self.databases[number].set(key, entry._replace(encoding=encoding))

    def finish(self) -> World:
        """The world after this run; the very same one where nothing changed."""
        for (number, key), moment in self.deadlines.items():
            entry = self.databases[number].get(key)
            if entry is not None and entry.deadline != (moment.lo, moment.hi):
                changed = entry._replace(deadline=(moment.lo, moment.hi))
                self.databases[number] = self.databases[number].set(key, changed)
        if self.field_places:
            fields.finish(self)
        sessions = self.sessions
        if self.client in sessions and self.session is not sessions[self.client]:
            sessions = sessions.set(self.client, self.session)
        world, now, databases = self.world, self.now.lo, tuple(self.databases)
        if (
            sessions is world.sessions and self.server is world.server and self.versions is world.versions
            and now == world.now and self.parked is world.parked and self.outbox is world.outbox
            and databases == world.databases
        ):  # fmt: skip
            return world
        return World(databases, sessions, self.server, self.versions, now, self.parked, self.outbox)
