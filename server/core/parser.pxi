# Requests: bytes in, slices of the same bytes out.
#
# Must live here: RESP arrays of bulk strings, inline requests, Redis's limits.  Must not: sockets, commands.
#
# A request that is whole in the buffer is read in one go, its arguments left where they are.  What has been read of one
# that is not whole is kept (Partial), so that a request in many pieces is looked at once only, however it is cut; the
# arguments are then kept as offsets, for the buffer may move as it grows.  A line ends at CR, what follows is taken to be
# LF, and the two bytes behind a bulk string are not looked at: so does Redis, and so it answers to malformed input.

cdef extern from "clib.h" nogil:
    ctypedef struct rl_text:
        char* p
        size_t n
    size_t rl_parse_whole(char* p, char* end, rl_text* args, size_t room, char** behind)

cdef struct Partial:
    int64_t total           # arguments of the request that has begun; 0: none has
    int64_t done            # arguments read
    int64_t bulk            # length of the one that is being read; -1: not known yet
    size_t at               # how far it has been read, from its beginning
    Slice* args             # p counts from the request's beginning
    size_t room

cdef struct Request:
    size_t first            # of its arguments, in the loop's argv
    int64_t argc
    char* end
    Hot* hot
    uint64_t hash           # of the key, if hot and it has one
    Table* table            # of what the key's collection has, if the request is about a member; NULL: not known
    uint64_t member         # the member's hash, if there is a table

cdef enum Parsed:
    INCOMPLETE
    WHOLE
    NOTHING                 # an empty request: skip it
    REFUSED                 # loop.refusal says why

cdef enum:
    LINE_LIMIT = 65536
    UNAUTHENTICATED_ARGS = 10
    UNAUTHENTICATED_BULK = 16384
    PARTIAL_KEPT = 1024     # room for arguments that an idle client may keep
    ARGV_FIRST = 1024
    BAD_LENGTH = -2         # from parse_length


cdef inline void argv_reserve(Loop loop, size_t count) noexcept:
    if count > loop.argv_room:
        while loop.argv_room < count:
            loop.argv_room *= 2
        loop.argv = <Slice*>rl_resize(loop.argv, loop.argv_room * sizeof(Slice))

cdef int parse_length(char** at, char* end, int64_t* number) noexcept nogil:
    """The line of a length, from behind its type byte: WHOLE (and `at` behind the line), INCOMPLETE or BAD_LENGTH."""
    cdef char* p = at[0]
    cdef char* start = p
    while p < end and p[0] != c'\r' and p[0] != 0:
        p += 1
    if p >= end or p[0] == 0 or p + 1 >= end:
        return INCOMPLETE
    at[0] = p + 2
    return WHOLE if rl_parse_int(start, <size_t>(p - start), number) else BAD_LENGTH

cdef inline int parse_small(char** at, char* end, int64_t* number) noexcept nogil:
    """The same; lines of one to three digits, nearly all there are, at once."""
    cdef char* p = at[0]
    cdef int64_t n
    if end - p >= 5 and c'1' <= p[0] <= c'9':
        n = p[0] - c'0'
        p += 1
        if c'0' <= p[0] <= c'9':
            n = n * 10 + p[0] - c'0'
            p += 1
            if c'0' <= p[0] <= c'9':
                n = n * 10 + p[0] - c'0'
                p += 1
        if p[0] == c'\r':
            at[0] = p + 2
            number[0] = n
            return WHOLE
    return parse_length(at, end, number)

cdef int refuse(Loop loop, bytes line) noexcept:
    loop.refusal = line
    return REFUSED

cdef inline int parse_next(Loop loop, Client c, char* start, char* end, Request* r) noexcept:
    """As parse_request; small requests that are whole, nearly all there are, at once."""
    if start[0] == c'*' and c.partial.total == 0 and c.authenticated:
        argv_reserve(loop, r.first + 16)
        r.argc = <int64_t>rl_parse_whole(start, end, <rl_text*>(loop.argv + r.first), loop.argv_room - r.first, &r.end)
        if r.argc:
            return WHOLE
    return parse_request(loop, c, start, end, r)

