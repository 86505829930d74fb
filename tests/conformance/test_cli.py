"""The command line: exit statuses, one line for what went wrong, the report, the seed, Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner

from redlark.conformance import command_line, report
from redlark.conformance.cli import conform, main, servers
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets import servers as machine
from tests.waiting import soon

COMMAND = [sys.executable, "-c", "from redlark.conformance.cli import main; main()"]


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and everything that was printed."""
    result = CliRunner().invoke(conform, arguments)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_embedded_server_is_the_default(tmp_path: Path) -> None:
    """Without a target Redlark's own server is started and judged, and the report says so."""
    file = tmp_path / "report.json"
    status, output = run("--profile", "redis-8.2", "--requests", "1500", "--seed", "3", "--json", str(file))
    told = json.loads(file.read_text())
    jsonschema.validate(told, report.schema())
    (target,) = told["targets"]
    assert target["target"] == "embedded"
    assert target["profile"] == "redis-8.2"
    assert status == (1 if target["totals"]["diverge"] else 0)
    assert target["totals"]["requests"] >= 1500
    assert target["totals"]["rules_reached"] > 100
    assert "embedded is held to redis-8.2" in output


def test_a_server_by_its_name_is_started_and_stopped(real_server: machine.Server) -> None:
    """`redis:8` starts a server of that version, recognises its profile, and leaves nothing behind."""
    status, output = run(
        f"redis:{real_server.number[0]}", "--commands", "GET,SET", "--requests", "400", "--seed", "1", "--quiet"
    )
    assert status == 0, output
    assert f"(redis-{real_server.version.rsplit('.', 1)[0]}, strict level)" in output


def test_the_report_of_a_real_server_fits_the_schema(real: machine.Running, tmp_path: Path) -> None:
    """Verdicts, rules and totals are there and agree with each other; the server is empty again afterwards."""
    file = tmp_path / "report.json"
    status, output = run(real.url, "--requests", "2500", "--seed", "5", "--json", str(file))
    told = json.loads(file.read_text())
    jsonschema.validate(told, report.schema())
    (target,) = told["targets"]
    totals, commands = target["totals"], target["commands"]
    assert told["seed"] == 5
    assert status == 0, output
    assert totals["commands"] == sum(verdict["verdict"] != "unspecified" for verdict in commands.values())
    assert totals["conform"] == sum(verdict["verdict"] == "conforms" for verdict in commands.values())
    assert commands["VADD"]["verdict"] == "unspecified"
    assert commands["SET"]["verdict"] == "conforms"
    assert commands["SET"]["reached"]["SET/stored"] > 0
    assert commands["SET"]["rules_reached"] == sum(count > 0 for count in commands["SET"]["reached"].values())


def test_reach_by_protocol_options_and_places(real: machine.Running, tmp_path: Path) -> None:
    """What either protocol reached is part of the whole; options are counted; every rule told of has its place."""
    file = tmp_path / "report.json"
    chosen = ("--commands", "SET,LPOS,LMOVE,GET,HELLO", "--requests", "1500", "--seed", "4", "--json", str(file))
    assert run(real.url, *chosen)[0] == 0
    told = json.loads(file.read_text())
    jsonschema.validate(told, report.schema())
    (target,) = told["targets"]
    commands, protocols = target["commands"], target["reached_in"]
    assert set(protocols) == {"2", "3"}
    whole = {**target["common_rules"], **{r: n for one in commands.values() for r, n in one["reached"].items()}}
    for rule, count in whole.items():
        assert sum(reached.get(rule, 0) for reached in protocols.values()) <= count
        by_request = rule.split("/")[0] in commands
        assert not by_request or sum(reached.get(rule, 0) for reached in protocols.values()) == count, rule
        assert rule in told["text"]["rules"]
    for reached in protocols.values():
        assert reached["SET/stored"] > 0
        assert all(reached.values())
    assert set(commands["LMOVE"]["options"]) == {"LEFT", "RIGHT"}
    assert list(commands["LPOS"]["options"]) == ["RANK", "COUNT", "MAXLEN"]
    assert commands["GET"]["options"] == {}
    for command in commands.values():
        assert all(0 <= count <= command["requests"] for count in command["options"].values())
    assert all(commands["SET"]["options"][word] > 0 for word in ("NX", "XX", "GET", "EX", "PX", "KEEPTTL"))
    assert told["options"]["commands"] == ["GET", "HELLO", "LMOVE", "LPOS", "SET"]
    assert told["options"]["requests"] == 1500


def test_a_run_with_one_protocol_reaches_nothing_in_the_other(real: machine.Running, tmp_path: Path) -> None:
    """With --protocol 2 there is no column for RESP3."""
    file = tmp_path / "report.json"
    run(real.url, "--commands", "INCR,GET", "--protocol", "2", "--requests", "300", "--seed", "4", "--json", str(file))
    (target,) = json.loads(file.read_text())["targets"]
    assert set(target["reached_in"]) == {"2"}
    assert target["reached_in"]["2"]["INCR/stored"] > 0


