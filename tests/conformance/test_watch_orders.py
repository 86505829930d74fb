"""Watched clients that ask at once, and wait: whose turn it is, where a server may have read them in any order."""

from __future__ import annotations

import time
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.conformance.watch.known import Known
from redlark.conformance.watch.observed import Happening, Observed
from redlark.conformance.watch.orders import SETTLED
from redlark.conformance.watch.wire import Exchange, Words
from redlark.reference import Model
from redlark.reference.resp import frame

LONG = 10 * SETTLED  # milliseconds
MODEL = Model.load("redis-8.2")


class Script:
    """What is asked and answered, at times of its own, and the judge that it is fed to."""

    def __init__(self, clients: int) -> None:
        self.judge = Observed(MODEL, known=Known(True))
        self.events, self.numbers = count(1), count(1)
        for client in range(clients):
            self.judge.happened(Happening("open", client))

    def ask(self, client: int, at: int, *words: str, queue: tuple[Words, ...] = (), queued: bool = False) -> Exchange:
        asked: Words = tuple(word.encode() for word in words)
        one = Exchange(client, next(self.numbers), asked, b"", at * 1000, (at, at), next(self.events))
        one.queue, one.queued = queue, queued
        self.judge.asked(one)
        return one

    def push(self, client: int, at: int, raw: bytes) -> None:
        self.judge.happened(Happening("push", client, at, frame(raw)))

    def answer(self, one: Exchange, at: int, raw: bytes) -> None:
        one.frames.append(frame(raw))
        one.interval, one.until, one.answered = (one.interval[0], at), at * 1000, next(self.events)
        self.judge.answered(one)

    def found(self) -> list[tuple[Words, str]]:
        self.judge.process(final=True)
        return [(finding.words, finding.seen) for finding in self.judge.findings]


def popped(value: str) -> bytes:
    return b"*2\r\n$1\r\nk\r\n$1\r\n%s\r\n" % value.encode()


@given(st.permutations(range(4)), st.permutations(range(4)), st.integers(1, 4))
def test_who_was_asked_close_together_may_have_come_in_any_order(
    served: list[int], answered: list[int], turns: int
) -> None:
    """Four clients ask to wait within milliseconds: any may be served first, any reply be seen first, some wait on."""
    script = Script(5)
    waiting = [script.ask(client, client, "BRPOP", "k", "0") for client in range(4)]
    pushed = [(script.ask(4, LONG + turn, "LPUSH", "k", str(turn))) for turn in range(turns)]
    for one in pushed:
        script.answer(one, LONG + 9, b":1\r\n")
    for client in [client for client in answered if client in served[:turns]]:
        script.answer(waiting[client], LONG + 9, popped(str(served.index(client))))
    assert script.found() == []
    assert script.judge.judged.total() == 2 * turns
    assert script.judge.unjudged == {}


def test_who_has_waited_long_is_served_first() -> None:
    """A client that asked a second later and is served before is a fault, and is found."""
    script = Script(3)
    first = script.ask(0, 0, "BRPOP", "k", "0")
    second = script.ask(1, LONG, "BRPOP", "k", "0")
    for turn in range(2):
        script.answer(script.ask(2, 2 * LONG + turn, "LPUSH", "k", str(turn)), 2 * LONG + 9, b":1\r\n")
    script.answer(second, 2 * LONG + 9, popped("0"))
    script.answer(first, 2 * LONG + 9, popped("1"))
    assert script.found() != []


@pytest.mark.parametrize("seen_first", [True, False])
def test_what_did_not_have_to_wait_may_be_seen_later(monkeypatch: pytest.MonkeyPatch, seen_first: bool) -> None:
    """An element is popped before another one is pushed, and the reply to that is seen before the pop's."""
    script = Script(2)
    script.answer(script.ask(1, 0, "RPUSH", "k", "a"), 1, b":1\r\n")
    pop = script.ask(0, 2, "BLPOP", "k", "1")
    push = script.ask(1, 2, "RPUSH", "k", "b")
    replies = [(pop, popped("a")), (push, b":1\r\n")]
    for at, (one, raw) in enumerate(replies if seen_first else reversed(replies), 5):
        script.answer(one, at, raw)
        monkeypatch.setattr(time, "monotonic_ns", lambda at=at: at * 1_000_000)
        script.judge.process()
        monkeypatch.undo()
    assert script.found() == []


def test_what_a_transaction_writes_and_publishes_may_be_read_before() -> None:
    """A message that a transaction sends comes before the reply to a read that came before the transaction."""
    script = Script(3)
    script.answer(script.ask(0, 0, "SUBSCRIBE", "c"), 1, b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n")
    read = script.ask(1, 2, "GET", "k")
    script.answer(script.ask(2, 2, "MULTI"), 3, b"+OK\r\n")
    queue = (b"SET", b"k", b"v"), (b"PUBLISH", b"c", b"m")
    for words in queue:
        script.answer(script.ask(2, 3, *(word.decode() for word in words), queued=True), 4, b"+QUEUED\r\n")
    ends = script.ask(2, 5, "EXEC", queue=queue)
    script.push(0, 6, b"*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n")
    script.answer(ends, 7, b"*2\r\n+OK\r\n:1\r\n")
    script.answer(read, 8, b"$-1\r\n")
    assert script.found() == []
    assert script.judge.judged["(pushes)"] == 1
