# A connection.
#
# Must live here: a client's state, its input that waits and its output that the socket has not taken.  Must not: when to
# read and write (loop.pxi), what a request means (dispatch.pxi).

cdef enum State:
    OPEN
    CLOSING                 # once its output is sent; nothing of its input is executed any more
    CLOSED

cdef enum ReplyMode:        # as in interfaces
    REPLY_ON = 0
    REPLY_OFF = 1
    REPLY_SKIP = 2

cdef enum:
    TURN_US = 500               # which a client's turn should take at most
    READ_AT_ONCE = 4096         # bytes, at least

cdef class Client:
    """One connection; see redlark.server.interfaces.Client."""

    cdef Loop loop
    cdef Buffer* out                # the loop's while its input is executed, else `own`
    cdef public Database db
    cdef public list queue
    cdef public bint authenticated
    cdef public bint no_touch
    cdef public bint parked
    cdef public bint touched
    cdef public bint tracks         # is told when what it has read changes
    cdef public bint subscribed     # listens to something: of RESP2, redlark.server.dispatch asks whether it may send that
    cdef public int reply_mode
    cdef public int resp
    cdef int state
    cdef bint wants_out             # EPOLLOUT is asked for
    cdef bint wants_in              # EPOLLIN is
    cdef bint noted                 # is in loop.noted
    cdef bint has_segment           # replies of this turn stand in the loop's buffer
    cdef bint doomed                # more waits for it than may: it is closed once nobody is in the midst of anything
    cdef int64_t soft_since         # Unix ms; since then more waits than the soft limit allows; 0: no more
    cdef PyObject* last             # the last command's full name, borrowed from the table of commands, or from last_kept
    cdef public uint64_t commands
    cdef public uint64_t net_in
    cdef public uint64_t net_out
    cdef public int64_t last_active
    cdef Partial partial
    cdef Buffer input               # what could not be executed yet
    cdef Landing landing            # an argument of it
    cdef bint lands                 # another one has lately
    cdef Buffer own
    cdef public int64_t id
    cdef public int64_t created
    cdef public int fd
    cdef bint is_unix
    cdef public bint queue_failed
    cdef public bint no_evict
    cdef public object context
    cdef public bytes addr
    cdef public bytes laddr
    cdef public bytes name
    cdef public bytes lib_name
    cdef public bytes lib_ver
    cdef public bytes user
    cdef public list watching
    cdef bytes last_kept

    def __cinit__(self, Loop loop not None, int fd):
        self.loop = loop
        self.fd = fd
        self.out = &self.own
        self.resp = 2
        self.state = OPEN
        self.wants_in = True
        self.created = self.last_active = loop.now
        self.addr = self.laddr = self.name = self.lib_name = self.lib_ver = self.user = self.last_command = b""
        self.watching = []

    def __dealloc__(self):
        buffer_drop(&self.input)
        buffer_drop(&self.own)
        free(self.partial.args)
        landing_end(&self.landing)

    @property
    def last_command(self):
        return <object>self.last

    @last_command.setter
    def last_command(self, bytes name not None):
        self.last_kept = name
        self.last = <PyObject*>name

    @property
    def unix(self):             # no attribute of this name: compilers take `unix` for 1
        return self.is_unix

    def reply(self, value, /):
        """Nothing of a value that cannot be encoded stays."""
        cdef size_t before
        if self.is_silent():
            return
        self.in_order()
        before = self.out.used
        try:
            out_value(self.out, value, self.resp)
        except BaseException:
            self.out.used = before
            raise
        self.note()

    def write(self, bytes raw not None, /):
        if not self.is_silent():
            self.in_order()
            buffer_add(self.out, raw, len(raw))
            self.note()

    def deliver(self, bytes frame not None, /):
        if self.state == OPEN and not self.doomed:
            self.in_order()
            buffer_add(self.out, frame, len(frame))
            self.note()
            if self.out == &self.own:
                client_check_output(self, 0)

    def push(self, value, /):
        self.reply(value)

    cdef void in_order(self) noexcept:
        """What is written from outside this client's turn comes after the replies of its turn."""
        if self.has_segment and self.out == &self.own:
            replies_flush(self.loop, True)

    cdef bint is_silent(self) noexcept:
        return self.reply_mode == REPLY_OFF or self.reply_mode == REPLY_SKIP or self.state == CLOSED or self.doomed

    cdef void out_failure(self) noexcept:
        """A defect of ours kept a command from answering."""
        if not self.is_silent():
            buffer_add(self.out, b"-ERR internal error\r\n", 21)

    cdef void note(self) noexcept:
        """See to it that the loop looks after this client, whose turn it may not be."""
        if not self.noted and self.out == &self.own:
            self.noted = True
            self.loop.noted.append(self)

    def run(self, list request not None, /):
        cdef Slice[8] few
        cdef Slice* a = few
        cdef Py_ssize_t i, argc = len(request)
        cdef Hot* hot
        cdef uint64_t h = 0, began
        cdef bint done = False
        cdef PyObject* last = self.last         # EXEC stays the last command
        self.in_order()
        for i in range(min(argc, 2)):           # what names the command
            few[i] = slice_of(<bytes>request[i])
        hot = hot_of(self.loop, argc, few)
        if hot != NULL and self.reply_mode == REPLY_ON and not self.no_touch and not self.subscribed and self.state == OPEN:
            if argc > 8:
                a = <Slice*>rl_alloc(argc * sizeof(Slice))
            for i in range(argc):
                a[i] = slice_of(<bytes>request[i])
            if hot.key and argc > hot.key:
                h = rl_hash(a[hot.key].p, a[hot.key].n)
            began = rl_ticks()
            done = run_hot(self.loop, self, hot, argc, a, h)
            if done:
                usage_add(self.loop, hot, usage_since(self.loop, began))
                self.loop.stats.commands += 1
                self.commands += 1
            self.last = last
            if argc > 8:
                free(a)
            self.note()
        if not done:
            self.loop.call(self.context, request)

    def resume(self):
        self.parked = False
        self.loop.resumed.append(self)
        self.note()

    def close(self, bint after_reply=False):
        if self.state == CLOSED:
            return
        if after_reply:
            self.state = CLOSING
            self.note()
        else:
            client_close(self)

    @property
    def owes(self):
        return self.has_segment or self.own.used > self.own.sent or \
            self.out == &self.loop.replies and self.loop.replies.used > self.loop.start

    def sizes(self):
        cdef Py_ssize_t queued = 0
        if self.queue is not None:
            for request in self.queue:
                queued += 56 + 8 * len(request)
                for argument in request:
                    queued += len(argument)
        cdef size_t waiting = self.own.used - self.own.sent
        cdef size_t landed = self.landing.filled if self.landing.block != NULL else 0
        return SIZES(
            qbuf=self.input.used + landed,
            qbuf_free=self.input.room - self.input.used + landing_memory(&self.landing) - landed,
            argv_mem=self.partial.room * sizeof(Slice),
            multi_mem=queued,
            rbs=self.own.room,
            rbp=self.own.used,
            obl=waiting,
            oll=0,
            omem=waiting,
            tot_mem=client_memory(self) + queued,
        )


