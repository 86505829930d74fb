"""What arguments are made of: a pool of values for each type that the text names, simplest first.

Few keys, so that commands meet each other's values; numbers at the edges of 64 bits; texts that look like numbers and
are none; times that pass during a history, times that never come, times that are over. Values are looked up by the
argument's own name first (`seconds` is more than an int), then by its type, then as plain text.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from redlark.conformance import payloads
from redlark.conformance.drawing import binary, functions, places, scripts, sorting
from redlark.conformance.drawing.parameters import asked
from redlark.conformance.history import ClientId, Cursor, Dumped, Moment, Part

MAX = 2**63 - 1

KEYS: tuple[bytes, ...] = (b"k1", b"k2", b"k3", b"k4", b"{tag}5")
RARE_KEYS: tuple[bytes, ...] = (b"", b"\x00\xff\r\n", b"k" * 40, b"nosuchkey", b"FIELDS")

INTEGERS = (b"1", b"0", b"-1", b"2", b"3", b"-2", b"5", b"10", b"100", b"-10")
EDGES = (
    b"%d" % MAX, b"-%d" % (MAX + 1), b"%d" % (MAX + 1), b"-%d" % MAX, b"-%d" % (MAX + 2), b"%d" % (MAX - 1),
    b"2147483647", b"2147483648", b"-2147483649", b"4294967296", b"9007199254740993", b"536870912",
)  # fmt: skip
NOT_INTEGERS = (
    b"abc", b"", b"1.5", b" 1", b"1 ", b"01", b"+1", b"-0", b"0x10", b"1e3", b"--1", b"99999999999999999999",
)  # fmt: skip
FLOATS = (
    b"1.5", b"0", b"-1.5", b"0.1", b"10", b"3.0e3", b"1e-5", b"-0", b"3", b"5.0e-324", b"1e17", b"0.30000000000000004",
    b"1e308", b"1.7976931348623157e308", b"123456789012345678", b"1e4931", b"-1e4931",
)  # fmt: skip
NOT_FLOATS = (
    b"abc", b"", b"nan", b"inf", b"-inf", b"+inf", b" 1.5", b"1.5 ", b"1e5000", b"0x1p3", b"1.5abc", b"infinity",
)  # fmt: skip
LONG_TIMES = (b"9223372036854775", b"9223372036854776", b"9223370399119966", b"-9223372036854776", b"33177117420")
TEXTS = (
    b"a", b"b", b"hello", b"hello world", b"Hello", b"", b"10", b"-5", b"1.5", b"a\x00b\xff\r\n", b"foobar",
    b"ohmytext", b"mynewtext", "h\u00e9llo".encode(), b"x" * 43, b"x" * 44, b"x" * 45, b"y" * 200, b"z" * 3000,
    b"\xff\xf0\x00", b"\xff\xff",
)  # fmt: skip
ELEMENTS = (
    b"a", b"b", b"c", b"a", b"b", b"1", b"2", b"3", b"d", b"-1", b"", b"10", b"100", b"1.5", b"01", b"hello", b"k1",
    b"k2", b"9223372036854775807", b"9223372036854775808", b"a\x00b\xff\r\n",
)  # fmt: skip
LONG_ELEMENTS = (b"x" * 64, b"x" * 65, b"y" * 200, b"z" * 3000, b"z" * 3000, b"w" * 5000, b"v" * 9000)
PATTERNS = (
    b"*", b"k*", b"?1", b"k[12]", b"k[^1]", b"*1", b"k?", b"\\k1", b"[a-z]*", b"", b"*{tag}*", b"k[", b"k[1-",
    b"k\\", b"**", b"K*", b"nosuch*", b"k1",
)  # fmt: skip
# Fields of hashes: few, so that they meet; one too long to be packed.
FIELDS = (b"f1", b"f2", b"f3", b"f1", b"f2", b"f3", b"f1", b"f2", b"f4", b"", b"7", b"f\x00\xff\r\n", b"f" * 65)
DATABASES = (
    b"0", b"1", b"2", b"0", b"1", b"0", b"1", b"15", b"16", b"-1", b"abc", b"", b"1.5", b"2147483648", b"-2147483649",
    b"%d" % (MAX + 1),
)  # fmt: skip
TYPES = (b"string", b"list", b"set", b"zset", b"hash", b"stream", b"STRING", b"nosuch", b"")
SECTIONS = (
    b"server",
    b"Memory",
    b"KEYSPACE",
    b"all",
    b"everything",
    b"default",
    b"nosuch",
    b"",
    b"cpu",
    b"commandstats",
)
CATEGORIES = (b"string", b"HyperLogLog", b"keyspace", b"fast", b"nosuch", b"", b"two\nlines", b"admin")
LATENCIES = (b"command", b"fast-command", b"expire-cycle", b"nosuch", b"", b"two\r\nlines")
LOG_TYPES = (b"slow", b"SLOW", b"large-request", b"large-reply", b"nosuch", b"")
NAMES = (b"alice", b"bob", b"", b"two words", b"new\nline", b"x" * 70, b"caf\xc3\xa9")
PROTOCOLS = (b"3", b"2", b"3", b"2", b"1", b"4", b"abc", b"")

# Offsets from now in milliseconds: soon enough to pass during a history, far enough never to.
NEAR = (1, 2, 3, 5, 8, 15, 30)
FAR = (100_000, 1_000_000, 50_000, 10_000_000)


def _seconds(rng: random.Random) -> Part:
    return _time(rng, (b"100", b"1000", b"50", b"10", b"1"), (b"1",))


def _milliseconds(rng: random.Random) -> Part:
    near = tuple(b"%d" % ms for ms in NEAR)
    return _time(rng, (b"100000", b"5000000", b"60000"), near)


def _time(rng: random.Random, far: Sequence[bytes], near: Sequence[bytes]) -> Part:
    roll = rng.random()
    if roll < 0.55:
        return rng.choice(far)
    if roll < 0.75:
        return rng.choice(near)
    if roll < 0.85:
        return rng.choice((b"0", b"-1", b"-100"))
    return rng.choice(EDGES + NOT_INTEGERS + LONG_TIMES)


def _unix(rng: random.Random, *, seconds: bool) -> Part:
    roll = rng.random()
    if roll < 0.5:
        return Moment(rng.choice(FAR), seconds)
    if roll < 0.7:
        return Moment(rng.choice((1000, 2000) if seconds else NEAR), seconds)
    if roll < 0.85:
        return rng.choice((Moment(-1000, seconds), Moment(-100_000, seconds), b"1", b"0", b"-1", b"1000000000"))
    return rng.choice(EDGES + NOT_INTEGERS + LONG_TIMES)


def _integer(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.66:
        return rng.choice(INTEGERS)
    return rng.choice(EDGES) if roll < 0.83 else rng.choice(NOT_INTEGERS)


def _float(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.7:
        return rng.choice(FLOATS)
    return rng.choice(NOT_FLOATS) if roll < 0.85 else rng.choice(EDGES + INTEGERS)


def _natural(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.75:
        return rng.choice((b"1", b"0", b"2", b"3", b"10"))
    return rng.choice((*EDGES, *NOT_INTEGERS, b"-1"))


def _sample_size(rng: random.Random) -> Part:
    """How many to draw: below 0 that many come back, so none of a size that would take a server's memory."""
    if rng.random() < 0.75:
        return rng.choice((b"1", b"2", b"3", b"-1", b"-2", b"-5", b"10", b"0", b"-20"))
    edges = (b"%d" % MAX, b"-%d" % (MAX + 1), b"%d" % (MAX + 1), b"%d" % (MAX // 2), b"%d" % (MAX // 2 + 1))
    return rng.choice((*edges, *NOT_INTEGERS))


def _offset(rng: random.Random) -> Part:
    """A position in a string: near its ends, mostly; never so large that SETRANGE would allocate for long."""
    if rng.random() < 0.8:
        return b"%d" % rng.choice((0, 1, -1, 2, 3, -2, -3, 5, 43, 44, 45, -100, 100))
    return rng.choice((b"536870912", *EDGES, *NOT_INTEGERS))


def _text(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.6:
        return rng.choice(TEXTS)
    return rng.choice(INTEGERS + FLOATS) if roll < 0.8 else rng.choice(EDGES + NOT_INTEGERS + NOT_FLOATS)


def _element(rng: random.Random) -> Part:
    """An element or member: few, so that they meet each other; now and then one that no packed form takes."""
    return rng.choice(ELEMENTS if rng.random() < 0.93 else LONG_ELEMENTS)


def _position(rng: random.Random) -> Part:
    """A place in a list, from either end."""
    if rng.random() < 0.85:
        return b"%d" % rng.choice((0, 1, -1, 2, -2, 3, -3, 5, -5, 100, -100, 4294967296, -4294967297))
    return rng.choice(EDGES + NOT_INTEGERS)


def _few(rng: random.Random) -> Part:
    """How many to take, which can be many only where there are many."""
    return rng.choice((b"1", b"2", b"3", b"1", b"2", b"10")) if rng.random() < 0.8 else _natural(rng)


def _cursor(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.35:
        return b"0"
    return Cursor() if roll < 0.9 else rng.choice((b"abc", b"-1", b"1.5", b"", b"18446744073709551616", b" 0"))


def _script(rng: random.Random) -> Part:
    """A script; often one of few, so that EVALSHA finds it."""
    return rng.choice(scripts.FEW if rng.random() < 0.2 else rng.choice(scripts.POOLS))


def _digest(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.85:
        found = scripts.digest(rng.choice(scripts.FEW if roll < 0.65 else scripts.ALL))
        return found.upper() if roll < 0.08 else found
    return rng.choice((b"nosuch", b"", b"0" * 40, b"0" * 39))


Draw = Callable[[random.Random], Part]


def _payload(rng: random.Random) -> Part:
    """What a DUMP has told, mostly as it was, or something made here."""
    roll = rng.random()
    if roll < 0.4:
        return Dumped()
    if roll < 0.6:
        return Dumped(rng.choice(list(payloads.CHANGES)), rng.randrange(1000))
    return payloads.made(rng) if roll < 0.97 else _text(rng)


def _lifetime(rng: random.Random) -> Part:
    """How long a restored key lives: mostly for ever; what may also be a Unix time."""
    return b"0" if rng.random() < 0.6 else _milliseconds(rng) if rng.random() < 0.5 else _unix(rng, seconds=False)


CHANNELS = (b"c1", b"c1", b"c2", b"k1", b"")  # few: of all of them a client may take leave in any order
LISTENED = (b"c*", b"*", b"c1", b"?[1-9]")

SCORES = (
    b"1", b"2", b"0", b"3", b"-1", b"1.5", b"2", b"1", b"10", b"-0", b"inf", b"-inf", b"inf", b"-inf", b"inf", b"-inf",
    b"0.1", b"-2.5", b"1e100", b"3.0e3", b"9007199254740993", b"1e17", b"0.30000000000000004", b"5e-324",
)  # fmt: skip
MEMBERS = (
    b"a", b"b", b"c", b"d", b"e", b"ab", b"10", b"2", b"", b"a\x00", b"\xff", b"B", b"-", b"+",
    b"l" * 64, b"l" * 65, b"-1.5",
)  # fmt: skip
SCORE_BOUNDS = (
    b"-inf", b"+inf", b"1", b"(1", b"2", b"(2", b"0", b"(0", b"3", b"10", b"-1", b"(-inf", b"(inf", b"1.5", b"1e400",
    b"-0",
)  # fmt: skip
LEX_BOUNDS = (
    b"-", b"+", b"[a", b"(a", b"[b", b"(b", b"[c", b"(c", b"[", b"(", b"[ab", b"[\xff", b"[l", b"(" + b"l" * 64, b"[10",
)  # fmt: skip
NOT_BOUNDS = (
    b"abc", b"", b"(", b"nan", b" 1", b"(abc", b"((1", b"0x10", b"1 ", b"a", b"-a", b"+\x00b", b"1\x002", b"[1",
    b"(nan",
)  # fmt: skip


def _score(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.85:
        return rng.choice(SCORES)
    return rng.choice(NOT_FLOATS) if roll < 0.93 else _float(rng)


def _member(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.55:
        return rng.choice(MEMBERS[:3])
    return rng.choice(MEMBERS) if roll < 0.95 else _text(rng)


def _bounds(pool: Sequence[bytes]) -> Draw:
    return lambda rng: rng.choice(pool) if rng.random() < 0.85 else rng.choice(NOT_BOUNDS)


def _any_bound(rng: random.Random) -> Part:
    """A bound of ZRANGE, whose options say what it is a bound of: mostly a place, which is a score as well."""
    roll = rng.random()
    if roll < 0.55:
        return b"%d" % rng.choice((0, -1, 1, 2, 0, -2, 3, -1, 100, -100))
    return rng.choice(SCORE_BOUNDS if roll < 0.7 else LEX_BOUNDS if roll < 0.9 else NOT_BOUNDS + EDGES)


BY_NAME: dict[str, Draw] = {
    "channel": lambda rng: rng.choice(CHANNELS),
    "shardchannel": lambda rng: rng.choice(CHANNELS),
    "seconds": _seconds,
    "milliseconds": _milliseconds,
    "unix-seconds": lambda rng: _unix(rng, seconds=True),
    "unix-time-seconds": lambda rng: _unix(rng, seconds=True),
    "unix-milliseconds": lambda rng: _unix(rng, seconds=False),
    "unix-time-milliseconds": lambda rng: _unix(rng, seconds=False),
    "cursor": _cursor,
    "bit": lambda rng: rng.choice((b"1", b"0", b"1", b"0", b"1", b"0", b"1", b"0", b"2", b"-1", b"abc", b"")),
    "numreplicas": lambda rng: rng.choice((b"0",) * 12 + (b"1", b"-1", b"abc", b"", b"2147483648")),
    "numlocal": lambda rng: rng.choice((b"0",) * 12 + (b"1", b"2", b"-1", b"abc", b"2147483648")),
    "timeout": lambda rng: rng.choice((b"1", b"1", b"2", b"1", b"-1", b"abc", b"", b"1.5", b"9223372036854775808")),
    "pattern": lambda rng: rng.choice(PATTERNS),
    "by-pattern": sorting.by,
    "get-pattern": sorting.get,
    "serialized-value": _payload,
    "host": lambda rng: rng.choice((b"127.0.0.1", b"127.0.0.1", b"::1", b"")),  # where nobody listens
    "port": lambda rng: rng.choice((b"1", b"1", b"0", b"99999", b"-1", b"abc", b"")),
    "ttl": _lifetime,
    "frequency": lambda rng: rng.choice((b"0", b"255", b"5", b"256", b"-1", b"abc")),
    "element": _element,
    "pivot": _element,
    "id": lambda rng: _stream_id(rng),
    "min-idle-time": lambda rng: _idle_time(rng),
    "member": lambda rng: (_element if rng.random() < 0.4 else _member)(rng),
    "increment": _integer,
    "decrement": _integer,
    "offset": _offset,
    "field": lambda rng: rng.choice(FIELDS),
    "start": _offset,
    "end": _offset,
    "stop": _offset,
    "type": lambda rng: rng.choice(TYPES),
    "protover": lambda rng: rng.choice(PROTOCOLS),
    "connection-name": lambda rng: rng.choice(NAMES),
    "clientname": lambda rng: rng.choice(NAMES),
    "libname": lambda rng: rng.choice(NAMES),
    "libver": lambda rng: rng.choice(NAMES),
    "username": lambda rng: rng.choice((b"default", b"default", b"nosuch", b"")),
    "script": _script,
    "mode": lambda rng: rng.choice((b"NO", b"no", b"nosuch", b"")),  # a debugger speaks a protocol of its own
    "engine": lambda rng: rng.choice((b"lua", b"LUA", b"nosuch", b"")),
    "sha1": _digest,
    "function": lambda rng: rng.choice(functions.NAMES),
    "function-code": functions.code,
    "library-name": lambda rng: rng.choice(functions.LIBRARIES),
    "library-name-pattern": lambda rng: rng.choice(functions.PATTERNS),
    "password": lambda rng: rng.choice((b"secret", b"wrong", b"")),
    "section": lambda rng: rng.choice(SECTIONS),
    "parameter": asked,
    "category": lambda rng: rng.choice(CATEGORIES),
    "event": lambda rng: rng.choice(LATENCIES),
    "slow": lambda rng: rng.choice(LOG_TYPES),
    "large-request": lambda rng: rng.choice(LOG_TYPES),
    "large-reply": lambda rng: rng.choice(LOG_TYPES),
    "bits": lambda rng: rng.choice((b"256", b"1", b"4", b"4096", b"4097", b"0", b"-1", b"abc", b"")),
    "version": lambda rng: rng.choice((b"5", b"6", b"5", b"1", b"99", b"0", b"abc", b"")),
    "target-id": lambda rng: (
        ClientId(rng.randrange(4)) if rng.random() < 0.7 else rng.choice((b"0", b"-1", b"999999999", b"abc", b""))
    ),
    "prefix": lambda rng: rng.choice((b"k", b"k1", b"k2", b"", b"k3", b"{tag}", b"x", b"a\x00b", b"a\nb", b"K")),
    "client-id": lambda rng: rng.choice((b"1", b"999999999", b"0", b"-1", b"abc", b"99999999999999999999")),
}

# Seconds that a client waits: soon over, for ever, or refused. What has to be waited for long says nothing more.
TIMEOUTS = (
    b"0", b"0", b"0", b"0", b"0.01", b"0.02", b"0.005", b"0.001", b"0.0001", b"0", b"0.015", b"0", b"-1", b"abc", b"",
    b"-0.0001", b"inf", b"nan", b"0x1p-7", b"1e-9", b"9223372036854775807", b"9e15", b"-1e400", b" 0", b"+0.01",
    b"9223372036854775",
)  # fmt: skip
# Types that say more of a value than its name does.
TELLING: dict[str, Draw] = {
    "score": _score,
    "score-step": _score,
    "weight": _score,
    "score-bound": _bounds(SCORE_BOUNDS),
    "lex-bound": _bounds(LEX_BOUNDS),
    "range-bound": _any_bound,
}


def _stream_id(rng: random.Random) -> Part:
    """An id out of a small grid, mostly, so that entries are met again."""
    roll = rng.random()
    if roll < 0.6:
        return b"%d-%d" % (rng.randrange(1, 5), rng.randrange(1, 4))
    if roll < 0.75:
        return b"%d" % rng.randrange(8)
    return rng.choice(STREAM_IDS) if roll < 0.97 else rng.choice(EDGES)


def _new_id(rng: random.Random) -> Part:
    """An id for XADD: from a longer grid, so that many are later than what is there; now and then the server's."""
    roll = rng.random()
    if roll < 0.14:
        return b"*"
    if roll < 0.3:
        return b"%d-*" % rng.randrange(12)
    return b"%d-%d" % (rng.choice((1, 1, 2, 3, 4, 5, 8, 13)), rng.randrange(1, 5)) if roll < 0.8 else _stream_id(rng)


def _range_end(rng: random.Random) -> Part:
    roll = rng.random()
    if roll < 0.6:
        return rng.choice((b"-", b"+"))
    drawn = _stream_id(rng)
    return b"(" + drawn if roll < 0.75 and isinstance(drawn, bytes) else drawn


def _idle_time(rng: random.Random) -> Part:
    return rng.choice(IDLE_TIMES) if rng.random() < 0.9 else _integer(rng)


STREAM_IDS = (
    b"0", b"0-0", b"0-1", b"0-*", b"1-*", b"-", b"+", b"$", b">", b"*", b"", b"1-", b"-1", b"1-1-1", b"x", b"(1-1",
    b"007-2", b"+1-1", b"1-+1", b"1--0", b" 1-1", b"1-1\x00", b"18446744073709551615-18446744073709551615",
    b"5-18446744073709551615", b"18446744073709551615",
    b"18446744073709551616-0", b"18446744073709551615-18446744073709551614", b"9" * 128,
)  # fmt: skip
IDLE_TIMES = (b"0", b"0", b"1", b"3", b"1000000", b"-1")
SMALL_COUNTS = (b"1", b"2", b"3", b"5", b"10", b"0", b"-1")

# Types that are more than their argument's name: looked up first.
PRECISE: dict[str, Draw] = {
    "stream-id": _stream_id,
    "claim-id": _stream_id,
    "new-id": _new_id,
    "range-id": _range_end,
    "group-id": lambda rng: rng.choice((b"0", b"0", b"$", b"$", b"1-2")) if rng.random() < 0.8 else _stream_id(rng),
    "read-id": lambda rng: rng.choice((b"0", b"$", b"+", b"1-1", b">")) if rng.random() < 0.7 else _stream_id(rng),
    "group-read-id": lambda rng: (
        rng.choice((b">", b">", b"0", b"0", b"$", b"+")) if rng.random() < 0.85 else _stream_id(rng)
    ),
    "threshold": lambda rng: rng.choice(SMALL_COUNTS) if rng.random() < 0.75 else _stream_id(rng),
    "group-name": lambda rng: rng.choice((b"g", b"g", b"g", b"h", b"nosuch", b"")),
    "consumer-name": lambda rng: rng.choice((b"alice", b"alice", b"bob", b"carol", b"")),
    "idle-time": lambda rng: _idle_time(rng),
    "claim-count": lambda rng: rng.choice((b"1", b"2", b"3", b"10", b"100", b"0", b"-1", b"abc", b"%d" % MAX)),
    "block-time": lambda rng: rng.choice((b"1", b"2", b"1", b"5", b"-1", b"abc", b"", b"1.5", b"9223372036854775808")),
}

BY_TYPE: dict[str, Draw] = {
    "listened": lambda rng: rng.choice(LISTENED),
    "timeout": lambda rng: rng.choice(TIMEOUTS),
    "int": _integer,
    "integer": _integer,
    "symmetric": _integer,
    "natural": _natural,
    "sample-size": _sample_size,
    "pop-count": _few,
    "match-count": lambda rng: rng.choice((b"0", b"1", b"2")) if rng.random() < 0.7 else _natural(rng),
    "position": _position,
    "float": _float,
    "double": _float,
    "cursor": _cursor,
    "pattern": lambda rng: rng.choice(PATTERNS),
    "text": _text,
}


def value(name: str, kind: str, rng: random.Random) -> Part:
    """A value for an argument of this name and this type."""
    if kind in binary.BY_TYPE:
        return binary.BY_TYPE[kind](rng)
    if kind == "coordinate":
        return places.coordinate(name, rng)
    if kind in places.BY_TYPE:
        return places.BY_TYPE[kind](rng)
    if kind in PRECISE:
        return PRECISE[kind](rng)
    if kind == "position":
        return _position(rng)
    if kind in TELLING:
        return TELLING[kind](rng)
    if name in BY_NAME and kind not in ("timeout", "listened"):
        return BY_NAME[name](rng)
    if name in ("index", "destination-db", "db", "index1", "index2") or name.endswith("-db"):
        return rng.choice(DATABASES)
    if name == "increment" and kind != "int":
        return _float(rng)
    return BY_TYPE.get(kind, _number_or_text if kind not in ("text", "any") else _text)(rng)


def _number_or_text(rng: random.Random) -> Part:
    """For a type that the text defines and this table does not know: most of them are whole numbers."""
    return _natural(rng) if rng.random() < 0.8 else _text(rng)


def key(rng: random.Random, group: str = "string") -> bytes:
    """One of few keys; now and then one of the odd ones. Lists and sets have favourites of their own, so they last."""
    roll = rng.random()
    if roll < 0.04:
        return rng.choice(RARE_KEYS)
    if roll < 0.5:
        return KEYS[GROUPS[group]] if group in GROUPS else rng.choice(KEYS)
    return KEYS[0] if roll < 0.65 and group != "string" else rng.choice(KEYS)


GROUPS = {
    "string": 0,
    "bitmap": 0,
    "hyperloglog": 4,
    "list": 2,
    "set": 3,
    "hash": 1,
    "sorted-set": 4,
    "geo": 4,
    "stream": 3,
}
