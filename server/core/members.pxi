# Members: what large sets, hashes and sorted sets keep in a table of their own.
#
# Must live here: the cell of a member, and how a table of members is searched, changed, walked and drawn from.  Must
# not: how small collections are packed, which commands exist.
#
#     offset 0   size of the member (of a hash: the field), below 254; or 255, and 32 bits of size
#            .   the member's bytes
#            .   PAIRED: the value's size likewise, and its bytes; or, of a field that has a deadline, 254, 32 bits of size,
#                64 of deadline (ms), and the bytes;  SCORED: 8 bytes of score
#
# Why one allocation: as for keys (objects.pxi), a lookup that hits touches two cache lines.  Why so small a head:
# Redis's set gives a short member little more than its text, so eight bytes of head would lose; a member has no access
# time and no type.  The table knows the layout, the cell does not.
#
# What an owner does: table_init(t, member_hash); member_find, then member_add or member_remove with the same hash;
# table_drop_later(t, its layout's dropper).  A cell stays where it is until it is removed or its value is replaced (a
# score is written where it stands), so others may point to it: a sorted set's order does.

cdef enum Layout:
    LONE = 0
    PAIRED = 1
    SCORED = 2

cdef enum:
    ENDING_SIZE = 254       # in front of the value of a field that has a deadline
    LONG_SIZE = 255
    ENDING_HEAD = 13        # bytes of ENDING_SIZE, the size and the deadline


cdef inline size_t sized(size_t n) noexcept nogil:
    """Bytes of a size and what it tells."""
    return n + 1 if n < ENDING_SIZE else n + 5

cdef inline size_t ending_sized(size_t n, int64_t ends) noexcept nogil:
    """The same of a value, with its field's deadline if there is one."""
    return sized(n) if ends == FAR else n + ENDING_HEAD

cdef inline char* size_put(char* to, size_t n) noexcept nogil:
    """Write a size; where its bytes go."""
    if n < ENDING_SIZE:
        to[0] = <char>n
        return to + 1
    to[0] = <char>LONG_SIZE
    (<uint32_t*>(to + 1))[0] = <uint32_t>n
    return to + 5

cdef inline char* ending_size_put(char* to, size_t n, int64_t ends) noexcept nogil:
    if ends == FAR:
        return size_put(to, n)
    to[0] = <char>ENDING_SIZE
    (<uint32_t*>(to + 1))[0] = <uint32_t>n
    rl_store8(to + 5, <uint64_t>ends)
    return to + ENDING_HEAD

cdef inline Slice slice_at(const char* p) noexcept nogil:
    """What stands at p, behind its size."""
    cdef Slice s
    s.n = (<const uint8_t*>p)[0]
    s.p = <char*>p + 1
    if s.n >= ENDING_SIZE:
        s.p = <char*>p + (5 if s.n == LONG_SIZE else <int>ENDING_HEAD)
        s.n = (<const uint32_t*>(p + 1))[0]
    return s

cdef inline Slice member_text(const void* m) noexcept nogil:
    return slice_at(<const char*>m)

cdef inline Slice member_value(const void* m) noexcept nogil:
    """PAIRED."""
    cdef Slice text = slice_at(<const char*>m)
    return slice_at(text.p + text.n)

cdef inline int64_t member_end(const void* m) noexcept nogil:
    """PAIRED: the deadline of the field, or FAR."""
    cdef Slice text = slice_at(<const char*>m)
    text.p += text.n
    return <int64_t>rl_load8(text.p + 5) if (<uint8_t*>text.p)[0] == ENDING_SIZE else FAR

cdef inline char* member_score(const void* m) noexcept nogil:
    """SCORED: where the score stands (aligned to nothing: rl_load8, rl_store8)."""
    cdef Slice text = slice_at(<const char*>m)
    return text.p + text.n

cdef inline size_t member_size(const void* m, int layout) noexcept nogil:
    """Bytes in use; what was asked of the allocator is rl_good_size of it."""
    cdef Slice text = slice_at(<const char*>m)
    if layout == PAIRED:
        text = slice_at(text.p + text.n)
    elif layout == SCORED:
        text.n += 8
    return <size_t>(text.p - <const char*>m) + text.n

cdef void* member_make(int layout, const char* p, size_t n, const char* value, size_t size, int64_t ends) noexcept nogil:
    """A new cell.  value: its bytes, or 8 bytes of a score.  ends: PAIRED: the deadline."""
    cdef size_t tail = ending_sized(size, ends) if layout == PAIRED else size
    cdef char* m = <char*>rl_slot_alloc(sized(n) + tail)
    cdef char* to = size_put(m, n)
    rl_copy(to, p, n)
    to += n
    if layout == PAIRED:
        to = ending_size_put(to, size, ends)
    if size:
        rl_copy(to, value, size)
    return m

cdef uint64_t member_hash(const void* m) noexcept nogil:
    cdef Slice text = slice_at(<const char*>m)
    return rl_hash(text.p, text.n)

cdef void lone_drop(void* m) noexcept:
    rl_slot_free(m, member_size(m, LONE))

