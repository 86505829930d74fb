"""What the two cores promise and what a command may rely on: the seam of the server.

A *core* is an event loop with its parser, its reply encoder, its clients and its hash table.  There are two, and they
are interchangeable: `redlark.server._core` (compiled, server/core/) and `redlark.server.plain` (ordinary Python).
Everything else in this folder is written once against the protocols below, and never asks which core it runs on.

Must live here: protocols, reply values, small constants.  Must not: behaviour.  Texts of errors are in `errors`, the
one call path in `dispatch`, the state that both cores share (configuration, command table, timers, cron) in `state`.

How a request travels:

1.  The core parses a request into `list[bytes]` (the command's name included) and hands it to
    `dispatch.process(client.context, request)`.  That function owns the order of errors, MULTI, AUTH and CLIENT REPLY;
    what passes every check it hands to `client.run(request)`, which executes it and replies.
2.  `client.run` of the plain core is `dispatch.call`: it calls the command's Python function and encodes what that
    returns.  The compiled core does the same, but may have a version of its own of a hot command.
3.  The compiled core may skip `dispatch.process` for such a command when nothing unusual holds: `client.queue is None
    and client.authenticated and client.reply_mode == REPLY_ON and not client.no_touch`, the arity fits, and
    `server.memory_limited` is False (or the command takes no memory, or there is room).  Any other case goes to 1.
4.  EXEC (Python, for both cores) hands each queued request to `client.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from socket import socket
from typing import TYPE_CHECKING, Any, Final, Protocol

import attrs

from redlark.server.types import Hash, List, Set, SortedSet, Stream
from redlark.server.usage import Stats, Usage

if TYPE_CHECKING:
    from redlark.server.blocking import Wait
    from redlark.server.engine import ScriptCalls
    from redlark.server.fields import Ending
    from redlark.server.pubsub import Listening
    from redlark.server.state import State
    from redlark.server.tracking import Track

# ------------------------------------------------------------------------------------------------------------- replies


class CommandError(Exception):
    """An error reply.  `line` is the whole line without the leading '-' and the CRLF: b"ERR no such key".

    Commands raise it; as a value inside an array it is encoded as an error element.
    """

    def __init__(self, line: bytes) -> None:
        super().__init__(line)
        self.line = line


@attrs.frozen(slots=True)
class Status:
    """A simple string: +OK."""

    text: bytes


@attrs.frozen(slots=True)
class NullArray:
    """*-1 in RESP2, _ in RESP3 (None is $-1 in RESP2, _ in RESP3)."""


@attrs.frozen(slots=True)
class SetReply:
    """~ in RESP3, an array in RESP2."""

    items: Sequence[Reply]


class Pairs(Mapping[bytes, "Reply"]):
    """A map in which a key may stand twice; % in RESP3 (in RESP2 flat, as others are)."""

    def __init__(self, pairs: Sequence[Sequence[Reply]]) -> None:
        self.pairs = pairs

    def items(self) -> Any:
        return self.pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[Any]:
        return iter(pair[0] for pair in self.pairs)

    def __getitem__(self, key: bytes) -> Reply:
        return next(pair[1] for pair in self.pairs if pair[0] == key)


@attrs.frozen(slots=True)
class Push:
    """> in RESP3, an array in RESP2."""

    items: Sequence[Reply]


@attrs.frozen(slots=True)
class Verbatim:
    """= in RESP3 (format is three bytes: b"txt"), a bulk string in RESP2."""

    format: bytes
    text: bytes


@attrs.frozen(slots=True)
class NoReply:
    """The command wrote its reply itself, or there is none."""


# bytes -> bulk; int -> integer; None -> null; bool -> # in RESP3, 1 or 0 in RESP2; float -> , in RESP3, a bulk string
# in RESP2; list and tuple -> array; dict -> % in RESP3, a flat array in RESP2.
Reply = (
    bytes
    | int
    | float
    | bool
    | None
    | Status
    | NullArray
    | SetReply
    | Push
    | Verbatim
    | NoReply
    | CommandError
    | Sequence["Reply"]
    | Mapping[bytes, "Reply"]
)

OK: Final = Status(b"OK")
QUEUED: Final = Status(b"QUEUED")
NULL_ARRAY: Final = NullArray()
NO_REPLY: Final = NoReply()

# -------------------------------------------------------------------------------------------------------------- values

# A value as a command sees it.  All but strings are handed out themselves, not copies: a command that changes one in
# place calls `db.modified(key)` afterwards.  Which type it is its `kind` tells (`values.kind_of`).
Value = bytes | List | Set | Hash | SortedSet | Stream

# How a string is held, which only OBJECT ENCODING can tell (`put(..., form=)`, `db.form(key)`).  Redis 8.2 keeps key
# and short value in one allocation: "embstr" while len(key) + len(value) <= 41, with a deadline 33.  A string that once
# did not fit, when put or when a deadline was set, is RAW from then on, until the next put (`values.settle`).
FRESH: Final = 0  # as SET does: "int" if it is a canonical 64-bit integer, else "embstr" if it fits, else "raw"
UNENCODED, RAW = 1, 2  # as INCRBYFLOAT does: never "int"; as APPEND and SETRANGE do: always "raw"

NO_DEADLINE: Final = -1


Came = tuple["Database", bytes, bool]  # a key, and whether a collection has come to be there; else a value has gone


class Database(Protocol):
    """One numbered keyspace.

    Every access by key expires lazily: a key whose deadline lies in the past (deadline < now, as Redis has it) is
    gone, is counted in `expired`, and touches its watchers.  The writes mark the clients in `watched` as `touched`.
    """

    index: int
    expired: int  # keys that have expired here since the server started
    changes: int  # and how often a key was written, or has gone otherwise
    watched: dict[bytes, list[Client]]  # WATCH; kept by `dispatch` and transactions, read by the writes
    awaited: dict[bytes, dict[Wait, None]]  # who waits for which key, in the order of their coming; kept by `blocking`
    came: list[Came]  # what has become of keys that somebody waits for
    teller: Callable[[Database, bytes, bytes], None] | None  # told that a key is `new` or has `expired`
    misses: bool  # the command under way has `teller` told of keys that it looks for and are not there (`get`)
    counts: int  # the command under way has `get` (1), `exists` as well (2) count what they find and do not find:
    found: int  # keyspace_hits
    missed: int
    ending: Ending  # the keys of hashes of which fields have deadlines, kept by the writes
    tracker: Callable[[bytes, bool], None] | None  # told that a key has changed, and whether as its time was over
    touching: bool  # False while a client under NO-TOUCH runs a command: reads leave idle times alone

    def get(self, key: bytes, /) -> Value | None:
        """The value, or None; an access (idle time).  Fields of a hash that are past go before, the key with all."""

    def look(self, key: bytes, /) -> Value | None:
        """As `get`, of a hash with fields that are past among it: for who does not ask for fields."""

    def peek(self, key: bytes, /) -> Value | None:
        """As `look`, but no access."""

    def put(self, key: bytes, value: Value, keep_ttl: bool = False, form: int = FRESH) -> None:
        """Store; drops the deadline unless keep_ttl.  An empty collection is never stored by a caller.

        If the key is in `awaited`, that is noted in `came`: as a coming where a collection takes the place of nothing.
        So is every loss of a value, by whatever way it goes."""

    def delete(self, key: bytes, /) -> bool:
        """True if there was a (live) key."""

    def exists(self, key: bytes, /) -> bool:
        """Is there a live key?  Does not count as an access."""

    def kind(self, key: bytes, /) -> bytes | None:
        """The type's name (b"string", b"list" ...) without building the value; None when absent.  No access."""

    def form(self, key: bytes, /) -> int:
        """FRESH, UNENCODED or RAW as it was put and has settled (FRESH for other types and absent keys).  No access."""

    def deadline(self, key: bytes, /) -> int:
        """Unix time in ms; NO_DEADLINE when the key has none or is absent.  No access."""

    def set_deadline(self, key: bytes, at: int, /) -> None:
        """Set (or with NO_DEADLINE remove) the deadline of an existing key; of an absent one: nothing happens.

        A deadline in the past is allowed: the key expires at the next access.  No access.
        """

    def modified(self, key: bytes, /) -> None:
        """The value of key was changed in place."""

    def first_ending(self, now: int, /) -> bytes | None:
        """A key whose hash has a field that is past, None if none has.  By and by it tells each past for 32 ms."""

    def idle(self, key: bytes, /) -> int:
        """Whole seconds since the last access or write (0 when absent).  No access."""

    def set_idle(self, key: bytes, seconds: int, /) -> None:
        """As if the last access had been so long ago; of an absent key, or under LFU: nothing happens."""

    def set_frequency(self, key: bytes, count: int, /) -> None:
        """As if it had been used so often, 0 to 255; of an absent key, or without LFU: nothing happens."""

    def count_uses(self, frequent: bool, log_factor: int, decay: int, /) -> None:
        """From now on, whether keys count how often they are used (LFU), with lfu-log-factor and lfu-decay-time."""

    def frequency(self, key: bytes, /) -> int:
        """How often a key was used of late, 0 to 255, on a logarithmic scale (0 when absent).  No access."""

    def sample(self, count: int, timed: bool, order: int, /) -> list[tuple[int, bytes]]:
        """About `count` keys or more, each with its rank in an order of `eviction`: the highest is to go first.

        Only keys with a deadline where `timed`.  Fewer where there are no more; in time each key comes as often as any.
        """

    def __len__(self) -> int:
        """Keys held, those past their deadline but not yet removed included."""

    def expires_count(self) -> int:
        """Keys with a deadline."""

    def scan(self, cursor: int, count: int, /) -> tuple[int, list[bytes]]:
        """One step: the next cursor (0 at the end) and the keys of at least one bucket, going on until `count` keys
        were seen or 10 * count buckets visited.  cursor is any unsigned 64-bit number.

        A key present from start to end of an iteration is returned at least once, whatever is added, removed or
        rehashed in between.  Keys past their deadline may be among them: the command filters."""

    def random_key(self) -> bytes | None:
        """A random live key; None when there is none.  Any live key can come."""

    def keys(self) -> list[bytes]:
        """A snapshot of the live keys."""

    def flush(self) -> int:
        """Remove everything; returns how many keys there were.  Marks the watchers of the keys that existed."""

    def swap(self, other: Database, /) -> None:
        """Exchange keys and deadlines and nothing else: SWAPDB sees to who watches or waits."""

    def expire_cycle(self, budget_us: int, stale: int = 10, /) -> tuple[int, int]:
        """Active expiry: remove keys that are past, go on while more than `stale` % are; how many went, of how many."""

    def size(self, key: bytes, /) -> int | None:
        """About how many bytes a key takes with its value, None when absent.  No access."""

    def sizes(self) -> list[list[int]]:
        """Of strings, lists, sets, sorted sets, hashes: how many have sizes of 0, 1, 2 to 3, 4 to 7 and so on.  O(n)"""

    def memory(self) -> int:
        """Bytes this keyspace takes, as well as the core knows."""

    def overhead(self) -> tuple[int, int, bool]:
        """Of these: the table of keys without them; what tells of deadlines; and whether that table is being moved."""

    def check(self) -> None:
        """Assert every invariant of the structure (for tests)."""


