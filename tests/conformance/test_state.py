"""Runs that are kept: one that was killed goes on with what is new, and counts nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from redlark.conformance.campaign import Campaign
from redlark.conformance.cli import conform
from redlark.conformance.history import History
from redlark.conformance.judging.judge import Judge
from redlark.conformance.memory import state_file
from redlark.conformance.memory.state import Ledger
from redlark.conformance.options import Options
from redlark.conformance.report import TargetReport
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import choose, model_of
from redlark.conformance.targets.target import parse_address, prepare
from redlark.reference.resp import Frame
from tests.quality.faults import FAULTS
from tests.quality.proxy import proxy, tap

COMMAND = [sys.executable, "-c", "from redlark.conformance.cli import main; main()"]
PROFILE = "redis-8.2"


@pytest.fixture(scope="module")
def embedded() -> Iterator[machine.Running]:
    """Redlark's own server."""
    with machine.running(None) as running:
        yield running


class Killed(BaseException):
    """As good as SIGKILL: nothing that a run does at its end is done."""


class Witness:
    """Runs campaigns, kills them after so many histories, and writes down what was done and claimed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, url: str) -> None:
        self.url = url
        self.finished: list[tuple[str, int, History]] = []
        self.claimed: list[tuple[str, int]] = []
        self.requests = 0
        self.left = 1 << 30
        each, claim, run = Ledger.each, Ledger.claim, Judge.run

        def watched_each(ledger: Ledger, part: str, histories: Iterable[History]) -> Iterator[History]:
            for history in each(ledger, part, histories):
                number = ledger.done.get(part, 0)
                yield history
                self.finished.append((part, number, history))

        def watched_claim(ledger: Ledger, part: str) -> int:
            number = claim(ledger, part)
            self.claimed.append((part, number))
            return number

        def watched_run(judge: Judge, history: History) -> Any:
            if not self.left:
                raise Killed
            self.left -= 1
            before = judge.requests
            found = run(judge, history)
            self.requests += judge.requests - before
            return found

        monkeypatch.setattr(Ledger, "each", watched_each)
        monkeypatch.setattr(Ledger, "claim", watched_claim)
        monkeypatch.setattr(Judge, "run", watched_run)

    def __call__(self, path: Path | None, requests: int, left: int = 1 << 30) -> TargetReport | None:
        """Run, or go on; None for a run that was killed after `left` histories."""
        self.left, self.requests = left, 0
        target = prepare(parse_address(self.url), destructive=True)
        commands = frozenset(("STRLEN", "APPEND", "SETRANGE"))
        options = Options(PROFILE, (2, 3), commands, seed=7, budget=600, requests=requests, destructive=True)
        campaign = Campaign("t", target, model_of(PROFILE, target), choose(target.info, PROFILE), options)
        if path is not None:
            campaign.ledger = Ledger.of(path, campaign)
        try:
            return campaign.run()
        except Killed:
            return None


@pytest.mark.slow
def test_a_killed_run_goes_on_without_repeating_or_counting_twice(
    monkeypatch: pytest.MonkeyPatch, embedded: machine.Running, tmp_path: Path
) -> None:
    """Killed anywhere, it finishes each fixed history once, in order, and claims each round once; its sums hold."""
    witness = Witness(monkeypatch, embedded.url)
    whole = witness(None, 1_000)
    assert whole is not None
    fixed = list(witness.finished)
    witness.finished.clear()
    witness.claimed.clear()
    path = tmp_path / "state.json"
    counted = 0
    for left in (0, 3, 30, 12):
        assert witness(path, 1_000, left) is None
        kept = json.loads(path.read_text())["runs"] if path.exists() else {}
        (run,) = kept.values() if kept else ({"requests": 0},)
        assert counted <= run["requests"] <= counted + witness.requests
        counted = run["requests"]
    report = witness(path, 1_000)
    assert report is not None
    assert report.requests == counted + witness.requests
    parts = {part for part, _, _ in fixed}
    for part in parts:
        done = [one[1:] for one in witness.finished if one[0] == part]
        wanted = [one[1:] for one in fixed if one[0] == part]
        assert [number for number, _ in done] == list(range(len(done)))
        assert done == wanted[: len(done)]
        if part == "examples":
            assert len(done) == len(wanted)
    assert max(Counter(witness.claimed).values()) == 1
    again = witness(path, 1_000)
    assert again is not None
    assert (again.requests, again.histories, witness.requests) == (report.requests, report.histories, 0)
    assert again.verdicts["STRLEN"].rules == report.verdicts["STRLEN"].rules
    more = witness(path, 1_100)
    assert more is not None
    assert more.requests == report.requests + witness.requests >= 1_100
    assert max(Counter(witness.claimed).values()) == 1


def test_what_was_found_before_is_told_at_the_end(embedded: machine.Running, tmp_path: Path) -> None:
    """Divergences are in the report of the run that went on, with their transcripts, and their commands' verdicts."""
    fault = next(one for one in FAULTS if one.name.startswith("STRLEN"))
    path, files = tmp_path / "state.json", [tmp_path / "1.json", tmp_path / "2.json"]
    with proxy(embedded.host, embedded.port, fault.handle) as url:
        usual = ["--profile", PROFILE, "--commands", "STRLEN", "--no-saved", "--state", str(path)]
        first = CliRunner().invoke(conform, [url, *usual, "--requests", "120", "--json", str(files[0])])
        assert first.exit_code == 1, first.output
        second = CliRunner().invoke(conform, [url, *usual, "--requests", "120", "--json", str(files[1])])
        assert second.exit_code == 1, second.output
        assert "goes on from" in second.output
        told = [json.loads(file.read_text()) for file in files]
        other = CliRunner().invoke(conform, [url, *usual, "--requests", "120", "--seed", str(told[0]["seed"] + 1)])
        assert other.exit_code == 2
        assert f"--seed {told[0]['seed']}" in other.output
    assert told[0]["seed"] == told[1]["seed"]
    one, two = (each["targets"][0] for each in told)
    assert one["commands"] == two["commands"]
    assert one["concurrent"] == two["concurrent"]
    assert {name: one["totals"][name] for name in ("requests", "histories", "rules_reached")} == {
        name: two["totals"][name] for name in ("requests", "histories", "rules_reached")
    }


