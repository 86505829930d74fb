"""Figures that are the server's own: what INFO tells of databases, and how much memory a value may take."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from redlark.reference import Model, Observed
from redlark.reference.figures import InfoTexts, memory_bounds

NOW = 1_000_000_000_000
OK = b"+OK\r\n"
COUNTS = st.dictionaries(st.integers(0, 15), st.tuples(st.integers(1, 9), st.integers(0, 9)), max_size=4)


def info(counts: dict[int, tuple[int, int]], more: bytes = b"") -> bytes:
    """The section that tells of databases with so many keys, so many of them with deadlines."""
    lines = [b"db%d:keys=%d,expires=%d,avg_ttl=0%b\r\n" % (n, *counts[n], more) for n in sorted(counts)]
    return b"# Keyspace\r\n" + b"".join(lines)


@given(COUNTS, st.data())
def test_the_keyspace_is_told_exactly(counts: dict[int, tuple[int, int]], data: st.DataObject) -> None:
    """INFO tells of each database that holds a key, and of no other, with the numbers that it has."""
    known = {n: ((keys, keys), (timed, timed), (0, 0)) for n, (keys, timed) in counts.items()}
    texts = InfoTexts([b"keyspace"], known, b"")
    assert info(counts) in texts
    assert (info(counts, b",subexpiry=0") in texts) == (not counts)
    newer = InfoTexts([b"keyspace"], known, b"subexpiry")
    assert newer.example == info(counts, b",subexpiry=0")
    assert newer.example in newer
    assert (info(counts) in newer) == (not counts)
    assert texts.example in texts
    assert info({**counts, 16: (1, 0)}) not in texts
    if counts:
        number = data.draw(st.sampled_from(sorted(counts)))
        keys, timed = counts[number]
        assert info({n: c for n, c in counts.items() if n != number}) not in texts
        assert info({**counts, number: (keys + 1, timed)}) not in texts
        assert info({**counts, number: (keys, timed + 1)}) not in texts


def test_a_key_that_has_expired_may_still_be_told_of() -> None:
    """Nothing says when a server clears what has expired away: INFO may count it, or not."""
    model = Model.load("redis-7.0")
    worlds = model.connect(model.start(now=NOW), 0)
    worlds = model.allows(worlds, 0, (b"SET", b"k", b"v", b"PX", b"5"), (NOW, NOW), Observed(b"+OK\r\n"))

    def told(text: bytes) -> bool:
        frame = Observed(b"$%d\r\n%b\r\n" % (len(text), text))
        return bool(model.allows(worlds, 0, (b"INFO", b"keyspace"), (NOW + 100, NOW + 100), frame))

    assert told(info({0: (1, 1)}))
    assert told(info({}))
    assert not told(info({0: (2, 1)}))


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=30, unique=True))
def test_memory_has_bounds(members: list[bytes]) -> None:
    """A value takes room for what it holds, and not without end; two of its bounds are never the wrong way round."""
    for value in (tuple(members), frozenset(members), Map(dict.fromkeys(members, b"v"))):
        bounds = memory_bounds(value, True)
        assert 2 * len(members) <= bounds.low < bounds.high
        assert bounds.high + 1 not in bounds
        assert bounds.low - 1 not in bounds
    assert memory_bounds(b"x" * 100, False).low == 100


def counted(requests: list[tuple[bytes, ...]], profile: str) -> dict[bytes, int]:
    """What INFO counts of these requests, by its names."""
    model = Model.load(profile)
    (world,) = model.connect(model.start(now=NOW), 0)
    for request in ((b"CONFIG", b"RESETSTAT"), *requests):
        world, _ = model.perform(world, 0, request, NOW)
    counts = world.server["counts"]
    _, told = model.perform(world, 0, (b"INFO", b"everything"), NOW)
    text = Observed(told).value
    assert text in InfoTexts([b"everything"], {0: ((0, 9), (0, 9), (0, 9))}, b"subexpiry", counts)
    more = counts.set(b"total_commands_processed", counts[b"total_commands_processed"] + 1)
    assert text not in InfoTexts([b"everything"], {0: ((0, 9), (0, 9), (0, 9))}, b"subexpiry", more)
    return dict(counts)


REQUESTS = (
    (b"GET", b"k"), (b"SET", b"k", b"v"), (b"LPUSH", b"k", b"v"), (b"GET",), (b"NOSUCH",), (b"EXEC",), (b"DEL", b"k"),
    (b"EVAL", b"return redis.call('GET', 'k')", b"0"), (b"EVAL", b"return redis.pcall('LPUSH', 'k', 'v')", b"0"),
)  # fmt: skip


@given(st.lists(st.sampled_from(REQUESTS)))
def test_what_ran_and_what_failed_is_counted(requests: list[tuple[bytes, ...]]) -> None:
    """Each command that ran is counted once, each error once by its first word, each look-up as a hit or a miss."""
    counts = counted(requests, "redis-8.2")
    sums = {
        kind: sum(number for name, number in counts.items() if name.startswith(kind))
        for kind in (b"calls ", b"errorstat_", b"failed ", b"rejected ")
    }
    assert sums[b"calls "] == counts[b"total_commands_processed"] > 0
    assert sums[b"errorstat_"] == counts.get(b"total_error_replies", 0)
    assert sums[b"rejected "] == requests.count((b"GET",))
    assert counts.get(b"keyspace_hits", 0) + counts.get(b"keyspace_misses", 0) == counts.get(b"calls get", 0)


@given(
    st.sampled_from([b"Clients", b"Stats"]),
    st.sampled_from([b"pubsub_channels", b"tracking_clients"]),
    st.integers(0, 9),
)
def test_a_known_figure_must_be_told(section: bytes, name: bytes, number: int) -> None:
    """A section that INFO tells has the figures that are known in it, with just these numbers."""
    known = InfoTexts([section.lower()], {}, b"", None, [(section, name, number)])
    told = b"# %b\r\n%b:%d\r\n"
    assert known.example in known
    assert told % (section, name, number) in known
    assert told % (section, name, number + 1) not in known
    assert b"# %b\r\nother:1\r\n" % section not in known
    assert b"# Server\r\n" in InfoTexts([b"server"], {}, b"", None, [(section, name, number)])


@given(st.integers(0, 9), st.sampled_from([2, 3]))
def test_the_model_tells_a_histogram_of_its_calls(calls: int, protocol: int) -> None:
    """What the model itself says of the calls that it has counted is one of the replies that it allows."""
    model = Model.load("redis-8.2")
    (world,) = model.connect(model.start(), 1)
    for request in ((b"HELLO", b"%d" % protocol), (b"CONFIG", b"RESETSTAT"), *[(b"GET", b"k")] * calls):
        world, _ = model.perform(world, 1, request, NOW)
    asked = (b"LATENCY", b"HISTOGRAM", b"get")
    _, said = model.perform(world, 1, asked, NOW)
    assert model.allows((world,), 1, asked, (NOW, NOW), Observed(said))
    assert (b":%d\r\n" % calls in said) == bool(calls)


def test_what_nobody_saw_fail_may_have_failed() -> None:
    """Behind an answer that was not seen, and may have been an error, INFO may count a failure or none."""
    model = Model.load("redis-8.2")
    worlds = model.connect(model.start(), 1)
    silence, back = (b"CLIENT", b"REPLY", b"OFF"), (b"CLIENT", b"REPLY", b"ON")
    asked = ((b"CONFIG", b"RESETSTAT"), OK), (silence, None), ((b"ACL", b"DRYRUN", b"0", b"0"), None), (back, OK)
    for request, seen in asked:
        worlds = model.allows(worlds, 1, request, (NOW, NOW), seen and Observed(seen))
    row = b"cmdstat_acl|dryrun:calls=1,usec=8,usec_per_call=8.00,rejected_calls=0,failed_calls=%d\r\n"
    for failed in range(2):
        told = b"# Commandstats\r\n" + row % failed
        reply = Observed(b"$%d\r\n%b\r\n" % (len(told), told))
        assert model.allows(worlds, 1, (b"INFO", b"COMMANDSTATS"), (NOW, NOW), reply)
