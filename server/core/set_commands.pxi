# The hot commands on sets; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what profiling showed to be worth C.  Must not: how a set is kept (set.pxi), error
# texts.

cdef enum Content:             # what a key holds
    ABSENT
    WANTED
    ANOTHER                 # something else, or what only Python deals with


cdef struct SetFound:
    Entry* e
    Place at
    SetData* s              # of the object, or `own`
    SetData own             # of a packed one, or a new one
    size_t weight           # of what is packed, before it changes


cdef inline Content find_set(Loop loop, Client c, const Slice* key, uint64_t h, SetFound* f) noexcept:
    """The entry of a key and the set in it, which has now been used."""
    cdef PyObject* value
    cdef uint64_t word
    f.e = db_lookup(c.db, key.p, key.n, h, &f.at)
    if f.e == NULL:
        return ABSENT
    if kind_of(f.e) == PACKED:
        word = rl_load8(value_of(f.e))
        if not is_packed_set(word):
            return ANOTHER
        f.own = packed_set(word)
        f.s = &f.own
        f.weight = set_memory(f.s)
    elif kind_of(f.e) == OBJECT:
        value = object_of(f.e)
        if type(<object>value) is not Set:
            return ANOTHER
        f.s = &(<Set>value).v
    else:
        return ANOTHER
    entry_used(c.db, f.e, loop.now)
    return WANTED

cdef void set_store(Loop loop, Client c, SetFound* f) noexcept:
    """The entry learns what its set has become.  It may move."""
    cdef size_t weight = set_memory(f.s)
    if f.s != &f.own:
        db_weigh(c.db, f.e, weight + COLLECTION)
        if f.s.form != HASHTABLE:
            db_pack(c.db, f.e, &f.at)
    elif f.own.form != HASHTABLE:
        c.db.table.weight += weight - f.weight
        rl_store8(value_of(f.e), word_of_set(f.s))
    else:
        c.db.table.weight += weight + COLLECTION - f.weight
        db_hold(c.db, f.e, &f.at, set_around(loop.config, f.s), weight + COLLECTION)

cdef inline void set_changed(Loop loop, Client c, const Slice* key, uint64_t h, SetFound* f) noexcept:
    """Members have come or gone; what is empty goes altogether."""
    cdef bint empty = set_count(f.s) == 0
    set_store(loop, c, f)
    if empty:
        db_erase(c.db, key.p, key.n, h)
    else:
        db_touch(c.db, key.p, key.n)

cdef void set_new(Loop loop, Client c, const Slice* key, uint64_t h, const SetData* s) noexcept:
    """A set under a key that was not there."""
    cdef char[8] payload
    if s.form == HASHTABLE:
        db_put_object(c.db, key.p, key.n, h, set_around(loop.config, s), set_memory(s) + COLLECTION, WITHOUT)
    else:
        rl_store8(payload, word_of_set(s))
        db_write(c.db, key.p, key.n, h, PACKED, FRESH, payload, sizeof(payload), WITHOUT)

cdef inline void out_set_head(Client c, size_t count) noexcept nogil:
    out_head(c.out, c'*' if c.resp == 2 else c'~', <int64_t>count)


