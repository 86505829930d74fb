# A hash table of cells: buckets of one cache line, chained, rehashed in bounded steps.
#
# Must live here: the structure, which keyspaces (table.pxi), sets, hashes and sorted sets (members.pxi) share.  Must
# not: what a cell is, how it is compared or how large it is.
#
# A bucket is 64 bytes: seven pointers to cells and one word of tags.  Byte i of the word (0 to 6) is 0 when slot i is
# free, else 0x80 and seven bits of the hash, so a lookup compares seven tags by arithmetic on one word and touches a
# cell that is not the right one once in 128 times.  Byte 7 has a bit for each slot, the cell's mark (keyspaces mark
# what has a deadline: active expiry walks buckets without touching the other cells) and, at the top, CHAINED: slot 6
# then points to a further bucket.  Why chains and not open addressing: a cell never leaves the chain of its home
# bucket, so SCAN can hand out home buckets; with probing, cells wander under the cursor.
#
# Rehash: two arrays while it lasts; `moving` is the first bucket of the old one that has not been moved.  A cell is in
# the old array exactly if its old home is at or after `moving`, so a lookup looks in one array only, and a new cell
# goes there too.  Each insertion and removal moves one bucket; of keyspaces the loop's ticks move more.  At eight cells
# a bucket the table doubles, below one it shrinks.  Why eight: buckets take 13 bytes a cell then (half of them have a
# further one, in which every seventh cell lies) and 16 just after doubling.  At six it was 13 to 21, where Redis has 14
# to 19.
#
# SCAN's cursor counts through the buckets with its bits reversed (the highest of the mask first): the buckets that one
# bucket splits into, or merges with, are neighbours in that order, so what was visited stays visited when the table
# grows or shrinks between steps.  During a rehash a step visits a bucket of the smaller array and all those of the
# larger one that it corresponds to.  (The method is Pieter Noordhuis's, for Redis's dict.)  All tables of a process
# hash under one secret, so a cursor goes on in another table as well: a set that is replaced by one that has the same
# members.
#
# An array of 256 KiB or more is mapped by itself.  The C library would do that too, but no more for sizes of which a
# block was once freed: the arrays that a growing table leaves then lie between other blocks, 8 bytes of each of a
# million keys, and are not given back.  What has been moved of such an array is released as the rehash goes on: to
# unmap 64 MiB in one go takes milliseconds.
#
# A random cell: a place among all that chains as long as the longest would have, again until it is taken; so each cell
# is as likely as any other, whatever the others' chains look like.

cdef extern from *:
    """
    #define rl_prefetch(p) __builtin_prefetch(p)
    #define rl_first_byte(x) (__builtin_ctzll(x) >> 3)
    #define rl_count_ones(x) __builtin_popcountll(x)
    #define RL_ONES 0x0001010101010101ULL
    #define RL_HIGHS 0x0080808080808080ULL
    #define RL_CHAINED 0x8000000000000000ULL
    """
    const uint64_t ONES "RL_ONES"
    const uint64_t HIGHS "RL_HIGHS"
    const uint64_t CHAINED "RL_CHAINED"
    void rl_prefetch(const void* p) nogil
    int rl_first_byte(uint64_t x) nogil
    int rl_count_ones(uint64_t x) nogil

cdef enum:
    SLOTS = 7
    FULL = 8                # cells a bucket at which the table grows
    CELL_SPAN = 24          # a small cell may lie across two cache lines
    AT_ONCE = 64            # buckets that are moved in one go when a table shrinks
    SMALL = 8               # buckets that lie in one slot of the slab, which is aligned to a cache line
    MAPPED = 4096           # buckets, of which an array has pages of its own: see below

cdef struct Bucket:
    uint64_t tags
    void* slot[7]

cdef struct Array:
    Bucket* buckets
    void* block             # what was allocated; buckets is aligned to a cache line within
    size_t mask             # number of buckets - 1

ctypedef uint64_t (*Hasher)(const void* cell) noexcept nogil
ctypedef void (*Dropper)(void* cell) noexcept
ctypedef void (*Visitor)(void* arg, Bucket* home) noexcept
ctypedef int (*Checker)(void* arg, void* cell, bint mark) except -1

