# A set: an intset while all members are integers, a listpack while it is small, else a table.  See
# redlark.server.types.
#
# Must live here: the three forms and the steps between them, which are those of redlark.server.plain.set and Redis's.
# Must not: how a form works inside (intset.h, listpack.h, members.pxi), replies.
#
# Sets of a few members of which one is too long for a listpack are kept in one all the same, though they are told as tables
# (`few`): so they take no object, no table and no bucket.
#
# Why three: what most sets hold takes a byte or two beside its text in a packed form, and a search through a few
# hundred bytes costs no more than a hash and two cache misses.  A large set is a table, which grows in bounded steps.

cdef extern from "intset.h" nogil:
    ctypedef struct rl_intset:
        uint32_t width
        uint32_t count
    size_t rl_intset_bytes(const rl_intset* s)
    int64_t rl_intset_at(const rl_intset* s, size_t i)
    rl_intset* rl_intset_make()
    void rl_intset_free(rl_intset* s)
    size_t rl_intset_place(const rl_intset* s, int64_t v)
    bint rl_intset_has(const rl_intset* s, int64_t v)
    rl_intset* rl_intset_add(rl_intset* s, int64_t v, bint* added)
    rl_intset* rl_intset_remove(rl_intset* s, size_t i)
    void rl_intset_put(rl_intset* s, size_t i, int64_t v)
    rl_intset* rl_intset_shorten(rl_intset* s, size_t count)

cdef enum Packing:
    INTSET = 0
    LISTPACK = 1
    HASHTABLE = 2

cdef enum:
    COLLECTION = 48         # bytes of the object of a set
    FEW_MEMBERS = 7         # that a set told as a table may have in a listpack,
    FEW_BYTES = 1024        # and bytes of it
    KEPT_SHARE = 5          # what SPOP leaves is kept anew where it is less than a fifth of what it takes

cdef tuple PACKINGS = (b"intset", b"listpack", b"hashtable")

cdef struct SetLimits:
    int64_t intset          # numbers that an intset may have
    int64_t entries         # members that a listpack may have
    int64_t longest         # bytes that each may have there


cdef int read_set_limits(object limits, SetLimits* to) except -1:
    to.intset = limits.set_max_intset_entries
    to.entries = limits.set_max_listpack_entries
    to.longest = limits.set_max_listpack_value
    return 0

cdef inline Slice slice_of(bytes text) noexcept:
    cdef Slice s
    s.p = BYTES_TEXT(<PyObject*>text)
    s.n = <size_t>BYTES_SIZE(<PyObject*>text)
    return s


cdef struct SetData:
    void* data              # an rl_intset, a listpack or a Table; NULL: somebody else has it now
    Packing form
    bint few                # a listpack that is told as a table

