# A list: one listpack while it is short, a quicklist beyond.
#
# Must live here: the class that redlark.server.types promises, and when a list changes its form.  Must not: nodes
# (quicklist.h), the format of a listpack (listpack.h), commands.
#
# Which form a list has follows Redis 8.2, write by write: see redlark.server.plain.list, which says the same in Python.
#
# Why one word for both forms: a short list is then this object, 32 bytes, and its listpack.  Both begin at multiples of
# eight, so that the lowest bit tells them apart.  The object is none of the garbage collector's, which would cost 16 bytes
# more: it refers to the configuration alone.

cdef extern from "quicklist.h" nogil:
    ctypedef struct ql_node:
        ql_node* before
        ql_node* after
        char* data
        uint32_t plain
        uint32_t count
        uint32_t size
    ctypedef struct quicklist:
        ql_node* first
        ql_node* last
        uint64_t count
        uint64_t nodes
        size_t memory
        int64_t limit
    size_t ql_class(int64_t limit)
    bint ql_exceeds(int64_t limit, size_t size, size_t count)
    char* ql_lp(const ql_node* node)
    char* ql_head(const ql_node* node)
    char* ql_tail(const ql_node* node)
    char* ql_at(const ql_node* node, size_t place)
    void ql_link(quicklist* q, ql_node* node, ql_node* after)
    void ql_drop(quicklist* q, ql_node* node)
    ql_node* ql_of(quicklist* q, const char* source, const char* to, size_t count)
    ql_node* ql_plain(quicklist* q, const char* p, size_t n)
    ql_node* ql_put(quicklist* q, ql_node* node, size_t offset, const lp_item* item)
    ql_node* ql_doomed
    size_t ql_doomed_lists
    void ql_free_some(size_t count)
    quicklist* ql_new(int64_t limit)
    void ql_free(quicklist* q)
    quicklist* ql_copy(const quicklist* q)
    void ql_push(quicklist* q, const char* p, size_t n, bint left)
    void ql_shed(quicklist* q, uint64_t count, bint left)
    ql_node* ql_node_at(const quicklist* q, uint64_t* place)
    bint ql_is(const ql_node* node, const char* p, size_t n)
    void ql_insert(quicklist* q, ql_node* node, size_t place, const char* p, size_t n, bint after)
    void ql_set(quicklist* q, ql_node* node, size_t place, const char* p, size_t n)
    size_t ql_remove(quicklist* q, ql_node* node, const char* p, size_t n, const lp_item* item, uint64_t most, bint from_end)
    bint ql_check(const quicklist* q)

cdef enum:
    QUICK = 1               # in `root`
    LIST_ITSELF = 32        # bytes of a List


