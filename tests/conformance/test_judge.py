"""The judge on servers of a few lines: what counts as a divergence besides a wrong reply."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable

import pytest

from redlark.conformance.errors import CannotRun
from redlark.conformance.history import History, Step, request, steps_of
from redlark.conformance.judging.attempt import command_of
from redlark.conformance.judging.divergence import Divergence
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets.target import Target, parse_address
from redlark.reference import Model, candidates, model, owing

from .conftest import Answer, polite

PING = History(steps_of(0, (request("PING"),)))
SILENCE = 1.0  # seconds that a reply may take where one does not come; a busy machine has all it needs elsewhere


def fine(asked: tuple[bytes, ...]) -> bytes | None:
    """A server that knows PING, ECHO, RESET and FLUSHALL."""
    match asked[0].upper():
        case b"RESET":
            return b"+RESET\r\n"
        case b"ECHO":
            return b"$%d\r\n%b\r\n" % (len(asked[1]), asked[1])
    return polite(asked)


def instead(name: bytes, reply: Callable[[], bytes | None]) -> Answer:
    """The same server, but for one command."""
    return lambda asked: reply() if asked[0].upper() == name else fine(asked)


def slow() -> bytes | None:
    """Longer than the judge waits."""
    time.sleep(SILENCE + 0.5)
    return b"+PONG\r\n"


@pytest.fixture
def judged(scripted) -> Callable[..., Divergence | None]:
    """Runs a history on a scripted server."""

    def run(
        answer: Answer, history: History = PING, *, loose: bool = False, timeout: float = 10.0
    ) -> Divergence | None:
        target = Target(parse_address(scripted(answer).url), {}, 16, {}, (0, 0))
        judge = Judge(Model.load("redis-8.2"), target, loose=loose, timeout=timeout)
        try:
            return judge.run(history)
        finally:
            judge.close()

    return run


def test_what_is_right_is_no_divergence(judged) -> None:
    """Several clients, pipelines, values that come back: nothing to find."""
    steps = (Step(0, (request("PING"), request("ECHO", "a\r\nb"))), Step(1, (request("ping"),)))
    assert judged(fine, History(steps)) is None


@pytest.mark.parametrize(
    ("reply", "seen"),
    [
        (lambda: b"$4\r\nPONG\r\n", '"PONG"'),
        (lambda: b"-ERR no\r\n", "(error) ERR no"),
        (lambda: b"+PONG\r\n+PONG\r\n", "after the last request, RESET was answered PONG"),
        (lambda: None, "closed the connection"),
        (lambda: b"?what\r\n", "sent what is not RESP: not RESP: b'?what\\r\\n'"),
        (lambda: b"$3\r\nPONG\r\n", "sent what is not RESP: a string of 3 bytes does not end in CRLF: b'G\\r'"),
        (slow, "gave no reply within 1 s"),
        (lambda: b"", "gave no reply within 1 s"),
    ],
    ids=["type", "error", "twice", "closed", "no-resp", "length", "slow", "silent"],
)
def test_each_way_to_answer_wrongly_is_a_divergence(judged, reply, seen: str) -> None:
    """The type counts as well as the text; silence, an end, a reply too many and bytes that are no RESP are found."""
    found = judged(instead(b"PING", reply), timeout=SILENCE)
    assert found is not None
    assert found.seen == seen
    assert found.command in ("PING", "RESET")


def test_the_rule_and_what_it_allows_are_told(judged) -> None:
    """A divergence cites the rule that applied and the reply that it gives."""
    found = judged(instead(b"PING", lambda: b"+PANG\r\n"))
    assert (found.command, found.rules, found.allowed, found.seen) == ("PING", ("PING/pong",), ("PONG",), "PANG")
    assert [exchange.request for exchange in found.exchanges] == [(b"PING",)]


def test_loose_takes_an_error_by_its_first_word(judged) -> None:
    """The same word is the same error at the loose level; another word, or a reply that is no error, is not."""
    history = History(steps_of(0, (request("PING", "a", "b"),)))
    assert judged(instead(b"PING", lambda: b"-ERR other words\r\n"), history) is not None
    assert judged(instead(b"PING", lambda: b"-ERR other words\r\n"), history, loose=True) is None
    assert judged(instead(b"PING", lambda: b"-WRONG word\r\n"), history, loose=True) is not None
    assert judged(instead(b"PING", lambda: b"+ERR\r\n"), history, loose=True) is not None


def test_loose_holds_for_the_errors_inside_exec(judged) -> None:
    """An error in EXEC's array counts by its first word at the loose level too, and in full at the strict one."""
    replies = {b"MULTI": b"+OK\r\n", b"SELECT": b"+QUEUED\r\n"}
    history = History(steps_of(0, (request("MULTI"), request("SELECT", "99"), request("EXEC"))))

    def answer(error: bytes) -> Answer:
        known = {**replies, b"EXEC": b"*1\r\n-%b\r\n" % error}
        return lambda asked: known.get(asked[0].upper()) or fine(asked)

    assert judged(answer(b"ERR DB index is out of range"), history) is None
    assert judged(answer(b"ERR other words"), history) is not None
    assert judged(answer(b"ERR other words"), history, loose=True) is None
    assert judged(answer(b"WRONG word"), history, loose=True) is not None