cdef void paired_drop(void* m) noexcept:
    rl_slot_free(m, member_size(m, PAIRED))

cdef void scored_drop(void* m) noexcept:
    rl_slot_free(m, member_size(m, SCORED))


# -------------------------------------------------------------------------------------------------- lookup and changes

# A batch of requests hashes members ahead, as it does keys (dispatch.pxi): of the request that runs, this one.
cdef const char* ahead_text = NULL
cdef uint64_t ahead_hash = 0

cdef inline uint64_t text_hash(const char* p, size_t n) noexcept nogil:
    """What a lookup of a member hashes it to."""
    return ahead_hash if p == ahead_text else rl_hash(p, n)

cdef inline bint has_text(const void* m, const char* p, size_t n) noexcept nogil:
    cdef const uint8_t* at = <const uint8_t*>m
    if n < ENDING_SIZE:
        return at[0] == n and rl_same(<const char*>at + 1, p, n)
    return at[0] == LONG_SIZE and (<const uint32_t*>(at + 1))[0] == n and rl_same(<const char*>at + 5, p, n)

cdef inline void* member_find(const Table* t, const char* p, size_t n, uint64_t h, Place* at) noexcept nogil:
    """The cell of a member whose hash is h, and its place, or NULL."""
    cdef Bucket* b = home_of(t, h)
    cdef uint64_t hits
    cdef int i
    while True:
        hits = slots_with(b.tags, tag_of(h))
        while hits:
            i = rl_first_byte(hits)
            if has_text(b.slot[i], p, n):
                at.bucket = b
                at.slot = i
                return b.slot[i]
            hits &= hits - 1
        if not b.tags & CHAINED:
            return NULL
        b = <Bucket*>b.slot[6]

cdef inline void* member_add(Table* t, int layout, const char* p, size_t n, uint64_t h, const char* value,
                             size_t size, int64_t ends=FAR) noexcept nogil:
    """Add a member that is not there; its cell.  All places are over with."""
    cdef void* m = member_make(layout, p, n, value, size, ends)
    t.held += rl_good_size(member_size(m, layout))
    cell_add(t, h, m, False)
    return m

cdef void member_revalue(Table* t, Place* at, const char* value, size_t size, int64_t ends) noexcept nogil:
    """PAIRED: another value and deadline for the member at a place, which stays; its cell may move."""
    cdef void* m = at.bucket.slot[at.slot]
    cdef size_t before = member_size(m, PAIRED)
    cdef Slice text = member_text(m)
    cdef size_t head = <size_t>(text.p - <char*>m) + text.n
    cdef size_t after = head + ending_sized(size, ends)
    cdef char* moved = <char*>rl_slot_resize(m, before, after)
    rl_copy(ending_size_put(moved + head, size, ends), value, size)
    t.held += rl_good_size(after) - rl_good_size(before)
    at.bucket.slot[at.slot] = moved

cdef void member_retime(Table* t, Place* at, int64_t ends) noexcept nogil:
    """PAIRED: another deadline, or none; the cell may move."""
    cdef char* m = <char*>at.bucket.slot[at.slot]
    cdef Slice text = member_text(m), value = member_value(m)
    cdef size_t before = member_size(m, PAIRED), head = <size_t>(text.p - m) + text.n
    cdef size_t after = head + ending_sized(value.n, ends)
    cdef size_t from_ = <size_t>(value.p - m)
    if after > before:
        m = <char*>rl_slot_resize(m, before, after)
    memmove(m + after - value.n, m + from_, value.n)
    ending_size_put(m + head, value.n, ends)
    if after < before:
        m = <char*>rl_slot_resize(m, before, after)
    t.held += rl_good_size(after) - rl_good_size(before)
    at.bucket.slot[at.slot] = m

cdef void member_remove(Table* t, int layout, uint64_t h, Place* at) noexcept nogil:
    """Take out the member at a place.  All places are over with."""
    cdef void* m = cell_remove(t, h, at)
    cdef size_t size = member_size(m, layout)
    t.held -= rl_good_size(size)
    rl_slot_free(m, size)

cdef Table* members_make(size_t expected) noexcept nogil:
    cdef Table* t = <Table*>rl_slot_alloc(sizeof(Table))
    table_init(t, member_hash, expected)
    return t

cdef void members_free(Table* t, Dropper drop) noexcept:
    table_drop_later(t, drop)
    rl_slot_free(t, sizeof(Table))

cdef struct Copying:
    Table* to
    int layout

cdef void copy_members(void* arg, Bucket* b) noexcept:
    cdef Copying* copying = <Copying*>arg
    cdef size_t size
    cdef void* m
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                size = member_size(b.slot[i], copying.layout)
                m = rl_slot_alloc(size)
                memcpy(m, b.slot[i], size)
                copying.to.held += rl_good_size(size)
                cell_add(copying.to, member_hash(m), m, False)
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef Table* members_copy(Table* t, int layout) noexcept:
    cdef Copying copying
    cdef uint64_t cursor = 0
    copying.to = members_make(t.used)
    copying.layout = layout
    while True:
        cursor = table_scan(t, cursor, copy_members, &copying)
        if cursor == 0:
            return copying.to