# ------------------------------------------------------------------------------------------------------------- clients

# With SKIP this request gets no reply and the next one does; CLIENT REPLY SKIP itself sets SKIP_NEXT.
REPLY_ON, REPLY_OFF, REPLY_SKIP, REPLY_SKIP_NEXT = range(4)


class Client(Protocol):
    """One connection.  The attributes are plain and writable; commands change them, the core reads them."""

    id: int  # from 1, never used again
    fd: int
    addr: bytes  # b"127.0.0.1:50712", b"[::1]:50712", for a Unix socket b"/path:0"
    laddr: bytes
    unix: bool
    context: Context
    db: Database  # the selected one, always the same object as context.db
    created: int  # ms
    last_active: int  # ms, set when input arrives
    last_command: bytes  # lower-case full name (b"client|list"); b"" before the first: shown as NULL
    name: bytes
    lib_name: bytes
    lib_ver: bytes
    user: bytes
    authenticated: bool
    resp: int  # 2 or 3
    queue: list[list[bytes]] | None  # requests queued since MULTI
    queue_failed: bool  # a request was refused while queueing: EXEC answers EXECABORT
    watching: list[tuple[Database, bytes]]
    touched: bool  # a watched key changed: EXEC answers null
    reply_mode: int
    no_evict: bool
    subscribed: bool  # listens to a channel or a pattern
    no_touch: bool
    tracks: bool  # is told when what it has read changes, or what has a prefix (`tracking`)
    parked: bool  # waits (WAIT, BLPOP): input is kept, not executed, until `resume`
    net_in: int  # bytes read
    net_out: int  # bytes written
    commands: int  # that have run to their end, calls of scripts among them

    @property
    def owes(self) -> bool:
        """Are there replies that are still to be sent?"""

    def reply(self, value: Reply, /) -> None:
        """Encode for the client's protocol and append to its output; nothing while reply_mode is OFF or SKIP."""

    def write(self, raw: bytes, /) -> None:
        """Append encoded bytes (an array header); nothing while reply_mode is OFF or SKIP."""

    def push(self, value: Reply, /) -> None:
        """As `reply`, from outside the client's own request; sees to it that the output is sent."""

    def deliver(self, frame: bytes, /) -> None:
        """Send an encoded push, whatever CLIENT REPLY has asked for; not behind replies that wait."""

    def run(self, request: list[bytes], /) -> None:
        """Execute a request that has passed every check, and reply (used by EXEC)."""

    def resume(self) -> None:
        """End of `parked`: go on, at the end of this turn, with `dispatch.go_on_with` and the input that waits."""

    def close(self, after_reply: bool = False) -> None:
        """Close now, without what waits to be sent, or behind it; no request runs any more, nor is a reply sent."""

    def sizes(self) -> Sizes:
        """Buffer sizes for CLIENT LIST."""


