# The hot commands that would wait, where there is something for them, and their kin; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what takes an end of a list or a sorted set of several keys.  Must not: waiting
# (redlark.server.blocking), how ends are taken (list_commands.pxi, zset_commands.pxi).

cdef bint is_time(const Slice* word) noexcept nogil:
    """Seconds to wait that need no second look."""
    cdef int64_t seconds = 0
    return word.n <= 9 and rl_parse_int(word.p, word.n, &seconds) and seconds >= 0

cdef int64_t first_there(Client c, const Slice* a, int64_t at, int64_t end, uint64_t* h) noexcept:
    """The argument from `at` on, before `end`, that is the first key which is there; `end` if none is."""
    cdef Place place
    while at < end:
        h[0] = rl_hash(a[at].p, a[at].n)
        if db_live(c.db, a[at].p, a[at].n, h[0], &place) != NULL:
            return at
        at += 1
    return end

cdef bint pop_or_wait(Loop loop, Client c, int64_t argc, const Slice* a, bint left) noexcept:
    cdef Slice[2] words
    cdef OpenList o
    cdef uint64_t h = 0
    cdef int64_t at
    if not is_time(a + argc - 1):
        return False
    at = first_there(c, a, 1, argc - 1, &h)
    if at == argc - 1 or list_open(c, a + at, h, &o) != WANTED:
        return False
    out_head(c.out, c'*', 2)
    out_bulk(c.out, a[at].p, a[at].n)
    words[1] = a[at]
    return pop_from(loop, c, 2, words, h, left)

cdef bint cmd_blpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return pop_or_wait(loop, c, argc, a, True)

cdef bint cmd_brpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return pop_or_wait(loop, c, argc, a, False)

cdef bint is_list(Client c, const Slice* key, uint64_t h) noexcept:
    cdef OpenList o
    return list_open(c, key, h, &o) == WANTED

