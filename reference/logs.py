"""The logs of requests that took long, or were large: what is kept, and what of it a reply may show.

Theory of operation. Until a log has been emptied nothing is known of it. From then on each request that has run is
told to the text's block LOGGED, which says what is kept. How long a request took is known within the time between
sending and receiving only; where that leaves open whether it took long enough, the entry is kept as one that may not
be there, and a reply that shows the log settles it. What must not live here: which requests are kept, and as which
words (that is the text's to say).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import evolve, frozen
from immutables import Map

from redlark.reference.domains import Numbers
from redlark.reference.functions import of_run, pure
from redlark.reference.replies import Free, encode
from redlark.reference.resp import encode_request
from redlark.reference.tracking import become
from redlark.reference.values import Parked, Several
from redlark.reference.world import Run, World

BLOCK = "LOGGED"
RAN, WAITED, UNBLOCKED = b"ran", b"waited", b"unblocked"  # how a request came to its end
CLOCKS = 20  # milliseconds by which a server's clocks may differ from one another
READINGS = 16  # ways in which a reply may be read, at most
_PEER = re.compile(rb"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}|/.*:0")


@frozen
class Logged:
    """One entry; ``seconds`` and ``amount`` (microseconds or bytes) are bounds, ``address`` None a connection's."""

    words: tuple[bytes, ...]
    address: bytes | None
    name: bytes
    seconds: tuple[int, int]
    amount: tuple[int, int]
    sure: bool


@frozen
class Log:
    """The entries, newest first; and within which bounds the next entry's id lies, None while none has been seen."""

    entries: tuple[Logged, ...] = ()
    next: tuple[int, int] | None = None


# ---- what the text says of them --------------------------------------------------------------------------------


@pure
def emptied_log(log: Log | None) -> Log:
    """A log without its entries: it goes on counting. Absent: one of which nothing was known."""
    return Log() if log is None else evolve(log, entries=())


@of_run
def with_entry(
    run: Run, log: Log, words: tuple[bytes, ...], address: bytes | None, name: bytes, amount: tuple[int, int],
    sure: bool,
) -> Log:  # fmt: skip
    """A log with one more entry, which may not be there unless that is sure; no address: it is the connection's."""
    seconds = (run.began.lo - CLOCKS) // 1000, (run.latest + CLOCKS) // 1000
    entry = Logged(tuple(words), address, name, seconds, (amount[0], amount[1]), sure)
    ids = None if log.next is None else (log.next[0] + sure, log.next[1] + 1)
    return Log((entry, *log.entries), ids)


@pure
def shortened_log(log: Log, most: int) -> Log:
    """A log of which the oldest entries are gone, so that this many are left at most."""
    if len(log.entries) <= most:
        return log
    kept: list[Logged] = []
    sure = 0
    for number, entry in enumerate(log.entries):
        if sure >= most:
            break
        kept.append(evolve(entry, sure=False) if entry.sure and number >= most else entry)
        sure += entry.sure
    return evolve(log, entries=tuple(kept))


@pure
def log_lengths(log: Log) -> Numbers:
    """How many entries a log may have."""
    return Numbers(sum(entry.sure for entry in log.entries), len(log.entries))


