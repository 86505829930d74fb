# XINFO as a hot command; see dispatch.pxi for the contract.
#
# Must live here: what a stream and its groups are made of, in Redis's order.  Must not: error texts, XINFO STREAM FULL,
# consumers.

cdef inline void out_named_number(Client c, bytes name, int64_t number) noexcept:
    out_text(c.out, name)
    out_head(c.out, c':', number)

cdef inline void out_named_id(Client c, bytes name, Id id_) noexcept:
    out_text(c.out, name)
    out_id(c.out, id_)

cdef void out_end_of(Client c, Stream s, bint last) noexcept:
    """Its first entry, or its last, or nothing."""
    cdef Course course
    cdef Record record
    cdef Id low, high
    cdef Node* node
    low.ms = low.seq = 0
    high.ms = high.seq = <uint64_t>-1
    course_begin(s, low, high, last, &course)
    node = course_next(s, &course, &record)
    if node == NULL:
        out_null(c.out, c.resp)
    else:
        out_record(c.out, node, &record)
    course_end(&course)

cdef bint cmd_xinfo_stream(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Stream s
    cdef Reading reading
    if argc != 3 or find_stream(loop, c, a + 2, h, &e, &value) != WANTED:
        return False
    s = <Stream>value
    reading_begin(s, &reading)
    out_pairs_head(c, 10)
    out_named_number(c, b"length", <int64_t>s.live)
    out_named_number(c, b"radix-tree-keys", <int64_t>s.count)
    out_named_number(c, b"radix-tree-nodes", <int64_t>s.count + 1)
    out_named_id(c, b"last-generated-id", s.last_)
    out_named_id(c, b"max-deleted-entry-id", s.deleted_)
    out_named_number(c, b"entries-added", <int64_t>s.added)
    out_named_id(c, b"recorded-first-entry-id", reading.first)
    out_named_number(c, b"groups", 0 if s.some_groups is None else DICT_SIZE(s.some_groups))
    out_text(c.out, b"first-entry")
    out_end_of(c, s, False)
    out_text(c.out, b"last-entry")
    out_end_of(c, s, True)
    return True

cdef int64_t lag_of(const Reading* r, Group group) noexcept:
    """redlark.server.commands.stream_groups.lag; FAR where it cannot be told (below 0 it may be, after XSETID)."""
    cdef int64_t position
    if r.added == 0:
        return 0
    if r.live == 0 or (id_order(group.last_, r.first) < 0 and id_order(r.deleted, r.first) < 0):
        return <int64_t>r.live
    if group.read_ >= 0 and not has_tombstones(r, group.last_):
        return <int64_t>r.added - group.read_
    position = position_of(r, group.last_)
    return FAR if position < 0 else <int64_t>r.added - position

cdef bint tell_groups(Client c, Stream s) except -1:
    cdef Group group
    cdef Reading reading
    cdef int64_t lag
    cdef list names = [] if s.some_groups is None else sorted(s.some_groups)
    if not all([type(group_) is Group for group_ in (s.some_groups or {}).values()]):
        return False
    reading_begin(s, &reading)
    out_head(c.out, c'*', len(names))
    for name in names:
        group = <Group>s.some_groups[name]
        lag = lag_of(&reading, group)
        out_pairs_head(c, 6)
        out_text(c.out, b"name")
        out_text(c.out, <bytes>name)
        out_named_number(c, b"consumers", DICT_SIZE(group.consumers))
        out_named_number(c, b"pending", <int64_t>group.held_.live)
        out_named_id(c, b"last-delivered-id", group.last_)
        out_text(c.out, b"entries-read")
        if group.read_ < 0:
            out_null(c.out, c.resp)
        else:
            out_head(c.out, c':', group.read_)
        out_text(c.out, b"lag")
        if lag == FAR:
            out_null(c.out, c.resp)
        else:
            out_head(c.out, c':', lag)
    return True

cdef bint cmd_xinfo_groups(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    if find_stream(loop, c, a + 2, h, &e, &value) != WANTED:
        return False
    return tell_groups(c, <Stream>value)


cdef int hot_stream_info(Loop loop) except -1:
    hot_contain(loop, b"xinfo", XINFO_OF)
    hot_add_below(loop, b"xinfo", b"stream", cmd_xinfo_stream, 2)
    hot_add_below(loop, b"xinfo", b"groups", cmd_xinfo_groups, 2)
    return 0
