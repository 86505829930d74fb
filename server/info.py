"""INFO: sections of figures that are true.  What this server does not know it leaves out."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from redlark.server import cores, usage
from redlark.server.blocking import ANY
from redlark.server.eviction import ENDS_SOONEST
from redlark.server.process import supervisor
from redlark.server.sockets import listener_lines
from redlark.server.state import EMPTY, PRODUCT_VERSION, milliseconds

if TYPE_CHECKING:
    from redlark.server.interfaces import Database
    from redlark.server.state import State

Figures = dict[str, object]
SAMPLED: Final = 16  # keys whose deadlines are looked at


def _server(server: State) -> Figures:
    up = (milliseconds() - server.started) // 1000
    return {
        "redis_version": PRODUCT_VERSION,
        "redis_git_sha1": "00000000",  # not built from a repository of Redis
        "redis_git_dirty": 0,
        "redis_build_id": build_id(server.core),
        "server_name": "redlark",
        "redlark_core": server.core,
        "redis_mode": "standalone",
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "arch_bits": 64 if sys.maxsize > 2**32 else 32,
        "monotonic_clock": "POSIX clock_gettime",
        "multiplexing_api": "epoll",
        "atomicvar_api": "gil",  # no variable is shared that the interpreter's lock does not guard
        "gcc_version": cores.choose(server.core).COMPILER,
        "process_id": server.process_id,
        "process_supervised": supervisor(server.config),
        "run_id": server.run_id,
        "tcp_port": server.port,
        "server_time_usec": milliseconds() * 1000,
        "uptime_in_seconds": up,
        "uptime_in_days": up // 86400,
        "hz": server.config.hz,
        "configured_hz": server.config.hz,
        "lru_clock": server.now // 1000 & 0xFFFFFF,
        "executable": sys.executable,
        "config_file": server.config.file,
        "io_threads_active": 0,
        **listener_lines(server.config, server.port, server.over_tcp),
    }


@cache
def build_id(core: str) -> str:
    """Sixteen digits that tell one build from another: of the version, and of what was compiled."""
    digest = hashlib.sha1(f"{PRODUCT_VERSION} {core}".encode())
    if core != "plain":
        with open(cores.choose(core).__file__ or "", "rb") as file:
            hashlib.file_digest(file, lambda: digest)  # in pieces: what is freed whole changes how glibc allocates
    return digest.hexdigest()[:16]


def _clients(server: State) -> Figures:
    clients = server.clients.values()
    return {
        "connected_clients": len(clients),
        "cluster_connections": 0,
        "maxclients": server.config.maxclients,
        "client_recent_max_input_buffer": server.largest.of(server.now, 0),
        "client_recent_max_output_buffer": server.largest.of(server.now, 1),
        "blocked_clients": len(server.waiting.clients) + len(server.pause.held),
        "tracking_clients": len(server.tracking.clients),
        "pubsub_clients": sum(client.subscribed for client in clients),
        "watching_clients": sum(bool(client.watching) for client in clients),
        "clients_in_timeout_table": sum(wait.timer is not None for wait in server.waiting.clients.values()),
        "total_watched_keys": sum(len(database.watched) for database in server.databases),
        "total_blocking_keys": sum(len(database.awaited) for database in server.databases),
        "total_blocking_keys_on_nokey": sum(
            any(wait.kind == ANY for wait in waits)
            for database in server.databases
            for waits in database.awaited.values()
        ),
    }


def _human(size: int) -> str:
    """A size as Redis shows it: 512B, 1.00K, 2.76M."""
    power = min((size.bit_length() - 1) // 10 if size else 0, 4)
    return f"{size / 1024**power:.2f}{'BKMGT'[power]}" if power else f"{size}B"


def _memory(server: State) -> Figures:
    server.buffers = server.loop.client_memory()
    server.note_peak()
    used, resident, peak = server.used_memory(), resident_memory(), server.peak_memory
    tables = [database.overhead() for database in server.databases if len(database)]
    data = sum(database.memory() for database in server.databases)
    data -= sum(main + deadlines for main, deadlines, _ in tables)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    lua, code = server.scripting.memory(), server.scripting.code
    functions = sum(len(library.source) for library in server.scripting.libraries.values())
    return {
        "used_memory": used,
        "used_memory_human": _human(used),
        "used_memory_rss": resident,
        "used_memory_rss_human": _human(resident),
        "used_memory_peak": peak,
        "used_memory_peak_human": _human(peak),
        "used_memory_peak_perc": f"{used * 100 / peak:.2f}%",
        "used_memory_peak_time": server.peak_at // 1000,
        "used_memory_overhead": used - data,
        "used_memory_startup": EMPTY,
        "used_memory_dataset": data,
        "used_memory_dataset_perc": f"{data * 100 / max(used - EMPTY, 1):.2f}%",
        "total_system_memory": machine,
        "total_system_memory_human": _human(machine),
        "used_memory_lua": lua,
        "used_memory_vm_eval": lua,  # functions run in the same Lua
        "used_memory_lua_human": _human(lua),
        "used_memory_scripts_eval": code - functions,
        "used_memory_vm_functions": 0,
        "used_memory_vm_total": lua,
        "used_memory_vm_total_human": _human(lua),
        "used_memory_functions": functions,
        "used_memory_scripts": code,
        "used_memory_scripts_human": _human(code),
        "number_of_cached_scripts": len(server.scripting.scripts),
        "number_of_functions": len(server.scripting.functions),
        "number_of_libraries": len(server.scripting.libraries),
        "maxmemory": server.config.maxmemory,
        "maxmemory_human": _human(server.config.maxmemory),
        "maxmemory_policy": server.config.maxmemory_policy.decode(),
        "allocator_allocated": used,
        "allocator_active": resident,
        "allocator_resident": resident,
        "allocator_muzzy": 0,
        "allocator_frag_ratio": f"{resident / used:.2f}",
        "allocator_frag_bytes": resident - used,
        "allocator_rss_ratio": "1.00",
        "allocator_rss_bytes": 0,
        "rss_overhead_ratio": "1.00",
        "rss_overhead_bytes": 0,
        "mem_fragmentation_ratio": f"{resident / used:.2f}",
        "mem_fragmentation_bytes": resident - used,
        "mem_not_counted_for_evict": 0,
        "mem_replication_backlog": 0,
        "mem_total_replication_buffers": 0,
        "mem_replica_full_sync_buffer": 0,
        "mem_clients_slaves": 0,
        "mem_clients_normal": client_memory(server),
        "mem_cluster_links": 0,
        "mem_aof_buffer": 0,
        "mem_allocator": "libc",
        "mem_overhead_db_hashtable_rehashing": sum(main for main, _, moving in tables if moving),
        "active_defrag_running": 0,
        "lazyfree_pending_objects": server.loop.lazy()[0],
        "lazyfreed_objects": server.loop.lazy()[1] - server.lazy_before,
    }


def resident_memory() -> int:
    """Bytes of this process that are in memory."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * resource.getpagesize()


