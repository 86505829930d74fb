"""DEBUG, as far as tests use it: digests, sleeping, a reply of each type, switches, and crashes."""

from __future__ import annotations

import hashlib
import os
import random
import re
import signal
import struct
import time
from collections.abc import Callable
from itertools import chain
from secrets import token_hex
from typing import Final, cast

from redlark.server import errors, glob, rewriting
from redlark.server.commands.registry import command
from redlark.server.commands.scripts import NOSCRIPT
from redlark.server.doubles import shortest
from redlark.server.info import client_memory
from redlark.server.interfaces import (
    NO_DEADLINE,
    NO_REPLY,
    OK,
    CommandError,
    Context,
    Database,
    Reply,
    SetReply,
    Status,
    Value,
    Verbatim,
)
from redlark.server.off import DISK, REPLICAS
from redlark.server.rdb import dump, restore
from redlark.server.rdb.objects import PACKED_TIMED_HASH, TIMED_HASH
from redlark.server.rdb.packed import written_listpack
from redlark.server.settings import memory
from redlark.server.types import List
from redlark.server.values import encoding_of, integer, positive

# What is accepted with one word more, whatever it is, and changes nothing; but SET-ACTIVE-EXPIRE and PAUSE-CRON do.
_SWITCHES: Final = frozenset((
    b"set-active-expire", b"set-skip-checksum-validation", b"pause-cron", b"log", b"set-disable-deny-scripts",
    b"dict-resizing", b"aof-flush-sleep",
))  # fmt: skip
_NUMBERED: Final = frozenset((b"keysizes-hist-assert", b"drop-cluster-packet-filter"))  # the same, with a number
_PAUSES: Final = frozenset((b"clear", b"after-fork", b"before-rdb-channel", b"on-streaming-repl-buf"))
_CRASHES: Final = {
    b"segfault": signal.SIGSEGV, b"panic": signal.SIGABRT, b"assert": signal.SIGABRT, b"oom": signal.SIGABRT,
}  # fmt: skip
_ALLOCATOR: Final = b"the allocator of this server has nothing to set"
_OFF: Final = {
    b"loadaof": DISK, b"restart": DISK, b"crash-and-recover": DISK, b"replicate": REPLICAS,
    b"mallctl": _ALLOCATOR, b"mallctl-str": _ALLOCATOR,
    b"mark-internal-client": b"this server has no commands that only servers may send",
}  # fmt: skip
_RELOADS: Final = frozenset((b"merge", b"noflush", b"nosave"))
_WITH_TABLE: Final = frozenset((b"hashtable", b"skiplist"))
_DIGITS: Final = 40  # of a script's digest
_TRIALS: Final = 10_000  # patterns that are tried on texts at random
_SECONDS: Final = re.compile(rb"\s*(\d+(?:\.\d*)?|\.\d+)")
_LARGEST_NODE: Final = 4_293_918_720  # bytes of an element that a list may keep among others
_PROTOCOL_TYPES: Final = (
    b"ERR Wrong protocol type name. Please use one of the following: "
    b"string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
)
_KINDS: Final = {b"string": 0, b"list": 1, b"set": 2, b"zset": 3, b"hash": 4, b"stream": 6}  # as RDB files number them
NOTHING: Final = bytes(20)
_HELP: Final = (
    (b"CHANGE-REPL-ID", b"    Another replication id."),
    (b"CLIENT-EVICTION", b"    Tells the log what connections take, where maxmemory-clients limits it."),
    (b"CONFIG-REWRITE-FORCE-ALL", b"    CONFIG REWRITE, and what is as it is anyway is written, too."),
    (b"DIGEST", b"    A digest of all databases."),
    (b"DIGEST-VALUE <key> [<key> ...]", b"    A digest of each value."),
    (b"ERROR <text>", b"    This error."),
    (b"HTSTATS <dbid>", b"    How many keys a database has, and how many of them with a deadline."),
    (b"HTSTATS-KEY <key>", b"    How many elements the table of a value has."),
    (b"LEAK <text>", b"    Keeps a text for ever."),
    (b"OBJECT <key>", b"    Where and how a value is kept."),
    (b"PAUSE-CRON <0 | 1>", b"    Whether nothing expires that nobody asks for, and no idle connection is closed."),
    (
        b"POPULATE <count> [<prefix>] [<size>]",
        b"    Makes so many strings under keys of this prefix, unless they are there.",
    ),
    (b"PROTOCOL <type>", b"    A reply of this type."),
    (b"RELOAD [MERGE] [NOFLUSH]", b"    Each value is written as a file has it, and read again, without a file."),
    (b"SET-ACTIVE-EXPIRE <0 | 1>", b"    Whether what has expired goes though nobody asks for it."),
    (b"SLEEP <seconds>", b"    Serves nobody for so long."),
    (b"LISTPACK <key>", b"    Tells the log of a value that is packed."),
    (b"QUICKLIST <key> [<0 | 1>]", b"    Tells the log of a list in nodes."),
    (b"SCRIPT LIST | <sha1>", b"    Tells the log of scripts."),
    (b"SDSLEN <key>", b"    How long a key and its text are."),
    (b"SEGFAULT | PANIC | ASSERT | OOM", b"    Ends the process as a fault would."),
    (b"STRINGMATCH-TEST", b"    Matches patterns with texts at random."),
    (b"STRUCTSIZE", b"    How many bits an address has."),
    (b"HELP", b"    These lines."),
)


