"""Faults, seeded between the judge and Redlark's own server: each is a mistake that a real server could have.

A fault is a function of a link (one client's connection to the server behind) and a request, and gives the reply. What
it does not care about it passes on. The table is what the tests walk over; the groups are whose commands are asked,
since a wrong effect is seen by whatever reads it first. Most faults change what is asked (`asks`) or what is answered
(`answers`); the others are written out.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable

from attrs import frozen

from redlark.reference.resp import frame as decoded

from ..proxy import Link

Handler = Callable[[Link, tuple[bytes, ...]], bytes]
Request = tuple[bytes, ...]
Asked = Callable[[Request], Request | None]  # None: as it was
Answered = Callable[[bytes, Request], bytes | None]

SPINE = ("string", "generic", "transactions", "connection")
MODULES = (
    "strings", "keys", "sessions", "lists", "sets", "hashes", "sorted_sets", "streams", "bits", "places", "scripts",
    "iterations",
)  # fmt: skip


@frozen
class Fault:
    """A mistake: its name, how a server behaves that makes it, and of which groups commands are asked."""

    name: str
    handle: Handler
    groups: tuple[str, ...] = SPINE


FAULTS: list[Fault] = []


def fault(name: str, *groups: str) -> Callable[[Handler], Handler]:
    """Enter a function into the table."""

    def enter(handle: Handler) -> Handler:
        FAULTS.append(Fault(name, handle, groups or SPINE))
        return handle

    return enter


def asks(name: str, group: str, commands: str, change: Asked) -> None:
    """Enter a fault that takes a request of some commands for another one."""
    names = tuple(commands.encode().split())

    def handle(link: Link, request: Request) -> bytes:
        other = change(request) if called(request, *names) else None
        if other is None:
            return link.ask(*request)
        raw = link.ask(*other)
        return raw.replace(b"'%b'" % other[0].lower(), b"'%b'" % request[0].lower())

    FAULTS.append(Fault(name, handle, (group,)))


def answers(name: str, group: str, commands: str, change: Answered, *, errors: bool = False) -> None:
    """Enter a fault that answers some commands otherwise, or only refuses (`errors`) them in other words."""
    names = tuple(commands.encode().split())

    def handle(link: Link, request: Request) -> bytes:
        raw = link.ask(*request)
        if not called(request, *names) or (raw[:1] == b"-") != errors or raw == b"+QUEUED\r\n":
            return raw
        other = change(raw, request)
        return raw if other is None else other

    FAULTS.append(Fault(name, handle, (group,)))


def called(request: Request, *names: bytes) -> bool:
    """Whether a request is of one of these commands."""
    return bool(request) and request[0].upper() in names


def integer(raw: bytes) -> int | None:
    """The number that a reply holds, if it is one."""
    return int(raw[1:-2]) if raw[:1] == b":" else None


def has(request: Request, word: bytes, behind: int = 3) -> bool:
    """Whether an option is given."""
    return word in (part.upper() for part in request[behind:])


def without(request: Request, word: bytes, more: int = 0) -> Request | None:
    """The request without an option, and so many words behind it; None where it has none."""
    for place, part in enumerate(request):
        if place > 1 and part.upper() == word:
            return (*request[:place], *request[place + 1 + more :])
    return None


def instead(request: Request, word: bytes, other: bytes) -> Request | None:
    """The request with another option for one; None where it has none."""
    if not has(request, word, 2):
        return None
    return (*request[:2], *(other if part.upper() == word else part for part in request[2:]))


def with_word(request: Request, place: int, change: Callable[[int], int]) -> Request | None:
    """The request with another number at a place; None where there stands none."""
    if len(request) <= place or not re.fullmatch(rb"-?[0-9]{1,9}", request[place]):
        return None
    return (*request[:place], b"%d" % change(int(request[place])), *request[place + 1 :])


def number(raw: bytes, change: Callable[[int], int]) -> bytes | None:
    """Another number for the one that a reply holds."""
    held = integer(raw)
    return None if held is None else b":%d\r\n" % change(held)


def text(raw: bytes, change: Callable[[bytes], bytes]) -> bytes | None:
    """Another text for the one that a reply holds."""
    if raw[:1] != b"$" or raw[1:2] == b"-":
        return None
    other = change(raw.split(b"\r\n", 1)[1][:-2])
    return b"$%d\r\n%b\r\n" % (len(other), other)


def elements(raw: bytes, change: Callable[[list[bytes]], list[bytes]], kinds: bytes = b"*~") -> bytes | None:
    """Other elements, raw as they are, for those of an array or set; None where it is none, or empty."""
    frame = decoded(raw)
    if frame.kind not in [kinds[place : place + 1] for place in range(len(kinds))] or not frame.value:
        return None
    parts = change([part.raw for part in frame.value])
    return b"%b%d\r\n%b" % (frame.kind, len(parts), b"".join(parts))


LAYERS: dict[str, str] = {}  # of each fault, the module in which it stands
for module in MODULES:
    importlib.import_module(f"{__name__}.{module}")
    for one in FAULTS[len(LAYERS) :]:
        LAYERS[one.name] = module.replace("_", " ")
