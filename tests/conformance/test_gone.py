"""A server that does not survive a history: what ended it is told, as short as it can be made on others like it."""

from __future__ import annotations

import pytest

from redlark.conformance import written
from redlark.conformance.errors import CannotRun
from redlark.conformance.listener import Silent
from redlark.conformance.meeting import campaign_on
from redlark.conformance.options import Options
from redlark.conformance.servers import find_servers

# docs/findings.md: Redis 8.2.3 does not survive FUNCTION FLUSH behind a function that called a command with a table.
LIBRARY = "#!lua name=lib\\nredis.register_function('f', function() return redis.pcall('GET', {}) end)"
LINES = ("SET k v", f'FUNCTION LOAD "{LIBRARY}"', "GET k", "FCALL f 0", "INCR n", "FUNCTION FLUSH", "PING")

needs_it = pytest.mark.skipif("redis:8.2" not in {one.name for one in find_servers()}, reason="redis:8.2 is not there")


@needs_it
def test_what_ends_a_server_is_told_and_made_short() -> None:
    """The campaign goes no further; its finding has the requests that it takes, and no others."""
    with campaign_on("redis:8.2", Options(seed=1), Silent()) as campaign:
        with campaign.judge(campaign.target) as judge, pytest.raises(CannotRun, match=r"gone after \d+ requests"):
            campaign.one(judge, written.history(LINES, 2), None)
        (finding,) = campaign.findings.values()
    assert finding.reproduced
    assert finding.command == "FUNCTION|FLUSH"
    assert [one.request[0] for one in finding.divergence.exchanges] == [b"FUNCTION", b"FCALL", b"FUNCTION"]
    assert "does not accept connections any more" in finding.seen
