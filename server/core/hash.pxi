# A hash: a listpack of fields and values in turn while it is small, else a table, which it stays.  See
# redlark.server.types.
#
# Must live here: the two forms and the step between them, which are those of redlark.server.plain.hash and Redis's.
# Must not: how a form works inside (listpack.h, members.pxi), replies.
#
# Why field and value lie in one allocation in a table: what looks for a field wants its value, and one allocation less
# is a cache line less.  Deadlines lie aside (ends.pxi).

cdef enum:
    HASH_ITSELF = 80        # bytes of the object


cdef struct HashLimits:
    int64_t entries         # fields that a listpack may have
    int64_t longest         # bytes that each, and each value, may have there


cdef int read_hash_limits(object limits, HashLimits* to) except -1:
    to.entries = limits.hash_max_listpack_entries
    to.longest = limits.hash_max_listpack_value
    return 0


cdef struct HashData:
    void* data              # a listpack or a Table; NULL: somebody else has it now
    bint large

cdef struct Due:
    int64_t at              # Unix ms
    uint64_t field          # its hash

cdef struct DueHeap:
    size_t count
    size_t room
    Due items[1]            # `room` of them, the earliest first

cdef struct Ends:
    HashData times          # data: NULL where there are none yet
    DueHeap* heap           # of a table
    int64_t first           # the earliest; FAR: there is none

@cython.final
@cython.no_gc               # it refers to the configuration alone
cdef class Hash:
    """See redlark.server.types.Hash."""

    kind = b"hash"

    cdef object limits
    cdef HashData v
    cdef Ends ends_of
    cdef readonly bint timed

    def __cinit__(self, limits):
        self.limits = limits
        self.v.data = lp_new()
        ends_begin(&self.ends_of)

    def __dealloc__(self):
        hash_drop(self.v.large, self.v.data)
        ends_drop_all(&self.ends_of)

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
        return b"hashtable" if self.v.large else b"listpackex" if self.timed else b"listpack"

    @property
    def ends(self):
        return None if self.ends_of.first == FAR else self.ends_of.first

    def memory(self):
        return HASH_ITSELF + hash_memory(&self.v) + ends_memory(&self.ends_of)

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
            at = lp_next(value)
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
        if self.ends_of.first != FAR and not keep_deadlines:
            for field in fields:
                ends_drop(&self.ends_of, slice_of(field))
        if not self.v.large:
            if len(fields) > limits.entries:
                hash_unpack(&self.v, <size_t>len(fields))
            elif any([len(<bytes>text) > limits.longest for text in fields]) or \
                    any([len(<bytes>text) > limits.longest for text in values]):
                hash_unpack(&self.v, 0)
        for field, value in zip(fields, values, strict=True):
            new += hash_put(&self.v, slice_of(field), slice_of(value))
        hash_fit(&self.v, &limits)
        return new

    def load(self, fields, values):
        cdef HashLimits limits
        cdef bytes field, value
        read_hash_limits(self.limits, &limits)
        for field, value in zip(fields, values, strict=True):
            hash_put(&self.v, slice_of(field), slice_of(value))
            hash_fit(&self.v, &limits)

    def remove(self, fields):
        cdef Py_ssize_t gone = 0
        cdef bytes field
        for field in fields:
            if hash_remove(&self.v, slice_of(field)):
                gone += 1
                ends_drop(&self.ends_of, slice_of(field))
        return gone

    # ---------------------------------------------------------------------------------------------- deadlines

    def be_timed(self):
        self.timed = True

    def deadline(self, bytes field not None):
        cdef int64_t at = 0
        return at if ends_get(&self.ends_of, slice_of(field), &at) else None

    def set_deadline(self, bytes field not None, at):
        if at is None:
            ends_drop(&self.ends_of, slice_of(field))
        else:
            ends_put(&self.ends_of, slice_of(field), at)

    def end(self, int64_t now, int64_t most):
        cdef int64_t gone = 0
        while gone < most and self.ends_of.first < now:
            gone += self.remove((ends_earliest(&self.ends_of),))
        return gone

    # ---------------------------------------------------------------------------------------------- as a whole

    def copy(self):
        cdef Hash other = Hash(self.limits)
        lp_free(<char*>other.v.data)
        other.v.data = members_copy(<Table*>self.v.data, PAIRED) if self.v.large else <void*>lp_copy(<char*>self.v.data)
        other.v.large = self.v.large
        other.timed = self.timed
        ends_copy(&other.ends_of, &self.ends_of)
        return other

    def check(self):
        cdef list fields
        if self.v.large:
            members_check(<Table*>self.v.data, PAIRED)
        else:
            assert lp_check(<char*>self.v.data, lp_size(<char*>self.v.data))
            assert lp_count(<char*>self.v.data) % 2 == 0, "a field without its value"
            fields = hash_list(&self.v)
            assert len(fields) == len(set(fields)), "a field twice"
        ends_check(&self.ends_of, self)


