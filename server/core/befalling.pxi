# What befalls keys: who is told that one has changed or come to be, and keys whose time is over.
#
# Must live here: the marks of WATCH, what listeners and trackers are told, lazy and active expiry.  Must not: the writes
# that change keys (database.pxi), who the listeners are.

# ---------------------------------------------------------------------------------------------------------------- WATCH

cdef inline void db_touch(Database db, const char* p, size_t n, bint expired=False) noexcept:
    db.changes += not expired
    if DICT_SIZE(db.watched):
        mark_watchers(db, p, n)
    if db.tracker is not None:
        tell_tracker(db, p, n, expired)

cdef void mark_watchers(Database db, const char* p, size_t n) noexcept:
    clients = db.watched.get(PyBytes_FromStringAndSize(p, <Py_ssize_t>n))
    if clients is not None:
        WATCHED_CHANGED(clients)


cdef void tell_tracker(Database db, const char* p, size_t n, bint expired) noexcept:
    try:
        db.tracker(PyBytes_FromStringAndSize(p, <Py_ssize_t>n), expired)
    except BaseException as error:
        loop_failed(db.loop, error)

cdef void db_note(Database db, const char* p, size_t n, bint came) noexcept:
    """A collection has come to be, or a value has gone: noted if anybody waits for the key."""
    key = PyBytes_FromStringAndSize(p, <Py_ssize_t>n)
    if key in db.awaited:
        db.came.append((db, key, came))


cdef void db_tell(Database db, bytes event, const char* p, size_t n) noexcept:
    """Nothing that a message sets off comes back to this table before the command is over."""
    try:
        db.teller(db, event, PyBytes_FromStringAndSize(p, <Py_ssize_t>n))
    except BaseException as error:
        loop_failed(db.loop, error)


cdef int loop_rest(Loop loop) except -1:
    """Nobody else is to be served just now: what was put off until then is done (`Tracker.rest`)."""
    if loop.noted:
        loop.look_after()
    if loop.telling and loop.aside is None:
        loop.server.tracking.rest(loop.config.tracking_table_max_keys)
        loop.look_after()
    return 0


# --------------------------------------------------------------------------------------------------------------- expiry

cdef void db_expire(Database db, uint64_t h, Place* at) noexcept:
    cdef Entry* e = entry_remove(&db.table, h, at)
    db.expired += 1
    ending_forget(db.ending, entry_first(e))
    if DICT_SIZE(db.awaited):
        db_note(db, key_of(e), key_size(e), False)
    if db.teller is not None:
        db_tell(db, EXPIRED, key_of(e), key_size(e))        # before anybody is told that it has changed
    db_touch(db, key_of(e), key_size(e), True)
    entry_free(e)

cdef void db_expire_entry(Database db, Entry* e) noexcept:
    cdef Place at
    cdef uint64_t h = rl_hash(key_of(e), key_size(e))
    if entry_find(&db.table, key_of(e), key_size(e), h, &at) != NULL:
        db_expire(db, h, &at)

cdef struct PastKeys:
    int64_t now
    Py_ssize_t examined
    int count
    Entry* entries[EXPIRED_AT_ONCE]

cdef void collect_past(void* arg, Bucket* b) noexcept:
    cdef PastKeys* past = <PastKeys*>arg
    cdef int i
    while True:
        if (b.tags >> 56) & 0x7F:
            for i in range(SLOTS):
                if (b.tags >> (56 + i)) & 1:
                    past.examined += 1
                    if deadline_of(<Entry*>b.slot[i])[0] < past.now and past.count < EXPIRED_AT_ONCE:
                        past.entries[past.count] = <Entry*>b.slot[i]
                        past.count += 1
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef int db_expire_step(Database db, PastKeys* past) noexcept:
    """Visit one home bucket, and remove what is past; how many went."""
    cdef int i
    past.count = 0
    db.cursor = table_scan(&db.table, db.cursor, collect_past, past)
    for i in range(past.count):
        db_expire_entry(db, past.entries[i])
    return past.count
