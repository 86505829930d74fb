"""Values as Redis and Valkey write them into RDB files and DUMP payloads: bytes to values, and back.

Theory of operation. `cursor` reads lengths and strings; `packed` the packed forms (listpack, ziplist, intset, zipmap);
`streams` what a stream is made of; `objects` has one table of the object types and decodes one object; `encoding`
writes one legal form of each; `payload` knows the footer of a DUMP. Everything is pure. What must not live here: what a
server makes of a value that it has read (its encoding in memory, its errors in words), keys, and files as a whole.

Source: the files and payloads that redis 6.2.14, 7.0.15, 8.2.3 and valkey 8.1.8, 9.1.2 write; antirez, "Listpack
specification"; "Redis RDB file format" (rdb.fnordig.de).
"""

from redlark.spec.rdb.cursor import BadFormat
from redlark.spec.rdb.encoding import encode
from redlark.spec.rdb.objects import decode
from redlark.spec.rdb.payload import sealed, unsealed
from redlark.spec.rdb.values import Consumer, Entry, Group, Loaded, Node, Pending, StreamValue

__all__ = [
    "BadFormat",
    "Consumer",
    "Entry",
    "Group",
    "Loaded",
    "Node",
    "Pending",
    "StreamValue",
    "decode",
    "encode",
    "sealed",
    "unsealed",
]
