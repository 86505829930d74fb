"""Failing examples that are kept, as pytest and Hypothesis keep theirs: one small JSON file for each divergence.

Theory of operation. What diverged is run first the next time, by every run with the same profile; a run of the target
that it was seen on removes what no longer fails, and says so. A file that cannot be read is told of and passed over:
the directory is a cache, and nothing in it may keep a run from its work. What must not live here: what a history is
written as (`written`), and when examples are run (`again`).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import field, frozen, mutable

from redlark.conformance import written
from redlark.conformance.memory.again import SELDOM, TIMES, Again
from redlark.conformance.report import Finding
from redlark.conformance.reports import kind

FORM = 1  # of these files; others are passed over
MOST = 200  # examples that are run again, the latest ones
IGNORED = "# Written by redlark conform: examples that failed, run first the next time.\n*\n"


@frozen
class Example:
    """A file, and what it holds."""

    path: Path
    target: str
    loose: bool
    again: Again


@mutable
class Saved:
    """The examples of one directory that one target is to be asked about again."""

    directory: Path
    target: str  # without its password
    profile: str
    loose: bool = False  # whether errors count by their first word only: what was seen strictly may conform then
    examples: list[Example] = field(factory=list, init=False)
    said: list[str] = field(factory=list, init=False)  # what a reader of the run should know

    def load(self) -> list[Again]:
        """The examples of this profile, the latest first; what cannot be read is told of in `said`."""
        paths: list[Path] = []
        with contextlib.suppress(OSError):
            paths = sorted(self.directory.glob("*.json"), key=_changed, reverse=True)
        for path in paths:
            try:
                told = _checked(json.loads(path.read_text(encoding="utf-8")))
                if told["profile"] == self.profile and len(self.examples) < MOST:
                    self.examples.append(Example(path, told["target"], bool(told.get("loose")), _again(told)))
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
                self.said.append(f"{path} is no example of a run, and is passed over: {_why(problem)}")
        return [one.again for one in self.examples]

    def store(self, findings: Iterable[Finding]) -> None:
        """Keep what diverged; remove this target's examples that were run and conform. Only what went wrong is said."""
        for one in self.examples:
            if one.target == self.target and one.again.conforms and one.loose >= self.loose:
                with contextlib.suppress(OSError):
                    one.path.unlink()
                    self.said.append(f"{one.again.name} no longer fails: {one.path} is removed")
        found = [one for one in findings if one.divergence.history.size]  # of a greeting there is nothing to be asked
        try:
            if found:
                self.directory.mkdir(parents=True, exist_ok=True)
                ignore = self.directory / ".gitignore"
                if not ignore.exists():
                    ignore.write_text(IGNORED, encoding="utf-8")
            for finding in found:
                self._write(finding)
        except OSError as problem:
            self.said.append(f"{self.directory}: examples cannot be kept there: {(problem.strerror or '').lower()}")

    def _write(self, finding: Finding) -> None:
        divergence = finding.divergence
        told = {
            "form": FORM,
            "target": self.target,
            "profile": self.profile,
            "loose": self.loose,
            "command": divergence.command,
            "rules": list(divergence.rules),
            "setup": finding.setup,
            "protocol": divergence.history.protocol,
            "reproduced": finding.reproduced,
            "requests": written.lines(divergence.history),
        }
        identity = json.dumps([told[name] for name in ("target", "profile", "command", "rules", "setup")])
        digest = hashlib.sha256((identity + kind(divergence.seen)).encode()).hexdigest()[:12]
        rule = re.sub(r"[^a-zA-Z0-9]+", "-", divergence.rules[0] if divergence.rules else divergence.command).strip("-")
        path = self.directory / f"{rule}-{digest}.json"
        temporary = path.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(told | {"seen": divergence.seen}, indent=1) + "\n", encoding="utf-8")
        temporary.replace(path)


def _changed(path: Path) -> tuple[float, Path]:
    """When a file was last changed; one that cannot be asked (a link to nothing, one just removed) comes last."""
    try:
        return path.stat().st_mtime, path
    except OSError:
        return 0.0, path


def _checked(told: Any) -> dict[str, Any]:
    """What a file holds, if it is of this form."""
    if not isinstance(told, dict) or told.get("form") != FORM:
        raise ValueError("it has another form")
    if not all(isinstance(told[name], str) for name in ("target", "profile", "command")):
        raise ValueError("its names are no texts")
    if not all(isinstance(row, str) for row in told["requests"]) or told["protocol"] not in (2, 3):
        raise ValueError("its requests are none")
    return told


def _again(told: dict[str, Any]) -> Again:
    rules = [str(rule) for rule in told["rules"]]
    name = f"{told['command']}" + (f" ({', '.join(rules[:3])})" if rules else "")
    times = TIMES if told["reproduced"] else SELDOM
    setup = None if told["setup"] is None else str(told["setup"])
    history = written.history(told["requests"], told["protocol"])
    if not history.size:
        raise ValueError("it asks for nothing")
    return Again(name, history, setup, times)


def _why(problem: BaseException) -> str:
    return f"it has no {problem}" if isinstance(problem, KeyError) else str(problem).split("\n")[0]
