"""What is given wrong: one clear line that says what to do, status 2, never a traceback, and nothing lost."""

from __future__ import annotations

import contextlib
import copy
import json
import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from redlark.conformance import duration, whole_files
from redlark.conformance.cli import main
from redlark.conformance.errors import CannotRun
from redlark.conformance.vectors import files
from redlark.server import Server

COMMAND = [sys.executable, "-c", "from redlark.conformance.cli import main; main()"]
FORMS = ("html", "junit", "markdown", "badge", "annotations", "baseline")


def run(*arguments: object) -> tuple[int, str]:
    """Exit status and all that was printed; what is printed of a fault of ours fails the test."""
    result = CliRunner().invoke(main, [str(one) for one in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
    assert "a fault of Redlark" not in result.output, result.output
    return result.exit_code, result.output


STEPS = [
    {"client": 1, "send": ["BLPOP", "k", "0"], "expect": []},
    {"client": 2, "send": ["RPUSH", "k", {"id": 1}], "expect": [{"kind": ":", "from": 1, "to": 1}]},
    {"client": 1, "expect": [{"kind": "*", "items": [{"any": True}, {"either": ["$1\r\n1\r\n", "$1\r\n2\r\n"]}]}]},
]
VECTORS: dict[str, Any] = {
    "index.json": {
        "format": 1, "profile": "redis-8.2", "seed": 1, "clear": [["FLUSHALL"]],
        "servers": {"as it comes": {"config": {}}}, "commands": ["BLPOP", "RPUSH"], "files": {"list.json": 1},
        "rules": {"BLPOP/served": {"case": "BLPOP/served"}, "RPUSH/full": {"not": "why"}},
    },
    "list.json": [
        {"name": "BLPOP/served", "rules": ["BLPOP/served"], "protocols": [2, 3], "clients": 2, "steps": STEPS}
    ],
}  # fmt: skip


@cache
def kept(name: str) -> str:
    """What a small run has written, a report with divergences or a trace; the index or the cases of vectors."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if name == "report":
            asked = ("--profile", "redis-6.2", "--commands", "SETEX,GET", "--requests", 300, "--seed", 1)
            assert run("conform", *asked, "--no-saved", "--quiet", "--json", place / "report")[0] == 1
        elif name == "trace":
            watched(place / "trace")
        else:
            return json.dumps(VECTORS[name])
        return (place / name).read_text()


def watched(trace: Path) -> None:
    """Record a few requests."""
    from redlark.conformance.watch import Watch

    with Server() as server, Watch(server.url, trace=trace) as watch:
        import redis

        with redis.Redis.from_url(watch.url) as client:
            client.set("k", "v")
            client.lrange("l", 0, -1)
        watch.findings()


def places(told: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in what was read from JSON, a path each."""
    inner = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))] if told is not None else []


@st.composite
def spoilt(draw: st.DrawFn, name: str) -> str:
    """A JSON text of which one value is missing, or another, or that is cut."""
    text = kept(name)
    if draw(st.integers(0, 4)) == 0:
        return text[: draw(st.integers(0, len(text)))]
    told = json.loads(text)
    path = draw(st.sampled_from([one for one in places(told) if one]))
    within = told
    for key in path[:-1]:
        within = within[key]
    if draw(st.booleans()):
        del within[path[-1]]
    else:
        other = (None, 0, -1, 7, 1.5, "", "x", True, [], {}, [[]], {"x": 1}, "\u1234")
        within[path[-1]] = copy.copy(draw(st.sampled_from(other)))
    return json.dumps(told)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_report_that_was_spoilt_is_refused_or_told(data: st.DataObject) -> None:
    """Whatever stands where a report should, each form and `diff` end by themselves, or with a line."""
    text = data.draw(spoilt("report"))
    with tempfile.TemporaryDirectory() as folder:
        whole, broken = Path(folder) / "whole.json", Path(folder) / "broken.json"
        whole.write_text(kept("report"))
        broken.write_text(text)
        form = data.draw(st.sampled_from(FORMS))
        for line in ([form, broken], ["diff", whole, broken], ["diff", broken, whole]):
            status, said = run("report", *line)
            assert status in (0, 1, 2)
            if status == 2:
                assert said.startswith(f"redlark: {broken}: ") or "the report does not tell how" in said, said


