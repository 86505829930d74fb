# Values as bytes, as DUMP tells them and files have them: what redlark.server.rdb writes, from where it stands.
#
# Must live here: how each form of each type is written.  Must not: what reads it (restoring.pxi), the command.
#
# Why twice: a listpack, an intset or a node of a list is copied here, where Python would take it apart and pack it anew.  A
# node of a stream has the entries as Redis has them, without the counts behind them and three numbers in front, which are
# put in on the way.  rdb says the same of all, and is what other cores have; tests hold the two to each other by the byte.

cdef enum:                      # rdb.objects, rdb.writing, rdb.payload
    RDB_STRING = 0
    RDB_PLAIN_SET = 2
    RDB_PLAIN_HASH = 4
    RDB_PLAIN_ZSET = 5
    RDB_INTSET = 11
    RDB_PACKED_HASH = 16
    RDB_PACKED_ZSET = 17
    RDB_QUICKLIST = 18
    RDB_PACKED_SET = 20
    RDB_STREAM = 21
    RDB_TIMED_HASH = 24
    RDB_PACKED_TIMED_HASH = 25
    RDB_DELETED = 1             # flags of an entry of a stream
    RDB_SAME_FIELDS = 2
    RDB_ALONE = 1
    RDB_TOGETHER = 2
    RDB_LZF = 0xC3
    RDB_VERSION = 12
    RDB_FOOTER = 10
    SHORTEST_PACKED = 21        # bytes of a text that is worth compressing
    SAVED_LEAST = 4             # bytes that compressing must save
    LONGEST_INT32 = 11          # bytes of a text that may be a number of 32 bits
    COUNT_ROOM = 10             # bytes of any number in a listpack

cdef int64_t RDB_NEVER = (<int64_t>1 << 46) - 1     # in the place of the soonest deadline where there is none


cdef inline void dump_byte(Buffer* to, int byte) noexcept nogil:
    buffer_reserve(to, 1)[0] = <char>byte
    to.used += 1

cdef void dump_number(Buffer* to, uint64_t number, int size) noexcept nogil:
    """In so many bytes, the lowest first."""
    rl_store8(buffer_reserve(to, 8), number)
    to.used += <size_t>size

cdef void dump_length(Buffer* to, uint64_t n) noexcept nogil:
    """In 6, 14, 32 or 64 bits, the highest first."""
    cdef int i, size = 4
    if n < 1 << 6:
        dump_byte(to, <int>n)
    elif n < 1 << 14:
        dump_byte(to, 0x40 | <int>(n >> 8))
        dump_byte(to, <int>(n & 0xFF))
    else:
        if n >= <uint64_t>1 << 32:
            size = 8
        dump_byte(to, 0x80 | (size == 8))
        for i in range(size - 1, -1, -1):
            dump_byte(to, <int>((n >> (8 * i)) & 0xFF))

cdef void dump_text(Buffer* to, const char* p, size_t n) noexcept nogil:
    """A string: as a number of 8, 16 or 32 bits if it is one, compressed if that saves enough, or as it is."""
    cdef int64_t number = 0
    cdef size_t begun = to.used, packed
    cdef char* at
    if n <= LONGEST_INT32 and rl_parse_int(p, n, &number) and rl_width(number) < 8:
        dump_byte(to, 0xC0 | rl_width(number) >> 1)
        dump_number(to, <uint64_t>number, rl_width(number))
        return
    if n >= SHORTEST_PACKED and n < <size_t>0xFFFFFFFF:
        at = buffer_reserve(to, n + 16) + 11        # behind the longest head
        packed = rl_lzf_compress(<const unsigned char*>p, n, <unsigned char*>at, n - SAVED_LEAST)
        if packed:
            dump_byte(to, RDB_LZF)
            dump_length(to, packed)
            dump_length(to, n)
            memmove(to.p + to.used, to.p + begun + 11, packed)
            to.used += packed
            return
    dump_length(to, n)
    buffer_add(to, p, n)

cdef void dump_members(void* to, Bucket* b) noexcept:
    """to: a Buffer, which gets the members of a chain."""
    cdef Slice text
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                text = member_text(b.slot[i])
                dump_text(<Buffer*>to, text.p, text.n)
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void dump_pairs(void* to, Bucket* b) noexcept:
    """to: a Buffer, which gets the fields and values of a chain."""
    cdef Slice text
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                text = member_text(b.slot[i])
                dump_text(<Buffer*>to, text.p, text.n)
                text = slice_at(text.p + text.n)
                dump_text(<Buffer*>to, text.p, text.n)
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void dump_list(Buffer* to, size_t root) noexcept:
    cdef ql_node* node
    dump_byte(to, RDB_QUICKLIST)
    if not root & QUICK:
        dump_byte(to, 1)
        dump_byte(to, RDB_TOGETHER)
        dump_text(to, pack_of(root), lp_size(pack_of(root)))
        return
    dump_length(to, quick_of(root).nodes)
    node = quick_of(root).first
    while node != NULL:
        dump_byte(to, RDB_ALONE if node.plain else RDB_TOGETHER)
        dump_text(to, node.data if node.plain else ql_lp(node), node.size)
        node = node.after

