"""What both cores share: one `State` for each server, one `ClientContext` for each connection.

Must live here: facts about the running server and the duties that recur (timers, cron).  Must not: commands
(commands/), the order of checks (`dispatch`), anything about sockets or buffers (the cores).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from secrets import token_hex
from typing import TYPE_CHECKING

import attrs

from redlark.server import fields
from redlark.server.blocking import Waiting
from redlark.server.bounding import bound
from redlark.server.config import Config
from redlark.server.eviction import Eviction
from redlark.server.interfaces import REPLY_OFF, REPLY_SKIP, Client, Command, CommandError, Database, Loop
from redlark.server.notifications import MISSED, Events
from redlark.server.observing import Observer
from redlark.server.pausing import Pause
from redlark.server.propagation import Propagation, Told
from redlark.server.pubsub import Listening, PubSub
from redlark.server.rates import Largest, Rates
from redlark.server.timers import Timers
from redlark.server.title import OomScore, expanded, show
from redlark.server.tracking import Track, Tracker
from redlark.server.types import Types
from redlark.server.usage import forget
from redlark.server.watchdog import Watchdog
from redlark.server.watching import unwatch

if TYPE_CHECKING:
    from redlark.server.scripting import Scripting

PRODUCT_VERSION = "8.2.3"  # the Redis whose behaviour this server has, as HELLO and INFO tell clients
PROTECTED = (
    b"DENIED This server has no password and is in protected mode, in which it serves its own machine alone. From "
    b"there, set a password with CONFIG SET requirepass or, where the network is trusted, CONFIG SET protected-mode no."
)
EMPTY = 1024  # bytes that an empty server is said to use
LONGEST_KIND = 31  # bytes of an error in which its first word must end
UNSAFE = bytes.maketrans(b"#:\r\n", b"____")  # what would spoil the lines of INFO
MOST_KINDS = 128  # of errors that are counted apart; scripts may invent any number: one more ends the counting
NOT_COUNTED = b"ERRORSTATS_DISABLED"  # what INFO then tells instead of them, until CONFIG RESETSTAT
TALKATIVE = frozenset((b"debug", b"verbose"))  # levels at which who comes and goes is worth a line
COUNTS = (
    *("connections", "rejected", "commands", "errors", "net_in", "net_out", "reads", "writes"),
    *("output_overflows", "query_overflows", "turns", "busy_ns", "output_grown", "output_shrunk"),
)
EXPIRE_SHARE = 0.25  # of the time between two crons may go into active expiry,
EFFORT_SHARE = 0.02  # and so much more for each step of active-expire-effort, which stops at
NEWEST = 0.05  # of the mean of what is past is what was found last
STALE = 10  # % of keys that are past, one less for each step


def milliseconds() -> int:
    """The wall clock, as Unix time in ms."""
    return time.time_ns() // 1_000_000


@attrs.define(slots=True, eq=False)
class ClientContext:
    """See `interfaces.Context`."""

    client: Client
    server: State
    db: Database
    index: int = 0
    executing: bool = False
    command: Command | None = None
    held: list[bytes] | None = None
    queued: int = 0  # bytes of what was queued since MULTI
    listening: Listening = attrs.Factory(Listening)
    track: Track = attrs.Factory(Track)
    running: bool = False  # a request of this client is under way
    _later: list[bytes] = attrs.Factory(list)  # frames that come behind its reply

    @property
    def now(self) -> int:
        return self.server.now

    def select(self, index: int, /) -> None:
        self.index = index
        self.db = self.client.db = self.server.databases[index]

    def tell(self, body: bytes, /) -> None:
        """Send a message; what a request sends to its own client comes behind its reply, or behind its EXEC's."""
        frame = (b">" if self.client.resp == 3 else b"*") + body
        if self.running:
            self._later.append(frame)
        else:
            self.client.deliver(frame)

    def ran(self) -> None:
        """The request under way is answered."""
        self.running = False
        if self._later:
            frames, self._later = self._later, []
            for frame in frames:
                self.client.deliver(frame)

    def notify(self, event: bytes, key: bytes, /, database: Database | None = None) -> None:
        if self.server.events.classes:
            self.server.events.tell(self.db if database is None else database, event, key)

    def missed(self, key: bytes, /) -> None:
        if self.db.misses:
            self.notify(MISSED, key)

    def propagate(self, *request: bytes) -> None:
        if self.server.propagation.on:
            self.server.propagation.say(self.index, list(request))


