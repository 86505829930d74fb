"""What others copy: the workflow, the action and the hooks are well-formed, and ask `redlark` for what it has."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
import tomllib
from importlib import import_module
from itertools import product
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner

from redlark.conformance.report_cli import report as report_group

ROOT = Path(__file__).resolve().parents[2]
WORKFLOW, ACTION, HOOKS = ROOT / "docs/how-to/gate.yml", ROOT / "action.yml", ROOT / ".pre-commit-hooks.yaml"
PAGES = (ROOT / "docs/gate.md", ROOT / "docs/reference/conform.md", ROOT / "README.md")


def load(path: Path) -> Any:
    """A YAML file; `on` is a truth value in YAML 1.1, and a key of workflows."""
    return yaml.safe_load(path.read_text())


def accepted(words: list[str]) -> None:
    """See that `redlark` takes these words; raises what click raises where it does not."""
    commands = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["redlark.commands"]
    module, name = commands[words[0]].split(":")
    command: click.Command = getattr(import_module(module), name)
    rest = words[1:]
    while isinstance(command, click.Group):
        command, rest = command.commands[rest[0]], rest[1:]
    with command.make_context(words[0], rest) as context:
        assert context.params


def lines_of(script: str) -> list[list[str]]:
    """The calls of `redlark` in a shell script or a document, as words."""
    joined = re.sub(r"\\\n\s*", " ", script)
    calls = re.findall(r"^\s*(?:\$ )?(redlark (?:conform|report) [^|&#\n]*)", joined, re.MULTILINE)
    return [shlex.split(call)[1:] for call in calls]


def test_the_workflow_is_one_of_ours_from_end_to_end() -> None:
    """It has triggers, jobs and steps; each step does one thing; inputs are the action's; calls are accepted."""
    told = load(WORKFLOW)
    assert set(told[True]) == {"push", "pull_request", "schedule"}
    inputs = load(ACTION)["inputs"]
    calls = []
    for job in told["jobs"].values():
        assert job["runs-on"]
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            if step.get("uses", "").startswith("OWNER/redlark@"):
                assert set(step["with"]) <= set(inputs)
                assert {name for name, one in inputs.items() if one.get("required")} <= set(step["with"])
                more = step["with"].get("arguments", "").split()
                accepted(["conform", "redis://h", "--budget", str(step["with"].get("budget", "60")), *more])
            calls += lines_of(step.get("run", ""))
    assert len(calls) == 2
    for words in calls:
        accepted(words)


@pytest.mark.parametrize(
    ("profile", "baseline", "arguments"),
    list(product(["", "redis-8.2"], ["", "my known.toml"], ["", "--destructive --quiet"])),
)
def test_the_action_asks_for_what_it_is_given(tmp_path: Path, profile: str, baseline: str, arguments: str) -> None:
    """Its script, run by bash, calls `redlark conform` once with words that it takes; the status is that call's."""
    step = load(ACTION)["runs"]["steps"][-1]
    folder = tmp_path / "bin"
    folder.mkdir()
    stub = folder / "redlark"
    stub.write_text('#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done > "$ASKED"\nexit 1\n')
    stub.chmod(stub.stat().st_mode | stat.S_IXUSR)
    given = {
        "TARGET": "redis://:a b$(touch x)@127.0.0.1:1", "PROFILE": profile, "BASELINE": baseline, "BUDGET": "10m",
        "ARGUMENTS": arguments, "REPORTS": "out", "GITHUB_STEP_SUMMARY": "summary.md", "ASKED": "asked",
    }  # fmt: skip
    assert set(step["env"]) <= set(given)
    told = set(re.findall(r"inputs\.(\w+)", str(step["env"])))
    assert told == set(load(ACTION)["inputs"])
    environment = {**os.environ, **given, "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-eo", "pipefail", "-c", step["run"]], cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 1
    words = (tmp_path / "asked").read_text().split("\0")[:-1]
    accepted(words)
    assert words[-1] == given["TARGET"]
    assert ("--profile" in words, "--baseline" in words) == (bool(profile), bool(baseline))
    assert not (tmp_path / "x").exists()
    assert (tmp_path / "out").is_dir()


def test_the_hooks_are_accepted() -> None:
    """Each has what pre-commit requires, and its entry with its arguments is a line that `redlark` takes."""
    for hook in load(HOOKS):
        assert {"id", "name", "entry", "language"} <= set(hook)
        words = [*shlex.split(hook["entry"]), *hook.get("args", []), *(["known.toml"] if "files" in hook else [])]
        assert words[0] == "redlark"
        accepted(words[1:])


def test_the_lines_of_the_documents_are_accepted() -> None:
    """Each call of `redlark conform` and `redlark report` that a page shows in a block is one that can be made."""
    shown = [line for page in PAGES for line in lines_of("\n".join(re.findall(r"^    .*$", page.read_text(), re.M)))]
    assert len(shown) >= 5
    for words in shown:
        accepted(words)


def test_the_page_of_the_gate_shows_the_entry_that_is_read(tmp_path: Path) -> None:
    """The example of a baseline in docs/gate.md is one; the check passes it until its date is over."""
    page = (ROOT / "docs/gate.md").read_text()
    block = re.search(r"^    \[\[divergence\]\]\n(?:(?:    .*)?\n)*", page, re.MULTILINE)
    assert block
    file = tmp_path / "known.toml"
    text = re.sub(r"^    ", "", block[0], flags=re.MULTILINE)
    file.write_text(re.sub(r"expires = .*", "expires = 2999-01-01", text))
    fine = CliRunner().invoke(report_group, ["check-baseline", str(file)])
    assert fine.exit_code == 0, fine.output
    file.write_text(re.sub(r"expires = .*", "expires = 2001-01-01", text))
    old = CliRunner().invoke(report_group, ["check-baseline", str(file)])
    assert old.exit_code == 1
    assert f"{file}:1: SETEX: SETEX/bad-expire: its date, 2001-01-01, is over" in " ".join(old.output.split())
    file.write_text("[[divergence]]")
    assert CliRunner().invoke(report_group, ["check-baseline", str(file)]).exit_code == 2
    gone = text.replace("SETEX/bad-expire", "SETEX/gone").replace('command = "SETEX"', 'command = "SETX"')
    file.write_text(re.sub(r"expires = .*", "expires = 2999-01-01", gone))
    vanished = CliRunner().invoke(report_group, ["check-baseline", str(file)])
    assert vanished.exit_code == 1
    assert "no text has the command SETX" in vanished.output
    assert "no text has the rule SETEX/gone" in vanished.output
    file.write_text(file.read_text().replace('"SETX"', '"(unknown command)"').replace("SETEX/gone", "SETEX/bad-expire"))
    assert CliRunner().invoke(report_group, ["check-baseline", str(file)]).output == ""