cdef void dump_intset(Buffer* to, Buffer* packed, const rl_intset* numbers) noexcept:
    """As narrow as its numbers allow, whatever it has held before."""
    cdef size_t i, count = numbers.count
    cdef int width = max(2, max(rl_width(rl_intset_at(numbers, 0)), rl_width(rl_intset_at(numbers, count - 1))))
    packed.used = 0
    dump_number(packed, <uint64_t>width, 4)
    dump_number(packed, count, 4)
    for i in range(count):
        dump_number(packed, <uint64_t>rl_intset_at(numbers, i), width)
    dump_text(to, packed.p, packed.used)

cdef void dump_elements(Buffer* to, const char* lp) noexcept:
    """Those of a listpack, one by one."""
    cdef const char* at = lp_first(lp)
    cdef char[24] room
    cdef const char* text
    cdef size_t n = 0
    while at != NULL:
        text = lp_text(at, room, &n)
        dump_text(to, text, n)
        at = lp_next(at)

cdef void dump_set(Buffer* to, Buffer* packed, SetData* s) noexcept:
    if s.form == HASHTABLE:
        dump_byte(to, RDB_PLAIN_SET)
        dump_length(to, set_count(s))
        table_tell(<Table*>s.data, dump_members, to)
    elif s.few:
        dump_byte(to, RDB_PLAIN_SET)
        dump_length(to, set_count(s))
        dump_elements(to, <char*>s.data)
    elif s.form == LISTPACK:
        dump_byte(to, RDB_PACKED_SET)
        dump_text(to, <char*>s.data, lp_size(<char*>s.data))
    else:
        dump_byte(to, RDB_INTSET)
        dump_intset(to, packed, <rl_intset*>s.data)

cdef inline void pack_element(Buffer* packed, const lp_item* item) noexcept nogil:
    """One more element at the end of a listpack that has no end yet."""
    lp_write(buffer_reserve(packed, item.size), item)
    packed.used += item.size

cdef inline void pack_begin(Buffer* packed) noexcept nogil:
    packed.used = 0
    buffer_reserve(packed, LP_ENDS)
    packed.used = LP_HEAD

cdef inline void pack_end(Buffer* packed, size_t count) noexcept nogil:
    """A listpack of so many elements gets its ends."""
    buffer_reserve(packed, 1)
    packed.used += 1
    lp_set_ends(packed.p, packed.used, count)

cdef inline void pack_told(Buffer* to, Buffer* packed, size_t count) noexcept nogil:
    pack_end(packed, count)
    dump_text(to, packed.p, packed.used)

cdef inline void prepare_score(lp_item* to, double score, char* room) noexcept:
    """As text, which a small whole number is to a listpack without being written."""
    if -2147483648.0 <= score <= 2147483647.0 and rl_as_bits(score) == rl_as_bits(<double><int32_t>score):
        lp_prepare_int(to, <int64_t>score)
    else:
        lp_prepare(to, room, <size_t>format_score(room, score) & (SCORE_ROOM - 1))

cdef void dump_scores(Buffer* to, Buffer* packed, const char* pack) noexcept:
    """Members and scores in turn, as a listpack."""
    cdef char[SCORE_ROOM] score
    cdef lp_item element
    cdef Item item
    cdef size_t at = PACK_HEAD, end = pack_size(pack), count = 0
    pack_begin(packed)
    while at < end:
        item_read(pack, at, &item)
        at += item.size
        if item.p == NULL:
            lp_prepare_int(&element, item.number)
        else:
            lp_prepare(&element, item.p, item.n)
        pack_element(packed, &element)
        prepare_score(&element, item.score, score)
        pack_element(packed, &element)
        count += 2
    pack_told(to, packed, count)

cdef void dump_zset(Buffer* to, Buffer* packed, const Zset* z) noexcept:
    """What is not packed with the highest score first, as Redis does: each is then put before those that are there."""
    cdef Steps steps
    cdef Item item
    cdef size_t i, count = zset_size(z)
    if z.large == NULL:
        dump_byte(to, RDB_PACKED_ZSET)
        dump_scores(to, packed, z.pack)
        return
    dump_byte(to, RDB_PLAIN_ZSET)
    dump_length(to, count)
    steps_from(z, count - 1, True, &steps)
    for i in range(count):
        steps_next(z, &steps, &item)
        dump_text(to, item.p, item.n)
        dump_number(to, rl_as_bits(item.score), 8)


