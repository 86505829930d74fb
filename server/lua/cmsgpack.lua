-- cmsgpack: what lua-cmsgpack 0.4.0 does, to the byte.
return function(tools)
  local host, type, floor, byte, char, sub, concat = tools.host, type, math.floor, string.byte, string.char, string.sub, table.concat
  local next, error, unpack, rawget, format, select = next, error, unpack, rawget, string.format, select
  local DEEPEST = 16      -- a table nested deeper is packed as nil
  local STACK = 8000      -- values that a C function may hold

  -- ---- packing --------------------------------------------------------------------------------------------------------

  local function octets(number, count) return host.whole_packed(number, count, true) end
  local function number_packed(number)
    if number ~= floor(number) or number < -2 ^ 63 or number >= 2 ^ 63 then
      local short = tools.ieee(number, 4, true)
      if host.real(short, true) == number then return "\202" .. short end
      return "\203" .. tools.ieee(number, 8, true)
    end
    if number >= 0 then
      if number < 128 then return char(number) end
      if number < 256 then return "\204" .. char(number) end
      if number < 65536 then return "\205" .. octets(number, 2) end
      if number < 4294967296 then return "\206" .. octets(number, 4) end
      return "\207" .. octets(number, 8)
    end
    if number >= -32 then return char(256 + number) end
    if number >= -128 then return "\208" .. char(256 + number) end
    if number >= -32768 then return "\209" .. octets(number, 2) end
    if number >= -2147483648 then return "\210" .. octets(number, 4) end
    return "\211" .. octets(number, 8)
  end
  local function text_head(count)
    if count < 32 then return char(0xA0 + count) end
    if count < 256 then return "\217" .. char(count) end
    if count < 65536 then return "\218" .. octets(count, 2) end
    return "\219" .. octets(count, 4)
  end
  local function head(count, short, sign)  -- of an array or a map, whose longer signs follow each other
    if count < 16 then return char(short + count) end
    if count < 65536 then return char(sign) .. octets(count, 2) end
    return char(sign + 1) .. octets(count, 4)
  end

  local function is_array(t)          -- has it the keys 1 to n and no others?
    local most, count = 0, 0
    for key in next, t do
      if type(key) ~= "number" or key <= 0 or key ~= floor(key) or key >= 2147483648 then return false end
      if key > most then most = key end
      count = count + 1
    end
    return most == count
  end

  local pack
  local function table_packed(t, level)
    local real, parts, count = tools.real(t), {""}, 0
    if is_array(real) then
      count = #t
      for place = 1, count do parts[place + 1] = pack(t[place], level + 1) end
      parts[1] = head(count, 0x90, 0xDC)
      return concat(parts)
    end
    for key, value in next, real do
      count = count + 1
      parts[#parts + 1] = pack(key, level + 1)
      parts[#parts + 1] = pack(value, level + 1)
    end
    parts[1] = head(count, 0x80, 0xDE)
    return concat(parts)
  end
  function pack(value, level)
    local kind = type(value)
    if kind == "string" then return text_head(#value) .. value end
    if kind == "number" then return number_packed(value) end
    if kind == "boolean" then return value and "\195" or "\194" end
    if kind == "table" and level < DEEPEST then return table_packed(value, level) end
    return "\192"
  end

  -- ---- unpacking ------------------------------------------------------------------------------------------------------

  -- What goes wrong in C code is raised as a table: where it is told, it is known which function was called.
  local function fail(problem) error({problem}, 0) end
  local function need(text, at, count)
    if at + count - 1 > #text then fail("Missing bytes in input.") end
  end
  local function room(used, why)
    if used > STACK then fail("stack overflow (" .. why .. ")") end
  end
  local function unsigned(text, at, count)
    local made = 0
    need(text, at, count)
    for place = at, at + count - 1 do made = made * 256 + byte(text, place) end
    return made
  end

  local value_at
  local function string_at(text, at, size)
    need(text, at, size)
    return sub(text, at, at + size - 1), at + size
  end
  local function array_at(text, at, size, used)
    local made = {}
    room(used + 2, "in function mp_decode_to_lua_array")
    for place = 1, size do made[place], at = value_at(text, at, used + 2) end
    return made, at
  end
  local function map_at(text, at, size, used)
    local made = {}
    room(used + 2, "in function mp_decode_to_lua_hash")
    for _ = 1, size do
      local key, value
      key, at = value_at(text, at, used + 1)
      value, at = value_at(text, at, used + 2)
      if key == nil then error("table index is nil", 0) end
      if key ~= key then error("table index is NaN", 0) end
      made[key] = value
    end
    return made, at
  end
  local function sized(reader, count)
    return function(text, at, used) return reader(text, at + count, unsigned(text, at, count), used) end
  end
  local function natural(count)
    return function(text, at) return unsigned(text, at, count), at + count end
  end
  local function integer(count)       -- as C reads one, with a sign
    return function(text, at)
      need(text, at, count)
      return host.whole_read(sub(text, at, at + count - 1), true, true), at + count
    end
  end
  local function real(count)
    return function(text, at)
      need(text, at, count)
      return host.real(sub(text, at, at + count - 1), true), at + count
    end
  end
  local readers = {
    [0xC0] = function(_, at) return nil, at end,
    [0xC2] = function(_, at) return false, at end,
    [0xC3] = function(_, at) return true, at end,
    [0xCA] = real(4), [0xCB] = real(8),
    [0xCC] = natural(1), [0xCD] = natural(2), [0xCE] = natural(4), [0xCF] = integer(8),
    [0xD0] = integer(1), [0xD1] = integer(2), [0xD2] = integer(4), [0xD3] = integer(8),
    [0xD9] = sized(string_at, 1), [0xDA] = sized(string_at, 2), [0xDB] = sized(string_at, 4),
    [0xDC] = sized(array_at, 2), [0xDD] = sized(array_at, 4), [0xDE] = sized(map_at, 2), [0xDF] = sized(map_at, 4),
  }
  function value_at(text, at, used)
    need(text, at, 1)
    room(used + 1, "too many return values at once; use unpack_one or unpack_limit instead.")
    local sign = byte(text, at)
    at = at + 1
    if sign < 0x80 then return sign, at end
    if sign >= 0xE0 then return sign - 256, at end
    local reader = readers[sign]
    if reader then return reader(text, at, used) end
    if sign >= 0xC0 then fail("Bad data format in input.") end
    if sign >= 0xA0 then return string_at(text, at, sign - 0xA0) end
    if sign >= 0x90 then return array_at(text, at, sign - 0x90, used) end
    return map_at(text, at, sign - 0x80, used)
  end

  local function values(text, limit, offset)
    local all = limit == 0 and offset == 0
    if offset < 0 or limit < 0 then
      fail(format("Invalid request to unpack with offset of %d and limit of %d.", tools.c_int(offset), tools.c_int(#text)))
    end
    if offset > #text then
      fail(format("Start offset %d greater than input length %d.", tools.c_int(offset), tools.c_int(#text)))
    end
    local found, count, at = {}, 0, offset + 1
    local first = all and 0 or 1      -- where not all is asked for, the offset behind stands before the values
    while at <= #text and (all or count < limit) do
      local value
      value, at = value_at(text, at, 1 + count)
      count = count + 1
      found[first + count] = value
    end
    if not all then found[1] = at > #text and -1 or at - 1 end
    return found, first + count
  end
  local function unpacked(text, limit, offset)
    local ok, found, count = tools.pcall(values, text, limit, offset)
    if ok then return unpack(found, 1, count) end
    if type(found) == "table" and found[1] then error(found[1], 3) end
    error(found, 0)
  end

  local cmsgpack = {
    _NAME = "cmsgpack", _VERSION = "lua-cmsgpack 0.4.0", _DESCRIPTION = "MessagePack C implementation for Lua",
    _COPYRIGHT = "Copyright (C) 2012, Salvatore Sanfilippo",
  }
  function cmsgpack.pack(...)
    local count, parts = select("#", ...), {}
    if count == 0 then tools.argument_error(1, 0, "MessagePack pack needs input.") end
    if count > STACK / 2 then tools.argument_error(1, 0, "Too many arguments for MessagePack pack.") end
    for place = 1, count do
      local value = select(place, ...)
      parts[place] = pack(value, 0)
    end
    return concat(parts)
  end
  function cmsgpack.unpack(...)
    local text = tools.text(1, ...)
    return unpacked(text, 0, 0)
  end
  function cmsgpack.unpack_one(...)
    local offset = tools.whole(0, 2, ...)
    local text = tools.text(1, ...)
    return unpacked(text, 1, offset)
  end
  function cmsgpack.unpack_limit(...)
    local limit = tools.whole(false, 2, ...)
    local offset = tools.whole(0, 3, ...)
    local text = tools.text(1, ...)
    return unpacked(text, limit, offset)
  end
  return cmsgpack
end
