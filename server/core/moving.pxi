# Hot commands that give a value another key, or tell what it takes; see dispatch.pxi for the contract.
#
# Must live here: RENAME, RENAMENX, MOVE, MEMORY USAGE.  Must not: error texts, hashes of which a field has ended.
#
# The value stays where it is: what goes from one entry to another is the text, or what the entry has of a collection.

cdef inline int64_t ends_first(const Entry* e) noexcept:
    """The earliest deadline of a field that an entry's hash has, or FAR."""
    return entry_first(e) if is_collection(e) else FAR

cdef Entry* entry_taken(Database db, const Slice* key, uint64_t h) noexcept:
    """The entry of a key that is there, which goes; what it holds is the caller's."""
    cdef Place at
    cdef Entry* e
    at.bucket, at.slot = NULL, 0
    e = entry_find(&db.table, key.p, key.n, h, &at)
    entry_remove(&db.table, h, &at)
    ending_forget(db.ending, ends_first(e))
    db_touch(db, key.p, key.n)
    if DICT_SIZE(db.awaited):
        db_note(db, key.p, key.n, False)
    return e

cdef void entry_lands(Database db, const Slice* key, uint64_t h, Entry* e) noexcept:
    """What such an entry holds is a new key's value from now on, with its deadline; whatever that held goes."""
    cdef int64_t first = ends_first(e)
    cdef size_t size = entry_size(e)
    db_erase(db, key.p, key.n, h)
    db_write(db, key.p, key.n, h, kind_of(e), form_of(e), value_of(e), size - <size_t>(value_of(e) - <char*>e),
             deadline_of(e)[0] if e.flags & TIMED else WITHOUT)
    ending_told(db, h, FAR, first)
    rl_slot_free(e, size)

cdef bint rename_key(Loop loop, Client c, const Slice* a, uint64_t h, bint replaces) noexcept:
    """In Python: of a key that is not there, under its own name, of a hash of which a field has ended."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef uint64_t h2
    if e == NULL or ends_first(e) < loop.now or a[1].n == a[2].n and memcmp(a[1].p, a[2].p, a[1].n) == 0:
        return False
    h2 = rl_hash(a[2].p, a[2].n)
    if not replaces and db_live(c.db, a[2].p, a[2].n, h2, &at) != NULL:
        entry_used(c.db, e, loop.now)
        out_head(c.out, c':', 0)
        return True
    entry_lands(c.db, a + 2, h2, entry_taken(c.db, a + 1, h))
    if replaces:
        out_ok(c.out)
    else:
        out_head(c.out, c':', 1)
    return True

cdef bint cmd_rename(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return rename_key(loop, c, a, h, True)

cdef bint cmd_renamenx(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return rename_key(loop, c, a, h, False)

cdef bint cmd_move(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef Database target
    cdef int64_t index = 0
    if not rl_parse_int(a[2].p, a[2].n, &index) or not 0 <= index < PyList_GET_SIZE(loop.databases):
        return False
    target = <Database>loop.databases[index]
    if target is c.db:
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL and ends_first(e) < loop.now:
        return False
    if e != NULL:
        entry_used(c.db, e, loop.now)
    if e == NULL or db_live(target, a[1].p, a[1].n, h, &at) != NULL:
        out_head(c.out, c':', 0)
        return True
    entry_lands(target, a + 1, h, entry_taken(c.db, a + 1, h))
    out_head(c.out, c':', 1)
    return True

cdef bint cmd_memory_usage(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """With how many samples does not matter: a value knows its size."""
    cdef Place at
    cdef Entry* e
    cdef int64_t samples = 0
    if argc != 3 and not (argc == 5 and word_is(a + 3, b"samples", 7) and
                          rl_parse_int(a[4].p, a[4].n, &samples) and samples >= 0):
        return False
    e = db_live(c.db, a[2].p, a[2].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
    else:
        out_head(c.out, c':', <int64_t>(entry_size(e) + weight_of(e)))
    return True


cdef int hot_moves(Loop loop) except -1:
    hot_add(loop, b"rename", cmd_rename, 1)
    hot_add(loop, b"renamenx", cmd_renamenx, 1)
    hot_add(loop, b"move", cmd_move, 1)
    hot_contain(loop, b"memory", MEMORY_OF)
    hot_add_below(loop, b"memory", b"usage", cmd_memory_usage, 2)
    return 0
