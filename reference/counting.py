"""What a server counts of itself: commands, errors and look-ups, once the text knows that all of it stood at nothing.

Theory of operation. Until CONFIG RESETSTAT nothing is known, and nothing is counted. From then on each request that has
come to its end is told to the text's block COUNTED, which says what is one more; look-ups are counted where they are
made. What must not live here: what counts (that is the text's to say), and how INFO tells it (``figures``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from immutables import Map

from redlark.reference.functions import of_run
from redlark.reference.replies import Predicate
from redlark.reference.resp import Frame
from redlark.reference.resp import frame as decode
from redlark.reference.values import ErrorReply, Raw

if TYPE_CHECKING:
    from redlark.reference.world import Run

BLOCK, COUNTS = "COUNTED", "counts"
# How a request came to its end.
RAN, WAITS, SERVED, GAVE_UP, UNBLOCKED, REFUSED = b"ran", b"waits", b"served", b"gave-up", b"unblocked", b"refused"
# Calls of which histograms do not tell as they count, and of which they do later.
UNTIMED, TIMED = b"untimed ", b"timed "
DEFAULT = b"ERR"  # of an error that has no word of its own
WITHIN = 31  # bytes of an error among which its first word ends, if it has one
_AN_ERROR = decode(b"-ERR\r\n")
_SAFE = bytes.maketrans(b"#:\n\r", b"____")  # as INFO spells it


@of_run
def count(run: Run, name: bytes) -> None:
    """One more of what is counted by this name."""
    counts: Map[bytes, int | None] | None = run.server.get(COUNTS)
    before = None if counts is None else counts.get(name, 0)
    if counts is not None and before is not None:
        run.server = run.server.set(COUNTS, counts.set(name, before + 1))


@of_run
def lose_count(run: Run, name: bytes) -> None:
    """Nobody knows any longer how often what is counted by this name was."""
    if run.server.get(COUNTS) is not None:
        run.server = run.server.set(COUNTS, run.server[COUNTS].set(name, None))


def told(run: Run, request: tuple[bytes, ...], reply: Any, how: bytes) -> None:
    """Tells the text's block that a request has ended in this way, with this reply, if anything is counted."""
    if run.server.get(COUNTS) is None:
        return
    if isinstance(reply, Predicate) and run.observed is None and reply.shape is not None and reply.holds(_AN_ERROR):
        run.server = run.server.set(COUNTS, None)  # nobody has seen whether it failed: nothing is known any more
        return
    before, run.request = run.request, request
    if isinstance(reply, Predicate):  # which reply it was, the text leaves open
        errors = [] if run.observed is None else [*_in_frame(run.observed)]
    else:
        errors = [*_errors(reply)]
    again = tuple(type(reply) is Raw and text.startswith(run.nested) for text in errors)
    told_of: tuple[Any, ...] = how, bool(errors), tuple(map(_code, errors)), again
    run.model.hidden[BLOCK].execute(run, told_of)
    run.request = before


def ended(run: Run, request: tuple[bytes, ...], reply: Any, waits: bool) -> None:
    """The same of a request that has run, or waits; of one that waits on there is nothing to tell."""
    woken = run.woken_by is not None
    if not (waits and woken):
        told(run, request, reply, WAITS if waits else SERVED if woken else RAN)


def _code(text: bytes) -> bytes:
    """The first word of an error."""
    word, space, _ = text[:WITHIN].partition(b" ")
    return word.translate(_SAFE) if space else DEFAULT


def _errors(reply: Any) -> Iterator[bytes]:
    if isinstance(reply, ErrorReply):
        yield reply.text
    elif type(reply) is Raw:
        yield from _in_frame(decode(reply.frame))


def _in_frame(frame: Frame) -> Iterator[bytes]:
    if frame.kind == b"-":
        yield frame.raw[1:-2]
    elif isinstance(frame.value, tuple):
        for inner in frame.value:
            yield from _in_frame(inner)