# --------------------------------------------------------------------------------------------------------------- output

cdef size_t socket_send(Client c, const char* p, size_t n) noexcept:
    """Give the socket what it takes; how much that was.  A socket that fails ends the connection, if not just now."""
    cdef size_t done = 0
    cdef ssize_t sent
    while done < n:
        sent = send(c.fd, p + done, n - done, MSG_NOSIGNAL)
        if sent < 0:
            if errno == EINTR:
                continue
            if errno != EAGAIN and errno != EWOULDBLOCK:
                c.doomed = True
                client_note(c)
            break
        done += <size_t>sent
    c.net_out += done
    c.loop.stats.net_out += done
    c.loop.stats.writes += 1
    return done

cdef void client_send(Client c) noexcept:
    """Send what waits in the client's own buffer."""
    cdef size_t room = c.own.room
    c.own.sent += socket_send(c, c.own.p + c.own.sent, c.own.used - c.own.sent)
    if c.own.sent == c.own.used:
        buffer_emptied(&c.own)
        c.loop.stats.output_shrunk += c.own.room != room

cdef inline void client_note(Client c) noexcept:
    """Look after it once nobody is in the midst of anything."""
    if not c.noted:
        c.noted = True
        c.loop.noted.append(c)

cdef void replies_flush(Loop loop, bint within) noexcept:
    """Send the replies of this turn; what a socket does not take waits in its client's own buffer.

    within: something is written to a client out of its turn, by who may be going through tables of clients just now: so
    none is closed.  Otherwise what closing does may lead back here; what is left of the segments is then sent there.
    """
    cdef Client c
    cdef Segment* segment
    cdef size_t done, room
    while loop.segment_next < loop.segment_count:
        segment = loop.segments + loop.segment_next
        loop.segment_next += 1
        c = <Client>segment.client
        c.has_segment = False
        if c.state == CLOSED or c.doomed:
            continue
        done = 0
        if c.own.used == c.own.sent:
            done = socket_send(c, loop.replies.p + segment.start, segment.size)
        if done < segment.size and not c.doomed:
            room = c.own.room
            buffer_add(&c.own, loop.replies.p + segment.start + done, segment.size - done)
            loop.stats.output_grown += c.own.room != room
            client_check_output(c, 0)
        if not within:
            client_settle(c)
        elif c.doomed or c.state == CLOSING or c.own.used:
            client_note(c)
    loop.segment_count = loop.segment_next = 0
    if not loop.executing:
        buffer_emptied(&loop.replies)

