# Hot commands for scripts: `redis.call` of one of them meets no Python.
#
# Must live here: when a script's call may be answered so.  Must not: how words and replies pass between Lua and C
# (luacalls.h), what any command does.
#
# What a hot command leaves to Python it leaves here, too; and so does this where more has to be seen to than the command:
# somebody listens or tracks, the script may not write or memory is full, replies are of RESP3.

cdef extern from "luacalls.h":
    ctypedef struct rl_lua_word:
        const char* p
        size_t n
    ctypedef struct rl_lua_calls:
        void* owner
        int (*ask)(rl_lua_calls*, int, rl_lua_word*) noexcept with gil
        int open
        const char* reply
    int rl_lua_find(const char* path)


cdef class ScriptCalls:
    """See redlark.server.engine.ScriptCalls."""

    cdef rl_lua_calls calls
    cdef Loop loop
    cdef Client client
    cdef bint read_only
    cdef bint full
    cdef public bint wrote

    def __cinit__(self, Loop loop not None):
        self.loop = loop
        self.client = Client(loop, -1)
        self.calls.owner = <void*>self
        self.calls.ask = script_ask

    @property
    def module(self):
        return __file__.encode()

    @property
    def address(self):
        return <size_t>&self.calls

    def open(self, Database db not None, bint read_only, bint full, /):
        self.client.db = db
        self.read_only, self.full, self.wrote = read_only, full, False
        self.calls.open = True

    def close(self):
        self.calls.open = False

    def goes_on(self, Database db not None, bint in_resp2, bint wrote, /):
        self.client.db = db
        self.calls.open = in_resp2
        self.wrote = wrote


cdef bint run_script(Loop loop, Client c, int64_t argc, const Slice* a, bint by_digest) noexcept:
    """A script that is known, without the checks that hold for other commands: what they are about is not the case."""
    cdef bint done = True
    if loop.memory_limited:
        return False
    try:
        loop_tell_time(loop)
        done = loop.server.scripting.quick(c.context, request_list(argc, a), by_digest)
    except BaseException as error:
        loop_failed(loop, error)
        c.out_failure()
    if PyList_GET_SIZE(loop.unpacked):
        loop_pack(loop)
    loop.python_ran = True
    loop_read_clock(loop)
    return done

cdef bint cmd_eval(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return run_script(loop, c, argc, a, False)

cdef bint cmd_evalsha(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return run_script(loop, c, argc, a, True)

cdef int hot_scripts(Loop loop) except -1:
    hot_add(loop, b"eval", cmd_eval, False)
    hot_add(loop, b"evalsha", cmd_evalsha, False)
    return 0


cdef int script_ask(rl_lua_calls* calls, int argc, rl_lua_word* words) noexcept with gil:
    """Run a hot command; 0, and nothing is done, where Python has to."""
    cdef ScriptCalls own = <ScriptCalls>calls.owner
    cdef Loop loop = own.loop
    cdef Client c = own.client
    cdef const Slice* a = <const Slice*>words
    cdef Hot* hot = hot_find(loop.hot, a.p, a.n)
    cdef uint64_t h = 0, began
    if hot == NULL or loop.telling or not hot.in_scripts or (own.read_only and not hot.in_readers) or \
            (hot.grows and own.full and not own.wrote):
        return 0
    if hot.keyed:
        if argc < 2:
            return 0
        h = rl_hash(a[1].p, a[1].n)
    c.own.used = 0
    began = rl_ticks()
    if not run_hot(loop, c, hot, argc, a, h):
        return 0
    usage_add(loop, hot, usage_since(loop, began))
    loop.stats.commands += 1
    if hot.writes:
        own.wrote = True
    calls.reply = c.own.p
    return 1


