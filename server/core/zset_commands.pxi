# The hot commands on sorted sets; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what profiling showed to be worth C.  Must not: how a sorted set is kept
# (sorted_set.pxi), how a score is read or printed (doubles.pxi), error texts.

cdef enum:
    FEW_SCORES = 32         # pairs of one ZADD whose scores are read without an allocation

cdef enum Addition:         # what ZADD may be asked for
    IF_NEW = 1
    IF_THERE = 2
    IF_GREATER = 4
    IF_LESS = 8
    TELL_CHANGED = 16
    BY_SCORE = 32


cdef struct OpenZset:       # of a key, while a command works on it
    Entry* e
    Place at
    Zset* z                 # of the object, or `own`
    Zset own
    size_t before           # bytes that a packed one took


cdef inline Content zset_open(Loop loop, Client c, const Slice* key, uint64_t h, OpenZset* o) noexcept:
    """What a key holds, and has now been used; a sorted set that is not there is empty."""
    cdef PyObject* value
    cdef uint64_t word
    o.e = db_lookup(c.db, key.p, key.n, h, &o.at)
    o.own.large = NULL
    o.own.pack = NULL
    o.z = &o.own
    if o.e == NULL:
        return ABSENT
    if kind_of(o.e) == PACKED:
        word = rl_load8(value_of(o.e))
        if packed_type(word) != PACKED_ZSET:
            return ANOTHER
        o.own.pack = packed_at(word)
        o.before = packed_memory(word)
    else:
        if kind_of(o.e) != OBJECT:
            return ANOTHER
        value = object_of(o.e)
        if type(<object>value) is not SortedSet:
            return ANOTHER
        o.z = &(<SortedSet>value).v
    entry_used(c.db, o.e, loop.now)
    return WANTED

cdef void zset_keep(Client c, OpenZset* o) noexcept:
    """It is weighed, and stands in its entry if it may."""
    cdef Database db = c.db
    cdef size_t weight = zset_weight(o.z)
    if kind_of(o.e) == OBJECT:
        db_weigh(db, o.e, ZSET_ITSELF + weight)
        db_pack(db, o.e, &o.at)
    elif o.own.large == NULL:
        db.table.weight += weight - o.before
        rl_store8(value_of(o.e), <size_t>o.own.pack | PACKED_ZSET)
    else:
        db.table.weight += ZSET_ITSELF + weight - o.before
        db_hold(db, o.e, &o.at, zset_around(c.loop.config, o.own.large, NULL), ZSET_ITSELF + weight)

cdef void zset_close(Client c, const Slice* key, uint64_t h, OpenZset* o) noexcept:
    """Members have come or gone, or moved; what is empty goes altogether."""
    cdef bint empty = zset_size(o.z) == 0
    if not empty or kind_of(o.e) == PACKED:
        zset_keep(c, o)
    if empty:
        db_erase(c.db, key.p, key.n, h)
    else:
        db_touch(c.db, key.p, key.n)

cdef void zset_begin(Client c, const Slice* key, uint64_t h, OpenZset* o) noexcept:
    """A key that is new holds a sorted set."""
    cdef char[8] payload
    if o.own.large != NULL:
        db_put_object(c.db, key.p, key.n, h, zset_around(c.loop.config, o.own.large, NULL),
                      ZSET_ITSELF + zset_weight(&o.own), WITHOUT)
    else:
        rl_store8(payload, <size_t>o.own.pack | PACKED_ZSET)
        db_write(c.db, key.p, key.n, h, PACKED, FRESH, payload, 8, WITHOUT)

cdef inline void out_item(Buffer* out, const Item* item, bint with_score, int resp) noexcept:
    """A member, or a pair: by itself in RESP3, flat in RESP2."""
    if with_score and resp != 2:
        out_head(out, c'*', 2)
    out_bulk(out, item.p, item.n)
    if with_score:
        out_score(out, item.score, resp)

cdef inline bint word_is(const Slice* word, const char* name, size_t n) noexcept nogil:
    """name: lower case."""
    cdef size_t i
    if word.n != n:
        return False
    for i in range(n):
        if word.p[i] | 32 != name[i]:
            return False
    return True


# -------------------------------------------------------------------------------------------------------------- writing

cdef bint read_scores(const Slice* a, int64_t pairs, double* scores) noexcept nogil:
    cdef int64_t i
    for i in range(pairs):
        if not read_score(a[2 * i].p, a[2 * i].n, scores + i):
            return False
    return True

