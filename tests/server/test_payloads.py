"""Values as payloads: what DUMP tells is the value, whatever another server has told is taken, nonsense is refused."""

from __future__ import annotations

import random
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.reference.resp import Decoder
from redlark.server import Server, cores
from redlark.server.config import Config
from redlark.server.rdb import VERSION, BadFormat, Reader, Writer, dump, read, restore, write
from redlark.spec import rdb
from tests.conftest import Starter
from tests.server.conftest import Connect, Wire

CORES = [cores.choose(name) for name in cores.available()]
TEXTS = st.one_of(
    st.binary(max_size=80),
    st.sampled_from([0, 2**7, -(2**12), 2**15, -(2**23), 2**31, 2**63 - 1]).map(lambda number: b"%d" % number),
    st.integers(50, 5000).map(lambda size: (b"abcdefg" * size)[:size]),
)
IDS = st.integers(1, 2**128 - 1)
TIMES = st.integers(1, 2**45)
FEW = st.sampled_from([0, 2, 128])


@st.composite
def configurations(draw: st.DrawFn) -> Config:
    """Limits under which values are packed, or not."""
    return Config(
        list_max_listpack_size=draw(st.sampled_from([-1, -2, 1, 3, 128])),
        set_max_intset_entries=draw(FEW),
        set_max_listpack_entries=draw(FEW),
        hash_max_listpack_entries=draw(FEW),
        zset_max_listpack_entries=draw(FEW),
        stream_node_max_entries=draw(FEW),
    )


@st.composite
def values(draw: st.DrawFn, core: Any) -> Any:
    """A value of any type, as commands may have made it."""
    limits, kind = draw(configurations()), draw(st.sampled_from(["string", "list", "set", "hash", "zset", "stream"]))
    if kind == "string":
        return draw(TEXTS)
    if kind == "stream":
        return draw(streams(core, limits))
    texts = draw(st.lists(TEXTS, min_size=1, max_size=9))
    if kind == "list":
        value = core.List(limits)
        value.push(texts, draw(st.booleans()))
    elif kind == "set":
        value = core.Set(limits)
        value.add(texts)
    elif kind == "hash":
        value = core.Hash(limits)
        value.set(texts, texts[::-1])
        for field, at in draw(st.dictionaries(st.sampled_from(texts), st.none() | TIMES)).items():
            value.be_timed()
            value.set_deadline(field, at)
    else:
        value = core.SortedSet(limits)
        for member in texts:
            value.put(member, draw(st.floats(allow_nan=False)))
    return value


@st.composite
def streams(draw: st.DrawFn, core: Any, limits: Config) -> Any:
    """Some entries, some of them deleted, and a group to whose consumers some were delivered."""
    value = core.Stream(limits)
    ids = sorted(draw(st.sets(IDS, max_size=9)))
    for id_ in ids:
        value.append(id_, draw(st.sampled_from([(b"f", b"v"), (b"f", b"1"), (b"g", b"-300", b"h", b"x" * 200), ()])))
    value.remove(ids[:: draw(st.integers(2, 9))])
    value.max_deleted = draw(st.sampled_from([0, *ids]))
    group = value.groups[draw(TEXTS)] = core.Group(draw(IDS), draw(st.none() | st.integers(0, 99)))
    names = draw(st.lists(TEXTS, max_size=3, unique=True))
    for name in names:
        group.join(name, draw(TIMES), draw(st.sampled_from([-1, 5])))
    for id_ in ids if names else ():
        group.give(id_, draw(st.sampled_from(names)), draw(TIMES), draw(st.integers(0, 9)))
    return value


