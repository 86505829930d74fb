"""Histories in which the text and some server once differed: asked of each server, in their shortest form."""

from __future__ import annotations

import pytest
from attrs import evolve, frozen

from redlark.conformance import written
from redlark.conformance.drawing import clustered
from redlark.conformance.history import History, Step, request
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import model_of
from redlark.conformance.targets.servers import Server
from redlark.conformance.targets.target import parse_address, prepare
from redlark.spec.profiles import PROFILES, recognise
from tests.conftest import Starter

TIMES = 2  # what hangs on the moment at which a server clears keys away goes otherwise now and then
EVENTS = {"notify-keyspace-events": "KEA"}


@frozen
class Case:
    """What it is about, the lines of the history, its protocol, and the servers that it is of (none: all)."""

    about: str
    lines: tuple[str, ...]
    protocol: int = 2
    of: tuple[str, ...] = ()


def case(about: str, *lines: str, protocol: int = 2, of: tuple[str, ...] = ()) -> Case:
    """A case as the table below writes it."""
    return Case(about, lines, protocol, of)


LATE = ("SET k v PX 1", "(after 4 ms) WATCH k", "2> RESTORE k 0 <dump:whole:0> REPLACE")
FIELDLESS = ("HSET k j 1 ; HPEXPIRE k 1 FIELDS 1 j", "(after 4 ms) COPY k a", "EXISTS a", "HLEN a")
NINE = ("valkey-9.1",)
LATER = ("redis-7.0", "redis-7.2", "redis-8.2", "valkey-8.1", "valkey-9.1")  # 6.2.5 tells otherwise than 6.2.14