cdef int zadd_option(const Slice* word) noexcept nogil:
    if word.n == 2:
        if word_is(word, b"nx", 2):
            return IF_NEW
        if word_is(word, b"xx", 2):
            return IF_THERE
        if word_is(word, b"gt", 2):
            return IF_GREATER
        if word_is(word, b"lt", 2):
            return IF_LESS
        if word_is(word, b"ch", 2):
            return TELL_CHANGED
    return BY_SCORE if word_is(word, b"incr", 4) else 0

cdef inline bint go_together(int options) noexcept nogil:
    return not (options & IF_NEW and options & (IF_THERE | IF_GREATER | IF_LESS) or
                options & IF_GREATER and options & IF_LESS)

cdef bint cmd_zadd(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef double[FEW_SCORES] few
    cdef double* scores = few
    cdef int64_t at = 2, pairs
    cdef int options = 0, option
    cdef bint done
    while at < argc:
        option = zadd_option(a + at)
        if option == 0:
            break
        options |= option
        at += 1
    pairs = (argc - at) // 2
    if (argc - at) & 1 or pairs == 0 or not go_together(options) or options & BY_SCORE and pairs > 1:
        return False
    if pairs > FEW_SCORES:
        scores = <double*>rl_alloc(<size_t>pairs * sizeof(double))
    done = read_scores(a + at, pairs, scores) and add_scores(loop, c, a, h, pairs, scores, at + 1, 2, options)
    if scores != few:
        free(scores)
    return done

cdef inline bint is_wanted(int options, bint known, double old, double score) noexcept nogil:
    if not known:
        return not options & IF_THERE
    return not (options & IF_NEW or options & IF_GREATER and score <= old or options & IF_LESS and score >= old)

cdef bint add_scores(Loop loop, Client c, const Slice* a, uint64_t h, int64_t pairs, const double* scores,
                     int64_t first, int64_t step, int options) noexcept:
    """The members are every step-th word from the first on."""
    cdef OpenZset o
    cdef Content there = zset_open(loop, c, a + 1, h, &o)
    cdef double old = 0, score = 0
    cdef const Slice* member
    cdef int64_t i, added = 0, updated = 0
    cdef bint known = False, wanted = True
    if there == ANOTHER:
        return False
    if there == ABSENT and options & IF_THERE:
        if options & BY_SCORE:
            out_null(c.out, c.resp)
        else:
            out_head(c.out, c':', 0)
        return True
    if options & BY_SCORE and zset_score(o.z, a[first].p, a[first].n, &old) and isnan(old + scores[0]):
        return False
    if pairs > loop.zset_limits.entries:
        zset_unpack(o.z)
    for i in range(pairs):
        member = a + first + step * i
        score = scores[i]
        if options & ~TELL_CHANGED:
            known = zset_score(o.z, member.p, member.n, &old)
            if known and options & BY_SCORE:
                score += old
            wanted = is_wanted(options, known, old, score)
            if not wanted:
                continue
        if not zset_give(o.z, member.p, member.n, score, &loop.zset_limits, &old, False):
            added += 1
        elif old != score:
            updated += 1
    if there == ABSENT:
        zset_begin(c, a + 1, h, &o)
    elif added or updated:
        zset_close(c, a + 1, h, &o)
    elif o.own.large != NULL:
        zset_keep(c, &o)
    if not options & BY_SCORE:
        out_head(c.out, c':', added + updated if options & TELL_CHANGED else added)
    elif wanted:
        out_score(c.out, score, c.resp)
    else:
        out_null(c.out, c.resp)
    return True

cdef bint cmd_zincrby(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there
    cdef double score = 0, old = 0
    cdef bint known = False
    if not read_score(a[2].p, a[2].n, &score):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    known = zset_score(o.z, a[3].p, a[3].n, &old)
    if known:
        score += old
        if isnan(score):
            return False
    if loop.zset_limits.entries < 1:
        zset_unpack(o.z)
    if not known or score != old:
        zset_give(o.z, a[3].p, a[3].n, score, &loop.zset_limits, &old, False)
        if there == ABSENT:
            zset_begin(c, a + 1, h, &o)
        else:
            zset_close(c, a + 1, h, &o)
    elif o.own.large != NULL:
        zset_keep(c, &o)
    out_score(c.out, score, c.resp)
    return True

cdef bint cmd_zrem(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there = zset_open(loop, c, a + 1, h, &o)
    cdef int64_t i, gone = 0
    if there == ANOTHER:
        return False
    if there == WANTED:
        for i in range(2, argc):
            gone += zset_remove(o.z, a[i].p, a[i].n)
        if gone:
            zset_close(c, a + 1, h, &o)
    out_head(c.out, c':', gone)
    return True

cdef bint pop_end(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint lowest) noexcept:
    """Without a count, a pair that is flat in RESP3 as well."""
    cdef OpenZset o
    cdef Content there
    cdef Steps steps
    cdef Item item
    cdef int64_t count = 1, i
    cdef size_t size
    if argc > 3 or argc == 3 and (not rl_parse_int(a[2].p, a[2].n, &count) or count < 0):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == ABSENT or count == 0:
        out_head(c.out, c'*', 0)
        return True
    size = zset_size(o.z)
    count = min(count, <int64_t>size)
    if not steps_from(o.z, 0 if lowest else size - 1, not lowest, &steps):
        return False
    if argc == 2:
        out_head(c.out, c'*', 2)
        steps_next(o.z, &steps, &item)
        out_bulk(c.out, item.p, item.n)
        out_score(c.out, item.score, c.resp)
    else:
        out_head(c.out, c'*', 2 * count if c.resp == 2 else count)
        for i in range(count):
            steps_next(o.z, &steps, &item)
            out_item(c.out, &item, True, c.resp)
    zset_remove_range(o.z, 0 if lowest else size - <size_t>count, <size_t>count)
    zset_close(c, a + 1, h, &o)
    return True

cdef bint cmd_zpopmin(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return pop_end(loop, c, argc, a, h, True)

cdef bint cmd_zpopmax(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return pop_end(loop, c, argc, a, h, False)


# -------------------------------------------------------------------------------------------------------------- looking

cdef bint cmd_zcard(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', <int64_t>zset_size(o.z) if there == WANTED else 0)
    return True

cdef bint cmd_zscore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef double score
    cdef Content there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED and zset_score(o.z, a[2].p, a[2].n, &score):
        out_score(c.out, score, c.resp)
    else:
        out_null(c.out, c.resp)
    return True

cdef bint cmd_zmscore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef double score
    cdef int64_t i
    cdef Content there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 2)
    for i in range(2, argc):
        if there == WANTED and zset_score(o.z, a[i].p, a[i].n, &score):
            out_score(c.out, score, c.resp)
        else:
            out_null(c.out, c.resp)
    return True

cdef bint tell_rank(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint from_end) noexcept:
    cdef OpenZset o
    cdef Py_ssize_t rank = -1
    cdef double score = 0
    cdef Content there
    if argc > 4 or argc == 4 and not word_is(a + 3, b"withscore", 9):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        rank = zset_rank(o.z, a[2].p, a[2].n)
    if rank < 0 and argc == 4 and c.resp == 2:
        buffer_add(c.out, b"*-1\r\n", 5)
    elif rank < 0:
        out_null(c.out, c.resp)
    elif argc == 4:
        zset_score(o.z, a[2].p, a[2].n, &score)
        out_head(c.out, c'*', 2)
        out_head(c.out, c':', <Py_ssize_t>zset_size(o.z) - 1 - rank if from_end else rank)
        out_score(c.out, score, c.resp)
    else:
        out_head(c.out, c':', <Py_ssize_t>zset_size(o.z) - 1 - rank if from_end else rank)
    return True

cdef bint cmd_zrank(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_rank(loop, c, argc, a, h, False)

cdef bint cmd_zrevrank(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_rank(loop, c, argc, a, h, True)


# --------------------------------------------------------------------------------------------------------------- ranges

cdef bint out_items_of(Client c, const Zset* z, int64_t first, int64_t count, bint backward, bint with_scores) noexcept:
    """So many from a rank on; False where that is not to be done here."""
    cdef Steps steps
    cdef Item item
    cdef int64_t i
    if count > 0 and not steps_from(z, <size_t>first, backward, &steps):
        return False
    count = max(count, 0)
    out_head(c.out, c'*', 2 * count if with_scores and c.resp == 2 else count)
    for i in range(count):
        steps_next(z, &steps, &item)
        out_item(c.out, &item, with_scores, c.resp)
    return True

cdef bint tell_places(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint backward) noexcept:
    cdef OpenZset o
    cdef Content there
    cdef int64_t start = 0, end = 0, size
    cdef bint with_scores = argc == 5
    if argc > 5 or with_scores and not word_is(a + 4, b"withscores", 10) or \
            not rl_parse_int(a[2].p, a[2].n, &start) or not rl_parse_int(a[3].p, a[3].n, &end):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_head(c.out, c'*', 0)
        return True
    size = <int64_t>zset_size(o.z)
    start = max(start + size, 0) if start < 0 else min(start, size)
    end = max(end + size, -1) if end < 0 else min(end, size - 1)
    return out_items_of(c, o.z, size - 1 - start if backward else start, end - start + 1, backward,
                        with_scores)

cdef bint cmd_zrevrange(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_places(loop, c, argc, a, h, True)

cdef struct Span:           # of scores
    double low
    double high
    bint above              # low itself is not meant
    bint below              # high is not

cdef inline bint read_bound(const Slice* word, double* score, bint* beyond) noexcept nogil:
    beyond[0] = word.n > 0 and word.p[0] == c'('
    return read_score(word.p + beyond[0], word.n - beyond[0], score)

cdef inline bint read_span(const Slice* low, const Slice* high, Span* span) noexcept nogil:
    return read_bound(low, &span.low, &span.above) and read_bound(high, &span.high, &span.below)

cdef inline void find_span(const Zset* z, const Span* span, int64_t* start, int64_t* stop) noexcept:
    start[0] = <int64_t>zset_below(z, span.low, span.above)
    stop[0] = <int64_t>zset_below(z, span.high, not span.below)

cdef bint cmd_zcount(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there
    cdef Span span
    cdef int64_t start = 0, stop = 0
    if not read_span(a + 2, a + 3, &span):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        find_span(o.z, &span, &start, &stop)
    out_head(c.out, c':', max(stop - start, 0))
    return True

cdef bint tell_span(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint backward) noexcept:
    cdef OpenZset o
    cdef Content there
    cdef Span span
    cdef int64_t start = 0, stop = 0, offset = 0, most = -1, at = 4
    cdef bint with_scores = False
    if not read_span(a + 3 if backward else a + 2, a + 2 if backward else a + 3, &span):
        return False
    while at < argc:
        if word_is(a + at, b"withscores", 10):
            with_scores = True
            at += 1
        elif at + 2 < argc and word_is(a + at, b"limit", 5) and rl_parse_int(a[at + 1].p, a[at + 1].n, &offset) and \
                rl_parse_int(a[at + 2].p, a[at + 2].n, &most):
            at += 3
        else:
            return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        find_span(o.z, &span, &start, &stop)
    if offset < 0 or offset >= stop - start:
        out_head(c.out, c'*', 0)
        return True
    stop = stop - start - offset        # how many there are
    if backward:
        start += stop - 1
    else:
        start += offset
    return out_items_of(c, o.z, start, stop if most < 0 else min(stop, most), backward, with_scores)

cdef bint cmd_zrangebyscore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_span(loop, c, argc, a, h, False)

cdef bint cmd_zrevrangebyscore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_span(loop, c, argc, a, h, True)


cdef int hot_zsets(Loop loop) except -1:
    hot_add(loop, b"zadd", cmd_zadd, True, 3)
    hot_add(loop, b"zincrby", cmd_zincrby, True, 3)
    hot_add(loop, b"zrem", cmd_zrem, True, 2)
    hot_add(loop, b"zpopmin", cmd_zpopmin, True)
    hot_add(loop, b"zpopmax", cmd_zpopmax, True)
    hot_add(loop, b"zcard", cmd_zcard, True)
    hot_add(loop, b"zscore", cmd_zscore, True, 2)
    hot_add(loop, b"zmscore", cmd_zmscore, True)
    hot_add(loop, b"zrank", cmd_zrank, True, 2)
    hot_add(loop, b"zrevrank", cmd_zrevrank, True, 2)
    hot_add(loop, b"zcount", cmd_zcount, True)
    hot_add(loop, b"zrevrange", cmd_zrevrange, True)
    hot_add(loop, b"zrangebyscore", cmd_zrangebyscore, True)
    hot_add(loop, b"zrevrangebyscore", cmd_zrevrangebyscore, True)
    return 0
