"""`@pytest.mark.redlark_judged`: a test fails where its traffic breaks the text, with the shortest transcript."""

from __future__ import annotations

import pytest

from redlark.conformance.history import Request, Step
from redlark.conformance.pytest_judged import history_of
from redlark.conformance.targets import servers
from redlark.conformance.watch import forward
from redlark.conformance.watch.forward import Event
from redlark.conformance.watch.known import Known
from redlark.conformance.watch.observed import Observed
from redlark.conformance.watch.trace import Line
from redlark.conformance.watch.watching import Recorder
from redlark.reference import Model
from redlark.reference.resp import encode_request
from tests.conformance.test_pytest_plugin import run
from tests.quality.faults import FAULTS
from tests.quality.proxy import proxy

pytest_plugins = ["pytester"]

# What applications do: pipelines, transactions, clients that wait, messages, scripts, both protocols.
HONEST = """
import threading
import pytest

@pytest.mark.redlark_judged
def test_one_client(redis_like):
    client = redis_like.client(decode_responses=True)
    client.set("k", "v", ex=100)
    with client.pipeline(transaction=True) as pipe:
        assert pipe.incr("n").rpush("l", 1, 2).lrange("l", 0, -1).execute() == [1, 2, ["1", "2"]]
    with client.pipeline(transaction=False) as pipe:
        pipe.get("k").ttl("k").execute()
    assert client.eval("return redis.call('get', KEYS[1])", 1, "k") == "v"

@pytest.mark.redlark_judged(protocol=3)
def test_several_clients(redis_like):
    one, other = redis_like.client(decode_responses=True), redis_like.client(decode_responses=True)
    got = []
    waiting = threading.Thread(target=lambda: got.append(one.blpop("q", timeout=20)))
    waiting.start()
    while not other.client_list(_type="normal") or not other.rpush("q", "x"):
        pass
    waiting.join()
    assert [*got[0]] == ["q", "x"]
    listening = one.pubsub()
    listening.subscribe("c")
    assert listening.get_message(timeout=20)["type"] == "subscribe"
    other.publish("c", "m")
    assert listening.get_message(timeout=20)["data"] == "m"
    listening.close()

@pytest.mark.redlark_judged
@pytest.mark.redlark_server("--requirepass", "secret")
def test_with_a_password(redlark_server):
    assert redlark_server.client().incr("n") == 1

def test_not_judged(redis_like):
    assert redis_like.client().incr("n") == 1
"""

# A server that forgets conditions of SET: the test itself does not look.
CARELESS = """
import pytest

@pytest.mark.redlark_judged
def test_locks(redis_like):
    client = redis_like.client()
    for number in range(20):
        client.rpush("queue", number)
        client.hset("h", mapping={"a": number})
    client.set("lock", "mine")
    client.set("lock", "another's", nx=True)
    client.lrange("queue", 0, -1)

@pytest.mark.redlark_judged
def test_fails_by_itself(redis_like):
    client = redis_like.client()
    client.set("lock", "mine")
    client.set("lock", "another's", nx=True)
    assert client.get("lock") == b"mine"

def test_is_not_judged(redis_like):
    redis_like.client().set("lock", "another's", nx=True)
"""


def test_honest_traffic_passes(pytester: pytest.Pytester, servers_here: tuple[servers.Server, ...]) -> None:
    """What real servers answer to applications breaks no text, whatever they do, and password or not."""
    names = [server.name for server in servers_here if server.name in ("redis:7.0", "redis:8.2", "valkey:9.1")]
    pytester.makepyfile(HONEST)
    ran = run(pytester, "--strict-markers", "--redlark-targets", ",".join(["embedded", *names]))
    ran.assert_outcomes(passed=3 * (len(names) + 1) + 1)


def test_a_fault_that_the_test_does_not_see_fails_it(pytester: pytest.Pytester) -> None:
    """A server that breaks the text fails the marked test, with the shortest transcript, and no other test."""
    fault = next(one for one in FAULTS if one.name == "SET ignores NX")
    pytester.makepyfile(CARELESS)
    with servers.running(None) as behind, proxy(behind.host, behind.port, fault.handle) as url:
        ran = run(pytester, "--redlark-targets", url)
    ran.assert_outcomes(passed=1, failed=2)
    said = ran.stdout.str()
    assert said.count("breaks the text of redis-8.2") == 2
    ran.stdout.fnmatch_lines(
        ["*SET diverges*SET/*", "    SET * *", "    SET * * NX", "  seen     OK", "  allowed  (nil)"]
    )
    assert said.count("assert b\"another's\" == b'mine'") == 1
    assert "\n    RPUSH" not in said  # it had nothing to do with it


