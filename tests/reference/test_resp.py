"""The judge's own codec: what is sent is read back, wherever it is split, and what is not RESP is refused."""

from __future__ import annotations

import gc
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from immutables import Map

from redlark.reference.replies import Predicate, describe, encode, matches, some
from redlark.reference.resp import Decoder, Frame, ProtocolError, encode_request, frame
from redlark.reference.values import NIL_ARRAY, OK, ErrorReply, Kinded, Moment, Status, Variable

LINE = st.binary(max_size=12).filter(lambda text: b"\r" not in text and b"\n" not in text)
SIMPLE = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**63), 2**63 - 1), st.binary(max_size=20), LINE.map(Status),
    LINE.map(ErrorReply), st.just(OK), st.just(NIL_ARRAY), st.binary(max_size=20).map(lambda x: Kinded("verbatim", x)),
    st.sampled_from([b"0", b"1.5", b"-inf", b"nan"]).map(lambda x: Kinded("double", x)),
)  # fmt: skip
PAIR = st.tuples(st.binary(max_size=4), SIMPLE)
REPLIES = st.recursive(
    SIMPLE,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(tuple),
        st.lists(st.tuples(st.binary(max_size=4), inner), max_size=3).map(lambda pairs: Kinded("map", tuple(pairs))),
        st.lists(PAIR, max_size=3).map(lambda pairs: Kinded("pairs", tuple(pairs))),
        st.lists(inner, max_size=3).map(lambda items: Kinded("push", tuple(items))),
    ),
    max_leaves=12,
)
MEMBERS = st.lists(st.binary(max_size=4), min_size=2, max_size=6, unique=True)
PROTOCOLS = st.sampled_from([2, 3])


@given(REPLIES, PROTOCOLS)
def test_a_reply_is_one_frame_that_it_matches(reply: object, resp: int) -> None:
    """Every reply is encoded as exactly one frame, which is allowed for it and says the same in words."""
    seen = frame(encode(reply, resp))
    assert matches(reply, seen, resp)
    assert describe(reply, resp)


@given(REPLIES, REPLIES, PROTOCOLS)
def test_another_frame_does_not_match(one: object, other: object, resp: int) -> None:
    """A frame that differs in a single byte from what a reply is encoded as is not allowed."""
    seen = frame(encode(other, resp))
    assert matches(one, seen, resp) == (encode(one, resp) == seen.raw)


@given(MEMBERS, PROTOCOLS, st.data())
def test_unordered_replies_match_in_every_order(members: list[bytes], resp: int, data: st.DataObject) -> None:
    """What has no order matches each order of the same members, and no other members; a list only its own order."""
    shuffled = data.draw(st.permutations(members))
    array, set_ = frame(encode(tuple(shuffled), resp)), frame(encode(Kinded("set-in-order", tuple(shuffled)), resp))
    assert matches(Kinded("unordered", frozenset(members)), array, resp)
    assert matches(Kinded("set", frozenset(members)), set_ if resp == 3 else array, resp)
    assert matches(Kinded("set", frozenset(members)), array, resp) == (resp == 2)
    assert not matches(Kinded("unordered", frozenset(members[1:])), array, resp)
    assert not matches(Kinded("unordered", (*members[1:], members[1])), array, resp)
    assert matches(tuple(members), array, resp) == (shuffled == members)
    pairs = {member: number for number, member in enumerate(members)}
    told = frame(encode(Kinded("map", tuple((member, pairs[member]) for member in shuffled)), resp))
    assert matches(Map(pairs), told, resp)
    assert not matches(Map({**pairs, members[0]: -1}), told, resp)


@given(st.one_of(MEMBERS.map(frozenset), MEMBERS.map(lambda m: Map(dict.fromkeys(m, 1)))), PROTOCOLS)
def test_one_of_the_replies_that_are_free_is_allowed(reply: object, resp: int) -> None:
    """What a model that answers by itself makes of a free reply is among those that it allows."""
    chosen = Kinded("set", reply) if isinstance(reply, frozenset) else reply
    assert matches(chosen, frame(encode(some(chosen, resp), resp)), resp)


@given(st.integers(0, 100), st.integers(0, 50), st.integers(-10, 160))
def test_an_uncertain_number_matches_within_its_bounds_and_is_then_known(lo: int, span: int, seen: int) -> None:
    """An uncertain number allows exactly the integers within its bounds; what was seen is what it was."""
    variable = Variable(lo, lo + span)
    moment = Moment(variable, 7)
    allowed = matches(moment, frame(b":%d\r\n" % seen), 2)
    assert allowed == (lo + 7 <= seen <= lo + span + 7)
    if allowed:
        assert (variable.lo, variable.hi) == (seen - 7, seen - 7)
    assert not matches(moment, frame(b"$1\r\n7\r\n"), 2)


