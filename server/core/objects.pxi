# The entry: a key, its value and its deadline in one allocation.
#
# Must live here: the layout and what builds, reads and resizes one entry.  Must not: where entries are kept (table.pxi).
#
#     offset 0   flags      two bits of kind, two of form, LONG, TIMED
#            1   key size   below 256, unless LONG
#            2   text size  below 65536, unless LONG (kind TEXT only)
#            4   access     when it was last used, or how often (eviction.pxi)
#            8   sizes      two times 32 bits, only if LONG
#            .   deadline   64 bits, Unix time in ms, only if TIMED
#            .   the key's bytes, then the value: its bytes; or 8 bytes of integer; or 8 of PyObject* and 8 of its weight; or
#                        8 that say where a packed collection is (packed.pxi)
#
# Why one allocation: a lookup that hits then touches two cache lines, the bucket's and this one; and an allocation less
# saves what it costs.  16 bytes of key and 16 of value take 40, and the allocator (slab.h) adds nothing to them.
# Why no pointer to long values: realloc moves pages of large blocks rather than bytes, and one layout is one path.

cdef extern from "clib.h" nogil:
    uint64_t rl_load8(const char* p)
    uint64_t rl_load4(const char* p)
    void rl_store8(char* p, uint64_t v)
    uint64_t rl_load_short(const char* p, size_t n)
    bint rl_same(const char* a, const char* b, size_t n)
    void rl_copy(char* to, const char* source, size_t n)
    uint64_t rl_hash(const char* p, size_t n)
    uint64_t* rl_secret
    int rl_format_int(char* to, int64_t v)
    int rl_head(char* to, char kind, int64_t v)
    bint rl_parse_int(const char* p, size_t n, int64_t* out)
    void* rl_alloc(size_t n)
    void* rl_zeroed(size_t n)
    void* rl_map(size_t n)
    void rl_unmap(void* p, size_t n)
    void rl_release(void* p, size_t n)
    void* rl_resize(void* old, size_t n)
    int64_t rl_unix_ms()
    int64_t rl_unix_us()
    int64_t rl_steady_us()

cdef extern from "slab.h" nogil:
    size_t rl_good_size(size_t n)
    void* rl_slot_alloc(size_t n)
    void rl_slot_free(void* slot, size_t n)
    void* rl_slot_resize(void* slot, size_t before, size_t n)

cdef extern from "Python.h":
    char* BYTES_TEXT "PyBytes_AS_STRING" (PyObject* o) nogil
    Py_ssize_t BYTES_SIZE "PyBytes_GET_SIZE" (PyObject* o) nogil
    Py_ssize_t DICT_SIZE "PyDict_GET_SIZE" (dict d)

cdef struct Slice:
    char* p
    size_t n

cdef struct Entry:
    uint8_t flags
    uint8_t key_size
    uint16_t text_size
    uint32_t access

cdef enum Kind:
    TEXT = 0
    INTEGER = 1
    OBJECT = 2
    PACKED = 3
    KIND = 3

cdef enum Form:             # interfaces.FRESH, UNENCODED, RAW, in two bits of the flags
    FRESH = 0
    UNENCODED = 1
    RAW = 2
    FORM_SHIFT = 2

cdef enum EntryFlag:
    LONG = 16
    TIMED = 32

cdef enum:
    HEAD = 8
    HELD = 16               # bytes of an object's value: its address, and its weight, what it said that it takes
    LONGEST_NUMBER = 20


cdef inline int kind_of(const Entry* e) noexcept nogil:
    return e.flags & KIND

cdef inline bint is_collection(const Entry* e) noexcept nogil:
    return kind_of(e) >= OBJECT

cdef inline int form_of(const Entry* e) noexcept nogil:
    return (e.flags >> FORM_SHIFT) & 3

cdef inline char* key_of(const Entry* e) noexcept nogil:
    return <char*>e + HEAD + ((e.flags & LONG) >> 1) + ((e.flags & TIMED) >> 2)

cdef inline size_t key_size(const Entry* e) noexcept nogil:
    return (<uint32_t*>(<char*>e + HEAD))[0] if e.flags & LONG else e.key_size

cdef inline size_t text_size(const Entry* e) noexcept nogil:
    return (<uint32_t*>(<char*>e + HEAD))[1] if e.flags & LONG else e.text_size

cdef inline char* value_of(const Entry* e) noexcept nogil:
    return key_of(e) + key_size(e)

