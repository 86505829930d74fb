# A numbered keyspace: a table, the clock's reading, and the watchers of its keys.
#
# Must live here: the writes, and the face that Python commands see (interfaces.Database).  Must not: the structure of the
# table, replies, expiry and who is told of changes (befalling.pxi).
#
# Every write passes through db_write, db_erase, db_retime or db_touch, so no command can forget the watchers.

cdef enum:
    WITHOUT = -1            # interfaces.NO_DEADLINE
    KEEP = -2               # for db_write: the deadline stays
    EMBEDDED = 41           # values.EMBEDDED, values.EMBEDDED_WITH_DEADLINE
    EMBEDDED_TIMED = 33
    EXPIRED_AT_ONCE = 128   # keys that one step of active expiry removes at most
    STEPS_AT_MOST = 16384   # home buckets that one cycle visits at most


cdef class Database:
    """One keyspace; see redlark.server.interfaces.Database."""

    cdef Table table
    cdef Loop loop                  # None until a loop owns it: then `clock` tells the time
    cdef object clock
    cdef public Py_ssize_t index
    cdef public Py_ssize_t expired
    cdef public uint64_t changes
    cdef public dict watched
    cdef public dict awaited
    cdef public list came
    cdef public object teller       # of keys that are new or have expired; None: of nothing
    cdef public bint misses
    cdef public uint64_t found, missed
    cdef public int counts          # 1: `get` counts into these; 2: so does `exists`
    cdef public Ending ending       # the keys of hashes of which fields have deadlines
    cdef public object tracker      # of keys that change; None: of nothing
    cdef public bint touching
    cdef uint64_t cursor            # of active expiry
    cdef uint64_t random
    cdef bint frequent              # entries count how often they are used (eviction.pxi)
    cdef uint32_t log_factor
    cdef uint32_t decay
    cdef uint64_t sampled           # cursor of what eviction looks at

    def __cinit__(self, Py_ssize_t index=0, clock=None):
        table_init(&self.table, entry_hash)
        self.index = index
        self.clock = clock
        self.watched = {}
        self.awaited = {}
        self.came = []
        self.ending = Ending()
        self.touching = True
        self.random = rl_hash(<char*>&index, sizeof(index))

    def __dealloc__(self):
        table_drop(&self.table, entry_drop)
        later_finish()

    # ---------------------------------------------------------------------------------------------- reading

    def get(self, bytes key not None, /):
        value = self.look(key)
        if type(value) is Hash and (<Hash>value).v.first < db_now(self) and \
                not FIELDS_MET(self, key, value, db_now(self)):
            return None
        return value

    def look(self, bytes key not None, /):
        cdef Place place
        cdef Entry* e = db_find_at(self, key, &place)
        if self.counts:
            db_count(self, e != NULL)
        if e == NULL:
            if self.misses and self.teller is not None:
                db_tell(self, MISSED, key, len(key))
            return None
        if self.touching:
            entry_used(self, e, db_now(self))
        return db_value(self, e, &place)

    def peek(self, bytes key not None, /):
        cdef Place place
        cdef Entry* e = db_find_at(self, key, &place)
        return None if e == NULL else db_value(self, e, &place)

    def exists(self, bytes key not None, /):
        cdef bint there = db_find(self, key) != NULL
        if self.counts > 1:
            db_count(self, there)
        return there

    def kind(self, bytes key not None, /):
        cdef Entry* e = db_find(self, key)
        if e == NULL:
            return None
        if kind_of(e) == PACKED:
            return packed_kind(rl_load8(value_of(e)))
        return (<object>object_of(e)).kind if kind_of(e) == OBJECT else b"string"

    def form(self, bytes key not None, /):
        cdef Entry* e = db_find(self, key)
        return FRESH if e == NULL else form_of(e)

    def deadline(self, bytes key not None, /):
        cdef Entry* e = db_find(self, key)
        return deadline_of(e)[0] if e != NULL and e.flags & TIMED else WITHOUT

    def idle(self, bytes key not None, /):
        cdef Entry* e = db_find(self, key)
        return 0 if e == NULL else unused_for(e, db_now(self)) // 1000

    def count_uses(self, bint frequent, uint32_t log_factor, uint32_t decay, /):
        self.frequent = frequent
        self.log_factor = log_factor
        self.decay = decay

    def frequency(self, bytes key not None, /):
        cdef Entry* e = db_find(self, key)
        return 0 if e == NULL else count_of(self, e.access, db_now(self))

    def sample(self, int count, bint timed, int order, /):
        return db_sample(self, count, timed, order)

    def set_idle(self, bytes key not None, int64_t seconds, /):
        cdef Entry* e = db_find(self, key)
        if e != NULL and not self.frequent:
            e.access = ticks_of(db_now(self) - min(seconds, IDLE_MOST) * 1000)

    def set_frequency(self, bytes key not None, uint32_t count, /):
        cdef Entry* e = db_find(self, key)
        if e != NULL and self.frequent:
            e.access = minutes_of(db_now(self)) << 8 | count & 0xFF

    def size(self, bytes key not None, /):
        cdef Entry* e = db_find(self, key)
        return None if e == NULL else entry_size(e) + weight_of(e)

    def __len__(self):
        return <Py_ssize_t>self.table.used

    def expires_count(self):
        return self.table.marked

    def scan(self, cursor, Py_ssize_t count, /):
        cdef uint64_t at = cursor
        cdef Py_ssize_t steps = 0
        cdef list keys = []
        while True:
            at = table_scan(&self.table, at, collect_keys, <void*>keys)
            steps += 1
            if at == 0 or len(keys) >= count or steps >= 10 * count:
                return at, keys

    def keys(self):
        cdef uint64_t at = 0
        cdef list keys = []
        self._expire_all()
        while True:
            at = table_scan(&self.table, at, collect_keys, <void*>keys)
            if at == 0:
                return keys

    def random_key(self):
        cdef Entry* e
        cdef Place place
        while True:
            e = <Entry*>cell_random(&self.table, &self.random, &place)
            if e == NULL or not is_past(self, e):
                return None if e == NULL else entry_key(e)
            db_expire_entry(self, e)

    # ---------------------------------------------------------------------------------------------- writing

    def put(self, bytes key not None, value not None, bint keep_ttl=False, int form=FRESH):
        cdef const char* p = key
        cdef size_t n = len(key)
        cdef Slice text
        if type(value) is bytes:
            text.p = BYTES_TEXT(<PyObject*>value)
            text.n = <size_t>BYTES_SIZE(<PyObject*>value)
            db_set(self, p, n, rl_hash(p, n), &text, form, KEEP if keep_ttl else WITHOUT)
        else:
            if not hasattr(value, "kind"):
                raise TypeError(f"not a value: {type(value).__name__}")
            db_put_object(self, p, n, rl_hash(p, n), value, value.memory(), KEEP if keep_ttl else WITHOUT)
            db_note_packed(self, key, value)
            if type(value) is Hash:
                (<Hash>value).noted = FAR
                ending_note(self, rl_hash(p, n), value)

    def delete(self, bytes key not None, /):
        return db_erase(self, key, len(key), rl_hash(key, len(key)))

    def first_ending(self, int64_t now, /):
        return ending_first(self.ending, &self.table, now)

    def set_deadline(self, bytes key not None, int64_t at, /):
        cdef Place place
        cdef uint64_t h = rl_hash(key, len(key))
        cdef Entry* e = db_live(self, key, len(key), h, &place)
        if e != NULL:
            db_retime(self, e, &place, at)

    def modified(self, bytes key not None, /):
        cdef Entry* e = db_find(self, key)
        if e != NULL:
            entry_used(self, e, db_now(self))
            if kind_of(e) == OBJECT:
                value = <object>object_of(e)
                db_weigh(self, e, value.memory())
                db_note_packed(self, key, value)
                if type(value) is Hash:
                    ending_note(self, rl_hash(key, len(key)), value)
        db_touch(self, key, len(key))

    def touch_all(self):
        for key in list(self.watched):
            if self.exists(key):
                for client in self.watched.get(key, ()):    # who still counts as watching
                    client.touched = True

    def flush(self):
        cdef size_t count
        self.touch_all()
        for key in list(self.awaited):
            if self.exists(key):
                self.came.append((self, key, False))
        count = self.table.used
        self.changes += count
        entries_wipe(&self.table)
        ending_clear(self.ending)
        return count

    def swap(self, Database other not None, /):
        cdef Table table = self.table
        self.table = other.table
        other.table = table
        self.ending, other.ending = other.ending, self.ending

    # --------------------------------------------------------------------------------------------- upkeep

    def expire_cycle(self, int64_t budget_us, int64_t stale=10, /):
        cdef int64_t until = rl_steady_us() + budget_us
        cdef Py_ssize_t gone = 0, steps = 0
        cdef PastKeys past
        past.now = db_now(self)
        past.examined = 0
        while self.table.marked and steps < STEPS_AT_MOST:
            steps += 1
            gone += db_expire_step(self, &past)
            if self.cursor == 0:
                break
            if not steps & 63:
                if rl_steady_us() > until or past.examined >= 256 and gone * 100 < past.examined * stale:
                    break
        return gone, past.examined

    def _expire_all(self):
        cdef PastKeys past
        past.now = db_now(self)
        past.examined = 0
        self.cursor = 0
        while self.table.marked:
            db_expire_step(self, &past)
            if self.cursor == 0 and past.count < EXPIRED_AT_ONCE:
                break

    def memory(self):
        return db_memory(self)

    def overhead(self):
        return table_memory(&self.table) - self.table.held, ending_memory(self.ending), self.table.moving >= 0

    def sizes(self):
        return table_sizes(&self.table)

    def check(self):
        entries_check(&self.table)
        ending_check(self)

    def rehashing(self):
        """True while two arrays exist."""
        return self.table.moving >= 0

    def upkeep(self, Py_ssize_t buckets, /):
        """Move some buckets, if there is a reason to; False when there is none.  The loop does so of its own accord."""
        return table_upkeep(&self.table, buckets)


