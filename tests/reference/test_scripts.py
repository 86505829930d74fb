"""The Lua engine: what scripts cannot reach, that they are pure, and how the model runs them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.conformance.drawing import scripts as pool
from redlark.reference import Model, World
from redlark.reference.lua_bytecode import flatten
from redlark.reference.scripts import engine

PROFILES = ("redis-6.2", "redis-7.0", "redis-8.2", "valkey-8.1", "valkey-9.1")
NOW = 1_700_000_000_000


class Client:
    """One connection to a model that answers by itself."""

    def __init__(self, profile: str = "redis-8.2") -> None:
        self.model = Model.load(profile)
        self.world: World = self.model.connect(self.model.start(now=NOW), 0)[0]

    def __call__(self, *words: str | bytes) -> bytes:
        request = tuple(word.encode() if isinstance(word, str) else word for word in words)
        self.world, reply = self.model.perform(self.world, 0, request, NOW)
        return reply


@pytest.mark.parametrize(
    "code",
    [
        "return type(python)", "return type(io)", "return type(debug)", "return type(package)", "return type(require)",
        "return type(dofile)", "return type(loadfile)", "return type(os and os.getenv)", "return type(os and os.exit)",
    ],
)  # fmt: skip
def test_a_script_reaches_nothing_outside(code: str) -> None:
    """Files, processes, modules, the debugger and Python are not there."""
    ask = Client()
    reply = ask("EVAL", "local ok, r = pcall(function() " + code + " end) return ok and r or 'nil'", "0")
    assert reply == b"$3\r\nnil\r\n"


@given(st.sampled_from([code for code in pool.ALL if b"ARGV" not in code]), st.sampled_from(PROFILES))
def test_a_script_is_a_function_of_what_it_is_given(code: bytes, profile: str) -> None:
    """The same script in the same world gives the same reply and the same world, whatever ran in between."""
    one, other = Client(profile), Client(profile)
    for disturbing in (b"pcall(function() string.x = 1 end) pcall(function() x = 1 end) return 1", pool.VALUES[7]):
        other("EVAL", disturbing, "0")
    other.world = one.world
    assert one("EVAL", code, "1", "k1") == other("EVAL", code, "1", "k1")
    assert one.world == other.world


def test_a_call_that_gives_up_ends_the_script() -> None:
    """An exception of the model passes through pcall, xpcall, coroutines and handlers."""

    class GivenUp(Exception):
        pass

    class Asked:
        resp = 2

        def call(self, words: Any, protocol: int) -> tuple[bytes, bool]:
            raise GivenUp

        def known(self, words: Any) -> bool:
            return True

        def set_repl(self, flags: int) -> None:
            pass

    for code in (
        b"pcall(redis.call, 'GET') return 1",
        b"xpcall(function() redis.call('GET') end, function() return 1 end) return 1",
        b"local co = coroutine.create(function() redis.call('GET') end) coroutine.resume(co) return 1",
        b"local t = setmetatable({}, {__index = function() redis.call('GET') end})"
        b" pcall(function() return t.x end) return 1",
    ):
        with pytest.raises(GivenUp):
            engine(Model.load("redis-8.2")).eval(code, b"", (), (), Asked(), (None, None))


def test_flattening_leaves_what_is_no_tail_call() -> None:
    """Code without a tail call comes back as it was; what is no bytecode is refused."""
    import lupa.lua51 as lua51

    lua = lua51.LuaRuntime(encoding=None)
    dump = lua.eval(b"function(code) return string.dump(loadstring(code)) end")
    plain, tail = (
        dump(b"local x = f(1) return x, 'text', 1.5, true"),
        dump(b"local function g() return f(g()) end return g()"),
    )
    assert flatten(plain) == plain
    assert flatten(tail) != tail
    assert flatten(flatten(tail)) == flatten(tail)
    with pytest.raises(ValueError, match="bytecode"):
        flatten(b"return 1")
    with pytest.raises(ValueError, match="behind"):
        flatten(plain + b"x")


def test_scripts_in_transactions_see_what_came_before() -> None:
    """A script in MULTI runs at its place, with a session of its own."""
    ask = Client()
    ask("MULTI")
    ask("SET", "k", "1")
    ask(
        "EVAL",
        "redis.call('SELECT', 3) redis.call('SET', KEYS[1], 'there') return redis.call('GET', KEYS[1])",
        "1",
        "k",
    )
    ask("INCR", "k")
    assert ask("EXEC") == b"*3\r\n+OK\r\n$5\r\nthere\r\n:2\r\n"
    assert ask("GET", "k") == b"$1\r\n2\r\n"


def test_choices_inside_a_script_are_worlds() -> None:
    """What a script chose and did not tell is open until a later reply tells."""
    ask = Client()
    ask("SADD", "s", "a", "b")
    worlds = tuple(
        {
            run.finish()
            for run, _ in ask.model.ways(
                ask.world, 0, (b"EVAL", b"return #redis.call('SMEMBERS', KEYS[1])", b"1", b"s"), NOW
            )
        }
    )
    assert len(worlds) == 1


KEEPS = (
    "local n, was, held = 0, {}, {}",
    "function(keys, args) n = n + #args if n % 4 == 3 then error('three') end return n end",
    "function(keys, args) local before = was was = args held[#held + 1] = args return {#before, #held, held[1][1]} end",
    "function(keys, args) n = tonumber(redis.call('GET', 'k')) return n end",
    "function(keys, args) return {n, #was, #held} end",
)
calls_of_functions = st.lists(
    st.one_of(st.tuples(st.sampled_from("fghi"), st.integers(0, 3)), st.sampled_from(("load", "flush", "other"))),
    max_size=12,
)


@given(calls_of_functions, st.integers(0, 12))
def test_a_library_keeps_what_its_functions_leave(calls: list[Any], fork: int) -> None:
    """Counters, tables and errors' effects last until the library is loaded anew, in each world for itself."""
    names = "fghi"
    code = f"#!lua name=lib\n{KEEPS[0]}\n" + "\n".join(
        f"redis.register_function('{name}', {body})" for name, body in zip(names, KEEPS[1:], strict=True)
    )
    ask, other = Client(), "#!lua name=other\nredis.register_function('o', function() return 1 end)"
    ask("SET", "k", "7")
    ask("FUNCTION", "LOAD", code)
    n, was, held = 0, 0, []
    for number, call in enumerate(calls):
        if number == fork:  # what happens in another world leaves this one as it is
            world = ask.world
            ask("FCALL", "f", "0", "a")
            ask("FCALL", "g", "0", "b", "c")
            ask.world = world
        if call in ("load", "flush"):
            if call == "flush":
                ask("FUNCTION", "FLUSH")
            assert ask("FUNCTION", "LOAD", "REPLACE", code) == b"$3\r\nlib\r\n"
            n, was, held = 0, 0, []
        elif call == "other":
            ask("FUNCTION", "LOAD", "REPLACE", other)
        else:
            name, size = call
            said = ask("FCALL", name, "0", *"xyz"[:size])
            match name:
                case "f":
                    n += size
                    assert said.startswith(b"-") if n % 4 == 3 else said == b":%d\r\n" % n
                case "g":
                    held.append("x" if size else None)
                    first = b"" if held[0] is None else b"$1\r\nx\r\n"
                    assert said == b"*%d\r\n:%d\r\n:%d\r\n%b" % (2 + bool(first), was, len(held), first)
                    was = size
                case "h":
                    n = 7
                    assert said == b":7\r\n"
                case _:
                    assert said == b"*3\r\n:%d\r\n:%d\r\n:%d\r\n" % (n, was, len(held))
    assert len(ask.world.server["called"].get(b"lib", ())) <= len(calls)


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("local t = {} redis.register_function('f', function() t.x = 1 local y = {t} return y end)", 1),
        ("local function next(x) return x + 1 end redis.register_function('f', function() return next(1) end)", 0),
        ("redis.register_function('f', function(keys, args) args[1] = redis.call('GET', 'k') return args end)", 0),
        ("local f redis.register_function('f', function() local g = f f = function() return g end return 1 end)", 3),
    ],
)
def test_calls_that_change_nothing_are_not_kept(body: str, kept: int) -> None:
    """A function that keeps nothing, or sets what was so already, leaves no trace behind."""
    ask = Client()
    ask("FUNCTION", "LOAD", "#!lua name=lib\n" + body)
    for _ in range(3):
        assert not ask("FCALL", "f", "0").startswith(b"-")
    assert len(ask.world.server["called"].get(b"lib", ())) == kept