cdef inline size_t members_memory(const Table* t) noexcept nogil:
    return rl_good_size(sizeof(Table)) + table_memory(t)


# ------------------------------------------------------------------------------------------------------------- walking

cdef inline bytes slice_bytes(Slice s):
    return PyBytes_FromStringAndSize(s.p, <Py_ssize_t>s.n)

cdef void collect_members(void* found, Bucket* b) noexcept:
    """found: a list, which gets the members of a chain."""
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                (<list>found).append(slice_bytes(member_text(b.slot[i])))
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void collect_pairs(void* found, Bucket* b) noexcept:
    """found: a list, which gets pairs of the fields and values of a chain."""
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                (<list>found).append((slice_bytes(member_text(b.slot[i])), slice_bytes(member_value(b.slot[i]))))
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef tuple members_scan(Table* t, uint64_t cursor, Py_ssize_t count):
    """A step of a walk: see types.Walked.scan."""
    cdef list found = []
    cdef Py_ssize_t steps = 0
    while True:
        cursor = table_scan(t, cursor, collect_members, <void*>found)
        steps += 1
        if cursor == 0 or len(found) >= count or steps >= 10 * count:
            return cursor, found

cdef list members_list(Table* t):
    cdef list found = []
    cdef uint64_t cursor = 0
    while True:
        cursor = table_scan(t, cursor, collect_members, <void*>found)
        if cursor == 0:
            return found

cdef class Walk:
    """An iterator over a table's members, or pairs, a chain at a time; `owner` keeps the table alive."""

    cdef object owner
    cdef Table* table
    cdef Visitor visit
    cdef uint64_t cursor
    cdef list found
    cdef bint over

    def __iter__(self):
        return self

    def __next__(self):
        while not self.found:
            if self.over:
                raise StopIteration
            self.cursor = table_scan(self.table, self.cursor, self.visit, <void*>self.found)
            self.found.reverse()        # they are taken from the end, in the order in which hot commands meet them
            self.over = self.cursor == 0
        return self.found.pop()

cdef Walk walk_over(object owner, Table* t, Visitor visit):
    cdef Walk walk = Walk.__new__(Walk)
    walk.owner = owner
    walk.table = t
    walk.visit = visit
    walk.found = []
    return walk


# ------------------------------------------------------------------------------------------------------------- drawing

cdef enum:
    SHARE = 3               # a sample of more than a third is not found by trying

cdef inline uint64_t any_state():
    """Where a draw begins that Python asks for: Python's own source, which tests may seed."""
    return RANDOM_BITS(64)

cdef list choose_among(list members, Py_ssize_t count, uint64_t* state):
    """count different ones of a list, which is changed."""
    cdef Py_ssize_t i, at
    for i in range(count):
        at = i + <Py_ssize_t>random_below(state, <uint64_t>(len(members) - i))
        members[i], members[at] = members[at], members[i]
    return members[:count]

cdef list members_draw(Table* t, Py_ssize_t count):
    """See types.Walked.draw."""
    cdef uint64_t state = any_state()
    cdef Place place
    cdef Py_ssize_t i
    return [slice_bytes(member_text(cell_random(t, &state, &place))) for i in range(count if t.used else 0)]

cdef list members_sample(Table* t, Py_ssize_t count):
    """See types.Walked.sample."""
    cdef uint64_t state
    cdef Place place
    cdef dict found = {}
    if count >= <Py_ssize_t>t.used:
        return members_list(t)
    state = any_state()
    if count * SHARE > <Py_ssize_t>t.used:
        return choose_among(members_list(t), count, &state)
    while len(found) < count:
        found[slice_bytes(member_text(cell_random(t, &state, &place)))] = None
    return list(found)

cdef list list_draw(list members, Py_ssize_t count):
    """See types.Walked.draw, for what is packed."""
    cdef uint64_t state = any_state()
    cdef Py_ssize_t i
    return [members[<Py_ssize_t>random_below(&state, <uint64_t>len(members))] for i in range(count if members else 0)]

cdef list list_sample(list members, Py_ssize_t count):
    """See types.Walked.sample, for what is packed."""
    cdef uint64_t state
    if count >= len(members):
        return members
    state = any_state()
    return choose_among(members, count, &state)


# ---------------------------------------------------------------------------------------------------------- invariants

cdef int member_check(void* arg, void* cell, bint mark) except -1:
    """arg: the layout, and the sum of bytes."""
    cdef size_t* sums = <size_t*>arg
    sums[1] += rl_good_size(member_size(cell, <int>sums[0]))
    assert not mark, "no member is marked"
    return 0

cdef int members_check(Table* t, int layout) except -1:
    """Every invariant."""
    cdef size_t[2] sums
    cdef list found
    sums[0] = <size_t>layout
    sums[1] = 0
    table_check(t, member_check, sums)
    assert sums[1] == t.held, "held"
    found = members_list(t)
    assert len(found) == len(set(found)) == <Py_ssize_t>t.used, "a member twice"
    return 0