cdef struct Table:
    Array now               # the only array, or the old one while moving
    Array later
    Py_ssize_t moving       # -1: no rehash goes on
    Hasher hash             # of a cell, as lookups hash what they look for
    size_t used
    size_t marked           # cells with a mark
    size_t held             # bytes asked of the allocator for cells: their owner's to count, as
    size_t weight           # what they refer to
    size_t lent             # further buckets, of both arrays
    int depth               # buckets in a chain are not more, and have been

cdef struct Place:          # of a cell: its bucket (the home bucket or a further one) and slot
    Bucket* bucket
    int slot


# ---------------------------------------------------------------------------------------------------------- allocation

cdef void array_make(Array* a, size_t count) noexcept nogil:
    if count <= SMALL:
        a.block = rl_slot_alloc(count * sizeof(Bucket))
        memset(a.block, 0, count * sizeof(Bucket))
        a.buckets = <Bucket*>a.block
    elif count >= MAPPED:
        a.block = rl_map(count * sizeof(Bucket))
        a.buckets = <Bucket*>a.block
    else:
        a.block = rl_zeroed((count + 1) * sizeof(Bucket))
        a.buckets = <Bucket*>((<size_t>a.block + 63) & ~<size_t>63)
    a.mask = count - 1

cdef void array_drop(Array* a) noexcept nogil:
    if a.mask < SMALL:
        rl_slot_free(a.block, (a.mask + 1) * sizeof(Bucket))
    elif a.mask + 1 >= MAPPED:
        rl_unmap(a.block, (a.mask + 1) * sizeof(Bucket))
    else:
        free(a.block)
    memset(a, 0, sizeof(Array))

cdef inline Bucket* bucket_lend(Table* t) noexcept nogil:
    cdef Bucket* b = <Bucket*>rl_slot_alloc(sizeof(Bucket))
    b.tags = 0
    t.lent += 1
    return b

cdef inline void bucket_return(Table* t, Bucket* b) noexcept nogil:
    rl_slot_free(b, sizeof(Bucket))
    t.lent -= 1

cdef void table_init(Table* t, Hasher hash, size_t expected=0) noexcept nogil:
    """An empty table.  expected: how many cells it is made for."""
    cdef size_t count = 1
    while count * FULL < expected:
        count *= 2
    memset(t, 0, sizeof(Table))
    t.moving = -1
    t.hash = hash
    t.depth = 1
    array_make(&t.now, count)

cdef void chain_wipe(Table* t, Bucket* home, Dropper drop) noexcept:
    cdef Bucket* b = home
    cdef Bucket* last
    cdef int i
    while b != NULL:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                drop(b.slot[i])
        last = b
        b = <Bucket*>b.slot[6] if b.tags & CHAINED else NULL
        if last != home:
            bucket_return(t, last)

cdef void table_drop(Table* t, Dropper drop) noexcept:
    """Free everything; the table is of no use any more."""
    cdef size_t i
    for i in range(t.now.mask + 1):
        chain_wipe(t, t.now.buckets + i, drop)
    if t.moving >= 0:
        for i in range(t.later.mask + 1):
            chain_wipe(t, t.later.buckets + i, drop)
        array_drop(&t.later)
    array_drop(&t.now)

cdef inline size_t table_memory(const Table* t) noexcept nogil:
    """Bytes of buckets and cells."""
    cdef size_t buckets = t.now.mask + 1 + t.lent + (t.later.mask + 1 if t.moving >= 0 else 0)
    return t.held + buckets * sizeof(Bucket)


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

cdef inline unsigned int cell_fetch(const Table* t, uint64_t h) noexcept nogil:
    """Load what in its home bucket looks like a cell; what comes of it must be used (table.pxi)."""
    cdef Bucket* b = home_of(t, h)
    cdef uint64_t hits = slots_with(b.tags, tag_of(h))
    cdef uint8_t* cell
    if not hits:
        return 0
    cell = <uint8_t*>b.slot[rl_first_byte(hits)]
    rl_prefetch(cell + CELL_SPAN)
    return cell[0]

