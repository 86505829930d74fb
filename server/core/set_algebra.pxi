# The hot commands on several sets; see dispatch.pxi for the contract.
#
# Must live here: unions, intersections and differences, told, stored and counted.  Must not: how members are looked
# through (roll.pxi), how a set is kept (set.pxi), error texts.

cdef enum SetWork:
    INTERSECTION
    UNION
    DIFFERENCE


cdef void sets_work(Sources* s, SetWork work, Roll* found) noexcept nogil:
    """The result, as a roll or a mere list."""
    if work == UNION and s.count > 1:
        sources_unite(s, found, UNSCORED)
        return
    if work == INTERSECTION:
        sources_sort(s)
    roll_list(found, s.all[0].count)
    found.count = sources_sift(s, work == INTERSECTION, 0, found.named, UNSCORED)

cdef bint tell_sets(Loop loop, Client c, int64_t argc, const Slice* a, SetWork work) noexcept:
    cdef Sources s
    cdef Roll found
    cdef size_t i
    if not sources_open(loop, c, a + 1, argc - 1, False, &s):
        return False
    sets_work(&s, work, &found)
    out_set_head(c, found.count)
    for i in range(found.count):
        out_named(c.out, found.named + i)
    roll_drop(&found)
    sources_close(&s)
    return True

cdef bint store_sets(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, SetWork work) noexcept:
    cdef Sources s
    cdef SetData result
    cdef Roll found
    cdef size_t all = 0, j
    cdef bint integers = True
    if not sources_open(loop, c, a + 2, argc - 2, False, &s):
        return False
    set_make(&result)
    for j in range(s.count):
        all += s.all[j].count
    if work == DIFFERENCE and s.count * s.all[0].count // 2 > all:
        # The others are small: all of the first is gathered, and then they are taken out.
        roll_make(&found, s.all[0].count)
        source_enrol(s.all, &found, 1, UNSCORED)
        set_gather(&result, &found, True, &loop.set_limits)
        for j in range(1, s.count):
            set_shed(&result, s.all + j)
    else:
        sets_work(&s, work, &found)
        if work == INTERSECTION:        # it begins as the smallest is kept
            integers = s.all[0].form == INTSET
        set_gather(&result, &found, integers, &loop.set_limits)
    roll_drop(&found)
    sources_close(&s)
    all = set_count(&result)
    if all:
        set_new(loop, c, a + 1, h, &result)
    else:
        set_drop(result.form, result.data)
        db_erase(c.db, a[1].p, a[1].n, h)
    out_head(c.out, c':', <int64_t>all)
    return True

cdef void set_gather(SetData* to, const Roll* found, bint integers, const SetLimits* limits) noexcept:
    """Fill an empty set: see redlark.server.types.Set.gather."""
    cdef char[24] digits
    cdef int64_t number = 0
    cdef size_t numbers = 0, i
    cdef int turn
    for i in range(found.count):
        numbers += named_number(found.named + i, &number)
    if numbers < found.count or <int64_t>numbers > limits.intset:
        if <int64_t>found.count > limits.entries:
            set_become(to, HASHTABLE, found.count)      # sooner or later
        elif not integers:
            set_become(to, LISTPACK, 0)
    for turn in range(2):                               # numbers first
        for i in range(found.count):
            if named_number(found.named + i, &number) == (turn == 0):
                set_add_new(to, named_slice(found.named + i, digits), limits)

cdef void set_shed(SetData* s, const Source* other) noexcept:
    """Take out what another set has."""
    cdef char[24] digits
    cdef Named[GROUP] some
    cdef Members walk
    cdef int count, i
    members_begin(&walk, other)
    while True:
        count = members_some(&walk, some, False)
        if count == 0:
            return
        for i in range(count):
            set_remove(s, named_slice(some + i, digits))


cdef bint cmd_sinter(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_sets(loop, c, argc, a, INTERSECTION)

cdef bint cmd_sunion(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_sets(loop, c, argc, a, UNION)

cdef bint cmd_sdiff(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return tell_sets(loop, c, argc, a, DIFFERENCE)

cdef bint cmd_sinterstore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return store_sets(loop, c, argc, a, h, INTERSECTION)

cdef bint cmd_sunionstore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return store_sets(loop, c, argc, a, h, UNION)

cdef bint cmd_sdiffstore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return store_sets(loop, c, argc, a, h, DIFFERENCE)

cdef bint count_common(Loop loop, Client c, int64_t argc, const Slice* a, bint scored) noexcept:
    cdef Sources s
    cdef int64_t keys = 0, limit = 0
    if not rl_parse_int(a[1].p, a[1].n, &keys) or keys < 1 or keys > argc - 2:
        return False
    if argc > keys + 2 and (argc != keys + 4 or not word_is(a + keys + 2, b"limit", 5) or
                            not rl_parse_int(a[keys + 3].p, a[keys + 3].n, &limit) or limit < 0):
        return False
    if not sources_open(loop, c, a + 2, keys, scored, &s):
        return False
    sources_sort(&s)
    out_head(c.out, c':', <int64_t>sources_sift(&s, True, <size_t>limit, NULL, UNSCORED))
    sources_close(&s)
    return True

cdef bint cmd_sintercard(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return count_common(loop, c, argc, a, False)

cdef bint cmd_zintercard(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return count_common(loop, c, argc, a, True)


cdef int hot_set_algebra(Loop loop) except -1:
    hot_add(loop, b"sinter", cmd_sinter, True)
    hot_add(loop, b"sunion", cmd_sunion, True)
    hot_add(loop, b"sdiff", cmd_sdiff, True)
    hot_add(loop, b"sinterstore", cmd_sinterstore, True)
    hot_add(loop, b"sunionstore", cmd_sunionstore, True)
    hot_add(loop, b"sdiffstore", cmd_sdiffstore, True)
    hot_add(loop, b"sintercard", cmd_sintercard, False)
    hot_add(loop, b"zintercard", cmd_zintercard, False)
    return 0
