"""`maxmemory-clients`: when connections take too much together, those that take most are closed.

Must not live here: what one connection may let wait (the cores and `client-output-buffer-limit`).
Source: https://redis.io/docs/latest/develop/reference/clients/ (client eviction).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from redlark.server.state import State


def limit(server: State) -> int:
    """Bytes that connections may take together; 0 for any number."""
    told = server.config.maxmemory_clients
    return told if told >= 0 else server.config.maxmemory * -told // 100


def bound(server: State) -> int:
    """Close the largest until the others fit; how many that were.  Who asked not to be evicted counts and stays."""
    most = limit(server)
    if not most:
        return 0
    sizes = {client: client.sizes().tot_mem for client in server.clients.values()}
    taken, closed = sum(sizes.values()), 0
    for client in sorted((one for one in sizes if not one.no_evict), key=sizes.__getitem__, reverse=True):
        if taken <= most:
            break
        taken -= sizes[client]
        closed += 1
        where = client.addr.decode("latin-1")
        server.log("notice", f"Client id={client.id} addr={where} is closed: maxmemory-clients is exceeded")
        client.close()
    return closed