cdef inline bint mark_of(const Bucket* b, int i) noexcept nogil:
    return (b.tags >> (56 + i)) & 1

cdef inline void bucket_put(Bucket* b, int i, uint64_t tag, void* cell, bint mark) noexcept nogil:
    b.tags = (b.tags & ~((0xFFULL << (8 * i)) | (1ULL << (56 + i)))) | tag << (8 * i) | <uint64_t>mark << (56 + i)
    b.slot[i] = cell

cdef inline void bucket_clear(Bucket* b, int i) noexcept nogil:
    b.tags &= ~((0xFFULL << (8 * i)) | (1ULL << (56 + i)))

cdef inline void bucket_move(Bucket* to, int at, Bucket* b, int i) noexcept nogil:
    """What is in slot i of b goes to slot `at`, which is free."""
    bucket_put(to, at, (b.tags >> (8 * i)) & 0xFF, b.slot[i], mark_of(b, i))
    bucket_clear(b, i)

cdef void chain_add(Table* t, Bucket* b, uint64_t tag, void* cell, bint mark) noexcept nogil:
    cdef uint64_t unused
    cdef Bucket* further
    cdef int depth = 1
    while True:
        unused = ~b.tags & HIGHS
        if b.tags & CHAINED:
            unused &= ~(0x80ULL << 48)
        if unused:
            bucket_put(b, rl_first_byte(unused), tag, cell, mark)
            return
        depth += 1
        if not b.tags & CHAINED:
            further = bucket_lend(t)
            bucket_move(further, 0, b, 6)
            b.slot[6] = further
            b.tags |= CHAINED
            t.depth = max(t.depth, depth)
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
        if t.now.mask < AT_ONCE:        # what is done soon is done at once, and few members do not keep two arrays
            table_step(t, AT_ONCE)

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
                    h = t.hash(b.slot[i])
                    chain_add(t, t.later.buckets + (h & t.later.mask), tag_of(h), b.slot[i], mark_of(b, i))
            last = b
            b = <Bucket*>b.slot[6] if b.tags & CHAINED else NULL
            if last == t.now.buckets + t.moving - 1:
                last.tags = 0
            else:
                bucket_return(t, last)
        if t.moving & (MAPPED - 1) == 0:
            rl_release(t.now.buckets + t.moving - MAPPED, MAPPED * sizeof(Bucket))
    if t.moving > <Py_ssize_t>t.now.mask:
        array_drop(&t.now)
        t.now = t.later
        memset(&t.later, 0, sizeof(Array))
        t.moving = -1
        if t.lent == 0:
            t.depth = 1

cdef inline void cell_add(Table* t, uint64_t h, void* cell, bint mark) noexcept nogil:
    """Add a cell whose like is not there."""
    if t.moving >= 0:
        table_step(t, 1)
    elif t.used >= FULL * (t.now.mask + 1):
        table_resize(t, 2 * (t.now.mask + 1))
    t.used += 1
    t.marked += mark
    chain_add(t, home_of(t, h), tag_of(h), cell, mark)

cdef inline void cell_replace(Table* t, Place* at, void* cell, bint mark) noexcept nogil:
    """Another cell with the same hash stands here now (or the same one, marked otherwise)."""
    t.marked += <size_t>mark - <size_t>mark_of(at.bucket, at.slot)
    bucket_put(at.bucket, at.slot, (at.bucket.tags >> (8 * at.slot)) & 0xFF, cell, mark)

cdef void* cell_remove(Table* t, uint64_t h, Place* at) noexcept nogil:
    """Take a cell out (the caller frees it).  The hole is filled from the chain's last bucket."""
    cdef void* gone = at.bucket.slot[at.slot]
    cdef Bucket* b = home_of(t, h)
    cdef Bucket* before = NULL
    cdef int i
    t.marked -= mark_of(at.bucket, at.slot)
    while b.tags & CHAINED:
        before = b
        b = <Bucket*>b.slot[6]
    bucket_clear(at.bucket, at.slot)
    if before != NULL:
        if b != at.bucket:
            bucket_move(at.bucket, at.slot, b, rl_first_byte(b.tags & HIGHS))
        if rl_count_ones(b.tags & HIGHS) == 1:
            i = rl_first_byte(b.tags & HIGHS)
            before.tags &= ~CHAINED
            bucket_move(before, 6, b, i)
            bucket_return(t, b)
    t.used -= 1
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

