"""The core in plain Python: the same interfaces as the compiled one, for where no C compiler is.

`NAME`, `Database`, `Loop`, the types of values and the work over bytes are what `redlark.server.interfaces` and
`redlark.server.types` promise of a core.
"""

from redlark.server.groups import Group
from redlark.server.plain.bytework import compress, crc64, dumped, expand, undumped
from redlark.server.plain.database import Database
from redlark.server.plain.hash import Hash
from redlark.server.plain.list import List
from redlark.server.plain.loop import Loop
from redlark.server.plain.near import near
from redlark.server.plain.set import Set
from redlark.server.plain.sorted_set import SortedSet
from redlark.server.plain.stream import Stream

NAME = "plain"
COMPILER = "0.0.0"  # none

__all__ = [
    "COMPILER",
    "NAME",
    "Database",
    "Group",
    "Hash",
    "List",
    "Loop",
    "Set",
    "SortedSet",
    "Stream",
    "compress",
    "crc64",
    "dumped",
    "expand",
    "near",
    "undumped",
]
