"""The model itself: what it allows where the clock is not seen or the text leaves a choice, and what EXEC undoes.

The text's rules are not tested here (its examples and the real servers do that) but what runs them: times as
intervals, choices as worlds, transactions, versions. A fault here would be one of every command.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from attrs import define, field
from hypothesis import assume, given
from hypothesis import strategies as st

from redlark.reference import Model, Observed, Worlds
from redlark.reference.model import MAX_WORLDS
from redlark.reference.replies import Free, encode, some
from redlark.reference.transcript import split
from redlark.reference.values import NO_REPLY, PARKED, Several
from redlark.spec.loader import collect, parse
from redlark.spec.primitives.slots import crc64
from redlark.spec.profiles import profile

from .histories import Walk, calls

Interval = tuple[int, int]
NIL, OK, QUEUED, EMPTY = b"$-1\r\n", b"+OK\r\n", b"+QUEUED\r\n", b"*0\r\n"


def bulk(text: bytes) -> bytes:
    """A bulk string on the wire."""
    return b"$%d\r\n%b\r\n" % (len(text), text)


def array(*items: bytes) -> bytes:
    """An array on the wire."""
    return b"*%d\r\n%b" % (len(items), b"".join(items))


@define
class Judge:
    """The worlds that are still possible, and how one more request with its reply narrows them."""

    model: Model = field(factory=lambda: Model.load("redis-8.2"))
    clients: Sequence[int] = (1, 2)
    config: dict[str, str] = field(factory=dict)
    worlds: Worlds = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.worlds = self.model.start(config=self.config)
        for client in self.clients:
            self.worlds = self.model.connect(self.worlds, client)

    def allowed(self, line: str | tuple[bytes, ...], reply: bytes | None, when: Interval, client: int = 1) -> Worlds:
        """The worlds behind this reply; the worlds here stay as they are."""
        request = split(line) if isinstance(line, str) else line
        return self.model.allows(self.worlds, client, request, when, None if reply is None else Observed(reply))

    def see(self, line: str | tuple[bytes, ...], reply: bytes | None, when: Interval = (0, 0), client: int = 1) -> None:
        """A reply that must be allowed."""
        after = self.allowed(line, reply, when, client)
        assert after, (line, reply, when, self.worlds)
        self.worlds = after


# ---- a server that follows the text is never refused -------------------------------------------------------------

COARSE = [(0, 0), (0, 0), (0, 1), (1, 0), (2, 3), (40, 5), (0, 300), (0, 0)]  # milliseconds before and after the moment


@pytest.mark.parametrize("name", ["redis-6.2", "redis-8.2", "valkey-9.1"])
@given(data=st.data())
def test_what_follows_the_text_is_allowed_however_coarse_the_clock(name: str, data: st.DataObject) -> None:
    """Every reply of a server that takes any way the text leaves is allowed, whatever the clock was thought to be."""
    server, judge = Walk(Model.load(name)), Judge(Model.load(name), (0, 1))
    for call in data.draw(calls(name, 5, 40)):
        early, late = COARSE[call.way]
        if server.world.sessions[call.client].get("closed"):
            judge.worlds = judge.model.connect(judge.worlds, call.client)
            assert judge.model.closes((server.world,), call.client)
        request, run, reply, _ = server.ask(call)
        resp = run.session["resp"]
        if type(reply) is Several:  # the other frames are owed
            reply = reply.frames[0]
        if reply is PARKED:  # the walk gives up waiting, and the connection
            judge.worlds = judge.model.connect(judge.model.disconnect(judge.worlds, call.client), call.client)
            continue
        seen = None if reply is NO_REPLY else encode(some(reply, resp), resp)
        ended = reply is NO_REPLY and run.session.get("closed")  # SHUTDOWN: there is nobody left to be silent
        assert run.delay or ended or (reply is NO_REPLY) == judge.model.silent(judge.worlds, call.client, request)
        judge.see(request, seen, (server.now - early, server.now + late + run.delay), call.client)
        assert len(judge.worlds) <= MAX_WORLDS


@given(data=st.data())
def test_another_reply_is_refused_where_the_text_leaves_no_freedom(data: st.DataObject) -> None:
    """Where every way gives the same frame, any other frame is a divergence."""
    server = Walk(Model.load("redis-8.2"))
    for call in data.draw(calls("redis-8.2", 5, 30)):
        request, _, _, before = server.ask(call)
        ways = server.model.ways(before, call.client, request, server.now)
        try:
            frames = {encode(reply, run.session["resp"]) for run, reply in ways}
        except Free:
            continue
        others = {OK, NIL, b":0\r\n", b":1\r\n", EMPTY, bulk(b""), b"_\r\n", b"-ERR no\r\n"} - frames
        if b"MAXAGE" in map(bytes.upper, request):  # how old a connection is, nobody knows to the second: any may go
            others -= {b":0\r\n", b":1\r\n"}
        for other in others:
            when = (server.now, server.now)
            assert len(frames) > 1 or not server.model.allows((before,), call.client, request, when, Observed(other)), (
                request,
                frames,
            )


# ---- times -------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20), st.integers(0, 20)), min_size=1, max_size=8))
def test_deadlines_narrow_to_what_a_server_could_have_meant(moments: list[tuple[int, int, int]]) -> None:
    """PTTL of a server whose clock lies within the intervals is allowed; a millisecond beyond the bounds is not."""
    judge, clock, deadline = Judge(), 1_000, 0
    lo = hi = None
    for step, early, late in moments:
        clock += step
        when = (max(0, clock - early), clock + late)
        if lo is None or hi is None:
            deadline = clock + 5_000
            judge.see("SET k v PX 5000", OK, when)
            lo, hi = when[0] + 5_000, when[1] + 5_000
            sent = when[0]
            continue
        sent = max(sent, when[0])
        assert not judge.allowed("PTTL k", b":%d\r\n" % (hi - sent + 1), when)
        assert not judge.allowed("PTTL k", b":%d\r\n" % (lo - when[1] - 1), when)
        left = deadline - clock
        judge.see("PTTL k", b":%d\r\n" % left, when)
        lo, hi = max(lo, left + sent), min(hi, left + when[1])
        sent = max(sent, lo - left)


def test_a_deadline_that_was_seen_stays() -> None:
    """PEXPIRETIME may tell any deadline of the interval once; from then on it is that one, for TTL's kin too."""
    judge = Judge()
    judge.see("SET k v PX 1000", OK, (100, 150))
    assert judge.allowed("PEXPIRETIME k", b":1100\r\n", (160, 170))
    assert not judge.allowed("PEXPIRETIME k", b":1151\r\n", (160, 170))
    judge.see("PEXPIRETIME k", b":1120\r\n", (160, 170))
    assert not judge.allowed("PEXPIRETIME k", b":1121\r\n", (170, 180))
    assert judge.allowed("EXPIRETIME k", b":1\r\n", (170, 180))
    assert not judge.allowed("EXPIRETIME k", b":2\r\n", (170, 180))
    assert judge.allowed("PTTL k", b":940\r\n", (180, 190))
    assert not judge.allowed("PTTL k", b":941\r\n", (180, 190))
    judge.see("COPY k other", b":1\r\n", (190, 200))
    assert not judge.allowed("PEXPIRETIME other", b":1119\r\n", (200, 210))
    judge.see("PEXPIRETIME other", b":1120\r\n", (200, 210))


