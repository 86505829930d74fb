-- struct: numbers and texts as C keeps them, as the library of Roberto Ierusalimschy packs them, to the byte.
return function(tools)
  local host, floor, sub, find, match, rep, upper, concat = tools.host, math.floor, string.sub, string.find, string.match, string.rep,
    string.upper, table.concat
  local error, format, unpack, select, tonumber, type = error, string.format, unpack, select, tonumber, type
  local WIDEST, MOST, STACK = 32, 2147483647, 8000

  -- What is wrong in a format is raised with the number of the argument that is blamed, or none; `told` tells it as the
  -- function that was called.
  local function fail(problem, argument) error({problem, argument}, 0) end
  local function told(problem)
    if type(problem) ~= "table" or not problem[1] then error(problem, 0) end
    if problem[2] then tools.argument_error(2, problem[2], problem[1]) end
    error(problem[1], 3)
  end

  local SIZES = {b = 1, B = 1, h = 2, H = 2, l = 8, L = 8, T = 8, f = 4, d = 8, x = 1}
  local WHOLE = {b = true, B = true, h = true, H = true, l = true, L = true, T = true, i = true, I = true}

  -- A format is read sign by sign, up to a zero octet.
  local function reading(text)
    local stop = find(text, "\0", 1, true)
    return {text = stop and sub(text, 1, stop - 1) or text, at = 1, big = false, align = 1}
  end
  local function counted(h, otherwise)
    local digits = match(h.text, "^%d+", h.at)
    if not digits then return otherwise end
    local number = tonumber(digits)
    if number > MOST then fail("integral size overflow") end
    h.at = h.at + #digits
    return number
  end
  local function next_option(h)       -- the next option with its size; nil at the end
    local option = sub(h.text, h.at, h.at)
    if option == "" then return nil end
    h.at = h.at + 1
    if option == "c" then return option, counted(h, 1) end
    if option ~= "i" and option ~= "I" then return option, SIZES[option] or 0 end
    local size = counted(h, 4)
    if size > WIDEST then fail(format("integral size %d is larger than limit of %d", size, WIDEST)) end
    return option, size
  end
  -- C pads by bits, which for sizes that are no power of 2 is odd.
  local function padding(h, place, option, size)
    if option == "c" then return 0 end
    if size > h.align then size = h.align end
    if size <= 1 then return 0 end
    return host.padding(size, place % 4294967296)
  end
  local function control(h, option)
    if option == ">" then h.big = true
    elseif option == "<" then h.big = false
    elseif option == "!" then
      local align = counted(h, 8)
      local power = 1
      while power < align do power = power * 2 end
      if power ~= align then fail(format("alignment %d is not a power of 2", align)) end
      h.align = align
    elseif option ~= " " then
      fail("invalid format option '" .. option .. "'", 1)
    end
  end

  local function number_given(place, ...)
    local value = select(place - 1, ...)
    local number = (type(value) == "number" or type(value) == "string") and tonumber(value)
    if not number then fail("number expected, got " .. type(value), place) end
    return number
  end
  local function text_given(place, ...)
    local value = select(place - 1, ...)
    if type(value) == "number" then return tools.tostring(value) end
    if type(value) ~= "string" then fail("string expected, got " .. type(value), place) end
    return value
  end
  local function packed(text, ...)
    local h, parts, place, length = reading(text), {}, 2, 0
    for option, size in next_option, h do
      local pad = padding(h, length, option, size)
      if pad > 0 then parts[#parts + 1] = rep("\0", pad) end
      length = length + pad
      if WHOLE[option] then
        parts[#parts + 1] = host.whole_packed(number_given(place, ...), size, h.big)
        place = place + 1
      elseif option == "x" then parts[#parts + 1] = "\0"
      elseif option == "f" or option == "d" then
        parts[#parts + 1] = tools.ieee(number_given(place, ...), size, h.big)
        place = place + 1
      elseif option == "c" or option == "s" then
        local value = text_given(place, ...)
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

  local function as_size(number)      -- a count of octets that C makes of a number
    if number ~= number or number <= -1 then return 2 ^ 63 end
    return (number >= 2 ^ 64 or number < 0) and 0 or floor(number)
  end
  local function unpacked(text, data, start)
    if start == 0 then fail("offset must be 1 or greater", 3) end
    local h, found, count, place = reading(text), {}, 0, start - 1
    local function check(size)
      if size > #data or place < 0 or place > #data - size then fail("data string too short", 2) end
    end
    for option, size in next_option, h do
      place = place + padding(h, place, option, size)
      check(size)
      if count + 5 > STACK then fail("stack overflow (too many results)") end
      local value
      if WHOLE[option] then
        value = host.whole_read(sub(data, place + 1, place + size), h.big, option ~= upper(option))
      elseif option == "f" or option == "d" then
        value = host.real(sub(data, place + 1, place + size), h.big)
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
    for option, size in next_option, h do
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
    local start = tools.whole(1, 3, ...)
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