def told(value: Any) -> Any:
    """What can be compared of a value, and must not change on its way."""
    if isinstance(value, bytes):
        return value
    value.check()
    if value.kind == b"zset":
        return [(member, repr(score)) for member, score in value.range(0, len(value))]
    if value.kind == b"stream":
        groups = {
            name: (
                group.last_id,
                group.read,
                {who: (one.name, one.seen, one.active, one.size) for who, one in group.consumers.items()},
                list(group.between(0, 2**128 - 1)),
            )
            for name, group in value.groups.items()
        }
        return list(value.between(0, 2**128 - 1)), value.last_id, value.max_deleted, value.added, value.nodes, groups
    if value.kind == b"hash":
        return {field: (text, value.deadline(field)) for field, text in value.items()}
    return list(value) if value.kind == b"list" else set(value)


def without_signs(scores: Any) -> Any:
    """Members and scores, -0 as 0: a sorted set that is packed on its way loses the sign."""
    return [(member, "0.0" if score == "-0.0" else score) for member, score in scores]


@pytest.mark.parametrize("core", CORES, ids=cores.available())
@given(st.data(), configurations())
def test_a_value_comes_back(core: Any, data: st.DataObject, limits: Config) -> None:
    """A value that was dumped is the same again on either core, under whatever limits; packed -0 is 0."""
    value = data.draw(values(core))
    payload = dump(value, core)
    for other in CORES:
        found = restore(payload, other, limits)
        mine, its = told(value), told(found)
        assert its == mine or without_signs(its) == without_signs(mine)


@pytest.mark.parametrize("core", CORES, ids=cores.available())
@given(st.data(), st.booleans())
def test_the_judge_reads_what_is_written(core: Any, data: st.DataObject, compress: bool) -> None:
    """A decoder that shares nothing with this one finds the same elements, and the end at the end."""
    value = data.draw(values(core))
    writer = Writer(core, compress)
    write(writer, value)
    found, end = rdb.decode(bytes(writer.data), may_be_empty=True)
    assert end == len(writer.data)
    assert found.kind.encode() == (b"string" if isinstance(value, bytes) else value.kind)
    if found.kind == "hash":
        assert {field: (text, at) for field, text, at in found.value} == told(value)
    elif found.kind == "set":
        assert set(found.value) == told(value)
    elif found.kind == "zset":
        assert sorted((m, repr(s)) for m, s in found.value) == sorted(told(value))
    elif found.kind == "stream":
        entries, *rest = told(value)
        assert list(found.value.entries) == entries
        assert [found.value.last_id, found.value.max_deleted, found.value.added, len(found.value.nodes)] == rest[:4]
        assert found.value.groups.keys() == value.groups.keys()
    else:
        assert (found.value if found.kind == "string" else list(found.value)) == told(value)


@pytest.mark.parametrize("core", CORES, ids=cores.available())
@given(st.data(), st.sampled_from([9, 10, 11, 12]))
def test_what_the_judge_writes_is_read(core: Any, data: st.DataObject, version: int) -> None:
    """The plain forms of every version, streams of the older types too, give the value that was written."""
    value = data.draw(values(core))
    writer = Writer(core)
    write(writer, value)
    found, _ = rdb.decode(bytes(writer.data), may_be_empty=True)
    again = read(Reader(rdb.encode(found, version), core, Config()))
    mine, its = told(value), told(again)
    if found.kind == "stream" and version < 11:
        mine, its = mine[0], its[0]
    if found.kind == "zset":
        mine, its = (
            [(m, s.replace("-0.0", "0.0")) if float(s) == 0 else (m, s) for m, s in one] for one in (mine, its)
        )
    assert its == mine


