-- cjson: what lua-cjson 2.1.0 does, to the byte of its output and its errors.
return function(tools)
  local type, tonumber, error, pcall, select, next, rawget = type, tonumber, error, tools.pcall, select, next, rawget
  local format, byte, sub, find, gsub, char, concat = string.format, string.byte, string.sub, string.find, string.gsub, string.char,
    table.concat
  local floor, huge, NULL = math.floor, math.huge, tools.NULL
  local STACK, MOST = 8000, 2147483647  -- values that a C function may hold; the largest setting

  local function fresh_settings()
    return {convert = 0, ratio = 2, safe = 10, deepest = 1000, descends = 1000, precision = 14, keeps = 1, invalid = 0, reads = 1}
  end

  -- ---- encoding: `own` is the settings, `used` how many values C would hold by now ------------------------------------

  local ESCAPED = '[%z\1-\31\\"/\127]'
  local escapes = {}
  for code = 0, 31 do escapes[char(code)] = format("\\u%04x", code) end
  for sign, escape in next, {["\\"] = "\\\\", ['"'] = '\\"', ["/"] = "\\/", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n",
    ["\r"] = "\\r", ["\t"] = "\\t", ["\127"] = "\\u007f"} do
    escapes[sign] = escape
  end
  local function quoted(text)
    if find(text, ESCAPED) then text = gsub(text, ESCAPED, escapes) end
    return '"' .. text .. '"'
  end

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

  local encoded
  local function table_encoded(own, t, depth, used)
    depth = depth + 1
    if depth > own.deepest or used + 3 > STACK then error("Cannot serialise, excessive nesting (" .. depth .. ")", 0) end
    t = tools.real(t)
    local parts, size, count = {}, array_length(own, t), 0
    if size > 0 then
      for place = 1, size do parts[place] = encoded(own, rawget(t, place), depth, used + 1) end
      return "[" .. concat(parts, ",") .. "]"
    end
    for key, value in next, t do
      local kind, name = type(key), nil
      if kind == "string" then name = quoted(key) .. ":"
      elseif kind == "number" then name = '"' .. number_text(own, key) .. '":'
      else cannot(kind, "table key must be a number or string") end
      count = count + 1
      parts[count] = name .. encoded(own, value, depth, used + 2)
    end
    return "{" .. concat(parts, ",") .. "}"
  end
  function encoded(own, value, depth, used)
    local kind = type(value)
    if kind == "string" then return quoted(value) end
    if kind == "number" then return number_text(own, value) end
    if kind == "boolean" then return value and "true" or "false" end
    if kind == "table" then return table_encoded(own, value, depth, used) end
    if value == nil or value == NULL then return "null" end
    cannot(kind, "type not supported")
  end

  -- ---- decoding -------------------------------------------------------------------------------------------------------

  local function expected(what, found, at)
    error(format("Expected %s but found %s at character %d", what, found, at), 0)
  end
  local function utf8(code)
    if code < 0x80 then return char(code) end
    local last = 0x80 + code % 64
    if code < 0x800 then return char(0xC0 + floor(code / 64), last) end
    if code < 0x10000 then return char(0xE0 + floor(code / 4096), 0x80 + floor(code / 64) % 64, last) end
    return char(0xF0 + floor(code / 262144), 0x80 + floor(code / 4096) % 64, 0x80 + floor(code / 64) % 64, last)
  end
  local function hexadecimal(text, at)
    return find(text, "^%x%x%x%x", at) and tonumber(sub(text, at, at + 3), 16)
  end
  local function escaped(text, at)    -- behind \u: the text that is meant and where it goes on; nil where it is wrong
    local code = hexadecimal(text, at)
    if not code or code >= 0xDC00 and code < 0xE000 then return nil end
    if code < 0xD800 or code >= 0xE000 then return utf8(code), at + 4 end
    local low = sub(text, at + 4, at + 5) == "\\u" and hexadecimal(text, at + 6)
    if not low or low < 0xDC00 or low > 0xDFFF then return nil end
    return utf8(0x10000 + (code - 0xD800) * 1024 + low - 0xDC00), at + 10
  end

  local PLAIN = {[34] = '"', [92] = "\\", [47] = "/", [98] = "\b", [102] = "\f", [110] = "\n", [114] = "\r", [116] = "\t"}
  -- A token: its kind, its value, where it begins, where the text goes on.
  local function string_token(text, at)
    local stop = find(text, '[%z"\\]', at + 1)
    if stop and byte(text, stop) == 34 then return "T_STRING", sub(text, at + 1, stop - 1), at, stop + 1 end
    local parts, count, place = {}, 0, at + 1
    while true do
      if not stop then return "unexpected end of string", nil, #text + 1, #text + 1 end
      count = count + 1
      parts[count] = sub(text, place, stop - 1)
      local sign = byte(text, stop)
      if sign == 34 then return "T_STRING", concat(parts), at, stop + 1 end
      if sign == 0 then return "unexpected end of string", nil, stop, stop end
      local letter = byte(text, stop + 1)
      count = count + 1
      if letter == 117 then
        parts[count], place = escaped(text, stop + 2)
        if not place then return "invalid unicode escape code", nil, stop, stop end
      else
        parts[count], place = PLAIN[letter], stop + 2
        if not parts[count] then return "invalid escape code", nil, stop, stop end
      end
      stop = find(text, '[%z"\\]', place)
    end
  end

  -- What C's strtod reads: the number, and where the text goes on; nil where there is none.
  local function number_at(text, at)
    local _, sign_end = find(text, "^[-+]?", at)
    local place, factor = sign_end + 1, byte(text, at) == 45 and -1 or 1
    local _, stop = find(text, "^[iI][nN][fF][iI][nN][iI][tT][yY]", place)
    if not stop then _, stop = find(text, "^[iI][nN][fF]", place) end
    if stop then return factor * huge, stop + 1 end
    _, stop = find(text, "^[nN][aA][nN]%([%w_]*%)", place)
    if not stop then _, stop = find(text, "^[nN][aA][nN]", place) end
    if stop then return factor == -1 and 0 / 0 or -(0 / 0), stop + 1 end
    local power = "^[pP][-+]?%d+"
    _, stop = find(text, "^0[xX]%x+%.?%x*", place)
    if not stop then _, stop = find(text, "^0[xX]%.%x+", place) end
    if not stop then
      power = "^[eE][-+]?%d+"
      _, stop = find(text, "^%d+%.?%d*", place)
      if not stop then _, stop = find(text, "^%.%d+", place) end
      if not stop then return nil end
    end
    local _, behind = find(text, power, stop + 1)
    stop = behind or stop
    return tools.host.strtod(sub(text, at, stop)), stop + 1
  end
  -- Numbers that JSON does not have and C reads.
  local function is_invalid(text, at)
    if byte(text, at) == 43 then return true end
    if byte(text, at) == 45 then at = at + 1 end
    return find(text, "^0[xX0-9]", at) or find(text, "^[iI][nN][fF]", at) or find(text, "^[nN][aA][nN]", at)
  end

  local MARKS = {[123] = "T_OBJ_BEGIN", [125] = "T_OBJ_END", [91] = "T_ARR_BEGIN", [93] = "T_ARR_END", [44] = "T_COMMA", [58] = "T_COLON"}
  local function token(own, text, at)
    at = find(text, "[^ \t\n\r]", at) or #text + 1
    local sign = byte(text, at)
    if not sign or sign == 0 then return "T_END", nil, at, at end
    if sign == 34 then return string_token(text, at) end
    if MARKS[sign] then return MARKS[sign], nil, at, at + 1 end
    if sign == 116 and find(text, "^true", at) then return "T_BOOLEAN", true, at, at + 4 end
    if sign == 102 and find(text, "^false", at) then return "T_BOOLEAN", false, at, at + 5 end
    if sign == 110 and find(text, "^null", at) then return "T_NULL", nil, at, at + 4 end
    local is_number = sign == 45 or sign >= 48 and sign <= 57
    if not is_number and not find(text, "^[+iInN]", at) then return "invalid token", nil, at, at end
    if is_number and sign ~= 48 then  -- most are a few digits
      local _, stop = find(text, "^-?[1-9]%d*", at)
      if stop and stop - at < 15 and not find(text, "^[.eE]", stop + 1) then
        return "T_NUMBER", tonumber(sub(text, at, stop)), at, stop + 1
      end
    end
    if is_number and own.reads == 0 and is_invalid(text, at) then return "invalid number", nil, at, at end
    if is_number or own.reads == 1 and is_invalid(text, at) then
      local value, behind = number_at(text, at)
      if value then return "T_NUMBER", value, at, behind end
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
    local is_object = kind == "T_OBJ_BEGIN"
    if not is_object and kind ~= "T_ARR_BEGIN" then expected("value", kind, start) end
    if depth + 1 > own.descends or used + (is_object and 3 or 2) > STACK then
      error(format("Found too many nested data structures (%d) at character %d", depth + 1, start), 0)
    end
    return (is_object and object or array)(own, text, behind, depth + 1, used)
  end
  local function decoded(own, text)
    if #text >= 2 and (byte(text) == 0 or byte(text, 2) == 0) then
      error("JSON parser does not support UTF-16 or UTF-32", 0)
    end
    local value, behind = value_of(own, text, 1, 0, 1)
    local kind, _, start = token(own, text, behind)
    if kind ~= "T_END" then expected("the end", kind, start) end
    return value
  end

  -- ---- settings: each of these sets what an argument says, if it says anything, and gives the setting ------------------

  local function few(most, ...)
    if select("#", ...) > most then tools.argument_error(2, most + 1, "found too many arguments") end
  end
  local function whole(own, name, least, greatest, position, ...)
    local value = select(position, ...)
    if value ~= nil then
      local number = tools.is_string(value) and tonumber(value)
      if not number then tools.argument_error(2, position, "number expected, got " .. type(value)) end
      number = tools.c_int(number)
      if number < least or number > greatest then
        tools.argument_error(2, 1, format("expected integer between %d and %d", least, greatest))
      end
      own[name] = number
    end
    return own[name]
  end
  local SWITCH, INVALID = {off = 0, on = 1}, {off = 0, on = 1, null = 2}
  local function choice(own, name, options, ...)
    local value = ...
    if type(value) == "boolean" then own[name] = value and 1 or 0
    elseif value ~= nil then
      if not tools.is_string(value) then tools.argument_error(2, 1, "string expected, got " .. type(value)) end
      value = gsub(tools.tostring(value), "%z.*", "")
      if not options[value] then tools.argument_error(2, 1, "invalid option '" .. value .. "'") end
      own[name] = options[value]
    end
    if own[name] == 2 then return "null" end
    return own[name] == 1
  end

  local function new(own)
    local cjson = {_NAME = "cjson", _VERSION = "2.1.0", null = NULL}
    function cjson.encode(...)
      if select("#", ...) ~= 1 then tools.argument_error(1, 1, "expected 1 argument") end
      local ok, made = pcall(encoded, own, (...), 0, 1)
      if not ok then error(made, 2) end
      return made
    end
    function cjson.decode(...)
      if select("#", ...) ~= 1 then tools.argument_error(1, 1, "expected 1 argument") end
      local text = tools.text(1, ...)
      local ok, made = pcall(decoded, own, text)
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
    function cjson.new() return new(fresh_settings()) end
    return cjson
  end
  return new(fresh_settings())
end
