# The hash table: buckets of one cache line, chained, rehashed in bounded steps.
#
# Must live here: the table's structure and its invariants.  Must not: databases, clients, the clock.
#
# A bucket is 64 bytes: seven pointers to entries and one word of tags.  Byte i of the word (0 to 6) is 0 when slot i is
# free, else 0x80 and seven bits of the hash, so a lookup compares seven tags by arithmetic on one word and touches an
# entry that is not the right one once in 128 times.  Byte 7 has a bit for each slot whose entry has a deadline (active
# expiry walks buckets without touching the other entries) and, at the top, CHAINED: slot 6 then points to a further
# bucket.  Why chains and not open addressing: an element never leaves the chain of its home bucket, so SCAN can hand out
# home buckets; with probing, elements wander under the cursor.
#
# Rehash: two arrays while it lasts; `moving` is the first bucket of the old one that has not been moved.  An element is
# in the old array exactly if its old home is at or after `moving`, so a lookup looks in one array only, and a new
# element goes there too.  Each insertion and removal moves one bucket, the loop's ticks move more.  At six elements a
# bucket the table doubles, below one it shrinks.  Why six: beyond seven, chains; at half of that, 21 bytes a key.
#
# SCAN's cursor counts through the buckets with its bits reversed (the highest of the mask first): the buckets that one
# bucket splits into, or merges with, are neighbours in that order, so what was visited stays visited when the table grows
# or shrinks between steps.  During a rehash a step visits a bucket of the smaller array and all those of the larger one
# that it corresponds to.  (The method is Pieter Noordhuis's, for Redis's dict.)

cdef extern from *:
    """
    #define rl_prefetch(p) __builtin_prefetch(p)
    #define rl_first_byte(x) (__builtin_ctzll(x) >> 3)
    #define RL_ONES 0x0001010101010101ULL
    #define RL_HIGHS 0x0080808080808080ULL
    #define RL_CHAINED 0x8000000000000000ULL
    """
    const uint64_t ONES "RL_ONES"
    const uint64_t HIGHS "RL_HIGHS"
    const uint64_t CHAINED "RL_CHAINED"
    void rl_prefetch(const void* p) nogil
    int rl_first_byte(uint64_t x) nogil

cdef enum:
    SLOTS = 7
    FULL = 6                # elements a bucket at which the table grows
    ENTRY_SPAN = 39         # a small entry may lie across two cache lines
    CHUNK = 64              # further buckets that are allocated at a time

cdef struct Bucket:
    uint64_t tags
    Entry* slot[7]

cdef struct Array:
    Bucket* buckets
    void* block             # what was allocated; buckets is aligned to a cache line within
    size_t mask             # number of buckets - 1

cdef struct Chunk:
    Chunk* following
    void* block

cdef struct Table:
    Array now               # the only array, or the old one while moving
    Array later
    Py_ssize_t moving       # -1: no rehash goes on
    size_t used
    size_t timed            # elements with a deadline
    size_t held             # bytes asked of the allocator for entries
    size_t weight           # bytes that objects take besides, as their entries say
    Chunk* chunks           # pool of further buckets, for both arrays
    size_t chunk_count
    Bucket* spare           # free ones, linked by slot[0]
    size_t lent

cdef struct Place:          # of an element: its bucket (the home bucket or a further one) and slot
    Bucket* bucket
    int slot


# ---------------------------------------------------------------------------------------------------------- allocation

cdef void array_make(Array* a, size_t count) noexcept nogil:
    a.block = rl_zeroed((count + 1) * sizeof(Bucket))
    a.buckets = <Bucket*>((<size_t>a.block + 63) & ~<size_t>63)
    a.mask = count - 1

cdef void array_drop(Array* a) noexcept nogil:
    free(a.block)
    a.block = NULL
    a.buckets = NULL
    a.mask = 0

