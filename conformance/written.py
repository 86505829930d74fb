"""A history as lines that people read, keep and change, and back again without loss.

A line is one write of one client: `2> SET k "a b" ; GET k` (two requests in one write of the second client), of the
first client where no number stands before it. `(after 5 ms)` is a pause before it, `(waits)` a write of nothing. What
only a run can know stands in angle brackets: `<ms:+500>` and `<s:+500>` (Unix time, so many milliseconds from then, in
milliseconds or seconds), `<cursor>`, `<dump:flip:3>`, `<id:2>`, `<address:2>` (of the second client). An argument that
could be taken for one of these is quoted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from redlark.conformance import payloads
from redlark.conformance.history import (
    ClientAddress,
    ClientId,
    Cursor,
    Dumped,
    History,
    Moment,
    Part,
    Request,
    Step,
)
from redlark.reference.resp import quote as quoted
from redlark.reference.transcript import quote, split

_CLIENT = re.compile(r"(\d{1,9})>(?: |$)")
_PAUSE = re.compile(r"\(after (\d{1,9}) ms\)(?: |$)")
_WORD = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|\S+)""", re.DOTALL)
_TAKEN = re.compile(rb";|[<(].*|\d{1,9}>", re.DOTALL)  # arguments that would be read as something else
NOTHING = "(waits)"


def lines(history: History) -> list[str]:
    """The steps of a history, a line each.

    >>> lines(history(["SET k v", "2> (after 5 ms) GET k ; TTL k"]))
    ['SET k v', '2> (after 5 ms) GET k ; TTL k']
    """
    return [_line(step) for step in history.steps]


def _line(step: Step) -> str:
    client = f"{step.client + 1}> " if step.client else ""
    pause = f"(after {step.wait} ms) " if step.wait else ""
    return client + pause + (" ; ".join(" ".join(map(_part, one.parts)) for one in step.requests) or NOTHING)


def _part(part: Part) -> str:
    match part:
        case bytes():
            return quoted(part) if _TAKEN.fullmatch(part) else quote(part)
        case Moment(offset=offset, seconds=seconds):
            return f"<{'s' if seconds else 'ms'}:{offset:+d}>"
        case Cursor():
            return "<cursor>"
        case Dumped(change=change, place=place):
            return f"<dump:{change.replace(' ', '_')}:{place}>"
        case ClientId(client=client):
            return f"<id:{client + 1}>"
        case ClientAddress(client=client):
            return f"<address:{client + 1}>"


def history(rows: Sequence[str], protocol: int = 2) -> History:
    """The history that was written so. Raises ValueError for a line that is none."""
    return History(tuple(_step(row) for row in rows), protocol)


def _step(row: str) -> Step:
    client, wait, rest = 0, 0, row.strip()
    if found := _CLIENT.match(rest):
        client, rest = int(found[1]) - 1, rest[found.end() :].lstrip()
        if client < 0:
            raise ValueError(f"clients are counted from 1: {row}")
    if found := _PAUSE.match(rest):
        wait, rest = int(found[1]), rest[found.end() :].lstrip()
    if rest == NOTHING:
        return Step(client, (), wait)
    requests: list[list[Part]] = [[]]
    for word in _words(rest, row):
        if word == ";":
            requests.append([])
        else:
            requests[-1].append(_read(word, row))
    if not all(requests):
        raise ValueError(f"a request is missing: {row}")
    return Step(client, tuple(Request(tuple(parts)) for parts in requests), wait)


def _words(rest: str, row: str) -> list[str]:
    words, place = [], 0
    while place < len(rest):
        found = _WORD.match(rest, place)
        if found is None or (found[1][0] in "\"'" and rest[found.end() :][:1].strip()):
            raise ValueError(f"a quote is not closed, or something stands right behind it: {row}")
        words.append(found[1])
        place = found.end()
    return words


def _read(word: str, row: str) -> Part:
    if word[0] not in "<(":
        parts = split(word)
        if len(parts) != 1:
            raise ValueError(f"not an argument: {word} in {row}")
        return parts[0]
    name, _, rest = word.strip("<>").partition(":")
    try:
        match name:
            case "ms" | "s":
                return Moment(int(rest), name == "s")
            case "cursor" if not rest:
                return Cursor()
            case "dump":
                change, _, place = rest.rpartition(":")
                if change.replace("_", " ") in payloads.CHANGES:
                    return Dumped(change.replace("_", " "), int(place))
            case "id":
                return ClientId(int(rest) - 1)
            case "address":
                return ClientAddress(int(rest) - 1)
    except ValueError:
        pass
    raise ValueError(f"{word} stands for nothing that is known; an argument that begins so is quoted: {row}")
