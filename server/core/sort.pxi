# SORT; see dispatch.pxi for the contract.
#
# Must live here: the elements of a list, a set or an unpacked sorted set, or part of them, in the order of numbers or
# texts, their own ones or those that a pattern points at; what patterns point at in their stead, told or stored.  Must
# not: error texts, and what is seldom seen: a set in no order, hashes whose fields have deadlines (Python's,
# redlark.server.commands.sorting).

cdef enum:
    MOST_GETS = 8

cdef struct Pattern:        # a name around an element
    const Slice* text
    bint itself             # `#`: the element
    const char* star        # NULL: it names nothing
    const char* end         # of what stands behind the star
    Slice field             # p NULL: a string is meant, else a hash

cdef struct Sorting:
    bint descending
    bint texts
    int64_t start
    int64_t count           # below 0: all
    bint by_pattern
    bint unsorted           # a BY that names no key
    Pattern by
    Pattern[MOST_GETS] get
    int gets
    const Slice* destination

cdef enum Pointed:          # at what a pattern does
    AT_NOTHING
    AT_TEXT
    AT_ANOTHER              # what Python is to look at


cdef void read_pattern(const Slice* text, Pattern* pattern) noexcept nogil:
    """Up to a NUL, but what is behind the star's place or an arrow goes on beyond it."""
    cdef const char* stop = <const char*>memchr(text.p, 0, text.n)
    cdef const char* at
    if stop == NULL:
        stop = text.p + text.n
    pattern.text = text
    pattern.itself = stop - text.p == 1 and text.p[0] == c'#'
    pattern.star = <const char*>memchr(text.p, c'*', <size_t>(stop - text.p))
    pattern.end = text.p + text.n
    pattern.field.p = NULL
    if pattern.star == NULL:
        return
    at = pattern.star + 1
    while at + 1 < stop:
        if at[0] == c'-' and at[1] == c'>':
            if at + 2 < stop:
                pattern.field.p = <char*>at + 2
                pattern.field.n = <size_t>(pattern.end - at) - 2
                pattern.end = at
            return
        at += 1

cdef bint read_sorting(int64_t argc, const Slice* a, bint may_store, Sorting* asked) noexcept nogil:
    cdef int64_t at = 2
    memset(asked, 0, sizeof(Sorting))
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
        elif at + 1 == argc:
            return False
        elif not asked.by_pattern and word_is(a + at, b"by", 2):
            asked.by_pattern = True
            read_pattern(a + at + 1, &asked.by)
            asked.unsorted = asked.by.star == NULL
            at += 1
        elif asked.gets < MOST_GETS and word_is(a + at, b"get", 3):
            read_pattern(a + at + 1, asked.get + asked.gets)
            asked.gets += 1
            at += 1
        elif may_store and asked.destination == NULL and word_is(a + at, b"store", 5):
            asked.destination = a + at + 1
            at += 1
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

cdef bint sort_elements(Entry* e, bint unsorted, Roll* found) noexcept:
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
    if not source_of(e, True, &s) or s.form == SCORED_PACK or unsorted and s.form != SCORED_TREE:
        return False        # SORT unpacks sorted sets, and for good
    roll_list(found, s.count)
    found.count = s.count
    name_source(&s, found.named)
    return True


# ----------------------------------------------------------------------------------------------- what patterns point at

cdef Pointed follow(Loop loop, Client c, const Pattern* pattern, const Named* element, Buffer* room,
                    Named* found) noexcept:
    """found: what a pattern points at for an element."""
    cdef char[24] digits
    cdef Slice name = named_slice(element, digits), key
    cdef HashFound f
    cdef Found field
    cdef Content there
    cdef Place at
    cdef Entry* e
    if pattern.itself:
        found[0] = element[0]
        return AT_TEXT
    if pattern.star == NULL:
        return AT_NOTHING
    room.used = 0
    buffer_add(room, pattern.text.p, <size_t>(pattern.star - pattern.text.p))
    buffer_add(room, name.p, name.n)
    buffer_add(room, pattern.star + 1, <size_t>(pattern.end - pattern.star) - 1)
    key.p, key.n = room.p, room.used
    if pattern.field.p != NULL:
        there = find_hash(loop, c, &key, rl_hash(key.p, key.n), &f)
        if there == ANOTHER:
            return AT_ANOTHER
        if there == ABSENT or not hash_find(f.s, pattern.field, &field):
            return AT_NOTHING
        if f.s.large:
            key = member_value(field.cell)
            found.p, found.n = key.p, <int64_t>key.n
        else:
            named_element(found, field.value)
        return AT_TEXT
    e = db_lookup(c.db, key.p, key.n, rl_hash(key.p, key.n), &at)
    if e == NULL:
        return AT_NOTHING
    if is_collection(e):
        return AT_ANOTHER
    entry_used(c.db, e, loop.now)
    found.p = NULL
    if kind_of(e) == TEXT:
        found.p, found.n = value_of(e), <int64_t>text_size(e)
    else:
        found.n = integer_of(e)
    return AT_TEXT