def test_nobody_there_is_no_divergence() -> None:
    """A server that cannot be reached is no finding about it."""
    judge = Judge(Model.load("redis-8.2"), Target(parse_address("redis://127.0.0.1:1"), {}, 16, {}, (0, 0)))
    with pytest.raises(CannotRun, match="unreachable"):
        judge.run(PING)


def test_a_server_too_busy_to_be_emptied_is_emptied_before_the_next_history(scripted) -> None:
    """What a history that diverged has left behind is not taken for the fault of the one that comes next."""
    asked: list[bytes] = []
    at_leisure = threading.Event()

    def answer(request_: tuple[bytes, ...]) -> bytes | None:
        asked.append(request_[0].upper())
        if asked.count(b"FLUSHALL") == 2 and asked[-1] == b"FLUSHALL":  # the first is the history's own
            at_leisure.wait(10)
        return b"+wrong\r\n" if asked[-1] == b"ECHO" else fine(request_)

    target = Target(parse_address(scripted(answer).url), {}, 16, {}, (0, 0))
    with Judge(Model.load("redis-8.2"), target, timeout=2.0) as judge:
        assert judge.run(History(steps_of(0, (request("ECHO", "a"),)))) is not None
        before = len(asked)
        at_leisure.set()
        assert judge.run(PING) is None
    assert asked[before:][:2] == [b"PING", b"FLUSHALL"]
    assert b"PING" in asked[before + 2 :]


