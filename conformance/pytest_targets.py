"""What the fixtures of the pytest plugin lend to tests: servers of this machine, given ones, and Redlark's own.

What must live here: starting, emptying, sharing between processes, and stopping. A server that is named is started once
a process and emptied between its tests. One that is given by its address may be everybody's: tests of several processes
(pytest-xdist) hold a lock on it one after another, and one that holds data is not touched.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from attrs import field, frozen, mutable

from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.targets import servers
from redlark.conformance.targets.target import Address, parse_address, prepare
from redlark.server import Server

if TYPE_CHECKING:
    import redis

CODE = ((b"SCRIPT", b"FLUSH"), (b"FUNCTION", b"FLUSH"))  # where a server does not know these, there is none


@frozen
class RedisLike:
    """A server that a test may use: `name` as it was asked for, `url` with the password, and a client for the asking.

    `path` is the Unix socket's, else "". `server` is the `redlark.server.Server` where it runs in this process.
    """

    name: str
    url: str
    host: str
    port: int
    path: str = ""
    server: Server | None = None
    options: Mapping[str, Any] = field(factory=dict)  # of clients, unless they say otherwise
    _clients: list[Any] = field(factory=list, init=False, eq=False, repr=False)

    def client(self, **options: Any) -> redis.Redis:
        """A client of redis-py, with its options; closed behind the test. Skips the test without redis-py."""
        found = pytest.importorskip("redis", reason="redis-py is not installed, and the test asks for a client of it")
        client: redis.Redis = found.Redis.from_url(self.url, **{**self.options, **options})
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close every client that was asked for."""
        while self._clients:
            with contextlib.suppress(Exception):  # a server that is gone is no reason to fail here
                self._clients.pop().close()


def _like(name: str, url: str, server: Server | None = None) -> RedisLike:
    address = parse_address(url)
    return RedisLike(name, url, address.host, address.port, address.path or "", server)


@mutable
class Stage:
    """The servers of one process's tests."""

    need: bool = False  # a target that is missing fails
    destructive: bool = False
    _started: ExitStack = field(factory=ExitStack, init=False)
    _likes: dict[str, RedisLike] = field(factory=dict, init=False)  # what was started, by its name
    _met: set[str] = field(factory=set, init=False)  # given servers that were found fit

    @contextlib.contextmanager
    def fresh(self, *arguments: str) -> Iterator[RedisLike]:
        """Redlark's server, new, with redis-server's arguments."""
        with Server(*arguments) as server:
            like = _like(servers.EMBEDDED, server.url, server)
            try:
                yield like
            finally:
                like.close()

    @contextlib.contextmanager
    def lend(self, name: str) -> Iterator[RedisLike]:
        """A target by its name or address, empty, for one test. Skips (`need`: fails) where there is none."""
        if servers.is_server_name(name):
            like = self._named(name)
            try:
                yield like
            finally:
                like.close()
            return
        address = self._there(name)
        with _alone(address):
            if name not in self._met:
                self._prepared(address)
                self._met.add(name)
            like = _like(address.text, name)
            _empty(like)
            try:
                yield like
            finally:
                like.close()
                with contextlib.suppress(CannotRun, Lost):  # the test may have ended it
                    _empty(like)

    def close(self) -> None:
        """Stop what was started."""
        self._started.close()
        self._likes.clear()

    def _named(self, name: str) -> RedisLike:
        """The server of that name, empty: the one that is there, or a new one where a test has spoilt that."""
        if name in self._likes:
            with contextlib.suppress(CannotRun, Lost):
                _empty(self._likes[name])
                return self._likes[name]
        self._likes[name] = self._start(name)
        return self._likes[name]

    def _start(self, name: str) -> RedisLike:
        if name == servers.EMBEDDED:
            server = self._started.enter_context(Server())
            return _like(name, server.url, server)
        try:
            program = servers.pick(name, servers.find_servers())
        except CannotRun as missing:
            self._missing(str(missing))
        return _like(name, self._started.enter_context(servers.running(program)).url)

    def _there(self, url: str) -> Address:
        try:
            address = parse_address(url)
        except CannotRun as wrong:
            pytest.fail(str(wrong), pytrace=False)
        try:
            address.open().close()
        except CannotRun as missing:
            self._missing(str(missing))
        return address

    def _prepared(self, address: Address) -> None:
        try:
            prepare(address, destructive=self.destructive)
        except CannotRun as unfit:
            said = str(unfit).replace("--destructive", "--redlark-destructive")
            pytest.fail(said.replace("a run deletes", "tests delete"), pytrace=False)

    def _missing(self, reason: str) -> NoReturn:
        if self.need:
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def _empty(like: RedisLike) -> None:
    """Delete all keys, scripts and functions. Raises `CannotRun` or `Lost` where that does not succeed."""
    with parse_address(like.url).enter() as connection:
        if connection.ask(b"FLUSHALL").is_error:
            raise CannotRun(f"{like.name}: refuses FLUSHALL")
        for request in CODE:
            connection.ask(*request)


@contextlib.contextmanager
def _alone(address: Address) -> Iterator[None]:
    """Wait until no test of another process of this user has the server, and keep it from them."""
    place = address.path or f"{address.host}:{address.port}"
    name = f"redlark-{os.getuid()}-{hashlib.sha256(place.encode()).hexdigest()[:16]}.lock"
    with (Path(tempfile.gettempdir()) / name).open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
