# The hot commands that walk in steps: SCAN, SSCAN, HSCAN, ZSCAN; see dispatch.pxi for the contract.
#
# Must live here: what of a step is told, and how.  Must not: cursors (buckets.pxi), error texts.
#
# A step gathers cells, as many as it is asked for and what else their buckets hold, and tells of those that are wanted.
# Where a key's time is over, SCAN leaves all to Python, which lets it go.

cdef extern from "glob.h" nogil:
    bint rl_glob(const char* pattern, size_t n, const char* text, size_t size)

cdef extern from "stdio.h" nogil:
    int snprintf(char* to, size_t room, const char* form, ...)

cdef enum:
    SCAN_COUNT = 10             # scanning.SCAN_COUNT, scanning.LONGEST_SCAN
    LONGEST_SCAN = 2147483647

cdef enum Wanted:               # by TYPE
    ANYTHING
    STRINGS
    LISTS
    SETS
    ZSETS
    HASHES
    STREAMS

cdef struct Walking:            # what stands behind the cursor
    uint64_t cursor
    int64_t count
    const Slice* pattern        # NULL: none
    Wanted wanted
    bint no_values


cdef bint read_walk(const Slice* a, int64_t argc, int64_t at, bint typed, bint valued, Walking* w) noexcept:
    """The cursor at an argument, and the options behind it; False for all that is an error, and for rare forms."""
    cdef int64_t number = 0
    if not rl_parse_int(a[at].p, a[at].n, &number) or number < 0:
        return False
    w.cursor = <uint64_t>number
    w.count = SCAN_COUNT
    w.pattern = NULL
    w.wanted = ANYTHING
    w.no_values = False
    at += 1
    while at < argc:
        if valued and word_is(a + at, b"novalues", 8):
            w.no_values = True
            at += 1
            continue
        if at + 1 == argc:
            return False
        if word_is(a + at, b"count", 5):
            if not rl_parse_int(a[at + 1].p, a[at + 1].n, &w.count) or w.count < 1:
                return False
            w.count = min(w.count, LONGEST_SCAN)
        elif word_is(a + at, b"match", 5):
            w.pattern = a + at + 1
        elif not (typed and word_is(a + at, b"type", 4) and read_type(a + at + 1, &w.wanted)):
            return False
        at += 2
    return True

cdef bint read_type(const Slice* word, Wanted* wanted) noexcept:
    if word_is(word, b"string", 6):
        wanted[0] = STRINGS
    elif word_is(word, b"list", 4):
        wanted[0] = LISTS
    elif word_is(word, b"set", 3):
        wanted[0] = SETS
    elif word_is(word, b"zset", 4):
        wanted[0] = ZSETS
    elif word_is(word, b"hash", 4):
        wanted[0] = HASHES
    elif word_is(word, b"stream", 6):
        wanted[0] = STREAMS
    else:
        return False
    return True

cdef Wanted type_of(const Entry* e) noexcept:
    """What an entry holds."""
    cdef PyObject* held
    cdef int packed
    if not is_collection(e):
        return STRINGS
    if kind_of(e) == PACKED:
        packed = packed_type(rl_load8(value_of(e)))
        if packed == PACKED_LIST:
            return LISTS
        return ZSETS if packed == PACKED_ZSET else HASHES if packed >= PACKED_HASH else SETS
    held = object_of(e)
    if type(<object>held) is List:
        return LISTS
    if type(<object>held) is Set:
        return SETS
    if type(<object>held) is SortedSet:
        return ZSETS
    return HASHES if type(<object>held) is Hash else STREAMS

cdef inline bint fits_walk(const Walking* w, const char* p, size_t n) noexcept nogil:
    return w.pattern == NULL or rl_glob(w.pattern.p, w.pattern.n, p, n)


# ------------------------------------------------------------------------------------------------------------- tables