@pytest.mark.parametrize("closes", [True, False], ids=["late", "never"])
def test_a_server_may_take_its_time_to_forget_who_was_there(monkeypatch: pytest.MonkeyPatch, closes: bool) -> None:
    """The judge goes on when each connection is closed at the other end too, or the time for that is over."""
    forgotten: list[str] = []
    over = threading.Event()

    class Slow(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(1)
            if closes:
                time.sleep(0.1)
                self.request.sendall(b"+late\r\n")
                forgotten.append("one")
            else:
                over.wait(10)

    monkeypatch.setattr("redlark.conformance.judging.judge.PARTING", 10.0 if closes else 0.05)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        target = Target(parse_address(f"redis://127.0.0.1:{server.server_address[1]}"), {}, 16, {}, (0, 0))
        judge = Judge(Model.load("redis-8.2"), target)
        for client in range(3):
            judge.connection(client)
        judge.part()
        assert len(forgotten) == (3 if closes else 0)
        assert not any(judge.connected(client) for client in range(3))
        over.set()
        server.shutdown()


def test_commands_are_named_in_full() -> None:
    """A subcommand that the text knows counts as such, whatever its case; an unknown one as its container."""
    commands = Model.load("redis-8.2").commands
    assert command_of((b"client", b"Id"), commands) == "CLIENT|ID"
    assert command_of((b"client", b"nosuch"), commands) == "CLIENT"
    assert command_of((), commands) == ""


@pytest.mark.parametrize("answers", [True, False], ids=["polite", "deaf"])
def test_a_history_that_cannot_be_followed_is_left(scripted, monkeypatch: pytest.MonkeyPatch, answers: bool) -> None:
    """An id made of the time, of which nobody hears, is any of thousands: the history ends without a verdict.

    A server that cannot be emptied behind it is told before the next one.
    """
    monkeypatch.setattr(candidates, "MAX_CANDIDATES", 100)
    steps = steps_of(0, (request("CLIENT", "REPLY", "OFF"), request("XADD", "k", "*", "f", "v"), request("GET", "k")))
    known = (b"FLUSHALL", b"RESET", *((b"PING", b"SCRIPT", b"FUNCTION") if answers else ()))
    deaf: Answer = lambda asked: fine(asked) if asked[0].upper() in known else b""  # noqa: E731
    target = Target(parse_address(scripted(deaf).url), {}, 16, {}, (0, 0))
    with Judge(Model.load("redis-8.2"), target, timeout=SILENCE) as judge:
        assert judge.run(History(steps)) is None
        assert judge.given_up == 1
        if answers:
            assert judge.run(PING) is None
        else:
            with pytest.raises(CannotRun, match="as it was to be emptied"):
                judge.run(PING)


@pytest.mark.parametrize(("members", "given_up"), [(9, 0), (99, 1)])
def test_a_silent_choice_among_many_is_no_divergence(scripted, members: int, given_up: int) -> None:
    """What SPOP takes unseen is any of a few members, each tried; of many, whichever it was has no verdict."""
    names = [b"%d" % n for n in range(members)]
    left = b"*%d\r\n" % (members - 1) + b"".join(b"$%d\r\n%b\r\n" % (len(one), one) for one in names if one != b"7")
    replies = {b"SADD": b":%d\r\n" % members, b"CLIENT": b"", b"SPOP": b"", b"SMEMBERS": left}
    lines = request("SADD", "s", *map(bytes.decode, names)), request("CLIENT", "REPLY", "SKIP"), request("SPOP", "s")
    history = History(steps_of(0, (*lines, request("SMEMBERS", "s"))))
    answer: Answer = lambda asked: replies[name] if (name := asked[0].upper()) in replies else fine(asked)  # noqa: E731
    judge = Judge(Model.load("redis-8.2"), Target(parse_address(scripted(answer).url), {}, 16, {}, (0, 0)))
    found = judge.run(history)
    judge.close()
    assert found is None
    assert judge.given_up == given_up


@pytest.mark.parametrize("kept", [b"a", b"b"])
def test_nothing_is_called_wrong_where_worlds_were_left_out(
    scripted, monkeypatch: pytest.MonkeyPatch, kept: bytes
) -> None:
    """What a silent SPOP took nobody knows: where one world alone is kept, the other is not a divergence."""
    for module in (owing, model):
        monkeypatch.setattr(module, "MAX_WORLDS", 1)
    replies = {b"SADD": b":2\r\n", b"CLIENT": b"", b"SPOP": b"", b"SMEMBERS": b"*1\r\n$1\r\n%b\r\n" % kept}
    lines = request("SADD", "s", "a", "b"), request("CLIENT", "REPLY", "SKIP"), request("SPOP", "s")
    history = History(steps_of(0, (*lines, request("SMEMBERS", "s"))))
    answer: Answer = lambda asked: replies[name] if (name := asked[0].upper()) in replies else fine(asked)  # noqa: E731
    judge = Judge(Model.load("redis-8.2"), Target(parse_address(scripted(answer).url), {}, 16, {}, (0, 0)))
    before = judge.model.reached["SMEMBERS/told"]
    found = judge.run(history)
    judge.close()
    assert found is None
    assert judge.given_up + judge.model.reached["SMEMBERS/told"] - before == 1
