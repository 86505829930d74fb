"""What is owed to others: in which order it comes, who is served first, when waiting ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.reference import Model, World
from redlark.reference.owing import left_after, taken, torn
from redlark.reference.replies import encode
from redlark.reference.resp import frame
from redlark.reference.values import Owed, Several, Status
from redlark.spec.profiles import PROFILES

CLIENTS = range(4)
FEEDER = 9
every_profile = pytest.mark.parametrize("profile", PROFILES)
bags = st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3), max_size=4)


def begun(model: Model) -> World:
    """A server with four clients and one who feeds them."""
    worlds = model.start(now=1_000)
    for client in (*CLIENTS, FEEDER):
        worlds = model.connect(worlds, client)
    return worlds[0]


def done(model: Model, world: World, client: int, words: str, now: int = 1_000) -> tuple[World, bytes]:
    """A world after a request, and its reply; nothing where the client is left waiting."""
    return model.perform(world, client, tuple(words.encode().split()), now)


def given_up(model: Model, world: World, now: int = 1_000) -> tuple[World, list[tuple[int, bytes]]]:
    """A world that owes nothing by a moment, and what it has sent to whom."""
    world, frames = model.deliver(world, now)
    return world, list(frames)


@given(bags, st.randoms(use_true_random=False))
def test_what_shares_a_bag_may_change_places(drawn: list[list[int]], rng: object) -> None:
    """Frames are taken in the order in which they are owed, but within a bag in any; no other order will do."""
    owed = tuple(Owed(0, b"%d.%d" % (bag, n), 2, bag) for bag, members in enumerate(drawn) for n in members)
    frames = []
    for bag, members in enumerate(drawn):
        mixed = [frame(encode(b"%d.%d" % (bag, n), 2)) for n in members]
        rng.shuffle(mixed)  # type: ignore[attr-defined]
        frames += mixed
    assert left_after(owed, tuple(frames)) == ()
    if len(drawn) > 1:
        assert left_after(owed, tuple(frames[::-1])) is None
        assert taken(owed, frames[-1]) is None
    assert left_after(owed, (frame(b"+other\r\n"),)) is None


@every_profile
@settings(max_examples=40)
@given(
    waiting=st.lists(st.sampled_from(["BLPOP k 0", "BRPOP k 0", "BLPOP other k 0"]), min_size=1, max_size=4),
    pushes=st.lists(st.integers(1, 3), min_size=1, max_size=4),
)
def test_who_came_first_is_served_first(profile: str, waiting: list[str], pushes: list[int]) -> None:
    """Each element goes to one of those who wait, in the order of their coming; the rest stays in the list."""
    model = Model.load(profile)
    world = begun(model)
    for client, words in enumerate(waiting):
        world, reply = done(model, world, client, words)
        assert reply == b""
    served: list[int] = []
    for size in pushes:
        world, _ = done(model, world, FEEDER, "RPUSH k" + " x" * size)
        world, frames = given_up(model, world)
        served += [client for client, _ in frames]
    assert served == list(range(min(len(waiting), sum(pushes))))
    assert [parked.client for parked in world.parked] == list(range(len(served), len(waiting)))
    _, length = done(model, world, FEEDER, "LLEN k")
    assert length == b":%d\r\n" % (sum(pushes) - len(served))


@every_profile
@settings(max_examples=40)
@given(times=st.lists(st.integers(0, 6), min_size=1, max_size=4), passed=st.integers(0, 8))
def test_waiting_ends_with_its_time(profile: str, times: list[int], passed: int) -> None:
    """Who waits for so many milliseconds is told after them, and not before; who waits for ever is not."""
    model = Model.load(profile)
    world = begun(model)
    for client, time in enumerate(times):
        world, _ = done(model, world, client, f"XREAD BLOCK {time} STREAMS s $")
    world, frames = given_up(model, world, 1_000 + passed)
    assert frames == [(client, b"*-1\r\n") for client, time in enumerate(times) if 0 < time <= passed]
    assert {parked.client for parked in world.parked} == {c for c, time in enumerate(times) if not 0 < time <= passed}


@every_profile
@settings(max_examples=40)
@given(known=st.lists(st.integers(0, 6), min_size=1, max_size=4), added=st.integers(1, 6))
def test_a_reader_gets_what_it_does_not_know(profile: str, known: list[int], added: int) -> None:
    """An entry goes to everyone who waits behind an earlier id, in order; the others wait on."""
    model = Model.load(profile)
    world = begun(model)
    for client, id_ in enumerate(known):
        world, _ = done(model, world, client, f"XREAD BLOCK 0 STREAMS s 0-{id_}")
    world, _ = done(model, world, FEEDER, f"XADD s 0-{added} f v")
    world, frames = given_up(model, world)
    told = b"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n0-%d\r\n*2\r\n$1\r\nf\r\n$1\r\nv\r\n" % added
    assert frames == [(client, told) for client, id_ in enumerate(known) if id_ < added]
    assert {parked.client for parked in world.parked} == {c for c, id_ in enumerate(known) if id_ >= added}


@every_profile
def test_a_dollar_is_what_it_was_as_the_waiting_began(profile: str) -> None:
    """Who is woken in vain still knows which entries were there before it came."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), FEEDER, "XADD s 5-1 f v")
    world, _ = done(model, world, 0, "XREAD BLOCK 0 STREAMS s t $ $")
    for words in ("MULTI", "XADD s 5-2 f v", "XADD s 5-3 f w", "EXEC"):
        world, _ = done(model, world, FEEDER, words)
    _, ((client, reply),) = given_up(model, world)
    assert client == 0
    assert b"5-1" not in reply
    assert b"5-2" in reply
    assert b"5-3" in reply


