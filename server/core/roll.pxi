# Members of several collections, looked at together: what unions, intersections and differences are made of.
#
# Must live here: a member as it stands in any form of a set or sorted set, the walk over them, the search for one, and
# rolls.  Must not: what commands ask for and tell (set_algebra.pxi, zset_algebra.pxi), how a collection is kept.
#
# A Named says where a member's bytes lie and copies none of them: while a command looks, nothing changes.  Sixteen are
# read at a time and hashed, and what their hashes lead to is fetched before any of them is looked for.
#
# A roll has members in the order in which they came, and an index of their hashes (open addressing, half empty).  It
# tells what several collections have together; and it stands in for a packed collection that is asked for many members,
# each of which would be a walk through it: fifty in fifty are 1,250 comparisons.  The hash is the keyed one of all
# tables, though it costs a few nanoseconds more than others: members are the clients' to choose, there may be millions.

cdef enum SourceForm:       # beside the forms of a set (Packing)
    SCORED_PACK = 3
    SCORED_TREE = 4
    NO_SOURCE = 5

cdef enum Aggregate:
    UNSCORED = 0
    SUMMED = 1
    LEAST = 2
    MOST = 3

cdef enum:
    FEW_SOURCES = 8         # that need no allocation
    FEW_ASKED = 8           # members up to which a packed collection is walked through for each

cdef struct Named:          # a member
    const char* p           # its bytes; NULL: it is a number, which
    int64_t n               # this is, else their count
    uint64_t hash           # of its text, where it was asked for
    double score            # 1 for those of sets

cdef struct Roll:
    Named* named
    uint64_t* slots         # 32 bits of hash and a place + 1; 0: free
    size_t mask
    size_t count

cdef struct Source:         # a collection
    int form
    void* data              # rl_intset, listpack, Table, pack, Scores
    size_t count
    double weight
    Roll roll               # of what is packed, once many are asked for; else without slots

cdef struct Sources:
    Source* all             # or `few`
    size_t count
    Source[FEW_SOURCES] few

cdef struct Cells:          # a walk over a table that does not change
    const Table* table
    size_t at               # the home bucket that comes next, of both arrays
    Bucket* bucket          # what is being read, NULL: nothing,
    uint64_t left           # and tags of the slots that are left there

cdef struct Members:        # a walk over a source
    const Source* source
    size_t at
    const char* element
    Cells cells
    Way way


cdef inline const char* named_text(const Named* m, char* digits, size_t* n) noexcept nogil:
    """The member's bytes; digits: room for those of a number."""
    if m.p != NULL:
        n[0] = <size_t>m.n
        return m.p
    n[0] = <size_t>rl_format_int(digits, m.n)
    return digits

cdef inline Slice named_slice(const Named* m, char* digits) noexcept nogil:
    cdef Slice s
    s.p = <char*>named_text(m, digits, &s.n)
    return s

cdef inline void named_hash(Named* m) noexcept nogil:
    cdef char[24] digits
    cdef size_t n = 0
    cdef const char* p = named_text(m, digits, &n)
    m.hash = rl_hash(p, n)

cdef inline bint named_number(const Named* m, int64_t* number) noexcept nogil:
    """Whether the member reads as an integer, and which."""
    if m.p != NULL:
        return rl_parse_int(m.p, <size_t>m.n, number)
    number[0] = m.n
    return True

cdef inline bint named_same(const Named* one, const Named* other) noexcept nogil:
    cdef char[24] digits, others
    cdef size_t n = 0, m = 0
    cdef const char* p
    cdef const char* q
    if one.p == NULL and other.p == NULL:
        return one.n == other.n
    p = named_text(one, digits, &n)
    q = named_text(other, others, &m)
    return n == m and rl_same(p, q, n)

cdef inline void out_named(Buffer* out, const Named* m) noexcept nogil:
    cdef char[24] digits
    cdef size_t n = 0
    cdef const char* p = named_text(m, digits, &n)
    out_bulk(out, p, n)


# --------------------------------------------------------------------------------------------------------------- rolls

cdef inline void roll_list(Roll* roll, size_t most) noexcept nogil:
    """A mere list, for so many members at most."""
    roll.named = <Named*>rl_alloc(most * sizeof(Named))
    roll.slots = NULL
    roll.count = 0

