# The event loop: one epoll, one thread.
#
# Must live here: sockets, turns, the clock, cron and timers, starting and stopping.  Must not: what happens to input.
#
# Clients are watched by edges: epoll then looks at each ready socket once a turn rather than twice.  Whatever one read may
# have left behind (a full buffer, the end behind the data) arms the socket again, and its turn comes after all others'.
#
# A turn: wait; then read once from each ready client and execute; then send once to each, for a client that is woken while
# the others are still being read goes back to sleep and must be woken again; then look after the clients that something was
# done to out of their turn; then cron and timers.  The GIL is given up while waiting only, so a server in a thread costs the
# other threads nothing when it is idle.  The clock is read once for each ready client, after its bytes have come: no request
# is then judged by a time before it was sent.

cdef extern from "sys/epoll.h" nogil:
    ctypedef union epoll_data_t:
        void* ptr
        uint64_t u64
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    int epoll_create1(int flags)
    int epoll_ctl(int epoll, int what, int fd, epoll_event* event)
    int epoll_wait(int epoll, epoll_event* events, int count, int timeout)
    int EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLERR, EPOLLHUP, EPOLLET, EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, EPOLL_CLOEXEC

cdef extern from "sys/eventfd.h" nogil:
    int eventfd(unsigned int start, int flags)
    int EFD_NONBLOCK, EFD_CLOEXEC

cdef extern from "sys/socket.h" nogil:
    ssize_t recv(int fd, void* p, size_t n, int flags)
    ssize_t send(int fd, const void* p, size_t n, int flags)
    int accept4(int fd, void* address, void* size, int flags)
    int SOCK_NONBLOCK, SOCK_CLOEXEC, MSG_NOSIGNAL

cdef extern from "errno.h" nogil:
    int errno, EAGAIN, EWOULDBLOCK, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM

cdef extern from "unistd.h" nogil:
    int close(int fd)
    ssize_t read(int fd, void* p, size_t n)
    ssize_t write(int fd, const void* p, size_t n)

cdef extern from "clib.h" nogil:
    int rl_address_text(int fd, int peer, char* to, size_t room)
    bint rl_is_unix(int fd)
    void rl_tune_tcp(int fd, int keepalive)

cdef enum:
    EVENTS = 512
    ARRIVALS = 1 << 16      # bytes read at once, at most; of what lands elsewhere it may be more
    READ_AT_LEAST = 1 << 15
    OUTPUT_LIMIT = 1 << 30
    ACCEPT_PAUSE = 100      # ms
    PARKED_INPUT = 1 << 20  # what a parked client may send ahead
    SEGMENTS = EVENTS       # clients whose replies may wait for the end of the turn
    REHASH_US = 1000        # of each cron, for tables that are being rehashed

cdef uint32_t CLIENT_IN = EPOLLIN | EPOLLRDHUP | EPOLLET
cdef uint32_t HUNG_UP = EPOLLRDHUP | EPOLLHUP | EPOLLERR

# What an event belongs to, when it is not a client (whose address is even).
cdef enum:
    WAKE = 1
    LISTENER = 3            # and the socket's number from bit 2 on


cdef struct Segment:        # of the loop's buffer of replies
    PyObject* client        # borrowed: closed clients outlive the turn
    size_t start
    size_t size


