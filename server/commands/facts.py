"""The facts of every command of this server: what the specification generates, and what it does not hold yet.

`UNSPECIFIED` has commands that the text does not describe yet; a row goes when its command enters the text (a test
holds that nothing stands in both).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import attrs

from redlark.spec.metadata import Facts, Table, generated

PROFILE: Final = "redis-8.2"
_ADMIN = ("admin", "noscript", "loading", "stale")
_DANGEROUS = ("admin", "slow", "dangerous")


def _row(name: str, since: str, arity: int, summary: str, **more: tuple[str, ...]) -> Facts:
    return Facts(name, "server", since, summary, "O(N)", arity, **more)  # type: ignore[arg-type]


UNSPECIFIED: Final = (
    _row(
        "config",
        "2.0.0",
        -2,
        "Holds the subcommands on the configuration.",
        categories=("slow",),
        subcommands=("config|get", "config|set", "config|resetstat"),
    ),
    _row("config|get", "2.0.0", -3, "Parameters that match patterns.", flags=_ADMIN, categories=_DANGEROUS),
    _row("config|set", "2.0.0", -4, "Sets parameters, all or none.", flags=_ADMIN, categories=_DANGEROUS),
    _row("config|resetstat", "2.0.0", 2, "Sets INFO's counters to 0.", flags=_ADMIN, categories=_DANGEROUS),
    _row(
        "info", "1.0.0", -1, "Figures about the server.", flags=("loading", "stale"), categories=("slow", "dangerous")
    ),
    _row(
        "shutdown",
        "1.0.0",
        -1,
        "Ends the server.",
        flags=(*_ADMIN[:1], "noscript", "loading", "stale", "no-multi", "allow-busy"),
        categories=_DANGEROUS,
    ),
)


def _table() -> Table:
    table = generated(PROFILE)
    return attrs.evolve(table, commands={**table.commands, **{facts.name: facts for facts in UNSPECIFIED}})


TABLE: Final = _table()


def keep_only(implemented: Collection[str]) -> None:
    """Take out of the table what this server has no function for; `implemented` holds upper-case full names."""
    kept = TABLE.only({name.lower() for name in implemented}).commands
    TABLE.commands.clear()
    TABLE.commands.update(kept)
