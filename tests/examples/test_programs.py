"""The examples that need redis-py alone: what each shows is what comes about."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import signal
import subprocess
import sys
from itertools import pairwise

import pytest
import redis

from redlark.conformance.targets import servers
from tests.waiting import soon

from .conftest import EXAMPLES, Stage, until

README = EXAMPLES / "README.md"


def say(program: subprocess.Popen[str], text: str) -> None:
    """A line for the program's standard input."""
    assert program.stdin is not None
    program.stdin.write(text + "\n")
    program.stdin.flush()


def test_leaderboard(both: Stage) -> None:
    """Places follow the scores, through increments, scores that may only rise, and a weighted sum of two boards."""
    said = both.run("leaderboard.py")
    boards = "\n".join(said)
    assert said[1:5] == ["  1. bob      1200", "  2. alice    1000", "  3. dave     950", "  4. carol    800"]
    assert "(best results risen: 1)\n  1. carol    1250\n  2. bob      1200\n  3. alice    1000\n" in boards
    assert "Around alice\n  2. bob      1200\n  3. alice    1000\n  4. dave     990\n" in boards
    assert "Players with 1000 or more: 3" in said
    assert both.db.zrange("example:board:week", 0, -1, desc=True, withscores=True)[:2] in (
        [("erin", 3400.0), ("alice", 2200.0)],
        [["erin", 3400.0], ["alice", 2200.0]],
    )
    assert 0 < both.db.ttl("example:board:week") <= 7 * 24 * 3600


def test_cache(both: Stage) -> None:
    """The database is asked once for each user until it changes; that there is none is remembered too."""
    said = both.run("cache.py", "--slowness", "0.01")
    sources = [found[1] for line in said if (found := re.search(r"from the (database|cache)", line))]
    assert sources == ["database", "cache", "database", "cache", "database", "cache"]
    assert "'city': 'London'" in said[1]
    assert "'city': 'Paris'" in said[4]
    assert re.fullmatch(r"the database was asked 3 times; kept for (299|300) s", said[-1])
    assert both.db.get("example:cache:user:999") == "null"


def test_counters(both: Stage) -> None:
    """Every view is counted once; a HyperLogLog is right to some per cent, a bitmap exactly."""
    said = both.run("counters.py", "--views", "600", "--seed", "7")
    assert said[0] == "views in all: 600"
    counts = [int(number) for hour in (9, 10) for number in both.db.hvals(f"example:site:views:{hour}")]
    assert len(counts) == 6
    assert sum(counts) == 600
    guesses = re.findall(r"about (\d+), exactly (\d+)", "\n".join(said))
    assert len(guesses) == 2
    assert all(abs(int(about) - int(exactly)) <= 0.05 * int(exactly) for about, exactly in guesses)
    loyal = re.fullmatch(r"  came in both hours: (\d+) \(known here: (\d+)\)", said[-1])
    assert loyal
    assert loyal[1] == loyal[2] != "0"


def test_token_bucket(both: Stage) -> None:
    """As many calls pass at once as there are tokens; the next one is told how long to wait, and passes then."""
    said = both.run("token_bucket.py", "--size", "4", "--rate", "2")
    calls = [line for line in said if line.startswith("alice, call")]
    assert [line.split(": ")[1] for line in calls[:4]] == [f"allowed, {left} left" for left in (3, 2, 1, 0)]
    waits = [float(found[1]) for line in calls[4:] if (found := re.search(r"wait (\d\.\d\d) s", line))]
    assert len(waits) == 2
    assert all(0 < wait <= 0.5 for wait in waits)
    assert said[-2:] == ["bob, call 1: allowed (a bucket of his own)", "alice, after waiting as told: allowed"]
    assert 0 < both.db.pttl("example:bucket:alice") <= 2000


