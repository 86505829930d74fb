"""`redlark conform --workers`: processes die, are interrupted, or cannot begin; the report is right for all that."""

from __future__ import annotations

import io
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from click.testing import CliRunner
from jsonschema import validate
from rich.console import Console

from redlark.conformance import report
from redlark.conformance.cli import conform
from redlark.conformance.display import Live
from redlark.conformance.errors import CannotRun
from redlark.conformance.options import Options
from redlark.conformance.spread import merging, workers
from redlark.conformance.spread.workers import Attempt, Search
from redlark.conformance.targets import servers

# What a unit's process tells, without a model or a server: it counts its requests, and waits where it is told to.
PRETENDER = """
import json, os, signal, sys, time
unit = json.loads(sys.stdin.readline())
number = unit["options"]["share"][0]
stopped = []
signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
def say(**event):
    print(json.dumps(event), flush=True)
if sys.argv[2] == "load all" or (sys.argv[2] == "load" and number == 1):  # a signal is not looked at meanwhile
    open(sys.argv[1] + f"/{number} loads {os.getpid()}", "w").close()
    time.sleep(60)
say(event="begun", name=unit["target"], profile="redis-8.2", server="redis 8.2.3", why="", rules=["GET/found"])
while sys.argv[2] == "wait" and number == 1 and not os.path.exists(sys.argv[1] + "/0 is done"):
    time.sleep(0.1)
say(event="phase", text=f"unit {number}")
say(event="tick", requests=5, reached=["GET/found"])
first = os.open(sys.argv[1] + f"/{number}", os.O_CREAT | os.O_RDWR | os.O_APPEND)
fresh = os.fstat(first).st_size == 0
os.write(first, b"x")
if sys.argv[2] == "die" and number == 1 and fresh or sys.argv[2] == "die always" and number == 1:
    print("a last word", file=sys.stderr)
    os.kill(os.getpid(), signal.SIGKILL)
while (sys.argv[2] == "wait" and number == 1 or sys.argv[2] == "load") and not stopped:
    time.sleep(0.01)
verdict = {"verdict": "conforms", "group": "string", "reason": "", "requests": 10, "rules": {"GET/found": 1},
           "options": {}, "findings": []}
key = f"seed 1, {number + 1} of {unit['options']['share'][1]}"
outcome = json.loads(sys.argv[3]) | {"units": [key], "target": "embedded",
    "profiles": ["redis-8.2"], "requests": 10 + number, "ended": "interrupted" if stopped else "budget",
    "commands": {"GET": verdict}}
say(event="outcome", outcome=outcome)
time.sleep(0.1)  # it is read before what the other one says next
open(sys.argv[1] + f"/{number} is done", "w").close()
"""


class Watching(Live):
    """What a person would see, as text; and what is to be done when a phase begins."""

    def __init__(self, at_phase: Any = lambda text: None) -> None:
        super().__init__(Console(file=io.StringIO(), width=200))
        self.at_phase = at_phase

    def phase(self, text: str) -> None:
        """A phase begins."""
        super().phase(text)
        self.at_phase(text)

    @property
    def seen(self) -> str:
        """All that was printed."""
        assert isinstance(self.console.file, io.StringIO)
        return self.console.file.getvalue()


def pretend(monkeypatch: pytest.MonkeyPatch, folder: Path, how: str) -> None:
    """Let units be done by the pretender."""
    program = folder / "pretender.py"
    program.write_text(PRETENDER)
    (folder / "turns").mkdir()
    nothing = json.dumps(merging.NOTHING)
    monkeypatch.setattr(workers, "PROGRAM", (sys.executable, str(program), str(folder / "turns"), how, nothing))


def test_a_worker_that_dies_is_said_and_its_unit_done_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The unit of a process that was killed is done by another one, once in the sum, and the user is told."""
    pretend(monkeypatch, tmp_path, "die")
    live = Watching()
    found = workers.run("embedded", Options(seed=1, workers=3), live)
    assert found.requests == 10 + 11 + 12
    assert found.verdicts["GET"].requests == 30
    assert found.spread is not None
    assert found.spread.as_json() == {"engine": "processes", "workers": 3, "units": 3, "merged": 3, "again": 1}
    assert found.ended == "budget"
    said = "the worker of unit seed 1, 2 of 3 died (signal -9: a last word), and is done again".replace("-9", "9")
    assert said in found.notes
    assert said in live.seen


def test_a_unit_that_always_dies_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After some attempts a unit is given up, the others count, and the run has not come to its end."""
    pretend(monkeypatch, tmp_path, "die always")
    found = workers.run("embedded", Options(seed=1, workers=2), Watching())
    assert (found.requests, found.ended) == (10, "lost")
    assert found.spread is not None
    assert (found.spread.merged, found.spread.again) == (1, workers.ATTEMPTS - 1)
    assert any("given up" in note for note in found.notes)


