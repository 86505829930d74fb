"""Scripts and functions of one server: which there are, how one runs, what it may call, and how it is ended.

Theory of operation.  A script runs as one command of its client, in one interpreter (`engine`).  `redis.call` looks
the command up, asks what the text's block CALLED asks, and calls the command's function with a context of the script's
own; nothing is parsed or encoded on the way.  Lua looks at the clock every so many instructions: once a script has
taken `busy-reply-threshold`, the loop serves other clients in between, who are told BUSY but for what may end it.

Must live here: this.  Must not: how the commands EVAL, SCRIPT, FUNCTION and FCALL read their arguments (`commands`).
"""

from __future__ import annotations

import math
import time
import traceback
from typing import TYPE_CHECKING, Any, Final

import attrs

from redlark.server import doubles, errors
from redlark.server.dispatch import find, run
from redlark.server.interfaces import NO_REPLY, Command, CommandError, Status
from redlark.server.propagation import EVERYBODY
from redlark.server.script_client import ScriptClient, Values, weight
from redlark.server.script_heads import Permit, permit, told
from redlark.server.state import PRODUCT_VERSION, ClientContext

if TYPE_CHECKING:
    from redlark.server.engine import Engine, Known, Registered, ScriptCalls, Told
    from redlark.server.interfaces import Client, Context
    from redlark.server.state import State

CALL_WORDS: Final = b"ERR Lua redis lib command arguments must be strings or integers"
CALL_NOTHING: Final = b"ERR Please specify at least one argument for this redis lib call"
CALL_UNKNOWN: Final = b"ERR Unknown Redis command called from script"
CALL_ARITY: Final = b"ERR Wrong number of args calling Redis command from script"
CALL_NOT_ALLOWED: Final = b"ERR This Redis command is not allowed from script"
CALL_READ_ONLY: Final = b"ERR Write commands are not allowed from read-only scripts."
SMALL: Final = 1 << 20  # bytes that may always be given to a script
NO_ROOM: Final = b"ERR not enough memory"
NOT_BUSY: Final = b"NOTBUSY No scripts in execution right now."
UNKILLABLE: Final = (
    b"UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script "
    b"termination or kill the server in a hard way using the SHUTDOWN NOSAVE command."
)
BUSY: Final = b"BUSY Redis is busy running a script. You can only call %b KILL or SHUTDOWN NOSAVE."

PLAIN: Final = Permit()
STATUS, ERROR = 1, 2  # as in `engine`, which is imported once a script is there
LONGEST_LOAD: Final = 500  # ms that a library may take to register its functions
EVALUATED: Final = 500  # scripts of EVAL alone that are kept, as Redis does since 7.4
NAMES: Final = 4096  # of commands, as scripts write them, that are remembered
LEVELS: Final = ("debug", "verbose", "notice", "warning")


@attrs.define(slots=True, eq=False)
class Script:
    """A script that the server knows."""

    source: bytes
    digest: bytes
    permit: Permit
    code: Any
    loaded: bool = False  # by SCRIPT LOAD: it is never forgotten by itself
    known: Known | None = None  # to the core, which runs it by itself where it asks for nothing


@attrs.define(slots=True, eq=False)
class Library:
    """A library of functions."""

    name: bytes
    source: bytes
    functions: list[Registered]


@attrs.define(slots=True, eq=False)
class Execution:
    """A script or function that runs."""

    name: bytes  # a digest, or a function's name
    request: list[bytes]
    is_function: bool
    permit: Permit
    caller: Context
    began: float = attrs.Factory(time.monotonic)
    wrote: bool = False
    killed: bool = False
    loading: bool = False  # a library registers its functions
    errors: int = 0  # of its reply that were counted where commands gave them
    fails: bool = False  # its reply holds others


