# Deadlines of a hash's fields: which field has which, and which ends first.
#
# Must live here: that map, and the order.  Must not: fields' values, or what happens to a field whose time is over
# (redlark.server.fields).
#
# Why a second map, and nothing in the first: few hashes have deadlines, and of those that have none nobody pays.  It is
# a hash as hash.pxi has them, whose values are eight bytes of Unix time in ms: packed while they are few, when the
# earliest is looked for among all; else a table, and beside it a heap of times and fields' hashes.  The heap is not
# told when a deadline goes: what it says counts as long as the map says the same, and it is made anew once most does not.

cdef enum:
    ENDS_PACKED = 64        # deadlines that are kept in a listpack, at most
    STALE_DUE = 64          # entries of a heap that may be out of date, besides as many as are not


cdef inline void ends_begin(Ends* e) noexcept nogil:
    e.times.data = NULL
    e.times.large = False
    e.heap = NULL
    e.first = FAR

cdef inline size_t heap_bytes(size_t room) noexcept nogil:
    return sizeof(DueHeap) + (room - 1) * sizeof(Due)

cdef void heap_free(Ends* e) noexcept nogil:
    if e.heap != NULL:
        rl_slot_free(e.heap, heap_bytes(e.heap.room))
        e.heap = NULL

cdef void ends_drop_all(Ends* e) noexcept:
    hash_drop(e.times.large, e.times.data)
    heap_free(e)
    ends_begin(e)

cdef inline size_t ends_count(const Ends* e) noexcept:
    return hash_count(&e.times) if e.times.data != NULL else 0

cdef size_t ends_memory(const Ends* e) noexcept:
    if e.times.data == NULL:
        return 0
    return hash_memory(&e.times) + (rl_good_size(heap_bytes(e.heap.room)) if e.heap != NULL else 0)

cdef inline int64_t time_at(const HashData* s, const Found* found) noexcept:
    """The deadline that was found."""
    cdef char[24] room
    cdef size_t n = 0
    if s.large:
        return <int64_t>rl_load8(member_value(found.cell).p)
    return <int64_t>rl_load8(lp_text(found.value, room, &n))

cdef bint ends_get(Ends* e, Slice field, int64_t* at) noexcept:
    """The deadline of a field, if it has one."""
    cdef Found found
    if e.times.data == NULL or not hash_find(&e.times, field, &found):
        return False
    at[0] = time_at(&e.times, &found)
    return True

# ------------------------------------------------------------------------------------------------------------- the heap