def test_leaky_bucket(both: Stage) -> None:
    """Calls go out at the pace, however they come in; what the bucket cannot hold is refused."""
    said = both.run("leaky_bucket.py", "--rate", "4", "--depth", "2")
    turns = [float(found[1]) for line in said if (found := re.search(r"^call \d: goes out in (\d\.\d\d) s", line))]
    assert len(turns) == 3
    assert turns[0] == 0
    assert all(0 < later - sooner <= 0.26 for sooner, later in pairwise(turns))  # less what passes between two calls
    assert sum("refused, again in 0." in line for line in said) == 2
    took = re.fullmatch(r"3 calls went out in (\d\.\d\d) s", said[-2])
    assert took
    assert float(took[1]) >= 0.49
    assert "goes out in" in said[-1]


def test_wallet(both: Stage) -> None:
    """Money is neither made nor lost by transfers that run into each other, and no account goes below nothing."""
    said = both.run("wallet.py", "--workers", "4", "--transfers", "40")
    done = re.fullmatch(r"(\d+) transfers done, (\d+) refused; (\d+) tries had to be made again", said[0])
    assert done
    assert int(done[1]) + int(done[2]) == 160
    balances = [int(cents) for cents in both.db.mget(*(f"example:wallet:{name}" for name in ("ana", "ben", "cleo")))]
    assert sum(balances) == 30_000
    assert min(balances) >= 0
    assert said[-1] == "in all 300.00, as at the start: True"


