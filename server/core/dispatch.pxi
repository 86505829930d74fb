# From a parsed request to the code that answers it.
#
# Must live here: the table of hot commands, the choice between them and Python, the batch.  Must not: the order of errors,
# MULTI, AUTH and CLIENT REPLY (redlark.server.dispatch, for both cores), or what a command does (strings.pxi).
#
# A hot command is a C function that answers the plain cases and returns False for every other one: a wrong type, a bad
# number, a rare option.  It has then changed nothing, and the Python command answers.  So each error text stands once, in
# Python, and what C has is short.
#
# Sixteen requests are parsed, their keys' buckets fetched, then their entries, and only then executed: the memory that a
# table of millions of keys must wait for comes while others are being parsed.  So are the members of large collections.

ctypedef bint (*HotFunction)(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept

cdef struct Hot:
    uint64_t name           # lower case: the first eight bytes as a number, with zeros where it is shorter,
    uint64_t rest           # the last eight, 0 if it is not longer,
    size_t size             # and how many it has; of a subcommand's own name, with its container's number above
    HotFunction run         # NULL: the slot is free
    int arity
    int key                 # the argument that is its key (0: it has none),
    int member              # and this one, if it is not 0, a member of the collection there
    size_t container        # its number, if it is one
    bint writes
    bint grows              # is refused when memory is full
    bint in_scripts         # may be called there
    bint in_readers         # and by those that may not write
    bint counts             # what it looks up is a hit or a miss
    uint64_t calls          # see usage.pxi
    uint64_t ns
    uint64_t* times
    PyObject* full_name     # bytes, owned by the table of commands
    bint careful            # its numbers are those of other names, too: it is longer, or has a `_`, no letter

cdef enum:
    HOT_SLOTS = 512
    WHOLE_HOT = 16          # bytes of a name that two numbers hold
    LONGEST_HOT = 24        # and of any
    OBJECT_OF = 1 << 8      # numbers of containers
    MEMORY_OF = 2 << 8
    XINFO_OF = 3 << 8
    CLIENT_OF = 4 << 8
    BATCH = 16
    FLUSH_AT = 1 << 18      # output that is sent before the rest of the input is executed

cdef extern from *:
    """
    #define RL_LOWER 0x2020202020202020ULL
    """
    const uint64_t LOWER "RL_LOWER"


cdef inline size_t hot_slot(uint64_t name, uint64_t rest) noexcept nogil:
    return <size_t>(((name + 31 * rest) * 0x9E3779B97F4A7C15ULL) >> 55)

cdef inline uint64_t hot_name(const char* p, size_t n, uint64_t* rest) noexcept nogil:
    """Case is folded by setting bit 5: of the bytes that then equal a letter, all are that letter."""
    rest[0] = 0
    if n <= 8:
        return rl_load_short(p, n) | (LOWER >> (8 * (8 - n)) if n else 0)
    rest[0] = rl_load8(p + n - 8) | LOWER
    return rl_load8(p) | LOWER

cdef bint hot_same(const Hot* hot, const char* p, size_t n) noexcept nogil:
    """Letter by letter; no subcommand needs it."""
    cdef const char* name = BYTES_TEXT(hot.full_name)
    cdef size_t i
    for i in range(n):
        if (p[i] | 32 if c'A' <= p[i] <= c'Z' else p[i]) != name[i]:
            return False
    return True

cdef inline Hot* hot_find(Hot* table, const char* p, size_t n, size_t container) noexcept nogil:
    cdef uint64_t name, rest
    cdef size_t i
    if n > LONGEST_HOT:
        return NULL
    name = hot_name(p, n, &rest)
    i = hot_slot(name, rest)
    while table[i].run != NULL:
        if table[i].name == name and table[i].rest == rest and table[i].size == n + container and \
                (not table[i].careful or hot_same(table + i, p, n)):
            return table + i
        i = (i + 1) & (HOT_SLOTS - 1)
    return NULL

cdef inline Hot* hot_of(Loop loop, int64_t argc, const Slice* a) noexcept nogil:
    """The hot command that a request names; of a container, the subcommand."""
    cdef Hot* hot = hot_find(loop.hot, a.p, a.n, 0)
    if hot == NULL or not hot.container:
        return hot
    return hot_find(loop.hot, a[1].p, a[1].n, hot.container) if argc > 1 else NULL

cdef inline Hot* hot_ahead(Loop loop, int64_t argc, const Slice* a, const char* start, const char* end) noexcept nogil:
    """The same, of a request in [start, end), unless it is an inline one, whose words stand elsewhere: short names at once."""
    cdef uint64_t name, shift
    cdef Hot* hot
    if 0 < a.n <= 8 and a.p > start and end - a.p >= 8:
        shift = 64 - 8 * a.n
        name = (rl_load8(a.p) << shift >> shift) | LOWER >> shift
        hot = loop.hot + hot_slot(name, 0)
        if hot.name == name and hot.size == a.n and hot.rest == 0 and not hot.container:
            return hot
    return hot_of(loop, argc, a)

cdef int hot_add(Loop loop, bytes name, HotFunction run, int key, int member=0) except -1:
    """Take over a command, if the server has it."""
    command = loop.server.commands.get(name.upper())
    if command is None or command.name != name:     # rename-command
        return 0
    return hot_put(loop, command, name, run, key, 0, member)

cdef int hot_counts(Loop loop, bytes name) except -1:
    """A command that has been added says for itself what is a hit or a miss."""
    cdef Hot* hot = hot_find(loop.hot, name, <size_t>len(name), 0)
    if hot != NULL:
        hot.counts = True
    return 0

cdef int hot_contain(Loop loop, bytes name, size_t container) except -1:
    """A container whose subcommands are to be added, if the server has it."""
    command = loop.server.commands.get(name.upper())
    if command is not None and command.name == name:
        hot_put(loop, command, name, cmd_container, 0, 0)
        hot_find(loop.hot, name, <size_t>len(name), 0).container = container
    return 0

cdef int hot_add_below(Loop loop, bytes name, bytes below, HotFunction run, int key) except -1:
    """Take over a subcommand of a container that has been added."""
    cdef Hot* hot = hot_find(loop.hot, name, <size_t>len(name), 0)
    if hot != NULL:
        hot_put(loop, loop.server.commands[name.upper()].subcommands[below.upper()], below, run, key, hot.container)
    return 0

cdef bint cmd_container(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    """It is refused without a subcommand."""
    return False

cdef int hot_put(Loop loop, object command, bytes name, HotFunction run, int key, size_t container, int member=0) except -1:
    cdef uint64_t rest = 0
    cdef uint64_t number = hot_name(name, <size_t>len(name), &rest)
    cdef size_t i = hot_slot(number, rest)
    while loop.hot[i].run != NULL:
        i = (i + 1) & (HOT_SLOTS - 1)
    loop.hot[i].name = number
    loop.hot[i].rest = rest
    loop.hot[i].size = <size_t>len(name) + container
    loop.hot[i].run = run
    loop.hot[i].arity = command.arity
    loop.hot[i].key = key
    loop.hot[i].member = member
    loop.hot[i].writes = command.write
    loop.hot[i].grows = command.denyoom
    loop.hot[i].in_scripts = not command.no_script
    loop.hot[i].in_readers = not (command.write or command.may_replicate)
    loop.hot[i].counts = command.counts != 0
    loop.hot_names.append(command.name)
    loop.hot[i].full_name = <PyObject*>command.name
    loop.hot[i].careful = container == 0 and (len(name) > WHOLE_HOT or b"_" in name)
    return 0

cdef inline bint is_usual(Client c) noexcept:
    """Nothing holds that only redlark.server.dispatch knows how to deal with."""
    return c.queue is None and c.authenticated and c.reply_mode == REPLY_ON and not c.no_touch and \
        not (c.subscribed and (c.resp == 2 or c.loop.telling))

cdef inline bint run_hot(Loop loop, Client c, Hot* hot, int64_t argc, const Slice* a, uint64_t h) noexcept:
    cdef uint64_t found = c.db.found, missed = c.db.missed
    if hot.arity != argc and (hot.arity >= 0 or argc < -hot.arity):
        return False
    if loop.telling and (not hot.in_readers or loop.observed or c.tracks):  # of what they change and read, the Python commands tell
        return False
    if not hot.run(loop, c, argc, a, h):
        c.db.found, c.db.missed = found, missed
        return False
    if not hot.counts and hot.key:      # what is looked up to be changed is no hit; what a script calls counts for itself
        c.db.found, c.db.missed = found, missed
    hot.calls += 1
    c.last = hot.full_name
    return True

cdef list request_list(int64_t argc, const Slice* a):
    cdef list request = PyList_New(argc)
    cdef Py_ssize_t i
    for i in range(argc):
        item = PyBytes_FromStringAndSize(a[i].p, <Py_ssize_t>a[i].n)
        Py_INCREF(item)
        PyList_SET_ITEM(request, i, item)
    return request

cdef void call_python(Loop loop, Client c, int64_t argc, const Slice* a) noexcept:
    """Let redlark.server.dispatch answer."""
    try:
        loop_tell_time(loop)
        loop.process(c.context, request_list(argc, a))
    except BaseException as error:
        loop_failed(loop, error)
        c.out_failure()
    if PyList_GET_SIZE(loop.unpacked):
        loop_pack(loop)
    loop.python_ran = True
    loop_read_clock(loop)

cdef bint has_room(Loop loop) noexcept:
    """Whether memory is below its limit, once what can go has gone."""
    cdef size_t used = loop.memory_base
    for database in loop.databases:
        used += db_memory(<Database>database)
    if used <= loop.memory_limit:
        return True
    try:
        loop_tell_time(loop)
        loop.python_ran = True
        return loop.server.eviction.has_room()
    except BaseException as error:
        loop_failed(loop, error)
        return False

cdef void serve_waiting(Loop loop) noexcept:
    """A value has come or gone for whose key somebody waits: they are served at the time of this request."""
    try:
        loop_tell_time(loop)
        loop.server.waiting.serve()
    except BaseException as error:
        loop_failed(loop, error)
    loop.python_ran = True

cdef inline Table* table_of(const Entry* e) noexcept:
    """What a large collection keeps its members in; NULL where there is none."""
    cdef PyObject* held
    if e == NULL or kind_of(e) != OBJECT:
        return NULL
    held = object_of(e)
    if type(<object>held) is Set:
        return <Table*>(<Set>held).v.data if (<Set>held).v.form == HASHTABLE else NULL
    if type(<object>held) is Hash:
        return <Table*>(<Hash>held).v.data if (<Hash>held).v.large else NULL
    if type(<object>held) is SortedSet and (<SortedSet>held).v.large != NULL:
        return &(<SortedSet>held).v.large.table
    return NULL

cdef inline void fetch_batch(Loop loop, Database db, Request* batch, int count) noexcept:
    """Bring near what a batch will touch, each kind of it for all requests before the next kind."""
    cdef Request* r
    cdef Slice* a
    cdef Entry* e
    cdef unsigned int fetched = 0
    cdef bint any = False
    cdef int i
    for i in range(count):
        r = batch + i
        r.table = NULL
        if r.hot == NULL or not r.hot.key or r.argc <= r.hot.key:
            continue
        e = entry_likely(&db.table, r.hash)
        if e == NULL:
            continue
        fetched |= e.flags
        if r.hot.member and r.argc > r.hot.member:
            r.table = table_of(e)
            if r.table != NULL:
                a = loop.argv + r.first + r.hot.member
                r.member = rl_hash(a.p, a.n)
                rl_prefetch(home_of(r.table, r.member))
                any = True
    if any:
        for i in range(count):
            if batch[i].table != NULL:
                fetched |= cell_fetch(batch[i].table, batch[i].member)
    loop.fetched = fetched

cdef inline bint run_fetched(Loop loop, Client c, const Request* r, const Slice* a) noexcept:
    cdef bint done
    global ahead_text, ahead_hash
    if r.table != NULL:
        ahead_text, ahead_hash = a[r.hot.member].p, r.member
    done = run_hot(loop, c, r.hot, r.argc, a, r.hash)
    ahead_text = NULL
    return done

cdef char* execute_input(Loop loop, Client c, char* p, char* end) noexcept:
    """Execute the whole requests in [p, end); returns where what is left begins."""
    cdef Request[BATCH] batch
    cdef Request* r
    cdef Slice* a
    cdef int i, count, status, most, first
    cdef size_t args
    cdef uint64_t began
    cdef bint usual
    while p < end and c.own.used - c.own.sent < OUTPUT_LIMIT:
        count = 0
        args = 0
        status = WHOLE
        most = BATCH if c.authenticated else 1
        while count < most and p < end:
            if count and p[0] != c'*' and c.partial.total == 0:
                break
            r = batch + count
            r.first = args
            status = parse_next(loop, c, p, end, r)
            if status == NOTHING:
                p = r.end
                continue
            if status != WHOLE:
                break
            count += 1
            args += <size_t>r.argc
            a = loop.argv + r.first
            r.hot = hot_ahead(loop, r.argc, a, p, r.end)
            p = r.end
            if r.hot != NULL and r.hot.key and r.argc > r.hot.key:
                r.hash = rl_hash(a[r.hot.key].p, a[r.hot.key].n)
                rl_prefetch(home_of(&c.db.table, r.hash))
        if count > 1:
            fetch_batch(loop, c.db, batch, count)
        else:
            batch[0].table = NULL
        began = rl_ticks()
        first = 0
        usual = loop.aside is None and is_usual(c)
        for i in range(count):
            r = batch + i
            a = loop.argv + r.first
            if r.hot != NULL and usual and (not loop.memory_limited or not r.hot.grows or has_room(loop)) and \
                    run_fetched(loop, c, r, a):
                loop.stats.commands += 1
                c.commands += 1
                if PyList_GET_SIZE(c.db.came):
                    serve_waiting(loop)
                    usual = is_usual(c)
                if c.state != OPEN or is_over(loop, c):     # a script ran for so long that others were served
                    usage_share(loop, batch, first, i + 1, began)
                    partial_reset(&c.partial)
                    return r.end
            else:
                usage_share(loop, batch, first, i, began)
                call_python(loop, c, r.argc, a)
                began, first = rl_ticks(), i + 1
                usual = loop.aside is None and is_usual(c)
                if c.state != OPEN or c.parked or is_over(loop, c):
                    partial_reset(&c.partial)
                    return r.end
        usage_share(loop, batch, first, count, began)
        if status == REFUSED:
            write_refusal(loop, c)
            return end
        if c.out.used - c.out.sent > FLUSH_AT:
            send_early(loop, c)
            if c.state != OPEN or c.doomed:
                return end
        if status == INCOMPLETE:
            break
    return p

cdef void send_early(Loop loop, Client c) noexcept:
    """A client's requests make long replies: send what there is before going on."""
    if c.out == &loop.replies:
        replies_note(loop, c, loop.start)
        replies_flush(loop, False)
        loop.start = loop.replies.used = 0
        if c.own.used:
            c.out = &c.own
    else:
        if not c.wants_out:
            client_send(c)
        client_check_output(c, 0)

cdef void write_refusal(Loop loop, Client c) noexcept:
    """A protocol error, after which the connection is closed."""
    try:
        loop.server.failed(loop.refusal)
        c.reply(COMMAND_ERROR(loop.refusal))
    except BaseException as error:
        loop_failed(loop, error)
    c.state = CLOSING