class Readings:
    """What a reply may show of a log: the newest entries, so many at most; each a record of ``log`` and ``shown``."""

    def __init__(self, log: Log, count: int) -> None:
        self.log, self.count = log, len(log.entries) if count < 0 else count

    def candidates(self, leaves: list[Any]) -> Iterable[Map[str, Any]]:
        """How a reply's leaves may be read, the likeliest first."""
        for number, found in enumerate(self._read(leaves, 0, 0, 0, None)):
            if number == READINGS:
                return
            yield self._reading(found)

    def all(self, bound: int) -> Iterable[Map[str, Any]]:
        """One reading: every entry, as soon and as short as may be, of a connection that nobody knows.

        Nobody has seen it, so it says nothing of the log.
        """
        entries = self.log.entries
        last = len(entries) - 1 if self.log.next is None else self.log.next[1] - 1
        shown = [
            (
                place,
                last - place,
                _seen(
                    entry, entry.seconds[0], entry.amount[0], b"127.0.0.1:0" if entry.address is None else entry.address
                ),
            )
            for place, entry in enumerate(entries[: self.count])
        ]
        return [self._reading(shown).set("log", self.log)]

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether there is nothing to be read."""
        return not self.log.entries or not self.count

    def _read(
        self, leaves: list[Any], at: int, place: int, shown: int, after: int | None
    ) -> Iterator[list[tuple[int, int, Logged]]]:
        """The entries that these leaves show, from a place on: where each stands, its id, and what was seen of it."""
        entries = self.log.entries
        if at == len(leaves):
            if shown == self.count or not any(entry.sure for entry in entries[place:]):
                yield []
            return
        for number in range(place, len(entries)):
            entry = entries[number]
            seen = self._match(entry, leaves[at : at + 5 + len(entry.words)], after)
            if seen is not None and shown < self.count:
                for rest in self._read(leaves, at + 5 + len(entry.words), number + 1, shown + 1, seen[0]):
                    yield [(number, *seen), *rest]
            if entry.sure:
                return

    def _match(self, entry: Logged, leaves: list[Any], after: int | None) -> tuple[int, Logged] | None:
        """The id that these leaves show, and the entry as they show it; None if they are not of this entry."""
        if len(leaves) != 5 + len(entry.words):
            return None
        number, seconds, amount, *words, address, name = leaves
        if not all(isinstance(one, int) for one in (number, seconds, amount)) or not isinstance(address, bytes):
            return None
        ids = self.log.next
        first = (
            number >= 0 and (ids is None or ids[0] - 1 <= number <= ids[1] - 1)
            if after is None
            else number == after - 1
        )
        if not first or tuple(words) != entry.words or name != entry.name:
            return None
        in_time = entry.seconds[0] <= seconds <= entry.seconds[1] and entry.amount[0] <= amount <= entry.amount[1]
        known = _PEER.fullmatch(address) if entry.address is None else address == entry.address
        return (number, _seen(entry, seconds, amount, address)) if in_time and known else None

    def _reading(self, found: list[tuple[int, int, Logged]]) -> Map[str, Any]:
        """The log as it must be if this is what was shown, and the reply."""
        ids = (found[0][1] + 1,) * 2 if found else self.log.next
        rest = self.log.entries[found[-1][0] + 1 :] if found and len(found) == self.count else ()
        shown = tuple(
            (number, one.seconds[0], one.amount[0], one.words, one.address, one.name) for _, number, one in found
        )
        return Map({"log": Log((*(one for _, _, one in found), *rest), ids), "shown": shown})


def _seen(entry: Logged, seconds: int, amount: int, address: bytes) -> Logged:
    return Logged(entry.words, address, entry.name, (seconds, seconds), (amount, amount), True)


@pure
def log_readings(log: Log, count: int) -> Readings:
    """What a reply that shows the newest entries of a log, so many at most or (negative) all, may show."""
    return Readings(log, count)


# ---- of a request ------------------------------------------------------------------------------------------------


@of_run
def took(run: Run) -> tuple[int, int]:
    """How many microseconds the request took, within bounds."""
    return run.busy, (run.latest - run.began.lo + CLOCKS) * 1000


@of_run
def be_busy(run: Run, microseconds: int) -> None:
    """The request keeps the server busy for this time at least: the reply comes no sooner."""
    run.busy = max(run.busy, microseconds)
    run.delay = max(run.delay, microseconds // 1000)


@of_run
def answer_late(run: Run) -> None:
    """The request comes to its end when those whom it wakes have been served: it stands behind them in the logs."""
    run.answers_late = True


@of_run
def words_read(run: Run) -> int:
    """How many words behind the command's own name have been read as ``on ARGUMENT`` runs."""
    return run.read


@of_run
def conceal(run: Run, place: int) -> None:
    """A word of the request that is a secret: no log shows it. The place counts the words behind the command's name."""
    run.concealed = run.concealed | {place}


@of_run
def is_concealed(run: Run, place: int) -> bool:
    """Whether a word of the request was said to be a secret."""
    return place in run.concealed


@of_run
def octets_asked(run: Run) -> tuple[int, int]:
    """How many bytes the request that is being answered takes on the wire, within bounds; any, of who waited."""
    if not run.asked:
        return UNKNOWN_OCTETS
    return (len(encode_request(run.asked)),) * 2


@of_run
def octets_answered(run: Run) -> tuple[int, int]:
    """How many bytes the reply takes on the wire, within bounds: nothing tells where it has freedom, or company."""
    return run.answered


UNKNOWN_OCTETS = (0, 1 << 62)


def octets_of(run: Run, reply: Any) -> tuple[int, int]:
    """The bounds of what a reply takes: what was observed, else what it must be."""
    if run.session["reply-mode"] != b"on" or run.pushed:
        return UNKNOWN_OCTETS
    if run.observed is not None and run.children < 0 and run.script is None and type(reply) is not Several:
        return (len(run.observed.raw),) * 2
    try:
        return (len(encode(reply, run.session["resp"])),) * 2
    except Free:
        return UNKNOWN_OCTETS


def log(run: Run, request: tuple[bytes, ...], reply: Any, how: bytes = RAN) -> None:
    """Runs what the text has for a request that has come to its end, where a log is known."""
    before, run.request = run.request, request
    run.answered = octets_of(run, reply)
    run.model.hidden[BLOCK].execute(run, (how,))
    run.request = before


def unblocked(run: Run, parked: Parked, reply: Any) -> None:
    """Runs it for a client that was told to wait no longer."""
    mine = run.client, run.asked
    become(run, parked.client)
    run.asked = ()
    log(run, parked.request, reply, UNBLOCKED)
    become(run, mine[0])
    run.asked = mine[1]


def waited(model: Any, world: World, parked: Parked, until: int) -> World:
    """The world after that of a client that has waited in vain, by a moment."""
    since = parked.deadline[0] if parked.deadline is not None else world.now
    run = Run(model, world, parked.client, parked.request, (since, until), None, ())
    run.asked = ()
    log(run, parked.request, parked.late, WAITED)
    return evolve(run.finish(), now=world.now)
