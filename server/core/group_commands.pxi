# The hot commands on groups of consumers; see dispatch.pxi for the contract.
#
# Must live here: the plain cases of what profiling showed to be worth C.  Must not: how a group is kept (groups.pxi), error
# texts, what others are told of deliveries: whoever is told is told by the Python commands.

cdef struct Reading:        # what of a stream bears on how many entries a group has read
    Id first                # its first entry's; 0-0: it has none
    uint64_t live
    uint64_t added
    Id last
    Id deleted


cdef inline Group find_group(Stream s, const Slice* name):
    """The group of a name, or None."""
    if s.some_groups is None:
        return None
    found = s.some_groups.get(PyBytes_FromStringAndSize(name.p, <Py_ssize_t>name.n))
    return <Group>found if type(found) is Group else None

cdef inline void group_changed(Client c, Entry* e, Stream s) noexcept:
    """Nobody watches that."""
    db_weigh(c.db, e, stream_memory(s))
    c.db.changes += 1

cdef inline bint id_zero(Id id_) noexcept nogil:
    return id_.ms == 0 and id_.seq == 0

cdef void reading_begin(Stream s, Reading* r) noexcept:
    cdef Course course
    cdef Record record
    cdef Id low, high
    low.ms = low.seq = 0
    high.ms = high.seq = <uint64_t>-1
    r.first = low
    course_begin(s, low, high, False, &course)
    if course_next(s, &course, &record) != NULL:
        r.first = record.id
    course_end(&course)
    r.live, r.added, r.last, r.deleted = s.live, s.added, s.last_, s.deleted_

cdef inline bint has_tombstones(const Reading* r, Id start) noexcept nogil:
    """Whether an entry from an id on was deleted out of turn, so that counting tells nothing."""
    return r.live > 0 and not id_zero(r.deleted) and id_order(r.deleted, start) >= 0

cdef int64_t position_of(const Reading* r, Id id_) noexcept nogil:
    """How many entries the stream had up to an id; -1 where it cannot be told."""
    if r.added == 0:
        return 0
    if r.live == 0 and id_order(id_, r.last) <= 0:
        return <int64_t>r.added
    if not id_zero(id_) and id_order(id_, r.deleted) < 0:
        return -1
    if id_order(id_, r.last) == 0:
        return <int64_t>r.added
    if id_order(id_, r.last) > 0 or (not id_zero(r.deleted) and id_order(r.deleted, r.first) >= 0):
        return -1
    if id_order(id_, r.first) <= 0:
        return <int64_t>(r.added - r.live) + (id_order(id_, r.first) == 0)
    return -1

cdef inline void count_read(Group group, const Reading* r, Id id_) noexcept:
    """One more entry; counted on while none is missing in between."""
    if group.read_ >= 0 and id_order(group.last_, r.first) >= 0 and not has_tombstones(r, id_):
        group.read_ += 1
    elif r.added:
        group.read_ = position_of(r, id_)


# ------------------------------------------------------------------------------------------------------------ XREADGROUP

cdef struct Asked:          # what XREADGROUP wants
    int64_t name            # the arguments of the group,
    int64_t key             # and of the only stream
    int64_t most            # entries; -1: any number
    bint blocks
    bint noack
    bint new                # else a consumer's own, behind
    Id after

cdef bint read_reading(Loop loop, int64_t argc, const Slice* a, Asked* asked) noexcept:
    """False of whatever is not plain."""
    cdef int64_t i = 1, time = 0
    asked.name, asked.most = 0, -1
    asked.blocks = asked.noack = False
    while i + 1 < argc and not word_is(a + i, b"streams", 7):
        if word_is(a + i, b"group", 5) and i + 2 < argc:
            asked.name = i + 1
            i += 3
        elif word_is(a + i, b"noack", 5):
            asked.noack = True
            i += 1
        elif word_is(a + i, b"count", 5) and rl_parse_int(a[i + 1].p, a[i + 1].n, &asked.most):
            asked.most = -1 if asked.most <= 0 else asked.most
            i += 2
        elif word_is(a + i, b"block", 5) and rl_parse_int(a[i + 1].p, a[i + 1].n, &time) and 0 <= time <= FAR - loop.now:
            asked.blocks = True
            i += 2
        else:
            return False
    asked.key = i + 1
    asked.new = argc == i + 3 and a[i + 2].n == 1 and a[i + 2].p[0] == c'>'
    return asked.name > 0 and argc == i + 3 and (asked.new or (read_plain_id(a + i + 2, 0, &asked.after) and
        (asked.after.ms != <uint64_t>-1 or asked.after.seq != <uint64_t>-1)))

