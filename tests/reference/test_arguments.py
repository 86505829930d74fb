"""The argument parser: what a syntax line collects, and which of several mistakes is told."""

from __future__ import annotations

import pytest

from redlark.reference import Model
from redlark.reference.values import ErrorReply
from redlark.spec.loader import collect, parse
from redlark.spec.profiles import profile

from .histories import Walk

TEXT = """
errors
  SYNTAX   "ERR syntax error"
  NOT_INT  "ERR not an integer"

type int shown integer by parse-int(text) else error NOT_INT

state session
  resp = 2

state server
  config = {}

command DO key [done = A x:int | (b = [HOW way:<UP | DOWN>] [C y:int])]...
  group generic  since 1.0.0
  rule told => [[op.word, op.x, op.y, op.way] for op in done] if done given else []

command IN first:int [rest = second:int [way:<UP | DOWN>]]
  group generic  since 1.0.0
  on first rule negative when first < 0 => error "ERR negative"
  rule told => [first, second]
"""


@pytest.fixture(scope="module")
def walk() -> Walk:
    """A walk over the little text above."""
    return Walk(Model(collect(parse(TEXT, "test")), profile("redis-8.2")), (0,))


def ask(walk: Walk, line: str) -> object:
    """The reply to a line; an error as its text."""
    _, reply, _ = walk.ways(0, tuple(line.encode().split()))[0]
    return reply.text.decode() if isinstance(reply, ErrorReply) else reply


def test_a_label_collects_what_was_taken(walk: Walk) -> None:
    """Each taking of a repeated group is kept in its order, with every argument of the group as it then stood."""
    assert ask(walk, "DO k") == ()
    assert ask(walk, "DO k A 1 C 2 HOW up A 3") == (
        (b"A", 1, None, None),
        (b"C", 1, 2, None),
        (b"HOW", 1, 2, b"UP"),
        (b"A", 3, 2, b"UP"),
    )
    assert ask(walk, "DO k A 1 C x D") == "ERR not an integer"
    assert ask(walk, "DO k A 1 D") == "ERR syntax error"


def test_excess_is_seen_before_any_option_is_read(walk: Walk) -> None:
    """What every request has is read first, its steps run; then excess is refused, before the options are converted."""
    assert ask(walk, "IN 1 2 up") == (1, 2)
    assert ask(walk, "IN x y up z") == "ERR not an integer"
    assert ask(walk, "IN -1 y up z") == "ERR negative"
    assert ask(walk, "IN 1 y up z") == "ERR syntax error"
    assert ask(walk, "IN 1 y up") == "ERR not an integer"
    assert ask(walk, "IN 1 2 left") == "ERR syntax error"
