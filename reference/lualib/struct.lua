-- struct: numbers and texts as C keeps them, as the library of Roberto Ierusalimschy packs them, to the byte.
return function(NULL, tools)
  local host, floor, byte, sub, find, rep, reverse, concat = tools.host, math.floor, string.byte, string.sub,
    string.find, string.rep, string.reverse, table.concat
  local error, format, unpack, select, tonumber, type = error, string.format, unpack, select, tonumber, type
  local WIDEST, MOST, STACK, EXACT = 32, 2147483647, 8000, 2 ^ 64

  -- A format is read as C reads it, sign by sign up to a zero octet. What is wrong in it is raised by `fail`, with the
  -- number of the argument that is blamed or none; `told` tells it as the function that was called.
  local function fail(text, argument) error({text, argument}, 0) end
  local function told(problem)
    if type(problem) ~= "table" then error(problem, 0) end
    if problem[2] then tools.argument_error(2, problem[2], problem[1]) end
    error(problem[1], 3)
  end

  local function reading(text)
    local stop = find(text, "\0", 1, true)
    if stop then text = sub(text, 1, stop - 1) end
    return {text = text, at = 1, big = false, align = 1}
  end
  local function counted(h, otherwise)
    local digits = find(h.text, "^%d", h.at) and h.text:match("^%d+", h.at)
    if not digits then return otherwise end
    if tonumber(digits) > MOST then fail("integral size overflow") end
    h.at = h.at + #digits
    return tonumber(digits)
  end
  local sizes = {b = 1, B = 1, h = 2, H = 2, l = 8, L = 8, T = 8, f = 4, d = 8, x = 1}
  local integers = {b = true, B = true, h = true, H = true, l = true, L = true, T = true, i = true, I = true}
  local function size_of(h, option)
    if option == "c" then return counted(h, 1) end
    if option == "i" or option == "I" then
      local size = counted(h, 4)
      if size > WIDEST then fail(format("integral size %d is larger than limit of %d", size, WIDEST)) end
      return size
    end
    return sizes[option] or 0
  end

  local function both(a, b)  -- the bits that two numbers below 32 share
    local made, place = 0, 1
    while a > 0 and b > 0 do
      if a % 2 == 1 and b % 2 == 1 then made = made + place end
      a, b, place = floor(a / 2), floor(b / 2), place * 2
    end
    return made
  end
  local function padding(h, place, option, size)
    if size == 0 or option == "c" then return 0 end
    if size > h.align then size = h.align end
    return both((size - both(place % 32, size - 1)) % 32, size - 1)
  end
  local function control(h, option)
    if option == " " then return end
    if option == ">" then h.big = true
    elseif option == "<" then h.big = false
    elseif option == "!" then
      local align = counted(h, 8)
      local power = 1
      while power < align do power = power * 2 end
      if power ~= align then fail(format("alignment %d is not a power of 2", align)) end
      h.align = align
    else
      fail("invalid format option '" .. option .. "'", 1)
    end
  end
  local function each(h)  -- the next option with its size; nil at the end
    if h.at > #h.text then return nil end
    local option = sub(h.text, h.at, h.at)
    h.at = h.at + 1
    return option, size_of(h, option)
  end

  -- ---- packing --------------------------------------------------------------------------------------------------------

  -- A number as the unsigned integer of eight octets that C makes of it, lowest octet first.
  local function words(number)
    if number ~= number or number < -2 ^ 63 then number = 2 ^ 63
    elseif number >= EXACT then number = 0 end
    return reverse(tools.octets(number < 0 and -floor(-number) or floor(number), 8))
  end
  local function placed(h, little) return h.big and reverse(little) or little end
  local function integer(h, number, size)
    return placed(h, sub(words(number) .. rep("\0", WIDEST), 1, size))
  end
  local function argument(kind, place, ...)  -- what is packed, the format left aside
    local value = select(place - 1, ...)
    if kind == "number" then
      if type(value) == "number" then return value end
      if type(value) == "string" and tonumber(value) then return tonumber(value) end
    elseif type(value) == "string" then return value
    elseif type(value) == "number" then return tools.tostring(value) end
    fail(kind .. " expected, got " .. type(value), place)
  end
  local function packed(text, ...)
    local h, parts, place, length = reading(text), {}, 2, 0
    for option, size in each, h do
      local pad = padding(h, length, option, size)
      length = length + pad
      parts[#parts + 1] = rep("\0", pad)
      if integers[option] then
        parts[#parts + 1] = integer(h, argument("number", place, ...), size)
        place = place + 1
      elseif option == "x" then parts[#parts + 1] = "\0"
      elseif option == "f" or option == "d" then
        parts[#parts + 1] = placed(h, reverse(tools.ieee(argument("number", place, ...), size)))
        place = place + 1
      elseif option == "c" or option == "s" then
        local value = argument("string", place, ...)
        place = place + 1
        if size == 0 then size = #value end
        if #value < size then fail("string too short", place) end
        parts[#parts + 1] = sub(value, 1, size)
        if option == "s" then
          parts[#parts + 1] = "\0"
          size = size + 1
        end
      else control(h, option) end
      length = length + size
    end
    return concat(parts)
  end

  -- ---- unpacking ------------------------------------------------------------------------------------------------------

  -- Octets, lowest first, as a number: C has eight of them, and higher ones are lost.
  local function number_of(little, has_sign)
    local low, high = 0, 0
    for place = 4, 1, -1 do
      low = low * 256 + (byte(little, place) or 0)
      high = high * 256 + (byte(little, place + 4) or 0)
    end
    if not has_sign then return high * 4294967296 + low end
    local size = #little
    if size > 8 then  -- the sign is looked for where C happens to look
      return host.widened(high, low, (size * 8 - 1) % 64)
    end
    if size > 0 and size < 8 then
      local made = high * 4294967296 + low
      return made >= 256 ^ size / 2 and made - 256 ^ size or made
    end
    if high >= 2147483648 then high = high - 4294967296 end
    return high * 4294967296 + low
  end
  local function as_size(number)  -- a count of octets that C makes of a number
    if number ~= number or number <= -1 then return 2 ^ 63 end
    return number >= EXACT and 0 or number < 0 and 0 or floor(number)
  end

  local function unpacked(text, data, start)
    if start == 0 then fail("offset must be 1 or greater", 3) end
    local h, found, count, place = reading(text), {}, 0, start - 1
    local function check(size)
      if size > #data or place < 0 or place > #data - size then fail("data string too short", 2) end
    end
    for option, size in each, h do
      place = place + padding(h, place, option, size)
      check(size)
      if count + 5 > STACK then fail("stack overflow (too many results)") end
      local octets = sub(data, place + 1, place + size)
      local value
      if integers[option] then
        value = number_of(h.big and reverse(octets) or octets, option ~= option:upper())
      elseif option == "f" or option == "d" then
        value = host.real(h.big and octets or reverse(octets))
      elseif option == "c" then
        if size == 0 then
          local before = count > 0 and tonumber(found[count])
          if not before then fail("format 'c0' needs a previous size") end
          size, count = as_size(before), count - 1
          check(size)
        end
        value = sub(data, place + 1, place + size)
      elseif option == "s" then
        local stop = find(data, "\0", place + 1, true)
        if not stop then fail("unfinished string in data") end
        size = stop - place
        value = sub(data, place + 1, stop - 1)
      elseif option ~= "x" then control(h, option) end
      if value ~= nil then
        count = count + 1
        found[count] = value
      end
      place = place + size
    end
    count = count + 1
    found[count] = place + 1
    return found, count
  end

  local function size_told(text)
    local h, place = reading(text), 0
    for option, size in each, h do
      place = place + padding(h, place, option, size)
      if option == "s" then fail("option 's' has no fixed size", 1) end
      if option == "c" and size == 0 then fail("option 'c0' has no fixed size", 1) end
      if not find(option, "^%w") then control(h, option) end
      place = place + size
    end
    return place
  end

  local struct = {}
  function struct.pack(...)
    local text = tools.text(1, ...)
    local ok, made = tools.pcall(packed, text, select(2, ...))
    if not ok then told(made) end
    return made
  end
  function struct.unpack(...)
    local text = tools.text(1, ...)
    local data = tools.text(2, ...)
    local start = tools.whole_or(1, 3, ...)
    local ok, found, count = tools.pcall(unpacked, text, data, start)
    if not ok then told(found) end
    return unpack(found, 1, count)
  end
  function struct.size(...)
    local text = tools.text(1, ...)
    local ok, made = tools.pcall(size_told, text)
    if not ok then told(made) end
    return made
  end
  return struct
end
