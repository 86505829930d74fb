# Members in the order of their scores, packed in one allocation: small sorted sets.
#
# Must live here: the layout, its search and its changes.  Must not: when a sorted set is packed (sorted_set.pxi).
#
# In front stand the size of all, 32 bits, and the number of elements, 16 bits (65535: that many or more, count them),
# so that an address says everything; nothing at all has no address.  Then the elements, one behind the other, each a
# byte, its score, its member:
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
    PACK_HEAD = 6
    PACK_UNCOUNTED = 65535
    ITEM_HEAD = 13          # the most bytes that an element has besides its member: 1, 8, 4
    PACK_MOST = 1 << 30     # bytes that are kept packed

cdef extern from *:
    """
    static inline size_t rl_load2(const char *p) { uint16_t v; memcpy(&v, p, 2); return v; }
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
    size_t rl_load2(const char* p) nogil
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

cdef inline size_t pack_size(const char* pack) noexcept nogil:
    """Bytes of all; 0 if there is nothing."""
    return rl_load4(pack) if pack != NULL else 0

cdef size_t pack_skip(const char* pack, size_t at, size_t count) noexcept nogil:
    """The place that many elements on."""
    cdef Item item
    while count:
        item_read(pack, at, &item)
        at += item.size
        count -= 1
    return at

cdef size_t pack_count(const char* pack) noexcept nogil:
    """How many elements."""
    cdef size_t count = 0, at = PACK_HEAD, end = pack_size(pack)
    cdef Item item
    if end == 0:
        return 0
    count = rl_load2(pack + 4)
    if count < PACK_UNCOUNTED:
        return count
    count = 0
    while at < end:
        item_read(pack, at, &item)
        at += item.size
        count += 1
    return count

cdef bint pack_find(const char* pack, const char* p, size_t n, Item* item) noexcept nogil:
    """The element of a member."""
    cdef int64_t number = 0
    cdef size_t at = PACK_HEAD, end = pack_size(pack)
    cdef bint numeric = n <= LONGEST_NUMBER and rl_parse_int(p, n, &number)
    while at < end:
        item_read(pack, at, item)
        if item.p == NULL:
            if numeric and item.number == number:
                return True
        elif item.n == n and rl_same(item.p, p, n):
            return True
        at += item.size
    return False

cdef size_t pack_place(const char* pack, double score, const char* p, size_t n) noexcept nogil:
    """Where an element belongs."""
    cdef size_t at = PACK_HEAD, end = pack_size(pack)
    cdef Item item
    while at < end:
        item_read(pack, at, &item)
        if item.score > score:
            break
        if item.score == score:
            item_text(&item)
            if rl_order(item.p, item.n, p, n) > 0:
                break
        at += item.size
    return at

cdef void pack_set_head(char* pack, size_t size, size_t count) noexcept nogil:
    cdef uint32_t size_32 = <uint32_t>size
    cdef uint16_t count_16 = <uint16_t>min(count, <size_t>PACK_UNCOUNTED)
    memcpy(pack, &size_32, 4)
    memcpy(pack + 4, &count_16, 2)

cdef inline bint is_number(const char* head) noexcept nogil:
    return NUMBERED <= <uint8_t>head[0] // SCORE_KINDS < LENGTH_1

cdef inline size_t item_put(char* to, double score, const char* p, size_t n) noexcept nogil:
    """A whole element, in room for ITEM_HEAD + 16 bytes besides its member; how many it has."""
    cdef int64_t number = 0
    cdef int width = item_head(to, score, p, n, &number)
    if n <= LONGEST_NUMBER and is_number(to):
        return <size_t>width
    rl_copy(to + width, p, n)
    return <size_t>width + n

cdef char* pack_add(char* pack, double score, const char* p, size_t n) noexcept nogil:
    """With one more element, whose member is not there; the pack may have moved."""
    cdef char[ITEM_HEAD + 16] head
    cdef int64_t number = 0
    cdef int width = item_head(head, score, p, n, &number)
    cdef size_t at = pack_place(pack, score, p, n)
    cdef size_t more = 0 if n <= LONGEST_NUMBER and is_number(head) else n
    cdef size_t size = <size_t>width + more, before = pack_size(pack), count = 1
    if pack == NULL:
        before = PACK_HEAD
        pack = <char*>rl_slot_alloc(before + size)
    else:
        count += pack_count(pack)
        pack = <char*>rl_slot_resize(pack, before, before + size)
        memmove(pack + at + size, pack + at, before - at)
    memcpy(pack + at, head, width)
    rl_copy(pack + at + width, p, more)
    pack_set_head(pack, before + size, count)
    return pack

cdef char* pack_cut(char* pack, size_t at, size_t size, size_t count) noexcept nogil:
    """Without so many bytes and elements; the pack may have moved, and is NULL when nothing is left."""
    cdef size_t before = pack_size(pack), left = before - size
    count = pack_count(pack) - count
    if left == PACK_HEAD:
        rl_slot_free(pack, before)
        return NULL
    memmove(pack + at, pack + at + size, left - at)
    pack = <char*>rl_slot_resize(pack, before, left)
    pack_set_head(pack, left, count)
    return pack

cdef inline size_t pack_memory(const char* pack) noexcept nogil:
    return rl_good_size(pack_size(pack)) if pack != NULL else 0

cdef inline void pack_free(char* pack) noexcept nogil:
    if pack != NULL:
        rl_slot_free(pack, pack_size(pack))

cdef inline char* pack_copy(const char* pack) noexcept nogil:
    cdef char* copy
    if pack == NULL:
        return NULL
    copy = <char*>rl_slot_alloc(pack_size(pack))
    memcpy(copy, pack, pack_size(pack))
    return copy

cdef list pack_check(const char* pack):
    """Every invariant of the layout; returns its elements."""
    cdef size_t at = PACK_HEAD, end = pack_size(pack)
    cdef Item item
    cdef char[ITEM_HEAD + 16] head
    cdef int64_t number = 0
    cdef list found = []
    assert pack == NULL or end > PACK_HEAD, "nothing has no address"
    while at < end:
        item_read(pack, at, &item)
        item_text(&item)
        assert item_head(head, item.score, item.p, item.n, &number) <= <int>item.size and head[0] == pack[at], "layout"
        found.append((item.score, PyBytes_FromStringAndSize(item.p, <Py_ssize_t>item.n)))
        at += item.size
    assert pack == NULL or at == end and pack_count(pack) == <size_t>len(found), "size"
    assert found == sorted(found), "order"
    assert len({member for _, member in found}) == len(found), "a member twice"
    return found
