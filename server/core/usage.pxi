# What a loop counts, and how often hot commands ran, and for how long.
#
# Must live here: these counters, those beside the table of hot commands, and how a time becomes a cell of a histogram.
# Must not: what is told of them (redlark.server.usage, which counts what runs in Python, and knows what a cell is).
#
# The clock is read once before and once behind a stretch of hot commands, and each of the stretch is said to have taken
# its share: reading it for each would cost a pipelined GET a tenth.  Sums are true; of what one client sends ahead in one
# pipeline, single times are means.  Ticks are the processor's, where it has them, and are measured against the system's
# clock since the start.

cdef extern from "clib.h" nogil:
    uint64_t rl_ticks()
    uint64_t rl_steady_ns()

cdef class Stats:
    """Counters; see redlark.server.usage.Stats."""

    cdef public uint64_t connections, rejected, commands, errors, net_in, net_out, reads, writes
    cdef public uint64_t output_overflows, query_overflows, turns, busy_ns, output_grown, output_shrunk


cdef enum:
    STEP_BITS = 7               # cells for each doubling: 1 << STEP_BITS
    MOST_BITS = 31              # up to 2 ** 31 ns, and what is longer in the last cell: Redis counts both as a second
    CELLS = (MOST_BITS - STEP_BITS + 1) << STEP_BITS
    SCALE_BITS = 20

cdef inline int usage_cell(uint64_t ns) noexcept nogil:
    """redlark.server.usage.cell."""
    cdef int highest
    if ns < 1 << STEP_BITS:
        return <int>ns
    highest = rl_bit_length(ns) - 1
    if highest >= MOST_BITS:
        return CELLS - 1
    return ((highest - STEP_BITS + 1) << STEP_BITS) + <int>((ns >> (highest - STEP_BITS)) & ((1 << STEP_BITS) - 1))

cdef inline void usage_add(Loop loop, Hot* hot, uint64_t ns, int count=1) noexcept:
    """So many have taken so long, each of them."""
    hot.ns += ns * <uint64_t>count
    if loop.keeps_times:
        if hot.times == NULL:
            hot.times = <uint64_t*>rl_alloc(CELLS * sizeof(uint64_t))
            memset(hot.times, 0, CELLS * sizeof(uint64_t))
        hot.times[usage_cell(ns)] += <uint64_t>count

cdef inline uint64_t usage_since(Loop loop, uint64_t began) noexcept:
    """Nanoseconds since then."""
    return (rl_ticks() - began) * loop.tick_scale >> SCALE_BITS

cdef inline void usage_share(Loop loop, const Request* batch, int first, int behind, uint64_t began) noexcept:
    """The requests [first, behind) of a batch were hot, and have taken the time since `began` together."""
    cdef uint64_t each
    cdef int i
    if first < behind:
        each = usage_since(loop, began) // <uint64_t>(behind - first)
        i = first
        while i < behind:
            while i < behind and batch[i].hot == batch[first].hot:
                i += 1
            usage_add(loop, batch[first].hot, each, i - first)
            first = i

cdef inline void usage_turn(Loop loop, uint64_t began) noexcept:
    """The loop has come round, and was busy since then."""
    loop.stats.turns += 1
    loop.stats.busy_ns += usage_since(loop, began)

cdef void usage_calibrate(Loop loop) noexcept:
    """How long a tick is, by all the time since the start."""
    cdef uint64_t ticks = rl_ticks() - loop.first_tick
    if ticks:
        loop.tick_scale = <uint64_t>(<double>(rl_steady_ns() - loop.first_ns) / <double>ticks * (1 << SCALE_BITS))

cdef void usage_begin(Loop loop) noexcept:
    loop.first_tick, loop.first_ns = rl_ticks(), rl_steady_ns()
    while rl_steady_ns() - loop.first_ns < 50_000:
        pass
    usage_calibrate(loop)

cdef dict usage_told(Loop loop):
    """By full name: calls, nanoseconds, and how many fell into each cell that has any."""
    cdef dict told = {}
    cdef Hot* hot
    cdef int i
    for i in range(HOT_SLOTS):
        hot = loop.hot + i
        if hot.run != NULL and hot.calls:
            cells = {}
            if hot.times != NULL:
                cells = {n: hot.times[n] for n in range(CELLS) if hot.times[n]}
            told[<object>hot.full_name] = (hot.calls, hot.ns, cells)
    return told

cdef void usage_forget(Loop loop) noexcept:
    cdef int i
    for i in range(HOT_SLOTS):
        loop.hot[i].calls = loop.hot[i].ns = 0
        free(loop.hot[i].times)
        loop.hot[i].times = NULL
