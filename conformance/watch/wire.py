"""What passes on one connection, taken apart: requests, frames, and which frame answers which request.

Theory of operation. Requests are read as a server reads them: arrays of bulk strings or lines. Replies come in the
order of requests; what stands between them is a push: every RESP3 push, a message on a RESP2 connection that listens, a
line of MONITOR, unless it confirms a subscription that was asked for. Where either side is not RESP, or a connection
becomes a replica's, it is `broken`: nothing more of it is read, and nothing of it is ever written down.
What must not live here: sockets, and whether a reply is right.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from attrs import field, mutable

from redlark.reference.resp import Decoder, Frame, ProtocolError
from redlark.reference.transcript import split

Words = tuple[bytes, ...]

MOST_WORDS, LONGEST_LINE, LONGEST_WORD = 1 << 20, 1 << 16, 1 << 29
_SUBSCRIBES = {b"subscribe": "channels", b"psubscribe": "patterns", b"ssubscribe": "shards"}
_UNSUBSCRIBES = {b"unsubscribe": "channels", b"punsubscribe": "patterns", b"sunsubscribe": "shards"}
_MESSAGES = frozenset((b"message", b"pmessage", b"smessage"))
_REPLICAS = frozenset((b"sync", b"psync"))
_MONITORED = re.compile(rb"\d+\.\d+ \[")


class Requests:
    """Collects what a client sends and gives the requests that are complete, each with its bytes."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._at = 0  # up to where it is read
        self._due = 0  # words that are missing from the request under way
        self._length = -1  # of the word under way; -1 before its line is read
        self._words: list[bytes] = []
        self.broken = False

    @property
    def unread(self) -> int:
        """Bytes of a request that is not complete yet."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[tuple[Words, bytes]]:
        """The requests that these bytes complete; `broken` is set where they are none."""
        if self.broken:
            return
        buffer, start = self._buffer, 0
        buffer += data
        while not self.broken:
            found = self._next(buffer, start)
            if found is None:
                break
            raw = bytes(buffer[start : self._at])
            start = self._at
            if found:
                yield found, raw
        if self.broken:
            buffer.clear()
        del buffer[:start]
        self._at -= start

    def _next(self, buffer: bytearray, start: int) -> Words | None:
        """The words of the request at a place, () for one that asks nothing; None where more bytes are needed."""
        while True:
            if self._length >= 0:
                end = self._at + self._length
                if len(buffer) < end + 2:
                    return None
                self._words.append(bytes(buffer[self._at : end]))
                self._at, self._length, self._due = end + 2, -1, self._due - 1
                if not self._due:
                    words, self._words = tuple(self._words), []
                    return words
                continue
            end = buffer.find(b"\n", self._at)
            if end < 0:
                self.broken = len(buffer) - self._at > LONGEST_LINE
                return None
            line = bytes(buffer[self._at : end]).removesuffix(b"\r")
            self._at = end + 1
            if self._due:
                self._length = _number(line, b"$")
                self.broken = not 0 <= self._length <= LONGEST_WORD
            elif line[:1] == b"*":
                count = _number(line, b"*")
                self.broken = not -(1 << 62) < count <= MOST_WORDS
                if count <= 0:
                    return None if self.broken else ()
                self._due = count
            else:
                return self._typed(line)
            if self.broken:
                return None

    def _typed(self, line: bytes) -> Words | None:
        try:
            return split(line.decode())
        except ValueError:  # quotes that do not close, or bytes that are no text
            self.broken = True
            return None


def _number(line: bytes, mark: bytes) -> int:
    digits = line[1:]
    if line[:1] == mark and digits[:20].lstrip(b"-").isdigit() and len(digits) < 20:
        return int(digits) if digits.count(b"-") == (digits[:1] == b"-") else 1 << 62
    return 1 << 62


@mutable(eq=False)
class Exchange:
    """One request, and what came of it: pushes before its reply, the frames of the reply, none where none was due.

    `asked` and `answered` number events of the whole run; `at` is in monotonic microseconds, `interval` in Unix
    milliseconds, before sending and after receiving.
    """

    connection: int
    number: int
    words: Words
    raw: bytes
    at: int
    interval: tuple[int, int]
    asked: int
    due: int = 1  # frames that are still to come
    queued: bool = False  # it stands behind a MULTI
    queue: tuple[Words, ...] = ()  # of an EXEC: what it runs
    before: list[Frame] = field(factory=list)
    frames: list[Frame] = field(factory=list)
    answered: int = 0  # 0 while it is not
    until: int = 0  # when it was answered, in monotonic microseconds
    resp: int = 2  # the protocol of its connection as it was asked
    silent: bool = False  # no reply is due
    things: frozenset[tuple[str, object]] | None = None  # what it may meet, once somebody has asked

    @property
    def id(self) -> tuple[int, int]:
        """What tells it from every other one."""
        return self.connection, self.number

    @property
    def name(self) -> bytes:
        """The first word in small letters."""
        return self.words[0].lower()

    @property
    def reply(self) -> Frame | None:
        """The first frame of the reply."""
        return self.frames[0] if self.frames else None


@mutable(eq=False)
class Talk:
    """One connection: what is asked, what is due, and the little that decides which frame is what."""

    connection: int
    requests: Requests = field(factory=Requests)
    decoder: Decoder = field(factory=Decoder)
    due: deque[Exchange] = field(factory=deque)
    count: int = 0
    resp: int = 2
    selected: int = 0
    replies: str = "on"
    multi: list[Words] | None = None  # what was asked since MULTI
    channels: set[bytes] = field(factory=set)
    patterns: set[bytes] = field(factory=set)
    shards: set[bytes] = field(factory=set)
    special: bool = False  # it has done what a few facts do not tell: watched, tracked, listened, fallen silent
    monitors: bool = False
    broken: bool = False
    local: str = ""

    def ask(self, data: bytes, at: int, now: int, event: int) -> Iterator[Exchange]:
        """The requests that these bytes complete."""
        for words, raw in self.requests.feed(data) if not self.broken else ():
            self.count += 1
            exchange = Exchange(self.connection, self.count, words, raw, at, (now, now), event)
            self._expect(exchange)
            exchange.resp, exchange.silent = self.resp, not exchange.due
            if exchange.due:
                self.due.append(exchange)
            yield exchange
            if exchange.name in _REPLICAS:
                self.broken = True
                return
        self.broken = self.broken or self.requests.broken

    def hear(self, data: bytes) -> Iterator[tuple[Exchange | None, Frame]]:
        """The frames that these bytes complete, each with the request that it belongs to (None: a push between)."""
        if self.broken and not self.due:
            return
        try:
            frames = self.decoder.feed(data)
        except ProtocolError:
            self.broken = True
            return
        for frame in frames:
            yield self._place(frame), frame

    # ---- what is due -------------------------------------------------------------------------------------------------

    def _expect(self, one: Exchange) -> None:
        name = one.name
        one.queued = self.multi is not None and name not in (b"exec", b"discard", b"reset", b"quit", b"multi", b"watch")
        if name == b"multi" and len(one.words) == 1 and self.multi is None:
            self.multi = []
        elif name in (b"exec", b"discard", b"reset") and self.multi is not None:
            if name == b"exec":
                one.queue = tuple(self.multi)
            self.multi = None
        elif one.queued and self.multi is not None:
            self.multi.append(one.words)
        if not one.queued:
            one.due = self._frames_of(name, one.words)
            self._silence(one, name)
        if name in (b"watch", b"monitor", *_SUBSCRIBES) or (
            name == b"client" and _second(one) in (b"tracking", b"reply")
        ):
            self.special = True

    def _frames_of(self, name: bytes, words: Words) -> int:
        if name in _SUBSCRIBES:
            return max(1, len(words) - 1)
        if name in _UNSUBSCRIBES:
            return len(words) - 1 or max(1, len(getattr(self, _UNSUBSCRIBES[name])))
        return 1

    def _silence(self, one: Exchange, name: bytes) -> None:
        """CLIENT REPLY, and what is not answered because of it."""
        said = one.words[2].lower() if name == b"client" and _second(one) == b"reply" and len(one.words) == 3 else b""
        if said == b"on":
            self.replies = "on"
        elif said in (b"off", b"skip"):
            self.replies = "off" if said == b"off" or self.replies == "off" else "skip"
            one.due = 0
        elif name == b"reset" and self.replies == "off":
            self.replies = "on"
        elif self.replies != "on":
            one.due = 0
            self.replies = "on" if self.replies == "skip" else self.replies

    # ---- what comes --------------------------------------------------------------------------------------------------

    def _place(self, frame: Frame) -> Exchange | None:
        head = self.due[0] if self.due else None
        word = _first_word(frame)
        if self._is_push(frame, word, head):
            if head is not None:
                head.before.append(frame)
            self._listen(word, frame)
            return None
        if head is None:
            return None
        head.frames.append(frame)
        self._listen(word, frame)
        head.due = 0 if frame.is_error or (head.queued and frame.kind == b"+") else head.due - 1
        if head.due <= 0:
            self.due.popleft()
            self._learn(head, frame)
        return head

    def _is_push(self, frame: Frame, word: bytes, head: Exchange | None) -> bool:
        confirms = word in _SUBSCRIBES or word in _UNSUBSCRIBES
        if head is not None and head.name == word and confirms and not head.queued:
            return False
        if frame.kind in b">|":
            return True
        if self.monitors and frame.kind == b"+" and _MONITORED.match(frame.value):
            return True
        listens = self.channels or self.patterns or self.shards
        return self.resp == 2 and frame.kind == b"*" and bool(listens) and word in _MESSAGES

    def _listen(self, word: bytes, frame: Frame) -> None:
        if (word in _SUBSCRIBES or word in _UNSUBSCRIBES) and len(frame.value) == 3:
            which = getattr(self, _SUBSCRIBES.get(word) or _UNSUBSCRIBES[word])
            (which.add if word in _SUBSCRIBES else which.discard)(frame.value[1].value)

    def _learn(self, one: Exchange, frame: Frame) -> None:
        """What the reply to a request tells of the connection."""
        words, name = one.words, one.name
        if one.queued or frame.is_error:
            return
        if name == b"hello" and len(words) > 1 and words[1] in (b"2", b"3"):
            self.resp = int(words[1])
        elif name == b"select" and words[1].isdigit():
            self.selected = int(words[1])
        elif name == b"monitor":
            self.monitors = True
        elif name == b"reset":
            self.resp, self.selected, self.monitors, self.special = 2, 0, False, False
            for which in (self.channels, self.patterns, self.shards):
                which.clear()
        elif name == b"exec" and any(queued[0].lower() in (b"hello", b"select") for queued in one.queue):
            self.special = True


def _second(one: Exchange) -> bytes:
    return one.words[1].lower() if len(one.words) > 1 else b""


def _first_word(frame: Frame) -> bytes:
    if frame.kind not in b">*" or not frame.value:
        return b""
    value = frame.value[0].value
    return value if isinstance(value, bytes) else b""