@command("DEBUG")
def debug(ctx: Context, args: list[bytes]) -> Reply:
    word, rest = args[1].split(b"\0", 1)[0], args[2:]
    asked = word.lower()
    if asked == b"help" and not rest:
        return [Status(line) for line in (b"DEBUG has these subcommands:", *chain.from_iterable(_HELP))]
    if asked == b"sleep" and len(rest) == 1:
        found = _SECONDS.match(rest[0])
        time.sleep(float(found[1]) if found else 0)
        return OK
    if asked in _SWITCHES and len(rest) == 1:
        if asked == b"set-active-expire":
            ctx.server.active_expiry = rest[0][:1] not in (b"0", b"")
        elif asked == b"pause-cron":
            ctx.server.cron_paused = rest[0][:1] not in (b"0", b"")
        return OK
    if asked == b"error" and len(rest) == 1:
        raise CommandError(errors.one_line(rest[0]))
    if asked == b"digest" and not rest:
        return Status(_digest_of_all(ctx).hex().encode())
    if asked == b"digest-value":
        return [Status(_digest_at(ctx.db, key, NOTHING).hex().encode()) for key in rest]
    if asked == b"object" and len(rest) == 1:
        return _object(ctx, rest[0])
    if asked == b"quicklist-packed-threshold" and len(rest) == 1:
        size = memory(rest[0])
        if size is None or size > _LARGEST_NODE:
            raise CommandError(b"ERR argument must be a memory value bigger than 1 and smaller than 4gb")
        return OK
    if asked == b"change-repl-id" and not rest:
        ctx.server.replication_id = token_hex(20)
        return OK
    if asked == b"reload":
        return _reload(ctx, {word.lower() for word in rest})
    if asked == b"populate" and 1 <= len(rest) <= 3:
        return _populate(ctx, rest)
    if asked == b"protocol" and len(rest) == 1:
        return _protocol(ctx, rest[0].split(b"\0", 1)[0].lower())
    if asked in _OFF:
        raise CommandError(b"ERR DEBUG %b is off: %b" % (asked.upper(), _OFF[asked]))
    told = _inside(ctx, asked, rest)
    if told is None:
        raise CommandError(errors.wrong_number(b"DEBUG", args[1]))
    return told