cdef Bucket* bucket_lend(Table* t) noexcept nogil:
    cdef Chunk* chunk
    cdef Bucket* b
    cdef int i
    if t.spare == NULL:
        chunk = <Chunk*>rl_alloc(sizeof(Chunk))
        chunk.block = rl_alloc((CHUNK + 1) * sizeof(Bucket))
        chunk.following = t.chunks
        t.chunks = chunk
        t.chunk_count += 1
        b = <Bucket*>((<size_t>chunk.block + 63) & ~<size_t>63)
        for i in range(CHUNK):
            b[i].slot[0] = <Entry*>t.spare
            t.spare = b + i
    b = t.spare
    t.spare = <Bucket*>b.slot[0]
    t.lent += 1
    b.tags = 0
    return b

cdef void bucket_return(Table* t, Bucket* b) noexcept nogil:
    b.slot[0] = <Entry*>t.spare
    t.spare = b
    t.lent -= 1

cdef void chunks_drop(Table* t) noexcept nogil:
    cdef Chunk* chunk
    while t.chunks != NULL:
        chunk = t.chunks
        t.chunks = chunk.following
        free(chunk.block)
        free(chunk)
    t.chunk_count = 0
    t.spare = NULL

cdef void table_init(Table* t) noexcept nogil:
    memset(t, 0, sizeof(Table))
    t.moving = -1
    array_make(&t.now, 1)

cdef void chain_wipe(Table* t, Bucket* b) noexcept:
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                entry_free(b.slot[i])
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void table_wipe(Table* t) noexcept:
    """Free everything; the table is then as after table_init.

    The contents are detached first: giving up a Python object may run code that uses this very table."""
    cdef Table old = t[0]
    cdef size_t i
    table_init(t)
    for i in range(old.now.mask + 1):
        chain_wipe(&old, old.now.buckets + i)
    if old.moving >= 0:
        for i in range(old.later.mask + 1):
            chain_wipe(&old, old.later.buckets + i)
        array_drop(&old.later)
    array_drop(&old.now)
    chunks_drop(&old)

cdef void table_drop(Table* t) noexcept:
    table_wipe(t)
    array_drop(&t.now)


# -------------------------------------------------------------------------------------------------- lookup and changes

cdef inline Bucket* home_of(const Table* t, uint64_t h) noexcept nogil:
    cdef size_t i = h & t.now.mask
    if t.moving > <Py_ssize_t>i:
        return t.later.buckets + (h & t.later.mask)
    return t.now.buckets + i

cdef inline uint64_t tag_of(uint64_t h) noexcept nogil:
    return 0x80 | (h >> 57)

cdef inline uint64_t slots_with(uint64_t tags, uint64_t tag) noexcept nogil:
    """The high bit of each byte that equals tag, and now and then of one that does not."""
    cdef uint64_t x = tags ^ (tag * ONES)
    return (x - ONES) & ~x & HIGHS

cdef inline Entry* table_find(const Table* t, const char* p, size_t n, uint64_t h, Place* at) noexcept nogil:
    cdef Bucket* b = home_of(t, h)
    cdef uint64_t hits
    cdef Entry* e
    cdef int i
    while True:
        hits = slots_with(b.tags, tag_of(h))
        while hits:
            i = rl_first_byte(hits)
            e = b.slot[i]
            if has_key(e, p, n):
                at.bucket = b
                at.slot = i
                return e
            hits &= hits - 1
        if not b.tags & CHAINED:
            return NULL
        b = <Bucket*>b.slot[6]

cdef inline unsigned int fetch_entry(const Table* t, uint64_t h) noexcept nogil:
    """After the home bucket was prefetched: fetch the likely entry.

    A load and no prefetch, whose result the caller must use: the processor drops a prefetch whose page it would have to
    look for, and loads that do not hang on each other wait together.
    """
    cdef Bucket* b = home_of(t, h)
    cdef uint64_t hits = slots_with(b.tags, tag_of(h))
    cdef Entry* e
    if hits:
        e = b.slot[rl_first_byte(hits)]
        rl_prefetch(<char*>e + ENTRY_SPAN)
        return e.flags
    return 0