@pytest.mark.parametrize("core", CORES, ids=cores.available())
@given(st.data(), configurations())
def test_nonsense_is_refused_or_a_value(core: Any, data: st.DataObject, limits: Config) -> None:
    """Bytes that were changed, cut or put in give a value whose invariants hold, which can be told, or BadFormat."""
    writer = Writer(core, data.draw(st.booleans()))
    write(writer, data.draw(values(core)))
    broken = bytearray(writer.data)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(len(broken) - 1, 0)))
        change = data.draw(st.sampled_from(["set", "cut", "put", "type"]))
        if change == "cut" or not broken:
            del broken[place : place + data.draw(st.integers(1, 9))]
        elif change == "put":
            broken[place:place] = data.draw(st.binary(max_size=5))
        else:
            broken[place if change == "set" else 0] = data.draw(st.integers(0, 255 if change == "set" else 26))
    try:
        found = read(Reader(bytes(broken), core, limits))
    except BadFormat:
        return
    again = restore(dump(found, core), core, limits)
    assert len(again) == len(found)  # what is as packed elsewhere may keep the sign of a zero, and a hole in a node
    told(found)


def without_copies(core: Any) -> Any:
    """The core, but all is written and read by rdb itself."""
    names = ("List", "Set", "Hash", "SortedSet", "Stream", "Group", "crc64", "compress", "expand")
    kept = {name: getattr(core, name) for name in names}
    return SimpleNamespace(**kept, dumped=lambda value: None, undumped=lambda data, place, limits: None)


@pytest.mark.parametrize("core", CORES, ids=cores.available())
@given(st.data())
def test_the_core_writes_what_rdb_writes(core: Any, data: st.DataObject) -> None:
    """What a core copies from where it stands is to the byte what is made of its elements one by one."""
    value = data.draw(values(core))
    assert dump(value, core) == dump(value, without_copies(core))


@pytest.mark.parametrize("core", CORES, ids=cores.available())
@given(st.data(), configurations(), st.booleans(), st.integers(0, 4))
def test_the_core_reads_what_rdb_reads(
    core: Any, data: st.DataObject, limits: Config, compress: bool, changes: int
) -> None:
    """Of bytes as written, or changed at places, a core makes the value that rdb makes, or both refuse them."""
    writer = Writer(core, compress)
    write(writer, data.draw(values(core)))
    broken = writer.data
    for _ in range(changes if broken else 0):
        place = data.draw(st.integers(0, len(broken) - 1))
        broken[place] = data.draw(st.sampled_from((0, 1, 2, 3, 127, 128, 255, broken[place] ^ 1, broken[-1 - place])))
    found: list[Any] = []
    for types in (core, without_copies(core)):
        reader = Reader(bytes(broken), types, limits)
        try:
            value = read(reader)
        except BadFormat:
            found.append(None)
            continue
        how = None if isinstance(value, bytes) else value.encoding
        found.append((told(value), how, dump(value, core), reader.place))
    assert found[0] == found[1]


@given(st.binary(max_size=300), st.sampled_from([1, 2, 3, 256]), st.integers(0, 400), st.integers(0, 2**64 - 1))
def test_cores_agree_about_bytes(data: bytes, alphabet: int, size: int, start: int) -> None:
    """Both cores compress alike, and expand it; nonsense is None to both; checksums are the text's."""
    data = bytes(byte % alphabet for byte in data)
    for core in CORES:
        assert core.crc64(data, 0) == rdb.payload.crc64(data)
        assert core.crc64(data[5:], core.crc64(data[:5], start)) == core.crc64(data, start)
        packed = core.compress(data, len(data))
        assert core.compress(data, start % 400) == CORES[0].compress(data, start % 400)
        if packed is not None:
            assert len(packed) <= len(data)
            assert core.compress(data, len(packed) - 1) is None
            assert [one.expand(packed, len(data)) for one in CORES] == [data] * len(CORES)
            assert [one.expand(packed, len(data) + 1) for one in CORES] == [None] * len(CORES)
    assert len({core.expand(data, size) for core in CORES}) == 1


def sealed(body: bytes, version: int = VERSION) -> bytes:
    """A payload that is whole, whatever it says."""
    return rdb.sealed(body, version)


