# Hot commands on deadlines of keys, on copies, and on what takes parts out of sorted sets and streams; see dispatch.pxi.
#
# Must live here: the plain cases of what is asked seldom but not dearly.  Must not: error texts, deadlines that are past.

cdef bint expire_at(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, int64_t unit, bint absolute) noexcept:
    """A moment that is to come, with one condition at most."""
    cdef Place at
    cdef Entry* e
    cdef int64_t deadline = 0, before
    cdef char condition = 0
    if argc > 4 or argc == 4 and not read_condition(a + 3, &condition):
        return False
    if not absolute:
        if not deadline_from(loop, a + 2, unit, &deadline):
            return False
    elif not rl_parse_int(a[2].p, a[2].n, &deadline) or not 0 < deadline <= FAR // unit or deadline * unit <= loop.now:
        return False
    else:
        deadline *= unit
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    before = FAR if e == NULL or not e.flags & TIMED else deadline_of(e)[0]
    if condition and e != NULL and e.flags & TIMED and before == FAR:       # the last moment of all is one, too
        return False
    if e == NULL or condition and is_kept(condition, before, deadline):
        out_head(c.out, c':', 0)
        return True
    db_retime(c.db, e, &at, deadline)
    out_head(c.out, c':', 1)
    return True

cdef bint cmd_expire(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_at(loop, c, argc, a, h, 1000, False)

cdef bint cmd_pexpire(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_at(loop, c, argc, a, h, 1, False)

cdef bint cmd_expireat(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_at(loop, c, argc, a, h, 1000, True)

cdef bint cmd_pexpireat(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_at(loop, c, argc, a, h, 1, True)

cdef inline int64_t ends_at(Client c, const Slice* key, uint64_t h) noexcept:
    """In ms; -1 without a deadline, -2 without a key."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, key.p, key.n, h, &at)
    if e == NULL:
        return -2
    return deadline_of(e)[0] if e.flags & TIMED else -1

cdef bint cmd_expiretime(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef int64_t at = ends_at(c, a + 1, h)
    out_head(c.out, c':', at // 1000 + (at % 1000 >= 500) if at >= 0 else at)     # as far as 64 bits go
    return True

cdef bint cmd_pexpiretime(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    out_head(c.out, c':', ends_at(c, a + 1, h))
    return True

cdef bint cmd_psetex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef int64_t deadline = 0
    if not deadline_from(loop, a + 2, 1, &deadline):
        return False
    db_set(c.db, a[1].p, a[1].n, h, a + 3, FRESH, deadline)
    out_ok(c.out)
    return True

cdef bint cmd_dbsize(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    out_head(c.out, c':', <int64_t>c.db.table.used)
    return True

cdef bint cmd_touch(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef int64_t i, there = 0
    for i in range(1, argc):
        e = db_lookup(c.db, a[i].p, a[i].n, rl_hash(a[i].p, a[i].n), &at)
        if e != NULL:
            entry_used(c.db, e, loop.now)
            there += 1
    out_head(c.out, c':', there)
    return True


# ------------------------------------------------------------------------------------------------------------- a copy

cdef uint64_t packed_copy(uint64_t word) noexcept:
    """The eight bytes of another entry with the same packed collection."""
    cdef const char* data = packed_at(word)
    cdef void* other
    if packed_type(word) == PACKED_ZSET:
        other = pack_copy(data)
    elif packed_type(word) == PACKED_NUMBERS:
        other = rl_slot_alloc(rl_intset_bytes(<rl_intset*>data))
        memcpy(other, data, rl_intset_bytes(<rl_intset*>data))
    else:
        other = lp_copy(data)
    return word_for(other, packed_type(word))

cdef bint cmd_copy(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Within a database, of a string or a packed collection; what is there goes first, so the copy is a new key."""
    cdef Place at
    cdef Entry* e
    cdef uint64_t h2
    cdef int64_t deadline = WITHOUT, first
    cdef Slice text
    cdef char[8] payload
    if argc > 4 or argc == 4 and not word_is(a + 3, b"replace", 7) or \
            a[1].n == a[2].n and memcmp(a[1].p, a[2].p, a[1].n) == 0:
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        out_head(c.out, c':', 0)
        return True
    if kind_of(e) == OBJECT:
        return False
    first = entry_first(e) if kind_of(e) == PACKED else FAR
    if first < loop.now:
        return False
    entry_used(c.db, e, loop.now)
    h2 = rl_hash(a[2].p, a[2].n)
    if argc == 3 and db_live(c.db, a[2].p, a[2].n, h2, &at) != NULL:
        out_head(c.out, c':', 0)
        return True
    if argc == 4:
        db_erase(c.db, a[2].p, a[2].n, h2)
    if e.flags & TIMED:
        deadline = deadline_of(e)[0]
    if kind_of(e) == PACKED:
        rl_store8(payload, packed_copy(rl_load8(value_of(e))))
        db_write(c.db, a[2].p, a[2].n, h2, PACKED, FRESH, payload, sizeof(payload), deadline)
        ending_told(c.db, h2, FAR, first)
    elif kind_of(e) == INTEGER:
        db_write(c.db, a[2].p, a[2].n, h2, INTEGER, FRESH, value_of(e), 8, deadline)
    else:
        text.p, text.n = value_of(e), text_size(e)
        db_set(c.db, a[2].p, a[2].n, h2, &text, form_of(e), deadline)
    out_head(c.out, c':', 1)
    return True


# ---------------------------------------------------------------------------------------------------- what is taken out

cdef bint take_out(Client c, const Slice* key, uint64_t h, OpenZset* o, int64_t start, int64_t count) noexcept:
    """So many members from a rank on."""
    count = max(count, 0)
    if count:
        zset_remove_range(o.z, <size_t>start, <size_t>count)
        zset_close(c, key, h, o)
    out_head(c.out, c':', count)
    return True

cdef bint cmd_zremrangebyscore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Span span
    cdef Content there
    cdef int64_t start = 0, stop = 0
    if not read_span(a + 2, a + 3, &span):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == WANTED:
        find_span(o.z, &span, &start, &stop)
    return there != ANOTHER and take_out(c, a + 1, h, &o, start, stop - start)

cdef bint cmd_zremrangebyrank(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there
    cdef int64_t start = 0, stop = 0, count = 0
    if not rl_parse_int(a[2].p, a[2].n, &start) or not rl_parse_int(a[3].p, a[3].n, &stop):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == WANTED:
        count = part_of(&start, stop, <int64_t>zset_size(o.z))
    return there != ANOTHER and take_out(c, a + 1, h, &o, start, count)

cdef bint cmd_xtrim(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Down to a length."""
    cdef Entry* e
    cdef PyObject* value
    cdef Content there
    cdef Id least
    cdef int64_t at = 2, longest = -1
    cdef size_t gone = 0
    cdef bint whole = False
    if not word_is(a + 2, b"maxlen", 6) or not read_length(a, argc, &at, &whole, &longest) or at != argc:
        return False
    there = find_stream(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    if there == WANTED:
        least.ms = least.seq = 0
        gone = stream_trim(<Stream>value, True, <uint64_t>longest, least, whole,
                           usual_limit(&loop.stream_limits) if whole else 0)
        if gone:
            stream_changed(c, a + 1, e, <Stream>value)
    out_head(c.out, c':', <int64_t>gone)
    return True


cdef int hot_keys(Loop loop) except -1:
    hot_add(loop, b"expire", cmd_expire, True)
    hot_add(loop, b"pexpire", cmd_pexpire, True)
    hot_add(loop, b"expireat", cmd_expireat, True)
    hot_add(loop, b"pexpireat", cmd_pexpireat, True)
    hot_add(loop, b"expiretime", cmd_expiretime, True)
    hot_add(loop, b"pexpiretime", cmd_pexpiretime, True)
    hot_add(loop, b"psetex", cmd_psetex, True)
    hot_add(loop, b"touch", cmd_touch, True)
    hot_add(loop, b"dbsize", cmd_dbsize, False)
    hot_add(loop, b"copy", cmd_copy, True)
    hot_add(loop, b"zremrangebyscore", cmd_zremrangebyscore, True)
    hot_add(loop, b"zremrangebyrank", cmd_zremrangebyrank, True)
    hot_add(loop, b"xtrim", cmd_xtrim, True)
    return 0
