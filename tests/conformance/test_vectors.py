"""Test vectors: filled from the text, valid, the same for a seed, and passed by real servers in two languages."""

from __future__ import annotations

import filecmp
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from redlark.conformance.history import History, request, steps_of
from redlark.conformance.targets import servers
from redlark.conformance.vectors import files
from redlark.conformance.vectors.cli import vectors
from redlark.conformance.vectors.follow import Setting, decide
from redlark.conformance.vectors.matching import Known, holds
from redlark.conformance.vectors.patterns import Undescribed
from redlark.reference import Model
from redlark.reference.model import encode_some
from redlark.reference.resp import frame
from tests.conftest import Starter

CONSUMER = Path(__file__).parents[2] / "docs/examples/vectors/consume.mjs"
MODEL = Model.load("redis-8.2")


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vectors of one small group, and of what every command meets."""
    folder = tmp_path_factory.mktemp("vectors")
    said = CliRunner().invoke(vectors, ["fill", "--out", str(folder), "--groups", "transactions", "--quiet"])
    assert said.exit_code == 0, said.output
    return folder


def node() -> str:
    """Node.js, or the test is skipped with the reason."""
    found = shutil.which("node")
    if not found:
        pytest.skip("Node.js is not installed")
    return found


def consume(folder: Path, port: int, *options: str) -> dict[str, Any]:
    """What the consumer in JavaScript says of a server."""
    done = subprocess.run(
        [node(), str(CONSUMER), str(folder), "127.0.0.1", str(port), "--json", *options],
        capture_output=True, text=True, timeout=280, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def test_every_rule_is_listed_once_with_its_case_or_a_reason(some: Path) -> None:
    """The index and the cases are what the schema says; each case named there exists and names its rules."""
    index, cases = files.read(some)
    files.validate(index, cases)
    named = {case["name"]: case for case in cases}
    assert len(named) == len(cases) == sum(index["files"].values())
    assert set(index["rules"]) == {
        rule
        for rule in MODEL.rules
        if rule.split("/")[0] in ("MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH", "DISPATCH")
    }
    for rule, told in index["rules"].items():
        assert rule in named[told["case"]]["rules"] if "case" in told else told["not"]
    assert {rule for case in cases for rule in case["rules"]} == {r for r, t in index["rules"].items() if "case" in t}
    assert sum("case" in told for told in index["rules"].values()) > 0.9 * len(index["rules"])


def test_equal_seeds_give_equal_files(some: Path, tmp_path: Path) -> None:
    """Byte for byte."""
    arguments = ["fill", "--out", str(tmp_path), "--groups", "transactions", "--quiet"]
    assert CliRunner().invoke(vectors, arguments).exit_code == 0
    names = sorted(path.name for path in some.iterdir())
    assert names == sorted(path.name for path in tmp_path.iterdir())
    assert filecmp.cmpfiles(some, tmp_path, names, shallow=False) == (names, [], [])


@pytest.mark.parametrize("name", ["redis:8.2", "embedded"])
def test_both_consumers_pass_what_a_conforming_server_does(some: Path, name: str, start_server: Starter) -> None:
    """The cases for a server as it comes, by Python and by JavaScript: the same number, none failed."""
    said = CliRunner().invoke(vectors, ["run", str(some), name])
    assert said.exit_code == 0, said.output
    told = consume(some, start_server(name).port)
    _, cases = files.read(some)
    runs = sum(len(case["protocols"]) for case in cases if "server" not in case)
    assert (told["failures"], told["slow"], told["passed"] + told["skipped"]) == ([], [], runs)
    assert told["skipped"] <= 4  # what needs commands that ours has not yet


def test_both_consumers_find_what_is_wrong(some: Path, tmp_path: Path, start_server: Starter) -> None:
    """Where a reply is not the one that a case allows, it fails, with what was allowed and what was seen."""
    shutil.copytree(some, tmp_path / "bad")
    index, cases = files.read(some)
    case = next(one for one in cases if one["name"] == index["rules"]["EXEC/without-multi"]["case"])
    case["steps"][-1]["expect"] = ["+OK\r\n"]
    for name in index["files"]:
        (tmp_path / "bad" / name).write_text("[]")
    first = next(iter(index["files"]))
    (tmp_path / "bad" / first).write_text(json.dumps([case]))
    port = start_server("redis:8.2").port
    said = CliRunner().invoke(vectors, ["run", str(tmp_path / "bad"), f"redis://127.0.0.1:{port}"])
    assert said.exit_code == 1
    assert "EXEC without MULTI" in said.output
    told = consume(tmp_path / "bad", port)
    assert [one["seen"] for one in told["failures"]] == ["-ERR EXEC without MULTI\r\n"] * len(case["protocols"])


def test_a_folder_without_vectors_or_a_dead_target_is_exit_status_2(some: Path, tmp_path: Path) -> None:
    """Nothing could be run; a folder that holds other files is not written over."""
    assert CliRunner().invoke(vectors, ["run", str(tmp_path), "redis:8.2"]).exit_code == 2
    dead = f"redis://127.0.0.1:{servers.free_port()}"
    assert CliRunner().invoke(vectors, ["run", str(some), dead]).exit_code == 2
    (tmp_path / "mine.json").write_text("{}")
    arguments = ["fill", "--out", str(tmp_path), "--commands", "MULTI", "--quiet"]
    assert CliRunner().invoke(vectors, arguments).exit_code == 2
    assert (tmp_path / "mine.json").read_text() == "{}"


# ---- what is decided ---------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["k", "j", "a", "b", "1", "0", "-1"])
ASKED = st.one_of(
    st.tuples(st.sampled_from(["GET", "INCR", "LLEN", "SMEMBERS", "LPOP", "TYPE", "DEL", "TTL", "SPOP"]), WORDS),
    st.tuples(st.sampled_from(["SET", "RPUSH", "SADD", "APPEND", "EXPIRE", "ZADD"]), WORDS, WORDS),
    st.tuples(st.just("SADD"), WORDS, WORDS, WORDS),
    st.tuples(st.sampled_from(["MULTI", "EXEC", "PING"])),
)


@given(st.lists(ASKED, min_size=1, max_size=8), st.sampled_from([2, 3]), st.integers(0, 2))
def test_what_the_model_answers_is_what_a_case_expects(asked: list[Any], protocol: int, luck: int) -> None:
    """Whichever way the model goes of those that it may, each frame is one that the pattern of its step allows."""
    history = History(steps_of(0, [request(*words) for words in asked]), protocol)
    try:
        case = decide(MODEL, history, Setting())
    except Undescribed:
        return
    (world,) = MODEL.connect(MODEL.start(now=5_000_000), 1)
    if protocol == 3:
        world, _ = MODEL.perform(world, 1, (b"HELLO", b"3"), world.now)
    known = Known(5_000_000, {})
    for step, words in zip(case.steps, asked, strict=True):
        ways = list(MODEL.ways(world, 1, tuple(word.encode() for word in words), world.now))
        run, reply = ways[min(luck, len(ways) - 1)]
        world = run.finish()
        said = frame(encode_some(reply, protocol))
        assert holds(step["expect"][0], said, known), (step, said.raw)


@pytest.mark.parametrize(
    ("pattern", "raw", "allowed"),
    [
        ({"kind": ":", "from": 98, "to": 100}, b":99\r\n", True),
        ({"kind": ":", "from": 98, "to": 100}, b":97\r\n", False),
        ({"kind": ":", "clock": "s", "from": 10, "to": 12}, b":1011\r\n", True),
        ({"kind": ":", "clock": "ms", "from": 10, "to": 12}, b":1011\r\n", False),
        ({"kind": "*", "unordered": ["$1\r\na\r\n", "$1\r\nb\r\n"]}, b"*2\r\n$1\r\nb\r\n$1\r\na\r\n", True),
        ({"kind": "*", "unordered": ["$1\r\na\r\n", "$1\r\nb\r\n"]}, b"*2\r\n$1\r\nb\r\n$1\r\nb\r\n", False),
        ({"kind": "%", "pairs": [[":1\r\n", ":2\r\n"], [":3\r\n", ":4\r\n"]]}, b"%2\r\n:3\r\n:4\r\n:1\r\n:2\r\n", True),
        (
            {"kind": "%", "pairs": [[":1\r\n", ":2\r\n"], [":3\r\n", ":4\r\n"]]},
            b"%2\r\n:3\r\n:2\r\n:1\r\n:4\r\n",
            False,
        ),
        ({"any": True}, b"-ERR x\r\n", False),
        ({"kind": "*", "each": {"kind": "+"}}, b"*2\r\n+a\r\n$1\r\na\r\n", False),
        ({"kind": "$", "matches": "^b"}, b"$2\r\nab\r\n", False),
        ({"kind": "$", "matches": "b"}, b"$2\r\nab\r\n", True),
        ({"kind": "$"}, b"$-1\r\n", False),
        ({"either": ["+OK\r\n", {"kind": "-"}]}, b"-ERR x\r\n", True),
        ({"id": 2}, b":7\r\n", True),
    ],
)
def test_patterns_allow_what_the_page_says(pattern: Any, raw: bytes, allowed: bool) -> None:
    """Each form of a pattern, with a frame that it allows or does not."""
    assert holds(pattern, frame(raw), Known(1_000_500 if pattern.get("clock") == "s" else 5, {2: 7})) is allowed


def test_what_hangs_on_the_clock_is_said_so() -> None:
    """A time to live is a range and has a bound; a time of day is told after the beginning; a fresh id has no case."""

    def case(*lines: str) -> Any:
        return decide(MODEL, History(steps_of(0, [request(*line.split()) for line in lines])), Setting())

    left = case("SET k v EX 100", "TTL k")
    assert left.within is not None
    assert left.steps[1]["expect"] == [{"kind": ":", "from": 99, "to": 101}]
    day = case("SET k v EX 100", "EXPIRETIME k")
    assert day.steps[1]["expect"] == [{"kind": ":", "clock": "s", "from": 100, "to": 102}]
    assert case("SET k v EX 100", "GET k").within is not None
    assert case("SET k v", "GET k").within is None
    with pytest.raises(Undescribed):
        case("XADD k * f v")


@pytest.mark.campaign
@pytest.mark.timeout(1500)
@pytest.mark.parametrize(
    ("profile", "names"),
    [("redis-8.2", ["redis:8.2", "embedded"]), ("redis-7.0", ["redis:7.0"]), ("valkey-9.1", ["valkey:9.1"])],
)
def test_all_vectors_pass_on_their_servers(
    profile: str,
    names: list[str],
    tmp_path: Path,
    start_server: Starter,
    record_property: Callable[[str, object], None],
) -> None:
    """At least 95 rules in a hundred have a case, and real servers pass them all, in Python and in JavaScript."""
    said = CliRunner().invoke(vectors, ["fill", "--profile", profile, "--out", str(tmp_path), "--quiet"])
    assert said.exit_code == 0, said.output
    index, cases = files.read(tmp_path)
    files.validate(index, cases)
    sent = [told for told in index["rules"].values() if not str(told.get("not", "")).startswith(("never", "no server"))]
    record_property("rules", f"{sum('case' in told for told in sent)} of {len(sent)}")
    assert sum("case" in told for told in sent) > 0.95 * len(sent)
    for name in names:
        said = CliRunner().invoke(vectors, ["run", str(tmp_path), name])
        assert said.exit_code == 0, said.output
        assert consume(tmp_path, start_server(name).port)["failures"] == []
    if profile == "redis-8.2":
        place = next(name for name, told in index["servers"].items() if told.get("slots"))
        alone = start_server("redis:8.2", **{"cluster-enabled": "yes"})
        told = consume(tmp_path, alone.port, "--server", place)
        assert (told["failures"], told["skipped"]) == ([], 0)
