# Places: what a search does for each member, and the hot commands.
#
# Must live here: the face of geo.h, and GEOADD, GEODIST and GEOPOS in their plain cases (dispatch.pxi has the
# contract).  Must not: what a search is asked for (redlark.server.commands.geo).

from libc.math cimport isfinite, rint

cdef extern from "geo.h" nogil:
    ctypedef struct rl_place:
        double longitude
        double latitude
    ctypedef struct rl_area:
        rl_place centre
        double aside
        double upward
        bint circle
    enum:
        RL_CELLS_MOST
    bint rl_on_map(rl_place at)
    double rl_place_score(rl_place at)
    rl_place rl_place_of(double score)
    double rl_distance(rl_place here, rl_place there)
    bint rl_area_holds(const rl_area* area, rl_place there)
    int rl_cells(const rl_area* area, double* scores)


def near(SortedSet source not None, asked, most, /):
    """See redlark.server.types.Types.near."""
    cdef rl_area area
    cdef double[2 * RL_CELLS_MOST] edges
    cdef Steps steps
    cdef Item item
    cdef rl_place there
    cdef size_t rank, stop
    cdef Py_ssize_t left = -1 if most is None else most
    cdef int i
    cdef list found = []
    area.centre.longitude, area.centre.latitude = asked.centre
    area.aside, area.upward, area.circle = asked.aside, asked.upward, asked.circle
    for i in range(rl_cells(&area, edges)):
        rank, stop = zset_below(&source.v, edges[2 * i], False), zset_below(&source.v, edges[2 * i + 1], False)
        if rank < stop:
            steps_from(&source.v, rank, False, &steps)
        while rank < stop:
            rank += 1
            steps_next(&source.v, &steps, &item)
            there = rl_place_of(item.score)
            if rl_area_holds(&area, there):
                found.append((rl_distance(area.centre, there), PyBytes_FromStringAndSize(item.p, <Py_ssize_t>item.n),
                              item.score, (there.longitude, there.latitude)))
                if len(found) == left:
                    return found
    return found


# ------------------------------------------------------------------------------------------------------------- commands

cdef bint read_places(const Slice* a, int64_t count, double* scores) noexcept nogil:
    """The scores of places, each two words and a member."""
    cdef rl_place at
    cdef int64_t i
    for i in range(count):
        if not read_score(a[3 * i].p, a[3 * i].n, &at.longitude) or \
                not read_score(a[3 * i + 1].p, a[3 * i + 1].n, &at.latitude) or not rl_on_map(at):
            return False
        scores[i] = rl_place_score(at)
    return True

cdef bint cmd_geoadd(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Without options: these are no numbers."""
    cdef double[FEW_SCORES] scores
    cdef int64_t count = (argc - 2) // 3
    return (argc - 2) % 3 == 0 and count <= FEW_SCORES and read_places(a + 2, count, scores) and \
        add_scores(loop, c, a, h, count, scores, 4, 3, 0)

cdef inline double unit_of(const Slice* word) noexcept nogil:
    """In metres; 0 of any other word."""
    if word_is(word, b"m", 1):
        return 1.0
    if word_is(word, b"km", 2):
        return 1000.0
    if word_is(word, b"ft", 2):
        return 0.3048
    return 1609.34 if word_is(word, b"mi", 2) else 0.0

cdef bint cmd_geodist(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there
    cdef double unit = unit_of(a + 4) if argc == 5 else 1.0, one, other, parts
    cdef char[48] text
    cdef int64_t whole
    cdef int n
    if argc > 5 or unit == 0:
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if not zset_score(o.z, a[2].p, a[2].n, &one) or not zset_score(o.z, a[3].p, a[3].n, &other):
        out_null(c.out, c.resp)
        return True
    parts = rint(rl_distance(rl_place_of(one), rl_place_of(other)) / unit * 10000)
    if not isfinite(parts):
        return False
    whole = <int64_t>parts          # four digits behind the point
    n = rl_format_int(text, whole // 10000)
    text[n] = c'.'
    rl_format_int(text + n + 1, 10000 + whole % 10000)      # the 1 in front goes
    memmove(text + n + 1, text + n + 2, 4)
    out_bulk(c.out, text, <size_t>n + 5)
    return True

cdef bint cmd_geopos(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there = zset_open(loop, c, a + 1, h, &o)
    cdef rl_place at
    cdef double score
    cdef int64_t i
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 2)
    for i in range(2, argc):
        if zset_score(o.z, a[i].p, a[i].n, &score):
            at = rl_place_of(score)
            out_head(c.out, c'*', 2)
            out_score(c.out, at.longitude, c.resp)
            out_score(c.out, at.latitude, c.resp)
        elif c.resp == 2:
            buffer_add(c.out, b"*-1\r\n", 5)
        else:
            out_null(c.out, c.resp)
    return True


cdef int hot_places(Loop loop) except -1:
    hot_add(loop, b"geoadd", cmd_geoadd, True)
    hot_add(loop, b"geodist", cmd_geodist, True)
    hot_add(loop, b"geopos", cmd_geopos, True)
    return 0