def test_within_the_interval_a_key_may_be_there_or_gone() -> None:
    """Where the deadline lies within the interval both are allowed; once gone, the clock has passed it."""
    judge = Judge()
    judge.see("SET k v PX 100", OK, (1_000, 1_000))
    assert not judge.allowed("GET k", NIL, (1_050, 1_099))
    assert not judge.allowed("GET k", bulk(b"v"), (1_101, 1_150))
    assert judge.allowed("GET k", bulk(b"v"), (1_050, 1_150))
    judge.see("GET k", NIL, (1_050, 1_150))
    assert not judge.allowed("GET k", bulk(b"v"), (1_050, 1_150))
    judge.see("SET later v PX 10", OK, (1_050, 1_150))
    assert not judge.allowed("PEXPIRETIME later", b":1109\r\n", (1_050, 1_150))  # the clock was at 1100 by then
    assert judge.allowed("PEXPIRETIME later", b":1110\r\n", (1_050, 1_150))


def test_one_moment_per_command() -> None:
    """Two keys with one deadline are both there or both gone for one command, whenever it ran."""
    judge = Judge()
    judge.see("SET a v PXAT 1100", OK, (1_000, 1_000))
    judge.see("SET b v PXAT 1100", OK, (1_000, 1_000))
    assert judge.allowed("EXISTS a a", b":2\r\n", (1_050, 1_150))
    assert not judge.allowed("EXISTS a a", b":1\r\n", (1_050, 1_150))
    judge.see("PERSIST c", b":0\r\n", (1_050, 1_060))
    assert not judge.allowed("EXISTS a b", b":1\r\n", (1_050, 1_099))