CASES = (
    # a group may have read more than XSETID says were added: its lag is below 0, and told
    case("XINFO GROUPS", "XADD k 1 f 2", "XADD k 100 f 2", "XGROUP CREATE k g 0", "XREADGROUP GROUP g 0 STREAMS k >",
         "XTRIM k MAXLEN 1", "XSETID k 100 ENTRIESADDED 1", "XINFO GROUPS k", of=LATER),
    # SORT stores node by node, as if each element was pushed
    case("SORT STORE in nodes", "CONFIG SET list-max-listpack-size 1", "RPUSH k 4 3", "SORT k STORE j", "RPUSH j a b",
         "CONFIG SET list-max-listpack-size 8", "RPOP j ; RPOP j", "OBJECT ENCODING j"),
    # SORT reads no key for an element that it does not tell of
    case("SORT LIMIT 44 0", "SADD s 4", "SET k4 v PX 2", "(after 5 ms) SORT s LIMIT 44 0 GET k*->f", "DBSIZE"),
    case("SORT LIMIT 0 1", "RPUSH s 4 5", "MSET k4 v k5 v", "PEXPIRE k4 1 ; PEXPIRE k5 1",
         "(after 4 ms) SORT s BY nosort LIMIT 0 1 GET k*", "DBSIZE"),
    case("SORT LIMIT 0 1 of a set", "SADD s 4 5 6", "MSET k4 v k5 v", "PEXPIRE k4 1 ; PEXPIRE k5 1",
         "(after 4 ms) SORT s BY nosort LIMIT 0 1 GET k*", "DBSIZE"),
    # what stands in an error as it was sent, line ends and all
    case("FUNCTION LIST", 'FUNCTION LIST "\\na"', 'FUNCTION LIST "b\\rc\\nd"', of=LATER),
    # RESTORE over a key that had expired before it was watched
    case("RESTORE", *LATE, "MULTI", "EXEC"),
    case("RESTORE, SET", *LATE, "2> SET k w", "MULTI", "EXEC"),
    case("RESTORE, DEL, SET", *LATE, "2> DEL k ; SET k w", "MULTI", "EXEC"),
    case("RESTORE, RENAME", *LATE, "2> SET j w ; RENAME j k", "MULTI", "GET k", "EXEC"),
    case("RESTORE, FLUSHALL, SET", *LATE, "2> FLUSHALL ; SET k w", "MULTI", "EXEC"),
    case("RESTORE, SWAPDB", *LATE, "2> SELECT 1 ; SET k w", "2> SWAPDB 0 1", "MULTI", "EXEC"),
    # RESTORE over an expired key, and with a time that is over: what is told first, and what is cleared away by errors
    *(case(f"{made}, {words}", made, "3> CLIENT ID", "3> PSUBSCRIBE __key*", "CLIENT TRACKING ON REDIRECT <id:3>",
           "EXISTS k", f"{words}", "PING", protocol=3)
      for made in ("SET k v", "SET k v PX 1")
      for words in ("3> RESTORE-ASKING k 3 <dump:whole:0> REPLACE ABSTTL", "3> RESTORE k 0 <dump:whole:0> REPLACE",
                    "2> (after 2 ms) RESTORE k 0 <dump:whole:0> REPLACE",
                    "2> (after 2 ms) RESTORE k 3 <dump:whole:0> REPLACE ABSTTL")),
    case("RESTORE that fails", "SET k v PX 1", "(after 4 ms) RESTORE k -1 x REPLACE", "DBSIZE"),
    case("RESTORE that fails early", "SET k v PX 1", "(after 4 ms) RESTORE k 0 x REPLACE FREQ 999", "DBSIZE"),
    # COPY of a hash whose fields are over
    case("COPY, some over", "HSET k j 1 i 2 ; HPEXPIRE k 1 FIELDS 1 j", "(after 4 ms) COPY k a", "HLEN a", "HGETALL a",
         of=NINE),
    case("COPY, all over", *FIELDLESS, "TYPE a", "HGETALL a", "OBJECT ENCODING a", "HTTL a FIELDS 1 j", "HDEL a j",
         "HRANDFIELD a 3", "PEXPIRE a 100000", "RENAME a b", "COPY b c", "MOVE c 1", "HLEN b", "HMGET b j", "EXISTS b",
         "DBSIZE", of=NINE),
    case("COPY, all over, then a field", "2> PSUBSCRIBE *", *FIELDLESS, "HSET a x 1", "HDEL a x", "EXISTS a", of=NINE),
    case("COPY, all over, then a time that is over", "2> PSUBSCRIBE *", *FIELDLESS, "HSETEX a EX 0 FIELDS 1 j v",
         "EXISTS a", of=NINE),
    # A subcommand is not called by one word with a bar
    case("CLIENT|ID", "CLIENT|ID", "COMMAND GETKEYS CLUSTER|SET-CONFIG-EPOCH", "COMMAND GETKEYS OBJECT|ENCODING k",
         "XGROUP|CREATE k g $ MKSTREAM", "COMMAND INFO client|id"),
    # HSETEX over fields that are over, or are in this very millisecond
    case("HSETEX FNX", "2> PSUBSCRIBE *", "HSET k a 1 ; HPEXPIRE k 1 FIELDS 1 a",
         "(after 4 ms) HSETEX k FNX PX 90000 FIELDS 1 a w", "EXISTS k", of=("redis-8.2", "valkey-9.1")),
    *(case(f"HSETEX FXX KEEPTTL, {part}", "2> PSUBSCRIBE *", "HSETEX k PX 1 FIELDS 2 a v c w ; HSTRLEN k a",
           f"HMGET k a b ; {part}HSETEX k FXX KEEPTTL FIELDS 1 a v", "HTTL k FIELDS 2 a c",
           of=("redis-8.2", "valkey-9.1"))
      for part in ("", "HLEN k ; ", "HLEN k ; DUMP k ; HGETALL k ; ")),
    # A polygon whose middle has no cell
    case("BYPOLYGON", "GEOADD k 1 37.3 2 100 20 3", "GEOSEARCH k BYPOLYGON 3 0 84.9 179.99 2 0 1",
         "GEOSEARCH k FROMLONLAT 1 37 BYRADIUS 100 km",
         "GEOSEARCH k BYPOLYGON 3 0 84.9 179.99 2 0 1 WITHDIST WITHCOORD",
         "GEOSEARCHSTORE a k BYPOLYGON 3 0 84.9 179.99 2 0 1", "ZRANGE a 0 -1", of=NINE),
    # What takes long comes to its end behind those whom it wakes
    *(case(f"{flush}, whom it wakes, in the log", "CONFIG SET slowlog-log-slower-than 0", "SLOWLOG RESET",
           "2> XGROUP CREATE j g 0 MKSTREAM", "XREADGROUP GROUP g 0 BLOCK 0 STREAMS j >", f"2> {flush}", "SLOWLOG GET")
      for flush in ("FLUSHDB", "FLUSHALL ASYNC", "MULTI ; FLUSHALL ; EXEC")),
    # What is emptied in the background is answered before it is told, as ASYNC or as the configuration has it
    *(case(f"{flush}, lazyfree-lazy-user-flush {lazily}", f"CONFIG SET lazyfree-lazy-user-flush {lazily}",
           "3> BLPOP k 0 ; SET a 1 ; GET a", "CLIENT TRACKING ON", f"RPUSH k a ; {flush} ; PING", "GET a",
           protocol=3, of=LATER)
      for flush in ("FLUSHALL", "FLUSHDB SYNC", "FLUSHALL ASYNC") for lazily in ("yes", "no")),
    # Who is woken by what takes long is served before that is answered, as who asks for it hears by an event
    *(case("a miss before FLUSHALL is answered", "CONFIG SET notify-keyspace-events KEAm", f"{who}PSUBSCRIBE __key*",
           "XGROUP CREATE k g 0 MKSTREAM", "2> XREADGROUP GROUP g 0 BLOCK 0 STREAMS k >", "FLUSHALL", protocol=3)
      for who in ("", "3> ")),
    # A table of tracked keys that is full forgets one before who was woken asks anew
    case("a full table, and who is woken", "3> XGROUP CREATE k g 0 MKSTREAM",
         "2> XREADGROUP GROUP g 0 BLOCK 0 STREAMS k >", "CONFIG SET tracking-table-max-keys 2", "PEXPIRE k 1",
         "3> CLIENT ID", "3> CONFIG SET notify-keyspace-events EAmn", "3> PSUBSCRIBE __key*",
         "CLIENT TRACKING ON REDIRECT <id:3>", "EXISTS k 0 1"),
    # Who is woken is served before the connection goes of who woke it, and is told of what that one listened to
    case("QUIT behind what wakes", "3> BLPOP k 0 ; PUBSUB CHANNELS ; PUBSUB NUMSUB k ; PUBSUB NUMPAT",
         "2> SUBSCRIBE k ; PSUBSCRIBE l ; RPUSH k a ; QUIT", "1> PING", "1> PUBSUB CHANNELS", protocol=3),
    # Who is killed loses the reply that ended its waiting, and may have been served before
    case("killed with more asked", "2> CLIENT ID", "3> CLIENT ID", "2> BLPOP l 0", "3> BLPOP k 0",
         "2> CLIENT KILL ID <id:3>", "3> XGROUP CREATE j g 0 MKSTREAM", "2> XREADGROUP GROUP g 0 STREAMS j 0",
         "CLIENT UNBLOCK <id:3> ; CLIENT UNBLOCK <id:2>"),
    # A test that fails, as it does where no sketch may be sparse, fails a script that asks for it
    case("PFSELFTEST in a script", "CONFIG SET hll-sparse-max-bytes 24", "PFSELFTEST",
         """EVAL "return redis.call('PFSELFTEST')" 0""", """EVAL "return redis.pcall('PFSELFTEST')" 0"""),
    # What is queued behind a mistake is not kept, as CLIENT LIST shows; CLIENT UNBLOCK counts as failed with its error
    case("queued behind a mistake", "MULTI", "LATENCY", "SINTER k", "2> CLIENT LIST"),
    case("an error of CLIENT UNBLOCK", "CONFIG RESETSTAT", "2> CLIENT ID", "2> BZPOPMIN k 0",
         "CLIENT UNBLOCK <id:2> ERROR", "INFO COMMANDSTATS"),
    # What was read by who has gone is remembered until it changes
    case("a reader that has gone", "2> CLIENT TRACKING ON", "2> GET 0", "2> QUIT", "INFO", "SET 0 v", "INFO"),
    # BITFIELD that changes nothing keeps the string otherwise all the same
    case("BITFIELD changes nothing", "SET k 10 ; BITFIELD k SET u2 4 0 ; OBJECT ENCODING k"),
    # A range that ends before it begins is empty in 7.0 before its unit is looked at
    case("BITCOUNT backwards", "SET k 0 ; BITCOUNT k -1 -2 0 ; BITCOUNT k -1 -2 BIT x ; BITCOUNT k 1 0 x"),
    # XTRIM reads no further than a threshold that is none
    case("XTRIM", "XTRIM 0 LIMIT 0 ACKED MAXLEN k KEEPREF LIMIT k", "XTRIM 0 ACKED MAXLEN 1 KEEPREF LIMIT k"),
    # WAIT for so many replicas that none are left of their number waits all the same before 7.2
    case("WAIT, logged", "CONFIG SET slowlog-log-slower-than 0", "SLOWLOG RESET", "WAIT 2147483648 1", "SLOWLOG GET"),
    # Who waited for a group that is gone is in no log of 6.2
    case("a group is gone, logged", "CONFIG SET slowlog-log-slower-than 0", "2> SLOWLOG RESET",
         "2> XGROUP CREATE k g 0 MKSTREAM", "XREADGROUP GROUP g 0 BLOCK 0 STREAMS k >", "2> DEL k", "2> XADD k 1 f v",
         "SLOWLOG GET"),
    # What nobody has heard of may have gone each way
    case("a silent SPOP", "SADD k c 1 2 d", "CLIENT REPLY SKIP", "SPOP k", "SSCAN k 0"),
    # A full tracking table forgets again and again, before anything of it is read
    case("a full table", "2> CLIENT ID", "2> CONFIG SET tracking-table-max-keys 1", "2> HELLO 3", "3> BLPOP l 0",
         "3> CLIENT TRACKING ON REDIRECT <id:2> ; EXISTS 0 1 a ; EXISTS k k3 a b ; EXISTS k1 k2 k4 a b ; PING",
         "2> RPUSH l 1", protocol=3),
    # A payload that a script passes on, whose members stand in an order of the server's own
    case("a payload in a script", "SADD k a b c d", "ZADD z 1 a 2 b", "EVAL \"return redis.call('DUMP', KEYS[1])\" 1 k",
         "EVAL \"return {KEYS[1], redis.call('DUMP', KEYS[1]), redis.call('DUMP', KEYS[2])}\" 2 z k"),
    # Fields that are over may be cleared away before their number makes a table
    case("fields too many", "CONFIG SET hash-max-listpack-entries 2", "HSET k a 1 b 2 ; HPEXPIRE k 1 FIELDS 1 a",
         "(after 4 ms) HSET k c 3", "OBJECT ENCODING k", of=("redis-8.2", "valkey-9.1")),
)  # fmt: skip

