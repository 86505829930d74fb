"""The primitives against the servers of this machine, a few hundred drawn cases each.

A longer search over the same properties is `make campaign`.
"""

import random
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO

import pytest

from redlark.conformance.targets.servers import Server, find_servers, start
from redlark.spec.primitives.doubles import parse_decimal_double, parse_double, print_double, print_double_17
from redlark.spec.primitives.floats import is_finite, long_double_sum, parse_long_double, print_long_double
from redlark.spec.primitives.glob import glob
from redlark.spec.primitives.integers import parse_int, parse_unsigned, parse_unsigned_by_strtoul
from redlark.spec.primitives.lcs import lcs_ranges, longest_common_subsequence
from redlark.spec.primitives.slots import key_slot
from tests.campaign import Rounds

Reply = bytes | int | None | list["Reply"] | Exception
Draw = random.Random
Drawn = Callable[[Callable[[Draw], bytes]], list[bytes]]


class Client:
    """The smallest client: many requests in one pipeline, replies as plain values, errors as exceptions."""

    def __init__(self, server: Server, port: int) -> None:
        self.old = server.product == "redis" and server.number < (7, 2)
        self.server, self._socket = server, socket.create_connection(("127.0.0.1", port), timeout=20)
        self._file = self._socket.makefile("rb")

    def __call__(self, *requests: tuple[bytes, ...]) -> list[Reply]:
        replies = []
        for start_at in range(0, len(requests), 100):
            some = requests[start_at : start_at + 100]
            for request in some:
                parts = b"".join(b"$%d\r\n%b\r\n" % (len(part), part) for part in request)
                self._socket.sendall(b"*%d\r\n%b" % (len(request), parts))
            replies += [_read(self._file) for _ in some]
        return replies

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def _read(file: BinaryIO) -> Reply:
    line = file.readline()
    kind, rest = line[:1], line[1:-2]
    if kind == b"$":
        return None if rest == b"-1" else file.read(int(rest) + 2)[:-2]
    if kind == b"*":
        return [_read(file) for _ in range(int(rest))]
    if kind == b":":
        return int(rest)
    return ValueError(rest.decode()) if kind == b"-" else rest


SERVERS = find_servers()


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """A client of each server in turn, started for this module alone."""
    with start(request.param) as running:
        client = Client(request.param, running.port)
        yield client
        client.close()


def drawn(rounds: Rounds) -> Iterator[Drawn]:
    """Draws cases by the hundred, the same ones each time or, in a campaign, for as long as there is time."""
    for source in rounds(3):
        yield partial(_drawn, source)


def _drawn(source: Draw, draw: Callable[[Draw], bytes]) -> list[bytes]:
    return [draw(source) for _ in range(100)]


EDGES = (
    *(b"inf", b"-inf", b"+infinity", b"nan", b"0", b"-0", b"", b".", b"1e", b"0x", b"e5", b"1 ", b" 1", b"1e4932"),
    *(b"0x1p-16445", b"0x1p-16446", b"0x1.8p-16446", b"-1.1897314953572317650e4932", b"1.18973149535723176508e4932"),
    *(b"1.1897314953572317651e4932", b"3.6451995318824746025e-4951", b"1.8e-4951", b"0x1.fffffffffffffffefp16383"),
    *(b"1" + b"0" * 4932, b"9" * 5119, b"0." + b"0" * 4900 + b"1", b"1e308", b"1.7976931348623159e308", b"5e-324"),
)


def number(draw: Draw) -> bytes:
    """A number, or nearly one: decimal or hexadecimal, at the edges of the formats more often than chance would."""
    if draw.random() < 0.15:
        return draw.choice(EDGES)
    sign, hexadecimal = draw.choice(["", "", "-", "+"]), draw.random() < 0.2
    digits = "0123456789abcdefABCDEF" if hexadecimal else "0123456789"
    whole, fraction = ("".join(draw.choices(digits, k=draw.randrange(draw.choice([3, 8, 30])))) for _ in range(2))
    power = draw.randrange(draw.choice([5, 30, 400, 17000 if hexadecimal else 5000]))
    exponent = f"{draw.choice(['', '-', '+'])}{power}"
    mark = draw.choice("pP" if hexadecimal else "eE") + exponent if draw.random() < 0.4 else ""
    return f"{sign}{'0x' if hexadecimal else ''}{whole}{draw.choice(['', '.'])}{fraction}{mark}".encode()


def integer(draw: Draw) -> bytes:
    """Pieces of integers, of 64 bits and beyond, with signs and spaces between."""
    pieces = [b"0", b"1", b"9", b"-", b"+", b" ", b"\n", b"a", b"0x", b"00000000000000000000", b"9223372036854775807"]
    pieces += [b"9223372036854775808", b"18446744073709551615", b"18446744073709551616", b"-9223372036854775808"]
    return b"".join(draw.choices(pieces, k=draw.randrange(4)))


