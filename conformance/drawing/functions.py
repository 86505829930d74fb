"""Libraries of functions to be drawn: what registers functions in either form, what fails in each way, and payloads.

The functions do what the scripts of `scripts` do, and some keep something from one call to the next. Nothing here
registers two functions whose names differ in case alone (servers crash); no library writes to the log (valkey 9.1 crashes); and no
function calls a command with what is neither text nor number (redis 8.2 crashes at the next FUNCTION FLUSH): scripts do.
"""

from __future__ import annotations

import random
import re

from redlark.conformance.drawing import scripts
from redlark.conformance.history import Request, request
from redlark.spec.rdb import sealed
from redlark.spec.rdb.encoding import string
from redlark.spec.rdb.libraries import libraries_packed

CALLING = (b"call", b"pcall")  # these pass a whole request on
NAMES = (b"f", b"f", b"f", b"g", b"g", b"h", *CALLING, *CALLING, b"F", b"CALL", b"nosuch", b"")
LIBRARIES = (b"lib1", b"lib1", b"lib2", b"Lib1", b"other", b"nosuch", b"")
PATTERNS = (b"*", b"lib*", b"LIB1", b"l?b[12]", b"nosuch", b"", b"other")


def library(name: bytes, *functions: bytes) -> bytes:
    """The code of a library."""
    return b"#!lua name=" + name + b"\n" + b"\n".join(functions)


def function(name: bytes, body: bytes, *flags: bytes, described: bool = False) -> bytes:
    """What registers a function whose code is that of a script."""
    code = b"function(KEYS, ARGV) " + body + b"\nend"
    if not flags and not described:
        return b"redis.register_function('" + name + b"', " + code + b")"
    told = [b"function_name='" + name + b"'", b"callback=" + code]
    if flags:
        told.append(b"flags={" + b", ".join(b"'" + flag + b"'" for flag in flags) + b"}")
    if described:
        told.append(b"description='what it does'")
    return b"redis.register_function{" + b", ".join(told) + b"}"


_SET = function(b"f", b"return redis.call('SET', KEYS[1] or 'k1', ARGV[1] or 'x')")
_GET = function(b"g", b"return redis.call('GET', KEYS[1] or 'k1')", b"no-writes")
_CALLS = (
    function(b"call", b"return redis.call(unpack(ARGV))"),
    function(b"pcall", b"return redis.pcall(unpack(ARGV))", b"allow-oom"),
)
_COUNTS = (
    b"local n, was = 0, {}",
    function(b"f", b"n = n + 1 if n % 3 == 0 then error('three') end return {n, redis.call('INCR', KEYS[1] or 'k1')}"),
    function(b"g", b"local before = was was = ARGV return {n, #before, before[1]}", b"no-writes"),
)
_COLLECTS = (
    b"local seen, least = {}, function() return 1 end",
    function(
        b"h",
        b"seen[#seen + 1] = redis.call('DBSIZE') local one = least() least = function() return #seen - one end return {least(), unpack(seen)}",
    ),
)
_ALL_FLAGS = (b"no-writes", b"allow-oom", b"allow-stale", b"no-cluster", b"allow-cross-slot-keys")

# These are loaded often, so that their functions are there.
FEW: tuple[bytes, ...] = (
    library(b"lib1", _SET, _GET, *_CALLS),
    library(b"lib1", _GET, *_CALLS),
    library(b"lib2", _SET),
    library(b"lib1", *_COUNTS),
    library(b"lib2", *_COLLECTS, *_CALLS),
    library(b"lib2", *_CALLS, function(b"h", b"return {#KEYS, #ARGV, KEYS[1], ARGV[1]}")),
    library(b"Lib1", function(b"h", b"return redis.call('SET', KEYS[1] or 'k1', 'v')", b"no-writes", described=True)),
    library(b"other", function(b"f", b"return 1", *_ALL_FLAGS, described=True), function(b"h", b"return 2")),
)


def _plain(code: bytes) -> bool:
    """Whether a script may be a function: it has no head of its own, compiles there, and leaves nothing behind."""
    lasting = b"cjson.encode_" in code or b"cjson.decode_" in code
    return not code.startswith(b"#!") and not lasting and code not in _NOT_BODIES and code not in _UNREADABLE


def _given(code: bytes) -> bytes:
    """A script that gives commands a key and a value even where it gets none."""
    return code.replace(b"KEYS[1]", b"(KEYS[1] or 'k1')").replace(b"ARGV[1]", b"(ARGV[1] or 'x')")


_NOT_BODIES = frozenset((
    b"return 1 2", b"return return", b"x", b"if", b"return 'open", b"for", b"--", b"local a <const> = 1 return a",
))  # fmt: skip
_UNREADABLE = frozenset(code for code in scripts.CALLS if re.search(rb"call\(({|.*, (nil|true|{))", code))
BODIES = tuple(_given(code) for code in scripts.ALL if _plain(code))

