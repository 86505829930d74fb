"""What a run is asked to do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from attrs import frozen

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets.target import TIMEOUT

Anything = TypeVar("Anything")
ELSEWHERE = "that is another unit's part"
NOT_REACHED = "not reached within the budget"
# A rehearsal takes one of the ways that a server is free to take.
NOT_SHOWN = f"{NOT_REACHED}: the model came there as it rehearsed, and the server went another way, or was not asked"


@frozen
class Share:
    """The part of a search that one unit of work does: of whatever is numbered, each `of`-th from `number` on."""

    number: int = 0
    of: int = 1

    def has(self, place: int) -> bool:
        """Whether what has this number is in the share."""
        return place % self.of == self.number

    def at(self, place: int) -> int:
        """The number of the share's next one, of whatever is numbered, behind so many."""
        return self.number + place * self.of

    def part(self, several: Iterable[Anything]) -> Iterator[Anything]:
        """Those of several that are in the share; all are gone through."""
        return (one for number, one in enumerate(several) if self.has(number))


@frozen
class Options:
    """The command line's options, checked; `commands` and `groups` are empty for all."""

    profile: str | None = None
    protocols: tuple[int, ...] = (2, 3)
    commands: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    seed: int = 0
    budget: float = 60.0
    requests: int | None = None
    concurrent: int | None = None  # nothing but so many concurrent histories
    exhaustive: int | None = None  # nothing but every sequence of up to so many requests
    state: Path | None = None  # where a run keeps how far it is
    loose: bool = False
    destructive: bool = False
    timeout: float = TIMEOUT
    workers: int = 1  # processes that search at once; 0: as many as the cluster has workers
    engine: str | None = None  # the cluster that does it, dask://host:port
    share: Share = Share()

    def selected(self, names_and_groups: Iterable[tuple[str, str]]) -> frozenset[str]:
        """The names of the commands to be judged. Raises `CannotRun` for a command or group that does not exist."""
        known = dict(names_and_groups)
        groups = set(known.values())
        chosen = {
            name for name, group in known.items() if (not self.commands and not self.groups) or group in self.groups
        }
        for wanted in self.commands:
            found = [name for name in known if name == wanted or name.split("|")[0] == wanted]
            if not found:
                raise CannotRun(f"--commands: the profile has no command {wanted}")
            chosen.update(found)
        unknown = sorted(self.groups - groups)
        if unknown:
            raise CannotRun(f"--groups: no group {unknown[0]}; there are {', '.join(sorted(groups))}")
        return frozenset(chosen)
