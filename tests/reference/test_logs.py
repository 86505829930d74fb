"""The logs of slow and large requests: what is known of a log, and what of it a reply may show."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redlark.reference import Model, Observed
from redlark.reference.logs import Log, Logged, log_lengths, log_readings, shortened_log

NOW = 1_000_000_000_000
ENTRIES = st.lists(st.tuples(st.sampled_from((b"GET", b"SET")), st.booleans(), st.booleans()), max_size=6)
PEER = b"127.0.0.1:4000"


def entry(word: bytes, *, sure: bool) -> Logged:
    return Logged((word,), None, b"", (5, 6), (10, 20), sure)


def leaves(shown: list[bytes], first: int) -> list[object]:
    """A reply that shows these entries, newest first."""
    rows = [[first - place, 5, 15, word, PEER, b""] for place, word in enumerate(shown)]
    return [leaf for row in rows for leaf in row]


@given(ENTRIES, st.integers(0, 7), st.integers(-1, 7), st.integers(0, 50))
def test_what_a_server_shows_of_a_log_can_be_read(
    history: list[tuple[bytes, bool, bool]], most: int, count: int, start: int
) -> None:
    """Entries that may be there, and are or are not, are found in what a server shows; one reading knows them all."""
    log, real, number = Log((), (start, start)), [], start
    for word, sure, there in history:
        log = Log((entry(word, sure=sure), *log.entries), (log.next[0] + sure, log.next[1] + 1))
        if sure or there:
            real, number = [word, *real], number + 1
        log, real = shortened_log(log, most), real[:most]
    assert len(real) in log_lengths(log)
    told = real if count < 0 else real[:count]
    readings = list(log_readings(log, count).candidates(leaves(told, number - 1)))
    assert any([row[3] for row in one["shown"]] == [(word,) for word in told] for one in readings)
    assert all(one["log"].next == (number, number) for one in readings if told)


@given(ENTRIES, st.integers(0, 5), st.data())
def test_what_is_not_of_a_log_is_not_read(
    history: list[tuple[bytes, bool, bool]], place: int, data: st.DataObject
) -> None:
    """One leaf of a reply changed, or one entry left out, and a log of entries that are sure does not show that."""
    log = Log(tuple(entry(word, sure=True) for word, _, _ in history), (9, 9))
    told = leaves([word for word, _, _ in history], 8)
    assert len(list(log_readings(log, -1).candidates(told))) == 1
    if told:
        wrong = list(told)
        at = data.draw(st.integers(0, len(told) - 1))
        wrong[at] = 99 if isinstance(wrong[at], int) else b"?"
        assert not list(log_readings(log, -1).candidates(wrong))
        assert not list(log_readings(log, -1).candidates(told[:-6]))


def asked(model: Model, *requests: str) -> bytes:
    """The last reply to requests of one client, asked one after another."""
    (world,) = model.connect(model.start(now=NOW), 0)
    reply = b""
    for one in requests:
        world, reply = model.perform(world, 0, tuple(word.encode() for word in one.split(" ")), NOW)
    return reply


def test_secrets_and_long_requests_are_not_shown_whole() -> None:
    """Passwords are concealed, the 33rd word and the 129th byte are not kept."""
    model = Model.load("redis-8.2")
    begin = ("CONFIG SET slowlog-log-slower-than 0", "SLOWLOG RESET")
    reply = asked(model, *begin, "AUTH default hidden", "HELLO 2 AUTH default hidden", "SLOWLOG GET")
    assert b"hidden" not in reply
    assert reply.count(b"(redacted)") == 4
    assert b"... (3 more bytes)" in asked(model, *begin, "SET k " + "x" * 131, "SLOWLOG GET 1")
    assert b"... (11 more arguments)" in asked(model, *begin, "SADD k" + " x" * 40, "SLOWLOG GET 1")


def test_what_is_too_quick_is_not_logged() -> None:
    """A reply that came sooner than a slow request takes: no log shows it, and none may."""
    model = Model.load("redis-7.0")
    worlds = model.connect(model.start(now=NOW), 0)
    for words, raw in ((b"SLOWLOG RESET", b"+OK\r\n"), (b"PING", b"+PONG\r\n"), (b"SLOWLOG LEN", b":0\r\n")):
        worlds = model.allows(worlds, 0, tuple(words.split()), (NOW, NOW), Observed(raw))
        assert worlds
    config = {"slowlog-log-slower-than": "1000000"}
    slow = model.connect(model.start(now=NOW, config=config), 0)
    for words, raw in ((b"SLOWLOG RESET", b"+OK\r\n"), (b"PING", b"+PONG\r\n")):
        slow = model.allows(slow, 0, tuple(words.split()), (NOW, NOW + 500), Observed(raw))
    assert not model.allows(slow, 0, (b"SLOWLOG", b"LEN"), (NOW + 500, NOW + 500), Observed(b":1\r\n"))
    slow = model.allows(slow, 0, (b"PING",), (NOW + 500, NOW + 2500), Observed(b"+PONG\r\n"))
    for count in (b":0\r\n", b":1\r\n"):
        assert model.allows(slow, 0, (b"SLOWLOG", b"LEN"), (NOW + 2500, NOW + 2500), Observed(count))


def test_what_nobody_saw_of_a_log_is_still_open() -> None:
    """SLOWLOG GET in silence says nothing of the entries' ids: any is possible in the next reply."""
    log = Log((entry(b"GET", sure=True),), None)
    (unseen,) = log_readings(log, -1).all(1)
    assert unseen["log"] == log
    assert len(list(log_readings(unseen["log"], -1).candidates(leaves([b"GET"], 1013)))) == 1