@cython.final
@cython.no_gc               # it refers to the configuration alone
cdef class Set:
    """See redlark.server.types.Set."""

    kind = b"set"

    cdef object limits
    cdef SetData v

    def __cinit__(self, limits):
        self.limits = limits
        set_make(&self.v)

    def __dealloc__(self):
        set_drop(self.v.form, self.v.data)

    # ---------------------------------------------------------------------------------------------- reading

    def __len__(self):
        return <Py_ssize_t>set_count(&self.v)

    def __contains__(self, member):
        return type(member) is bytes and set_has(&self.v, slice_of(member))

    def __iter__(self):
        if self.v.form == HASHTABLE:
            return walk_over(self, <Table*>self.v.data, collect_members)
        return iter(set_list(&self.v))

    @property
    def encoding(self):
        return PACKINGS[HASHTABLE if self.v.few else self.v.form]

    def memory(self):
        return COLLECTION + set_memory(&self.v)

    def scan(self, uint64_t cursor, Py_ssize_t count):
        if self.v.form == HASHTABLE:
            return members_scan(<Table*>self.v.data, cursor, count)
        return 0, set_list(&self.v)

    def draw(self, Py_ssize_t count):
        if self.v.form == HASHTABLE:
            return members_draw(<Table*>self.v.data, count)
        return list_draw(set_list(&self.v), count)

    def sample(self, Py_ssize_t count):
        if self.v.form == HASHTABLE:
            return members_sample(<Table*>self.v.data, count)
        return list_sample(set_list(&self.v), count)

    # ---------------------------------------------------------------------------------------------- changes

    def add(self, members, int64_t announced=0):
        cdef SetLimits limits
        read_set_limits(self.limits, &limits)
        if announced:
            set_announce(&self.v, slice_of(members[0]), announced, &limits)
        return set_add_all(&self.v, members, &limits)

    def gather(self, members, bint integers=True):
        cdef SetLimits limits
        cdef list numbers = [], others = []
        cdef bytes member
        cdef int64_t number = 0
        read_set_limits(self.limits, &limits)
        for member in members:
            if rl_parse_int(member, <size_t>len(member), &number):
                numbers.append(member)
            else:
                others.append(member)
        if not integers and (others or len(numbers) > limits.intset):
            set_become(&self.v, LISTPACK, 0)
        set_add_all(&self.v, numbers, &limits)
        set_add_all(&self.v, others, &limits)

    def load(self, members, bytes encoding not None):
        cdef SetLimits limits
        cdef bytes member
        cdef bint added, packs
        cdef int64_t number = 0
        cdef size_t count
        members = dict.fromkeys(members)
        count = <size_t>len(members)
        read_set_limits(self.limits, &limits)
        if encoding == b"intset" and <int64_t>count <= limits.intset:
            for member in members:
                if not rl_parse_int(member, <size_t>len(member), &number):
                    raise ValueError("not an integer")
                self.v.data = rl_intset_add(<rl_intset*>self.v.data, number, &added)
            return
        packs = encoding == b"listpack" and <int64_t>count <= limits.entries
        set_become(&self.v, LISTPACK if packs else HASHTABLE, count)
        for member in members:
            set_insert(&self.v, slice_of(member))

    def remove(self, members):
        cdef Py_ssize_t gone = 0
        cdef bytes member
        for member in members:
            gone += set_remove(&self.v, slice_of(member))
        return gone

    def take(self, Py_ssize_t count):
        cdef SetLimits limits
        cdef list gone = self.sample(count)
        cdef bytes member
        for member in gone:
            set_remove(&self.v, slice_of(member))
        read_set_limits(self.limits, &limits)
        set_keep(&self.v, <size_t>count, &limits)
        return gone

    # ---------------------------------------------------------------------------------------------- as a whole

    def copy(self):
        cdef Set other = Set(self.limits)
        cdef bytes member
        rl_intset_free(<rl_intset*>other.v.data)
        if self.v.form == INTSET:
            other.v.data = rl_slot_alloc(rl_intset_bytes(<rl_intset*>self.v.data))
            memcpy(other.v.data, self.v.data, rl_intset_bytes(<rl_intset*>self.v.data))
        elif self.v.form == LISTPACK:
            other.v.data = lp_copy(<char*>self.v.data)
        else:
            other.v.data = members_copy(<Table*>self.v.data, LONE)
        other.v.form, other.v.few = self.v.form, self.v.few
        return other

    def check(self):
        cdef rl_intset* numbers = <rl_intset*>self.v.data
        cdef size_t i
        cdef list members
        if self.v.form == INTSET:
            assert not self.v.few, "an intset"
            assert numbers.width in (2, 4, 8)
            for i in range(1, numbers.count):
                assert rl_intset_at(numbers, i - 1) < rl_intset_at(numbers, i), "order"
        elif self.v.form == LISTPACK:
            assert lp_check(<char*>self.v.data, lp_size(<char*>self.v.data))
            members = set_list(&self.v)
            assert len(members) == len(set(members)), "a member twice"
            assert not self.v.few or len(members) <= FEW_MEMBERS, "more than a few"
        else:
            assert not self.v.few, "a table"
            members_check(<Table*>self.v.data, LONE)


cdef void set_make(SetData* s) noexcept nogil:
    """An empty one."""
    s.form, s.few = INTSET, False
    s.data = rl_intset_make()

cdef void set_drop(int form, void* data) noexcept:
    if data == NULL:
        return
    if form == INTSET:
        rl_intset_free(<rl_intset*>data)
    elif form == LISTPACK:
        lp_free(<char*>data)
    else:
        members_free(<Table*>data, lone_drop)

cdef inline size_t set_count(const SetData* s) noexcept:
    if s.form == INTSET:
        return (<rl_intset*>s.data).count
    return lp_count(<char*>s.data) if s.form == LISTPACK else (<Table*>s.data).used

cdef size_t set_memory(const SetData* s) noexcept:
    """Bytes, without an object's."""
    if s.form == INTSET:
        return rl_good_size(rl_intset_bytes(<rl_intset*>s.data))
    return lp_memory(<char*>s.data) if s.form == LISTPACK else members_memory(<Table*>s.data)

cdef list set_list(SetData* s):
    """Every member: ascending, or as they came, or in the order of buckets."""
    cdef list found = []
    cdef char[24] text
    cdef char* at
    cdef size_t i
    if s.form == HASHTABLE:
        return members_list(<Table*>s.data)
    if s.form == LISTPACK:
        at = lp_first(<char*>s.data)
        while at != NULL:
            found.append(lp_bytes(at))
            at = lp_next(at)
    else:
        for i in range((<rl_intset*>s.data).count):
            found.append(PyBytes_FromStringAndSize(text, rl_format_int(text, rl_intset_at(<rl_intset*>s.data, i))))
    return found

