"""A hint: histories to try for some differences, as lines; what must not live here: what to try."""

from __future__ import annotations

from attrs import frozen


@frozen
class Hint:
    """Histories for the differences whose id has this pattern; each is lines as typed into redis-cli.

    `2> GET k` is another client's request, and `3 ms later GET k` comes after a pause; `2<` is what a client gets when
    its own waiting ends.
    """

    pattern: str
    histories: tuple[tuple[str, ...], ...]
    config: tuple[tuple[str, str], ...] = ()