@pytest.mark.parametrize(("name", "gone"), [("redis-7.2", False), ("redis-8.2", True), ("valkey-9.1", False)])
def test_at_the_deadline_itself_the_text_decides(name: str, gone: bool) -> None:
    """In the millisecond of its deadline a key is there; it may also be gone where the text says so."""
    judge = Judge(Model.load(name))
    judge.see("SET k v PXAT 1100", OK, (1_000, 1_000))
    assert judge.allowed("GET k", bulk(b"v"), (1_100, 1_100))
    assert bool(judge.allowed("GET k", NIL, (1_100, 1_100))) == gone


# ---- choices -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "twice"), [("redis-7.0", True), ("redis-7.2", False), ("valkey-8.1", False)])
@pytest.mark.parametrize(("line", "reply"), [("PEXPIRE k 1", b":1\r\n"), ("RESTORE k 1 {payload} REPLACE", OK)])
def test_a_deadline_may_be_over_while_it_is_set(line: str, reply: bytes, name: str, twice: bool) -> None:
    """Before 7.2 the clock is read once for the sum and again for the comparison: where it went on, the key is gone."""
    judge = Judge(Model.load(name))
    payload = b"\x00\x01v\x09\x00" + crc64(b"\x00\x01v\x09\x00").to_bytes(8, "little")
    judge.see("SET k v", OK, (1_000, 1_000))
    request = tuple(payload if word == b"{payload}" else word for word in split(line))
    judge.see(request, reply, (1_000, 1_001))
    assert bool(judge.allowed("EXISTS k", b":0\r\n", (1_001, 1_001))) == twice
    assert judge.allowed("EXISTS k", b":1\r\n", (1_001, 1_001))


@pytest.mark.parametrize(("name", "blind"), [("redis-7.2", False), ("redis-8.2", True), ("valkey-8.1", True)])
@pytest.mark.parametrize("queued", ["SET k v", "PING", "SET 0 v"])
def test_in_a_cluster_exec_may_miss_that_a_watched_key_has_expired(queued: str, name: str, blind: bool) -> None:
    """Of a key of another slot than what is queued it may run all the same, where the text says so."""
    judge = Judge(Model.load(name), config={"cluster-enabled": "yes"})
    for line, seen in (("SET k v PX 1", OK), ("WATCH k", OK), ("MULTI", OK), (queued, QUEUED)):
        judge.see(line, seen, (0, 0) if seen == OK else (9, 9))
    reply = array(b"+PONG\r\n" if queued == "PING" else OK)
    assert bool(judge.allowed("EXEC", reply, (9, 9))) == (blind and queued == "SET 0 v")
    assert judge.allowed("EXEC", b"*-1\r\n", (9, 9))


def test_any_key_is_a_random_key() -> None:
    """RANDOMKEY may tell each key that is there, and nothing else; nil only where there is none."""
    judge = Judge()
    assert judge.allowed("RANDOMKEY", NIL, (0, 0))
    judge.see("MSET a 1 b 2 c 3", OK)
    judge.see("DEL c", b":1\r\n")
    assert all(judge.allowed("RANDOMKEY", bulk(key), (0, 0)) for key in (b"a", b"b"))
    assert not any(judge.allowed("RANDOMKEY", seen, (0, 0)) for seen in (bulk(b"c"), NIL, bulk(b"x")))