cdef inline int64_t integer_of(const Entry* e) noexcept nogil:
    return <int64_t>rl_load8(value_of(e))

cdef inline PyObject* object_of(const Entry* e) noexcept nogil:
    return <PyObject*><size_t>rl_load8(value_of(e))

cdef inline int64_t* deadline_of(const Entry* e) noexcept nogil:
    """Where the deadline stands; only if TIMED."""
    return <int64_t*>(<char*>e + HEAD + ((e.flags & LONG) >> 1))

cdef inline size_t entry_size(const Entry* e) noexcept nogil:
    """Bytes in use; what was asked of the allocator is rl_good_size of it."""
    cdef int kind = kind_of(e)
    return <size_t>(value_of(e) - <char*>e) + (text_size(e) if kind == TEXT else HELD if kind == OBJECT else 8)

cdef inline size_t weight_of(const Entry* e) noexcept nogil:
    """What an entry takes elsewhere."""
    if kind_of(e) == OBJECT:
        return <size_t>rl_load8(value_of(e) + 8)
    return packed_memory(rl_load8(value_of(e))) if kind_of(e) == PACKED else 0

cdef inline bint has_key(const Entry* e, const char* p, size_t n) noexcept nogil:
    return key_size(e) == n and rl_same(key_of(e), p, n)

cdef inline uint8_t shape(int kind, int form, size_t keyed, size_t size, bint timed) noexcept nogil:
    """The flags of an entry with such a content."""
    return <uint8_t>(kind | form << FORM_SHIFT | (LONG if keyed > 0xFF or size > 0xFFFF else 0) | (TIMED if timed else 0))

cdef inline size_t size_of_shape(uint8_t flags, size_t keyed, size_t size) noexcept nogil:
    return HEAD + ((flags & LONG) >> 1) + ((flags & TIMED) >> 2) + keyed + size

cdef inline void set_sizes(Entry* e, size_t keyed, size_t size) noexcept nogil:
    if e.flags & LONG:
        (<uint32_t*>(<char*>e + HEAD))[0] = <uint32_t>keyed
        (<uint32_t*>(<char*>e + HEAD))[1] = <uint32_t>size
        e.key_size = 0
        e.text_size = 0
    else:
        e.key_size = <uint8_t>keyed
        e.text_size = <uint16_t>size

cdef inline Entry* entry_blank(uint8_t flags, const char* p, size_t n, size_t size) noexcept nogil:
    """A new entry with its key; the `size` bytes of its value, the deadline and the access time are the caller's."""
    cdef Entry* e = <Entry*>rl_slot_alloc(size_of_shape(flags, n, size))
    e.flags = flags
    set_sizes(e, n, 0 if flags & KIND else size)
    rl_copy(key_of(e), p, n)
    return e

cdef void entry_free(Entry* e) noexcept:
    """Frees the entry and gives up the collection that it may hold."""
    cdef PyObject* held = object_of(e) if kind_of(e) == OBJECT else NULL
    if kind_of(e) == PACKED:
        packed_free(rl_load8(value_of(e)))
    rl_slot_free(e, entry_size(e))
    Py_XDECREF(held)

cdef Entry* entry_retimed(Entry* e, bint timed) noexcept nogil:
    """The same entry with or without room for a deadline; it may have moved."""
    cdef size_t size = entry_size(e)
    cdef char* at
    if ((e.flags & TIMED) != 0) == timed:
        return e
    if timed:
        e = <Entry*>rl_slot_resize(e, size, size + 8)
        at = key_of(e)
        memmove(at + 8, at, size - <size_t>(at - <char*>e))
        e.flags |= TIMED
    else:
        at = key_of(e)
        memmove(at - 8, at, size - <size_t>(at - <char*>e))
        e.flags &= <uint8_t>~TIMED
        e = <Entry*>rl_slot_resize(e, size, size - 8)
    return e

cdef bytes entry_key(const Entry* e):
    return PyBytes_FromStringAndSize(key_of(e), <Py_ssize_t>key_size(e))

cdef object entry_value(const Entry* e):
    """The value as Python commands see it; of a packed collection db_value makes an object first."""
    cdef char text[24]
    if kind_of(e) == TEXT:
        return PyBytes_FromStringAndSize(value_of(e), <Py_ssize_t>text_size(e))
    if kind_of(e) == INTEGER:
        return PyBytes_FromStringAndSize(text, rl_format_int(text, integer_of(e)))
    return <object>object_of(e)
