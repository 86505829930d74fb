# A keyspace's table: entries as cells of a hash table, found by their keys.
#
# Must live here: what buckets.pxi leaves to the owner of the cells.  Must not: databases, clients, the clock.
#
# An entry with a deadline is marked.

cdef enum:
    ENTRY_SPAN = 39         # a small entry may lie across two cache lines


cdef uint64_t entry_hash(const void* e) noexcept nogil:
    return rl_hash(key_of(<Entry*>e), key_size(<Entry*>e))

cdef void entry_drop(void* e) noexcept:
    entry_free(<Entry*>e)

cdef void entries_wipe(Table* t) noexcept:
    """Free everything; the table is then empty.

    The contents are detached first: giving up a Python object may run code that uses this very table."""
    cdef Table old = t[0]
    table_init(t, entry_hash)
    table_drop_later(&old, entry_drop)

cdef inline Entry* entry_find(const Table* t, const char* p, size_t n, uint64_t h, Place* at) noexcept nogil:
    cdef Bucket* b = home_of(t, h)
    cdef uint64_t hits
    cdef Entry* e
    cdef int i
    while True:
        hits = slots_with(b.tags, tag_of(h))
        while hits:
            i = rl_first_byte(hits)
            e = <Entry*>b.slot[i]
            if has_key(e, p, n):
                at.bucket = b
                at.slot = i
                return e
            hits &= hits - 1
        if not b.tags & CHAINED:
            return NULL
        b = <Bucket*>b.slot[6]

cdef inline Entry* entry_likely(const Table* t, uint64_t h) noexcept nogil:
    """What in its home bucket looks like the entry; the end of it is on its way."""
    cdef Bucket* b = home_of(t, h)
    cdef uint64_t hits = slots_with(b.tags, tag_of(h))
    cdef Entry* e
    if not hits:
        return NULL
    e = <Entry*>b.slot[rl_first_byte(hits)]
    rl_prefetch(<char*>e + ENTRY_SPAN)
    return e

cdef inline unsigned int entry_fetch(const Table* t, uint64_t h) noexcept nogil:
    """After the home bucket was prefetched: fetch the likely entry.

    A load and no prefetch, whose result the caller must use: the processor drops a prefetch whose page it would have to
    look for, and loads that do not hang on each other wait together.
    """
    cdef Entry* e = entry_likely(t, h)
    return 0 if e == NULL else e.flags

cdef inline void entry_add(Table* t, uint64_t h, Entry* e) noexcept nogil:
    """Add an entry whose key is not there."""
    t.held += rl_good_size(entry_size(e))
    cell_add(t, h, e, (e.flags & TIMED) != 0)

cdef inline void entry_replace(Table* t, Place* at, Entry* e, size_t old_size) noexcept nogil:
    """Another entry with the same key stands here now (or the same one, resized or retimed)."""
    t.held += rl_good_size(entry_size(e)) - rl_good_size(old_size)
    cell_replace(t, at, e, (e.flags & TIMED) != 0)

cdef Entry* entry_remove(Table* t, uint64_t h, Place* at) noexcept nogil:
    """Take an entry out (the caller frees it)."""
    cdef Entry* gone = <Entry*>cell_remove(t, h, at)
    t.held -= rl_good_size(entry_size(gone))
    t.weight -= weight_of(gone)
    return gone


cdef int entry_check(void* arg, void* cell, bint mark) except -1:
    """arg: sums of bytes and weights."""
    cdef size_t* sums = <size_t*>arg
    cdef Entry* e = <Entry*>cell
    assert mark == ((e.flags & TIMED) != 0), "deadline bit"
    assert not e.flags >> 6, "flags"
    assert kind_of(e) != PACKED or packed_check(rl_load8(value_of(e))), "a packed collection"
    if kind_of(e) == OBJECT:
        value = <object>object_of(e)
        assert len(value) or type(value) is Stream, "an empty collection is kept only where it is a stream"
    sums[0] += rl_good_size(entry_size(e))
    sums[1] += weight_of(e)
    return 0

cdef int entries_check(Table* t) except -1:
    """Every invariant."""
    cdef size_t[2] sums
    cdef uint64_t at = 0
    cdef list keys = []
    memset(sums, 0, sizeof(sums))
    table_check(t, entry_check, sums)
    assert sums[0] == t.held, "held"
    assert sums[1] == t.weight, "weight"
    while True:
        at = table_scan(t, at, collect_keys, <void*>keys)
        if at == 0:
            break
    assert len(keys) == len(set(keys)) == <Py_ssize_t>t.used, "a key twice"
    return 0