CLUSTERED = (
    # What is queued behind a change of a watched key is forgotten, so that its slots are not looked at
    case("queued behind a change", "WATCH k", "2> SET k v", "MULTI", "GET a", "GET b", "EXEC"),
    case("queued before a change", "WATCH k", "MULTI", "GET a", "GET b", "2> SET k v", "EXEC"),
    case("queued on both sides", "WATCH k", "MULTI", "GET a", "2> SET k v", "GET b", "EXEC"),
    case("nothing has changed", "WATCH k", "MULTI", "GET a", "GET b", "EXEC"),
    # FLUSHALL within EXEC looks for who waits in the slot of what else was queued
    *(case(f"FLUSHALL beside {other}", "XGROUP CREATE k g 0 MKSTREAM", "2> XREADGROUP GROUP g 0 BLOCK 0 STREAMS k >",
           "MULTI", "FLUSHALL", other, "EXEC", "XGROUP CREATE k g 0 MKSTREAM", "DEL k")
      for other in ("PING", "SET a b", "SET k b")),
)  # fmt: skip

FULL = tuple(
    # Valkey refuses a script of whatever engine before it looks who can run it
    case(f"a script in a full server, {script}", f"EVAL {script} 0", f"EVAL_RO {script} 3", f"EVAL {script} x")
    for script in (
        '"#!JS\\nR"',
        '"#!JS flags=no-writes\\nR"',
        '"#!\\nreturn 1"',
        '"#!lua\\nreturn 1"',
        '"#!JS x=1\\nR"',
    )
)


