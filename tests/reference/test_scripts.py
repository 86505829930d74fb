"""The Lua engine: what scripts cannot reach, that they are pure, and how the model runs them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from redlark.conformance import scripts as pool
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
