"""Hot commands on several keys, and on bits, against the Python commands: two cores, and others who listen."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.server import Server, cores
from tests.server.conftest import Wire

pytestmark = pytest.mark.skipif("compiled" not in cores.available(), reason="there is no compiled core")

KEYS: Final = (b"k", b"m", b"s", b"t", b"l")
PAST: Final = b"past"  # no command: a key whose time is over, and that is still there
KEY = st.sampled_from(KEYS)
TEXT = st.one_of(
    st.sampled_from(
        (b"", b"12", b"-7", b"1.5", b"\0\0\0", b"\xff\xff\x7f", b"x" * 41, b"\xf0" * 300, b"\0" * 40 + b"\1")
    ),
    st.binary(max_size=40),
)
MEMBER = st.sampled_from((b"1", b"2", b"-3", b"70000", b"a", b"b", b"y" * 65))
PLACE = st.sampled_from((b"0", b"1", b"-1", b"-2", b"5", b"300", b"-300", b"x", b"9223372036854775807"))
WORK = st.sampled_from((b"AND", b"or", b"XOR", b"not", b"NOT", b"DIFF", b"diff1", b"ANDOR", b"ONE", b"none"))


def _asked(name: bytes, *parts: st.SearchStrategy[bytes] | bytes) -> st.SearchStrategy[tuple[bytes, ...]]:
    return st.tuples(*(st.just(part) if isinstance(part, bytes) else part for part in (name, *parts)))


def _listed(
    name: bytes, each: st.SearchStrategy[tuple[bytes, ...]], *first: st.SearchStrategy[bytes]
) -> st.SearchStrategy[tuple[bytes, ...]]:
    return st.tuples(_asked(name, *first), st.lists(each, min_size=1, max_size=4)).map(
        lambda both: both[0] + tuple(word for words in both[1] for word in words)
    )


COMMANDS = st.one_of(
    _listed(b"MSETNX", st.tuples(KEY, TEXT)),
    _asked(b"MSETNX", KEY, TEXT, KEY),
    _asked(b"COPY", KEY, KEY),
    _asked(b"COPY", KEY, KEY, st.sampled_from((b"REPLACE", b"replace", b"other"))),
    _asked(b"COPY", KEY, KEY, b"DB", st.sampled_from((b"0", b"1", b"x"))),
    _listed(b"BITOP", st.tuples(KEY), WORK, KEY),
    _asked(b"BITPOS", KEY, st.sampled_from((b"0", b"1", b"2"))),
    _asked(b"BITPOS", KEY, st.sampled_from((b"0", b"1")), PLACE),
    _asked(b"BITPOS", KEY, st.sampled_from((b"0", b"1")), PLACE, PLACE),
    _asked(b"BITPOS", KEY, st.sampled_from((b"0", b"1")), PLACE, PLACE, st.sampled_from((b"BYTE", b"bit", b"other"))),
    _asked(b"SMOVE", st.sampled_from((b"s", b"t", b"k")), st.sampled_from((b"s", b"t", b"l")), MEMBER),
    _asked(b"SPUBLISH", KEY, TEXT),
    _asked(b"LCS", KEY, KEY),
    _asked(b"LCS", KEY, KEY, st.sampled_from((b"LEN", b"len", b"IDX", b"other"))),
)
AROUND = st.one_of(
    _asked(PAST, KEY),
    _asked(b"SET", KEY, TEXT),
    _asked(b"EXPIREAT", KEY, b"4000000000"),
    _listed(b"SADD", st.tuples(MEMBER), st.sampled_from((b"s", b"t"))),
    _listed(b"RPUSH", st.tuples(MEMBER), st.just(b"l")),
    _listed(b"HSET", st.tuples(MEMBER, TEXT), KEY),
    _asked(b"ZADD", KEY, b"1.5", MEMBER),
    _asked(b"ZADD", KEY, b"2", MEMBER),
    _asked(b"SETRANGE", KEY, b"2", TEXT),
    _asked(b"DEL", KEY),
    st.just((b"MULTI",)),
    st.just((b"EXEC",)),
    st.just((b"CONFIG", b"SET", b"set-max-intset-entries", b"2")),
)


class _Both:
    """One core: who asks, who watches and who listens."""

    def __init__(self, port: int) -> None:
        self.asks, self.watches, self.listens = Wire(port), Wire(port), Wire(port)
        self.asks("DEBUG", "SET-ACTIVE-EXPIRE", "0")
        self.listens("HELLO", "3")
        self.listens("PSUBSCRIBE", "__key*", "marks")
        self.listens("SSUBSCRIBE", "marks")

    def begin(self, listening: bool, tracking: bool, watched: list[bytes]) -> None:
        for request in ((b"CONFIG", b"SET", b"notify-keyspace-events", b""), (b"FLUSHALL",)):
            self.asks(*request)
        self.asks("CONFIG", "SET", "set-max-intset-entries", "512")
        self.asks("CONFIG", "RESETSTAT")
        self.asks("CONFIG", "SET", "notify-keyspace-events", "KEA" if listening else "")
        self.listens("CLIENT", "TRACKING", *(("ON", "BCAST") if tracking else ("OFF",)))
        if watched:
            self.watches("WATCH", *watched)

    def does(self, request: tuple[bytes, ...]) -> bytes:
        if request[0] == PAST:
            self.asks("SET", request[1], "over", "PX", "1")
            time.sleep(0.003)
            return b""
        return self.asks(*request)

    def end(self) -> list[bytes]:
        """What the others have heard, then what every key holds, and how."""
        self.asks("DISCARD")
        self.asks("PUBLISH", "marks", "end")
        heard = []
        while b"marks" not in (frame := self.listens.frame()):
            heard.append(frame)
        self.watches("MULTI")
        kept = self.watches("EXEC")
        stats = self.asks("INFO", "stats").split(b"\r\n")
        counts = [line for line in stats if line.startswith((b"keyspace_", b"expired_keys"))]
        self.asks("CONFIG", "SET", "notify-keyspace-events", "")
        self.listens("CLIENT", "TRACKING", "OFF")
        held = []
        for key in KEYS:
            held += [self.asks(*words.split(), key) for words in (b"OBJECT ENCODING", b"PEXPIRETIME", b"TYPE")]
            one = self.asks("SORT", key, "ALPHA") if held[-1] == b"+set\r\n" else self.asks("DUMP", key)
            held.append(one)
        return [kept, *heard, *counts, *held]


@pytest.fixture(scope="module")
def both() -> Iterator[tuple[_Both, _Both]]:
    """The compiled core and the plain one."""
    debugged = ("--enable-debug-command", "yes")
    with Server(*debugged, core="compiled") as one, Server(*debugged, core="plain") as other:
        yield _Both(one.port), _Both(other.port)


@settings(max_examples=40)
@given(
    requests=st.lists(st.one_of(COMMANDS, AROUND), max_size=14),
    listening=st.booleans(),
    tracking=st.booleans(),
    watched=st.lists(KEY, max_size=2),
)
def test_commands_on_several_keys_do_what_python_s_do(
    both: tuple[_Both, _Both],
    requests: list[tuple[bytes, ...]],
    listening: bool,
    tracking: bool,
    watched: list[bytes],
) -> None:
    """Replies, events, invalidations, whether who watches finds a change, hits, and what every key holds at the end."""
    said = []
    for core in both:
        core.begin(listening, tracking, watched)
        said.append([core.does(request) for request in requests] + core.end())
    assert said[0] == said[1]


@settings(max_examples=100)
@given(text=st.binary(max_size=60), bit=st.sampled_from("01"), first=st.integers(-70, 70), last=st.integers(-70, 70))
def test_the_first_bit_is_where_it_stands(
    both: tuple[_Both, _Both], text: bytes, bit: str, first: int, last: int
) -> None:
    """BITPOS tells where the text of all bits has it, within a range of bits."""
    wire, bits = both[0].asks, "".join(f"{byte:08b}" for byte in text)
    wire("SET", "k", text)
    start = max(first + len(bits), 0) if first < 0 else first
    stop = min(max(last + len(bits), 0) if last < 0 else last, len(bits) - 1)
    assert wire("BITPOS", "k", bit, first, last, "BIT") == b":%d\r\n" % bits.find(bit, start, stop + 1)


@settings(max_examples=100)
@given(texts=st.tuples(*[st.lists(st.sampled_from(b"abc"), max_size=200).map(bytes)] * 2), more=st.binary(max_size=20))
def test_common_subsequences_are_the_same(both: tuple[_Both, _Both], texts: tuple[bytes, bytes], more: bytes) -> None:
    """Texts with much in common, longer than a word of bits: the core finds the subsequence that Python finds."""
    said = []
    for core in both:
        core.asks("MSET", "one", texts[0] + more, "other", texts[1])
        said.append([core.asks("LCS", "one", "other", *words) for words in ((), ("LEN",))])
    assert said[0] == said[1]


@settings(max_examples=100)
@given(
    texts=st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4),
    name=st.sampled_from(("AND", "OR", "XOR")),
)
def test_strings_are_joined_bit_by_bit(both: tuple[_Both, _Both], texts: list[bytes], name: str) -> None:
    """BITOP gives what Python's whole numbers give, whatever is longer."""
    wire, size = both[0].asks, max(map(len, texts))
    numbers = [int.from_bytes(text.ljust(size, b"\0"), "big") for text in texts]
    for place, text in enumerate(texts):
        wire("SET", f"from:{place}", text)
    whole = numbers[0]
    for number in numbers[1:]:
        whole = whole & number if name == "AND" else whole | number if name == "OR" else whole ^ number
    assert wire("BITOP", name, "made", *(f"from:{place}" for place in range(len(texts)))) == b":%d\r\n" % size
    assert wire("GET", "made") == b"$%d\r\n%b\r\n" % (size, whole.to_bytes(size, "big"))