@attrs.define(slots=True, eq=False)
class Scripting:
    """See the module."""

    server: State
    scripts: dict[bytes, Script] = attrs.Factory(dict)  # by digest; those of EVAL alone the least used first
    libraries: dict[bytes, Library] = attrs.Factory(dict)
    functions: dict[bytes, tuple[Registered, Library]] = attrs.Factory(dict)  # by name, in lower case
    _running: Execution | None = None
    evicted: int = 0
    _code: int = 0  # bytes of all scripts and libraries
    by_source: dict[bytes, Script] = attrs.Factory(dict)
    _evaluated: dict[bytes, None] = attrs.Factory(dict)  # digests of scripts that only EVAL knows, the oldest first
    _engine: Engine | None = None
    _hot: ScriptCalls | None = None
    _client: ScriptClient = attrs.Factory(ScriptClient)
    _context: ClientContext = attrs.field(init=False)
    _found: dict[bytes, Command] = attrs.Factory(dict)
    _values: Values = attrs.field(init=False)
    _read_only: bool = False
    _full: bool = False

    @property
    def engine(self) -> Engine:
        """Made when it is first needed: a server without scripts does without Lua."""
        if self._engine is None:
            from redlark.server.engine import Engine

            self._engine = Engine(self, PRODUCT_VERSION, self.server.loop.script_calls)
            self._hot = self._engine.hot
            if self._hot is not None:
                self._hot.attach(self.scripts, self.by_source, self._evaluated, self._engine.easy)
            self._values = Values(self._engine.table)
            self._context = ClientContext(self._client, self.server, self.server.databases[0], executing=True)
            self._client.context, self._client.db = self._context, self._context.db
        return self._engine

    def memory(self) -> int:
        """Bytes that Lua holds, and the code of scripts and libraries."""
        if self._engine is None:
            return 0
        return self._engine.memory() + self._code

    # ---- which there are ----

    def remember(self, script: Script, loaded: bool) -> None:
        """The server knows a script from now on; of those that EVAL alone brought, so many."""
        if script.digest not in self.scripts:
            self._code += len(script.source)
            if self._hot is not None and script.permit == PLAIN:
                code = self.engine.known(script.code)
                script.known = self._hot.know(script, code, script.digest, script.source)
        self.scripts[script.digest] = self.by_source[script.source] = script
        if loaded:
            script.loaded = True
            self._evaluated.pop(script.digest, None)
        elif not script.loaded:
            self._evaluated[script.digest] = None
            if len(self._evaluated) > EVALUATED:
                oldest = next(iter(self._evaluated))
                del self._evaluated[oldest]
                self._drop(self.scripts.pop(oldest))
                self.evicted += 1
        if self._hot is not None:
            self._hot.used_another()

    def _drop(self, script: Script) -> None:
        del self.by_source[script.source]
        self._code -= len(script.source)
        if self._hot is not None and script.known is not None:
            self._hot.forget(script.known)
            script.known = None  # each leads to the other, and to the world that the script was made in

    def used(self, script: Script) -> None:
        """A script has been asked for again."""
        if not script.loaded:
            self._evaluated[script.digest] = self._evaluated.pop(script.digest)
        if self._hot is not None:
            self._hot.used_another()

    def forget_scripts(self) -> None:
        """No script is known, and what scripts have set is as it was."""
        for script in self.scripts.values():
            self._drop(script)
        self.scripts.clear()
        self._evaluated.clear()
        if self._engine is not None:
            self._engine.forget_scripts()

    def forget_functions(self) -> None:
        """The same for libraries."""
        self.keep({})
        if self._engine is not None:
            self._engine.forget_functions()

    def keep(self, libraries: dict[bytes, Library]) -> None:
        """These are the libraries from now on."""
        self._code += sum(len(one.source) for one in libraries.values())
        self._code -= sum(len(one.source) for one in self.libraries.values())
        self.libraries = libraries
        self.functions = {
            one.name.lower(): (one, library) for library in libraries.values() for one in library.functions
        }
        if self._engine is not None:
            self._engine.offer(one for one, _ in self.functions.values())

    # ---- running ----

    def run(self, ctx: Context, script: Script, request: list[bytes], keys: int, read_only: bool) -> None:
        """Run a script and send its reply.  keys: how many of the arguments from the fourth on are keys."""
        execution = Execution(script.digest, request, False, script.permit, ctx)
        given, rest = request[3 : 3 + keys], request[3 + keys :]
        engine = self.engine
        self._begin(execution, read_only)
        try:
            frame = engine.run(script.code, script.digest, given, rest, ctx.client.resp)
        finally:
            self._end()
        self._reply(ctx, execution, frame)

    @property
    def code(self) -> int:
        """Bytes of the code of scripts and libraries."""
        return self._code

    @property
    def running(self) -> Execution | None:
        """What runs now; of a script that the core runs Python learns here."""
        if self._running is None and self._hot is not None:
            told = self._hot.told()
            if told is not None:
                code, ctx, request, nanoseconds, read_only = told
                if isinstance(code, Script):
                    execution = Execution(code.digest, request, False, PLAIN, ctx)
                else:
                    execution = Execution(code.name, request, True, permit(code.flags), ctx)
                execution.began -= nanoseconds / 1e9
                self._enter(execution, read_only)
        return self._running

    def ended(self, frame: bytes | None) -> None:
        """A script that the core ran is over: Python has learnt of it, or its reply, this frame, was Lua's to make."""
        execution = self.running
        assert execution is not None
        self._end()
        if frame is not None:
            self._reply(execution.caller, execution, frame)

    def broken(self) -> None:
        """An exception has ended a script that the core ran: it is raised."""
        try:
            self.engine.raise_again()
        finally:
            self._end()

    def lasted(self, client: Client, request: list[bytes], nanoseconds: int) -> None:
        """A script that the core ran took so long that it may be told of."""
        self.server.observer.counted(client, find(self.server.commands, request), request, nanoseconds)

    def call_function(
        self, ctx: Context, function: Registered, permit: Permit, request: list[bytes], keys: int, read_only: bool
    ) -> None:
        """Call a function and send its reply."""
        execution = Execution(function.name, request, True, permit, ctx)
        engine = self.engine
        self._begin(execution, read_only)
        try:
            frame = engine.call(function, request[3 : 3 + keys], request[3 + keys :], ctx.client.resp)
        finally:
            self._end()
        self._reply(ctx, execution, frame)

    def register(self, name: bytes, source: bytes, ctx: Context) -> list[Registered] | bytes:
        """Run a library: what it registers, or what it fails with.  Raises engine.CompileError."""
        engine = self.engine
        self._running = Execution(name, [], True, Permit(), ctx, loading=True)
        try:
            return engine.register(source)
        finally:
            self._running = None

    def told(self, name: bytes, request: list[bytes]) -> Permit | None:
        """What code says of itself that EVAL or its kin asks for; None where it says nothing, or is not known."""
        if name.startswith(b"fcall"):
            found = self.functions.get(request[1].lower())
            return None if found is None else permit(found[0].flags)
        if name.startswith(b"evalsha"):
            script = self.scripts.get(request[1].lower())
            return None if script is None or script.permit == PLAIN else script.permit
        return told(request[1])

    def _reply(self, ctx: Context, execution: Execution, frame: bytes) -> None:
        """Each error of commands in the reply counts as a failure of the script, all others together as one."""
        if frame.startswith(b"-") and not (execution.errors or execution.fails):
            self.server.failed(frame[1:-2])
            execution.fails = True
        if execution.errors or execution.fails:
            find(self.server.commands, execution.request).usage.failed += execution.errors + execution.fails
        ctx.client.write(frame)

    def asked(self, ctx: Context, request: list[bytes]) -> None:
        """Tell who monitors of a script or function before what it calls, though nothing may come of it."""
        if self.server.observer.monitors:
            self.server.observer.tell(ctx.client, find(self.server.commands, request), request)

    def _begin(self, execution: Execution, read_only: bool) -> None:
        server = self.server
        if server.lacks_replicas and execution.permit.writes and execution.permit != PLAIN:
            raise CommandError(errors.NO_REPLICAS)  # of other scripts, those that try to write
        self._enter(execution, read_only)
        self._full = server.memory_limited and not execution.permit.allows_oom and not server.eviction.has_room()
        if self._hot is not None:
            self._hot.open(self._context.db, read_only, self._full, execution.caller.client)

    def _enter(self, execution: Execution, read_only: bool) -> None:
        own = self._context
        self._running = execution
        own.index, own.db = execution.caller.index, execution.caller.db
        self._client.db = own.db
        self._client.resp = 2
        self._read_only = read_only
        self._full = False
        self.server.tracking.writer = self._client  # so NOLOOP keeps no broadcast of it from the caller

    def _end(self) -> None:
        if self._running is not None:
            self.server.tracking.writer = self._running.caller.client
        if self._hot is not None:
            self._hot.close()
        self._running = None
        self.server.busy = None
        self.server.propagation.targets = EVERYBODY
        if self.server.memory_limited:
            self.server.loop.configure()  # it keeps what is used besides the keyspaces

    # ---- what code asks: see engine.Calls ----

    def call(self, *words: Any) -> Told:
        hot = self._hot
        if hot is None:
            return self._call(words)
        execution = self.running
        if execution is None or execution.loading:
            return self._call(words)
        execution.wrote = hot.wrote
        told = self._call(words)
        hot.goes_on(self._context.db, self._client.resp == 2, execution.wrote)
        return told

    def _call(self, words: tuple[Any, ...]) -> Told:
        try:
            request = list(words)
            for place, word in enumerate(words):
                if type(word) is not bytes:
                    request[place] = _text(word)
            command = self._found.get(request[0]) if request else None
            if command is None:
                command = self._find(request)
            size = len(request)
            if size != command.arity and (command.arity > 0 or size < -command.arity):
                return self._rejected(command, CALL_ARITY)
            if command.no_script:
                return self._rejected(command, CALL_NOT_ALLOWED)
            running, server = self.running, self.server
            assert running is not None
            if self._read_only and (command.write or command.may_replicate):
                return self._rejected(command, CALL_READ_ONLY)
            if self._full and command.denyoom and not running.wrote:
                return self._rejected(command, errors.OOM)
            if command.write:
                if server.lacks_replicas:
                    return self._rejected(command, errors.NO_REPLICAS)
                running.wrote = True
            propagation = server.propagation
            changes = propagation.begin() if propagation.on else 0
            began = time.perf_counter_ns()
            try:
                reply = run(self._context, command, request)
                if propagation.on:
                    propagation.end(changes, command, self._context.index, request)
            except CommandError as error:
                reply = errors.bare(error)
                server.failed(error.line)
                command.usage.failed += 1
            if server.tracking.on:
                server.tracking.called(running.caller, command, request)
            server.observer.called(self._client, command, request, time.perf_counter_ns() - began)
            running.caller.client.commands += 1
            if type(reply) is int:
                return reply
            if type(reply) is Status:
                return reply.text, STATUS
            if reply is NO_REPLY:
                reply = self._client.taken()
            size = weight(reply)
            if size > SMALL and not self.engine.has_room(size):
                return NO_ROOM, ERROR
            if isinstance(reply, CommandError):
                return reply.line, ERROR
            return self._values.of(reply, self._client.resp)
        except CommandError as error:
            self.server.failed(error.line)
            return error.line, ERROR
        except Exception:
            traceback.print_exc()
            return errors.INTERNAL, ERROR

    def _rejected(self, command: Command, line: bytes) -> Told:
        """A call that may not be made."""
        self.server.failed(line)
        command.usage.rejected += 1
        return line, ERROR

    def failed(self, line: bytes, counted: bool) -> None:
        execution = self.running
        if execution is None:
            return
        if counted:
            execution.errors += 1
        else:
            execution.fails = True
            self.server.failed(line)

    def _find(self, request: list[bytes]) -> Command:
        """A command; one that is no container is remembered.  Raises CommandError."""
        if not request:
            raise CommandError(CALL_NOTHING)
        try:
            command = find(self.server.commands, request)
        except CommandError:
            raise CommandError(CALL_UNKNOWN) from None
        if self.server.commands.get(request[0].upper()) is command and not command.subcommands:
            if len(self._found) >= NAMES:
                self._found.clear()
            self._found[request[0]] = command
        return command

    def known(self, *words: Any) -> bool:
        try:
            find(self.server.commands, [word if isinstance(word, bytes) else _text(word) for word in words])
        except CommandError:
            return False
        return True

    def speak(self, protocol: int) -> None:
        execution, hot = self.running, self._hot
        self._client.resp = protocol
        if execution is not None and not execution.loading and hot is not None:
            hot.goes_on(self._context.db, protocol == 2, hot.wrote)

    def replicate(self, flags: int) -> None:
        if self.running is None:
            return
        self.server.propagation.targets = flags

    def log(self, level: int, message: bytes) -> None:
        self.server.log(LEVELS[level], " ".join(message.decode("utf-8", "replace").splitlines()))

    def tick(self) -> bool:
        execution, limit = self.running, self.server.config.busy_reply_threshold
        if execution is None:
            return False
        lasted = (time.monotonic() - execution.began) * 1000
        if execution.loading:
            return lasted > LONGEST_LOAD
        if not limit or lasted < limit:
            return False
        server = self.server
        if server.busy is None:
            server.busy = BUSY % (b"FUNCTION" if execution.is_function else b"SCRIPT")
            server.log("warning", f"{execution.name.decode('latin-1')} runs for more than {limit} ms")
        writer = server.tracking.writer
        goes_on = server.loop.serve_others(execution.caller.client)
        server.tracking.writer = writer
        execution.killed = execution.killed or not goes_on
        return execution.killed

    def last_words(self) -> bytes:
        if self._running is not None and self._running.loading:
            return b"ERR FUNCTION LOAD timeout"
        return b"ERR Script killed by user with SCRIPT KILL..."

    def kill(self, is_function: bool) -> None:
        """End what runs.  Raises CommandError."""
        execution = self.running
        if execution is None:
            raise CommandError(NOT_BUSY)
        if execution.wrote or (self._hot is not None and self._hot.wrote):
            raise CommandError(UNKILLABLE)
        if execution.is_function is not is_function:
            raise CommandError(BUSY % (b"FUNCTION" if execution.is_function else b"SCRIPT"))
        execution.killed = True


def _text(word: Any) -> bytes:
    """A Lua value as an argument.  Raises CommandError where it is neither a text nor a number."""
    if type(word) is bytes:
        return word
    if type(word) is int:
        return b"%d" % word
    if type(word) is not float:
        raise CommandError(CALL_WORDS)
    if word != word:
        return b"-nan" if math.copysign(1, word) < 0 else b"nan"
    return b"%d" % int(word) if abs(word) < 2**63 and word == int(word) else doubles.show(word)