def test_a_divergence_is_told_with_rule_transcript_and_both_replies(tmp_path: Path, real: machine.Running) -> None:
    """Held to the profile of another version, a server diverges: exit 1, and a transcript that can be pasted."""
    file = tmp_path / "report.json"
    status, output = run(real.url, "--profile", "redis-6.2", "--requests", "1500", "--seed", "1", "--json", str(file))
    told = json.loads(file.read_text())
    jsonschema.validate(told, report.schema())
    found = [d for verdict in told["targets"][0]["commands"].values() for d in verdict["divergences"]]
    assert status == 1, output
    assert any(d["rules"] and d["allowed"] and d["seen"] not in d["allowed"] for d in found)
    assert all(d["transcript"] and len(d["exchanges"]) <= 12 for d in found)
    assert {d["protocol"] for d in found} <= {2, 3}
    assert all(d["protocol"] == 2 or "HELLO 3" in d["transcript"] for d in found)
    assert "diverges" in output


def test_loose_compares_errors_by_their_first_word(real: machine.Running) -> None:
    """What differs in an error's wording only conforms at the loose level, and the report says which level it was."""
    chosen = ("--profile", "redis-6.2", "--commands", "GET,INCR,EXPIRE", "--requests", "1500", "--seed", "2")
    assert run(real.url, *chosen, "--strict")[0] == 1
    _, output = run(real.url, *chosen[:2], "--commands", "GET,INCR", *chosen[4:], "--loose")
    assert "loose level" in output
    assert "GET diverges" not in output


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["redis://127.0.0.1:1"], "unreachable"),
        (["redis:99"], "no such server on this machine"),
        (["nonsense"], "not a target"),
        (["redis://ana:hid@den/word@127.0.0.1:1"], "redis://127.0.0.1:1: the database after the port must be"),
        (["rediss://:hid/den@127.0.0.1"], "rediss://127.0.0.1: the port must be"),
        (["redys://:hid/den@127.0.0.1"], "redys://127.0.0.1: not a target"),
        (["embedded", "--profile", "redis-1.0"], "no profile redis-1.0"),
        (["embedded", "--commands", "NOSUCH"], "the profile has no command NOSUCH"),
        (["embedded", "--groups", "nosuch"], "no group nosuch"),
    ],
)
def test_what_cannot_run_is_one_line_and_status_2(arguments: list[str], line: str) -> None:
    """Every mistake is told in one line, with status 2."""
    result = CliRunner().invoke(conform, [*arguments, "--budget", "1"])
    told = [text for text in result.output.splitlines() if text.startswith("redlark: ")]
    assert result.exit_code == 2
    assert len(told) == 1
    assert line in told[0]
    assert "hid" not in result.output


def test_what_cannot_run_has_an_entry_in_the_report(tmp_path: Path) -> None:
    """A target that could not be judged is told of with the reason, without its password, as the schema says."""
    file = tmp_path / "report.json"
    assert run("redis://user:secret@127.0.0.1:1", "--json", str(file))[0] == 2
    told = json.loads(file.read_text())
    jsonschema.validate(told, report.schema())
    (target,) = told["targets"]
    assert (target["target"], target["ended"]) == ("redis://127.0.0.1:1", "could not run")
    assert "unreachable" in target["notes"][0]
    assert target["totals"]["requests"] == 0


