# The sorted set: packed while it is small, else a table of its members beside their order.  See types.SortedSet.
#
# Must live here: the type, its two forms, when one becomes the other, what Python commands see.  Must not: how either
# form is laid out (packed_scores.pxi; members.pxi and ranks.pxi), the hot commands (zset_commands.pxi).
#
# Why both a table and an order: a score is asked for by name as often as a rank by score.  The table's cells have the
# scores, too, and the order has them once more where a search needs them: eight bytes a member.

cdef struct ZsetLimits:
    int64_t entries         # elements that may be packed
    int64_t longest         # bytes that each member may have there

cdef struct Scores:         # what is not packed
    Table table
    Ranks ranks

cdef enum:
    ZSET_ITSELF = 48        # bytes of the object
    PLACES = 256            # elements that a packed one may have to be walked from its end here

cdef struct Zset:           # what an object has, or, packed, an entry by itself (packed.pxi)
    Scores* large           # NULL: packed
    char* pack              # NULL: nothing is in it

cdef struct Steps:          # from element to element
    Way way
    bint backward
    size_t at               # in a packed one: the next element; backward, how many are left,
    uint32_t place[PLACES]  # and where each stands


cdef int read_zset_limits(object limits, ZsetLimits* to) except -1:
    to.entries = limits.zset_max_listpack_entries
    to.longest = limits.zset_max_listpack_value
    return 0


