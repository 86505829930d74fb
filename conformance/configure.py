"""CONFIG SET on a server that was given, put back afterwards: the set-ups for servers that we did not start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from attrs import evolve

from redlark.conformance.connection import Connection
from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.target import Address, Target, line, texts
from redlark.reference.resp import Frame, encode_request


@contextlib.contextmanager
def configured(target: Target, config: Mapping[str, str], destructive: bool) -> Iterator[Target]:
    """The target with these parameters set. Raises `CannotRun` where that is refused, or is not ours to do.

    A server on another machine is left as it is unless `--destructive` was said: a password set there would lock
    others out if this program died before it could take it away again.
    """
    address = target.address
    if not destructive and address.path is None and address.host not in ("127.0.0.1", "::1", "localhost"):
        raise CannotRun("the target is on another machine; --destructive allows CONFIG SET there")
    if address.auth and "requirepass" in config:
        raise CannotRun("the target has a password of its own")
    connection = _signed_in(address)
    try:
        before = {name: _old(connection, name) for name in config}
        changed = evolve(target, address=evolve(address, password=config.get("requirepass", address.password)))
        try:
            for name, value in config.items():
                said = _ask(connection, b"CONFIG", b"SET", name.encode(), value.encode())
                if said.is_error:
                    raise CannotRun(f"the target refuses CONFIG SET {name}: {line(said)}")
            yield evolve(changed, config={**target.config, **config})
        finally:
            for name, value in before.items():
                with contextlib.suppress(CannotRun):
                    _ask(connection, b"CONFIG", b"SET", name.encode(), value.encode())
    finally:
        connection.close()


def _signed_in(address: Address) -> Connection:
    connection = address.open()
    if address.auth:
        _ask(connection, *address.auth)
    return connection


def _old(connection: Connection, name: str) -> str:
    said = _ask(connection, b"CONFIG", b"GET", name.encode())
    pair = texts(said)
    if said.is_error or len(pair) != 2:
        raise CannotRun(f"the target does not tell CONFIG GET {name}")
    return pair[1].decode()


def _ask(connection: Connection, *request: bytes) -> Frame:
    try:
        connection.send(encode_request(request))
        return connection.frame()
    except Lost as lost:
        raise CannotRun(f"the target {lost.what}") from None
