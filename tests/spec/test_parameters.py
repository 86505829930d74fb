"""The parameters that the text lists are those of real servers, with their defaults, kinds and bounds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from redlark.conformance.judging.connection import Connection, dial
from redlark.conformance.targets.servers import Server, find_servers, running
from redlark.reference import Model
from redlark.reference.resp import encode_request
from redlark.spec import syntax as s
from redlark.spec.profiles import recognise
from redlark.spec.resolved import resolved_text

# Versions of which the table was measured; an older patch of one of them may lack a parameter.
MEASURED = {"6.2.14", "7.0.15", "8.2.3", "8.1.8", "9.1.2"}
# What the runner gives at start.
GIVEN = {"bind", "port", "dir", "logfile", "save", "appendonly"}


def ask(connection: Connection, *words: str) -> bytes:
    """A request's reply, as it came."""
    connection.send(encode_request(tuple(word.encode() for word in words)))
    return connection.frame().raw


@pytest.mark.parametrize("server", find_servers(), ids=lambda server: server.name)
def test_the_parameters_are_those_of_servers(server: Server) -> None:
    """CONFIG GET * tells the names of the text, hidden ones apart, and the defaults; hidden ones are told by name."""
    if server.version not in MEASURED:
        pytest.skip(f"the parameters of {server.version} were not measured")
    listed = resolved_text(recognise(server.product, server.version).name).parameters
    open_, hidden = ({n: one for one in listed if one.hidden == is_hidden for n in one.names} for is_hidden in (0, 1))
    with running(server) as one:
        connection = dial(one.host, one.port)
        connection.send(encode_request((b"CONFIG", b"GET", b"*")))
        flat = [part.value.decode() for part in connection.frame().value]
        told = dict(zip(flat[::2], flat[1::2], strict=True))
        assert set(told) == set(open_)
        wrong = {n: (p.default, told[n]) for n, p in open_.items() if p.default is not None and p.default != told[n]}
        assert {name: pair for name, pair in wrong.items() if name not in GIVEN} == {}
        for name, parameter in hidden.items():
            value = f"${len(parameter.default or '')}\r\n{parameter.default}".encode()
            assert ask(connection, "CONFIG", "GET", name).endswith(value + b"\r\n")
        connection.close()


@pytest.mark.parametrize("server", find_servers(), ids=lambda server: server.name)
def test_bounds_are_those_of_servers(server: Server) -> None:
    """Below and above its bounds a parameter is refused, in the words that name them."""
    if server.version not in MEASURED:
        pytest.skip(f"the parameters of {server.version} were not measured")
    listed = resolved_text(recognise(server.product, server.version).name).parameters
    with running(server) as one:
        connection = dial(one.host, one.port)
        for parameter in listed:
            for value, reason in refused(parameter):
                for name in parameter.names:
                    said = ask(connection, "CONFIG", "SET", name, value).decode()
                    assert said.endswith(f" - {reason}\r\n"), (name, value, said)
                    assert name in said
        connection.close()


def refused(one: s.Parameter) -> list[tuple[str, str]]:
    """Values that a parameter does not take, each with the reason that is given."""
    if one.kind == "bool":
        return [("maybe", "argument must be 'yes' or 'no'")]
    if "watchdog-period" in one.names and not one.hidden:
        return []  # 6.2 gives no reason: the example of CONFIG SET shows it
    if one.kind == "int" and one.low is not None and one.high is not None:
        reason = f"argument must be between {one.low} and {one.high} inclusive"
        near = [one.low - 1, one.high + 1]
        return [(str(n), reason) for n in near if -(2**63) <= n < 2**63]
    if one.kind == "int" and one.low is not None:
        return [(str(one.low - 1), f"argument must be greater or equal to {one.low}")]
    if one.kind == "memory":
        return [("1 k", "argument must be a memory value")]
    return []


# What is taken apart: values that a run does not send where they could hurt (save points, limits on clients' memory).
TAKEN_APART = {
    "save": (
        "900 1",
        "900 1 300 10",
        "\t900 1",
        "900  1 5",
        "900 2147483648",
        "99999999999999999999 1",
        "1 0",
        "0 1",
        "x",
    ),
    "client-output-buffer-limit": (
        "pubsub 1k 1kb 5",
        "SLAVE 1 2 3 replica 4 5 6",
        "pubsub 1  1",
        "pubsub k 1 99999999999",
    ),
    "notify-keyspace-events": ("KEAnm", "mKEnzg", "nA", "ocn", "dtexzhsl$gE", "o"),
    "oom-score-adj-values": ("100 50 20", "0  800", "0 \t5 2000", "0 0 4294967297"),
    "latency-tracking-info-percentiles": ("99 1", "33.3333333333 1.00001 100", "-0", "0x10", "inf"),
    "maxmemory-clients": ("100%", "5%", "1k", "18446744073709551615", "18446744073709551616", "0%"),
    "shutdown-on-sigterm": ("NOW SAVE force", "safe failover", "default now"),
    "auto-aof-rewrite-min-size": (
        "1m",
        "1Mb",
        "1gb",
        "9223372036854775808",
        "18446744073709551616",
        "9007199254740993kb",
    ),
    "protected-mode": ("no", "maybe", "YES"),
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("server", find_servers(), ids=lambda server: server.name)
def test_values_are_taken_and_told_as_by_servers(server: Server, protocol: int) -> None:
    """What CONFIG SET takes of such a parameter, and how CONFIG GET tells it then, is what the text says."""
    if server.version not in MEASURED:
        pytest.skip(f"the parameters of {server.version} were not measured")
    model = Model.load(recognise(server.product, server.version).name)
    with running(server) as one:
        connection = dial(one.host, one.port)
        worlds = model.connect(model.start(config={"save": ""}), 0)
        for request in asked(protocol):
            connection.send(encode_request(request))
            worlds = model.allows(worlds, 0, request, (0, 0), frame := connection.frame())
            assert worlds, (request, frame.raw)
        connection.close()


def asked(protocol: int) -> Iterator[tuple[bytes, ...]]:
    """Each value, and what is told of it."""
    if protocol == 3:
        yield (b"HELLO", b"3")
    for name, values in TAKEN_APART.items():
        for value in values:
            yield (b"CONFIG", b"SET", name.encode(), value.encode())
            yield (b"CONFIG", b"GET", name.encode())