@given(st.binary(max_size=60), st.integers(0, 26))
def test_a_corrupt_payload_costs_an_error(server: Server, body: bytes, kind: int) -> None:
    """Whatever stands under a good checksum, the reply is OK or an error, and the server goes on."""
    client = Wire(server.port)
    reply = client("RESTORE", "k", "0", sealed(bytes((kind,)) + body), "REPLACE")
    assert reply in (b"+OK\r\n", b"-ERR Bad data format\r\n")
    assert client("PING") == b"+PONG\r\n"
    client.close()


def test_versions(client: Wire) -> None:
    """A payload of a version to come is refused as such; one that lies about its sum, too."""
    body = b"\0\1v"
    assert client("RESTORE", "k", "0", sealed(body, VERSION + 1)).startswith(b"-ERR DUMP payload version")
    assert client("RESTORE", "k", "0", sealed(body)[:-1] + b"\0").startswith(b"-ERR DUMP payload version")
    assert client("RESTORE", "k", "0", sealed(body, 1)) == b"+OK\r\n"
    assert client("GET", "k") == b"$1\r\nv\r\n"
    assert client("RESTORE", "k", "0", sealed(body), "REPLACE", "IDLETIME", "1000") == b"+OK\r\n"
    assert client("OBJECT", "IDLETIME", "k") == b":1000\r\n"


def timed(kind: int, first: int, packed: bytes) -> bytes:
    """A payload of a hash whose fields may have deadlines, in one of the four types there are."""
    return sealed(bytes((kind,)) + (first.to_bytes(8, "little") if kind > 23 else b"") + packed)


def test_hashes_that_may_have_deadlines(client: Wire, start_server: Starter, wire: Connect) -> None:
    """Whether any field has one or not, each type is taken as Redis 8.2 takes it; deadlines that cannot be are not."""
    other, soon = wire(start_server("redis:8.2").port), 2_000_000_000_000
    rows = [[(soon, b"f"), (0, b"g")], [(0, b"f")]]
    for shown in rows:
        flat = [text for at, field in shown for text in (field, b"v", at)]
        for kind in (22, 23, 24, 25):
            body = rdb.encoding.string(rdb.packed.written_listpack(flat))
            if kind in (22, 24):
                ahead = [(at - soon + 1 if kind == 24 and at else at, field) for at, field in shown]
                body = b"".join(rdb.encoding.length(at) + rdb.encoding.string(f) + b"\1v" for at, f in ahead)
                body = bytes((len(shown),)) + body
            for one in (client, other):
                assert one("RESTORE", "hash", "0", timed(kind, soon, body), "REPLACE") == b"+OK\r\n"
            assert shown_of(client) == shown_of(other)
    for at in (-5, 2**48):
        body = rdb.encoding.string(rdb.packed.written_listpack([b"f", b"v", at]))
        assert client("RESTORE", "k", "0", timed(25, soon, body)) == b"-ERR Bad data format\r\n"


def shown_of(wire: Wire) -> tuple[Any, bytes]:
    """What the hash holds, and how it is kept."""
    return shown(wire, b"hash"), wire("OBJECT", "ENCODING", "hash")


def test_a_key_that_is_over_is_met_as_it_is_replaced(client: Wire, server: Server, wire: Connect) -> None:
    """An event tells that it has expired, with REPLACE and without, as in Redis 8.2 (not in older ones)."""
    listener, payload = wire(server.port), sealed(b"\0\1v")
    client("CONFIG", "SET", "notify-keyspace-events", "KEAn", "hz", 1)
    listener("PSUBSCRIBE", "__keyevent*")
    for asked, told in (
        (["0", payload, "REPLACE"], [b"expired", b"new", b"restore"]),
        (["1", payload, "ABSTTL", "REPLACE"], [b"expired"]),
        (["0", payload], [b"expired", b"new", b"restore"]),
    ):
        client("DEL", "k")
        client("MULTI")  # so that the key is not cleared away before
        client("SET", "k", "v", "PXAT", 1)
        client("RESTORE", "k", *asked)
        assert client("EXEC") == b"*2\r\n+OK\r\n+OK\r\n"
        lines = listener.until_quiet().split(b"\r\n")
        found = [line.partition(b":")[2] for line in lines if line.startswith(b"__keyevent@")]
        assert found[found.index(b"expire") + 1 :] == told
    client("CONFIG", "SET", "notify-keyspace-events", "", "hz", 10)