def test_ctrl_c_keeps_what_was_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Interrupted, units are asked for what they have, and that is in the report."""
    pretend(monkeypatch, tmp_path, "wait")

    begun: set[str] = set()

    def interrupt(text: str) -> None:
        begun.add(text)
        if len(begun) == 2:  # a process that is only starting has nothing to tell
            raise KeyboardInterrupt

    found = workers.run("embedded", Options(seed=1, workers=2), Watching(interrupt))
    assert (found.requests, found.ended) == (10 + 11, "interrupted")


@pytest.mark.parametrize("how", ["load", "load all"])
def test_who_has_not_begun_is_not_waited_for(how: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Interrupted at its start a search ends within seconds: what others have judged by then is in the report."""
    pretend(monkeypatch, tmp_path, how)
    loading = 2 if how == "load all" else 1
    live = Watching()
    came: list[int] = []

    def interrupt() -> None:
        until = time.monotonic() + 30
        while time.monotonic() < until and not (len(loads()) == loading and (loading == 2 or "unit 0" in live.seen)):
            time.sleep(0.01)
        came.append(time.monotonic_ns())
        live.interrupts = (signal.SIGTERM,)

    def loads() -> list[int]:
        return [int(path.name.split()[-1]) for path in (tmp_path / "turns").glob("* loads *")]

    by = threading.Thread(target=interrupt)
    by.start()
    if how == "load all":
        with pytest.raises(KeyboardInterrupt):
            workers.run("embedded", Options(seed=1, workers=2), live)
    else:
        found = workers.run("embedded", Options(seed=1, workers=2), live)
        assert (found.requests, found.ended) == (10, "interrupted")
    by.join()
    assert (time.monotonic_ns() - came[0]) / 1e9 < 10  # they would have slept for 60
    assert len(loads()) == loading
    assert not [pid for pid in loads() if Path(f"/proc/{pid}").exists()]


def test_a_search_that_was_interrupted_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Units that were done are taken from the state, others are done again, and each counts once in every report."""
    pretend(monkeypatch, tmp_path, "wait")
    options = Options(seed=1, workers=2, state=tmp_path / "state.json")
    begun: set[str] = set()

    def interrupt(text: str) -> None:
        begun.add(text)
        if len(begun) == 2:
            raise KeyboardInterrupt

    first = workers.run("embedded", options, Watching(interrupt))
    assert (first.requests, first.ended) == (10 + 11, "interrupted")
    monkeypatch.setattr(workers, "PROGRAM", (*workers.PROGRAM[:3], "go on", *workers.PROGRAM[4:]))
    for _ in range(2):
        live = Watching()
        found = workers.run("embedded", options, live)
        assert (found.requests, found.ended, found.verdicts["GET"].requests) == (10 + 11, "budget", 20)
        assert found.spread is not None
        assert (found.spread.units, found.spread.merged) == (2, 2)
        assert "goes on from" in live.seen
    turns = {name: (tmp_path / "turns" / name).stat().st_size for name in ("0", "1")}
    assert turns == {"0": 1, "1": 2}
    with pytest.raises(CannotRun, match="--seed 1"):
        workers.run("embedded", evolve(options, seed=2), Watching())
    longer = workers.run("embedded", evolve(options, budget=90), Watching())  # other units
    assert longer.requests == 10 + 11


def test_a_state_that_is_none_is_not_written_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What cannot be read, or not be kept, is said before a unit is done, and stays as it is."""
    pretend(monkeypatch, tmp_path, "go on")
    path = tmp_path / "state.json"
    options = Options(seed=1, workers=2, state=path)
    workers.run("embedded", options, Watching())
    told = json.loads(path.read_text())
    (run,) = told["runs"].values()
    del run["outcomes"][0]["commands"]
    for text in ("no JSON", json.dumps(told)):
        path.write_text(text)
        with pytest.raises(CannotRun, match="not the state of a run"):
            workers.run("embedded", options, Watching())
        assert path.read_text() == text
    with pytest.raises(CannotRun, match="the state of the run cannot be written to"):
        workers.run("embedded", evolve(options, state=tmp_path / "nowhere" / "state.json"), Watching())


def test_what_is_told_of_an_attempt_that_died_is_void() -> None:
    """Progress counts each unit's latest attempt, and an outcome that is here already is refused."""
    search = Search("embedded", Options(seed=1, workers=2), Watching())
    one, other = (unit.key for unit in search.units)
    search.hear(one, {"event": "tick", "requests": 100, "reached": []})
    search.hear(other, {"event": "tick", "requests": 7, "reached": []})
    assert search.requests == 107
    search.hear(one, {"event": "died", "words": "", "given_up": False})
    assert search.requests == 7
    outcome = {**merging.NOTHING, "units": [one], "requests": 120}
    search.take(outcome)
    assert search.requests == 127
    for wrong in (outcome, {**outcome, "units": ["another"]}):
        with pytest.raises(ValueError, match="twice, or not asked for"):
            search.take(wrong)


