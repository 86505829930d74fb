"""The fast server: a compiled core where one could be built, plain Python where not, and the commands around it.

`Server` starts one for tests and scripts; `redlark serve` is the command, and does not wait for what `Server` imports.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redlark.server.embedded import Server

__all__ = ["Server"]


def __getattr__(name: str) -> Any:
    if name != "Server":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from redlark.server.embedded import Server

    return Server
