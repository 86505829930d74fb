# Deadlines of a hash's fields: which field has which, and which ends first.
#
# Must live here: both forms of that, and the order.  Must not: which commands set them, what happens to a field whose time
# is over (redlark.server.fields), which key's hash ends first (ending.pxi).
#
# In a listpack a deadline (ms; 0: none) stands behind each value, and the fields stand in the order of their deadlines,
# those that have none last, so that the first says which is the earliest, and DUMP has only to copy.  In a table it
# stands before the value in the field's cell (members.pxi), and beside the table there is a heap of deadlines and fields'
# hashes.  The heap is not told when a deadline goes: what it says counts as long as the cell says the same, and it is made
# anew once most does not.
#
# Why no map beside the hash, which was here before: it had each field once more, in a hash of one field three times what
# the field and its value take.  A hash without deadlines pays nothing for this.

cdef enum:
    STALE_DUE = 64          # entries of a heap that may be out of date, besides as many as are not
    ROW_ROOM = 512          # bytes of a row that are moved without an allocation

cdef int64_t LATEST_END = <int64_t>1 << 48      # what RESTORE takes


# --------------------------------------------------------------------------------------------------------- in a listpack

cdef inline int64_t time_told(const char* at) noexcept nogil:
    """The deadline that an element says, or FAR."""
    cdef size_t n
    cdef int64_t ends = 0
    lp_read(at, &n, &ends)
    return ends if ends else FAR

cdef inline int64_t row_end(const char* field) noexcept nogil:
    """The deadline of the field that begins there, or FAR."""
    return time_told(lp_skip(field, 2))

cdef inline int64_t pack_first(const char* lp) noexcept nogil:
    """The earliest deadline in a listpack that has them, or FAR."""
    return FAR if lp_at_end(lp + LP_HEAD) else row_end(lp + LP_HEAD)

cdef void row_place(char* lp, char* row) noexcept nogil:
    """Bring a row, whose deadline is another one, to where it belongs: before those that end no earlier."""
    cdef char[ROW_ROOM] few
    cdef char* kept = few
    cdef char* behind = lp_skip(row, 3)
    cdef size_t n = <size_t>(behind - row)
    cdef int64_t ends = row_end(row)
    cdef char* at = lp + LP_HEAD
    while not lp_at_end(at) and (at == row or row_end(at) < ends or ends == FAR):
        at = lp_skip(at, 3)
    if at == row or at == behind:
        return
    if n > ROW_ROOM:
        kept = <char*>rl_alloc(n)
    memcpy(kept, row, n)
    if at > row:
        memmove(row, behind, <size_t>(at - behind))
        memcpy(at - n, kept, n)
    else:
        memmove(at + n, at, <size_t>(row - at))
        memcpy(at, kept, n)
    if kept != few:
        free(kept)

cdef bint pack_ordered(const char* lp) noexcept nogil:
    """Are all rows' deadlines such, and in order?"""
    cdef const char* at = lp + LP_HEAD
    cdef size_t n
    cdef int64_t ends = 0, before = 0
    while not lp_at_end(at):
        at = lp_skip(at, 2)
        if lp_read(at, &n, &ends) != NULL or not 0 <= ends < LATEST_END:
            return False
        ends = ends if ends else FAR
        if ends < before:
            return False
        before = ends
        at = lp_skip(at, 1)
    return True


# ------------------------------------------------------------------------------------------------------------- the heap

cdef inline size_t heap_bytes(size_t room) noexcept nogil:
    return sizeof(DueHeap) + (room - 1) * sizeof(Due)

cdef inline size_t heap_memory(const DueHeap* heap) noexcept nogil:
    return rl_good_size(heap_bytes(heap.room)) if heap != NULL else 0

cdef void heap_free(HashData* s) noexcept nogil:
    if s.heap != NULL:
        rl_slot_free(s.heap, heap_bytes(s.heap.room))
        s.heap = NULL

cdef DueHeap* heap_copy(const DueHeap* heap) noexcept nogil:
    cdef DueHeap* other = NULL
    if heap != NULL:
        other = <DueHeap*>rl_slot_alloc(heap_bytes(heap.room))
        memcpy(other, heap, heap_bytes(heap.room))
    return other

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

cdef void heap_push(HashData* s, int64_t at, uint64_t field) noexcept nogil:
    cdef size_t room
    if s.heap.count == s.heap.room:
        room = s.heap.room + s.heap.room // 8 + 4
        s.heap = <DueHeap*>rl_slot_resize(s.heap, heap_bytes(s.heap.room), heap_bytes(room))
        s.heap.room = room
    s.heap.items[s.heap.count].at = at
    s.heap.items[s.heap.count].field = field
    s.heap.count += 1
    heap_up(s.heap, s.heap.count - 1)