cdef int parse_request(Loop loop, Client c, char* start, char* end, Request* r) noexcept:
    """Read the request at `start`; on WHOLE and NOTHING r.end is behind it."""
    cdef Partial* kept = &c.partial
    cdef int64_t total = kept.total, done = 0, bulk = -1
    cdef char* p = start
    cdef Slice* args
    cdef size_t base = 0, room
    cdef int status
    if total == 0:
        if p[0] != c'*':
            return parse_inline(loop, start, end, r)
        p += 1
        status = parse_small(&p, end, &total)
        if status == INCOMPLETE:
            return refuse(loop, loop.errors.PROTOCOL_MULTIBULK_STRING) if end - start > LINE_LIMIT else INCOMPLETE
        if status == BAD_LENGTH or total > INT_MAX:
            return refuse(loop, loop.errors.PROTOCOL_MULTIBULK_LENGTH)
        if total > UNAUTHENTICATED_ARGS and not c.authenticated:
            return refuse(loop, loop.errors.PROTOCOL_MULTIBULK_UNAUTHENTICATED)
        if total <= 0:
            r.end = p
            return NOTHING
        argv_reserve(loop, r.first + 16)
        args = loop.argv + r.first
        room = loop.argv_room - r.first
    else:
        done = kept.done
        bulk = kept.bulk
        p = start + kept.at
        base = <size_t>start
        args = kept.args
        room = kept.room
    while done < total:
        if bulk < 0:
            if p >= end:
                return parse_keep(kept, total, done, -1, <size_t>(p - start), args, base, start)
            at = p + 1 if p[0] == c'$' else p
            status = parse_small(&at, end, &bulk)
            if status == INCOMPLETE:
                if end - p > LINE_LIMIT:
                    return refuse(loop, loop.errors.PROTOCOL_BULK_STRING)
                return parse_keep(kept, total, done, -1, <size_t>(p - start), args, base, start)
            if p[0] != c'$':
                return refuse_byte(loop, p[0])
            if status == BAD_LENGTH or bulk < 0 or bulk > loop.bulk_limit:
                return refuse(loop, loop.errors.PROTOCOL_BULK_LENGTH)
            if bulk > UNAUTHENTICATED_BULK and not c.authenticated:
                return refuse(loop, loop.errors.PROTOCOL_BULK_UNAUTHENTICATED)
            p = at
        if end - p < bulk + 2:
            return parse_keep(kept, total, done, bulk, <size_t>(p - start), args, base, start)
        if <size_t>done == room:
            if base:
                kept.room = room = 2 * room
                kept.args = args = <Slice*>rl_resize(args, room * sizeof(Slice))
            else:
                argv_reserve(loop, r.first + 2 * room)
                args = loop.argv + r.first
                room = loop.argv_room - r.first
        args[done].p = <char*>(<size_t>p - base)
        args[done].n = <size_t>bulk
        done += 1
        p += bulk + 2
        bulk = -1
    if base:
        argv_reserve(loop, r.first + <size_t>total)
        for done in range(total):
            loop.argv[r.first + <size_t>done].p = <char*>(<size_t>args[done].p + base)
            loop.argv[r.first + <size_t>done].n = args[done].n
        if c.landing.block != NULL:
            loop.argv[r.first + <size_t>c.landing.at].p = c.landing.text
        partial_reset(kept)
    r.argc = total
    r.end = p
    return WHOLE

cdef int parse_keep(Partial* kept, int64_t total, int64_t done, int64_t bulk, size_t at, const Slice* args,
                    size_t base, const char* start) noexcept nogil:
    """Remember how far an incomplete request has been read."""
    cdef int64_t i
    kept.total = total
    kept.done = done
    kept.bulk = bulk
    kept.at = at
    if base == 0:
        if kept.room < <size_t>done + 16:
            kept.room = 2 * (<size_t>done + 16)
            kept.args = <Slice*>rl_resize(kept.args, kept.room * sizeof(Slice))
        for i in range(done):
            kept.args[i].p = <char*>(args[i].p - start)
            kept.args[i].n = args[i].n
    return INCOMPLETE

