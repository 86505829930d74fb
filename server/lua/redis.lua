-- `redis`: commands, their replies as Lua values, Lua values as replies; and how scripts and functions are run.
local tools, libraries = ...
local host = tools.host

local error, type, tostring, tonumber, select, next, rawget, setmetatable, ipairs, pairs, xpcall =
  error, type, tostring, tonumber, select, next, rawget, setmetatable, ipairs, pairs, xpcall
local sub, find, gsub, format, lower, concat = string.sub, string.find, string.gsub, string.format, string.lower, table.concat
local hidden, is_string, c_int, failed = tools.hidden, tools.is_string, tools.c_int, tools.failed

local CONSTANTS = {
  LOG_DEBUG = 0, LOG_VERBOSE = 1, LOG_NOTICE = 2, LOG_WARNING = 3, REPL_NONE = 0, REPL_AOF = 1, REPL_SLAVE = 2, REPL_REPLICA = 2,
  REPL_ALL = 3, REDIS_VERSION = host.version, REDIS_VERSION_NUM = host.version_number,
}
local FLAGS = {["no-writes"] = true, ["allow-oom"] = true, ["allow-stale"] = true, ["no-cluster"] = true, ["allow-cross-slot-keys"] = true}

-- ---- Lua values as replies ----------------------------------------------------------------------------------------------

local spoken, protocol = 2, 2         -- what the client speaks, and what the script asked for by setresp

local function one_line(value) return (gsub(value, "[\r\n]", " ")) end
local function bulk(value) return "$" .. #value .. "\r\n" .. value .. "\r\n" end

local written
local function aggregate(found, spoken_kind, with_values)
  local parts, count = {}, 0
  for key, item in next, hidden[found] or found do
    count = count + 1
    parts[count] = with_values and written(key) .. written(item) or written(key)
  end
  local head = spoken == 3 and spoken_kind .. count or "*" .. count * (with_values and 2 or 1)
  return head .. "\r\n" .. concat(parts)
end
local function table_written(value)
  local found = rawget(value, "err")
  if type(found) == "string" then
    found = one_line((gsub(found, "[\r\n]+$", "")))
    host.failed(found, rawget(value, "ignore_error_stats_update") == true)
    return "-" .. found .. "\r\n"
  end
  found = rawget(value, "ok")
  if type(found) == "string" then return "+" .. one_line(found) .. "\r\n" end
  found = rawget(value, "double")
  if type(found) == "number" then
    local digits = host.double(format("%.17g", found))
    return spoken == 3 and "," .. digits .. "\r\n" or bulk(digits)
  end
  found = rawget(value, "map")
  if type(found) == "table" then return aggregate(found, "%", true) end
  found = rawget(value, "set")
  if type(found) == "table" then return aggregate(found, "~", false) end
  found = rawget(value, "big_number")
  if type(found) == "string" then return spoken == 3 and "(" .. one_line(found) .. "\r\n" or bulk(one_line(found)) end
  found = rawget(value, "verbatim_string")
  if type(found) == "table" then
    local kind, inner = rawget(found, "format"), rawget(found, "string")
    if type(kind) == "string" and type(inner) == "string" then
      kind = sub(kind .. "   ", 1, 3)
      return spoken == 3 and "=" .. #inner + 4 .. "\r\n" .. kind .. ":" .. inner .. "\r\n" or bulk(inner)
    end
  end
  local parts, place = {}, 1
  while true do
    local item = rawget(value, place)
    if item == nil then break end
    parts[place] = written(item)
    place = place + 1
  end
  return "*" .. place - 1 .. "\r\n" .. concat(parts)
end
function written(value)
  local kind = type(value)
  if kind == "string" then return bulk(value) end
  if kind == "number" then return ":" .. format("%d", value) .. "\r\n" end
  if kind == "table" then return table_written(value) end
  if kind == "boolean" and (value or protocol == 3) then
    if protocol == 3 and spoken == 3 then return value and "#t\r\n" or "#f\r\n" end
    return value and ":1\r\n" or ":0\r\n"
  end
  return spoken == 3 and "_\r\n" or "$-1\r\n"
end

-- ---- what scripts call --------------------------------------------------------------------------------------------------

local redis = {}
local ask = host.call                 -- gives a value and nothing; a status and 1; an error and 2
local hot = host.hot or function() end  -- the same of what the core answers by itself: a value, or nothing where it does not

function redis.call(...)
  local value, kind = hot(...)
  if value ~= nil then return value end
  value, kind = ask(...)
  if not kind then return value end
  if kind == 1 then return {ok = value} end
  error({err = value, ignore_error_stats_update = true}, 0)
end
function redis.pcall(...)
  local value, kind = hot(...)
  if value ~= nil then return value end
  value, kind = ask(...)
  if not kind then return value end
  if kind == 1 then return {ok = value} end
  return {err = value, ignore_error_stats_update = true}
