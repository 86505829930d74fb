# Hot commands on values of any type: OBJECT and DUMP; see dispatch.pxi for the contract.
#
# Must live here: names of encodings, values as payloads.  Must not: what reads payloads, and streams and hashes whose fields
# may have deadlines, which redlark.server.rdb writes (and which says the same of all others).

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
    RDB_ALONE = 1
    RDB_TOGETHER = 2
    RDB_LZF = 0xC3
    RDB_VERSION = 12
    SHORTEST_PACKED = 21        # bytes of a text that is worth compressing
    SAVED_LEAST = 4             # bytes that compressing must save
    LONGEST_INT32 = 11          # bytes of a text that may be a number of 32 bits


# ------------------------------------------------------------------------------------------------------------- OBJECT

cdef bytes packed_encoding(uint64_t word):
    if packed_type(word) == PACKED_NUMBERS:
        return b"intset"
    return b"listpack"

cdef inline bytes text_encoding(const Entry* e):
    """values.encoding_of, of a string."""
    cdef int64_t number = 0
    if form_of(e) == RAW:
        return b"raw"
    if kind_of(e) == INTEGER or form_of(e) == FRESH and rl_parse_int(value_of(e), text_size(e), &number):
        return b"int"
    return b"embstr"

cdef bint cmd_object_encoding(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """It is no use of the value."""
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[2].p, a[2].n, h, &at)
    cdef Slice text
    cdef PyObject* held
    if e == NULL:
        out_null(c.out, c.resp)
        return True
    if kind_of(e) == PACKED:
        text = slice_of(packed_encoding(rl_load8(value_of(e))))
    elif kind_of(e) == OBJECT:
        held = object_of(e)
        if type(<object>held) is Hash and (<Hash>held).timed:
            return False
        text = slice_of(<bytes>(<object>held).encoding)
    else:
        text = slice_of(text_encoding(e))
    out_bulk(c.out, text.p, text.n)
    return True

cdef bint cmd_object_refcount(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    if db_lookup(c.db, a[2].p, a[2].n, h, &at) == NULL:
        out_null(c.out, c.resp)
    else:
        out_head(c.out, c':', 1)
    return True

cdef bint cmd_object_idletime(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[2].p, a[2].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
    elif c.db.frequent:
        return False
    else:
        out_head(c.out, c':', unused_for(e, loop.now) // 1000)
    return True

cdef bint cmd_object_freq(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[2].p, a[2].n, h, &at)
    if e == NULL:
        out_null(c.out, c.resp)
    elif not c.db.frequent:
        return False
    else:
        out_head(c.out, c':', count_of(c.db, e.access, loop.now))
    return True


# --------------------------------------------------------------------------------------------------------------- DUMP

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

cdef void dump_set(Buffer* to, Buffer* packed, SetData* s) noexcept:
    if s.form == HASHTABLE:
        dump_byte(to, RDB_PLAIN_SET)
        dump_length(to, set_count(s))
        table_tell(<Table*>s.data, dump_members, to)
    elif s.form == LISTPACK:
        dump_byte(to, RDB_PACKED_SET)
        dump_text(to, <char*>s.data, lp_size(<char*>s.data))
    else:
        dump_byte(to, RDB_INTSET)
        dump_intset(to, packed, <rl_intset*>s.data)

cdef void dump_hash(Buffer* to, HashData* s) noexcept:
    if s.large:
        dump_byte(to, RDB_PLAIN_HASH)
        dump_length(to, hash_count(s))
        table_tell(<Table*>s.data, dump_pairs, to)
    else:
        dump_byte(to, RDB_PACKED_HASH)
        dump_text(to, <char*>s.data, lp_size(<char*>s.data))

cdef inline void pack_element(Buffer* packed, const lp_item* item) noexcept nogil:
    """One more element at the end of a listpack that has no end yet."""
    lp_write(buffer_reserve(packed, item.size), item)
    packed.used += item.size

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
    packed.used = 0
    buffer_reserve(packed, LP_ENDS)
    packed.used = LP_HEAD
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
    buffer_reserve(packed, 1)
    packed.used += 1
    lp_set_ends(packed.p, packed.used, count)
    dump_text(to, packed.p, packed.used)

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

cdef void dump_packed(Buffer* to, Buffer* packed, uint64_t word) noexcept:
    """What stands in an entry by itself."""
    cdef SetData members
    cdef HashData fields
    if packed_type(word) == PACKED_LIST:
        dump_list(to, <size_t>word)
    elif packed_type(word) == PACKED_ZSET:
        dump_byte(to, RDB_PACKED_ZSET)
        dump_scores(to, packed, packed_at(word))
    elif packed_type(word) == PACKED_HASH:
        fields = packed_hash(word)
        dump_hash(to, &fields)
    else:
        members = packed_set(word)
        dump_set(to, packed, &members)

cdef bint dump_object(Buffer* to, Buffer* packed, PyObject* held) noexcept:
    """False of what redlark.server.rdb has to write."""
    if type(<object>held) is List:
        dump_list(to, (<List>held).root)
    elif type(<object>held) is Set:
        dump_set(to, packed, &(<Set>held).v)
    elif type(<object>held) is SortedSet and zset_size(&(<SortedSet>held).v):
        dump_zset(to, packed, &(<SortedSet>held).v)
    elif type(<object>held) is Hash and not (<Hash>held).timed:
        dump_hash(to, &(<Hash>held).v)
    else:
        return False
    return True

cdef bint cmd_dump(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    cdef Buffer* to = &loop.dumped
    cdef char[24] digits
    cdef const char* text
    cdef size_t size = 0
    if e == NULL:
        out_null(c.out, c.resp)
        return True
    to.used = 0
    if kind_of(e) == PACKED:
        dump_packed(to, &loop.cells, rl_load8(value_of(e)))
    elif kind_of(e) != OBJECT:
        text = text_of(e, digits, &size)
        dump_byte(to, RDB_STRING)
        dump_text(to, text, size)
    elif not dump_object(to, &loop.cells, object_of(e)):
        return False
    entry_used(c.db, e, loop.now)
    dump_number(to, RDB_VERSION, 2)
    dump_number(to, rl_crc64(0, <const unsigned char*>to.p, to.used), 8)
    out_bulk(c.out, to.p, to.used)
    buffer_emptied(to)
    buffer_emptied(&loop.cells)
    return True


cdef int hot_values(Loop loop) except -1:
    hot_contain(loop, b"object", OBJECT_OF)
    hot_add_below(loop, b"object", b"encoding", cmd_object_encoding, 2)
    hot_add_below(loop, b"object", b"refcount", cmd_object_refcount, 2)
    hot_add_below(loop, b"object", b"idletime", cmd_object_idletime, 2)
    hot_add_below(loop, b"object", b"freq", cmd_object_freq, 2)
    hot_add(loop, b"dump", cmd_dump, 1)
    return 0