cdef inline Consumer group_hears(Loop loop, Group group, const Slice* name):
    """The consumer of a name, made where it is named first; it was seen just now."""
    cdef Consumer one = group_consumer(group, name)
    if one is None:
        one = group_join(group, PyBytes_FromStringAndSize(name.p, <Py_ssize_t>name.n), loop.now, -1)
        group.latest = one
    one.seen = loop.now
    return one

cdef int64_t deliver(Loop loop, Client c, Stream s, Group group, Consumer one, const Asked* asked):
    """Tell entries that nobody of the group has got yet; how many."""
    cdef Course course
    cdef Record record
    cdef Reading reading
    cdef Node* node
    cdef Id high
    cdef size_t begin = room_for_head(c.out)
    cdef int64_t count = 0
    high.ms = high.seq = <uint64_t>-1
    reading_begin(s, &reading)
    course_begin(s, id_after(group.last_), high, False, &course)
    while count != asked.most:
        node = course_next(s, &course, &record)
        if node == NULL:
            break
        count_read(group, &reading, record.id)
        group.last_ = record.id
        if not asked.noack:
            group_give(group, record.id, one, loop.now, 1)
        out_record(c.out, node, &record)
        count += 1
    course_end(&course)
    array_ended(c.out, begin, count)
    return count

cdef int tell_again(Loop loop, Client c, Stream s, Group group, Consumer one, const Asked* asked) except -1:
    """What a consumer has pending behind an id; of an entry that is gone its id alone."""
    cdef Record record
    cdef Node* node
    cdef Held* held
    cdef Id low = id_after(asked.after), high
    cdef size_t begin = room_for_head(c.out)
    cdef int64_t count = 0
    high.ms = high.seq = <uint64_t>-1
    while count != asked.most:
        held = next_held(group, one, low, high)
        if held == NULL:
            break
        node = stream_find(s, held.id, &record)
        if node != NULL:
            held.time = loop.now
            held.count += 1
            out_record(c.out, node, &record)
        else:
            out_head(c.out, c'*', 2)
            out_id(c.out, held.id)
            out_null_array(c)
        count += 1
        if held.id.ms == high.ms and held.id.seq == high.seq:
            break
        low = id_after(held.id)
    array_ended(c.out, begin, count)
    return 0

cdef inline void out_null_array(Client c) noexcept:
    if c.resp == 2:
        buffer_add(c.out, b"*-1\r\n", 5)
    else:
        out_null(c.out, c.resp)

