"""What the tests of seeded faults share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers as machine


@pytest.fixture(scope="module")
def real() -> Iterator[machine.Running]:
    """A real server; skips where there is none."""
    try:
        server = machine.pick("redis:8.2", machine.find_servers())
    except CannotRun as problem:
        pytest.skip(str(problem))
    with machine.running(server) as found:
        yield found