cdef bint set_has(SetData* s, Slice member) noexcept:
    cdef Place at
    cdef lp_item item
    cdef int64_t number = 0
    if s.form == HASHTABLE:
        return member_find(<Table*>s.data, member.p, member.n, text_hash(member.p, member.n), &at) != NULL
    if s.form == INTSET:
        return rl_parse_int(member.p, member.n, &number) and rl_intset_has(<rl_intset*>s.data, number)
    lp_prepare(&item, member.p, member.n)
    return lp_find(lp_first(<char*>s.data), &item, 1) != NULL

cdef bint set_remove(SetData* s, Slice member) noexcept:
    """Was it there?"""
    cdef Place place
    cdef lp_item item
    cdef char* at
    cdef uint64_t h
    cdef size_t i
    cdef int64_t number = 0
    if s.form == HASHTABLE:
        h = text_hash(member.p, member.n)
        if member_find(<Table*>s.data, member.p, member.n, h, &place) == NULL:
            return False
        member_remove(<Table*>s.data, LONE, h, &place)
    elif s.form == INTSET:
        if not rl_parse_int(member.p, member.n, &number) or not rl_intset_has(<rl_intset*>s.data, number):
            return False
        i = rl_intset_place(<rl_intset*>s.data, number)
        s.data = rl_intset_remove(<rl_intset*>s.data, i)
    else:
        lp_prepare(&item, member.p, member.n)
        at = lp_find(lp_first(<char*>s.data), &item, 1)
        if at == NULL:
            return False
        s.data = lp_delete(<char*>s.data, &at, 1)
    return True


# ----------------------------------------------------------------------------------------------------- growth, by forms

cdef Py_ssize_t set_add_all(SetData* s, object members, const SetLimits* limits) except -1:
    cdef Py_ssize_t added = 0
    cdef bytes member
    for member in members:
        added += set_add(s, slice_of(member), limits)
    return added

cdef void set_insert(SetData* s, Slice member) noexcept:
    """Add what is not there to a listpack, or to a table, which a listpack becomes that would be too large."""
    cdef lp_item item
    if s.form == LISTPACK:
        lp_prepare(&item, member.p, member.n)
        if lp_fits(<char*>s.data, item.size):
            s.data = lp_append(<char*>s.data, &item, 1)
            return
        set_become(s, HASHTABLE, 0)
    member_add(<Table*>s.data, LONE, member.p, member.n, rl_hash(member.p, member.n), NULL, 0)

cdef bint set_add(SetData* s, Slice member, const SetLimits* limits) noexcept:
    """Add a member; was it new?"""
    cdef Place place
    cdef lp_item item
    cdef uint64_t h
    cdef int64_t number = 0
    cdef bint added = False
    if s.form == HASHTABLE:
        h = text_hash(member.p, member.n)
        if member_find(<Table*>s.data, member.p, member.n, h, &place) != NULL:
            return False
        member_add(<Table*>s.data, LONE, member.p, member.n, h, NULL, 0)
        return True
    if s.form == INTSET:
        if rl_parse_int(member.p, member.n, &number):
            if <int64_t>(<rl_intset*>s.data).count < limits.intset:
                s.data = rl_intset_add(<rl_intset*>s.data, number, &added)
                return added
            if rl_intset_has(<rl_intset*>s.data, number):
                return False
            set_become(s, HASHTABLE, 0)
        elif set_packs(s, max(member.n, longest_number(s)), limits):
            set_become(s, LISTPACK, 0)
        else:
            set_outgrow(s, member.n)
    else:
        lp_prepare(&item, member.p, member.n)
        if lp_find(lp_first(<char*>s.data), &item, 1) != NULL:
            return False
        if s.few or not set_packs(s, member.n, limits):
            set_outgrow(s, member.n)
    set_insert(s, member)
    return True

cdef void set_outgrow(SetData* s, size_t more) noexcept:
    """Be told as a table, and become one where another member of so many bytes makes it more than a few."""
    if set_count(s) >= FEW_MEMBERS or set_memory(s) + more > FEW_BYTES:
        set_become(s, HASHTABLE, 0)
    else:
        set_become(s, LISTPACK, 0)
        s.few = True

cdef inline void set_add_new(SetData* s, Slice member, const SetLimits* limits) noexcept:
    """The same of a member that is known not to be there."""
    if s.form == INTSET:
        set_add(s, member, limits)
        return
    if s.few or s.form == LISTPACK and not set_packs(s, member.n, limits):
        set_outgrow(s, member.n)
    set_insert(s, member)

