-- cjson: what lua-cjson 2.1.0 does. Its settings last until the interpreter is made anew: `tools.settings` holds them.
return function(NULL, tools)
  local type, tonumber, error, pcall, select, next, rawget = type, tonumber, error, tools.pcall, select, next, rawget
  local format, byte, sub, find, gsub, char, concat = string.format, string.byte, string.sub, string.find, string.gsub, string.char,
    table.concat
  local floor, huge = math.floor, math.huge
  local STACK, MOST = 8000, 2147483647  -- values that a C function may hold; the largest setting

  local escapes = {["\\"] = "\\\\", ['"'] = '\\"', ["/"] = "\\/", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
    ["\t"] = "\\t", ["\127"] = "\\u007f"}
  local function quoted(text)
    return '"' .. gsub(text, '[%z\1-\31\\"/\127]', function(sign)
      return escapes[sign] or format("\\u%04x", byte(sign))
    end) .. '"'
  end

  -- ---- encoding: `own` is the settings -----------------------------------------------------------------------------

  local function cannot(what, why) error("Cannot serialise " .. what .. ": " .. why, 0) end
  local function number_text(own, value)
    if value ~= value or value == huge or value == -huge then
      if own.invalid == 0 then cannot("number", "must not be NaN or Inf") end
      if own.invalid == 2 then return "null" end
      if value ~= value then return "nan" end
    end
    return format("%." .. own.precision .. "g", value)
  end

  -- The length of an array; 0 or less for what is an object.
  local function array_length(own, t)
    local most, count = 0, 0
    for key in next, t do
      if type(key) ~= "number" or key < 1 or floor(key) ~= key then return -1 end
      if key > most then most = key > MOST and -MOST - 1 or key end
      count = count + 1
    end
    if own.ratio > 0 and most > tools.c_int(count * own.ratio) and most > own.safe then
      if own.convert == 0 then cannot("table", "excessively sparse array") end
      return -1
    end
    return most
  end

  local write
  local function write_table(own, t, depth, used)
    depth = depth + 1
    if depth > own.deepest or used + 3 > STACK then error("Cannot serialise, excessive nesting (" .. depth .. ")", 0) end
    t = tools.real(t)
    local parts, size = {}, array_length(own, t)
    if size > 0 then
      for place = 1, size do parts[place] = write(own, rawget(t, place), depth, used + 1) end
      return "[" .. concat(parts, ",") .. "]"
    end
    for key, value in next, t do
      local name
      if type(key) == "number" then name = '"' .. number_text(own, key) .. '":'
      elseif type(key) == "string" then name = quoted(key) .. ":"
      else cannot(type(key), "table key must be a number or string") end
      parts[#parts + 1] = name .. write(own, value, depth, used + 2)
    end
    return "{" .. concat(parts, ",") .. "}"
  end
  function write(own, value, depth, used)
    local kind = type(value)
    if kind == "string" then return quoted(value) end
    if kind == "number" then return number_text(own, value) end
    if kind == "boolean" then return value and "true" or "false" end
    if kind == "table" then return write_table(own, value, depth, used) end
    if value == nil or value == NULL then return "null" end
    cannot(kind, "type not supported")
  end

  -- ---- decoding ------------------------------------------------------------------------------------------------------

  local function expected(what, found, at)
    error(format("Expected %s but found %s at character %d", what, found, at), 0)
  end
  local function utf8(code)
    if code < 0x80 then return char(code) end
    if code < 0x800 then return char(0xC0 + floor(code / 64), 0x80 + code % 64) end
    if code < 0x10000 then return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, 0x80 + code % 64) end
    return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64, 0x80 + code % 64)
  end
  local plain = {['"'] = '"', ["\\"] = "\\", ["/"] = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t"}
  local function hexadecimal(text, at)
    local found = find(text, "^%x%x%x%x", at)
    return found and tonumber(sub(text, at, at + 3), 16)
  end
  local function escaped(text, at)  -- behind \u; gives the text and where it goes on
    local code = hexadecimal(text, at)
    if not code then return nil end
    if code >= 0xD800 and code < 0xE000 then
      if code >= 0xDC00 or sub(text, at + 4, at + 5) ~= "\\u" then return nil end
      local low = hexadecimal(text, at + 6)
      if not low or low < 0xDC00 or low > 0xDFFF then return nil end
      return utf8(0x10000 + (code - 0xD800) * 1024 + low - 0xDC00), at + 10
    end
    return utf8(code), at + 4
  end

  -- The next token: its kind, value, where it begins, where it ends.
  local function string_token(text, at)
    local parts, place = {}, at + 1
    while true do
      local stop = find(text, '[%z"\\]', place)
      if not stop then return "unexpected end of string", nil, #text + 1, #text + 1 end
      parts[#parts + 1] = sub(text, place, stop - 1)
      local sign = sub(text, stop, stop)
      if sign == '"' then return "T_STRING", concat(parts), at, stop + 1 end
      if sign == "\0" then return "unexpected end of string", nil, stop, stop end
      local letter = sub(text, stop + 1, stop + 1)
      if letter == "u" then
        local made, behind = escaped(text, stop + 2)
        if not made then return "invalid unicode escape code", nil, stop, stop end
        parts[#parts + 1], place = made, behind
      elseif plain[letter] then
        parts[#parts + 1], place = plain[letter], stop + 2
      else
        return "invalid escape code", nil, stop, stop
      end
    end
  end
  local marks = {["{"] = "T_OBJ_BEGIN", ["}"] = "T_OBJ_END", ["["] = "T_ARR_BEGIN", ["]"] = "T_ARR_END", [","] = "T_COMMA", [":"] = "T_COLON"}
  local words = {{"true", "T_BOOLEAN", true}, {"false", "T_BOOLEAN", false}, {"null", "T_NULL", nil}}
  -- Numbers that JSON does not have and C reads.
  local function is_invalid(rest)
    if byte(rest) == 43 then return true end
    rest = gsub(rest, "^-", "")
    if find(rest, "^0") then return find(rest, "^0[xX0-9]") ~= nil end
    return find(rest, "^[iI][nN][fF]") ~= nil or find(rest, "^[nN][aA][nN]") ~= nil
  end
  -- What C's strtod reads at the front: the number and how many signs it takes.
  local function number_at(rest)
    local sign, body = rest:match("^([-+]?)(.*)$")
    local factor, low = sign == "-" and -1 or 1, body:lower()
    local taken = low:match("^infinity") or low:match("^inf")
    if taken then return factor * huge, #sign + #taken end
    taken = low:match("^nan%([%w_]*%)") or low:match("^nan")
    if taken then return sign == "-" and 0 / 0 or -(0 / 0), #sign + #taken end
    taken = low:match("^0x%x+%.?%x*") or low:match("^0x%.%x+")
    local power = taken and (low:match("^p[-+]?%d+", #taken + 1) or "")
    if not taken then
      taken = low:match("^%d+%.?%d*") or low:match("^%.%d+")
      if not taken then return nil end
      power = low:match("^e[-+]?%d+", #taken + 1) or ""
    end
    return tools.host.strtod(sign .. taken .. power), #sign + #taken + #power
  end
  local function token(own, text, at)
    at = find(text, "[^ \t\n\r]", at) or #text + 1
    local sign = sub(text, at, at)
    if at > #text or sign == "\0" then return "T_END", nil, at, at end
    if marks[sign] then return marks[sign], nil, at, at + 1 end
    if sign == '"' then return string_token(text, at) end
    local is_number = find(sign, "[-0-9]")
    if not is_number then
      for _, word in next, words do
        if sub(text, at, at + #word[1] - 1) == word[1] then return word[2], word[3], at, at + #word[1] end
      end
      if not find(sign, "[+iInN]") then return "invalid token", nil, at, at end
    end
    local rest = sub(text, at)
    if is_number and own.reads == 0 and is_invalid(rest) then return "invalid number", nil, at, at end
    if is_number or own.reads == 1 and is_invalid(rest) then
      local value, size = number_at(rest)
      if value then return "T_NUMBER", value, at, at + size end
      return "invalid number", nil, at, at
    end
    return "invalid token", nil, at, at
  end

  local value_of
  local function object(own, text, at, depth, used)
    local made = {}
    local kind, key, start, behind = token(own, text, at)
    if kind == "T_OBJ_END" then return made, behind end
    while true do
      if kind ~= "T_STRING" then expected("object key string", kind, start) end
      kind, _, start, behind = token(own, text, behind)
      if kind ~= "T_COLON" then expected("colon", kind, start) end
      made[key], behind = value_of(own, text, behind, depth, used + 2)
      kind, _, start, behind = token(own, text, behind)
      if kind == "T_OBJ_END" then return made, behind end
      if kind ~= "T_COMMA" then expected("comma or object end", kind, start) end
      kind, key, start, behind = token(own, text, behind)
    end
  end
  local function array(own, text, at, depth, used)
    local made, place = {}, 1
    local kind, _, start, behind = token(own, text, at)
    if kind == "T_ARR_END" then return made, behind end
    behind = at
    while true do
      made[place], behind = value_of(own, text, behind, depth, used + 1)
      place = place + 1
      kind, _, start, behind = token(own, text, behind)
      if kind == "T_ARR_END" then return made, behind end
      if kind ~= "T_COMMA" then expected("comma or array end", kind, start) end
    end
  end
  function value_of(own, text, at, depth, used)
    local kind, value, start, behind = token(own, text, at)
    if kind == "T_STRING" or kind == "T_NUMBER" or kind == "T_BOOLEAN" then return value, behind end
    if kind == "T_NULL" then return NULL, behind end
    if kind == "T_OBJ_BEGIN" or kind == "T_ARR_BEGIN" then
      local reader, slots = array, 2
      if kind == "T_OBJ_BEGIN" then reader, slots = object, 3 end
      if depth + 1 > own.descends or used + slots > STACK then
        error(format("Found too many nested data structures (%d) at character %d", depth + 1, start), 0)
      end
      return reader(own, text, behind, depth + 1, used)
    end
    expected("value", kind, start)
  end
  local function decode(own, text)
    if #text >= 2 and (byte(text) == 0 or byte(text, 2) == 0) then
      error("JSON parser does not support UTF-16 or UTF-32", 0)
    end
    local value, behind = value_of(own, text, 1, 0, 1)
    local kind, _, start = token(own, text, behind)
    if kind ~= "T_END" then expected("the end", kind, start) end
    return value
  end

  -- ---- settings -------------------------------------------------------------------------------------------------------

  local function few(most, ...)
    if select("#", ...) > most then tools.argument_error(2, most + 1, "found too many arguments") end
  end
  -- Each of these sets what an argument says, if it says anything, and gives the setting.
  local function whole(own, name, least, greatest, position, ...)
    local value = select(position, ...)
    if value ~= nil then
      local number = type(value) ~= "boolean" and type(value) ~= "table" and tonumber(value)
      if not number then tools.argument_error(2, position, "number expected, got " .. type(value)) end
      number = tools.c_int(number)
      if number < least or number > greatest then
        tools.argument_error(2, 1, format("expected integer between %d and %d", least, greatest))
      end
      own[name] = number
    end
    return own[name]
  end
  local function choice(own, name, options, ...)
    local value = ...
    if type(value) == "boolean" then own[name] = value and 1 or 0
    elseif value ~= nil then
      if type(value) == "number" then value = tools.tostring(value) end
      if type(value) ~= "string" then tools.argument_error(2, 1, "string expected, got " .. type(value)) end
      value = gsub(value, "%z.*", "")
      local found
      for place, option in next, options do
        if option == value then found = place - 1 end
      end
      if not found then tools.argument_error(2, 1, "invalid option '" .. value .. "'") end
      own[name] = found
    end
    if own[name] < 2 then return own[name] == 1 end
    return options[own[name] + 1]
  end
  local SWITCH, INVALID = {"off", "on"}, {"off", "on", "null"}

  -- A module with settings of its own.
  local function new(own)
    local cjson = {_NAME = "cjson", _VERSION = "2.1.0", null = NULL}
    function cjson.encode(...)
      if select("#", ...) ~= 1 then tools.argument_error(1, 1, "expected 1 argument") end
      local ok, made = pcall(write, own, (...), 0, 1)
      if not ok then error(made, 2) end
      return made
    end
    function cjson.decode(...)
      if select("#", ...) ~= 1 then tools.argument_error(1, 1, "expected 1 argument") end
      local text = tools.text(1, ...)
      local ok, made = pcall(decode, own, text)
      if not ok then error(made, 2) end
      return made
    end
    function cjson.encode_sparse_array(...)
      few(3, ...)
      local convert = choice(own, "convert", SWITCH, ...)
      local ratio = whole(own, "ratio", 0, MOST, 2, ...)
      local safe = whole(own, "safe", 0, MOST, 3, ...)
      return convert, ratio, safe
    end
    function cjson.encode_max_depth(...)
      few(1, ...)
      local made = whole(own, "deepest", 1, MOST, 1, ...)
      return made
    end
    function cjson.decode_max_depth(...)
      few(1, ...)
      local made = whole(own, "descends", 1, MOST, 1, ...)
      return made
    end
    function cjson.encode_number_precision(...)
      few(1, ...)
      local made = whole(own, "precision", 1, 14, 1, ...)
      return made
    end
    function cjson.encode_keep_buffer(...)
      few(1, ...)
      local made = choice(own, "keeps", SWITCH, ...)
      return made
    end
    function cjson.encode_invalid_numbers(...)
      few(1, ...)
      local made = choice(own, "invalid", INVALID, ...)
      return made
    end
    function cjson.decode_invalid_numbers(...)
      few(1, ...)
      local made = choice(own, "reads", SWITCH, ...)
      return made
    end
    function cjson.new()
      return new(tools.fresh_settings())
    end
    return cjson
  end
  return new(tools.settings)
end
