# The hot commands on streams; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what profiling showed to be worth C.  Must not: how a stream is kept (stream.pxi),
# error texts, groups of consumers, whoever waits for entries.

cdef enum:
    HEAD_ROOM = 24          # what the head of an array needs at most


cdef inline Content find_stream(Loop loop, Client c, const Slice* key, uint64_t h, Entry** e, PyObject** value) noexcept:
    """The entry of a key and the stream in it, which has now been used."""
    cdef Place at
    e[0] = db_lookup(c.db, key.p, key.n, h, &at)
    if e[0] == NULL:
        return ABSENT
    if kind_of(e[0]) != OBJECT:
        return ANOTHER
    value[0] = object_of(e[0])
    if type(<object>value[0]) is not Stream:
        return ANOTHER
    entry_used(c.db, e[0], loop.now)
    return WANTED

cdef inline void stream_changed(Client c, const Slice* key, Entry* e, Stream s) noexcept:
    db_weigh(c.db, e, stream_memory(s))
    db_touch(c.db, key.p, key.n)


# ------------------------------------------------------------------------------------------------------------------ ids

cdef size_t read_digits(const char* p, size_t n, uint64_t* number) noexcept nogil:
    """A number at the beginning, of up to 19 digits; how many there are."""
    cdef size_t i = 0
    number[0] = 0
    while i < n and i < 19 and c'0' <= p[i] <= c'9':
        number[0] = number[0] * 10 + <uint64_t>(p[i] - c'0')
        i += 1
    return i

cdef bint read_plain_id(const Slice* word, uint64_t missing, Id* id_) noexcept nogil:
    """`5-3`, or `5` with a sequence to go with it; False of whatever else may be an id."""
    cdef size_t n = read_digits(word.p, word.n, &id_.ms), more
    id_.seq = missing
    if n == 0:
        return False
    if n == word.n:
        return True
    if word.p[n] != c'-':
        return False
    more = read_digits(word.p + n + 1, word.n - n - 1, &id_.seq)
    return more > 0 and n + 1 + more == word.n

cdef bint read_end(const Slice* word, bint high, Id* id_) noexcept nogil:
    """An end of a range."""
    if word.n == 1 and (word.p[0] == c'-' or word.p[0] == c'+'):
        id_.ms = id_.seq = 0 if word.p[0] == c'-' else <uint64_t>-1
        return True
    return read_plain_id(word, <uint64_t>-1 if high else 0, id_)