@pytest.mark.slow
def test_a_server_that_a_killed_worker_has_started_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real worker that is killed leaves no server and no file behind, and its unit is done again."""
    attempts: list[Attempt] = []

    class Recording(Attempt):
        def __attrs_post_init__(self) -> None:
            super().__attrs_post_init__()
            attempts.append(self)

    monkeypatch.setattr(workers, "Attempt", Recording)
    served: list[int] = []

    def kill(text: str) -> None:
        if not served:
            served.extend(pid for pid in workers._at_home_in(attempts[0].folder))
            os.kill(attempts[0].process.pid, signal.SIGKILL)

    options = Options(seed=1, workers=1, engine=None, commands=frozenset({"GET"}), requests=20, budget=20)
    search = Search("embedded", options, Watching(kill))
    with search.live:
        assert not workers._Hands(search).run()
    found = search.report(interrupted=False)
    assert found.spread is not None
    assert (found.spread.merged, found.spread.again, len(attempts)) == (1, 1, 2)
    assert found.requests >= 20
    assert not [attempt for attempt in attempts if attempt.folder.exists()]
    if Path("/proc").is_dir():
        assert served
        assert not [pid for pid in served if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_two_workers_judge_a_real_server(real_server: servers.Server, tmp_path: Path) -> None:
    """Two workers send what was asked for, equal seeds are equal runs, and the report has the published form."""
    told = []
    for turn in range(2):
        file = tmp_path / f"{turn}.json"
        arguments = f"{real_server.name} --commands SET,GET --requests 600 --budget 300 --seed 4 --workers 2 --quiet"
        arguments += f" --json {file}"
        done = CliRunner().invoke(conform, arguments.split())
        assert done.exit_code == 0, done.output
        told.append(json.loads(file.read_text()))
        validate(told[-1], report.schema())
    (one,), (other,) = (each["targets"] for each in told)
    assert one["spread"] == {"engine": "processes", "workers": 2, "units": 2, "merged": 2, "again": 0}
    assert 600 <= one["totals"]["requests"] < 1000  # each ends what it has begun
    assert one["totals"]["histories"] == other["totals"]["histories"]
    assert [v["requests"] for v in one["commands"].values()] == [v["requests"] for v in other["commands"].values()]
    assert one["commands"]["SET"]["rules_reached"] == one["commands"]["SET"]["rules"]


@pytest.mark.slow
def test_what_was_reviewed_is_known_to_all_workers(tmp_path: Path) -> None:
    """Divergences that a baseline accepts are known whichever worker meets them, and each example is run once."""
    known, file = tmp_path / "known.toml", tmp_path / "report.json"
    arguments = "embedded --profile redis-6.2 --commands EXPIRE --protocol 2 --requests 60 --seed 3 --workers 2 --quiet"
    common = [*arguments.split(), "--no-saved", "--json", str(file)]
    CliRunner().invoke(conform, [*common, "--write-baseline", str(known)])
    known.write_text(known.read_text().replace('reason = ""', 'reason = "an older text"'))
    done = CliRunner().invoke(conform, [*common, "--baseline", str(known)])
    (target,) = json.loads(file.read_text())["targets"]
    assert target["gate"]["known"] > 0, done.output
    assert (target["gate"]["unknown"], target["gate"]["complaints"]) == (0, [])
    assert not [note for note in target["notes"] if "was not run" in note]
    assert target["spread"]["merged"] == 2


def test_a_given_server_is_not_shared(real: servers.Running, tmp_path: Path) -> None:
    """On a server that is given by its address one worker runs, and that is said."""
    file = tmp_path / "report.json"
    arguments = [real.url, "--commands", "GET", "--requests", "20", "--workers", "3", "--json", str(file)]
    done = CliRunner().invoke(conform, arguments)
    assert done.exit_code == 0, done.output
    assert "one process searched" in done.output
    (target,) = json.loads(file.read_text())["targets"]
    assert "spread" not in target
    assert any("one process searched" in note for note in target["notes"])


def test_what_cannot_run_is_one_line() -> None:
    """No such server, no such command, an exhaustive run: one line and status 2, with workers as without."""
    for arguments, words in (
        (["redis:1.2", "--workers", "2"], "no such server"),
        (["embedded", "--workers", "2", "--exhaustive"], "leave --workers"),
        (["embedded", "--engine", "tcp://127.0.0.1:1"], "give dask://host:port"),
    ):
        done = CliRunner().invoke(conform, arguments)
        assert (done.exit_code, done.output.count("\n")) == (2, 1), done.output
        assert words in done.output
    with pytest.raises(CannotRun, match="no command NOSUCH"):
        workers.run("embedded", Options(workers=2, commands=frozenset({"NOSUCH"})), Watching())
