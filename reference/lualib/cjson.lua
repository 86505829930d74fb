-- cjson: what lua-cjson 2.1.0 does with its settings as they come. They cannot be changed here: scripts share no state.
return function(NULL, host)
  local type, tonumber, error, pcall, select, next, rawget = type, tonumber, error, pcall, select, next, rawget
  local format, byte, sub, find, gsub, char, concat = string.format, string.byte, string.sub, string.find, string.gsub, string.char,
    table.concat
  local floor, huge = math.floor, math.huge
  local DEEPEST = 1000

  local escapes = {["\\"] = "\\\\", ['"'] = '\\"', ["/"] = "\\/", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r",
    ["\t"] = "\\t", ["\127"] = "\\u007f"}
  local function quoted(text)
    return '"' .. gsub(text, '[%z\1-\31\\"/\127]', function(sign)
      return escapes[sign] or format("\\u%04x", byte(sign))
    end) .. '"'
  end

  local function cannot(what, why) error("Cannot serialise " .. what .. ": " .. why, 0) end
  local function number_text(value)
    if value ~= value or value == huge or value == -huge then cannot("number", "must not be NaN or Inf") end
    return format("%.14g", value)
  end

  -- The length of an array; nil for what is an object.
  local function array_length(t)
    local most, count = 0, 0
    for key in next, t do
      if type(key) ~= "number" or key < 1 or floor(key) ~= key then return nil end
      if key > most then most = key end
      count = count + 1
    end
    if most > count * 2 and most > 10 then cannot("table", "excessively sparse array") end
    return most
  end

  local write
  local function write_table(t, depth)
    depth = depth + 1
    if depth > DEEPEST then error("Cannot serialise, excessive nesting (" .. depth .. ")", 0) end
    local parts, size = {}, array_length(t)
    if size and size > 0 then
      for place = 1, size do parts[place] = write(rawget(t, place), depth) end
      return "[" .. concat(parts, ",") .. "]"
    end
    for key, value in next, t do
      local name
      if type(key) == "number" then name = '"' .. number_text(key) .. '":'
      elseif type(key) == "string" then name = quoted(key) .. ":"
      else cannot(type(key), "table key must be a number or string") end
      parts[#parts + 1] = name .. write(value, depth)
    end
    return "{" .. concat(parts, ",") .. "}"
  end
  function write(value, depth)
    local kind = type(value)
    if kind == "string" then return quoted(value) end
    if kind == "number" then return number_text(value) end
    if kind == "boolean" then return value and "true" or "false" end
    if kind == "table" then return write_table(value, depth) end
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
  local function token(text, at)
    at = find(text, "[^ \t\n\r]", at) or #text + 1
    local sign = sub(text, at, at)
    if at > #text then return "T_END", nil, at, at end
    if marks[sign] then return marks[sign], nil, at, at + 1 end
    if sign == '"' then return string_token(text, at) end
    for _, word in next, words do
      if sub(text, at, at + #word[1] - 1) == word[1] then return word[2], word[3], at, at + #word[1] end
    end
    local rest = sub(text, at)
    local digits = rest:match("^[-+]?0[xX]%x+%.?%x*[pP]?[-+]?%d*") or rest:match("^[-+]?%d+%.?%d*[eE][-+]?%d+")
      or rest:match("^[-+]?%d+%.?%d*") or rest:lower():match("^[-+]?inf") or rest:lower():match("^[-+]?nan")
    if digits and find(sign, "[-+0-9iInN]") then
      if find(digits, "^[-+]?inf") and rest:lower():match("^[-+]?infinity") then digits = rest:lower():match("^[-+]?infinity") end
      local value = tonumber(digits)
      if find(digits, "inf") then value = sub(digits, 1, 1) == "-" and -huge or huge
      elseif find(digits, "nan") then value = 0 / 0 end
      if value then return "T_NUMBER", value, at, at + #digits end
    end
    return find(sign, "[-0-9]") and "invalid number" or "invalid token", nil, at, at
  end

  local value_of
  local function object(text, at, depth)
    local made = {}
    local kind, key, start, behind = token(text, at)
    if kind == "T_OBJ_END" then return made, behind end
    while true do
      if kind ~= "T_STRING" then expected("object key string", kind, start) end
      kind, _, start, behind = token(text, behind)
      if kind ~= "T_COLON" then expected("colon", kind, start) end
      made[key], behind = value_of(text, behind, depth)
      kind, _, start, behind = token(text, behind)
      if kind == "T_OBJ_END" then return made, behind end
      if kind ~= "T_COMMA" then expected("comma or object end", kind, start) end
      kind, key, start, behind = token(text, behind)
    end
  end
  local function array(text, at, depth)
    local made, place = {}, 1
    local kind, value, start, behind = token(text, at)
    if kind == "T_ARR_END" then return made, behind end
    behind = at
    while true do
      made[place], behind = value_of(text, behind, depth)
      place = place + 1
      kind, value, start, behind = token(text, behind)
      if kind == "T_ARR_END" then return made, behind end
      if kind ~= "T_COMMA" then expected("comma or array end", kind, start) end
    end
  end
  function value_of(text, at, depth)
    local kind, value, start, behind = token(text, at)
    if kind == "T_STRING" or kind == "T_NUMBER" or kind == "T_BOOLEAN" then return value, behind end
    if kind == "T_NULL" then return NULL, behind end
    if kind == "T_OBJ_BEGIN" or kind == "T_ARR_BEGIN" then
      if depth + 1 > DEEPEST then error(format("Found too many nested data structures (%d) at character %d", depth + 1, start), 0) end
      if kind == "T_OBJ_BEGIN" then return object(text, behind, depth + 1) end
      return array(text, behind, depth + 1)
    end
    expected("value", kind, start)
  end
  local function decode(text)
    if #text >= 2 and (byte(text) == 0 or byte(text, 2) == 0) then
      error("JSON parser does not support UTF-16 or UTF-32", 0)
    end
    local value, behind = value_of(text, 1, 0)
    local kind, _, start = token(text, behind)
    if kind ~= "T_END" then expected("the end", kind, start) end
    return value
  end

  local cjson = {_NAME = "cjson", _VERSION = "2.1.0", null = NULL}
  function cjson.encode(...)
    if select("#", ...) ~= 1 then error("bad argument #1 to 'encode' (expected 1 argument)", 2) end
    local ok, made = pcall(write, (...), 0)
    if not ok then error(made, 2) end
    return made
  end
  function cjson.decode(...)
    local text = ...
    if select("#", ...) ~= 1 then error("bad argument #1 to 'decode' (expected 1 argument)", 2) end
    if type(text) == "number" then text = format("%.14g", text) end
    if type(text) ~= "string" then error("bad argument #1 to 'decode' (string expected, got " .. type(text) .. ")", 2) end
    local ok, made = pcall(decode, text)
    if not ok then error(made, 2) end
    return made
  end
  return cjson
end