@every_profile
def test_who_is_woken_in_vain_waits_again(profile: str) -> None:
    """It keeps its place until 7.0, and stands behind the others from 7.2 on."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), 0, "XREAD BLOCK 0 STREAMS s t 9 9")
    world, _ = done(model, world, 1, "XREAD BLOCK 0 STREAMS s 9")
    world, _ = done(model, world, FEEDER, "XADD t 0-1 f v")
    world, frames = given_up(model, world)
    assert frames == []
    anew = profile not in ("redis-6.2", "redis-7.0")
    assert [parked.client for parked in world.parked] == ([1, 0] if anew else [0, 1])


@every_profile
def test_only_what_is_owed_may_arrive(profile: str) -> None:
    """A frame that is owed may come to its client, once; another one, or to another client, may not."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), 0, "BLPOP k 0")
    world, _ = done(model, world, FEEDER, "RPUSH k a")
    owed = frame(b"*2\r\n$1\r\nk\r\n$1\r\na\r\n")
    assert not model.arrives((world,), 1, owed, 1_000)
    assert not model.arrives((world,), 0, frame(encode(Status(b"OK"), 2)), 1_000)
    after = model.arrives((world,), 0, owed, 1_000)
    assert [one.outbox for one in after] == [()]
    assert not model.arrives(after, 0, owed, 1_000)


