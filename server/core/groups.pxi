# Groups of consumers: how far each has come, and what its consumers have not acknowledged.
#
# Must live here: a group as redlark.server.groups has it, in C.  Must not: replies (group_commands.pxi), entries
# (stream.pxi), how what is pending is ordered (pending.h).
#
# Why twice, in the group and with the consumer: XPENDING, XAUTOCLAIM and XACK ask the group, a consumer's history and its
# departure ask it.  The consumer's order has the ids alone, 16 bytes each.

from redlark.server.groups import Pending as PENDING

cdef extern from "pending.h" nogil:
    ctypedef struct pend_id:
        uint64_t ms
        uint64_t seq
    ctypedef struct Waiters "pending":
        size_t live
    ctypedef struct pend_place:
        size_t block
        uint32_t at
    char* pend_item(const Waiters* p, pend_place at)
    size_t pend_memory(const Waiters* p)
    void pend_begin(Waiters* p, size_t width)
    void pend_drop(Waiters* p)
    bint pend_seek(const Waiters* p, pend_id id_, pend_place* at)
    char* pend_find(const Waiters* p, pend_id id_, pend_place* at)
    char* pend_last(const Waiters* p)
    bint pend_next(const Waiters* p, pend_place* at)
    char* pend_add(Waiters* p, pend_id id_)
    void pend_remove(Waiters* p, pend_place at)
    void pend_copy(Waiters* to, const Waiters* other)
    bint pend_check(const Waiters* p)

cdef struct Held:           # an item of a group
    Id id
    PyObject* owner         # a Consumer that the group has
    int64_t time            # of the last delivery, Unix ms
    uint64_t count          # of deliveries


cdef inline pend_id as_pending(Id id_) noexcept nogil:
    cdef pend_id same
    same.ms, same.seq = id_.ms, id_.seq
    return same


@cython.final
@cython.no_gc
cdef class Consumer:
    """See redlark.server.groups.Consumer."""

    cdef readonly bytes name
    cdef public int64_t seen
    cdef public int64_t active
    cdef Waiters ids

    def __cinit__(self, bytes name not None, int64_t seen, int64_t active):
        self.name, self.seen, self.active = name, seen, active
        pend_begin(&self.ids, sizeof(Id))

    def __dealloc__(self):
        pend_drop(&self.ids)

    @property
    def size(self):
        return self.ids.live


@cython.final
@cython.no_gc               # its consumers do not lead back to it
cdef class Group:
    """See redlark.server.groups.Group."""

    cdef Id last_
    cdef int64_t read_      # -1: unknown
    cdef readonly dict consumers
    cdef Waiters held_
    cdef Consumer latest    # that was looked for
    cdef size_t consumed    # bytes of its consumers' orders

    def __cinit__(self, last_id, read=None):
        self.last_ = read_id(last_id)
        self.read_ = -1 if read is None else read
        self.consumers = {}
        pend_begin(&self.held_, sizeof(Held))

    def __dealloc__(self):
        pend_drop(&self.held_)

    @property
    def last_id(self):
        return id_number(self.last_)

    @last_id.setter
    def last_id(self, number):
        self.last_ = read_id(number)

    @property
    def read(self):
        return None if self.read_ < 0 else self.read_

    @read.setter
    def read(self, number):
        self.read_ = -1 if number is None else number

    @property
    def size(self):
        return self.held_.live

    def memory(self):
        return group_memory(self)

    def join(self, bytes name not None, int64_t seen, int64_t active=-1):
        return group_join(self, name, seen, active)

    def held(self, number, /):
        cdef pend_place at
        cdef Held* held = <Held*>pend_find(&self.held_, as_pending(read_id(number)), &at)
        return None if held == NULL else held_told(held)

    def first(self):
        cdef pend_place at
        at.block = at.at = 0
        return id_number((<Held*>pend_item(&self.held_, at)).id)

    def last(self):
        return id_number((<Held*>pend_last(&self.held_)).id)

    def between(self, low, high, consumer=None, /):
        cdef HeldWalk walk = HeldWalk.__new__(HeldWalk)
        walk.group = self
        walk.consumer = None if consumer is None else self.consumers.get(consumer)
        walk.over = low > high or (consumer is not None and walk.consumer is None)
        if not walk.over:
            walk.low, walk.high = read_id(max(low, 0)), read_id(high)
        return walk

    def give(self, number, bytes name not None, int64_t time, uint64_t count, /):
        group_give(self, read_id(number), <Consumer?>self.consumers[name], time, count)

    def take(self, number, /):
        return group_take(self, read_id(number))

    def drop(self, bytes name not None, /):
        cdef Consumer one = self.consumers[name]
        cdef size_t count = one.ids.live
        cdef pend_place at, first
        first.block = first.at = 0
        while one.ids.live:
            pend_find(&self.held_, (<pend_id*>pend_item(&one.ids, first))[0], &at)
            pend_remove(&self.held_, at)
            pend_remove(&one.ids, first)
        del self.consumers[name]
        self.latest = None
        group_weigh(self)
        return count

    def copy(self):
        cdef Group other = Group(self.last_id, self.read)
        cdef pend_place at
        cdef Held* held
        cdef Consumer one, mine
        for one in self.consumers.values():
            mine = group_join(other, one.name, one.seen, one.active)
            pend_copy(&mine.ids, &one.ids)
        pend_copy(&other.held_, &self.held_)
        at.block = at.at = 0
        if other.held_.live:
            while True:
                held = <Held*>pend_item(&other.held_, at)
                mine = other.consumers[(<Consumer>held.owner).name]
                held.owner = <PyObject*>mine
                if not pend_next(&other.held_, &at):
                    break
        group_weigh(other)
        return other

    def check(self):
        """Both records of what is pending are of the same."""
        cdef Consumer one
        cdef pend_place at
        cdef Held* held
        cdef size_t consumed = 0
        assert pend_check(&self.held_)
        mine = {}
        for name, one in self.consumers.items():
            assert name == one.name and pend_check(&one.ids)
            consumed += pend_memory(&one.ids) + <size_t>CONSUMER_SIZE
            at.block = at.at = 0
            for i in range(one.ids.live):
                mine[id_number((<Id*>pend_item(&one.ids, at))[0])] = name
                pend_next(&one.ids, &at)
        assert consumed == self.consumed
        assert [(id_, told.consumer) for id_, told in self.between(0, (1 << 128) - 1)] == sorted(mine.items())
        assert len(mine) == self.held_.live


