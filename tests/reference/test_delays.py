"""Delays that a server measures: a sleep of its own is among them until it is forgotten."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redlark.reference import Model, Observed

NOW = 1_000_000_000_000
CONFIG = {"latency-monitor-threshold": "10", "enable-debug-command": "yes"}


def after(*requests: str, profile: str = "redis-7.0") -> tuple[Model, tuple[object, ...]]:
    """The worlds of a server that measures delays, after requests that it was heard to answer with OK or a number."""
    model = Model.load(profile)
    worlds = model.connect(model.start(now=NOW, config=CONFIG), 0)
    for one in requests:
        raw = b":1\r\n" if one.startswith("LATENCY") else b"+OK\r\n"
        worlds = model.allows(worlds, 0, tuple(one.encode().split()), (NOW, NOW + 60), Observed(raw))
        assert worlds
    return model, worlds


def allows(asked: tuple[Model, tuple[object, ...]], request: str, raw: bytes) -> bool:
    model, worlds = asked
    return bool(model.allows(worlds, 0, tuple(request.encode().split()), (NOW + 60, NOW + 90), Observed(raw)))  # type: ignore[arg-type]


def latest(longest: int) -> bytes:
    return b"*1\r\n*4\r\n$7\r\ncommand\r\n:%d\r\n:%d\r\n:%d\r\n" % (NOW // 1000, longest, longest)


@given(st.integers(10, 50), st.integers(1, 60))
def test_a_sleep_is_told(slept: int, told: int) -> None:
    """LATENCY LATEST, HISTORY and GRAPH tell of a sleep, as no shorter than it was; none of them may leave it out."""
    known = after(f"DEBUG SLEEP 0.0{slept}")
    assert allows(known, "LATENCY LATEST", latest(told)) is (told >= slept)
    assert not allows(known, "LATENCY LATEST", b"*0\r\n")
    rows = b"*1\r\n*2\r\n:%d\r\n:%d\r\n" % (NOW // 1000, told)
    assert allows(known, "LATENCY HISTORY command", rows) is (told >= slept)
    assert allows(known, "LATENCY HISTORY fast-command", b"*0\r\n")
    graph = b"command - high %d ms, low %d ms (all time high %d ms)\n%b\n_\n\n0\ns\n" % (told, told, told, b"-" * 80)
    assert allows(known, "LATENCY GRAPH command", b"$%d\r\n%b\r\n" % (len(graph), graph)) is (told >= slept)


def test_what_was_forgotten_need_not_be_told() -> None:
    """After a RESET of it nothing need be told; a RESET that forgets nothing is none."""
    known = after("DEBUG SLEEP 0.030")
    assert not allows(known, "LATENCY RESET", b":0\r\n")
    assert not allows(known, "LATENCY RESET command", b":0\r\n")
    assert allows(known, "LATENCY RESET fork", b":0\r\n")
    for reset in ("LATENCY RESET", "LATENCY RESET command"):
        assert allows(after("DEBUG SLEEP 0.030", reset), "LATENCY LATEST", b"*0\r\n")


def test_what_was_measured_stays() -> None:
    """A threshold of 0 measures no more, and forgets nothing; before anything was measured nothing is told."""
    known = after("DEBUG SLEEP 0.030", "CONFIG SET latency-monitor-threshold 0", "DEBUG SLEEP 0.040")
    assert allows(known, "LATENCY LATEST", latest(30))
    model = Model.load("redis-7.0")
    fresh = model, model.connect(model.start(now=NOW), 0)
    assert not allows(fresh, "LATENCY LATEST", latest(30))


def histogram(*rows: tuple[bytes, int, tuple[int, ...]]) -> bytes:
    """The frame of histograms: names, calls, and how many calls are told of behind each of some rising limits."""
    told = b"".join(
        b"$%d\r\n%b\r\n*4\r\n$5\r\ncalls\r\n:%d\r\n$14\r\nhistogram_usec\r\n*%d\r\n" % (len(n), n, c, 2 * len(seen))
        + b"".join(b":%d\r\n:%d\r\n" % (2**place, one) for place, one in enumerate(seen))
        for n, c, seen in rows
    )
    return b"*%d\r\n%b" % (2 * len(rows), told)


@given(st.integers(1, 5), st.integers(0, 5))
def test_a_histogram_tells_of_the_calls_that_were_counted(calls: int, told: int) -> None:
    """LATENCY HISTOGRAM tells of each command that it is asked about as often as it was called, in the order asked."""
    known = after("CONFIG RESETSTAT", *["SELECT 0"] * calls)
    select, reset = (b"select", told, (told,)), (b"config|resetstat", 1, (1,))
    assert allows(known, "LATENCY HISTOGRAM Select config nosuch", histogram(select, reset)) is (told == calls)
    assert not allows(known, "LATENCY HISTOGRAM config select", histogram((b"select", calls, (calls,)), reset))
    assert allows(known, "LATENCY HISTOGRAM get", histogram())
    assert not allows(known, "LATENCY HISTOGRAM select", histogram())
    assert not allows(known, "LATENCY HISTOGRAM select", histogram((b"select", calls, (calls + 1,))))
    assert not allows(known, "LATENCY HISTOGRAM select", histogram((b"select", calls, (calls, calls))))
