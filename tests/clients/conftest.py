"""Servers for real clients: ours with each core, and Redis 8.2.3, so that what is expected is known to be true."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from redlark.server import cores
from tests.conftest import Address
from tests.waiting import soon

REAL = "redis:8.2"


@pytest.fixture(params=[*cores.available(), REAL])
def url(request: pytest.FixtureRequest, address: Address) -> str:
    """The address of a server that is empty."""
    found = address(REAL) if request.param == REAL else address("embedded", core=request.param)
    with redis.Redis.from_url(found) as db:
        db.flushall()
        db.script_flush()
        db.function_flush()
    return found


@pytest.fixture
def side(url: str) -> Iterator[redis.Redis]:
    """A second client, for what somebody else does meanwhile."""
    with redis.Redis.from_url(url, decode_responses=True) as db:
        yield db


def waiting(side: redis.Redis, count: int = 1) -> None:
    """Wait until so many clients are blocked."""
    soon(lambda: sum("b" in one["flags"] for one in side.client_list()) == count)


class Meanwhile(threading.Thread):
    """A call in a thread of its own: `result()` is what came of it."""

    def __init__(self, call: Callable[..., Any], *args: Any, **named: Any) -> None:
        super().__init__(daemon=True)
        self._call = lambda: call(*args, **named)
        self._outcome: list[Any] = []
        self._problem: list[Exception] = []
        self.start()

    def run(self) -> None:
        try:
            self._outcome.append(self._call())
        except Exception as problem:
            self._problem.append(problem)

    def result(self) -> Any:
        self.join(20)
        if self._problem:
            raise self._problem[0]
        return self._outcome[0]