cdef inline int format_unsigned(char* to, uint64_t number) noexcept nogil:
    cdef int n = 0
    if number >> 63:
        n = rl_format_int(to, <int64_t>(number // 10))
        number %= 10
    return n + rl_format_int(to + n, <int64_t>number)

cdef void out_id(Buffer* out, Id id_) noexcept nogil:
    cdef char[48] text
    cdef int n = format_unsigned(text, id_.ms)
    text[n] = c'-'
    n += 1
    out_bulk(out, text, <size_t>(n + format_unsigned(text + n, id_.seq)))


# -------------------------------------------------------------------------------------------------------------- writing

cdef bint read_length(const Slice* a, int64_t argc, int64_t* at, bint* whole, int64_t* longest) noexcept nogil:
    """MAXLEN with or without a sign; False if it is not as it should be."""
    at[0] += 1
    if at[0] < argc and a[at[0]].n == 1 and (a[at[0]].p[0] == c'~' or a[at[0]].p[0] == c'='):
        whole[0] = a[at[0]].p[0] == c'~'
        at[0] += 1
    at[0] += 1
    return at[0] <= argc and rl_parse_int(a[at[0] - 1].p, a[at[0] - 1].n, longest) and longest[0] >= 0

cdef bint next_id(Loop loop, const Slice* word, Id last, Id* new) noexcept:
    """The id that an entry behind `last` has; False where that is an error or seldom asked for."""
    if last.ms == <uint64_t>-1 and last.seq == <uint64_t>-1:
        return False
    if word.n == 1 and word.p[0] == c'*':
        new[0] = id_after(last)
        if <uint64_t>loop.now > last.ms:
            new.ms = <uint64_t>loop.now
            new.seq = 0
        return True
    return read_plain_id(word, 0, new) and id_order(new[0], last) > 0

cdef bint cmd_xadd(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """With an id or `*`, cut to a length or not."""
    cdef Entry* e
    cdef PyObject* value
    cdef Stream s
    cdef Content there
    cdef Id new, last
    cdef int64_t at = 2, longest = -1
    cdef bint whole = False
    if word_is(a + 2, b"maxlen", 6) and not read_length(a, argc, &at, &whole, &longest):
        return False
    if argc - at < 3 or not (argc - at) & 1:
        return False
    there = find_stream(loop, c, a + 1, h, &e, &value)
    last.ms = last.seq = 0
    if there == ANOTHER:
        return False
    if there == WANTED:
        last = (<Stream>value).last_
    if not next_id(loop, a + at, last, &new):
        return False
    s = <Stream>value if there == WANTED else Stream.__new__(Stream, loop.config)
    stream_append(s, new, a + at + 1, <size_t>(argc - at - 1) // 2, &loop.stream_limits)
    if longest >= 0:
        last.ms = last.seq = 0
        stream_trim(s, True, <uint64_t>longest, last, whole, usual_limit(&loop.stream_limits) if whole else 0)
    if there == WANTED:
        stream_changed(c, a + 1, e, s)
        if DICT_SIZE(c.db.awaited):
            db_note(c.db, a[1].p, a[1].n, True)
    else:
        db_put_object(c.db, a[1].p, a[1].n, h, s, stream_memory(s), WITHOUT)
    out_id(c.out, new)
    return True

cdef inline size_t usual_limit(const StreamLimits* limits) noexcept nogil:
    """How many entries may go at once, where it is not said."""
    return 10_000 if limits.entries <= 0 else min(100 * <size_t>min(limits.entries, 10_000), 1_000_000)

cdef bint cmd_xdel(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Stream s
    cdef Content there
    cdef Id id_
    cdef int64_t i, gone = 0
    for i in range(2, argc):
        if not read_plain_id(a + i, 0, &id_):
            return False
    there = find_stream(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    if there == WANTED:
        s = <Stream>value
        for i in range(2, argc):
            read_plain_id(a + i, 0, &id_)
            if stream_remove(s, id_):
                gone += 1
                if id_order(id_, s.deleted_) > 0:
                    s.deleted_ = id_
        if gone:
            stream_changed(c, a + 1, e, s)
    out_head(c.out, c':', gone)
    return True

cdef bint is_behind_all(Stream s, Id last) noexcept:
    """Is no entry behind an id?"""
    cdef Course course
    cdef Record record
    cdef Id low, high
    cdef Node* node
    if s.live == 0 or id_order(last, node_at(s, s.count - 1).last) >= 0:
        return True
    low.ms = low.seq = 0
    high.ms = high.seq = <uint64_t>-1
    course_begin(s, low, high, True, &course)
    node = course_next(s, &course, &record)
    course_end(&course)
    return node == NULL or id_order(last, record.id) >= 0

cdef bint cmd_xsetid(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Stream s
    cdef Id last, deleted
    cdef int64_t i = 3, added = -1
    deleted.ms = deleted.seq = 0
    if not read_plain_id(a + 2, 0, &last):
        return False
    while i + 1 < argc:
        if word_is(a + i, b"entriesadded", 12):
            if not rl_parse_int(a[i + 1].p, a[i + 1].n, &added) or added < 0:
                return False
        elif not word_is(a + i, b"maxdeletedid", 12) or not read_plain_id(a + i + 1, 0, &deleted) or \
                id_order(last, deleted) < 0:
            return False
        i += 2
    if i < argc or find_stream(loop, c, a + 1, h, &e, &value) != WANTED:
        return False
    s = <Stream>value
    if id_order(last, s.deleted_) < 0 or not is_behind_all(s, last) or (s.live and 0 <= added < <int64_t>s.live):
        return False
    s.last_ = last
    if added >= 0:
        s.added = <uint64_t>added
    if deleted.ms or deleted.seq:
        s.deleted_ = deleted
    c.db.changes += 1                       # of which no watcher is told
    out_ok(c.out)
    return True


# -------------------------------------------------------------------------------------------------------------- reading

cdef void out_record(Buffer* out, const Node* node, const Record* record) noexcept nogil:
    cdef char* field = node.lp + LP_HEAD
    cdef char* at = record.items
    cdef size_t i
    out_head(out, c'*', 2)
    out_id(out, record.id)
    out_head(out, c'*', <int64_t>(2 * record.pairs))
    for i in range(record.pairs):
        if record.same:
            out_element(out, field)
            field += lp_whole_n(field)
        else:
            out_element(out, at)
            at += lp_whole_n(at)
        out_element(out, at)
        at += lp_whole_n(at)

cdef size_t room_for_head(Buffer* out) noexcept nogil:
    """Where an array begins whose length is not known; see array_ended."""
    cdef size_t begin = out.used
    buffer_reserve(out, HEAD_ROOM)
    out.used += HEAD_ROOM
    return begin

cdef void array_ended(Buffer* out, size_t begin, int64_t count) noexcept nogil:
    """It has had so many elements: they move to where the head ends."""
    cdef size_t n = out.used - begin - HEAD_ROOM
    out.used = begin
    out_head(out, c'*', count)
    memmove(out.p + out.used, out.p + begin + HEAD_ROOM, n)
    out.used += n

cdef int64_t out_records(Buffer* out, Stream s, Id low, Id high, bint backward, int64_t most) noexcept:
    """The entries between two ids, at most so many (below 0: all), as an array; how many.

    How many there are is known at the end: then what was written moves to where its head ends.
    """
    cdef Course course
    cdef Record record
    cdef Node* node
    cdef size_t begin = room_for_head(out)
    cdef int64_t count = 0
    if id_order(low, high) <= 0:
        course_begin(s, low, high, backward, &course)
        while count != most:
            node = course_next(s, &course, &record)
            if node == NULL:
                break
            out_record(out, node, &record)
            count += 1
        course_end(&course)
    array_ended(out, begin, count)
    return count

cdef bint tell_entries(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint backward) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there
    cdef Id low, high
    cdef int64_t most = -1
    if argc == 6:
        if not word_is(a + 4, b"count", 5) or not rl_parse_int(a[5].p, a[5].n, &most) or most <= 0:
            return False
    elif argc != 4:
        return False
    if not read_end(a + 3 if backward else a + 2, False, &low) or not read_end(a + 2 if backward else a + 3, True, &high):
        return False
    there = find_stream(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_head(c.out, c'*', 0)
    else:
        out_records(c.out, <Stream>value, low, high, backward, most)
    return True

cdef bint cmd_xrange(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_entries(loop, c, argc, a, h, False)

cdef bint cmd_xrevrange(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_entries(loop, c, argc, a, h, True)

cdef bint cmd_xlen(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Content there = find_stream(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    out_head(c.out, c':', <int64_t>(<Stream>value).live if there == WANTED else 0)
    return True

cdef bint cmd_xread(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Of one stream, behind an id, if something is there or nobody would wait for it."""
    cdef Entry* e
    cdef PyObject* value
    cdef Content there
    cdef Id after, high
    cdef int64_t at = 1, most = -1, time = -1
    cdef size_t begin = c.out.used
    while at + 1 < argc and not word_is(a + at, b"streams", 7):
        if word_is(a + at, b"count", 5):
            if not rl_parse_int(a[at + 1].p, a[at + 1].n, &most):
                return False
            most = -1 if most <= 0 else most
        elif not word_is(a + at, b"block", 5) or not rl_parse_int(a[at + 1].p, a[at + 1].n, &time) or time < 0 or \
                time > FAR - loop.now:
            return False
        at += 2
    if at + 3 != argc or not read_plain_id(a + at + 2, 0, &after):
        return False
    there = find_stream(loop, c, a + at + 1, rl_hash(a[at + 1].p, a[at + 1].n), &e, &value)
    if there == ANOTHER:
        return False
    db_count(c.db, there == WANTED)         # it is looked up twice: from where to read, and to read
    high.ms = high.seq = <uint64_t>-1
    if there == WANTED and id_order(after, (<Stream>value).last_) < 0:
        if c.resp == 2:
            buffer_add(c.out, b"*1\r\n*2\r\n", 8)
        else:
            buffer_add(c.out, b"%1\r\n", 4)
        out_bulk(c.out, a[at + 1].p, a[at + 1].n)
        if out_records(c.out, <Stream>value, id_after(after), high, False, most):
            return True
        c.out.used = begin
    if time >= 0:
        return False
    if c.resp == 2:
        buffer_add(c.out, b"*-1\r\n", 5)
    else:
        out_null(c.out, c.resp)
    return True


cdef int hot_streams(Loop loop) except -1:
    hot_add(loop, b"xadd", cmd_xadd, True)
    hot_add(loop, b"xdel", cmd_xdel, True)
    hot_add(loop, b"xsetid", cmd_xsetid, True)
    hot_add(loop, b"xlen", cmd_xlen, True)
    hot_add(loop, b"xrange", cmd_xrange, True)
    hot_add(loop, b"xrevrange", cmd_xrevrange, True)
    hot_add(loop, b"xread", cmd_xread, False)
    return 0
