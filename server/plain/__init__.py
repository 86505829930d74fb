"""The core in plain Python: the same interfaces as the compiled one, for where no C compiler is.

`NAME`, `Database` and `Loop` are what `redlark.server.interfaces` promises of a core.
"""

from redlark.server.plain.database import Database
from redlark.server.plain.loop import Loop

NAME = "plain"

__all__ = ["NAME", "Database", "Loop"]
