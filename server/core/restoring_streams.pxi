# Streams made of the bytes that DUMP tells; see restoring.pxi.
#
# Must live here: nodes, groups and their consumers as Redis writes them.  Must not: how a node is kept (stream.pxi).

cdef uint64_t MOST_ENTRIES = (<uint64_t>1 << 63) - 1


cdef inline Id bare_id(const char* p) noexcept nogil:
    """Of sixteen bytes, the highest first."""
    cdef Id id_
    cdef int i
    id_.ms = id_.seq = 0
    for i in range(8):
        id_.ms = id_.ms << 8 | <uint8_t>p[i]
        id_.seq = id_.seq << 8 | <uint8_t>p[8 + i]
    return id_

cdef inline Id payload_id(Payload* s) noexcept nogil:
    cdef Id id_
    id_.ms = payload_length(s)
    id_.seq = payload_length(s)
    return id_

cdef inline bint number_here(const char** at, int64_t* number) noexcept nogil:
    """The number that is an element of a listpack, which is gone beyond; False where there is none."""
    cdef size_t n = 0
    if lp_at_end(at[0]) or lp_read(at[0], &n, number) != NULL:
        return False
    at[0] += lp_whole_n(at[0])
    return True

cdef const char* beyond(const char* at, uint64_t count) noexcept nogil:
    """So many elements on; NULL where there are not so many."""
    while count:
        if lp_at_end(at):
            return NULL
        at += lp_whole_n(at)
        count -= 1
    return at

cdef bint restored_node(Stream to, Id first, const Slice* text, Buffer* packed, Id* last, Id* newest) noexcept:
    """Put a node into a stream behind all others, unless all is deleted; last: of its ids, newest: of those that are left."""
    cdef const char* at = text.p + LP_HEAD
    cdef const char* fields
    cdef const char* begin
    cdef int64_t left = 0, deleted = 0, width = 0, flags = 0, ms = 0, seq = 0, pairs = 0
    cdef uint64_t total
    cdef size_t head, fields_n, count, live = 0
    cdef Id id_
    cdef bint any_yet = False, same
    if not lp_check(text.p, text.n):
        return False
    if not number_here(&at, &left) or not number_here(&at, &deleted) or not number_here(&at, &width):
        return False
    if left < 0 or deleted < 0 or width < 0:
        return False
    fields = at
    at = beyond(at, <uint64_t>width)
    if at == NULL or lp_at_end(at):
        return False
    fields_n = <size_t>(at - fields)
    at += lp_whole_n(at)
    pack_begin(packed)
    buffer_add(packed, fields, fields_n)
    head = packed.used
    count = <size_t>width
    last[0] = first
    total = <uint64_t>left + <uint64_t>deleted
    while total:
        total -= 1
        if not number_here(&at, &flags):
            return False
        begin = at
        if not number_here(&at, &ms) or not number_here(&at, &seq):
            return False
        id_.ms, id_.seq = first.ms + <uint64_t>ms, first.seq + <uint64_t>seq
        if id_order(id_, last[0]) < 0 or any_yet and id_order(id_, last[0]) == 0:
            return False
        last[0] = id_
        any_yet = True
        same = (flags & RDB_SAME_FIELDS) != 0
        pairs = width
        if not same and (not number_here(&at, &pairs) or pairs < 0):
            return False
        if not same and pairs == width and same_fields(at, fields, <size_t>width):
            return False                        # it could have said so; rdb does
        if pairs > INT_MAX:
            return False
        at = beyond(at, <uint64_t>pairs if same else 2 * <uint64_t>pairs)
        if at == NULL or lp_at_end(at):
            return False
        if not flags & RDB_DELETED:
            pack_int(packed, same)
            buffer_add(packed, begin, <size_t>(at - begin))
            count += <size_t>(3 + pairs if same else 4 + 2 * pairs)
            live += 1
            newest[0] = id_
        at += lp_whole_n(at)
    if live != <size_t>left or not lp_at_end(at):
        return False
    if live:
        pack_end(packed, count)
        node_adopt(to, first, last[0], packed, head, <uint32_t>width, <uint32_t>(left + deleted), <uint32_t>live, text.n)
    return True