def test_a_transfer_looks_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who pays while somebody else changes the balance reads it again, and does not pay what is no longer there."""
    monkeypatch.syspath_prepend(EXAMPLES)
    transfer = importlib.import_module("wallet").transfer
    rivals = iter([400, 100])  # what is left in the account, written while the transfer thinks

    def interfere(pipe: redis.client.Pipeline) -> None:
        if (left := next(rivals, None)) is not None:
            stage.db.set("example:wallet:ana", left)
        begin(pipe)

    begin = redis.client.Pipeline.multi
    monkeypatch.setattr(redis.client.Pipeline, "multi", interfere)
    stage.db.set("example:wallet:ana", 1000)
    with pytest.raises(Exception, match="ana has 100, not 300"):
        transfer(stage.db, "ana", "ben", 300)
    assert transfer(stage.db, "ana", "ben", 60) == 1
    assert stage.db.mget("example:wallet:ana", "example:wallet:ben") == ["40", "60"]


def test_chat(both: Stage) -> None:
    """Two in a room hear each other, a third in another room does not; who comes later reads what was said."""
    ana = both.start("chat.py", "ana")
    assert until(ana.stdout, "here:") == ["here: ana"]
    ben = both.start("chat.py", "ben")
    assert until(ben.stdout, "here:") == ["here: ana, ben"]
    until(ana.stdout, "ben has come")
    cleo = both.start("chat.py", "cleo", "--room", "elsewhere")
    until(cleo.stdout, "here: cleo")
    say(ana, "anybody \N{SNOWMAN} here?")
    until(ben.stdout, "ana: anybody \N{SNOWMAN} here?")
    until(ana.stdout, "(heard by 1)")
    say(ben, "yes")
    until(ana.stdout, "ben: yes")
    said, _ = ben.communicate(timeout=20)
    assert ben.returncode == 0, said
    until(ana.stdout, "ben has left")
    assert both.db.smembers("example:chat:lobby:here") == {"ana"}
    dave = both.start("chat.py", "dave")
    assert until(dave.stdout, "here:") == [
        "(earlier) ana: anybody \N{SNOWMAN} here?",
        "(earlier) ben: yes",
        "here: ana, dave",
    ]
    assert cleo.communicate(timeout=20) == ("", None)


def test_chat_survives_a_cut_connection(stage: Stage) -> None:
    """A subscriber whose connection is killed is subscribed again by its client."""
    ana = stage.start("chat.py", "ana")
    until(ana.stdout, "here:")
    before = {one["id"] for one in stage.db.client_list(_type="pubsub")}
    assert len(before) == 1
    assert stage.db.client_kill_filter(_type="pubsub") == 1
    soon(lambda: {one["id"] for one in stage.db.client_list(_type="pubsub")} - before)
    stage.db.publish("example:chat:lobby:say", '{"who": "ben", "kind": "text", "text": "still there?"}')
    until(ana.stdout, "ben: still there?")


def test_reliable_queue(both: Stage) -> None:
    """No job is lost when a worker is killed at its work: what it held is given back and done by another."""
    jobs = [f"resize:{number}" for number in range(4)]
    assert both.run("reliable_queue.py", "add", *jobs) == ["4 waiting"]
    doomed = both.start("reliable_queue.py", "work", "w1", "--seconds", "60")
    until(doomed.stdout, "w1 takes resize:0")
    doomed.send_signal(signal.SIGKILL)
    doomed.wait()
    assert both.db.lrange("example:queue:held:w1", 0, -1) == ["resize:0"]
    assert both.run("reliable_queue.py", "recover") == ["w1 is at work"]  # its heart was set to beat for long
    both.db.delete("example:queue:heart:w1")  # minutes later
    assert both.run("reliable_queue.py", "recover") == ["w1 is dead: resize:0 waits again"]
    other = both.run("reliable_queue.py", "work", "w2", "--seconds", "0.01", "--patience", "1")
    assert [line for line in other if "has done" in line] == [f"w2 has done {job}" for job in jobs]
    assert other[-1] == "w2 goes home"
    assert sorted(both.db.lrange("example:queue:done", 0, -1)) == jobs
    assert both.db.exists("example:queue:waiting", "example:queue:held:w1", "example:queue:held:w2") == 0
    both.run("reliable_queue.py", "clear")
    assert both.db.dbsize() == 0


def test_stream_pipeline(both: Stage) -> None:
    """Both groups read every reading, one each of its consumers; what the dead one held is adopted; nothing is left."""
    said = both.run("stream_pipeline.py", "--readings", "60", "--seed", "3")
    assert said[:2] == [
        "averages: a1 dies and leaves 7 entries that it was given",
        "averages: a2 adopts 7 entries of a1",
    ]
    entries = [fields for _, fields in both.db.xrange("example:readings")]
    hot = sum(float(fields["celsius"]) > 30 for fields in entries)
    assert said[2] == f"warnings: 60 readings, {hot} too hot"
    for line, sensor in zip(said[3:6], ("s0", "s1", "s2"), strict=True):
        values = [float(fields["celsius"]) for fields in entries if fields["sensor"] == sensor]
        shown = re.fullmatch(rf"averages: {sensor} (\d+\.\d\d) of (\d+) readings", line)
        assert shown
        assert int(shown[2]) == len(values) == 20
        assert abs(float(shown[1]) - sum(values) / 20) < 0.006
    assert said[6:] == [
        "averages: 3 consumers, 0 pending, 0 behind",
        "warnings: 1 consumers, 0 pending, 0 behind",
    ]


def test_the_programs_are_told_where_by_an_option_too(stage: Stage) -> None:
    """--url is stronger than REDIS_URL."""
    said = stage.run("leaderboard.py", "--url", stage.url + "/1")
    assert said[0] == "Monday"
    assert stage.db.info("keyspace").keys() == {"db1"}


def one_line(command: str, address: str) -> subprocess.Popen[str]:
    """Start a command of the README where no server is."""
    return subprocess.Popen(
        [sys.executable, *shlex.split(command)],
        cwd=EXAMPLES,
        env={**os.environ, "REDIS_URL": address},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_no_server_is_one_line() -> None:
    """Each command of the README, where no server is, ends with status 1 and one line that says so, and no password."""
    address = f"redis://:secret@127.0.0.1:{servers.free_port()}"
    commands = re.findall(r"^    python docs/examples/(\S+\.py.*?)(?: +#.*)?$", README.read_text(), re.MULTILINE)
    assert commands
    running = {line: one_line(line, address) for line in commands}
    for line, program in running.items():
        said, _ = program.communicate(timeout=60)
        assert program.returncode == 1, line
        assert re.fullmatch(r"error: cannot reach redis://:\*\*\*@127\.0\.0\.1:\d+: .*\n", said), line


def test_every_example_is_on_the_page() -> None:
    """The README names every file of the folder that is a program, and none that is not there."""
    named = set(re.findall(r"docs/examples/(\S+?\.(?:py|js))", README.read_text()))
    there = [path.relative_to(EXAMPLES) for pattern in ("*.py", "node/*.js") for path in EXAMPLES.glob(pattern)]
    assert named == {str(path) for path in there if path.stem != "connecting"}