cdef size_t db_memory(Database db) noexcept:
    return table_memory(&db.table) + db.table.weight + ending_memory(db.ending)

cdef inline int64_t db_now(Database db) noexcept:
    return db.loop.now if db.loop is not None else clock_now(db.clock)

cdef int64_t clock_now(object clock) noexcept:
    return 0 if clock is None else clock.now

cdef inline bint is_past(Database db, const Entry* e) noexcept:
    return e.flags & TIMED and deadline_of(e)[0] < db_now(db)

cdef void collect_keys(void* keys, Bucket* b) noexcept:
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                (<list>keys).append(entry_key(<Entry*>b.slot[i]))
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef inline Entry* db_live(Database db, const char* p, size_t n, uint64_t h, Place* at) noexcept:
    """The live entry; one that is past its deadline goes now."""
    cdef Entry* e = entry_find(&db.table, p, n, h, at)
    if e != NULL and e.flags & TIMED and is_past(db, e):
        db_expire(db, h, at)
        return NULL
    return e

cdef inline void db_count(Database db, bint there) noexcept:
    if there:
        db.found += 1
    else:
        db.missed += 1

cdef inline Entry* db_lookup(Database db, const char* p, size_t n, uint64_t h, Place* at) noexcept:
    """The same, for a hot command: as a hit or a miss, if that only reads (dispatch.pxi)."""
    cdef Entry* e = db_live(db, p, n, h, at)
    db_count(db, e != NULL)
    return e

