# The hot commands on deadlines of fields; see dispatch.pxi for the contract.
#
# Must live here: the plain cases: a deadline in the future, and what is left of one.  Must not: how deadlines are kept
# (ends.pxi), error texts, fields whose time is over (redlark.server.fields).

cdef int64_t LAST_END = <int64_t>1 << 46    # Unix ms: no field lives so long


cdef inline bint names_fields(int64_t argc, const Slice* a, int64_t place) noexcept:
    """Do FIELDS and the number of all words behind it stand there?"""
    cdef int64_t number = 0
    return argc > place + 2 and word_is(a + place, b"fields", 6) and \
        rl_parse_int(a[place + 1].p, a[place + 1].n, &number) and number == argc - place - 2

cdef inline bint read_end_of(Loop loop, const Slice* word, int64_t unit, int64_t start, int64_t* at) noexcept:
    """A moment that is still to come and no field is refused, counted from a start."""
    cdef int64_t amount = 0
    if not rl_parse_int(word.p, word.n, &amount) or amount < 0 or amount >= LAST_END // unit or \
            start + amount * unit >= LAST_END:
        return False
    at[0] = start + amount * unit
    return at[0] > loop.now

cdef bint read_end_option(Loop loop, const Slice* word, const Slice* amount, int64_t* at) noexcept:
    """EX, PX, EXAT or PXAT and a moment."""
    if word_is(word, b"ex", 2):
        return read_end_of(loop, amount, 1000, loop.now, at)
    if word_is(word, b"px", 2):
        return read_end_of(loop, amount, 1, loop.now, at)
    if word_is(word, b"exat", 4):
        return read_end_of(loop, amount, 1000, 0, at)
    return word_is(word, b"pxat", 4) and read_end_of(loop, amount, 1, 0, at)

cdef bint read_condition(const Slice* word, char* condition) noexcept nogil:
    """The first letter of NX or XX, or G of GT, L of LT."""
    if word.n != 2:
        return False
    condition[0] = word.p[0] & ~32
    if condition[0] == c'N' or condition[0] == c'X':
        return word.p[1] == c'X' or word.p[1] == c'x'
    return (condition[0] == c'G' or condition[0] == c'L') and (word.p[1] == c'T' or word.p[1] == c't')

cdef inline bint is_kept(char condition, int64_t before, int64_t at) noexcept nogil:
    """Does a condition keep the deadline as it is?  FAR: for ever."""
    if condition == c'N':
        return before != FAR
    if condition == c'X':
        return before == FAR
    if condition == c'G':
        return at <= before
    return condition == c'L' and at >= before and before != FAR

cdef bint expire_fields(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, int64_t unit,
                        int64_t start) noexcept:
    """Give fields of a hash one deadline, counted from a start."""
    cdef HashFound f
    cdef Found found
    cdef int64_t at = 0, i, names = 3
    cdef bint done = False
    cdef char condition = 0
    if argc > 3 and read_condition(a + 3, &condition):
        names = 4
    if not names_fields(argc, a, names) or not read_end_of(loop, a + 2, unit, start, &at) or \
            find_hash(loop, c, a + 1, h, &f) != WANTED:
        return False
    for i in range(names + 2, argc):
        done |= hash_find(f.s, a[i], &found)
    if not done:
        return False                    # it becomes a hash whose fields may have deadlines all the same
    hash_be_timed(f.s)
    done = False
    out_head(c.out, c'*', argc - names - 2)
    for i in range(names + 2, argc):
        if not hash_find(f.s, a[i], &found):
            out_head(c.out, c':', -2)
        elif condition and is_kept(condition, found_end(f.s, &found), at):
            out_head(c.out, c':', 0)
        else:
            hash_time(f.s, a[i], &found, at)
            out_head(c.out, c':', 1)
            done = True
    if done:
        hash_changed(loop, c, a + 1, h, &f)
    else:
        hash_settled(loop, c, h, &f)
    return True