def client_memory(server: State) -> int:
    """Bytes that connections take."""
    return sum(client.sizes().tot_mem for client in server.clients.values())


def _persistence(server: State) -> Figures:
    """Nothing is written to disk, and nothing was read."""
    return {
        "loading": 0,
        "async_loading": 0,
        "current_cow_peak": 0,
        "current_cow_size": 0,
        "current_cow_size_age": 0,
        "current_fork_perc": "0.00",
        "current_save_keys_processed": 0,
        "current_save_keys_total": 0,
        "rdb_changes_since_last_save": sum(database.changes for database in server.databases),
        "rdb_bgsave_in_progress": 0,
        "rdb_last_save_time": server.started // 1000,
        "rdb_last_bgsave_status": "ok",
        "rdb_last_bgsave_time_sec": -1,
        "rdb_current_bgsave_time_sec": -1,
        "rdb_saves": 0,
        "rdb_last_cow_size": 0,
        "rdb_last_load_keys_expired": 0,
        "rdb_last_load_keys_loaded": 0,
        "aof_enabled": 0,
        "aof_rewrite_in_progress": 0,
        "aof_rewrite_scheduled": 0,
        "aof_last_rewrite_time_sec": -1,
        "aof_current_rewrite_time_sec": -1,
        "aof_last_bgrewrite_status": "ok",
        "aof_rewrites": 0,
        "aof_rewrites_consecutive_failures": 0,
        "aof_last_write_status": "ok",
        "aof_last_cow_size": 0,
        "module_fork_in_progress": 0,
        "module_fork_last_cow_size": 0,
    }


def _threads(server: State) -> Figures:
    """One serves everybody."""
    stats, clients = server.loop.stats, len(server.clients)
    return {"io_thread_0": f"clients={clients},reads={stats.reads},writes={stats.writes}"}