_NOTHING = b"function() end"
HEADS: tuple[bytes, ...] = (  # what a first line may say, and what is wrong with it
    b"", b"return 1", b"#!lua", b"#!lua\n", b"#!lua name=lib1", b"#!lua name=lib1\n", b"#!lua name=lib1\nreturn 1", b"#!lua name=lib1\nx y", b"#!\nx", b"#!js name=lib1\nx", b"#!js\nx",
    b"#!lua name=\nx", b"#!lua name=lib1 name=lib2\nx", b"#!lua nom=lib1\nx", b"#!lua name=a-b\nx", b"#!lua 'name=lib1\nx", b"#!lua name=lib1 x\nx", b"#!lua name=lib1 engine=lua\nx", b" #!lua name=lib1\nx",
    b"#!lua \"name=lib1\"\n" + _SET, b"#!LUA NAME=lib2\n" + _SET, b"#!lua name=lib1\r\n" + _SET, b"#!lua name=\xc3\xa9\nx", b"#!lua name=lib1 'x\ny\nx", b"#!js a=b\nx", b"#!j\0s name=lib1\nx",
)  # fmt: skip

REGISTERING: tuple[bytes, ...] = (  # what a library may do as it is loaded, and what may not be done
    *(library(b"lib1", body) for body in (
        b"redis.register_function()", b"redis.register_function('f')", b"redis.register_function(nil, 1)", b"redis.register_function(1, 2)", b"redis.register_function('f', 1)",
        b"redis.register_function('f', " + _NOTHING + b", 1)", b"redis.register_function{}", b"redis.register_function{function_name='f'}", b"redis.register_function{callback=" + _NOTHING + b"}",
        b"redis.register_function{function_name='f', callback=1}", b"redis.register_function{function_name={}}", b"redis.register_function{function_name='f', flags='no-writes'}",
        b"redis.register_function{flags={'nosuch'}}", b"redis.register_function{flags={{}}}", b"redis.register_function{flags={1}}", b"redis.register_function{FUNCTION_NAME='f', Callback=" + _NOTHING + b", FLAGS={'No-Writes', 'no-writes'}}",
        b"redis.register_function{description={}}", b"redis.register_function{desc=1}", b"redis.register_function{2}", b"redis.register_function{[{}]=2}", b"redis.register_function('f-x', " + _NOTHING + b")",
        b"redis.register_function('', " + _NOTHING + b")", b"redis.register_function(12, " + _NOTHING + b")", _SET + b" " + _SET, b"redis.register_function('f\\0', " + _NOTHING + b")",
        b"redis.call('GET', 'x')", b"x = 1", b"error('boom')", b"\nlocal a = nil\na.x = 1", b"nosuch()", b"redis.x = 1", b"return redis.REDIS_VERSION_NUM", b"math.random()", b"pcall(error)",
        b"local x = KEYS", b"local r = redis " + function(b"f", b"return r.register_function('g', r.register_function)"), b"local r = redis " + function(b"f", b"return r.call('GET', 'x')"),
        b"return {} .. 1", b"('x'):rep({})", _SET + b" nosuch()", b"local s = ('h'):rep(1) redis.register_function(s, function() return s end)", b"server.register_function('f', " + _NOTHING + b")",
    )),
)  # fmt: skip


def _whole(rng: random.Random) -> bytes:
    """A library of a function or two whose bodies are scripts."""
    names = rng.sample((b"f", b"g", b"h"), rng.choice((1, 1, 2)))
    flags = rng.choice(((), (), (), (b"no-writes",), (b"allow-oom",), _ALL_FLAGS))
    return library(rng.choice(LIBRARIES[:5]), *(function(name, rng.choice(BODIES), *flags) for name in names))


def code(rng: random.Random) -> bytes:
    """The code of a library; often one of few."""
    roll = rng.random()
    if roll < 0.45:
        return rng.choice(FEW)
    return _whole(rng) if roll < 0.65 else rng.choice(HEADS if roll < 0.82 else REGISTERING)


BROKEN = (b"\x00\x01a", b"\xf6\x01a", b"\xf6", b"\xf5", b"\xf5\x05a", b"\xff", b"\xf5\xc0\x05", b"\xf5\xc4")


def _old(rng: random.Random) -> bytes:
    """A library as release candidates of 7.0 wrote it: a name, an engine, perhaps a description, and code."""
    name, engine = rng.choice((b"lib1", b"b", b"", b"a b", b"a\0b")), rng.choice((b"LUA", b"lua", b"LUA", b"b"))
    described = rng.choice((b"\x00", b"\x01" + string(b"words"), b"\xc0", b"\x82", b""))
    return b"\xf6" + string(name) + string(engine) + described + string(rng.choice((_SET, b"x", _SET + b"\0x x")))


def payload(rng: random.Random) -> bytes:
    """What FUNCTION RESTORE takes: mostly libraries of an old version, which every server reads."""
    roll = rng.random()
    codes = [rng.choice(FEW) for _ in range(rng.choice((0, 1, 1, 2)))]
    if roll < 0.4:
        codes = [*codes[:1], code(rng)] if roll < 0.2 else [rng.choice(HEADS)]
    body = libraries_packed(codes)
    if 0.4 <= roll < 0.55:
        body += rng.choice((_old(rng), *BROKEN))
    if roll > 0.98:
        return body
    version = 10 if roll < 0.88 else rng.choice((0, 1, 9, 11, 12, 13, 79, 80, 81))
    whole = sealed(body, version)
    return whole[:-1] + b"x" if roll > 0.95 else whole


ASKED = ("FCALL", "FCALL", "FCALL_RO", "FUNCTION|LOAD", "FUNCTION|LIST")  # what is asked of a library, most often first


def set_up(rng: random.Random) -> tuple[Request, ...]:
    """A library, in the place of the one that has its name."""
    return (request("FUNCTION", "LOAD", "REPLACE", rng.choice(FEW)),)
