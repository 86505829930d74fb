# Output: growing buffers, and RESP.
#
# Must live here: how replies look on the wire, in both protocols.  Must not: which reply a command gives.
#
# While a client's input is executed its replies go to the loop's one output buffer, which stays warm in the cache; what
# the socket does not take at once moves to a buffer of the client's own, and only then does EPOLLOUT matter.

cdef struct Buffer:
    char* p
    size_t used
    size_t room
    size_t sent             # the first bytes that are gone already

cdef enum:
    BUFFER_FIRST = 1024
    BUFFER_KEPT = 1 << 18   # a larger one is given back when it is empty


cdef void buffer_grow(Buffer* b, size_t more) noexcept nogil:
    cdef size_t room = b.room if b.room else BUFFER_FIRST
    while room < b.used + more:
        room *= 2
    b.p = <char*>rl_resize(b.p, room)
    b.room = room

cdef inline char* buffer_reserve(Buffer* b, size_t more) noexcept nogil:
    """Where `more` bytes may be written."""
    if b.used + more > b.room:
        buffer_grow(b, more)
    return b.p + b.used

cdef inline void buffer_add(Buffer* b, const char* p, size_t n) noexcept nogil:
    rl_copy(buffer_reserve(b, n), p, n)
    b.used += n

cdef void buffer_drop(Buffer* b) noexcept nogil:
    free(b.p)
    memset(b, 0, sizeof(Buffer))

cdef inline void buffer_emptied(Buffer* b) noexcept nogil:
    b.used = 0
    b.sent = 0
    if b.room > BUFFER_KEPT:
        buffer_drop(b)


cdef inline void out_head(Buffer* b, char kind, int64_t number) noexcept nogil:
    """`:5`, `$5`, `*5`: the type, a number, the end of the line."""
    b.used += <size_t>rl_head(buffer_reserve(b, 32), kind, number)

cdef inline void out_bulk(Buffer* b, const char* p, size_t n) noexcept nogil:
    cdef char* to = buffer_reserve(b, n + 32)
    cdef size_t head = <size_t>rl_head(to, c'$', <int64_t>n)
    to += head
    rl_copy(to, p, n)
    to[n] = c'\r'
    to[n + 1] = c'\n'
    b.used += head + n + 2

cdef inline void out_entry(Buffer* b, const Entry* e) noexcept nogil:
    """A string entry as a bulk string."""
    cdef char[24] text
    if kind_of(e) == TEXT:
        out_bulk(b, value_of(e), text_size(e))
    else:
        out_bulk(b, text, rl_format_int(text, integer_of(e)))

cdef inline void out_null(Buffer* b, int resp) noexcept nogil:
    if resp == 2:
        buffer_add(b, b"$-1\r\n", 5)
    else:
        buffer_add(b, b"_\r\n", 3)

cdef void out_score(Buffer* b, double score, int resp) noexcept:
    cdef char[SCORE_ROOM] text
    cdef char* to
    cdef int n
    if resp == 2:
        out_bulk(b, text, <size_t>format_score(text, score) & (SCORE_ROOM - 1))
        return
    to = buffer_reserve(b, SCORE_ROOM + 3)
    to[0] = c','
    n = 1 + format_score(to + 1, score)
    to[n] = c'\r'
    to[n + 1] = c'\n'
    b.used += <size_t>n + 2

cdef inline void out_ok(Buffer* b) noexcept nogil:
    buffer_add(b, b"+OK\r\n", 5)

cdef int out_line(Buffer* b, char kind, bytes line) except -1:
    """A one-line reply.  Its author sees to line ends; a pair of them, which would end it here, is sent as blanks."""
    cdef char* to = buffer_reserve(b, len(line) + 3)
    cdef Py_ssize_t i, n = len(line)
    to[0] = kind
    to += 1
    for i in range(n):
        to[i] = line[i]
        if i > 0 and line[i] == c'\n' and line[i - 1] == c'\r':
            to[i - 1] = to[i] = c' '
    to[n] = c'\r'
    to[n + 1] = c'\n'
    b.used += n + 3
    return 0

cdef int out_items(Buffer* b, object items, int resp) except -1:
    for item in items:
        out_value(b, item, resp)
    return 0

cdef int out_value(Buffer* b, object value, int resp) except -1:
    """Encode what a Python command returned (interfaces.Reply)."""
    kind = type(value)
    if kind is bytes:
        out_bulk(b, <const char*><bytes>value, len(<bytes>value))
    elif value is None:
        out_null(b, resp)
    elif kind is int:
        out_head(b, c':', value)
    elif kind is list or kind is tuple:
        out_head(b, c'*', len(value))
        out_items(b, value, resp)
    elif kind is STATUS:
        out_line(b, c'+', value.text)
    elif isinstance(value, COMMAND_ERROR):
        out_line(b, c'-', value.line)
    elif kind is NULL_ARRAY:
        if resp == 2:
            buffer_add(b, b"*-1\r\n", 5)
        else:
            out_null(b, resp)
    elif kind is bool:
        if resp == 2:
            out_head(b, c':', value)
        else:
            buffer_add(b, b"#t\r\n" if value else b"#f\r\n", 4)
    elif kind is float:
        out_score(b, value, resp)
    elif kind is SET_REPLY or kind is PUSH:
        out_head(b, c'*' if resp == 2 else c'~' if kind is SET_REPLY else c'>', len(value.items))
        out_items(b, value.items, resp)
    elif kind is VERBATIM:
        if resp == 2:
            out_value(b, value.text, resp)
        else:
            text = value.format + b":" + value.text
            out_head(b, c'=', len(text))
            buffer_add(b, <const char*><bytes>text, len(<bytes>text))
            buffer_add(b, b"\r\n", 2)
    elif kind is not NO_REPLY:
        if isinstance(value, Mapping):
            out_head(b, c'*' if resp == 2 else c'%', len(value) * (2 if resp == 2 else 1))
            for key, item in value.items():
                out_value(b, key, resp)
                out_value(b, item, resp)
        elif isinstance(value, Sequence):
            out_head(b, c'*', len(value))
            out_items(b, value, resp)
        else:
            raise TypeError(f"not a reply: {kind.__name__}")
    return 0
