-- The sandbox in which scripts and functions run: what Redis gives them in C, made of a plain Lua 5.1.
--
-- Theory of operation. A *world* is a set of globals with its libraries; scripts have one, functions have another. All that a
-- script may not change is an empty table that shows a hidden one. Code is compiled so that no call is a tail call
-- (lua_bytecode.py): every function here is then to error messages what a C function is in Redis, and `error(text, 2)` names
-- the caller's line. Nothing of Python is at hand but the functions of `host`, which never raise, and which scripts cannot
-- reach: there is no debug library, no environment to be had, no bytecode to be loaded.
--
-- A script that is to end meets KILLED at its next instructions, an error that nothing here lets it catch.
local host = ...

local assert, error, pcall, xpcall, type, tostring, tonumber, select, unpack, next, rawget, rawset, setmetatable, getmetatable =
  assert, error, pcall, xpcall, type, tostring, tonumber, select, unpack, next, rawget, rawset, setmetatable, getmetatable
local pairs, ipairs, setfenv, loadstring, rawequal, collectgarbage = pairs, ipairs, setfenv, loadstring, rawequal, collectgarbage
local getinfo, sethook = debug.getinfo, debug.sethook
local sub, format, byte, char, gsub, gmatch, rep, dump, concat =
  string.sub, string.format, string.byte, string.char, string.gsub, string.gmatch, string.rep, string.dump, table.concat
local floor, maxn, resume, create = math.floor, table.maxn, coroutine.resume, coroutine.create

-- Lua may run out of memory in a script, but not while it gives something to Python or gets it: the error would jump out of
-- code that cannot be left so. Before that, it is seen to that there is room for what is small; Python looks at the rest.
local count = collectgarbage
local function room()
  if count("count") > host.usable then
    collectgarbage()
    if count("count") > host.usable then error("not enough memory", 0) end
  end
end
do
  -- What has nothing of Python in it may meet the limit.
  local guarded = {usable = host.usable, version = host.version, version_number = host.version_number, hot = host.hot}
  for name, f in pairs(host) do
    guarded[name] = guarded[name] or function(...)
      room()
      return f(...)
    end
  end
  host = guarded
end

local NULL = newproxy()               -- cjson.null
local READONLY = "Attempt to modify a readonly table"
local HOOK_EVERY = 100000             -- instructions between two looks at the clock
-- What a proxy shows, and the way back. Both ends are weak: a proxy holds what it shows, which may lead to the proxy, and
-- Lua 5.1 would keep a value of a table whose keys alone are weak, and by it the world of every script there ever was.
local weak = {__mode = "kv"}
local hidden, shown = setmetatable({}, weak), setmetatable({}, weak)

local function proxy(real)
  local made = setmetatable({}, {__index = real, __newindex = function() error(READONLY, 2) end})
  hidden[made], shown[real] = real, made
  return made
end

local function nonexistent(_, name)
  error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end

-- ---- scripts that take too long ---------------------------------------------------------------------------------------

local KILLED = {}
local killed = false

local function hook()
  room()
  if killed or host.tick() then
    killed = true
    error(KILLED, 0)
  end
end
sethook(hook, "", HOOK_EVERY)

-- ---- arguments as C functions take them -------------------------------------------------------------------------------
--
-- The library's function itself calls these, with the position of an argument and all arguments.

local tools = {host = host, room = room, NULL = NULL, pcall = pcall, tostring = tostring, proxy = proxy, hidden = hidden, nonexistent = nonexistent}

-- What C says of an argument; `depth` functions stand between this one and the caller of the library's function.
local function argument_error(depth, position, problem)
  local i = getinfo(depth + 1, "n")
  local name = i.name or "?"
  if i.namewhat == "method" then
    position = position - 1
    if position == 0 then error(format("calling '%s' on bad self (%s)", name, problem), depth + 2) end
  end
  error(format("bad argument #%d to '%s' (%s)", position, name, problem), depth + 2)
