"""The laws of the whole specification, held by Hypothesis on the model of every profile.

Each law speaks of all commands and options, as the product's generator draws them. What a law does not hold for is
written here by name, with the reason; whatever else breaks it is a fault of the text or of the model. `make campaign`
draws more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from redlark.reference import Model, World
from redlark.reference.blocks import Compiled
from redlark.reference.replies import describe
from redlark.reference.values import PARKED, ErrorReply, Several, SortedSet, Status, Uncertain
from redlark.spec.primitives.glob import glob
from redlark.spec.primitives.hyperloglog import hll_kind, hll_stale
from redlark.spec.profiles import PROFILES

from .histories import Shown, Walk, calls, is_over, live, told, ways

# Replicas have listeners of their own, and up to 6.2 the scripts of their master: what is told is the request as it is.
TELLS_REPLICAS = {
    "PUBLISH": ".*",
    "SPUBLISH": ".*",
    "SCRIPT|LOAD": "redis-6.2",
    "SCRIPT|FLUSH": "redis-6.2",
}
# Keeps the count with the key, and tells its replicas.
COUNTS = "PFCOUNT"

# Inside MULTI these are not queued, or the text says that they behave otherwise there.
NOT_AS_ALONE = {
    "MULTI": "cannot be nested",
    "EXEC": "ends the transaction",
    "DISCARD": "ends the transaction",
    "RESET": "ends the transaction",
    "QUIT": "closes the connection at once",
    "SHUTDOWN": "closes the connection at once",
    "WATCH": "must come before MULTI",
    "OBJECT|REFCOUNT": "the queued request holds its arguments as well",
    "CLIENT|LIST": "tells that the connection is in EXEC",
    "CLIENT|INFO": "tells that the connection is in EXEC",
    "CLIENT|REPLY": "silences EXEC, or is refused",
    "SSUBSCRIBE": "is refused",
}
# In a transaction their frames stand in EXEC's array, and those too many behind it.
IN_SEVERAL_FRAMES = ("SUBSCRIBE", "PSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE")
OF_EVERY_KEY = {
    "FLUSHALL": "deletes every key",
    "FLUSHDB": "deletes every key of a database",
    "SWAPDB": "moves every key of two databases",
    "CLIENT|KILL": "closes the other connection",
}
TELLS_OF_OTHERS = {
    "DBSIZE": "counts every key",
    "KEYS": "tells every key",
    "RANDOMKEY": "tells any key",
    "SCAN": "tells any keys",
    "CLIENT|ID": "ids are given in order",
    "HELLO": "ids are given in order",
    "CLIENT|LIST": "tells of every connection",
    "CLIENT|INFO": "ids are given in order",
    "PUBSUB|CHANNELS": "tells of every channel",
    "PUBSUB|NUMPAT": "counts the patterns of all",
    "PUBSUB|SHARDCHANNELS": "tells of every channel",
}
NAMED_APART = b"mine:"  # what begins the names of one client's keys and channels, where they must not be another's

every_profile = pytest.mark.parametrize(
    "profile", [*PROFILES, *(pytest.param(name, marks=pytest.mark.campaign, id=f"{name}-more") for name in PROFILES)]
)


def test_exceptions_are_of_commands_that_exist() -> None:
    """Every exception to a law names a command of some profile."""
    known = {name for profile in PROFILES for name in Model.load(profile).commands}
    assert known >= {*TELLS_REPLICAS, COUNTS, *NOT_AS_ALONE, *IN_SEVERAL_FRAMES, *OF_EVERY_KEY, *TELLS_OF_OTHERS}


def name_of(model: Model, request: tuple[bytes, ...]) -> str:
    """The full name of the command that a request names; empty where there is none."""
    command = model.command(request)
    return "" if command is None else command.name


@every_profile
@given(data=st.data())
def test_only_commands_that_write_change_a_database(profile: str, data: st.DataObject) -> None:
    """Where no command with the flag `write` is run, itself or by EXEC or a script, every database is as it was."""
    walk = Walk(Model.load(profile))
    for call in data.draw(calls(profile, 5, 40)):
        request, _, _, before = walk.ask(call)
        for run, _, after in ways(walk.model, before, call.client, request, walk.now):
            if writes(walk.model, run):
                continue
            was, now = live(before, walk.now), live(after, walk.now)
            if has_run(walk.model, run, COUNTS):
                was, now = uncounted(was), uncounted(now)
            assert now == was, request
            told = [p for p in run.propagated if not of_what_expired(p, before, walk.now)]
            assert [p for p in told if not is_for_replicas(walk.model, p)] == [], request


def commands_of(model: Model, run: Any) -> Iterator[Compiled]:
    """The commands of which a run has reached a rule: the one that was asked, and those that it ran."""
    names = dict.fromkeys(rule.split("/")[0] for rule in run.reached)
    return (model.commands[name] for name in names if name in model.commands)


def writes(model: Model, run: Any) -> bool:
    """Whether a command was run that may write."""
    return any(b"write" in command.flags for command in commands_of(model, run))


def has_run(model: Model, run: Any, name: str) -> bool:
    """Whether a command was run."""
    return any(command.name == name for command in commands_of(model, run))


def uncounted(shown: Shown) -> Shown:
    """The databases without the counts that sketches keep in their heads."""
    return tuple(
        {k: (hll_stale(v[0]), *v[1:]) if is_sketch(v[0]) else v for k, v in database.items()} for database in shown
    )


def is_sketch(value: Any) -> bool:
    """Whether a value has the head of a HyperLogLog."""
    return isinstance(value, bytes) and hll_kind(value) is not None


def is_for_replicas(model: Model, propagated: tuple[int, tuple[Any, ...]]) -> bool:
    """Whether this is a request that is passed on though it writes nothing."""
    words = propagated[1]
    pattern = TELLS_REPLICAS.get(name_of(model, words), "")
    return re.fullmatch(pattern, model.profile.name) is not None or name_of(model, words) == COUNTS


def of_what_expired(propagated: tuple[int, tuple[Any, ...]], before: World, now: int) -> bool:
    """Whether this is the deletion of a key, or of fields of a hash, whose deadline had come."""
    number, (name, *words) = propagated
    entry = before.databases[number].get(words[0]) if words else None
    if entry is None:
        return False
    if name == b"HDEL":
        return all(is_over(entry, field, now) for field in words[1:])
    return (name, len(words)) == (b"DEL", 1) and entry.deadline is not None and entry.deadline[0] <= now


@every_profile
@given(data=st.data())
def test_a_failed_command_changes_no_database(profile: str, data: st.DataObject) -> None:
    """A command that is answered with an error has written nothing and propagates nothing."""
    walk = Walk(Model.load(profile))
    for call in data.draw(calls(profile, 5, 40)):
        request, run, reply, before = walk.ask(call)
        if isinstance(reply, ErrorReply):
            assert live(walk.world, walk.now) == live(before, walk.now), request
            assert run.propagated == [], request


@every_profile
@given(data=st.data())
def test_a_transaction_is_what_succeeds_in_it(profile: str, data: st.DataObject) -> None:
    """What failed in a transaction may as well not have been queued: databases and other replies are the same."""
    walk = Walk(Model.load(profile), (0, 1, 2))
    drawn = data.draw(calls(profile, 5, 30))
    for call in drawn:
        walk.ask(call)
    asked = [walk.request(call) for call in drawn[-5:]]
    queued = [one for one in asked if name_of(walk.model, one) not in (*NOT_AS_ALONE, *IN_SEVERAL_FRAMES)]
    run, replies, after = transaction(walk, queued)
    if isinstance(replies, ErrorReply):
        return
    kept = [pair for pair in zip(queued, replies, strict=True) if not isinstance(pair[1], ErrorReply)]
    run_of_kept, replies_of_kept, after_kept = transaction(walk, [request for request, _ in kept])
    assert live(after_kept, walk.now) == live(after, walk.now)
    assert told(run_of_kept, replies_of_kept) == told(run, tuple(reply for _, reply in kept))


def transaction(walk: Walk, queued: list[tuple[bytes, ...]]) -> tuple[Any, Any, World]:
    """MULTI, these requests and EXEC by a new connection: EXEC's run, its reply and the world behind it."""
    (world,) = walk.model.connect((walk.world,), 9)
    for request in ((b"MULTI",), *queued):
        world = next(ways(walk.model, world, 9, request, walk.now))[2]
    return next(ways(walk.model, world, 9, (b"EXEC",), walk.now))


