"""Keyspace notifications: which events become messages, on which channels, in which order."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.conformance.targets.setups import LISTENER, SETUPS
from redlark.reference import Model
from redlark.reference.model import profiles
from redlark.reference.resp import Decoder

from .histories import BEGIN, pool

LETTERS = {"g": b"del", "$": b"set", "l": b"rpush", "s": b"sadd", "h": b"hset", "z": b"zadd", "t": b"xadd"}
MAKING = (
    (b"SET", b"k", b"v"), (b"DEL", b"k"), (b"RPUSH", b"k", b"v"), (b"DEL", b"k"), (b"SADD", b"k", b"v"), (b"DEL", b"k"),
    (b"HSET", b"k", b"f", b"v"), (b"DEL", b"k"), (b"ZADD", b"k", b"1", b"v"), (b"DEL", b"k"),
    (b"XADD", b"k", b"1-1", b"f", b"v"), (b"DEL", b"k"),
)  # fmt: skip
DATA = ("string", "list", "set", "hash", "generic")
Messages = list[tuple[bytes, bytes]]


def heard(flags: str, requests: tuple[tuple[bytes, ...], ...], profile: str = "redis-8.2", gap: int = 0) -> Messages:
    """The channels and messages that a listener to all channels gets, in order."""
    model = Model.load(profile)
    worlds = model.connect(model.connect(model.start(config={"notify-keyspace-events": flags}, now=BEGIN), 0), 1)
    world, _ = model.perform(worlds[0], 1, (b"PSUBSCRIBE", b"*"), BEGIN)
    decoder, now = Decoder(), BEGIN
    found: Messages = []
    for request in requests:
        now += gap
        world, _ = model.perform(world, 0, request, now)
        world, frames = model.deliver(world, now)
        for client, raw in frames:
            assert client == 1
            found += [(f.value[2].value, f.value[3].value) for f in decoder.feed(raw)]
    return found


def test_the_key_is_told_before_the_event() -> None:
    """Each event is a message on the channel of its key, then one on the channel of its name, in the right database."""
    assert heard("KEA", ((b"SELECT", b"3"), (b"SET", b"k", b"v", b"EX", b"9"))) == [
        (b"__keyspace@3__:k", b"set"),
        (b"__keyevent@3__:set", b"k"),
        (b"__keyspace@3__:k", b"expire"),
        (b"__keyevent@3__:expire", b"k"),
    ]


CALLS = ("'SET','k','v'", "'DEL','k'", "'PUBLISH','x','m'", "'RPUSH','j','a','b'", "'FLUSHALL'", "'PING','k'")


@pytest.mark.parametrize("profile", profiles())
@settings(max_examples=15)
@given(calls=st.lists(st.sampled_from(CALLS), min_size=1, max_size=4))
def test_who_runs_a_script_hears_what_it_causes(profile: str, calls: list[str]) -> None:
    """Messages, events and invalidations come to a script's caller as to others, before 7.2 the messages first."""
    model = Model.load(profile)
    worlds = model.connect(model.connect(model.start(config={"notify-keyspace-events": "KEA"}, now=BEGIN), 0), 1)
    (world,) = worlds
    for client, words in product((0, 1), ("HELLO 3", "PSUBSCRIBE *", "CLIENT TRACKING ON", "MGET k j")):
        world, _ = model.perform(world, client, tuple(words.encode().split()), BEGIN)
    code = "".join(f"redis.call({call}) " for call in calls) + "return 7"
    world, answered = model.perform(world, 0, (b"EVAL", code.encode(), b"0"), BEGIN)
    _, later = model.deliver(world, BEGIN)
    own = [frame.raw for frame in Decoder().feed(answered + b"".join(raw for client, raw in later if client == 0))]
    others = [frame.raw for frame in Decoder().feed(b"".join(raw for client, raw in later if client == 1))]
    reply = own.index(b":7\r\n")
    told = [frame for frame in own if frame != b":7\r\n"]
    assert sorted(told) == sorted(others)
    assert all((b"invalidate" in frame) == (own.index(frame) > reply) for frame in told) or model.own_pushes_follow
    assert reply == 0 or not model.own_pushes_follow


@given(st.sets(st.sampled_from(sorted(LETTERS))), st.sampled_from(("K", "E", "KE", "")))
def test_a_class_is_let_through_by_its_letter(letters: set[str], channels: str) -> None:
    """What is told is what the letters ask for, and A asks for all of it; without K and E nothing is."""
    events = [name for channel, name in heard("KA", MAKING)]
    asked = {LETTERS[letter] for letter in letters}
    found = heard(channels + "".join(sorted(letters)), MAKING)
    expected = [name for name in events if name in asked]
    assert [name for channel, name in found if channel == b"__keyspace@0__:k"] == (expected if "K" in channels else [])
    assert len(found) == len(expected) * len(channels)


