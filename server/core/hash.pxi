# A hash: a listpack of fields and values in turn while it is small, else a table, which it stays.  See
# redlark.server.types.
#
# Must live here: the two forms and the step between them, which are those of redlark.server.plain.hash and Redis's.
# Must not: how a form works inside (listpack.h, members.pxi), replies.
#
# Why field and value lie in one allocation in a table: what looks for a field wants its value, and one allocation less
# is a cache line less.  A field's deadline lies beside its value (ends.pxi says how, and in which order).

cdef enum:
    HASH_ITSELF = 72        # bytes of the object


cdef struct HashLimits:
    int64_t entries         # fields that a listpack may have
    int64_t longest         # bytes that each, and each value, may have there


cdef int read_hash_limits(object limits, HashLimits* to) except -1:
    to.entries = limits.hash_max_listpack_entries
    to.longest = limits.hash_max_listpack_value
    return 0


cdef struct Due:            # what a heap knows of a field of a table: its deadline and its hash
    int64_t at              # Unix ms
    uint64_t field

cdef struct DueHeap:
    size_t count
    size_t room
    size_t live             # fields that have deadlines
    Due items[1]            # `room` of them, the earliest first

cdef struct HashData:
    void* data              # a listpack or a Table; NULL: somebody else has it now
    DueHeap* heap           # of a table of which a field has a deadline; else NULL
    int64_t first           # the earliest deadline; FAR: there is none
    bint large
    bint timed              # fields may have deadlines: of a listpack, each value has one behind it, 0 for none