def test_dbsize_may_count_what_has_expired() -> None:
    """DBSIZE tells a number between the keys that live and those that nothing has removed yet."""
    judge = Judge()
    judge.see("MSET a 1 b 2", OK, (1_000, 1_000))
    judge.see("SET c 3 PX 10", OK, (1_000, 1_000))
    counted = [n for n in range(5) if judge.allowed("DBSIZE", b":%d\r\n" % n, (2_000, 2_000))]
    assert counted == [2, 3]
    judge.see("GET c", NIL, (2_000, 2_000))
    assert [n for n in range(5) if judge.allowed("DBSIZE", b":%d\r\n" % n, (2_000, 2_000))] == [2]


@given(st.data())
def test_an_iteration_returns_every_key_that_stays(data: st.DataObject) -> None:
    """SCAN may return keys in any pages, twice as well, but must not end before each key that stays was returned."""
    keys = [b"k%d" % n for n in range(data.draw(st.integers(0, 8)))]
    judge = Judge()
    for key in keys:
        judge.see((b"SET", key, b"v"), OK)
    there, due, cursor = set(keys), set(keys), 0
    for following in data.draw(st.lists(st.integers(1, 2**64 - 1), max_size=5, unique=True)):
        page = data.draw(st.lists(st.sampled_from(sorted(there)), max_size=5)) if there else []
        due -= set(page)
        ends = array(bulk(b"0"), array(*map(bulk, page)))
        assert bool(judge.allowed((b"SCAN", b"%d" % cursor), ends, (0, 0))) == (not due)
        judge.see((b"SCAN", b"%d" % cursor), array(bulk(b"%d" % following), array(*map(bulk, page))))
        cursor = following
        if there and data.draw(st.booleans()):
            gone = data.draw(st.sampled_from(sorted(there)))
            judge.see((b"DEL", gone), b":1\r\n", client=2)
            there.discard(gone)
            due.discard(gone)
        if data.draw(st.booleans()):
            judge.see("SET new v", None, client=2)
            there.add(b"new")
    last = sorted(due)
    if last:
        short = array(bulk(b"0"), array(*map(bulk, last[1:])))
        assert not judge.allowed((b"SCAN", b"%d" % cursor), short, (0, 0))
    judge.see((b"SCAN", b"%d" % cursor), array(bulk(b"0"), array(*map(bulk, last))))


def test_a_page_holds_only_keys() -> None:
    """SCAN must not return a key that is not there, nor one that the pattern or the type leaves out."""
    judge = Judge()
    judge.see("MSET a 1 b 2", OK)
    judge.see("RPUSH l x", b":1\r\n")
    for line, page in (("SCAN 0", b"nokey"), ("SCAN 0 MATCH a*", b"b"), ("SCAN 0 TYPE list", b"a")):
        assert not judge.allowed(line, array(bulk(b"5"), array(bulk(page))), (0, 0))
    assert judge.allowed("SCAN 0 TYPE list", array(bulk(b"0"), array(bulk(b"l"))), (0, 0))


@given(
    st.lists(
        st.sampled_from(["SET a v PX 5", "SET b v PX 9", "GET a", "GET b", "PERSIST a", "EXPIRE b 1", "RENAME a b"])
    )
)
def test_worlds_are_bounded_even_where_nothing_is_seen(lines: list[str]) -> None:
    """Requests whose replies are not seen, at moments that are hardly known, leave a bounded number of worlds."""
    judge = Judge()
    for number, line in enumerate(lines):
        judge.see(line, None, (number, number + 12))
        assert 1 <= len(judge.worlds) <= MAX_WORLDS


# ---- what failed is undone, what is watched is counted ---------------------------------------------------------------

WRITES_AND_FAILS = """
errors
  SYNTAX     "ERR syntax error"
  WRONGTYPE  "WRONGTYPE"

type int  shown integer  by parse-int(text)  else error "ERR number"

state session
  name = ""
  resp = 2
  reply-mode = "on"

command BAD key deadline:int
  group test  since 1.0.0
  db[key] := "x"
  ttl[key] := deadline
  session.name := "tried"
  delete db["other"]
  propagate DEL key
  rule failed => error "ERR failed"

command BOTH key deadline:int
  group test  since 1.0.0
  let reply = run ["BAD", key, request[2]]
  rule both => [reply, db[key], db["other"], ttl[key], session.name]

command PUT key
  group test  since 1.0.0
  db[key] := "old"
  ttl[key] := 77
  db["other"] := "there"
  rule put => 1

command SADD key member...
  group test  since 1.0.0
  need s = set at key
  db[key] := s + set-of(member)
  rule added => size(db[key])

command SREM key member...
  group test  since 1.0.0
  need s = set at key
  db[key] := s \\ set-of(member)
  rule left => size(db[key])
"""


