# Hot commands on the bits of strings; see dispatch.pxi for the contract.
#
# Must live here: strings as bits and fields of bits.  Must not: the arithmetic of a field (bitfield.h), error texts.

cdef extern from "bitfield.h" nogil:
    enum: RL_WRAP, RL_SATURATE, RL_FAIL
    enum: RL_GET, RL_PUT, RL_ADD
    ctypedef struct rl_field:
        int what
        int with_sign
        int overflow
        unsigned int width
        uint64_t place
        int64_t amount
    size_t rl_field_end(const rl_field* f)
    int64_t rl_field_read(const rl_field* f, const char* data, size_t size)
    void rl_field_write(const rl_field* f, char* data, uint64_t number)
    bint rl_field_outcome(const rl_field* f, int64_t old, int64_t* fresh)

cdef extern from "ones.h" nogil:
    int64_t rl_ones(const char* p, size_t n)
    int64_t rl_ones_between(const char* p, uint64_t first, uint64_t last)

cdef enum:
    FIELDS_AT_ONCE = 32         # operations of one BITFIELD
    TEXTS_AT_ONCE = 16          # strings of one BITOP


# ------------------------------------------------------------------------------------------------------------ one bit

cdef inline bint read_bit_place(Loop loop, const Slice* word, int64_t* place) noexcept:
    return rl_parse_int(word.p, word.n, place) and place[0] >= 0 and place[0] >> 3 < loop.bulk_limit

