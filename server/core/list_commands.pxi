# The hot commands on lists; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what pushes, pops and looks.  Must not: how a list is kept (quicklist.pxi), error texts.

cdef struct OpenList:           # of a key, while a command works on it
    Entry* e
    Place at
    size_t* root                # of the object, or `word`
    size_t word
    size_t before               # bytes that a packed one took


cdef inline Content list_open(Client c, const Slice* key, uint64_t h, OpenList* o) noexcept:
    cdef PyObject* held
    cdef uint64_t word
    o.e = db_lookup(c.db, key.p, key.n, h, &o.at)
    if o.e == NULL:
        return ABSENT
    if kind_of(o.e) == PACKED:
        word = rl_load8(value_of(o.e))
        if packed_type(word) != PACKED_LIST:
            return ANOTHER
        o.word = <size_t>word
        o.root = &o.word
        o.before = packed_memory(word)
        return WANTED
    if kind_of(o.e) != OBJECT:
        return ANOTHER
    held = object_of(o.e)
    if type(<object>held) is not List:
        return ANOTHER
    o.root = &(<List>held).root
    return WANTED

cdef void list_close(Client c, const Slice* key, uint64_t h, OpenList* o) noexcept:
    """The list has changed; an empty one goes."""
    cdef bint empty = list_count(o.root[0]) == 0
    list_keep(c, o)                     # from here on `root` may be gone
    if empty:
        db_erase(c.db, key.p, key.n, h)
    else:
        db_touch(c.db, key.p, key.n)

cdef void list_keep(Client c, OpenList* o) noexcept:
    """The entry takes what has become of the list, which is weighed, and stands in it by itself if it may."""
    cdef Database db = c.db
    cdef size_t memory = list_memory(o.root[0])
    entry_used(db, o.e, c.loop.now)
    if kind_of(o.e) == OBJECT:
        db_weigh(db, o.e, LIST_ITSELF + memory)
        db_pack(db, o.e, &o.at)
    elif o.word & QUICK:
        db.table.weight += LIST_ITSELF + memory - o.before
        db_hold(db, o.e, &o.at, list_around(c.loop.config, o.word), LIST_ITSELF + memory)
    else:
        db.table.weight += memory - o.before
        rl_store8(value_of(o.e), o.word)

cdef void list_begin(Client c, const Slice* key, uint64_t h, size_t root) noexcept:
    """A key that is new holds a list."""
    cdef char[8] payload
    if root & QUICK:
        db_put_object(c.db, key.p, key.n, h, list_around(c.loop.config, root), LIST_ITSELF + list_memory(root), WITHOUT)
    else:
        rl_store8(payload, root | PACKED_LIST)
        db_write(c.db, key.p, key.n, h, PACKED, FRESH, payload, 8, WITHOUT)

cdef void list_out(size_t root, Buffer* b, uint64_t place, uint64_t count, bint forward) noexcept:
    """That many elements as bulk strings, from a place on, all of them there."""
    cdef ql_node* node = NULL
    cdef char* at
    cdef char* lp
    if not count:
        return
    if not root & QUICK:
        lp = pack_of(root)
        at = lp_seek(lp, <int64_t>place)
        while True:
            out_element(b, at)
            count -= 1
            if not count:
                return
            at = lp_next(at) if forward else lp_prev(lp, at)
    node = ql_node_at(quick_of(root), &place)
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

cdef bytes list_end(size_t root, bint left):
    """The element at an end of a list that has one."""
    cdef ql_node* node
    if not root & QUICK:
        return lp_bytes(lp_first(pack_of(root)) if left else lp_last(pack_of(root)))
    node = quick_of(root).first if left else quick_of(root).last
    if node.plain:
        return PyBytes_FromStringAndSize(node.data, <Py_ssize_t>node.size)
    return lp_bytes(ql_head(node) if left else lp_prev(ql_lp(node), ql_tail(node)))

cdef bint push_to(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint left, bint only_there=False) noexcept:
    cdef OpenList o
    cdef Content there = list_open(c, a + 1, h, &o)
    cdef int64_t i
    cdef size_t size = 0
    if there == ANOTHER:
        return False
    if there == ABSENT:
        if only_there:
            out_head(c.out, c':', 0)
            return True
        o.word = <size_t>lp_new()
        o.root = &o.word
    for i in range(2, argc):
        size += a[i].n
    list_make_room(o.root, loop.list_limit, size, <size_t>(argc - 2))
    for i in range(2, argc):
        list_push(o.root, a[i].p, a[i].n, left)
    out_head(c.out, c':', <int64_t>list_count(o.root[0]))
    if there == ABSENT:
        list_begin(c, a + 1, h, o.word)
    else:
        list_close(c, a + 1, h, &o)
    return True