def test_what_expired_is_told_before_what_met_it() -> None:
    """A key that has expired is told as such before what the command that met it does, even if that fails."""
    expiring = (b"SET", b"k", b"v", b"PX", b"1")
    assert [m for _, m in heard("Kx$", (expiring, (b"APPEND", b"k", b"w")), gap=5)] == [b"set", b"expired", b"append"]
    failing = (b"LCS", b"k", b"l")
    assert [m for _, m in heard("Kx", (expiring, (b"RPUSH", b"l", b"v"), failing, failing), gap=5)] == [b"expired"]


def test_who_comes_to_be_and_who_is_written_over_is_told() -> None:
    """A new key is told before its event; since 8.2 what is stored over another, and then that its type changed."""
    requests = ((b"SET", b"k", b"v"), (b"SET", b"k", b"w"), (b"RPUSH", b"l", b"v"), (b"RENAME", b"l", b"k"))
    told = [b"new", b"set", b"overwritten", b"set", b"new", b"new", b"overwritten", b"type_changed"]
    events = [m for channel, m in heard("K$noc", requests) if channel.startswith(b"__keyspace")]
    assert events == told
    assert [m for _, m in heard("K$n", requests, "redis-7.0")] == [b"new", b"set", b"set", b"new", b"new"]


@pytest.mark.parametrize("profile", ["redis-6.2", "redis-7.0", "redis-8.2", "valkey-9.1"])
def test_without_listeners_nothing_is_sent(profile: str) -> None:
    """Where nobody listens, the configuration changes neither a reply nor what is owed."""
    rng, model = random.Random(profile), Model.load(profile)
    loud, silent = (
        model.connect(model.start(config=config, now=BEGIN), 0)[0] for config in ({"notify-keyspace-events": "KEA"}, {})
    )
    for call in rng.sample(pool(profile), 300):
        request = call.request.resolve(BEGIN, lambda _: b"0")
        command = model.command(request)
        if (
            command is None
            or command.parks
            or command.facts["group"][0] not in ("string", "list", "set", "hash", "generic")
        ):
            continue
        loud, reply = model.perform(loud, 0, request, BEGIN)
        silent, other = model.perform(silent, 0, request, BEGIN)
        assert reply == other
        assert loud.outbox == silent.outbox


@pytest.mark.parametrize("profile", ["redis-6.2", "redis-7.0", "redis-8.2", "valkey-9.1"])
def test_the_set_up_listens_before_its_histories_begin(profile: str) -> None:
    """The judge's set-up of events has a listener of its own, whom the histories' clients are not."""
    setups = [one for one in SETUPS if "notify-keyspace-events" in one.config and one.is_of(profile)]
    assert len({one.name for one in setups}) == len(setups) > 0
    from redlark.conformance.history import History, request, steps_of

    for setup in setups:
        begun = setup.begun(History(steps_of(0, [request("PING")])))
        assert begun.social
        assert begun.clients == (LISTENER, 0)


def missed(*requests: tuple[bytes, ...], profile: str = "redis-8.2", gap: int = 0) -> list[bytes]:
    """The keys of which it is told that they were not there."""
    return [key for _, key in heard("Em", requests, profile, gap)]


def test_each_look_up_in_vain_is_told() -> None:
    """A key that is looked up twice is told of twice, in scripts and transactions too; WRONGTYPE ends the looking."""
    assert missed((b"MGET", b"a", b"b", b"a")) == [b"a", b"b", b"a"]
    assert missed((b"XREAD", b"STREAMS", b"s", b"0")) == [b"s", b"s"]
    script = (b"EVAL", b"redis.call('GET', KEYS[1]) redis.call('DEL', KEYS[1])", b"1", b"a")
    assert missed((b"MULTI",), (b"GET", b"a"), (b"SET", b"a", b"v"), (b"GET", b"a"), (b"EXEC",), script) == [b"a"]
    assert missed((b"SET", b"b", b"v"), (b"SINTER", b"a", b"b", b"c")) == [b"a"]


def test_who_only_writes_tells_of_no_miss() -> None:
    """What is written is looked up without a word, unless its command also tells what was there."""
    assert not missed(
        (b"DEL", b"a"), (b"APPEND", b"a", b"v"), (b"DEL", b"a"), (b"OBJECT", b"ENCODING", b"a"), (b"SPOP", b"a")
    )
    assert missed((b"SET", b"a", b"v", b"GET"), (b"GETDEL", b"b"), (b"BITFIELD", b"c", b"GET", b"u8", b"0")) == [
        b"a", b"b", b"c",
    ]  # fmt: skip
    union = (b"SUNIONSTORE", b"d", b"a", b"b")
    assert (missed(union), missed(union, profile="redis-6.2")) == ([b"a", b"b"], [])


def test_what_has_expired_is_told_before_it_is_missed() -> None:
    """A key whose time is up is told as expired, then as missed."""
    events = heard("Kxm", ((b"SET", b"k", b"v", b"PX", b"1"), (b"GET", b"k")), gap=5)
    assert [event for _, event in events] == [b"expired", b"keymiss"]


