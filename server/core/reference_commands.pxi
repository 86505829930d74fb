# XDELEX and XACKDEL as hot commands; see dispatch.pxi for the contract.
#
# Must live here: entries that are deleted with regard to the groups that have use for them.  Must not: error texts, XDEL
# (stream_commands.pxi), how a group is kept (groups.pxi).

cdef enum Policy:
    KEEP_REFERENCES
    DROP_REFERENCES
    ONLY_UNREFERENCED


cdef bint read_deleting(int64_t argc, const Slice* a, int64_t at, Policy* policy, int64_t* first) noexcept:
    """`[KEEPREF | DELREF | ACKED] IDS n id ...` from an argument on, and nothing behind; False of whatever is not plain."""
    cdef int64_t count = 0, i
    cdef Id id_
    policy[0] = KEEP_REFERENCES
    if word_is(a + at, b"delref", 6):
        policy[0] = DROP_REFERENCES
    elif word_is(a + at, b"acked", 5):
        policy[0] = ONLY_UNREFERENCED
    elif not word_is(a + at, b"keepref", 7):
        at -= 1
    first[0] = at + 3
    if argc <= first[0] or not word_is(a + at + 1, b"ids", 3) or \
            not rl_parse_int(a[at + 2].p, a[at + 2].n, &count) or count != argc - first[0]:
        return False
    for i in range(first[0], argc):
        if not read_plain_id(a + i, 0, &id_):
            return False
    return True

cdef bint knows_groups(Stream s) except -1:
    """Are all groups this core's own?"""
    if s.some_groups is not None:
        for group in s.some_groups.values():
            if type(group) is not Group:
                return False
    return True

cdef bint is_referenced(Stream s, Id id_) except -1:
    """Has some group not delivered an entry yet, or has it pending?"""
    cdef pend_place at
    if s.some_groups is not None:
        for group in s.some_groups.values():
            if id_order((<Group>group).last_, id_) < 0 or pend_find(&(<Group>group).held_, as_pending(id_), &at) != NULL:
                return True
    return False

cdef int unreference(Stream s, Id id_) except -1:
    """An entry is pending nowhere any more."""
    if s.some_groups is not None:
        for group in s.some_groups.values():
            group_take(<Group>group, id_)
    return 0

cdef int delete_entry(Stream s, Id id_, Policy policy) except 0:
    """1 where an entry went, -1 where there was none, 2 where a group has use for it and it stays."""
    if policy == ONLY_UNREFERENCED and is_referenced(s, id_):
        return 2
    if policy == DROP_REFERENCES:
        unreference(s, id_)
    if not stream_remove(s, id_):
        return -1
    if id_order(id_, s.deleted_) > 0:
        s.deleted_ = id_
    return 1

cdef void entries_deleted(Client c, const Slice* key, Entry* e, Stream s, bint entries) noexcept:
    """Of entries that went whoever watches is told, of what is pending no longer nobody."""
    if entries:
        stream_changed(c, key, e, s)
    else:
        group_changed(c, e, s)

cdef void out_none(Client c, int64_t count) noexcept:
    cdef int64_t i
    out_head(c.out, c'*', count)
    for i in range(count):
        out_head(c.out, c':', -1)

cdef bint cmd_xdelex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Policy policy
    cdef Content there
    cdef Id id_
    cdef int64_t i, first
    cdef int result
    cdef bint gone = False
    if not read_deleting(argc, a, 2, &policy, &first):
        return False
    there = find_stream(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER or (there == WANTED and not knows_groups(<Stream>value)):
        return False
    if there == ABSENT:
        out_none(c, argc - first)
        return True
    out_head(c.out, c'*', argc - first)
    for i in range(first, argc):
        read_plain_id(a + i, 0, &id_)
        result = delete_entry(<Stream>value, id_, policy)
        gone |= result == 1
        out_head(c.out, c':', result)
    if gone or policy == DROP_REFERENCES:
        entries_deleted(c, a + 1, e, <Stream>value, gone)
    return True

cdef bint cmd_xackdel(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Policy policy
    cdef Content there
    cdef Group group = None
    cdef Stream s
    cdef Id id_
    cdef int64_t i, first
    cdef int result
    cdef bint gone = False, taken = False
    if not read_deleting(argc, a, 3, &policy, &first):
        return False
    there = find_stream(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER or (there == WANTED and not knows_groups(<Stream>value)):
        return False
    if there == WANTED:
        group = find_group(<Stream>value, a + 2)
    if group is None:
        out_none(c, argc - first)
        return True
    s = <Stream>value
    out_head(c.out, c'*', argc - first)
    for i in range(first, argc):
        read_plain_id(a + i, 0, &id_)
        if not group_take(group, id_):
            out_head(c.out, c':', -1)
            continue
        taken = True
        result = delete_entry(s, id_, policy)
        gone |= result == 1
        out_head(c.out, c':', 2 if result == 2 else 1)
    if taken:
        entries_deleted(c, a + 1, e, s, gone)
    return True


cdef int hot_references(Loop loop) except -1:
    hot_add(loop, b"xdelex", cmd_xdelex, True)
    hot_add(loop, b"xackdel", cmd_xackdel, True)
    return 0