def _stats(server: State) -> Figures:
    stats = server.loop.stats
    requests, read, written, turns, busy_ns = server.rates.a_second()
    exceeded, exceeds = server.eviction.exceeded()
    counted = usage.told(server)
    return {
        "total_connections_received": stats.connections,
        "total_commands_processed": stats.commands,
        "instantaneous_ops_per_sec": round(requests),
        "total_net_input_bytes": stats.net_in,
        "total_net_output_bytes": stats.net_out,
        "instantaneous_input_kbps": f"{read / 1024:.2f}",
        "instantaneous_output_kbps": f"{written / 1024:.2f}",
        **dict.fromkeys(("total_net_repl_input_bytes", "total_net_repl_output_bytes"), 0),
        **dict.fromkeys(("instantaneous_input_repl_kbps", "instantaneous_output_repl_kbps"), "0.00"),
        "rejected_connections": stats.rejected,
        **dict.fromkeys(("sync_full", "sync_partial_ok", "sync_partial_err"), 0),
        "expired_subkeys": sum(database.ending.gone for database in server.databases),
        "expired_keys": sum(database.expired for database in server.databases),
        "expired_stale_perc": f"{server.stale * 100:.2f}",
        "expired_time_cap_reached_count": server.expire_capped,
        "expire_cycle_cpu_milliseconds": server.expire_ns // 1_000_000,
        "evicted_keys": server.eviction.evicted,
        "evicted_clients": server.evicted_clients,
        "evicted_scripts": server.scripting.evicted,
        "total_eviction_exceeded_time": exceeded,
        "current_eviction_exceeded_time": exceeds,
        "keyspace_hits": sum(database.found for database in server.databases),
        "keyspace_misses": sum(database.missed for database in server.databases),
        "pubsub_channels": len(server.pubsub.channels),
        "pubsub_patterns": len(server.pubsub.patterns),
        "pubsubshard_channels": len(server.pubsub.shards),
        **dict.fromkeys(("migrate_cached_sockets", "slave_expires_tracked_keys", "unexpected_error_replies"), 0),
        **dict.fromkeys((f"io_threaded_{what}_processed" for what in ("reads", "writes")), 0),
        **dict.fromkeys((f"io_threaded_total_prefetch_{what}" for what in ("batches", "entries")), 0),
        **dict.fromkeys((f"active_defrag_{what}" for what in ("hits", "misses", "key_hits", "key_misses")), 0),
        **dict.fromkeys(("total_active_defrag_time", "current_active_defrag_time"), 0),
        "acl_access_denied_auth": server.denied,
        **dict.fromkeys((f"acl_access_denied_{what}" for what in ("cmd", "key", "channel")), 0),
        "latest_fork_usec": 0,
        "total_forks": 0,
        "tracking_total_keys": len(server.tracking.readers),
        "tracking_total_items": sum(map(len, server.tracking.readers.values())),
        "tracking_total_prefixes": len(server.tracking.prefixes),
        "total_error_replies": stats.errors,
        "dump_payload_sanitizations": counted[b"restore"].calls if b"restore" in counted else 0,  # each is looked at
        "total_reads_processed": stats.reads,
        "total_writes_processed": stats.writes,
        "client_query_buffer_limit_disconnections": stats.query_overflows,
        "reply_buffer_shrinks": stats.output_shrunk,
        "reply_buffer_expands": stats.output_grown,
        "client_output_buffer_limit_disconnections": stats.output_overflows,
        "eventloop_cycles": stats.turns,
        "eventloop_duration_sum": stats.busy_ns // 1000,
        "eventloop_duration_cmd_sum": sum(one.nanoseconds for one in counted.values()) // 1000,
        "instantaneous_eventloop_cycles_per_sec": round(turns),
        "instantaneous_eventloop_duration_usec": round(busy_ns / turns / 1000) if turns else 0,
    }


def _modules(server: State) -> Figures:
    """None can be loaded."""
    return {}


def _errors(server: State) -> Figures:
    return {f"errorstat_{kind.decode('latin-1')}": f"count={count}" for kind, count in sorted(server.failures.items())}


def _replication(server: State) -> Figures:
    """Of a master that never had a replica."""
    return {
        "role": "master",
        "connected_slaves": 0,
        **({"min_slaves_good_slaves": 0} if server.lacks_replicas else {}),
        "master_failover_state": "no-failover",
        "master_replid": server.replication_id,
        "master_replid2": "0" * 40,
        "master_repl_offset": 0,
        "second_repl_offset": -1,
        "repl_backlog_active": 0,
        "repl_backlog_size": server.config.get("repl-backlog-size"),
        "repl_backlog_first_byte_offset": 0,
        "repl_backlog_histlen": 0,
    }