cdef bint follow_to(Loop loop, Client c, const Pattern* pattern, const Named* element, Buffer* room,
                    Roll* to) noexcept:
    """One more in a list; its `hash` is 0 where there is nothing.  False where Python is to look."""
    cdef Named* found = to.named + to.count
    cdef Pointed there = follow(loop, c, pattern, element, room, found)
    if there == AT_NOTHING:
        found.p, found.n = b"", 0
    found.hash = there == AT_TEXT
    to.count += 1
    return there != AT_ANOTHER


# --------------------------------------------------------------------------------------------------------------- order

cdef bint read_number(const Named* m, double* score) noexcept nogil:
    """False where it is none, or one that is seldom seen."""
    if m.p == NULL:
        score[0] = <double>m.n
        return True
    return read_score(m.p, <size_t>m.n, score)

cdef bint read_numbers(Roll* found, const Roll* weights) noexcept nogil:
    """Elements get as scores what they are themselves, or their weights, of which one that is missing counts as 0."""
    cdef const Named* by = found.named if weights == NULL else weights.named
    cdef size_t i
    for i in range(found.count):
        if weights != NULL and not by[i].hash:
            found.named[i].score = 0
        elif not read_number(by + i, &found.named[i].score):
            return False
    return True

cdef void read_texts(Roll* found, bint whole, bint all_there) noexcept nogil:
    """`score` is the place, `hash` 1 + how much counts: all (whole), or up to a NUL; it is 0 of what is missing."""
    cdef const char* end
    cdef size_t i
    for i in range(found.count):
        found.named[i].score = <double>i
        if found.named[i].hash or all_there:
            end = NULL
            found.named[i].hash = 1
            if found.named[i].p != NULL:
                if not whole:
                    end = <const char*>memchr(found.named[i].p, 0, <size_t>found.named[i].n)
                found.named[i].hash += <uint64_t>(found.named[i].n if end == NULL else end - found.named[i].p)

cdef int texts_order(const Named* m, const Named* k) noexcept nogil:
    """What is missing comes first."""
    cdef char[24] digits, others
    cdef size_t n = 0, length = 0
    cdef const char* p
    cdef const char* q
    if not m.hash or not k.hash:
        return (m.hash != 0) - (k.hash != 0)
    p = named_text(m, digits, &n)
    q = named_text(k, others, &length)
    return rl_order(p, n if m.p == NULL else m.hash - 1, q, length if k.p == NULL else k.hash - 1)

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

cdef void sort_texts(Roll* found, Roll* weights, const Sorting* asked) noexcept nogil:
    """What is the same stays as it came."""
    cdef Roll by = found[0] if weights == NULL else weights[0]
    cdef Named* before
    cdef size_t i
    read_texts(&by, asked.destination != NULL, weights == NULL)
    qsort(by.named, by.count, sizeof(Named), falling_texts if asked.descending else rising_texts)
    if weights != NULL:
        before = <Named*>rl_alloc(found.count * sizeof(Named))
        memcpy(before, found.named, found.count * sizeof(Named))
        for i in range(found.count):
            found.named[i] = before[<size_t>by.named[i].score]
        free(before)

cdef bint sort_by(Roll* found, Roll* weights, const Sorting* asked) noexcept nogil:
    if asked.texts:
        sort_texts(found, weights, asked)
        return True
    if not read_numbers(found, weights):
        return False
    qsort(found.named, found.count, sizeof(Named), falling if asked.descending else named_order)
    return True