cdef void roll_make(Roll* roll, size_t most) noexcept nogil:
    """An empty one."""
    cdef size_t size = 16
    while size < 2 * most:
        size *= 2
    roll_list(roll, most)
    roll.slots = <uint64_t*>rl_zeroed(size * sizeof(uint64_t))
    roll.mask = size - 1

cdef inline void roll_drop(Roll* roll) noexcept nogil:
    free(roll.named)
    free(roll.slots)

cdef inline Named* roll_seek(const Roll* roll, const Named* m, size_t* slot) noexcept nogil:
    """The member in the roll, or NULL and the slot for it."""
    cdef uint64_t mark = m.hash >> 32, word
    cdef size_t i = m.hash & roll.mask
    cdef Named* known
    while True:
        word = roll.slots[i]
        if word == 0:
            slot[0] = i
            return NULL
        if word >> 32 == mark:
            known = roll.named + <size_t>(<uint32_t>word - 1)
            if named_same(known, m):
                return known
        i = (i + 1) & roll.mask

cdef inline Named* roll_enter(Roll* roll, const Named* m) noexcept nogil:
    """The member that is there, or NULL: it was not, and is now."""
    cdef size_t slot = 0
    cdef Named* known = roll_seek(roll, m, &slot)
    if known == NULL:
        roll.named[roll.count] = m[0]
        roll.count += 1
        roll.slots[slot] = m.hash >> 32 << 32 | <uint64_t>roll.count
    return known


# ------------------------------------------------------------------------------------------------------------- walking

cdef int cells_some(Cells* w, void** found) noexcept nogil:
    """The next cells, GROUP at most, which are on their way into the cache; 0 at the end."""
    cdef const Table* t = w.table
    cdef int count = 0
    while count < GROUP:
        if w.bucket == NULL:
            if w.at <= t.now.mask:
                w.bucket = t.now.buckets + w.at
            elif t.moving >= 0 and w.at - t.now.mask - 1 <= t.later.mask:
                w.bucket = t.later.buckets + (w.at - t.now.mask - 1)
            else:
                break
            w.at += 1
            w.left = w.bucket.tags & HIGHS
        while w.left and count < GROUP:
            found[count] = w.bucket.slot[rl_first_byte(w.left)]
            rl_prefetch(found[count])
            w.left &= w.left - 1
            count += 1
        if not w.left:
            w.bucket = <Bucket*>w.bucket.slot[6] if w.bucket.tags & CHAINED else NULL
            w.left = w.bucket.tags & HIGHS if w.bucket != NULL else 0
    return count

cdef void members_begin(Members* w, const Source* source) noexcept nogil:
    w.source = source
    w.at = 0
    if source.form == LISTPACK:
        w.element = lp_first(<char*>source.data)
    elif source.form == HASHTABLE:
        memset(&w.cells, 0, sizeof(Cells))
        w.cells.table = <Table*>source.data
    elif source.form == SCORED_PACK:
        w.at = PACK_HEAD
    elif source.form == SCORED_TREE and source.count:
        ranks_at(&(<Scores*>source.data).ranks, 0, &w.way)

cdef int members_some(Members* w, Named* to, bint hashed) noexcept nogil:
    """The next members, GROUP at most; 0 at the end.  What is scored comes in its order."""
    cdef const Source* source = w.source
    cdef void* cells[GROUP]
    cdef Item item
    cdef Slice text
    cdef size_t n = 0
    cdef int count = 0, i
    if source.form == INTSET:
        while count < GROUP and w.at < source.count:
            to[count].p = NULL
            to[count].n = rl_intset_at(<rl_intset*>source.data, w.at)
            to[count].score = 1
            w.at += 1
            count += 1
    elif source.form == LISTPACK:
        while count < GROUP and w.element != NULL:
            to[count].p = lp_read(w.element, &n, &to[count].n)
            if to[count].p != NULL:
                to[count].n = <int64_t>n
            to[count].score = 1
            w.element = lp_next(w.element)
            count += 1
    elif source.form == HASHTABLE:
        count = cells_some(&w.cells, cells)
        for i in range(count):
            text = member_text(cells[i])
            to[i].p = text.p
            to[i].n = <int64_t>text.n
            to[i].score = 1
    elif source.form == SCORED_PACK:
        while count < GROUP and w.at < pack_size(<char*>source.data):
            item_read(<char*>source.data, w.at, &item)
            to[count].p = item.p
            to[count].n = item.number if item.p == NULL else <int64_t>item.n
            to[count].score = item.score
            w.at += item.size
            count += 1
    elif source.form == SCORED_TREE:
        while count < GROUP and w.at < source.count:
            item_here(&w.way, &item)
            to[count].p = item.p
            to[count].n = <int64_t>item.n
            to[count].score = item.score
            way_next(&(<Scores*>source.data).ranks, &w.way)
            if w.way.place + 8 < <int>w.way.leaf.n:
                rl_prefetch(w.way.leaf.member[w.way.place + 8])
            w.at += 1
            count += 1
    if hashed:
        for i in range(count):
            named_hash(to + i)
    return count


