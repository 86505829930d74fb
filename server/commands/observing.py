"""The server group: what took long (SLOWLOG, LATENCY), what everybody asks (MONITOR), what a key takes (MEMORY)."""

from __future__ import annotations

from itertools import islice

from redlark.server import allocator, errors, usage
from redlark.server.commands.registry import command
from redlark.server.info import client_memory, resident_memory
from redlark.server.interfaces import OK, CommandError, Context, Pairs, Reply, Verbatim
from redlark.server.observing import Delays
from redlark.server.state import EMPTY, PRODUCT_VERSION
from redlark.server.usage import Usage
from redlark.server.values import integer, to_integer

# ---- requests that took long ---------------------------------------------------------------------------------------


@command("SLOWLOG|GET")
def slowlog_get(ctx: Context, args: list[bytes]) -> Reply:
    """The newest 10, or so many, or with -1 all."""
    if len(args) > 3:
        raise CommandError(errors.wrong_number(b"SLOWLOG", args[1]))
    count = 10
    if len(args) == 3:
        given = to_integer(args[2])
        if given is None or given < -1:
            raise CommandError(b"ERR count should be greater than or equal to -1")
        count = given
    slow = ctx.server.observer.slow
    return [
        [one.number, one.at, one.microseconds, one.words, one.address, one.name]
        for one in islice(slow, len(slow) if count < 0 else min(count, len(slow)))
    ]


@command("SLOWLOG|LEN")
def slowlog_len(ctx: Context, args: list[bytes]) -> Reply:
    return len(ctx.server.observer.slow)