@every_profile
@given(data=st.data())
def test_no_key_holds_an_empty_collection(profile: str, data: st.DataObject) -> None:
    """No key ever holds an empty list, set, hash or sorted set; an empty string is a value."""
    walk = Walk(Model.load(profile))
    for call in data.draw(calls(profile, 5, 40)):
        walk.ask(call)
        values = [entry.value for database in walk.world.databases for entry in database.values()]
        assert not any(value in ((), frozenset(), Map(), SortedSet()) for value in values)


@every_profile
@given(data=st.data())
def test_replaying_what_is_propagated_gives_the_same_databases(profile: str, data: st.DataObject) -> None:
    """Whoever starts empty and runs what is propagated has the same values, deadlines and functions, and no error."""
    walk = Walk(Model.load(profile))
    replica = Walk(walk.model, (0,), now=0)
    for call in data.draw(calls(profile, 5, 40)):
        request, run, reply, before = walk.ask(call)
        # A replica deletes when it is told to, so its clock may stand still; but 6.2 sends times that count from now.
        replica.now = walk.now if profile == "redis-6.2" else 0
        if grows_unseen(walk.model, run, reply):
            perform(replica, (b"SELECT", b"%d" % before.sessions[call.client]["selected"]))
            perform(replica, request)
        for number, items in run.propagated:
            sent = tuple(spelled(item) for item in items)
            perform(replica, (b"SELECT", b"%d" % number))
            answer = perform(replica, (*sent, b"get", b"GET") if has_lost_its_comparison(walk.model, sent) else sent)
            assert not isinstance(answer, ErrorReply), (request, sent)
        assert live(replica.world, walk.now) == live(walk.world, walk.now), (request, run.propagated)
        assert functions(replica.world) == functions(walk.world), (request, run.propagated)