cdef void replies_note(Loop loop, Client c, size_t start) noexcept:
    """What stands in the loop's buffer from `start` on is this client's."""
    if loop.replies.used == start:
        return
    loop.segments[loop.segment_count].client = <PyObject*>c
    loop.segments[loop.segment_count].start = start
    loop.segments[loop.segment_count].size = loop.replies.used - start
    loop.segment_count += 1
    c.has_segment = True
    if loop.replies.used - start > LEAST_LIMIT:
        client_check_output(c, loop.replies.used - start)
    if loop.segment_count == SEGMENTS:
        replies_flush(loop, False)

cdef void client_watch(Client c) noexcept:
    """Ask epoll for what matters now.  Whoever lets a gigabyte of replies wait is not read from any more."""
    cdef bint out = c.own.used > c.own.sent
    cdef bint reads = c.state == OPEN and c.own.used - c.own.sent < OUTPUT_LIMIT and not \
        (c.parked and c.input.used > PARKED_INPUT)
    if out == c.wants_out and reads == c.wants_in:
        return
    c.wants_out = out
    c.wants_in = reads
    client_rearm(c)

cdef void client_rearm(Client c) noexcept:
    """Be told at once of what is there already: an edge is told of once."""
    cdef epoll_event event
    event.events = <uint32_t>EPOLLET | (CLIENT_IN if c.wants_in else 0) | (<uint32_t>EPOLLOUT if c.wants_out else 0)
    event.data.ptr = <void*>c
    epoll_ctl(c.loop.epoll, EPOLL_CTL_MOD, c.fd, &event)

cdef inline void client_settle(Client c) noexcept:
    """After whatever happened to a client: send, and close it or wait for what it lacks.  Replies of this turn come first."""
    if c.has_segment:
        return
    if c.doomed:
        client_close(c)
        return
    if c.own.used > c.own.sent and not c.wants_out and c.state != CLOSED:
        client_send(c)
        if c.doomed:
            client_close(c)
    if c.state == CLOSED:
        return
    if c.state == CLOSING and c.own.used == c.own.sent:
        client_close(c)
    elif c.own.used or c.state == CLOSING or c.wants_out or not c.wants_in or c.parked:
        client_watch(c)

cdef void client_close(Client c) noexcept:
    """The connection ends here; the object lives on until the loop's turn is over, for events may point to it."""
    cdef Loop loop = c.loop
    if c.state == CLOSED:
        return
    c.state = CLOSED
    epoll_ctl(loop.epoll, EPOLL_CTL_DEL, c.fd, NULL)
    close(c.fd)
    try:
        loop.closed.append(c)
        loop.clients.pop(c.id, None)
        loop.server.disconnected(c)
    except BaseException as error:
        loop_failed(loop, error)


cdef int clients_end(list closed) except -1:
    """Nobody is in the midst of these any more: what they have sent and were to get goes at once.

    The objects go when Python's collector of cycles comes by, for their contexts point back to them.
    """
    cdef Client c
    for c in closed:
        buffer_drop(&c.input)
        buffer_drop(&c.own)
        landing_end(&c.landing)
    closed.clear()
    return 0


# ---------------------------------------------------------------------------------------------------------------- input

cdef void client_read(Client c) noexcept:
    """Read once, or of what lands some times; execute what is whole, keep the rest."""
    cdef int i
    for i in range(LANDINGS):
        if not client_take(c):
            return
    client_rearm(c)

