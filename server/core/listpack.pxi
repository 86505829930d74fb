# Listpacks as the rest of the core sees them.
#
# Must live here: listpack.h declared, elements as replies and as Python's bytes, the class that tests look through.  Must
# not: the format (listpack.h), collections.

cdef extern from "listpack.h" nogil:
    enum:
        LP_HEAD
        LP_ENDS
        LP_MOST
    ctypedef struct lp_item:
        const char* text
        size_t n
        size_t size
        uint32_t head_n
    char* lp_new()
    void lp_free(char* lp)
    char* lp_copy(const char* lp)
    char* lp_from(const char* p, size_t n)
    size_t lp_size(const char* lp)
    size_t lp_count(const char* lp)
    size_t lp_memory(const char* lp)
    bint lp_fits(const char* lp, size_t more)
    char* lp_first(const char* lp)
    char* lp_last(const char* lp)
    char* lp_next(const char* at)
    char* lp_prev(const char* lp, const char* at)
    char* lp_end(const char* lp)
    bint lp_at_end(const char* at)
    char* lp_skip(const char* at, size_t count)
    char* lp_seek(const char* lp, int64_t index)
    size_t lp_whole_n(const char* at)
    const char* lp_read(const char* at, size_t* n, int64_t* number)
    const char* lp_text(const char* at, char* room, size_t* n)
    void lp_prepare(lp_item* item, const char* p, size_t n)
    void lp_prepare_int(lp_item* item, int64_t number)
    char* lp_write(char* at, const lp_item* item)
    void lp_set_ends(char* lp, size_t size, size_t count)
    bint lp_is(const char* at, const lp_item* item)
    char* lp_find(const char* at, const lp_item* item, size_t step)
    char* lp_insert(char* lp, char** at, const lp_item* items, size_t count)
    char* lp_append(char* lp, const lp_item* items, size_t count)
    char* lp_prepend(char* lp, const lp_item* items, size_t count)
    char* lp_replace(char* lp, char** at, const lp_item* item)
    char* lp_delete(char* lp, char** at, size_t count)
    char* lp_shorten(char* lp, const char* end, size_t count)
    bint lp_check(const char* lp, size_t n)


cdef inline void lp_prepare_bytes(lp_item* item, bytes element) noexcept:
    """Of a bytes object, which must outlive the item."""
    lp_prepare(item, BYTES_TEXT(<PyObject*>element), <size_t>BYTES_SIZE(<PyObject*>element))

cdef inline bytes lp_bytes(const char* at):
    """The element at a place."""
    cdef char[24] room
    cdef size_t n = 0
    cdef const char* text = lp_text(at, room, &n)
    return PyBytes_FromStringAndSize(text, <Py_ssize_t>n)

cdef inline void out_element(Buffer* b, const char* at) noexcept nogil:
    """The element at a place as a bulk string."""
    cdef char[24] room
    cdef size_t n = 0
    cdef const char* text = lp_text(at, room, &n)
    out_bulk(b, text, n)


cdef class Listpack:
    """A listpack by itself, for tests; its methods are the functions of listpack.h, places are counted from 0."""

    cdef char* lp

    def __cinit__(self, bytes data=None):
        """Empty, or of these bytes, which must be a listpack."""
        if data is None:
            self.lp = lp_new()
        elif lp_check(data, <size_t>len(data)):
            self.lp = lp_from(data, <size_t>len(data))
        else:
            raise ValueError("not a listpack")

    def __dealloc__(self):
        if self.lp != NULL:
            lp_free(self.lp)

    def __len__(self):
        return <Py_ssize_t>lp_count(self.lp)

    def __bytes__(self):
        return PyBytes_FromStringAndSize(self.lp, <Py_ssize_t>lp_size(self.lp))

    def __iter__(self):
        cdef char* at = lp_first(self.lp)
        cdef list found = []
        while at != NULL:
            found.append(lp_bytes(at))
            at = lp_next(at)
        return iter(found)

    def __reversed__(self):
        cdef char* at = lp_last(self.lp)
        cdef list found = []
        while at != NULL:
            found.append(lp_bytes(at))
            at = lp_prev(self.lp, at)
        return iter(found)

    def get(self, int64_t index):
        cdef char* at = lp_seek(self.lp, index)
        return None if at == NULL else lp_bytes(at)

    def insert(self, size_t place, list elements not None):
        cdef list kept = elements
        cdef size_t i, count = <size_t>len(kept)
        cdef lp_item* items = <lp_item*>rl_alloc(count * sizeof(lp_item))
        cdef char* at = lp_skip(self.lp + LP_HEAD, place)
        for i in range(count):
            lp_prepare_bytes(items + i, kept[i])
        self.lp = lp_insert(self.lp, &at, items, count)
        free(items)

    def find(self, bytes element not None, size_t start, size_t step):
        """The place of the first equal one from start on, if it is the step-th, the 2 * step-th ... behind that."""
        cdef lp_item item
        cdef char* at = lp_skip(self.lp + LP_HEAD, start)
        lp_prepare_bytes(&item, element)
        found = lp_find(at, &item, step)
        if found == NULL:
            return None
        while at != found:
            at = lp_next(at)
            start += 1
        return start

    def replace(self, size_t place, bytes element not None):
        cdef lp_item item
        cdef char* at = lp_skip(self.lp + LP_HEAD, place)
        lp_prepare_bytes(&item, element)
        self.lp = lp_replace(self.lp, &at, &item)

    def delete(self, size_t place, size_t count):
        cdef char* at = lp_skip(self.lp + LP_HEAD, place)
        self.lp = lp_delete(self.lp, &at, count)

    def copy(self):
        cdef Listpack other = Listpack()
        lp_free(other.lp)
        other.lp = lp_copy(self.lp)
        return other

    def check(self):
        assert lp_check(self.lp, lp_size(self.lp))
        assert lp_memory(self.lp) >= lp_size(self.lp)