def functions(world: World) -> Any:
    """The libraries that a server holds."""
    return world.server.get("libraries")


def perform(walk: Walk, request: tuple[bytes, ...]) -> Any:
    """Runs a request the first way that it may go."""
    _, reply, walk.world = walk.ways(0, request)[0]
    return reply


def grows_unseen(model: Model, run: Any, reply: Any) -> bool:
    """BITFIELD ... OVERFLOW FAIL: room is made for what then fails, and no replica hears of it (docs/findings.md)."""
    return has_run(model, run, "BITFIELD") and run.propagated == [] and None in reply


def has_lost_its_comparison(model: Model, sent: tuple[bytes, ...]) -> bool:
    """Valkey's SET k v IFEQ get GET: every word that reads GET is dropped, the comparison, too (docs/findings.md)."""
    return model.profile.name.startswith("valkey") and sent[0].upper() == b"SET" and sent[-1].upper() == b"IFEQ"


def spelled(item: Any) -> bytes:
    """A word of a propagated command as it is sent: numbers in decimal, a moment at its lower bound."""
    if isinstance(item, bytes):
        return item
    return b"%d" % (item.lo if isinstance(item, Uncertain) else item)


@every_profile
@given(data=st.data())
def test_a_command_in_a_transaction_is_as_it_is_alone(profile: str, data: st.DataObject) -> None:
    """MULTI, a command and EXEC give the frames, the databases and the session that the command gives alone.

    What would wait alone answers inside as if its time were over.
    """
    walk = Walk(Model.load(profile), (0, 1))
    for call in data.draw(calls(profile, 0, 25)):
        walk.ask(call)
    walk.connect(9)
    for call in data.draw(calls(profile, 5, 15)):
        request = walk.request(call)
        if name_of(walk.model, request) in NOT_AS_ALONE:
            continue
        ((_, _, begun),) = ways(walk.model, walk.world, 9, (b"MULTI",), walk.now)
        ((run, queued, begun),) = ways(walk.model, begun, 9, request, walk.now)
        alone = [outcome(r, ended_by_itself(r, reply), after) for r, reply, after in walk.ways(9, request)]
        ended = list(ways(walk.model, begun, 9, (b"EXEC",), walk.now))
        if queued == Status(b"QUEUED"):
            assert sorted(alone) == sorted(outcome(r, in_array(given), after) for r, given, after in ended), request
        else:  # refused before its block: with the same error, and the transaction is spoilt
            same = [told(r, reply) for r, reply, _ in walk.ways(9, request)] == [told(run, queued)]
            assert same or run.reached[-1] == "DISPATCH/not-in-multi", (request, told(run, queued))
            ((_, reply, after),) = ended
            assert isinstance(reply, ErrorReply), request
            assert after.databases == walk.world.databases, request


