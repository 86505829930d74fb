"""The pytest plugin, run as its users run it: suites of their own, in processes of their own, on real servers."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from importlib.metadata import entry_points

import pytest

from redlark.conformance.targets import servers
from redlark.conformance.targets.target import parse_address

pytest_plugins = ["pytester"]

# Where Redlark was installed before it had the plugin, it is named.
INSTALLED = any(point.name == "redlark" for point in entry_points(group="pytest11"))
NAMED = () if INSTALLED else ("-p", "redlark.conformance.pytest_plugin")

COUNTS = """
def test_one(redis_like):
    client = redis_like.client(decode_responses=True)
    assert client.incr("n") == 1
    client.eval("return 1", 0)

def test_other(redis_like):
    client = redis_like.client()
    assert client.incr("n") == 1
    assert client.script_exists("e0e1f9fabfc9d4800c877a703b823ac0578ff8db") == [False]
"""


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """Run the suite of the test's folder."""
    return pytester.runpytest_subprocess(*NAMED, "-p", "no:cacheprovider", "-rs", *arguments)


def test_a_test_has_a_server_of_its_own(pytester: pytest.Pytester) -> None:
    """`redlark_server` is new and empty in each test, takes arguments by its marker, and is gone behind it."""
    pytester.makepyfile(
        """
        import socket
        import pytest

        seen = []

        @pytest.mark.parametrize("turn", range(3))
        def test_empty(redlark_server, turn):
            client = redlark_server.client()
            assert client.dbsize() == 0
            client.set("k", turn)
            seen.append(redlark_server.port)

        @pytest.mark.redlark_server("--requirepass", "secret", "--databases", "2")
        def test_arguments(redlark_server):
            assert redlark_server.client().config_get("databases") == {"databases": "2"}
            with socket.create_connection((redlark_server.host, redlark_server.port)) as stranger:
                stranger.sendall(b"PING\\r\\n")
                assert stranger.recv(100).startswith(b"-NOAUTH")

        def test_gone():
            for port in seen:
                with pytest.raises(ConnectionRefusedError):
                    socket.create_connection(("127.0.0.1", port))
        """
    )
    run(pytester, "--strict-markers").assert_outcomes(passed=5)


def test_a_session_has_one_server(pytester: pytest.Pytester) -> None:
    """`redlark_server_session` is the same in all tests, keeps what they wrote, and serves their own fixtures."""
    pytester.makepyfile(
        """
        import pytest

        @pytest.fixture(scope="module")
        def loaded(redlark_server_session):
            redlark_server_session.client().set("n", 10)
            return redlark_server_session

        @pytest.mark.parametrize("turn", range(3))
        def test_counts_on(loaded, redlark_server_session, turn):
            assert redlark_server_session.port == loaded.port
            assert loaded.client().incr("n") == 11 + turn

        def test_is_another_one(redlark_server, redlark_server_session):
            assert redlark_server.port != redlark_server_session.port
        """
    )
    run(pytester).assert_outcomes(passed=4)


def test_a_suite_runs_on_all_targets(pytester: pytest.Pytester, servers_here: tuple[servers.Server, ...]) -> None:
    """Each test that takes `redis_like` meets every server of this machine, ours too, empty each time."""
    named = [server.name for server in servers_here]
    pytester.makepyfile(COUNTS)
    pytester.makeini("[pytest]\nredlark_targets = embedded\n")
    run(pytester).assert_outcomes(passed=2)
    ran = run(pytester, "-v", "--redlark-targets", ",".join([*named, "embedded"]))
    ran.assert_outcomes(passed=2 * (len(named) + 1))
    for name in [*named, "embedded"]:
        ran.stdout.fnmatch_lines([f"*test_one[[]{name}[]] PASSED*"])


def test_a_target_is_the_server_that_it_names(
    pytester: pytest.Pytester, servers_here: tuple[servers.Server, ...]
) -> None:
    """What a test is given under a server's name is that server, of that version."""
    if not servers_here:
        pytest.skip("no server program on this machine")
    told = {server.name: [server.product, server.version] for server in servers_here}
    pytester.makepyfile(
        f"""
        TOLD = {told!r}

        def test_version(redis_like):
            product, version = TOLD[redis_like.name]
            info = redis_like.client().info("server")
            assert info.get("valkey_version" if product == "valkey" else "redis_version") == version
        """
    )
    run(pytester, "--redlark-targets", ",".join(told)).assert_outcomes(passed=len(told))


