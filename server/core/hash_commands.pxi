# The hot commands on hashes; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what profiling showed to be worth C.  Must not: how a hash is kept (hash.pxi),
# error texts.  A hash of which a field has expired is no plain case.


cdef struct HashFound:
    Entry* e
    Place at
    HashData* s             # of the object, or `own`
    HashData own            # of a packed one, or a new one
    size_t weight           # of what is packed, before it changes
    int64_t first           # the earliest deadline of a field, before it changes; FAR: there is none


cdef inline Content find_hash(Loop loop, Client c, const Slice* key, uint64_t h, HashFound* f) noexcept:
    """The entry of a key and the hash in it, which has now been used."""
    cdef PyObject* value
    cdef uint64_t word
    f.e = db_lookup(c.db, key.p, key.n, h, &f.at)
    f.first = FAR
    if f.e == NULL:
        return ABSENT
    if kind_of(f.e) == PACKED:
        word = rl_load8(value_of(f.e))
        if packed_type(word) < PACKED_HASH:
            return ANOTHER
        f.own = packed_hash(word)
        f.s = &f.own
        f.weight = hash_memory(f.s)
    elif kind_of(f.e) == OBJECT:
        value = object_of(f.e)
        if type(<object>value) is not Hash:
            return ANOTHER
        f.s = &(<Hash>value).v
    else:
        return ANOTHER
    f.first = f.s.first
    if f.first < loop.now:
        return ANOTHER
    entry_used(c.db, f.e, loop.now)
    return WANTED

cdef inline void hash_settled(Loop loop, Client c, uint64_t h, HashFound* f) noexcept:
    """The entry learns what its hash has become."""
    cdef size_t weight = hash_memory(f.s)
    cdef Hash value
    if f.s != &f.own:
        value = <Hash>object_of(f.e)
        db_weigh(c.db, f.e, weight + HASH_ITSELF)
        ending_note(c.db, h, value)
        if not f.s.large:
            value = None
            db_pack(c.db, f.e, &f.at)
    elif not f.own.large:
        c.db.table.weight += weight - f.weight
        rl_store8(value_of(f.e), word_of_hash(&f.own))
        if f.own.timed:
            ending_told(c.db, h, f.first, f.own.first)
    else:
        c.db.table.weight += weight + HASH_ITSELF - f.weight
        value = hash_around(loop.config, f.s)
        value.noted = f.first
        db_hold(c.db, f.e, &f.at, value, weight + HASH_ITSELF)
        ending_note(c.db, h, value)

cdef inline void hash_changed(Loop loop, Client c, const Slice* key, uint64_t h, HashFound* f) noexcept:
    """The same, where fields have come, changed or gone.  The key goes with the last."""
    cdef bint empty = hash_count(f.s) == 0
    hash_settled(loop, c, h, f)
    if empty:
        db_erase(c.db, key.p, key.n, h)
    else:
        db_touch(c.db, key.p, key.n)

cdef void hash_new(Loop loop, Client c, const Slice* key, uint64_t h, const HashData* s) noexcept:
    """A hash under a key that was not there."""
    cdef char[8] payload
    cdef Hash value
    if s.large:
        value = hash_around(loop.config, s)
        db_put_object(c.db, key.p, key.n, h, value, hash_memory(s) + HASH_ITSELF, WITHOUT)
        ending_note(c.db, h, value)
    else:
        rl_store8(payload, word_of_hash(s))
        db_write(c.db, key.p, key.n, h, PACKED, FRESH, payload, sizeof(payload), WITHOUT)
        ending_told(c.db, h, FAR, s.first)

cdef inline void out_pairs_head(Client c, size_t count) noexcept nogil:
    if c.resp == 2:
        out_head(c.out, c'*', <int64_t>(2 * count))
    else:
        out_head(c.out, c'%', <int64_t>count)

cdef inline void out_found(Buffer* out, const HashData* s, const Found* found) noexcept:
    """The value of a field that was found."""
    cdef Slice value
    if s.large:
        value = member_value(found.cell)
        out_bulk(out, value.p, value.n)
    else:
        out_element(out, found.value)