cdef bint cmd_sadd(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef SetFound f
    cdef Content there = find_set(loop, c, a + 1, h, &f)
    cdef int64_t i, added = 0
    if there == ANOTHER:
        return False
    if there == ABSENT:
        f.s = &f.own
        set_make(f.s)
    if f.s.form != HASHTABLE:
        set_announce(f.s, a[2], argc - 2, &loop.set_limits)
    for i in range(2, argc):
        added += set_add(f.s, a[i], &loop.set_limits)
    if there == ABSENT:
        set_new(loop, c, a + 1, h, f.s)
    elif added:
        set_changed(loop, c, a + 1, h, &f)
    else:
        set_store(loop, c, &f)      # so many were announced that it may have another form
    out_head(c.out, c':', added)
    return True

cdef bint cmd_srem(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef SetFound f
    cdef Content there = find_set(loop, c, a + 1, h, &f)
    cdef int64_t i, gone = 0
    if there == ANOTHER:
        return False
    if there == WANTED:
        for i in range(2, argc):
            gone += set_remove(f.s, a[i])
        if gone:
            set_changed(loop, c, a + 1, h, &f)
    out_head(c.out, c':', gone)
    return True

cdef bint cmd_smove(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Each set is looked up anew before it changes: the entry of the other one may have gone or moved."""
    cdef SetFound f, to
    cdef uint64_t h2
    cdef Content there = find_set(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_head(c.out, c':', 0)
        return True
    h2 = rl_hash(a[2].p, a[2].n)
    there = find_set(loop, c, a + 2, h2, &to)
    if there == ANOTHER:
        return False
    if a[1].n == a[2].n and memcmp(a[1].p, a[2].p, a[1].n) == 0 or not set_has(f.s, a[3]):
        out_head(c.out, c':', set_has(f.s, a[3]))
        return True
    find_set(loop, c, a + 1, h, &f)
    set_remove(f.s, a[3])
    set_changed(loop, c, a + 1, h, &f)
    if there == WANTED:
        find_set(loop, c, a + 2, h2, &to)
        if set_add(to.s, a[3], &loop.set_limits):
            set_changed(loop, c, a + 2, h2, &to)
    else:
        set_make(&to.own)
        set_announce(&to.own, a[3], 1, &loop.set_limits)
        set_add(&to.own, a[3], &loop.set_limits)
        set_new(loop, c, a + 2, h2, &to.own)
    out_head(c.out, c':', 1)
    return True

cdef bint cmd_sismember(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef SetFound f
    cdef Content there = find_set(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', there == WANTED and set_has(f.s, a[2]))
    return True

cdef bint cmd_smismember(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef SetFound f
    cdef Content there = find_set(loop, c, a + 1, h, &f)
    cdef int64_t i
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 2)
    for i in range(2, argc):
        out_head(c.out, c':', there == WANTED and set_has(f.s, a[i]))
    return True

cdef bint cmd_scard(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef SetFound f
    cdef Content there = find_set(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', <int64_t>set_count(f.s) if there == WANTED else 0)
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
    cdef SetFound f
    cdef Content there = find_set(loop, c, a + 1, h, &f)
    cdef SetData* s
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_set_head(c, 0)
        return True
    out_members(c, f.s)
    return True

cdef void out_members(Client c, SetData* s) noexcept:
    """Every member."""
    out_set_head(c, set_count(s))
    if s.form == HASHTABLE:
        table_tell(<Table*>s.data, tell_members, c.out)
    elif s.form == LISTPACK:
        out_listpack(c.out, <char*>s.data)
    else:
        out_numbers(c.out, <rl_intset*>s.data)

cdef void table_tell(Table* t, Visitor visit, void* out) noexcept:
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
    cdef SetFound f
    cdef SetData* s
    cdef Content there = find_set(loop, c, a + 1, h, &f)
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
    s = f.s
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
    set_changed(loop, c, a + 1, h, &f)
    return True

cdef void pop_numbers(Client c, SetData* s, size_t lacks) noexcept:
    """So many different ones in one walk, each with the chance that as many are found as are lacking."""
    cdef rl_intset* numbers = <rl_intset*>s.data
    cdef char[24] text
    cdef size_t i, kept = 0, count = numbers.count
    for i in range(count):
        if lacks and random_below(&c.db.random, count - i) < lacks:
            out_bulk(c.out, text, <size_t>rl_format_int(text, rl_intset_at(numbers, i)))
            lacks -= 1
        else:
            rl_intset_put(numbers, kept, rl_intset_at(numbers, i))
            kept += 1
    s.data = rl_intset_shorten(numbers, kept)

cdef void pop_elements(Client c, SetData* s, size_t lacks) noexcept:
    """The same of a listpack; what stays moves to the front."""
    cdef char* lp = <char*>s.data
    cdef char* at = lp + LP_HEAD
    cdef char* to = at
    cdef size_t n, count = lp_count(lp), kept = count - lacks
    while lacks:
        n = lp_whole_n(at)
        if random_below(&c.db.random, count) < lacks:
            out_element(c.out, at)
            lacks -= 1
        else:
            if to != at:
                memmove(to, at, n)
            to += n
        at += n
        count -= 1
    n = <size_t>(lp_end(lp) - at)
    memmove(to, at, n)
    s.data = lp_shorten(lp, to + n, kept)

cdef void pop_cells(Client c, SetData* s, size_t count) noexcept:
    """The same of a table: one after another."""
    cdef Table* t = <Table*>s.data
    cdef Place place
    cdef Slice text
    cdef void* m
    while count:
        m = cell_random(t, &c.db.random, &place)
        text = member_text(m)
        out_bulk(c.out, text.p, text.n)
        member_remove(t, LONE, rl_hash(text.p, text.n), &place)
        count -= 1

cdef bint cmd_spops(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """One, or so many; what goes altogether is a hit, since it is read as a union is."""
    cdef SetFound f
    cdef Content there
    cdef uint64_t found = c.db.found, missed = c.db.missed
    cdef int64_t count = 0
    cdef bint done
    if argc == 2:
        done = cmd_spop(loop, c, argc, a, h)
        c.db.found, c.db.missed = found, missed
        return done
    if argc != 3 or not rl_parse_int(a[2].p, a[2].n, &count) or count < 0:
        return False
    there = find_set(loop, c, a + 1, h, &f)
    c.db.found, c.db.missed = found, missed
    if there == ANOTHER:
        return False
    if there == ABSENT or count == 0:
        out_set_head(c, 0)
        return True
    if <size_t>count >= set_count(f.s):
        c.db.found += 1
        out_members(c, f.s)
        db_erase(c.db, a[1].p, a[1].n, h)
        return True
    out_set_head(c, <size_t>count)
    if f.s.form == HASHTABLE:
        pop_cells(c, f.s, <size_t>count)
    elif f.s.form == LISTPACK:
        pop_elements(c, f.s, <size_t>count)
    else:
        pop_numbers(c, f.s, <size_t>count)
    set_keep(f.s, <size_t>count, &loop.set_limits)
    set_changed(loop, c, a + 1, h, &f)
    return True

cdef bint cmd_srandmember(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """One member, any."""
    cdef SetFound f
    cdef SetData* s
    cdef Content there = ANOTHER if argc > 2 else find_set(loop, c, a + 1, h, &f)
    cdef Slice text
    cdef Place place
    cdef size_t i
    cdef char[24] number
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_null(c.out, c.resp)
        return True
    s = f.s
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
    hot_add(loop, b"sadd", cmd_sadd, True, 2)
    hot_add(loop, b"srem", cmd_srem, True, 2)
    hot_add(loop, b"smove", cmd_smove, True)
    hot_add(loop, b"sismember", cmd_sismember, True, 2)
    hot_add(loop, b"smismember", cmd_smismember, True)
    hot_add(loop, b"scard", cmd_scard, True)
    hot_add(loop, b"smembers", cmd_smembers, True)
    hot_add(loop, b"spop", cmd_spops, True)
    hot_counts(loop, b"spop")
    return 0
