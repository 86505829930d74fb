"""Histories: what is sent to a server, before anything is known of the answers.

A history is a list of steps; a step is one write of one client: one request, or several in a pipeline, perhaps after a
pause. Requests are bytes, except where only the run can know the value: a moment near now, the cursor that SCAN gave,
the payload that DUMP gave, the id of a connection. Those are symbols, so that the same seed draws the same histories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import evolve, field, frozen

from redlark.conformance import payloads
from redlark.reference.resp import encode_request
from redlark.reference.transcript import split


@frozen
class Moment:
    """A Unix time, this many milliseconds from now, in seconds or in milliseconds."""

    offset: int
    seconds: bool = False

    def resolve(self, now: int) -> bytes:
        there = now + self.offset
        return b"%d" % (there // 1000 if self.seconds else there)


@frozen
class Cursor:
    """The cursor of the latest reply of SCAN or its kin that this client got (0 before the first)."""


@frozen
class Dumped:
    """The payload that a DUMP of this history has told last, changed in a way that `payloads.CHANGES` names."""

    change: str = payloads.WHOLE
    place: int = 0

    def of(self, payload: bytes | None) -> bytes:
        """This change of a payload; of one made here where there was no DUMP."""
        return payloads.CHANGES[self.change](payloads.FIRST if payload is None else payload, self.place)


@frozen
class ClientId:
    """The id of the connection of a client of this history."""

    client: int


@frozen
class ClientAddress:
    """The address (ip:port) of the connection of a client of this history, as the server sees it."""

    client: int


SCANS = frozenset((b"scan", b"sscan", b"hscan", b"zscan"))  # whose replies begin with a cursor
Learnt = Cursor | Dumped | ClientId | ClientAddress  # what only the run can know
Symbol = Moment | Learnt
Part = bytes | Symbol

# Requests after which a connection may be gone or silent; from the first of them on a history is watched for it.
_WATCHED = frozenset((b"quit", b"shutdown", b"monitor", b"psync"))
_WATCHED_OF_CLIENT = frozenset((b"kill", b"reply"))

# Requests that are felt by other clients, or answered later: a history that holds one is judged with all its clients.
_SOCIAL = frozenset((
    b"blpop", b"brpop", b"blmove", b"brpoplpush", b"blmpop", b"bzpopmin", b"bzpopmax", b"bzmpop", b"subscribe",
    b"psubscribe", b"ssubscribe", b"unsubscribe", b"punsubscribe", b"sunsubscribe",
))  # fmt: skip
_SOCIAL_WITH: dict[bytes, frozenset[bytes]] = {
    b"xread": frozenset((b"block",)), b"xreadgroup": frozenset((b"block",)), b"client": frozenset((b"tracking",)),
    b"debug": frozenset((b"push", b"attrib")),  # which are answered by two frames
}  # fmt: skip
_NOTHING: frozenset[bytes] = frozenset()

_CLIENT = b"client"
_PASSING = frozenset((b"id", b"info", b"list", b"getname", b"setname", b"help", b"no-touch"))


@frozen
class Request:
    """One request. `fixed` holds its arguments and their encoding, absent while it holds symbols."""

    parts: tuple[Part, ...]
    fixed: tuple[tuple[bytes, ...], bytes] | None = field(init=False, eq=False, repr=False)
    watched: bool = field(init=False, eq=False, repr=False)
    social: bool = field(init=False, eq=False, repr=False)

    @fixed.default
    def _encode(self) -> tuple[tuple[bytes, ...], bytes] | None:
        fixed = tuple(part for part in self.parts if isinstance(part, bytes))
        return (fixed, encode_request(fixed)) if len(fixed) == len(self.parts) else None

    @property
    def learns(self) -> bool:
        """Whether it holds what only an earlier reply tells."""
        return self.fixed is None and any(isinstance(part, Learnt) for part in self.parts)

    @property
    def lasting(self) -> bool:
        """Whether its effect on a connection may survive RESET; of CLIENT's subcommands a few certainly do not."""
        head = _head(self)
        return head in _WATCHED or (head == _CLIENT and _second(self) not in _PASSING)

    @watched.default
    def _is_watched(self) -> bool:
        head = _head(self)
        return head in _WATCHED or (head == _CLIENT and _second(self) in _WATCHED_OF_CLIENT)

    @social.default
    def _is_social(self) -> bool:
        words = [part.lower() for part in self.parts if isinstance(part, bytes)]
        return bool(words) and (words[0] in _SOCIAL or not _SOCIAL_WITH.get(words[0], _NOTHING).isdisjoint(words[1:]))

    def asks_about(self) -> Iterable[bytes]:
        """What a subcommand of COMMAND may take for the name of a command, in capitals."""
        return (part.upper() for part in self.parts[2:] if isinstance(part, bytes))

    def resolve(self, now: int, known: Callable[[Learnt], bytes]) -> tuple[bytes, ...]:
        """The request as it is sent now; `known` tells what the run has learnt."""
        return tuple(
            part if isinstance(part, bytes) else part.resolve(now) if isinstance(part, Moment) else known(part)
            for part in self.parts
        )


