# The hot commands: strings, keys and expiry in their plain cases.
#
# Must live here: what profiling showed to be worth C.  Must not: error texts; see dispatch.pxi for the contract.
# Each is the short form of the Python command of the same name in redlark.server.commands, and the tests hold the two
# (and the model) to each other.

cdef enum:
    GROUP = 16              # keys of one request that are fetched together

cdef extern from *:
    const int64_t FAR "INT64_MAX"


cdef inline bint cmd_get(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
        return True
    if is_collection(e):
        return False
    entry_used(c.db, e, loop.now)
    out_entry(c.out, e)
    return True

cdef inline bint option_is(const Slice* word, char first, char second) noexcept nogil:
    return word.n == 2 and word.p[0] | 32 == first and word.p[1] | 32 == second

cdef inline bint deadline_from(Loop loop, const Slice* word, int64_t unit, int64_t* deadline) noexcept:
    """now + a positive number of units of ms; False for everything that is an error or already past."""
    cdef int64_t number = 0
    if not rl_parse_int(word.p, word.n, &number) or number <= 0 or number > FAR // unit:
        return False
    number *= unit
    if number > FAR - loop.now:
        return False
    deadline[0] = loop.now + number
    return True

cdef bint cmd_set(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef int64_t deadline = WITHOUT
    if argc == 5:
        if option_is(a + 3, c'e', c'x'):
            if not deadline_from(loop, a + 4, 1000, &deadline):
                return False
        elif not option_is(a + 3, c'p', c'x') or not deadline_from(loop, a + 4, 1, &deadline):
            return cmd_set_options(loop, c, argc, a, h)
    elif argc != 3:
        return cmd_set_options(loop, c, argc, a, h)
    elif a[2].n >= LANDS and landing_stays(c, a + 1, h, a + 2):
        out_ok(c.out)
        return True
    db_set(c.db, a[1].p, a[1].n, h, a + 2, FRESH, deadline)
    out_ok(c.out)
    return True

cdef bint cmd_setex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef int64_t deadline = 0
    if not deadline_from(loop, a + 2, 1000, &deadline):
        return False
    db_set(c.db, a[1].p, a[1].n, h, a + 3, FRESH, deadline)
    out_ok(c.out)
    return True

cdef bint cmd_setnx(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        db_set(c.db, a[1].p, a[1].n, h, a + 2, FRESH, WITHOUT)
    else:
        entry_used(c.db, e, loop.now)
    out_head(c.out, c':', e == NULL)
    return True

cdef bint add_to(Loop loop, Client c, const Slice* key, uint64_t h, int64_t by) noexcept:
    """INCR and its kin.  A number in place costs no allocation and moves nothing."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, key.p, key.n, h, &at)
    cdef char[8] payload
    cdef int64_t number = 0
    if e != NULL:
        if kind_of(e) == INTEGER:
            number = integer_of(e)
        elif is_collection(e) or not rl_parse_int(value_of(e), text_size(e), &number):
            return False
    if number > FAR - by if by > 0 else number < -FAR - 1 - by:
        return False
    number += by
    if e != NULL and kind_of(e) == INTEGER:
        rl_store8(value_of(e), <uint64_t>number)
        entry_used(c.db, e, loop.now)
        db_touch(c.db, key.p, key.n)
    else:
        rl_store8(payload, <uint64_t>number)
        db_write(c.db, key.p, key.n, h, INTEGER, FRESH, payload, 8, KEEP)
    out_head(c.out, c':', number)
    return True

cdef bint cmd_incr(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return add_to(loop, c, a + 1, h, 1)

cdef bint cmd_decr(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return add_to(loop, c, a + 1, h, -1)

cdef bint cmd_incrby(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef int64_t by = 0
    return rl_parse_int(a[2].p, a[2].n, &by) and add_to(loop, c, a + 1, h, by)

cdef bint cmd_decrby(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef int64_t by = 0
    return rl_parse_int(a[2].p, a[2].n, &by) and by != -FAR - 1 and add_to(loop, c, a + 1, h, -by)

cdef void fetch_keys(Database db, const Slice* a, int64_t count, int64_t step, uint64_t* hashes) noexcept:
    """Hash up to GROUP keys, `step` arguments apart, and bring their entries near."""
    cdef int64_t i
    for i in range(count):
        hashes[i] = rl_hash(a[i * step].p, a[i * step].n)
        rl_prefetch(home_of(&db.table, hashes[i]))
    if count > 1:
        for i in range(count):
            db.loop.fetched |= entry_fetch(&db.table, hashes[i])

cdef void put_pairs(Client c, int64_t argc, const Slice* a) noexcept:
    """Keys and strings in turn, from the first argument on."""
    cdef uint64_t[GROUP] hashes
    cdef int64_t i, n, at = 1
    while at < argc:
        n = min((argc - at) // 2, GROUP)
        fetch_keys(c.db, a + at, n, 2, hashes)
        for i in range(n):
            db_set(c.db, a[at].p, a[at].n, hashes[i], a + at + 1, FRESH, WITHOUT)
            at += 2

cdef bint cmd_mset(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    if not argc & 1:
        return False
    put_pairs(c, argc, a)
    out_ok(c.out)
    return True

cdef bint cmd_msetnx(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Looking for a key is no use of it."""
    cdef uint64_t[GROUP] hashes
    cdef int64_t i, n, at = 1
    cdef Place place
    if not argc & 1:
        return False
    while at < argc:
        n = min((argc - at) // 2, GROUP)
        fetch_keys(c.db, a + at, n, 2, hashes)
        for i in range(n):
            if db_live(c.db, a[at].p, a[at].n, hashes[i], &place) != NULL:
                out_head(c.out, c':', 0)
                return True
            at += 2
    put_pairs(c, argc, a)
    out_head(c.out, c':', 1)
    return True

cdef bint cmd_mget(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef uint64_t[GROUP] hashes
    cdef int64_t i, n, at = 1
    cdef Place place
    cdef Entry* e
    out_head(c.out, c'*', argc - 1)
    while at < argc:
        n = min(argc - at, GROUP)
        fetch_keys(c.db, a + at, n, 1, hashes)
        for i in range(n):
            e = db_lookup(c.db, a[at].p, a[at].n, hashes[i], &place)
            at += 1
            if e != NULL:
                entry_used(c.db, e, loop.now)
            if e == NULL or is_collection(e):
                out_null(c.out, c.resp)
            else:
                out_entry(c.out, e)
    return True

cdef bint cmd_del(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef uint64_t[GROUP] hashes
    cdef int64_t i, n, at = 1, gone = 0
    if argc == 2:
        gone = db_erase(c.db, a[1].p, a[1].n, h)
        at = 2
    while at < argc:
        n = min(argc - at, GROUP)
        fetch_keys(c.db, a + at, n, 1, hashes)
        for i in range(n):
            gone += db_erase(c.db, a[at].p, a[at].n, hashes[i])
            at += 1
    out_head(c.out, c':', gone)
    return True

cdef bint cmd_exists(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef uint64_t[GROUP] hashes
    cdef int64_t i, n, at = 1, there = 0
    cdef Place place
    while at < argc:
        n = min(argc - at, GROUP)
        fetch_keys(c.db, a + at, n, 1, hashes)
        for i in range(n):
            there += db_lookup(c.db, a[at].p, a[at].n, hashes[i], &place) != NULL
            at += 1
    out_head(c.out, c':', there)
    return True

cdef inline int64_t time_left(Loop loop, Client c, const Slice* key, uint64_t h) noexcept:
    """In ms; -1 without a deadline, -2 without a key."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, key.p, key.n, h, &at)
    if e == NULL:
        return -2
    return max(0, deadline_of(e)[0] - loop.now) if e.flags & TIMED else -1

cdef bint cmd_ttl(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef int64_t left = time_left(loop, c, a + 1, h)
    out_head(c.out, c':', (left + 500) // 1000 if left >= 0 else left)
    return True

cdef bint cmd_pttl(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    out_head(c.out, c':', time_left(loop, c, a + 1, h))
    return True

cdef bint cmd_type(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        buffer_add(c.out, b"+none\r\n", 7)
    elif is_collection(e):
        return False
    else:
        buffer_add(c.out, b"+string\r\n", 9)
    return True

cdef bint cmd_append(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """At the end of a text that is there, growing it where it stands; the first APPEND of a key is a SET."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef size_t size
    if e == NULL:
        db_set(c.db, a[1].p, a[1].n, h, a + 2, FRESH, WITHOUT)
        out_head(c.out, c':', <int64_t>a[2].n)
        return True
    size = text_size(e) + a[2].n if kind_of(e) == TEXT else 0
    if not can_grow(e, size) or <int64_t>size > loop.bulk_limit:
        return False
    e = text_grown(c.db, e, &at, size)
    rl_copy(value_of(e) + size - a[2].n, a[2].p, a[2].n)
    entry_used(c.db, e, loop.now)
    db_touch(c.db, a[1].p, a[1].n)
    out_head(c.out, c':', <int64_t>size)
    return True

cdef bint cmd_strlen(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef char[24] text
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef int64_t size = 0
    if e != NULL:
        if is_collection(e):
            return False
        entry_used(c.db, e, loop.now)
        size = <int64_t>text_size(e) if kind_of(e) == TEXT else rl_format_int(text, integer_of(e))
    out_head(c.out, c':', size)
    return True

cdef bint cmd_ping(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    if argc > 2:
        return False
    if argc == 2:
        out_bulk(c.out, a[1].p, a[1].n)
    else:
        buffer_add(c.out, b"+PONG\r\n", 7)
    return True

cdef bint cmd_echo(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    out_bulk(c.out, a[1].p, a[1].n)
    return True


cdef int hot_table(Loop loop) except -1:
    hot_add(loop, b"get", <HotFunction>cmd_get, True)
    hot_add(loop, b"set", cmd_set, True)
    hot_add(loop, b"setex", cmd_setex, True)
    hot_add(loop, b"setnx", cmd_setnx, True)
    hot_add(loop, b"incr", cmd_incr, True)
    hot_add(loop, b"decr", cmd_decr, True)
    hot_add(loop, b"incrby", cmd_incrby, True)
    hot_add(loop, b"decrby", cmd_decrby, True)
    hot_add(loop, b"mset", cmd_mset, True)
    hot_add(loop, b"msetnx", cmd_msetnx, True)
    hot_add(loop, b"mget", cmd_mget, True)
    hot_add(loop, b"del", cmd_del, True)
    hot_add(loop, b"unlink", cmd_del, True)
    hot_add(loop, b"exists", cmd_exists, True)
    hot_add(loop, b"ttl", cmd_ttl, True)
    hot_add(loop, b"pttl", cmd_pttl, True)
    hot_add(loop, b"type", cmd_type, True)
    hot_add(loop, b"append", cmd_append, True)
    hot_add(loop, b"strlen", cmd_strlen, True)
    hot_add(loop, b"ping", cmd_ping, False)
    hot_add(loop, b"echo", cmd_echo, False)
    hot_texts(loop)
    hot_bits(loop)
    hot_values(loop)
    hot_walks(loop)
    hot_scripts(loop)
    hot_sets(loop)
    hot_set_algebra(loop)
    hot_zset_algebra(loop)
    hot_hashes(loop)
    hot_fields(loop)
    hot_zsets(loop)
    hot_streams(loop)
    hot_groups(loop)
    hot_references(loop)
    hot_stream_info(loop)
    hot_ranges(loop)
    hot_moves(loop)
    hot_seldom(loop)
    hot_keys(loop)
    hot_blocking(loop)
    hot_names(loop)
    hot_places(loop)
    hot_lists(loop)
    hot_sort(loop)
    return 0