@cython.no_gc               # it refers to the configuration alone
@cython.final
cdef class SortedSet:
    """Members with scores, in the order of the scores; see redlark.server.types.SortedSet."""

    kind = b"zset"

    cdef object limits
    cdef Zset v

    def __cinit__(self, limits):
        self.limits = limits

    def __dealloc__(self):
        zset_drop(&self.v)

    # ---- looking ------------------------------------------------------------------------------------------------

    def __len__(self):
        return <Py_ssize_t>zset_size(&self.v)

    def __iter__(self):
        return iter(zset_members(&self.v, 0, zset_size(&self.v)))

    def __contains__(self, member):
        cdef double score
        return type(member) is bytes and zset_score(&self.v, <bytes>member, len(<bytes>member), &score)

    @property
    def encoding(self):
        return b"listpack" if self.v.large == NULL else b"skiplist"

    def memory(self):
        return ZSET_ITSELF + zset_weight(&self.v)

    def score(self, bytes member not None, /):
        cdef double score
        return score if zset_score(&self.v, member, len(member), &score) else None

    def rank(self, bytes member not None, /):
        cdef Py_ssize_t rank = zset_rank(&self.v, member, len(member))
        return None if rank < 0 else rank

    def range(self, Py_ssize_t start, Py_ssize_t stop, /):
        cdef Steps steps
        cdef Item item
        cdef list found = []
        if start < stop:
            steps_from(&self.v, start, False, &steps)
            for _ in range(stop - start):
                steps_next(&self.v, &steps, &item)
                found.append((PyBytes_FromStringAndSize(item.p, <Py_ssize_t>item.n), item.score))
        return found

    def first(self, test, /):
        cdef Py_ssize_t low = -1, high = <Py_ssize_t>zset_size(&self.v), middle
        cdef Way way
        if self.v.large == NULL:          # small, and where the test is not in order the first one counts
            for rank, (member, score) in enumerate(self.range(0, high)):
                if test(score, member):
                    return rank
            return high
        if high == 0:
            return 0
        ranks_at(&self.v.large.ranks, high - 1, &way)
        if not test(way.leaf.score[way.place], slice_bytes(member_text(way.leaf.member[way.place]))):
            return high
        high -= 1
        while high - low > 1:           # it holds at high, not at low
            middle = low + (high - low) // 2
            ranks_at(&self.v.large.ranks, middle, &way)
            if test(way.leaf.score[way.place], slice_bytes(member_text(way.leaf.member[way.place]))):
                high = middle
            else:
                low = middle
        return high

    def scan(self, uint64_t cursor, Py_ssize_t count, /):
        if self.v.large != NULL:
            return members_scan(&self.v.large.table, cursor, count)
        return 0, zset_members(&self.v, 0, pack_count(self.v.pack))

    def draw(self, Py_ssize_t count, /):
        if self.v.large != NULL:
            return members_draw(&self.v.large.table, count)
        return list_draw(zset_members(&self.v, 0, pack_count(self.v.pack)), count)

    def sample(self, Py_ssize_t count, /):
        if self.v.large != NULL:
            return members_sample(&self.v.large.table, count)
        return list_sample(zset_members(&self.v, 0, pack_count(self.v.pack)), count)

    # ---- changes ------------------------------------------------------------------------------------------------

    def put(self, bytes member not None, double score, /):
        cdef ZsetLimits limits
        cdef double old
        read_zset_limits(self.limits, &limits)
        zset_give(&self.v, member, len(member), score, &limits, &old, True)

    def unpack(self):
        zset_unpack(&self.v)

    def gather(self, scores, /):
        cdef dict known = dict(scores)
        longest = self.limits.zset_max_listpack_value
        if len(known) > self.limits.zset_max_listpack_entries or any(len(member) > longest for member in known):
            zset_unpack(&self.v, <size_t>len(known))
        zset_fill(&self.v, known, False)

    def load(self, scores, /):
        cdef dict known = dict(scores)
        if len(known) > self.limits.zset_max_listpack_entries:
            zset_unpack(&self.v, <size_t>len(known))
        zset_fill(&self.v, known, True)

    def remove(self, members, /):
        cdef Py_ssize_t gone = 0
        for member in members:
            gone += zset_remove(&self.v, <bytes?>member, len(<bytes>member))
        return gone

    def remove_range(self, Py_ssize_t start, Py_ssize_t stop, /):
        if start < stop:
            zset_remove_range(&self.v, start, stop - start)

    # ---- as a whole ---------------------------------------------------------------------------------------------

    def copy(self):
        cdef SortedSet other = SortedSet(self.limits)
        cdef Steps steps
        cdef Item item
        cdef size_t i
        if self.v.large != NULL:
            zset_unpack(&other.v, self.v.large.ranks.n)
            steps_from(&self.v, 0, False, &steps)
            for i in range(self.v.large.ranks.n):
                steps_next(&self.v, &steps, &item)
                scores_add(other.v.large, item.p, item.n, rl_hash(item.p, item.n), item.score)
        else:
            other.v.pack = pack_copy(self.v.pack)
        return other

    def check(self):
        """Every invariant, of either form."""
        if self.v.large == NULL:
            pack_check(self.v.pack)
            return
        assert self.v.pack == NULL, "one form"
        members_check(&self.v.large.table, SCORED)
        ordered = ranks_check(&self.v.large.ranks)
        assert self.v.large.table.used == len(ordered), "as many members as elements"
        for score, member in ordered:
            assert rl_as_bits(self.score(member)) == rl_as_bits(score), "score in the table"


cdef void zset_drop(Zset* z) noexcept:
    pack_free(z.pack)
    if z.large != NULL:
        table_drop_later(&z.large.table, scored_drop)
        ranks_free(z.large.ranks.root, z.large.ranks.height)
        rl_slot_free(z.large, sizeof(Scores))

cdef inline size_t zset_size(const Zset* z) noexcept:
    return pack_count(z.pack) if z.large == NULL else z.large.ranks.n

cdef size_t zset_weight(const Zset* z) noexcept:
    """What it takes, without its object."""
    if z.large == NULL:
        return pack_memory(z.pack)
    return rl_good_size(sizeof(Scores)) + table_memory(&z.large.table) + ranks_memory(&z.large.ranks)


cdef bint zset_score(const Zset* z, const char* p, size_t n, double* score) noexcept:
    """The score of a member; False if it is not there."""
    cdef Place at
    cdef Item item
    cdef void* m
    if z.large == NULL:
        if not pack_find(z.pack, p, n, &item):
            return False
        score[0] = item.score
        return True
    m = member_find(&z.large.table, p, n, text_hash(p, n), &at)
    if m == NULL:
        return False
    score[0] = score_of(m)
    return True

