"""Servers for the examples, and a way to run one as a user does: a program of its own, told the address."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import pytest
import redis
from attrs import frozen

from tests.conftest import Address

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
PATIENCE = 60.0  # seconds until a program that says nothing is taken to hang


@frozen
class Stage:
    """A server that is empty, and the means to run examples against it."""

    url: str
    db: redis.Redis
    _started: ExitStack

    def start(self, *command: str, program: str = sys.executable, **more: Any) -> subprocess.Popen[str]:
        """Start `python COMMAND...` among the examples; it is ended with the test if it has not ended by then."""
        settings: dict[str, Any] = {
            "cwd": EXAMPLES,
            "env": {**os.environ, "REDIS_URL": self.url, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.STDOUT,
            "text": True,
        }
        process: subprocess.Popen[str] = subprocess.Popen([program, *command], **{**settings, **more})
        self._started.callback(_end, process)
        return process

    def run(self, *command: str, **more: Any) -> list[str]:
        """Run an example to its end, which must be a good one; the lines that it printed."""
        process = self.start(*command, **more)
        said, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, said
        return said.splitlines()


def until(stream: IO[str] | None, text: str) -> list[str]:
    """Read lines until one has this text (pytest's own timeout guards the wait)."""
    assert stream is not None
    lines = []
    for line in stream:
        lines.append(line.rstrip("\n"))
        if text in line:
            return lines
    raise AssertionError(f"no line with {text!r} in {lines}")


def _end(program: subprocess.Popen[str]) -> None:
    if program.poll() is None:
        program.terminate()
        try:
            program.wait(5)
        except subprocess.TimeoutExpired:
            program.kill()
            program.wait()
    for stream in (program.stdin, program.stdout):
        if stream:
            stream.close()


@pytest.fixture(params=["embedded", "redis:8.2"])
def stage(request: pytest.FixtureRequest, address: Address) -> Iterator[Stage]:
    """Ours, and the real one: so that what a test expects is known to be true of Redis."""
    url = address(request.param)
    with ExitStack() as started, redis.Redis.from_url(url, decode_responses=True) as db:
        db.flushall()
        db.script_flush()
        yield Stage(url, db, started)


@pytest.fixture(params=["?protocol=2", "?protocol=3"])
def both(request: pytest.FixtureRequest, stage: Stage) -> Stage:
    """A stage whose address says which of the two protocols to speak."""
    return Stage(stage.url + request.param, stage.db, stage._started)
