"""The file that says how far runs are: read whole, written whole, by all kinds of runs.

It is one JSON object: `form`, `runs` (a run each, by what it was asked), `exhaustive` (a list of groups). Who writes
leaves what is not his as it is.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from redlark.conformance.errors import CannotRun
from redlark.conformance.whole_files import why, write

FORM = 1


def read_file(path: Path) -> dict[str, Any]:
    """What a file of states holds, `{}` where there is none. Raises `CannotRun` for one that holds something else."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(told, dict) or told.get("form", FORM) != FORM or not isinstance(told.get("runs", {}), dict):
            raise ValueError("it has another form")
    except FileNotFoundError:
        return {}
    except OSError as problem:
        raise CannotRun(f"{path}: the state of a run cannot be read there: {why(problem)}") from None
    except (ValueError, RecursionError) as problem:
        raise CannotRun(f"{path}: not the state of a run ({problem}); remove it, or name another file") from None
    return told


def write_file(path: Path, text: str) -> None:
    """Put a text in the place of the file, whole or not at all. Raises `CannotRun`."""
    write(path, text, "the state of the run")


def seed_of(path: Path) -> int | None:
    """The seed with which the runs of a state were drawn, so that the same command line goes on. Raises `CannotRun`."""
    seeds = {run["seed"] for run in read_file(path).get("runs", {}).values() if "seed" in run}
    return seeds.pop() if len(seeds) == 1 else None


def left_behind(path: Path, target: str) -> dict[str, str]:
    """How a target was configured before a run of it that was killed, by this file. Raises `CannotRun`."""
    runs = [run for run in read_file(path).get("runs", {}).values() if isinstance(run, dict)]
    found = (run.get("config") for run in runs if run.get("target") == target and run.get("running"))
    return next((config for config in found if isinstance(config, dict)), {})