def _cpu(server: State) -> Figures:
    """Seconds: of the process, of what it has started, of this thread, which is the one that serves."""
    found: Figures = {}
    for ending, whose in (("", resource.RUSAGE_SELF), ("_children", resource.RUSAGE_CHILDREN)):
        used = resource.getrusage(whose)
        found |= {f"used_cpu_sys{ending}": f"{used.ru_stime:.6f}", f"used_cpu_user{ending}": f"{used.ru_utime:.6f}"}
    used = resource.getrusage(resource.RUSAGE_THREAD)
    return found | {
        "used_cpu_sys_main_thread": f"{used.ru_stime:.6f}",
        "used_cpu_user_main_thread": f"{used.ru_utime:.6f}",
    }


def _commands(server: State) -> Figures:
    return {
        f"cmdstat_{name.decode()}": f"calls={one.calls},usec={one.nanoseconds // 1000},"
        f"usec_per_call={one.nanoseconds / 1000 / max(one.calls, 1):.2f},"
        f"rejected_calls={one.rejected},failed_calls={one.failed}"
        for name, one in usage.told(server).items()
    }


def _latencies(server: State) -> Figures:
    """Empty where latency-tracking is off."""
    if not server.config.latency_tracking:
        return {}
    percentiles = [text.decode() for text in server.config.latency_tracking_info_percentiles]
    return {
        f"latency_percentiles_usec_{name.decode()}": ",".join(
            f"p{text}={one.percentile(float(text)) / 1000:.3f}" for text in percentiles
        )
        for name, one in usage.told(server).items()
        if one.times
    }


def _cluster(server: State) -> Figures:
    return {"cluster_enabled": 0}


def _keyspace(server: State) -> Figures:
    return {
        f"db{database.index}": f"keys={len(database)},expires={database.expires_count()},"
        f"avg_ttl={_mean_left(database, server.now)},subexpiry={len(database.ending)}"
        for database in server.databases
        if len(database)
    }


def _keysizes(server: State) -> Figures:
    """Of each database and type, the lower ends of spans of sizes, each with how many values are in it."""
    found: Figures = {}
    for database in server.databases:
        for name, counts in zip(SIZED, database.sizes() if len(database) else (), strict=False):
            spans = [f"{_rounded((1 << bits) // 2)}={count}" for bits, count in enumerate(counts) if count]
            if spans:
                found[f"db{database.index}_distrib_{name}"] = ",".join(spans)
    return found


def _rounded(size: int) -> str:
    """A power of two as Redis tells it: 512, 1K, 2M."""
    power = min((size.bit_length() - 1) // 10 if size else 0, 6)
    return f"{size >> 10 * power}{' KMGTPE'[power].strip()}"


def _mean_left(database: Database, now: int) -> int:
    """The ms that keys with a deadline have left, as a sample of them tells."""
    if not database.expires_count():
        return 0
    left = [database.deadline(key) - now for _, key in database.sample(SAMPLED, True, ENDS_SOONEST)]
    left = [each for each in left if each >= 0]
    return sum(left) // len(left) if left else 0


SECTIONS: dict[str, Callable[[State], Figures]] = {
    "Server": _server,
    "Clients": _clients,
    "Memory": _memory,
    "Persistence": _persistence,
    "Threads": _threads,
    "Stats": _stats,
    "Replication": _replication,
    "CPU": _cpu,
    "Modules": _modules,
    "Commandstats": _commands,
    "Errorstats": _errors,
    "Latencystats": _latencies,
    "Cluster": _cluster,
    "Keyspace": _keyspace,
    "Keysizes": _keysizes,
}


LONG: Final = frozenset(("commandstats", "latencystats"))
WALKED: Final = 10_000  # keys: through more of them INFO does not go, a millisecond or so, unless it is asked for sizes
SIZED: Final = ("strings_sizes", "lists_items", "sets_items", "zsets_items", "hashes_items")


def render(server: State, wanted: list[bytes]) -> bytes:
    """The text of INFO for the sections named; none or "default" are the short ones, "all" and "everything" all.

    Redis tells in each of them how large values are, which it counts as they change; here it takes a walk over all
    keys, so of many keys "everything" has it, and whoever asks for it by name.
    """
    names = {word.decode("latin-1").lower() for word in wanted} or {"default"}
    every = {section.lower() for section in SECTIONS}
    if not names & {"everything", "keysizes"} and sum(map(len, server.databases)) > WALKED:
        every -= {"keysizes"}
    if names & {"all", "everything"}:
        names |= every
    elif "default" in names:
        names |= every - LONG
    parts = []
    for section, figures in SECTIONS.items():
        if section.lower() in names:
            lines = [f"# {section}", *(f"{name}:{value}" for name, value in figures(server).items())]
            parts.append("".join(f"{line}\r\n" for line in lines))
    return "\r\n".join(parts).encode()
