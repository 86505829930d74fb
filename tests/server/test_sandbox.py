"""The sandbox: what scripts cannot reach, and that nothing they do to what they reach outlives them."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from redlark.server import engine
from tests.server.conftest import Connect, Start, Wire

# All that is reachable: paths to values, as far as tables and metatables lead.  What is no plain value has its name.
WALK = """
local seen, rows = {}, {}
local function walk(path, value, depth)
  local kind = type(value)
  rows[#rows + 1] = path .. ' ' .. kind .. ' ' .. (kind == 'table' and '' or tostring(value))
  if kind == 'string' or depth > 6 then return end
  local meta = getmetatable(value)
  if meta ~= nil and not seen[meta] then
    seen[meta] = true
    walk(path .. '<meta>', meta, depth + 1)
  end
  if kind ~= 'table' or seen[value] == path then return end
  for k, v in pairs(value) do
    if not seen[v] or type(v) ~= 'table' then
      if type(v) == 'table' then seen[v] = path .. '.' .. tostring(k) .. '!' end
      walk(path .. '.' .. tostring(k), v, depth + 1)
    end
  end
end
walk('_G', _G, 0)
walk('text', '', 0)
walk('text<meta>', getmetatable(''), 0)
for _, name in ipairs({'byte', 'rep', 'format', 'dump', 'sub'}) do walk('text.' .. name, (''):rep(0)[name], 0) end
table.sort(rows)
return rows
"""
NAMES = """
local names = {}
for k, v in pairs(_G) do
  if type(v) == 'table' and k ~= '_G' and k ~= 'KEYS' and k ~= 'ARGV' then
    for name, value in pairs(v) do names[#names + 1] = k .. '.' .. name .. ' ' .. type(value) end
  end
  if k ~= 'KEYS' and k ~= 'ARGV' then names[#names + 1] = k .. ' ' .. type(v) end
end
table.sort(names)
return names
"""

LOCKED_OUT = [
    "python", "lupa", "luanet", "io", "debug", "package", "require", "module", "dofile", "loadfile", "getfenv",
    "setfenv", "newproxy", "print", "os.execute", "os.getenv", "os.exit", "os.remove", "os.time", "string.xyz",
    "coroutine.xyz",
]  # fmt: skip

# Each tries to change something for those who come behind it, or to get at what is not for it.
ATTACKS = [
    "x = 1",
    "_G.x = 1",
    "rawset(_G, 'x', 1)",
    "rawset(redis, 'call', 1)",
    "redis.call = function() return 'mine' end",
    "string.rep = nil",
    "getmetatable('').__index = function() return 'mine' end",
    "getmetatable('').x = 1",
    "rawset(getmetatable(''), '__index', {})",
    "setmetatable(_G, {__index = function() return 1 end})",
    "setmetatable(string, nil)",
    "getmetatable(setmetatable({}, string)).rep = 'mine'",
    "rawset(getmetatable(setmetatable({}, string)), 'rep', 'mine')",
    "getmetatable(setmetatable({}, _G)).x = 1",
    "getmetatable(setmetatable({}, redis)).call = 'mine'",
    "getmetatable(setmetatable({}, getmetatable(''))).__index = 'mine'",
    "getmetatable(_G).__index = {}",
    "getmetatable(_G).__newindex = nil",
    "table.insert(string, 'mine')",
    "table.insert(_G, 'mine')",
    "table.setn(string, 3)",
    "table.foreach(redis, function(k) redis[k] = nil end)",
    "for k in pairs(_G) do _G[k] = nil end",
    "for k in pairs(redis) do rawset(redis, k, nil) end",
    "collectgarbage('stop')",
    "collectgarbage('setpause', 1000000)",
    "loadstring('x = 1')()",
    "load(function() return nil end)",
    "local f = loadstring('return redis') f().call = 1",
    "coroutine.wrap(function() redis.call = 1 end)()",
    "coroutine.resume(coroutine.create(function() x = 1 end))",
    "pcall(rawset, redis, 'call', 1)",
    "xpcall(function() error('x') end, function() redis.call = 1 end)",
    "cjson.encode(setmetatable({}, {__index = function() redis.call = 1 end}))",
    "cjson.new().encode = 1",
    "cjson.decode('{\"a\":1}').x = 1",
    "bit.band = nil",
    "os.clock = nil",
    "KEYS.x = 1 ARGV.x = 1",
    "local m = setmetatable({}, {__metatable = 'no'}) setmetatable(m, {})",
    "redis.register_function('f', function() end)",
]

# Code that is no text: the sandbox loads none, in one piece or in several.
BYTECODE = [
    "return loadstring(string.dump(function() return 1 end))",
    "local d = string.dump(loadstring('return 1')) local at = 0"
    " return load(function() at = at + 1 return at <= #d and d:sub(at, at) or nil end)",
    "return loadstring('\\27Lua')",
]


@pytest.fixture
def ask(client: Wire) -> Wire:
    """A connection to a server whose scripts' world is fresh."""
    client("SCRIPT", "FLUSH")
    return client


@pytest.mark.parametrize("name", LOCKED_OUT)
def test_what_reaches_outside_is_not_there(ask: Wire, name: str) -> None:
    """Neither Python, nor files, processes and modules, nor the debugger, nor environments."""
    asked = ask("EVAL", f"local ok, r = pcall(function() return type({name}) end) return ok and r or 'none'", "0")
    assert asked in (b"$4\r\nnone\r\n", b"$3\r\nnil\r\n")


def test_a_script_is_given_what_redis_gives(ask: Wire, wire: Connect, real_port: int) -> None:
    """The names that a script finds are those of Redis 8.2.3, no more and no fewer."""
    assert ask("EVAL", NAMES, "0") == wire(real_port)("EVAL", NAMES, "0")


@pytest.mark.parametrize("code", ATTACKS)
def test_nothing_outlives_a_script(ask: Wire, code: str) -> None:
    """All that scripts reach is, to the last function's address, the same after an attack."""
    before = ask("EVAL", WALK, "0")
    assert before.startswith(b"*")
    ask("EVAL", code, "0")
    ask("EVAL", f"pcall(function() {code} end)", "0")
    assert ask("EVAL", WALK, "0") == before
    assert ask("EVAL", "return ('ab'):rep(2) .. redis.call('ECHO', 'x')", "0") == b"$5\r\nababx\r\n"


@pytest.mark.parametrize("code", BYTECODE)
def test_no_bytecode_is_loaded(ask: Wire, code: str) -> None:
    """What begins as bytecode is read as a text, which it is not."""
    said = ask("EVAL", f"local f, problem = (function() {code} end)() return {{type(f), problem}}", "0")
    assert said.startswith(b"*2\r\n$3\r\nnil\r\n")
    assert b"char(27)" in said


NAMED = """
string.format string.gsub string.find string.rep table.concat table.sort table.insert table.foreach unpack select next
pairs ipairs getmetatable setmetatable rawget rawset tostring tonumber type error assert pcall xpcall loadstring load
coroutine.create coroutine.wrap coroutine.resume coroutine.running coroutine.status cjson.encode cjson.decode cjson.new
cmsgpack.pack cmsgpack.unpack struct.pack struct.unpack bit.band bit.tohex redis.call redis.pcall redis.error_reply
redis.status_reply redis.sha1hex redis.setresp redis.set_repl redis.log redis.acl_check_cmd collectgarbage gcinfo
math.random
""".split()  # noqa: SIM905
VALUES = [
    *[
        "nil",
        "true",
        "1",
        "-1",
        "0/0",
        "1/0",
        "2^63",
        "''",
        "'GET'",
        "'k'",
        "'%s%d'",
        "'\\27Lua'",
        "{}",
        "{1,2}",
        "_G",
        "redis",
        "string",
        "cjson.null",
        "KEYS",
    ],
    "getmetatable('')",
    "function(...) return ... end",
    "function() error({}) end",
    "setmetatable({}, {__index = _G, __call = error})",
    "coroutine.create(error)",
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(NAMED), st.lists(st.sampled_from(VALUES + NAMED), max_size=4))
def test_no_object_of_python_is_ever_met(client: Wire, name: str, given_: list[str]) -> None:
    """Whatever a function of the sandbox gives or raises, there is no userdata in it but cjson's null."""
    code = f"""
    local function foreign(v, depth)
      if type(v) == 'userdata' then return v ~= cjson.null end
      if type(v) ~= 'table' or depth > 3 then return false end
      for k, x in pairs(v) do
        if foreign(k, depth + 1) or foreign(x, depth + 1) then return true end
      end
      return false
    end
    local found, raised = nil, false
    xpcall(function()
      local got = {{pcall({", ".join([name, *given_])})}}
      found = foreign(got, 0)
      for i = 1, 3 do pcall(function() for k, v in pairs(got[i]) do found = found or foreign(v, 0) end end) end
    end, function(err) raised = foreign(err, 0) return err end)
    return {{tostring(found), tostring(raised)}}
    """
    assert client("EVAL", code, "0") in (b"*2\r\n$5\r\nfalse\r\n$5\r\nfalse\r\n", b"*2\r\n$3\r\nnil\r\n$5\r\nfalse\r\n")


def test_memory_of_scripts_is_limited_and_counted(ask: Wire) -> None:
    """A script that takes all it can get fails, the server goes on, and INFO tells what Lua holds."""
    doubling = "local t, x = {}, ('x'):rep(2^20) for i = 1, 9 do x = x .. x end for i = 1, 9 do t[i] = x .. i end"
    assert b"not enough memory" in ask("EVAL", doubling, "0")
    assert ask("PING") == b"+PONG\r\n"
    ask("EVAL", "collectgarbage()", "0")
    told = {line.split(b":")[0]: line.split(b":")[1] for line in ask("INFO", "memory").split(b"\r\n") if b":" in line}
    assert 10_000 < int(told[b"used_memory_lua"]) < 2**28
    assert int(told[b"used_memory"]) > int(told[b"used_memory_lua"])


# To the brim, in ever smaller pieces; then commands are called, whose replies find no room.
BRIM = """
local t, size = {}, 2^26
while size > 32 do
  pcall(function() while true do t[#t + 1] = ('x'):rep(2^5):rep(size / 2^5) .. #t end end)
  size = size / 4
end
for i = 1, 300 do
  pcall(redis.call, 'GET', 'big')
  pcall(redis.call, 'LRANGE', 'list', 0, -1)
  pcall(redis.call, 'nosuch')
  pcall(redis.sha1hex, 'x')
  pcall(struct.pack, 'l', i)
end
return 1
"""


def test_a_script_without_memory_may_call_commands(
    start: Start, wire: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Lua has no memory left, what is called fails; the server and the next script are none the worse."""
    monkeypatch.setattr(engine, "MOST_MEMORY", 1 << 26)
    ask = wire(start().port)
    ask("SET", "big", "x" * 5_000_000)
    ask("RPUSH", "list", *["e" * 20] * 500)
    for _ in range(3):
        assert ask("EVAL", BRIM, "0") in (b":1\r\n", b"-ERR not enough memory\r\n")
        assert ask("EVAL", "return redis.call('LLEN', 'list')", "0") == b":500\r\n"
    assert ask("EVAL", "return ARGV[1]", "0", "x" * (1 << 26)) == b"-ERR not enough memory\r\n"


def test_deep_recursion_is_an_error(ask: Wire) -> None:
    """Stacks of Lua and of C end before the process does."""
    for code in (
        "local function f() return 1 + f() end return f()",
        "local function f() return f() end return f()",
        "local t = {} t.t = t return cjson.encode(t)",
        "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
        "return ('x'):rep(300000):find(('x?'):rep(30000))",
        "local s = ('('):rep(300) .. '1' .. (')'):rep(300) return loadstring('return ' .. s)()",
        "local function f() return coroutine.wrap(f)() end return f()",
        "return string.gsub('x', 'x', function() return string.gsub('x', 'x', error) end)",
    ):
        ask("EVAL", code, "0")
        assert ask("PING") == b"+PONG\r\n", code


def test_a_library_is_kept_to_registering(start: Start, wire: Connect) -> None:
    """While a library is loaded there is `redis` with what registers functions, and nothing else."""
    ask = wire(start().port)
    for code in ("string.rep('x', 2)", "redis.call('SET', 'k', 'v')", "x = 1", "redis.x = 1", "pcall(error)"):
        assert ask("FUNCTION", "LOAD", f"#!lua name=l\n{code}").startswith(b"-ERR "), code
    assert ask("EXISTS", "k") == b":0\r\n"
    assert ask("FUNCTION", "LIST") == b"*0\r\n"
