"""Who is told how a campaign goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from redlark.conformance.campaign import Campaign
    from redlark.conformance.report import Finding


class Listener(Protocol):
    """Who wants to know how the campaign goes."""

    def phase(self, text: str) -> None: ...
    def tick(self, campaign: Campaign) -> None: ...
    def found(self, finding: Finding) -> None: ...


class Silent:
    """A listener that does not care."""

    def phase(self, text: str) -> None: ...
    def tick(self, campaign: Campaign) -> None: ...
    def found(self, finding: Finding) -> None: ...
