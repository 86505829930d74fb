# Hot commands on ranges of sorted sets by name; see dispatch.pxi for the contract.
#
# Must live here: the plain case, that all members have one score, so that their order is that of their names.  Must not:
# what is meant where they have several (redlark.server.commands.sorted_set_ranges).

cdef struct Names:          # an end of a range
    Slice text
    int side                # -1: before all, 1: behind all, 0: at the text
    bint beyond             # the text itself is outside

cdef bint read_name(const Slice* word, Names* end) noexcept nogil:
    end.side = 0
    if word.n == 1 and (word.p[0] == c'-' or word.p[0] == c'+'):
        end.side = -1 if word.p[0] == c'-' else 1
        return True
    if word.n == 0 or (word.p[0] != c'[' and word.p[0] != c'('):
        return False
    end.beyond = word.p[0] == c'('
    end.text.p, end.text.n = word.p + 1, word.n - 1
    return True

cdef bint item_at(const Zset* z, size_t rank, Item* item) noexcept:
    cdef Steps steps
    if not steps_from(z, rank, False, &steps):
        return False
    steps_next(z, &steps, item)
    return True

cdef bint is_by_name(const Zset* z) noexcept:
    """Has every member the same score?"""
    cdef Item item
    cdef double score
    if not item_at(z, 0, &item):
        return False
    score = item.score
    return item_at(z, zset_size(z) - 1, &item) and item.score == score

cdef int64_t names_below(const Zset* z, const Slice* text, bint too) noexcept:
    """How many members stand before a text; too: or are it."""
    cdef size_t low = 0, high = zset_size(z), middle
    cdef Item item
    cdef int order
    while low < high:
        middle = (low + high) // 2
        item_at(z, middle, &item)
        order = memcmp(item.p, text.p, min(item.n, text.n))
        if order == 0:
            order = (item.n > text.n) - (item.n < text.n)
        if order < 0 or too and order == 0:
            low = middle + 1
        else:
            high = middle
    return <int64_t>low

cdef bint find_names(const Zset* z, const Slice* low, const Slice* high, int64_t* start, int64_t* stop) noexcept:
    """The ranks from start, before stop; False where it is not a plain case."""
    cdef Names first, last          # texts are not looked at where an end has a side
    cdef int64_t size = <int64_t>zset_size(z)
    if not read_name(low, &first) or not read_name(high, &last) or not is_by_name(z):
        return False
    start[0] = 0 if first.side < 0 else size if first.side else names_below(z, &first.text, first.beyond)
    stop[0] = 0 if last.side < 0 else size if last.side else names_below(z, &last.text, not last.beyond)
    return True

cdef bint tell_names(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint backward) noexcept:
    cdef OpenZset o
    cdef int64_t start = 0, stop = 0, offset = 0, most = -1
    if argc != 4 and not (argc == 7 and word_is(a + 4, b"limit", 5) and rl_parse_int(a[5].p, a[5].n, &offset) and
                          rl_parse_int(a[6].p, a[6].n, &most)):
        return False
    if offset < 0 or zset_open(loop, c, a + 1, h, &o) != WANTED or \
            not find_names(o.z, a + 3 if backward else a + 2, a + 2 if backward else a + 3, &start, &stop):
        return False
    if offset >= stop - start:
        out_head(c.out, c'*', 0)
        return True
    stop = stop - start - offset        # how many there are
    start += stop - 1 if backward else offset
    return out_items_of(c, o.z, start, stop if most < 0 else min(stop, most), backward, False)

cdef bint cmd_zrangebylex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_names(loop, c, argc, a, h, False)

cdef bint cmd_zrevrangebylex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_names(loop, c, argc, a, h, True)

cdef bint cmd_zlexcount(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef int64_t start = 0, stop = 0
    if zset_open(loop, c, a + 1, h, &o) != WANTED or not find_names(o.z, a + 2, a + 3, &start, &stop):
        return False
    out_head(c.out, c':', max(stop - start, 0))
    return True


cdef int hot_names(Loop loop) except -1:
    hot_add(loop, b"zrangebylex", cmd_zrangebylex, True)
    hot_add(loop, b"zrevrangebylex", cmd_zrevrangebylex, True)
    hot_add(loop, b"zlexcount", cmd_zlexcount, True)
    return 0