def test_what_is_missing_is_skipped_with_the_reason(pytester: pytest.Pytester) -> None:
    """A server that is not on this machine, and one where nobody listens, skip their tests, or fail them if needed."""
    pytester.makepyfile(COUNTS)
    nobody = f"redis://:secret@127.0.0.1:{servers.free_port()}"
    targets = f"redis:1.2,{nobody},embedded"
    ran = run(pytester, "--redlark-targets", targets)
    ran.assert_outcomes(passed=2, skipped=4)
    ran.stdout.fnmatch_lines(["SKIPPED*redis:1.2: no such server on this machine*", "SKIPPED*unreachable*"])
    assert "secret" not in ran.stdout.str()
    run(pytester, "--redlark-targets", targets, "--redlark-need-targets").assert_outcomes(passed=2, errors=4)
    wrong = run(pytester, "--redlark-targets", "memcached:1")
    wrong.assert_outcomes(errors=2)
    wrong.stdout.fnmatch_lines(["*memcached:1: not a target*"])


def test_a_server_with_data_is_not_touched(pytester: pytest.Pytester, real: servers.Running) -> None:
    """A given server that holds data fails its tests, and keeps the data, unless --redlark-destructive is said."""
    pytester.makepyfile(COUNTS)
    with parse_address(real.url).enter() as connection:
        connection.ask(b"SET", b"precious", b"1")
        ran = run(pytester, "--redlark-targets", real.url)
        ran.assert_outcomes(errors=2)
        ran.stdout.fnmatch_lines(["*holds data*tests delete everything; --redlark-destructive allows it*"])
        assert connection.ask(b"GET", b"precious").raw == b"$1\r\n1\r\n"
        run(pytester, "--redlark-targets", real.url, "--redlark-destructive").assert_outcomes(passed=2)
        assert connection.ask(b"DBSIZE").raw == b":0\r\n"


def test_workers_of_xdist_do_not_disturb_each_other(pytester: pytest.Pytester, real: servers.Running) -> None:
    """Each worker starts servers of its own; a given one, which they share, is used by one test at a time."""
    pytester.makepyfile(
        """
        import time
        import pytest

        @pytest.mark.parametrize("turn", range(12))
        def test_alone(redis_like, turn):
            client = redis_like.client()
            for number in range(1, 6):
                assert client.incr("n") == number
                time.sleep(0.005)

        @pytest.mark.parametrize("turn", range(4))
        def test_own(redlark_server, redlark_server_session, turn):
            assert redlark_server.client().incr("n") == 1
            assert redlark_server_session.client().ping()
        """
    )
    targets = f"{real.url},redis:8.2,embedded"
    ran = run(pytester, "-n", "3", "--redlark-targets", targets)
    outcomes = ran.parseoutcomes()
    assert outcomes.get("passed", 0) + outcomes.get("skipped", 0) == 3 * 12 + 4
    assert outcomes.get("skipped", 0) in (0, 12)  # where this machine has no redis:8.2
    assert outcomes.keys() <= {"passed", "skipped", "warnings"}


def test_a_server_that_a_test_spoilt_is_started_anew(pytester: pytest.Pytester) -> None:
    """A test that ends the server, or locks others out, does not spoil it for the next one."""
    pytester.makepyfile(
        """
        import redis

        def test_ends_it(redis_like):
            try:
                redis_like.client().shutdown(nosave=True)
            except redis.ConnectionError:
                pass

        def test_locks_it(redis_like):
            redis_like.client().config_set("requirepass", "secret")

        def test_uses_it(redis_like):
            assert redis_like.client().ping()
        """
    )
    targets = [*[server.name for server in servers.find_servers()][:1], "embedded"]
    run(pytester, "--redlark-targets", ",".join(targets)).assert_outcomes(passed=3 * len(targets))


def test_without_redis_py_a_client_is_a_reason_to_skip(pytester: pytest.Pytester) -> None:
    """Where redis-py is not installed, tests that ask for its client are skipped, others run."""
    pytester.makepyfile(
        """
        import sys

        sys.modules["redis"] = None

        def test_client(redis_like):
            redis_like.client()

        def test_address(redis_like):
            assert redis_like.url == f"redis://{redis_like.host}:{redis_like.port}"
        """
    )
    ran = run(pytester)
    ran.assert_outcomes(passed=1, skipped=1)
    ran.stdout.fnmatch_lines(["SKIPPED*redis-py is not installed*"])


def test_the_plugin_is_light() -> None:
    """Loading the plugin, which every run of pytest does, loads nothing of the model, the server or the judge."""
    program = "import sys, redlark.conformance.pytest_plugin; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name for name in done.stdout.split() if name.startswith("redlark.")}
    assert loaded == {"redlark.conformance", "redlark.conformance.pytest_plugin"}
    assert importlib.util.find_spec("lark") is not None
    assert "lark" not in done.stdout.split()
