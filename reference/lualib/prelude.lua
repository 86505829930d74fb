-- The sandbox in which a script runs, in Lua itself: what Redis gives to scripts in C, made of a plain Lua 5.1.
--
-- Theory of operation. `host` holds what only the model can do (run a command, print a double), `flavour` the words and
-- rules of one version. A script's code has been compiled so that no call is a tail call (see lua_bytecode.py): then every
-- function here is, to the positions in error messages, what a C function is in Redis: `error(text, 2)` names the caller's
-- line. Read-only tables are empty proxies. Errors of the host (userdata) end the script: nothing here lets one be caught.
local host, flavour, libraries = ...

local assert, error, pcall, xpcall, type, tostring, tonumber, select, unpack, next, rawget, rawset, setmetatable, getmetatable =
  assert, error, pcall, xpcall, type, tostring, tonumber, select, unpack, next, rawget, rawset, setmetatable, getmetatable
local pairs, ipairs, setfenv, loadstring, newproxy, rawequal = pairs, ipairs, setfenv, loadstring, newproxy, rawequal
local getinfo, sethook, getupvalue, getmetatable_of = debug.getinfo, debug.sethook, debug.getupvalue, debug.getmetatable
local sub, format, byte, char, find, gsub, rep, dump, concat = string.sub, string.format, string.byte, string.char, string.find,
  string.gsub, string.rep, string.dump, table.concat
local floor, huge, resume, create, ldexp, frexp = math.floor, math.huge, coroutine.resume, coroutine.create, math.ldexp, math.frexp

local NULL = newproxy()
local globals, hidden = {}, {}        -- the real globals; from each proxy to the table that it stands for
local READONLY = "Attempt to modify a readonly table"

local function proxy(real)
  local made = setmetatable({}, {__index = real, __newindex = function() error(READONLY, 2) end})
  hidden[made] = real
  return made
end

local function nonexistent(_, name)
  error("Script attempted to access nonexistent global variable '" .. tostring(name) .. "'", 2)
end
local environment = {__index = globals, __newindex = function() error(READONLY, 2) end}
local _G_ = setmetatable({}, environment)
hidden[_G_] = globals
setmetatable(globals, {__index = nonexistent})

-- ---- arguments as C functions take them ------------------------------------------------------------------------------
--
-- Each of these is called by the library's function itself, with the position of an argument and all arguments.

local tools = {host = host, flavour = flavour, pcall = pcall, tostring = tostring}

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

local function wrong(position, expected, ...)
  local got = select("#", ...) < position and "no value" or type((select(position, ...)))
  argument_error(2, position, format("%s expected, got %s", expected, got))
end
local function number_of(value)
  return (type(value) == "number" or type(value) == "string") and tonumber(value) or nil
end
local function number_argument(position, ...)
  local number = number_of((select(position, ...)))
  if not number then
    local got = select("#", ...) < position and "no value" or type((select(position, ...)))
    argument_error(2, position, "number expected, got " .. got)
  end
  return number
end
tools.number = number_argument

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
function tools.whole(position, ...)
  local number = number_of((select(position, ...)))
  if not number then
    local got = select("#", ...) < position and "no value" or type((select(position, ...)))
    argument_error(2, position, "number expected, got " .. got)
  end
  return c_long(number)
end
function tools.whole_or(otherwise, position, ...)
  local value = select(position, ...)
  if value == nil then return otherwise end
  local number = number_of(value)
  if not number then argument_error(2, position, "number expected, got " .. type(value)) end
  return c_long(number)
end
function tools.text(position, ...)
  local value = select(position, ...)
  if type(value) == "number" then return tostring(value) end
  if type(value) ~= "string" then
    local got = select("#", ...) < position and "no value" or type(value)
    argument_error(2, position, "string expected, got " .. got)
  end
  return value
end
function tools.real(t) return hidden[t] or t end
-- The octets of a whole number, the highest first; those of a negative one are a complement.
function tools.octets(number, count)
  local parts, carry, rest = {}, 1, number < 0 and -number or number
  for place = count, 1, -1 do
    local octet = rest % 256
    rest = (rest - octet) / 256
    if number < 0 then
      octet = 255 - octet + carry
      carry = octet > 255 and 1 or 0
      octet = octet % 256
    end
    parts[place] = char(octet)
  end
  return concat(parts)
