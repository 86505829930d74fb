"""The forms of a report: each module makes one from the JSON of `redlark conform --json`, and from nothing else.

What must live here: how a report is read, and what several forms ask of it. A form that needs what the JSON does not
tell is a reason to tell more in the JSON (schema/report.schema.json), never to reach for a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
from attrs import frozen

from redlark.conformance.errors import CannotRun

Json = Mapping[str, Any]

# How the first line of a reply, as redis-cli prints it, shows of which kind it is; else it is a string.
_SIGNS = (
    ("(integer)", "integer"), ("(nil)", "nil"), ("(double)", "double"), ("(true)", "boolean"),
    ("(false)", "boolean"), ("(empty ", "array"), ("1) ", "array"), ("1# ", "map"), ("1~ ", "set"), ('"', "string"),
)  # fmt: skip


def read(path: Path) -> dict[str, Any]:
    """The report in a file. Raises `CannotRun` where there is none."""
    try:
        told = json.loads(path.read_text())
    except OSError as problem:
        raise CannotRun(f"{path}: cannot be read: {(problem.strerror or str(problem)).lower()}") from None
    except (ValueError, RecursionError) as problem:
        raise CannotRun(f"{path}: not a report of `redlark conform --json`: {problem}") from None
    wrong = jsonschema.exceptions.best_match(_form().iter_errors(told))
    if wrong is not None:
        where = f"{wrong.json_path}: {wrong.message[-160:]}"
        raise CannotRun(f"{path}: not a report of `redlark conform --json`: {where}")
    return dict(told)


@cache
def _form() -> jsonschema.Draft202012Validator:
    """The schema of a report, but for fields that it does not know: a later Redlark may tell more."""

    def open_(schema: Any) -> Any:
        if isinstance(schema, dict):
            kept = {name: open_(value) for name, value in schema.items()}
            return {name: value for name, value in kept.items() if (name, value) != ("additionalProperties", False)}
        return [open_(one) for one in schema] if isinstance(schema, list) else schema

    text = files("redlark.conformance").joinpath("schema/report.schema.json").read_text()
    return jsonschema.Draft202012Validator(open_(json.loads(text)))


def kind(seen: str) -> str:
    """Of which kind a reply is that is told as redis-cli prints it; errors are of the kind that their first word says.

    Two divergences of one command and rule whose replies are of one kind are taken for the same fault.

    >>> kind("(integer) 3"), kind("(error) ERR no"), kind('1) "a"'), kind("closed the connection")
    ('integer', 'error ERR', 'array', 'closed the connection')
    """
    first = seen.lstrip().split("\n")[0]
    if first.startswith("(error) "):
        return " ".join(["error", *first.split()[1:2]])
    return next((name for sign, name in _SIGNS if first.startswith(sign)), first)


@frozen
class Found:
    """One divergence of a report, and where it stands."""

    target: str
    profile: str
    command: str
    divergence: Json

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that would have applied; none where the connection was lost."""
        return tuple(self.divergence["rules"])

    @property
    def seen(self) -> str:
        """The reply that is not allowed, as redis-cli prints it."""
        return str(self.divergence["seen"])

    @property
    def known(self) -> str:
        """The reason for which it was accepted, by the run's baseline; empty where it was not."""
        return str(self.divergence.get("known") or "")

    @property
    def title(self) -> str:
        """Command and rule in a few words."""
        return f"{self.command} diverges" + (f": {', '.join(self.rules[:3])}" if self.rules else "")

    @property
    def identity(self) -> tuple[str, tuple[str, ...], str]:
        """What it shares with the same fault in another run."""
        return self.command, tuple(sorted(self.rules)), kind(self.seen)


def divergences(target: Json) -> Iterator[Found]:
    """Every divergence of a target, in the order of the commands."""
    for command, verdict in target["commands"].items():
        for divergence in verdict["divergences"]:
            yield Found(target["target"], target["profile"], command, divergence)


def contradictions(target: Json) -> list[Json]:
    """What several clients saw at once and no order explains."""
    return list((target.get("concurrent") or {}).get("contradictions", ()))


def lost_to_many(target: Json) -> str:
    """What the server did instead of answering when several clients asked at once; empty if it answered."""
    return str((target.get("concurrent") or {}).get("lost", ""))


def gate(target: Json) -> list[str]:
    """Why the target does not pass its baseline, a line each, what diverges aside; none without a baseline."""
    return [str(one["line"]) for one in (target.get("gate") or {}).get("complaints", ())]


def could_not_run(target: Json) -> str:
    """Why there is no verdict on a target; empty where there is one."""
    if target.get("ended") not in ("could not run", "lost"):
        return ""
    return "; ".join(target.get("notes") or ()) or str(target["ended"])


def fails(target: Json) -> bool:
    """Whether the run's exit status was 1 for this target: something diverges that no baseline accepts."""
    unknown = any(not found.known for found in divergences(target))
    return unknown or bool(contradictions(target) or lost_to_many(target) or gate(target))


def verdict(target: Json) -> str:
    """The verdict on a target in one word or a few."""
    if could_not_run(target):
        return "could not run" if target["ended"] == "could not run" else "lost"
    if fails(target):
        return "diverges"
    return "conforms, but for what is known" if any(divergences(target)) else "conforms"


def again(found: Found, seed: int) -> str:
    """The command that looks at just this command of the target again."""
    words = ["redlark", "conform", found.target, "--profile", found.profile, "--seed", str(seed)]
    command = [] if found.command.startswith("(") else ["--commands", found.command]
    return " ".join(f'"{word}"' if "|" in word or " " in word else word for word in [*words, *command])