cdef struct Found:          # a field: in a listpack its place and its value's, in a table its cell and place
    char* field
    char* value
    void* cell
    uint64_t hash
    Place place


cdef void hash_drop(bint large, void* data) noexcept:
    if data == NULL:
        return
    if large:
        members_free(<Table*>data, paired_drop)
    else:
        lp_free(<char*>data)

cdef inline size_t hash_count(const HashData* s) noexcept:
    return (<Table*>s.data).used if s.large else lp_count(<char*>s.data) // 2

cdef inline size_t hash_memory(const HashData* s) noexcept:
    """Bytes, without an object's and deadlines'."""
    return members_memory(<Table*>s.data) if s.large else lp_memory(<char*>s.data)

cdef list hash_list(HashData* s):
    """Every field."""
    cdef list found = []
    cdef char* at
    if s.large:
        return members_list(<Table*>s.data)
    at = lp_first(<char*>s.data)
    while at != NULL:
        found.append(lp_bytes(at))
        at = lp_next(lp_next(at))
    return found

cdef inline bint hash_find(HashData* s, Slice field, Found* found) noexcept:
    cdef lp_item item
    if s.large:
        found.hash = text_hash(field.p, field.n)
        found.cell = member_find(<Table*>s.data, field.p, field.n, found.hash, &found.place)
        return found.cell != NULL
    lp_prepare(&item, field.p, field.n)
    found.field = lp_find(lp_first(<char*>s.data), &item, 2)
    if found.field == NULL:
        return False
    found.value = lp_next(found.field)
    return True

cdef bint hash_put(HashData* s, Slice field, Slice value) noexcept:
    """Give a field a value; was it new?  It is packed as long as a listpack can be so large."""
    cdef lp_item[2] items
    cdef Place place
    cdef uint64_t h
    cdef char* at
    if not s.large:
        lp_prepare(items, field.p, field.n)
        lp_prepare(items + 1, value.p, value.n)
        if lp_fits(<char*>s.data, items[0].size + items[1].size):
            at = lp_find(lp_first(<char*>s.data), items, 2)
            if at == NULL:
                s.data = lp_append(<char*>s.data, items, 2)
                return True
            at = lp_next(at)
            s.data = lp_replace(<char*>s.data, &at, items + 1)
            return False
        hash_unpack(s, 0)
    h = text_hash(field.p, field.n)
    if member_find(<Table*>s.data, field.p, field.n, h, &place) == NULL:
        member_add(<Table*>s.data, PAIRED, field.p, field.n, h, value.p, value.n)
        return True
    member_revalue(<Table*>s.data, &place, value.p, value.n)
    return False

cdef bint hash_remove(HashData* s, Slice field) noexcept:
    """Was it there?"""
    cdef Found found
    if not hash_find(s, field, &found):
        return False
    if s.large:
        member_remove(<Table*>s.data, PAIRED, found.hash, &found.place)
    else:
        s.data = lp_delete(<char*>s.data, &found.field, 2)
    return True

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
    while at != NULL:
        p = lp_text(at, text, &n)
        at = lp_next(at)
        value = lp_text(at, number, &size)
        at = lp_next(at)
        member_add(t, PAIRED, p, n, rl_hash(p, n), value, size)
    lp_free(<char*>s.data)
    s.data = t
    s.large = True