cdef bint sort_named(Loop loop, Client c, Roll* found, const Sorting* asked) noexcept:
    """False where Python is to look."""
    cdef Roll weights
    cdef Buffer room
    cdef Named one
    cdef size_t i
    cdef bint done = True
    if not found.count:  # the C library's functions may not be given NULL, even for nothing
        return True
    if asked.unsorted:
        for i in range(found.count // 2 if asked.descending else 0):
            one = found.named[i]
            found.named[i] = found.named[found.count - 1 - i]
            found.named[found.count - 1 - i] = one
        return True
    if not asked.by_pattern:
        return sort_by(found, NULL, asked)
    roll_list(&weights, found.count)
    memset(&room, 0, sizeof(Buffer))
    for i in range(found.count):
        done = done and follow_to(loop, c, &asked.by, found.named + i, &room, &weights)
    done = done and sort_by(found, &weights, asked)
    buffer_drop(&room)
    roll_drop(&weights)
    return done

cdef void sort_cut(Roll* found, const Sorting* asked) noexcept nogil:
    """LIMIT."""
    cdef int64_t size = <int64_t>found.count
    cdef int64_t start = min(max(asked.start, 0), size)
    size -= start
    if asked.count >= 0:
        size = min(size, asked.count)
    if size:
        memmove(found.named, found.named + start, <size_t>size * sizeof(Named))
    found.count = <size_t>size

cdef bint sort_get(Loop loop, Client c, Roll* found, const Sorting* asked) noexcept:
    """In the place of elements, what the patterns point at; False where Python is to look."""
    cdef Roll rows
    cdef Buffer room
    cdef size_t i
    cdef bint done = True
    cdef int j
    roll_list(&rows, found.count * <size_t>asked.gets)
    memset(&room, 0, sizeof(Buffer))
    for i in range(found.count):
        for j in range(asked.gets):
            done = done and follow_to(loop, c, asked.get + j, found.named + i, &room, &rows)
    buffer_drop(&room)
    roll_drop(found)
    found[0] = rows
    return done

cdef void sort_store(Loop loop, Client c, const Slice* key, const Roll* found) noexcept:
    """A list of what was found; nothing is an empty text there."""
    cdef char[24] digits
    cdef quicklist* q
    cdef Slice text
    cdef size_t root, i
    cdef uint64_t h = rl_hash(key.p, key.n)
    if found.count == 0:
        db_erase(c.db, key.p, key.n, h)
        return
    q = ql_new(loop.list_limit)
    for i in range(found.count):
        text = named_slice(found.named + i, digits)
        ql_push(q, text.p, text.n if found.named[i].hash else 0, False)
    root = <size_t>q | QUICK
    list_settle(&root, loop.list_limit)
    list_begin(c, key, h, root)

cdef bint sort_key(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint may_store) noexcept:
    cdef Sorting asked
    cdef Place at
    cdef Entry* e
    cdef Roll found
    cdef size_t i
    cdef bint done
    if not read_sorting(argc, a, may_store, &asked) or asked.destination != NULL and DICT_SIZE(c.db.awaited):
        return False        # who waits is served by Python, at the time of this request
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    found.named = NULL
    found.slots = NULL
    found.count = 0
    if e != NULL:
        if not sort_elements(e, asked.unsorted, &found):
            return False
        entry_used(c.db, e, loop.now)
    done = sort_named(loop, c, &found, &asked)
    if done:
        sort_cut(&found, &asked)
        done = asked.gets == 0 or sort_get(loop, c, &found, &asked)
    if done and asked.destination != NULL:
        if not asked.gets:
            for i in range(found.count):
                found.named[i].hash = 1
        sort_store(loop, c, asked.destination, &found)
        out_head(c.out, c':', <int64_t>found.count)
    elif done:
        out_head(c.out, c'*', <int64_t>found.count)
        for i in range(found.count):
            if asked.gets and not found.named[i].hash:
                out_null(c.out, c.resp)
            else:
                out_named(c.out, found.named + i)
    roll_drop(&found)
    return done

cdef bint cmd_sort(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return sort_key(loop, c, argc, a, h, True)

cdef bint cmd_sort_ro(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return sort_key(loop, c, argc, a, h, False)


cdef int hot_sort(Loop loop) except -1:
    hot_add(loop, b"sort", cmd_sort, True)
    hot_add(loop, b"sort_ro", cmd_sort_ro, True)
    return 0
