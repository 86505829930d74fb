# SORT, as it is mostly asked for; see dispatch.pxi for the contract.
#
# Must live here: the elements of a list, a set or an unpacked sorted set, or part of them, in the order of their numbers
# or texts.  Must not: what patterns point at (BY, GET), results that are stored, error texts: these are Python's
# (redlark.server.commands.sorting).

cdef struct Sorting:
    bint descending
    bint texts
    int64_t start
    int64_t count           # below 0: all


cdef bint read_sorting(int64_t argc, const Slice* a, Sorting* asked) noexcept nogil:
    cdef int64_t at = 2
    asked.descending = asked.texts = False
    asked.start = 0
    asked.count = -1
    while at < argc:
        if word_is(a + at, b"asc", 3):
            asked.descending = False
        elif word_is(a + at, b"desc", 4):
            asked.descending = True
        elif word_is(a + at, b"alpha", 5):
            asked.texts = True
        elif at + 2 < argc and word_is(a + at, b"limit", 5) and \
                rl_parse_int(a[at + 1].p, a[at + 1].n, &asked.start) and \
                rl_parse_int(a[at + 2].p, a[at + 2].n, &asked.count):
            at += 2
        else:
            return False
        at += 1
    return True

cdef inline void named_element(Named* m, const char* at) noexcept nogil:
    """The element at a place of a listpack."""
    cdef size_t n = 0
    m.p = lp_read(at, &n, &m.n)
    if m.p != NULL:
        m.n = <int64_t>n

cdef void name_list(size_t root, Named* to) noexcept nogil:
    """All elements of a list."""
    cdef const char* at
    cdef ql_node* node
    if not root & QUICK:
        at = lp_first(pack_of(root))
        while at != NULL:
            named_element(to, at)
            to += 1
            at = lp_next(at)
        return
    node = quick_of(root).first
    while node != NULL:
        if node.plain:
            to.p = node.data
            to.n = <int64_t>node.size
            to += 1
        else:
            at = ql_head(node)
            while at != NULL:
                named_element(to, at)
                to += 1
                at = lp_next(at)
        node = node.after

cdef void name_source(const Source* s, Named* to) noexcept nogil:
    """All members of a set or sorted set."""
    cdef Members walk
    cdef int count
    members_begin(&walk, s)
    while True:
        count = members_some(&walk, to, False)
        if count == 0:
            return
        to += count

cdef bint sort_elements(Entry* e, Roll* found) noexcept:
    """The elements of what a key holds; False, and there is no list of them, where Python is to look."""
    cdef Source s
    cdef uint64_t word = 0
    if kind_of(e) == PACKED and packed_type(rl_load8(value_of(e))) == PACKED_LIST:
        word = rl_load8(value_of(e))
    elif kind_of(e) == OBJECT and type(<object>object_of(e)) is List:
        word = (<List>object_of(e)).root
    if word:
        roll_list(found, list_count(<size_t>word))
        found.count = list_count(<size_t>word)
        name_list(<size_t>word, found.named)
        return True
    if not source_of(e, True, &s) or s.form == SCORED_PACK:    # which SORT unpacks, and for good
        return False
    roll_list(found, s.count)
    found.count = s.count
    name_source(&s, found.named)
    return True


# --------------------------------------------------------------------------------------------------------------- order

cdef bint read_numbers(Roll* found) noexcept nogil:
    """Elements are their own scores; False where one is none, or one that is seldom seen."""
    cdef size_t i
    for i in range(found.count):
        if found.named[i].p == NULL:
            found.named[i].score = <double>found.named[i].n
        elif not read_score(found.named[i].p, <size_t>found.named[i].n, &found.named[i].score):
            return False
    return True

cdef void read_texts(Roll* found) noexcept nogil:
    """A text counts up to a NUL; what then is the same stays as it came: `hash` is the length, `score` the place."""
    cdef const char* end
    cdef size_t i
    for i in range(found.count):
        found.named[i].score = <double>i
        if found.named[i].p != NULL:
            end = <const char*>memchr(found.named[i].p, 0, <size_t>found.named[i].n)
            found.named[i].hash = <uint64_t>found.named[i].n if end == NULL else <uint64_t>(end - found.named[i].p)

cdef int texts_order(const Named* m, const Named* k) noexcept nogil:
    cdef char[24] digits, others
    cdef size_t n = 0, length = 0
    cdef const char* p = named_text(m, digits, &n)
    cdef const char* q = named_text(k, others, &length)
    return rl_order(p, n if m.p == NULL else m.hash, q, length if k.p == NULL else k.hash)

cdef inline int places_order(const Named* m, const Named* k) noexcept nogil:
    return (m.score > k.score) - (m.score < k.score)

cdef int falling(const void* one, const void* other) noexcept nogil:
    return named_order(other, one)

cdef int rising_texts(const void* one, const void* other) noexcept nogil:
    cdef int order = texts_order(<const Named*>one, <const Named*>other)
    return order if order else places_order(<const Named*>one, <const Named*>other)

cdef int falling_texts(const void* one, const void* other) noexcept nogil:
    cdef int order = texts_order(<const Named*>other, <const Named*>one)
    return order if order else places_order(<const Named*>one, <const Named*>other)

cdef bint sort_named(Roll* found, const Sorting* asked) noexcept nogil:
    if asked.texts:
        read_texts(found)
        qsort(found.named, found.count, sizeof(Named), falling_texts if asked.descending else rising_texts)
        return True
    if not read_numbers(found):
        return False
    qsort(found.named, found.count, sizeof(Named), falling if asked.descending else named_order)
    return True

cdef bint cmd_sort(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Sorting asked
    cdef Place at
    cdef Entry* e
    cdef Roll found
    cdef int64_t size, i
    cdef bint done
    if not read_sorting(argc, a, &asked):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        out_head(c.out, c'*', 0)
        return True
    if not sort_elements(e, &found):
        return False
    done = sort_named(&found, &asked)
    if done:
        entry_used(c.db, e, loop.now)
        size = <int64_t>found.count
        asked.start = min(max(asked.start, 0), size)
        size -= asked.start
        if asked.count >= 0:
            size = min(size, asked.count)
        out_head(c.out, c'*', size)
        for i in range(size):
            out_named(c.out, found.named + asked.start + i)
    roll_drop(&found)
    return done


cdef int hot_sort(Loop loop) except -1:
    hot_add(loop, b"sort", cmd_sort, True)
    hot_add(loop, b"sort_ro", cmd_sort, True)
    return 0