cdef bint client_take(Client c) noexcept:
    """Read once.  True where something lands of which more is there at once."""
    cdef Loop loop = c.loop
    cdef Buffer* b = &c.input
    cdef char* p = loop.arrivals
    cdef size_t room = loop.at_once, rest = 0
    cdef int64_t began = 0
    cdef ssize_t n
    if is_landing(&c.landing):
        rest = c.landing.size - c.landing.filled
        room = rest + LANDING_READ
        n = rl_read_two(c.fd, c.landing.text + c.landing.filled, rest, p, LANDING_READ)
    else:
        if b.used:
            p = buffer_reserve(b, READ_AT_LEAST)
            room = min(room, b.room - b.used)
        elif c.lands:
            room = LANDING_READ
        n = recv(c.fd, p, room, 0)
    if n <= 0:
        if n < 0 and errno == EINTR:
            client_rearm(c)
        elif n == 0 or errno != EAGAIN and errno != EWOULDBLOCK:
            client_close(c)
        return False
    loop_read_clock(loop)
    c.last_active = loop.now
    c.net_in += <uint64_t>n
    loop.stats.net_in += <uint64_t>n
    loop.stats.reads += 1
    if <size_t>n == room:
        began = rl_steady_us()
    if rest:
        client_land(c, rest, <size_t>n)
    elif b.used == 0:
        client_execute(c, p, p + n)
    else:
        b.used += <size_t>n
        client_execute(c, b.p, b.p + b.used)
    if <size_t>n < room or c.state != OPEN:
        return False
    if is_landing(&c.landing):
        return True
    loop_pace(loop, rl_steady_us() - began)
    client_rearm(c)
    return False

cdef inline void loop_pace(Loop loop, int64_t took) noexcept:
    """A full read took so long (us) to execute: others wait meanwhile, so the next ones are shorter, or longer again."""
    if took > TURN_US:
        loop.at_once = max(loop.at_once * TURN_US // <size_t>took, READ_AT_ONCE)
    elif took < TURN_US // 4:
        loop.at_once = min(loop.at_once * 2, ARRIVALS)

cdef void client_land(Client c, size_t rest, size_t n) noexcept:
    """So much has come of an argument that lands, of which `rest` was lacking, and of what is behind it."""
    cdef Buffer* b = &c.input
    c.landing.filled += min(n, rest)
    if n < rest:
        client_check_input(c)
        return
    landing_done(&c.landing, &c.partial)
    client_execute(c, b.p, b.p + b.used)
    if n == rest or c.state != OPEN:
        return
    n -= rest
    if b.used == 0:
        client_execute(c, c.loop.arrivals, c.loop.arrivals + n)
    else:
        buffer_add(b, c.loop.arrivals, n)
        client_execute(c, b.p, b.p + b.used)

cdef void client_execute(Client c, char* p, char* end) noexcept:
    """Execute input, which is the loop's buffer of arrivals or the client's own, and keep what is left of it."""
    cdef Loop loop = c.loop
    cdef Buffer* b = &c.input
    cdef char* rest = p
    cdef size_t left
    if c.state == OPEN and not c.parked and not c.doomed:
        if c.own.used == c.own.sent:
            c.out = &loop.replies
        loop.executing = True
        loop.start = loop.replies.used
        rest = execute_input(loop, c, p, end)
        loop.executing = False
        if c.out == &loop.replies:
            c.out = &c.own
            replies_note(loop, c, loop.start)
        if rest != p and c.landing.block != NULL:
            landing_end(&c.landing)
    left = <size_t>(end - rest) if c.state == OPEN and not c.doomed else 0
    if left and not c.parked:
        c.lands = landing_begin(&c.landing, &c.partial, rest, left)
        if c.lands:
            left = c.partial.at
    if p != b.p:
        if left:
            buffer_add(b, rest, left)
    elif left == 0:
        buffer_drop(b)
    else:
        if rest != p:
            memmove(b.p, rest, left)
        b.used = left
    client_check_input(c)

cdef inline void client_check_input(Client c) noexcept:
    """No more waits than may."""
    if c.input.used + (c.landing.filled if c.landing.block != NULL else 0) > c.loop.query_limit:
        c.loop.stats.query_overflows += 1
        client_close(c)

cdef void client_settle_sent(Client c) noexcept:
    """After EPOLLOUT."""
    if c.state == CLOSED:
        return
    if c.doomed or c.state == CLOSING and c.own.used == c.own.sent:
        client_close(c)
    else:
        client_watch(c)
        if c.input.used and c.own.used - c.own.sent < OUTPUT_LIMIT:
            c.note()
