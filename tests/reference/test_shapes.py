"""Declared replies: which frames have a declared type, in both protocols."""

from __future__ import annotations

import pytest

from redlark.reference.model import encode_some
from redlark.reference.resp import frame
from redlark.reference.shapes import declared
from redlark.spec import syntax as s
from redlark.spec.loader import parse
from redlark.spec.profiles import profile

REDIS = profile("redis-8.2")


def types_of(returns: str) -> tuple[s.ReplyType, ...]:
    """The types that a command with this `returns` declares."""
    (command,) = parse(f"command X\n  returns {returns}\n")
    assert isinstance(command, s.Command)
    return tuple(one for one in command.facts[0].values if isinstance(one, s.ReplyType))


@pytest.mark.parametrize(
    ("returns", "resp2", "resp3", "neither"),
    [
        ("bulk | nil", b"$-1\r\n", b"_\r\n", b"*-1\r\n"),
        ("double", b"$3\r\n1.5\r\n", b",1.5\r\n", b"$1\r\nx\r\n"),
        ("verbatim", b"$1\r\nx\r\n", b"=5\r\ntxt:x\r\n", b"+x\r\n"),
        ("map of int", b"*2\r\n+a\r\n:1\r\n", b"%1\r\n+a\r\n:1\r\n", b"*2\r\n+a\r\n+b\r\n"),
        ("set of bulk", b"*1\r\n$1\r\na\r\n", b"~1\r\n$1\r\na\r\n", b"~1\r\n:1\r\n"),
        ("[int, bulk]", b"*2\r\n:1\r\n$0\r\n\r\n", b"*2\r\n:1\r\n$0\r\n\r\n", b"*1\r\n:1\r\n"),
        ("[(int | nil)...]", b"*2\r\n:1\r\n$-1\r\n", b"*2\r\n:1\r\n_\r\n", b"*1\r\n+OK\r\n"),
        ('{"a": int, "b"?: bulk}', b"*2\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n", b"*2\r\n$1\r\nc\r\n:1\r\n"),
        ('{"a": int, ...}', b"*4\r\n$1\r\nc\r\n+\r\n$1\r\na\r\n:1\r\n", b"%1\r\n$1\r\na\r\n:1\r\n", b"*0\r\n"),
        ('{"a": int only valkey 9.1}', b"*0\r\n", b"%0\r\n", b"*2\r\n$1\r\na\r\n:1\r\n"),
        ("OK | error", b"+OK\r\n", b"-ERR no\r\n", b"+NO\r\n"),
    ],
)
def test_a_frame_has_the_declared_type(returns: str, resp2: bytes, resp3: bytes, neither: bytes) -> None:
    """A frame of the type is one in its protocol; another frame is none in either."""
    two, three = declared(types_of(returns), REDIS)
    assert two.holds(frame(resp2)), two.describe
    assert three.holds(frame(resp3)), three.describe
    assert not two.holds(frame(neither))
    assert not three.holds(frame(neither))


@pytest.mark.parametrize(
    "returns", ["bulk", "int", "[int, bulk]", "[any...]", "map of any", "set of bulk", '{"a": double, "b": [bool...]}']
)
def test_the_example_has_the_type(returns: str) -> None:
    """What a model answers by itself where a reply is only declared is a reply of that type."""
    for resp, one in zip((2, 3), declared(types_of(returns), REDIS), strict=True):
        assert one.holds(frame(encode_some(one.example, resp)))