cdef inline void bucket_put(Bucket* b, int i, uint64_t tag, Entry* e) noexcept nogil:
    b.tags = (b.tags & ~((0xFFULL << (8 * i)) | (1ULL << (56 + i)))) | tag << (8 * i) \
        | <uint64_t>((e.flags & TIMED) != 0) << (56 + i)
    b.slot[i] = e

cdef inline void bucket_clear(Bucket* b, int i) noexcept nogil:
    b.tags &= ~((0xFFULL << (8 * i)) | (1ULL << (56 + i)))

cdef void chain_add(Table* t, Bucket* b, uint64_t tag, Entry* e) noexcept nogil:
    cdef uint64_t unused
    cdef Bucket* further
    while True:
        unused = ~b.tags & HIGHS
        if b.tags & CHAINED:
            unused &= ~(0x80ULL << 48)
        if unused:
            bucket_put(b, rl_first_byte(unused), tag, e)
            return
        if not b.tags & CHAINED:
            further = bucket_lend(t)
            bucket_put(further, 0, (b.tags >> 48) & 0xFF, b.slot[6])
            bucket_clear(b, 6)
            b.slot[6] = <Entry*>further
            b.tags |= CHAINED
        b = <Bucket*>b.slot[6]

cdef void table_resize(Table* t, size_t count) noexcept nogil:
    array_make(&t.later, count)
    t.moving = 0

cdef inline void table_fit(Table* t) noexcept nogil:
    """Begin to shrink, if the table has become too large for what it holds."""
    cdef size_t count = 1
    if t.used < t.now.mask:
        while count * 3 < t.used:
            count *= 2
        table_resize(t, count)

cdef bint table_upkeep(Table* t, Py_ssize_t buckets) noexcept nogil:
    """What is to be done between requests; False when there is nothing."""
    if t.moving < 0:
        table_fit(t)
    if t.moving < 0:
        return False
    table_step(t, buckets)
    return True

cdef void table_step(Table* t, Py_ssize_t buckets) noexcept nogil:
    """Move some buckets, if a rehash goes on."""
    cdef Bucket* b
    cdef Bucket* last
    cdef Entry* e
    cdef uint64_t h
    cdef int i
    if t.moving < 0:
        return
    while buckets > 0 and t.moving <= <Py_ssize_t>t.now.mask:
        buckets -= 1
        b = t.now.buckets + t.moving
        t.moving += 1
        while b != NULL:
            for i in range(SLOTS):
                if (b.tags >> (8 * i)) & 0x80:
                    rl_prefetch(b.slot[i])
            for i in range(SLOTS):
                if (b.tags >> (8 * i)) & 0x80:
                    e = b.slot[i]
                    h = rl_hash(key_of(e), key_size(e))
                    chain_add(t, t.later.buckets + (h & t.later.mask), tag_of(h), e)
            last = b
            b = <Bucket*>b.slot[6] if b.tags & CHAINED else NULL
            if last == t.now.buckets + t.moving - 1:
                last.tags = 0
            else:
                bucket_return(t, last)
    if t.moving > <Py_ssize_t>t.now.mask:
        array_drop(&t.now)
        t.now = t.later
        t.later.block = NULL
        t.later.buckets = NULL
        t.later.mask = 0
        t.moving = -1
        if t.lent == 0:
            chunks_drop(t)

cdef inline void table_add(Table* t, uint64_t h, Entry* e) noexcept nogil:
    """Add an element whose key is not there."""
    if t.moving >= 0:
        table_step(t, 1)
    elif t.used >= FULL * (t.now.mask + 1):
        table_resize(t, 2 * (t.now.mask + 1))
    t.used += 1
    t.timed += (e.flags & TIMED) != 0
    t.held += rl_good_size(entry_size(e))
    chain_add(t, home_of(t, h), tag_of(h), e)

