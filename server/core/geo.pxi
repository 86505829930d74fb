# Places: what a search does for each member, and the hot commands.
#
# Must live here: the face of geo.h; GEOADD, GEODIST, GEOPOS and the searches in their plain cases (dispatch.pxi has the
# contract).  Must not: how sorted sets are kept, error texts.

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
    void rl_geohash(rl_place at, char* to)
    rl_place rl_place_of(double score)
    double rl_distance(rl_place here, rl_place there)
    bint rl_area_measures(const rl_area* area, rl_place there, double* metres)
    int rl_cells(const rl_area* area, double* scores)


cdef struct Nearby:
    Named member            # its hash is how many were found before it
    double metres
    rl_place there

cdef struct Neighbours:
    Nearby* all
    size_t count
    size_t room


cdef bint near_meet(const rl_area* area, const char* p, int64_t n, double score, size_t most,
                    Neighbours* found) noexcept nogil:
    """Look at a member; False when as many are found as are wanted (0: all)."""
    cdef rl_place there = rl_place_of(score)
    cdef Nearby* one
    cdef double metres = 0
    if not rl_area_measures(area, there, &metres):
        return True
    if found.count == found.room:
        found.room = 2 * found.room + 16
        found.all = <Nearby*>rl_resize(found.all, found.room * sizeof(Nearby))
    one = found.all + found.count
    one.member.p, one.member.n, one.member.score = p, n, score
    one.member.hash = found.count
    one.metres = metres
    one.there = there
    found.count += 1
    return found.count != most

cdef void near_all(const Zset* z, const rl_area* area, size_t most, Neighbours* found) noexcept:
    """What lies in an area, cell by cell, or the first so many; `all` is the caller's to free."""
    cdef double[2 * RL_CELLS_MOST] edges
    cdef Item item
    cdef Way way
    cdef size_t at
    cdef int i
    cdef bint more
    memset(found, 0, sizeof(Neighbours))
    for i in range(rl_cells(area, edges)):
        if z.large != NULL:
            more = way_from(&z.large.ranks, edges[2 * i], &way)
            while more:
                item_here(&way, &item)
                if item.score >= edges[2 * i + 1]:
                    break
                if not near_meet(area, item.p, <int64_t>item.n, item.score, most, found):
                    return
                more = way_next(&z.large.ranks, &way)
            continue
        at = PACK_HEAD
        while at < pack_size(z.pack):
            item_read(z.pack, at, &item)
            at += item.size
            if item.score >= edges[2 * i + 1]:
                break
            if item.score >= edges[2 * i] and not near_meet(
                    area, item.p, item.number if item.p == NULL else <int64_t>item.n, item.score, most, found):
                return

def near(SortedSet source not None, asked, most, /):
    """See redlark.server.types.Types.near."""
    cdef rl_area area
    cdef Neighbours found
    cdef Nearby* one
    cdef char[24] digits
    cdef size_t i
    cdef list told = []
    area.centre.longitude, area.centre.latitude = asked.centre
    area.aside, area.upward, area.circle = asked.aside, asked.upward, asked.circle
    near_all(&source.v, &area, 0 if most is None else most, &found)
    for i in range(found.count):
        one = found.all + i
        told.append((one.metres, slice_bytes(named_slice(&one.member, digits)), one.member.score,
                     (one.there.longitude, one.there.latitude)))
    free(found.all)
    return told


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

