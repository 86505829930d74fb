"""What loops and quantifiers walk over: the members of a domain, or of several side by side.

What must not live here: what is done with each member (``steps.py``, ``expressions.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from immutables import Map

from redlark.reference.scope import Frame
from redlark.reference.source import Closure


def bind(v: Frame, slot: int, domain: Any) -> Iterator[None]:
    """Walks over a domain, its members one by one in a slot."""
    for member in members(domain):
        v[slot] = member
        yield


def members(value: Any) -> Any:
    """A text's members are its single bytes; other collections' are their own."""
    if isinstance(value, bytes):
        return [value[i : i + 1] for i in range(len(value))]
    return tuple(value)


def rows(domains: list[Closure], width: int, v: Frame) -> Any:
    """What a loop walks over: several domains side by side, or one whose elements are taken apart."""
    if len(domains) == 1:
        domain = domains[0](v)
        if width > 1:
            return tuple(domain.items()) if isinstance(domain, Map) else tuple(domain)
        return [(member,) for member in members(domain)]
    return list(zip(*(members(domain(v)) for domain in domains), strict=True))
