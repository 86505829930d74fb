# The hot commands on hashes; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what profiling showed to be worth C.  Must not: how a hash is kept (hash.pxi), error
# texts.  A hash whose fields have, or have had, deadlines is no plain case.


cdef inline Content find_hash(Loop loop, Client c, const Slice* key, uint64_t h, Entry** e, PyObject** value) noexcept:
    """The entry of a key and the hash in it, which has now been used."""
    cdef Place at
    e[0] = db_lookup(c.db, key.p, key.n, h, &at)
    if e[0] == NULL:
        return ABSENT
    if kind_of(e[0]) != OBJECT:
        return ANOTHER
    value[0] = object_of(e[0])
    if type(<object>value[0]) is not Hash or (<Hash>value[0]).timed:
        return ANOTHER
    entry_used(c.db, e[0], loop.now)
    return WANTED

cdef inline void hash_changed(Client c, const Slice* key, Entry* e, Hash s) noexcept:
    db_weigh(c.db, e, hash_memory(s))
    db_touch(c.db, key.p, key.n)

cdef inline void out_pairs_head(Client c, size_t count) noexcept nogil:
    if c.resp == 2:
        out_head(c.out, c'*', <int64_t>(2 * count))
    else:
        out_head(c.out, c'%', <int64_t>count)

cdef inline void out_found(Buffer* out, Hash s, const Found* found) noexcept:
    """The value of a field that was found."""
    cdef Slice value
    if s.large:
        value = member_value(found.cell)
        out_bulk(out, value.p, value.n)
    else:
        out_element(out, found.value)


cdef int64_t set_fields(Loop loop, Client c, Content there, Entry* e, PyObject* value, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Fields and values in turn, from the second argument on; how many were new."""
    cdef Hash s = <Hash>value if there == WANTED else Hash.__new__(Hash, loop.config)
    cdef int64_t i, new = 0
    if not s.large:
        if argc // 2 - 1 > loop.hash_limits.entries:
            hash_unpack(s, <size_t>(argc // 2))
        else:
            for i in range(2, argc):
                if <int64_t>a[i].n > loop.hash_limits.longest:
                    hash_unpack(s, 0)
                    break
    for i in range(2, argc, 2):
        new += hash_put(s, a[i], a[i + 1])
    hash_fit(s, &loop.hash_limits)
    if there == WANTED:
        hash_changed(c, a + 1, e, s)
    else:
        db_put_object(c.db, a[1].p, a[1].n, h, s, hash_memory(s), WITHOUT)
    return new

cdef bint cmd_hset(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value = NULL
    cdef Content there = ANOTHER if argc & 1 else find_hash(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', set_fields(loop, c, there, e, value, argc, a, h))
    return True

cdef bint cmd_hmset(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value = NULL
    cdef Content there = ANOTHER if argc & 1 else find_hash(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    set_fields(loop, c, there, e, value, argc, a, h)
    out_ok(c.out)
    return True

cdef bint cmd_hincrby(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value = NULL
    cdef Content there
    cdef Found found
    cdef Slice text
    cdef Slice[4] words
    cdef char[24] room
    cdef int64_t by = 0, number = 0
    if not rl_parse_int(a[3].p, a[3].n, &by):
        return False
    there = find_hash(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    if there == WANTED and hash_find(<Hash>value, a[2], &found):
        if (<Hash>value).large:
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
    set_fields(loop, c, there, e, value, 4, words, h)
    out_head(c.out, c':', number)
    return True

cdef bint cmd_hdel(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_hash(loop, c, a + 1, h, &e, &value)
    cdef int64_t i, gone = 0
    if there == ANOTHER:
        return False
    if there == WANTED:
        for i in range(2, argc):
            gone += hash_remove(<Hash>value, a[i])
        if gone and hash_count(<Hash>value) == 0:
            db_erase(c.db, a[1].p, a[1].n, h)
        elif gone:
            hash_changed(c, a + 1, e, <Hash>value)
    out_head(c.out, c':', gone)
    return True


cdef bint cmd_hget(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Found found
    cdef Content there = find_hash(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    if there == WANTED and hash_find(<Hash>value, a[2], &found):
        out_found(c.out, <Hash>value, &found)
    else:
        out_null(c.out, c.resp)
    return True

cdef bint cmd_hmget(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Found found
    cdef int64_t i
    cdef Content there = find_hash(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 2)
    for i in range(2, argc):
        if there == WANTED and hash_find(<Hash>value, a[i], &found):
            out_found(c.out, <Hash>value, &found)
        else:
            out_null(c.out, c.resp)
    return True

cdef bint cmd_hexists(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Found found
    cdef Content there = find_hash(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', there == WANTED and hash_find(<Hash>value, a[2], &found))
    return True

cdef bint cmd_hlen(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_hash(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', <int64_t>hash_count(<Hash>value) if there == WANTED else 0)
    return True


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
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_hash(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_pairs_head(c, 0)
        return True
    out_pairs_head(c, hash_count(<Hash>value))
    if (<Hash>value).large:
        table_tell(<Table*>(<Hash>value).data, tell_pairs, c.out)
    else:
        out_listpack(c.out, <char*>(<Hash>value).data)
    return True


cdef int hot_hashes(Loop loop) except -1:
    hot_add(loop, b"hset", cmd_hset, True)
    hot_add(loop, b"hmset", cmd_hmset, True)
    hot_add(loop, b"hincrby", cmd_hincrby, True)
    hot_add(loop, b"hdel", cmd_hdel, True)
    hot_add(loop, b"hget", cmd_hget, True)
    hot_add(loop, b"hmget", cmd_hmget, True)
    hot_add(loop, b"hexists", cmd_hexists, True)
    hot_add(loop, b"hlen", cmd_hlen, True)
    hot_add(loop, b"hgetall", cmd_hgetall, True)
    return 0