cdef Py_ssize_t GROUP_SIZE = Group.__basicsize__
cdef Py_ssize_t CONSUMER_SIZE = Consumer.__basicsize__


cdef inline size_t group_memory(Group group) noexcept:
    """Bytes, without Python's own map of consumers."""
    return <size_t>GROUP_SIZE + pend_memory(&group.held_) + group.consumed

cdef void group_weigh(Group group) noexcept:
    """Sum up its consumers again."""
    cdef Consumer one
    group.consumed = 0
    for one in group.consumers.values():
        group.consumed += pend_memory(&one.ids) + <size_t>CONSUMER_SIZE

cdef object held_told(const Held* held):
    return PENDING((<Consumer>held.owner).name, held.time, held.count)

cdef Consumer group_join(Group group, bytes name, int64_t seen, int64_t active):
    """A consumer of another name than the others'."""
    cdef Consumer one = Consumer(name, seen, active)
    group.consumers[name] = one
    group.consumed += pend_memory(&one.ids) + <size_t>CONSUMER_SIZE
    return one

cdef Consumer group_consumer(Group group, const Slice* name):
    """The consumer of a name, or None."""
    cdef Consumer one = group.latest
    if one is None or not rl_is(one.name, name):
        one = group.consumers.get(PyBytes_FromStringAndSize(name.p, <Py_ssize_t>name.n))
        group.latest = one
    return one

cdef void group_give(Group group, Id id_, Consumer to, int64_t time, uint64_t count) noexcept:
    """An entry is pending for a consumer of the group, and for nobody else.  O(log n)."""
    cdef pend_place at
    cdef size_t before
    cdef Held* held = <Held*>pend_find(&group.held_, as_pending(id_), &at)
    if held == NULL or held.owner != <PyObject*>to:
        if held != NULL:
            owner_forgets(group, held)
        else:
            held = <Held*>pend_add(&group.held_, as_pending(id_))
        held.owner = <PyObject*>to
        before = pend_memory(&to.ids)
        pend_add(&to.ids, as_pending(id_))
        group.consumed += pend_memory(&to.ids) - before
    held.time = time
    held.count = count

cdef inline void owner_forgets(Group group, const Held* held) noexcept:
    cdef Consumer one = <Consumer>held.owner
    cdef pend_place at
    cdef size_t before = pend_memory(&one.ids)
    if pend_find(&one.ids, as_pending(held.id), &at) != NULL:
        pend_remove(&one.ids, at)
    group.consumed += pend_memory(&one.ids) - before

cdef bint group_take(Group group, Id id_) noexcept:
    """An entry is pending no longer; was it?  O(log n)."""
    cdef pend_place at
    cdef Held* held = <Held*>pend_find(&group.held_, as_pending(id_), &at)
    if held == NULL:
        return False
    owner_forgets(group, held)
    pend_remove(&group.held_, at)
    return True


cdef class HeldWalk:
    """An iterator over what is pending between two ids, of one consumer or of all; it may change meanwhile."""

    cdef Group group
    cdef Consumer consumer
    cdef Id low, high
    cdef bint over

    def __iter__(self):
        return self

    def __next__(self):
        cdef Held* held = NULL if self.over else next_held(self.group, self.consumer, self.low, self.high)
        if held == NULL:
            self.over = True
            raise StopIteration
        self.over = id_order(held.id, self.high) >= 0
        self.low = id_after(held.id)
        return id_number(held.id), held_told(held)

cdef Held* next_held(Group group, Consumer one, Id low, Id high) noexcept:
    """The first item between two ids, of one consumer or (None) of all; NULL where there is none."""
    cdef pend_place at
    cdef char* item
    if one is None:
        if not pend_seek(&group.held_, as_pending(low), &at):
            return NULL
        item = pend_item(&group.held_, at)
    else:
        if not pend_seek(&one.ids, as_pending(low), &at):
            return NULL
        item = pend_find(&group.held_, (<pend_id*>pend_item(&one.ids, at))[0], &at)
    return <Held*>item if id_order((<Held*>item).id, high) <= 0 else NULL
