"""Values as bytes, as Redis has them in its files and in what DUMP tells: written, and read again.

Theory of operation.  `reading` and `writing` have the units of the format (lengths, strings, doubles); `packed` the
packed forms of small collections (listpack, intset, and ziplist and zipmap of older servers); `streams` what a stream
is made of; `objects` one table of the types of objects, and the way between an object and a value of the core's own;
`payload` the footer of a DUMP.  Everything is pure, and knows no keys, no clients, no files: those build on it.

Whatever the bytes are, reading gives a value whose `check()` holds, or raises `BadFormat`.

Source: what redis 6.2.14, 7.0.15, 8.2.3 and valkey 8.1.8 write; antirez, "Listpack specification"; "Redis RDB file
format" (rdb.fnordig.de).
"""

from redlark.server.rdb.objects import read, write
from redlark.server.rdb.payload import VERSION, dump, is_whole, restore
from redlark.server.rdb.reading import BadFormat, Reader
from redlark.server.rdb.writing import Writer

__all__ = ["VERSION", "BadFormat", "Reader", "Writer", "dump", "is_whole", "read", "restore", "write"]
