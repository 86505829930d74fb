"""`redlark watch` as it is run: a process, ended by Ctrl-C, with its report, its trace and its exit status."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import redis

from redlark.conformance.watch import told, trace
from tests.conftest import Starter

COMMAND = [sys.executable, "-c", "from redlark.conformance.watch.cli import watch; watch()"]


def begin(*options: str) -> tuple[subprocess.Popen[str], int]:
    """Start to watch; the process, and the port on which it listens."""
    process = subprocess.Popen(
        [*COMMAND, "--listen", "0", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("watching on redis://127.0.0.1:"):
            return process, int(line.split(":")[2].split(";")[0])
    raise AssertionError(f"ended with {process.wait()}")


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Ctrl-C; the exit status, and what was said."""
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    return process.returncode, said


@pytest.mark.parametrize("redact", [False, True])
def test_from_the_first_request_to_the_report(start_server: Starter, tmp_path: Path, redact: bool) -> None:
    """Tables and a last line, a report and a trace as their schemas say, and status 0."""
    running = start_server("redis:8.2")
    files = ["--trace", str(tmp_path / "trace"), "--json", str(tmp_path / "report")]
    process, port = begin("--upstream", running.url, *files, *(["--redact"] if redact else []))
    with redis.Redis(port=port) as client:
        client.set("key", "a value of some length")
        client.get("key")
        listener = client.pubsub()
        listener.subscribe("news")
        client.publish("news", "a value of some length")
        while (listener.get_message(timeout=5) or {}).get("type") != "message":
            pass
        listener.close()
    status, said = end(process)
    assert status == 0, said
    assert "none diverges" in said
    report: dict[str, Any] = json.loads((tmp_path / "report").read_text())
    jsonschema.validate(report, told.schema())
    assert report["commands"]["SET"] == {"requests": 1, "judged": 1, "not_judged": 0, "divergences": 0}
    assert report["rules"]["SET/stored"] == 1
    assert report["began_empty"]
    validator = jsonschema.Draft202012Validator(trace.schema())
    text = (tmp_path / "trace").read_text()
    for line in text.splitlines():
        validator.validate(json.loads(line))
    assert ("a value of some" in text) != redact
    (tmp_path / "cut").write_text(text[:-5])
    whole, cut = trace.read(tmp_path / "trace"), trace.read(tmp_path / "cut")
    assert (whole.cut, cut.cut) == (False, True)
    assert whole.lines[:-1] == cut.lines


def test_a_server_that_is_gone(start_server: Starter, tmp_path: Path) -> None:
    """One line says so, what was found until then is reported, the trace is kept, and the status is 2."""
    running = start_server("redis:8.2")
    process, port = begin("--upstream", running.url, "--trace", str(tmp_path / "trace"))
    with redis.Redis(port=port) as client:
        client.set("key", "1")
    running.stop()
    status, said = end(process)
    assert status == 2
    assert "the server is gone" in said
    assert "none diverges" in said
    assert any(b"SET" in line.data for line in trace.read(tmp_path / "trace").lines)


def test_a_disk_that_is_full(start_server: Starter, tmp_path: Path) -> None:
    """Clients are served and judged as before, the end of the trace is told, status 2; what was written can be read."""
    process, port = begin("--upstream", start_server("redis:8.2").url, "--trace", str(tmp_path / "trace"))
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (4096, 4096))
    with redis.Redis(port=port) as client:
        for number in range(200):
            client.set(f"key {number}", "v")
        assert client.get("key 199") == b"v"
    status, said = end(process)
    assert status == 2
    assert "the trace ends early: file too large" in said
    assert "none diverges" in said
    recording = trace.read(tmp_path / "trace")
    assert 10 < len(recording.lines) < 200
    written = (tmp_path / "trace").read_bytes()
    assert len(written) == 4096  # to the last byte that had room, which may be that of a line's end
    assert recording.cut == (written[-1:] != b"\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--upstream", "redis://127.0.0.1:1"], "unreachable"),
        (["--upstream", "nonsense"], "not a target"),
        (["--upstream", "rediss://127.0.0.1:1"], "plain connections"),
        (["--upstream", "redis://127.0.0.1:1", "--json", "/nowhere/report"], "no such directory"),
    ],
)
def test_what_cannot_be_run(options: list[str], said: str) -> None:
    """One line, and status 2."""
    found = subprocess.run(
        [*COMMAND, "--listen", "0", *options], capture_output=True, text=True, timeout=60, check=False
    )
    assert found.returncode == 2
    assert said in found.stderr
    assert found.stderr.count("\n") == 1