end

local function fail(message) error({err = "ERR " .. message}, 0) end

function redis.error_reply(...)
  local value = ...
  if select("#", ...) ~= 1 or type(value) ~= "string" then return {err = "ERR wrong number or type of arguments"} end
  if sub(value, 1, 1) == "-" then return {err = sub(value, 2)} end
  return {err = find(value, " ", 1, true) and value or "ERR " .. value}
end
function redis.status_reply(...)
  local value = ...
  if select("#", ...) ~= 1 or type(value) ~= "string" then return {err = "ERR wrong number or type of arguments"} end
  return {ok = value}
end
function redis.sha1hex(...)
  if select("#", ...) ~= 1 then fail("wrong number of arguments") end
  local value = ...
  return host.sha1hex(is_string(value) and tostring(value) or "")
end
function redis.log(...)
  local count, level = select("#", ...), ...
  if count < 2 then fail("redis.log() requires two arguments or more.") end
  if not (is_string(level) and tonumber(level)) then fail("First argument must be a number (log level).") end
  level = c_int(tonumber(level))
  if level < 0 or level > 3 then fail("Invalid log level.") end
  local parts = {}
  for place = 2, count do
    local word = select(place, ...)
    if is_string(word) then parts[#parts + 1] = tostring(word) end
  end
  host.log(level, concat(parts, " "))
end
function redis.setresp(...)
  if select("#", ...) ~= 1 then fail("redis.setresp() requires one argument.") end
  local number = is_string((...)) and tonumber((...))
  number = number and c_int(number) or 0
  if number ~= 2 and number ~= 3 then fail("RESP version must be 2 or 3.") end
  protocol = number
  host.setresp(number)
end
function redis.set_repl(...)
  if select("#", ...) ~= 1 then fail("redis.set_repl() requires one argument.") end
  local flags = tonumber((...))
  flags = flags and c_int(flags) or 0
  if flags < 0 or flags > 3 then fail("Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.") end
  host.set_repl(flags)
end
function redis.acl_check_cmd(...)
  local count = select("#", ...)
  if count == 0 then fail("Please specify at least one argument for this redis lib call") end
  for place = 1, count do
    if not is_string((select(place, ...))) then fail("Lua redis lib command arguments must be strings or integers") end
  end
  if not host.known(...) then fail("Invalid command passed to redis.acl_check_cmd()") end
  return true
end
for name, value in pairs(CONSTANTS) do redis[name] = value end

-- ---- running --------------------------------------------------------------------------------------------------------------

-- The reply, whatever became of it; `what` is a digest or a function's name.
local function outcome_told(ok, stopped, what, value)
  if ok and not stopped then return written(value) end
  if type(value) == "userdata" then error(value, 0) end  -- an exception: a defect of ours
  local err, source, line, counted = value, nil, nil, false
  if type(value) == "table" then err, source, line = value[1], value[2], value[3] end
  if stopped then err = host.last_words()
  elseif type(err) == "table" then
    local message = rawget(err, "err")
    counted = rawget(err, "ignore_error_stats_update") == true
    err = is_string(message) and tostring(message) or "ERR unknown error"
  else err = "ERR " .. tostring(err) end
  err = one_line(err .. " script: " .. what .. (source and ", on " .. source .. ":" .. line or "") .. ".")
  host.failed(err, counted)
  return "-" .. err .. "\r\n"
end

-- There may be no memory left to tell it.
local function outcome(ok, stopped, what, value)
  local told, frame = tools.pcall(outcome_told, ok, stopped, what, value)
  tools.began()                       -- it may have been stopped while it told
  if told then return frame end
  if type(frame) == "userdata" then error(frame, 0) end
  collectgarbage()
  if type(frame) ~= "string" then return "-" .. host.last_words() .. "\r\n" end
  return find(frame, "stack overflow", 1, true) and "-ERR reached lua stack limit\r\n" or "-ERR not enough memory\r\n"
end

local function copied(from)
  local made = {}
  for name, value in pairs(from) do made[name] = value end
  return made
end
local function own_libraries()
  local made = {}
  for name, library in pairs(libraries) do made[name] = library(tools) end
  return made
end

-- The keys, of which there are so many, and the other words; count: nil where they are two tables already.
local function parted(count, ...)
  if not count then return ... end
  if count == 0 then return {}, {...} end
  local keys = {...}
  if #keys == count then return keys, {} end
  local rest = {}
  for place = count + 1, #keys do
    rest[place - count], keys[place] = keys[place], nil
  end
  return keys, rest
end

-- Scripts.
local function script_world()
  local scripts = {}
  local own = own_libraries()
  own.redis = copied(redis)
  function own.redis.replicate_commands() return true end
  function own.redis.breakpoint() return false end
  function own.redis.debug() end
  local globals, _, compile = tools.world("@user_script", own)
  globals.__redis__err__handler = function(err) return err end
  scripts.compile = compile
  function scripts.run(f, digest, resp, count, ...)
    spoken, protocol = resp, 2
    globals.KEYS, globals.ARGV = parted(count, ...)
    tools.began()
    local ok, value = xpcall(f, failed)
    return outcome(ok, tools.ended(), digest, value)
  end
  -- The core runs scripts likewise (luacalls.h), and asks for a frame where what is told is more than a plain value.
  if host.core_world then
    host.core_world(globals, failed, tools.ended, function(resp, asked, stopped, ok, digest, value)
      spoken, protocol = resp, asked
      return outcome(ok, stopped, digest, value)
    end)
  end
  return scripts
end

-- ---- functions --------------------------------------------------------------------------------------------------------------

local registered                      -- while a library is loaded: its functions, in order

local function refuse(problem) error({err = "ERR " .. problem}, 0) end
local function flags_of(given)
  local found, place = {}, 1
  while true do
    local flag = given[place]
    if flag == nil then return found end
    local name = is_string(flag) and lower(tostring(flag))
    if not FLAGS[name] then refuse("unknown flag given") end
    found[name], place = true, place + 1
  end
end
local function named(given)
  local made = {flags = {}}
  for key, value in next, tools.real(given) do
    if not is_string(key) then refuse("named argument key given to redis.register_function is not a string") end
    local name = lower(key)
    if name == "function_name" or name == "description" then
      if not is_string(value) then refuse(name .. " argument given to redis.register_function must be a string") end
      made[name == "description" and name or "name"] = tostring(value)
    elseif name == "callback" then
      if type(value) ~= "function" then refuse("callback argument given to redis.register_function must be a function") end
      made.callback = value
    elseif name == "flags" then
      if type(value) ~= "table" then
        refuse("flags argument to redis.register_function must be a table representing function flags")
      end
      made.flags = flags_of(value)
    else
      refuse("unknown argument given to redis.register_function")
    end
  end
  if not made.name then refuse("redis.register_function must get a function name argument") end
  if not made.callback then refuse("redis.register_function must get a callback argument") end
  return made
end
local function register(...)
  local count, name, callback = select("#", ...), ...
  if not registered then refuse("redis.register_function can only be called on FUNCTION LOAD command") end
  if count < 1 or count > 2 then refuse("wrong number of arguments to redis.register_function") end
  local made
  if count == 1 then
    if type(name) ~= "table" then
      refuse("calling redis.register_function with a single argument is only applicable to Lua table"
        .. " (representing named arguments).")
    end
    made = named(name)
  else
    if not is_string(name) then refuse("first argument to redis.register_function must be a string") end
    if type(callback) ~= "function" then refuse("second argument to redis.register_function must be a function") end
    made = {name = tostring(name), callback = callback, flags = {}}
  end
  if not find(made.name, "^[%w_]+$") then
    refuse("Library names can only contain letters, numbers, or underscores(_) and must be at least one character long")
  end
  for _, one in ipairs(registered) do
    if one.name == made.name then refuse("Function already exists in the library") end
  end
  registered[#registered + 1] = made
end

local function function_world()
  local functions = {}
  local own = own_libraries()
  own.redis = copied(redis)
  local globals, environment, compile = tools.world("@user_function", own)
  local at_load = {register_function = register, log = redis.log}
  for name, value in pairs(CONSTANTS) do
    if not find(name, "^REPL") then at_load[name] = value end
  end
  setmetatable(at_load, {__index = tools.nonexistent})
  local loading = setmetatable({redis = tools.proxy(at_load)}, {__index = tools.nonexistent})
  functions.compile = compile

  -- Runs a library: its functions, of each its name, description, flags and what is to be called; or what loading fails with.
  function functions.load(f)
    registered = {}
    environment.__index = loading
    tools.began()
    local ok, problem = xpcall(f, failed)
    environment.__index = globals
    local found, stopped = registered, tools.ended()
    registered = nil
    if ok and not stopped then
      local rows = {}
      for place, one in ipairs(found) do
        local flags = {}
        for name in next, one.flags do flags[#flags + 1] = name end
        rows[place] = {one.name, one.description or false, concat(flags, " "), one.callback}
      end
      return rows
    end
    if type(problem) == "userdata" then error(problem, 0) end
    local err = type(problem) == "table" and problem[1] or problem
    if stopped then err = host.last_words()
    elseif type(err) == "table" then err = rawget(err, "err")
    else err = "ERR " .. tostring(err) end
    return "Error registering functions: " .. tostring(err)
  end
  function functions.run(callback, name, resp, count, ...)
    spoken, protocol = resp, 2
    local keys, arguments = parted(count, ...)
    tools.began()
    local ok, value = xpcall(function()
      local value = callback(keys, arguments)
      return value
    end, failed)
    return outcome(ok, tools.ended(), name, value)
  end
  return functions
end

return {script_world = script_world, function_world = function_world}
