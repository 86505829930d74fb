"""What no request can change is decided as a text is compiled."""

import pytest

from redlark.reference import Model


def rules(profile: str, command: str) -> set[str]:
    """The rules that a command has in a profile, without its name."""
    return {rule.split("/")[1] for rule in Model.load(profile).commands[command].rules}


def test_families() -> None:
    """A command that means another one has those of its rules that its own words and arguments can reach."""
    assert rules("redis-8.2", "SETNX") == {"nx-exists", "stored"}
    assert rules("redis-8.2", "GETSET") == {"get-type", "stored"}
    assert rules("redis-8.2", "PSETEX") == {"bad-milliseconds", "bad-expire", "late-expire", "stored"}


@pytest.mark.parametrize(("profile", "there"), [("redis-6.2", False), ("redis-8.2", False), ("valkey-8.1", True)])
def test_profiles(profile: str, there: bool) -> None:
    """A rule about an option that a profile has not is none of the profile's rules."""
    assert ("ifeq-other" in rules(profile, "SET")) == there


def test_refusals_of_one_alternative() -> None:
    """`once` on an alternative refuses its repetition and leaves the others alone: NX NX is read, IFEQ twice is not."""
    model = Model.load("valkey-9.1")
    (world,) = model.connect(model.start(), 1)
    world, _ = model.perform(world, 1, (b"SET", b"k", b"v", b"NX", b"nx"), 1)
    _, reply = model.perform(world, 1, (b"SET", b"k", b"w", b"IFEQ", b"v", b"IFEQ", b"v"), 1)
    assert reply == b"-ERR syntax error\r\n"
    assert model.perform(world, 1, (b"GET", b"k"), 1)[1] == b"$1\r\nv\r\n"
