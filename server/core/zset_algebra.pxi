# The hot commands on several sorted sets (and sets); see dispatch.pxi for the contract.
#
# Must live here: unions, intersections and differences with their scores, told and stored.  Must not: how members are
# looked through (roll.pxi), how a sorted set is kept (sorted_set.pxi), error texts.

from libc.stdlib cimport qsort

cdef struct Combining:      # what is asked for
    int64_t keys
    int how
    bint with_scores
    double* weights         # or `few`; NULL: each is 1
    double[FEW_SOURCES] few


cdef inline void combining_drop(Combining* asked) noexcept nogil:
    if asked.weights != asked.few:
        free(asked.weights)

cdef bint read_weights(const Slice* a, Combining* asked) noexcept nogil:
    cdef int64_t i
    if asked.weights == NULL:
        asked.weights = asked.few
        if asked.keys > FEW_SOURCES:
            asked.weights = <double*>rl_alloc(<size_t>asked.keys * sizeof(double))
    for i in range(asked.keys):
        if not read_score(a[i].p, a[i].n, asked.weights + i):
            return False
    return True

cdef bint read_aggregate(const Slice* word, Combining* asked) noexcept nogil:
    if word_is(word, b"sum", 3):
        asked.how = SUMMED
    elif word_is(word, b"min", 3):
        asked.how = LEAST
    else:
        asked.how = MOST
        return word_is(word, b"max", 3)
    return True

cdef bint read_combining(int64_t argc, const Slice* a, int64_t at, SetWork work, bint stores,
                         Combining* asked) noexcept nogil:
    """From the number of keys on; False where Python is to look."""
    asked.how = UNSCORED if work == DIFFERENCE else SUMMED
    asked.with_scores = False
    asked.weights = NULL
    if not rl_parse_int(a[at].p, a[at].n, &asked.keys) or asked.keys < 1 or asked.keys > argc - at - 1:
        return False
    at += 1 + asked.keys
    while at < argc:
        if not stores and word_is(a + at, b"withscores", 10):
            asked.with_scores = True
            at += 1
        elif work == DIFFERENCE:
            return False
        elif word_is(a + at, b"weights", 7) and at + asked.keys < argc and read_weights(a + at + 1, asked):
            at += 1 + asked.keys
        elif word_is(a + at, b"aggregate", 9) and at + 1 < argc and read_aggregate(a + at + 1, asked):
            at += 2
        else:
            return False
    return True

cdef int named_order(const void* one, const void* other) noexcept nogil:
    """By score, then by text."""
    cdef const Named* m = <const Named*>one
    cdef const Named* k = <const Named*>other
    cdef char[24] digits, others
    cdef size_t n = 0, length = 0
    cdef const char* p
    cdef const char* q
    if m.score != k.score:
        return -1 if m.score < k.score else 1
    if m.p == NULL and k.p == NULL and m.n == k.n:
        return 0
    p = named_text(m, digits, &n)
    q = named_text(k, others, &length)
    return rl_order(p, n, q, length)

cdef void roll_sort(Roll* found) noexcept nogil:
    """Its index is good for nothing any more."""
    cdef size_t i
    for i in range(1, found.count):
        if named_order(found.named + i - 1, found.named + i) > 0:
            qsort(found.named, found.count, sizeof(Named), named_order)
            return

cdef bint combine(Loop loop, Client c, const Slice* keys, SetWork work, const Combining* asked, Sources* s,
                  Roll* found) noexcept:
    """The result, in its order; False, and nothing is open, where a key holds something else."""
    cdef size_t i
    if not sources_open(loop, c, keys, asked.keys, True, s):
        return False
    if asked.weights != NULL:
        for i in range(s.count):
            s.all[i].weight = asked.weights[i]
    if work != DIFFERENCE:
        sources_sort(s)                 # sums of doubles depend on the order
    if work == UNION and s.count > 1:
        sources_unite(s, found, asked.how)
    else:
        roll_list(found, s.all[0].count)
        found.count = sources_sift(s, work != DIFFERENCE, 0, found.named, asked.how)
    roll_sort(found)
    return True