@pytest.fixture(scope="module")
def small() -> Model:
    """A text of a few commands that Redis has not."""
    return Model(collect(parse(WRITES_AND_FAILS, "test")), profile("redis-8.2"))


def test_a_failed_command_gives_back_what_it_wrote(small: Model) -> None:
    """Values, deadlines and what was propagated are undone, alone and within another command; sessions are not."""
    judge = Judge(small)
    judge.see("PUT k", b":1\r\n")
    before = judge.worlds[0].databases
    ((run, _),) = small.ways(judge.worlds[0], 1, (b"BAD", b"k", b"99"), 0)
    assert run.propagated == []
    judge.see("BAD k 99", b"-ERR failed\r\n")
    assert judge.worlds[0].databases == before
    assert judge.worlds[0].sessions[1]["name"] == b"tried"
    expected = array(b"-ERR failed\r\n", bulk(b"old"), bulk(b"there"), b":77\r\n", bulk(b"tried"))
    judge.see("BOTH k 99", expected)
    assert judge.worlds[0].databases == before


def test_an_empty_collection_is_no_value(small: Model) -> None:
    """A set that loses its last member is gone, its deadline with it, and counts as empty when it is asked for."""
    judge = Judge(small)
    judge.see("SADD s a b", b":2\r\n")
    judge.see("SREM s a", b":1\r\n")
    judge.see("SREM s b", b":0\r\n")
    assert not judge.worlds[0].databases[0]
    judge.see("SREM s b", b":0\r\n")


def test_a_transaction_runs_to_its_end(small: Model) -> None:
    """Errors inside EXEC are replies among others; what stands before and behind them has happened."""
    judge = Judge()
    for line in ("SET a 1", "RPUSH a x", "INCR a", "SET b 2 EX nonsense", "GET a"):
        judge.see("MULTI", OK) if line == "SET a 1" else None
        judge.see(line, QUEUED)
    wrong = b"-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
    number = b"-ERR value is not an integer or out of range\r\n"
    judge.see("EXEC", array(OK, wrong, b":2\r\n", number, bulk(b"2")))
    judge.see("GET b", NIL)


WATCHED: list[tuple[str, bool]] = [
    ("SET k other", True), ("SET k v", True), ("DEL k", True), ("EXPIRE k 100", True), ("APPEND k x", True),
    ("RENAME k m", True), ("FLUSHALL", True), ("SWAPDB 0 1", True), ("MOVE k 1", True), ("RENAME other k", True),
    ("GET k", False), ("DEL nokey", False), ("SET j v", False), ("SETNX k x", False), ("PERSIST k", False),
    ("EXPIRE nokey 1", False), ("INCR k", False), ("TOUCH k", False), ("SET k v NX", False), ("SWAPDB 1 2", False),
]  # fmt: skip


@pytest.mark.parametrize(("line", "changes"), WATCHED)
def test_exec_depends_on_what_is_watched(line: str, changes: bool) -> None:
    """EXEC runs nothing exactly if another client has written a watched key, whatever it wrote."""
    judge = Judge()
    judge.see("MSET k v other o", OK)
    judge.see("WATCH k", OK)
    judge.see(line, None, client=2)
    judge.see("MULTI", OK)
    judge.see("SET x y", QUEUED)
    assert bool(judge.allowed("EXEC", b"*-1\r\n", (0, 0))) == changes
    assert bool(judge.allowed("EXEC", array(OK), (0, 0))) == (not changes)


def test_a_watched_key_that_expires_is_changed() -> None:
    """The end of a watched key's life counts, where the clock leaves it open both ways."""
    judge = Judge()
    judge.see("SET k v PX 100", OK, (1_000, 1_000))
    judge.see("WATCH k", OK, (1_000, 1_000))
    judge.see("MULTI", OK, (1_000, 1_000))
    for when, runs, aborts in (
        ((1_050, 1_060), True, False),
        ((1_050, 1_150), True, True),
        ((1_150, 1_160), False, True),
    ):
        assert bool(judge.allowed("EXEC", EMPTY, when)) == runs
        assert bool(judge.allowed("EXEC", b"*-1\r\n", when)) == aborts