end
tools.argument_error = argument_error

local function got(position, ...)
  return select("#", ...) < position and "no value" or type((select(position, ...)))
end
local function wrong(position, expected, ...)
  argument_error(2, position, expected .. " expected, got " .. got(position, ...))
end
local function number_of(value)
  local kind = type(value)
  return kind == "number" and value or kind == "string" and tonumber(value) or nil
end
function tools.number(position, ...)
  local number = number_of((select(position, ...)))
  if not number then argument_error(2, position, "number expected, got " .. got(position, ...)) end
  return number
end

-- A number as C cuts it to a whole one of 64 bits, and to one of 32.
local function c_long(number)
  if not (number > -2 ^ 63 and number < 2 ^ 63) then return -2 ^ 63 end
  return number < 0 and -floor(-number) or floor(number)
end
local function c_int(number)
  local cut = c_long(number) % 4294967296
  return cut >= 2147483648 and cut - 4294967296 or cut
end
tools.c_int = c_int
-- A whole number; `otherwise`, if it is not false, where the argument is absent or nil.
function tools.whole(otherwise, position, ...)
  local value = select(position, ...)
  if value == nil and otherwise then return otherwise end
  local number = number_of(value)
  if not number then argument_error(2, position, "number expected, got " .. got(position, ...)) end
  return c_long(number)
end
function tools.text(position, ...)
  local value = select(position, ...)
  if type(value) == "string" then return value end
  if type(value) == "number" then return tostring(value) end
  argument_error(2, position, "string expected, got " .. got(position, ...))
end
-- A double in four or eight octets; the sign of a zero would not reach the host.
function tools.ieee(number, size, big)
  if number == 0 and 1 / number < 0 then
    local zeros = rep("\0", size - 1)
    return big and "\128" .. zeros or zeros .. "\128"
  end
  return host.ieee(number, size, big)
end
function tools.real(t) return hidden[t] or t end
function tools.is_string(value) return type(value) == "string" or type(value) == "number" end

-- ---- basic functions: they know of what is read-only, and of KILLED ---------------------------------------------------

local function checked(ok, ...)
  if killed then error(KILLED, 0) end
  if not ok then
    local err = ...
    if type(err) == "userdata" and err ~= NULL then error(err, 0) end  -- an exception: a defect of ours
    if type(err) == "table" then
      local text = rawget(err, "err")
      if type(text) == "string" or type(text) == "number" then return false, text end
    end
  end
  return ok, ...
end
local function passed(ok, ...)
  if killed then error(KILLED, 0) end
  if not ok and type((...)) == "userdata" and (...) ~= NULL then error((...), 0) end
  return ok, ...
end
-- A function of C, called so that what it says is wrong has its name and its caller's line.
local function native(name, f, ...)
  local found = {pcall(f, ...)}
  if found[1] then return unpack(found, 2, maxn(found)) end
  if killed then error(KILLED, 0) end
  if type(found[2]) ~= "string" then error(found[2], 0) end
  error(gsub(found[2], "to '%?'", "to '" .. name .. "'", 1), 3)
end

local collected = false               -- a script has changed how garbage is collected
local basic = {
  _VERSION = _VERSION, assert = assert, gcinfo = gcinfo, ipairs = ipairs, rawequal = rawequal, select = select,
  tonumber = tonumber, type = type, unpack = unpack,
}
-- A level counts functions of scripts and of C; what stands here for a function of C calls that one, which counts already.
function basic.error(...)
  local message, level = (...), c_int(tools.whole(1, 2, ...))
  if level == 1 then error(message, 2) end
  if level < 1 or not tools.is_string(message) then error(message, 0) end
  local at = 2
  local i = getinfo(at, "Sl")
  while i and level > 1 do
    at = at + 1
    i = getinfo(at, "Sl")
    if i and i.source ~= "=redlark" then level = level - 1 end
  end
  local here = i and i.currentline > 0 and i.source ~= "=redlark"
  error((here and i.short_src .. ":" .. i.currentline .. ": " or "") .. message, 0)