def ended_by_itself(run: Any, reply: Any) -> tuple[Any, ...]:
    """The frames with which a request is answered, sooner or later."""
    if reply is PARKED:
        return (run.waiting.late,)
    return reply.frames if type(reply) is Several else (reply,)


def in_array(reply: Any) -> tuple[Any, ...]:
    """The frames of what was queued: those in EXEC's array, and those behind it."""
    return (*reply.frames[0], *reply.frames[1:]) if type(reply) is Several else tuple(reply)


def outcome(run: Any, frames: tuple[Any, ...], after: World) -> str:
    """Everything that another way of getting there must have in common."""
    session = sorted(after.sessions[9].items())
    return repr(([told(run, frame) for frame in frames], [sorted(db.items()) for db in after.databases], session))


@every_profile
@given(data=st.data())
def test_clients_with_disjoint_keys_commute(profile: str, data: st.DataObject) -> None:
    """Whichever of two clients goes first, if they share no key and no channel all that comes of it is the same."""
    model = Model.load(profile)
    drawn = data.draw(calls(profile, 2, 30))
    turns = data.draw(st.lists(st.booleans(), min_size=len(drawn), max_size=len(drawn)))
    walk = Walk(model, (0, 1, 2))
    asked: tuple[list[tuple[bytes, ...]], ...] = ([], [])
    for call, turn in zip(drawn, turns, strict=True):
        request = walk.request(call)
        if name_of(model, request) not in OF_EVERY_KEY and not hears_of_others(model, request):
            asked[turn].append(renamed(walk, request) if turn else request)
    first, second = ([client] * len(asked[client]) for client in (0, 1))
    results = [in_order(model, order, asked) for order in (first + second, second + first, list(map(int, turns)))]
    assert results[0] == results[1] == results[2]


def renamed(walk: Walk, request: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """A request with other names for its keys and channels."""
    _, keys, _ = walk.ways(2, (b"COMMAND", b"GETKEYS", *request))[0]
    mine = () if isinstance(keys, ErrorReply) else keys
    name = name_of(walk.model, request)
    if name == "PFMERGE" and len(request) == 2:
        mine = request[1:]  # COMMAND GETKEYS wants the second key, which need not be there
    if name in ("PUBLISH", "SPUBLISH"):
        mine = request[1:2]
    elif is_of_pubsub(walk.model, request) and not name.startswith("PUBSUB"):
        mine = request[1:]
    elif name in ("PUBSUB|NUMSUB", "PUBSUB|SHARDNUMSUB"):
        mine = request[2:]
    return (request[0], *(NAMED_APART + word if word in mine else word for word in request[1:]))


def is_of_pubsub(model: Model, request: tuple[bytes, ...]) -> bool:
    """Whether a request is about channels."""
    command = model.command(request)
    return command is not None and command.facts["group"][0] == "pubsub"


def hears_of_others(model: Model, request: tuple[bytes, ...]) -> bool:
    """Whether a client asks for messages of channels, or of keys, that are not its own."""
    if not is_of_pubsub(model, request):
        return False
    begin = NAMED_APART[:1]
    patterns = request[1:] if name_of(model, request) == "PSUBSCRIBE" else ()
    return any(glob(word[:1] + b"*", begin) for word in patterns) or any(b"__key" in word for word in request)


def in_order(model: Model, order: list[int], asked: tuple[list[tuple[bytes, ...]], ...]) -> Any:
    """The databases, and each client's replies and messages, when the clients take turns in this order."""
    walk = Walk(model, (0, 1))
    left = [iter(requests) for requests in asked]
    replies: tuple[list[str], ...] = ([], [])
    for client in order:
        request = next(left[client], None)
        if request is None or walk.world.sessions[client].get("closed"):
            continue
        run, reply, walk.world = walk.ways(client, request)[0]
        name = name_of(model, request)
        replies[client].append(name if name in TELLS_OF_OTHERS or name == "EXEC" else told(run, reply))
        for owed in (*run.pushed, *walk.world.outbox):
            if not is_invalidation(owed.reply):  # whoever tracks may hear of every key
                replies[owed.client].append(describe(owed.reply, owed.resp))
        walk.world = evolve(walk.world, outbox=())
    return live(walk.world, walk.now), replies


def is_invalidation(reply: Any) -> bool:
    """Whether a frame is one of client-side caching."""
    words = reply[:2] if type(reply) is tuple else ()
    return words[:1] in ((b"invalidate",), (b"tracking-redir-broken",)) or words[1:] == (b"__redis__:invalidate",)