cdef inline bint set_packs(SetData* s, size_t longest, const SetLimits* limits) noexcept:
    """May it be a listpack when one more has come, and none is longer than this?"""
    return <int64_t>set_count(s) < limits.entries and <int64_t>longest <= limits.longest

cdef size_t longest_number(SetData* s) noexcept:
    """Bytes of the longest text of an intset's numbers: one at either end."""
    cdef rl_intset* numbers = <rl_intset*>s.data
    cdef char[24] text
    if numbers.count == 0:
        return 0
    return <size_t>max(rl_format_int(text, rl_intset_at(numbers, 0)),
                       rl_format_int(text, rl_intset_at(numbers, numbers.count - 1)))

cdef void set_announce(SetData* s, Slice first, int64_t count, const SetLimits* limits) noexcept:
    """The form in which so many are expected; repeats, and those that are there, count."""
    cdef int64_t number = 0
    cdef bint packs = count <= limits.entries, fits = count <= limits.intset
    if set_count(s) == 0:
        if not fits or not rl_parse_int(first.p, first.n, &number):
            if s.form == HASHTABLE or s.few:            # all its members are gone
                set_drop(s.form, s.data)
                set_make(s)
            set_become(s, LISTPACK if packs else HASHTABLE, <size_t>count)
    elif s.form == INTSET and not fits or s.form == LISTPACK and not packs:
        set_become(s, HASHTABLE, <size_t>count)

cdef void set_become(SetData* s, Packing form, size_t expected) noexcept:
    """Take another form, which is never a narrower one.  expected: members that the table will have, or less."""
    cdef Table* t = NULL
    cdef char* lp = NULL
    cdef char* at
    cdef const char* p
    cdef char[24] text
    cdef lp_item item
    cdef size_t i, n = 0
    if form == s.form:
        return
    if form == LISTPACK:
        lp = lp_new()
    else:
        t = members_make(max(expected, set_count(s) + 1))
    if s.form == INTSET:
        for i in range((<rl_intset*>s.data).count):
            if t == NULL:
                lp_prepare_int(&item, rl_intset_at(<rl_intset*>s.data, i))
                lp = lp_append(lp, &item, 1)
            else:
                n = <size_t>rl_format_int(text, rl_intset_at(<rl_intset*>s.data, i))
                member_add(t, LONE, text, n, rl_hash(text, n), NULL, 0)
    else:
        at = lp_first(<char*>s.data)
        while at != NULL:
            p = lp_text(at, text, &n)
            member_add(t, LONE, p, n, rl_hash(p, n), NULL, 0)
            at = lp_next(at)
    set_drop(s.form, s.data)
    s.form, s.few = form, False
    s.data = lp if t == NULL else <void*>t

cdef struct Keeping:            # what is left of a table, on its way into a listpack
    char* lp
    size_t longest
    bint fits

cdef void keep_members(void* arg, Bucket* b) noexcept:
    """arg: a Keeping, which gets the members of a chain."""
    cdef Keeping* keeping = <Keeping*>arg
    cdef Slice text
    cdef lp_item item
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                text = member_text(b.slot[i])
                lp_prepare(&item, text.p, text.n)
                if text.n <= keeping.longest and lp_fits(keeping.lp, item.size):
                    keeping.lp = lp_append(keeping.lp, &item, 1)
                else:
                    keeping.fits = False
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void set_keep(SetData* s, size_t gone, const SetLimits* limits) noexcept:
    """Once so many have gone at once: what is left is kept anew, where it is far less than that."""
    cdef Keeping keeping
    cdef Table* t
    cdef char* at
    cdef char[24] room
    cdef size_t n = 0, count = set_count(s), longest = 0
    cdef bint packs
    if s.form == INTSET or count * KEPT_SHARE > gone:
        return
    if s.form == LISTPACK:
        at = lp_first(<char*>s.data)
        while at != NULL:
            lp_text(at, room, &n)
            longest = max(longest, n)
            at = lp_next(at)
        packs = <int64_t>count <= limits.entries and <int64_t>longest <= limits.longest
        if packs:
            s.few = False
        elif not s.few:
            set_become(s, HASHTABLE, count)
        return
    t = <Table*>s.data
    keeping.lp, keeping.longest, keeping.fits = lp_new(), <size_t>max(limits.longest, 0), <int64_t>count <= limits.entries
    if keeping.fits:
        table_tell(t, keep_members, &keeping)
    if keeping.fits:
        s.form, s.few, s.data = LISTPACK, False, keeping.lp
    else:
        lp_free(keeping.lp)
        s.data = members_copy(t, LONE)
    members_free(t, lone_drop)