cdef void partial_reset(Partial* kept) noexcept nogil:
    kept.total = 0
    if kept.room > PARTIAL_KEPT:
        free(kept.args)
        kept.args = NULL
        kept.room = 0

cdef int refuse_byte(Loop loop, char got) noexcept:
    if got == c'\r' or got == c'\n':
        got = c' '
    return refuse(loop, (<bytes>loop.errors.PROTOCOL_DOLLAR).replace(b"%c", PyBytes_FromStringAndSize(&got, 1)))


# --------------------------------------------------------------------------------------------------------------- inline

cdef inline bint is_blank(char ch) noexcept nogil:
    return ch == c' ' or c'\t' <= ch <= c'\r'

cdef inline int hex_digit(char ch) noexcept nogil:
    if c'0' <= ch <= c'9':
        return ch - c'0'
    ch |= 32
    return ch - c'a' + 10 if c'a' <= ch <= c'f' else -1

cdef int parse_inline(Loop loop, char* start, char* end, Request* r) noexcept:
    """A line of words.  They are unquoted into loop.words: only the last request of a batch may be an inline one."""
    cdef char* p = start
    cdef size_t i
    while p < end and p[0] != c'\n' and p[0] != 0:
        p += 1
    if p >= end or p[0] == 0:
        return refuse(loop, loop.errors.PROTOCOL_INLINE) if end - start > LINE_LIMIT else INCOMPLETE
    r.end = p + 1
    r.argc = 0
    if p > start and (p - 1)[0] == c'\r':
        p -= 1
    loop.words.used = 0
    buffer_reserve(&loop.words, <size_t>(p - start) + 1)
    while True:
        while start < p and is_blank(start[0]):
            start += 1
        if start >= p:
            break
        argv_reserve(loop, r.first + <size_t>r.argc + 1)
        i = loop.words.used
        start = parse_word(&loop.words, start, p)
        if start == NULL:
            return refuse(loop, loop.errors.PROTOCOL_QUOTES)
        loop.argv[r.first + <size_t>r.argc].p = loop.words.p + i
        loop.argv[r.first + <size_t>r.argc].n = loop.words.used - i
        r.argc += 1
    return WHOLE if r.argc else NOTHING

cdef char* parse_word(Buffer* to, char* p, char* end) noexcept nogil:
    """One word, quotes undone, is added to `to` (there is room); returns what is behind it, NULL if quotes do not match."""
    cdef char* out = to.p + to.used
    cdef char quote = 0
    cdef char ch
    while p < end or quote:
        if p >= end:
            return NULL
        ch = p[0]
        if quote == c'"' and ch == c'\\' and p + 1 < end:
            if p + 3 < end and p[1] == c'x' and hex_digit(p[2]) >= 0 and hex_digit(p[3]) >= 0:
                out[0] = <char>(hex_digit(p[2]) * 16 + hex_digit(p[3]))
                p += 3
            else:
                p += 1
                out[0] = escaped(p[0])
            out += 1
        elif quote == c"'" and ch == c'\\' and p + 1 < end and p[1] == c"'":
            p += 1
            out[0] = c"'"
            out += 1
        elif quote and ch == quote:
            if p + 1 < end and not is_blank(p[1]):
                return NULL
            p += 1
            break
        elif quote:
            out[0] = ch
            out += 1
        elif ch == c' ' or ch == c'\t' or ch == c'\r':
            break
        elif ch == c'"' or ch == c"'":
            quote = ch
        else:
            out[0] = ch
            out += 1
        p += 1
    to.used = <size_t>(out - to.p)
    return p

cdef inline char escaped(char ch) noexcept nogil:
    if ch == c'n':
        return c'\n'
    if ch == c'r':
        return c'\r'
    if ch == c't':
        return c'\t'
    if ch == c'b':
        return 8
    if ch == c'a':
        return 7
    return ch