# Requests that give a server code to keep.
_CODE = frozenset((b"eval", b"eval_ro", b"script", b"function"))


def _head(request: Request) -> bytes:
    return _word(request, 0)


def _second(request: Request) -> bytes:
    return _word(request, 1)


def _word(request: Request, place: int) -> bytes:
    part = request.parts[place] if len(request.parts) > place else b""
    return part.lower() if isinstance(part, bytes) else b""


def request(*parts: Part | str) -> Request:
    """A request from bytes, text or symbols.

    >>> request("GET", b"k").parts
    (b'GET', b'k')
    """
    return Request(tuple(part.encode() if isinstance(part, str) else part for part in parts))


@frozen
class Step:
    """One write of one client, `wait` milliseconds after what came before.

    A step without requests waits for what the client gets when its own waiting ends.
    """

    client: int
    requests: tuple[Request, ...]
    wait: int = 0

    @property
    def watched(self) -> bool:
        """Whether a connection may be gone or silent behind it."""
        return any(request.watched for request in self.requests)

    @property
    def learns(self) -> bool:
        """Whether a request of it holds what only an earlier reply tells."""
        return any(request.learns for request in self.requests)


@frozen
class History:
    """Steps, and the protocol that the connections speak when it begins."""

    steps: tuple[Step, ...]
    protocol: int = 2

    @classmethod
    def of(cls, *lines: str, protocol: int = 2) -> History:
        """A history from lines as redis-cli takes them, one request after another; `2> GET k` is of the second client.

        Raises ValueError where quotes do not end.

        >>> [step.client for step in History.of("SET k 'a b'", "2> GET k").steps]
        [0, 1]
        """
        steps = []
        for line in lines:
            client, arrow, rest = line.partition(">")
            other = bool(arrow) and client.strip().isdigit()
            asked = Request(split(rest.strip() if other else line.strip()))
            steps.append(Step(int(client) - 1 if other else 0, (asked,)))
        return cls(tuple(steps), protocol)

    @property
    def mentions_clients(self) -> bool:
        """Whether a request of it may tell of connections."""
        return any(_head(request) == _CLIENT for step in self.steps for request in step.requests)

    @property
    def social(self) -> bool:
        """Whether one client's request may be felt by another, or answered later."""
        return any(request.social for step in self.steps for request in step.requests)

    @property
    def lasting(self) -> bool:
        """Whether it may leave behind what RESET does not undo."""
        return any(request.lasting for step in self.steps for request in step.requests)

    @property
    def keeps_code(self) -> bool:
        """Whether it may leave code behind, which FLUSHALL does not take away."""
        return any(_head(request) in _CODE for step in self.steps for request in step.requests)

    @property
    def configured(self) -> tuple[bytes, ...]:
        """The parameters that it may change, in small letters; FLUSHALL does not put them back."""
        found = (one.parts for step in self.steps for one in step.requests if _head(one) == b"config")
        names = (part.lower() for parts in found if len(parts) > 3 for part in parts[2:] if isinstance(part, bytes))
        return tuple(dict.fromkeys(names))

    @property
    def size(self) -> int:
        """How many requests it holds."""
        return sum(len(step.requests) for step in self.steps)

    @property
    def clients(self) -> tuple[int, ...]:
        """The clients that take part, in the order of their first step."""
        return tuple(dict.fromkeys(step.client for step in self.steps))

    def truncated(self, count: int, asked: int) -> History:
        """The first so many steps, the last of them with its first so many requests."""
        first = self.steps[:count]
        return evolve(self, steps=(*first[:-1], *(evolve(one, requests=one.requests[:asked]) for one in first[-1:])))


def steps_of(client: int, requests: Iterable[Request]) -> tuple[Step, ...]:
    """Each request as a step of its own."""
    return tuple(Step(client, (one,)) for one in requests)