def _inside(ctx: Context, asked: bytes, rest: list[bytes]) -> Reply:
    """What Redis's own tests ask of its inside, as far as it is the same here; None where there is no such thing."""
    count = len(rest)
    if asked in _NUMBERED and count == 1:
        integer(rest[0])
        return OK
    if asked == b"repl-pause" and count == 1 and rest[0].lower() in _PAUSES:
        return OK
    if asked == b"replybuffer" and count == 2:
        which, value = (word.lower() for word in rest)
        if which == b"peak-reset-time" and value not in (b"never", b"reset"):
            integer(value)
        return OK if which in (b"peak-reset-time", b"resizing") else None
    if asked == b"internal_secret" and not rest:
        raise CommandError(b"ERR Internal secret is missing")
    if asked == b"stringmatch-test" and not rest:
        _match_at_random()
        return Status(b"Apparently Redis did not crash: test passed")
    if (asked == b"listpack" and count == 1) or (asked == b"quicklist" and count in (1, 2)):
        if _encoding_at(ctx, rest[0]).removesuffix(b"ex") != asked:
            raise CommandError(b"ERR Not a %b encoded object." % asked)
        ctx.server.log("notice", f"DEBUG {asked.decode().upper()}: {len(ctx.db.peek(rest[0]) or ())} elements")
        return Status(b"%b structure printed on stdout" % asked.capitalize())
    if asked == b"sdslen" and count == 1:
        return _lengths(ctx, rest[0])
    if asked == b"script" and count == 1:
        return _scripts(ctx, rest[0])
    if asked in _TOLD and count in _TOLD[asked][0]:
        return _TOLD[asked][1](ctx, rest)
    if asked in _CRASHES and not rest:
        if not ctx.server.own_process:
            raise CommandError(b"ERR DEBUG %b is off: this server has not a process of its own" % asked.upper())
        os.kill(os.getpid(), _CRASHES[asked])
        return NO_REPLY
    return None


def _match_at_random() -> None:
    """Patterns that hold anything are matched with texts that do: none may fail, or take long."""
    for _ in range(_TRIALS):
        glob.matches(random.randbytes(random.randrange(12)), random.randbytes(random.randrange(40)))


def _encoding_at(ctx: Context, key: bytes) -> bytes:
    value = ctx.db.peek(key)
    if value is None:
        raise CommandError(errors.NO_SUCH_KEY)
    return encoding_of(value, ctx.db.form(key))


def _lengths(ctx: Context, key: bytes) -> Reply:
    """How long a key and its text are; nothing is kept free behind them, and the two take one allocation."""
    encoding, value = _encoding_at(ctx, key), ctx.db.peek(key)
    if encoding == b"int" or not isinstance(value, bytes):
        raise CommandError(b"ERR Not an sds encoded string.")
    return Status(
        b"key_sds_len:%d, key_sds_avail:0, key_zmalloc: %d, val_sds_len:%d, val_sds_avail:0, val_zmalloc: 0"
        % (len(key), ctx.db.size(key) or 0, len(value))
    )


def _scripts(ctx: Context, asked: bytes) -> Reply:
    """The log is told of a script by its digest, or of all; None where it is no digest.  Raises CommandError."""
    known = ctx.server.scripting.scripts
    found = list(known) if asked.lower() == b"list" else [asked.lower()]
    if not all(digest in known for digest in found):
        if len(asked) == _DIGITS:
            raise CommandError(NOSCRIPT)
        return None
    for digest in found:
        ctx.server.log("notice", f"script {digest.decode()}: {known[digest].source.decode('latin-1')}")
    return OK


def _populate(ctx: Context, words: list[bytes]) -> Reply:
    """Strings that say their numbers, cut or filled with zeros to a size; what is there stays."""
    count = positive(words[0])
    prefix = words[1] if len(words) > 1 else b"key"
    size = positive(words[2]) if len(words) > 2 else 0
    for number in range(count):
        key, text = b"%b:%d" % (prefix, number), b"value:%d" % number
        if not ctx.db.exists(key):
            ctx.db.put(key, text[:size].ljust(size, b"\0") if size else text)
    return OK


def _reload(ctx: Context, options: set[bytes]) -> Reply:
    """Every value becomes what a server has that has read its file: a value's encoding may change, idle times are lost.

    What MERGE and NOFLUSH say matters where a file has other keys than the memory.
    """
    if not options <= _RELOADS:
        raise CommandError(b"ERR DEBUG RELOAD only supports the MERGE, NOFLUSH and NOSAVE options.")
    if b"nosave" in options:
        raise CommandError(b"ERR DEBUG RELOAD NOSAVE is off: " + DISK)
    types, limits = ctx.server.types, ctx.server.config
    for database in ctx.server.databases:
        there = database.keys()
        saved = [(key, dump(database.peek(key) or b"", types), database.deadline(key)) for key in there]
        database.flush()
        for key, payload, at in saved:
            database.put(key, restore(payload, types, limits))
            if at != NO_DEADLINE:
                database.set_deadline(key, at)
    if ctx.server.tracking.on:
        ctx.server.tracking.emptied(first=not ctx.executing)
    return OK


