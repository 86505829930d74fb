"""The examples for Node.js; skipped where Node.js or its packages are missing (see tests/nodejs.py)."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from redlark.conformance.targets import servers
from tests.nodejs import MODULES, PROJECT, node

from .browser import Browser, site
from .conftest import EXAMPLES, Stage, until


@pytest.fixture
def js(tmp_path: Path) -> dict[str, Any]:
    """How to start an example of Node.js: its packages are looked for beside it, so a copy stands beside the tests'."""
    program = node()
    for path in (EXAMPLES / "node").glob("*.js*"):
        shutil.copy(path, tmp_path)
    (tmp_path / "node_modules").symlink_to(MODULES)
    return {"program": program, "cwd": tmp_path}


def test_the_examples_need_what_the_tests_have() -> None:
    """The packages that a reader is told to install are those that the lock file was made for."""
    read, tested = (json.loads((folder / "package.json").read_text()) for folder in (EXAMPLES / "node", PROJECT))
    assert read["dependencies"] == tested["dependencies"]


def test_express_sessions(stage: Stage, js: dict[str, Any]) -> None:
    """Express's sessions are Redis's alone: a second site shares them, and the login gives a new number."""
    port, first = site(stage, "express_sessions.js", "--minutes", "10", **js)
    ada, bob = Browser(port), Browser(port)
    assert ada.get("/") == "nobody, visit 1, basket: empty\n"
    before = ada.cookie
    assert bob.get("/") == "nobody, visit 1, basket: empty\n"
    assert ada.post("/login", user="ada") == "ada, visit 2, basket: empty\n"
    assert ada.cookie != before
    assert ada.post("/basket", item="té") == "ada, visit 3, basket: té\n"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        bob.post("/basket", item="tea")
    keys = stage.db.keys("*")
    assert len(keys) == 2
    assert all(key.startswith("example:express:") for key in keys)
    assert all(590 < stage.db.ttl(key) <= 600 for key in keys)
    assert {json.loads(stage.db.get(key)).get("user") for key in keys} == {"ada", None}
    first.terminate()
    first.wait(10)
    other, _ = site(stage, "express_sessions.js", **js)
    ada.base = f"http://127.0.0.1:{other}"
    assert ada.get("/") == "ada, visit 4, basket: té\n"
    # A connection that is cut is made anew, without a word lost to the visitor.
    stage.db.client_kill_filter(_type="normal", skipme=True)
    assert ada.post("/basket", item="milk") == "ada, visit 5, basket: té, milk\n"
    assert ada.post("/logout") == "nobody, visit 1, basket: empty\n"


def test_bullmq(stage: Stage, js: dict[str, Any]) -> None:
    """Results, progress, tries, failures, delays and a flow come back from a worker, which ends when it is told to."""
    worker = stage.start("bullmq_jobs.js", "work", **js)
    until(worker.stdout, "waiting for jobs")
    assert stage.run("bullmq_jobs.js", "send", "--wait", "30", **js) == [
        "resize: cat at 100 (2 steps)",
        "retry: page fetched at try 3",
        "failure: nothing does not answer",
        "later: delayed at first, then dog at 5",
        "flow: album of ant at 7 and bee at 7",
        "0 waiting, 0 active, 0 delayed, 6 completed, 1 failed",
    ]
    worker.terminate()
    said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0, said
    assert said.splitlines() == [
        "done: resize",
        *["failed: fetch, page does not answer"] * 2,
        "done: fetch",
        "failed: fetch, nothing does not answer",
        *["done: resize"] * 3,
        "done: album",
    ]
    assert stage.db.xlen("example:bullmq:images:events") > 20
    assert stage.db.zcard("example:bullmq:images:completed") == 6
    assert all(key.startswith("example:bullmq:") for key in stage.db.keys("*"))


def test_bullmq_survives_cut_connections(stage: Stage, js: dict[str, Any]) -> None:
    """A worker whose connections are all killed while it waits connects again, and does what comes next."""
    worker = stage.start("bullmq_jobs.js", "work", **js)
    until(worker.stdout, "waiting for jobs")
    assert stage.db.client_kill_filter(_type="normal", skipme=True) >= 1
    said = stage.run("bullmq_jobs.js", "send", "--wait", "30", **js)
    assert said[-1] == "0 waiting, 0 active, 0 delayed, 6 completed, 1 failed"


def test_no_server_is_one_line(js: dict[str, Any]) -> None:
    """Each command of Node.js in the README ends with one line where no server is, and shows no password."""
    readme = (EXAMPLES / "README.md").read_text()
    commands = re.findall(r"^    node docs/examples/node/(\S+\.js.*?)(?: +#.*)?$", readme, re.MULTILINE)
    assert {line.split()[0] for line in commands} == {
        path.name for path in (EXAMPLES / "node").glob("*.js") if path.name != "connecting.js"
    }
    for line in commands:
        done = subprocess.run(
            [js["program"], *line.split()],
            cwd=js["cwd"],
            env={**os.environ, "REDIS_URL": f"redis://:secret@127.0.0.1:{servers.free_port()}"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert re.fullmatch(r"error: cannot reach redis://:\*\*\*@127\.0\.0\.1:\d+: .*\n", done.stderr), done.stderr