@cython.final
@cython.no_gc
cdef class List:
    """See redlark.server.types.List."""

    cdef size_t root                # address of the listpack or, with QUICK, of the quicklist
    cdef object limits

    kind = b"list"

    def __cinit__(self, limits):
        self.limits = limits
        self.root = <size_t>lp_new()

    def __dealloc__(self):
        if self.root:
            list_free(self.root)

    # ---------------------------------------------------------------------------------------------- looking

    def __len__(self):
        return <Py_ssize_t>list_count(self.root)

    def __iter__(self):
        return list_walk(self, True)

    def __reversed__(self):
        return list_walk(self, False)

    @property
    def encoding(self):
        return b"quicklist" if self.root & QUICK else b"listpack"

    def memory(self):
        return LIST_ITSELF + list_memory(self.root)

    def get(self, uint64_t place):
        if place >= list_count(self.root):
            raise IndexError
        return ListWalk.__next__(list_walk_from(self, place, True))

    def range(self, uint64_t start, uint64_t stop):
        cdef list told = []
        cdef ListWalk walk
        stop = min(stop, list_count(self.root))
        if start < stop:
            walk = list_walk_from(self, start, True)
            for _ in range(stop - start):
                told.append(ListWalk.__next__(walk))
        return told

    # ------------------------------------------------------------------------------------------ at the ends

    def push(self, elements, bint left, bint moved=False):
        cdef list kept = list(elements)
        cdef size_t size = 0
        cdef int64_t number = 0
        for element in kept:
            if not (moved and rl_parse_int(<bytes?>element, <size_t>len(<bytes>element), &number)):
                size += <size_t>len(<bytes?>element)
        list_make_room(&self.root, list_limit(self), size, <size_t>len(kept))
        for element in kept:
            list_push(&self.root, <bytes>element, <size_t>len(<bytes>element), left)

    def pop(self, uint64_t count, bint left):
        cdef list told = []
        cdef ListWalk walk = list_walk(self, left)
        count = min(count, list_count(self.root))
        for _ in range(count):
            told.append(ListWalk.__next__(walk))
        list_shed(&self.root, count, left)
        list_shrink(&self.root, list_limit(self), 2)
        return told

    def rotate(self, bint from_left, bint to_left):
        cdef bytes element = ListWalk.__next__(list_walk(self, from_left))
        list_shed(&self.root, 1, from_left)
        self.push((element,), to_left, True)
        list_shrink(&self.root, list_limit(self), 2)
        return element

    def trim(self, uint64_t start, uint64_t stop):
        cdef uint64_t count = list_count(self.root)
        stop = min(stop, count)
        list_shed(&self.root, count - stop, False)
        list_shed(&self.root, min(start, stop), True)
        list_shrink(&self.root, list_limit(self), 2)

    # ---------------------------------------------------------------------------------------- in the middle

    def set(self, int64_t place, bytes element not None):
        return list_set(&self.root, list_limit(self), place, element, <size_t>len(element))

    def insert(self, bytes pivot not None, bytes element not None, bint after):
        cdef Slice wanted
        wanted.p, wanted.n = pivot, <size_t>len(pivot)
        return list_insert(&self.root, list_limit(self), &wanted, element, <size_t>len(element), after)

    def remove(self, bytes element not None, int64_t count):
        return list_remove(&self.root, list_limit(self), element, <size_t>len(element), count)

    # ------------------------------------------------------------------------------------------- as a whole

    def gather(self, elements):
        cdef int64_t limit = list_limit(self)
        list_load(&self.root, limit, ())
        for element in elements:
            ql_push(quick_of(self.root), <bytes?>element, <size_t>len(<bytes>element), False)
        list_settle(&self.root, limit)

    def packed(self):
        """Node by node, each read when its turn comes."""
        cdef ql_node* node
        if not self.root & QUICK:
            yield list(self), False
            return
        node = quick_of(self.root).first
        while node != NULL:
            yield node_elements(node), node.plain != 0
            node = node.after

    def load(self, nodes):
        cdef int64_t limit = list_limit(self)
        list_load(&self.root, limit, nodes)
        list_shrink(&self.root, limit, 1)

    def copy(self):
        cdef List other = List(self.limits)
        list_free(other.root)
        if self.root & QUICK:
            other.root = <size_t>ql_copy(quick_of(self.root)) | QUICK
        else:
            other.root = <size_t>lp_copy(pack_of(self.root))
        return other

    def check(self):
        if self.root & QUICK:
            assert ql_check(quick_of(self.root))
        else:
            assert lp_check(pack_of(self.root), lp_size(pack_of(self.root)))
        assert sum(1 for _ in self) == len(self)


cdef inline char* pack_of(size_t root) noexcept nogil:
    return <char*>root

cdef inline quicklist* quick_of(size_t root) noexcept nogil:
    return <quicklist*>(root ^ QUICK)

cdef int64_t list_limit(List l) except? -9:
    return <int64_t>l.limits.list_max_listpack_size

cdef inline uint64_t list_count(size_t root) noexcept nogil:
    return quick_of(root).count if root & QUICK else lp_count(pack_of(root))

cdef inline size_t list_memory(size_t root) noexcept nogil:
    """Without the object."""
    return quick_of(root).memory + sizeof(quicklist) if root & QUICK else lp_memory(pack_of(root))

cdef void list_free(size_t root) noexcept nogil:
    if root & QUICK:
        ql_free(quick_of(root))
    else:
        lp_free(pack_of(root))


# ---------------------------------------------------------------------------------------------------- form, and both ends

cdef void list_unpack(size_t* root, int64_t limit) noexcept:
    """A listpack becomes a quicklist, its only node."""
    cdef char* lp = pack_of(root[0])
    cdef quicklist* q = ql_new(limit)
    cdef size_t count = lp_count(lp)
    if count:
        ql_link(q, ql_of(q, lp + LP_HEAD, lp_end(lp), count), NULL)
        q.count = count
    lp_free(lp)
    root[0] = <size_t>q | QUICK

cdef inline void list_make_room(size_t* root, int64_t limit, size_t size, size_t count) noexcept:
    """A listpack becomes a quicklist where so much more would be too much."""
    if not root[0] & QUICK and ql_exceeds(limit, lp_size(pack_of(root[0])) + size, lp_count(pack_of(root[0])) + count):
        list_unpack(root, limit)

cdef void list_pack(size_t* root) noexcept:
    """A quicklist's only node becomes a listpack."""
    cdef quicklist* q = quick_of(root[0])
    root[0] = <size_t>lp_from(ql_lp(q.first), q.first.size)
    ql_free(q)

