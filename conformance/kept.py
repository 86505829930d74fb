"""Witnesses that are kept: for each pair of profiles, what was found to show a difference, as JSON beside this module.

Theory of operation. A search takes minutes, a look at two real servers seconds: what was seen once is looked at again
first. What is kept proves nothing, neither about the text (the models are asked again) nor about servers. What must
not live here: the search.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redlark.conformance.history import (
    ClientAddress,
    ClientId,
    Cursor,
    Dumped,
    History,
    Moment,
    Part,
    Request,
    Step,
)
from redlark.conformance.witness import Witness

FILE = Path(__file__).with_name("witnesses.json")


def load(first: str, second: str) -> dict[str, Witness]:
    """The kept witnesses of a pair, by the ids of the differences that they show; none of a pair that was not kept."""
    data = json.loads(FILE.read_text()) if FILE.is_file() else {}
    return {name: read(one) for name, one in data.get(f"{first} {second}", {}).items()}


def pairs() -> list[tuple[str, str]]:
    """The pairs of profiles of which witnesses are kept."""
    data = json.loads(FILE.read_text()) if FILE.is_file() else {}
    return [(first, second) for first, second in map(str.split, sorted(data))]


def store(pairs: Mapping[tuple[str, str], Mapping[str, Witness]]) -> None:
    """Keep these witnesses, and those of other pairs that are kept already."""
    data = json.loads(FILE.read_text()) if FILE.is_file() else {}
    for (first, second), witnesses in pairs.items():
        data[f"{first} {second}"] = {name: written(one) for name, one in sorted(witnesses.items())}
    rows = []
    for pair, ones in sorted(data.items()):
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(one)}" for name, one in ones.items())
        rows.append(f" {json.dumps(pair)}: {{\n{lines}\n }}")
    FILE.write_text("{\n" + ",\n".join(rows) + "\n}\n")


def written(one: Witness) -> dict[str, Any]:
    """A witness as JSON has it."""
    told: dict[str, Any] = {
        "steps": [
            [step.client, step.wait, *([_part_written(part) for part in asked.parts] for asked in step.requests)]
            for step in one.history.steps
        ]
    }
    more = {
        "protocol": (one.history.protocol, 2), "channel": (one.channel, "reply"), "alone": (one.exact, True),
        "config": (dict(one.config), {}), "with": (list(one.others), []), "lacking": (one.lacking, ""),
        "late": (one.late, False),
    }  # fmt: skip
    return told | {name: value for name, (value, usual) in more.items() if value != usual}


def read(told: Mapping[str, Any]) -> Witness:
    """The witness that was written so."""
    steps = (
        Step(client, tuple(Request(tuple(map(_part_read, parts))) for parts in requests), wait)
        for client, wait, *requests in told["steps"]
    )
    return Witness(
        History(tuple(steps), told.get("protocol", 2)),
        told.get("channel", "reply"),
        told.get("alone", True),
        told.get("config", {}),
        tuple(told.get("with", ())),
        told.get("late", False),
        told.get("lacking", ""),
    )


def _part_written(part: Part) -> Any:
    match part:
        case bytes():
            return part.decode("latin-1")
        case Moment(offset=offset, seconds=seconds):
            return {"moment": offset, "seconds": seconds}
        case Cursor():
            return {"cursor": True}
        case Dumped(change=change, place=place):
            return {"dumped": change, "place": place}
        case ClientId(client=client):
            return {"id": client}
        case ClientAddress(client=client):
            return {"address": client}


def _part_read(told: Any) -> Part:
    match told:
        case str():
            return told.encode("latin-1")
        case {"moment": offset, "seconds": seconds}:
            return Moment(offset, seconds)
        case {"cursor": True}:
            return Cursor()
        case {"dumped": change, "place": place}:
            return Dumped(change, place)
        case {"id": client}:
            return ClientId(client)
        case {"address": client}:
            return ClientAddress(client)
    raise ValueError(f"no part of a request: {told!r}")
