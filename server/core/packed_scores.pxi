# Members in the order of their scores, packed in one allocation: small sorted sets.
#
# Must live here: the layout, its search and its changes.  Must not: when a sorted set is packed (sorted_set.pxi).
#
# Elements stand one behind the other, each a byte, its score, its member:
#
#     the byte   how the score is kept (0 to 4) + 5 * how the member is (0 to 50)
#     score      nothing where it is 0; an integer of 1, 2 or 4 bytes where it is one; else the 8 bytes of the double
#     member     0 to 44: so many bytes; 45 to 48: an integer of 1, 2, 4 or 8 bytes, whose text is the member, if that
#                is shorter than the text; 49, 50: 1 or 4 bytes of length, and the bytes
#
# Why not a listpack, in which Redis keeps members and scores in turns: of a score that is no integer it has the text,
# up to 24 bytes that are read as a number for each step of a search, and each entry has its length once more behind
# it, to be walked from the end.  Here a member of ten bytes with a small integer takes 12 bytes and not 14, one with a
# random double 19 and not about 31, and no number is parsed.  The price: what is wanted from the end is reached from
# the beginning, over 128 elements at most by default.

cdef enum:
    SCORE_KINDS = 5
    BARE = 44               # the longest member whose length is in the first byte
    NUMBERED = 45           # the first of the four kinds of integers
    LENGTH_1 = 49
    LENGTH_4 = 50
    ITEM_HEAD = 13          # the most bytes that an element has besides its member: 1, 8, 4
    PACK_MOST = 1 << 30     # bytes that are kept packed

cdef extern from *:
    """
    static const uint8_t rl_widths[] = {0, 1, 2, 4, 8};
    static inline int64_t rl_signed(const char *p, int width) {
        int8_t one; int16_t two; int32_t four; int64_t eight;
        switch (width) {
        case 0: return 0;
        case 1: memcpy(&one, p, 1); return one;
        case 2: memcpy(&two, p, 2); return two;
        case 4: memcpy(&four, p, 4); return four;
        default: memcpy(&eight, p, 8); return eight;
        }
    }
    static inline int rl_width(int64_t v) {
        return v == (int8_t)v ? 1 : v == (int16_t)v ? 2 : v == (int32_t)v ? 4 : 8;
    }
    static inline int rl_width_kind(int width) { return width == 8 ? 4 : width == 4 ? 3 : width; }
    """
    const uint8_t* WIDTHS "rl_widths"
    int64_t rl_signed(const char* p, int width) nogil
    int rl_width(int64_t v) nogil
    int rl_width_kind(int width) nogil

cdef struct Item:           # an element, packed or not
    double score
    const char* p           # the member; NULL until item_text is asked, if it is kept as a number
    size_t n
    int64_t number
    size_t at               # of a packed one: where it stands, and what it takes there
    size_t size
    char[24] digits


cdef inline void item_read(const char* pack, size_t at, Item* item) noexcept nogil:
    cdef const char* p = pack + at
    cdef int head = <uint8_t>p[0], kind = head // SCORE_KINDS, width = WIDTHS[head % SCORE_KINDS]
    item.at = at
    item.score = rl_as_double(rl_load8(p + 1)) if width == 8 else <double>rl_signed(p + 1, width)
    p += 1 + width
    if kind <= BARE:
        item.n = <size_t>kind
        item.p = p
    elif kind < LENGTH_1:
        item.p = NULL
        item.n = WIDTHS[kind - NUMBERED + 1]
        item.number = rl_signed(p, <int>item.n)
        item.size = <size_t>(p - pack) + item.n - at
        return
    elif kind == LENGTH_1:
        item.n = <uint8_t>p[0]
        item.p = p + 1
    else:
        item.n = <size_t>rl_load4(p)
        item.p = p + 4
    item.size = <size_t>(item.p - pack) + item.n - at

cdef inline void item_text(Item* item) noexcept nogil:
    """See to it that the member's bytes are there."""
    if item.p == NULL:
        item.n = <size_t>rl_format_int(item.digits, item.number)
        item.p = item.digits

