# Hot commands for scripts: `redis.call` of one of them meets no Python.
#
# And for those who ask for scripts: EVAL, EVALSHA and their _RO of one that is known begin and end here, as FCALL does.
#
# Must live here: when a script, or its call, may be answered so.  Must not: how words and replies pass between Lua and C
# (luacalls.h), what any command does, which scripts there are (redlark.server.scripting).
#
# What a hot command leaves to Python it leaves here, too; and so does this where more has to be seen to than the command:
# somebody listens or tracks, the script may not write or memory is full, replies are of RESP3.
#
# Python learns of a script that runs when it is first asked for something: a call that is no hot command, the clock after so
# many instructions, an error (ScriptCalls.told).  Most scripts end before.

cdef extern from "luacalls.h":
    ctypedef struct rl_lua_word:
        const char* p
        size_t n
    ctypedef struct rl_lua_calls:
        void* owner
        int (*ask)(rl_lua_calls*, int, rl_lua_word*) noexcept with gil
        int open
        const char* reply
        int run
        int speaks
        char* frame
        size_t used, room
        bint told_by_lua
    ctypedef struct rl_lua_script:
        int code
        const char* name
        size_t named
        int is_function
        const rl_lua_word* words
        int keys, count
    int RL_LUA_KEPT
    int rl_lua_find(const char* path)
    bint rl_lua_start(rl_lua_calls* calls, const rl_lua_script* script) noexcept
    int64_t rl_lua_held(rl_lua_calls* calls) noexcept
    void rl_lua_forget(rl_lua_calls* calls, int code) noexcept

cdef enum:
    DIGEST = 40             # bytes of one
    LUA_ITEM = 100          # script_client.ITEM
    SLOW_TO_TELL_NS = 20_000    # a script that took longer may have let the clock go on


cdef class Known:
    """A script that the core can run: what asks for nothing of its own (scripting.PLAIN); or a function."""

    cdef int code               # in Lua's registry
    cdef readonly bytes digest      # of a function: its name
    cdef bytes source               # of a function: None
    cdef readonly object script     # redlark.server.scripting.Script, or redlark.server.engine.Registered
    cdef bint only_reads            # a function that says so


cdef class ScriptCalls:
    """See redlark.server.engine.ScriptCalls."""

    cdef rl_lua_calls calls
    cdef Loop loop
    cdef Client client
    cdef bint read_only
    cdef bint full
    cdef public bint wrote
    cdef dict scripts, by_source, evaluated     # of redlark.server.scripting
    cdef public dict functions      # Known, by name in small letters
    cdef int64_t usable             # KiB that Lua may hold when a script begins
    cdef Known last                 # the one that was used last, of all
    cdef Known under_way            # it runs, and Python does not know yet
    cdef Client caller              # for whom
    cdef int64_t argc
    cdef const Slice* argv
    cdef uint64_t began             # tick

    def __cinit__(self, Loop loop not None):
        self.loop = loop
        self.functions = {}
        self.client = Client(loop, -1)
        self.calls.owner = <void*>self
        self.calls.ask = script_ask

    def __dealloc__(self):
        free(self.calls.frame)

    @property
    def module(self):
        return __file__.encode()

    @property
    def address(self):
        return <size_t>&self.calls

    def attach(self, dict scripts not None, dict by_source not None, dict evaluated not None, int64_t usable, /):
        self.scripts, self.by_source, self.evaluated, self.usable = scripts, by_source, evaluated, usable
        self.loop.scripts = self

    def know(self, script, int code, bytes digest not None, bytes source not None, /):
        cdef Known known = Known()
        known.code, known.digest, known.source, known.script = code, digest, source, script
        return known

    def know_function(self, function, int code, bytes name not None, bint only_reads, /):
        cdef Known known = Known()
        known.code, known.digest, known.script, known.only_reads = code, name, function, only_reads
        return known

    def forget(self, Known known not None, /):
        rl_lua_forget(&self.calls, known.code)
        self.last = None

    def used_another(self):
        self.last = None

    def told(self):
        cdef Known known = self.under_way
        if known is None:
            return None
        self.under_way = None
        loop_tell_time(self.loop)
        self.loop.python_ran = True
        request = request_list(self.argc, self.argv)
        return known.script, self.caller.context, request, usage_since(self.loop, self.began), self.read_only

    def open(self, Database db not None, bint read_only, bint full, Client caller not None, /):
        self.client.db = db
        self.caller = caller
        self.read_only, self.full, self.wrote = read_only, full, False
        self.calls.open = True

    def close(self):
        self.calls.open = False
        self.caller = None

    def goes_on(self, Database db not None, bint in_resp2, bint wrote, /):
        self.client.db = db
        self.calls.open = in_resp2
        self.wrote = wrote


