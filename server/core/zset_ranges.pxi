# ZRANGE with its options, and ZRANGESTORE, as hot commands; see dispatch.pxi for the contract.
#
# Must live here: the options, from places or scores to ranks.  Must not: error texts, ranges of names (BYLEX), how what is
# stored is kept (zset_algebra.pxi).

cdef struct RangeAsked:
    bint by_score
    bint backward
    bint with_scores
    bint limits             # LIMIT was there
    int64_t offset
    int64_t most            # below 0: all

cdef struct Picked:          # what was asked for: so many
    int64_t first           # from this rank on,
    int64_t count           # upward, or downward


cdef bint read_range(int64_t argc, const Slice* a, int64_t at, bint stores, RangeAsked* asked) noexcept nogil:
    """The options from an argument on; REV and BYSCORE once each."""
    memset(asked, 0, sizeof(RangeAsked))
    asked.most = -1
    while at < argc:
        if not asked.by_score and word_is(a + at, b"byscore", 7):
            asked.by_score = True
        elif not asked.backward and word_is(a + at, b"rev", 3):
            asked.backward = True
        elif not stores and word_is(a + at, b"withscores", 10):
            asked.with_scores = True
        elif at + 2 < argc and word_is(a + at, b"limit", 5) and rl_parse_int(a[at + 1].p, a[at + 1].n, &asked.offset) and \
                rl_parse_int(a[at + 2].p, a[at + 2].n, &asked.most):
            asked.limits = True
            at += 2
        else:
            return False
        at += 1
    return asked.by_score or not asked.limits

cdef bint read_ranks(const Zset* z, const Slice* words, const RangeAsked* asked, Picked* ranks) noexcept:
    """What two places or scores mean in a sorted set, NULL: in none; False where they are none."""
    cdef Span span
    cdef int64_t start = 0, stop = 0, size = 0
    ranks.first = ranks.count = 0
    if not asked.by_score:
        if not rl_parse_int(words[0].p, words[0].n, &start) or not rl_parse_int(words[1].p, words[1].n, &stop):
            return False
        if z != NULL:
            size = <int64_t>zset_size(z)
            start = max(start + size, 0) if start < 0 else min(start, size)
            stop = max(stop + size, -1) if stop < 0 else min(stop, size - 1)
            ranks.first = size - 1 - start if asked.backward else start
            ranks.count = max(stop - start + 1, 0)
        return True
    if not read_span(words + asked.backward, words + (not asked.backward), &span):
        return False
    if z != NULL:
        find_span(z, &span, &start, &stop)
        if 0 <= asked.offset < stop - start:
            ranks.first = stop - 1 - asked.offset if asked.backward else start + asked.offset
            ranks.count = stop - start - asked.offset
            if asked.most >= 0:
                ranks.count = min(ranks.count, asked.most)
    return True

cdef bint cmd_zrange(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there
    cdef RangeAsked asked
    cdef Picked ranks
    if argc == 4:
        return tell_places(loop, c, argc, a, h, False)
    if not read_range(argc, a, 4, False, &asked):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER or not read_ranks(o.z if there == WANTED else NULL, a + 2, &asked, &ranks):
        return False
    return out_items_of(c, o.z, ranks.first, ranks.count, asked.backward, asked.with_scores)

cdef bint cmd_zrangestore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """What is stored has an order of its own, so it is gathered upward."""
    cdef OpenZset o
    cdef Content there
    cdef RangeAsked asked
    cdef Picked ranks
    cdef Roll found
    cdef Steps steps
    cdef Item item
    cdef Named* one
    if not read_range(argc, a, 5, True, &asked):
        return False
    there = zset_open(loop, c, a + 2, rl_hash(a[2].p, a[2].n), &o)
    if there == ANOTHER or not read_ranks(o.z if there == WANTED else NULL, a + 3, &asked, &ranks):
        return False
    roll_list(&found, <size_t>ranks.count)
    if ranks.count:
        steps_from(o.z, <size_t>(ranks.first - ranks.count + 1 if asked.backward else ranks.first), False, &steps)
    while <int64_t>found.count < ranks.count:
        steps_next(o.z, &steps, &item)
        one = found.named + found.count
        one.p = NULL if item.p == item.digits else <char*>item.p
        one.n = <int64_t>item.n if one.p != NULL else item.number
        one.score = item.score
        found.count += 1
    store_roll(loop, c, a + 1, h, &found)
    roll_drop(&found)
    return True


cdef int hot_ranges(Loop loop) except -1:
    hot_add(loop, b"zrange", cmd_zrange, True)
    hot_add(loop, b"zrangestore", cmd_zrangestore, True)
    return 0