end
-- A double as so many octets, the highest first; a zero's sign would not reach the host.
function tools.ieee(number, size)
  if number == 0 then return (1 / number < 0 and "\128" or "\0") .. rep("\0", size - 1) end
  return host.ieee(number, size)
end

-- The settings of cjson, in the order in which the engine keeps them between two scripts.
local SETTINGS = {"convert", "ratio", "safe", "deepest", "descends", "precision", "keeps", "invalid", "reads"}
local USUAL = {0, 2, 10, 1000, 1000, 14, 1, 0, 1}
function tools.fresh_settings()
  local made = {}
  for place, name in ipairs(SETTINGS) do made[name] = USUAL[place] end
  return made
end
tools.settings = tools.fresh_settings()
local function restore_settings(told)
  local place = 0
  for number in string.gmatch(told or concat(USUAL, " "), "%S+") do
    place = place + 1
    tools.settings[SETTINGS[place]] = tonumber(number)
  end
end
local function settings_told()
  local values, usual = {}, true
  for place, name in ipairs(SETTINGS) do
    values[place] = tools.settings[name]
    usual = usual and values[place] == USUAL[place]
  end
  return not usual and concat(values, " ") or nil
end

-- ---- basic functions that know of read-only tables and of errors that may not be caught -------------------------

local function checked(ok, ...)
  if not ok then
    local err = ...
    if type(err) == "userdata" and err ~= NULL then error(err, 0) end
    if flavour.tables and type(err) == "table" then
      local text = rawget(err, "err")
      if type(text) == "string" or type(text) == "number" then return false, text end
    end
    return false, ...
  end
  return true, ...
end

local function fatal(ok, ...)
  if not ok and type((...)) == "userdata" and (...) ~= NULL then error((...), 0) end
  return ok, ...
end

local base = {
  _VERSION = _VERSION, assert = assert, collectgarbage = collectgarbage, gcinfo = gcinfo, ipairs = ipairs,
  rawequal = rawequal, select = select, tonumber = tonumber, type = type, unpack = unpack,
}
-- Where a level leads: to functions of scripts and of C. One that stands here for a function of C has called that one,
-- which counts already.
function base.error(...)
  local message, level = (...), c_int(tools.whole_or(1, 2, ...))
  if level == 1 then error(message, 2) end
  if level < 1 or type(message) ~= "string" and type(message) ~= "number" then error(message, 0) end
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
function base.pcall(...)
  if select("#", ...) == 0 then argument_error(1, 1, "value expected") end
  return checked(pcall(...))
end
function base.xpcall(f, handler)
  local function guarded(err)
    if type(err) == "userdata" and err ~= NULL then return err end
    return handler(err)
  end
  return fatal(xpcall(f, guarded))
end
function base.pairs(...)
  local t = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  if hidden[t] then return base.next, t, nil end
  return next, t, nil
end
function base.next(...)
  local t, key = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  return next(hidden[t] or t, key)
end
function base.rawget(...)
  local t, key = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  return rawget(hidden[t] or t, key)
end
function base.rawset(...)
  local t, key, value = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  if hidden[t] then error(READONLY, 0) end
  if key == nil or key ~= key then error(key == nil and "table index is nil" or "table index is NaN", 0) end
  return rawset(t, key, value)
end
local text_meta, globals_meta  -- read-only, made below
function base.getmetatable(...)
  local value = ...
  if select("#", ...) == 0 then argument_error(1, 1, "value expected") end
  if type(value) == "string" then return text_meta end
  if type(value) == "userdata" then return nil end
  if value ~= nil and hidden[value] then return value == _G_ and globals_meta or nil end
  return getmetatable(value)
end
function base.setmetatable(...)
  local t, meta = ...
  if type(t) ~= "table" then wrong(1, "table", ...) end
  if select("#", ...) < 2 or meta ~= nil and type(meta) ~= "table" then
    argument_error(1, 2, "nil or table expected")
  end
  if hidden[t] then error(READONLY, 0) end
  local old = getmetatable(t)
  if old ~= nil and type(old) == "table" and rawget(old, "__metatable") ~= nil then
    error("cannot change a protected metatable", 2)
  end
  return setmetatable(t, hidden[meta] or meta)
end
function base.tostring(...)
  if select("#", ...) == 0 then argument_error(1, 1, "value expected") end
  if rawequal((...), NULL) then return "userdata: (nil)" end
  return tostring((...))
