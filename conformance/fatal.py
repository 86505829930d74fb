"""Histories that a server of some version would not survive, so that they are not run on it: see docs/findings.md.

A finding that ends a run is worth telling once; after that it hides what a longer run would find. What is left out is
counted in the report. Must not live here: what is never sent to any server (the text says that of its commands).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING

from redlark.conformance.history import History

if TYPE_CHECKING:
    from redlark.conformance.campaign import Campaign

_EXPIRING = (b"hexpire", b"hpexpire", b"hsetex", b"hgetex")
_ELSEWHERE = (b"rename", b"eval", b"fcall", b"script", b"function")  # behind which a key may have another name


def _requests(history: History) -> Iterator[list[bytes]]:
    """The words of each request in small letters, scripts among them."""
    for step in history.steps:
        for one in step.requests:
            yield [part.lower() for part in one.parts if isinstance(part, bytes)]


def _draws_from_no_fields(history: History) -> bool:
    """HRANDFIELD of what COPY has made of a hash whose fields may all be over."""
    asked = list(_requests(history))
    words = b" ".join(word for request in asked for word in request)
    if not (b"hrandfield" in words and b"copy" in words and any(name in words for name in _EXPIRING)):
        return False
    copies = {request[2] for request in asked if request[:1] == [b"copy"] and len(request) > 2}
    drawn = {request[1] for request in asked if request[:1] == [b"hrandfield"] and len(request) > 1}
    return not copies.isdisjoint(drawn) or any(name in words for name in _ELSEWHERE)


FATAL: Mapping[str, Callable[[History], bool]] = {"valkey-9.1": _draws_from_no_fields}


def is_fatal(profile: str, history: History) -> bool:
    """Whether a server that is held to this profile may not survive a history."""
    ends = FATAL.get(profile)
    return ends is not None and ends(history)


def survives(campaign: Campaign, history: History) -> bool:
    """Whether a campaign's server survives a history, as far as is known; one that it may not is counted."""
    ends = is_fatal(campaign.choice.profile, history)
    campaign.passed_over += ends
    return not ends