@attrs.frozen(slots=True)
class Sizes:
    """Buffers of a client, in bytes, under the names of CLIENT LIST."""

    qbuf: int = 0
    qbuf_free: int = 0
    argv_mem: int = 0
    multi_mem: int = 0
    rbs: int = 0
    rbp: int = 0
    obl: int = 0
    oll: int = 0
    omem: int = 0
    tot_mem: int = 0


class Context(Protocol):
    """What a command is given: `def command(ctx: Context, args: list[bytes]) -> Reply`; args[0] is the command's name.

    One per client, made by `State.connected`; the class is `redlark.server.state.ClientContext` for both cores.
    """

    client: Client
    server: State
    db: Database  # the selected one; `select` changes it here and in the client
    index: int
    executing: bool  # inside EXEC: nothing may block
    command: Command | None  # of the request under way, which `dispatch.process` found and `dispatch.call` takes
    queued: int  # bytes of what was queued since MULTI
    held: list[bytes] | None  # a request that a pause has held, and that comes before all others
    running: bool  # between `process` and the reply to what the client itself has asked for
    listening: Listening
    track: Track

    @property
    def now(self) -> int:
        """Unix time in ms, the same for the whole of a request (and of an EXEC)."""

    def select(self, index: int, /) -> None:
        """Make databases[index] the current one."""

    def tell(self, body: bytes, /) -> None:
        """Send a message: the frame without its first byte, which is the protocol's."""

    def ran(self) -> None:
        """End of `running`: what the request has sent to its own client may follow."""

    def notify(self, event: bytes, key: bytes, /, database: Database | None = None) -> None:
        """Something has happened to a key, in the selected database or another: told if that class of events is.
        That a key is new or has expired the database tells of its own accord, and that before anything else."""

    def missed(self, key: bytes, /) -> None:
        """A key of the selected database that was not got, but asked about, is not there."""

    def propagate(self, *request: bytes) -> None:
        """What others are told in the place of the request (see `propagation`); no words: nothing."""


