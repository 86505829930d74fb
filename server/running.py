"""From a configuration to a running server: the pieces put together, in this process."""

from __future__ import annotations

from typing import cast

from redlark.server import cores, sockets
from redlark.server.commands import command_table
from redlark.server.config import Config
from redlark.server.interfaces import Command
from redlark.server.off import OFF
from redlark.server.parameters import ConfigError
from redlark.server.scripting import Scripting
from redlark.server.state import State
from redlark.server.types import Types


def rename(commands: dict[bytes, Command], name: bytes, instead: bytes) -> None:
    """Have a command go by another name, or by none; of itself it tells by its own.  Raises ConfigError."""
    command = commands.pop(name.upper(), None)
    if command is None and name.upper() in OFF:
        return  # what is not there yet can be called nothing and anything
    if command is None:
        raise ConfigError(f"rename-command {name.decode('utf-8', 'replace')}: there is no such command")
    if instead and commands.setdefault(instead.upper(), command) is not command:
        raise ConfigError(f"rename-command: there is a command called {instead.decode('utf-8', 'replace')} already")


class Running:
    """A server that listens but does not run yet.  `run` blocks until `stop`, which any thread may call.

    Raises cores.NoCore, sockets.ListenError and ConfigError (`rename-command`).
    """

    def __init__(self, config: Config, core: str | None = None) -> None:
        module = cores.choose(core)
        self.state = State(config, module.NAME, cast(Types, module))
        self.state.databases = [module.Database(index, self.state) for index in range(config.databases)]
        for database in self.state.databases:
            database.came = self.state.waiting.came
        self.state.commands = command_table()
        for name, instead in config.renamed:
            rename(self.state.commands, name, instead)
        self.state.scripting = Scripting(self.state)
        listeners = sockets.listeners(config)
        self.state.loop = module.Loop(self.state, [])
        self.state.listen(listeners)
        self.state.configured()

    def run(self) -> None:
        try:
            self.state.loop.run()
        finally:
            self.state.watchdog.stop()
            sockets.shut(self.state.listeners)

    def stop(self) -> None:
        self.state.loop.stop()

    def addresses(self) -> list[str]:
        """Where it listens, as CLIENT LIST would show it."""
        return [sockets.shown(listener.getsockname()).decode("utf-8", "replace") for listener in self.state.listeners]
