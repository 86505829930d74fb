-- bit: operations on 32-bit numbers. A number is rounded by adding 2^52 to it.
return function(NULL, tools)
  local select, format, byte, number, ieee = select, string.format, string.byte, tools.number, tools.ieee
  local floor = math.floor
  local WORD, BIAS = 4294967296, 6755399441055744

  local function signed(number)
    number = number % WORD
    return number >= 2147483648 and number - WORD or number
  end
  local function whole(number)  -- the lower half of the double that the sum is
    local sum = number + BIAS
    if sum >= 2 ^ 52 and sum < 2 ^ 53 then return sum % WORD end
    local a, b, c, d = byte(ieee(sum, 8), 5, 8)
    return ((a * 256 + b) * 256 + c) * 256 + d
  end
  local function combined(one, other, rule)
    local made, place = 0, 1
    for _ = 1, 32 do
      local a, b = one % 2, other % 2
      if rule(a, b) then made = made + place end
      one, other, place = (one - a) / 2, (other - b) / 2, place * 2
    end
    return made
  end
  local function both(a, b) return a + b == 2 end
  local function either(a, b) return a + b > 0 end
  local function differ(a, b) return a ~= b end

  local bit = {}
  local function folded(name, rule)
    bit[name] = function(...)
      local made = whole(number(1, ...))
      for position = select("#", ...), 2, -1 do made = combined(made, whole(number(position, ...)), rule) end
      return signed(made)
    end
  end
  folded("band", both)
  folded("bor", either)
  folded("bxor", differ)
  function bit.tobit(...)
    local value = whole(number(1, ...))
    return signed(value)
  end
  function bit.bnot(...)
    local value = whole(number(1, ...))
    return signed(WORD - 1 - value)
  end
  function bit.bswap(...)
    local value = whole(number(1, ...))
    local made = 0
    for _ = 1, 4 do
      local octet = value % 256
      made, value = made * 256 + octet, (value - octet) / 256
    end
    return signed(made)
  end
  local function shifting(name, shift)
    bit[name] = function(...)
      local value = whole(number(1, ...))
      local count = whole(number(2, ...)) % 32
      return signed(shift(value, count))
    end
  end
  local function left(value, count) return (value % 2 ^ (32 - count)) * 2 ^ count end
  local function right(value, count) return floor(value / 2 ^ count) end
  shifting("lshift", left)
  shifting("rshift", right)
  shifting("arshift", function(value, count) return floor(signed(value) / 2 ^ count) end)
  shifting("rol", function(value, count) return left(value, count) + (count > 0 and right(value, 32 - count) or 0) end)
  shifting("ror", function(value, count) return right(value, count) + (count > 0 and left(value, 32 - count) or 0) end)
  function bit.tohex(...)
    local value = whole(number(1, ...))
    local digits = select("#", ...) < 2 and 8 or signed(whole(number(2, ...)))
    local letters = "%08x"
    if digits < 0 then digits, letters = -digits, "%08X" end
    if digits > 8 or digits < 0 then digits = 8 end
    return format(letters, value):sub(9 - digits)
  end
  return bit
end
