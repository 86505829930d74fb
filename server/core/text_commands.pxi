# Hot commands on strings besides the plainest: options of SET, parts, sums, sketches; and some on keys.
#
# Must live here: what profiling showed to be worth C.  Must not: error texts; see dispatch.pxi for the contract.

cdef extern from "longdouble.h":
    enum: RL_SUM_ROOM
    int rl_sum(const char* a, size_t an, const char* b, size_t bn, char* to) nogil

cdef extern from "sketch.h":
    enum: RL_UNABLE, RL_SKETCH_DENSE, RL_SKETCH_GROWS, RL_SKETCH_HEAD
    const char[18] rl_sketch_empty
    int rl_sketch_is(const char* data, size_t size) nogil
    int rl_sketch_merge(char* to, const char* other, size_t size) nogil
    ctypedef struct rl_sketch_spot:
        pass
    int rl_sketch_add(char* data, size_t size, const char* p, size_t n, rl_sketch_spot* spot) nogil
    int rl_sketch_change(char* data, size_t* size, size_t limit, rl_sketch_spot* spot) nogil


cdef extern from "lcs.h" nogil:
    size_t rl_lcs_room(size_t m, size_t n)
    size_t rl_lcs(const char* one, size_t m, const char* other, size_t n, uint64_t* room, char* end)

cdef enum:
    LCS_LONGEST = 1 << 16       # bytes of a text whose places of each byte are kept at once


cdef inline const char* text_of(const Entry* e, char* digits, size_t* n) noexcept nogil:
    """The text of a string's entry; digits: room for those of a number."""
    if kind_of(e) == TEXT:
        n[0] = text_size(e)
        return value_of(e)
    n[0] = <size_t>rl_format_int(digits, integer_of(e))
    return digits

cdef bint read_deadline(Loop loop, const Slice* unit, const Slice* amount, int64_t* deadline) noexcept:
    """EX or PX with a positive number; False for all else."""
    if option_is(unit, c'e', c'x'):
        return deadline_from(loop, amount, 1000, deadline)
    return option_is(unit, c'p', c'x') and deadline_from(loop, amount, 1, deadline)

cdef bint cmd_set_options(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """SET with NX, XX, GET, KEEPTTL, EX, PX, each once."""
    cdef Place at
    cdef Entry* e
    cdef int64_t deadline = WITHOUT
    cdef bint nx = False, xx = False, get = False, keep = False
    cdef int64_t i = 3
    while i < argc:
        if option_is(a + i, c'n', c'x'):
            nx = True
        elif option_is(a + i, c'x', c'x'):
            xx = True
        elif word_is(a + i, b"get", 3):
            get = True
        elif word_is(a + i, b"keepttl", 7):
            keep = True
        elif deadline == WITHOUT and i + 1 < argc and read_deadline(loop, a + i, a + i + 1, &deadline):
            i += 1
        else:
            return False
        i += 1
    if (nx and xx) or (keep and deadline != WITHOUT):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at) if get else db_live(c.db, a[1].p, a[1].n, h, &at)
    if get and e != NULL:
        if is_collection(e):
            return False
        entry_used(c.db, e, loop.now)
        out_entry(c.out, e)
    if (nx and e != NULL) or (xx and e == NULL):
        if not get or e == NULL:
            out_null(c.out, c.resp)
        return True
    if get and e == NULL:
        out_null(c.out, c.resp)
    db_set(c.db, a[1].p, a[1].n, h, a + 2, FRESH, KEEP if keep else deadline)
    if not get:
        out_ok(c.out)
    return True