cdef inline Entry* db_find_at(Database db, bytes key, Place* at) noexcept:
    return db_live(db, key, len(key), rl_hash(key, len(key)), at)

cdef Entry* db_find(Database db, bytes key) noexcept:
    cdef Place at
    return db_find_at(db, key, &at)


# --------------------------------------------------------------------------------------------------------------- writes

cdef inline int settled(int form, size_t keyed, size_t size, bint timed) noexcept nogil:
    """values.settle: what no longer fits Redis's one allocation of 64 bytes is RAW, and for good."""
    return RAW if keyed + size > <size_t>(EMBEDDED_TIMED if timed else EMBEDDED) else form

cdef void db_write(Database db, const char* p, size_t n, uint64_t h, int kind, int form, const char* payload,
                   size_t size, int64_t deadline, Entry* made=NULL) noexcept:
    """Put a value, new or over another one.  deadline: in ms, or WITHOUT, or KEEP.  An OBJECT's reference is taken over.

    made: an entry without a deadline that holds the key and the value already (landing.pxi)."""
    cdef Place at
    cdef Entry* e = db_live(db, p, n, h, &at)
    cdef Entry* old = NULL
    cdef PyObject* held = NULL
    cdef size_t old_size
    cdef uint8_t flags
    cdef bint timed = deadline != WITHOUT
    cdef bint there = e != NULL
    cdef int64_t now = db_now(db)
    cdef uint32_t access = e.access if there else 0
    cdef int64_t first = entry_first(e) if there and is_collection(e) else FAR
    if deadline == KEEP:
        timed = e != NULL and e.flags & TIMED
    if kind == TEXT:
        form = settled(form, n, size, timed)
    flags = shape(kind, form, n, size, timed)
    if e == NULL:
        e = made if made != NULL else entry_blank(flags, p, n, size)
        if made == NULL:
            rl_copy(value_of(e), payload, size)
        if timed:
            deadline_of(e)[0] = deadline
        entry_add(&db.table, h, e)
    else:
        old_size = entry_size(e)
        db.table.weight -= weight_of(e)
        if made == NULL and ((e.flags ^ flags) & (LONG | TIMED)) == 0 and \
                rl_good_size(size_of_shape(flags, n, size)) == rl_good_size(old_size):
            if kind_of(e) == OBJECT:
                held = object_of(e)
            elif kind_of(e) == PACKED:
                packed_free(rl_load8(value_of(e)))
            e.flags = flags
            set_sizes(e, n, 0 if kind else size)
        else:
            old = e
            e = made if made != NULL else entry_blank(flags, p, n, size)
            if deadline == KEEP and timed:
                deadline_of(e)[0] = deadline_of(old)[0]
            entry_replace(&db.table, &at, e, old_size)
        if made == NULL:
            rl_copy(value_of(e), payload, size)
        if timed and deadline != KEEP:
            deadline_of(e)[0] = deadline
    db.table.weight += weight_of(e)
    if there:
        e.access = access
        entry_used(db, e, now)
    else:
        e.access = first_use(db, now)
    if db.teller is not None and not there:
        db_tell(db, NEW, p, n)
    db_touch(db, p, n)
    ending_forget(db.ending, first)
    if DICT_SIZE(db.awaited) and (there or kind >= OBJECT):
        db_note(db, p, n, not there)
    if old != NULL:
        entry_free(old)
    Py_XDECREF(held)

