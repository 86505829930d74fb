"""What every test may lean on: Hypothesis's profiles, and the servers of this machine.

Nothing here knows about one area; a fixture that only one folder needs lives in that folder's own conftest.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from hypothesis import HealthCheck, settings

from redlark.conformance import servers
from redlark.conformance.errors import CannotRun

# Two cores shared with servers under test make wall-clock deadlines meaningless; pytest-timeout catches what hangs.
settings.register_profile(
    "quick", max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "campaign", max_examples=5000, deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("quick")

Starter = Callable[..., servers.Running]


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
