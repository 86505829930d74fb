"""Servers of this machine: names, the ones that start and those that do not, and nothing left behind."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers as machine


def one(product: str, version: str) -> machine.Server:
    """A server program that is not there."""
    return machine.Server(f"{product}:{version}", product, version, "/nonexistent", "a test")


def test_the_newest_of_a_version_has_the_short_name() -> None:
    """Two programs of 6.2: the newer one is redis:6.2, the older one is reached by all its digits."""
    found = machine.named([("redis", "6.2.5", "old", ""), ("redis", "6.2.14", "new", ""), ("valkey", "9.1.2", "v", "")])
    assert {server.name: server.path for server in found} == {
        "redis:6.2": "new",
        "redis:6.2.5": "old",
        "valkey:9.1": "v",
    }
    assert machine.pick("redis:6.2", found).path == "new"
    assert machine.pick("redis:6.2.5", found).path == "old"
    assert machine.pick("valkey", found).path == "v"


def test_a_prefix_counts_whole_numbers() -> None:
    """redis:7 is not redis:70, and redis:7.1 is not 7.10."""
    found = [one("redis", "70.1.0"), one("redis", "7.10.2"), one("redis", "7.9.9")]
    assert machine.pick("redis:7", found).version == "7.10.2"
    with pytest.raises(CannotRun, match=r"redis:7.1: no such server on this machine \(found: "):
        machine.pick("redis:7.1", found)


def test_a_started_server_leaves_nothing(real_server: machine.Server) -> None:
    """It listens on loopback, in a folder of its own; after stop neither process nor folder is there."""
    with machine.running(real_server) as running:
        assert running.url.startswith("redis://127.0.0.1:")
        assert running.folder.is_dir()
    assert running.process.poll() is not None
    assert not running.folder.exists()
    running.stop()


STARTER = """
import sys, time
from redlark.conformance.targets import servers
one = servers.start(servers.pick(sys.argv[1], servers.find_servers()))
print(one.process.pid, one.folder, flush=True)
time.sleep(600)
"""


def test_a_server_ends_with_a_starter_that_is_killed(real_server: machine.Server) -> None:
    """SIGKILL of who started it: neither the server nor its folder is there a moment later."""
    with subprocess.Popen([sys.executable, "-c", STARTER, real_server.name], stdout=subprocess.PIPE, text=True) as one:
        assert one.stdout is not None
        pid, folder = one.stdout.readline().split()
        assert Path(folder).is_dir()
        one.kill()
    until = time.monotonic() + 30
    while time.monotonic() < until and (Path(folder).exists() or Path(f"/proc/{pid}/cwd").exists()):
        time.sleep(0.01)
    assert not Path(folder).exists()
    assert not Path(f"/proc/{pid}/cwd").exists()


def test_two_servers_run_side_by_side(real_server: machine.Server) -> None:
    """Each start finds a port of its own."""
    with machine.running(real_server) as first, machine.running(real_server) as second:
        assert first.port != second.port


@pytest.mark.parametrize("own", [True, False], ids=["redlark", "another"])
def test_a_port_that_another_server_has_taken(
    real_server: machine.Server, monkeypatch: pytest.MonkeyPatch, own: bool
) -> None:
    """Its answers are not taken for those of the server that was started, which gets another port."""
    with machine.running(real_server) as first:
        ports = iter((first.port, machine.free_port()))
        monkeypatch.setattr(machine, "free_port", lambda: next(ports))
        with machine.running(None if own else real_server) as second:
            assert second.port != first.port
            assert second.process.poll() is None


def test_a_server_that_does_not_start_is_told_with_its_last_words(
    real_server: machine.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parameter that the server refuses: one line with what it said, and no folder left."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(CannotRun, match=r"could not be started: .+") as caught:
        machine.start(real_server, {"no-such-parameter": "1"})
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_no_server_is_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something called redis-server on PATH that does not say so is left out."""
    false = tmp_path / "redis-server"
    false.write_text("#!/bin/sh\necho something else\n")
    false.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not [server for server in machine.find_servers() if server.source == "PATH"]


def test_one_program_does_not_hide_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every folder of PATH counts, a version once: an active environment's redis-server does not hide the machine's."""
    folders = []
    for name, version in (("first", "97.1.2"), ("same", "97.1.2"), ("other", "98.0.1")):
        program = tmp_path / name / "redis-server"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho 'Redis server v={version} sha=00000000:0'\n")
        program.chmod(0o755)
        folders.append(str(program.parent))
    (tmp_path / "link").symlink_to(tmp_path / "other")
    monkeypatch.setenv("PATH", ":".join([*folders, str(tmp_path / "link"), "/nonexistent"]))
    found = {server.name: server.path for server in machine.find_servers() if server.source == "PATH"}
    assert found == {"redis:97.1": f"{folders[0]}/redis-server", "redis:98.0": f"{folders[2]}/redis-server"}
