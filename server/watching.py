"""WATCH: who watches which keys (`Database.watched`), as those of a client that has gone or whose keys have changed.

Must not live here: what counts as a change (the keyspaces), what EXEC makes of it (`commands.transactions`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redlark.server.interfaces import Client


def unwatch(client: Client) -> None:
    """Take the client out of every watch table."""
    for database, key in client.watching:
        watchers = database.watched.get(key)
        if watchers and client in watchers:
            watchers.remove(client)
            if not watchers:
                del database.watched[key]
    client.watching = []
    client.touched = False


def changed(watchers: list[Client]) -> None:
    """A key has changed that these watch: their EXEC can only fail, so they watch nothing any more."""
    for client in list(watchers):
        unwatch(client)
        client.touched = True
