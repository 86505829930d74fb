"""The pytest plugin: a server for a test, one's own tests on any servers, traffic that is judged as it passes.

What must live here: options, fixtures and the marker. pytest loads this module in every run of an environment that has
Redlark, so it imports nothing of ours before a test asks for a fixture; what fixtures do is ``pytest_targets.py``'s.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from redlark.conformance.pytest_judged import Judged
    from redlark.conformance.pytest_targets import RedisLike, Stage

DEFAULT = "embedded"
JUDGED = "redlark_judged"
_STAGE = pytest.StashKey["Stage"]()
_JUDGED = pytest.StashKey[list["Judged"]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options of a run, and what an ini file may say."""
    group = parser.getgroup("redlark", "servers for tests (Redlark)")
    group.addoption(
        "--redlark-targets",
        metavar="TARGET,...",
        help="run each test that takes `redis_like` on all of these: redis:8.2, valkey:9.1, embedded, redis://host:port",
    )
    group.addoption("--redlark-need-targets", action="store_true", help="a target that is missing fails its tests")
    group.addoption(
        "--redlark-destructive", action="store_true", help="use given servers that hold data; it will be deleted"
    )
    parser.addini("redlark_targets", "the targets of `redis_like`, separated by commas or space", default=DEFAULT)


def pytest_configure(config: pytest.Config) -> None:
    """Say what the markers mean."""
    config.addinivalue_line(
        "markers", "redlark_server(*arguments): redis-server's arguments for the test's `redlark_server`"
    )
    config.addinivalue_line(
        "markers",
        f"{JUDGED}(profile=None, protocol=None): fail the test where the traffic of `redlark_server` or `redis_like` "
        "breaks the text",
    )


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what was started for the session."""
    stage = config.stash.get(_STAGE, None)
    if stage is not None:
        stage.close()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `redis_like` is run once for each target."""
    if "redis_like" in metafunc.fixturenames:
        from redlark.conformance.targets.target import without_password  # what no test asks for is not loaded

        targets = _targets(metafunc.config)
        metafunc.parametrize("redis_like", targets, indirect=True, ids=list(map(without_password, targets)))


def _targets(config: pytest.Config) -> list[str]:
    said: str = config.getoption("--redlark-targets") or config.getini("redlark_targets")
    return list(dict.fromkeys(part for part in re.split(r"[,\s]+", said) if part))


def _stage(config: pytest.Config) -> Stage:
    if _STAGE not in config.stash:
        from redlark.conformance.pytest_targets import Stage

        config.stash[_STAGE] = Stage(
            need=config.getoption("--redlark-need-targets"), destructive=config.getoption("--redlark-destructive")
        )
    return config.stash[_STAGE]


@contextlib.contextmanager
def _perhaps_judged(request: pytest.FixtureRequest, like: RedisLike) -> Iterator[RedisLike]:
    """The server itself, or where the test is marked, a proxy before it that judges what passes."""
    marker = request.node.get_closest_marker(JUDGED)
    if marker is None:
        yield like
        return
    from redlark.conformance.pytest_judged import Judged

    try:
        judged = Judged(like, *marker.args, **marker.kwargs)
    except TypeError as problem:
        pytest.fail(f"{JUDGED}(profile=None, protocol=None): {problem}", pytrace=False)
    with judged:
        request.node.stash.setdefault(_JUDGED, []).append(judged)
        yield judged.like


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """A test whose traffic is judged fails where that breaks the text; where it fails by itself, that is told too."""
    if pyfuncitem.get_closest_marker(JUDGED) is None:
        return (yield)
    judges = pyfuncitem.stash.get(_JUDGED, [])
    if not judges:
        pytest.fail(f"{JUDGED} judges the traffic of redlark_server and redis_like: take one of them", pytrace=False)
    try:
        result = yield
    except Exception:
        if complaint := "\n".join(filter(None, (judged.complaint() for judged in judges))):
            pyfuncitem.add_report_section("call", "redlark", complaint)
        raise
    if complaint := "\n".join(filter(None, (judged.complaint() for judged in judges))):
        pytest.fail(complaint, pytrace=False)
    return result


@pytest.fixture
def redlark_server(request: pytest.FixtureRequest) -> Iterator[RedisLike]:
    """Redlark's server on a free port, new and empty, for this test alone; it takes some milliseconds."""
    marker = request.node.get_closest_marker("redlark_server")
    with (
        _stage(request.config).fresh(*(marker.args if marker else ())) as server,
        _perhaps_judged(request, server) as like,
    ):
        yield like


@pytest.fixture(scope="session")
def redlark_server_session(request: pytest.FixtureRequest) -> Iterator[RedisLike]:
    """Redlark's server on a free port, one for all tests of the session (of a worker of xdist); nothing empties it."""
    with _stage(request.config).fresh() as like:
        yield like


@pytest.fixture
def redis_like(request: pytest.FixtureRequest) -> Iterator[RedisLike]:
    """Each of the targets in turn (`--redlark-targets`, ini `redlark_targets`), empty before the test and after it."""
    with _stage(request.config).lend(request.param) as server, _perhaps_judged(request, server) as like:
        yield like