cdef Py_ssize_t zset_rank(const Zset* z, const char* p, size_t n) noexcept:
    """-1 if the member is not there."""
    cdef Way way
    cdef Item item
    cdef double score
    cdef size_t at = PACK_HEAD, stop
    cdef Py_ssize_t rank = 0
    if z.large == NULL:
        if not pack_find(z.pack, p, n, &item):
            return -1
        stop = item.at
        while at < stop:
            item_read(z.pack, at, &item)
            at += item.size
            rank += 1
        return rank
    if not zset_score(z, p, n, &score):
        return -1
    ranks_seek(&z.large.ranks, score, p, n, &way)
    return <Py_ssize_t>way_rank(&z.large.ranks, &way)

cdef size_t zset_below(const Zset* z, double score, bint included) noexcept:
    """How many have a lower score, or the same, too, if it is included."""
    cdef size_t at = PACK_HEAD, rank = 0, end = pack_size(z.pack)
    cdef Item item
    if z.large != NULL:
        if not included:
            return ranks_below(&z.large.ranks, score)
        return z.large.ranks.n if score == INFINITY else ranks_below(&z.large.ranks, nextafter(score, INFINITY))
    while at < end:
        item_read(z.pack, at, &item)
        if item.score > score or item.score == score and not included:
            break
        at += item.size
        rank += 1
    return rank


# -------------------------------------------------------------------------------------------------------------- walking

cdef bint steps_from(const Zset* z, size_t rank, bint backward, Steps* steps) noexcept:
    """Begin at a rank below the size; False where a packed one is too large to be walked backward."""
    cdef Item item
    steps.backward = backward
    if z.large != NULL:
        ranks_at(&z.large.ranks, rank, &steps.way)
        return True
    steps.at = PACK_HEAD
    if not backward:
        steps.at = pack_skip(z.pack, PACK_HEAD, rank)
        return True
    if rank >= PLACES:
        return False
    for i in range(rank + 1):
        item_read(z.pack, steps.at, &item)
        steps.place[i] = <uint32_t>steps.at
        steps.at += item.size
    steps.at = rank + 1
    return True

cdef inline void item_here(const Way* way, Item* item) noexcept nogil:
    cdef Slice text = member_text(way.leaf.member[way.place])
    item.score = way.leaf.score[way.place]
    item.p = text.p
    item.n = text.n

cdef inline void steps_next(const Zset* z, Steps* steps, Item* item) noexcept:
    """Tell the element here, with its text, and go on; there must be one."""
    if z.large != NULL:
        item_here(&steps.way, item)
        if steps.backward:
            way_back(&z.large.ranks, &steps.way)
        else:
            way_next(&z.large.ranks, &steps.way)
            if steps.way.place + 8 < <int>steps.way.leaf.n:
                rl_prefetch(steps.way.leaf.member[steps.way.place + 8])
        return
    if steps.backward:
        steps.at -= 1
        item_read(z.pack, steps.place[steps.at], item)
    else:
        item_read(z.pack, steps.at, item)
        steps.at += item.size
    item_text(item)

cdef list zset_members(const Zset* z, size_t start, size_t stop):
    cdef Steps steps
    cdef Item item
    cdef list found = []
    if start < stop:
        steps_from(z, start, False, &steps)
        for _ in range(stop - start):
            steps_next(z, &steps, &item)
            found.append(PyBytes_FromStringAndSize(item.p, <Py_ssize_t>item.n))
    return found


# -------------------------------------------------------------------------------------------------------------- changes

cdef void scores_add(Scores* large, const char* p, size_t n, uint64_t h, double score) noexcept:
    """Add a member that is not there."""
    ranks_add(&large.ranks, score, member_add(&large.table, SCORED, p, n, h, <const char*>&score, 8))

cdef void zset_unpack(Zset* z, size_t expected=0) noexcept:
    """Have the large form, with room for so many."""
    cdef size_t at = PACK_HEAD, end = pack_size(z.pack)
    cdef Item item
    if z.large != NULL:
        return
    z.large = <Scores*>rl_slot_alloc(sizeof(Scores))
    table_init(&z.large.table, member_hash, max(expected, pack_count(z.pack)))
    ranks_init(&z.large.ranks, max(expected, pack_count(z.pack)))
    while at < end:
        item_read(z.pack, at, &item)
        item_text(&item)
        scores_add(z.large, item.p, item.n, rl_hash(item.p, item.n), item.score)
        at += item.size
    pack_free(z.pack)
    z.pack = NULL

