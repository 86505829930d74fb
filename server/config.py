"""The settings of a server, as a configuration file, the command line and CONFIG SET make them.

A parameter that changes something here has an attribute of `Config`; every other one is understood, kept and told,
and `Config.inert` says so where an operator looks.  Must not live here: which parameters there are (`parameters`), how
their texts are read (`settings`), files (`conf_file`, `rewriting`), or what is done when one changes
(`commands/configuring`).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Final

import attrs

from redlark.server.glob import matcher
from redlark.server.parameters import PARAMETERS, ROWS, ConfigError, Parameter
from redlark.server.settings import Limit, Limits, Setting, defaults, parse, shown

DEFAULTS: Final = defaults(ROWS)
NOT_HERE: Final = {"save": "nothing is written to disk yet", "dbfilename": "nothing is written to disk yet"}


@attrs.define(slots=True, eq=False)
class Config:
    """The settings: an attribute for each parameter that counts (a test holds the defaults), `others` for the rest."""

    port: int = 6379
    bind: tuple[bytes, ...] = (b"127.0.0.1", b"-::1")
    unixsocket: bytes = b""
    unixsocketperm: int = 0
    tcp_backlog: int = 511
    tcp_keepalive: int = 300
    max_new_connections_per_cycle: int = 10
    databases: int = 16
    timeout: int = 0
    maxclients: int = 10000
    requirepass: bytes = b""
    proto_max_bulk_len: int = 512 * 2**20
    client_query_buffer_limit: int = 2**30
    client_output_buffer_limit: Limits = (
        Limit(0, 0, 0),
        Limit(256 * 2**20, 64 * 2**20, 60),
        Limit(32 * 2**20, 8 * 2**20, 60),
    )
    maxmemory_clients: int = 0
    maxmemory: int = 0
    maxmemory_policy: bytes = b"noeviction"
    maxmemory_samples: int = 5
    maxmemory_eviction_tenacity: int = 10
    lfu_log_factor: int = 10
    lfu_decay_time: int = 1
    hz: int = 10
    active_expire_effort: int = 1
    loglevel: bytes = b"notice"
    logfile: bytes = b""
    pidfile: bytes = b""
    dir: bytes = b""
    daemonize: bool = False
    supervised: bytes = b"no"
    syslog_enabled: bool = False
    syslog_ident: bytes = b"redis"
    syslog_facility: bytes = b"local0"
    crash_log_enabled: bool = True
    watchdog_period: int = 0
    oom_score_adj: bytes = b"no"
    oom_score_adj_values: tuple[int, ...] = (0, 200, 800)
    set_proc_title: bool = True
    proc_title_template: bytes = b"{title} {listen-addr} {server-mode}"
    min_replicas_to_write: int = 0
    min_replicas_max_lag: int = 10
    lazyfree_lazy_user_flush: bool = False
    latency_tracking: bool = True
    latency_tracking_info_percentiles: tuple[bytes, ...] = (b"50", b"99", b"99.9")
    shutdown_on_sigint: tuple[bytes, ...] = (b"default",)
    shutdown_on_sigterm: tuple[bytes, ...] = (b"default",)
    protected_mode: bool = True
    slowlog_log_slower_than: int = 10_000
    slowlog_max_len: int = 128
    latency_monitor_threshold: int = 0
    enable_debug_command: bytes = b"no"
    enable_protected_configs: bytes = b"no"
    notify_keyspace_events: bytes = b""
    busy_reply_threshold: int = 5000
    hll_sparse_max_bytes: int = 3000
    tracking_table_max_keys: int = 1_000_000
    list_max_listpack_size: int = -2
    set_max_intset_entries: int = 512
    set_max_listpack_entries: int = 128
    set_max_listpack_value: int = 64
    hash_max_listpack_entries: int = 512
    hash_max_listpack_value: int = 64
    zset_max_listpack_entries: int = 128
    zset_max_listpack_value: int = 64
    stream_node_max_entries: int = 100
    stream_node_max_bytes: int = 4096
    others: dict[str, Setting] = attrs.Factory(
        lambda: {name: setting for name, setting in DEFAULTS.items() if not acted_on(PARAMETERS[name])}
    )
    given: set[str] = attrs.Factory(set)  # names that a file, the command line or CONFIG SET has set
    bygone: dict[str, None] = attrs.Factory(dict)  # names of older versions that a file has set, in their order
    renamed: list[tuple[bytes, bytes]] = attrs.Factory(
        list
    )  # commands, and what they are called instead (nothing: not at all)
    file: str = ""  # the configuration file, as an absolute path

    def get(self, name: str) -> Setting:
        """The setting of a parameter, by any of its names."""
        row = PARAMETERS[name]
        if row.name in self.others:
            return self.others[row.name]
        setting: Setting = getattr(self, row.attribute)
        return setting

    def keep(self, name: str, setting: Setting) -> None:
        """Have a setting, which was read or had before."""
        row = PARAMETERS[name]
        if row.name in self.others:
            self.others[row.name] = setting
        else:
            setattr(self, row.attribute, setting)

    def put(self, name: str, texts: list[bytes], *, last: bool = True) -> None:
        """Set one parameter from the words behind its name.  Raises ConfigError with the reason alone.

        What stands in a file need not be the last word: whether we have it is asked by `check`.
        """
        row = PARAMETERS[name]
        setting = parse(row, texts, self.get(name))
        if row.name == "watchdog-period" and setting:
            assert isinstance(setting, int)
            setting = max(setting, 1000 // self.hz * 2)  # as long as two turns of what runs by itself
        if last and row.only is not None and shown(row, setting) != row.only.encode():
            raise ConfigError(_lacking(row))
        self.keep(name, setting)
        self.given.add(row.name)

    def check(self) -> None:
        """Refuse what was set and cannot be had.  Raises ConfigError."""
        for row in ROWS:
            said = shown(row, self.get(row.name)).decode("utf-8", "replace")
            if row.only is not None and said != row.only:
                only = row.only or '""'
                instead = f"--{row.name} {only} overrides a file"
                raise ConfigError(f"{row.name} {said}: {_lacking(row)}; {instead}")

    def told(self, name: str) -> bytes:
        """The setting as CONFIG GET tells it."""
        row = PARAMETERS[name]
        return os.fsencode(os.getcwd()) if row.name == "dir" else shown(row, self.get(name))

    def matching(self, patterns: Iterable[bytes]) -> dict[bytes, bytes]:
        """What CONFIG GET answers: a name as it was asked for, what a pattern finds by its own; each once."""
        found: dict[bytes, bytes] = {}
        for pattern in patterns:
            text = pattern.split(b"\0", 1)[0]
            if any(sign in text for sign in (b"*", b"?", b"[")):
                matches = matcher(text, fold=True)
                names = [name.encode() for name, row in PARAMETERS.items() if not row.hidden and matches(name.encode())]
            else:
                names = [pattern] if pattern.lower().decode("latin-1") in PARAMETERS else []
            known = {name.lower() for name in found}
            found |= {name: self.told(name.lower().decode()) for name in names if name.lower() not in known}
        return found

    def inert(self) -> list[str]:
        """A line for each parameter that was given and changes nothing of the data's fate, and one for all others."""
        changed = [name for name in self.others if name in self.given and self.others[name] != DEFAULTS[name]]
        lines = [f"{name}: accepted, but {NOT_HERE[name]}" for name in changed if name in NOT_HERE]
        rest = [*(name for name in changed if name not in NOT_HERE), *self.bygone]
        if rest:
            lines.append(f"of the configuration, these change nothing yet: {', '.join(rest)}")
        return lines


_ATTRIBUTES: Final = frozenset(field.name for field in attrs.fields(Config))


def acted_on(row: Parameter) -> bool:
    """Whether a parameter changes anything in this server."""
    return row.attribute in _ATTRIBUTES


def _lacking(row: Parameter) -> str:
    return f"redlark has only '{row.only}' yet, for lack of {row.lacks}"


__all__ = ["DEFAULTS", "Config", "ConfigError", "Limits", "Setting", "acted_on"]
