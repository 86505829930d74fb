"""The HyperLogLog group: how many different elements were added, about."""

from __future__ import annotations

from redlark.server.commands.common import string_at, unseen
from redlark.server.commands.registry import command
from redlark.server.hyperloglog import Corrupted, Sketch, estimate, is_sketch, largest
from redlark.server.interfaces import OK, RAW, CommandError, Context, Reply, Status

NOT_A_SKETCH = b"WRONGTYPE Key is not a valid HyperLogLog string value."
CORRUPTED = b"INVALIDOBJ Corrupted HLL object detected"


def _at(ctx: Context, key: bytes) -> Sketch | None:
    """The sketch at a key, None when absent.  Raises CommandError where something else is there."""
    data = string_at(ctx, key)
    if data is None:
        return None
    if not is_sketch(data):
        raise CommandError(NOT_A_SKETCH)
    return Sketch(data, ctx.server.config.hll_sparse_max_bytes)


def _put(ctx: Context, key: bytes, sketch: Sketch) -> None:
    ctx.db.put(key, bytes(sketch.data), keep_ttl=True, form=RAW)


def _store(ctx: Context, key: bytes, sketch: Sketch) -> None:
    _put(ctx, key, sketch)
    ctx.notify(b"pfadd", key)


def _keep(ctx: Context, key: bytes, sketch: Sketch) -> None:
    """Stores what is no change of the value to anybody: a cached count, another encoding."""
    with unseen(ctx.db):
        _put(ctx, key, sketch)


@command("PFADD")
def pfadd(ctx: Context, args: list[bytes]) -> Reply:
    key = args[1]
    found = _at(ctx, key)
    sketch = found or Sketch(limit=ctx.server.config.hll_sparse_max_bytes)
    changed = found is None
    try:
        for element in args[2:]:
            if sketch.add(element):
                changed = True
                sketch.forget()
    except Corrupted:
        _keep(ctx, key, sketch)  # elements before this one stay, though nobody is told
        raise CommandError(CORRUPTED) from None
    if changed:
        sketch.forget()
        _store(ctx, key, sketch)
    else:
        _keep(ctx, key, sketch)
    return int(changed)


@command("PFCOUNT")
def pfcount(ctx: Context, args: list[bytes]) -> Reply:
    try:
        if len(args) > 2:
            sketches = [_registers(ctx, key) for key in args[1:]]
            return estimate(largest(one for one in sketches if one is not None))
        sketch = _at(ctx, args[1])
        if sketch is None:
            return 0
        count = sketch.cached
        if count is None:
            _keep(ctx, args[1], sketch)  # though it may turn out not to be one
            count = estimate(sketch.registers())
            sketch.keep(count)
            _put(ctx, args[1], sketch)
        else:
            _keep(ctx, args[1], sketch)  # as it is, but "raw" from then on
        return count
    except Corrupted:
        raise CommandError(CORRUPTED) from None


def _registers(ctx: Context, key: bytes) -> bytes | None:
    sketch = _at(ctx, key)
    return None if sketch is None else sketch.registers()


@command("PFMERGE")
def pfmerge(ctx: Context, args: list[bytes]) -> Reply:
    try:
        registers, dense = [], False
        merged = Sketch(limit=ctx.server.config.hll_sparse_max_bytes)
        for place, key in enumerate(args[1:]):
            sketch = _at(ctx, key)
            if sketch is not None:
                registers.append(sketch.registers())
                dense = dense or sketch.dense
                merged = merged if place else sketch
        if dense:
            merged.make_dense()
        merged.merge(largest(registers))
    except Corrupted:
        raise CommandError(CORRUPTED) from None
    merged.forget()
    _store(ctx, args[1], merged)
    return OK


@command("PFDEBUG")
def pfdebug(ctx: Context, args: list[bytes]) -> Reply:
    key = args[2]
    sketch = _at(ctx, key)
    if sketch is None:
        raise CommandError(b"ERR The specified key does not exist")
    named = args[1].split(b"\0", 1)[0]
    asked = named.lower()
    _keep(ctx, key, sketch)
    if asked == b"encoding":
        return Status(b"dense" if sketch.dense else b"sparse")
    if asked == b"decode":
        if sketch.dense:
            raise CommandError(b"ERR HLL encoding is not sparse")
        return b" ".join(
            b"v:%d,%d" % (value, count) if value else b"%b:%d" % (b"zZ"[size - 1 : size], count)
            for _, size, count, value in sketch.runs()
        )
    if asked not in (b"getreg", b"todense"):
        raise CommandError(b"ERR Unknown PFDEBUG subcommand '%b'" % named)
    was_dense = sketch.dense
    try:
        sketch.make_dense()
    except Corrupted:
        raise CommandError(CORRUPTED) from None
    _keep(ctx, key, sketch)
    return list(sketch.registers()) if asked == b"getreg" else int(not was_dense)


@command("PFSELFTEST")
def pfselftest(ctx: Context, args: list[bytes]) -> Reply:
    """Adds numbers to a sketch of each encoding: both must hold the same registers, and count within four errors."""
    sparse, dense = Sketch(), Sketch()
    dense.make_dense()
    for number in range(1_000):
        element = b"%d" % number
        sparse.add(element)
        dense.add(element)
    count = estimate(dense.registers())
    if sparse.registers() != dense.registers() or abs(count - 1_000) > 1_000 * 4 * 0.0081:
        raise CommandError(b"ERR TESTFAILED 1000 elements were counted as %d" % count)
    return OK