cdef bint cmd_xreadgroup(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Of one stream, if something is there or nobody would wait for it."""
    cdef Entry* e
    cdef PyObject* value
    cdef Asked asked
    cdef Stream s
    cdef Group group
    cdef Consumer one
    cdef const Slice* key
    if not read_reading(loop, argc, a, &asked):
        return False
    key = a + asked.key
    if find_stream(loop, c, key, rl_hash(key.p, key.n), &e, &value) != WANTED:
        return False
    s = <Stream>value
    group = find_group(s, a + asked.name)
    if group is None or (asked.new and asked.blocks and id_order(group.last_, s.last_) >= 0):
        return False
    db_count(c.db, True)                # it is looked up twice
    if asked.new and not has_news(s, group.last_):
        if asked.blocks:
            return False
        group_hears(loop, group, a + asked.name + 1)
        out_null_array(c)
        group_changed(c, e, s)
        return True
    one = group_hears(loop, group, a + asked.name + 1)
    if c.resp == 2:
        buffer_add(c.out, b"*1\r\n*2\r\n", 8)
    else:
        buffer_add(c.out, b"%1\r\n", 4)
    out_bulk(c.out, key.p, key.n)
    if not asked.new:
        tell_again(loop, c, s, group, one, &asked)
    elif deliver(loop, c, s, group, one, &asked) and not asked.noack:
        one.active = loop.now
    group_changed(c, e, s)
    return True

cdef bint has_news(Stream s, Id last) noexcept:
    """Is there an entry behind an id?"""
    cdef Course course
    cdef Record record
    cdef Id high
    cdef bint there
    if id_order(last, s.last_) >= 0:
        return False
    high.ms = high.seq = <uint64_t>-1
    course_begin(s, id_after(last), high, False, &course)
    there = course_next(s, &course, &record) != NULL
    course_end(&course)
    return there


# -------------------------------------------------------------------------------------------------- acknowledging, claiming

cdef bint cmd_xack(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef Entry* e
    cdef PyObject* value
    cdef Group group
    cdef Id id_
    cdef int64_t i, gone = 0
    cdef Content there
    for i in range(3, argc):
        if not read_plain_id(a + i, 0, &id_):
            return False
    there = find_stream(loop, c, a + 1, h, &e, &value)
    if there == ANOTHER:
        return False
    if there == WANTED:
        group = find_group(<Stream>value, a + 2)
        if group is not None:
            for i in range(3, argc):
                read_plain_id(a + i, 0, &id_)
                gone += group_take(group, id_)
            if gone:
                group_changed(c, e, <Stream>value)
    out_head(c.out, c':', gone)
    return True

cdef bint cmd_xclaim(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Without options, or with JUSTID."""
    cdef Entry* e
    cdef PyObject* value
    cdef Group group
    cdef Consumer one
    cdef Held* held
    cdef Node* node
    cdef Record record
    cdef Id id_
    cdef pend_place at
    cdef size_t begin
    cdef int64_t i, idle = 0, count = 0
    cdef bint just = argc > 6 and word_is(a + argc - 1, b"justid", 6)
    argc -= just
    if not rl_parse_int(a[4].p, a[4].n, &idle):
        return False
    for i in range(5, argc):
        if not read_plain_id(a + i, 0, &id_):
            return False
    if find_stream(loop, c, a + 1, h, &e, &value) != WANTED:
        return False
    group = find_group(<Stream>value, a + 2)
    if group is None:
        return False
    one = group_hears(loop, group, a + 3)
    begin = room_for_head(c.out)
    for i in range(5, argc):
        read_plain_id(a + i, 0, &id_)
        held = <Held*>pend_find(&group.held_, as_pending(id_), &at)
        node = stream_find(<Stream>value, id_, &record)
        if node == NULL:
            group_take(group, id_)
        elif held != NULL and (idle <= 0 or loop.now - held.time >= idle):
            group_give(group, id_, one, loop.now, held.count + (not just))
            one.active = loop.now
            count += 1
            if just:
                out_id(c.out, id_)
            else:
                out_record(c.out, node, &record)
    array_ended(c.out, begin, count)
    group_changed(c, e, <Stream>value)
    return True

cdef bint cmd_xautoclaim(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """Where no entry that is pending has gone."""
    cdef Entry* e
    cdef PyObject* value
    cdef Stream s
    cdef Group group
    cdef Consumer one = None
    cdef Held* held
    cdef Node* node
    cdef Record record
    cdef Id low, start, high
    cdef size_t begin
    cdef int64_t i = 6, idle = 0, left = 100, looked = 0, count = 0, most
    cdef bint just = False
    if not rl_parse_int(a[4].p, a[4].n, &idle) or not read_end(a + 5, False, &start):
        return False
    while i < argc:
        if word_is(a + i, b"justid", 6):
            just = True
            i += 1
        elif i + 1 < argc and word_is(a + i, b"count", 5) and rl_parse_int(a[i + 1].p, a[i + 1].n, &left) and \
                0 < left <= 1 << 32:
            i += 2
        else:
            return False
    if find_stream(loop, c, a + 1, h, &e, &value) != WANTED:
        return False
    s = <Stream>value
    group = find_group(s, a + 2)
    if group is None:
        return False
    high.ms = high.seq = <uint64_t>-1
    most, low = left * 10, start
    while looked < most and count < left:           # nothing is changed before all are known to be there
        held = next_held(group, None, low, high)
        if held == NULL:
            break
        if stream_find(s, held.id, &record) == NULL or id_order(held.id, high) == 0:
            return False
        looked += 1
        count += idle <= 0 or loop.now - held.time >= idle
        low = id_after(held.id)
    one = group_hears(loop, group, a + 3)
    out_head(c.out, c'*', 3)
    held = next_held(group, None, low, high)
    high.ms = high.seq = 0
    out_id(c.out, held.id if held != NULL else high)
    high.ms = high.seq = <uint64_t>-1
    out_head(c.out, c'*', count)
    low = start
    while looked:
        held = next_held(group, None, low, high)
        low = id_after(held.id)
        looked -= 1
        if idle <= 0 or loop.now - held.time >= idle:
            node = stream_find(s, held.id, &record)
            if just:
                out_id(c.out, held.id)
            else:
                out_record(c.out, node, &record)
            group_give(group, held.id, one, loop.now, held.count + (not just))
            one.active = loop.now
    out_head(c.out, c'*', 0)
    group_changed(c, e, s)
    return True

cdef bint cmd_xpending(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """How much is pending for whom, or what: with a consumer or without, and how long ago at least."""
    cdef Entry* e
    cdef PyObject* value
    cdef Group group
    cdef Consumer one = None
    cdef Held* held
    cdef Id low, high
    cdef size_t begin
    cdef int64_t idle = 0, most = 0, count = 0, at = 3
    if argc > 3:
        if word_is(a + 3, b"idle", 4):
            if argc < 8 or not rl_parse_int(a[4].p, a[4].n, &idle):
                return False
            at = 5
        if argc < at + 3 or argc > at + 4 or not read_end(a + at, False, &low) or not read_end(a + at + 1, True, &high) or \
                not rl_parse_int(a[at + 2].p, a[at + 2].n, &most):
            return False
    if find_stream(loop, c, a + 1, h, &e, &value) != WANTED:
        return False
    group = find_group(<Stream>value, a + 2)
    if group is None:
        return False
    if argc == 3:
        return tell_pending(c, group)
    begin = room_for_head(c.out)
    if argc == at + 4:
        one = group_consumer(group, a + at + 3)
        if one is None:
            most = 0
    while count < most:
        held = next_held(group, one, low, high)
        if held == NULL:
            break
        if loop.now - held.time >= idle:
            out_head(c.out, c'*', 4)
            out_id(c.out, held.id)
            out_text(c.out, (<Consumer>held.owner).name)
            out_head(c.out, c':', loop.now - held.time)
            out_head(c.out, c':', <int64_t>held.count)
            count += 1
        if id_order(held.id, high) >= 0:
            break
        low = id_after(held.id)
    array_ended(c.out, begin, count)
    return True

cdef inline void out_text(Buffer* out, bytes text) noexcept:
    out_bulk(out, text, <size_t>len(text))

cdef bint tell_pending(Client c, Group group) except -1:
    cdef char[24] number
    cdef Consumer one
    cdef list names
    if group.held_.live == 0:
        return False
    names = sorted([name for name, one in group.consumers.items() if one.ids.live])
    out_head(c.out, c'*', 4)
    out_head(c.out, c':', <int64_t>group.held_.live)
    out_id(c.out, read_id(group.first()))
    out_id(c.out, read_id(group.last()))
    out_head(c.out, c'*', len(names))
    for name in names:
        one = group.consumers[name]
        out_head(c.out, c'*', 2)
        out_text(c.out, one.name)
        out_bulk(c.out, number, <size_t>rl_format_int(number, <int64_t>one.ids.live))
    return True


cdef int hot_groups(Loop loop) except -1:
    hot_add(loop, b"xreadgroup", cmd_xreadgroup, False)
    hot_add(loop, b"xack", cmd_xack, True)
    hot_add(loop, b"xclaim", cmd_xclaim, True)
    hot_add(loop, b"xautoclaim", cmd_xautoclaim, True)
    hot_add(loop, b"xpending", cmd_xpending, True)
    return 0
