# The hot commands on sets; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what profiling showed to be worth C.  Must not: how a set is kept (set.pxi), error texts.

cdef enum Content:             # what a key holds
    ABSENT
    WANTED
    ANOTHER                 # something else, or what only Python deals with


cdef inline Content find_set(Loop loop, Client c, const Slice* key, uint64_t h, Entry** e, PyObject** value) noexcept:
    """The entry of a key and the set in it, which has now been used."""
    cdef Place at
    e[0] = db_lookup(c.db, key.p, key.n, h, &at)
    if e[0] == NULL:
        return ABSENT
    if kind_of(e[0]) != OBJECT:
        return ANOTHER
    value[0] = object_of(e[0])
    if type(<object>value[0]) is not Set:
        return ANOTHER
    entry_used(c.db, e[0], loop.now)
    return WANTED

cdef inline void set_changed(Client c, const Slice* key, uint64_t h, Entry* e, Set s) noexcept:
    """Members have come or gone; what is empty goes altogether."""
    if set_count(s) == 0:
        db_erase(c.db, key.p, key.n, h)
    else:
        db_weigh(c.db, e, set_memory(s))
        db_touch(c.db, key.p, key.n)

cdef inline void out_set_head(Client c, size_t count) noexcept nogil:
    out_head(c.out, c'*' if c.resp == 2 else c'~', <int64_t>count)


cdef bint cmd_sadd(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_set(loop, c, a + 1, h, &e, &value)
    cdef Set s
    cdef int64_t i, added = 0
    if there == ANOTHER:
        return False
    s = <Set>value if there == WANTED else Set.__new__(Set, loop.config)
    set_announce(s, a[2], argc - 2, &loop.set_limits)
    for i in range(2, argc):
        added += set_add(s, a[i], &loop.set_limits)
    if there == ABSENT:
        db_put_object(c.db, a[1].p, a[1].n, h, s, set_memory(s), WITHOUT)
    elif added:
        set_changed(c, a + 1, h, e, s)
    out_head(c.out, c':', added)
    return True

cdef bint cmd_srem(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_set(loop, c, a + 1, h, &e, &value)
    cdef int64_t i, gone = 0
    if there == ANOTHER:
        return False
    if there == WANTED:
        for i in range(2, argc):
            gone += set_remove(<Set>value, a[i])
        if gone:
            set_changed(c, a + 1, h, e, <Set>value)
    out_head(c.out, c':', gone)
    return True

cdef bint cmd_sismember(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_set(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', there == WANTED and set_has(<Set>value, a[2]))
    return True

cdef bint cmd_smismember(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_set(loop, c, a + 1, h, &e, &value)
    cdef int64_t i
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 2)
    for i in range(2, argc):
        out_head(c.out, c':', there == WANTED and set_has(<Set>value, a[i]))
    return True

cdef bint cmd_scard(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_set(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', <int64_t>set_count(<Set>value) if there == WANTED else 0)
    return True


cdef void tell_members(void* out, Bucket* b) noexcept:
    """out: a Buffer, which gets the members of a chain as bulk strings."""
    cdef Slice text
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                text = member_text(b.slot[i])
                out_bulk(<Buffer*>out, text.p, text.n)
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef bint cmd_smembers(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_set(loop, c, a + 1, h, &e, &value)
    cdef Set s
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_set_head(c, 0)
        return True
    s = <Set>value
    out_set_head(c, set_count(s))
    if s.form == HASHTABLE:
        table_tell(<Table*>s.data, tell_members, c.out)
    elif s.form == LISTPACK:
        out_listpack(c.out, <char*>s.data)
    else:
        out_numbers(c.out, <rl_intset*>s.data)
    return True

cdef void table_tell(Table* t, Visitor visit, Buffer* out) noexcept:
    cdef uint64_t cursor = 0
    while True:
        cursor = table_scan(t, cursor, visit, out)
        if cursor == 0:
            return

cdef void out_listpack(Buffer* out, const char* lp) noexcept nogil:
    """Every element."""
    cdef const char* at = lp_first(lp)
    while at != NULL:
        out_element(out, at)
        at = lp_next(at)

cdef void out_numbers(Buffer* out, const rl_intset* numbers) noexcept nogil:
    """Every number."""
    cdef char[24] text
    cdef size_t i
    for i in range(numbers.count):
        out_bulk(out, text, <size_t>rl_format_int(text, rl_intset_at(numbers, i)))


cdef bint cmd_spop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """One member, any."""
    cdef Entry* e
    cdef PyObject* value
    cdef Set s
    cdef Content there = ANOTHER if argc > 2 else find_set(loop, c, a + 1, h, &e, &value)
    cdef Slice text
    cdef Place place
    cdef char* at
    cdef void* m
    cdef size_t i
    cdef char[24] number
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_null(c.out, c.resp)
        return True
    s = <Set>value
    if s.form == HASHTABLE:
        m = cell_random(<Table*>s.data, &c.db.random, &place)
        text = member_text(m)
        out_bulk(c.out, text.p, text.n)
        member_remove(<Table*>s.data, LONE, member_hash(m), &place)
    else:
        i = <size_t>random_below(&c.db.random, set_count(s))
        if s.form == LISTPACK:
            at = lp_seek(<char*>s.data, <int64_t>i)
            out_element(c.out, at)
            s.data = lp_delete(<char*>s.data, &at, 1)
        else:
            out_bulk(c.out, number, <size_t>rl_format_int(number, rl_intset_at(<rl_intset*>s.data, i)))
            s.data = rl_intset_remove(<rl_intset*>s.data, i)
    set_changed(c, a + 1, h, e, s)
    return True

cdef bint cmd_srandmember(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """One member, any."""
    cdef Entry* e
    cdef PyObject* value
    cdef Set s
    cdef Content there = ANOTHER if argc > 2 else find_set(loop, c, a + 1, h, &e, &value)
    cdef Slice text
    cdef Place place
    cdef size_t i
    cdef char[24] number
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_null(c.out, c.resp)
        return True
    s = <Set>value
    if s.form == HASHTABLE:
        text = member_text(cell_random(<Table*>s.data, &c.db.random, &place))
        out_bulk(c.out, text.p, text.n)
        return True
    i = <size_t>random_below(&c.db.random, set_count(s))
    if s.form == LISTPACK:
        out_element(c.out, lp_seek(<char*>s.data, <int64_t>i))
    else:
        out_bulk(c.out, number, <size_t>rl_format_int(number, rl_intset_at(<rl_intset*>s.data, i)))
    return True


cdef int hot_sets(Loop loop) except -1:
    hot_add(loop, b"sadd", cmd_sadd, True)
    hot_add(loop, b"srem", cmd_srem, True)
    hot_add(loop, b"sismember", cmd_sismember, True)
    hot_add(loop, b"smismember", cmd_smismember, True)
    hot_add(loop, b"scard", cmd_scard, True)
    hot_add(loop, b"smembers", cmd_smembers, True)
    hot_add(loop, b"spop", cmd_spop, True)
    hot_add(loop, b"srandmember", cmd_srandmember, True)
    return 0
