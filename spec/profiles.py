"""Profiles: which product and version a text is read for, and when a guard holds.

What must live here: the list of profiles and the one rule by which versions of two products compare. Valkey
left Redis after 7.2, so a bare ``since 7.4`` does not hold for it: ``since 7.4 or valkey 9.0`` says both.
"""

from __future__ import annotations

import re

from attrs import frozen

from redlark.spec.syntax import Guard, Version

FORK = (7, 2)  # the last Redis version whose changes Valkey has: Valkey 7.2 is Redis 7.2.4


@frozen
class Profile:
    """A product at a version, such as ``redis-8.2``; it makes one exact model of the text."""

    name: str
    product: str
    version: tuple[int, ...]

    def holds(self, guard: Guard | None) -> bool:
        """Whether a guarded part of the text belongs to this profile; an absent guard always holds."""
        if guard is None:
            return True
        if guard.kind == "between":
            first, last = guard.versions
            return self.reached(first) and not self.reached(last)
        some = any(self.reached(version) for version in guard.versions)
        return not some if guard.kind == "until" else some

    def reached(self, version: Version) -> bool:
        """Whether this profile is at or beyond a version."""
        number = version.number
        if version.product is not None:
            return self.product == version.product and self.version >= number[: len(self.version)]
        if self.product == "redis":
            return self.version >= number[: len(self.version)]
        return number[: len(FORK)] <= FORK


def _profile(name: str) -> Profile:
    product, _, version = name.partition("-")
    return Profile(name, product, tuple(int(part) for part in version.split(".")))


PROFILES: dict[str, Profile] = {
    name: _profile(name)
    for name in (
        "redis-6.2", "redis-7.0", "redis-7.2", "redis-7.4", "redis-8.0", "redis-8.2", "valkey-8.1", "valkey-9.1",
    )
}  # fmt: skip

DEFAULT = "redis-8.2"


def profile(name: str) -> Profile:
    """The profile of that name; raises ValueError, naming those there are."""
    try:
        return PROFILES[name]
    except KeyError:
        raise ValueError(f"no profile {name!r}; choose one of {', '.join(PROFILES)}") from None


def recognise(product: str, version: str) -> Profile:
    """The profile nearest to a server's own version: the latest one that is not newer, else the oldest.

    >>> recognise("redis", "8.2.3").name
    'redis-8.2'
    >>> recognise("valkey", "9.0.1").name
    'valkey-8.1'
    """
    numbers = tuple(int(part) for part in re.findall(r"\d+", version)[:2]) or (0,)
    known = sorted((p for p in PROFILES.values() if p.product == product), key=lambda p: p.version)
    if not known:
        raise ValueError(f"no profile for the product {product!r}; choose one of {', '.join(PROFILES)} with --profile")
    return max((p for p in known if p.version <= numbers), key=lambda p: p.version, default=known[0])
