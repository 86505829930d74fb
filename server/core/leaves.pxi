# Leaves of the order of a sorted set: scores and members, side by side.
#
# Must live here: what a leaf is, its room, how elements are compared.  Must not: which elements it has, the tree above
# it (ranks.pxi).
#
# Why rooms: most sorted sets that are not packed for a long member have few of them, and the only leaf of a tree is as
# roomy as it must be.  As soon as a leaf has a neighbour it has room for 64, whatever is in it.

cdef extern from *:
    """
    static inline int rl_order(const char *a, size_t n, const char *b, size_t m) {
        int order = memcmp(a, b, n < m ? n : m);
        return order ? order : (n > m) - (n < m);
    }
    static inline double rl_as_double(uint64_t bits) { double d; memcpy(&d, &bits, 8); return d; }
    static inline uint64_t rl_as_bits(double d) { uint64_t bits; memcpy(&bits, &d, 8); return bits; }
    """
    int rl_order(const char* a, size_t n, const char* b, size_t m) nogil
    double rl_as_double(uint64_t bits) nogil
    uint64_t rl_as_bits(double d) nogil

cdef enum:
    FAN = 64                # elements of a leaf, children of an inner node
    NARROW = 30             # elements that a leaf may have in a slot of the slab

cdef struct Leaf:           # and behind it, in the same allocation, what its pointers point to
    uint32_t n
    uint32_t room           # elements that fit
    double* score
    void** member


cdef inline double score_of(const void* m) noexcept nogil:
    return rl_as_double(rl_load8(member_score(m)))

cdef inline int name_order(const void* m, const char* p, size_t n) noexcept nogil:
    """Below 0 where the member m comes before p, 0 where it is the same."""
    cdef Slice text = member_text(m)
    return rl_order(text.p, text.n, p, n)

cdef inline bint is_before(double one, const void* m, double score, const char* p, size_t n) noexcept nogil:
    """Whether element (one, m) comes before (score, p)."""
    return one < score or one == score and name_order(m, p, n) < 0

cdef inline uint32_t room_for_elements(size_t n) noexcept nogil:
    """The room of an only leaf."""
    cdef uint32_t room = 1
    if n > NARROW:
        return FAN
    while room < n:
        room = min(2 * room, <uint32_t>NARROW)
    return room

cdef inline size_t leaf_size(uint32_t room) noexcept nogil:
    return sizeof(Leaf) + room * (sizeof(double) + sizeof(void*))

cdef Leaf* leaf_make(uint32_t room) noexcept nogil:
    cdef Leaf* leaf = <Leaf*>(rl_alloc(leaf_size(room)) if room == FAN else rl_slot_alloc(leaf_size(room)))
    leaf.n = 0
    leaf.room = room
    leaf.score = <double*>(leaf + 1)
    leaf.member = <void**>(leaf.score + room)
    return leaf

cdef void leaf_free(Leaf* leaf) noexcept nogil:
    if leaf.room == FAN:
        free(leaf)
    else:
        rl_slot_free(leaf, leaf_size(leaf.room))