cdef bint cmd_hexpire(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_fields(loop, c, argc, a, h, 1000, loop.now)

cdef bint cmd_hpexpire(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_fields(loop, c, argc, a, h, 1, loop.now)

cdef bint cmd_hexpireat(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_fields(loop, c, argc, a, h, 1000, 0)

cdef bint cmd_hpexpireat(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return expire_fields(loop, c, argc, a, h, 1, 0)


cdef bint fields_left(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint seconds, bint when) noexcept:
    """How long fields still live, or until when; seconds are rounded up."""
    cdef HashFound f
    cdef Found found
    cdef Content there
    cdef int64_t i, at = 0, told
    if not names_fields(argc, a, 2):
        return False
    there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 4)
    for i in range(4, argc):
        told = -2
        if there == WANTED and hash_find(f.s, a[i], &found):
            at = found_end(f.s, &found)
            told = -1 if at == FAR else at if when else at - loop.now
            if seconds and at != FAR:
                told = (told + 999) // 1000
        out_head(c.out, c':', told)
    return True

cdef bint cmd_httl(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return fields_left(loop, c, argc, a, h, True, False)

cdef bint cmd_hpttl(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return fields_left(loop, c, argc, a, h, False, False)

cdef bint cmd_hexpiretime(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return fields_left(loop, c, argc, a, h, True, True)

cdef bint cmd_hpexpiretime(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return fields_left(loop, c, argc, a, h, False, True)

cdef bint cmd_hpersist(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Found found
    cdef Content there
    cdef int64_t i, told
    cdef bint done = False
    if not names_fields(argc, a, 2):
        return False
    there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 4)
    for i in range(4, argc):
        told = -2
        if there == WANTED and hash_find(f.s, a[i], &found):
            told = -1
            if found_end(f.s, &found) != FAR:
                hash_time(f.s, a[i], &found, FAR)
                done, told = True, 1
        out_head(c.out, c':', told)
    if done:
        hash_changed(loop, c, a + 1, h, &f)
    return True


# ------------------------------------------------------------------------------------------ reading and writing with them

cdef inline void out_field(Client c, Content there, HashFound* f, Slice field) noexcept:
    cdef Found found
    if there == WANTED and hash_find(f.s, field, &found):
        out_found(c.out, f.s, &found)
    else:
        out_null(c.out, c.resp)

cdef bint cmd_hgetex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """With a deadline that is to come, or taking them away, or as HMGET."""
    cdef HashFound f
    cdef Found found
    cdef Content there
    cdef int64_t at = WITHOUT, i, names = 2, told = 0
    cdef bint persist = word_is(a + 2, b"persist", 7)
    if persist:
        names = 3
    elif not word_is(a + 2, b"fields", 6):
        if argc < 5 or not read_end_option(loop, a + 2, a + 3, &at):
            return False
        names = 4
    if not names_fields(argc, a, names):
        return False
    there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if there == WANTED and at != WITHOUT:
        for i in range(names + 2, argc):
            told += hash_find(f.s, a[i], &found)
        if told == 0:
            return False                # as HEXPIRE
        hash_be_timed(f.s)
        for i in range(names + 2, argc):
            if hash_find(f.s, a[i], &found):
                hash_time(f.s, a[i], &found, at)
    elif there == WANTED and persist:
        if f.first == FAR:
            return False                # it is kept otherwise from now on
        for i in range(names + 2, argc):
            if hash_find(f.s, a[i], &found) and found_end(f.s, &found) != FAR:
                hash_time(f.s, a[i], &found, FAR)
                told += 1
    out_head(c.out, c'*', argc - names - 2)
    for i in range(names + 2, argc):
        out_field(c, there, &f, a[i])
    if told:
        hash_changed(loop, c, a + 1, h, &f)
    return True

cdef bint cmd_hgetdel(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Content there
    cdef int64_t i
    cdef bint gone = False
    if not names_fields(argc, a, 2):
        return False
    there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 4)
    for i in range(4, argc):
        out_field(c, there, &f, a[i])
        if there == WANTED and hash_remove(f.s, a[i]):
            gone = True
    if gone:
        hash_changed(loop, c, a + 1, h, &f)
    return True

cdef bint read_setting(Loop loop, int64_t argc, const Slice* a, int64_t* names, char* condition, bint* keep,
                       int64_t* at) noexcept:
    """What HSETEX is asked for; False of what is not as it should be."""
    cdef int64_t i = 2
    cdef int64_t number = 0
    while i + 2 < argc and not word_is(a + i, b"fields", 6):
        if word_is(a + i, b"fnx", 3) or word_is(a + i, b"fxx", 3):
            if condition[0]:
                return False
            condition[0] = a[i].p[1] & ~32
            i += 1
        elif keep[0] or at[0] != WITHOUT:
            return False
        elif word_is(a + i, b"keepttl", 7):
            keep[0] = True
            i += 1
        elif read_end_option(loop, a + i, a + i + 1, at):
            i += 2
        else:
            return False
    names[0] = i
    return i + 3 < argc and word_is(a + i, b"fields", 6) and rl_parse_int(a[i + 1].p, a[i + 1].n, &number) and \
        0 < number <= argc and argc == i + 2 + 2 * number

cdef bint cmd_hsetex(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef HashFound f
    cdef Found found
    cdef Content there
    cdef int64_t at = WITHOUT, i, names = 0
    cdef char condition = 0
    cdef bint keep = False
    if not read_setting(loop, argc, a, &names, &condition, &keep, &at):
        return False
    there = find_hash(loop, c, a + 1, h, &f)
    if there == ANOTHER:
        return False
    if condition:
        for i in range(names + 2, argc, 2):
            if (there == WANTED and hash_find(f.s, a[i], &found)) != (condition == c'X'):
                out_head(c.out, c':', 0)
                return True
    if at == WITHOUT:
        set_fields(loop, c, there, &f, argc - names, a + names, h, keep, a + 1)
        out_head(c.out, c':', 1)
        return True
    put_fields(loop, there, &f, argc - names, a + names, False)
    hash_be_timed(f.s)
    for i in range(names + 2, argc, 2):
        if hash_find(f.s, a[i], &found):
            hash_time(f.s, a[i], &found, at)
    if there == WANTED:
        hash_changed(loop, c, a + 1, h, &f)
    else:
        hash_new(loop, c, a + 1, h, f.s)
    out_head(c.out, c':', 1)
    return True


cdef int hot_fields(Loop loop) except -1:
    hot_add(loop, b"hexpire", cmd_hexpire, True)
    hot_add(loop, b"hpexpire", cmd_hpexpire, True)
    hot_add(loop, b"hexpireat", cmd_hexpireat, True)
    hot_add(loop, b"hpexpireat", cmd_hpexpireat, True)
    hot_add(loop, b"httl", cmd_httl, True)
    hot_add(loop, b"hpttl", cmd_hpttl, True)
    hot_add(loop, b"hexpiretime", cmd_hexpiretime, True)
    hot_add(loop, b"hpexpiretime", cmd_hpexpiretime, True)
    hot_add(loop, b"hpersist", cmd_hpersist, True)
    hot_add(loop, b"hgetex", cmd_hgetex, True)
    hot_add(loop, b"hgetdel", cmd_hgetdel, True)
    hot_add(loop, b"hsetex", cmd_hsetex, True)
    return 0
