"""The parameters of the configuration: what the text lists for Redis 8.2, and what this server makes of each.

Names, kinds, bounds and defaults come from the text (`redlark.spec.parameters`).  Here stands what it leaves open,
since no run of the judge sends it (`_OPEN`), where this server starts otherwise (`_OTHERWISE`), and which values of a
parameter would need what this server does not have (`_ONLY`): they are refused, for a server that took them would
promise what it does not do.  How the text of a value is read is `settings`' business.
"""

from __future__ import annotations

from typing import Any, Final

import attrs

from redlark.spec.parameters import Parameter as Listed
from redlark.spec.parameters import generated


class ConfigError(Exception):
    """One line that says what is wrong, and where."""


@attrs.frozen(slots=True)
class Parameter:
    """One parameter: its name as in redis.conf, how its text is read, the one it has before anybody says otherwise.

    `kind` is one of the text's, or "octal", "addresses" (words), "host-port" (two words).
    """

    name: str
    kind: str
    default: str
    names: tuple[str, ...]  # its own first, then others that mean it
    words: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None  # None with `low`: the limit is that of its type, and is not told
    hidden: bool = False  # told where it is asked for by its name
    fixed: bool = False  # CONFIG SET refuses it
    protected: bool = False  # and likewise while enable-protected-configs is `no`
    only: str | None = None  # the one value that can be had yet
    lacks: str = ""  # what every other value would need

    @property
    def attribute(self) -> str:
        return self.name.replace("-", "_")


_LOCALS: Final = ("user", *(f"local{number}" for number in range(8)))
_TEXT: Final[dict[str, Any]] = {"kind": "text"}
_BOOL: Final[dict[str, Any]] = {"kind": "bool"}
_LOCALLY: Final[dict[str, Any]] = {"kind": "enum", "words": ("no", "yes", "local")}
_OPEN: Final[dict[str, dict[str, Any]]] = {
    **dict.fromkeys(("always-show-logo", "cluster-enabled", "daemonize", "disable-thp", "rdbchecksum"), _BOOL),
    **dict.fromkeys(("set-proc-title", "syslog-enabled"), _BOOL),
    **dict.fromkeys(("enable-debug-command", "enable-module-command", "enable-protected-configs"), _LOCALLY),
    "port": {"kind": "int", "low": 0, "high": 65535},
    "tls-port": {"kind": "int", "low": 0, "high": 65535},
    "cluster-port": {"kind": "int", "low": 0, "high": 65535},
    "databases": {"kind": "int", "low": 1, "high": 2**31 - 1},
    "tcp-backlog": {"kind": "int", "low": 0, "high": 2**31 - 1},
    "maxclients": {"kind": "int", "low": 1, "high": 2**32 - 1},
    "dir": {"kind": "text", "protected": True},
    "io-threads": {"kind": "int", "low": 1, "high": 128},
    "socket-mark-id": {"kind": "int", "low": 0},
    "unixsocketperm": {"kind": "octal", "low": 0, "high": 0o777},
    "bind": {"kind": "addresses"},
    "replicaof": {"kind": "host-port"},
    "supervised": {"kind": "enum", "words": ("upstart", "systemd", "auto", "no")},
    "syslog-facility": {"kind": "enum", "words": _LOCALS},
}

# Where the text gives no default, or this server has another one.
_OTHERWISE: Final = {
    "port": "6379",
    "tls-port": "0",
    "cluster-port": "0",
    "bind": "127.0.0.1 -::1",  # as the redis.conf that comes with Redis has it
    "maxclients": "10000",
    "save": "",  # nothing is written to disk yet
    "supervised": "no",
    "daemonize": "no",
}

_TLS, _CLUSTER, _REPLICATION = "TLS", "cluster mode", "replication"
_ONLY: Final = {
    "appendonly": ("no", "the append-only file"),
    "cluster-enabled": ("no", _CLUSTER),
    "tls-port": ("0", _TLS),
    "tls-replication": ("no", _TLS),
    "tls-cluster": ("no", _TLS),
    "replicaof": ("", _REPLICATION),
    "aclfile": ("", "users"),
    "activedefrag": ("no", "an allocator that defragments"),
}

# What older files may hold and Redis 8.2 takes without effect.
BYGONE: Final = frozenset((
    "io-threads-do-reads", "lua-replicate-commands", "list-max-ziplist-entries", "list-max-ziplist-value",
))  # fmt: skip


def _made(listed: Listed) -> Parameter:
    name = listed.names[0]
    only, lacks = _ONLY.get(name, (None, ""))
    row = Parameter(
        name,
        listed.kind,
        _OTHERWISE.get(name, listed.default or ""),
        listed.names,
        listed.words,
        listed.low,
        listed.high,
        listed.hidden,
        fixed=listed.kind == "fixed",
        protected=listed.kind == "protected",
        only=only,
        lacks=lacks,
    )
    if listed.kind in ("fixed", "special", "protected"):
        row = attrs.evolve(row, **_OPEN.get(name, _TEXT))
    return row


ROWS: Final = tuple(_made(listed) for listed in generated("redis-8.2"))
PARAMETERS: Final = {name: row for row in ROWS for name in row.names}