def _rewrite_all(ctx: Context, rest: list[bytes]) -> Reply:
    config = ctx.server.config
    if not config.file:
        raise CommandError(b"ERR CONFIG-REWRITE-FORCE-ALL failed: Bad address")  # as Redis says it
    try:
        rewriting.rewrite(config, whole=True)
    except OSError as problem:
        raise CommandError(b"ERR CONFIG-REWRITE-FORCE-ALL failed: %b" % str(problem.strerror).encode()) from None
    return OK


def _leak(ctx: Context, rest: list[bytes]) -> Reply:
    _leaked.append(rest[0])
    return OK


def _client_eviction(ctx: Context, rest: list[bytes]) -> Reply:
    if not ctx.server.config.maxmemory_clients:
        raise CommandError(b"ERR maxmemory-clients is disabled.")
    ctx.server.log("notice", f"DEBUG CLIENT-EVICTION: connections take {client_memory(ctx.server)} bytes")
    return OK


def _cluster_link(ctx: Context, rest: list[bytes]) -> Reply:
    """None where it is asked for otherwise."""
    if rest[0].lower() != b"kill":
        return None
    raise CommandError(b"ERR Debug option only available for cluster mode enabled setup!")


def _table(count: int) -> bytes:
    """One that is empty is not told of."""
    return b"Hash table 0 stats (main hash table):\n number of elements: %d\n" % count if count else b""


def _database_table(ctx: Context, rest: list[bytes]) -> Reply:
    number = integer(rest[0])
    if not 0 <= number < len(ctx.server.databases):
        raise CommandError(b"ERR Out of range database")
    database = ctx.server.databases[number]
    told = b"[Dictionary HT]\n%b[Expires HT]\n%b" % (_table(len(database)), _table(database.expires_count()))
    return Verbatim(b"txt", told)


def _value_table(ctx: Context, rest: list[bytes]) -> Reply:
    if _encoding_at(ctx, rest[0]) not in _WITH_TABLE:
        raise CommandError(b"ERR The value stored at the specified key is not represented using an hash table")
    return Verbatim(b"txt", _table(len(ctx.db.peek(rest[0]) or ())))


def _struct_size(ctx: Context, rest: list[bytes]) -> Reply:
    return Status(b"bits:%d" % (8 * struct.calcsize("P")))


_leaked: list[bytes] = []  # by LEAK: they are never given back
_ANY: Final = range(1, 2**31)
_TOLD: Final[dict[bytes, tuple[range, Callable[[Context, list[bytes]], Reply]]]] = {
    b"config-rewrite-force-all": (range(1), _rewrite_all),
    b"leak": (range(1, 2), _leak),
    b"client-eviction": (range(1), _client_eviction),
    b"clusterlink": (range(3, 4), _cluster_link),
    b"htstats": (_ANY, _database_table),
    b"htstats-key": (_ANY, _value_table),
    b"structsize": (range(1), _struct_size),
}


# ---- where a value is ----------------------------------------------------------------------------------------------