def test_long_doubles(client: Client, rounds: Rounds) -> None:
    """INCRBYFLOAT of drawn numbers gives what parse, sum and print give, or the error that goes with their failure."""
    for some in drawn(rounds):
        pairs = list(zip(some(number), some(number), strict=True))
        replies = client(*(request for a, b in pairs for request in ((b"SET", b"k", a), (b"INCRBYFLOAT", b"k", b))))
        for (a, b), reply in zip(pairs, replies[1::2], strict=True):
            assert (str(reply).encode() if isinstance(reply, Exception) else reply) == added(a, b), (a, b)


def added(a: bytes, b: bytes) -> bytes:
    """What INCRBYFLOAT says of a number and its increment."""
    one, other = parse_long_double(a), parse_long_double(b)
    if one is None or other is None:
        return b"ERR value is not a valid float"
    total = long_double_sum(one, other)
    return print_long_double(total) if is_finite(total) else b"ERR increment would produce NaN or Infinity"


def test_doubles(client: Client, rounds: Rounds) -> None:
    """A score read by ZADD and told by ZSCORE is printed as the primitives print it."""
    client((b"CONFIG", b"SET", b"zset-max-ziplist-entries", b"0"))
    parse = parse_decimal_double if client.server.product == "valkey" and client.server.number >= (9,) else parse_double
    asked = ((b"DEL", b"z"), (b"ZADD", b"z", b"?", b"m"), (b"ZSCORE", b"z", b"m"))
    for some in drawn(rounds):
        texts = some(number)
        replies = client(*(tuple(x if word == b"?" else word for word in one) for x in texts for one in asked))
        for text, reply in zip(texts, replies[2::3], strict=True):
            value = parse(text)
            assert reply == (None if value is None else (print_double_17 if client.old else print_double)(value)), text


def test_integers(client: Client, rounds: Rounds) -> None:
    """INCRBY takes the stored texts that parse-int reads, and SCAN the cursors that parse-unsigned reads."""
    client((b"FLUSHALL",))
    parse = parse_unsigned_by_strtoul if client.old else parse_unsigned
    for some in drawn(rounds):
        texts = some(integer)
        replies = client(*(r for x in texts for r in ((b"SET", b"k", x), (b"INCRBY", b"k", b"0"), (b"SCAN", x))))
        for text, increased, scanned in zip(texts, replies[1::3], replies[2::3], strict=True):
            assert (None if isinstance(increased, Exception) else increased) == parse_int(text), text
            assert isinstance(scanned, Exception) == (parse(text) is None), text


def test_globs(client: Client, rounds: Rounds) -> None:
    """KEYS finds the keys that glob matches, the lone star apart, which finds all."""
    weights = [4, 3, 2, 1, 2, 3, 4, 2, 2, 2, 3, 1]
    for source in rounds(3):
        keys = {bytes(source.choices(b"abcA-]^\\z[?*\xff\0", k=source.randrange(6))) for _ in range(60)}
        patterns = [bytes(source.choices(b"abcA-][^\\?*z", weights, k=source.randrange(9))) for _ in range(100)]
        client((b"FLUSHALL",), *((b"SET", key, b"") for key in keys))
        for pattern, found in zip(patterns, client(*((b"KEYS", pattern) for pattern in patterns)), strict=True):
            assert isinstance(found, list)
            assert set(map(str, found)) == {str(k) for k in keys if pattern == b"*" or glob(pattern, k)}, pattern


def test_subsequences(client: Client, rounds: Rounds) -> None:
    """LCS and LCS IDX give the subsequence and the ranges of the primitives, in their order."""
    if client.server.number < (7,):
        pytest.skip("LCS came with 7.0")

    def word(draw: Draw) -> bytes:
        return bytes(draw.choices(draw.choice([b"ab", b"abc", b"abcdef"]), k=draw.randrange(14)))

    for some in drawn(rounds):
        for one, other, shortest in zip(some(word), some(word), (0, 1, 2, 3, -1) * 20, strict=True):
            ask = (b"LCS", b"x", b"y", b"IDX", b"WITHMATCHLEN", b"MINMATCHLEN", b"%d" % shortest)
            _, common, ranges = client((b"MSET", b"x", one, b"y", other), (b"LCS", b"x", b"y"), ask)
            assert common == longest_common_subsequence(one, other)
            assert ranges == [
                b"matches",
                [[[*a], [*b], length] for a, b, length in lcs_ranges(one, other, shortest)],
                b"len",
                len(longest_common_subsequence(one, other)),
            ]


def test_slots() -> None:
    """CLUSTER KEYSLOT of a server that runs as a cluster gives key-slot."""
    if not SERVERS:
        pytest.skip("no server on this machine")
    source = random.Random(5)
    keys = [bytes(source.choices(b"ab{}", k=source.randrange(10))) for _ in range(200)]
    with start(SERVERS[0], {"cluster-enabled": "yes"}) as running:
        client = Client(SERVERS[0], running.port)
        assert client(*((b"CLUSTER", b"KEYSLOT", key) for key in keys)) == [key_slot(key) for key in keys]
        client.close()
