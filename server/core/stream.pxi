# The stream: entries in nodes, in the order of their ids.  See types.Stream.
#
# Must live here: nodes, how an entry is packed, how nodes are found and walked, what Python commands see.  Must not:
# changes of nodes (stream_changes.pxi), groups of consumers, which are Python's (redlark.server.groups), the hot
# commands (stream_commands.pxi).
#
# A node is one listpack (listpack.h): the fields of its first entry, then the entries, each
#
#     same       1 if it has just these fields, else 0
#     ms, seq    the id, as differences to the node's first one
#     values     of these fields; or, where it has others, their number, and fields and values in turn
#
# so an entry of a log whose fields are always the same takes its values and about six bytes.  Redis has the same
# listpack with a count behind each entry and three numbers at the beginning; nodes are cut where its nodes are, for
# which `size` adds up what Redis would need, deleted entries too.  Here what is deleted goes at once.
#
# Why nodes in one array and not in a tree: entries come at the end and go, nearly always, at the beginning.  The array
# has room on both sides; a search halves it, and what is taken out of the middle moves 56 bytes a node, which means a
# hundred entries.

from redlark.server.types import StreamNode as STREAM_NODE

cdef enum:
    NODE_MOST = 1 << 30     # bytes of a node, whatever the configuration says
    FEW_ITEMS = 64          # elements of an entry that are prepared without an allocation
    ENTRY_HEAD = 3          # elements of an entry before its values

cdef struct Id:
    uint64_t ms
    uint64_t seq

cdef struct StreamLimits:
    int64_t entries         # that a node may have; none: 0
    int64_t bytes

cdef struct Node:
    Id first                # that it was made for
    Id last                 # that was ever put into it
    char* lp
    uint32_t head           # where the first entry stands
    uint32_t fields         # how many its entries share
    uint32_t total          # entries that were ever put into it
    uint32_t live           # that are there
    size_t size             # bytes that Redis would need

cdef struct Record:         # an entry where it stands
    Id id
    char* at
    char* items
    size_t pairs
    bint same               # items are values alone


cdef inline int id_order(Id one, Id other) noexcept nogil:
    if one.ms != other.ms:
        return 1 if one.ms > other.ms else -1
    return (one.seq > other.seq) - (one.seq < other.seq)

cdef inline Id id_after(Id id_) noexcept nogil:
    """The next one; the largest has none."""
    id_.seq += 1
    id_.ms += id_.seq == 0
    return id_

cdef Id read_id(object number) except *:
    """Of a number of 128 bits."""
    cdef Id id_
    id_.ms = number >> 64
    id_.seq = number & <uint64_t>-1
    return id_

cdef inline object id_number(Id id_):
    return <object>id_.ms << 64 | id_.seq

cdef int read_stream_limits(object limits, StreamLimits* to) except -1:
    to.entries = limits.stream_node_max_entries
    to.bytes = limits.stream_node_max_bytes
    return 0