Function = Callable[[Context, list[bytes]], Reply]


def _no_keys(request: Sequence[bytes]) -> None:
    return None


@attrs.define(slots=True, eq=False)
class Command:
    """A row of the command table (`State.commands`: upper-case name -> Command).  Facts: `redlark.spec.metadata`."""

    name: bytes  # lower case, full: b"get", b"client|id"
    function: Function
    arity: int  # counts the name (and for a subcommand the container's); negative: at least
    flags: frozenset[str]
    subcommands: dict[bytes, Command] | None = None  # upper-case own names; None unless a container
    denyoom: bool = False
    no_auth: bool = False
    no_multi: bool = False
    no_script: bool = False
    allow_busy: bool = False  # may be sent while a script runs for too long
    may_replicate: bool = False  # no write, but not for those who may only read
    write: bool = False
    reads: bool = False
    keys: Callable[[Sequence[bytes]], Sequence[tuple[bytes, object]] | None] = _no_keys  # that it finds in a request
    looks: bool = False  # keys that it looks for in vain are told of
    counts: int = 0  # as `Database.counts`
    usage: Usage = attrs.Factory(Usage)


# ------------------------------------------------------------------------------------------------------------- the loop


class Loop(Protocol):
    """An event loop over listening sockets.  Constructed as `Loop(server: State, listeners: list[socket.socket])`.

    Each core module also exposes `Database(index: int, clock: State)`, the classes of `types.Types`, and its `NAME`.

    The loop's duties towards `server`:
    - `server.now = <ms>` before it executes requests (at least once for each batch of ready sockets; for each readable
      client is cheap and better: a request must not be judged by a time before it was sent);
    - `server.connected(client)` after accepting (it makes the context, numbers the client, says whether authentication
      is needed) and `server.disconnected(client)` exactly once; beyond `config.maxclients` it answers
      `errors.MAX_CLIENTS` and closes, without creating a client;
    - `server.cron()` every 1000 / hz ms; `server.timers.run(now)` when `server.timers.next()` (ms, or None) has come,
      so it never sleeps longer than to the earlier of both;
    - protocol errors: `errors.PROTOCOL_*` as a reply, then close after reply.  Limits: inline request 64 KiB, argument
      count line and bulk length line 64 KiB, count at most 2**31 - 1 (10 unless authenticated), bulk length at most
      `config.proto_max_bulk_len` (16384 unless authenticated), query buffer at most
      `config.client_query_buffer_limit`;
    - output: a client for which more waits than `config.client_output_buffer_limit` lets its class is closed (a soft
      limit is looked at by cron, too), with `server.overflowed(client)`, and nothing more is written to it.
    """

    stats: Stats
    clients: dict[int, Client]  # by id, in order of connection
    largest: tuple[int, int]  # bytes of a client's query buffer and of what waited, when `client_memory` was last asked

    def run(self) -> None:
        """Until `stop`; closes every client and returns."""

    def stop(self) -> None:
        """From any thread or a signal handler: makes `run` return soon."""

    def listen(self, listeners: list[socket], /) -> None:
        """Accept from these; others are the caller's to close."""

    def configure(self) -> None:
        """`server.config` has changed: read again what is kept of it."""

    def lazy(self) -> tuple[int, int]:
        """Large values (of keyspaces the keys) still to be freed, and freed in steps, of all servers of the process."""

    def usage(self) -> dict[bytes, tuple[int, int, dict[int, int]]]:
        """Of commands that the core answers by itself, by full names: calls, nanoseconds, calls a cell (`usage`)."""

    def forget_usage(self) -> None:
        """Count anew."""

    def client_memory(self) -> int:
        """Bytes that the connections take with what waits for them, but for what they have queued."""

    def script_calls(self, lua: bytes, /) -> ScriptCalls | None:
        """What answers hot commands of scripts, where the core has such and can reach the Lua of this file."""

    def serve_others(self, client: Client, /) -> bool:
        """Serve what has arrived from all but one client, whose request is under way; False once `stop` was asked for.

        Requests go through `dispatch.process`, without a short cut: `server.busy` holds.
        """