cdef inline void table_replace(Table* t, Place* at, Entry* e, size_t old_size, bint was_timed) noexcept nogil:
    """Another entry with the same key stands here now (or the same one, resized or retimed)."""
    t.held += rl_good_size(entry_size(e)) - rl_good_size(old_size)
    t.timed += <size_t>((e.flags & TIMED) != 0) - <size_t>was_timed
    bucket_put(at.bucket, at.slot, (at.bucket.tags >> (8 * at.slot)) & 0xFF, e)

cdef Entry* table_remove(Table* t, uint64_t h, Place* at) noexcept nogil:
    """Take an element out (the caller frees it).  The hole is filled from the chain's last bucket."""
    cdef Entry* gone = at.bucket.slot[at.slot]
    cdef Bucket* b = home_of(t, h)
    cdef Bucket* before = NULL
    cdef int i, others
    while b.tags & CHAINED:
        before = b
        b = <Bucket*>b.slot[6]
    bucket_clear(at.bucket, at.slot)
    if before != NULL:
        if b != at.bucket:
            i = rl_first_byte(b.tags & HIGHS)
            bucket_put(at.bucket, at.slot, (b.tags >> (8 * i)) & 0xFF, b.slot[i])
            bucket_clear(b, i)
        others = 0
        for i in range(SLOTS):
            others += (b.tags >> (8 * i) & 0x80) != 0
        if others == 1:
            i = rl_first_byte(b.tags & HIGHS)
            before.tags &= ~CHAINED
            bucket_put(before, 6, (b.tags >> (8 * i)) & 0xFF, b.slot[i])
            bucket_return(t, b)
    t.used -= 1
    t.timed -= (gone.flags & TIMED) != 0
    t.held -= rl_good_size(entry_size(gone))
    t.weight -= weight_of(gone)
    if t.moving >= 0:
        table_step(t, 1)
    else:
        table_fit(t)
    return gone


# ----------------------------------------------------------------------------------------------------------- iteration

cdef inline uint64_t cursor_after(uint64_t cursor, uint64_t mask) noexcept nogil:
    """Count on with the mask's bits in reverse; 0 at the end."""
    cdef uint64_t bit = (mask + 1) >> 1
    cursor &= mask
    while cursor & bit:
        cursor ^= bit
        bit >>= 1
    return cursor | bit

ctypedef void (*Visitor)(void* arg, Bucket* home) noexcept

cdef uint64_t table_scan(Table* t, uint64_t cursor, Visitor visit, void* arg) noexcept:
    """Visit one home bucket (during a rehash: and those that correspond to it); returns the next cursor."""
    cdef Array* small = &t.now
    cdef Array* large = &t.later
    cdef uint64_t narrow, wide
    if t.moving < 0:
        visit(arg, small.buckets + (cursor & small.mask))
        return cursor_after(cursor, small.mask)
    if small.mask > large.mask:
        small = &t.later
        large = &t.now
    narrow = small.mask
    wide = large.mask
    visit(arg, small.buckets + (cursor & narrow))
    cursor &= wide
    while True:
        visit(arg, large.buckets + (cursor & wide))
        cursor = cursor_after(cursor, wide)
        if not cursor & (narrow ^ wide):
            return cursor

cdef Entry* table_random(Table* t, uint64_t* state) noexcept nogil:
    """An element, each bucket as likely as any other; NULL when there is none."""
    cdef size_t total = t.now.mask + 1 + (t.later.mask + 1 if t.moving >= 0 else 0)
    cdef size_t at
    cdef Bucket* b = NULL
    cdef int i, n, count = 0
    if t.used == 0:
        return NULL
    while count == 0:
        at = random_next(state) % total
        b = t.now.buckets + at if at <= t.now.mask else t.later.buckets + (at - t.now.mask - 1)
        count = chain_count(b)
    n = <int>(random_next(state) % <uint64_t>count)
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                if n == 0:
                    return b.slot[i]
                n -= 1
        b = <Bucket*>b.slot[6]

