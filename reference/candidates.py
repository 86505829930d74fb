"""Which members of a domain a choice tries: those that an observed reply suggests, or all of them.

What must live here: that question alone; what a domain holds is said where the domain is (`functions`, primitives).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redlark.reference.replies import member_of
from redlark.reference.resp import Frame

MAX_CANDIDATES = 4096  # the bound of an enumerated choice; more is an error of the text
SMALL = 8  # a domain of so few members is enumerated even if the reply does not show which


def candidates_of(domain: Any, observed: Frame | None) -> Sequence[Any]:
    """The members of a domain that an observed reply suggests; all of them where nothing was observed."""
    leaves = None if observed is None else observed.leaves()
    suggest: Callable[[list[Any]], Iterable[Any]] | None = getattr(domain, "candidates", None)
    if suggest is not None:
        found = list(suggest(leaves)) if leaves is not None else list(domain.all(MAX_CANDIDATES))
    elif hasattr(domain, "describe"):
        found = [member_of(domain)]  # nothing else hangs on which one it is: the reply's comparison tests it
    else:
        members = sorted(domain) if type(domain) is frozenset else tuple(domain)  # a set's order is its process's
        found = list(members) if leaves is None or len(members) <= SMALL else [m for m in members if m in leaves]
    if len(found) > MAX_CANDIDATES:
        raise OverflowError(f"a choice among {len(found)} candidates; the bound is {MAX_CANDIDATES}")
    return found


def are_all(domain: Any, found: Sequence[Any]) -> bool:
    """Whether these, which a domain offers where nothing was observed, are all its members and no mere examples.

    A domain that offers some tells by ``whole``; one that is only walked over offers all.
    """
    whole = getattr(domain, "whole", None)
    return not hasattr(domain, "all") if whole is None else bool(whole(found))


def perhaps_unseen(domain: Any, hinted: Sequence[Any]) -> Sequence[Any]:
    """A script's choices, which its reply need not show: all of them where they are few, those hinted at first."""
    if not hinted or len(hinted) <= SMALL:
        found = [member for member in candidates_of(domain, None)[: 2 * SMALL] if member not in hinted]
        if not hinted or len(found) < 2 * SMALL:
            return [*hinted, *found]
    return hinted
