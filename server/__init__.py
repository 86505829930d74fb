"""The fast server: a compiled core where one could be built, plain Python where not, and the commands around it.

`Server` starts one for tests and scripts; `redlark serve` is the command.
"""

from redlark.server.embedded import Server

__all__ = ["Server"]