def test_a_hanging_server_is_told_by_the_program_itself(deaf: str) -> None:
    """The real program, in a process of its own: one line on stderr, no traceback, status 2."""
    done = subprocess.run([*COMMAND, "conform", deaf, "--timeout", "0.3"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "accepts connections but does not answer PING" in done.stderr


def test_equal_seeds_give_equal_runs(real: machine.Running) -> None:
    """Twice the same seed sends the same requests, as no clock ends any part; another seed sends others."""

    def sent(seed: str) -> list[str]:
        seen: list[str] = []
        with pytest.MonkeyPatch.context() as patch:
            inner = Judge.run
            patch.setattr(
                Judge, "run", lambda self, history: (seen.append(repr(history).encode()), inner(self, history))[1]
            )
            run(real.url, "--groups", "string", "--requests", "1200", "--budget", "10h", "--seed", seed)
        return seen

    first = sent("7")
    assert first == sent("7")
    assert first != sent("8")


def busy(running: machine.Running) -> bool:
    """Whether a run has begun on this server: it has refused many requests, of which whoever asks this makes none."""
    told = asked(running, b"INFO stats\r\n")
    refused = re.search(rb"total_error_replies:(\d+)", told)
    return refused is not None and int(refused[1]) > 50


def test_a_server_killed_in_the_middle_ends_the_run_with_a_line(real: machine.Running) -> None:
    """The verdict so far is printed, then that the server is gone; status 2."""

    def kill() -> None:
        soon(lambda: busy(real))
        real.process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    status, output = run(real.url, "--budget", "60", "--seed", "1", "--timeout", "2")
    killer.join()
    assert status == 2, output
    assert "the run could not go on" in output
    assert "unreachable: connection refused" in output or "does not accept connections any more" in output


def test_a_server_hung_in_the_middle_ends_the_run_with_a_line(real: machine.Running) -> None:
    """A stopped process accepts connections and is silent: the run ends, and says so; status 2."""

    def stop() -> None:
        soon(lambda: busy(real))
        real.process.send_signal(signal.SIGSTOP)

    stopper = threading.Thread(target=stop)
    stopper.start()
    status, output = run(real.url, "--budget", "60", "--seed", "1", "--timeout", "1")
    stopper.join()
    real.process.send_signal(signal.SIGCONT)
    assert status == 2, output
    assert "gave no reply within 1 s" in output


def test_ctrl_c_prints_the_verdict_so_far(real: machine.Running) -> None:
    """SIGINT ends the run, not the report: the totals are printed, without a traceback."""
    process = subprocess.Popen(
        [*COMMAND, "conform", real.url, "--budget", "60", "--seed", "1", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    soon(lambda: busy(real))
    os.kill(process.pid, signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert "so far (interrupted)" in output
    assert "Traceback" not in errors
    assert process.returncode in (0, 1)


def test_who_is_impatient_loses_nothing(real: machine.Running, tmp_path: Path) -> None:
    """Ctrl-C over and over, until the reports are there: the verdict is printed, and they are whole."""
    files = {name: tmp_path / f"report.{name}" for name in ("json", "html")}
    process = subprocess.Popen(
        [*COMMAND, "conform", real.url, "--budget", "60", "--seed", "1", "--quiet"]
        + [word for name, file in files.items() for word in (f"--{name}", str(file))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    soon(lambda: busy(real))
    pressed = 0
    while process.poll() is None and not files["html"].exists():
        process.send_signal(signal.SIGINT)
        pressed += 1
        time.sleep(0.05)
    output, errors = process.communicate(timeout=30)
    assert pressed > 2
    assert "so far (interrupted)" in output
    assert all("to give that up" in line for line in errors.splitlines())
    assert json.loads(files["json"].read_text())["targets"][0]["ended"] == "interrupted"
    assert files["html"].read_text().rstrip().endswith("</html>")
    assert process.returncode in (0, 1)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing_behind(real: machine.Running, number: int) -> None:
    """The server is empty again, nothing is changed in its configuration, and no further target is begun."""
    before = asked(real, b"CONFIG GET *\r\n")
    process = subprocess.Popen(
        [*COMMAND, "conform", real.url, "embedded", "--budget", "60", "--seed", "1", "--quiet"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    soon(lambda: busy(real))
    process.send_signal(number)
    output, errors = process.communicate(timeout=30)
    assert output.count("so far (interrupted)") == 1
    assert "embedded" not in output
    assert errors == ""
    assert asked(real, b"DBSIZE\r\n") == b":0\r\n"
    assert asked(real, b"CONFIG GET *\r\n") == before


def asked(running: machine.Running, request: bytes) -> bytes:
    """What a server answers to one inline request, read until it falls silent."""
    answer = b""
    with socket.create_connection((running.host, running.port), timeout=1) as sock, contextlib.suppress(TimeoutError):
        sock.sendall(request)
        while not answer or answer[:1] == b"*":
            answer += sock.recv(65536)
    return answer


def test_a_password_is_never_told(real_server: machine.Server, tmp_path: Path) -> None:
    """Neither what is printed nor the report holds the password of a target, its divergences included."""
    file = tmp_path / "report.json"
    with machine.running(real_server, {"requirepass": "hidden-word"}) as running:
        url = f"redis://:hidden-word@{running.host}:{running.port}"
        profile = "redis-6.2" if real_server.number[0] > 6 else "redis-8.2"
        chosen = ["--commands", "DECRBY,GETEX", "--requests", "300", "--seed", "1"]
        options = (*chosen, "--profile", profile, "--json", str(file))
        status, output = run(url, *options)
    assert status == 1, output
    assert "hidden-word" not in output + file.read_text()


def test_servers_are_listed(real_server: machine.Server) -> None:
    """`redlark servers` names what it finds, as a table or as JSON."""
    told = json.loads(CliRunner().invoke(servers, ["--json"]).output)
    assert real_server.name in {row["name"] for row in told}
    assert real_server.path in CliRunner().invoke(servers).output


def test_help_works_whatever_is_installed() -> None:
    """`redlark --help` lists its subcommands; a broken one does not take the others with it."""
    output = CliRunner().invoke(main, ["--help"]).output
    assert "conform" in output
    assert "servers" in output
    broken = command_line._unavailable("conform", ImportError("no module named x"))
    result = CliRunner().invoke(broken)
    assert (result.exit_code, result.output.count("\n")) == (2, 1)  # 1 would say that something diverges