end
function basic.collectgarbage(...)
  collected = true
  return native("collectgarbage", collectgarbage, ...)
end
function basic.pcall(...)
  if select("#", ...) == 0 then argument_error(1, 1, "value expected") end
  return checked(pcall(...))
end
function basic.xpcall(f, handler)
  local function guarded(err)
    if err == KILLED or type(err) == "userdata" and err ~= NULL then return err end
    return handler(err)
  end
  return passed(xpcall(f, guarded))
end
function basic.next(...)
  local t, key = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  return next(hidden[t] or t, key)
end
function basic.pairs(...)
  local t = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  if hidden[t] then return basic.next, t, nil end
  return next, t, nil
end
function basic.rawget(...)
  local t, key = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  return rawget(hidden[t] or t, key)
end
function basic.rawset(...)
  local t, key, value = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  if hidden[t] then error(READONLY, 0) end
  if key == nil or key ~= key then error(key == nil and "table index is nil" or "table index is NaN", 0) end
  return rawset(t, key, value)
end
function basic.setmetatable(...)
  local t, meta = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  if select("#", ...) < 2 or meta ~= nil and type(meta) ~= "table" then
    argument_error(1, 2, "nil or table expected")
  end
  if hidden[t] then error(READONLY, 0) end
  local old = getmetatable(t)
  if type(old) == "table" and rawget(old, "__metatable") ~= nil then error("cannot change a protected metatable", 2) end
  return setmetatable(t, hidden[meta] or meta)
end
function basic.tostring(...)
  if select("#", ...) == 0 then argument_error(1, 1, "value expected") end
  if rawequal((...), NULL) then return "userdata: (nil)" end
  return tostring((...))
end

-- ---- the libraries of Lua -----------------------------------------------------------------------------------------------

local function copied(from, names)
  local made = {}
  for name in gmatch(names, "%S+") do made[name] = from[name] end
  return made
end
local text = copied(string, "byte char dump find format gfind gmatch gsub len lower match rep reverse sub upper")
local maths = copied(math, "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min"
  .. " mod modf pi pow rad sin sinh sqrt tan tanh")
local tables = copied(table, "concat foreach foreachi getn insert maxn remove setn sort")
local routines = copied(coroutine, "running status yield")
function routines.create(...)
  local thread = native("create", create, ...)
  sethook(thread, hook, "", HOOK_EVERY)
  return thread
end
function routines.resume(...) return passed(resume(...)) end
function routines.wrap(...)
  local thread = native("wrap", create, ...)
  sethook(thread, hook, "", HOOK_EVERY)
  local function given(ok, ...)
    if ok then return ... end
    if killed then error(KILLED, 0) end
    error((...), 3)
  end
  return function(...) return given(resume(thread, ...)) end
end
for _, name in ipairs({"insert", "remove"}) do
  local f = tables[name]
  tables[name] = function(t, ...)
    if hidden[t] then error(READONLY, 0) end
    return native(name, f, t, ...)
  end
end

-- math.random is Redis's own, the generator of drand48; scripts and functions share it, and it goes on from one to the next.
local low, middle, high = 0x330E, 0xABCD, 0x1234
local function lrand()
  local product = low * 0xE66D + 0xB
  local first = product % 65536
  product = floor(product / 65536) + low * 0xDEEC + middle * 0xE66D
  local second = product % 65536
  product = floor(product / 65536) + low * 5 + middle * 0xDEEC + high * 0xE66D
  low, middle, high = first, second, product % 65536
  return high * 32768 + floor(middle / 2)
end
function maths.random(...)
  local r, count = (lrand() % 2147483647) / 2147483647, select("#", ...)
  if count == 0 then return r end
  if count > 2 then error("wrong number of arguments", 2) end
  local first = c_int(tools.number(1, ...))
  if count == 1 then
    if first < 1 then argument_error(1, 1, "interval is empty") end
    return floor(r * first) + 1
  end
  local second = c_int(tools.number(2, ...))
  if first > second then argument_error(1, 2, "interval is empty") end
  return floor(r * (second - first + 1)) + first
