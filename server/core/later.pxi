# Large tables, and the nodes of long lists, are freed in steps, between the turns of a loop.
#
# Must live here: tables whose owner has let go of them.  Must not: who lets go, or what a cell is; nodes that wait stand in a
# row of their own (quicklist.h).
#
# Freeing a million cells takes as long as waiting for memory a million times, some tens of ms.  It happens here whatever
# command has caused it (DEL as well as UNLINK, FLUSHALL with SYNC or without, expiry, eviction, a key that is overwritten),
# so the lazyfree parameters have nothing to decide.  Why no thread: cells are slots of the slab, which is the GIL's, and a
# keyspace's cells may refer to objects; a step between turns costs nobody more than STEP_US, and needs no lock.
#
# What a step frees may hold tables of its own (the sets of a keyspace): they come to the end of the queue.

cdef enum:
    LARGE_TABLE = 1 << 12       # cells; a smaller one is freed at once
    WIPED_TOGETHER = 32         # buckets, or nodes of lists, between two looks at the clock
    STEP_US = 200               # of a step
    MOST_WAITING = 1 << 12      # tables; who adds one more frees for a step himself: there may be no loop that turns

cdef struct Doomed:
    Table table
    Dropper drop
    Doomed* next
    size_t objects              # that INFO counts: of a keyspace its keys, else one
    size_t at                   # the first bucket that is still to be wiped: of `now`, then of `later`

cdef Doomed* doomed_first = NULL
cdef Doomed* doomed_last = NULL
cdef size_t doomed_count = 0
cdef size_t doomed_objects = 0  # in all of them
cdef size_t doomed_freed = 0    # objects, since the process began
cdef bint doomed_busy = False   # a step is under way: what is freed may bring more to the queue

cdef void table_drop_later(Table* t, Dropper drop) noexcept:
    """As table_drop, which it calls for what is small."""
    cdef Doomed* d
    global doomed_first, doomed_last, doomed_count, doomed_objects
    if t.used < LARGE_TABLE:
        table_drop(t, drop)
        return
    d = <Doomed*>rl_alloc(sizeof(Doomed))
    d.table = t[0]
    d.drop = drop
    d.next = NULL
    d.at = 0
    d.objects = t.used if drop == entry_drop else 1
    if doomed_last == NULL:
        doomed_first = d
    else:
        doomed_last.next = d
    doomed_last = d
    doomed_count += 1
    doomed_objects += d.objects
    if doomed_count > MOST_WAITING:
        later_step()

cdef void later_step() noexcept:
    """Free for a while."""
    cdef int64_t until = rl_steady_us() + STEP_US
    cdef Doomed* d = doomed_first
    global doomed_busy, doomed_freed, ql_doomed_lists
    if doomed_busy:
        return
    doomed_busy = True
    while d != NULL and rl_steady_us() < until:
        if doomed_wipe(d):
            doomed_end(d)
        d = doomed_first
    while ql_doomed != NULL and rl_steady_us() < until:
        ql_free_some(WIPED_TOGETHER)
    if ql_doomed == NULL:
        doomed_freed += ql_doomed_lists
        ql_doomed_lists = 0
    doomed_busy = False

cdef inline bint later_waits() noexcept:
    """Is there something to be freed?"""
    return doomed_first != NULL or ql_doomed != NULL

cdef bint doomed_wipe(Doomed* d) noexcept:
    """Wipe some buckets; True once that were all."""
    cdef Table* t = &d.table
    cdef size_t first = t.now.mask + 1
    cdef size_t every = first + (t.later.mask + 1 if t.moving >= 0 else 0)
    cdef size_t behind = min(d.at + WIPED_TOGETHER, every)
    while d.at < behind:
        chain_wipe(t, t.now.buckets + d.at if d.at < first else t.later.buckets + (d.at - first), d.drop)
        d.at += 1
    return d.at == every

cdef void doomed_end(Doomed* d) noexcept:
    """The first of the queue is empty."""
    global doomed_first, doomed_last, doomed_count, doomed_objects, doomed_freed
    array_drop(&d.table.now)
    if d.table.moving >= 0:
        array_drop(&d.table.later)
    doomed_first = d.next
    if doomed_first == NULL:
        doomed_last = NULL
    doomed_count -= 1
    doomed_objects -= d.objects
    doomed_freed += d.objects
    free(d)

cdef void later_finish() noexcept:
    """Free all of it now: a keyspace ends, and perhaps no loop turns any more."""
    while later_waits() and not doomed_busy:
        later_step()