@settings(max_examples=12, deadline=None)
@given(st.data())
def test_vectors_that_were_spoilt_are_refused_or_run(data: st.DataObject) -> None:
    """Whatever stands where vectors should, reading them ends with cases, or with a line."""
    which = data.draw(st.sampled_from(["index.json", "list.json"]))
    text = data.draw(spoilt(which))
    with tempfile.TemporaryDirectory() as folder:
        for name in ("index.json", "list.json"):
            (Path(folder) / name).write_text(text if name == which else kept(name))
        with contextlib.suppress(CannotRun):
            index, cases = files.read(Path(folder))
            assert index["format"] == files.FORMAT
            assert all(case["steps"] for case in cases)


@settings(max_examples=8, deadline=None)
@given(st.data())
def test_a_trace_that_was_spoilt_is_refused_or_replayed(data: st.DataObject) -> None:
    """A trace of which one line is damaged, or the end is cut, is replayed, or refused with a line that says where."""
    lines = kept("trace").splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    told = json.loads(lines[at])
    name = data.draw(st.sampled_from(sorted(told)))
    told[name] = data.draw(st.sampled_from([None, 0, -1, "x", "\u1234", "*1\r\n", [], {}, True, 3.5]))
    lines[at] = data.draw(st.sampled_from([json.dumps(told), lines[at][:-3], "", "3", "[]"]))
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "spoilt.trace"
        trace.write_text("\n".join(lines) + "\n")
        status, said = run("replay", trace, "--target", "embedded", "--quiet", "--timeout", 1)
        assert status in (0, 1, 2)
        if status == 2:
            assert re.match(rf"redlark: ({trace}|the trace is damaged)", said), said


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("conform --timeout nan", "nan is no number of seconds"),
        ("conform --timeout inf", "is not in the range"),
        ("conform --exhaustive --concurrent 3", "give one of them"),
        ("conform --json {folder}", "is a directory"),
        ("conform --html {folder}/none/x.html", "no such directory"),
        ("conform --junit /proc/none", "the report cannot be written to /proc/none"),
        ("conform --json {folder}/x --html {folder}/x", "the report cannot be written to {folder}/x: another form of"),
        ("conform --state {folder}", "cannot be read there: is a directory"),
        (
            "conform --state {folder}/none/x",
            "redlark: the state of the run cannot be written to {folder}/none/x: no such",
        ),
        ("conform --baseline {file}", "no profile redis-0.1; there are redis-6.2"),
        ("watch --listen ² --upstream redis://127.0.0.1:1", "is not a port"),
        ("watch --listen 0 --upstream redis://127.0.0.1:1 --seconds nan", "nan is no number of seconds"),
        ("watch --listen 0 --upstream redis://127.0.0.1:1 --json {folder}", "is a directory"),
        ("replay {file} --target embedded --json {folder}", "is a directory"),
        ("replay {file} --target embedded", "not JSON"),
        ("vectors fill --out /proc/none", "the vectors cannot be written to /proc/none"),
        ("vectors run {folder}/none embedded", "holds no vectors: index.json: no such file"),
        ("vectors run {folder}/none embedded --json {folder}", "is a directory"),
        ("model --port 99999", "is not in the range"),
        ("model --port {port}", "cannot listen on 127.0.0.1:{port}: Address already in use"),
        ("watch --listen 0 --upstream redis:8.2", "redis:8.2: not an address; give redis://host:port"),
        ("model --set nope=1", "the text of redis-8.2 has no parameter 'nope'"),
        ("conform --commands ,", "names nothing; leave it out to have all"),
        ("vectors fill --groups= --out {folder}/none", "names nothing; leave it out to have all"),
        ("spec diff redis-6.2 redis-8.2 --commands=", "names nothing; leave it out to have all"),
        ("spec diff redis-6.2 redis-8.2 --commands NONE", "neither profile has a command NONE"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_run(line: str, said: str, tmp_path: Path) -> None:
    """Each is refused with status 2 and words that say what is wrong."""
    file = tmp_path / "known.toml"
    file.write_text(
        '[[divergence]]\nrule = "GET/value"\ncommand = "GET"\nreason = "r"\nexpires = 2099-01-01\n'
        'seen = "x"\nexample = ["GET k"]\nprofile = "redis-0.1"\n'
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        names = {"folder": tmp_path, "file": file, "port": taken.getsockname()[1]}
        status, output = run(*line.format(**names).split())
    assert (status, said.format(**names) in output) == (2, True), output
    assert "conforms" not in output
    assert sorted(tmp_path.iterdir()) == [file]  # and nothing is left


def test_a_container_selects_its_subcommands_in_a_comparison() -> None:
    """`spec diff --commands CLIENT` is about CLIENT UNBLOCK, too."""
    status, output = run("spec", "diff", "redis-6.2", "redis-8.2", "--commands", "CLIENT", "--no-facts")
    assert status == 0
    assert "CLIENT UNBLOCK" in output


def test_filling_takes_away_only_its_own(tmp_path: Path) -> None:
    """What stands among vectors and is none of them stays; of an earlier fill nothing does."""
    (tmp_path / "index.json").write_text('{"files": {"list.json": 1, "../known.json": 1}}')
    for name in ("package.json", "list.json"):
        (tmp_path / name).write_text("[]")
    assert run("vectors", "fill", "--commands", "ECHO", "--quiet", "--out", tmp_path)[0] == 0
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"index.json", "package.json", *json.loads((tmp_path / "index.json").read_text())["files"]}
    assert "list.json" not in names


def test_vectors_of_which_none_could_be_run_are_no_success(tmp_path: Path) -> None:
    """A server that has none of the commands passes nothing: status 2."""
    index = json.loads(kept("index.json"))
    cases = {"name": "X/y", "rules": ["X/y"], "protocols": [2], "steps": [{"client": 1, "send": ["X"], "expect": []}]}
    index |= {"files": {"x.json": 1}, "commands": ["X"], "servers": {"as it comes": {"config": {}}}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    (tmp_path / "x.json").write_text(json.dumps([cases]))
    status, output = run("vectors", "run", tmp_path, "embedded")
    assert (status, "0 passed, 0 failed, 1 skipped" in output) == (2, True), output


def test_a_file_that_cannot_be_written_whole_stays_as_it_was(tmp_path: Path) -> None:
    """Where no more can be written (a limit, as a full disk), what stood there stands there still, and nothing else."""
    file = tmp_path / "known.toml"
    file.write_text("# reviewed\n")
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(CannotRun, match=r"cannot be written to .*: file too large"):
            whole_files.write(file, "x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert file.read_text() == "# reviewed\n"
    assert os.listdir(tmp_path) == ["known.toml"]


def test_a_trace_that_ends_early_is_no_success(tmp_path: Path) -> None:
    """A trace that cannot be written on (a limit, as a full disk) is told of, and the status is 2."""

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))

    with Server() as server:
        line = ["watch", "--listen", "0", "--upstream", server.url, "--trace", str(tmp_path / "t"), "--seconds", "0.5"]
        done = subprocess.run([*COMMAND, *line], capture_output=True, text=True, timeout=60, preexec_fn=limited)
    assert (done.returncode, "the trace ends early: file too large" in done.stdout) == (2, True), done


def test_a_file_keeps_its_mode_and_a_link_its_place(tmp_path: Path) -> None:
    """What is written anew has the permissions of what stood there; through a link the file behind it is written."""
    file, link = tmp_path / "real", tmp_path / "link"
    file.write_text("old")
    file.chmod(0o600)
    link.symlink_to(file)
    whole_files.write(link, "new")
    assert link.is_symlink()
    assert (file.read_text(), file.stat().st_mode & 0o777) == ("new", 0o600)


def test_a_report_may_go_to_a_pipe() -> None:
    """`--json /dev/stdout` prints it."""
    line = ["conform", "--commands", "GET", "--requests", "20", "--no-saved", "--quiet", "--json", "/dev/stdout"]
    done = subprocess.run([*COMMAND, *line], capture_output=True, text=True, timeout=60, check=True)
    assert '"targets": [' in done.stdout


@given(st.floats(min_value=0.001, max_value=duration.Seconds.MOST))
def test_seconds_are_any_number_of_them(value: float) -> None:
    """What is longer than nothing and no longer than clocks can wait is taken as it stands."""
    assert duration.Seconds().convert(repr(value), None, None) == value


@pytest.mark.parametrize("line", ["conform --commands GET --requests 5 --no-saved", "servers", "spec list --json"])
def test_a_pipe_that_nobody_reads_is_no_divergence(line: str) -> None:
    """Where the reader of what is printed has gone, nothing is said, and the status is that of no verdict."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([*COMMAND, *line.split()], stdout=writing, stderr=subprocess.PIPE, text=True, timeout=60)
    os.close(writing)
    assert (done.returncode, done.stderr) == (2, "")


def test_a_name_is_told_as_it_is(tmp_path: Path) -> None:
    """Square brackets in the name of a file are no markup."""
    trace, folder = tmp_path / "[red]a[", tmp_path / "[bold]v"
    trace.write_text(kept("trace"))
    status, said = run("replay", trace, "--target", "embedded")
    assert (status, said.startswith(f"{trace}: redis 8.2.3")) == (0, True), said
    said = run("vectors", "fill", "--commands", "ECHO", "--quiet", "--out", folder)[1]
    assert str(folder) in said.replace("\n", ""), said
