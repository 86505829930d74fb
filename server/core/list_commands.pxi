# The hot commands on lists; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what pushes, pops and looks.  Must not: how a list is kept (quicklist.pxi), error texts.

cdef inline bint is_list(const Entry* e) noexcept:
    return kind_of(e) == OBJECT and type(<object>object_of(e)) is List

cdef inline List list_held(const Entry* e):
    return <List>object_of(e)

cdef void list_out(List l, Buffer* b, uint64_t place, uint64_t count, bint forward) noexcept:
    """That many elements as bulk strings, from a place on, all of them there."""
    cdef ql_node* node = NULL
    cdef char* at
    cdef char* lp
    if not count:
        return
    if not l.root & QUICK:
        lp = pack_of(l)
        at = lp_seek(lp, <int64_t>place)
        while True:
            out_element(b, at)
            count -= 1
            if not count:
                return
            at = lp_next(at) if forward else lp_prev(lp, at)
    node = ql_node_at(quick_of(l), &place)
    at = NULL if node.plain else ql_at(node, place)
    while count:
        if node.plain:
            out_bulk(b, node.data, node.size)
            count -= 1
        else:
            if at == NULL:
                at = ql_head(node) if forward else lp_prev(ql_lp(node), ql_tail(node))
            while count and at != NULL:
                out_element(b, at)
                count -= 1
                at = lp_next(at) if forward else lp_prev(ql_lp(node), at)
        node = node.after if forward else node.before

cdef inline void list_changed(Client c, const Slice* key, Entry* e, List l) noexcept:
    entry_used(c.db, e, c.loop.now)
    db_weigh(c.db, e, list_memory(l))
    db_touch(c.db, key.p, key.n)

cdef bint push_to(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint left) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef List l
    cdef int64_t i
    cdef size_t size = 0
    if e == NULL:
        if PyDict_Size(c.db.awaited):   # who waits is served by Python, at the time of this request
            return False
        l = List(loop.config)
    elif is_list(e):
        l = list_held(e)
    else:
        return False
    for i in range(2, argc):
        size += a[i].n
    list_make_room(l, loop.list_limit, size, <size_t>(argc - 2))
    for i in range(2, argc):
        list_push(l, a[i].p, a[i].n, left)
    if e == NULL:
        db_put_object(c.db, a[1].p, a[1].n, h, l, list_memory(l), WITHOUT)
    else:
        list_changed(c, a + 1, e, l)
    out_head(c.out, c':', <int64_t>list_count(l))
    return True

cdef bint cmd_lpush(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return push_to(loop, c, argc, a, h, True)

cdef bint cmd_rpush(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return push_to(loop, c, argc, a, h, False)

cdef bint push_to_list(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint left) noexcept:
    cdef Place at
    if db_lookup(c.db, a[1].p, a[1].n, h, &at) != NULL:
        return push_to(loop, c, argc, a, h, left)
    out_head(c.out, c':', 0)
    return True

cdef bint cmd_lpushx(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return push_to_list(loop, c, argc, a, h, True)

cdef bint cmd_rpushx(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return push_to_list(loop, c, argc, a, h, False)

cdef bint pop_from(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint left) noexcept:
    cdef Place at
    cdef Entry* e
    cdef List l
    cdef int64_t count = 1
    cdef uint64_t there
    if argc > 3 or argc == 3 and not (rl_parse_int(a[2].p, a[2].n, &count) and count > 0):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL and argc == 2:
        out_null(c.out, c.resp)
        return True
    if e == NULL or not is_list(e):
        return False
    l = list_held(e)
    there = list_count(l)
    count = <int64_t>min(<uint64_t>count, there)
    if argc == 3:
        out_head(c.out, c'*', count)
    list_out(l, c.out, 0 if left else there - 1, <uint64_t>count, left)
    if <uint64_t>count == there:
        db_erase(c.db, a[1].p, a[1].n, h)
    else:
        list_shed(l, <uint64_t>count, left)
        list_shrink(l, loop.list_limit, 2)
        list_changed(c, a + 1, e, l)
    return True

cdef bint cmd_lpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return pop_from(loop, c, argc, a, h, True)

cdef bint cmd_rpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return pop_from(loop, c, argc, a, h, False)

cdef bint cmd_llen(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL:
        if not is_list(e):
            return False
        entry_used(c.db, e, loop.now)
    out_head(c.out, c':', 0 if e == NULL else <int64_t>list_count(list_held(e)))
    return True

cdef bint cmd_lindex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef int64_t index = 0, count = 0
    if not rl_parse_int(a[2].p, a[2].n, &index):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL:
        if not is_list(e):
            return False
        entry_used(c.db, e, loop.now)
        count = <int64_t>list_count(list_held(e))
        if index < 0:
            index += count
    if 0 <= index < count:
        list_out(list_held(e), c.out, <uint64_t>index, 1, True)
    else:
        out_null(c.out, c.resp)
    return True

cdef bint cmd_lrange(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef int64_t start = 0, end = 0, count = 0
    if not rl_parse_int(a[2].p, a[2].n, &start) or not rl_parse_int(a[3].p, a[3].n, &end):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL:
        if not is_list(e):
            return False
        entry_used(c.db, e, loop.now)
        count = <int64_t>list_count(list_held(e))
    if start < 0:
        start = max(start + count, 0)
    if end < 0:
        end += count
    count = 0 if start >= count or end < start else min(end, count - 1) - start + 1
    out_head(c.out, c'*', count)
    if count:
        list_out(list_held(e), c.out, <uint64_t>start, <uint64_t>count, True)
    return True


cdef int hot_lists(Loop loop) except -1:
    hot_add(loop, b"lpush", cmd_lpush, True)
    hot_add(loop, b"rpush", cmd_rpush, True)
    hot_add(loop, b"lpushx", cmd_lpushx, True)
    hot_add(loop, b"rpushx", cmd_rpushx, True)
    hot_add(loop, b"lpop", cmd_lpop, True)
    hot_add(loop, b"rpop", cmd_rpop, True)
    hot_add(loop, b"llen", cmd_llen, True)
    hot_add(loop, b"lindex", cmd_lindex, True)
    hot_add(loop, b"lrange", cmd_lrange, True)
    return 0
