"""The servers that are compared, each on the servers' core, and whose turn it is first."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator, Mapping

import click
from attrs import frozen

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers
from tests.bench import measure
from tests.bench.report import OURS


@frozen
class Stage:
    """Programs by name (None: ours), and the cores for them and for the load."""

    programs: Mapping[str, servers.Server | None]
    core: int | None
    load_core: int | None

    @classmethod
    def of(cls, rivals: str) -> Stage:
        """Ours and those of these names that this machine has."""
        here, programs = servers.find_servers(), {OURS: None}
        for name in filter(None, rivals.split(",")):
            try:
                programs[name] = servers.pick(name, here)  # type: ignore[assignment]
            except CannotRun as none:
                click.echo(f"left out: {none}", err=True)
        return cls(programs, *measure.two_cores())

    @contextlib.contextmanager
    def running(self, name: str) -> Iterator[servers.Running]:
        """One server, fresh."""
        with measure.on_core(self.core):
            server = servers.start(self.programs[name])
        with server, measure.on_core(self.load_core):
            yield server

    @contextlib.contextmanager
    def all(self) -> Iterator[dict[str, servers.Running]]:
        """All of them at once."""
        with contextlib.ExitStack() as stack:
            yield {name: stack.enter_context(self.running(name)) for name in self.programs}

    def turn(self, number: int) -> list[str]:
        """The names in another order each time, so that whatever else the machine does meets all alike."""
        names = list(self.programs)
        return names[number % len(names) :] + names[: number % len(names)]

    def versions(self, running: Mapping[str, servers.Running]) -> dict[str, str]:
        """What is compared, in words."""
        said = {name: f"{one.product} {one.version}" for name, one in self.programs.items() if one}
        return {OURS: f"redlark, {_core_of(running[OURS].port)} core", **said}


def _core_of(port: int) -> str:
    """Which core the started server runs, as its INFO says."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"INFO server\r\n")
        return "compiled" if b"redlark_core:compiled" in connection.recv(65536) else "plain"