def test_a_hash_that_is_emptied_as_it_is_read_was_found() -> None:
    """Who meets a hash whose last field is over has missed nothing, unless the server has cleared it away before."""
    expiring = (b"HPEXPIRE", b"h", b"1", b"FIELDS", b"1", b"f")
    model = Model.load("redis-8.2")
    worlds = model.connect(model.connect(model.start(config={"notify-keyspace-events": "Em"}, now=BEGIN), 0), 1)
    (world,) = worlds
    for client, request in ((1, (b"PSUBSCRIBE", b"*")), (0, (b"HSET", b"h", b"f", b"v")), (0, expiring)):
        world, _ = model.perform(world, client, request, BEGIN)
    told = set()
    for run, _ in model.ways(world, 0, (b"HGET", b"h", b"f"), BEGIN + 5):
        after, frames = model.deliver(run.finish(), BEGIN + 5)
        told.add((b"h" in after.databases[0], bool(frames)))
    assert told == {(False, False), (False, True)}


@pytest.mark.parametrize(("profile", "letter"), [("valkey-9.1", "x"), ("redis-8.2", "h"), ("redis-7.4", "h")])
def test_what_ends_of_a_hash_by_itself_has_a_class_of_its_own(profile: str, letter: str) -> None:
    """Fields that a server clears away are of expired keys' class in Valkey, of hashes' in Redis."""
    model = Model.load(profile)
    for letters in "xhg":
        config = {"notify-keyspace-events": f"E{letters}"}
        worlds = model.connect(model.connect(model.start(config=config, now=BEGIN), 0), 1)
        for client, request in (
            (1, (b"SUBSCRIBE", b"__keyevent@0__:hexpired")),
            (0, (b"HSET", b"k", b"f", b"1", b"g", b"2")),
            (0, (b"HPEXPIRE", b"k", b"5", b"FIELDS", b"1", b"f")),
        ):
            worlds = (model.perform(worlds[0], client, request, BEGIN)[0],)
        (told,) = Decoder().feed(b"*3\r\n$7\r\nmessage\r\n$23\r\n__keyevent@0__:hexpired\r\n$1\r\nk\r\n")
        assert bool(model.arrives(worlds, 1, told, BEGIN + 100)) == (letters == letter)
        assert not model.arrives(worlds, 1, told, BEGIN + 1)


SIDES = (
    ((b"SET", b"k", b"v"), "ER"),
    ((b"SET", b"k", b"v", b"GET"), "RE"),
    ((b"RPUSH", b"l", b"v"), "RE"),
    ((b"LMOVE", b"l", b"m", b"LEFT", b"LEFT"), "EREE"),
    ((b"EXPIRE", b"k", b"9"), "RE"),
    ((b"EXPIRE", b"k", b"-1"), "ER"),
)


@pytest.mark.parametrize("profile", ["redis-6.2", "redis-7.0", "redis-7.2"])
def test_a_command_has_a_side_of_its_reply(profile: str) -> None:
    """Up to 7.0 each command tells its own connection before its reply or behind it; from 7.2 on all do behind it."""
    model = Model.load(profile)
    world, _ = model.perform(
        model.connect(model.start(config={"notify-keyspace-events": "EA"}, now=BEGIN), 0)[0], 0, (b"HELLO", b"3"), BEGIN
    )
    world, _ = model.perform(world, 0, (b"PSUBSCRIBE", b"*"), BEGIN)
    for request, side in SIDES:
        world, answered = model.perform(world, 0, request, BEGIN)
        world, later = model.deliver(world, BEGIN)
        frames = Decoder().feed(answered + b"".join(raw for _, raw in later))
        told = "".join("E" if frame.kind == b">" else "R" for frame in frames)
        assert told == (side if profile != "redis-7.2" else "R" + "E" * side.count("E")), request


@pytest.mark.parametrize("request_", [(b"HINCRBY", b"h", b"a", b"2"), (b"HINCRBYFLOAT", b"h", b"a", b"2")])
def test_a_field_may_be_told_to_have_expired_as_it_is_counted_up(request_: tuple[bytes, ...]) -> None:
    """Valkey counts a field up in the millisecond of its deadline, and tells before it that the field had expired."""
    timed = ((b"HSET", b"h", b"a", b"1"), (b"HPEXPIRE", b"h", b"1", b"FIELDS", b"1", b"a"))
    told = [channel.split(b":")[1] for channel, _ in heard("EA", (*timed, request_), "valkey-9.1", gap=1)]
    assert told == [b"hset", b"hexpire", b"hexpired", request_[0].lower()]
    early = [channel.split(b":")[1] for channel, _ in heard("EA", (*timed, request_), "valkey-9.1")]
    assert early == [b"hset", b"hexpire", request_[0].lower()]