end
function maths.randomseed(...)
  local number = c_int(tools.number(1, ...)) % 4294967296
  low, middle, high = 0x330E, number % 65536, floor(number / 65536)
end

-- ---- worlds -------------------------------------------------------------------------------------------------------------

-- A world of globals. `name` is that of its code in messages, `libraries` what it has beyond those of Lua.
-- Gives the globals, the metatable of what stands before them, and what compiles code in this world.
function tools.world(name, libraries)
  local globals = setmetatable({}, {__index = nonexistent})
  local environment = {__index = globals, __newindex = function() error(READONLY, 2) end}
  local _G_ = setmetatable({}, environment)
  hidden[_G_], shown[globals] = globals, _G_

  local function compiled(source, chunk)
    if byte(source) == 27 then  -- no bytecode: it is read as a text that begins with a wrong sign
      local _, problem = loadstring("\29" .. sub(source, 2), chunk)
      return nil, (gsub(problem, "char%(29%)", "char(27)"))
    end
    local f, problem = loadstring(source, chunk)
    if not f then return nil, problem end
    local flat = host.flatten(dump(f))
    if not flat then return nil, "not enough memory" end
    return setfenv(assert(loadstring(flat, chunk)), _G_)
  end

  for key, value in pairs(basic) do globals[key] = value end
  for key, library in pairs({string = text, math = maths, table = tables, coroutine = routines, os = {clock = os.clock}}) do
    globals[key] = proxy(library)
  end
  for key, library in pairs(libraries) do globals[key] = proxy(library) end
  globals._G = _G_
  local text_meta, globals_meta = proxy({__index = globals.string}), proxy({__index = function() end})
  function globals.getmetatable(...)
    local value = ...
    if select("#", ...) == 0 then argument_error(1, 1, "value expected") end
    if type(value) == "string" then return text_meta end
    if type(value) == "userdata" then return nil end
    if value ~= nil and hidden[value] then return value == _G_ and globals_meta or nil end
    local meta = getmetatable(value)
    return meta ~= nil and shown[meta] or meta
  end
  function globals.loadstring(...)
    local source, chunk = ...
    if type(source) == "number" then source = tostring(source) end
    if type(source) ~= "string" then wrong(1, "string", ...) end
    return compiled(source, chunk or source)
  end
  function globals.load(...)
    local reader, chunk = ...
    if type(reader) ~= "function" then wrong(1, "function", ...) end
    local parts = {}
    while true do
      local part = reader()
      if part == nil or part == "" then break end
      if type(part) ~= "string" and type(part) ~= "number" then return nil, "reader function must return a string" end
      parts[#parts + 1] = part
    end
    return compiled(concat(parts), chunk or "=(load)")
  end
  return globals, environment, function(source) return compiled(source, name) end
end

-- What a script failed with, and where: the position is that of the innermost code of the script itself.
function tools.failed(err)
  if type(err) == "userdata" and err ~= NULL then return err end
  local level = 2
  local i = getinfo(level, "Sl")
  if i and i.what == "C" then
    level = level + 1
    i = getinfo(level, "Sl")
  end
  while i and (i.source == "=redlark" or i.what == "tail") do
    level = level + 1
    i = getinfo(level, "Sl")
  end
  if type(err) == "string" then
    err = gsub(err, "^redlark:%d+: ", "")  -- where an error is said to be of a caller beyond the script
  end
  return {err, i and i.source, i and i.currentline}
end

-- Before and after code of clients runs.
function tools.began() killed = false end
function tools.ended()
  if collected then
    collected = false
    collectgarbage("restart")
    collectgarbage("setpause", 200)
    collectgarbage("setstepmul", 200)
  end
  local stopped = killed
  killed = false
  return stopped
end

return tools
