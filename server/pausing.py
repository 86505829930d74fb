"""CLIENT PAUSE: for some time nobody's requests are executed, or none that write.

A request that must wait parks its client, as blocking commands do, and is dispatched anew once the pause is over, in
the order in which requests came.

Must live here: who waits, and how the pause ends.  Must not: how a request is checked (`dispatch`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

from redlark.server.timers import Timer, Timers

if TYPE_CHECKING:
    from redlark.server.interfaces import Client

# What writes nothing and is passed on to replicas all the same, or may write.
PASSED_ON: Final = frozenset((b"publish", b"spublish", b"pfcount", b"eval", b"evalsha", b"fcall"))


@attrs.define(slots=True, eq=False)
class Pause:
    """Whether there is one, and who waits for its end."""

    timers: Timers
    everything: bool = False  # or only what writes
    held: dict[Client, list[bytes]] = attrs.Factory(dict)  # with the request of each, in their order
    _until: int = 0
    _timer: Timer | None = None

    @property
    def is_on(self) -> bool:
        """Is there a pause?"""
        return self._timer is not None

    def begin(self, until: int, everything: bool, end: Callable[[], None]) -> None:
        """Pause until a moment (ms), or until that of a pause that is on already if it is later; then call `end`."""
        if self._timer is not None:
            self.timers.cancel(self._timer)
            until = max(until, self._until)
        self._until, self.everything = until, everything
        self._timer = self.timers.at(until, end)

    def over(self) -> dict[Client, list[bytes]]:
        """There is no pause any more; who has waited for its end."""
        if self._timer is not None:
            self.timers.cancel(self._timer)
            self._timer = None
        held, self.held = self.held, {}
        return held

    def hold(self, client: Client, request: list[bytes]) -> None:
        """It waits."""
        client.parked = True
        self.held[client] = request