def _object(ctx: Context, key: bytes) -> Reply:
    value = ctx.db.peek(key)
    if value is None:
        raise CommandError(errors.NO_SUCH_KEY)
    idle, encoding = ctx.db.idle(key), encoding_of(value, ctx.db.form(key))
    dumped = dump(value, ctx.server.types)
    size = len(dumped) - 11  # its type, the version and the sum
    if dumped[0] in (TIMED_HASH, PACKED_TIMED_HASH):
        size -= 8  # the earliest deadline, which Redis forgets to count
    told = b"Value at:0x%x refcount:1 encoding:%b serializedlength:%d lru:%d lru_seconds_idle:%d"
    told %= id(value), encoding, size, (ctx.now // 1000 - idle) & 0xFFFFFF, idle
    return Status(told + _nodes(ctx, cast(List, value)) if encoding == b"quicklist" else told)


def _nodes(ctx: Context, value: List) -> bytes:
    """How a list stands in nodes, their sizes as listpacks; limits as they are now, and nothing is compressed."""
    sizes = [len(node[0] if alone else written_listpack(node)) for node, alone in value.packed()]
    return b" ql_nodes:%d ql_avg_node:%.2f ql_listpack_max:%b ql_compressed:0 ql_uncompressed_size:%d" % (
        len(sizes),
        len(value) / len(sizes),
        ctx.server.config.told("list-max-listpack-size"),
        sum(sizes),
    )


# ---- digests -------------------------------------------------------------------------------------------------------
#
# Twenty bytes take in one text after another.  What has an order is mixed in: the SHA-1 of the text is added without
# carry, and the SHA-1 of that taken.  What has none (members, keys) is only added.


def _added(digest: bytes, text: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(digest, hashlib.sha1(text).digest(), strict=True))


def _mixed(digest: bytes, *texts: bytes) -> bytes:
    for text in texts:
        digest = hashlib.sha1(_added(digest, text)).digest()
    return digest


def _with_value(digest: bytes, value: Value) -> bytes:
    if isinstance(value, bytes):
        return _mixed(digest, value)
    if value.kind == b"list":
        return _mixed(digest, *value)
    if value.kind == b"set":
        for member in value:
            digest = _added(digest, member)
    elif value.kind == b"zset":
        for member, score in value.range(0, len(value)):
            digest = _added(digest, _mixed(NOTHING, member, shortest(score)))
    elif value.kind == b"hash":
        for field, text in value.items():
            one = _mixed(NOTHING, field, text)
            digest = _added(digest, one if value.deadline(field) is None else _added(one, b"!!hexpire!!"))
    else:
        for id_, items in value.between(0, 2**128 - 1):
            digest = _mixed(digest, b"%d.%d" % divmod(id_, 1 << 64), *items)
    return digest


def _digest_at(database: Database, key: bytes, digest: bytes) -> bytes:
    value = database.peek(key)
    if value is None:
        return digest
    kind = b"string" if isinstance(value, bytes) else value.kind
    digest = _with_value(_mixed(digest, struct.pack(">I", _KINDS[kind])), value)
    return digest if database.deadline(key) == NO_DEADLINE else _added(digest, b"!!expire!!")


def _digest_of_all(ctx: Context) -> bytes:
    digest = NOTHING
    for database in ctx.server.databases:
        keys = database.keys()
        if keys:
            digest = _mixed(digest, struct.pack(">I", database.index))
        for key in keys:
            digest = _added(digest, _digest_at(database, key, _mixed(NOTHING, key)))
    return digest


# ---- a reply of each type ------------------------------------------------------------------------------------------


def _protocol(ctx: Context, kind: bytes) -> Reply:
    old = ctx.client.resp == 2
    told: dict[bytes, Reply] = {
        b"string": b"Hello World",
        b"integer": 12345,
        b"double": 3.141,
        b"null": None,
        b"array": [0, 1, 2],
        b"set": SetReply([0, 1, 2]),
        b"map": {0: False, 1: True, 2: False},  # type: ignore[dict-item]
        b"verbatim": Verbatim(b"txt", b"This is a verbatim\nstring"),
        b"true": True,
        b"false": False,
    }
    if kind in told:
        return told[kind]
    number = b"1234567999999999999999999999999999999"
    if kind == b"bignum":
        return number if old else _written(ctx, b"(" + number + b"\r\n")
    if kind == b"attrib":
        attribute = b"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:90\r\n"
        real = b"Some real reply following the attribute"
        return real if old else _written(ctx, attribute + b"$%d\r\n%b\r\n" % (len(real), real))
    if kind == b"push":
        if old:
            raise CommandError(b"ERR RESP2 is not supported by this command")
        ctx.tell(b"2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n")
        return b"Some real reply following the push reply"
    raise CommandError(_PROTOCOL_TYPES)


def _written(ctx: Context, raw: bytes) -> Reply:
    ctx.client.write(raw)
    return NO_REPLY
