"""Servers that differ in what every run begins with: a run goes on with what can be judged, and says what cannot."""

from __future__ import annotations

from click.testing import CliRunner

from redlark.conformance.campaign import Campaign
from redlark.conformance.cli import conform
from redlark.conformance.findings import NO_RESP3
from redlark.conformance.options import Options
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.profiles import choose, model_of
from redlark.conformance.targets.target import parse_address, prepare

from .proxy import Link, proxy

PROFILE = "redis-8.2"


def stranger(link: Link, request: tuple[bytes, ...]) -> bytes:
    """A server that calls itself something else in HELLO, and answers PING with a bulk string."""
    said = link.ask(*request)
    if request[0].upper() == b"HELLO":
        return said.replace(b"$5\r\nredis\r\n", b"$5\r\nother\r\n")
    return b"$4\r\nPONG\r\n" if said == b"+PONG\r\n" else said


def test_a_server_that_differs_in_its_greeting_is_judged_in_resp2() -> None:
    """HELLO diverges once and PING too; everything else is judged, without RESP3, and a note says so."""
    with machine.running(None) as running, proxy(running.host, running.port, stranger) as url:
        target = prepare(parse_address(url), destructive=True)
        options = Options(
            profile=PROFILE, seed=1, budget=60, requests=1_500, commands=frozenset(("GET", "SET", "PING", "HELLO"))
        )
        one = Campaign(url, target, model_of(PROFILE, target), choose(target.info, PROFILE), options)
        report = one.run()
    assert {"HELLO", "PING"} <= {finding.command for finding in one.findings.values()}
    assert report.notes.count(NO_RESP3) == 1
    assert one.requests >= 1_000
    assert report.verdicts["GET"].verdict == report.verdicts["SET"].verdict == "conforms"


def test_a_server_that_refuses_strangers_in_its_own_words_is_judged_in_resp3() -> None:
    """What HELLO says where a password is missing is a divergence of that set-up; RESP3 is judged all the same."""
    line = "embedded --profile redis-6.2 --commands SETEX --requests 120 --seed 1 --no-saved"  # its words are others
    output = CliRunner().invoke(conform, line.split()).output
    assert "HELLO diverges  HELLO/stranger" in output
    assert NO_RESP3 not in output