# ------------------------------------------------------------------------------------------------------------- sources

cdef bint source_of(Entry* e, bint scored, Source* s) noexcept:
    """What an entry has, if it is a set (scored: or a sorted set); no entry is an empty one."""
    cdef PyObject* value
    cdef SetData members
    cdef uint64_t word
    s.form = NO_SOURCE
    s.data = NULL
    s.count = 0
    s.weight = 1
    s.roll.named = NULL
    s.roll.slots = NULL
    if e == NULL:
        return True
    if kind_of(e) == PACKED:
        word = rl_load8(value_of(e))
        if is_packed_set(word):
            members = packed_set(word)
        elif scored and packed_type(word) == PACKED_ZSET:
            s.form = SCORED_PACK
            s.data = packed_at(word)
            s.count = pack_count(<char*>s.data)
            return True
        else:
            return False
    elif kind_of(e) != OBJECT:
        return False
    else:
        value = object_of(e)
        if type(<object>value) is Set:
            members = (<Set>value).v
        elif scored and type(<object>value) is SortedSet:
            s.form = SCORED_PACK if (<SortedSet>value).v.large == NULL else SCORED_TREE
            s.data = <void*>(<SortedSet>value).v.pack
            if s.form == SCORED_TREE:
                s.data = (<SortedSet>value).v.large
            s.count = zset_size(&(<SortedSet>value).v)
            return True
        else:
            return False
    s.form = members.form
    s.data = members.data
    s.count = set_count(&members)
    return True