@given(st.lists(st.tuples(REPLIES, PROTOCOLS), max_size=5), st.data())
def test_frames_are_the_same_wherever_they_are_split(replies: list[tuple[object, int]], data: st.DataObject) -> None:
    """A stream of frames, cut anywhere, gives the same frames, and the bytes of one that is not complete are kept."""
    whole = b"".join(encode(reply, resp) for reply, resp in replies)
    at_once = Decoder()
    expected = at_once.feed(whole)
    assert b"".join(f.raw for f in expected) == whole
    assert at_once.pending == b""
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    decoder, found, fed = Decoder(), [], 0
    for begin, end in zip([0, *cuts], [*cuts, len(whole)], strict=True):
        found += decoder.feed(whole[begin:end])
        fed = end
        assert b"".join(f.raw for f in found) + decoder.pending == whole[:fed]
    assert found == expected


@given(st.binary(max_size=60) | st.text("*$:+-_#,(=%~>|!0123456789ta\r\n", max_size=60).map(str.encode))
def test_any_bytes_are_frames_or_are_refused(data: bytes) -> None:
    """Whatever a peer sends, the decoder gives frames that make up the bytes, or raises its own error."""
    decoder = Decoder()
    try:
        frames = decoder.feed(data)
    except ProtocolError:
        return
    assert b"".join(f.raw for f in frames) + decoder.pending == data


@pytest.mark.parametrize(
    "wire",
    [
        b"HTTP/1.1 400 Bad Request\r\n", b"hello\r\n", b":1.5\r\n", b":\r\n", b":1_0\r\n", b": 1\r\n", b"$abc\r\n",
        b"$-2\r\n", b"$3\r\nabcdef\r\n", b"*-2\r\n", b"*x\r\n", b"%-1\r\n", b"#x\r\n", b"_x\r\n",
        b"*1\r\n" * 5_000 + b":1\r\n", b"x" * 70_000,
    ],
)  # fmt: skip
def test_what_is_not_resp_is_refused(wire: bytes) -> None:
    """Another protocol, numbers that are none, lengths that cannot be and nesting without end are protocol errors."""
    with pytest.raises(ProtocolError):
        Decoder().feed(wire)


@given(st.lists(st.binary(max_size=10), max_size=4))
def test_a_request_is_an_array_of_bulk_strings(words: list[bytes]) -> None:
    """A request is encoded as the frame of its words, whatever bytes they hold."""
    sent = frame(encode_request(words))
    assert sent.kind == b"*"
    assert [(child.kind, child.value) for child in sent.value] == [(b"$", word) for word in words]


def test_a_predicate_is_told_in_its_own_words() -> None:
    """An element that only a test accepts shows what it wants, and an example of it passes its own test."""
    even = Predicate("an even number", lambda seen: seen.kind == b":" and seen.value % 2 == 0, 8)
    assert matches((even, b"x"), frame(b"*2\r\n:4\r\n$1\r\nx\r\n"), 2)
    assert not matches((even, b"x"), frame(b"*2\r\n:5\r\n$1\r\nx\r\n"), 2)
    assert "an even number" in describe((even, b"x"), 2)
    assert matches(even, frame(encode(some(even, 2), 2)), 2)


def test_a_long_frame_costs_no_more_than_its_bytes() -> None:
    """A frame in many pieces is not parsed anew with each of them: time grows with its bytes, not with their square."""

    def seconds(elements: int) -> float:
        raw = b"*%d\r\n" % elements + b"*1\r\n$5\r\nhello\r\n" * elements
        decoder, began = Decoder(), time.process_time()
        found = [one for place in range(0, len(raw), 500) for one in decoder.feed(raw[place : place + 500])]
        assert [one.raw for one in found] == [raw]
        return time.process_time() - began

    seconds(100)
    assert seconds(20_000) < 1.5


def test_a_decoder_keeps_no_reply_alive() -> None:
    """What was read is gone once nobody holds it, in however many pieces it came: a long run does not grow."""

    def alive() -> int:
        gc.collect()
        return sum(type(one) is Frame for one in gc.get_objects())

    raw, before = b"*2\r\n*1\r\n:1\r\n$5\r\nhello\r\n", alive()
    for cut in range(1, len(raw)):
        decoder = Decoder()
        assert not decoder.feed(raw[:cut])
        assert len(decoder.feed(raw[cut:])) == 1
    assert alive() == before
