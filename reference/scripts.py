"""Scripts in the model: what the text asks of the Lua engine, and what a script's calls ask of the text.

What must live here: the way between a run and the engine. A call runs the text's block CALLED with a session of its
own, as EXEC runs what was queued; its reply is given to Lua as bytes. Where a reply leaves freedom (members in any
order, a time within bounds) the script sees one of those that it allows: the one that the observed reply hints at, if
it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from itertools import permutations
from typing import Any

from immutables import Map

from redlark.reference import counting
from redlark.reference.candidates import SMALL
from redlark.reference.functions import of_run, pure
from redlark.reference.lua import Engine
from redlark.reference.replies import Predicate, encode, some
from redlark.reference.resp import Frame
from redlark.reference.values import ErrorReply, Kinded, Raw, Uncertain
from redlark.spec.rdb import libraries, sealed, unsealed

MOST_ORDERED = 3  # members of a set that the reply does not hint at are tried in every order, if they are so few
RUN_RULE = "CALLED/run"
TO_REPLICAS = 2


@cache
def engine(model: Any, functions: bool = False) -> Engine:
    """The engine of a model's version, made when it is first needed; functions have one of their own."""
    flavour = _plain(model.definition("lua"))
    return Engine(flavour | {"functions": functions, "flags": dict.fromkeys(flavour["flags"], True)})


@cache
def nobody(model: Any) -> Any:
    """The session of a client that nobody is: the one for which scripts call commands."""
    (world,) = model.connect(model.start(), 0)
    return world.sessions[0].set("authenticated", True)


def _plain(value: Any) -> Any:
    """Pairs as a dictionary, those without a value left out."""
    if isinstance(value, tuple):
        if all(isinstance(item, bytes) for item in value):
            return value
        return {key.decode(): _plain(item) for key, item in value if item is not None}
    return value


@of_run
def lua_problem(run: Any, source: bytes) -> bytes | None:
    """What the Lua compiler says of code that it cannot compile; absent where it can."""
    return engine(run.model).problem(source)


@of_run
def run_script(
    run: Any, source: bytes, digest: bytes, keys: tuple[bytes, ...] | None, arguments: tuple[bytes, ...] | None,
    read_only: bool, allow_oom: bool,
) -> Raw:  # fmt: skip
    """Runs code that compiles, and gives its reply, which may be an error after writes that stand."""
    kept = run.server["cjson"], run.server["random"]
    with _Calls(run, read_only, allow_oom) as calls:
        frame, lasts = engine(run.model).eval(source, digest, keys or (), arguments or (), calls, kept)
        if lasts != kept:
            run.server = run.server.update({"cjson": lasts[0], "random": lasts[1]})
    return Raw(frame)


@of_run
def run_function(
    run: Any, library: bytes, name: bytes, keys: tuple[bytes, ...] | None, arguments: tuple[bytes, ...] | None,
    read_only: bool, allow_oom: bool,
) -> Raw:  # fmt: skip
    """Runs a function of a library, and gives its reply, which may be an error after writes that stand."""
    source, past = _body(run.server["libraries"][library]), run.server["called"].get(library, ())
    kept = run.server["function-cjson"], run.server["random"]
    with _Calls(run, read_only, allow_oom) as calls:
        frame, lasts, called = engine(run.model, True).call(
            source, name, keys or (), arguments or (), calls, kept, past
        )  # fmt: skip
        if lasts != kept:
            run.server = run.server.update({"function-cjson": lasts[0], "random": lasts[1]})
        if called is not past:
            run.server = run.server.set("called", run.server["called"].set(library, called))
    return Raw(frame)


def _body(library: bytes) -> bytes:
    """The code of a library behind its first line, whose line break stays so that lines are counted."""
    return library[library.index(b"\n") :]


@of_run
def function_problem(run: Any, source: bytes) -> bytes | None:
    """What the Lua compiler says of a library's code that it cannot compile; absent where it can."""
    return engine(run.model, True).problem(source)


@of_run
def registering_problem(run: Any, source: bytes) -> bytes | None:
    """What loading a library that compiles fails with; absent where it registers its functions."""
    found = engine(run.model, True).registered(source)
    return found if isinstance(found, bytes) else None


@of_run
def functions_of(run: Any, source: bytes) -> tuple[Map[str, Any], ...]:
    """The functions that a library registers, of its whole code: of each its name, description and flags."""
    found = engine(run.model, True).registered(_body(source))
    assert not isinstance(found, bytes), found
    return tuple(Map({"name": f.name, "description": f.description, "flags": f.flags}) for f in found)


@pure
def payload_version_of(payload: bytes) -> int | None:
    """The version of a payload; absent where it is too short or its checksum is not that of its bytes."""
    return unsealed(payload)


@pure
def libraries_in(payload: bytes) -> tuple[tuple[bytes, bytes], ...]:
    """The libraries of a payload, each as ``code`` and its text; what cannot be read ends it, named by its kind."""
    return libraries.libraries_in(payload)


@pure
def libraries_dumped(codes: Iterable[bytes], version: int) -> Predicate:
    """A payload that holds these libraries and no others, in any order."""
    wanted = sorted((b"code", code) for code in codes)

    def holds(frame: Frame) -> bool:
        payload = frame.value if frame.kind == b"$" and frame.value is not None else b""
        return unsealed(payload) == version and sorted(libraries.libraries_in(payload)) == wanted

    example = sealed(libraries.libraries_packed(code for _, code in wanted), version)
    return Predicate(f"a payload of version {version} that holds {len(wanted)} libraries", holds, example)