cdef bint tell_combined(Loop loop, Client c, int64_t argc, const Slice* a, SetWork work) noexcept:
    cdef Combining asked
    cdef Sources s
    cdef Roll found
    cdef size_t i
    cdef bint done = read_combining(argc, a, 1, work, False, &asked) and \
        combine(loop, c, a + 2, work, &asked, &s, &found)
    if done:
        out_head(c.out, c'*', <int64_t>found.count * (2 if asked.with_scores and c.resp == 2 else 1))
        for i in range(found.count):
            if asked.with_scores and c.resp != 2:
                out_head(c.out, c'*', 2)
            out_named(c.out, found.named + i)
            if asked.with_scores:
                out_score(c.out, found.named[i].score, c.resp)
        roll_drop(&found)
        sources_close(&s)
    combining_drop(&asked)
    return done

cdef void store_roll(Loop loop, Client c, const Slice* key, uint64_t h, const Roll* found) noexcept:
    """A sorted set of what is in order already goes where a key stands, and its size is told."""
    cdef OpenZset o
    if found.count:
        o.own = zset_gathered(found, &loop.zset_limits)
        zset_begin(c, key, h, &o)
    else:
        db_erase(c.db, key.p, key.n, h)
    out_head(c.out, c':', <int64_t>found.count)

cdef bint store_combined(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, SetWork work) noexcept:
    cdef Combining asked
    cdef Sources s
    cdef Roll found
    cdef bint done = read_combining(argc, a, 2, work, True, &asked) and \
        combine(loop, c, a + 3, work, &asked, &s, &found)
    if done:
        store_roll(loop, c, a + 1, h, &found)
        roll_drop(&found)
        sources_close(&s)
    combining_drop(&asked)
    return done

cdef Zset zset_gathered(const Roll* found, const ZsetLimits* limits) noexcept:
    """A sorted set of what is in order already, not nothing: see redlark.server.types.SortedSet.gather."""
    cdef Zset z
    cdef Slice text
    cdef char[24] digits
    cdef size_t size = 0, i
    cdef bint packs = <int64_t>found.count <= limits.entries
    z.large = NULL
    z.pack = NULL
    for i in range(found.count):
        text = named_slice(found.named + i, digits)
        packs = packs and <int64_t>text.n <= limits.longest
        size += text.n
    if packs and size <= PACK_MOST // 2:
        z.pack = pack_made(found, size)
        return z
    zset_unpack(&z, found.count)
    for i in range(found.count):
        text = named_slice(found.named + i, digits)
        scores_add(z.large, text.p, text.n, rl_hash(text.p, text.n), found.named[i].score)
    return z

cdef char* pack_made(const Roll* found, size_t texts) noexcept nogil:
    """Elements one behind the other; texts: bytes that their members have."""
    cdef char* room = <char*>rl_alloc(PACK_HEAD + texts + found.count * (ITEM_HEAD + 16))
    cdef char* pack
    cdef char[24] digits
    cdef size_t at = PACK_HEAD, i
    cdef Slice text
    for i in range(found.count):
        text = named_slice(found.named + i, digits)
        at += item_put(room + at, found.named[i].score + 0.0, text.p, text.n)
    pack_set_head(room, at, found.count)
    pack = <char*>rl_slot_alloc(at)
    memcpy(pack, room, at)
    free(room)
    return pack


cdef bint cmd_zunion(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_combined(loop, c, argc, a, UNION)

cdef bint cmd_zinter(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_combined(loop, c, argc, a, INTERSECTION)

cdef bint cmd_zdiff(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_combined(loop, c, argc, a, DIFFERENCE)

cdef bint cmd_zunionstore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return store_combined(loop, c, argc, a, h, UNION)

cdef bint cmd_zinterstore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return store_combined(loop, c, argc, a, h, INTERSECTION)

cdef bint cmd_zdiffstore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return store_combined(loop, c, argc, a, h, DIFFERENCE)


cdef int hot_zset_algebra(Loop loop) except -1:
    hot_add(loop, b"zunion", cmd_zunion, False)
    hot_add(loop, b"zinter", cmd_zinter, False)
    hot_add(loop, b"zdiff", cmd_zdiff, False)
    hot_add(loop, b"zunionstore", cmd_zunionstore, True)
    hot_add(loop, b"zinterstore", cmd_zinterstore, True)
    hot_add(loop, b"zdiffstore", cmd_zdiffstore, True)
    return 0
