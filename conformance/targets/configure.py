"""CONFIG SET on a server that was given, put back afterwards: the set-ups for servers that we did not start."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from attrs import evolve

from redlark.conformance.errors import CannotRun, Lost, NotRestored
from redlark.conformance.judging.connection import Connection
from redlark.conformance.targets.setups import PASSWORD
from redlark.conformance.targets.target import Address, Target, configuration, line, texts


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
    with _signed_in(address) as connection:
        before = {name: _old(connection, name) for name in config}
        changed = evolve(target, address=evolve(address, password=config.get("requirepass", address.password)))
        done, refused = _set(connection, config)
        told = configuration(connection.ask(b"CONFIG", b"GET", b"*"))  # a parameter may have another name, too
    try:
        if refused:
            raise CannotRun(f"the target refuses {refused}")
        yield evolve(changed, config={**target.config, **told, **config})
    finally:
        set_ = {name: before[name] for name in done}
        _put_back(changed.address if "requirepass" in set_ else address, set_)


def recover(address: Address, before: Mapping[str, str]) -> list[str]:
    """Put back what a run that was killed has left set, the password of a set-up too; the names of those parameters.

    Raises `CannotRun` where that is refused; a server that does not let us in is left for others to complain about.
    """
    for known in (address, evolve(address, password=PASSWORD)):
        try:
            with _signed_in(known) as connection:
                told = connection.ask(b"CONFIG", b"GET", b"*")
                now = configuration(told)
                changed = {name: value for name, value in before.items() if now.get(name, value) != value}
                done, refused = _set(connection, changed)
        except CannotRun:
            return []
        if refused:
            raise CannotRun(f"{address.text}: a run that was killed has left it configured, and it refuses {refused}")
        if not told.is_error:
            return done
    return []


def _put_back(address: Address, before: Mapping[str, str]) -> None:
    """Over a connection of its own: what was run may have killed every other one. Raises `NotRestored`."""
    try:
        with _signed_in(address) as connection:
            _, refused = _set(connection, before)
    except CannotRun as problem:
        raise NotRestored(
            f"{address.text}: its configuration ({', '.join(before)}) is not put back: {problem}"
        ) from None
    if refused:
        raise NotRestored(f"{address.text}: its configuration is not put back: it refuses {refused}")


@contextlib.contextmanager
def _signed_in(address: Address) -> Iterator[Connection]:
    try:
        with address.enter() as connection:
            yield connection
    except Lost as lost:
        raise CannotRun(f"the target {lost.what}") from None


def _set(connection: Connection, config: Mapping[str, str]) -> tuple[list[str], str | None]:
    """CONFIG SET each until one is refused; gives the names of those that were set, and what was refused."""
    done: list[str] = []
    for name, value in config.items():
        said = connection.ask(b"CONFIG", b"SET", name.encode(), value.encode())
        if said.is_error:
            return done, f"CONFIG SET {name}: {line(said)}"
        done.append(name)
    return done, None


def _old(connection: Connection, name: str) -> str:
    said = connection.ask(b"CONFIG", b"GET", name.encode())
    pair = texts(said)
    if said.is_error or len(pair) != 2:
        raise CannotRun(f"the target does not tell CONFIG GET {name}")
    return pair[1].decode()
