# Values made of the bytes that DUMP tells: what is packed as it is here is looked at, all of it, and copied.
#
# Must live here: readers of the forms in which Redis writes since 7.2 (streams: restoring_streams.pxi), where they are as this
# core would write them.  Must not: any verdict.  What is older, or not so, redlark.server.rdb reads, or refuses; that is why a reader here says nothing
# but None, and why none may take what rdb does not.
#
# Why: Python makes a text of each element of a listpack, to pack it again; here the bytes are checked where they stand
# (lp_check: to the last one, numbers in the fewest bytes), that nothing is there twice by a table of places, and then they
# are the value.

cdef struct Payload:
    const char* p
    size_t n
    size_t at
    bint bad                # it ends early, or is not of this form
    Buffer text             # what was compressed, or is a number,
    Buffer other            # and that of a second text, or what is packed anew


cdef uint64_t payload_mark(Payload* s, bint* encoded) noexcept nogil:
    """A length, or the number of an encoding that stands in its place."""
    cdef uint64_t n = 0
    cdef size_t i, size
    cdef int first
    encoded[0] = False
    if s.at >= s.n:
        s.bad = True
        return 0
    first = <uint8_t>s.p[s.at]
    s.at += 1
    if first < 0x40:
        return <uint64_t>first
    if first >= 0xC0:
        encoded[0] = True
        return <uint64_t>(first & 0x3F)
    size = 1 if first < 0x80 else 4 if first == 0x80 else 8
    if first > 0x81 or s.n - s.at < size:
        s.bad = True
        return 0
    if first < 0x80:
        n = <uint64_t>(first & 0x3F)
    for i in range(size):
        n = n << 8 | <uint8_t>s.p[s.at + i]
    s.at += size
    return n

cdef uint64_t payload_length(Payload* s) noexcept nogil:
    cdef bint encoded = False
    cdef uint64_t n = payload_mark(s, &encoded)
    if encoded:
        s.bad = True
    return 0 if s.bad else n

cdef const char* payload_take(Payload* s, uint64_t n) noexcept nogil:
    """So many bytes where they stand."""
    cdef const char* at = s.p + s.at
    if s.bad or s.n - s.at < n:
        s.bad = True
        return NULL
    s.at += n
    return at

cdef bint payload_expand(Payload* s, Buffer* room, Slice* to) noexcept nogil:
    cdef uint64_t packed = payload_length(s), size = payload_length(s)
    cdef const char* at = payload_take(s, packed)
    if at == NULL or size > 264 * packed:
        s.bad = True
        return False
    room.used = 0
    to.p = buffer_reserve(room, size + 1)
    to.n = size
    s.bad = not rl_lzf_expand(<const unsigned char*>at, packed, <unsigned char*>to.p, size)
    return not s.bad

cdef bint payload_text(Payload* s, Buffer* room, Slice* to) noexcept nogil:
    """A string, where it stands or in a buffer; False where there is none."""
    cdef bint encoded = False
    cdef uint64_t n = payload_mark(s, &encoded)
    cdef const char* at
    if s.bad:
        return False
    if encoded and n == 3:
        return payload_expand(s, room, to)
    if encoded:
        at = payload_take(s, <uint64_t>1 << n) if n < 3 else NULL
        if at == NULL:
            s.bad = True
            return False
        room.used = 0
        to.p = buffer_reserve(room, 24)
        to.n = <size_t>rl_format_int(room.p, rl_signed(at, 1 << n))
        return True
    to.p = <char*>payload_take(s, n)
    to.n = n
    return to.p != NULL

cdef bint payload_pack(Payload* s, Slice* to, size_t step, size_t* rows) noexcept:
    """A listpack that is not empty, in rows of so many elements, the first of which are all different."""
    cdef size_t count
    if not payload_text(s, &s.text, to) or not lp_check(to.p, to.n):
        return False
    count = lp_count(to.p)
    rows[0] = count // step
    return count > 0 and count % step == 0 and all_differ(to.p, rows[0], step)

cdef bint all_differ(const char* lp, size_t count, size_t step) noexcept nogil:
    """Is none of every step-th element, which are so many, there twice?  Equal elements are equal bytes."""
    cdef uint32_t[512] few
    cdef uint32_t* seen = few
    cdef const char* at = lp + LP_HEAD
    cdef size_t n, i, room = 16
    cdef bint differ = True
    while room < 2 * count:
        room *= 2
    if room > 512:
        seen = <uint32_t*>rl_alloc(room * sizeof(uint32_t))
    memset(seen, 0, room * sizeof(uint32_t))
    while differ and not lp_at_end(at):
        n = lp_whole_n(at)
        i = rl_hash(at, n) & (room - 1)
        while seen[i] and differ:
            differ = lp_whole_n(lp + seen[i]) != n or memcmp(lp + seen[i], at, n) != 0
            i = (i + 1) & (room - 1)
        seen[i] = <uint32_t>(at - lp)
        at = lp_skip(at, step)
    if seen != few:
        free(seen)
    return differ