@cython.final
@cython.no_gc               # it refers to the configuration alone
cdef class Hash:
    """See redlark.server.types.Hash."""

    kind = b"hash"

    cdef object limits
    cdef HashData v
    cdef int64_t noted          # the earliest deadline that the database was told of last (ending.pxi)

    def __cinit__(self, limits):
        self.limits = limits
        self.noted = FAR
        hash_begin(&self.v)

    def __dealloc__(self):
        hash_drop(&self.v)

    @property
    def timed(self):
        return self.v.timed

    # ---------------------------------------------------------------------------------------------- reading

    def __len__(self):
        return <Py_ssize_t>hash_count(&self.v)

    def __contains__(self, field):
        cdef Found found
        return type(field) is bytes and hash_find(&self.v, slice_of(field), &found)

    def __iter__(self):
        return walk_over(self, <Table*>self.v.data, collect_members) if self.v.large else iter(hash_list(&self.v))

    @property
    def encoding(self):
        return b"hashtable" if self.v.large else b"listpackex" if self.v.timed else b"listpack"

    @property
    def ends(self):
        return None if self.v.first == FAR else self.v.first

    def memory(self):
        return HASH_ITSELF + hash_memory(&self.v)

    def get(self, bytes field not None):
        cdef Found found
        if not hash_find(&self.v, slice_of(field), &found):
            return None
        return lp_bytes(found.value) if not self.v.large else slice_bytes(member_value(found.cell))

    def items(self):
        cdef char* at
        cdef char* value
        cdef list pairs = []
        if self.v.large:
            return walk_over(self, <Table*>self.v.data, collect_pairs)
        at = lp_first(<char*>self.v.data)
        while at != NULL:
            value = lp_next(at)
            pairs.append((lp_bytes(at), lp_bytes(value)))
            at = row_next(&self.v, value)
        return pairs

    def scan(self, uint64_t cursor, Py_ssize_t count):
        return members_scan(<Table*>self.v.data, cursor, count) if self.v.large else (0, hash_list(&self.v))

    def draw(self, Py_ssize_t count):
        return members_draw(<Table*>self.v.data, count) if self.v.large else list_draw(hash_list(&self.v), count)

    def sample(self, Py_ssize_t count):
        return members_sample(<Table*>self.v.data, count) if self.v.large else list_sample(hash_list(&self.v), count)

    # ---------------------------------------------------------------------------------------------- changes

    def set(self, fields, values, bint keep_deadlines=False):
        cdef HashLimits limits
        cdef Py_ssize_t new = 0
        cdef bytes field, value
        read_hash_limits(self.limits, &limits)
        if not self.v.large:
            if len(fields) > limits.entries:
                hash_unpack(&self.v, <size_t>len(fields))
            elif any([len(<bytes>text) > limits.longest for text in fields]) or \
                    any([len(<bytes>text) > limits.longest for text in values]):
                hash_unpack(&self.v, 0)
        for field, value in zip(fields, values, strict=True):
            new += hash_put(&self.v, slice_of(field), slice_of(value), keep_deadlines)
        hash_fit(&self.v, &limits)
        return new

    def load(self, fields, values):
        cdef HashLimits limits
        cdef bytes field, value
        read_hash_limits(self.limits, &limits)
        for field, value in zip(fields, values, strict=True):
            hash_put(&self.v, slice_of(field), slice_of(value), False)
            hash_fit(&self.v, &limits)

    def remove(self, fields):
        cdef Py_ssize_t gone = 0
        cdef bytes field
        for field in fields:
            gone += hash_remove(&self.v, slice_of(field))
        return gone

    # ---------------------------------------------------------------------------------------------- deadlines

    def be_timed(self):
        hash_be_timed(&self.v)

    def deadline(self, bytes field not None):
        cdef Found found
        cdef int64_t at
        if not hash_find(&self.v, slice_of(field), &found):
            return None
        at = found_end(&self.v, &found)
        return None if at == FAR else at

    def set_deadline(self, bytes field not None, at):
        cdef Found found
        if hash_find(&self.v, slice_of(field), &found):
            hash_time(&self.v, slice_of(field), &found, FAR if at is None else <int64_t>at)

    def end(self, int64_t now, int64_t most):
        cdef int64_t gone = 0
        while gone < most and self.v.first < now:
            hash_remove_first(&self.v)
            gone += 1
        return gone

    # ---------------------------------------------------------------------------------------------- as a whole

    def copy(self):
        cdef Hash other = Hash(self.limits)
        hash_drop(&other.v)
        other.v = self.v
        if self.v.large:
            other.v.data = members_copy(<Table*>self.v.data, PAIRED)
            other.v.heap = heap_copy(self.v.heap)
        else:
            other.v.data = lp_copy(<char*>self.v.data)
        return other

    def check(self):
        cdef list fields
        if self.v.large:
            members_check(<Table*>self.v.data, PAIRED)
        else:
            assert lp_check(<char*>self.v.data, lp_size(<char*>self.v.data))
            assert lp_count(<char*>self.v.data) % hash_step(&self.v) == 0, "a field without its value"
            fields = hash_list(&self.v)
            assert len(fields) == len(set(fields)), "a field twice"
        ends_check(&self.v)


cdef struct Found:          # a field: in a listpack its place and its value's, in a table its cell and place
    char* field
    char* value
    void* cell
    uint64_t hash
    Place place


cdef inline void hash_begin(HashData* s) noexcept nogil:
    """An empty one."""
    s.data = lp_new()
    s.heap = NULL
    s.first = FAR
    s.large = s.timed = False

cdef void hash_drop(HashData* s) noexcept:
    if s.data == NULL:
        return
    if s.large:
        members_free(<Table*>s.data, paired_drop)
        heap_free(s)
    else:
        lp_free(<char*>s.data)

cdef inline size_t hash_step(const HashData* s) noexcept nogil:
    """Elements of a listpack that belong to a field."""
    return 3 if s.timed else 2

cdef inline char* row_next(const HashData* s, const char* value) noexcept nogil:
    """The field behind a value in a listpack, or NULL."""
    return lp_next(lp_next(value)) if s.timed else lp_next(value)

cdef inline size_t hash_count(const HashData* s) noexcept:
    return (<Table*>s.data).used if s.large else lp_count(<char*>s.data) // hash_step(s)

cdef inline size_t hash_memory(const HashData* s) noexcept:
    """Bytes, without an object's."""
    return members_memory(<Table*>s.data) + heap_memory(s.heap) if s.large else lp_memory(<char*>s.data)

cdef list hash_list(HashData* s):
    """Every field."""
    cdef list found = []
    cdef char* at
    if s.large:
        return members_list(<Table*>s.data)
    at = lp_first(<char*>s.data)
    while at != NULL:
        found.append(lp_bytes(at))
        at = row_next(s, lp_next(at))
    return found

