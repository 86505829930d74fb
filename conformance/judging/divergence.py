"""What a run of a history found: the exchanges that led to a reply which the text does not allow."""

from __future__ import annotations

from attrs import evolve, frozen

from redlark.conformance.history import History
from redlark.reference.resp import Frame
from redlark.reference.transcript import printed

RESET, PING = (b"RESET",), (b"PING",)  # what the judge itself sends before and after a history


@frozen
class Exchange:
    """One request as it was sent, and the frame that answered it (None: none was due, or none came).

    A frame that came unasked has an empty request. `when` is between which moments, in Unix milliseconds by the
    server's clock, the request was performed.
    """

    client: int
    request: tuple[bytes, ...]
    reply: Frame | None
    when: tuple[int, int] | None = None

    @property
    def shown(self) -> str | None:
        """The reply as redis-cli prints it."""
        return None if self.reply is None else printed(self.reply.raw)


@frozen
class Divergence:
    """What the text does not allow: the last exchange, the rules that would have applied, and how it came to it.

    Running `history` as it stands has shown it. `reached` is how many steps of it had begun by then, and how many
    requests of the last of them can have mattered; None where that is not known.
    """

    command: str
    rules: tuple[str, ...]
    allowed: tuple[str, ...]
    seen: str
    raw: bytes
    exchanges: tuple[Exchange, ...]
    asked: int  # how many of the exchanges, the last ones, are the history's own and not the greeting
    history: History
    reached: tuple[int, int] | None = None

    @property
    def cut(self) -> History:
        """The history without what was to come behind; of one whose greeting diverged a request is left, to meet it.

        Exchanges do not tell how far that is: some are no request of the history, and what is asked on a connection
        that the server may have closed has none. Of a step that had only paused, the pause is left.
        """
        if self.reached is None:
            return self.history
        begun, asked = self.reached
        if not begun:
            begun = next((number for number, step in enumerate(self.history.steps, 1) if step.requests), 0)
            return evolve(self.history, steps=self.history.truncated(begun, 1).steps[-1:])
        return self.history.truncated(begun, asked)

    @property
    def lost(self) -> bool:
        """Whether no frame came: the connection closed, fell silent, or spoke no RESP."""
        return not self.raw

    @property
    def signature(self) -> tuple[str, tuple[str, ...], str]:
        """Two divergences with the same signature are taken for the same fault."""
        digest = self.raw[:1].decode("latin-1") if self.raw else self.seen
        return self.command, self.rules, digest


def unknown(raw: bytes) -> bool:
    """Whether a reply says that there is no such command, or no such subcommand."""
    return raw.lower().startswith((b"-err unknown command", b"-err unknown subcommand"))