# ---- from server to server -----------------------------------------------------------------------------------------

SIZES = (1, 3, 100, 700)


def words(rng: random.Random, count: int) -> list[bytes]:
    """Texts, numbers among them, of all lengths that are written in their own way."""
    found = []
    for _ in range(count):
        size = rng.choice([0, 1, 5, 5, 5, 20, 63, 64, 300]) if count < 50 else rng.choice([3, 5, 8])
        number = rng.choice([rng.randrange(-(2 ** rng.choice([7, 12, 15, 23, 31, 63])), 2**63 - 1), rng.randrange(300)])
        found.append(rng.choice([rng.randbytes(size), b"%d" % number, (b"lorem ipsum " * 30)[:size]]))
    return found


def corpus(seed: int) -> Iterator[list[bytes]]:
    """Requests that make keys of every type and size, a key each or several in turn."""
    rng = random.Random(seed)
    for text in (b"", b"a", b"12", b"-300", b"70000", b"9223372036854775807", b"01", b"a" * 100, rng.randbytes(500)):
        yield [b"SET", b"string:%d" % rng.randrange(10**9), text]
    for size in SIZES:
        yield [b"RPUSH", b"list:%d" % size, *words(rng, size)]
        yield [b"SADD", b"set:%d" % size, *words(rng, size)]
        yield [b"SADD", b"ints:%d" % size, *(b"%d" % rng.randrange(2 ** rng.choice([8, 20, 40])) for _ in range(size))]
        pairs = words(rng, 2 * size)
        for name in (b"hash", b"timed"):
            yield [b"HSET", b"%b:%d" % (name, size), *pairs]
        for field in pairs[: size + 1 : 2]:  # servers that do not know deadlines of fields leave them out
            at = b"%d" % (2**45 + rng.randrange(2 ** rng.choice([2, 10, 40])))
            yield [b"HPEXPIREAT", b"timed:%d" % size, at, b"FIELDS", b"1", field]
        scores = (b"%r" % rng.uniform(-9, 9) if rng.random() < 0.5 else b"%d" % rng.randrange(99) for _ in range(size))
        yield [
            b"ZADD",
            b"zset:%d" % size,
            *(word for pair in zip(scores, words(rng, size), strict=True) for word in pair),
        ]
        for number in range(1, size + 1):
            items = rng.choice([[b"f", b"%d" % number], [b"f", b"v" * 80], [b"g", b"x", b"h", b"y"]])
            yield [b"XADD", b"stream:%d" % size, b"%d-%d" % (number * 1000, rng.randrange(9)), *items]
    yield [b"ZADD", b"zset:ends", b"inf", b"a", b"-inf", b"b", b"1e300", b"c", b"5e-324", b"d"]
    yield [b"RPUSH", b"list:large", b"x" * 9000, b"small", rng.randbytes(9000)]
    yield [b"XDEL", b"stream:100", b"3000-0", b"5000-1", b"100000-0"]
    for group, name in ((b"g", b"al"), (b"g", b"bo"), (b"h", b"al")):
        yield [b"XGROUP", b"CREATE", b"stream:3", group, b"0"]
        yield [b"XREADGROUP", b"GROUP", group, name, b"COUNT", b"2", b"STREAMS", b"stream:3", b">"]
    yield [b"XGROUP", b"CREATE", b"stream:empty", b"g", b"$", b"MKSTREAM"]


ASKED = {
    b"string": ["GET"],
    b"list": ["LRANGE", "0", "-1"],
    b"set": ["SMEMBERS"],
    b"hash": ["HGETALL"],
    b"zset": ["ZREVRANGE", "0", "-1", "WITHSCORES"],
    b"stream": ["XREVRANGE", "+", "-"],
}