cdef inline bint hash_find(HashData* s, Slice field, Found* found) noexcept:
    cdef lp_item item
    if s.large:
        found.hash = text_hash(field.p, field.n)
        found.cell = member_find(<Table*>s.data, field.p, field.n, found.hash, &found.place)
        return found.cell != NULL
    lp_prepare(&item, field.p, field.n)
    found.field = lp_find(lp_first(<char*>s.data), &item, hash_step(s))
    if found.field == NULL:
        return False
    found.value = lp_next(found.field)
    return True

cdef bint hash_put(HashData* s, Slice field, Slice value, bint keep) noexcept:
    """Give a field a value; was it new?  It is packed as long as a listpack can be so large.  keep: the deadline, too."""
    cdef lp_item[3] items
    cdef Place place
    cdef void* cell
    cdef uint64_t h
    cdef int64_t ends
    cdef char* at
    cdef char* begin
    if not s.large:
        lp_prepare(items, field.p, field.n)
        lp_prepare(items + 1, value.p, value.n)
        lp_prepare_int(items + 2, 0)
        if lp_fits(<char*>s.data, items[0].size + items[1].size + items[2].size):
            begin = lp_find(lp_first(<char*>s.data), items, hash_step(s))
            if begin == NULL:
                s.data = lp_append(<char*>s.data, items, hash_step(s))
                return True
            at = lp_next(begin)
            if s.timed and not keep and row_end(begin) != FAR:
                s.data = lp_delete(<char*>s.data, &begin, 3)
                s.data = lp_append(<char*>s.data, items, 3)
                s.first = pack_first(<char*>s.data)
                return False
            s.data = lp_replace(<char*>s.data, &at, items + 1)
            return False
        hash_unpack(s, 0)
    h = text_hash(field.p, field.n)
    cell = member_find(<Table*>s.data, field.p, field.n, h, &place)
    if cell == NULL:
        member_add(<Table*>s.data, PAIRED, field.p, field.n, h, value.p, value.n)
        return True
    ends = member_end(cell) if s.heap != NULL else FAR
    member_revalue(<Table*>s.data, &place, value.p, value.n, ends if keep else FAR)
    if not keep and ends != FAR:
        heap_forget(s, ends)
    return False

cdef bint hash_remove(HashData* s, Slice field) noexcept:
    """Was it there?"""
    cdef Found found
    if not hash_find(s, field, &found):
        return False
    hash_remove_found(s, &found)
    return True

cdef void hash_remove_found(HashData* s, Found* found) noexcept:
    cdef int64_t ends
    if s.large:
        ends = member_end(found.cell) if s.heap != NULL else FAR
        member_remove(<Table*>s.data, PAIRED, found.hash, &found.place)
        if ends != FAR:
            heap_forget(s, ends)
    else:
        s.data = lp_delete(<char*>s.data, &found.field, hash_step(s))
        if s.first != FAR:
            s.first = pack_first(<char*>s.data)

cdef inline void hash_fit(HashData* s, const HashLimits* limits) noexcept:
    """Be no listpack any more that has too many fields."""
    if not s.large and <int64_t>hash_count(s) > limits.entries:
        hash_unpack(s, 0)

cdef void hash_unpack(HashData* s, size_t expected) noexcept:
    """Become a table.  expected: fields that are to come."""
    cdef Table* t = members_make(max(expected, hash_count(s) + 1))
    cdef char[24] text, number
    cdef const char* p
    cdef const char* value
    cdef size_t n = 0, size = 0
    cdef char* at = lp_first(<char*>s.data)
    cdef int64_t ends
    while at != NULL:
        ends = row_end(at) if s.timed else FAR
        p = lp_text(at, text, &n)
        at = lp_next(at)
        value = lp_text(at, number, &size)
        at = row_next(s, at)
        member_add(t, PAIRED, p, n, rl_hash(p, n), value, size, ends)
    lp_free(<char*>s.data)
    s.data = t
    s.large = True
    if s.first != FAR:
        heap_make(s)