@every_profile
def test_a_stream_that_expires_wakes_its_group(profile: str) -> None:
    """Once its deadline is over, and from 7.0 on, whoever waits in a group may be told that it is gone; not before."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), FEEDER, "XGROUP CREATE s g $ MKSTREAM")
    world, _ = done(model, world, 0, "XREADGROUP GROUP g alice BLOCK 0 STREAMS s >")
    world, _ = done(model, world, FEEDER, "PEXPIRE s 10")
    gone = {
        "redis-7.0": b"-UNBLOCKED the stream key no longer exists\r\n",
    }.get(profile, b"-NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option\r\n")
    assert not model.arrives((world,), 0, frame(gone), 1_005)
    told = model.arrives((world,), 0, frame(gone), 1_020)
    assert bool(told) == (profile != "redis-6.2")
    assert all(not one.parked and not one.databases[0] for one in told)


NOW = (1_000, 1_000)
names = st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=4)


def asking(words: str) -> tuple[bytes, ...]:
    """A request of these words."""
    return tuple(words.encode().split())


@every_profile
@given(channels=names)
def test_a_reply_of_several_frames_is_its_first_and_the_rest_is_owed(profile: str, channels: list[str]) -> None:
    """SUBSCRIBE is answered by one frame for each channel: in order, each once, and nothing is owed behind the last."""
    model = Model.load(profile)
    frames = [
        frame(b"*3\r\n$9\r\nsubscribe\r\n$1\r\n%b\r\n:%d\r\n" % (one.encode(), len(set(channels[: place + 1]))))
        for place, one in enumerate(channels)
    ]
    request = asking("SUBSCRIBE " + " ".join(channels))
    worlds, _ = model.answers((begun(model),), 0, request, NOW, tuple(frames[:1]))
    assert worlds
    for place, one in enumerate(frames[1:], 1):
        assert model.owes(worlds[0])
        assert not model.arrives(worlds, 1, one, 1_000)
        for later in frames[place + 1 :]:
            assert later.raw == one.raw or not model.arrives(worlds, 0, later, 1_000)
        worlds = model.arrives(worlds, 0, one, 1_000)
        assert worlds
    assert not any(map(model.owes, worlds))


@every_profile
@given(messages=names, asked=st.integers(0, 4))
def test_what_is_owed_comes_before_the_next_reply(profile: str, messages: list[str], asked: int) -> None:
    """Whoever asks while messages are on their way reads those first, all of them and in order; then the reply."""
    model = Model.load(profile)
    world, _ = done(model, begun(model), 0, "SUBSCRIBE news")
    world, _ = model.deliver(world, 1_000)
    for word in messages:
        world, reply = done(model, world, FEEDER, f"PUBLISH news {word}")
        assert reply == b":1\r\n"
    told = [frame(b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\n%b\r\n" % word.encode()) for word in messages]
    pong = frame(b"*2\r\n$4\r\npong\r\n$0\r\n\r\n")
    part = told[:asked]
    after, _ = model.answers((world,), 0, asking("PING"), NOW, (*part, pong))
    assert bool(after) == (len(part) == len(told))
    assert model.answers((world,), 0, asking("PING"), NOW, tuple(told[: max(asked, 1)])) == ((), True)
    backwards = model.answers((world,), 0, asking("PING"), NOW, (*told[::-1], pong))[0]
    assert bool(backwards) == (messages == messages[::-1])


@every_profile
@pytest.mark.parametrize("there", [False, True])
def test_who_finds_nothing_waits(profile: str, there: bool) -> None:
    """A request that waits has no reply, and leaves its client waiting in each world; one that need not has one."""
    model = Model.load(profile)
    world = begun(model)
    if there:
        world, _ = done(model, world, FEEDER, "RPUSH k a")
    request = asking("BLPOP k 0")
    assert model.parks(request)
    assert not model.parks(asking("LPOP k"))
    assert model.waits((world,), 0, request, NOW) == {not there}
    left = model.left_waiting((world,), 0, request, NOW)
    assert [one.waits(0) is not None for one in left] == [True] * (not there)
    answered = model.answers((world,), 0, request, NOW, (frame(b"*2\r\n$1\r\nk\r\n$1\r\na\r\n"),))[0]
    assert bool(answered) == there


@given(st.lists(st.one_of(st.integers(0, 9), st.lists(st.integers(0, 9), min_size=1, max_size=4)), max_size=5))
def test_the_array_of_exec_has_as_many_frames_as_commands(drawn: list[int | list[int]]) -> None:
    """Where commands answer in several frames, those too many come behind the array; none is lost, all are in order."""
    given_ = tuple(Several(tuple(one)) if isinstance(one, list) else one for one in drawn)
    made = torn(given_)
    flat = [frame for one in drawn for frame in (one if isinstance(one, list) else [one])]
    if not any(isinstance(one, list) for one in drawn):
        assert made == given_
        return
    array, *behind = made.frames
    assert len(array) == len(drawn)
    assert [*array, *behind] == flat


places = st.lists(st.tuples(st.sampled_from([None, b"a", b"b"]), st.booleans()), min_size=1, max_size=5)


@given(places)
def test_what_expired_may_come_before_what_is_about_other_keys(drawn: list[tuple[bytes | None, bool]]) -> None:
    """An event that something expired may overtake events of other keys, and be overtaken by them; nothing else may."""
    owed = tuple(Owed(0, b"%d" % n, 2, None, about, early) for n, (about, early) in enumerate(drawn))
    for place, one in enumerate(owed):
        ahead = owed[:place]
        may = all(None not in (one.about, o.about) and one.about != o.about and (one.early or o.early) for o in ahead)
        assert (taken(owed, frame(encode(one.reply, 2))) is one) == (not ahead or may)