cdef bint cmd_getset(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
    elif is_collection(e):
        return False
    else:
        out_entry(c.out, e)
    db_set(c.db, a[1].p, a[1].n, h, a + 2, FRESH, WITHOUT)
    return True

cdef bint cmd_getdel(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
        return True
    if is_collection(e):
        return False
    out_entry(c.out, e)
    db_erase(c.db, a[1].p, a[1].n, h)
    return True

cdef bint cmd_getex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef int64_t deadline = WITHOUT
    cdef bint persist = argc == 3 and word_is(a + 2, b"persist", 7)
    if argc != 2 and not persist and not (argc == 4 and read_deadline(loop, a + 2, a + 3, &deadline)):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
        return True
    if is_collection(e):
        return False
    entry_used(c.db, e, loop.now)
    out_entry(c.out, e)
    if argc == 4 or (persist and e.flags & TIMED):
        db_retime(c.db, e, &at, deadline)
    return True

cdef bint cmd_getrange(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef char[24] digits
    cdef const char* text = NULL
    cdef size_t size = 0
    cdef int64_t start = 0, end = 0
    if not rl_parse_int(a[2].p, a[2].n, &start) or not rl_parse_int(a[3].p, a[3].n, &end):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL:
        if is_collection(e):
            return False
        entry_used(c.db, e, loop.now)
        text = text_of(e, digits, &size)
    if start < 0 and end < 0 and start > end:
        size = 0
    start = max(start + <int64_t>size, 0) if start < 0 else start
    end = max(end + <int64_t>size, 0) if end < 0 else min(end, <int64_t>size - 1)
    if size == 0 or start > end:
        out_bulk(c.out, b"", 0)
    else:
        out_bulk(c.out, text + start, <size_t>(end - start + 1))
    return True

cdef struct Patch:              # a string that is made anew, where it cannot be changed where it stands
    char* p
    size_t size
    size_t before               # bytes that there were; behind them are zeros
    char[256] few

cdef void patch_begin(Patch* to, const Entry* e, size_t least) noexcept:
    """The text of an entry (NULL: none), or of a number, with at least so many bytes."""
    cdef char[24] digits
    cdef const char* old = b""
    to.before = 0
    if e != NULL:
        old = text_of(e, digits, &to.before)
    to.size = max(to.before, least)
    to.p = &to.few[0] if to.size <= sizeof(to.few) else <char*>rl_alloc(to.size)
    rl_copy(to.p, old, to.before)
    memset(to.p + to.before, 0, to.size - to.before)

cdef void patch_end(Database db, const Slice* key, uint64_t h, Patch* made) noexcept:
    """Put it; RAW from now on."""
    db_write(db, key.p, key.n, h, TEXT, RAW, made.p, made.size, KEEP)
    patch_drop(made)

cdef inline void patch_drop(Patch* made) noexcept nogil:
    if made.p != &made.few[0]:
        free(made.p)

cdef inline bint can_grow(const Entry* e, size_t size) noexcept nogil:
    """May it have so many bytes where it stands?"""
    return kind_of(e) == TEXT and (size <= 0xFFFF or e.flags & LONG)

cdef Entry* text_grown(Database db, Entry* e, Place* at, size_t size) noexcept:
    """A text with more bytes, those behind it zeros, RAW; it may have moved, and has not been used yet."""
    cdef size_t before = text_size(e), old_size = entry_size(e)
    e = <Entry*>rl_slot_resize(e, old_size, old_size + size - before)
    memset(value_of(e) + before, 0, size - before)
    set_sizes(e, key_size(e), size)
    e.flags = (e.flags & ~(3 << FORM_SHIFT)) | RAW << FORM_SHIFT
    entry_replace(&db.table, at, e, old_size)
    return e

cdef bint cmd_setrange(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef Patch patch
    cdef int64_t offset = 0
    cdef size_t end
    if not rl_parse_int(a[2].p, a[2].n, &offset) or offset < 0 or a[3].n == 0 or \
            offset > loop.bulk_limit or offset + <int64_t>a[3].n > loop.bulk_limit:
        return False
    end = <size_t>offset + a[3].n
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL and is_collection(e):
        return False
    if e == NULL or not can_grow(e, end):
        patch_begin(&patch, e, end)
        rl_copy(patch.p + offset, a[3].p, a[3].n)
        out_head(c.out, c':', <int64_t>patch.size)
        patch_end(c.db, a + 1, h, &patch)
        return True
    if end > text_size(e):
        e = text_grown(c.db, e, &at, end)
    rl_copy(value_of(e) + offset, a[3].p, a[3].n)
    e.flags = (e.flags & ~(3 << FORM_SHIFT)) | RAW << FORM_SHIFT
    entry_used(c.db, e, loop.now)
    db_touch(c.db, a[1].p, a[1].n)
    out_head(c.out, c':', <int64_t>text_size(e))
    return True

cdef bint cmd_pfadd(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef char* data
    cdef int64_t i
    cdef int done, changed = 0
    cdef rl_sketch_spot spot
    if e == NULL:
        return sketch_made_anew(loop, c, argc, a, h, rl_sketch_empty, 18, 2, NULL)
    if kind_of(e) != TEXT or form_of(e) != RAW or not rl_sketch_is(value_of(e), text_size(e)):
        return False
    data = value_of(e)
    for i in range(2, argc):
        done = rl_sketch_add(data, text_size(e), a[i].p, a[i].n, &spot)
        if done == RL_UNABLE:           # of a sparse one, which nothing has changed so far
            return sketch_made_anew(loop, c, argc, a, h, data, text_size(e), i, &spot)
        changed |= done
    entry_used(c.db, e, loop.now)
    if changed:
        data[15] = <char>(<uint8_t>data[15] | 0x80)
        db_touch(c.db, a[1].p, a[1].n)
    out_head(c.out, c':', changed)
    return True

cdef bint sketch_made_anew(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, const char* old,
                           size_t size, int64_t first, rl_sketch_spot* spot) noexcept:
    """Put a sparse sketch that elements change, from `first` on, which falls there, or one that is new."""
    cdef char* data
    cdef rl_sketch_spot here
    cdef int64_t i
    cdef int done
    loop.cells.used = 0
    data = buffer_reserve(&loop.cells, max(<size_t>RL_SKETCH_DENSE, size) + RL_SKETCH_GROWS * <size_t>argc)
    memcpy(data, old, size)
    if spot != NULL:
        if rl_sketch_change(data, &size, loop.sketch_limit, spot) == RL_UNABLE:
            return False
        first += 1
    for i in range(first, argc):
        done = rl_sketch_add(data, size, a[i].p, a[i].n, &here)
        if done == RL_UNABLE and rl_sketch_change(data, &size, loop.sketch_limit, &here) == RL_UNABLE:
            return False
    data[15] = <char>(<uint8_t>data[15] | 0x80)
    db_write(c.db, a[1].p, a[1].n, h, TEXT, RAW, data, size, KEEP)
    out_head(c.out, c':', 1)
    return True

cdef bint cmd_pfcount(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Of one sketch whose count is in its head."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef int64_t count = 0
    cdef int i
    if argc != 2 or (e != NULL and (kind_of(e) != TEXT or form_of(e) != RAW or
                                    not rl_sketch_is(value_of(e), text_size(e)))):
        return False
    if e != NULL:
        if <uint8_t>value_of(e)[15] & 0x80:
            return False
        entry_used(c.db, e, loop.now)
        for i in range(7, -1, -1):
            count = count << 8 | <uint8_t>value_of(e)[8 + i]
    out_head(c.out, c':', count)
    return True

cdef bint cmd_pfmerge(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Of some of which one is dense: the result is, too.  Where all are, the first is changed where it stands."""
    cdef Place at
    cdef Entry* into = NULL
    cdef Entry* e
    cdef char* data
    cdef int64_t i
    cdef int64_t dense = 0, sparse = 0
    for i in range(1, argc):
        e = db_lookup(c.db, a[i].p, a[i].n, h if i == 1 else rl_hash(a[i].p, a[i].n), &at)
        if e == NULL:
            continue
        if kind_of(e) != TEXT or not rl_sketch_is(value_of(e), text_size(e)):
            return False
        if value_of(e)[4] == 0:
            dense += 1
        else:
            sparse += 1
    if not dense:
        return False
    into = db_live(c.db, a[1].p, a[1].n, h, &at)
    if into != NULL and not sparse and form_of(into) == RAW:
        data = value_of(into)
    else:
        loop.cells.used = 0
        data = buffer_reserve(&loop.cells, RL_SKETCH_DENSE)
        memset(data, 0, RL_SKETCH_DENSE)
        memcpy(data, value_of(into) if into != NULL else <const char*>rl_sketch_empty, RL_SKETCH_HEAD)
        data[4] = 0
        if into != NULL and not rl_sketch_merge(data, value_of(into), text_size(into)):
            return False
    for i in range(2, argc):
        e = db_live(c.db, a[i].p, a[i].n, rl_hash(a[i].p, a[i].n), &at)
        if e == NULL:
            continue
        entry_used(c.db, e, loop.now)
        if not rl_sketch_merge(data, value_of(e), text_size(e)):
            return False
    if data != loop.cells.p:
        entry_used(c.db, into, loop.now)
        data[15] = <char>(<uint8_t>data[15] | 0x80)
        db_touch(c.db, a[1].p, a[1].n)
        out_ok(c.out)
        return True
    data[15] = <char>(<uint8_t>data[15] | 0x80)
    db_write(c.db, a[1].p, a[1].n, h, TEXT, RAW, data, RL_SKETCH_DENSE, KEEP)
    out_ok(c.out)
    return True

cdef bint cmd_lcs(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """The subsequence, or how long it is."""
    cdef Place at
    cdef Entry* e
    cdef char[2][24] digits
    cdef Slice[2] texts
    cdef size_t room, least, found
    cdef char* work
    cdef int i
    if argc > 4 or argc == 4 and not word_is(a + 3, b"len", 3):
        return False
    for i in range(2):
        texts[i].p, texts[i].n = NULL, 0
        e = db_lookup(c.db, a[i + 1].p, a[i + 1].n, h if i == 0 else rl_hash(a[2].p, a[2].n), &at)
        if e == NULL:
            continue
        if is_collection(e):
            return False
        entry_used(c.db, e, loop.now)
        texts[i].p = <char*>text_of(e, digits[i], &texts[i].n)
    if texts[1].n > LCS_LONGEST or 4 * (texts[0].n + 1) * (texts[1].n + 1) > <size_t>loop.bulk_limit:
        return False
    room = rl_lcs_room(texts[0].n, texts[1].n) * 8
    least = min(texts[0].n, texts[1].n)
    loop.cells.used = 0
    work = buffer_reserve(&loop.cells, room + least)
    found = rl_lcs(texts[0].p, texts[0].n, texts[1].p, texts[1].n, <uint64_t*>work, work + room + least)
    if argc == 4:
        out_head(c.out, c':', <int64_t>found)
    else:
        out_bulk(c.out, work + room + least - found, found)
    buffer_emptied(&loop.cells)
    return True

cdef bint cmd_incrbyfloat(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef char[24] digits
    cdef char[RL_SUM_ROOM] sum
    cdef const char* text = b"0"
    cdef size_t size = 1
    cdef int n
    if e != NULL:
        if is_collection(e):
            return False
        text = text_of(e, digits, &size)
    n = rl_sum(text, size, a[2].p, a[2].n, sum)
    if n == 0:
        return False
    db_write(c.db, a[1].p, a[1].n, h, TEXT, UNENCODED, sum, <size_t>n, KEEP)
    out_bulk(c.out, sum, <size_t>n)
    return True

cdef bint cmd_persist(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef bint timed = e != NULL and (e.flags & TIMED) != 0
    if timed:
        db_retime(c.db, e, &at, WITHOUT)
    out_head(c.out, c':', timed)
    return True

cdef bint cmd_randomkey(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = <Entry*>cell_random(&c.db.table, &c.db.random, &at)
    if e != NULL and is_past(c.db, e):
        return False
    if e == NULL:
        out_null(c.out, c.resp)
    else:
        out_bulk(c.out, key_of(e), key_size(e))
    return True

cdef bint cmd_publish(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """To nobody."""
    pubsub = loop.server.pubsub
    if pubsub.channels or pubsub.patterns:
        return False
    out_head(c.out, c':', 0)
    return True

cdef bint cmd_spublish(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """The same, of the channels of a shard."""
    if loop.server.pubsub.shards:
        return False
    out_head(c.out, c':', 0)
    return True


cdef int hot_texts(Loop loop) except -1:
    hot_add(loop, b"getset", cmd_getset, True)
    hot_add(loop, b"getdel", cmd_getdel, True)
    hot_add(loop, b"getex", cmd_getex, True)
    hot_add(loop, b"getrange", cmd_getrange, True)
    hot_add(loop, b"substr", cmd_getrange, True)
    hot_add(loop, b"setrange", cmd_setrange, True)
    hot_add(loop, b"pfadd", cmd_pfadd, True)
    hot_add(loop, b"pfmerge", cmd_pfmerge, True)
    hot_add(loop, b"pfcount", cmd_pfcount, True)
    hot_add(loop, b"lcs", cmd_lcs, True)
    hot_add(loop, b"incrbyfloat", cmd_incrbyfloat, True)
    hot_add(loop, b"persist", cmd_persist, True)
    hot_add(loop, b"randomkey", cmd_randomkey, False)
    hot_add(loop, b"publish", cmd_publish, False)
    hot_add(loop, b"spublish", cmd_spublish, False)
    return 0
