"""What Redis gives to scripts: cmsgpack, struct, cjson and bit, beside what real servers answer to the same script."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.reference import Model
from redlark.reference.resp import Decoder, encode_request

SERVERS = {
    "redis:6.2": "redis-6.2",
    "redis:7.0": "redis-7.0",
    "redis:8.2": "redis-8.2",
    "valkey:8.1": "valkey-8.1",
    "valkey:9.1": "valkey-9.1",
}
NOW = 1_700_000_000_000
# Shows each value to the last bit.
SHOWN = rb"""
local function shown(v, depth)
  if type(v) == 'number' then return string.format('%.17g', v) end
  if type(v) == 'table' and depth < 30 then
    local parts = {}
    for k, x in pairs(v) do parts[#parts + 1] = shown(k, depth + 1) .. '=' .. shown(x, depth + 1) end
    return '{' .. table.concat(parts, ',') .. '}'
  end
  return type(v):sub(1, 1) .. (type(v) == 'string' and v or type(v) == 'boolean' and tostring(v) or '')
end
local function all(...)
  local parts = {}
  for i = 1, select('#', ...) do parts[i] = shown(select(i, ...), 0) end
  return parts
end
"""

EDGES = [
    0, 1, -1, 31, 32, -32, -33, 127, 128, -128, -129, 255, 256, 32767, 32768, -32768, -32769, 65535, 65536, 2**31 - 1,
    2**31, -(2**31), -(2**31) - 1, 2**32 - 1, 2**32, 2**51, 2**52, 2**53, -(2**53), 2**63, -(2**63), 2**64, 1e300,
]  # fmt: skip
numbers = (
    st.sampled_from(EDGES).map(repr)
    | st.integers(-(2**33), 2**33).map(repr)
    | st.floats(allow_nan=False, allow_infinity=False).map(repr)
    | st.sampled_from(["0/0", "-(0/0)", "1/0", "-1/0", "-0.0", "0.1", "1.5", "16777217", "1e38", "3.5e38", "1e-50"])
)
octets = st.binary(max_size=12) | st.integers(0, 300).map(lambda n: b"x" * n)


def words(text: str) -> list[str]:
    """The words of a line."""
    return text.split()


def quoted(text: bytes) -> str:
    """A text as Lua reads it."""
    return "'" + "".join(f"\\{octet:03d}" for octet in text) + "'"


texts = octets.map(quoted)
others = ["true", "false", "nil", "redis.call", "cjson.null", "'12'", "' 0x10 '"]
leaves = numbers | texts | st.sampled_from(others)


def tables(pairs: int) -> Callable[[st.SearchStrategy[str]], st.SearchStrategy[str]]:
    """Arrays, sparse ones, and maps of so many pairs: Valkey's Lua has an order of its own for more than one."""
    names = st.sampled_from(["[1]", "[2]", "[3]", "[30]", "a", "['b c']", "[1.5]", "[-1]", "[true]"])

    def made(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        listed = st.lists(inner, max_size=4).map(lambda items: "{" + ",".join(items) + "}")
        keyed = st.lists(st.tuples(names, inner), max_size=pairs, unique_by=lambda pair: pair[0])
        return listed | keyed.map(lambda pairs: "{" + ",".join(f"{key}={value}" for key, value in pairs) + "}")

    return made


deep = st.integers(1, 20).map(lambda n: "{" * n + "1" + "}" * n)

heads = st.sampled_from([b"", *(bytes([sign]) for sign in range(0x80, 0x100))])
packed = st.lists(heads | st.binary(max_size=9), max_size=4).map(b"".join).map(quoted)
options = [*"bBhHlLTfdsx <>!cizI=9-", *words("i3 i8 I2 I8 i9 I16 i33 i0 c0 c3 !4 !3 !8 i99999999999")]
formats = st.lists(st.sampled_from(options), max_size=5).map("".join)
json_parts = [
    *words('[ ] { } , : "a" " 1 -1 - +1 0 01 0x1F 0x 1e5 1e 1. .5 inf -Infinity nan NaN(1) true null nul false 1e400'),
    *words(r'"\u00e9" "\ud83d\ude00" "\ud83d" "\x" "\n\/" \ x [1,2] {"a":1}'), " ", "\n", "\0", "\xff",
]  # fmt: skip
json = st.lists(st.sampled_from(json_parts), max_size=7).map(lambda parts: quoted("".join(parts).encode("latin-1")))
positions = ["0", "1", "2", "9", "-1", "'1'", "'x'", "nil", "1.7", "2^63", "1, 1", "2, 0", "0, 0", "{}"]
offsets = st.sampled_from(["", *(f", {position}" for position in positions)])
names_of_settings = words(
    "encode_sparse_array encode_max_depth decode_max_depth encode_number_precision encode_keep_buffer"
    " encode_invalid_numbers decode_invalid_numbers"
)
said = st.sampled_from(words("nil true false 'on' 'off' 'null' 'x' 0 1 2 3 14 15 -1 '5' 1.9 {} 2^31"))
operations = words("band bor bxor bnot lshift rshift arshift rol ror bswap tobit tohex")


def scripts(pairs: int) -> st.SearchStrategy[list[str]]:
    """Calls of the libraries' functions."""
    values = st.recursive(leaves, tables(pairs), max_leaves=8)
    arguments = st.lists(values | deep, max_size=3).map(", ".join)

    def calls(names: list[str], *given: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        return st.tuples(st.sampled_from(names), st.tuples(*given)).map(
            lambda drawn: f"{drawn[0]}({''.join(drawn[1])})"
        )

    form = formats.map(lambda drawn: quoted(drawn.encode()))
    some = st.lists(said, max_size=4).map(", ".join)
    drawn = st.one_of(
        calls(["cmsgpack.pack", "cjson.encode"], arguments),
        calls(["cmsgpack.unpack(cmsgpack.pack"], arguments, st.just(")")),
        calls(["cmsgpack.unpack", "cmsgpack.unpack_one", "cmsgpack.unpack_limit"], packed, offsets),
        calls(["struct.pack"], form, st.just(", "), st.lists(values, min_size=1, max_size=3).map(", ".join)),
        calls(["struct.unpack"], form, st.just(", "), packed, offsets),
        calls(["struct.size"], form),
        calls(["cjson.encode"], values | deep),
        calls(["cjson.decode"], json),
        calls(["cjson.encode(cjson.decode"], json, st.just(")")),
        calls([f"cjson.{name}" for name in names_of_settings], some),
        calls([f"bit.{name}" for name in operations], st.lists(numbers | leaves, max_size=3).map(", ".join)),
    )
    return st.lists(drawn, min_size=1, max_size=3)


class Both:
    """A real server and the model, asked the same."""

    def __init__(self, profile: str, connection: socket.socket) -> None:
        self.model, self.socket, self.decoder = Model.load(profile), connection, Decoder()
        self.world = self.model.connect(self.model.start(now=NOW), 0)[0]

    def ask(self, *words: bytes) -> tuple[bytes, bytes]:
        """The server's frame and the model's."""
        self.socket.sendall(encode_request(words))
        frames: list[Any] = []
        while not frames:
            frames += self.decoder.feed(self.socket.recv(1 << 16))
        self.world, reply = self.model.perform(self.world, 0, words, NOW)
        return bytes(frames[0].raw), reply


@pytest.fixture(params=SERVERS)
def both(request: pytest.FixtureRequest, start_server: Any) -> Iterator[Both]:
    """Each server in turn."""
    running = start_server(request.param)
    with ExitStack() as opened:
        connection = opened.enter_context(socket.create_connection(("127.0.0.1", running.port), 20))
        yield Both(SERVERS[request.param], connection)


@pytest.mark.slow
def test_libraries_answer_as_real_servers_do(both: Both) -> None:
    """Values, errors and the settings that stay: every octet is the server's."""

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(scripts(pairs=3 if "redis" in both.model.profile.name else 1))
    def agrees(drawn: list[str]) -> None:
        for request in ((b"SCRIPT", b"FLUSH"), *(script(call) for call in drawn)):
            real, ours = both.ask(*request)
            assert real == ours, request

    agrees()


def script(call: str) -> tuple[bytes, ...]:
    """A call whose results are shown, or whose error ends the script."""
    return b"EVAL", SHOWN + b"return all(" + call.encode("latin-1") + b")", b"0"
