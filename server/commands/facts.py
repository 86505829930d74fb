"""The facts of every command of this server: what the specification generates, less what it has no function for."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from redlark.spec.metadata import Table, generated

PROFILE: Final = "redis-8.2"
TABLE: Final = Table(PROFILE, dict(generated(PROFILE).commands))


def keep_only(implemented: Collection[str]) -> None:
    """Take out of the table what this server has no function for; `implemented` holds upper-case full names."""
    kept = TABLE.only({name.lower() for name in implemented}).commands
    TABLE.commands.clear()
    TABLE.commands.update(kept)
