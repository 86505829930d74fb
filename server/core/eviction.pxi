# How lately or how often an entry was used, and samples of entries by that: what eviction chooses from.
#
# Must live here: what `access` of an entry means, and ranks.  Must not: when memory is full (redlark.server.eviction).
#
# Under an LFU policy `access` is 16 bits of minutes, modulo 2**16, when the counter was last read, and 8 bits of counter:
# it grows by chance, the less likely the higher it is, and falls by one for every `decay` minutes without use.  Else it is
# Unix time in ticks of 8 ms, modulo 2**32, of which half tells times apart: 198 days.  Why not seconds: keys used within the same one could not be
# told apart, which costs an LRU of 2,500 keys three hits in a hundred.  Source: https://redis.io/docs/latest/develop/reference/eviction/

cdef enum Order:            # eviction.ORDERS
    LEAST_RECENT = 0
    LEAST_FREQUENT = 1
    ENDS_SOONEST = 2
    ANY = 3

cdef enum:
    FIRST_COUNT = 5         # of an entry that is new: it is not to go at once
    MOST_COUNT = 255
    SAMPLE_STEPS = 4096     # home buckets that one sample visits at most
    IDLE_MOST = 17000000    # seconds that an entry can be said not to have been used, about 197 days


cdef inline uint32_t minutes_of(int64_t now) noexcept nogil:
    return <uint32_t>(now // 60000) & 0xFFFF

cdef inline uint32_t ticks_of(int64_t now) noexcept nogil:
    return <uint32_t>(now >> 3)

cdef inline uint32_t count_of(Database db, uint32_t access, int64_t now) noexcept:
    """The counter as it has decayed until now."""
    cdef uint32_t count = access & 0xFF
    cdef uint32_t periods = ((minutes_of(now) - (access >> 8)) & 0xFFFF) // db.decay if db.decay else 0
    return count - periods if count > periods else 0

cdef uint32_t counted(Database db, uint32_t access, int64_t now) noexcept:
    """What `access` is after one more use."""
    cdef uint32_t count = count_of(db, access, now)
    cdef uint32_t above = count - FIRST_COUNT if count > FIRST_COUNT else 0
    if count < MOST_COUNT and (<double>(random_next(&db.random) >> 11)) * (above * db.log_factor + 1) < 9007199254740992.0:
        count += 1
    return minutes_of(now) << 8 | count

cdef inline int64_t unused_for(const Entry* e, int64_t now) noexcept nogil:
    """Milliseconds; none where the clock was set back."""
    cdef int32_t ticks = <int32_t>(ticks_of(now) - e.access)
    return <int64_t>ticks * 8 if ticks > 0 else 0

cdef inline void entry_used(Database db, Entry* e, int64_t now) noexcept:
    e.access = counted(db, e.access, now) if db.frequent else ticks_of(now)

cdef inline uint32_t first_use(Database db, int64_t now) noexcept:
    return minutes_of(now) << 8 | FIRST_COUNT if db.frequent else ticks_of(now)


cdef struct Sample:
    int order
    bint timed              # only entries with a deadline
    int64_t now
    PyObject* db
    PyObject* found

cdef void collect_ranked(void* arg, Bucket* b) noexcept:
    cdef Sample* sample = <Sample*>arg
    cdef Database db = <Database>sample.db
    cdef list found = <list>sample.found
    cdef Entry* e
    cdef int64_t rank
    cdef int i
    while True:
        for i in range(SLOTS):
            if not (b.tags >> (8 * i)) & 0x80 or sample.timed and not (b.tags >> (56 + i)) & 1:
                continue
            e = <Entry*>b.slot[i]
            if sample.order == LEAST_RECENT:
                rank = unused_for(e, sample.now)
            elif sample.order == LEAST_FREQUENT:
                rank = MOST_COUNT - <int64_t>count_of(db, e.access, sample.now)
            elif sample.order == ENDS_SOONEST:
                rank = -deadline_of(e)[0] if e.flags & TIMED else -FAR
            else:
                rank = <int64_t>(random_next(&db.random) >> 2)
            found.append((rank, entry_key(e)))
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef list db_sample(Database db, int count, bint timed, int order):
    """Where the last sample ended, so that in time each entry is looked at as often as any other."""
    cdef list found = []
    cdef Sample sample
    cdef int steps = 0
    sample.order = order
    sample.timed = timed
    sample.now = db_now(db)
    sample.db = <PyObject*>db
    sample.found = <PyObject*>found
    if (db.table.marked if timed else db.table.used) == 0:
        return found
    while PyList_GET_SIZE(found) < count and steps < SAMPLE_STEPS:
        db.sampled = table_scan(&db.table, db.sampled, collect_ranked, &sample)
        steps += 1
    return found
