"""Configuration changed on a given server is put back, whatever happened in between."""

from __future__ import annotations

import socket

import pytest

from redlark.conformance.errors import CannotRun, NotRestored
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.configure import configured
from redlark.conformance.targets.target import Target, parse_address, prepare


def ask(running: machine.Running, *lines: bytes) -> bytes:
    """What a server says to inline commands on one connection."""
    with socket.create_connection((running.host, running.port), timeout=5) as sock:
        told = b""
        for line in lines:
            sock.sendall(line + b"\r\n")
            told = sock.recv(65536)
        return told


def test_a_password_is_put_back_after_every_connection_was_killed(real: machine.Running) -> None:
    """CLIENT KILL by type leaves no connection; the password is taken away all the same."""
    target = prepare(parse_address(real.url), destructive=False)
    with configured(target, {"requirepass": "secret", "maxmemory-policy": "allkeys-lfu"}, False) as changed:
        assert changed.address.password == "secret"
        assert changed.config["maxmemory-policy"] == "allkeys-lfu"
        assert ask(real, b"PING").startswith(b"-NOAUTH")
        ask(real, b"AUTH secret", b"CLIENT KILL TYPE normal SKIPME no")
    assert ask(real, b"PING") == b"+PONG\r\n"
    assert b"noeviction" in ask(real, b"CONFIG GET maxmemory-policy")


def test_what_is_refused_changes_nothing(real: machine.Running) -> None:
    """A parameter that the server does not have: one line, and the others are as they were."""
    target = prepare(parse_address(real.url), destructive=False)
    with (
        pytest.raises(CannotRun, match="does not tell CONFIG GET no-such"),
        configured(target, {"maxmemory": "1", "no-such": "1"}, False),
    ):
        pass
    assert b"$1\r\n0\r\n" in ask(real, b"CONFIG GET maxmemory")


def test_what_cannot_be_put_back_is_told(real_server: machine.Server) -> None:
    """A server that is gone when its configuration should be put back: the line names what is left."""
    with machine.running(real_server) as running:
        target = prepare(parse_address(running.url), destructive=False)

        def die_in_between() -> None:
            with configured(target, {"maxmemory": "1"}, False):
                running.process.kill()
                running.process.wait()

        with pytest.raises(NotRestored, match=r"maxmemory.*is not put back"):
            die_in_between()


def test_another_machine_is_left_alone() -> None:
    """CONFIG SET on another machine needs --destructive: nothing is even connected to."""
    target = Target(parse_address("redis://192.0.2.1"), {}, 16, {}, (0, 0))
    with pytest.raises(CannotRun, match="another machine"), configured(target, {"maxmemory": "1"}, False):
        pass