cdef void* cell_random(Table* t, uint64_t* state, Place* place) noexcept nogil:
    """A cell, each as likely as any other, and its place; NULL when there is none.  O(1) expected."""
    cdef uint64_t old, total, at, choice
    cdef Bucket* b
    if t.used == 0:
        return NULL
    old = t.now.mask + 1 if t.moving < 0 else t.now.mask + 1 - <uint64_t>t.moving
    total = old if t.moving < 0 else old + t.later.mask + 1
    while True:
        choice = random_below(state, total * <uint64_t>(SLOTS * t.depth))
        at = choice // <uint64_t>(SLOTS * t.depth)
        choice -= at * <uint64_t>(SLOTS * t.depth)
        b = t.now.buckets + (t.now.mask - at) if at < old else t.later.buckets + (at - old)
        while choice >= SLOTS and b.tags & CHAINED:
            b = <Bucket*>b.slot[6]
            choice -= SLOTS
        if choice < SLOTS and (b.tags >> (8 * choice)) & 0x80:
            place.bucket = b
            place.slot = <int>choice
            return b.slot[choice]

cdef inline uint64_t random_next(uint64_t* state) noexcept nogil:
    """splitmix64 (Steele, Lea and Flood, 2014): for sampling, not for secrets."""
    cdef uint64_t z
    state[0] += 0x9E3779B97F4A7C15ULL
    z = state[0]
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL
    return z ^ (z >> 31)

cdef inline uint64_t random_below(uint64_t* state, uint64_t most) noexcept nogil:
    """A number from 0 up to, without it, most, which is far below 2**64, so that the remainder is as good as fair."""
    return random_next(state) % most


# ---------------------------------------------------------------------------------------------------------- invariants

cdef int chain_check(Table* t, Bucket* home, size_t[3] sums, Checker check, void* arg) except -1:
    """sums: cells, marks, further buckets."""
    cdef Bucket* b = home
    cdef uint64_t h
    cdef int i, here, depth = 1
    while True:
        here = 0
        for i in range(SLOTS):
            if not (b.tags >> (8 * i)) & 0xFF:
                assert not mark_of(b, i), "mark of a free slot"
                continue
            assert not (b.tags & CHAINED and i == 6), "tag of the chain's slot"
            here += 1
            h = t.hash(b.slot[i])
            assert (b.tags >> (8 * i)) & 0xFF == tag_of(h), "tag"
            assert home_of(t, h) == home, "home bucket"
            check(arg, b.slot[i], mark_of(b, i))
            sums[0] += 1
            sums[1] += mark_of(b, i)
        assert b == home or here >= (1 if b.tags & CHAINED else 2), "further bucket all but empty"
        if not b.tags & CHAINED:
            assert depth <= t.depth, "depth"
            return 0
        b = <Bucket*>b.slot[6]
        sums[2] += 1
        depth += 1

cdef int table_check(Table* t, Checker check, void* arg) except -1:
    """Every invariant of the structure; check: those of a cell."""
    cdef size_t[3] sums
    cdef size_t i
    memset(sums, 0, sizeof(sums))
    for i in range(t.now.mask + 1):
        if <Py_ssize_t>i < t.moving:
            assert t.now.buckets[i].tags == 0, "moved bucket is empty"
        chain_check(t, t.now.buckets + i, sums, check, arg)
    if t.moving >= 0:
        assert t.moving <= <Py_ssize_t>t.now.mask, "rehash ended"
        for i in range(t.later.mask + 1):
            chain_check(t, t.later.buckets + i, sums, check, arg)
    else:
        assert t.later.buckets == NULL, "no second array"
    assert sums[0] == t.used, "used"
    assert sums[1] == t.marked, "marked"
    assert sums[2] == t.lent, "lent"
    assert not t.now.mask & (t.now.mask + 1), "power of two"
    return 0
