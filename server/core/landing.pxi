# Where the text of a large argument lands: in memory of its own, which may become the entry of a key.
#
# Must live here: what of a request is read into place.  Must not: how requests are parsed (parser.pxi), when to read
# (client.pxi).
#
# Why: a text that comes in pieces would be copied from where it was received to where a client's input waits, there moved
# to the front once more, and at last into its entry.  Here it is received where it will stay.  In front of it there is room for
# the head of an entry and the key, if it is the second argument of a request (SET key text), which cmd_set then only fills in.
#
# One argument of a request lands, the first one that is large; while it does, the client's input is the request up to it.

cdef extern from *:
    """
    #include <sys/uio.h>
    static inline ssize_t rl_read_two(int fd, char *one, size_t n, char *two, size_t m) {
        struct iovec rooms[2] = {{one, n}, {two, m}};
        return readv(fd, rooms, 2);
    }
    """
    ssize_t rl_read_two(int fd, char* one, size_t n, char* two, size_t m) nogil

cdef struct Landing:
    char* block             # NULL: nothing lands
    char* text              # within it
    size_t size             # of the text, with the two bytes behind it
    size_t filled
    int64_t at              # which argument it is

cdef enum:
    LANDS = 1 << 15         # bytes of an argument that does
    LANDING_READ = 1 << 14  # bytes read behind one, or from who is likely to send one more: the rest of that needs no copy
    LANDINGS = 4            # read in a row from one client


cdef inline bint is_landing(const Landing* l) noexcept nogil:
    return l.block != NULL and l.filled < l.size

cdef inline size_t landing_memory(const Landing* l) noexcept nogil:
    return l.size if l.block != NULL else 0

cdef inline void landing_end(Landing* l) noexcept nogil:
    """The request is over, or its client."""
    free(l.block)
    l.block = l.text = NULL

cdef bint landing_begin(Landing* l, const Partial* kept, const char* request, size_t left) noexcept nogil:
    """Of a request of which so many bytes are there: does the argument that is being read land?  What is there of it has."""
    cdef size_t n, front = 0
    if l.block != NULL or kept.total == 0 or kept.bulk < LANDS:
        return False
    n = <size_t>kept.bulk
    if kept.done == 2:
        front = size_of_shape(shape(TEXT, RAW, kept.args[1].n, n, False), kept.args[1].n, 0)
    l.size = n + 2
    l.block = <char*>rl_alloc(max(rl_good_size(front + n), front + l.size))
    l.text = l.block + front
    l.filled = left - kept.at
    l.at = kept.done
    memcpy(l.text, request + kept.at, l.filled)
    return True

cdef void landing_done(Landing* l, Partial* kept) noexcept nogil:
    """All of it is there: the request goes on behind it."""
    if <size_t>kept.done == kept.room:
        kept.room *= 2
        kept.args = <Slice*>rl_resize(kept.args, kept.room * sizeof(Slice))
    kept.args[kept.done].p = NULL
    kept.args[kept.done].n = l.size - 2
    kept.done += 1
    kept.bulk = -1

cdef bint landing_stays(Client c, const Slice* key, uint64_t h, const Slice* text) noexcept:
    """Put what has landed under a key, where it stands; False if it is not this text."""
    cdef Landing* l = &c.landing
    cdef Entry* e = <Entry*>l.block
    cdef uint8_t flags
    if l.text == NULL or text.p != l.text or l.at != 2:
        return False
    flags = shape(TEXT, RAW, key.n, text.n, False)
    if <size_t>(l.text - l.block) != size_of_shape(flags, key.n, 0):
        return False
    e.flags = flags
    set_sizes(e, key.n, text.n)
    memcpy(key_of(e), key.p, key.n)
    l.block = l.text = NULL
    db_write(c.db, key.p, key.n, h, TEXT, RAW, NULL, text.n, WITHOUT, e)
    return True