cdef bint cmd_lpush(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return push_to(loop, c, argc, a, h, True)

cdef bint cmd_rpush(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return push_to(loop, c, argc, a, h, False)

cdef bint cmd_lpushx(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return push_to(loop, c, argc, a, h, True, True)

cdef bint cmd_rpushx(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return push_to(loop, c, argc, a, h, False, True)

cdef bint pop_from(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint left) noexcept:
    cdef OpenList o
    cdef Content there
    cdef int64_t count = 1
    cdef uint64_t size
    if argc > 3 or argc == 3 and not (rl_parse_int(a[2].p, a[2].n, &count) and count > 0):
        return False
    there = list_open(c, a + 1, h, &o)
    if there == ABSENT and argc == 2:
        out_null(c.out, c.resp)
        return True
    if there != WANTED:
        return False
    size = list_count(o.root[0])
    count = <int64_t>min(<uint64_t>count, size)
    if argc == 3:
        out_head(c.out, c'*', count)
    list_out(o.root[0], c.out, 0 if left else size - 1, <uint64_t>count, left)
    if <uint64_t>count == size:
        db_erase(c.db, a[1].p, a[1].n, h)
    else:
        list_shed(o.root, <uint64_t>count, left)
        list_shrink(o.root, loop.list_limit, 2)
        list_close(c, a + 1, h, &o)
    return True

cdef bint cmd_lpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return pop_from(loop, c, argc, a, h, True)

cdef bint cmd_rpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return pop_from(loop, c, argc, a, h, False)

cdef bint move(Loop loop, Client c, const Slice* source, uint64_t h, const Slice* target, bint from_left, bint to_left) noexcept:
    """The element at an end of a list goes to an end of another one, or of the same."""
    cdef OpenList o
    cdef uint64_t other = rl_hash(target.p, target.n)
    cdef Content there = list_open(c, target, other, &o)
    cdef bint same
    cdef int64_t number = 0
    cdef bytes element
    if there == ANOTHER:
        return False
    same = source.n == target.n and rl_same(source.p, target.p, source.n)
    there = list_open(c, source, h, &o)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_null(c.out, c.resp)
        return True
    element = list_end(o.root[0], from_left)
    out_bulk(c.out, element, <size_t>len(element))
    list_shed(o.root, 1, from_left)
    if not same:
        list_shrink(o.root, loop.list_limit, 2)
        list_close(c, source, h, &o)
        there = list_open(c, target, other, &o)
        if there == ABSENT:
            o.word = <size_t>lp_new()
            o.root = &o.word
    list_make_room(o.root, loop.list_limit, 0 if rl_parse_int(element, <size_t>len(element), &number) else <size_t>len(element), 1)
    list_push(o.root, element, <size_t>len(element), to_left)
    if there == ABSENT:
        list_begin(c, target, other, o.word)
    else:
        if same:
            list_shrink(o.root, loop.list_limit, 2)
        list_close(c, target, other, &o)
    return True

cdef bint end_from(const Slice* word, bint* left) noexcept:
    left[0] = word_is(word, b"left", 4)
    return left[0] or word_is(word, b"right", 5)

cdef bint cmd_lmove(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef bint from_left = False, to_left = False
    return end_from(a + 3, &from_left) and end_from(a + 4, &to_left) and move(loop, c, a + 1, h, a + 2, from_left, to_left)

cdef bint cmd_rpoplpush(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return move(loop, c, a + 1, h, a + 2, False, True)

cdef bint cmd_llen(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenList o
    cdef Content there = list_open(c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        entry_used(c.db, o.e, loop.now)
    out_head(c.out, c':', <int64_t>list_count(o.root[0]) if there == WANTED else 0)
    return True

cdef bint cmd_lindex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenList o
    cdef Content there
    cdef int64_t index = 0, count = 0
    if not rl_parse_int(a[2].p, a[2].n, &index):
        return False
    there = list_open(c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        entry_used(c.db, o.e, loop.now)
        count = <int64_t>list_count(o.root[0])
        if index < 0:
            index += count
    if 0 <= index < count:
        list_out(o.root[0], c.out, <uint64_t>index, 1, True)
    else:
        out_null(c.out, c.resp)
    return True

cdef int64_t part_of(int64_t* start, int64_t end, int64_t count) noexcept:
    """How many of so many elements stand from start to end, which may count from the end; start becomes a place."""
    if start[0] < 0:
        start[0] = max(start[0] + count, 0)
    if end < 0:
        end += count
    return 0 if start[0] >= count or end < start[0] else min(end, count - 1) - start[0] + 1

cdef bint cmd_lrange(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenList o
    cdef Content there
    cdef int64_t start = 0, end = 0, count = 0
    if not rl_parse_int(a[2].p, a[2].n, &start) or not rl_parse_int(a[3].p, a[3].n, &end):
        return False
    there = list_open(c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        entry_used(c.db, o.e, loop.now)
        count = <int64_t>list_count(o.root[0])
    count = part_of(&start, end, count)
    out_head(c.out, c'*', count)
    if count:
        list_out(o.root[0], c.out, <uint64_t>start, <uint64_t>count, True)
    return True


cdef bint cmd_lset(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenList o
    cdef int64_t index = 0, count
    if not rl_parse_int(a[2].p, a[2].n, &index) or list_open(c, a + 1, h, &o) != WANTED:
        return False
    count = <int64_t>list_count(o.root[0])
    if index < 0:
        index += count
    if not 0 <= index < min(count, INT_MAX):
        return False
    list_set(o.root, loop.list_limit, index, a[3].p, a[3].n)
    list_close(c, a + 1, h, &o)
    out_ok(c.out)
    return True

cdef bint cmd_linsert(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenList o
    cdef Content there
    cdef bint after = word_is(a + 2, b"after", 5)
    if not after and not word_is(a + 2, b"before", 6):
        return False
    there = list_open(c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == ABSENT:
        out_head(c.out, c':', 0)
    elif list_insert(o.root, loop.list_limit, a + 3, a[4].p, a[4].n, after):
        out_head(c.out, c':', <int64_t>list_count(o.root[0]))
        list_close(c, a + 1, h, &o)
    else:
        list_keep(c, &o)                # it has made room
        out_head(c.out, c':', -1)
    return True

cdef bint cmd_lrem(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenList o
    cdef Content there
    cdef int64_t count = 0
    cdef uint64_t gone = 0
    if not rl_parse_int(a[2].p, a[2].n, &count) or count == -FAR - 1:
        return False
    there = list_open(c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        gone = list_remove(o.root, loop.list_limit, a[3].p, a[3].n, count)
        if gone:
            list_close(c, a + 1, h, &o)
        else:
            entry_used(c.db, o.e, loop.now)
    out_head(c.out, c':', <int64_t>gone)
    return True

cdef bint cmd_ltrim(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenList o
    cdef Content there
    cdef int64_t start = 0, end = 0, count
    if not rl_parse_int(a[2].p, a[2].n, &start) or not rl_parse_int(a[3].p, a[3].n, &end):
        return False
    there = list_open(c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        count = part_of(&start, end, <int64_t>list_count(o.root[0]))
        if count == 0:
            db_erase(c.db, a[1].p, a[1].n, h)
        else:
            list_shed(o.root, list_count(o.root[0]) - <uint64_t>(start + count), False)
            list_shed(o.root, <uint64_t>start, True)
            list_shrink(o.root, loop.list_limit, 2)
            list_close(c, a + 1, h, &o)
    out_ok(c.out)
    return True

cdef bint cmd_lpos(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenList o
    cdef Content there
    cdef uint64_t place = 0
    if argc != 3:
        return False
    there = list_open(c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if there == WANTED:
        entry_used(c.db, o.e, loop.now)
        place = list_find(o.root[0], a[2].p, a[2].n)
        if place < list_count(o.root[0]):
            out_head(c.out, c':', <int64_t>place)
            return True
    out_null(c.out, c.resp)
    return True


cdef int hot_lists(Loop loop) except -1:
    hot_add(loop, b"lpush", cmd_lpush, True)
    hot_add(loop, b"rpush", cmd_rpush, True)
    hot_add(loop, b"lpushx", cmd_lpushx, True)
    hot_add(loop, b"rpushx", cmd_rpushx, True)
    hot_add(loop, b"lpop", cmd_lpop, True)
    hot_add(loop, b"rpop", cmd_rpop, True)
    hot_add(loop, b"lmove", cmd_lmove, True)
    hot_add(loop, b"rpoplpush", cmd_rpoplpush, True)
    hot_add(loop, b"lset", cmd_lset, True)
    hot_add(loop, b"linsert", cmd_linsert, True)
    hot_add(loop, b"lrem", cmd_lrem, True)
    hot_add(loop, b"ltrim", cmd_ltrim, True)
    hot_add(loop, b"lpos", cmd_lpos, True)
    hot_add(loop, b"llen", cmd_llen, True)
    hot_add(loop, b"lindex", cmd_lindex, True)
    hot_add(loop, b"lrange", cmd_lrange, True)
    return 0
