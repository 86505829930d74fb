"""What every test may lean on: Hypothesis's profiles, a campaign's budget, and the servers of this machine.

Nothing here knows about one area; a fixture that only one folder needs lives in that folder's own conftest.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers
from tests.browser import chromium  # noqa: F401 - a fixture of two folders
from tests.campaign import BATCH, HANGS, Budget, Rounds, is_examples, run_examples

# Two cores shared with servers under test make wall-clock deadlines meaningless; pytest-timeout catches what hangs.
settings.register_profile(
    "quick", max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "campaign", max_examples=BATCH, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")

Starter = Callable[..., servers.Running]
Address = Callable[..., str]
BUDGET = pytest.StashKey[Budget]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """How long a campaign takes, and what it draws."""
    parser.addoption("--campaign-minutes", type=float, help="run what is marked `campaign`, so long in all")
    parser.addoption("--campaign-seed", type=int, help="the same seed draws the same (default: a new one, and said)")


def pytest_configure(config: pytest.Config) -> None:
    """A budget, spent by tests marked `campaign` alone."""
    number = config.getoption("--campaign-seed")
    number = random.randrange(1 << 31) if number is None else number
    config.stash[BUDGET] = Budget((config.getoption("--campaign-minutes") or 0) * 60, number)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Searches are run where they are given time."""
    if config.getoption("--campaign-minutes") is None:
        searches = [item for item in items if item.get_closest_marker("campaign")]
        items[:] = [item for item in items if not item.get_closest_marker("campaign")]
        config.hook.pytest_deselected(items=searches)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Those that were chosen share the time; a test is held to hang long after its part."""
    budget = session.config.stash[BUDGET]
    searches = [item for item in session.items if item.get_closest_marker("campaign")]
    budget.begin(len(searches))
    for item in searches:
        item.add_marker(pytest.mark.timeout(budget.seconds + HANGS), append=False)


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """A campaign's tests of Hypothesis are run until their part of the time is spent."""
    if not is_examples(pyfuncitem):
        return None
    run_examples(pyfuncitem.config.stash[BUDGET], pyfuncitem)
    return True


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """What a campaign did, and how to have the same again."""
    budget = config.stash[BUDGET]
    if budget.spent:
        terminalreporter.section(f"campaign: {budget.seconds / 60:g} minutes, seed {budget.seed}")
        terminalreporter.write_line("\n".join(budget.told()))
        terminalreporter.write_line(f"one of them again: make campaign CAMPAIGN_SEED={budget.seed} TESTS='its name'")


@pytest.fixture(params=["few", pytest.param("many", marks=pytest.mark.campaign)])
def rounds(request: pytest.FixtureRequest) -> Rounds:
    """Rounds of a test that draws by itself: few, or in a campaign as many as there is time for."""
    return Rounds(request.node.nodeid, request.config.stash[BUDGET] if request.param == "many" else None)


@pytest.fixture(scope="session")
def servers_here() -> tuple[servers.Server, ...]:
    """Every real server program of this machine."""
    return servers.find_servers()


@pytest.fixture
def start_server(servers_here: tuple[servers.Server, ...]) -> Iterator[Starter]:
    """Start a server by its name (`redis:8.2`, `valkey:9.1`, `embedded`) with configuration; the test's end stops it.

    `start_server("redis:8.2", requirepass="secret")`; the test is skipped where the machine has no such server.
    """
    with ExitStack() as started:

        def start(name: str, **config: str) -> servers.Running:
            program = None
            if name != servers.EMBEDDED:
                try:
                    program = servers.pick(name, servers_here)
                except CannotRun as none:
                    pytest.skip(str(none))
            settings_ = {key.replace("_", "-"): value for key, value in config.items()}
            return started.enter_context(servers.running(program, settings_))

        yield start


@pytest.fixture(scope="session")
def address(servers_here: tuple[servers.Server, ...]) -> Iterator[Address]:
    """The URL of a server that all tests of a worker share, started by the first: `address("embedded", core="plain")`.

    Whoever takes it empties it before. The test is skipped where the machine has no such server.
    """
    with ExitStack() as started:
        known: dict[tuple[str, str], str] = {}

        def find(name: str, **config: str) -> str:
            key = (name, str(config))
            if key not in known:
                try:
                    program = None if name == servers.EMBEDDED else servers.pick(name, servers_here)
                except CannotRun as none:
                    pytest.skip(str(none))
                known[key] = started.enter_context(servers.running(program, config)).url
            return known[key]

        yield find