cdef inline bint as_good_as(double one, double other, bint signed) noexcept nogil:
    """Whether they are equal; signed: -0 is not 0."""
    return rl_as_bits(one) == rl_as_bits(other) if signed else one == other

cdef bint zset_give(Zset* z, const char* p, size_t n, double score, const ZsetLimits* limits, double* old,
                    bint signed) noexcept:
    """Give a member a score, unless it has one that is as good; whether it was there, and with which score."""
    cdef uint64_t h
    cdef Place at
    cdef Item item
    cdef void* m
    cdef bint there
    if z.large == NULL:
        there = pack_find(z.pack, p, n, &item)
        if there:
            old[0] = item.score
            if as_good_as(item.score, score + 0.0, signed):
                return True
            z.pack = pack_cut(z.pack, item.at, item.size, 1)
        elif <int64_t>pack_count(z.pack) >= limits.entries or <int64_t>n > limits.longest or \
                pack_size(z.pack) + n > PACK_MOST:
            zset_unpack(z)
        if z.large == NULL:
            z.pack = pack_add(z.pack, score + 0.0, p, n)
            return there
    h = text_hash(p, n)
    m = member_find(&z.large.table, p, n, h, &at)
    if m == NULL:
        scores_add(z.large, p, n, h, score)
        return False
    old[0] = score_of(m)
    if not as_good_as(old[0], score, signed):
        ranks_move(&z.large.ranks, m, old[0], score)
        rl_store8(member_score(m), rl_as_bits(score))
    return True

cdef int zset_fill(Zset* z, dict scores, bint loaded) except -1:
    """Fill an empty one, in the form that it has.  loaded: what was packed elsewhere may have -0."""
    cdef ZsetLimits limits
    cdef double score, old
    limits.entries = limits.longest = FAR
    for member, number in scores.items():
        score = number
        if z.large == NULL and loaded:
            z.pack = pack_add(z.pack, score, <bytes?>member, len(<bytes>member))
        else:
            zset_give(z, <bytes?>member, len(<bytes>member), score, &limits, &old, True)
    return 0

cdef bint zset_remove(Zset* z, const char* p, size_t n) noexcept:
    """Whether the member was there."""
    cdef uint64_t h
    cdef Place at
    cdef Way way
    cdef Item item
    cdef void* m
    if z.large == NULL:
        if not pack_find(z.pack, p, n, &item):
            return False
        z.pack = pack_cut(z.pack, item.at, item.size, 1)
        return True
    h = text_hash(p, n)
    m = member_find(&z.large.table, p, n, h, &at)
    if m == NULL:
        return False
    ranks_seek(&z.large.ranks, score_of(m), p, n, &way)
    ranks_cut(&z.large.ranks, &way, 1)
    member_remove(&z.large.table, SCORED, h, &at)
    return True

cdef void zset_remove_range(Zset* z, size_t start, size_t count) noexcept:
    """Take out so many from a rank on; they are there."""
    cdef void* gone[FAN]
    cdef Place at
    cdef Way way
    cdef Slice name
    cdef uint64_t h
    cdef size_t here, i
    if z.large == NULL:
        here = pack_skip(z.pack, PACK_HEAD, start)
        z.pack = pack_cut(z.pack, here, pack_skip(z.pack, here, count) - here, count)
        return
    while count:
        ranks_at(&z.large.ranks, start, &way)
        here = min(way.leaf.n - <size_t>way.place, count)
        memcpy(gone, &way.leaf.member[way.place], here * sizeof(void*))
        ranks_cut(&z.large.ranks, &way, here)
        for i in range(here):
            name = member_text(gone[i])
            h = rl_hash(name.p, name.n)
            member_find(&z.large.table, name.p, name.n, h, &at)
            member_remove(&z.large.table, SCORED, h, &at)
        count -= here
