# The hot commands on deadlines of fields; see dispatch.pxi for the contract.
#
# Must live here: the plain cases: a deadline in the future, without a condition, and what is left of one.  Must not: how
# deadlines are kept (ends.pxi), error texts, fields whose time is over (redlark.server.fields).

cdef int64_t LAST_END = <int64_t>1 << 46    # Unix ms: no field lives so long


cdef inline bint names_fields(int64_t argc, const Slice* a, int64_t place) noexcept:
    """Do FIELDS and the number of all words behind it stand there?"""
    cdef int64_t number = 0
    return argc > place + 2 and word_is(a + place, b"fields", 6) and \
        rl_parse_int(a[place + 1].p, a[place + 1].n, &number) and number == argc - place - 2

cdef bint expire_fields(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, int64_t unit,
                        int64_t start) noexcept:
    """Give fields of a hash one deadline, counted from a start."""
    cdef HashFound f
    cdef Found found
    cdef Hash value
    cdef Place at
    cdef Entry* e
    cdef int64_t amount = 0, i
    cdef bint done = False
    if not names_fields(argc, a, 3) or not rl_parse_int(a[2].p, a[2].n, &amount) or amount < 0 or \
            amount >= LAST_END // unit or start + amount * unit >= LAST_END:
        return False
    amount = start + amount * unit
    if amount <= loop.now or find_hash(loop, c, a + 1, h, &f, True) != WANTED:
        return False
    for i in range(5, argc):
        done |= hash_find(f.s, a[i], &found)
    if not done:
        return False                    # it becomes a hash whose fields may have deadlines all the same
    value = <Hash>db_value(c.db, f.e, &f.at)
    e = entry_find(&c.db.table, a[1].p, a[1].n, h, &at)
    value.timed = True
    out_head(c.out, c'*', argc - 5)
    for i in range(5, argc):
        if hash_find(&value.v, a[i], &found):
            ends_put(&value.ends_of, a[i], amount)
            out_head(c.out, c':', 1)
        else:
            out_head(c.out, c':', -2)
    db_weigh(c.db, e, HASH_ITSELF + hash_memory(&value.v) + ends_memory(&value.ends_of))
    ends_put(&c.db.ending.ends, a[1], value.ends_of.first)
    db_touch(c.db, a[1].p, a[1].n)
    if PyList_GET_SIZE(loop.unpacked):
        loop_pack(loop)
    return True

cdef bint cmd_hexpire(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_fields(loop, c, argc, a, h, 1000, loop.now)

cdef bint cmd_hpexpire(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_fields(loop, c, argc, a, h, 1, loop.now)

cdef bint cmd_hexpireat(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_fields(loop, c, argc, a, h, 1000, 0)

cdef bint cmd_hpexpireat(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_fields(loop, c, argc, a, h, 1, 0)


cdef bint fields_left(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint seconds) noexcept:
    """How long fields still live; seconds are rounded up."""
    cdef HashFound f
    cdef Found found
    cdef Content there
    cdef int64_t i, at = 0, told
    if not names_fields(argc, a, 2):
        return False
    there = find_hash(loop, c, a + 1, h, &f, True)
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 4)
    for i in range(4, argc):
        told = -2
        if there == WANTED and hash_find(f.s, a[i], &found):
            told = -1
            if f.s != &f.own and ends_get(&(<Hash>object_of(f.e)).ends_of, a[i], &at):
                told = (at - loop.now + 999) // 1000 if seconds else at - loop.now
        out_head(c.out, c':', told)
    return True

cdef bint cmd_httl(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return fields_left(loop, c, argc, a, h, True)

cdef bint cmd_hpttl(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return fields_left(loop, c, argc, a, h, False)


cdef int hot_fields(Loop loop) except -1:
    hot_add(loop, b"hexpire", cmd_hexpire, True)
    hot_add(loop, b"hpexpire", cmd_hpexpire, True)
    hot_add(loop, b"hexpireat", cmd_hexpireat, True)
    hot_add(loop, b"hpexpireat", cmd_hpexpireat, True)
    hot_add(loop, b"httl", cmd_httl, True)
    hot_add(loop, b"hpttl", cmd_hpttl, True)
    return 0