cdef int chain_count(const Bucket* b) noexcept nogil:
    cdef int i, count = 0
    while True:
        for i in range(SLOTS):
            count += (b.tags >> (8 * i) & 0x80) != 0
        if not b.tags & CHAINED:
            return count
        b = <Bucket*>b.slot[6]

cdef inline uint64_t random_next(uint64_t* state) noexcept nogil:
    """splitmix64 (Steele, Lea and Flood, 2014): for sampling, not for secrets."""
    cdef uint64_t z
    state[0] += 0x9E3779B97F4A7C15ULL
    z = state[0]
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
    return z ^ (z >> 31)


# ---------------------------------------------------------------------------------------------------------- invariants

cdef int chain_check(Table* t, Bucket* home, size_t[5] sums) except -1:
    """sums: elements, timed ones, bytes, further buckets, weights."""
    cdef Bucket* b = home
    cdef Entry* e
    cdef uint64_t h
    cdef int i, here
    keys = set()
    while True:
        here = 0
        for i in range(SLOTS):
            if not (b.tags >> (8 * i)) & 0xFF:
                assert b.tags & CHAINED and i == 6 or not (b.tags >> (56 + i)) & 1, "deadline bit of a free slot"
                continue
            assert not (b.tags & CHAINED and i == 6), "tag of the chain's slot"
            here += 1
            e = b.slot[i]
            h = rl_hash(key_of(e), key_size(e))
            assert (b.tags >> (8 * i)) & 0xFF == tag_of(h), "tag"
            assert home_of(t, h) == home, "home bucket"
            assert ((b.tags >> (56 + i)) & 1) == ((e.flags & TIMED) != 0), "deadline bit"
            assert kind_of(e) <= OBJECT and not e.flags >> 6, "flags"
            assert kind_of(e) != OBJECT or len(<object>object_of(e)), "an empty collection is never kept"
            keys.add(entry_key(e))
            sums[0] += 1
            sums[1] += (e.flags & TIMED) != 0
            sums[2] += rl_good_size(entry_size(e))
            sums[4] += weight_of(e)
        assert b == home or here >= (1 if b.tags & CHAINED else 2), "further bucket all but empty"
        if not b.tags & CHAINED:
            break
        b = <Bucket*>b.slot[6]
        sums[3] += 1
    assert len(keys) == chain_count(home), "a key twice"
    return 0

cdef int table_check(Table* t) except -1:
    """Every invariant of the structure."""
    cdef size_t[5] sums
    cdef size_t i, free_buckets = 0, chunk_buckets = 0
    cdef Bucket* b
    cdef Chunk* chunk
    memset(sums, 0, sizeof(sums))
    for i in range(t.now.mask + 1):
        if <Py_ssize_t>i < t.moving:
            assert t.now.buckets[i].tags == 0, "moved bucket is empty"
        chain_check(t, t.now.buckets + i, sums)
    if t.moving >= 0:
        assert t.moving <= <Py_ssize_t>t.now.mask, "rehash ended"
        for i in range(t.later.mask + 1):
            chain_check(t, t.later.buckets + i, sums)
    else:
        assert t.later.buckets == NULL, "no second array"
    assert sums[0] == t.used, "used"
    assert sums[1] == t.timed, "timed"
    assert sums[2] == t.held, "held"
    assert sums[4] == t.weight, "weight"
    assert sums[3] == t.lent, "lent"
    b = t.spare
    while b != NULL:
        free_buckets += 1
        b = <Bucket*>b.slot[0]
    chunk = t.chunks
    while chunk != NULL:
        chunk_buckets += CHUNK
        chunk = chunk.following
    assert free_buckets + t.lent == chunk_buckets, "pool"
    assert not t.now.mask & (t.now.mask + 1), "power of two"
    return 0