cdef bint source_open(Loop loop, Client c, const Slice* key, bint scored, Source* s) noexcept:
    """What a key holds, and has now been used; False where it is no set (scored: and no sorted set)."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, key.p, key.n, rl_hash(key.p, key.n), &at)
    if not source_of(e, scored, s):
        return False
    if e != NULL:
        entry_used(c.db, e, loop.now)
    return True

cdef void sources_close(Sources* s) noexcept nogil:
    cdef size_t i
    for i in range(s.count):
        roll_drop(&s.all[i].roll)
    if s.all != s.few:
        free(s.all)

cdef bint sources_open(Loop loop, Client c, const Slice* keys, int64_t count, bint scored, Sources* s) noexcept:
    """Those of so many keys; False, and nothing is open, where one holds something else."""
    s.all = s.few
    if count > FEW_SOURCES:
        s.all = <Source*>rl_alloc(<size_t>count * sizeof(Source))
    s.count = 0
    while <int64_t>s.count < count:
        if not source_open(loop, c, keys + s.count, scored, s.all + s.count):
            sources_close(s)
            return False
        s.count += 1
    return True

cdef void sources_sort(Sources* s) noexcept nogil:
    """Small ones first; those of one size stay as they are."""
    cdef Source one
    cdef size_t i, at
    for i in range(1, s.count):
        one = s.all[i]
        at = i
        while at and s.all[at - 1].count > one.count:
            s.all[at] = s.all[at - 1]
            at -= 1
        s.all[at] = one

cdef void source_enrol(const Source* s, Roll* roll, double weight, int how) noexcept nogil:
    """All members of a source, scores weighted and put together as is asked; a roll that is large enough."""
    cdef Named[GROUP] some
    cdef Members walk
    cdef Named* known
    cdef int count, i
    members_begin(&walk, s)
    while True:
        count = members_some(&walk, some, True)
        if count == 0:
            return
        for i in range(count):
            rl_prefetch(roll.slots + (some[i].hash & roll.mask))
        for i in range(count):
            if how != UNSCORED:
                some[i].score = as_number(weight * some[i].score)
            known = roll_enter(roll, some + i)
            if known != NULL and how != UNSCORED:
                known.score = aggregated(how, known.score, some[i].score)

cdef inline void source_index(Source* s, size_t asked) noexcept nogil:
    """So many members will be asked for."""
    if (s.form == LISTPACK or s.form == SCORED_PACK) and s.count > FEW_ASKED and asked > FEW_ASKED:
        roll_make(&s.roll, s.count)
        source_enrol(s, &s.roll, 1, UNSCORED)

cdef inline bint by_hash(const Source* s) noexcept nogil:
    """Is a member found there by its hash?"""
    return s.roll.slots != NULL or s.form == HASHTABLE or s.form == SCORED_TREE

cdef inline void source_fetch(const Source* s, const Named* m) noexcept nogil:
    """A member will be asked for."""
    if s.form == HASHTABLE:
        rl_prefetch(home_of(<Table*>s.data, m.hash))
    elif s.form == SCORED_TREE:
        rl_prefetch(home_of(&(<Scores*>s.data).table, m.hash))

cdef bint source_has(const Source* s, const Named* m, double* score) noexcept nogil:
    """Whether a member, with its hash where it is found by that, is there, and with which score."""
    cdef char[24] digits
    cdef size_t n = 0
    cdef int64_t number = 0
    cdef const char* p
    cdef const Named* known
    cdef void* cell
    cdef Place at
    cdef Item item
    cdef lp_item wanted
    score[0] = 1
    if s.roll.slots != NULL:
        known = roll_seek(&s.roll, m, &n)
        if known == NULL:
            return False
        score[0] = known.score
        return True
    if s.form == INTSET:
        return named_number(m, &number) and rl_intset_has(<rl_intset*>s.data, number)
    if s.form == NO_SOURCE:
        return False
    p = named_text(m, digits, &n)
    if s.form == LISTPACK:
        lp_prepare(&wanted, p, n)
        return lp_find(lp_first(<char*>s.data), &wanted, 1) != NULL
    if s.form == HASHTABLE:
        return member_find(<Table*>s.data, p, n, m.hash, &at) != NULL
    if s.form == SCORED_PACK:
        if not pack_find(<char*>s.data, p, n, &item):
            return False
        score[0] = item.score
        return True
    cell = member_find(&(<Scores*>s.data).table, p, n, m.hash, &at)
    if cell == NULL:
        return False
    score[0] = score_of(cell)
    return True


# ---------------------------------------------------------------------------------------------------- putting together

cdef inline double as_number(double score) noexcept nogil:
    """Infinity times nought, and what opposite infinities make, count as 0."""
    return 0 if isnan(score) else score

cdef inline double aggregated(int how, double one, double other) noexcept nogil:
    if how == SUMMED:
        return as_number(one + other)
    if how == LEAST:
        return other if other < one else one
    return other if other > one else one

cdef size_t sources_sift(Sources* s, bint wanted, size_t limit, Named* kept, int how) noexcept nogil:
    """The members of the first source that every other one has (wanted), or none has, up to a limit (0: all).

    Returns how many; kept: room for all of the first source, or NULL.
    """
    cdef Named[GROUP] some
    cdef Members walk
    cdef size_t found = 0, j
    cdef double score = 1
    cdef int count, left, i
    cdef bint hashed = False
    for j in range(1, s.count):
        source_index(s.all + j, s.all[0].count)
        hashed = hashed or by_hash(s.all + j)
    members_begin(&walk, s.all)
    while True:
        count = members_some(&walk, some, hashed)
        if count == 0:
            return found
        if how != UNSCORED:
            for i in range(count):
                some[i].score = as_number(s.all[0].weight * some[i].score)
        for j in range(1, s.count):
            for i in range(count):
                source_fetch(s.all + j, some + i)
            left = 0
            for i in range(count):
                if source_has(s.all + j, some + i, &score) == wanted:
                    if how != UNSCORED:
                        some[i].score = aggregated(how, some[i].score, s.all[j].weight * score)
                    some[left] = some[i]
                    left += 1
            count = left
        for i in range(count):
            if kept != NULL:
                kept[found] = some[i]
            found += 1
            if found == limit:
                return found

cdef void sources_unite(Sources* s, Roll* roll, int how) noexcept nogil:
    """A roll of what is in any source, made here."""
    cdef size_t all = 0, j
    for j in range(s.count):
        all += s.all[j].count
    roll_make(roll, all)
    for j in range(s.count):
        source_enrol(s.all + j, roll, s.all[j].weight, how)