def test_the_profile_is_the_markers(pytester: pytest.Pytester) -> None:
    """`profile` holds the server to another text, here one that had no such option yet."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.mark.redlark_judged(profile="redis-6.2")
        def test_old(redlark_server):
            client = redlark_server.client()
            client.set("k", "v")
            client.expire("k", 100, nx=True)

        @pytest.mark.redlark_judged(profile="redis-1.0")
        def test_no_profile(redlark_server):
            pass

        @pytest.mark.redlark_judged(colour="red")
        def test_no_option(redlark_server):
            pass

        @pytest.mark.redlark_judged
        def test_nothing_to_judge(redlark_server_session):
            pass
        """
    )
    ran = run(pytester)
    ran.assert_outcomes(failed=2, errors=2)
    ran.stdout.fnmatch_lines(["CLIENT diverges*", "*EXPIRE diverges  DISPATCH/arity*", "    EXPIRE * *"])
    ran.stdout.fnmatch_lines_random(
        ["*no profile redis-1.0*", "*unexpected keyword argument 'colour'*", "*take one of*"]
    )


def test_a_trace_becomes_a_history() -> None:
    """Requests up to the moment, a client a connection; what is sent before a reply has come travels in one write."""

    def asked(at: int, connection: int, *words: bytes) -> Line:
        return Line(at, connection, ask=at, data=encode_request(words))

    lines = [
        Line(0, 7, event="open"),
        asked(1, 7, b"MULTI"),
        asked(2, 7, b"EXEC"),
        asked(3, 9, b"PING"),
        Line(4, 7, reply=1, data=b"+OK\r\n"),
        asked(5, 7, b"GET", b"k"),
        asked(6, 9, b"GET", b"k"),
    ]
    steps = history_of(lines, 5).steps
    assert steps == (
        Step(0, (Request((b"MULTI",)), Request((b"EXEC",)))),
        Step(1, (Request((b"PING",)),)),
        Step(0, (Request((b"GET", b"k")),)),
    )


@pytest.mark.parametrize("reply_first", [True, False])
def test_who_was_woken_may_be_heard_behind_who_woke_them(reply_first: bool) -> None:
    """The reply to RPUSH may be here before that of the BLPOP which it served; who was served waits no more."""
    judge = Observed(Model.load("redis-8.2"), (0, 0), known=Known(True))
    recorder = Recorder(judge=judge)
    moments = [0]  # long enough apart for whoever waits to be known to wait

    def pass_on(*events: tuple[str, int, bytes]) -> None:
        for kind, client, data in events:
            moments.append(moments[-1] + 1000)
            recorder.take(Event(kind, client, moments[-1] * 1000, moments[-1], data))
            while recorder.queue:
                what, thing = recorder.queue.popleft()
                getattr(judge, what)(thing)
            judge.process()

    pass_on((forward.OPENED, 1, b""), (forward.OPENED, 2, b""))
    for client in (1, 2):
        pass_on((forward.ASKED, client, encode_request((b"PING",))), (forward.TOLD, client, b"+PONG\r\n"))
    pass_on((forward.ASKED, 1, encode_request((b"BLPOP", b"q", b"0"))))
    pass_on((forward.ASKED, 2, encode_request((b"GET", b"q"))), (forward.TOLD, 2, b"$-1\r\n"))
    pass_on((forward.ASKED, 2, encode_request((b"RPUSH", b"q", b"x"))))
    told = [(forward.TOLD, 2, b":1\r\n"), (forward.TOLD, 1, b"*2\r\n$1\r\nq\r\n$1\r\nx\r\n")]
    pass_on(*(told if reply_first else reversed(told)))
    subscribed = b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
    pass_on((forward.ASKED, 1, encode_request((b"SUBSCRIBE", b"c"))), (forward.TOLD, 1, subscribed))
    judge.process(final=True)
    assert judge.findings == []
    assert sum(judge.judged.values()) == 6
    assert not judge.unjudged
