-- bit: operations on 32-bit numbers, as the library of Mike Pall has them: a number is rounded by adding 2^52 + 2^51 to it.
return function(tools)
  local select, format, sub, floor, number, host = select, string.format, string.sub, math.floor, tools.number, tools.host
  local WORD, BIAS, LOW, HIGH = 4294967296, 6755399441055744, 2 ^ 52, 2 ^ 53

  local BOTH = {}                     -- what two numbers of four bits share
  for a = 0, 15 do
    for b = 0, 15 do
      local made, place = 0, 1
      for _ = 1, 4 do
        if floor(a / place) % 2 + floor(b / place) % 2 == 2 then made = made + place end
        place = place * 2
      end
      BOTH[a * 16 + b] = made
    end
  end

  local function signed(value)
    value = value % WORD
    return value >= 2147483648 and value - WORD or value
  end
  local function whole(value)         -- the lower half of the double that the sum is
    local sum = value + BIAS
    if sum >= LOW and sum < HIGH then return sum % WORD end
    return host.lower_half(sum)
  end
  local function both(one, other)
    local made, place = 0, 1
    while one > 0 and other > 0 do
      local a, b = one % 16, other % 16
      made = made + BOTH[a * 16 + b] * place
      one, other, place = (one - a) / 16, (other - b) / 16, place * 16
    end
    return made
  end

  local bit = {}
  function bit.band(...)
    local made = whole(number(1, ...))
    for position = select("#", ...), 2, -1 do made = both(made, whole(number(position, ...))) end
    return signed(made)
  end
  function bit.bor(...)
    local made = whole(number(1, ...))
    for position = select("#", ...), 2, -1 do
      local other = whole(number(position, ...))
      made = made + other - both(made, other)
    end
    return signed(made)
  end
  function bit.bxor(...)
    local made = whole(number(1, ...))
    for position = select("#", ...), 2, -1 do
      local other = whole(number(position, ...))
      made = made + other - 2 * both(made, other)
    end
    return signed(made)
  end
  function bit.tobit(...)
    local value = whole(number(1, ...))
    return signed(value)
  end
  function bit.bnot(...)
    local value = whole(number(1, ...))
    return signed(WORD - 1 - value)
  end
  function bit.bswap(...)
    local value, made = whole(number(1, ...)), 0
    for _ = 1, 4 do
      local octet = value % 256
      made, value = made * 256 + octet, (value - octet) / 256
    end
    return signed(made)
  end
  local function left(value, count) return value % 2 ^ (32 - count) * 2 ^ count end
  local function right(value, count) return floor(value / 2 ^ count) end
  local function turned(value, count) return left(value, count) + right(value, 32 - count) end
  local function shifting(name, shift)
    bit[name] = function(...)
      local value = whole(number(1, ...))
      local count = whole(number(2, ...)) % 32
      return signed(shift(value, count))
    end
  end
  shifting("lshift", left)
  shifting("rshift", right)
  shifting("arshift", function(value, count) return floor(signed(value) / 2 ^ count) end)
  shifting("rol", turned)
  shifting("ror", function(value, count) return turned(value, (32 - count) % 32) end)
  function bit.tohex(...)
    local value = whole(number(1, ...))
    local digits = select("#", ...) < 2 and 8 or signed(whole(number(2, ...)))
    local letters = "%08x"
    if digits < 0 then digits, letters = -digits, "%08X" end
    if digits > 8 or digits < 0 then digits = 8 end
    return sub(format(letters, value), 9 - digits)
  end
  return bit
end