class _Calls:
    """The calls of one script: a session of their own while it runs, but its caller hears what they cause."""

    def __init__(self, run: Any, read_only: bool, allow_oom: bool) -> None:
        self.run = run
        self.script = Map({"read-only": read_only, "allow-oom": allow_oom, "wrote": False})
        self.resp: int = run.session["resp"]
        self.replicate = 3

    def __enter__(self) -> _Calls:
        run = self.run
        self._before = run.selected, run.request, run.script
        own = nobody(run.model).set("selected", run.selected)
        self.script = self.script.set("caller", run.session["name"])
        run.caller, run.session, run.script, run.nested = run.session, own, self.script, ()
        return self

    def __exit__(self, *_: object) -> None:
        run = self.run
        run.session, run.caller = run.caller, None  # others' sessions, and so its own, it may have changed
        run.selected, run.request, run.script = self._before

    def call(self, words: tuple[bytes, ...] | None, protocol: int) -> tuple[bytes, bool]:
        """The reply to a command that the script calls, and whether it was refused before it ran."""
        run, model = self.run, self.run.model
        run.alive -= run.written  # as in EXEC: a deadline that lies in the past is met by the next command
        if model.moment_per_command:
            run.read_clock()
        if run.session["resp"] != protocol:
            run.session = run.session.set("resp", protocol)
        rules, propagated = len(run.reached), len(run.propagated)
        run.request = words or ()
        reply = model.called.execute(run, (words is not None,))
        ran = RUN_RULE in run.reached[rules:]
        if words and isinstance(reply, ErrorReply):  # what is no request at all nobody has refused
            if not ran:
                counting.told(run, words, reply, counting.REFUSED)
            run.nested = (*run.nested, reply.text)
        if ran and b"write" in model.command(words).flags:
            run.script = run.script.set("wrote", True)
        if not self.replicate & TO_REPLICAS:
            del run.propagated[propagated:]
        return encode(settled(run, reply), run.session["resp"]), not ran

    def known(self, words: tuple[bytes, ...]) -> bool:
        """Whether a request names a command, for redis.acl_check_cmd."""
        return self.run.model.command(words) is not None

    def set_repl(self, flags: int) -> None:
        """What redis.set_repl asks for."""
        self.replicate = flags


def settled(run: Any, reply: Any) -> Any:
    """A reply with its freedom used up."""
    if isinstance(reply, Uncertain):
        return _number(run, reply)
    if isinstance(reply, Predicate):
        return _shown(run, reply)
    if isinstance(reply, (frozenset, Map)):
        reply = Kinded("unordered" if isinstance(reply, frozenset) else "map", reply)
    if isinstance(reply, Kinded):
        if reply.kind in ("set", "unordered", "status-set"):
            members = _ordered(run, list(reply.value))
            return some(Kinded(reply.kind, tuple(settled(run, member) for member in members)), run.session["resp"])
        if reply.kind in ("map", "pairs"):
            pairs = reply.value.items() if isinstance(reply.value, Map) else reply.value
            ordered = _ordered(run, [tuple(pair) for pair in pairs]) if reply.kind == "map" else pairs
            return Kinded(reply.kind, tuple((settled(run, k), settled(run, v)) for k, v in ordered))
        return some(reply, run.session["resp"])
    if type(reply) in (tuple, list):
        return tuple(settled(run, item) for item in reply)
    return some(reply, run.session["resp"])


def _leaves(run: Any) -> Sequence[Any]:
    return () if run.observed is None else run.observed.leaves()


def _shown(run: Any, reply: Predicate) -> Any:
    """One of what a predicate accepts: such an error, string or number as the script's reply shows, else the example.

    An error that a script did not catch tells of the script behind its own words; before them, up to 6.2.
    """
    if run.observed is not None and run.observed.is_error:
        told = run.observed.value
        for said in (told.partition(b" script: ")[0], told.rpartition(b": ")[2]):
            if reply.holds(Frame(b"-", said, b"-%b\r\n" % said)):
                return ErrorReply(said)
    for leaf in _leaves(run):
        frames = [Frame(kind, leaf, b"") for kind in ((b":",) if type(leaf) is int else (b"$", b"="))]
        if type(leaf) in (bytes, int) and any(map(reply.holds, frames)):
            return leaf
    return some(reply, run.session["resp"])


def _number(run: Any, number: Uncertain) -> int:
    """One of the numbers that it may be: those that the reply shows, else all if they are few, else the smallest."""
    if number.lo == number.hi:
        return int(number.lo)
    shown = (int(x) if isinstance(x, bytes) and x.lstrip(b"-").isdigit() else x for x in _leaves(run))
    found = [x for x in dict.fromkeys(shown) if isinstance(x, int) and number.lo <= x <= number.hi]
    if not found:
        if number.hi - number.lo >= SMALL:
            return int(number.lo)
        found = list(range(number.lo, number.hi + 1))
    taken: int = found[run.fork(len(found))]
    number.narrow(taken, taken)
    return taken


def _ordered(run: Any, members: list[Any]) -> list[Any]:
    """Members in the order in which the reply shows them; where it shows none, in every order if they are few."""
    if len(members) < 2:
        return members
    places = {leaf: place for place, leaf in reversed(list(enumerate(_leaves(run)))) if isinstance(leaf, bytes)}
    name = {id(member): member[0] if isinstance(member, tuple) else member for member in members}
    if any(name[id(member)] in places for member in members):
        return sorted(members, key=lambda member: places.get(name[id(member)], len(places)))
    if run.observed is None or len(members) > MOST_ORDERED:
        return sorted(members, key=repr)
    orders = list(permutations(members))
    return list(orders[run.fork(len(orders))])
