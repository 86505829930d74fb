"""Which profile a server is held to: as the user says, or as the server says of itself."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

from redlark.conformance.errors import CannotRun
from redlark.conformance.targets.target import Target
from redlark.reference import Model
from redlark.spec.derivation import is_told
from redlark.spec.profiles import PROFILES, recognise


@frozen
class Choice:
    """A profile and why it was chosen, as the report says it."""

    profile: str
    server: str
    why: str


def identity(info: Mapping[str, str]) -> tuple[str, str]:
    """Product and version from INFO's server section. Valkey also claims a Redis version; its own counts.

    >>> identity({"redis_version": "7.2.4", "server_name": "valkey", "valkey_version": "8.1.8"})
    ('valkey', '8.1.8')
    """
    if "valkey_version" in info:
        return "valkey", info["valkey_version"]
    return "redis", info.get("redis_version", "")


def choose(info: Mapping[str, str], wanted: str | None = None) -> Choice:
    """The profile for a server that says this of itself. Raises `CannotRun` for a profile that does not exist."""
    product, version = identity(info)
    server = f"{product} {version}" if version else "a server that does not tell its version"
    if wanted is not None:
        if wanted not in PROFILES:
            raise CannotRun(f"no profile {wanted}; there are {', '.join(PROFILES)}")
        return Choice(wanted, server, "as --profile says")
    if not version:
        raise CannotRun(
            "the server does not tell its version in INFO; say which profile it is to be held to: --profile"
        )
    profile = recognise(product, version).name
    return Choice(profile, server, f"recognised from INFO: {server}")


def model_of(profile: str, target: Target) -> Model:
    """The model of a profile to which the commands that this server lacks, by its own account, are unknown."""
    model = Model.load(profile)
    lacking = target.lacks(name for name, one in model.commands.items() if is_told(one.block, model.profile))
    return Model.load(profile, lacking=lacking) if lacking else model