def shown(wire: Wire, key: bytes) -> tuple[bytes, Any]:
    """A key's type and all that it holds; where the order is nobody's, without it."""
    kind = wire("TYPE", key)[1:-2]
    name, *rest = ASKED[kind]
    frame = wire(name, key, *rest)
    if kind == b"hash":
        fields = [one.value for one in Decoder().feed(wire("HKEYS", key))[0].value]
        ends = Decoder().feed(wire("HPEXPIRETIME", key, "FIELDS", len(fields), *fields))[0]
        if ends.kind == b"*":  # older servers do not know it
            known = zip(fields, ends.value, strict=True)
            frame += b"".join(b"\r\n%b=%d" % (field, at.value) for field, at in known if at.value != -1)
    lines: list[Any] = sorted(frame.split(b"\r\n")) if kind in (b"set", b"hash") else [frame]
    if kind == b"zset":  # older servers print scores otherwise
        flat = [one.value for one in Decoder().feed(frame)[0].value]
        lines = [(member, float(score)) for member, score in zip(flat[::2], flat[1::2], strict=True)]
    if kind == b"stream":
        lines += [wire("XINFO", "GROUPS", key), wire("XPENDING", key, "g")]
    return kind, lines


OTHERS = ["redis:6.2", "redis:7.0", "redis:8.2", "valkey:8.1"]


@pytest.mark.parametrize("name", OTHERS)
def test_values_of_others_are_taken(name: str, client: Wire, start_server: Starter, wire: Connect) -> None:
    """What a real server tells of keys of every type and size is on this one what it was on that, kept likewise."""
    other = wire(start_server(name).port)
    for request in corpus(1):
        other(*request)
    for key in keys(other):
        assert client("RESTORE", key, "0", bulk(other("DUMP", key))) == b"+OK\r\n"
        mine, its = shown(client, key), shown(other, key)
        if name == "redis:6.2" and its[0] == b"stream":  # which does not tell how much a group has read
            mine, its = (mine[0], mine[1][:1]), (its[0], its[1][:1])
        assert mine == its
        if name == "redis:8.2":
            other("RESTORE", "again", "0", bulk(other("DUMP", key)), "REPLACE")
            assert client("OBJECT", "ENCODING", key) == other("OBJECT", "ENCODING", "again")
        if name == "redis:8.2" and its[0] == b"stream":
            mine, its = (one("XINFO", "STREAM", key, "FULL").partition(b"groups") for one in (client, other))
            assert mine[2] == its[2]  # what stands before depends on the nodes of a tree


def test_others_take_what_is_told(client: Wire, start_server: Starter, wire: Connect) -> None:
    """Redis 8.2 takes what this server tells, looking at every byte of it, and has the same then."""
    other = wire(start_server("redis:8.2", sanitize_dump_payload="yes").port)
    for request in corpus(2):
        client(*request)
    for key in keys(client):
        payload = bulk(client("DUMP", key))
        assert other("RESTORE", key, "0", payload) == b"+OK\r\n"
        assert shown(other, key) == shown(client, key)
        encoding = other("OBJECT", "ENCODING", key)
        assert client("RESTORE", key, "0", payload, "REPLACE") == b"+OK\r\n"
        assert client("OBJECT", "ENCODING", key) == encoding
        assert client("RESTORE", key, "0", bulk(other("DUMP", key)), "REPLACE") == b"+OK\r\n"
        assert shown(other, key) == shown(client, key)


def keys(wire: Wire) -> list[bytes]:
    """Every key of a server, in an order of their own."""
    return sorted(part for part in wire("KEYS", "*").split(b"\r\n") if b":" in part)


def bulk(frame: bytes) -> bytes:
    """The text of a bulk string."""
    return frame.partition(b"\r\n")[2][:-2]