cdef inline void list_shrink(size_t* root, int64_t limit, int share) noexcept:
    """A quicklist becomes a listpack again once one node of at most that share of the limit holds it."""
    cdef quicklist* q
    cdef size_t most
    if root[0] & QUICK:
        q = quick_of(root[0])
        if q.first != NULL and q.first == q.last and not q.first.plain:
            most = ql_class(limit) if limit < 0 else <size_t>max(limit, 1)
            if (q.first.size if limit < 0 else q.first.count) <= most // share:
                list_pack(root)

cdef void list_settle(size_t* root, int64_t limit) noexcept:
    """A result has been gathered: a listpack if it may be one."""
    cdef ql_node* first = quick_of(root[0]).first
    if first == NULL or first == quick_of(root[0]).last and not ql_exceeds(limit, first.size, first.count):
        if first == NULL:
            list_free(root[0])
            root[0] = <size_t>lp_new()
        else:
            list_pack(root)

cdef inline void list_push(size_t* root, const char* p, size_t n, bint left) noexcept:
    """At an end, where room was made."""
    cdef lp_item item
    if root[0] & QUICK:
        ql_push(quick_of(root[0]), p, n, left)
    else:
        lp_prepare(&item, p, n)
        root[0] = <size_t>(lp_prepend(pack_of(root[0]), &item, 1) if left else lp_append(pack_of(root[0]), &item, 1))

cdef inline void list_shed(size_t* root, uint64_t count, bint left) noexcept:
    """Take that many from an end, of those that are there."""
    cdef char* lp
    cdef char* at
    cdef uint64_t i
    if root[0] & QUICK:
        ql_shed(quick_of(root[0]), count, left)
    elif count:
        lp = pack_of(root[0])
        at = lp + LP_HEAD
        if not left:
            at = lp_end(lp)
            for i in range(count):
                at = lp_prev(lp, at)
        root[0] = <size_t>lp_delete(lp, &at, count)

cdef int list_load(size_t* root, int64_t limit, nodes) except -1:
    """Fill an empty list node by node; a listpack that would have too many bytes goes on as another."""
    cdef quicklist* q = ql_new(limit)
    cdef ql_node* node
    cdef lp_item item
    list_free(root[0])
    root[0] = <size_t>q | QUICK
    for elements, plain in nodes:
        node = NULL
        for element in elements:
            if plain:
                ql_link(q, ql_plain(q, <bytes?>element, <size_t>len(<bytes>element)), NULL)
            else:
                lp_prepare_bytes(&item, <bytes?>element)
                if node == NULL or node.size + item.size > LP_MOST:
                    node = node_of(q, &item)
                else:
                    node = ql_put(q, node, node.size - 1, &item)
            q.count += 1
    return 0

cdef ql_node* node_of(quicklist* q, const lp_item* item) noexcept:
    """A new last node, a listpack of one element, however large."""
    cdef char* lp = lp_append(lp_new(), item, 1)
    cdef ql_node* node = ql_of(q, lp + LP_HEAD, lp_end(lp), 1)
    lp_free(lp)
    ql_link(q, node, NULL)
    return node


# -------------------------------------------------------------------------------------------------------- in the middle

cdef size_t place_among(const char* at, const lp_item* wanted) noexcept:
    """As many elements on is the first equal one, or the end mark."""
    cdef size_t place = 0
    while not lp_at_end(at) and not lp_is(at, wanted):
        at += lp_whole_n(at)
        place += 1
    return place

cdef uint64_t list_find(size_t root, const char* p, size_t n) noexcept:
    """The place of the first equal element; the number of all if there is none."""
    cdef ql_node* node
    cdef lp_item wanted
    cdef uint64_t before = 0
    cdef size_t place
    lp_prepare(&wanted, p, n)
    if not root & QUICK:
        return place_among(pack_of(root) + LP_HEAD, &wanted)
    node = quick_of(root).first
    while node != NULL:
        place = <size_t>(not ql_is(node, p, n)) if node.plain else place_among(ql_head(node), &wanted)
        before += place
        if place < node.count:
            break
        node = node.after
    return before

cdef bint list_set(size_t* root, int64_t limit, int64_t place, const char* p, size_t n) noexcept:
    cdef uint64_t within = <uint64_t>place
    cdef ql_node* node
    cdef char* at
    cdef lp_item item
    list_make_room(root, limit, n, 1)
    if place < 0 or within >= list_count(root[0]):
        return False
    if root[0] & QUICK:
        node = ql_node_at(quick_of(root[0]), &within)
        ql_set(quick_of(root[0]), node, within, p, n)
    else:
        lp_prepare(&item, p, n)
        at = lp_seek(pack_of(root[0]), place)
        root[0] = <size_t>lp_replace(pack_of(root[0]), &at, &item)
    list_shrink(root, limit, 2)
    return True