cdef int64_t put_fields(Loop loop, Content there, HashFound* f, int64_t argc, const Slice* a, bint keep) noexcept:
    """Fields and values in turn, from the second argument on, in a hash that may be new; how many were new there."""
    cdef HashData* s
    cdef int64_t i, new = 0
    if there == ABSENT:
        f.s = &f.own
        hash_begin(&f.own)
    s = f.s
    if not s.large:
        if argc // 2 - 1 > loop.hash_limits.entries:
            hash_unpack(s, <size_t>(argc // 2))
        else:
            for i in range(2, argc):
                if <int64_t>a[i].n > loop.hash_limits.longest:
                    hash_unpack(s, 0)
                    break
    for i in range(2, argc, 2):
        new += hash_put(s, a[i], a[i + 1], keep)
    hash_fit(s, &loop.hash_limits)
    return new

cdef int64_t set_fields(Loop loop, Client c, Content there, HashFound* f, int64_t argc, const Slice* a,
                        uint64_t h, bint keep=False, const Slice* key=NULL) noexcept:
    """The same, and the entry learns of it.  Deadlines of these fields go, if they are not to be kept.

    key: the first argument, where it does not stand before the second."""
    cdef int64_t new = put_fields(loop, there, f, argc, a, keep)
    if key == NULL:
        key = a + 1
    if there == ABSENT:
        hash_new(loop, c, key, h, f.s)
        return new
    hash_changed(loop, c, key, h, f)
    return new

cdef bint cmd_hset(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Content there = ANOTHER if argc & 1 else find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', set_fields(loop, c, there, &f, argc, a, h))
    return True

cdef bint cmd_hmset(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Content there = ANOTHER if argc & 1 else find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    set_fields(loop, c, there, &f, argc, a, h)
    out_ok(c.out)
    return True

cdef bint cmd_hincrby(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Content there
    cdef Found found
    cdef Slice text
    cdef Slice[4] words
    cdef char[24] room
    cdef int64_t by = 0, number = 0
    if not rl_parse_int(a[3].p, a[3].n, &by):
        return False
    there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == WANTED and hash_find(f.s, a[2], &found):
        if f.s.large:
            text = member_value(found.cell)
            if not rl_parse_int(text.p, text.n, &number):
                return False
        elif lp_read(found.value, &text.n, &number) != NULL:
            return False
    if number > FAR - by if by > 0 else number < -FAR - 1 - by:
        return False
    number += by
    words[1], words[2] = a[1], a[2]
    words[3].p = room
    words[3].n = <size_t>rl_format_int(room, number)
    set_fields(loop, c, there, &f, 4, words, h, True)
    out_head(c.out, c':', number)
    return True

cdef bint cmd_hdel(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    cdef int64_t i, gone = 0
    if there == ANOTHER:
        return False
    if there == WANTED:
        for i in range(2, argc):
            gone += hash_remove(f.s, a[i])
        if gone:
            hash_changed(loop, c, a + 1, h, &f)
    out_head(c.out, c':', gone)
    return True


cdef bint cmd_hget(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Found found
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == WANTED and hash_find(f.s, a[2], &found):
        out_found(c.out, f.s, &found)
    else:
        out_null(c.out, c.resp)
    return True

cdef bint cmd_hmget(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Found found
    cdef int64_t i
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 2)
    for i in range(2, argc):
        if there == WANTED and hash_find(f.s, a[i], &found):
            out_found(c.out, f.s, &found)
        else:
            out_null(c.out, c.resp)
    return True

cdef bint cmd_hexists(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Found found
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', there == WANTED and hash_find(f.s, a[2], &found))
    return True

cdef bint cmd_hlen(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', <int64_t>hash_count(f.s) if there == WANTED else 0)
    return True


cdef bint cmd_hsetnx(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Found found
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == WANTED and hash_find(f.s, a[2], &found):
        out_head(c.out, c':', 0)
    else:
        out_head(c.out, c':', set_fields(loop, c, there, &f, argc, a, h))
    return True

cdef bint cmd_hincrbyfloat(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Found found
    cdef Slice[4] words
    cdef char[24] digits
    cdef char[RL_SUM_ROOM] total
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    cdef Slice before
    cdef int n
    if there == ANOTHER:
        return False
    before.p, before.n = b"0", 1
    if there == WANTED and hash_find(f.s, a[2], &found):
        if f.s.large:
            before = member_value(found.cell)
        else:
            before.p = <char*>lp_text(found.value, digits, &before.n)
    n = rl_sum(before.p, before.n, a[3].p, a[3].n, total)
    if n == 0:
        return False
    words[1], words[2] = a[1], a[2]
    words[3].p, words[3].n = total, <size_t>n
    set_fields(loop, c, there, &f, 4, words, h, True)
    out_bulk(c.out, total, <size_t>n)
    return True

cdef bint cmd_hstrlen(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Found found
    cdef char[24] digits
    cdef size_t n = 0
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == WANTED and hash_find(f.s, a[2], &found):
        if f.s.large:
            n = member_value(found.cell).n
        else:
            lp_text(found.value, digits, &n)
    out_head(c.out, c':', <int64_t>n)
    return True

cdef bint cmd_hrandfield(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """One field, any."""
    cdef HashFound f
    cdef Place place
    cdef Slice text
    cdef Content there = ANOTHER if argc > 2 else find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_null(c.out, c.resp)
    elif f.s.large:
        text = member_text(cell_random(<Table*>f.s.data, &c.db.random, &place))
        out_bulk(c.out, text.p, text.n)
    else:
        out_element(c.out, lp_seek(<char*>f.s.data,
                                     <int64_t>hash_step(f.s) * <int64_t>random_below(&c.db.random, hash_count(f.s))))
    return True


cdef void tell_fields(void* out, Bucket* b) noexcept:
    """out: a Buffer, which gets the fields of a chain as bulk strings."""
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

cdef void tell_values(void* out, Bucket* b) noexcept:
    """The same of their values."""
    cdef Slice text
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                text = member_value(b.slot[i])
                out_bulk(<Buffer*>out, text.p, text.n)
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef bint tell_halves(Loop loop, Client c, const Slice* a, uint64_t h, bint values) noexcept:
    """All fields, or all values."""
    cdef HashFound f
    cdef char* at
    cdef char* value
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', <int64_t>hash_count(f.s) if there == WANTED else 0)
    if there == ABSENT:
        return True
    if f.s.large:
        table_tell(<Table*>f.s.data, tell_values if values else tell_fields, c.out)
        return True
    at = lp_first(<char*>f.s.data)
    while at != NULL:
        value = lp_next(at)
        out_element(c.out, value if values else at)
        at = row_next(f.s, value)
    return True

cdef bint cmd_hkeys(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_halves(loop, c, a, h, False)

cdef bint cmd_hvals(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_halves(loop, c, a, h, True)


cdef void tell_pairs(void* out, Bucket* b) noexcept:
    """out: a Buffer, which gets the fields and values of a chain as bulk strings."""
    cdef Slice text
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                text = member_text(b.slot[i])
                out_bulk(<Buffer*>out, text.p, text.n)
                text = member_value(b.slot[i])
                out_bulk(<Buffer*>out, text.p, text.n)
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef bint cmd_hgetall(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef char* at
    cdef Content there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_pairs_head(c, 0)
        return True
    out_pairs_head(c, hash_count(f.s))
    if f.s.large:
        table_tell(<Table*>f.s.data, tell_pairs, c.out)
    elif not f.s.timed:
        out_listpack(c.out, <char*>f.s.data)
    else:
        at = lp_first(<char*>f.s.data)
        while at != NULL:
            out_element(c.out, at)
            at = lp_next(at)
            out_element(c.out, at)
            at = row_next(f.s, at)
    return True


cdef int hot_hashes(Loop loop) except -1:
    hot_add(loop, b"hset", cmd_hset, True, 2)
    hot_add(loop, b"hmset", cmd_hmset, True)
    hot_add(loop, b"hincrby", cmd_hincrby, True, 2)
    hot_add(loop, b"hdel", cmd_hdel, True, 2)
    hot_add(loop, b"hget", cmd_hget, True, 2)
    hot_add(loop, b"hmget", cmd_hmget, True)
    hot_add(loop, b"hexists", cmd_hexists, True, 2)
    hot_add(loop, b"hlen", cmd_hlen, True)
    hot_add(loop, b"hgetall", cmd_hgetall, True)
    hot_add(loop, b"hsetnx", cmd_hsetnx, True, 2)
    hot_add(loop, b"hincrbyfloat", cmd_hincrbyfloat, True, 2)
    hot_add(loop, b"hstrlen", cmd_hstrlen, True, 2)
    hot_add(loop, b"hkeys", cmd_hkeys, True)
    hot_add(loop, b"hvals", cmd_hvals, True)
    return 0
