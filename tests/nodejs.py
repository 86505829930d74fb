"""Node.js, where it is found: its program, and the packages that `npm ci` has installed from the lock file.

`make setup` installs them. What is missing skips a test, with the reason; where REDLARK_NEED_NODE is set, as `.ci/run`
does, it fails the test instead, so that nothing is left out without a word.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parent / "clients" / "node"
MODULES = PROJECT / "node_modules"
NEEDED = "REDLARK_NEED_NODE"


def missing() -> str:
    """What keeps the tests of Node.js from running; "" where nothing does."""
    if not shutil.which("node"):
        return "Node.js is not installed"
    try:
        installed = json.loads((MODULES / ".package-lock.json").read_text())["packages"]
    except FileNotFoundError:
        return "the packages of tests/clients/node are not installed: make setup, with npm"
    locked = json.loads((PROJECT / "package-lock.json").read_text())["packages"]
    wanted = {name: row["version"] for name, row in locked.items() if name and not row.get("optional")}
    here = {name: row["version"] for name, row in installed.items()}
    if any(here.get(name) != version for name, version in wanted.items()):
        return "the packages of tests/clients/node are not those of its lock file: make setup, with npm"
    return ""


def node() -> str:
    """The program; skips, or fails where it is needed, if it or the packages are not there."""
    why = missing()
    if why and os.environ.get(NEEDED):
        pytest.fail(f"{why}, and {NEEDED} is set")
    if why:
        pytest.skip(why)
    found = shutil.which("node")
    assert found
    return found
