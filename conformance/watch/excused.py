"""What a server's state excuses: replies that the text would not allow, and that are no fault for all that is known.

A server that is watched was there before, others may use it past the proxy, and not all of it can be seen: whether
memory is short, what a user may do, which scripts were loaded. Such a reply is not judged; the reason is told and
counted. The server is asked a few things on a connection of its own: as watching begins, and where a reply would
otherwise be called a divergence, at most once a second.
What must not live here: the judging itself (``observed.py``).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

from attrs import field, mutable

from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.judging.connection import Connection
from redlark.conformance.targets.target import Target, read_info
from redlark.conformance.watch.wire import Exchange
from redlark.reference import Model
from redlark.reference.resp import Frame

EVERY = 1.0  # seconds between two questions to the server
LOOKS, PAUSE = 6, 0.05  # how often, and how many seconds apart, it is looked whether somebody else is connected
RESTARTED = "the server was started anew"
SPECIAL = "CONFIG|SET/special"  # where what a parameter makes of its value is not specified
_STATES = (
    b"NOPERM", b"OOM", b"LOADING", b"BUSY ", b"MASTERDOWN", b"READONLY", b"MISCONF", b"NOREPLICAS", b"CLUSTERDOWN",
    b"MOVED", b"ASK ", b"TRYAGAIN", b"UNBLOCKED", b"ERR max number of clients", b"NOTBUSY", b"UNKILLABLE",
)  # fmt: skip
_OF_THE_PAST = frozenset((b"slowlog", b"commandlog", b"latency", b"info", b"memory", b"acl", b"lastsave", b"command"))
_OF_OTHERS = frozenset((b"client", b"pubsub", b"publish", b"spublish"))
_SCRIPTS = frozenset((b"evalsha", b"evalsha_ro", b"script"))
_FUNCTIONS = frozenset((b"fcall", b"fcall_ro", b"function"))


@mutable
class Excuses:
    """What is known of a server beyond its keys."""

    model: Model
    target: Target
    empty: bool = False  # whether it held no keys as watching began
    scripts: bool = True  # whether it may hold scripts, and functions, that were loaded before
    functions: bool = True
    replica: bool = False
    evicts: bool = False
    opened: int = 0  # connections that we made: those passed on, and our own
    run: str = ""  # which run of the server it is
    _before: int | None = None  # connections that it had received as watching began
    _others: bool = False
    _again: bool = False
    _asked_at: float = field(default=0.0, init=False)
    _special: int = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._special = self.model.reached[SPECIAL]

    @classmethod
    def of(cls, model: Model, target: Target) -> Excuses:
        """Ask the server. Raises `CannotRun`."""
        found = cls(model, target)
        with found._connected() as connection:
            info = _info(connection)
            found._before = _number(info, "total_connections_received")
            found.run = info.get("run_id", "")
            keys = [value for name, value in info.items() if name.startswith("db") and "keys=" in value]
            size = connection.ask(b"DBSIZE")
            found.empty = size.raw == b":0\r\n" and not [value for value in keys if not value.startswith("keys=0,")]
            found.scripts = _number(info, "number_of_cached_scripts") != 0
            found.functions = _number(info, "number_of_functions") != 0
            found.replica = info.get("role") in ("slave", "replica")
            found._others = _are_others(connection)
        policy = target.config.get("maxmemory-policy", "noeviction")
        found.evicts = target.config.get("maxmemory", "0") != "0" and policy != "noeviction"
        return found

    def __call__(self, exchange: Exchange, frame: Frame | None) -> str:
        """Why this frame, which the text does not allow, may be right; empty where nothing excuses it."""
        words, name = exchange.words, exchange.name
        if frame is not None and frame.is_error and frame.value.startswith(_STATES):
            return f"the server's own state: {frame.value.split()[0].decode('latin-1')}"
        if self.model.command(words) is None and not name.startswith(b"("):
            return "unsupported command"
        asked = {one[0].lower() for one in exchange.queue} | {name}
        locked = frame is not None and frame.is_error and frame.value.startswith(b"NOAUTH")
        if (locked or b"config" in asked) and self.model.reached[SPECIAL] > self._special:
            return "a parameter that is not specified was set"
        if not asked.isdisjoint((b"auth", b"hello")) and any(len(one) > 1 for one in (words, *exchange.queue)):
            return "users are not specified" if name != b"hello" or b"auth" in map(bytes.lower, words) else ""
        if not asked.isdisjoint(_OF_THE_PAST):
            return "it tells of what was before"
        if self.scripts and not asked.isdisjoint(_SCRIPTS):
            return "scripts that were loaded before"
        if self.functions and not asked.isdisjoint(_FUNCTIONS):
            return "functions that were loaded before"
        if self.restarted():
            return RESTARTED
        if self.evicts:
            return "the server evicts keys"
        if self.replica:
            return "the server is a replica"
        if self.others():
            return "others are connected past the proxy"
        return ""

    def others(self) -> bool:
        """Whether anybody but us was ever connected since watching began."""
        self._look()
        return self._others

    def restarted(self) -> bool:
        """Whether the server is another run than before, which is told once."""
        self._look()
        told, self._again = self._again, False
        return told

    def _look(self) -> None:
        """Ask the server, but not too often."""
        if time.monotonic() - self._asked_at < EVERY:
            return
        self._asked_at = time.monotonic()
        try:
            with self._connected() as connection:
                info = _info(connection)
        except (CannotRun, Lost):
            return
        received, run = _number(info, "total_connections_received"), info.get("run_id", "")
        if run != self.run:
            self.run, self._again, self._before, self.opened = run, True, received, 0
            self._others = True  # nobody knows who they are that are connected now
        elif received is not None and self._before is not None:
            self._others = self._others or received - self._before > self.opened

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        connection = self.target.address.enter()
        self.opened += 1 if self._before is not None else 0
        try:
            yield connection
        except Lost as lost:
            raise CannotRun(f"{self.target.address.text}: {lost.what}") from None
        finally:
            connection.close()


def _are_others(connection: Connection) -> bool:
    """Whether anybody else is connected, and does not just leave."""
    for _ in range(LOOKS):
        if (_number(_info(connection), "connected_clients") or 1) <= 1:
            return False
        time.sleep(PAUSE)
    return True


def _info(connection: Connection) -> dict[str, str]:
    said = connection.ask(b"INFO", b"everything")
    return {} if said.is_error else read_info(said.value[4:] if said.kind == b"=" else said.value)


def _number(info: dict[str, str], name: str) -> int | None:
    value = info.get(name, "")
    return int(value) if value.isdigit() else None