@pytest.mark.slow
def test_a_run_that_was_killed_is_gone_on_with_by_the_same_command_line(
    embedded: machine.Running, tmp_path: Path
) -> None:
    """SIGKILL in the midst of a run: the next one begins behind it, and no request is counted that was not sent."""
    path, file = tmp_path / "state.json", tmp_path / "report.json"
    seen = [0]

    def count(frame: Frame) -> bytes:
        seen[0] += 1
        return frame.raw

    def kept() -> dict[str, Any]:
        runs = json.loads(path.read_text())["runs"] if path.exists() else {}
        return next(iter(runs.values()), {"requests": 0, "done": {}})

    with tap(embedded.host, embedded.port, count) as url:
        wanted = ["--profile", PROFILE, "--commands", "APPEND,GETRANGE,STRLEN", "--requests", "1800", "--budget", "4m"]
        line = [*COMMAND, "conform", url, *wanted, "--destructive", "--no-saved", "--quiet", "--state", str(path)]
        line += ["--json", str(file)]
        for enough in (150, 500):
            running = subprocess.Popen(line, stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 100
            while kept()["requests"] < enough:
                assert running.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)
            os.kill(running.pid, signal.SIGKILL)
            running.wait()
            killed = kept()
            assert not file.exists()
        done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(file.read_text())["targets"][0]
    now = kept()
    assert told["totals"]["requests"] == now["requests"] >= 1800 > killed["requests"] >= 500
    assert now["requests"] <= seen[0]  # replies
    assert all(now["done"][part] >= count for part, count in killed["done"].items())
    assert now["seed"] == killed["seed"]
    assert told["totals"]["seconds"] >= killed["seconds"]
    assert not list(tmp_path.glob("*.new"))


