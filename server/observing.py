"""What is noted of requests that have run: which took long (SLOWLOG, LATENCY), and for MONITOR each of them.

Requests that a core answers by itself (its hot commands) take microseconds and are not measured, unless somebody asks
for each of them: while `Observer.needs_all` they go through Python (`Loop.configure`).

Must live here: what is kept of a request, and for how long.  Must not: the commands that tell it.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

import attrs

from redlark.server.values import to_integer

if TYPE_CHECKING:
    from redlark.server.config import Config
    from redlark.server.interfaces import Client, Command

NEVER: Final = 2**63
HOT_US: Final = 10_000  # from so many microseconds on no hot command is kept as slow
MOST_WORDS, LONGEST_WORD = 32, 128  # of a request that is kept
MOST_DELAYS: Final = 160  # kept of each kind
UNTOLD: Final = frozenset(("admin", "skip-monitor"))  # the latter tell of themselves before what they run
REDACTED: Final = b"(redacted)"
_ON_USERS: Final = frozenset((b"acl|setuser", b"acl|getuser", b"acl|deluser"))
_SECRETS: Final = frozenset((
    b"requirepass", b"masterauth", b"masteruser", b"tls-key-file-pass", b"tls-client-key-file-pass",
))  # fmt: skip


@attrs.frozen(slots=True)
class Slow:
    """A request that took long."""

    number: int
    at: int  # Unix time in seconds
    microseconds: int
    words: list[bytes]
    address: bytes
    name: bytes


@attrs.define(slots=True, eq=False)
class Delays:
    """The last delays of one kind, of each second the longest: (Unix time in seconds, ms)."""

    told: deque[tuple[int, int]] = attrs.Factory(lambda: deque(maxlen=MOST_DELAYS))
    longest: int = 0

    def add(self, now: int, milliseconds: int) -> None:
        self.longest = max(self.longest, milliseconds)
        if self.told and self.told[-1][0] == now:
            milliseconds = max(milliseconds, self.told.pop()[1])
        self.told.append((now, milliseconds))


@attrs.define(slots=True, eq=False)
class Observer:
    """What one server notes."""

    slow: deque[Slow] = attrs.Factory(deque)  # the newest first
    delays: dict[bytes, Delays] = attrs.Factory(dict)  # by kind of event
    monitors: dict[Client, None] = attrs.Factory(dict)
    _numbered: int = 0
    _slow_ns: int = NEVER  # from so many nanoseconds on a request is slow
    _delay_ns: int = NEVER
    least_ns: int = NEVER  # the smaller one
    _keeps_times: bool = True  # how long each command took
    _kept: int = 0  # slow requests, at most

    def configure(self, config: Config) -> None:
        """The configuration has changed."""
        slower, threshold = config.slowlog_log_slower_than, config.latency_monitor_threshold
        self._slow_ns = slower * 1000 if slower >= 0 else NEVER
        self._delay_ns = threshold * 1_000_000 if threshold else NEVER
        self.least_ns = min(self._slow_ns, self._delay_ns)
        self._kept = config.slowlog_max_len
        self._keeps_times = config.latency_tracking
        if slower >= 0:
            self._shorten()

    @property
    def needs_all(self) -> bool:
        """Is more asked for than of requests that a core answers by itself can be known?"""
        return bool(self.monitors) or self._slow_ns < HOT_US * 1000 or self._delay_ns < NEVER

    def ran(self, client: Client, command: Command, request: list[bytes], nanoseconds: int) -> None:
        """A request has run, for so long; one that waits has still to end (`waited`)."""
        server = client.context.server
        if not (client.parked and client.id in server.waiting.clients):  # who has left in silence is parked, and done
            server.loop.stats.commands += 1
            client.commands += 1
            command.usage.add(nanoseconds, self._keeps_times)
            if nanoseconds >= self.least_ns:
                self.ended(client, command, request, nanoseconds)
        if self.monitors and not command.flags & UNTOLD:
            self.tell(client, command, request)

    def counted(self, client: Client, command: Command, request: list[bytes], nanoseconds: int) -> None:
        """A request has run that the core has counted, and of which nobody else is told."""
        if nanoseconds >= self.least_ns:
            self.ended(client, command, request, nanoseconds)

    def called(self, client: Client, command: Command, request: list[bytes], nanoseconds: int) -> None:
        """A script's call has run, for so long: it is of no connection."""
        client.context.server.loop.stats.commands += 1
        command.usage.add(nanoseconds, self._keeps_times)
        if nanoseconds >= self._slow_ns and "skip-slowlog" not in command.flags:
            self._keep(command, request, nanoseconds, b"", b"")
        if self.monitors:
            self.tell(client, command, request)

    def waited(self, client: Client, command: Command, request: list[bytes], nanoseconds: int, failed: bool) -> None:
        """A request is over that has waited; it ran for so long once more."""
        client.context.server.loop.stats.commands += 1
        client.commands += 1
        command.usage.add(nanoseconds, self._keeps_times)
        command.usage.failed += failed
        self.ended(client, command, request, nanoseconds)

    def ended(self, client: Client, command: Command, request: list[bytes], nanoseconds: int) -> None:
        """A request is over that ran for so long, perhaps after it has waited: what took long is kept."""
        self.delayed(b"fast-command" if "fast" in command.flags else b"command", nanoseconds)
        if nanoseconds >= self._slow_ns and "skip-slowlog" not in command.flags:
            self._keep(command, request, nanoseconds, client.addr, client.name)

    def delayed(self, kind: bytes, nanoseconds: int) -> None:
        """Something has kept everybody for so long; LATENCY tells of it by its kind, if it was long enough."""
        if nanoseconds >= self._delay_ns:
            now = time.time_ns() // 1_000_000_000
            self.delays.setdefault(kind, Delays()).add(now, nanoseconds // 1_000_000)

    def _keep(self, command: Command, request: list[bytes], nanoseconds: int, address: bytes, name: bytes) -> None:
        if self._kept:
            now, words = time.time_ns() // 1_000_000_000, _kept_words(_shown_words(command.name, request))
            self.slow.appendleft(Slow(self._numbered, now, nanoseconds // 1000, words, address, name))
            self._numbered += 1
            self._shorten()

    def _shorten(self) -> None:
        while self._kept and len(self.slow) > self._kept:
            self.slow.pop()

    def tell(self, client: Client, command: Command, request: list[bytes]) -> None:
        """Tell who monitors of a request."""
        seconds, rest = divmod(time.time_ns() // 1000, 1_000_000)
        where = b"unix:" + client.addr.rpartition(b":")[0] if client.unix else client.addr
        words = b" ".join(map(quoted, _shown_words(command.name, request)))
        line = b"+%d.%06d [%d %b] %b\r\n" % (seconds, rest, client.context.index, where, words)
        for monitor in list(self.monitors):
            monitor.deliver(line)


_ESCAPES: Final = {
    0x5C: b"\\\\", 0x22: b'\\"', 0x0A: b"\\n", 0x0D: b"\\r", 0x09: b"\\t", 0x07: b"\\a", 0x08: b"\\b",
}  # fmt: skip


def quoted(text: bytes) -> bytes:
    r"""A text between quotes, on one line.

    >>> quoted(b'a "b"\n\x00')
    b'"a \\"b\\"\\n\\x00"'
    """
    parts = (_ESCAPES.get(byte) or (b"%c" % byte if 0x20 <= byte < 0x7F else b"\\x%02x" % byte) for byte in text)
    return b'"' + b"".join(parts) + b'"'


def _kept_words(words: list[bytes]) -> list[bytes]:
    """At most 32, the last of which tells of more; of each at most 128 bytes."""
    more = len(words) - MOST_WORDS + 1
    kept = [
        word
        if len(word) <= LONGEST_WORD
        else b"%b... (%d more bytes)" % (word[:LONGEST_WORD], len(word) - LONGEST_WORD)
        for word in words[: MOST_WORDS if more <= 1 else MOST_WORDS - 1]
    ]
    return kept if more <= 1 else [*kept, b"... (%d more arguments)" % more]


def _shown_words(name: bytes, request: list[bytes]) -> list[bytes]:
    """A request without passwords and users."""
    hidden = _hidden(name, request)
    return [REDACTED if place in hidden else word for place, word in enumerate(request)] if hidden else request


def _hidden(name: bytes, request: list[bytes]) -> frozenset[int]:
    """The places of what is not shown."""
    size = len(request)
    if name == b"auth" and size < 4:
        return frozenset(range(1, size))
    if name in _ON_USERS:
        return frozenset(range(2, size))
    if name == b"config|set" and size % 2 == 0:
        return frozenset(p for p in range(3, size, 2) if request[p - 1].split(b"\0", 1)[0].lower() in _SECRETS)
    if name == b"hello" and size > 2 and to_integer(request[1]) in (2, 3):
        return _hidden_in_hello(request)
    return _hidden_in_migrate(request) if name == b"migrate" else frozenset()


def _hidden_in_hello(request: list[bytes]) -> frozenset[int]:
    """HELLO reads its options up to the first that is wrong, and hides what it reads as a user and a password."""
    hidden: set[int] = set()
    place = 2
    while place < len(request):
        option, left = request[place].upper(), len(request) - place - 1
        if option == b"AUTH" and left >= 2:
            hidden |= {place + 1, place + 2}
            place += 3
        elif option == b"SETNAME" and left:
            place += 2
        else:
            break
    return frozenset(hidden)


def _hidden_in_migrate(request: list[bytes]) -> frozenset[int]:
    """MIGRATE reads its options likewise."""
    hidden: set[int] = set()
    place = 6
    while place < len(request):
        option = request[place].upper()
        secrets = {b"AUTH": 1, b"AUTH2": 2}.get(option, 0)
        if place + secrets >= len(request) or not (secrets or option in (b"COPY", b"REPLACE")):
            break
        hidden |= set(range(place + 1, place + 1 + secrets))
        place += 1 + secrets
    return frozenset(hidden)