cdef Known known_script(ScriptCalls own, const Slice* word, bint by_digest):
    """The script of a digest or a source; of those that EVAL alone brought it is now the last that was used."""
    cdef Known known = own.last
    if known is not None and rl_is(known.digest if by_digest else known.source, word):
        return known
    script = (own.scripts if by_digest else own.by_source).get(PyBytes_FromStringAndSize(word.p, <Py_ssize_t>word.n))
    if script is None:
        return None
    known = script.known
    if known is not None:
        if known.digest in own.evaluated:
            del own.evaluated[known.digest]
            own.evaluated[known.digest] = None
        own.last = known
    return known

cdef inline bint rl_is(bytes text, const Slice* word) noexcept:
    return <size_t>len(text) == word.n and rl_same(text, word.p, word.n)

cdef bint run_script(Loop loop, Client c, int64_t argc, const Slice* a, bint by_digest, bint read_only) noexcept:
    """A script that is known; any other, and one of which somebody is to be told more, is Python's."""
    cdef ScriptCalls own = loop.scripts
    cdef Known known
    cdef int64_t keys = can_run(loop, own, argc, a)
    if keys < 0:
        return False
    try:
        known = known_script(own, a + 1, by_digest)
    except BaseException as error:
        loop_failed(loop, error)
        return False
    return known is not None and run_known(loop, c, argc, a, known, keys, read_only)

cdef bint run_function(Loop loop, Client c, int64_t argc, const Slice* a, bint read_only) noexcept:
    """A function of a library."""
    cdef ScriptCalls own = loop.scripts
    cdef Known known
    cdef int64_t keys = can_run(loop, own, argc, a)
    if keys < 0:
        return False
    known = own.functions.get(PyBytes_FromStringAndSize(a[1].p, <Py_ssize_t>a[1].n).lower())
    if known is None or read_only and not known.only_reads:
        return False
    return run_known(loop, c, argc, a, known, keys, known.only_reads)

cdef int64_t can_run(Loop loop, ScriptCalls own, int64_t argc, const Slice* a) noexcept:
    """How many keys what is asked for is given; -1 where Python has to look at it."""
    cdef int64_t keys = 0, i
    cdef size_t size = 0
    if own is None or loop.memory_limited or loop.telling or loop.aside is not None or own.caller is not None or \
            not rl_parse_int(a[2].p, a[2].n, &keys) or not 0 <= keys <= argc - 3:
        return -1
    for i in range(3, argc):
        size += a[i].n + LUA_ITEM
    return keys if rl_lua_held(&own.calls) + <int64_t>(size >> 10) < own.usable else -1

