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

from redlark.conformance import encoded
from redlark.conformance.differences.witness import Witness
from redlark.conformance.history import History, Request, Step

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
            [step.client, step.wait, *(list(map(encoded.as_json, asked.parts)) for asked in step.requests)]
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
        Step(client, tuple(Request(tuple(map(encoded.from_json, parts))) for parts in requests), wait)
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
