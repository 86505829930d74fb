"""A server that does not survive a history: what ended it is told, as short as it can be made on others like it."""

from __future__ import annotations

import pytest

from redlark.conformance import written
from redlark.conformance.errors import CannotRun
from redlark.conformance.fatal import is_fatal
from redlark.conformance.listener import Silent
from redlark.conformance.meeting import campaign_on
from redlark.conformance.options import Options
from redlark.conformance.targets.servers import find_servers
from redlark.spec.profiles import PROFILES

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


EMPTIED = ("HSET k f v", "HPEXPIRE k 5 FIELDS 1 f", "(after 10 ms) COPY k b", "HRANDFIELD b")


def test_what_a_server_would_not_survive_is_not_run_on_it() -> None:
    """The history that ends Valkey 9.1.2 is left out there, and there alone; what lacks a part of it is run."""
    whole = written.history(EMPTIED, 2)
    assert [name for name in PROFILES if is_fatal(name, whole)] == ["valkey-9.1"]
    for left in range(1, 4):
        assert not is_fatal("valkey-9.1", written.history((*EMPTIED[:left], *EMPTIED[left + 1 :]), 2))
    assert not is_fatal("valkey-9.1", written.history((*EMPTIED[:3], "HRANDFIELD k"), 2))
    assert is_fatal("valkey-9.1", written.history((*EMPTIED[:3], "RENAME b k", "HRANDFIELD k"), 2))


def test_what_is_not_run_is_counted_and_a_known_example_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report says how many histories were left out; an example that somebody has kept is run all the same."""
    monkeypatch.setattr("redlark.conformance.fatal.FATAL", {"redis-8.2": lambda history: len(history.steps) > 1})
    with campaign_on("embedded", Options(seed=1), Silent()) as campaign, campaign.judge(campaign.target) as judge:
        for lines in (("PING",), ("PING", "PING"), ("PING", "PING", "PING")):
            campaign.one(judge, written.history(lines, 2), None)
        assert (campaign.histories, campaign.report().passed_over) == (1, 2)
        assert "2 histories were not run" in campaign.report().remarks[-1]
        campaign.one(judge, written.history(("PING", "PING"), 2), None, known=True)
        assert (campaign.histories, campaign.report().passed_over) == (2, 2)