# ---- the interface -------------------------------------------------------------------------------------------------


def test_connections_come_and_go() -> None:
    """What a connection selected, queued or was named is its own and goes with it; QUIT closes it."""
    judge = Judge()
    judge.see("SELECT 1", OK)
    judge.see("CLIENT SETNAME me", OK)
    judge.see("MULTI", OK)
    judge.see("CLIENT GETNAME", NIL, client=2)
    judge.worlds = judge.model.connect(judge.model.disconnect(judge.worlds, 1), 1)
    judge.see("CLIENT GETNAME", NIL)
    judge.see("EXEC", b"-ERR EXEC without MULTI\r\n")
    assert not judge.model.closes(judge.worlds, 1)
    judge.see("QUIT", OK)
    assert judge.model.closes(judge.worlds, 1)
    assert not judge.model.closes(judge.worlds, 2)


def test_silence_is_foretold() -> None:
    """After CLIENT REPLY OFF nothing is answered until it is ON; SKIP leaves out one reply."""
    judge = Judge()
    request = (b"PING",)
    for line, silent in (("CLIENT REPLY SKIP", True), ("CLIENT REPLY OFF", True)):
        worlds = judge.worlds
        assert judge.model.silent(worlds, 1, split(line)) is silent
        judge.see(line, None)
        assert judge.model.silent(judge.worlds, 1, request)
        assert not judge.allowed("PING", b"+PONG\r\n", (0, 0))
        judge.see("PING", None)
        assert judge.model.silent(judge.worlds, 1, request) == (line == "CLIENT REPLY OFF")
    assert not judge.model.silent(judge.worlds, 1, split("CLIENT REPLY ON"))
    judge.see("CLIENT REPLY ON", OK)
    judge.see("PING", b"+PONG\r\n")


def test_what_would_have_been_allowed_is_told_with_its_rule() -> None:
    """A divergence can be explained: each allowed reply as redis-cli prints it, and the rule that gives it."""
    judge = Judge()
    judge.see("SET k v PX 100", OK, (1_000, 1_000))
    told = judge.model.expected(judge.worlds, 1, (b"GET", b"k"), (1_050, 1_150))
    assert {(allowed.rule, allowed.reply) for allowed in told} == {("GET/value", '"v"'), ("GET/absent", "(nil)")}
    assert judge.model.expected(judge.worlds, 1, (b"OBJECT", b"IDLETIME", b"k"), (1_050, 1_050))[0].reply.endswith(
        "more"
    )


def test_rules_that_are_reached_are_counted_by_name() -> None:
    """Every rule that accepts a reply is counted under its full name, and each such name is one of the model's."""
    model = Model(collect(parse(WRITES_AND_FAILS, "test")), profile("redis-8.2"))
    judge = Judge(model)
    judge.see("PUT k", b":1\r\n")
    assert not judge.allowed("PUT k", b":2\r\n", (0, 0))
    assert model.reached == {"PUT/put": 1}
    assert set(model.reached) <= set(model.rules)


@given(data=st.data())
def test_judging_does_not_depend_on_what_was_judged_before(data: st.DataObject) -> None:
    """Worlds are values: judging the same reply again from the same worlds gives the same worlds."""
    server = Walk(Model.load("redis-8.2"))
    drawn = data.draw(calls("redis-8.2", 2, 15))
    assume(drawn)
    states: list[tuple[Any, ...]] = []
    for call in drawn:
        if server.world.sessions[call.client].get("closed"):
            return
        before = server.world
        request, run, reply, _ = server.ask(call)
        if reply not in (NO_REPLY, PARKED) and type(reply) is not Several and not run.delay:
            resp = run.session["resp"]
            states.append((before, call.client, request, server.now, Observed(encode(some(reply, resp), resp))))
    judged = [server.model.allows((w,), c, r, (now, now), seen) for w, c, r, now, seen in states]
    again = [server.model.allows((w,), c, r, (now, now), seen) for w, c, r, now, seen in reversed(states)]
    assert judged == again[::-1]