cdef bint list_insert(size_t* root, int64_t limit, const Slice* pivot, const char* p, size_t n, bint after) noexcept:
    cdef lp_item item
    cdef ql_node* node
    cdef char* at
    cdef uint64_t place
    list_make_room(root, limit, n, 1)
    place = list_find(root[0], pivot.p, pivot.n)
    if place == list_count(root[0]):
        return False
    if root[0] & QUICK:
        node = ql_node_at(quick_of(root[0]), &place)
        ql_insert(quick_of(root[0]), node, place, p, n, after)
    else:
        lp_prepare(&item, p, n)
        at = lp_skip(pack_of(root[0]) + LP_HEAD, place + after)
        root[0] = <size_t>lp_insert(pack_of(root[0]), &at, &item, 1)
    return True

cdef uint64_t list_remove(size_t* root, int64_t limit, const char* p, size_t n, int64_t count) noexcept:
    cdef lp_item wanted
    cdef uint64_t gone = 0, left = list_count(root[0]) if count == 0 else <uint64_t>(count if count > 0 else -count)
    cdef quicklist* q
    cdef ql_node* node
    cdef ql_node* following
    lp_prepare(&wanted, p, n)
    if not root[0] & QUICK:
        return remove_from_pack(root, &wanted, left, count < 0)
    q = quick_of(root[0])
    node = q.last if count < 0 else q.first
    while node != NULL and gone < left:
        following = node.before if count < 0 else node.after
        gone += ql_remove(q, node, p, n, &wanted, left - gone, count < 0)
        node = following
    q.count -= gone
    if gone:
        list_shrink(root, limit, 2)
    return gone

cdef uint64_t remove_from_pack(size_t* root, const lp_item* wanted, uint64_t left, bint from_end) noexcept:
    cdef char* at
    cdef uint64_t found = 0, skipped = 0, gone = 0
    at = lp_find(pack_of(root[0]) + LP_HEAD, wanted, 1)
    while at != NULL:
        found += 1
        at = lp_find(lp_skip(at, 1), wanted, 1)
    if from_end and found > left:
        skipped = found - left
    at = lp_find(pack_of(root[0]) + LP_HEAD, wanted, 1)
    while at != NULL and gone < left:
        if skipped:
            skipped -= 1
            at = lp_skip(at, 1)
        else:
            root[0] = <size_t>lp_delete(pack_of(root[0]), &at, 1)
            gone += 1
        at = lp_find(at, wanted, 1)
    return gone


# --------------------------------------------------------------------------------------------------------------- walking

@cython.final
@cython.no_gc
cdef class ListWalk:
    """From a place of a list to an end of it."""

    cdef List walked
    cdef ql_node* node              # NULL for a listpack, and at the end
    cdef char* at                   # the element that comes next; NULL: the first of the next node
    cdef bint forward

    def __iter__(self):
        return self

    def __next__(self):
        cdef ql_node* node
        cdef char* at
        while self.at == NULL:
            node = self.node
            if node == NULL:
                raise StopIteration
            if node.plain:
                walk_on(self)
                return PyBytes_FromStringAndSize(node.data, <Py_ssize_t>node.size)
            self.at = ql_head(node) if self.forward else lp_prev(ql_lp(node), ql_tail(node))
        at = self.at
        if self.forward:
            self.at = lp_next(at)
        else:
            self.at = lp_prev(pack_of(self.walked.root) if self.node == NULL else ql_lp(self.node), at)
        if self.at == NULL:
            walk_on(self)
        return lp_bytes(at)

cdef inline void walk_on(ListWalk walk) noexcept:
    if walk.node != NULL:
        walk.node = walk.node.after if walk.forward else walk.node.before

cdef ListWalk list_walk(List l, bint forward):
    cdef ListWalk walk = ListWalk()
    walk.walked = l
    walk.forward = forward
    if l.root & QUICK:
        walk.node = quick_of(l.root).first if forward else quick_of(l.root).last
    else:
        walk.at = lp_first(pack_of(l.root)) if forward else lp_last(pack_of(l.root))
    return walk

cdef ListWalk list_walk_from(List l, uint64_t place, bint forward):
    """From a place that is there."""
    cdef ListWalk walk = list_walk(l, forward)
    if l.root & QUICK:
        walk.node = ql_node_at(quick_of(l.root), &place)
        if not walk.node.plain:
            walk.at = ql_at(walk.node, place)
    else:
        walk.at = lp_seek(pack_of(l.root), <int64_t>place)
    return walk

cdef list node_elements(const ql_node* node):
    cdef list found = []
    cdef char* at
    if node.plain:
        return [PyBytes_FromStringAndSize(node.data, <Py_ssize_t>node.size)]
    at = ql_head(node)
    while at != NULL:
        found.append(lp_bytes(at))
        at = lp_next(at)
    return found
