# How large values are: of each type, how many have so many elements, by powers of two.
#
# Must live here: the walk that finds out.  Must not: how it is told (redlark.server.info).
#
# Why a walk, where Redis keeps the figures with each write: they are asked for by name and seldom, each write would pay,
# and a small sorted set does not know its size.  Entries are fetched a chain ahead, since waiting for memory is most of it.

cdef enum:
    SIZED_TYPES = 5         # strings, lists, sets, sorted sets, hashes; streams are not told of
    SIZE_BITS = 64

cdef struct Sizes:
    uint64_t[SIZED_TYPES][SIZE_BITS] counts
    Bucket* ahead           # the chain that was fetched


cdef inline void size_add(Sizes* sizes, int kind, size_t n) noexcept nogil:
    sizes.counts[kind][rl_bit_length(n) if n else 0] += 1

cdef void entry_sized(Sizes* sizes, const Entry* e) noexcept:
    cdef char[24] text
    cdef uint64_t word
    cdef SetData members
    cdef HashData fields
    if kind_of(e) == TEXT:
        size_add(sizes, 0, text_size(e))
    elif kind_of(e) == INTEGER:
        size_add(sizes, 0, <size_t>rl_format_int(text, integer_of(e)))
    elif kind_of(e) == PACKED:
        word = rl_load8(value_of(e))
        if packed_type(word) == PACKED_LIST:
            size_add(sizes, 1, <size_t>list_count(<size_t>word))
        elif packed_type(word) == PACKED_ZSET:
            size_add(sizes, 3, pack_count(packed_at(word)))
        elif packed_type(word) >= PACKED_HASH:
            fields = packed_hash(word)
            size_add(sizes, 4, hash_count(&fields))
        else:
            members = packed_set(word)
            size_add(sizes, 2, set_count(&members))
    else:
        value = <object>object_of(e)
        if type(value) is List:
            size_add(sizes, 1, <size_t>len(<List>value))
        elif type(value) is Set:
            size_add(sizes, 2, <size_t>len(<Set>value))
        elif type(value) is SortedSet:
            size_add(sizes, 3, <size_t>len(<SortedSet>value))
        elif type(value) is Hash:
            size_add(sizes, 4, <size_t>len(<Hash>value))

cdef void chain_sized(Sizes* sizes, Bucket* b) noexcept:
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                entry_sized(sizes, <Entry*>b.slot[i])
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void collect_sizes(void* arg, Bucket* b) noexcept:
    """arg: Sizes.  Fetch the entries of this chain, and count those of the one before."""
    cdef Sizes* sizes = <Sizes*>arg
    cdef Bucket* before = sizes.ahead
    cdef int i
    for i in range(SLOTS):
        if (b.tags >> (8 * i)) & 0x80:
            rl_prefetch(b.slot[i])
    sizes.ahead = b
    if before != NULL:
        chain_sized(sizes, before)

cdef list table_sizes(Table* t):
    """For each type, how many values have a size of 0, 1, 2 to 3, 4 to 7 and so on."""
    cdef Sizes sizes
    cdef uint64_t cursor = 0
    cdef int kind, bits
    memset(&sizes, 0, sizeof(sizes))
    while True:
        cursor = table_scan(t, cursor, collect_sizes, &sizes)
        if cursor == 0:
            break
    if sizes.ahead != NULL:
        chain_sized(&sizes, sizes.ahead)
    return [[sizes.counts[kind][bits] for bits in range(SIZE_BITS)] for kind in range(SIZED_TYPES)]