cdef bint out_length(Buffer* out, double length) noexcept nogil:
    """With four digits behind the point; False, and nothing is told, of what is no length."""
    cdef double parts = rint(length * 10000)
    cdef char[48] text
    cdef int64_t whole
    cdef int n
    if not isfinite(parts):
        return False
    whole = <int64_t>parts
    n = rl_format_int(text, whole // 10000)
    text[n] = c'.'
    rl_format_int(text + n + 1, 10000 + whole % 10000)      # the 1 in front goes
    memmove(text + n + 1, text + n + 2, 4)
    out_bulk(out, text, <size_t>n + 5)
    return True

cdef void out_place(Client c, rl_place at) noexcept:
    out_head(c.out, c'*', 2)
    out_score(c.out, at.longitude, c.resp)
    out_score(c.out, at.latitude, c.resp)

cdef bint cmd_geodist(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there
    cdef double unit = unit_of(a + 4) if argc == 5 else 1.0, one, other
    if argc > 5 or unit == 0:
        return False
    there = zset_open(loop, c, a + 1, h, &o)
    if there == ANOTHER:
        return False
    if not zset_score(o.z, a[2].p, a[2].n, &one) or not zset_score(o.z, a[3].p, a[3].n, &other):
        out_null(c.out, c.resp)
        return True
    return out_length(c.out, rl_distance(rl_place_of(one), rl_place_of(other)) / unit)

cdef bint cmd_geopos(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef OpenZset o
    cdef Content there = zset_open(loop, c, a + 1, h, &o)
    cdef double score
    cdef int64_t i
    if there == ANOTHER:
        return False
    out_head(c.out, c'*', argc - 2)
    for i in range(2, argc):
        if zset_score(o.z, a[i].p, a[i].n, &score):
            out_place(c, rl_place_of(score))
        elif c.resp == 2:
            buffer_add(c.out, b"*-1\r\n", 5)
        else:
            out_null(c.out, c.resp)
    return True



# ------------------------------------------------------------------------------------------------------------ GEOSEARCH

cdef enum Shown:            # beside a member
    SHOWN_LENGTH = 1
    SHOWN_SCORE = 2
    SHOWN_PLACE = 4

cdef struct Search:
    rl_area area
    const Slice* member     # around which, or NULL
    bint centred
    double unit             # of the area, 0 as long as there is none
    int order               # 1: the nearest first, -1: last
    int64_t count           # 0: all
    bint any
    int shown
    bint stores_lengths


cdef bint read_circle(const Slice* a, Search* s) noexcept nogil:
    """A radius and its unit."""
    s.area.circle = True
    s.unit = unit_of(a + 1)
    if s.unit == 0 or not read_score(a[0].p, a[0].n, &s.area.aside):
        return False
    s.area.aside = s.area.upward = s.area.aside * s.unit
    return s.area.aside >= 0 and isfinite(s.area.aside)

cdef bint read_box(const Slice* a, Search* s) noexcept nogil:
    """Width, height and their unit."""
    s.area.circle = False
    s.unit = unit_of(a + 2)
    if s.unit == 0 or not read_score(a[0].p, a[0].n, &s.area.aside) or not read_score(a[1].p, a[1].n, &s.area.upward):
        return False
    s.area.aside = s.area.aside * s.unit * 0.5
    s.area.upward = s.area.upward * s.unit * 0.5
    return s.area.aside >= 0 and s.area.upward >= 0 and isfinite(s.area.aside) and isfinite(s.area.upward)

cdef bint read_centre(const Slice* a, Search* s) noexcept nogil:
    """Longitude and latitude."""
    s.centred = read_score(a[0].p, a[0].n, &s.area.centre.longitude) and \
        read_score(a[1].p, a[1].n, &s.area.centre.latitude) and rl_on_map(s.area.centre)
    return s.centred

cdef int64_t read_option(const Slice* a, int64_t left, Search* s) noexcept nogil:
    """What all searches may be asked for; how many words it takes, 0 of anything else."""
    if word_is(a, b"count", 5):
        return 2 if left > 1 and rl_parse_int(a[1].p, a[1].n, &s.count) and s.count > 0 else 0
    if word_is(a, b"asc", 3):
        s.order = 1
    elif word_is(a, b"desc", 4):
        s.order = -1
    elif word_is(a, b"any", 3):
        s.any = True
    elif word_is(a, b"withdist", 8):
        s.shown |= SHOWN_LENGTH
    elif word_is(a, b"withhash", 8):
        s.shown |= SHOWN_SCORE
    elif word_is(a, b"withcoord", 9):
        s.shown |= SHOWN_PLACE
    else:
        return 0
    return 1

cdef int64_t read_where(const Slice* a, int64_t left, Search* s) noexcept nogil:
    """A centre or an area, each of which there may be one; how many words it takes."""
    if not s.centred and s.member == NULL:
        if left > 2 and word_is(a, b"fromlonlat", 10):
            return 3 if read_centre(a + 1, s) else 0
        if left > 1 and word_is(a, b"frommember", 10):
            s.member = a + 1
            return 2
    if s.unit == 0:
        if left > 2 and word_is(a, b"byradius", 8):
            return 3 if read_circle(a + 1, s) else 0
        if left > 3 and word_is(a, b"bybox", 5):
            return 4 if read_box(a + 1, s) else 0
    return 0

cdef bint read_search(int64_t argc, const Slice* a, int64_t at, bint stores, Search* s) noexcept nogil:
    """What stands behind the key, from `at` on; False where Python is to look."""
    cdef int64_t taken
    while at < argc:
        taken = read_where(a + at, argc - at, s)
        if not taken:
            taken = read_option(a + at, argc - at, s)
        if not taken:
            if not stores or not word_is(a + at, b"storedist", 9):
                return False
            s.stores_lengths = True
            taken = 1
        at += taken
    return (s.centred or s.member != NULL) and s.unit != 0 and (s.count != 0 or not s.any) and not (stores and s.shown)

cdef int nearest_first(const void* one, const void* other) noexcept nogil:
    """What is as near stays as it was found."""
    cdef const Nearby* m = <const Nearby*>one
    cdef const Nearby* k = <const Nearby*>other
    if m.metres != k.metres:
        return -1 if m.metres < k.metres else 1
    return -1 if m.member.hash < k.member.hash else 1

cdef int nearest_last(const void* one, const void* other) noexcept nogil:
    cdef const Nearby* m = <const Nearby*>one
    cdef const Nearby* k = <const Nearby*>other
    if m.metres != k.metres:
        return -1 if m.metres > k.metres else 1
    return -1 if m.member.hash < k.member.hash else 1

cdef void out_nearby(Client c, const Search* s, const Nearby* one) noexcept:
    if s.shown:
        out_head(c.out, c'*', 1 + rl_count_ones(<uint64_t>s.shown))
    out_named(c.out, &one.member)
    if s.shown & SHOWN_LENGTH:
        out_length(c.out, one.metres / s.unit)
    if s.shown & SHOWN_SCORE:
        out_head(c.out, c':', <int64_t>one.member.score)
    if s.shown & SHOWN_PLACE:
        out_place(c, one.there)

cdef bint search(Loop loop, Client c, const Slice* key, uint64_t h, Search* s, Neighbours* found) noexcept:
    """What is wanted, in its order; False, and there is nothing to be freed, where Python is to look."""
    cdef OpenZset o
    cdef Content there = zset_open(loop, c, key, h, &o)
    cdef double score = 0
    cdef size_t i
    memset(found, 0, sizeof(Neighbours))
    if there != WANTED:
        return there == ABSENT
    if s.member != NULL:
        if not zset_score(o.z, s.member.p, s.member.n, &score):
            return False
        s.area.centre = rl_place_of(score)
    near_all(o.z, &s.area, <size_t>s.count if s.any else 0, found)
    for i in range(found.count):
        if not isfinite(found.all[i].metres / s.unit * 10000):
            free(found.all)
            return False
    if found.count and (s.order or s.count and not s.any):
        qsort(found.all, found.count, sizeof(Nearby), nearest_last if s.order < 0 else nearest_first)
    if s.count:
        found.count = min(found.count, <size_t>s.count)
    return True

cdef bint tell_search(Loop loop, Client c, const Slice* a, uint64_t h, Search* s) noexcept:
    cdef Neighbours found
    cdef size_t i
    if not search(loop, c, a + 1, h, s, &found):
        return False
    out_head(c.out, c'*', <int64_t>found.count)
    for i in range(found.count):
        out_nearby(c, s, found.all + i)
    free(found.all)
    return True

cdef bint cmd_geosearch(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Search s
    memset(&s, 0, sizeof(Search))
    return read_search(argc, a, 2, False, &s) and tell_search(loop, c, a, h, &s)

cdef bint cmd_geosearchstore(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Search s
    cdef Neighbours found
    cdef Roll roll
    cdef size_t i
    memset(&s, 0, sizeof(Search))
    if not read_search(argc, a, 3, True, &s) or not search(loop, c, a + 2, rl_hash(a[2].p, a[2].n), &s, &found):
        return False
    roll_make(&roll, found.count)
    for i in range(found.count):        # a place may lie in two of the cells that are one around the map
        if s.stores_lengths:
            found.all[i].member.score = found.all[i].metres / s.unit
        named_hash(&found.all[i].member)
        roll_enter(&roll, &found.all[i].member)
    free(found.all)
    roll_sort(&roll)
    store_roll(loop, c, a + 1, h, &roll)
    roll_drop(&roll)
    return True

cdef bint search_around(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h, bint by_member) noexcept:
    """The older searches: a circle alone."""
    cdef Search s
    cdef int64_t at = 5 if by_member else 6, taken
    memset(&s, 0, sizeof(Search))
    if by_member:
        s.member = a + 2
    elif not read_centre(a + 2, &s):
        return False
    if not read_circle(a + at - 2, &s):
        return False
    while at < argc:
        taken = read_option(a + at, argc - at, &s)
        if not taken:
            return False
        at += taken
    return (s.count != 0 or not s.any) and tell_search(loop, c, a, h, &s)

cdef bint cmd_georadius(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return search_around(loop, c, argc, a, h, False)

cdef bint cmd_georadiusbymember(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return search_around(loop, c, argc, a, h, True)


cdef int hot_places(Loop loop) except -1:
    hot_add(loop, b"geoadd", cmd_geoadd, True)
    hot_add(loop, b"geodist", cmd_geodist, True)
    hot_add(loop, b"geopos", cmd_geopos, True)
    hot_add(loop, b"geosearch", cmd_geosearch, True)
    hot_add(loop, b"geosearchstore", cmd_geosearchstore, True)
    hot_add(loop, b"georadius", cmd_georadius, True)
    hot_add(loop, b"georadius_ro", cmd_georadius, True)
    hot_add(loop, b"georadiusbymember", cmd_georadiusbymember, True)
    hot_add(loop, b"georadiusbymember_ro", cmd_georadiusbymember, True)
    return 0
