"""What scripts call that a core answers without Python: as by itself, and nothing that a script may not do."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.reference.resp import frame
from redlark.server import Server
from redlark.server.engine import FEW
from tests.server.conftest import Connect, Start, Wire
from tests.waiting import soon

KEYS, WORDS = st.sampled_from(("a", "b")), st.sampled_from(("1", "-7", "x", "", "1.5"))
CALLS = st.one_of(
    st.tuples(st.sampled_from(("GET", "get", "STRLEN", "INCR", "DEL", "TTL", "TYPE", "EXISTS", "LLEN", "SCARD")), KEYS),
    st.tuples(st.sampled_from(("SET", "APPEND", "INCRBY", "SETNX", "LPUSH", "RPUSH", "SADD", "HGET")), KEYS, WORDS),
    st.tuples(st.sampled_from(("MSET", "HSET", "MGET", "ZADD", "EXPIRE", "LRANGE", "SETRANGE")), KEYS, WORDS, WORDS),
    st.tuples(st.just("SELECT"), st.sampled_from(("0", "1"))),
)  # fmt: skip
EACH = """
local said = {}
for call in string.gmatch(ARGV[1], '[^;]+') do
  local words = {}
  for word in string.gmatch(call .. ' ', '(.-) ') do words[#words + 1] = word end
  local value = redis.pcall(unpack(words))
  said[#said + 1] = type(value) == 'table' and value.err and {err = value.err} or value
end
return said
"""


PLAIN = st.sampled_from((
    "1", "-7", "2.9", "1e300", "0/0", "''", "'x\\r\\ny'", "'" + "long" * 99 + "'", "true", "false", "nil", "print",
    "cjson.null",
    "redis.call('GET', 'none')", "redis.call('TIME') and 1", "redis.pcall('TIME', 1)", "redis.status_reply('a\\rb')",
    "redis.error_reply('no')", "redis.call('INCR', KEYS[1])", "ARGV[1]", "#KEYS", "#ARGV", "redis", "KEYS",
    "{double = 1.5}", "{big_number = '12'}", "{set = {x = true}}", "{map = {x = 1}}", "{ok = 1}", "{err = false}",
    "{ok = 'a', 3}",
    "{verbatim_string = {format = 'txt', string = 'x'}}", "error('fails')", "redis.call('INCR', 'k', 'k')", "nosuch",
    "redis.setresp(3)", "redis.setresp(2)", "collectgarbage('stop')", "error({err = 'MINE own'})",
))  # fmt: skip
VALUES = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=4).map(lambda items: "{" + ", ".join(items) + "}"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    code=VALUES,
    keys=st.lists(KEYS, max_size=3),
    rest=st.lists(WORDS, max_size=3),
    resp3=st.booleans(),
    only=st.sampled_from(("", "_RO")),
)
def test_a_script_that_is_known_is_as_at_first(
    client: Wire, code: str, keys: list[str], rest: list[str], resp3: bool, only: str
) -> None:
    """Its reply is the same, and so is what is counted, whether Python runs it, as at first, or the core."""
    client("HELLO", "3" if resp3 else "2")
    client("SCRIPT", "FLUSH")
    words, told = [str(len(keys)), *keys, *rest], []
    source = f"local value = {code} return value"
    digest = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()
    for name, code in (("EVAL", source), ("EVAL", source), ("EVALSHA", digest), ("EVALSHA", digest.upper())):
        client("FLUSHALL")
        client("CONFIG", "RESETSTAT")
        reply = client(name + only, code, *words)
        stats = client("INFO", "commandstats", "errorstats").decode()
        (counts,) = re.findall(rf"cmdstat_{(name + only).lower()}:calls=(\d+).*failed_calls=(\d+)", stats)
        told.append((reply, counts, re.findall(r"errorstat_.*", stats), client("DEBUG", "DIGEST")))
    client("HELLO", "2")
    assert told[1:] == told[:-1]


@pytest.fixture(scope="module")
def two() -> Iterator[list[Wire]]:
    """A connection to each core."""
    with Server(core=None) as one, Server(core="plain") as other:
        yield [Wire(one.port), Wire(other.port)]


@settings(max_examples=60)
@given(
    code=VALUES,
    keys=st.lists(KEYS, max_size=3),
    rest=st.lists(WORDS, max_size=3),
    resp3=st.booleans(),
    asked=st.lists(
        st.sampled_from((("FCALL", "f"), ("FCALL_RO", "F"), ("FCALL", "reads"), ("FCALL_RO", "reads"))), max_size=4
    ),
)
def test_a_function_is_called_alike_by_both_cores(
    two: list[Wire], code: str, keys: list[str], rest: list[str], resp3: bool, asked: list[tuple[str, str]]
) -> None:
    """Replies, what is counted and what is kept, also once another library is in the place of the first."""
    words, said = [str(len(keys)), *keys, *rest], []
    body = f"function(KEYS, ARGV) local value = {code} return value end"
    library = f"#!lua name=l\nredis.register_function('f', {body})\n"
    library += f"redis.register_function{{function_name = 'reads', callback = {body}, flags = {{'no-writes'}}}}"
    for client in two:
        client("HELLO", "3" if resp3 else "2")
        client("FLUSHALL")
        client("CONFIG", "RESETSTAT")
        told = [client("FUNCTION", "LOAD", "REPLACE", library)]
        told += [client(*request, *words) for request in asked]
        told.append(client("FUNCTION", "LOAD", "REPLACE", library.replace("value end", "{value} end")))
        told += [client(*request, *words) for request in asked]
        told += [client("FUNCTION", "FLUSH"), client("FCALL", "f", "0"), client("DEBUG", "DIGEST")]
        stats = client("INFO", "commandstats", "errorstats").decode()
        told += [
            line.encode() for line in re.findall(r"errorstat_.*|cmdstat_fcall\w*:calls=\d+|failed_calls=\d+", stats)
        ]
        client("HELLO", "2")
        said.append(told)
    assert said[0] == said[1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(calls=st.lists(CALLS, max_size=12))
def test_a_call_answers_as_the_command_does(client: Wire, calls: list[tuple[str, ...]]) -> None:
    """Calls of one script leave and give what the same requests do, one by one; what errors say is scripts' own."""
    client("FLUSHALL")
    alone = [client(*call) for call in calls]
    left = client("DEBUG", "DIGEST")
    client("SELECT", "0")
    client("FLUSHALL")
    said = frame(client("EVAL", EACH, "0", ";".join(" ".join(call) for call in calls))).value
    for call, one, other in zip(calls, alone, said, strict=True):
        assert other.is_error if one.startswith(b"-") else other.raw == one, call
    assert client("DEBUG", "DIGEST") == left


def test_numbers_are_words(client: Wire) -> None:
    """A number of Lua is its digits, whole where it is."""
    code = "redis.call('SET', 1, 2^53) redis.call('INCRBY', 'n', -3) redis.call('SET', 'f', 1.5)"
    assert client("EVAL", f"{code} redis.call('SET', -0, 1e15)", "0") == b"$-1\r\n"
    assert client("MGET", "1", "n", "f", "0") == (
        b"*4\r\n$16\r\n9007199254740992\r\n$2\r\n-3\r\n$3\r\n1.5\r\n$16\r\n1000000000000000\r\n"
    )


@pytest.mark.parametrize("keys", [0, 1, FEW - 1, FEW, FEW + 1])
@pytest.mark.parametrize("rest", [0, 1, FEW, FEW + 1])
def test_keys_and_other_words_are_told_apart(client: Wire, keys: int, rest: int) -> None:
    """However many there are of each."""
    words = [f"k{n}" for n in range(keys)] + [f"w{n}" for n in range(rest)]
    code = "return {#KEYS, #ARGV, KEYS[1] or '', KEYS[#KEYS] or '', ARGV[1] or '', ARGV[#ARGV] or ''}"
    ends = [*((words[0], words[keys - 1]) if keys else ("", "")), *((words[keys], words[-1]) if rest else ("", ""))]
    bulks = b"".join(b"$%d\r\n%b\r\n" % (len(word), word.encode()) for word in ends)
    assert client("EVAL", code, str(keys), *words) == b"*6\r\n:%d\r\n:%d\r\n" % (keys, rest) + bulks


def test_who_may_not_write_cannot(client: Wire) -> None:
    """A read-only script that calls what a core answers."""
    assert client("EVAL_RO", "return redis.call('SET', 'k', 'v')", "0").startswith(
        b"-ERR Write commands are not allowed"
    )
    assert client("EVAL", "#!lua flags=no-writes\nreturn redis.call('INCR', 'k')", "0").startswith(
        b"-ERR Write commands"
    )
    assert client("EXISTS", "k") == b":0\r\n"


def test_who_has_written_is_not_killed(start: Start, wire: Connect) -> None:
    """A write without Python counts, even before one that Python has answered."""
    server = start("--busy-reply-threshold", "50")
    client, other = wire(server.port), wire(server.port)
    spin = "local n = os.clock() while os.clock() - n < 1 do end"
    client.send("EVAL", f"redis.call('SET', 'k', 'v') redis.call('TIME') {spin}", "0")
    until = time.monotonic() + 20
    while not other("GET", "k").startswith(b"-BUSY"):
        assert time.monotonic() < until
    assert other("SCRIPT", "KILL").startswith(b"-UNKILLABLE")
    assert client.frame() == b"$-1\r\n"


def test_who_waits_and_who_watches_is_told(wire: Connect, server: Server, client: Wire) -> None:
    """What a core's write makes is noticed when the script has ended."""
    waiting, watching = wire(server.port), wire(server.port)
    waiting.send("BLPOP", "list", "0")
    watching("WATCH", "k")
    watching("MULTI")
    soon(lambda: b"flags=b" in client("CLIENT", "LIST"))
    assert client("EVAL", "redis.call('SET', 'k', 'v') return redis.call('RPUSH', 'list', 'x', 'y')", "0") == b":2\r\n"
    assert waiting.frame() == b"*2\r\n$4\r\nlist\r\n$1\r\nx\r\n"
    assert watching("EXEC") == b"*-1\r\n"


def test_a_set_has_one_order_in_scripts(client: Wire) -> None:
    """SORT that is asked to leave a set as it is sorts its texts for a script, as Redis does."""
    client("SADD", "k", "4", "100", "30")
    assert (
        client("EVAL", "return redis.call('SORT', 'k', 'BY', 'nosort')", "0")
        == b"*3\r\n$3\r\n100\r\n$2\r\n30\r\n$1\r\n4\r\n"
    )


def test_in_resp3_nothing_is_nil(client: Wire) -> None:
    """A script that asked for RESP3 gets its values, before and behind what a core has answered."""
    code = (
        "local a = redis.call('GET', 'none') redis.setresp(3) local b = redis.call('GET', 'none')"
        " redis.setresp(2) return {tostring(a), tostring(b), tostring(redis.call('GET', 'none'))}"
    )
    assert client("EVAL", code, "0") == b"*3\r\n$5\r\nfalse\r\n$3\r\nnil\r\n$5\r\nfalse\r\n"


def test_what_is_evaluated_often_is_kept(client: Wire) -> None:
    """Of 500 scripts of EVAL the least used goes, whoever has run them; what was loaded stays."""
    client("SCRIPT", "FLUSH")
    digests = []
    for n in range(500):
        client("EVAL", f"return {n}", "0")
        digests.append(hashlib.sha1(f"return {n}".encode(), usedforsecurity=False).hexdigest())
    assert client("EVAL", "return 0", "0") == client("EVALSHA", digests[0], "0") == b":0\r\n"
    assert client("SCRIPT", "LOAD", "return 1") == b"$40\r\n%b\r\n" % digests[1].encode()
    for n in range(2):
        client("EVAL", f"return 'new {n}'", "0")
    there = client("SCRIPT", "EXISTS", *digests[:4])
    assert there == b"*4\r\n:1\r\n:1\r\n:0\r\n:1\r\n"
    assert client("EVALSHA", digests[2], "0").startswith(b"-NOSCRIPT")
    client("SCRIPT", "FLUSH")
    assert client("EVALSHA", digests[0], "0").startswith(b"-NOSCRIPT")