@cython.no_gc               # its groups do not lead back to it
@cython.final
cdef class Stream:
    """Entries in the order of their ids; see redlark.server.types.Stream."""

    kind = b"stream"
    encoding = b"stream"

    cdef object limits
    cdef dict some_groups   # None: there are none
    cdef Node* array
    cdef size_t begin       # of the nodes in the array
    cdef size_t count       # of nodes
    cdef size_t room
    cdef size_t live        # entries
    cdef size_t held        # bytes of the listpacks
    cdef Id last_
    cdef Id deleted_
    cdef public uint64_t added

    def __cinit__(self, limits):
        self.limits = limits

    def __dealloc__(self):
        cdef size_t i
        for i in range(self.count):
            lp_free(node_at(self, i).lp)
        free(self.array)

    @property
    def groups(self):
        if self.some_groups is None:
            self.some_groups = {}
        return self.some_groups

    @property
    def last_id(self):
        return id_number(self.last_)

    @last_id.setter
    def last_id(self, number):
        self.last_ = read_id(number)

    @property
    def max_deleted(self):
        return id_number(self.deleted_)

    @max_deleted.setter
    def max_deleted(self, number):
        self.deleted_ = read_id(number)

    @property
    def nodes(self):
        return self.count

    def __len__(self):
        return <Py_ssize_t>self.live

    def memory(self):
        return stream_memory(self)

    # ---- reading ------------------------------------------------------------------------------------------------

    def get(self, number, /):
        cdef Record record
        cdef Node* node = stream_find(self, read_id(number), &record)
        return None if node == NULL else record_items(node, &record)

    def between(self, low, high, bint newest_first=False, /):
        return Between(self, max(low, 0), high, newest_first)

    def first(self):
        return stream_edge(self, False)

    def last(self):
        return stream_edge(self, True)

    # ---- changes ------------------------------------------------------------------------------------------------

    def append(self, number, items, /):
        cdef StreamLimits limits
        cdef list kept = list(items)
        cdef Slice* texts = <Slice*>rl_alloc((len(kept) + 1) * sizeof(Slice))
        cdef Py_ssize_t i
        try:
            read_stream_limits(self.limits, &limits)
            for i in range(len(kept)):
                texts[i] = slice_of(<bytes?>kept[i])
            stream_append(self, read_id(number), texts, len(kept) // 2, &limits)
        finally:
            free(texts)

    def remove(self, numbers, /):
        cdef Py_ssize_t gone = 0
        for number in numbers:
            gone += stream_remove(self, read_id(number))
        return gone

    def trim(self, longest, least, bint whole, size_t limit, /):
        cdef Id below = read_id(least)
        return stream_trim(self, longest is not None, 0 if longest is None else longest, below, whole, limit)

    # ---- as a whole ---------------------------------------------------------------------------------------------

    def packed(self):
        cdef size_t i
        for i in range(self.count):
            yield node_told(node_at(self, i))

    def load(self, nodes, /):
        for told in nodes:
            stream_load_node(self, told)
        self.live = sum(len(told.entries) for told in nodes)

    def copy(self):
        cdef Stream other = Stream(self.limits)
        cdef size_t i
        for i in range(self.count):
            stream_room(other)
            other.array[other.count] = node_at(self, i)[0]
            other.array[other.count].lp = lp_copy(node_at(self, i).lp)
            other.count += 1
        other.live, other.held, other.added = self.live, self.held, self.added
        other.last_, other.deleted_ = self.last_, self.deleted_
        if self.some_groups is not None:
            other.some_groups = {name: group.copy() for name, group in self.some_groups.items()}
        return other

    def check(self):
        """Every invariant."""
        cdef Node* node
        cdef size_t i, live = 0, held = 0
        before = -1
        assert self.begin + self.count <= self.room, "array"
        for i in range(self.count):
            node = node_at(self, i)
            assert lp_check(node.lp, lp_size(node.lp)), "listpack"
            told = node_told(node)
            assert len(told.entries) == node.live <= node.total, "entries of a node"
            ids = [number for number, _ in told.entries]
            assert ids == sorted(set(ids)) and before < told.first, "order"
            assert all(told.first <= number <= told.last for number in ids), "ids of a node"
            before = told.last
            live += node.live
            held += lp_memory(node.lp)
        assert (self.live, self.held) == (live, held) and self.live <= self.added, "sums"
        assert before <= self.last_id, "last id"
        for group in self.groups.values():
            group.check()


cdef inline Node* node_at(Stream s, size_t i) noexcept:
    return s.array + s.begin + i

cdef size_t stream_memory(Stream s) noexcept:
    cdef size_t groups = 0
    if s.some_groups is not None:
        for group in s.some_groups.values():
            if type(group) is Group:        # and not a test's
                groups += group_memory(<Group>group)
    return <size_t>STREAM_SIZE + s.room * sizeof(Node) + s.held + groups

cdef Py_ssize_t STREAM_SIZE = Stream.__basicsize__


# -------------------------------------------------------------------------------------------------------------- looking

cdef inline char* record_read(const Node* node, char* at, Record* record) noexcept nogil:
    """The entry that begins at a place; where its items begin."""
    cdef int64_t number = 0
    cdef size_t n = 0
    record.at = at
    lp_read(at, &n, &number)
    record.same = number != 0
    at += lp_whole_n(at)
    lp_read(at, &n, &number)
    record.id.ms = node.first.ms + <uint64_t>number
    at += lp_whole_n(at)
    lp_read(at, &n, &number)
    record.id.seq = node.first.seq + <uint64_t>number
    at += lp_whole_n(at)
    record.pairs = node.fields
    if not record.same:
        lp_read(at, &n, &number)
        record.pairs = <size_t>number
        at += lp_whole_n(at)
    record.items = at
    return at

cdef inline char* record_end(const Node* node, const Record* record) noexcept nogil:
    return lp_skip(record.items, record.pairs if record.same else 2 * record.pairs)

cdef tuple record_items(const Node* node, const Record* record):
    """Fields and values in turn."""
    cdef list found = []
    cdef char* field = node.lp + LP_HEAD
    cdef char* at = record.items
    cdef size_t i
    for i in range(record.pairs):
        if record.same:
            found.append(lp_bytes(field))
            field += lp_whole_n(field)
        else:
            found.append(lp_bytes(at))
            at += lp_whole_n(at)
        found.append(lp_bytes(at))
        at += lp_whole_n(at)
    return tuple(found)

cdef object node_told(const Node* node):
    cdef Record record
    cdef char* at = node.lp + LP_HEAD
    cdef list fields = [], entries = []
    cdef size_t i
    for i in range(node.fields):
        fields.append(lp_bytes(at))
        at += lp_whole_n(at)
    while not lp_at_end(at):
        record_read(node, at, &record)
        entries.append((id_number(record.id), record_items(node, &record)))
        at = record_end(node, &record)
    return STREAM_NODE(id_number(node.first), id_number(node.last), node.total, node.size, tuple(fields), entries)

cdef size_t stream_node_for(Stream s, Id id_) noexcept:
    """How many nodes begin at or before an id: the last of them is the one that may have it."""
    cdef size_t low = 0, high = s.count, middle
    while low < high:
        middle = (low + high) // 2
        if id_order(node_at(s, middle).first, id_) > 0:
            high = middle
        else:
            low = middle + 1
    return low

cdef bint node_seek(const Node* node, Id id_, Record* record) noexcept nogil:
    """The first entry of a node at or behind an id; False where there is none."""
    cdef char* at = node.lp + node.head
    while not lp_at_end(at):
        record_read(node, at, record)
        if id_order(record.id, id_) >= 0:
            return True
        at = record_end(node, record)
    return False

cdef Node* stream_find(Stream s, Id id_, Record* record) noexcept:
    """The node of an entry, which is told, too; NULL if there is none with this id."""
    cdef size_t i = stream_node_for(s, id_)
    cdef Node* node
    if i == 0:
        return NULL
    node = node_at(s, i - 1)
    return node if node_seek(node, id_, record) and id_order(record.id, id_) == 0 else NULL


# -------------------------------------------------------------------------------------------------------------- walking

cdef struct Course:         # over the entries between two ids
    Id low
    Id high
    bint backward
    size_t i                # the node; backward, how many nodes are left
    char* at                # NULL: the node is not yet begun
    uint32_t* places        # backward: where the entries of the node stand
    size_t room
    size_t left             # how many of them are still to be told

cdef void course_begin(Stream s, Id low, Id high, bint backward, Course* c) noexcept:
    cdef size_t i = stream_node_for(s, high if backward else low)
    memset(c, 0, sizeof(Course))
    c.low, c.high, c.backward = low, high, backward
    c.i = i if backward or i == 0 else i - 1

cdef inline void course_end(Course* c) noexcept nogil:
    free(c.places)
    c.places = NULL

cdef Node* course_next(Stream s, Course* c, Record* record) noexcept:
    """The next entry and its node; NULL at the end.  Nothing may have changed."""
    cdef Node* node
    if c.backward:
        return course_back(s, c, record)
    while c.i < s.count:
        node = node_at(s, c.i)
        if c.at == NULL:
            if not node_seek(node, c.low, record):
                c.i += 1
                continue
        elif lp_at_end(c.at):
            c.i += 1
            c.at = NULL
            continue
        else:
            record_read(node, c.at, record)
        if id_order(record.id, c.high) > 0:
            break
        c.at = record_end(node, record)
        return node
    c.i = s.count
    return NULL

cdef Node* course_back(Stream s, Course* c, Record* record) noexcept:
    cdef Node* node
    while c.left == 0:
        if c.i == 0:
            return NULL
        c.i -= 1
        node = node_at(s, c.i)
        if id_order(node.last, c.low) < 0:
            c.i = 0
            return NULL
        course_gather(node, c)
    node = node_at(s, c.i)
    c.left -= 1
    record_read(node, node.lp + c.places[c.left], record)
    return node

cdef void course_gather(const Node* node, Course* c) noexcept nogil:
    """Where the entries of a node stand that are between the ends."""
    cdef Record record
    cdef char* at = node.lp + node.head
    if node.live > c.room:
        c.room = node.live
        c.places = <uint32_t*>rl_resize(c.places, c.room * sizeof(uint32_t))
    while not lp_at_end(at):
        record_read(node, at, &record)
        if id_order(record.id, c.high) > 0:
            return
        if id_order(record.id, c.low) >= 0:
            c.places[c.left] = <uint32_t>(at - node.lp)
            c.left += 1
        at = record_end(node, &record)


cdef class Between:
    """An iterator over the entries between two ids, as Python has them."""

    cdef Stream stream
    cdef Course course
    cdef bint over

    def __cinit__(self, Stream stream not None, low, high, bint newest_first):
        self.stream = stream
        self.over = low > high
        if not self.over:
            course_begin(stream, read_id(low), read_id(high), newest_first, &self.course)

    def __dealloc__(self):
        course_end(&self.course)

    def __iter__(self):
        return self

    def __next__(self):
        cdef Record record
        cdef Node* node = NULL if self.over else course_next(self.stream, &self.course, &record)
        if node == NULL:
            self.over = True
            raise StopIteration
        return id_number(record.id), record_items(node, &record)


cdef object stream_edge(Stream s, bint newest):
    """The oldest or the newest entry, None if there is none."""
    cdef Course course
    cdef Record record
    cdef Id low, high
    cdef Node* node
    low.ms = low.seq = 0
    high.ms = high.seq = <uint64_t>-1
    course_begin(s, low, high, newest, &course)
    node = course_next(s, &course, &record)
    course_end(&course)
    return None if node == NULL else (id_number(record.id), record_items(node, &record))
