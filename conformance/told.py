"""What other processes found, as they told it: findings, crowds, and how a search was spread.

What must live here: the shapes of data that came as JSON, with the words that reports and displays use for the same
things found in this process. How they were merged is ``merging.py``'s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen


@frozen
class ToldFinding:
    """A divergence as a report's JSON has it; the words are those of `report.Finding`."""

    command: str
    told: Mapping[str, Any]

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that would have applied."""
        return tuple(self.told["rules"])

    @property
    def allowed(self) -> tuple[str, ...]:
        """The replies that the text allows."""
        return tuple(self.told["allowed"])

    @property
    def seen(self) -> str:
        """What the server did instead."""
        return str(self.told["seen"])

    @property
    def paste(self) -> str:
        """The requests as lines for redis-cli."""
        return str(self.told["transcript"])

    @property
    def protocol(self) -> int:
        """Which RESP the connection spoke that got the reply."""
        return int(self.told["protocol"])

    @property
    def pipelined(self) -> bool:
        """Whether some of the requests must travel in one write."""
        return bool(self.told["pipelined"])

    @property
    def reproduced(self) -> bool:
        """Whether it came again when the requests were repeated."""
        return bool(self.told["reproduced"])

    @property
    def setup(self) -> str | None:
        """The set-up of the server that showed it."""
        return None if self.told["setup"] is None else str(self.told["setup"])

    @property
    def known(self) -> str:
        """The reason for which a baseline accepts it, if one does."""
        return str(self.told.get("known", ""))

    def as_json(self) -> dict[str, Any]:
        """The finding as the report's JSON has it."""
        return dict(self.told)


@frozen
class ToldContradiction:
    """What several clients saw and no order explains, as a report's JSON has it."""

    told: Mapping[str, Any]

    def picture(self) -> str:
        """A line for each operation."""
        return str(self.told["picture"])


@frozen
class ToldCrowd:
    """What the clients of several processes saw, as a report's JSON has it."""

    told: Mapping[str, Any]

    @property
    def clients(self) -> int:
        """How many clients asked at once."""
        return int(self.told["clients"])

    @property
    def histories(self) -> int:
        """How many histories were run."""
        return int(self.told["histories"])

    @property
    def requests(self) -> int:
        """How many requests they held."""
        return int(self.told["requests"])

    @property
    def undecided(self) -> int:
        """Histories whose search for an order was given up."""
        return int(self.told["undecided"])

    @property
    def contradictions(self) -> Sequence[ToldContradiction]:
        """What no order explains."""
        return [ToldContradiction(one) for one in self.told["contradictions"]]

    @property
    def lost(self) -> str:
        """What the server did instead of answering, if it did."""
        return str(self.told["lost"])

    @property
    def diverges(self) -> bool:
        """Whether they found what must not be."""
        return bool(self.told["contradictions"] or self.lost)

    def as_json(self) -> dict[str, Any]:
        """What they found as the report's JSON has it."""
        return dict(self.told)


@frozen
class Spread:
    """How a search was spread: over what, in how many units of work, and how many of them had to be done again."""

    engine: str
    workers: int
    units: int
    merged: int  # units whose outcome is in the report
    again: int  # attempts at units that died and were begun anew

    def as_json(self) -> dict[str, Any]:
        """The same as the report's JSON has it."""
        return {
            "engine": self.engine,
            "workers": self.workers,
            "units": self.units,
            "merged": self.merged,
            "again": self.again,
        }