cdef bint cmd_getbit(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef char[24] digits
    cdef const char* text
    cdef size_t size = 0
    cdef int64_t place = 0
    cdef int bit = 0
    if not read_bit_place(loop, a + 2, &place):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL:
        if is_collection(e):
            return False
        entry_used(c.db, e, loop.now)
        text = text_of(e, digits, &size)
        if <size_t>(place >> 3) < size:
            bit = (<uint8_t>text[place >> 3] >> (7 - (place & 7))) & 1
    out_head(c.out, c':', bit)
    return True

cdef bint cmd_setbit(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """In place, where the byte is or can be there; a string that was not RAW is from then on, changed or not."""
    cdef Place at
    cdef Entry* e
    cdef Patch patch
    cdef char* byte
    cdef int64_t place = 0
    cdef int was, bit, shift
    cdef size_t within
    cdef bint grown
    if not read_bit_place(loop, a + 2, &place) or a[3].n != 1 or a[3].p[0] | 1 != c'1':
        return False
    within = <size_t>(place >> 3)
    bit = a[3].p[0] & 1
    shift = 7 - <int>(place & 7)
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL and is_collection(e):
        return False
    grown = e == NULL or kind_of(e) != TEXT or within >= text_size(e)
    if grown and not (e != NULL and can_grow(e, within + 1)):
        patch_begin(&patch, e, within + 1)
        byte = patch.p + within
        was = (<uint8_t>byte[0] >> shift) & 1
        if e != NULL and was == bit and patch.size == patch.before:     # a number that stays the same, but RAW
            patch_drop(&patch)
            return False
        byte[0] = <char>(<uint8_t>byte[0] ^ ((was ^ bit) << shift))
        patch_end(c.db, a + 1, h, &patch)
        out_head(c.out, c':', was)
        return True
    if grown:
        e = text_grown(c.db, e, &at, within + 1)
    byte = value_of(e) + within
    was = (<uint8_t>byte[0] >> shift) & 1
    e.flags = (e.flags & ~(3 << FORM_SHIFT)) | RAW << FORM_SHIFT
    entry_used(c.db, e, loop.now)
    if grown or was != bit:
        byte[0] = <char>(<uint8_t>byte[0] ^ ((was ^ bit) << shift))
        db_touch(c.db, a[1].p, a[1].n)
    out_head(c.out, c':', was)
    return True

cdef bint cmd_bitcount(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef char[24] digits
    cdef const char* text
    cdef size_t size = 0
    cdef int64_t first = 0, last = -1, ones = 0
    cdef bint bits = argc == 5 and word_is(a + 4, b"bit", 3)
    if argc == 3 or argc > 5 or argc == 5 and not bits and not word_is(a + 4, b"byte", 4) or \
            argc > 3 and not (rl_parse_int(a[2].p, a[2].n, &first) and rl_parse_int(a[3].p, a[3].n, &last)):
        return False
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL:
        if is_collection(e):
            return False
        entry_used(c.db, e, loop.now)
        text = text_of(e, digits, &size)
        if argc == 2:
            ones = rl_ones(text, size)
        elif not 0 > first > last and bits_within(size, bits, &first, &last):
            ones = rl_ones_between(text, <uint64_t>first, <uint64_t>last)
    out_head(c.out, c':', ones)
    return True

cdef bint bits_within(size_t size, bint bits, int64_t* first, int64_t* last) noexcept nogil:
    """Two places, of bits or of bytes and below 0 from the end, become those of bits in a text; False where none is between."""
    cdef int64_t length = <int64_t>size * (8 if bits else 1)
    first[0] = max(first[0] + length, 0) if first[0] < 0 else first[0]
    last[0] = min(max(last[0] + length, 0) if last[0] < 0 else last[0], length - 1)
    if first[0] > last[0]:
        return False
    if not bits:
        first[0], last[0] = 8 * first[0], 8 * last[0] + 7
    return True


cdef int64_t first_bit(const char* text, int64_t first, int64_t last, bint wanted) noexcept nogil:
    """Where the first such bit is, of those from one place to another, both included; -1 if there is none."""
    cdef uint8_t others = 0 if wanted else 0xFF
    cdef uint64_t without = 0 if wanted else ~<uint64_t>0
    cdef int64_t at = first >> 3, stop = last >> 3
    cdef int byte = (<uint8_t>text[at] ^ others) & (0xFF >> (first & 7)), i
    while True:
        if at == stop:
            byte &= 0xFF << (7 - (last & 7))
        if byte:
            for i in range(8):
                if byte & (0x80 >> i):
                    return 8 * at + i
        if at == stop:
            return -1
        at += 1
        while at + 8 <= stop and rl_load8(text + at) == without:
            at += 8
        byte = <uint8_t>text[at] ^ others

cdef bint cmd_bitpos(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Place at
    cdef Entry* e
    cdef char[24] digits
    cdef const char* text
    cdef size_t size = 0
    cdef int64_t first = 0, last = -1, found
    cdef bint bit, bits = argc == 6 and word_is(a + 5, b"bit", 3)
    if argc > 6 or a[2].n != 1 or a[2].p[0] | 1 != c'1' or argc == 6 and not bits and not word_is(a + 5, b"byte", 4) or \
            argc > 3 and not rl_parse_int(a[3].p, a[3].n, &first) or \
            argc > 4 and not rl_parse_int(a[4].p, a[4].n, &last):
        return False
    bit = a[2].p[0] & 1
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e == NULL:
        out_head(c.out, c':', -<int>bit)
        return True
    if is_collection(e):
        return False
    entry_used(c.db, e, loop.now)
    text = text_of(e, digits, &size)
    if not bits_within(size, bits, &first, &last):
        out_head(c.out, c':', -1)
        return True
    found = first_bit(text, first, last, bit)
    if found < 0 and not bit and argc < 5:      # zeros follow behind the end
        found = 8 * <int64_t>size
    out_head(c.out, c':', found)
    return True


# -------------------------------------------------------------------------------------------------------- whole strings

cdef enum BitWork:
    BITS_AND
    BITS_OR
    BITS_XOR
    BITS_NOT
    BITS_WITHOUT        # what the other has not

cdef inline uint64_t bits_of_two(uint64_t one, uint64_t other, BitWork work) noexcept nogil:
    if work == BITS_AND:
        return one & other
    if work == BITS_OR:
        return one | other
    if work == BITS_XOR:
        return one ^ other
    return ~one if work == BITS_NOT else one & ~other

cdef inline void join_bits(char* to, const char* p, size_t n, BitWork work) noexcept nogil:
    cdef size_t i = 0
    while i + 8 <= n:
        rl_store8(to + i, bits_of_two(rl_load8(to + i), rl_load8(p + i), work))
        i += 8
    while i < n:
        to[i] = <char>bits_of_two(<uint8_t>to[i], <uint8_t>p[i], work)
        i += 1

cdef void join_text(char* to, size_t size, const Slice* other, BitWork work) noexcept nogil:
    """Change a text by another one, behind whose end are zeros.  One loop for each work."""
    if work == BITS_AND:
        join_bits(to, other.p, other.n, BITS_AND)
        memset(to + other.n, 0, size - other.n)
    elif work == BITS_OR:
        join_bits(to, other.p, other.n, BITS_OR)
    elif work == BITS_XOR:
        join_bits(to, other.p, other.n, BITS_XOR)
    elif work == BITS_NOT:
        join_bits(to, to, size, BITS_NOT)
    else:
        join_bits(to, other.p, other.n, BITS_WITHOUT)

cdef bint read_bit_work(const Slice* word, int64_t texts, BitWork* each, BitWork* end, bint* first_at_end) noexcept nogil:
    """What is done with each text but the one to begin with, and with the first, if that comes at the end."""
    first_at_end[0] = False
    if word_is(word, b"and", 3):
        each[0] = BITS_AND
    elif word_is(word, b"or", 2):
        each[0] = BITS_OR
    elif word_is(word, b"xor", 3):
        each[0] = BITS_XOR
    elif word_is(word, b"not", 3):
        each[0] = BITS_NOT
        return texts == 1
    elif word_is(word, b"diff", 4):
        each[0] = BITS_WITHOUT
        return texts > 1
    elif word_is(word, b"diff1", 5) or word_is(word, b"andor", 5):
        each[0] = BITS_OR
        end[0] = BITS_AND if word.p[0] | 32 == c'a' else BITS_WITHOUT
        first_at_end[0] = True
        return texts > 1
    else:
        return False                            # ONE keeps two tallies
    return True

cdef bint cmd_bitop(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Where the result is no empty string."""
    cdef Place at
    cdef Entry* e
    cdef Slice[TEXTS_AT_ONCE] texts
    cdef char[TEXTS_AT_ONCE][24] digits
    cdef BitWork each = BITS_OR, end = BITS_OR
    cdef bint first_at_end = False
    cdef int64_t count = argc - 3, i
    cdef size_t size = 0, begins
    cdef char* made
    if count > TEXTS_AT_ONCE or not read_bit_work(a + 1, count, &each, &end, &first_at_end):
        return False
    for i in range(count):
        texts[i].p, texts[i].n = NULL, 0
        e = db_lookup(c.db, a[i + 3].p, a[i + 3].n, rl_hash(a[i + 3].p, a[i + 3].n), &at)
        if e == NULL:
            continue
        if is_collection(e):
            return False
        entry_used(c.db, e, loop.now)
        texts[i].p = <char*>text_of(e, digits[i], &texts[i].n)
        size = max(size, texts[i].n)
    if size == 0:
        return False
    loop.cells.used = 0
    made = buffer_reserve(&loop.cells, size)
    begins = 1 if first_at_end else 0
    rl_copy(made, texts[begins].p, texts[begins].n)
    memset(made + texts[begins].n, 0, size - texts[begins].n)
    if each == BITS_NOT:
        join_text(made, size, texts, BITS_NOT)
    for i in range(<int64_t>begins + 1, count):
        join_text(made, size, texts + i, each)
    if first_at_end:
        join_text(made, size, texts, end)
    db_write(c.db, a[2].p, a[2].n, h, TEXT, RAW, made, size, WITHOUT)
    out_head(c.out, c':', <int64_t>size)
    buffer_emptied(&loop.cells)
    return True


# -------------------------------------------------------------------------------------------------------------- fields

cdef bint read_field_type(const Slice* word, rl_field* f) noexcept:
    """i1 to i64, u1 to u63."""
    cdef int64_t width = 0
    if word.n < 2 or (word.p[0] != c'i' and word.p[0] != c'u') or not rl_parse_int(word.p + 1, word.n - 1, &width):
        return False
    f.with_sign = word.p[0] == c'i'
    f.width = <unsigned int>width
    return 0 < width <= (64 if f.with_sign else 63)

cdef bint read_field_place(Loop loop, const Slice* word, rl_field* f) noexcept:
    """A bit's number, or `#` and a field's, whose product is one of 64 bits."""
    cdef int64_t place = 0
    if word.n and word.p[0] == c'#':
        if not rl_parse_int(word.p + 1, word.n - 1, &place):
            return False
        place = <int64_t>(<uint64_t>place * f.width)
        if place < 0 or place >> 3 >= loop.bulk_limit:
            return False
    elif not read_bit_place(loop, word, &place):
        return False
    f.place = <uint64_t>place
    return True

cdef int read_fields(Loop loop, int64_t argc, const Slice* a, rl_field* fields) noexcept:
    """The operations of a BITFIELD, and how many; -1 for what is an error, or too many."""
    cdef int64_t at = 2
    cdef int count = 0, overflow = RL_WRAP
    cdef rl_field* f
    while at < argc:
        if word_is(a + at, b"overflow", 8):
            if at + 1 == argc:
                return -1
            if word_is(a + at + 1, b"wrap", 4):
                overflow = RL_WRAP
            elif word_is(a + at + 1, b"sat", 3):
                overflow = RL_SATURATE
            elif word_is(a + at + 1, b"fail", 4):
                overflow = RL_FAIL
            else:
                return -1
            at += 2
            continue
        if count == FIELDS_AT_ONCE or argc - at < 3:
            return -1
        f = fields + count
        f.what = RL_GET if word_is(a + at, b"get", 3) else RL_PUT if word_is(a + at, b"set", 3) else RL_ADD
        f.overflow = overflow
        f.amount = 0
        if f.what == RL_ADD and not word_is(a + at, b"incrby", 6) or f.what != RL_GET and argc - at < 4:
            return -1
        if not read_field_type(a + at + 1, f) or not read_field_place(loop, a + at + 2, f):
            return -1
        if f.what != RL_GET and not rl_parse_int(a[at + 3].p, a[at + 3].n, &f.amount):
            return -1
        at += 3 if f.what == RL_GET else 4
        count += 1
    return count

cdef int run_fields(Client c, const rl_field* fields, int count, char* data, size_t size) noexcept:
    """Do them, and tell of each.  2: a number was changed; 1: some were written as they were."""
    cdef int64_t was, fresh = 0
    cdef int i, done = 0
    out_head(c.out, c'*', count)
    for i in range(count):
        was = rl_field_read(fields + i, data, size)
        if fields[i].what == RL_GET:
            out_head(c.out, c':', was)
        elif rl_field_outcome(fields + i, was, &fresh):
            done = max(done, 1 + (fresh != was))
            rl_field_write(fields + i, data, <uint64_t>fresh)
            out_head(c.out, c':', was if fields[i].what == RL_PUT else fresh)
        else:
            out_null(c.out, c.resp)
    return done

cdef bint write_fields(Loop loop, Client c, const Slice* a, uint64_t h, const rl_field* fields, int count,
                       size_t needed) noexcept:
    """With a write among them, which needs so many bytes.  It is no hit."""
    cdef Place at
    cdef Entry* e = db_live(c.db, a[1].p, a[1].n, h, &at)
    cdef Patch patch
    cdef size_t before = c.out.used
    cdef int done
    if e != NULL and is_collection(e):
        return False
    if e != NULL and kind_of(e) == TEXT and needed <= text_size(e):
        e.flags = (e.flags & ~(3 << FORM_SHIFT)) | RAW << FORM_SHIFT
        entry_used(c.db, e, loop.now)
        if run_fields(c, fields, count, value_of(e), text_size(e)) == 2:
            db_touch(c.db, a[1].p, a[1].n)
        return True
    patch_begin(&patch, e, needed)
    done = run_fields(c, fields, count, patch.p, patch.size)
    if done < 2 and not (done and patch.size > patch.before):
        patch_drop(&patch)              # it is no change, but kept: a number as a text, or some more zeros
        c.out.used = before
        return False
    patch_end(c.db, a + 1, h, &patch)
    return True

cdef bint cmd_bitfield(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef rl_field[FIELDS_AT_ONCE] fields
    cdef int i, count = read_fields(loop, argc, a, fields)
    cdef size_t needed = 0, size = 0
    cdef Place at
    cdef Entry* e
    cdef char[24] digits
    cdef const char* text = b""
    if count < 0:
        return False
    for i in range(count):
        if fields[i].what != RL_GET:
            needed = max(needed, rl_field_end(fields + i))
    if needed:
        return write_fields(loop, c, a, h, fields, count, needed)
    e = db_lookup(c.db, a[1].p, a[1].n, h, &at)
    if e != NULL:
        if is_collection(e):
            return False
        entry_used(c.db, e, loop.now)
        text = text_of(e, digits, &size)
    run_fields(c, fields, count, <char*>text, size)
    return True

cdef bint cmd_bitfield_ro(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef rl_field[FIELDS_AT_ONCE] fields
    cdef int i, count = read_fields(loop, argc, a, fields)
    for i in range(count):
        if fields[i].what != RL_GET:
            return False
    return cmd_bitfield(loop, c, argc, a, h)


cdef int hot_bits(Loop loop) except -1:
    hot_add(loop, b"getbit", cmd_getbit, 1)
    hot_add(loop, b"setbit", cmd_setbit, 1)
    hot_add(loop, b"bitcount", cmd_bitcount, 1)
    hot_add(loop, b"bitpos", cmd_bitpos, 1)
    hot_add(loop, b"bitop", cmd_bitop, 2)
    hot_add(loop, b"bitfield", cmd_bitfield, 1)
    hot_add(loop, b"bitfield_ro", cmd_bitfield_ro, 1)
    return 0
