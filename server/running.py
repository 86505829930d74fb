"""From a configuration to a running server: the pieces put together, in this process."""

from __future__ import annotations

import socket
from typing import cast

from redlark.server import cores, sockets
from redlark.server.commands import command_table
from redlark.server.config import Config
from redlark.server.scripting import Scripting
from redlark.server.state import State
from redlark.server.types import Types


class Running:
    """A server that listens but does not run yet.  `run` blocks until `stop`, which any thread may call.

    Raises cores.NoCore and sockets.ListenError.
    """

    def __init__(self, config: Config, core: str | None = None) -> None:
        module = cores.choose(core)
        self.state = State(config, module.NAME, cast(Types, module))
        self.state.databases = [module.Database(index, self.state) for index in range(config.databases)]
        for database in self.state.databases:
            database.came = self.state.waiting.came
        self.state.commands = command_table()
        self.state.scripting = Scripting(self.state)
        self.listeners = sockets.listeners(config)
        self.state.port = next((one.getsockname()[1] for one in self.listeners if one.family != socket.AF_UNIX), 0)
        self.state.loop = module.Loop(self.state, self.listeners)
        self.state.configured()

    def run(self) -> None:
        try:
            self.state.loop.run()
        finally:
            sockets.shut(self.listeners)

    def stop(self) -> None:
        self.state.loop.stop()

    def addresses(self) -> list[str]:
        """Where it listens, as CLIENT LIST would show it."""
        return [sockets.shown(listener.getsockname()).decode("utf-8", "replace") for listener in self.listeners]