def test_what_a_killed_run_has_left_set_is_put_back(
    start_server: Callable[..., machine.Running], tmp_path: Path
) -> None:
    """A server that a set-up has locked and filled is put right before the run goes on, and the run says so."""
    server, path = start_server("embedded"), tmp_path / "state.json"
    chosen = ["--profile", PROFILE, "--commands", "STRLEN", "--state", str(path), "--no-saved"]
    assert CliRunner().invoke(conform, [server.url, *chosen, "--requests", "30"]).exit_code == 0
    told = json.loads(path.read_text())
    (run,) = told["runs"].values()
    assert not run["running"]
    path.write_text(json.dumps({**told, "runs": {key: {**one, "running": True} for key, one in told["runs"].items()}}))
    with parse_address(server.url).enter() as connection:
        for name, value in ((b"maxmemory", b"1"), (b"requirepass", b"secret")):
            assert connection.ask(b"CONFIG", b"SET", name, value).raw == b"+OK\r\n"
    done = CliRunner().invoke(conform, [server.url, *chosen, "--requests", "60"])
    assert done.exit_code == 0, done.output
    assert "put back what a killed run has left set: maxmemory, requirepass" in " ".join(done.output.split())
    with parse_address(server.url).enter() as connection:
        assert connection.ask(b"CONFIG", b"GET", b"maxmemory").raw.endswith(b"$1\r\n0\r\n")


@pytest.mark.parametrize("text", ["", "[]", '{"form": 7}', '{"runs": 3}', "half of a file {"])
def test_what_is_no_state_is_one_line_and_is_not_written_over(tmp_path: Path, text: str) -> None:
    """A file that holds something else is left as it is; status 2."""
    path = tmp_path / "state.json"
    path.write_text(text)
    done = CliRunner().invoke(conform, ["embedded", "--state", str(path), "--requests", "20", "--quiet"])
    assert done.exit_code == 2
    assert "not the state of a run" in done.output
    assert path.read_text() == text


def test_a_state_of_which_parts_are_missing_is_not_written_over(embedded: machine.Running, tmp_path: Path) -> None:
    """A run whose counts cannot be read ends without a verdict, and leaves the file as it is."""
    path = tmp_path / "state.json"
    chosen = ["--profile", PROFILE, "--commands", "STRLEN", "--seed", "1", "--state", str(path), "--destructive"]
    assert CliRunner().invoke(conform, [embedded.url, *chosen, "--requests", "30", "--no-saved"]).exit_code == 0
    told = json.loads(path.read_text())
    for run in told["runs"].values():
        del run["asked"]
    path.write_text(json.dumps(told))
    done = CliRunner().invoke(conform, [embedded.url, *chosen, "--requests", "60", "--no-saved"])
    assert done.exit_code == 2, done.output
    assert "not the state of a run" in " ".join(done.output.split())
    assert json.loads(path.read_text()) == told


def test_a_file_keeps_several_runs(tmp_path: Path) -> None:
    """Runs of other targets, and exhaustive ones, stay in the file that one run writes."""
    path = tmp_path / "state.json"
    other = {"seed": 3, "requests": 5}
    path.write_text(json.dumps({"exhaustive": [{"key": "x"}], "runs": {"elsewhere": other}, "form": 1}))
    done = CliRunner().invoke(
        conform,
        ["embedded", "--profile", PROFILE, "--commands", "STRLEN", "--requests", "20", "--state", str(path), "--quiet"],
    )
    assert done.exit_code == 0, done.output
    told = json.loads(path.read_text())
    assert told["exhaustive"] == [{"key": "x"}]
    assert told["runs"]["elsewhere"] == other
    assert len(told["runs"]) == 2
    assert state_file.seed_of(path) == 3