# -------------------------------------------------------------------------------------------------------------- hashes

cdef struct TimedPairs:         # of a table, on their way
    Buffer* to
    int64_t first

cdef void dump_timed_pairs(void* on_their_way, Bucket* b) noexcept:
    """The fields and values of a chain, before each how far behind the soonest deadline its own is."""
    cdef TimedPairs* pairs = <TimedPairs*>on_their_way
    cdef Slice text
    cdef int64_t at
    cdef int i
    while True:
        for i in range(SLOTS):
            if (b.tags >> (8 * i)) & 0x80:
                text = member_text(b.slot[i])
                at = member_end(b.slot[i])
                dump_length(pairs.to, 0 if at == FAR else <uint64_t>(at + 1 - pairs.first))
                dump_text(pairs.to, text.p, text.n)
                text = slice_at(text.p + text.n)
                dump_text(pairs.to, text.p, text.n)
        if not b.tags & CHAINED:
            return
        b = <Bucket*>b.slot[6]

cdef void dump_timed(Buffer* to, HashData* s) noexcept:
    """A hash whose fields may have deadlines."""
    cdef TimedPairs pairs
    if not s.large:
        dump_byte(to, RDB_PACKED_TIMED_HASH)
        dump_number(to, <uint64_t>(RDB_NEVER if s.first == FAR else s.first), 8)
        dump_text(to, <char*>s.data, lp_size(<char*>s.data))
        return
    pairs.to, pairs.first = to, s.first
    dump_byte(to, RDB_TIMED_HASH)
    dump_number(to, <uint64_t>s.first, 8)
    dump_length(to, hash_count(s))
    table_tell(<Table*>s.data, dump_timed_pairs, &pairs)


cdef void dump_hash(Buffer* to, HashData* s) noexcept:
    if s.timed and (not s.large or s.first != FAR):
        dump_timed(to, s)
    elif s.large:
        dump_byte(to, RDB_PLAIN_HASH)
        dump_length(to, hash_count(s))
        table_tell(<Table*>s.data, dump_pairs, to)
    else:
        dump_byte(to, RDB_PACKED_HASH)
        dump_text(to, <char*>s.data, lp_size(<char*>s.data))


# ------------------------------------------------------------------------------------------------------------- streams

cdef void dump_bare_id(Buffer* to, Id id_) noexcept nogil:
    """In sixteen bytes, the highest first."""
    cdef int i
    for i in range(7, -1, -1):
        dump_byte(to, <int>((id_.ms >> (8 * i)) & 0xFF))
    for i in range(7, -1, -1):
        dump_byte(to, <int>((id_.seq >> (8 * i)) & 0xFF))

cdef inline void dump_id(Buffer* to, Id id_) noexcept nogil:
    dump_length(to, id_.ms)
    dump_length(to, id_.seq)

cdef inline char* put_int(char* to, int64_t number) noexcept nogil:
    """What an entry has beside its texts is nearly always a small number: itself, and one byte in all."""
    cdef lp_item item
    if 0 <= number < 128:
        to[0] = <char>number
        to[1] = 1
        return to + 2
    lp_prepare_int(&item, number)
    return lp_write(to, &item)

cdef inline void pack_int(Buffer* packed, int64_t number) noexcept nogil:
    packed.used = <size_t>(put_int(buffer_reserve(packed, COUNT_ROOM), number) - packed.p)

cdef void dump_node(Buffer* to, Buffer* packed, const Node* node) noexcept:
    """Entries and their fields as they stand; what was deleted is gone."""
    cdef char* at = node.lp + node.head
    cdef char* end
    cdef char* out
    cdef size_t n, count = 4 + node.fields
    pack_begin(packed)
    pack_int(packed, node.live)
    pack_int(packed, 0)
    pack_int(packed, node.fields)
    buffer_add(packed, node.lp + LP_HEAD, node.head - LP_HEAD)
    pack_int(packed, 0)
    out = buffer_reserve(packed, lp_size(node.lp) + node.live * COUNT_ROOM)
    while not lp_at_end(at):
        end = at + 2                            # whether it has the same fields is 1 or 0: a byte, and one behind it
        out[0] = RDB_SAME_FIELDS if at[0] else 0
        out[1] = 1
        n = skip_entry(node, at[0] != 0, &end)
        rl_copy(out + 2, at + 2, <size_t>(end - at) - 2)
        out = put_int(out + (end - at), <int64_t>n)
        count += n + 1
        at = end
    packed.used = <size_t>(out - packed.p)
    pack_told(to, packed, count)