cdef void heap_up(DueHeap* heap, size_t i) noexcept nogil:
    cdef Due one = heap.items[i]
    while i and heap.items[(i - 1) // 2].at > one.at:
        heap.items[i] = heap.items[(i - 1) // 2]
        i = (i - 1) // 2
    heap.items[i] = one

cdef void heap_down(DueHeap* heap, size_t i) noexcept nogil:
    cdef Due one = heap.items[i]
    cdef size_t child
    while True:
        child = 2 * i + 1
        if child >= heap.count:
            break
        if child + 1 < heap.count and heap.items[child + 1].at < heap.items[child].at:
            child += 1
        if heap.items[child].at >= one.at:
            break
        heap.items[i] = heap.items[child]
        i = child
    heap.items[i] = one

cdef void heap_push(Ends* e, int64_t at, uint64_t field) noexcept nogil:
    cdef size_t room
    if e.heap.count == e.heap.room:
        room = e.heap.room + e.heap.room // 4 + 8
        e.heap = <DueHeap*>rl_slot_resize(e.heap, heap_bytes(e.heap.room), heap_bytes(room))
        e.heap.room = room
    e.heap.items[e.heap.count].at = at
    e.heap.items[e.heap.count].field = field
    e.heap.count += 1
    heap_up(e.heap, e.heap.count - 1)

cdef void collect_due(void* ends, Bucket* b) noexcept:
    cdef Ends* e = <Ends*>ends
    cdef Due* to
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                to = e.heap.items + e.heap.count
                to.at = <int64_t>rl_load8(member_value(b.slot[i]).p)
                to.field = member_hash(b.slot[i])
                e.heap.count += 1
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void heap_make(Ends* e) noexcept:
    """A heap of what the table says."""
    cdef size_t room = hash_count(&e.times) + 8
    cdef size_t i
    cdef uint64_t cursor = 0
    heap_free(e)
    e.heap = <DueHeap*>rl_slot_alloc(heap_bytes(room))
    e.heap.room = room
    e.heap.count = 0
    while True:
        cursor = table_scan(<Table*>e.times.data, cursor, collect_due, e)
        if cursor == 0:
            break
    for i in range(e.heap.count // 2, 0, -1):
        heap_down(e.heap, i - 1)

cdef void* due_cell(const Table* t, const Due* due) noexcept nogil:
    """The cell of the field that an entry of the heap is about, if its deadline is still the same."""
    cdef Bucket* b = home_of(t, due.field)
    cdef uint64_t hits
    cdef void* m
    while True:
        hits = slots_with(b.tags, tag_of(due.field))
        while hits:
            m = b.slot[rl_first_byte(hits)]
            if <int64_t>rl_load8(member_value(m).p) == due.at and member_hash(m) == due.field:
                return m
            hits &= hits - 1
        if not b.tags & CHAINED:
            return NULL
        b = <Bucket*>b.slot[6]

cdef void ends_look(Ends* e) noexcept:
    """Find the earliest again."""
    cdef char[24] room
    cdef size_t n = 0
    cdef char* at
    cdef int64_t one
    e.first = FAR
    if not e.times.large:
        at = lp_first(<char*>e.times.data)
        while at != NULL:
            at = lp_next(at)
            one = <int64_t>rl_load8(lp_text(at, room, &n))
            e.first = min(e.first, one)
            at = lp_next(at)
        return
    if e.heap.count > 2 * hash_count(&e.times) + STALE_DUE:
        heap_make(e)
    while e.heap.count:
        if due_cell(<Table*>e.times.data, e.heap.items) != NULL:
            e.first = e.heap.items[0].at
            return
        e.heap.count -= 1
        e.heap.items[0] = e.heap.items[e.heap.count]
        heap_down(e.heap, 0)

# ------------------------------------------------------------------------------------------------------------- changes

cdef void ends_put(Ends* e, Slice field, int64_t at) noexcept:
    """Give a field a deadline.  O(log n)."""
    cdef char[8] text
    cdef Slice value
    cdef int64_t before = FAR
    if e.times.data == NULL:
        e.times.data = lp_new()
    ends_get(e, field, &before)
    if before == at:
        return
    rl_store8(text, <uint64_t>at)
    value.p = text
    value.n = sizeof(text)
    hash_put(&e.times, field, value)
    if not e.times.large and hash_count(&e.times) > ENDS_PACKED:
        hash_unpack(&e.times, 0)
    if e.times.large:
        if e.heap == NULL or e.heap.count > 2 * hash_count(&e.times) + STALE_DUE:
            heap_make(e)
        else:
            heap_push(e, at, rl_hash(field.p, field.n))
    if at <= e.first:
        e.first = at
    elif before == e.first:
        ends_look(e)

cdef void ends_add(Ends* e, Slice field, int64_t at) noexcept:
    """The same of a field that is known to have none: O(1) while they are packed."""
    cdef lp_item[2] items
    cdef char[8] text
    rl_store8(text, <uint64_t>at)
    lp_prepare(items, field.p, field.n)
    lp_prepare(items + 1, text, sizeof(text))
    if e.times.data == NULL:
        e.times.data = lp_new()
    if e.times.large or ends_count(e) >= ENDS_PACKED or not lp_fits(<char*>e.times.data, items[0].size + items[1].size):
        ends_put(e, field, at)
        return
    e.times.data = lp_append(<char*>e.times.data, items, 2)
    e.first = min(e.first, at)

cdef void ends_drop(Ends* e, Slice field) noexcept:
    """Take a field's deadline away, if it has one."""
    cdef int64_t before = FAR
    if not ends_get(e, field, &before):
        return
    hash_remove(&e.times, field)
    if hash_count(&e.times) == 0:
        ends_drop_all(e)
    elif before == e.first:
        ends_look(e)

cdef bytes ends_earliest(Ends* e):
    """The field that ends first; there is one."""
    cdef char[24] room
    cdef size_t n = 0
    cdef char* at
    cdef char* field
    if e.times.large:
        while due_cell(<Table*>e.times.data, e.heap.items) == NULL:     # another of the same time may have gone
            ends_look(e)
        return slice_bytes(member_text(due_cell(<Table*>e.times.data, e.heap.items)))
    field = lp_first(<char*>e.times.data)
    while True:
        at = lp_next(field)
        if <int64_t>rl_load8(lp_text(at, room, &n)) == e.first:
            return lp_bytes(field)
        field = lp_next(at)

cdef void ends_copy(Ends* to, const Ends* e) noexcept:
    ends_begin(to)
    if e.times.data == NULL:
        return
    to.times.large = e.times.large
    to.times.data = members_copy(<Table*>e.times.data, PAIRED) if e.times.large else <void*>lp_copy(<char*>e.times.data)
    to.first = e.first
    if e.times.large:
        heap_make(to)

cdef int ends_check(Ends* e, Hash owner) except -1:
    """They are of the owner's fields, the earliest is known, and the heap knows of each."""
    cdef int64_t at = FAR, first = FAR
    cdef size_t i
    cdef set told = set()
    if e.times.data == NULL:
        assert e.first == FAR and e.heap == NULL
        return 0
    assert hash_count(&e.times) and (owner is None or owner.timed)
    if e.heap != NULL:
        for i in range(e.heap.count):
            told.add((e.heap.items[i].at, e.heap.items[i].field))
            assert i == 0 or e.heap.items[(i - 1) // 2].at <= e.heap.items[i].at, "the order of the heap"
    assert e.times.large == (e.heap != NULL)
    for field in hash_list(&e.times):
        assert owner is None or field in owner, "a deadline of a field that is not there"
        assert ends_get(e, slice_of(field), &at)
        first = min(first, at)
        assert e.heap == NULL or (at, rl_hash(<char*><bytes>field, len(<bytes>field))) in told
    assert first == e.first
    return 0


cdef class Ending:
    """See redlark.server.fields.Ending: here keys are what fields are above, and the earliest of a hash is its deadline."""

    cdef Ends ends
    cdef public int64_t gone

    def __cinit__(self):
        ends_begin(&self.ends)

    def __dealloc__(self):
        ends_drop_all(&self.ends)

    def __len__(self):
        return <Py_ssize_t>ends_count(&self.ends)

    def note(self, bytes key not None, Hash value not None):
        cdef Slice text = slice_of(key)
        ending_note(self, &text, value)

    def forget(self, bytes key not None):
        ends_drop(&self.ends, slice_of(key))

    def clear(self):
        ends_drop_all(&self.ends)

    def first(self, int64_t now):
        return ends_earliest(&self.ends) if self.ends.first < now else None

    cdef int check(self, Database db) except -1:
        """Each key's hash ends when this says."""
        cdef int64_t at = 0
        ends_check(&self.ends, None)
        for key in hash_list(&self.ends.times) if len(self) else ():
            assert ends_get(&self.ends, slice_of(key), &at) and db.peek(key).ends == at
        return 0

cdef inline void ending_note(Ending ending, const Slice* key, Hash value) noexcept:
    """The hash of a key has another earliest deadline, or none any more."""
    if value.ends_of.first == FAR:
        ends_drop(&ending.ends, key[0])
    else:
        ends_put(&ending.ends, key[0], value.ends_of.first)

cdef inline void ending_forget(Ending ending, const char* p, size_t n) noexcept:
    """Whatever hash a key held is gone."""
    cdef Slice key
    if ending.ends.first != FAR:
        key.p, key.n = <char*>p, n
        ends_drop(&ending.ends, key)