cdef void count_ends(void* live, Bucket* b) noexcept:
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                (<size_t*>live)[0] += member_end(b.slot[i]) != FAR
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void collect_due(void* heap_, Bucket* b) noexcept:
    cdef DueHeap* heap = <DueHeap*>heap_
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80 and member_end(b.slot[i]) != FAR:
                heap.items[heap.count].at = member_end(b.slot[i])
                heap.items[heap.count].field = member_hash(b.slot[i])
                heap.count += 1
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void heap_make(HashData* s) noexcept:
    """A heap of what the table says, which has some deadlines."""
    cdef size_t i, live = 0
    heap_free(s)
    table_tell(<Table*>s.data, count_ends, &live)
    s.heap = <DueHeap*>rl_slot_alloc(heap_bytes(live))
    s.heap.room = s.heap.live = live
    s.heap.count = 0
    table_tell(<Table*>s.data, collect_due, s.heap)
    for i in range(s.heap.count // 2, 0, -1):
        heap_down(s.heap, i - 1)

cdef void* due_cell(const Table* t, const Due* due, Place* at) noexcept nogil:
    """The cell of the field that an entry of the heap is about, if its deadline is still the same, and its place."""
    cdef Bucket* b = home_of(t, due.field)
    cdef uint64_t hits
    cdef void* m
    cdef int i
    while True:
        hits = slots_with(b.tags, tag_of(due.field))
        while hits:
            i = rl_first_byte(hits)
            m = b.slot[i]
            if member_end(m) == due.at and member_hash(m) == due.field:
                at.bucket, at.slot = b, i
                return m
            hits &= hits - 1
        if not b.tags & CHAINED:
            return NULL
        b = <Bucket*>b.slot[6]

cdef void heap_look(HashData* s) noexcept:
    """Find the earliest again."""
    cdef Place place
    while s.heap.count:
        if due_cell(<Table*>s.data, s.heap.items, &place) != NULL:
            s.first = s.heap.items[0].at
            return
        s.heap.count -= 1
        s.heap.items[0] = s.heap.items[s.heap.count]
        heap_down(s.heap, 0)

cdef void heap_forget(HashData* s, int64_t before) noexcept:
    """A field's deadline, which was this, is no more."""
    s.heap.live -= 1
    if s.heap.live == 0:
        heap_free(s)
        s.first = FAR
        return
    if s.heap.count > 2 * s.heap.live + STALE_DUE:
        heap_make(s)
    if before == s.first:
        heap_look(s)


# ------------------------------------------------------------------------------------------------------------ of a hash

cdef inline int64_t found_end(const HashData* s, const Found* found) noexcept nogil:
    """The deadline of a field that was found, or FAR."""
    if s.first == FAR:
        return FAR
    return member_end(found.cell) if s.large else row_end(found.field)

cdef void hash_be_timed(HashData* s) noexcept:
    """Fields may have deadlines from now on.  O(n) the first time, of a listpack."""
    cdef char* lp = <char*>s.data
    cdef char* timed
    cdef char* to
    cdef char* at
    cdef lp_item none
    cdef size_t n, size, count
    if s.timed:
        return
    if not s.large:
        count = lp_count(lp) // 2
        lp_prepare_int(&none, 0)
        size = lp_size(lp) + count * none.size
        if size > LP_MOST:
            hash_unpack(s, 0)
        else:
            timed = <char*>rl_slot_alloc(size)
            at, to = lp + LP_HEAD, timed + LP_HEAD
            while not lp_at_end(at):
                n = <size_t>(lp_skip(at, 2) - at)
                memcpy(to, at, n)
                to = lp_write(to + n, &none)
                at += n
            lp_set_ends(timed, size, 3 * count)
            lp_free(lp)
            s.data = timed
    s.timed = True

cdef void hash_time(HashData* s, Slice field, Found* found, int64_t at) noexcept:
    """Give a field that was found another deadline, or none (FAR).  All that was found is over with."""
    cdef lp_item item
    cdef int64_t before = found_end(s, found)
    cdef char* end
    cdef size_t offset
    if before == at and (s.large or at == FAR):     # in a listpack it comes before those that end as early, as in Redis
        return
    if not s.timed:
        hash_be_timed(s)
        hash_find(s, field, found)
    if not s.large:
        lp_prepare_int(&item, 0 if at == FAR else at)
        if not lp_fits(<char*>s.data, item.size):
            hash_unpack(s, 0)
            hash_find(s, field, found)
    if not s.large:
        offset = <size_t>(found.field - <char*>s.data)
        end = lp_skip(found.field, 2)
        s.data = lp_replace(<char*>s.data, &end, &item)
        row_place(<char*>s.data, <char*>s.data + offset)
        s.first = pack_first(<char*>s.data)
        return
    member_retime(<Table*>s.data, &found.place, at)
    if at == FAR:
        heap_forget(s, before)
        return
    if s.heap == NULL:
        heap_make(s)
    else:
        s.heap.live += before == FAR
        if s.heap.count > 2 * s.heap.live + STALE_DUE:
            heap_make(s)
        else:
            heap_push(s, at, found.hash)
    if at <= s.first:
        s.first = at
    elif before == s.first:
        heap_look(s)

cdef void hash_remove_first(HashData* s) noexcept:
    """Take out the field that ends first; there is one."""
    cdef Found found
    if s.large:
        heap_look(s)                    # another of the same time may have gone
        found.hash = s.heap.items[0].field
        found.cell = due_cell(<Table*>s.data, s.heap.items, &found.place)
    else:
        found.field = lp_first(<char*>s.data)
    hash_remove_found(s, &found)

cdef int ends_check(HashData* s) except -1:
    """The earliest is known, those of a listpack are in order, and the heap knows of each of a table."""
    cdef Found found
    cdef Slice text
    cdef int64_t at, first = FAR
    cdef size_t i, live = 0
    cdef set told = set()
    if not s.large:
        assert s.heap == NULL
        assert not s.timed or pack_ordered(<char*>s.data), "the order of fields"
    elif s.heap != NULL:
        assert s.timed
        for i in range(s.heap.count):
            told.add((s.heap.items[i].at, s.heap.items[i].field))
            assert i == 0 or s.heap.items[(i - 1) // 2].at <= s.heap.items[i].at, "the order of the heap"
    for field in hash_list(s):
        text = slice_of(<bytes>field)
        assert hash_find(s, text, &found)
        at = (member_end(found.cell) if s.large else row_end(found.field)) if s.timed else FAR
        first = min(first, at)
        live += at != FAR
        assert not s.large or at == FAR or (at, rl_hash(text.p, text.n)) in told, "the heap knows"
    assert first == s.first
    assert not s.large or live == (s.heap.live if s.heap != NULL else 0), "how many"
    return 0
