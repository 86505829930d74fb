"""INFO: sections of figures that are true.  What this server does not know it leaves out."""

from __future__ import annotations

import platform
import resource
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from redlark.server.state import EMPTY, PRODUCT_VERSION, milliseconds

if TYPE_CHECKING:
    from redlark.server.state import State

Figures = dict[str, object]


def _server(server: State) -> Figures:
    up = (milliseconds() - server.started) // 1000
    return {
        "redis_version": PRODUCT_VERSION,
        "server_name": "redlark",
        "redlark_core": server.core,
        "redis_mode": "standalone",
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "arch_bits": 64 if sys.maxsize > 2**32 else 32,
        "process_id": server.process_id,
        "run_id": server.run_id,
        "tcp_port": server.port,
        "server_time_usec": milliseconds() * 1000,
        "uptime_in_seconds": up,
        "uptime_in_days": up // 86400,
        "hz": server.config.hz,
        "configured_hz": server.config.hz,
    }


def _clients(server: State) -> Figures:
    clients = server.clients.values()
    return {
        "connected_clients": len(clients),
        "maxclients": server.config.maxclients,
        "blocked_clients": len(server.waiting.clients),
        "tracking_clients": len(server.tracking.clients),
        "pubsub_clients": sum(client.subscribed for client in clients),
        "watching_clients": sum(bool(client.watching) for client in clients),
        "total_watched_keys": sum(len(database.watched) for database in server.databases),
        "total_blocking_keys": sum(len(database.awaited) for database in server.databases),
    }


def _human(size: int) -> str:
    """A size as Redis shows it: 512B, 1.00K, 2.76M."""
    power = min((size.bit_length() - 1) // 10 if size else 0, 4)
    return f"{size / 1024**power:.2f}{'BKMGT'[power]}" if power else f"{size}B"


def _memory(server: State) -> Figures:
    used, resident = server.used_memory(), resident_memory()
    peak = max(server.peak_memory, used)
    return {
        "used_memory": used,
        "used_memory_human": _human(used),
        "used_memory_rss": resident,
        "used_memory_rss_human": _human(resident),
        "used_memory_peak": peak,
        "used_memory_peak_human": _human(peak),
        "used_memory_peak_perc": f"{used * 100 / peak:.2f}%",
        "used_memory_startup": EMPTY,
        "used_memory_dataset": used - EMPTY,
        "used_memory_dataset_perc": f"{(used - EMPTY) * 100 / used:.2f}%",
        "mem_fragmentation_ratio": f"{resident / used:.2f}",
        "mem_clients_normal": client_memory(server),
        "used_memory_lua": server.scripting.memory(),
        "number_of_cached_scripts": len(server.scripting.scripts),
        "number_of_functions": len(server.scripting.functions),
        "number_of_libraries": len(server.scripting.libraries),
        "maxmemory": server.config.maxmemory,
        "maxmemory_human": _human(server.config.maxmemory),
        "maxmemory_policy": server.config.maxmemory_policy.decode(),
    }


def resident_memory() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def client_memory(server: State) -> int:
    """Bytes that connections take."""
    return sum(client.sizes().tot_mem for client in server.clients.values())


def _persistence(server: State) -> Figures:
    return {"loading": 0, "rdb_bgsave_in_progress": 0, "aof_enabled": 0, "aof_rewrite_in_progress": 0}


def _stats(server: State) -> Figures:
    stats = server.loop.stats
    return {
        "total_connections_received": stats.connections,
        "total_commands_processed": stats.commands,
        "total_net_input_bytes": stats.net_in,
        "total_net_output_bytes": stats.net_out,
        "rejected_connections": stats.rejected,
        "expired_keys": sum(database.expired for database in server.databases),
        "expired_subkeys": sum(database.ending.gone for database in server.databases),
        "evicted_keys": server.eviction.evicted,
        "evicted_clients": server.evicted_clients,
        "tracking_total_keys": len(server.tracking.readers),
        "tracking_total_items": sum(map(len, server.tracking.readers.values())),
        "tracking_total_prefixes": len(server.tracking.prefixes),
        "pubsub_channels": len(server.pubsub.channels),
        "pubsub_patterns": len(server.pubsub.patterns),
        "pubsubshard_channels": len(server.pubsub.shards),
        "evicted_scripts": server.scripting.evicted,
        "total_error_replies": stats.errors,
        "client_query_buffer_limit_disconnections": stats.query_overflows,
        "client_output_buffer_limit_disconnections": stats.output_overflows,
    }


def _errors(server: State) -> Figures:
    return {f"errorstat_{kind.decode('latin-1')}": f"count={count}" for kind, count in server.failures.items()}


def _replication(server: State) -> Figures:
    return {"role": "master", "connected_slaves": 0}


def _cpu(server: State) -> Figures:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"used_cpu_sys": f"{used.ru_stime:.6f}", "used_cpu_user": f"{used.ru_utime:.6f}"}


def _cluster(server: State) -> Figures:
    return {"cluster_enabled": 0}


def _keyspace(server: State) -> Figures:
    return {
        f"db{database.index}": f"keys={len(database)},expires={database.expires_count()},avg_ttl=0,"
        f"subexpiry={len(database.ending.keys)}"
        for database in server.databases
        if len(database)
    }


SECTIONS: dict[str, Callable[[State], Figures]] = {
    "Server": _server,
    "Clients": _clients,
    "Memory": _memory,
    "Persistence": _persistence,
    "Stats": _stats,
    "Replication": _replication,
    "CPU": _cpu,
    "Errorstats": _errors,
    "Cluster": _cluster,
    "Keyspace": _keyspace,
}


def render(server: State, wanted: list[bytes]) -> bytes:
    """The text of INFO for the sections named (none, "default", "all" or "everything": every one)."""
    names = {word.decode("latin-1").lower() for word in wanted}
    if not names or names & {"default", "all", "everything"}:
        names = {section.lower() for section in SECTIONS}
    parts = []
    for section, figures in SECTIONS.items():
        if section.lower() in names:
            lines = [f"# {section}", *(f"{name}:{value}" for name, value in figures(server).items())]
            parts.append("".join(f"{line}\r\n" for line in lines))
    return "\r\n".join(parts).encode()