cdef bint cmd_blmove(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return is_time(a + 5) and is_list(c, a + 1, h) and cmd_lmove(loop, c, 5, a, h)

cdef bint cmd_brpoplpush(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return is_time(a + 3) and is_list(c, a + 1, h) and cmd_rpoplpush(loop, c, 3, a, h)

cdef bint zpop_or_wait(Loop loop, Client c, int64_t argc, const Slice* a, bint lowest) noexcept:
    cdef OpenZset o
    cdef Steps steps
    cdef Item item
    cdef size_t rank
    cdef uint64_t h = 0
    cdef int64_t at
    if not is_time(a + argc - 1):
        return False
    at = first_there(c, a, 1, argc - 1, &h)
    if at == argc - 1 or zset_open(loop, c, a + at, h, &o) != WANTED:
        return False
    rank = 0 if lowest else zset_size(o.z) - 1
    if not steps_from(o.z, rank, not lowest, &steps):
        return False
    steps_next(o.z, &steps, &item)
    out_head(c.out, c'*', 3)
    out_bulk(c.out, a[at].p, a[at].n)
    out_bulk(c.out, item.p, item.n)
    out_score(c.out, item.score, c.resp)
    zset_remove_range(o.z, rank, 1)
    zset_close(c, a + at, h, &o)
    return True

cdef bint cmd_bzpopmin(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return zpop_or_wait(loop, c, argc, a, True)

cdef bint cmd_bzpopmax(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return zpop_or_wait(loop, c, argc, a, False)


# ---------------------------------------------------------------------------------------------------- of one of several keys

cdef bint read_counted(int64_t argc, const Slice* a, int64_t at, int64_t* end, int64_t* count) noexcept:
    """`numkeys key ... END [COUNT count]` from an argument on; end: the argument that tells the end."""
    cdef int64_t keys = 0
    if not rl_parse_int(a[at].p, a[at].n, &keys) or keys < 1 or keys >= argc - at - 1:
        return False
    end[0] = at + 1 + keys
    count[0] = 1
    if argc == end[0] + 1:
        return True
    return argc == end[0] + 3 and word_is(a + end[0] + 1, b"count", 5) and \
        rl_parse_int(a[end[0] + 2].p, a[end[0] + 2].n, count) and count[0] > 0

cdef bint take_list(Loop loop, Client c, int64_t argc, const Slice* a, int64_t at, bint waits) noexcept:
    """LMPOP, and BLMPOP where it need not wait."""
    cdef OpenList o
    cdef uint64_t size, h = 0
    cdef int64_t end = 0, count = 0, key
    cdef bint left = False
    if not read_counted(argc, a, at, &end, &count) or not end_from(a + end, &left):
        return False
    key = first_there(c, a, at + 1, end, &h)
    if key == end:
        if not waits:
            out_null_array(c)
        return not waits
    if list_open(c, a + key, h, &o) != WANTED:
        return False
    size = list_count(o.root[0])
    count = <int64_t>min(<uint64_t>count, size)
    out_head(c.out, c'*', 2)
    out_bulk(c.out, a[key].p, a[key].n)
    out_head(c.out, c'*', count)
    list_out(o.root[0], c.out, 0 if left else size - 1, <uint64_t>count, left)
    if <uint64_t>count == size:
        db_erase(c.db, a[key].p, a[key].n, h)
    else:
        list_shed(o.root, <uint64_t>count, left)
        list_shrink(o.root, loop.list_limit, 2)
        list_close(c, a + key, h, &o)
    return True

cdef bint cmd_lmpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return take_list(loop, c, argc, a, 1, False)

cdef bint cmd_blmpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return is_time(a + 1) and take_list(loop, c, argc, a, 2, True)

cdef bint take_scores(Loop loop, Client c, int64_t argc, const Slice* a, int64_t at, bint waits) noexcept:
    """ZMPOP, and BZMPOP where it need not wait."""
    cdef OpenZset o
    cdef Steps steps
    cdef Item item
    cdef uint64_t h = 0
    cdef size_t size
    cdef int64_t end = 0, count = 0, key, i
    cdef bint lowest
    if not read_counted(argc, a, at, &end, &count):
        return False
    lowest = word_is(a + end, b"min", 3)
    if not lowest and not word_is(a + end, b"max", 3):
        return False
    key = first_there(c, a, at + 1, end, &h)
    if key == end:
        if not waits:
            out_null_array(c)
        return not waits
    if zset_open(loop, c, a + key, h, &o) != WANTED:
        return False
    size = zset_size(o.z)
    count = min(count, <int64_t>size)
    if not steps_from(o.z, 0 if lowest else size - 1, not lowest, &steps):
        return False
    out_head(c.out, c'*', 2)
    out_bulk(c.out, a[key].p, a[key].n)
    out_head(c.out, c'*', count)
    for i in range(count):
        steps_next(o.z, &steps, &item)
        out_head(c.out, c'*', 2)
        out_bulk(c.out, item.p, item.n)
        out_score(c.out, item.score, c.resp)
    zset_remove_range(o.z, 0 if lowest else size - <size_t>count, <size_t>count)
    zset_close(c, a + key, h, &o)
    return True

cdef bint cmd_zmpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return take_scores(loop, c, argc, a, 1, False)

cdef bint cmd_bzmpop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return is_time(a + 1) and take_scores(loop, c, argc, a, 2, True)


cdef int hot_blocking(Loop loop) except -1:
    hot_add(loop, b"blpop", cmd_blpop, True)
    hot_add(loop, b"brpop", cmd_brpop, True)
    hot_add(loop, b"blmove", cmd_blmove, True)
    hot_add(loop, b"brpoplpush", cmd_brpoplpush, True)
    hot_add(loop, b"bzpopmin", cmd_bzpopmin, True)
    hot_add(loop, b"bzpopmax", cmd_bzpopmax, True)
    hot_add(loop, b"lmpop", cmd_lmpop, 2)
    hot_add(loop, b"blmpop", cmd_blmpop, 3)
    hot_add(loop, b"zmpop", cmd_zmpop, 2)
    hot_add(loop, b"bzmpop", cmd_bzmpop, 3)
    return 0