@command("SLOWLOG|RESET")
def slowlog_reset(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.observer.slow.clear()
    return OK


# ---- delays --------------------------------------------------------------------------------------------------------


@command("LATENCY|LATEST")
def latency_latest(ctx: Context, args: list[bytes]) -> Reply:
    return [[kind, *delays.told[-1], delays.longest] for kind, delays in ctx.server.observer.delays.items()]


@command("LATENCY|HISTORY")
def latency_history(ctx: Context, args: list[bytes]) -> Reply:
    delays = ctx.server.observer.delays.get(args[2])
    return [] if delays is None else [list(one) for one in delays.told]


@command("LATENCY|RESET")
def latency_reset(ctx: Context, args: list[bytes]) -> Reply:
    """How many kinds were forgotten: of those named, or of all."""
    delays = ctx.server.observer.delays
    return sum(delays.pop(kind, None) is not None for kind in args[2:] or list(delays))


@command("LATENCY|HISTOGRAM")
def latency_histogram(ctx: Context, args: list[bytes]) -> Reply:
    """Of the commands named, as often as they are (a container stands for all that it holds), or of all that ran."""
    told = usage.told(ctx.server) if ctx.server.config.latency_tracking else {}
    asked = [word.lower() for word in args[2:]]
    names = [name for word in asked for name in told if name == word or name.startswith(word + b"|")] if asked else told
    return Pairs(
        [
            [name, {b"calls": sum(told[name].times.values()), b"histogram_usec": _as_reply(told[name])}]
            for name in names
            if told[name].times
        ]
    )


def _as_reply(one: Usage) -> Reply:
    """A map from microseconds to calls, of which the keys are numbers."""
    return Pairs([[bound, count] for bound, count in one.histogram().items()])


LINES = 4  # that the longest delay takes in a graph
LEVELS = b"_o#"  # how much of its highest line a delay fills


@command("LATENCY|GRAPH")
def latency_graph(ctx: Context, args: list[bytes]) -> Reply:
    delays = ctx.server.observer.delays.get(args[2])
    if delays is None:
        shown = args[2].split(b"\0", 1)[0]
        raise CommandError(errors.one_line(b"ERR No samples available for event '%b'" % shown))
    return Verbatim(b"txt", graph(args[2], delays, ctx.now // 1000))


def graph(kind: bytes, delays: Delays, now: int) -> bytes:
    """A bar for each of the last delays, and under it how many seconds (minutes, hours, days) ago that was.

    The shortest is an underscore in the lowest line, the longest a # in the highest; below a bar's end stand |.
    Source: https://redis.io/docs/latest/operate/oss_and_stack/management/optimization/latency-monitor/ and what
    Redis 8.2.3 draws.
    """
    told = list(delays.told)[-80:]
    high, low = max(ms for _, ms in told), min(ms for _, ms in told)
    steps = len(LEVELS) * LINES
    heights = [min((ms - low) * steps // max(high - low, 1), steps - 1) for _, ms in told]
    ages = [_ago(now - at) for at, _ in told]
    rows = ["".join(_sign(height - line * len(LEVELS)) for height in heights) for line in range(LINES - 1, -1, -1)]
    rows += [" " * len(told)]
    rows += ["".join(age[place] if place < len(age) else " " for age in ages) for place in range(max(map(len, ages)))]
    head = b"%b - high %d ms, low %d ms (all time high %d ms)\n" % (kind, high, low, delays.longest)
    return head + b"-" * 80 + b"\n" + b"".join(row.encode() + b"\n" for row in rows)


def _sign(above: int) -> str:
    """What stands in a line that a bar passes by so many levels.

    >>> "".join(map(_sign, (-1, 0, 1, 2, 3)))
    ' _o#|'
    """
    return " " if above < 0 else chr(LEVELS[above]) if above < len(LEVELS) else "|"


def _ago(seconds: int) -> str:
    """A time in its largest unit.

    >>> _ago(7), _ago(125), _ago(90_000)
    ('7s', '2m', '1d')
    """
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


@command("LATENCY|DOCTOR")
def latency_doctor(ctx: Context, args: list[bytes]) -> Reply:
    """What was measured, kind by kind, or how to begin."""
    observer, threshold = ctx.server.observer, ctx.server.config.latency_monitor_threshold
    if not threshold and not observer.delays:
        return Verbatim(
            b"txt", b"Nothing is measured: latency-monitor-threshold is 0. Set it to so many milliseconds.\n"
        )
    if not observer.delays:
        return Verbatim(b"txt", b"Nothing has taken %d ms or more.\n" % threshold)
    lines = [
        b"%b: %d delays are kept, on average %d ms, at most %d ms; the longest ever took %d ms.\n"
        % (
            kind,
            len(one.told),
            sum(ms for _, ms in one.told) // len(one.told),
            max(ms for _, ms in one.told),
            one.longest,
        )
        for kind, one in observer.delays.items()
    ]
    return Verbatim(b"txt", b"".join(lines) + b"SLOWLOG GET tells which requests took long.\n")


# ---- what everybody asks -------------------------------------------------------------------------------------------


@command("MONITOR")
def monitor(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.monitor(ctx.client, True)
    return OK


# ---- memory --------------------------------------------------------------------------------------------------------


@command("MEMORY|USAGE")
def memory_usage(ctx: Context, args: list[bytes]) -> Reply:
    """What a key and its value take.  Nothing is estimated from samples here: a value knows its size."""
    for place in range(3, len(args), 2):
        if args[place].upper() != b"SAMPLES" or place + 1 == len(args) or integer(args[place + 1]) < 0:
            raise errors.syntax()
    return ctx.db.size(args[2])


@command("MEMORY|PURGE")
def memory_purge(ctx: Context, args: list[bytes]) -> Reply:
    """Have the C library give back what is free, where it can be asked to."""
    allocator.give_back()
    return OK


@command("MEMORY|MALLOC-STATS")
def memory_malloc_stats(ctx: Context, args: list[bytes]) -> Reply:
    return Verbatim(b"txt", allocator.stats())


@command("MEMORY|DOCTOR")
def memory_doctor(ctx: Context, args: list[bytes]) -> Reply:
    used, limit = ctx.server.used_memory(), ctx.server.config.maxmemory
    if not limit:
        return Verbatim(b"txt", b"Data take %d bytes, and maxmemory sets no limit.\n" % used)
    return Verbatim(
        b"txt", b"Data take %d bytes, %d%% of the %d that maxmemory allows.\n" % (used, used * 100 // limit, limit)
    )


@command("MEMORY|STATS")
def memory_stats(ctx: Context, args: list[bytes]) -> Reply:
    """Redis's figures, in its order.  What is not here takes nothing; of the allocator only the process is known."""
    server = ctx.server
    server.buffers = server.loop.client_memory()
    used, resident, clients = server.used_memory(), resident_memory(), client_memory(server)
    lua = server.scripting.memory()
    peak = max(server.peak_memory, used)
    keys = sum(map(len, server.databases))
    tables = {database.index: database.overhead() for database in server.databases if len(database)}
    mains = sum(main for main, _, _ in tables.values())
    overhead = EMPTY + server.buffers + lua + mains + sum(deadlines for _, deadlines, _ in tables.values())
    return {
        b"peak.allocated": peak,
        b"total.allocated": used,
        b"startup.allocated": EMPTY,
        b"replication.backlog": 0,
        b"replica.fullsync.buffer": 0,
        b"clients.slaves": 0,
        b"clients.normal": clients,
        b"cluster.links": 0,
        b"aof.buffer": 0,
        b"lua.caches": 0,
        b"functions.caches": 0,
        b"script.VMs": lua,
        **{
            b"db.%d" % number: {b"overhead.hashtable.main": main, b"overhead.hashtable.expires": deadlines}
            for number, (main, deadlines, _) in tables.items()
        },
        b"overhead.db.hashtable.lut": mains,
        b"overhead.db.hashtable.rehashing": sum(main for main, _, moving in tables.values() if moving),
        b"overhead.total": overhead,
        b"db.dict.rehashing.count": sum(moving for _, _, moving in tables.values()),
        b"keys.count": keys,
        b"keys.bytes-per-key": (used - EMPTY) // keys if keys else 0,
        b"dataset.bytes": used - overhead,
        b"dataset.percentage": (used - overhead) * 100 / max(used - EMPTY, 1),
        b"peak.percentage": used * 100 / peak,
        b"allocator.allocated": used,
        b"allocator.active": resident,
        b"allocator.resident": resident,
        b"allocator.muzzy": 0,
        b"allocator-fragmentation.ratio": resident / used,
        b"allocator-fragmentation.bytes": resident - used,
        b"allocator-rss.ratio": 1.0,
        b"allocator-rss.bytes": 0,
        b"rss-overhead.ratio": 1.0,
        b"rss-overhead.bytes": 0,
        b"fragmentation": resident / used,
        b"fragmentation.bytes": resident - used,
    }


# ---- what else a server says of itself -----------------------------------------------------------------------------


@command("ROLE")
def role(ctx: Context, args: list[bytes]) -> Reply:
    """A master without replicas: nothing was ever sent to one."""
    return [b"master", 0, []]


@command("MODULE|LIST")
def module_list(ctx: Context, args: list[bytes]) -> Reply:
    """Modules are shared objects for another server; none can be loaded here."""
    return []


_LARK = rb"""
      .---.
    <( o   \___
      )  .--'  `-.    %b
     (  (  ///    )
      `--`-------'
          / /
"""


@command("LOLWUT")
def lolwut(ctx: Context, args: list[bytes]) -> Reply:
    """The bird that this server is named after."""
    return Verbatim(b"txt", _LARK % f"Redlark, as Redis ver. {PRODUCT_VERSION}".encode())
