"""A target: the address of the server under test, and what must hold before a single judgement is made of it.

Every way in which a run cannot begin is one `CannotRun` with one line: nobody there, not RESP, a password missing or
wrong, silence, data that we were not allowed to touch, FLUSHALL refused.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Iterable
from urllib.parse import unquote, urlsplit

from attrs import evolve, frozen

from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.judging.connection import Connection, dial, milliseconds
from redlark.reference.resp import Frame

TIMEOUT = 5.0
SCHEMES = ("redis", "rediss", "unix")


@frozen
class Address:
    """Where a server is and who we are to it; `text` is how it is named in messages, without the password."""

    text: str
    host: str = "127.0.0.1"
    port: int = 6379
    path: str | None = None
    tls: bool = False
    username: str | None = None
    password: str | None = None
    database: int = 0

    def open(self, timeout: float = TIMEOUT) -> Connection:
        """A bare connection: nothing sent yet. Raises `CannotRun`."""
        context = ssl.create_default_context() if self.tls else None
        try:
            return dial(self.host, self.port, path=self.path, context=context, timeout=timeout)
        except ssl.SSLCertVerificationError as problem:
            said = f"{self.text}: its certificate is not trusted: {problem.verify_message or problem}"
            raise CannotRun(f"{said}; SSL_CERT_FILE may name the authority's") from None
        except ssl.SSLError as problem:
            raise CannotRun(f"{self.text}: no TLS there: {problem.reason or problem}") from None
        except TimeoutError:
            what = "no TLS handshake" if self.tls else "no connection"
            raise CannotRun(f"{self.text}: unreachable: {what} within {timeout:g} s") from None
        except OSError as problem:
            raise CannotRun(f"{self.text}: unreachable: {(problem.strerror or str(problem)).lower()}") from None

    def enter(self, timeout: float = TIMEOUT) -> Connection:
        """A connection that has signed in, if there is a password. Raises `CannotRun` or `Lost`."""
        connection = self.open(timeout)
        try:
            if self.auth:
                connection.ask(*self.auth)
        except BaseException:
            connection.close()
            raise
        return connection

    @property
    def auth(self) -> tuple[bytes, ...] | None:
        """The AUTH request that a new connection begins with, if any."""
        if self.password is None:
            return None
        who = (self.username.encode(),) if self.username else ()
        return (b"AUTH", *who, self.password.encode())


def without_password(text: str) -> str:
    """A target as it may be told: without user and password, even where those are not quoted as an address wants it.

    >>> without_password("redis://ana:p@ss/word@host:7000"), without_password("unix:///a@b")
    ('redis://host:7000', 'unix:///a@b')
    """
    if text.startswith("unix://"):
        return re.sub(r"(?<=://)[^/]*@", "", text)
    return re.sub(r"(?<=://).*@", "", text, flags=re.DOTALL)


def parse_address(text: str) -> Address:
    """Read redis://[user:password@]host[:port][/db], rediss://..., unix:///path[?db=n]. Raises `CannotRun`.

    >>> a = parse_address("redis://:secret@localhost:7000/2")
    >>> a.text, a.port, a.password, a.database
    ('redis://localhost:7000/2', 7000, 'secret', 2)
    """
    bare = without_password(text)
    try:
        parts = urlsplit(text)
    except ValueError as problem:
        raise CannotRun(f"{bare}: not a target: {str(problem).lower()}") from None
    if parts.scheme in SCHEMES and "://" not in text:
        raise CannotRun(f"{bare}: not an address; give redis://host:port, rediss://host:port or unix:///path")
    if parts.scheme not in SCHEMES:
        raise CannotRun(
            f"{bare}: not a target; give redis://host:port, rediss://host:port, unix:///path or a name like redis:8.2"
        )
    try:
        port = parts.port or 6379
    except ValueError:
        raise CannotRun(f"{bare}: the port must be a number from 0 to 65535") from None
    user = unquote(parts.username) if parts.username else None
    password = unquote(parts.password) if parts.password is not None else None
    if parts.scheme == "unix":
        number = re.search(r"(?:^|&)db=(\d+)", parts.query)
        return Address(
            bare, path=unquote(parts.path), username=user, password=password, database=int(number[1]) if number else 0
        )
    database = parts.path.strip("/")
    if database and not database.isdigit():
        raise CannotRun(f"{bare}: the database after the port must be a number")
    return Address(
        bare,
        host=parts.hostname or "127.0.0.1",
        port=port,
        tls=parts.scheme == "rediss",
        username=user,
        password=password,
        database=int(database or 0),
    )


@frozen
class Target:
    """A server that can be judged: reachable, ours to flush, and what it says of itself."""

    address: Address
    info: dict[str, str]
    databases: int
    config: dict[str, str]
    clock: tuple[int, int]  # the server's clock minus ours, in ms, lies between these
    signed_in: bool = True  # whether histories begin with AUTH, where there is a password
    commands: frozenset[str] = frozenset()  # what it says that it has, as `SET` and `CLIENT|ID`; empty: it does not say

    def lacks(self, names: Iterable[str]) -> frozenset[str]:
        """Those of the names that the server does not have, by its own account.

        Before 7.0 a server tells of commands alone, not of their subcommands: those it is taken to have.
        """
        tells_all = any("|" in name for name in self.commands)
        return frozenset(
            name for name in names if self.commands and (name if tells_all else name.split("|")[0]) not in self.commands
        )

    @property
    def greeting(self) -> tuple[bytes, ...] | None:
        """The AUTH that each connection of a history begins with."""
        return self.address.auth if self.signed_in else None


class _Talk:
    """One request, one reply, with every failure told in a line."""

    def __init__(self, address: Address, timeout: float) -> None:
        self.address = address
        self.connection = address.open(timeout)

    def __call__(self, *request: bytes) -> Frame:
        try:
            return self.connection.ask(*request)
        except Lost as lost:
            raise CannotRun(f"{self.address.text}: {self._explain(lost.what, request)}") from None

    def _explain(self, what: str, request: tuple[bytes, ...]) -> str:
        if what.startswith("gave no reply"):
            return f"accepts connections but does not answer {request[0].decode()} (it {what})"
        if what.startswith("sent what is not RESP"):
            web = any(sign in what.lower() for sign in ("http/", "<!doctype", "<html"))
            return f"not a Redis server{': a web server, it seems' if web else ''} (it {what})"
        return f"not usable: it {what} on {request[0].decode()}"


def line(frame: Frame) -> str:
    """The first line of a frame without its type, for messages."""
    return frame.raw[1:].split(b"\r\n")[0].decode(errors="replace")


def texts(frame: Frame) -> list[bytes]:
    """The strings of an array or a map, in order; empty for anything else."""
    if not isinstance(frame.value, tuple):
        return []
    return [leaf if isinstance(leaf, bytes) else str(leaf).encode() for leaf in frame.leaves()]


def read_info(data: object) -> dict[str, str]:
    """INFO's lines as a dictionary; what is not `name:value` is left out.

    >>> read_info(b"# Server\\r\\nredis_version:8.2.3\\r\\n")
    {'redis_version': '8.2.3'}
    """
    text = data.decode(errors="replace") if isinstance(data, bytes) else ""
    pairs = (row.split(":", 1) for row in text.splitlines() if ":" in row and not row.startswith("#"))
    return {name: value.strip() for name, value in pairs}


def prepare(address: Address, *, destructive: bool, timeout: float = TIMEOUT) -> Target:
    """Meet the server, make sure that it may be used, flush it, and learn what the model must know about it."""
    talk = _Talk(address, timeout)
    try:
        _sign_in(talk)
        info = _introduce(talk)
        _refuse_data(talk, info, destructive)
        said = talk(b"FLUSHALL")
        if said.is_error:
            raise CannotRun(f"{address.text}: refuses FLUSHALL, which every run needs: {line(said)}")
        config = _config(talk)
        return Target(address, info, _databases(talk, config), config, _clock(talk), commands=_commands(talk))
    finally:
        talk.connection.close()


def meet(address: Address, timeout: float = TIMEOUT) -> Target:
    """Learn of a server what the model must know about it, and leave it as it is. Raises `CannotRun`."""
    talk = _Talk(address, timeout)
    try:
        _sign_in(talk)
        info = _introduce(talk)
        config = _config(talk)
        return Target(address, info, _databases(talk, config), config, _clock(talk), commands=_commands(talk))
    finally:
        talk.connection.close()


def leave_empty(target: Target) -> None:
    """Flush what a run that ended in the middle of a history left; a server that is gone is left alone."""
    with contextlib.suppress(CannotRun, Lost), target.address.enter(1.0) as connection:
        connection.ask(b"FLUSHALL")


def _sign_in(talk: _Talk) -> None:
    text = talk.address.text
    if talk.address.auth:
        said = talk(*talk.address.auth)
        if said.is_error:
            first = line(said)
            if "without any password" in first or "no password is set" in first.lower():
                raise CannotRun(f"{text}: has no password, yet one was given: {first}")
            raise CannotRun(f"{text}: wrong password: {first}")
    said = talk(b"PING")
    if said.value == b"PONG":  # as a bulk string, too: that is a divergence, and will be found
        return
    first = line(said)
    if first.startswith("NOAUTH"):
        raise CannotRun(f"{text}: wants a password: give it as redis://:password@host:port ({first})")
    if first.startswith(("DENIED", "NOPERM", "LOADING", "MASTERDOWN", "BUSY", "ERR max number of clients")):
        raise CannotRun(f"{text}: does not serve us: {first}")
    raise CannotRun(f"{text}: not a Redis server: it answers PING with {said.raw[:60]!r}")


def _introduce(talk: _Talk) -> dict[str, str]:
    info: dict[str, str] = {}
    for section in (b"server", b"keyspace", b"replication", b"cluster"):
        said = talk(b"INFO", section)
        if not said.is_error:
            info.update(read_info(said.value))
    return info


def _refuse_data(talk: _Talk, info: dict[str, str], destructive: bool) -> None:
    if destructive:
        return
    held = [(name, match[1]) for name, value in info.items() if (match := re.match(r"keys=(\d+)", value))]
    full = [f"{count} in {name}" for name, count in held if count != "0"]
    if not held:
        said = talk(b"DBSIZE")
        if isinstance(said.value, int) and said.value > 0:
            full = [f"{said.value} in db0"]
    if full:
        raise CannotRun(
            f"{talk.address.text}: holds data (keys: {', '.join(full)}), and a run deletes everything; "
            "--destructive allows it"
        )


def _config(talk: _Talk) -> dict[str, str]:
    return configuration(talk(b"CONFIG", b"GET", b"*"))


def configuration(told: Frame) -> dict[str, str]:
    """The parameters and values that CONFIG GET tells; none where it is refused."""
    if told.is_error:
        return {}
    flat = [part.decode(errors="replace") for part in texts(told)]
    return dict(zip(flat[::2], flat[1::2], strict=False))


def _commands(talk: _Talk) -> frozenset[str]:
    """The commands that the server tells of; none where it tells of none."""
    names = texts(talk(b"COMMAND", b"LIST"))
    if not names:
        rows = talk(b"COMMAND").value
        rows = rows if isinstance(rows, tuple) else ()  # an error is no list of commands
        names = [row.value[0].value for row in rows if isinstance(row.value, tuple) and row.value]
    return frozenset(name.upper().decode("latin-1") for name in names)


def _databases(talk: _Talk, config: dict[str, str]) -> int:
    """How many databases SELECT reaches: as configured, else found by trying."""
    if config.get("databases", "").isdigit() and config.get("cluster-enabled", "no") != "yes":
        return int(config["databases"])
    count = 1
    while count < 16 and not talk(b"SELECT", b"%d" % count).is_error:
        count += 1
    return count


def _clock(talk: _Talk) -> tuple[int, int]:
    """Bounds on the server's clock minus ours, from a few TIMEs; (0, 0) when they allow that it is the same clock."""
    low, high = -(1 << 62), 1 << 62
    for _ in range(8):
        sent = milliseconds()
        said = talk(b"TIME")
        received = milliseconds()
        parts = texts(said)
        if said.is_error or len(parts) != 2:
            return (0, 0)
        there = int(parts[0]) * 1000 + int(parts[1]) // 1000
        low, high = max(low, there - received - 1), min(high, there - sent + 1)
    return (0, 0) if low <= 0 <= high else (low, max(low, high))


def at(address: Address, host: str, port: int, text: str) -> Address:
    """The same login at another place: how a server that we started is addressed by its name."""
    return evolve(address, text=text, host=host, port=port, path=None, tls=False)