cdef int item_head(char* to, double score, const char* p, size_t n, int64_t* number) noexcept nogil:
    """What stands before the bytes of a member; of one that is kept as a number, all of it.  Returns the length."""
    cdef int width = 8, kind
    cdef int64_t whole = 0
    if -2147483648.0 <= score <= 2147483647.0 and rl_as_bits(score) == rl_as_bits(<double><int32_t>score):
        whole = <int64_t><int32_t>score
        width = rl_width(whole) if whole else 0
        rl_store8(to + 1, <uint64_t>whole)
    else:
        rl_store8(to + 1, rl_as_bits(score))
    kind = rl_width_kind(width)
    width += 1
    if n <= LONGEST_NUMBER and rl_parse_int(p, n, number) and rl_width(number[0]) < <int>n:
        kind += SCORE_KINDS * (NUMBERED - 1 + rl_width_kind(rl_width(number[0])))
        rl_store8(to + width, <uint64_t>number[0])
        width += rl_width(number[0])
    elif n <= BARE:
        kind += SCORE_KINDS * <int>n
    elif n <= 0xFF:
        kind += SCORE_KINDS * LENGTH_1
        to[width] = <char>n
        width += 1
    else:
        kind += SCORE_KINDS * LENGTH_4
        rl_store8(to + width, n)
        width += 4
    to[0] = <char>kind
    return width

cdef bint pack_find(const char* pack, size_t used, const char* p, size_t n, Item* item) noexcept nogil:
    """The element of a member."""
    cdef int64_t number = 0
    cdef size_t at = 0
    cdef bint numeric = n <= LONGEST_NUMBER and rl_parse_int(p, n, &number)
    while at < used:
        item_read(pack, at, item)
        if item.p == NULL:
            if numeric and item.number == number:
                return True
        elif item.n == n and rl_same(item.p, p, n):
            return True
        at += item.size
    return False

cdef size_t pack_place(const char* pack, size_t used, double score, const char* p, size_t n) noexcept nogil:
    """Where an element belongs."""
    cdef size_t at = 0
    cdef Item item
    while at < used:
        item_read(pack, at, &item)
        if item.score > score:
            break
        if item.score == score:
            item_text(&item)
            if rl_order(item.p, item.n, p, n) > 0:
                break
        at += item.size
    return at

cdef inline size_t pack_at(const char* pack, size_t rank) noexcept nogil:
    """Where the element of a rank stands."""
    cdef Item item
    cdef size_t at = 0
    while rank:
        item_read(pack, at, &item)
        at += item.size
        rank -= 1
    return at

cdef char* pack_add(char* pack, uint32_t* used, double score, const char* p, size_t n) noexcept nogil:
    """With one more element, whose member is not there; the pack may have moved."""
    cdef char[ITEM_HEAD + 16] head
    cdef int64_t number = 0
    cdef int width = item_head(head, score, p, n, &number)
    cdef size_t at = pack_place(pack, used[0], score, p, n)
    cdef size_t more = 0 if n <= LONGEST_NUMBER and is_number(head) else n
    cdef size_t size = <size_t>width + more
    pack = <char*>rl_slot_resize(pack, used[0], used[0] + size) if used[0] else <char*>rl_slot_alloc(size)
    memmove(pack + at + size, pack + at, used[0] - at)
    memcpy(pack + at, head, width)
    rl_copy(pack + at + width, p, more)
    used[0] += <uint32_t>size
    return pack

cdef inline bint is_number(const char* head) noexcept nogil:
    return NUMBERED <= <uint8_t>head[0] // SCORE_KINDS < LENGTH_1

cdef char* pack_cut(char* pack, uint32_t* used, size_t at, size_t size) noexcept nogil:
    """Without so many bytes; the pack may have moved, and is NULL when nothing is left."""
    cdef size_t left = used[0] - size
    memmove(pack + at, pack + at + size, left - at)
    if left:
        pack = <char*>rl_slot_resize(pack, used[0], left)
    else:
        rl_slot_free(pack, used[0])
        pack = NULL
    used[0] = <uint32_t>left
    return pack

cdef list pack_check(const char* pack, size_t used, size_t count):
    """Every invariant of the layout; returns its elements."""
    cdef size_t at = 0
    cdef Item item
    cdef char[ITEM_HEAD + 16] head
    cdef int64_t number = 0
    cdef list found = []
    while at < used:
        item_read(pack, at, &item)
        item_text(&item)
        assert item_head(head, item.score, item.p, item.n, &number) <= <int>item.size and head[0] == pack[at], "layout"
        found.append((item.score, PyBytes_FromStringAndSize(item.p, <Py_ssize_t>item.n)))
        at += item.size
    assert at == used and len(found) == count, "size"
    assert found == sorted(found), "order"
    assert len({member for _, member in found}) == count, "a member twice"
    assert (pack == NULL) == (used == 0), "allocation"
    return found