# -------------------------------------------------------------------------------------------------------- lists and sets

cdef object restored_list(Payload* s, limits):
    """Node by node."""
    cdef List value = List(limits)
    cdef int64_t limit = list_limit(value)
    cdef quicklist* q = ql_new(limit)
    cdef uint64_t kind, left = payload_length(s)
    cdef Slice text
    list_free(value.root)
    value.root = <size_t>q | QUICK
    while left:
        left -= 1
        kind = payload_length(s)
        if not payload_text(s, &s.text, &text):
            return None
        if kind == RDB_ALONE:
            ql_link(q, ql_plain(q, text.p, text.n), NULL)
            q.count += 1
        elif kind != RDB_TOGETHER or not lp_check(text.p, text.n):
            return None
        elif lp_count(text.p):
            ql_link(q, ql_of(q, text.p + LP_HEAD, lp_end(text.p), lp_count(text.p)), NULL)
            q.count += lp_count(text.p)
    if s.bad or q.count == 0:
        return None
    list_shrink(&value.root, limit, 1)
    return value

cdef object restored_set(Payload* s, limits):
    cdef Set value
    cdef SetLimits most
    cdef Slice text
    cdef size_t count = 0
    if not payload_pack(s, &text, 1, &count):
        return None
    read_set_limits(limits, &most)
    value = Set(limits)
    set_drop(value.v.form, value.v.data)
    value.v.form = LISTPACK
    value.v.data = lp_from(text.p, text.n)
    if <int64_t>count > most.entries:
        set_become(&value.v, HASHTABLE, count)
    return value

cdef object restored_numbers(Payload* s, limits):
    """An intset that is in order, and as narrow as it can be."""
    cdef Set value
    cdef SetLimits most
    cdef Slice text
    cdef rl_intset* numbers
    cdef size_t i, width, count
    if not payload_text(s, &s.text, &text) or text.n < 8:
        return None
    width, count = rl_load4(text.p), rl_load4(text.p + 4)
    read_set_limits(limits, &most)
    if width not in (2, 4, 8) or count == 0 or text.n != 8 + width * count or <int64_t>count > most.intset:
        return None
    value = Set(limits)
    set_drop(value.v.form, value.v.data)
    numbers = <rl_intset*>rl_slot_alloc(text.n)
    value.v.data = numbers
    memcpy(numbers, text.p, text.n)
    for i in range(1, count):
        if rl_intset_at(numbers, i - 1) >= rl_intset_at(numbers, i):
            return None
    if <int>width > 2 and <int>width != max(rl_width(rl_intset_at(numbers, 0)), rl_width(rl_intset_at(numbers, count - 1))):
        return None
    return value

cdef object restored_plain_set(Payload* s, limits):
    cdef Set value
    cdef SetLimits most
    cdef Slice text
    cdef Place place
    cdef uint64_t h, left = payload_length(s)
    read_set_limits(limits, &most)
    if <int64_t>left <= most.intset or left > s.n:
        return None
    value = Set(limits)
    set_become(&value.v, HASHTABLE, left)
    while left:
        left -= 1
        if not payload_text(s, &s.text, &text):
            return None
        h = rl_hash(text.p, text.n)
        if member_find(<Table*>value.v.data, text.p, text.n, h, &place) != NULL:
            return None
        member_add(<Table*>value.v.data, LONE, text.p, text.n, h, NULL, 0)
    return value


# ---------------------------------------------------------------------------------------------------------------- hashes

cdef object restored_hash(Payload* s, limits):
    cdef Hash value
    cdef HashLimits most
    cdef Slice text
    cdef size_t count = 0
    if not payload_pack(s, &text, 2, &count):
        return None
    read_hash_limits(limits, &most)
    value = Hash(limits)
    lp_free(<char*>value.v.data)
    value.v.data = lp_from(text.p, text.n)
    hash_fit(&value.v, &most)
    return value

cdef object restored_timed_hash(Payload* s, limits):
    """Fields, values and deadlines in turn; 0 is none.  What stands before them, the soonest deadline, they say."""
    cdef Hash value
    cdef HashLimits most
    cdef Slice text
    cdef size_t count = 0
    if payload_take(s, 8) == NULL or not payload_pack(s, &text, 3, &count) or not pack_ordered(text.p):
        return None
    read_hash_limits(limits, &most)
    value = Hash(limits)
    lp_free(<char*>value.v.data)
    value.v.data = lp_from(text.p, text.n)
    value.v.timed = True
    value.v.first = pack_first(text.p)
    hash_fit(&value.v, &most)
    return value

cdef object restored_plain_hash(Payload* s, limits):
    """One that has too many fields to be packed."""
    cdef Hash value
    cdef HashLimits most
    cdef Slice field, text
    cdef Place place
    cdef uint64_t h, left = payload_length(s)
    read_hash_limits(limits, &most)
    if <int64_t>left <= most.entries or left > s.n:
        return None
    value = Hash(limits)
    hash_unpack(&value.v, left)
    while left:
        left -= 1
        if not payload_text(s, &s.text, &field) or not payload_text(s, &s.other, &text):
            return None
        h = rl_hash(field.p, field.n)
        if member_find(<Table*>value.v.data, field.p, field.n, h, &place) != NULL:
            return None
        member_add(<Table*>value.v.data, PAIRED, field.p, field.n, h, text.p, text.n)
    return value


