"""`redlark conform --engine dask://...`: a real scheduler and two real workers, one of them killed in the middle."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
import pytest
from jsonschema import validate
from rich.console import Console

pytest.importorskip("distributed", reason="the extra redlark[dask] is not installed")

from redlark.conformance import report
from redlark.conformance.display import Live
from redlark.conformance.errors import CannotRun
from redlark.conformance.options import Options
from redlark.conformance.spread import workers
from redlark.conformance.spread.workers import Search
from redlark.conformance.targets import servers
from tests.waiting import soon

DASK = (sys.executable, "-m", "dask")
HERE = ("--host", "127.0.0.1", "--no-dashboard")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[str]:
    """The address of a scheduler with two workers of one thread each, on free ports of loopback."""
    place = tmp_path / "scheduler.json"
    with ExitStack() as started:

        def start(*arguments: str, log: str) -> None:
            out = started.enter_context((tmp_path / log).open("w"))
            process = subprocess.Popen([*DASK, *arguments], stdout=out, stderr=out, cwd=tmp_path)
            started.callback(process.wait)
            started.callback(process.kill)

        start("scheduler", *HERE, "--port", "0", "--scheduler-file", str(place), log="scheduler")
        told = soon(lambda: place.exists() and place.read_text())
        assert told, (tmp_path / "scheduler").read_text()
        for number in range(2):
            folder = str(tmp_path / f"worker-{number}")
            alone = ("--no-nanny", "--nthreads", "1", "--local-directory", folder)
            start("worker", "--scheduler-file", str(place), *HERE, *alone, log=f"worker {number}")
        yield json.loads(told)["address"].replace("tcp://", "dask://")


@pytest.mark.slow
def test_a_worker_is_killed_and_nothing_is_lost(cluster: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two workers one is killed at work: the units that were asked for are the units that count, each once."""
    killed: list[int] = []
    orphans: list[psutil.Process] = []
    at_work: dict[str, int] = {}
    hear = Search.hear

    def watched(self: Search, unit: str, event: dict[str, Any]) -> None:
        hear(self, unit, event)
        if event["event"] == "taken":
            at_work[unit] = event["pid"]
        if event["event"] == "phase" and not killed:
            killed.append(at_work[unit])
            orphans.extend(psutil.Process(killed[0]).children(recursive=True))
            os.kill(killed[0], signal.SIGKILL)

    monkeypatch.setattr(Search, "hear", watched)
    screen = io.StringIO()
    options = Options(
        seed=6, workers=3, engine=cluster, commands=frozenset({"GET"}), protocols=(2,), requests=60, budget=30
    )
    live = Live(Console(file=screen, width=200))
    found = workers.run("embedded", options, live)
    assert killed
    assert found.spread is not None
    assert found.spread.again >= 1, found.notes
    assert found.spread.as_json() == {
        "engine": "dask", "workers": 3, "units": 3, "merged": 3, "again": found.spread.again,
    }, found.notes  # fmt: skip
    assert found.ended in ("requests", "budget")
    assert "died (at tcp://127.0.0.1:" in screen.getvalue()
    assert found.verdicts["GET"].verdict == "conforms"
    assert sum(verdict.requests for verdict in found.verdicts.values()) > 0
    validate(report.as_json("0", options.seed, [found]), report.schema())
    assert orphans  # the unit's process, which ends as it sees that nobody waits, and its server
    assert soon(lambda: not any(process.is_running() for process in orphans))


def test_without_a_cluster_nothing_runs() -> None:
    """Where no scheduler answers, that is the one line that the user gets."""
    options = Options(engine=f"dask://127.0.0.1:{servers.free_port()}", workers=0)
    with pytest.raises(CannotRun, match="no Dask scheduler answers there"):
        workers.run("embedded", options, Live(Console(file=io.StringIO())))
