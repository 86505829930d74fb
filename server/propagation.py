"""What changes, in words by which others may do the same: on this replicas and the append-only file build.

Theory of operation.  While anybody listens, every request that writes goes through Python, and each database tells of
its changes (`Database.tracker`).  Where a command that writes has run, its effect is what it said by
`Context.propagate`, or if it said nothing and something changed, the request itself.  A key whose time is over, or that
is evicted, is a DEL (told by the next cron, if a hot command has met it).  What one request has done (a whole EXEC, a
script, the work of one cron) is one unit: a listener gets its effects at once, and should pass them on as a transaction
if they are several.  Who is woken does so in a unit of its own, behind.

Must live here: what is told, to whom, and when.  Must not: which words a command is told in, which is the command's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import attrs

if TYPE_CHECKING:
    from redlark.server.interfaces import Command
    from redlark.server.state import State

TO_FILE, TO_REPLICAS = 1, 2
EVERYBODY: Final = TO_FILE | TO_REPLICAS


@attrs.frozen(slots=True)
class Effect:
    """A request that repeats what was done, in one database, and for whom it is meant (`redis.set_repl`)."""

    index: int
    request: list[bytes]
    targets: int = EVERYBODY


Listener = Callable[[list[Effect]], None]


@attrs.define(slots=True, eq=False)
class Propagation:
    """The effects of one server's requests."""

    server: State
    on: bool = False
    targets: int = EVERYBODY  # of what is told now
    _listeners: list[Listener] = attrs.Factory(list)
    _changes: int = 0
    _said: bool = False  # the command that runs has told its effects itself
    _unit: list[Effect] = attrs.Factory(list)

    def listen(self, listener: Listener) -> None:
        """Tell a function of every unit from now on.  Called on the server's own thread, or before it runs."""
        self._listeners.append(listener)
        self._switch()

    def leave(self, listener: Listener) -> None:
        """Tell it no more."""
        self._listeners.remove(listener)
        self._switch()

    def _switch(self) -> None:
        self.on = bool(self._listeners)
        self.server.configured()

    def changed(self) -> None:
        """Something has changed."""
        self._changes += 1

    def tell(self, index: int, request: list[bytes]) -> None:
        """Something was done that no command says."""
        if self.on:
            self._unit.append(Effect(index, request, self.targets))

    def say(self, index: int, request: list[bytes]) -> None:
        """What the command that runs has done, or with no words that it has done nothing."""
        self._said = True
        if request:
            self._unit.append(Effect(index, request, self.targets))

    def unsaid(self, changes: int) -> None:
        """What has changed since `begin` was not the command's doing."""
        self._changes = changes

    @property
    def changes(self) -> int:
        """How often something has changed."""
        return self._changes

    def begin(self) -> int:
        """A command is about to run; what `end` wants of it."""
        self._said = False
        return self._changes

    def end(self, changes: int, command: Command, index: int, request: list[bytes]) -> None:
        """A command has run that did not fail."""
        if not self._said and self._changes != changes and (command.write or command.may_replicate):
            self._unit.append(Effect(index, request, self.targets))

    def finish(self) -> None:
        """A unit is whole."""
        if self._unit:
            unit, self._unit = self._unit, []
            for listener in list(self._listeners):
                listener(unit)


@attrs.define(slots=True, eq=False)
class Told:
    """What a database calls of each change of a key, in the place of the tracker itself (`Database.tracker`)."""

    server: State
    index: int

    def __call__(self, key: bytes, expired: bool) -> None:
        if expired:
            self.server.propagation.tell(self.index, [b"DEL", key])
        else:
            self.server.propagation.changed()
        if self.server.tracking.on:
            self.server.tracking.changed(key, expired)

    def ended(self, key: bytes, fields: list[bytes], changes: int) -> None:
        """Fields of a hash have expired, which since so many changes was all that has changed."""
        for field in fields:
            self.server.propagation.tell(self.index, [b"HDEL", key, field])
        self.server.propagation.unsaid(changes)
        if self.server.tracking.on:
            self.server.tracking.changed(key, True)