cdef bint same_fields(const char* at, const char* fields, size_t width) noexcept nogil:
    """Are the fields of an entry, between which its values stand, these?"""
    cdef size_t n
    while width:
        if lp_at_end(at):
            return False
        n = lp_whole_n(fields)
        if lp_whole_n(at) != n or memcmp(at, fields, n) != 0:
            return False
        at = lp_skip(at, 2)
        fields += n
        width -= 1
    return True

cdef object restored_stream(Payload* s, limits):
    cdef Stream value = Stream(limits)
    cdef uint64_t length, left = payload_length(s)
    cdef Slice text
    cdef Id first, last, before, newest
    cdef bint later = False
    newest.ms = newest.seq = last.ms = last.seq = 0
    while left:
        left -= 1
        before = last
        if not payload_text(s, &s.text, &text) or text.n != sizeof(Id):
            return None
        first = bare_id(text.p)
        if later and id_order(first, before) <= 0:
            return None
        later = True
        if not payload_text(s, &s.text, &text) or not restored_node(value, first, &text, &s.other, &last, &newest):
            return None
    length = payload_length(s)
    value.last_ = payload_id(s)
    payload_id(s)                                # the first one: the entries tell
    value.deleted_ = payload_id(s)
    value.added = payload_length(s)
    if s.bad or length != value.live or length > value.added or value.added > MOST_ENTRIES:
        return None
    if value.live and id_order(newest, value.last_) > 0:
        return None
    left = payload_length(s)
    while left:
        left -= 1
        if not payload_text(s, &s.text, &text):
            return None
        name = slice_bytes(text)
        group = None if name in value.groups else restored_group(s)
        if group is None:
            return None
        value.groups[name] = group
    return None if s.bad else value

cdef object restored_group(Payload* s):
    cdef Group group = Group(0)
    cdef uint64_t read, i, left
    cdef Held* waiting
    cdef const char* at
    cdef bint good = True
    group.last_ = payload_id(s)
    read = payload_length(s)
    left = payload_length(s)
    if s.bad or MOST_ENTRIES < read < <uint64_t>-1 or left > s.n // 16:
        return None
    group.read_ = <int64_t>read                 # as many as there can be: unknown, -1
    waiting = <Held*>rl_alloc(left * sizeof(Held) + 1)
    for i in range(left):
        at = payload_take(s, 24)
        good = at != NULL
        if not good:
            break
        waiting[i].id = bare_id(at)
        waiting[i].owner = NULL
        waiting[i].time = <int64_t>rl_load8(at + 16)
        waiting[i].count = payload_length(s)
        good = i == 0 or id_order(waiting[i - 1].id, waiting[i].id) < 0
        if not good:
            break
    try:
        if good and not s.bad and restored_consumers(s, group, waiting, left) and group.held_.live == left:
            return group
        return None
    finally:
        free(waiting)

cdef bint restored_consumers(Payload* s, Group group, Held* waiting, uint64_t count) except -1:
    """False where one is there twice, or has what the group has not, or another one has."""
    cdef uint64_t left = payload_length(s), some, low, high, middle
    cdef Consumer one
    cdef Slice text
    cdef const char* times
    cdef const char* at
    cdef Id id_
    while left:
        left -= 1
        if not payload_text(s, &s.text, &text):
            return False
        name = slice_bytes(text)
        times = payload_take(s, 16)
        some = payload_length(s)
        if s.bad or name in group.consumers:
            return False
        one = group_join(group, name, <int64_t>rl_load8(times), <int64_t>rl_load8(times + 8))
        while some:
            some -= 1
            at = payload_take(s, 16)
            if at == NULL:
                return False
            id_ = bare_id(at)
            low, high = 0, count
            while low < high:
                middle = (low + high) // 2
                if id_order(waiting[middle].id, id_) < 0:
                    low = middle + 1
                else:
                    high = middle
            if low == count or id_order(waiting[low].id, id_) != 0 or waiting[low].owner != NULL:
                return False
            waiting[low].owner = <PyObject*>one
            group_give(group, id_, one, waiting[low].time, waiting[low].count)
    return not s.bad