@pytest.mark.parametrize("server", [*machine.find_servers(), None], ids=lambda one: one.name if one else "embedded")
def test_what_once_differed(server: Server | None) -> None:
    """Each history goes on this server as the text says."""
    assert differing(server, CASES, EVENTS) == []


@pytest.mark.parametrize("server", machine.find_servers(), ids=lambda one: one.name)
def test_what_once_differed_in_a_cluster(server: Server) -> None:
    """The same of a node that is alone in its cluster."""
    assert differing(server, CLUSTERED, {"cluster-enabled": "yes"}) == []


@pytest.mark.parametrize("server", machine.find_servers(), ids=lambda one: one.name)
def test_what_once_differed_without_memory(server: Server) -> None:
    """The same of a server that is full from the first."""
    assert differing(server, FULL, {"maxmemory": "1"}) == []


def differing(server: Server | None, cases: tuple[Case, ...], config: dict[str, str]) -> list[tuple[object, ...]]:
    """The histories that go otherwise, with what was seen."""
    profile = recognise(server.product, server.version) if server else PROFILES["redis-8.2"]
    with machine.running(server, config) as running:
        target = prepare(parse_address(running.url), destructive=True)
        target = evolve(target, config={**target.config, **config})
        if "cluster-enabled" in config:
            clustered.serve_all(target)
        judge = Judge(model_of(profile.name, target), target)
        asked = [one for one in cases if not one.of or profile.name in one.of]
        found = [(one.about, judge.run(written.history(one.lines, one.protocol))) for one in asked * TIMES]
        judge.close()
    return [(about, divergence.seen, divergence.exchanges) for about, divergence in found if divergence]


@pytest.mark.parametrize(("name", "left"), [("redis:8.2", 1), ("valkey:9.1", 0)])
def test_who_signs_out_may_lose_what_waits(start_server: Starter, name: str, left: int) -> None:
    """RESET behind a reply in memory of its own, where a password is required: no verdict where Redis closes."""
    port = start_server(name, requirepass="secret").port
    target = prepare(parse_address(f"redis://:secret@127.0.0.1:{port}"), destructive=True)
    target = evolve(target, signed_in=False, config={**target.config, "requirepass": "secret"})
    judge = Judge(model_of("redis-8.2" if left else "valkey-9.1", target), target)
    found = None
    for lines in (("PING", "RESET", "PING"), ("KEYS 0", "RESET", "PING")):
        steps = Step(0, (request("AUTH", "secret"),)), Step(0, tuple(request(*line.split()) for line in lines))
        found = found or judge.run(History(steps))
    judge.close()
    assert (found and found.seen, judge.given_up) == (None, left)
