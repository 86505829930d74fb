# Hot commands on nothing much, and several members at random; see dispatch.pxi for the contract.
#
# Must live here: SELECT, TIME, CLIENT ID, GEOHASH, and SRANDMEMBER, HRANDFIELD and ZRANDMEMBER with a count.  Must not: error
# texts, one member at random where that is a command of its own (set_commands.pxi, hash_commands.pxi).
#
# Different members of what is packed are chosen in one walk, each with the chance that as many are found as are lacking; of
# a table they are drawn until they differ, so only a few of many.

cdef enum:
    DRAWN_MOST = 1024       # members that are drawn one by one
    DIFFER_MOST = 64        # different ones of a table


cdef bint cmd_select(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef int64_t index = 0
    if c.context is None or not rl_parse_int(a[1].p, a[1].n, &index) or not 0 <= index < PyList_GET_SIZE(loop.databases):
        return False
    c.context.index = index
    c.context.db = c.db = <Database>loop.databases[index]
    out_ok(c.out)
    return True

cdef bint cmd_time(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef char[24] digits
    cdef int64_t now = rl_unix_us()
    out_head(c.out, c'*', 2)
    out_bulk(c.out, digits, <size_t>rl_format_int(digits, now // 1000000))
    out_bulk(c.out, digits, <size_t>rl_format_int(digits, now % 1000000))
    return True

cdef bint cmd_client_id(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    out_head(c.out, c':', c.id)
    return True

cdef bint cmd_geohash(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there = zset_open(loop, c, a + 1, h, &o)
    cdef double score
    cdef char[11] text
    cdef int64_t i
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 2)
    for i in range(2, argc):
        if there == WANTED and zset_score(o.z, a[i].p, a[i].n, &score):
            rl_geohash(rl_place_of(score), text)
            out_bulk(c.out, text, sizeof(text))
        else:
            out_null(c.out, c.resp)
    return True


# ------------------------------------------------------------------------------------------------- several at random

cdef struct Drawing:
    int64_t count           # below 0: so many draws
    bint pairs              # with values or scores

cdef bint read_drawing(int64_t argc, const Slice* a, const char* word, size_t n, Drawing* d) noexcept:
    """word: what asks for pairs, in lower case; NULL: nothing may."""
    if argc > 4 or not rl_parse_int(a[2].p, a[2].n, &d.count) or d.count < -DRAWN_MOST or d.count > FAR // 2:
        return False
    d.pairs = argc == 4
    return argc == 3 or (word != NULL and word_is(a + 3, word, n))

cdef inline void out_drawn_head(Client c, const Drawing* d, int64_t count) noexcept nogil:
    out_head(c.out, c'*', 2 * count if d.pairs and c.resp == 2 else count)

cdef inline void out_pair_head(Client c, const Drawing* d) noexcept nogil:
    """Of one by itself."""
    if d.pairs and c.resp != 2:
        out_head(c.out, c'*', 2)

cdef void out_row(Client c, const Drawing* d, const char* at) noexcept nogil:
    """An element of a listpack, or a field and its value."""
    out_pair_head(c, d)
    out_element(c.out, at)
    if d.pairs:
        out_element(c.out, lp_next(at))

cdef void draw_rows(Client c, const Drawing* d, const char* lp, size_t step) noexcept nogil:
    """Of a listpack that is not empty, in which every step-th element is a member."""
    cdef int64_t size = <int64_t>(lp_count(lp) // step), lacks = min(d.count, size), i
    cdef char* at = lp_first(lp)
    out_drawn_head(c, d, -d.count if d.count < 0 else lacks)
    for i in range(-d.count):
        at = lp_seek(lp, <int64_t>step * <int64_t>random_below(&c.db.random, <uint64_t>size))
        out_row(c, d, at)
    while lacks > 0:
        if lacks == size or <int64_t>random_below(&c.db.random, <uint64_t>size) < lacks:
            out_row(c, d, at)
            lacks -= 1
        size -= 1
        at = lp_skip(at, step)

cdef bint draw_cells(Table* t, uint64_t* random, const Drawing* d, void** cells) noexcept nogil:
    """As many cells as are asked for, DRAWN_MOST at most; False where they are too many."""
    cdef Place place
    cdef int64_t i, j, count = 0
    if d.count > min(<int64_t>DIFFER_MOST, <int64_t>t.used // SHARE):
        return False
    while count < (-d.count if d.count < 0 else d.count):
        cells[count] = cell_random(t, random, &place)
        j = 0 if d.count > 0 else count
        while j < count and cells[j] != cells[count]:
            j += 1
        count += j == count
    return True

cdef bint cmd_srandmembers(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef SetFound f
    cdef Drawing d
    cdef Content there
    cdef Slice text
    cdef void* cells[DRAWN_MOST]
    cdef char[24] digits
    cdef int64_t size, lacks, i, at = 0
    if argc == 2:
        return cmd_srandmember(loop, c, argc, a, h)
    if not read_drawing(argc, a, NULL, 0, &d):
        return False
    there = find_set(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_head(c.out, c'*', 0)
        return True
    if f.s.form == LISTPACK:
        draw_rows(c, &d, <char*>f.s.data, 1)
        return True
    if f.s.form == HASHTABLE:
        if not draw_cells(<Table*>f.s.data, &c.db.random, &d, cells):
            return False
        out_drawn_head(c, &d, abs(d.count))
        for i in range(abs(d.count)):
            text = member_text(cells[i])
            out_bulk(c.out, text.p, text.n)
        return True
    size = <int64_t>set_count(f.s)
    lacks = -d.count if d.count < 0 else min(d.count, size)
    out_drawn_head(c, &d, lacks)
    while lacks > 0:
        i = <int64_t>random_below(&c.db.random, <uint64_t>(size - at))
        if d.count < 0 or i < lacks:
            out_bulk(c.out, digits, <size_t>rl_format_int(digits, rl_intset_at(
                <rl_intset*>f.s.data, <size_t>(i if d.count < 0 else at))))
            lacks -= 1
        at += d.count > 0
    return True

cdef bint cmd_hrandfields(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Drawing d
    cdef Content there
    cdef Slice text
    cdef void* cells[DRAWN_MOST]
    cdef int64_t i
    if argc == 2:
        return cmd_hrandfield(loop, c, argc, a, h)
    if not read_drawing(argc, a, b"withvalues", 10, &d):
        return False
    there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_head(c.out, c'*', 0)
        return True
    if not f.s.large:
        draw_rows(c, &d, <char*>f.s.data, hash_step(f.s))
        return True
    if not draw_cells(<Table*>f.s.data, &c.db.random, &d, cells):
        return False
    out_drawn_head(c, &d, abs(d.count))
    for i in range(abs(d.count)):
        out_pair_head(c, &d)
        text = member_text(cells[i])
        out_bulk(c.out, text.p, text.n)
        if d.pairs:
            text = member_value(cells[i])
            out_bulk(c.out, text.p, text.n)
    return True

cdef bint cmd_zrandmember(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Drawing d
    cdef Content there
    cdef Steps steps
    cdef Item item
    cdef Place place
    cdef Slice text
    cdef void* cells[DRAWN_MOST]
    cdef int64_t size, lacks, i
    if argc > 2 and not read_drawing(argc, a, b"withscores", 10, &d):
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        if argc == 2:
            out_null(c.out, c.resp)
        else:
            out_head(c.out, c'*', 0)
        return True
    size = <int64_t>zset_size(o.z)
    if argc == 2 and o.z.large == NULL:
        steps_from(o.z, <size_t>random_below(&c.db.random, <uint64_t>size), False, &steps)
        steps_next(o.z, &steps, &item)
        out_bulk(c.out, item.p, item.n)
    elif argc == 2:
        text = member_text(cell_random(&o.z.large.table, &c.db.random, &place))
        out_bulk(c.out, text.p, text.n)
    elif o.z.large != NULL:
        if not draw_cells(&o.z.large.table, &c.db.random, &d, cells):
            return False
        out_drawn_head(c, &d, abs(d.count))
        for i in range(abs(d.count)):
            text = member_text(cells[i])
            item.p, item.n, item.score = text.p, text.n, score_of(cells[i])
            out_item(c.out, &item, d.pairs, c.resp)
    else:
        lacks = min(d.count, size)
        out_drawn_head(c, &d, -d.count if d.count < 0 else lacks)
        for i in range(-d.count):
            steps_from(o.z, <size_t>random_below(&c.db.random, <uint64_t>size), False, &steps)
            steps_next(o.z, &steps, &item)
            out_item(c.out, &item, d.pairs, c.resp)
        if lacks > 0:
            steps_from(o.z, 0, False, &steps)
        while lacks > 0:
            steps_next(o.z, &steps, &item)
            if lacks == size or <int64_t>random_below(&c.db.random, <uint64_t>size) < lacks:
                out_item(c.out, &item, d.pairs, c.resp)
                lacks -= 1
            size -= 1
    return True


cdef int hot_seldom(Loop loop) except -1:
    hot_add(loop, b"select", cmd_select, 0)
    hot_add(loop, b"time", cmd_time, 0)
    hot_add(loop, b"geohash", cmd_geohash, 1)
    hot_add(loop, b"srandmember", cmd_srandmembers, 1)
    hot_add(loop, b"hrandfield", cmd_hrandfields, 1)
    hot_add(loop, b"zrandmember", cmd_zrandmember, 1)
    hot_contain(loop, b"client", CLIENT_OF)
    hot_add_below(loop, b"client", b"id", cmd_client_id, 0)
    return 0