cdef void db_put_object(Database db, const char* p, size_t n, uint64_t h, object value, size_t weight,
                        int64_t deadline) noexcept:
    """Put a collection that takes so many bytes."""
    cdef char[HELD] payload
    rl_store8(payload, <uint64_t><size_t><PyObject*>value)
    rl_store8(payload + 8, <uint64_t>weight)
    Py_INCREF(value)
    db_write(db, p, n, h, OBJECT, FRESH, payload, HELD, deadline)

cdef inline void db_weigh(Database db, Entry* e, size_t weight) noexcept:
    """A collection takes so many bytes now."""
    db.table.weight += weight - weight_of(e)
    rl_store8(value_of(e) + 8, weight)

cdef inline void db_set(Database db, const char* p, size_t n, uint64_t h, const Slice* text, int form,
                        int64_t deadline) noexcept:
    """Put a string; held as an integer if it is one and nothing forbids."""
    cdef char[8] payload
    cdef int64_t number = 0
    if form == FRESH and text.n <= LONGEST_NUMBER and rl_parse_int(text.p, text.n, &number):
        rl_store8(payload, <uint64_t>number)
        db_write(db, p, n, h, INTEGER, FRESH, payload, 8, deadline)
    else:
        db_write(db, p, n, h, TEXT, form, text.p, text.n, deadline)

cdef bint db_erase(Database db, const char* p, size_t n, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_live(db, p, n, h, &at)
    if e == NULL:
        return False
    if is_collection(e):
        ending_forget(db.ending, entry_first(e))
    entry_free(entry_remove(&db.table, h, &at))
    db_touch(db, p, n)
    if DICT_SIZE(db.awaited):
        db_note(db, p, n, False)
    return True

cdef void db_retime(Database db, Entry* e, Place* at, int64_t deadline) noexcept:
    """Give a live entry a deadline, or take it away (WITHOUT)."""
    cdef size_t old_size = entry_size(e)
    e = entry_retimed(e, deadline != WITHOUT)
    if deadline != WITHOUT:
        deadline_of(e)[0] = deadline
        if kind_of(e) == TEXT:
            e.flags = (e.flags & ~(3 << FORM_SHIFT)) \
                | settled(form_of(e), key_size(e), text_size(e), True) << FORM_SHIFT
    entry_replace(&db.table, at, e, old_size)
    db_touch(db, key_of(e), key_size(e))
