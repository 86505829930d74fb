"""The parameters that the text lists are those of real servers, with their defaults, kinds and bounds."""

from __future__ import annotations

import pytest

from redlark.conformance.connection import Connection, dial
from redlark.conformance.servers import Server, find_servers, running
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
    if one.kind == "int" and one.low is not None and one.high is not None:
        reason = f"argument must be between {one.low} and {one.high} inclusive"
        near = [one.low - 1, one.high + 1]
        return [(str(n), reason) for n in near if -(2**63) <= n < 2**63]
    if one.kind == "int" and one.low is not None:
        return [(str(one.low - 1), f"argument must be greater or equal to {one.low}")]
    if one.kind == "memory":
        return [("1 k", "argument must be a memory value")]
    return []