cdef class Loop:
    """The compiled core's loop; see redlark.server.interfaces.Loop."""

    cdef readonly Stats stats
    cdef readonly dict clients
    cdef object server, errors      # and redlark.server.errors
    cdef object process, call, go_on_with   # of redlark.server.dispatch
    cdef list listeners
    cdef list noted                 # clients to look after at the end of the turn
    cdef list resumed               # of these, who waits no longer, in the order in which their waiting ended
    cdef list closed                # clients that must outlive the turn
    cdef list hot_names             # keeps alive what `hot` points to
    cdef Client aside               # whose request is under way while others are served
    cdef epoll_event* events        # of this turn, those that it has not come to
    cdef int event_count
    cdef object failure, refusal
    cdef Hot[HOT_SLOTS] hot
    cdef int64_t now, told          # and the time that server.now has
    cdef bint keeps_times           # of hot commands
    cdef uint64_t first_tick, first_ns, tick_scale, slow_ns     # and from when on a script may be a slow one
    cdef int64_t steady             # microseconds, at the end of the last turn
    cdef int64_t cron_at            # in the same time
    cdef int64_t timer_at           # Unix ms, FAR if there is none
    cdef object config
    cdef list unpacked              # databases and keys in turn, whose collections may stand in their entries again
    cdef SetLimits set_limits
    cdef HashLimits hash_limits
    cdef ZsetLimits zset_limits
    cdef StreamLimits stream_limits
    cdef int64_t list_limit, bulk_limit
    cdef size_t query_limit
    cdef Limit[CLASSES] limits
    cdef int64_t max_clients, accepts, cron_us  # `accepts` before the clients have their turn again
    cdef readonly tuple largest     # buffers of a client, when `client_memory` last looked
    cdef int keepalive
    cdef bint memory_limited
    cdef size_t memory_limit, memory_base, sketch_limit     # of these, `base` is what is used besides the keyspaces
    cdef list databases
    cdef ScriptCalls scripts        # None: no script has been there
    cdef bint telling, observed     # of keyspace events, of keys that change, or of requests; of each request
    cdef bint python_ran            # timers may have changed
    cdef bint stopping, executing
    cdef int epoll, wake
    cdef char* arrivals
    cdef size_t at_once             # what is read in one turn of a client that sends much (client.pxi)
    cdef Buffer replies             # of this turn, of all clients
    cdef Segment[SEGMENTS] segments
    cdef int segment_count, segment_next    # those before the next one are sent
    cdef size_t start               # where the replies of the client whose turn it is begin
    cdef unsigned int fetched       # what loads ahead of a batch have seen; only so that they are made
    cdef Buffer words, cells, dumped    # of an inline request; what a hot command gathers before it answers
    cdef Slice* argv
    cdef size_t argv_room

    def __cinit__(self, server, list listeners not None):
        self.epoll = self.wake = -1
        self.arrivals = <char*>rl_alloc(ARRIVALS)
        self.at_once = READ_AT_ONCE
        self.argv_room = ARGV_FIRST
        self.argv = <Slice*>rl_alloc(self.argv_room * sizeof(Slice))

    def __init__(self, server, list listeners not None):
        from redlark.server import dispatch, errors

        self.server = server
        self.process = dispatch.process
        self.call = dispatch.call
        self.go_on_with = dispatch.go_on_with
        self.errors = errors
        self.stats = Stats()
        self.clients = {}
        self.noted = []
        self.resumed = []
        self.closed = []
        self.hot_names = []
        self.unpacked = []
        self.listeners = []
        self.timer_at = FAR
        server.loop = self
        loop_read_clock(self)
        hot_table(self)
        usage_begin(self)
        self.configure()
        for database in server.databases:
            (<Database?>database).loop = self
        self.epoll = epoll_create1(EPOLL_CLOEXEC)
        self.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)
        if self.epoll < 0 or self.wake < 0:
            raise OSError(errno, "epoll or eventfd")
        self.add(self.wake, WAKE, EPOLLIN)
        self.listen(listeners)

    def __dealloc__(self):
        usage_forget(self)
        if self.epoll >= 0:
            close(self.epoll)
        if self.wake >= 0:
            close(self.wake)
        free(self.arrivals)
        free(self.argv)
        buffer_drop(&self.replies)
        buffer_drop(&self.words)
        buffer_drop(&self.cells)
        buffer_drop(&self.dumped)

    def listen(self, list listeners not None, /):
        for listener in self.listeners:
            epoll_ctl(self.epoll, EPOLL_CTL_DEL, listener.fileno(), NULL)   # it may be pausing
        self.listeners = list(listeners)
        for listener in self.listeners:
            listener.setblocking(False)
            self._listen_again(listener.fileno())

    cdef int add(self, int fd, uint64_t what, uint32_t interest) except -1:
        cdef epoll_event event
        event.events = interest
        event.data.u64 = what
        if epoll_ctl(self.epoll, EPOLL_CTL_ADD, fd, &event) < 0:
            raise OSError(errno, "epoll_ctl")
        return 0

    def configure(self):
        config = self.config = self.server.config
        read_set_limits(config, &self.set_limits)
        read_hash_limits(config, &self.hash_limits)
        read_zset_limits(config, &self.zset_limits)
        read_stream_limits(config, &self.stream_limits)
        self.list_limit = config.list_max_listpack_size
        self.bulk_limit = min(config.proto_max_bulk_len, 0xFFFF0000)
        self.query_limit, self.sketch_limit = config.client_query_buffer_limit, config.hll_sparse_max_bytes
        for number, limit in enumerate(config.client_output_buffer_limit):
            self.limits[number].hard = limit.hard
            self.limits[number].soft = limit.soft
            self.limits[number].soft_ms = limit.seconds * 1000
        self.max_clients, self.accepts = config.maxclients, config.max_new_connections_per_cycle
        self.keeps_times = config.latency_tracking
        self.keepalive = config.tcp_keepalive
        self.cron_us = 1_000_000 // config.hz
        self.memory_limited = self.server.memory_limited
        self.memory_limit = config.maxmemory
        self.databases = list(self.server.databases)
        self.slow_ns = min(self.server.observer.least_ns, NEVER)
        self.measure()
        self.observed = self.server.observer.needs_all or self.server.pause.is_on or self.server.events.misses
        self.telling = self.observed or bool(self.server.events.classes) or self.server.tracking.on \
            or self.server.propagation.on or self.server.lacks_replicas

    def measure(self):
        """Anew, what is used besides the keyspaces."""
        self.memory_base = self.server.used_memory() - sum(database.memory() for database in self.server.databases)

    def client_memory(self):
        """Bytes that the connections take, but for what they have queued."""
        return clients_memory(self)

    def script_calls(self, bytes lua not None, /):
        return ScriptCalls(self) if rl_lua_find(lua) else None

    def lazy(self):
        return doomed_objects + ql_doomed_lists, doomed_freed

    def usage(self):
        return usage_told(self)
    def forget_usage(self):
        usage_forget(self)

    def serve_others(self, Client c not None, /):
        """Within the request of a client: its input and the replies so far are put aside, with what they stand in."""
        cdef epoll_event[EVENTS] events
        cdef char* arrivals = self.arrivals
        cdef Slice* argv = self.argv
        cdef size_t argv_room = self.argv_room
        cdef size_t start = self.start
        cdef Buffer replies
        cdef bint parked = c.parked
        cdef int64_t now = self.now     # a request has one moment
        cdef epoll_event* left = self.events
        cdef int n, left_count = self.event_count
        replies_flush(self, False)
        for n in range(left_count):
            if not left[n].data.u64 & 1 and (<Client>left[n].data.ptr).state != CLOSED:
                client_rearm(<Client>left[n].data.ptr)
        replies = self.replies
        memset(&self.replies, 0, sizeof(Buffer))
        self.arrivals = <char*>rl_alloc(ARRIVALS)
        self.argv_room = ARGV_FIRST
        self.argv = <Slice*>rl_alloc(self.argv_room * sizeof(Slice))
        self.executing = False
        self.aside = c                  # from now on no short cut past redlark.server.dispatch
        c.parked = True
        try:
            n = epoll_wait(self.epoll, events, EVENTS, 0)
            if n > 0:
                self.turn(events, n)
        finally:
            free(self.arrivals)
            free(self.argv)
            buffer_drop(&self.replies)
            self.arrivals, self.argv, self.argv_room = arrivals, argv, argv_room
            self.replies = replies
            self.start = start
            self.executing = True
            self.aside = None
            self.events, self.event_count = left, left_count
            c.parked = parked
            self.now = now
            loop_tell_time(self)
        return not self.stopping

    def stop(self):
        cdef uint64_t one = 1
        self.stopping = True
        if write(self.wake, &one, sizeof(one)) < 0:
            pass

    def run(self):
        cdef epoll_event[EVENTS] events
        cdef int n
        cdef uint64_t began
        self.steady = rl_steady_us()
        self.cron_at = self.steady + self.cron_us
        self.python_ran = True
        try:
            while not self.stopping and self.failure is None:
                n = self.wait(events)
                began = rl_ticks()
                if n < 0:
                    if errno != EINTR:
                        raise OSError(errno, "epoll_wait")
                    PyErr_CheckSignals()
                self.turn(events, n)
                if later_waits(): later_step()
                self.steady = rl_steady_us()
                if self.steady >= self.cron_at:
                    self.tick()
                if self.timer_at != FAR:
                    loop_read_clock(self)
                    if self.now >= self.timer_at:
                        self.fire()
                usage_turn(self, began)
            if self.failure is not None:
                raise self.failure
        finally:
            self.shut()

    cdef int wait(self, epoll_event* events) except -2:
        cdef int64_t left = (self.cron_at - self.steady + 999) // 1000
        cdef int n
        if self.python_ran:
            self.python_ran = False
            when = self.server.timers.next()
            self.timer_at = FAR if when is None else when
        if self.timer_at != FAR:
            loop_read_clock(self)
            left = min(left, self.timer_at - self.now)
        if left < 0 or self.noted or later_waits():
            left = 0
        with nogil:
            n = epoll_wait(self.epoll, events, EVENTS, <int>left)
        return n

    cdef int turn(self, epoll_event* events, int count) except -1:
        cdef Client c
        cdef int i
        cdef uint64_t what, woken = 0
        for i in range(count):
            self.events, self.event_count = events + i + 1, count - i - 1
            what = events[i].data.u64
            if what & 1:
                if what == WAKE:
                    if read(self.wake, &woken, sizeof(woken)) < 0:
                        pass
                else:
                    self.accept(<int>(what >> 2))
                continue
            c = <Client>events[i].data.ptr
            if c.state == CLOSED:
                continue
            if c is self.aside:
                client_rearm(c)         # an edge is told of once; this one's time comes
                continue
            if events[i].events & EPOLLOUT:
                client_send(c)
                client_settle_sent(c)
            if c.state == OPEN and c.wants_in and events[i].events & ~<uint32_t>EPOLLOUT:
                client_read(c)
                if events[i].events & HUNG_UP and c.state != CLOSED:
                    client_rearm(c)     # what hung up is told of once, and this read may have got data alone
                if not c.has_segment:
                    client_settle(c)
            elif events[i].events & (EPOLLERR | EPOLLHUP) and c.state != CLOSED:
                client_close(c)
        replies_flush(self, False)
        loop_rest(self)
        if self.closed and self.aside is None:
            clients_end(self.closed)
        return 0

    cdef int look_after(self) except -1:
        """Clients that something was done to out of their turn: resumed, pushed to, closed after reply.

        Who waits no longer goes on in the order in which waiting ended, whoever was pushed to before.
        """
        cdef Client c
        cdef list chosen
        cdef bint goes_on
        while self.noted or self.resumed:
            goes_on = len(self.resumed) > 0
            if goes_on:
                chosen, self.resumed = self.resumed, []
            else:
                chosen, self.noted = self.noted, []
                for c in chosen:
                    c.noted = False
            for c in chosen:
                if goes_on and c.state == OPEN and not c.doomed:
                    loop_tell_time(self)
                    self.go_on_with(c.context)
                if c.state == OPEN and c.input.used and not c.parked and c.partial.total in (0, c.partial.done):
                    client_execute(c, c.input.p, c.input.p + c.input.used)
                client_settle(c)
            replies_flush(self, False)
        return 0

    cdef int accept(self, int listener) except -1:
        cdef int fd, _
        cdef char[160] text
        cdef Client c
        cdef bytes refusal
        for _ in range(self.accepts):
            fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if fd < 0:
                if errno == EMFILE or errno == ENFILE or errno == ENOBUFS or errno == ENOMEM:
                    self.pause(listener)
                return 0
            if len(self.clients) >= self.max_clients:
                self.stats.rejected += 1
                refusal = b"-" + self.errors.MAX_CLIENTS + b"\r\n"
                send(fd, <const char*>refusal, len(refusal), MSG_NOSIGNAL)
                close(fd)
                continue
            self.stats.connections += 1
            loop_read_clock(self)
            c = Client(self, fd)
            c.is_unix = rl_is_unix(fd)
            if not c.is_unix:
                rl_tune_tcp(fd, self.keepalive)
            rl_address_text(fd, 0, text, sizeof(text))
            c.laddr = <bytes>text
            if not c.is_unix:
                rl_address_text(fd, 1, text, sizeof(text))
            c.addr = <bytes>text
            loop_tell_time(self)
            self.server.connected(c)
            self.python_ran = True
            self.clients[c.id] = c
            self.add(fd, <uint64_t><size_t><void*>c, CLIENT_IN)
        return 0

    cdef int pause(self, int listener) except -1:
        """No descriptor is left: accept nothing for a while, rather than be woken for ever."""
        epoll_ctl(self.epoll, EPOLL_CTL_DEL, listener, NULL)
        self.server.timers.at(self.now + ACCEPT_PAUSE, partial(self._listen_again, listener))
        self.python_ran = True
        return 0

    def _listen_again(self, int listener):
        if listener in [one.fileno() for one in self.listeners]:
            self.add(listener, listener_mark(listener), EPOLLIN)

    cdef int tick(self) except -1:
        cdef int64_t until
        cdef Database db
        self.cron_at = max(self.cron_at + self.cron_us, self.steady)
        loop_read_clock(self)
        loop_tell_time(self)
        self.server.cron()
        limits_watch(self)
        usage_calibrate(self)
        self.measure()
        self.python_ran = True
        until = rl_steady_us() + REHASH_US
        for db in self.server.databases:
            while table_upkeep(&db.table, 64) and rl_steady_us() < until:
                pass
        if self.argv_room > ARGV_FIRST:
            self.argv_room = ARGV_FIRST
            self.argv = <Slice*>rl_resize(self.argv, self.argv_room * sizeof(Slice))
        PyErr_CheckSignals()
        loop_rest(self)
        return 0

    cdef int fire(self) except -1:
        loop_tell_time(self)
        self.server.timers.run(self.now)
        self.python_ran = True
        loop_rest(self)
        return 0

    cdef int shut(self) except -1:
        """Close every client, giving the replies that wait one chance."""
        for c in list(self.clients.values()):
            client_settle(<Client>c)
            client_close(<Client>c)
        for clients in (self.noted, self.resumed, self.closed):
            clients.clear()
        return 0


cdef inline uint64_t listener_mark(int fd) noexcept:
    return LISTENER | <uint64_t>fd << 2

cdef inline void loop_read_clock(Loop loop) noexcept:
    loop.now = rl_unix_ms()

cdef void loop_tell_time(Loop loop) noexcept:
    """Python is about to run: it reads the time from the server's state."""
    if loop.told != loop.now:
        loop.told = loop.now
        loop.server.now = loop.now

cdef void loop_failed(Loop loop, object error) noexcept:
    """An exception that nothing caught: a defect of ours is reported and the server goes on, KeyboardInterrupt ends it."""
    if isinstance(error, Exception):
        traceback.print_exception(error)
    else:
        loop.failure = error