# ----------------------------------------------------------------------------------------------------------- sorted sets

cdef object restored_zset(Payload* s, limits):
    """Members and scores in turn, in order."""
    cdef SortedSet value
    cdef ZsetLimits most
    cdef Slice text
    cdef char[2][24] room           # of a member, and of the one before
    cdef char* at
    cdef const char* member
    cdef const char* before = NULL
    cdef size_t n = 0, before_n = 0, count = 0, rank
    cdef double score, last = 0
    if not payload_pack(s, &text, 2, &count):
        return None
    at = <char*>text.p + LP_HEAD
    s.other.used = 0
    buffer_reserve(&s.other, PACK_HEAD)
    s.other.used = PACK_HEAD
    for rank in range(count):
        member = lp_text(at, room[rank & 1], &n)
        at += lp_whole_n(at)
        if not score_here(at, &score):
            return None
        at += lp_whole_n(at)
        if before != NULL and not (last < score or last == score and rl_order(before, before_n, member, n) < 0):
            return None
        before, before_n, last = member, n, score
        s.other.used += item_put(buffer_reserve(&s.other, n + ITEM_HEAD + 16), score, member, n)
    value = SortedSet.__new__(SortedSet, limits)
    value.v.pack = <char*>rl_slot_alloc(s.other.used)
    memcpy(value.v.pack, s.other.p, s.other.used)
    pack_set_head(value.v.pack, s.other.used, count)
    read_zset_limits(limits, &most)
    if <int64_t>count > most.entries:
        zset_unpack(&value.v, count)
    return value

cdef bint score_here(const char* at, double* score) noexcept nogil:
    """The score that is an element of a listpack; False where it is none, or one that Python reads."""
    cdef size_t n = 0
    cdef int64_t number = 0
    cdef const char* text = lp_read(at, &n, &number)
    if text == NULL:
        score[0] = <double>number
        return True
    return read_score(text, n, score) and not isnan(score[0])

cdef object restored_plain_zset(Payload* s, limits):
    """One that has too many members to be packed."""
    cdef SortedSet value
    cdef ZsetLimits most
    cdef Slice text
    cdef Place place
    cdef double score
    cdef const char* bits
    cdef uint64_t h, left = payload_length(s)
    read_zset_limits(limits, &most)
    if <int64_t>left <= most.entries or left > s.n:
        return None
    value = SortedSet.__new__(SortedSet, limits)
    zset_unpack(&value.v, left)
    while left:
        left -= 1
        if not payload_text(s, &s.text, &text):
            return None
        bits = payload_take(s, 8)
        if bits == NULL:
            return None
        score = rl_as_double(rl_load8(bits))
        h = rl_hash(text.p, text.n)
        if isnan(score) or member_find(&value.v.large.table, text.p, text.n, h, &place) != NULL:
            return None
        scores_add(value.v.large, text.p, text.n, h, score)
    return value


# ------------------------------------------------------------------------------------------------------------ of any type

cdef object restored_object(Payload* s, limits):
    """The value that begins here; None where it is not for this core to read."""
    cdef const char* kind = payload_take(s, 1)
    cdef Slice text
    if kind == NULL:
        return None
    if kind[0] == RDB_STRING:
        return slice_bytes(text) if payload_text(s, &s.text, &text) else None
    if kind[0] == RDB_QUICKLIST:
        return restored_list(s, limits)
    if kind[0] == RDB_INTSET:
        return restored_numbers(s, limits)
    if kind[0] == RDB_PACKED_SET:
        return restored_set(s, limits)
    if kind[0] == RDB_PLAIN_SET:
        return restored_plain_set(s, limits)
    if kind[0] == RDB_PACKED_HASH:
        return restored_hash(s, limits)
    if kind[0] == RDB_PACKED_TIMED_HASH:
        return restored_timed_hash(s, limits)
    if kind[0] == RDB_PLAIN_HASH:
        return restored_plain_hash(s, limits)
    if kind[0] == RDB_PACKED_ZSET:
        return restored_zset(s, limits)
    if kind[0] == RDB_PLAIN_ZSET:
        return restored_plain_zset(s, limits)
    return restored_stream(s, limits) if kind[0] == RDB_STREAM else None

def undumped(bytes data not None, size_t place, limits):
    """See redlark.server.types."""
    cdef Payload s
    memset(&s, 0, sizeof(Payload))
    s.p, s.n, s.at = data, <size_t>len(data), place
    try:
        value = restored_object(&s, limits) if place <= s.n else None
        return None if value is None else (value, s.at)
    finally:
        buffer_drop(&s.text)
        buffer_drop(&s.other)
