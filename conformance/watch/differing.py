"""What a reply on another server means beside the recorded one: the same, a difference that breaks something, or not.

What breaks: a command that is unknown there, an error where there was none (or one of another kind), a reply that
differs and that the text of the target's version does not allow, and no reply at all. What does not: what the text
allows because of time, chance and order, and what the guards of the two versions explain, which is named by its rules.
What must not live here: sockets, and worlds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from attrs import field, frozen, mutable

from redlark.conformance.judging.divergence import unknown
from redlark.conformance.watch.observed import DIVERGES
from redlark.conformance.watch.secrets import answering, hidden
from redlark.conformance.watch.wire import Exchange, Words
from redlark.reference.resp import Frame
from redlark.reference.transcript import printed

UNKNOWN, ERROR, FORBIDDEN, SILENT = "unknown command", "new error", "not allowed by the text", "no reply"
VERSION, FREE, OPEN, SKIPPED = "other version", "time, chance or order", "not judged", "left out"
BREAKING = (UNKNOWN, ERROR, FORBIDDEN, SILENT)
KINDS = (*BREAKING, VERSION, FREE, OPEN, SKIPPED)


@mutable(eq=False)
class Replayed:
    """One recorded request, and what became of it."""

    connection: int
    number: int
    words: Words
    secret: bool = False
    hashed: bool = False
    recorded: list[Frame] = field(factory=list)
    exchange: Exchange | None = None
    skipped: str = ""  # why it was not sent
    compared: bool = True
    silent: bool = False  # no reply came where one had
    verdict: str = ""  # what the judge of the target's version says: "" allowed, DIVERGES, or why it could not tell
    before: str | None = None  # the same of the recorded version; None where that is the same one
    rules: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    @property
    def frames(self) -> list[Frame]:
        """What came."""
        return [] if self.exchange is None else self.exchange.frames

    @property
    def differs(self) -> bool:
        """Whether another reply came than was recorded."""
        if not self.compared or not self.recorded:
            return False
        return not (_alike if self.hashed else _same)(self.recorded, self.frames)

    @property
    def kind(self) -> str:
        """What the difference is; empty where there is none."""
        if self.skipped:
            return SKIPPED
        if self.silent:
            return SILENT
        if not self.differs:
            return ""
        new = _new_error(self.recorded, self.frames)
        if new is not None:
            return UNKNOWN if unknown(new.raw) else ERROR
        if self.verdict == DIVERGES:
            return FORBIDDEN
        if self.verdict:
            return OPEN
        return VERSION if self.before == DIVERGES else FREE


@frozen
class Difference:
    """Differences of one kind at one command, told by the first of them."""

    kind: str
    command: str
    count: int
    rules: tuple[str, ...]
    words: Words
    recorded: str
    seen: str
    allowed: tuple[str, ...]
    reason: str
    connection: int
    number: int

    @property
    def breaks(self) -> bool:
        return self.kind in BREAKING


def differences(replayed: Iterable[Replayed], name: object) -> list[Difference]:
    """The differences, of one kind and command once, what breaks first; `name` tells a request's command."""
    groups: dict[tuple[str, str, tuple[str, ...], str], list[Replayed]] = {}
    for one in replayed:
        kind = one.kind
        if kind:
            command = name(one.words) if callable(name) else ""
            rules = one.rules if kind in (VERSION, FORBIDDEN, ERROR) else ()
            head = _head(one.frames) if kind in BREAKING else one.skipped or (one.verdict if kind == OPEN else "")
            groups.setdefault((kind, command, rules, head), []).append(one)
    found = [
        Difference(
            kind,
            command,
            len(several),
            several[0].rules,
            several[0].words,
            _shown(several[0].words, several[0].recorded),
            _shown(several[0].words, several[0].frames),
            tuple(map(hidden, several[0].allowed)),
            several[0].skipped or (several[0].verdict if several[0].verdict != DIVERGES else ""),
            several[0].connection,
            several[0].number,
        )
        for (kind, command, _, _), several in groups.items()
    ]
    return sorted(found, key=lambda one: (KINDS.index(one.kind), one.command))


def _same(one: Sequence[Frame], other: Sequence[Frame]) -> bool:
    return [frame.raw for frame in one] == [frame.raw for frame in other]


def _alike(one: Sequence[Frame], other: Sequence[Frame]) -> bool:
    """Whether frames look alike where values were hashed: kinds, numbers, counts of elements."""
    return len(one) == len(other) and all(map(_alike_frame, one, other))


def _alike_frame(one: Frame, other: Frame) -> bool:
    if one.kind != other.kind:
        return False
    if isinstance(one.value, tuple) and isinstance(other.value, tuple):
        return len(one.value) == len(other.value) and all(map(_alike_frame, one.value, other.value))
    if one.kind == b"-":
        return bool(one.value.split(b" ")[0] == other.value.split(b" ")[0])
    return (one.value is None) == (other.value is None) if one.kind in b"$=" else one.raw == other.raw


def _new_error(recorded: Sequence[Frame], frames: Sequence[Frame]) -> Frame | None:
    """An error where none was, or one of another kind; in EXEC's array, too."""
    for place, frame in enumerate(frames):
        old = recorded[place] if place < len(recorded) else None
        if frame.is_error:
            if old is None or not old.is_error or _code(old) != _code(frame) or unknown(frame.raw) > unknown(old.raw):
                return frame
        elif isinstance(frame.value, tuple):
            inner = old.value if old is not None and isinstance(old.value, tuple) else ()
            found = _new_error(inner, frame.value)
            if found is not None:
                return found
    return None


def _code(frame: Frame) -> bytes:
    code: bytes = frame.value.split(b" ")[0]
    return code


def _head(frames: Sequence[Frame]) -> str:
    return frames[0].raw[:24].decode("latin-1") if frames else ""


def _shown(words: Words, frames: Sequence[Frame]) -> str:
    asked = ((b"config", b"get"), (b"acl", b"getuser")) if words[:1] and words[0].lower() == b"exec" else (words,)
    return "\n".join(printed(answering(asked, frame).raw) for frame in frames) or "nothing"