cdef bint run_known(Loop loop, Client c, int64_t argc, const Slice* a, Known known, int64_t keys, bint read_only) noexcept:
    cdef ScriptCalls own = loop.scripts
    cdef rl_lua_script script
    cdef uint64_t ns
    try:
        script.code, script.words = known.code, <const rl_lua_word*>(a + 3)
        script.name, script.named, script.is_function = known.digest, <size_t>len(known.digest), known.source is None
        script.keys, script.count = <int>keys, <int>(argc - 3)
        own.began = rl_ticks()
        own.under_way, own.caller, own.argc, own.argv = known, c, argc, a
        own.client.db = c.db
        own.read_only = read_only
        own.full = own.wrote = False
        own.calls.speaks, own.calls.open = c.resp, True
        if not rl_lua_start(&own.calls, &script):
            loop.server.scripting.broken()
        own.calls.open = False
        if own.calls.told_by_lua:
            loop.server.scripting.ended(PyBytes_FromStringAndSize(own.calls.frame, <Py_ssize_t>own.calls.used))
        else:
            if own.under_way is None:
                loop.server.scripting.ended(None)
            script_answer(c, &own.calls)
        ns = usage_since(loop, own.began)
        if ns > SLOW_TO_TELL_NS:
            loop_read_clock(loop)
            if ns >= loop.slow_ns:
                loop_tell_time(loop)
                loop.server.scripting.lasted(c, request_list(argc, a), ns)
    except BaseException as error:
        loop_failed(loop, error)
        c.out_failure()
    own.under_way = own.caller = None
    own.calls.open = False
    if PyList_GET_SIZE(loop.unpacked):
        loop_pack(loop)
    return True

cdef inline void script_answer(Client c, rl_lua_calls* calls) noexcept:
    """Its frame is the client's reply."""
    if not c.is_silent():
        c.in_order()
        buffer_add(c.out, calls.frame, calls.used)
        c.note()
    if calls.room > <size_t>RL_LUA_KEPT:
        free(calls.frame)
        calls.frame = NULL
        calls.used = calls.room = 0

cdef bint cmd_eval(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return run_script(loop, c, argc, a, False, False)

cdef bint cmd_evalsha(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return run_script(loop, c, argc, a, True, False)

cdef bint cmd_eval_ro(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return run_script(loop, c, argc, a, False, True)

cdef bint cmd_evalsha_ro(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return run_script(loop, c, argc, a, True, True)

cdef bint cmd_fcall(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return run_function(loop, c, argc, a, False)

cdef bint cmd_fcall_ro(Loop loop, Client c, int64_t argc, const Slice* a, uint64_t h) noexcept:
    return run_function(loop, c, argc, a, True)

cdef int hot_scripts(Loop loop) except -1:
    hot_add(loop, b"eval", cmd_eval, False)
    hot_add(loop, b"evalsha", cmd_evalsha, False)
    hot_add(loop, b"eval_ro", cmd_eval_ro, False)
    hot_add(loop, b"evalsha_ro", cmd_evalsha_ro, False)
    hot_add(loop, b"fcall", cmd_fcall, False)
    hot_add(loop, b"fcall_ro", cmd_fcall_ro, False)
    return 0


cdef int script_ask(rl_lua_calls* calls, int argc, rl_lua_word* words) noexcept with gil:
    """Run a hot command; 0, and nothing is done, where Python has to."""
    cdef ScriptCalls own = <ScriptCalls>calls.owner
    cdef Loop loop = own.loop
    cdef Client c = own.client
    cdef const Slice* a = <const Slice*>words
    cdef Hot* hot = hot_of(loop, argc, a)
    cdef uint64_t h = 0, began
    if hot == NULL or loop.telling or not hot.in_scripts or (own.read_only and not hot.in_readers) or \
            (hot.grows and own.full and not own.wrote):
        return 0
    if hot.key:
        if argc <= hot.key:
            return 0
        h = rl_hash(a[hot.key].p, a[hot.key].n)
    c.own.used = 0
    began = rl_ticks()
    if not run_hot(loop, c, hot, argc, a, h):
        return 0
    usage_add(loop, hot, usage_since(loop, began))
    loop.stats.commands += 1
    if own.caller is not None:
        own.caller.commands += 1
    if hot.writes:
        own.wrote = True
    calls.reply = c.own.p
    return 1