cdef void gather_cells(void* cells, Bucket* b) noexcept:
    """cells: a Buffer, which gets the addresses of a chain's cells."""
    cdef Buffer* to = <Buffer*>cells
    cdef void** at
    cdef int i
    while True:
        at = <void**>buffer_reserve(to, SLOTS * sizeof(void*))
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                rl_prefetch(b.slot[i])
                at[0] = b.slot[i]
                at += 1
        to.used = <size_t>(<char*>at - to.p)
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void** walk_cells(Loop loop, Table* t, Walking* w, size_t* count) noexcept:
    """A step of a walk (as members_scan): the cells, which are there until the next one; the cursor is moved."""
    cdef Buffer* cells = &loop.cells
    cdef int64_t steps = 0
    cells.used = 0
    while True:
        w.cursor = table_scan(t, w.cursor, gather_cells, cells)
        steps += 1
        if w.cursor == 0 or <int64_t>(cells.used // sizeof(void*)) >= w.count or steps >= 10 * w.count:
            count[0] = cells.used // sizeof(void*)
            return <void**>cells.p

cdef void** walk_members(Loop loop, Table* t, Walking* w, size_t* count) noexcept:
    """Those that match."""
    cdef size_t every = 0, i, kept = 0
    cdef void** cells = walk_cells(loop, t, w, &every)
    cdef Slice text
    if w.pattern != NULL:
        for i in range(every):
            text = member_text(cells[i])
            if fits_walk(w, text.p, text.n):
                cells[kept] = cells[i]
                kept += 1
        every = kept
    count[0] = every
    return cells

cdef inline void out_walk_head(Client c, uint64_t cursor, size_t count) noexcept nogil:
    """The array of both, the cursor, and how many elements come."""
    cdef char[24] digits
    buffer_add(c.out, b"*2\r\n", 4)
    out_bulk(c.out, digits, <size_t>rl_format_int(digits, <int64_t>cursor))
    out_head(c.out, c'*', <int64_t>count)

cdef inline void loop_gathered(Loop loop) noexcept nogil:
    """A walk has been told of: a buffer that has become large is given back."""
    buffer_emptied(&loop.cells)

cdef bint cmd_scan(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Walking w
    cdef size_t every = 0, i, kept = 0
    cdef void** cells
    cdef Entry* e
    if not read_walk(a, argc, 1, True, False, &w):
        return False
    cells = walk_cells(loop, &c.db.table, &w, &every)
    for i in range(every):
        e = <Entry*>cells[i]
        if e.flags & TIMED and is_past(c.db, e):
            return False
        if fits_walk(&w, key_of(e), key_size(e)) and (w.wanted == ANYTHING or type_of(e) == w.wanted):
            cells[kept] = e
            kept += 1
    out_walk_head(c, w.cursor, kept)
    for i in range(kept):
        e = <Entry*>cells[i]
        out_bulk(c.out, key_of(e), key_size(e))
    loop_gathered(loop)
    return True


# ------------------------------------------------------------------------------------------------------------- members

cdef inline bint out_nothing(Client c) noexcept nogil:
    """Of a key that is not there."""
    out_walk_head(c, 0, 0)
    return True

cdef size_t out_packed_walk(Client c, const Walking* w, char* lp, int step, bint tells) noexcept:
    """Of every step-th element that matches, with the value that belongs to it; or only how many elements that are."""
    cdef char[24] room
    cdef size_t n = 0, count = 0
    cdef const char* text
    cdef char* at = lp_first(lp)
    cdef char* value
    if not tells and w.pattern == NULL:
        return lp_count(lp) // <size_t>step * (1 if step == 1 or w.no_values else 2)
    while at != NULL:
        value = lp_next(at) if step > 1 else NULL
        text = lp_text(at, room, &n)
        if fits_walk(w, text, n):
            count += 1
            if tells:
                out_bulk(c.out, text, n)
            if step > 1 and not w.no_values:
                count += 1
                if tells:
                    out_element(c.out, value)
        at = lp_next(at if step == 1 else value if step == 2 else lp_next(value))
    return count

cdef inline bint tell_packed_walk(Client c, const Walking* w, char* lp, int step) noexcept:
    """All of it at once."""
    out_walk_head(c, 0, out_packed_walk(c, w, lp, step, False))
    out_packed_walk(c, w, lp, step, True)
    return True

cdef size_t out_numbers_walk(Client c, const Walking* w, rl_intset* numbers, bint tells) noexcept:
    cdef char[24] text
    cdef size_t i, n, count = 0
    for i in range(numbers.count):
        n = <size_t>rl_format_int(text, rl_intset_at(numbers, i))
        if fits_walk(w, text, n):
            count += 1
            if tells:
                out_bulk(c.out, text, n)
    return count

cdef bint cmd_sscan(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Walking w
    cdef SetFound f
    cdef Content there
    cdef size_t count = 0, i
    cdef void** cells
    cdef Slice text
    if not read_walk(a, argc, 2, False, False, &w):
        return False
    there = find_set(loop, c, a + 1, h, &f)
    if there != WANTED:
        return there == ABSENT and out_nothing(c)
    if f.s.form == LISTPACK:
        return tell_packed_walk(c, &w, <char*>f.s.data, 1)
    if f.s.form == INTSET:
        out_walk_head(c, 0, out_numbers_walk(c, &w, <rl_intset*>f.s.data, False))
        out_numbers_walk(c, &w, <rl_intset*>f.s.data, True)
        return True
    cells = walk_members(loop, <Table*>f.s.data, &w, &count)
    out_walk_head(c, w.cursor, count)
    for i in range(count):
        text = member_text(cells[i])
        out_bulk(c.out, text.p, text.n)
    loop_gathered(loop)
    return True

cdef bint cmd_hscan(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Walking w
    cdef HashFound f
    cdef Content there
    cdef size_t count = 0, i
    cdef void** cells
    cdef Slice text
    if not read_walk(a, argc, 2, False, True, &w):
        return False
    there = find_hash(loop, c, a + 1, h, &f)
    if there != WANTED:
        return there == ABSENT and out_nothing(c)
    if not f.s.large:
        return tell_packed_walk(c, &w, <char*>f.s.data, <int>hash_step(f.s))
    cells = walk_members(loop, <Table*>f.s.data, &w, &count)
    out_walk_head(c, w.cursor, count if w.no_values else 2 * count)
    for i in range(count):
        text = member_text(cells[i])
        out_bulk(c.out, text.p, text.n)
        if not w.no_values:
            text = slice_at(text.p + text.n)
            out_bulk(c.out, text.p, text.n)
    loop_gathered(loop)
    return True

cdef size_t out_scored_walk(Client c, const Walking* w, const char* pack, bint tells) noexcept:
    """Of a packed sorted set."""
    cdef char[SCORE_ROOM] score
    cdef Item item
    cdef size_t at = PACK_HEAD, end = pack_size(pack), count = 0
    while at < end:
        item_read(pack, at, &item)
        at += item.size
        item_text(&item)
        if fits_walk(w, item.p, item.n):
            count += 2
            if tells:
                out_bulk(c.out, item.p, item.n)
                out_bulk(c.out, score, <size_t>format_score(score, item.score) & (SCORE_ROOM - 1))
    return count

cdef void out_stored_score(Buffer* out, double score) noexcept nogil:
    """With 17 digits, as one is stored that is not packed."""
    cdef char[32] text
    if -1e15 < score < 1e15 and score == <double><int64_t>score and rl_as_bits(score) != rl_as_bits(-0.0):
        out_bulk(out, text, <size_t>rl_format_int(text, <int64_t>score))
    else:
        out_bulk(out, text, <size_t>snprintf(text, sizeof(text), b"%.17g", score))

cdef bint cmd_zscan(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Walking w
    cdef OpenZset o
    cdef Content there
    cdef size_t count = 0, i
    cdef void** cells
    cdef Slice text
    if not read_walk(a, argc, 2, False, False, &w):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there != WANTED:
        return there == ABSENT and out_nothing(c)
    if o.z.large == NULL:
        out_walk_head(c, 0, out_scored_walk(c, &w, o.z.pack, False))
        out_scored_walk(c, &w, o.z.pack, True)
        return True
    cells = walk_members(loop, &o.z.large.table, &w, &count)
    out_walk_head(c, w.cursor, 2 * count)
    for i in range(count):
        text = member_text(cells[i])
        out_bulk(c.out, text.p, text.n)
        out_stored_score(c.out, score_of(cells[i]))
    loop_gathered(loop)
    return True


cdef int hot_walks(Loop loop) except -1:
    hot_add(loop, b"scan", cmd_scan, 0)
    hot_add(loop, b"sscan", cmd_sscan, 1)
    hot_add(loop, b"hscan", cmd_hscan, 1)
    hot_add(loop, b"zscan", cmd_zscan, 1)
    return 0
