"""What would harm a server that others need: asked of one that was started for nothing else, and is ended by it.

What must live here: the requests of commands that the text says are never sent, and of other rules that take a server
away from those who ask. They need a server in a folder of its own, beside another one that takes keys. What is refused
wherever it is sent is drawn (``refused.py``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from redlark.conformance.history import History, Step
from redlark.conformance.targets.target import Address

USERS = "users.acl"  # the file of users, in the server's folder
_CONTAINERS = frozenset(("ACL", "CLIENT", "CONFIG", "MODULE"))

# Of users that stand in a file.
_USERS: tuple[tuple[str, ...], ...] = (
    (
        "ACL SETUSER somebody on >secret ~k* +@read", "ACL SETUSER somebody nosuch", "ACL GETUSER somebody", "ACL SAVE",
        "ACL DRYRUN somebody SET k v", "ACL DELUSER somebody nobody", "ACL GETUSER somebody", "ACL LOAD",
    ),
)  # fmt: skip
# Each is a history; `2>` is a client of its own. What a profile does not have is left out.
_LINES: tuple[tuple[str, ...], ...] = (
    (
        "CLIENT PAUSE 0", "CLIENT PAUSE 1 WRITE", "SET k v", "CLIENT PAUSE 1 ALL", "GET k", "CLIENT UNPAUSE",
    ),
    ("SET k v", "SAVE", "LASTSAVE", "BGREWRITEAOF", "CONFIG REWRITE"),
    ("BGSAVE", "BGSAVE SCHEDULE"), ("SHUTDOWN ABORT", "SHUTDOWN NOW ABORT"),
    (
        "FAILOVER", "FAILOVER TO 127.0.0.1 1 FORCE TIMEOUT 10", "FAILOVER ABORT", "FAILOVER ABORT TIMEOUT 1",
        "FAILOVER TIMEOUT 1 ABORT", "FAILOVER TIMEOUT 0", "FAILOVER TIMEOUT soon", "FAILOVER TO 127.0.0.1 x",
        "FAILOVER TO 127.0.0.1", "FAILOVER at once",
    ),
    ("SET k v", "REPLICAOF NO ONE", "SLAVEOF no one", "ROLE", "GET k", "REPLCONF listening-port 1"),
    (
        "CONFIG SET dir .", "CONFIG SET bind 127.0.0.1 maxmemory x", "CONFIG SET dbfilename other.rdb",
        "CONFIG SET maxmemory 0 enable-debug-command yes",
    ),
    (
        "MODULE LOAD nowhere", "MODULE UNLOAD nosuch", "MODULE LOADEX nowhere", "MODULE LOADEX nowhere CONFIG",
        "MODULE LOADEX nowhere a b",
        "MODULE LOADEX nowhere CONFIG a b ARGS c", "MODULE LIST",
    ),
)  # fmt: skip
_SENT: tuple[tuple[str, ...], ...] = (
    ("SET k v EX 100", "RPUSH l a", "MIGRATE {there} k 0 1000", "EXISTS k", "MIGRATE {there} '' 0 1000 KEYS l nokey"),
    ("SET k v", "MIGRATE {there} k 0 1000 COPY REPLACE", "GET k", "SET k w", "MIGRATE {there} k 0 1000", "GET k"),
)
# Who has asked for these is told what others do; the connection is closed as soon as it has its reply.
_LAST: tuple[tuple[str, ...], ...] = (
    ("PING", "2> MONITOR", "2> QUIT"),
    ("PING", "2> PSYNC ? -1"),
    ("MULTI", "SHUTDOWN NOSAVE", "DISCARD"),
    ("SET k v", "SHUTDOWN NOSAVE"),
)


def of_users(names: Collection[str], protocols: Sequence[int]) -> list[History]:
    """What is asked about users where these stand in a file."""
    return list(_known(_USERS, names, protocols))


def histories(names: Collection[str], protocols: Sequence[int], there: Address) -> list[History]:
    """What may follow one another; `there` is where another server takes keys."""
    lines = (*_LINES, *(tuple(one.format(there=f"{there.host} {there.port}") for one in each) for each in _SENT))
    return list(_known(lines, names, protocols))


def last(names: Collection[str], protocols: Sequence[int]) -> list[History]:
    """What closes connections, and at last the server."""
    return list(_known(_LAST, names, protocols[:1]))


def _known(lines: Iterable[Sequence[str]], names: Collection[str], protocols: Sequence[int]) -> Iterator[History]:
    for each in lines:
        steps = [step for step in History.of(*each).steps if _name(step) in names]
        yield from (History(tuple(steps), protocol) for protocol in protocols if steps)


def _name(step: Step) -> str:
    """The command that a step of one request asks for."""
    words = [part.decode().upper() for part in step.requests[0].parts[:2] if isinstance(part, bytes)]
    return "|".join(words) if words[0] in _CONTAINERS else words[0]