cdef inline size_t skip_entry(const Node* node, bint same, char** at) noexcept nogil:
    """From an entry's id to its end; how many elements it has."""
    cdef int64_t pairs = 0
    cdef size_t n = 0, i, left = node.fields
    at[0] += lp_whole_n(at[0])
    at[0] += lp_whole_n(at[0])
    if not same:
        lp_read(at[0], &n, &pairs)
        at[0] += lp_whole_n(at[0])
        left = 2 * <size_t>pairs
    for i in range(left):
        at[0] += lp_whole_n(at[0])
    return ENTRY_HEAD + left + (not same)

cdef Id first_id(Stream s) noexcept:
    """Of the oldest entry; 0-0 where there is none."""
    cdef Record record
    cdef Node* node
    cdef size_t i
    record.id.ms = record.id.seq = 0
    for i in range(s.count):
        node = node_at(s, i)
        if node.live:
            record_read(node, node.lp + node.head, &record)
            break
    return record.id

cdef bint dump_stream(Buffer* to, Buffer* packed, Stream s) noexcept:
    """False where a group is another's than this core's."""
    cdef size_t i
    cdef Node* node
    cdef dict groups = {} if s.some_groups is None else s.some_groups
    for group in groups.values():
        if type(group) is not Group:
            return False
    dump_byte(to, RDB_STREAM)
    dump_length(to, s.count)
    for i in range(s.count):
        node = node_at(s, i)
        dump_length(to, sizeof(Id))
        dump_bare_id(to, node.first)
        dump_node(to, packed, node)
    dump_length(to, s.live)
    dump_id(to, s.last_)
    dump_id(to, first_id(s))
    dump_id(to, s.deleted_)
    dump_length(to, s.added)
    dump_length(to, <size_t>len(groups))
    for name in sorted(groups):
        dump_text(to, <char*><bytes>name, <size_t>len(<bytes>name))
        dump_group(to, <Group>groups[name])
    return True

cdef void dump_group(Buffer* to, Group group) noexcept:
    cdef pend_place at
    cdef Held* held
    cdef Consumer one
    cdef size_t i
    dump_id(to, group.last_)
    dump_length(to, <uint64_t>group.read_)      # -1, unknown, is as many as there can be
    dump_length(to, group.held_.live)
    at.block = at.at = 0
    for i in range(group.held_.live):
        held = <Held*>pend_item(&group.held_, at)
        dump_bare_id(to, held.id)
        dump_number(to, <uint64_t>held.time, 8)
        dump_length(to, held.count)
        pend_next(&group.held_, &at)
    dump_length(to, <size_t>len(group.consumers))
    for name in sorted(group.consumers):
        one = <Consumer>group.consumers[name]
        dump_text(to, <char*><bytes>name, <size_t>len(<bytes>name))
        dump_number(to, <uint64_t>one.seen, 8)
        dump_number(to, <uint64_t>one.active, 8)
        dump_length(to, one.ids.live)
        at.block = at.at = 0
        for i in range(one.ids.live):
            dump_bare_id(to, (<Id*>pend_item(&one.ids, at))[0])
            pend_next(&one.ids, &at)


# ------------------------------------------------------------------------------------------------------- of any type

cdef void dump_packed(Buffer* to, Buffer* packed, uint64_t word) noexcept:
    """What stands in an entry by itself."""
    cdef SetData members
    cdef HashData fields
    if packed_type(word) == PACKED_LIST:
        dump_list(to, <size_t>word)
    elif packed_type(word) == PACKED_ZSET:
        dump_byte(to, RDB_PACKED_ZSET)
        dump_scores(to, packed, packed_at(word))
    elif packed_type(word) >= PACKED_HASH:
        fields = packed_hash(word)
        dump_hash(to, &fields)
    else:
        members = packed_set(word)
        dump_set(to, packed, &members)

cdef bint dump_object(Buffer* to, Buffer* packed, PyObject* held) noexcept:
    """False of what redlark.server.rdb has to write: what is no value of this core, or is empty."""
    if type(<object>held) is List:
        dump_list(to, (<List>held).root)
    elif type(<object>held) is Set:
        dump_set(to, packed, &(<Set>held).v)
    elif type(<object>held) is SortedSet and zset_size(&(<SortedSet>held).v):
        dump_zset(to, packed, &(<SortedSet>held).v)
    elif type(<object>held) is Hash:
        dump_hash(to, &(<Hash>held).v)
    elif type(<object>held) is Stream:
        return dump_stream(to, packed, <Stream>held)
    else:
        return False
    return True

def dumped(value not None):
    """See redlark.server.types."""
    cdef Buffer to, packed
    cdef bytes told = None
    memset(&to, 0, sizeof(Buffer))
    memset(&packed, 0, sizeof(Buffer))
    if dump_object(&to, &packed, <PyObject*>value):
        told = PyBytes_FromStringAndSize(to.p, <Py_ssize_t>to.used)
    buffer_drop(&to)
    buffer_drop(&packed)
    return told