@attrs.define(slots=True, eq=False)
class State:
    """One running server.

    A core is made with it (`Loop(state, listeners)`), and sets `loop` to itself.
    """

    config: Config
    core: str  # "compiled" or "plain"
    types: Types  # the core's: `ctx.server.types.List(ctx.server.config)` is an empty list
    databases: list[Database] = attrs.Factory(list)
    commands: dict[bytes, Command] = attrs.Factory(dict)
    loop: Loop = attrs.field(init=False)
    timers: Timers = attrs.Factory(Timers)
    pubsub: PubSub = attrs.Factory(PubSub)
    observer: Observer = attrs.Factory(Observer)
    pause: Pause = attrs.Factory(lambda self: Pause(self.timers), takes_self=True)
    http_told: int = 0  # ms: when the log last told that somebody speaks HTTP
    failures: dict[bytes, int] = attrs.Factory(dict)  # errors that were replied, by their first word
    evicted_clients: int = 0  # since the server started or CONFIG RESETSTAT
    buffers: int = 0  # bytes that connections take, as cron has last found them
    peak_memory: int = 0  # the most that cron has found to be used
    active_expiry: bool = True  # DEBUG SET-ACTIVE-EXPIRE
    cron_paused: bool = False  # DEBUG PAUSE-CRON: nothing expires unasked, and nobody is closed for being idle
    events: Events = attrs.Factory(lambda self: Events(self.pubsub), takes_self=True)
    tracking: Tracker = attrs.Factory(lambda self: Tracker(self.client, self.configured), takes_self=True)
    now: int = attrs.Factory(milliseconds)
    started: int = attrs.Factory(milliseconds)
    memory_limited: bool = False  # maxmemory is set: what takes memory needs room
    lacks_replicas: bool = False  # writes are to have replicas, and there are none
    eviction: Eviction = attrs.Factory(lambda self: Eviction(self), takes_self=True)
    propagation: Propagation = attrs.Factory(lambda self: Propagation(self), takes_self=True)
    busy: bytes | None = None  # a script runs for too long: what others are told
    scripting: Scripting = attrs.field(init=False)
    log: Callable[[str, str], None] = lambda level, text: None  # a level of the configuration, and a line
    rates: Rates = attrs.Factory(Rates)
    largest: Largest = attrs.Factory(Largest)
    stale: float = 0.0  # which share of keys with deadlines was past, as active expiry has found of late
    lazy_before: int = 0  # values that were freed in steps before CONFIG RESETSTAT
    listeners: list[socket.socket] = attrs.Factory(list)
    expire_ns: int = 0  # that active expiry has taken
    expire_capped: int = 0  # how often its time was over before all databases had their turn
    denied: int = 0  # wrong passwords since the start
    peak_at: int = attrs.Factory(milliseconds)  # when most memory was used
    replication_id: str = attrs.Factory(lambda: token_hex(20))
    watchdog: Watchdog = attrs.Factory(lambda self: Watchdog(self.log), takes_self=True)
    waiting: Waiting = attrs.Factory(lambda self: Waiting(self.timers), takes_self=True)
    port: int = 0  # the one in use (config.port may be 0)
    over_tcp: bool = False  # was any ever?
    run_id: str = attrs.Factory(lambda: token_hex(20))
    process_id: int = attrs.Factory(os.getpid)
    oom_score: OomScore = attrs.Factory(OomScore)
    own_process: bool = False  # nobody else's code runs in it
    titled: bool = False  # the process is this server's, and is called as `proc-title-template` says
    _ids: int = 0
    _idle_checked: int = 0
    _expiring: int = 0  # the database whose turn it is

    @property
    def clients(self) -> dict[int, Client]:
        """By id, in order of connection."""
        return self.loop.clients

    def client(self, id_: int) -> Client | None:
        """The connection with an id, if it is still there."""
        return self.clients.get(id_)

    def connected(self, client: Client) -> None:
        """A core has accepted a connection: number it and give it its context."""
        self._ids += 1
        client.id = self._ids
        client.authenticated = not self.config.requirepass
        client.user = b"default"
        client.context = ClientContext(client, self, self.databases[0])
        client.db = self.databases[0]
        if self.config.loglevel in TALKATIVE:
            self.log("verbose", f"Client id={client.id} addr={client.addr.decode('latin-1')} has come")
        if self.config.protected_mode and not self.config.requirepass and not client.unix and not is_local(client.addr):
            client.reply(CommandError(PROTECTED))
            client.close(after_reply=True)

    def disconnected(self, client: Client) -> None:
        """A connection is gone: it watches and waits for nothing any more."""
        if self.config.loglevel in TALKATIVE:
            self.log("verbose", f"Client id={client.id} addr={client.addr.decode('latin-1')} has gone")
        unwatch(client)
        self.pubsub.leave_all(client)
        self.tracking.leave(client)
        self.waiting.leave(client)
        self.pause.held.pop(client, None)
        self.monitor(client, False)

    def monitor(self, client: Client, on: bool) -> None:
        """From now on the client is told of every request, or of none."""
        if on:
            self.observer.monitors[client] = None
        elif client in self.observer.monitors:
            del self.observer.monitors[client]
        else:
            return
        self.loop.configure()

    def configured(self) -> None:
        """`config` has changed."""
        self.memory_limited = self.config.maxmemory > 0
        self.lacks_replicas = self.config.min_replicas_to_write > 0 and self.config.min_replicas_max_lag > 0
        self.eviction.configure()
        self.events.configure(self.config.notify_keyspace_events)
        self.observer.configure(self.config)
        self.watchdog.configure(self.config.watchdog_period, 2 / self.config.hz)
        for database in self.databases:
            database.teller = self.events.tell if self.events.classes else None
            if self.propagation.on:
                database.tracker = Told(self, database.index)
            else:
                database.tracker = self.tracking.changed if self.tracking.on else None
        self.loop.configure()

    def show_title(self) -> None:
        """What `ps` shows, where that is this server's to say."""
        if self.titled:
            show(expanded(self.config.proc_title_template.decode("utf-8", "replace"), self.config, self.port))

    def failed(self, line: bytes) -> None:
        """An error is replied: it is counted, by its first word, too, if that is short and another one follows."""
        self.loop.stats.errors += 1
        word, blank, _ = line.split(b"\0", 1)[0][:LONGEST_KIND].partition(b" ")
        kind = word.translate(UNSAFE) if blank else b"ERR"
        if NOT_COUNTED in self.failures:
            return
        if kind not in self.failures and len(self.failures) == MOST_KINDS:
            listed = b", ".join(sorted(self.failures)).decode("latin-1")
            self.log(
                "warning",
                f"errors are no more counted by first words, until CONFIG RESETSTAT; these are too many: {listed}",
            )
            self.failures.clear()
            kind = NOT_COUNTED
        self.failures[kind] = self.failures.get(kind, 0) + 1

    def listen(self, listeners: list[socket.socket]) -> None:
        """From now on accept connections from these."""
        self.listeners = listeners
        self.port = next((one.getsockname()[1] for one in listeners if one.family != socket.AF_UNIX), 0)
        self.over_tcp = self.over_tcp or self.port > 0
        self.loop.listen(listeners)

    def forget_counts(self) -> None:
        """Begin counting anew (CONFIG RESETSTAT)."""
        stats = self.loop.stats
        for name in COUNTS:
            setattr(stats, name, 0)
        for database in self.databases:
            database.expired = database.ending.gone = database.found = database.missed = 0
        self.rates.forget()
        self.lazy_before = self.loop.lazy()[1]
        self.eviction.forget()
        self.evicted_clients = 0
        self.expire_capped, self.stale = 0, 0.0
        self.failures.clear()
        forget(self)
        self.peak_memory, self.peak_at = self.used_memory(), self.now

    def used_memory(self) -> int:
        """Bytes that keyspaces, scripts and connections take (these as cron has last found them); never nothing."""
        taken = EMPTY + self.scripting.memory() + self.buffers
        return taken + sum(database.memory() for database in self.databases)

    def overflowed(self, client: Client) -> None:
        """A client is closed, since it lets more wait for it than it may."""
        where = client.addr.decode("latin-1")
        self.log("warning", f"Client id={client.id} addr={where} is closed: more waits for it than its class allows")

    def note_peak(self) -> None:
        """Is more memory used than ever before?"""
        used = self.used_memory()
        if used > self.peak_memory:
            self.peak_memory, self.peak_at = used, self.now

    def cron(self) -> None:
        """What recurs hz times a second: active expiry; once a second, idle clients."""
        self.watchdog.seen()
        began = time.perf_counter_ns()
        if self.active_expiry and not self.pause.is_on and not self.cron_paused:
            self._expire(began)
        spent = time.perf_counter_ns() - began
        self.expire_ns += spent
        self.observer.delayed(b"expire-cycle", spent)
        self.buffers = self.loop.client_memory()
        self.largest.note(self.now, *self.loop.largest)
        self.evicted_clients += bound(self)
        self.note_peak()
        self.rates.sample(self.now, self.loop.stats)
        if self.memory_limited:
            self.eviction.has_room()
        if self.waiting.came:
            self.waiting.serve()
        self.propagation.finish()
        if self.config.timeout and self.now - self._idle_checked >= 1000 and not self.cron_paused:
            self._idle_checked = self.now
            limit = self.now - self.config.timeout * 1000
            for client in [c for c in self.clients.values() if c.last_active < limit]:
                if not (client.parked or client.subscribed or client in self.observer.monitors):
                    client.close()

    def _expire(self, began: int) -> None:
        """Active expiry of all databases: each in its turn, in the time from `began` on that the effort allows."""
        effort = self.config.active_expire_effort - 1
        gone = timed = 0
        until = began + int((EXPIRE_SHARE + EFFORT_SHARE * effort) * 1_000_000_000 / self.config.hz)
        for number in range(len(self.databases)):
            database = self.databases[(self._expiring + number) % len(self.databases)]
            left = (until - time.perf_counter_ns()) // 1000
            if left <= 0:
                self._expiring = database.index
                self.expire_capped += 1
                break
            if database.expires_count():
                went, of = database.expire_cycle(left, STALE - effort)
                gone, timed = gone + went, timed + of
            if database.ending:
                fields.cycle(database, self.now, left)
        found = gone / timed if timed else 0.0
        self.stale += (found - self.stale) * NEWEST


def is_local(address: bytes) -> bool:
    """Does a connection come from this machine?"""
    return address.startswith((b"127.", b"[::1]"))


def leave(client: Client) -> None:
    """The client's own request ends its connection: once the reply is sent, and nothing behind it is executed.

    While replies are off or skipped there is none to send.  Redis then leaves the connection open and deaf, and so does
    this: the client itself closes.
    """
    if client.reply_mode in (REPLY_OFF, REPLY_SKIP):
        client.parked = True
    else:
        client.close(after_reply=True)
