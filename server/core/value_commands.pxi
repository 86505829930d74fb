# Hot commands on values of any type: OBJECT, DUMP and RESTORE; see dispatch.pxi for the contract.
#
# Must live here: names of encodings, the commands.  Must not: how a value is written and read (dumping.pxi, restoring.pxi).

# ------------------------------------------------------------------------------------------------------------- OBJECT

cdef bytes packed_encoding(uint64_t word):
    if packed_type(word) == PACKED_NUMBERS:
        return b"intset"
    return b"hashtable" if packed_type(word) == PACKED_FEW else b"listpack"

cdef inline bytes text_encoding(const Entry* e):
    """values.encoding_of, of a string."""
    cdef int64_t number = 0
    if form_of(e) == RAW:
        return b"raw"
    if kind_of(e) == INTEGER or form_of(e) == FRESH and rl_parse_int(value_of(e), text_size(e), &number):
        return b"int"
    return b"embstr"

cdef bint cmd_object_encoding(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """It is no use of the value."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[2].p, a[2].n, h, &at)
    cdef Slice text
    cdef PyObject* held
    if e == NULL:
        out_null(c.out, c.resp)
        return True
    if kind_of(e) == PACKED and packed_type(rl_load8(value_of(e))) == PACKED_TIMED_HASH:
        return False
    if kind_of(e) == PACKED:
        text = slice_of(packed_encoding(rl_load8(value_of(e))))
    elif kind_of(e) == OBJECT:
        held = object_of(e)
        if type(<object>held) is Hash and (<Hash>held).v.timed:
            return False
        text = slice_of(<bytes>(<object>held).encoding)
    else:
        text = slice_of(text_encoding(e))
    out_bulk(c.out, text.p, text.n)
    return True

cdef bint cmd_object_refcount(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    if db_lookup(c.db, a[2].p, a[2].n, h, &at) == NULL:
        out_null(c.out, c.resp)
    else:
        out_head(c.out, c':', 1)
    return True

cdef bint cmd_object_idletime(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[2].p, a[2].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
    elif c.db.frequent:
        return False
    else:
        out_head(c.out, c':', unused_for(e, loop.now) // 1000)
    return True

cdef bint cmd_object_freq(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[2].p, a[2].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
    elif not c.db.frequent:
        return False
    else:
        out_head(c.out, c':', count_of(c.db, e.access, loop.now))
    return True


# --------------------------------------------------------------------------------------------------------------- DUMP

cdef bint cmd_dump(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef Buffer* to = &loop.dumped
    cdef char[24] digits
    cdef const char* text
    cdef size_t size = 0
    if e == NULL:
        out_null(c.out, c.resp)
        return True
    to.used = 0
    if kind_of(e) == PACKED:
        dump_packed(to, &loop.cells, rl_load8(value_of(e)))
    elif kind_of(e) != OBJECT:
        text = text_of(e, digits, &size)
        dump_byte(to, RDB_STRING)
        dump_text(to, text, size)
    elif not dump_object(to, &loop.cells, object_of(e)):
        return False
    entry_used(c.db, e, loop.now)
    dump_number(to, RDB_VERSION, 2)
    dump_number(to, rl_crc64(0, <const unsigned char*>to.p, to.used), 8)
    out_bulk(c.out, to.p, to.used)
    buffer_emptied(to)
    buffer_emptied(&loop.cells)
    return True


# ------------------------------------------------------------------------------------------------------------ RESTORE

cdef bint is_whole(const Slice* payload) noexcept nogil:
    """Is it of a version that can be read, and as it was written?"""
    cdef const char* behind = payload.p + payload.n - RDB_FOOTER
    if payload.n < RDB_FOOTER or rl_load2(behind) > RDB_VERSION:
        return False
    return rl_crc64(0, <const unsigned char*>payload.p, payload.n - 8) == rl_load8(behind + 2)

cdef void db_put_value(Database db, const Slice* key, uint64_t h, object value) except *:
    """Put what was read, under a key that is not there."""
    cdef char[8] payload
    cdef uint64_t word
    cdef Slice text
    if type(value) is bytes:
        text = slice_of(<bytes>value)
        db_set(db, key.p, key.n, h, &text, FRESH, WITHOUT)
        return
    word = packed_word(value)
    if word:
        rl_store8(payload, word)
        db_write(db, key.p, key.n, h, PACKED, FRESH, payload, sizeof(payload), WITHOUT)
        packed_leave(value)
    else:
        db_put_object(db, key.p, key.n, h, value, value.memory(), WITHOUT)
    if type(value) is Hash:
        ending_note(db, h, value)

cdef bint cmd_restore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """A good payload, for good, under a key that is free or has no deadline; of all else Python says what it is."""
    cdef Place at
    cdef Entry* e
    cdef Payload s
    cdef int64_t lives = 0
    if argc != 4 and not (argc == 5 and word_is(a + 4, b"replace", 7)):
        return False
    if not rl_parse_int(a[2].p, a[2].n, &lives) or lives or not is_whole(a + 3):
        return False
    e = entry_find(&c.db.table, a[1].p, a[1].n, h, &at)
    if e != NULL and (argc == 4 or e.flags & TIMED):
        return False
    memset(&s, 0, sizeof(Payload))
    s.p, s.n = a[3].p, a[3].n
    try:
        value = restored_object(&s, loop.config)
        if value is None:
            return False
        db_erase(c.db, a[1].p, a[1].n, h)
        db_put_value(c.db, a + 1, h, value)
    finally:
        buffer_drop(&s.text)
        buffer_drop(&s.other)
    out_ok(c.out)
    return True


cdef int hot_values(Loop loop) except -1:
    hot_contain(loop, b"object", OBJECT_OF)
    hot_add_below(loop, b"object", b"encoding", cmd_object_encoding, 2)
    hot_add_below(loop, b"object", b"refcount", cmd_object_refcount, 2)
    hot_add_below(loop, b"object", b"idletime", cmd_object_idletime, 2)
    hot_add_below(loop, b"object", b"freq", cmd_object_freq, 2)
    hot_add(loop, b"dump", cmd_dump, 1)
    hot_add(loop, b"restore", cmd_restore, 1)
    return 0
