"""Seeded faults of what comes unasked: messages and events that are lost, doubled or others, waiters out of turn."""

from __future__ import annotations

import re

import pytest
from attrs import frozen

from redlark.conformance.campaign import Campaign
from redlark.conformance.listener import Silent
from redlark.conformance.meeting import campaign_on
from redlark.conformance.options import Options
from redlark.conformance.targets import servers as machine
from redlark.reference.resp import Frame

from .power import Short, until_short
from .proxy import Pusher, tap

PROFILE = "redis-8.2"
BUDGET = 10_000  # requests in which a fault must be found
LONGEST = 5  # requests of the shrunk transcript, HELLO and what a listener asks for not counted
SET_UP = (b"HELLO",)
MESSAGES = frozenset(
    ("SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "PUBLISH", "SPUBLISH", "PING", "HELLO")
)
EVENTS = frozenset(
    ("SET", "DEL", "EXPIRE", "RENAME", "LPUSH", "LPOP", "SADD", "SREM", "ZADD", "HSET", "INCR", "APPEND")
)
WAITING = frozenset(("BLPOP", "BRPOP", "BZPOPMIN", "RPUSH", "LPUSH", "ZADD", "DEL"))

pytestmark = pytest.mark.slow  # on real servers, with time outs


def is_pushed(frame: Frame, *kinds: bytes) -> bool:
    """Whether a frame is a message of this kind, in either protocol."""
    kind = re.match(rb"[>*]\d+\r\n\$\d+\r\n(\w+)\r\n", frame.raw)
    return kind is not None and kind[1] in kinds


def is_event(frame: Frame) -> bool:
    """Whether a frame tells of an event."""
    return is_pushed(frame, b"message", b"pmessage") and b"__key" in frame.raw


def a_message_is_lost(frame: Frame) -> bytes:
    """Nothing comes of what is published."""
    return b"" if is_pushed(frame, b"message") else frame.raw


def a_message_comes_twice(frame: Frame) -> bytes:
    """Everything that is published comes twice."""
    return frame.raw * 2 if is_pushed(frame, b"message") else frame.raw


def a_pattern_is_not_told(frame: Frame) -> bytes:
    """Who listens to a pattern gets what those get who listen to the channel."""
    if not is_pushed(frame, b"pmessage"):
        return frame.raw
    kind, _, channel, text = frame.value
    return b"%b3\r\n$7\r\nmessage\r\n%b%b" % (kind.raw and frame.raw[:1], channel.raw, text.raw)


def a_message_is_no_push(frame: Frame) -> bytes:
    """In RESP3 a message is an array, as in RESP2."""
    return b"*" + frame.raw[1:] if is_pushed(frame, b"message", b"pmessage", b"smessage") else frame.raw


def a_subscription_is_not_counted(frame: Frame) -> bytes:
    """The number behind a subscription is one too small."""
    if not is_pushed(frame, b"subscribe", b"psubscribe"):
        return frame.raw
    return re.sub(rb":(\d+)\r\n\Z", lambda found: b":%d\r\n" % (int(found[1]) - 1), frame.raw)


def an_event_is_lost(frame: Frame) -> bytes:
    """Nothing is told of a key that was set."""
    return b"" if is_event(frame) and (b"\r\nset\r\n" in frame.raw or b":set\r\n" in frame.raw) else frame.raw


def an_event_comes_twice(frame: Frame) -> bytes:
    """Every event is told twice."""
    return frame.raw * 2 if is_event(frame) else frame.raw


def an_event_has_another_name(frame: Frame) -> bytes:
    """RPUSH is told for LPUSH, and other changes for those that undo them."""
    if not is_event(frame):
        return frame.raw
    for name, other in ((b"lpush", b"rpush"), (b"sadd", b"srem"), (b"zadd", b"zrem"), (b"hset", b"hdel")):
        if name in frame.raw:
            return frame.raw.replace(name, other)
    return frame.raw


def an_event_is_of_another_database(frame: Frame) -> bytes:
    """The channels of events have the number of the next database."""
    return frame.raw.replace(b"@0__:", b"@1__:") if is_event(frame) else frame.raw


def nothing(frame: Frame) -> bytes:
    """Passes on what comes."""
    return frame.raw


@frozen
class Fault:
    """A mistake: what becomes of frames, with which commands it is looked for, whether who waits is served in turn."""

    name: str
    pusher: Pusher
    commands: frozenset[str]
    fair: bool = True


FAULTS = [
    *(
        Fault(one.__name__, one, MESSAGES)
        for one in (
            a_message_is_lost, a_message_comes_twice, a_pattern_is_not_told, a_message_is_no_push,
            a_subscription_is_not_counted,
        )
    ),
    *(
        Fault(one.__name__, one, EVENTS)
        for one in (
            an_event_is_lost, an_event_comes_twice, an_event_has_another_name, an_event_is_of_another_database,
        )
    ),
    Fault("who_has_waited_longest_is_served_last", nothing, WAITING, fair=False),
]  # fmt: skip

# These are found in a set-up that comes late, or by two clients who wait.
LONG = {"a_message_is_lost", "an_event_is_lost", "an_event_has_another_name", "who_has_waited_longest_is_served_last"}


def campaign(running: machine.Running, fault: Fault, requests: int, seed: int = 1) -> Campaign:
    """A campaign through a proxy with this fault, until the first divergence, in set-ups too."""
    options = Options(
        profile=PROFILE, seed=seed, budget=600, requests=requests, commands=fault.commands, destructive=True
    )
    with (
        tap(running.host, running.port, fault.pusher, fair=fault.fair) as url,
        campaign_on(url, options, Silent()) as one,
    ):
        one.enough = 1
        one.run()
    return one


def measured(running: machine.Running, fault: Fault) -> Short:
    """What is found of a fault, and how soon."""
    return until_short(lambda seed: campaign(running, fault, BUDGET, seed), lambda one: one[0] not in SET_UP, LONGEST)


@pytest.mark.campaign
@pytest.mark.parametrize("commands", [MESSAGES, EVENTS, WAITING], ids=["messages", "events", "waiting"])
def test_without_a_fault_nothing_is_wrong(real: machine.Running, commands: frozenset[str]) -> None:
    """The proxy itself changes nothing, and what is pushed comes through it."""
    told: list[bytes] = []

    def noted(frame: Frame) -> bytes:
        told.extend([frame.raw] if is_pushed(frame, b"message", b"pmessage") else [])
        return frame.raw

    run = campaign(real, Fault("none", noted, commands), 1_000)
    assert [finding.paste for finding in run.findings.values()] == []
    assert told or commands == WAITING


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(one, marks=[pytest.mark.campaign] if one.name in LONG else [], id=one.name.replace("_", "-"))
        for one in FAULTS
    ],
)
def test_each_fault_is_found_and_shrunk(real: machine.Running, fault: Fault) -> None:
    """A fault shows itself within the budget, again when repeated, in a few requests that conform without it."""
    short = measured(real, fault)
    assert short.finding is not None, f"not found in {short.requests} requests: {short.run.notes}"
    print(f"{fault.name}: {short.requests} requests, {len(short.asked)}:\n{short.finding.paste}")
    assert short.finding.reproduced
    assert len(short.asked) <= LONGEST, short.finding.paste
