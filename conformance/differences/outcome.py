"""What was seen of a difference, as lines: one history, and where two servers differ, what each of them said.

What must live here: how an outcome is told, for a terminal, for `--json` and for docs/versions.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from redlark.conformance.differences.sight import Outcome, Said, Sight
from redlark.reference.transcript import command_line, printed

LONG = 14  # lines of a reply that are shown
WIDE = 300  # characters of a line


def circumstances(outcome: Outcome) -> Iterator[str]:
    """What must be known beside the transcript: how the servers were started, and what else it takes."""
    witness = outcome.witness
    if witness is None:
        return
    if witness.config:
        yield "with " + ", ".join(f"`{name} {value}`" for name, value in witness.config.items())
    if witness.others:
        yield "together with " + ", ".join(f"`{name.replace('|', ' ')}`" for name in witness.others)
    if witness.lacking and outcome.seen:
        yield f"{witness.lacking}: what follows tells what the other one does"
    pauses = [step.wait for step in witness.history.steps if step.wait]
    if pauses and outcome.seen:
        yield f"with a pause of {max(pauses)} ms"


def transcript(outcome: Outcome) -> list[str]:
    """The history as two redis-cli sessions in one: what both servers said is told once."""
    if not outcome.sights:
        return []
    first, second = outcome.sights
    lines: list[str] = []
    if outcome.witness is not None and outcome.witness.history.protocol == 3:
        lines.append("(RESP3)")
    for one, other in aligned(first.said, second.said):
        said = one or other
        assert said is not None
        if said.request:
            lines.append(f"{_prompt(said)} {_short(command_line(said.request))}")
        else:
            lines.append(f"{said.client + 1}<")
        lines += _replies(first.server, one, second.server, other)
    if outcome.witness is not None and outcome.witness.channel != "reply":
        lines += _told(outcome)
    return lines


def aligned(first: Sequence[Said], second: Sequence[Said]) -> Iterator[tuple[Said | None, Said | None]]:
    """What two servers said side by side; None where one of them said nothing.

    Requests are the same for both, up to where one was asked no more; frames that came unasked need not be.
    """
    ours, theirs = list(first), list(second)
    while ours or theirs:
        unasked = bool(ours) and not ours[0].request, bool(theirs) and not theirs[0].request
        if unasked[0] == unasked[1] or not (ours and theirs):
            yield ours.pop(0) if ours else None, theirs.pop(0) if theirs else None
        elif unasked[0]:
            yield ours.pop(0), None
        else:
            yield None, theirs.pop(0)


def _told(outcome: Outcome) -> Iterator[str]:
    what = "tells replicas" if outcome.witness and outcome.witness.channel == "propagated" else "notifies of"
    for sight in outcome.sights:
        said = "; ".join(_short(command_line(words)) for words in sight.told) or "nothing"
        yield f"{sight.server} {what}: {said}"


def _prompt(one: Said) -> str:
    return f"{one.client + 1}>" if one.client else ">"


def _replies(first: str, one: Said | None, second: str, other: Said | None) -> list[str]:
    ours, theirs = (["(nothing)"] if each is None else _reply(each.reply) for each in (one, other))
    if ours == theirs and one is not None and other is not None:
        raw = one.reply, other.reply
        if raw[0] != raw[1] and None not in raw:  # redis-cli prints both alike
            return [f"{name}: {_short(repr(each)[1:])}" for name, each in zip((first, second), raw, strict=True)]
        return ours
    width = max(len(first), len(second)) + 2
    return [*_labelled(f"{first}:".ljust(width), ours), *_labelled(f"{second}:".ljust(width), theirs)]


def _labelled(label: str, lines: Sequence[str]) -> list[str]:
    return [(label if not number else " " * len(label)) + line for number, line in enumerate(lines)]


def _reply(raw: bytes | None) -> list[str]:
    if raw is None:
        return ["(waits)"]
    lines = [_short(line) for line in printed(raw).split("\n")]
    return lines if len(lines) <= LONG else [*lines[: LONG - 1], f"... ({len(lines) - LONG + 1} lines more)"]


def _short(text: str) -> str:
    return text if len(text) <= WIDE else f"{text[:WIDE]}... ({len(text)} characters)"


def as_data(outcome: Outcome) -> dict[str, Any]:
    """An outcome as `--json` has it."""
    witness = outcome.witness
    return {
        "seen": outcome.seen,
        "reason": outcome.reason,
        "channel": witness.channel if witness else None,
        "alone": witness.exact if witness else None,
        "config": dict(witness.config) if witness else {},
        "with": list(witness.others) if witness else [],
        "lacking": witness.lacking if witness else "",
        "servers": {sight.server: _sight(sight) for sight in outcome.sights},
    }


def _sight(sight: Sight) -> dict[str, Any]:
    return {
        "exchanges": [
            {
                "client": one.client + 1,
                "request": command_line(one.request),
                "reply": printed(one.reply) if one.reply is not None else None,
                "raw": one.reply.decode("latin-1") if one.reply is not None else None,
            }
            for one in sight.said
        ],
        "told": [command_line(words) for words in sight.told],
    }


def count(outcomes: Iterable[Outcome]) -> tuple[int, int]:
    """How many were seen, of how many."""
    rows = list(outcomes)
    return sum(1 for one in rows if one.seen), len(rows)