end

-- ---- code made by a script -----------------------------------------------------------------------------------------

local function compiled(source, name)
  if byte(source) == 27 then  -- no bytecode: it is read as a text that begins with a wrong sign
    return loadstring("\29" .. sub(source, 2), name)
  end
  local f, problem = loadstring(source, name)
  if not f then return nil, problem end
  return setfenv(assert(loadstring(host.flatten(dump(f)), name)), _G_)
end
local function loaded(source, name)
  local f, problem = compiled(source, name)
  if f then return f end
  return nil, (gsub(problem, "char%(29%)", "char(27)"))
end
function base.loadstring(...)
  local source, name = ...
  if type(source) == "number" then source = tostring(source) end
  if type(source) ~= "string" then wrong(1, "string", ...) end
  return loaded(source, name or source)
end
function base.load(...)
  local reader, name = ...
  if type(reader) ~= "function" then wrong(1, "function", ...) end
  local parts = {}
  while true do
    local part = reader()
    if part == nil or part == "" then break end
    if type(part) ~= "string" and type(part) ~= "number" then return nil, "reader function must return a string" end
    parts[#parts + 1] = part
  end
  return loaded(concat(parts), name or "=(load)")
end

-- ---- the libraries --------------------------------------------------------------------------------------------------

local function copied(from, names)
  local made = {}
  for name in gsub and string.gmatch(names, "%S+") do made[name] = from[name] end
  return made
end
local text = copied(string, "byte char dump find format gfind gmatch gsub len lower match rep reverse sub upper")
local maths = copied(math, "abs acos asin atan atan2 ceil cos cosh deg exp floor fmod frexp huge ldexp log log10 max min"
  .. " mod modf pi pow rad sin sinh sqrt tan tanh")
local tables = copied(table, "concat foreach foreachi getn insert maxn remove setn sort")
local routines = copied(coroutine, "create resume running status wrap yield")
function routines.resume(...) return fatal(resume(...)) end
for _, name in ipairs({"insert", "remove"}) do
  local native = tables[name]
  tables[name] = function(t, ...)
    if hidden[t] then error(READONLY, 0) end
    local got = {pcall(native, t, ...)}
    if got[1] then return unpack(got, 2, table.maxn(got)) end
    local problem = got[2]
    if type(problem) == "string" then
      error(gsub(problem, "to '%?'", "to '" .. name .. "'", 1), 2)
    end
    error(problem, 0)
  end
end

-- math.random is Redis's own, the generator of drand48. From 7.0 on it goes on where the last script left it.
local FIRST = {0x330E, 0xABCD, 0x1234}
local low, middle, high
local function seed(number)
  number = number % 4294967296
  low, middle, high = 0x330E, number % 65536, floor(number / 65536)
end
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
  local first = c_int(number_argument(1, ...))
  if count == 1 then
    if first < 1 then argument_error(1, 1, "interval is empty") end
    return floor(r * first) + 1
  end
  local second = c_int(number_argument(2, ...))
  if first > second then argument_error(1, 2, "interval is empty") end
  return floor(r * (second - first + 1)) + first
end
function maths.randomseed(...) seed(c_int(number_argument(1, ...))) end

-- ---- replies of commands as Lua values -------------------------------------------------------------------------------

local function read(raw, at)
  local mark, stop = sub(raw, at, at), find(raw, "\r\n", at, true)
  local line, behind = sub(raw, at + 1, stop - 1), stop + 2
  if mark == ":" then return tonumber(line), behind end
  if mark == "$" then
    local size = tonumber(line)
    if size < 0 then return false, behind end
    return sub(raw, behind, behind + size - 1), behind + size + 2
  end
  if mark == "+" then return {ok = line}, behind end
  if mark == "-" then return {err = line}, behind end
  if mark == "_" then return nil, behind end
  if mark == "#" then return line == "t", behind end
  if mark == "," then return {double = tonumber(line) or (line == "inf" and huge or line == "-inf" and -huge or 0/0)}, behind end
  if mark == "(" then return {big_number = line}, behind end
  if mark == "=" then
    local size = tonumber(line)
    local whole = sub(raw, behind, behind + size - 1)
    return {verbatim_string = {string = sub(whole, 5), format = sub(whole, 1, 3)}}, behind + size + 2
  end
  local size, made, value, key = tonumber(line), {}, nil, nil
  if size < 0 then return false, behind end
  if mark == "%" then
    for _ = 1, size do
      key, behind = read(raw, behind)
      value, behind = read(raw, behind)
      if key ~= nil then made[key] = value end
    end
    return {map = made}, behind
  end
  if mark == "~" then
    for _ = 1, size do
      key, behind = read(raw, behind)
      if key ~= nil then made[key] = true end
    end
    return {set = made}, behind
  end
  for place = 1, size do
    value, behind = read(raw, behind)
    made[place] = value
  end
  return made, behind
end

-- ---- Lua values as replies --------------------------------------------------------------------------------------------

local spoken, protocol = 2, 2         -- what the client speaks, and what the script asked for by setresp

local function line_of(value)
  return (gsub(value, "[\r\n]", " "))
end
local function bulk(value) return "$" .. #value .. "\r\n" .. value .. "\r\n" end
local function null() return spoken == 3 and "_\r\n" or "$-1\r\n" end
local function field(value, name)
  if flavour.tables then return rawget(value, name) end
  return value[name]
end
local function is_text(value) return type(value) == "string" end

local write
local function write_table(value)
  local found = field(value, "err")
  if type(found) == "string" then
    return "-" .. line_of((gsub(found, "[\r\n]+$", ""))) .. "\r\n"
  end
  found = field(value, "ok")
  if type(found) == "string" then return "+" .. line_of(found) .. "\r\n" end
  found = field(value, "double")
  if type(found) == "number" then
    local shown = host.double(format("%.17g", found))
    return spoken == 3 and "," .. shown .. "\r\n" or bulk(shown)
  end
  found = field(value, "map")
  if type(found) == "table" then
    local parts, count = {}, 0
    for key, item in next, hidden[found] or found do
      count = count + 1
      parts[#parts + 1] = write(key)
      parts[#parts + 1] = write(item)
    end
    return (spoken == 3 and "%" .. count or "*" .. count * 2) .. "\r\n" .. concat(parts)
  end
  found = field(value, "set")
  if type(found) == "table" then
    local parts = {}
    for key in next, hidden[found] or found do parts[#parts + 1] = write(key) end
    return (spoken == 3 and "~" or "*") .. #parts .. "\r\n" .. concat(parts)
  end
  if flavour.tables then
    found = field(value, "big_number")
    if type(found) == "string" then return spoken == 3 and "(" .. line_of(found) .. "\r\n" or bulk(line_of(found)) end
    found = field(value, "verbatim_string")
    if type(found) == "table" then
      local kind, inner = field(found, "format"), field(found, "string")
      if type(kind) == "string" and type(inner) == "string" then
        kind = sub(kind .. "   ", 1, 3)
        return spoken == 3 and "=" .. #inner + 4 .. "\r\n" .. kind .. ":" .. inner .. "\r\n" or bulk(inner)
      end
    end
  end
  local parts, place = {}, 1
  while true do
    local item
    if flavour.tables then item = rawget(value, place) else item = value[place] end
    if item == nil then break end
    parts[place] = write(item)
    place = place + 1
  end
  return "*" .. place - 1 .. "\r\n" .. concat(parts)
end

function write(value)
  local kind = type(value)
  if kind == "string" then return bulk(value) end
  if kind == "number" then return ":" .. format("%d", value) .. "\r\n" end
  if kind == "boolean" then
    if protocol == 2 then return value and ":1\r\n" or null() end
    if spoken == 3 then return value and "#t\r\n" or "#f\r\n" end
    return value and ":1\r\n" or ":0\r\n"
  end
  if kind == "table" then return write_table(value) end
  return null()
end

-- ---- redis.* ----------------------------------------------------------------------------------------------------------

local redis = {}
local say = flavour.says

-- Where code stands, as redis 6.2 has it before its own errors; the level is counted from this function.
local function place_of(level)
  local i = getinfo(level, "Sl")
  return i and (i.source .. ": " .. i.currentline .. ": ") or ""
end

local function refused(raise, message)
  if flavour.tables then
    local err = {err = message, ignore_error_stats_update = true}
    if raise then error(err, 0) end
    return err
  end
  message = place_of(5) .. message
  if raise then error(message, 0) end
  return {err = message}
end

local function text_of(number) return host.number(format("%.17g", number)) end

local function invoke(raise, ...)
  local count = select("#", ...)
  local words, readable = {...}, true
  for place = 1, count do
    local word = words[place]
    if type(word) == "number" then words[place] = text_of(word)
    elseif type(word) ~= "string" then readable = false end
  end
  local raw, by_us = host.call(protocol, readable, unpack(words, 1, readable and count or 0))
  if byte(raw) == 45 then  -- an error
    local message = sub(raw, 2, -3)
    if by_us then local err = refused(raise, message) return err end
    if not raise then
      return flavour.tables and {err = message, ignore_error_stats_update = true} or {err = message}
    end
    if flavour.tables then error({err = message, ignore_error_stats_update = true}, 0) end
    error(message, 0)
  end
  return (read(raw, 1))
end

function redis.call(...) local reply = invoke(true, ...) return reply end
function redis.pcall(...) local reply = invoke(false, ...) return reply end

local function fail(message)
  if flavour.tables then error({err = "ERR " .. message}, 0) end
  error(message, 0)
end

local function is_string(value) return type(value) == "string" or type(value) == "number" end
local function returned(key, ...)
  local value = ...
  if select("#", ...) ~= 1 or type(value) ~= "string" then
    if flavour.tables then return {err = "ERR wrong number or type of arguments"} end
    return {err = place_of(4) .. "wrong number or type of arguments"}
  end
  if key == "err" and flavour.tables then
    if sub(value, 1, 1) == "-" then return {err = sub(value, 2)} end
    if not find(value, " ", 1, true) then return {err = "ERR " .. value} end
  end
  return {[key] = value}
end
function redis.error_reply(...) local made = returned("err", ...) return made end
function redis.status_reply(...) local made = returned("ok", ...) return made end
function redis.sha1hex(...)
  if select("#", ...) ~= 1 then fail("wrong number of arguments") end
  local value = ...
  return host.sha1hex(is_string(value) and tostring(value) or "")
end
function redis.log(...)
  if select("#", ...) < 2 then fail(say.log_arguments) end
  local level = ...
  if type(level) ~= "number" and not (type(level) == "string" and tonumber(level)) then fail(say.log_number) end
  level = c_int(tonumber(level))
  if level < 0 or level > 3 then fail(say.log_level) end
end
function redis.setresp(...)
  if select("#", ...) ~= 1 then fail(say.setresp_arguments) end
  local number = tonumber((...))
  number = (type((...)) == "number" or type((...)) == "string") and number and c_int(number) or 0
  if number ~= 2 and number ~= 3 then fail("RESP version must be 2 or 3.") end
  protocol = number
end
function redis.set_repl(...)
  if select("#", ...) ~= 1 then fail(say.set_repl_arguments) end
  local flags = tonumber((...))
  flags = flags and c_int(flags) or 0
  if flags < 0 or flags > 3 then fail("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.") end
  host.set_repl(flags)
end
if not flavour.functions then
  function redis.replicate_commands() return true end
  function redis.breakpoint() return false end
  function redis.debug() end
end
if flavour.tables then
  function redis.acl_check_cmd(...)
    local count, words = select("#", ...), {...}
    if count == 0 then fail(say.acl_arguments) end
    for place = 1, count do
      if type(words[place]) == "number" then words[place] = text_of(words[place])
      elseif type(words[place]) ~= "string" then fail(say.acl_words) end
    end
    if not host.known(unpack(words, 1, count)) then fail(say.acl_unknown) end
    return true
  end
end
for name, value in pairs(flavour.constants) do redis[name] = value end

-- ---- all together -------------------------------------------------------------------------------------------------------

local made = {string = text, math = maths, table = tables, coroutine = routines, redis = redis}
if flavour.clock then made.os = {clock = function() return 0 end} end
for name, library in pairs(libraries) do made[name] = library(NULL, tools) end
for name, value in pairs(base) do globals[name] = value end
for name, library in pairs(made) do globals[name] = proxy(library) end
globals._G = _G_
if not flavour.tables then
  globals.newproxy = newproxy
  globals.print = function() end
  globals.getfenv = function() return _G_ end
  globals.setfenv = setfenv
end
if flavour.server then globals.server = globals.redis end
text_meta = proxy({__index = globals.string})
globals_meta = proxy({__index = function() end})
if not flavour.functions then
  globals.__redis__err__handler = function(err) return err end
  if flavour.server then globals.__server__err__handler = globals.__redis__err__handler end
end

-- What a script failed with, and where: the position is that of the innermost code of the script itself.
local function handler(err)
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

local function failure(found, what)
  local err, source, line = found[1], found[2], found[3]
  if not flavour.tables then
    local kind = type(err)
    if kind ~= "string" and kind ~= "number" then
      err = "@err_handler_def:9: err_handler_def:9: attempt to concatenate local 'err' (a " .. kind .. " value)"
    elseif source then
      err = source .. ":" .. line .. ": " .. err
    end
    return "-" .. line_of("ERR Error running script (call to f_" .. what .. "): " .. err) .. "\r\n"
  end
  if type(err) == "table" then
    local message = rawget(err, "err")
    err = is_string(message) and tostring(message) or "ERR unknown error"
  else
    err = "ERR " .. tostring(err)
  end
  local shown = flavour.nameless and "" or what .. ", "
  return "-" .. line_of(err .. " script: " .. (source and shown .. "on " .. source .. ":" .. line or sub(shown, 1, -3)) .. ".") .. "\r\n"
end

-- What lasts from one script to the next: the settings of cjson and where the random numbers are; nil is as it was at first.
local function began(resp, settings, random)
  spoken, protocol = resp, 2
  restore_settings(settings)
  if not flavour.tables then seed(0)
  elseif random then low, middle, high = random:match("(%d+) (%d+) (%d+)")
  else low, middle, high = unpack(FIRST) end
end
local function lasting()
  local random = low .. " " .. middle .. " " .. high
  if not flavour.tables or random == concat(FIRST, " ") then random = nil end
  return settings_told(), random
end

local function ended(ok, what, value)
  if not ok then
    if type(value) == "userdata" then error(value, 0) end
    return failure(value, what)
  end
  return write(value)
end

-- What the engine calls.
local M = {}

function M.compile(source, name) return compiled(source, name) end

-- Gives the reply, and what lasts.
function M.eval(f, what, keys, arguments, resp, settings, random)
  began(resp, settings, random)
  globals.KEYS, globals.ARGV = keys, arguments
  local ok, value = xpcall(f, handler)
  local reply = ended(ok, what, value)
  return reply, lasting()
end

-- ---- libraries of functions -------------------------------------------------------------------------------------------
--
-- A library is loaded by running its code, with nothing at hand but what registers its functions. Before each call of a
-- function it is loaded anew, and the calls that have changed what it keeps to itself are made again.

local registered  -- while a library is loaded: its functions, in order

local api = flavour.server and "server" or "redis"
local BAD_NAME = "names can only contain letters, numbers, or underscores(_) and must be at least one character long"

local function refuse(problem) error({err = "ERR " .. problem}, 0) end
local function name_problem(name)
  if not find(name, "^[%w_]+$") then return (flavour.late_names and "Function " or "Library ") .. BAD_NAME end
  for _, one in ipairs(registered) do
    if one.name == name then return "Function already exists in the library" end
  end
end
local function flags_of(given)
  local found, place = {}, 1
  while true do
    local flag = given[place]
    if flag == nil then return found end
    local name = is_string(flag) and string.lower(tostring(flag))
    if not flavour.flags[name] then refuse("unknown flag given") end
    found[name], place = true, place + 1
  end
end
local function named(given)
  local made = {flags = {}}
  for key, value in next, tools.real(given) do
    if not is_string(key) then refuse("named argument key given to " .. api .. ".register_function is not a string") end
    local name = string.lower(key)
    if name == "function_name" or name == "description" then
      if not is_string(value) then refuse(name .. " argument given to " .. api .. ".register_function must be a string") end
      made[name == "description" and name or "name"] = tostring(value)
    elseif name == "callback" then
      if type(value) ~= "function" then
        refuse("callback argument given to " .. api .. ".register_function must be a function")
      end
      made.callback = value
    elseif name == "flags" then
      if type(value) ~= "table" then
        refuse("flags argument to " .. api .. ".register_function must be a table representing function flags")
      end
      made.flags = flags_of(value)
    else
      refuse("unknown argument given to " .. api .. ".register_function")
    end
  end
  if not made.name then refuse(api .. ".register_function must get a function name argument") end
  if not made.callback then refuse(api .. ".register_function must get a callback argument") end
  return made
end
local function register(...)
  local count, name, callback = select("#", ...), ...
  if not registered then refuse(api .. ".register_function can only be called on FUNCTION LOAD command") end
  if count < 1 or count > 2 then refuse("wrong number of arguments to " .. api .. ".register_function") end
  local made
  if count == 1 then
    if type(name) ~= "table" then
      refuse("calling " .. api .. ".register_function with a single argument is only applicable to Lua table"
        .. " (representing named arguments).")
    end
    made = named(name)
  else
    if not is_string(name) then refuse("first argument to " .. api .. ".register_function must be a string") end
    if type(callback) ~= "function" then refuse("second argument to " .. api .. ".register_function must be a function") end
    made = {name = tostring(name), callback = callback, flags = {}}
  end
  local problem = not flavour.late_names and name_problem(made.name)
  if problem then refuse(problem) end
  registered[#registered + 1] = made
end

local at_load = {register_function = register, log = redis.log}
for name, value in pairs(flavour.constants) do
  if not find(name, "^REPL") then at_load[name] = value end
end
setmetatable(at_load, {__index = nonexistent})
local loading = setmetatable({redis = proxy(at_load)}, {__index = nonexistent})
if flavour.server then loading.server = loading.redis end

-- The functions that a library registers, or what it fails with.
local function load_library(f)
  registered = {}
  environment.__index = loading
  local ok, problem = xpcall(f, handler)
  environment.__index = globals
  local found = registered
  if flavour.late_names and ok then
    registered = {}
    for _, one in ipairs(found) do
      local wrong_name = name_problem(one.name)
      if wrong_name then
        registered = nil
        return nil, wrong_name
      end
      registered[#registered + 1] = one
    end
  end
  registered = nil
  if ok then return found end
  local err = problem[1]
  if type(err) == "table" then err = rawget(err, "err") else err = "ERR " .. tostring(err) end
  return nil, "Error registering functions: " .. err
end

-- For the engine: the functions one behind another, each as name, description and flags; or what loading fails with.
function M.load(f)
  local found, problem = load_library(f)
  if not found then return problem end
  local told = {}
  for _, one in ipairs(found) do
    local flags = {}
    for name in next, one.flags do flags[#flags + 1] = name end
    told[#told + 1] = {one.name, one.description or false, concat(flags, " ")}
  end
  return told
end

-- For the engine: a library of its own, to be called.
function M.loaded(f) return load_library(f) end

function M.call(library, name, keys, arguments, resp, settings, random)
  local callback
  for _, one in ipairs(library) do
    if one.name == name then callback = one.callback end
  end
  began(resp, settings, random)
  local ok, value = xpcall(function()
    local value = callback(keys, arguments)
    return value
  end, handler)
  local reply = ended(ok, name, value)
  return reply, lasting()
end

-- All that the functions of a library reach and may change, as a text: while that is the same, nothing has changed. What is not
-- of the library's own making goes by its number; a coroutine cannot be looked into, and counts as changed each time.
local numbers, given = setmetatable({}, {__mode = "k"}), 0
local function number_for(value)
  if not numbers[value] then given, numbers[value] = given + 1, given + 1 end
  return numbers[value]
end
function M.holds(library)
  local parts, met, count = {}, {}, 0
  local function add(part) parts[#parts + 1] = part end
  local function look(value)
    local kind = type(value)
    if kind == "string" then return add("s" .. #value .. ":" .. value) end
    if kind == "number" then return add(format("%.17g;", value)) end
    if kind == "nil" or kind == "boolean" then return add(tostring(value) .. ";") end
    if met[value] then return add("@" .. met[value] .. ";") end
    count = count + 1
    met[value] = count
    if kind == "thread" then given = given + 1 return add("t" .. given .. ";") end
    if kind == "table" and not hidden[value] then
      add("{")
      look(getmetatable_of(value))
      for key, one in next, value do
        look(key)
        look(one)
      end
      return add("}")
    end
    add("n" .. number_for(value) .. "(")
    if kind == "function" and getinfo(value, "S").what ~= "C" and getinfo(value, "S").source == flavour.name then
      local place = 1
      while getupvalue(value, place) do
        local _, one = getupvalue(value, place)
        look(one)
        place = place + 1
      end
    end
    add(")")
  end
  for _, one in ipairs(library) do look(one.callback) end
  return concat(parts)
end

return M
