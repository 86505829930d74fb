"""Scripts to be drawn: what calls commands with KEYS and ARGV, gives each type back, and fails in each way.

Every one gives the same on every run: nothing here looks at an address, at chance without a seed, or at the clock.
"""

from __future__ import annotations

import hashlib

# These pass a whole request on: behind them comes the request of any data command.
CALLERS: tuple[bytes, ...] = (
    b"return redis.call(unpack(ARGV))",
    b"return redis.pcall(unpack(ARGV))",
    b"redis.setresp(3) return redis.call(unpack(ARGV))",
    b"local r = redis.call(unpack(ARGV)) return {r, type(r)}",
    b"local r = redis.pcall(unpack(ARGV)) if type(r) == 'table' and r.err then return {'failed', r.err} end return r",
    b"redis.call(unpack(ARGV)) return redis.call(unpack(ARGV))",
    b"return {pcall(redis.call, unpack(ARGV))}",
    b"redis.setresp(3) local r = redis.pcall(unpack(ARGV)) return {type(r), r}",
    b"local f = function(...) return redis.call(...) end return f(unpack(ARGV))",
)

KEYED: tuple[bytes, ...] = (
    b"return redis.call('GET', KEYS[1])",
    b"return redis.call('SET', KEYS[1], ARGV[1])",
    b"redis.call('SET', KEYS[1], ARGV[1] or 'x') return redis.call('GET', KEYS[1])",
    b"return redis.call('INCR', KEYS[1])",
    b"redis.call('INCRBY', KEYS[1], 5) redis.call('INCRBY', KEYS[1], 7) return redis.call('GET', KEYS[1])",
    b"for i = 1, 3 do redis.call('RPUSH', KEYS[1], i) end return redis.call('LRANGE', KEYS[1], 0, -1)",
    b"return redis.call('DEL', unpack(KEYS))",
    b"redis.call('SET', KEYS[1], 'v') return redis.call('RPUSH', KEYS[1], 'a')",
    b"redis.call('SET', KEYS[1], 'v') return redis.pcall('RPUSH', KEYS[1], 'a')",
    b"redis.call('SET', KEYS[1], 'v')\nredis.call('INCR', KEYS[1])\nreturn 1",
    b"if redis.call('EXISTS', KEYS[1]) == 1 then return redis.call('TYPE', KEYS[1]) end return 'none'",
    b"local v = redis.call('GET', KEYS[1]) if v == false then return 'absent' end return v",
    b"redis.call('SET', KEYS[1], 1.5) return redis.call('GET', KEYS[1])",
    b"redis.call('SET', KEYS[1], 0.1) return redis.call('GET', KEYS[1])",
    b"redis.call('SET', KEYS[1], 1e20) return redis.call('GET', KEYS[1])",
    b"redis.call('SET', KEYS[1], 3) redis.call('APPEND', KEYS[1], -0.5) return redis.call('GET', KEYS[1])",
    b"redis.call('SET', KEYS[1], 'v', 'PX', 100000) return redis.call('PTTL', KEYS[1]) > 90000",
    b"redis.call('SET', KEYS[1], 'v', 'EXAT', 1) return redis.call('EXISTS', KEYS[1])",
    b"return {redis.call('GET', KEYS[1]), redis.call('STRLEN', KEYS[1]), redis.call('TTL', KEYS[1])}",
    b"redis.setresp(3) return {redis.call('GET', KEYS[1]), redis.call('STRLEN', KEYS[1])}",
    b"redis.call('SELECT', 1) redis.call('SET', KEYS[1], 'one') return redis.call('GET', KEYS[1])",
    b"local t = {} for i, k in ipairs(KEYS) do t[i] = k .. (ARGV[i] or '-') end return t",
    b"#!lua\nreturn redis.call('SET', KEYS[1], 'v')",
    b"#!lua flags=no-writes\nreturn redis.call('GET', KEYS[1])",
    b"#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'v')",
    b"#!lua flags=no-writes,allow-oom,allow-stale,no-cluster,allow-cross-slot-keys\nreturn redis.pcall('DEL', KEYS[1])",
    b"#!lua flags=allow-oom\nredis.call('SET', KEYS[1], ARGV[1])\nreturn redis.call('GET', KEYS[1])",
    b"redis.set_repl(redis.REPL_ALL) redis.replicate_commands() return redis.call('SET', KEYS[1], 'v')",
    b"local ok, e = pcall(redis.call, 'RPUSH', KEYS[1]) return {tostring(ok), e}",
    b"local n = 0 for _, k in ipairs(KEYS) do n = n + redis.call('EXISTS', k) end return n",
)

VALUES: tuple[bytes, ...] = (
    b"return 1",
    b"return -7",
    b"return 3.99",
    b"return -3.99",
    b"return 2^53",
    b"return 1e300",
    b"return 0/0",
    b"return 'text'",
    b"return ''",
    b"return 'a\\0b\\r\\n'",
    b"return nil",
    b"return true",
    b"return false",
    b"return",
    b"return {}",
    b"return {1, 2, nil, 4}",
    b"return {1, {2, {3, 'x'}}, true, false, 'y'}",
    b"return {[2] = 1}",
    b"return {ok = 'fine'}",
    b"return {err = 'MINE with words'}",
    b"return {err = 'x', ok = 'y'}",
    b"return {ok = 'a\\r\\nb'}",
    b"return {err = 'ERR a\\r\\nb\\n'}",
    b"return {1, {err = 'inside it'}, {ok = 'also'}}",
    b"return {ok = 1}",
    b"return {err = {}}",
    b"return {double = 1.5}",
    b"return {double = 3}",
    b"return {double = 1/0}",
    b"return {double = 0.1}",
    b"return {double = 1e100}",
    b"return {map = {a = 1}}",
    b"return {map = {}}",
    b"return {set = {a = true}}",
    b"return {set = {}}",
    b"return {map = 1}",
    b"return {big_number = '123456789012345678901234567890'}",
    b"return {verbatim_string = {string = 'some', format = 'mkd'}}",
    b"return {verbatim_string = {string = 'some', format = 'x'}}",
    b"return {verbatim_string = {string = 'some'}}",
    b"return {double = 'x'}",
    b"return redis.call",
    b"redis.setresp(3) return true",
    b"redis.setresp(3) return false",
    b"redis.setresp(3) return {true, false, nil, 1}",
    b"redis.setresp(2) return true",
    b"return redis.setresp(3)",
    b"return redis.status_reply('FINE')",
    b"return redis.status_reply('two words')",
    b"return redis.error_reply('MINE')",
    b"return redis.error_reply('MINE it is')",
    b"return redis.error_reply('-MINE it is')",
    b"return redis.error_reply('')",
    b"return redis.error_reply()",
    b"return redis.error_reply(1)",
    b"return redis.error_reply({})",
    b"return redis.status_reply(1, 2)",
    b"return redis.sha1hex('')",
    b"return redis.sha1hex('abc')",
    b"return redis.sha1hex(12)",
    b"return redis.sha1hex()",
    b"return KEYS",
    b"return ARGV",
    b"return {#KEYS, #ARGV}",
    b"return {KEYS[1], ARGV[1], ARGV[2]}",
    b"return KEYS[9]",
    b"return {tostring(1e15), tostring(2^53), tostring(0.1), tostring(-0.0), tostring(100), tostring(1e100)}",
    b"return tostring(tonumber('0x10')) .. tostring(tonumber('  5  ')) .. tostring(tonumber('z'))",
    b"return string.format('%5.2f|%d|%s|%q|%x', 3.14159, 42, 'x', 'a\"b', 255)",
    b"return ('x'):rep(3) .. ('abc'):upper():reverse()",
    b"return {string.find('hello world', 'o w')}",
    b"return {string.gsub('hello', 'l', 'L')}",
    b"return string.match('k=v', '(%w+)=(%w+)')",
    b"local t = {3, 1, 2} table.sort(t) return t",
    b"local t = {1, 2} table.insert(t, 3) table.remove(t, 1) return t",
    b"return table.concat({1, 2, 'x'}, ',')",
    b"return {math.floor(3.7), math.ceil(3.2), math.max(1, 5, 3), math.abs(-4), math.fmod(7, 3)}",
    b"math.randomseed(42) return {math.random(1000), math.random(5, 10), tostring(math.random())}",
    b"math.randomseed(ARGV[1] and #ARGV[1] or 0) return math.random(1000000)",
    b"local co = coroutine.create(function(a) local b = coroutine.yield(a + 1) return b * 2 end)"
    b" local _, x = coroutine.resume(co, 1) local _, y = coroutine.resume(co, 10) return {x, y, coroutine.status(co)}",
    b"return loadstring('return 1 + 1')()",
    b"local f, e = loadstring('x y') return e",
    b"return {select('#', 1, nil, 3)}",
    b"local t = setmetatable({}, {__index = function(_, k) return k .. '!' end}) return t.x",
    b"return {type(redis), type(_G), type(KEYS), _VERSION}",
    b"return {redis.LOG_WARNING, redis.REPL_ALL, redis.REPL_NONE, redis.REPL_SLAVE}",
    b"return redis.log(redis.LOG_DEBUG, 'said')",
    b"local n = 0 for _ in pairs(redis) do n = n + 1 end return n",
    b"return redis.breakpoint()",
    b"redis.debug('x') return 1",
    b"return redis.acl_check_cmd('get', 'x')",
    b"return redis.replicate_commands()",
    b"return redis.REDIS_VERSION_NUM",
    b"return {pcall(function() return 1, 2 end)}",
    b"return {pcall(error, {err = 'MINE'})}",
    b"return {xpcall(function() error('x') end, function(e) return e .. '!' end)}",
    b"return {unpack({1, 2, 3})}",
    b"return next({})",
    b"return rawequal('a', 'a')",
    b"local a <const> = 1 return a",
)

LIBRARIES: tuple[bytes, ...] = (
    b"return cjson.encode({1, 2.5, 'x', true, cjson.null, {a = {1}}, {}})", b"return cjson.encode({[1] = 1, [3] = 3})", b"return cjson.encode({[20] = 1})",
    b"return cjson.encode('a/b\\\"\n\1\127')", b"return cjson.encode({0.1, 100, 1e100, 2^53})", b"return cjson.encode(0/0)", b"return cjson.encode(redis.call)",
    b"return cjson.encode({[true] = 1})", b"return cjson.encode()", b"return cjson.decode('{\"a\":[1,{\"b\":null}]}').a[1]", b"return cjson.decode('[1,\"x\",true,null,1.5e3]')",
    b"return cjson.encode(cjson.decode('{\"a\":{\"b\":[]}}'))", b"return cjson.decode('\"\\u00e9\\ud83d\\ude00\\n\"')", b"return cjson.decode('[1,')", b"return cjson.decode('{\"a\"}')",
    b"return cjson.decode('nul')", b"return cjson.decode('')", b"return {pcall(cjson.decode, '[1]x')}", b"return cjson.decode({})", b"return cjson.decode(ARGV[1] or '-')",
    b"return {bit.band(255, 15), bit.bor(1, 2, 4), bit.bxor(-1, 255), bit.bnot(0)}", b"return {bit.lshift(1, 31), bit.rshift(-1, 28), bit.arshift(-16, 2)}",
    b"return {bit.rol(0x12345678, 8), bit.ror(0x12345678, 8), bit.bswap(1), bit.tobit(2^31)}", b"return bit.tohex(255) .. bit.tohex(-1, -4)", b"return bit.band('x')", b"return bit.lshift(1)",
    b"return cmsgpack.pack(1, -200, 70000, 0.5, 'x', true, nil, {1, {2}}, {a = 1})", b"return {cmsgpack.unpack(cmsgpack.pack({1, 'two', {3}}, false, 2^40))}",
    b"return {cmsgpack.unpack_one(ARGV[1] or '\\1\\2')}", b"return {cmsgpack.unpack_limit('\\1\\2\\3', 2)}", b"return cmsgpack.unpack('\\147\\1')", b"return cmsgpack.unpack('\\193')",
    b"return cmsgpack.pack()", b"return {cmsgpack.unpack_one('\\1', 9)}", b"return cmsgpack.pack(ARGV)", b"return cmsgpack.unpack(ARGV[1] or '')",
    b"return struct.pack('>I2i4!8ds', 258, -2, 1.5, 'text')", b"return {struct.unpack('<hBc3', 'abcdef')}", b"return struct.size('!8bdi3')", b"return struct.pack('i')",
    b"return struct.pack('z', 1)", b"return struct.unpack('d', 'short')", b"return struct.size('s')", b"return {struct.unpack('Bc0s', '\\2abcd\\0')}", b"return struct.pack('i99', 1)",
    b"return {struct.unpack('>I2', ARGV[1] or 'ab')}",
    b"return {cjson.encode_sparse_array(), cjson.encode_max_depth(), cjson.decode_max_depth(), cjson.encode_number_precision()}",
    b"return {tostring(cjson.encode_keep_buffer()), tostring(cjson.encode_invalid_numbers()), tostring(cjson.decode_invalid_numbers())}",
    b"cjson.encode_max_depth(1) return cjson.encode({{1}})", b"cjson.encode_number_precision(3) return cjson.encode(0.123456)", b"cjson.encode_sparse_array(true) return 1",
    b"cjson.encode_invalid_numbers('null') return cjson.encode(0/0)", b"cjson.decode_invalid_numbers(false) return cjson.decode('0x10')", b"cjson.encode_max_depth(0)",
    b"local own = cjson.new() own.encode_max_depth(1) return {pcall(own.encode, {{}}), cjson.encode({{}})}",
)  # fmt: skip

# What a script may be refused for as it calls a command.
CALLS: tuple[bytes, ...] = (
    b"return redis.call('nosuch')", b"return redis.pcall('nosuch', 'x')", b"return redis.call('GET')", b"return redis.pcall('GET')",
    b"return redis.call()", b"return redis.pcall()", b"return redis.call({})", b"return redis.pcall('GET', {})", b"return redis.call('GET', nil)",
    b"return redis.call('GET', true)", b"return redis.call('MULTI')", b"return redis.pcall('WATCH', 'x')", b"redis.call('EVAL', 'return 1', 0)", b"return redis.pcall('OBJECT', 'nosuch', 'x')",
)  # fmt: skip

# What a first line may say, and what is wrong with it.
HEADS: tuple[bytes, ...] = (
    b"#!lua", b"#!", b"#!lua\nerror('second line')", b"#!js\nreturn 1", b"#!lua flags=nosuch\nreturn 1", b"#!lua name=x\nreturn 1", b"#!lua nosuch\nreturn 1",
    b"#!lua flags=\nreturn 1", b"#!lua flags=no-writes flags=allow-oom\nreturn 1", b"#!lua \"flags=no-writes\"\nreturn 1", b"#!lua 'x\nreturn 1", b"#!lua\nx",
    b"#!LUA\nreturn 1", b"#!lua\0 x\nreturn 1", b"#!lua flags=NO-WRITES\nreturn 1", b"#!lua flags=no-writes,nosuch\nreturn 1",
)  # fmt: skip

FAILURES: tuple[bytes, ...] = (
    b"return redis.call('INCR', KEYS[1], 1)", b"error('boom')", b"error('boom', 0)", b"error('boom', 2)", b"error({err = 'MINE is thrown'})", b"error(12)",
    b"local t = nil\nreturn t.x", b"return nosuch", b"nosuch = 1", b"nosuch()", b"return 1 .. {}", b"return {} + 1", b"return #nil", b"return {} < {}",
    b"local function f() error('inside') end\n\nf()", b"local function f() return redis.call('nosuch') end\nreturn f()",
    b"redis.x = 1", b"string.x = 1", b"redis.call = 1", b"pairs = 1", b"KEYS = {}", b"_G.x = 1", b"rawset(_G, 'x', 1)", b"setmetatable(_G, {})",
    b"table.insert(redis, 1)", b"return _G.nosuch", b"x", b"return return", b"if", b"return 'open", b"for", b"return 1 2", b"--", b"",
    b"return redis.nosuch()", b"return string.rep()", b"return ('x'):rep({})", b"return tonumber({})", b"return pairs()", b"return pairs(nil)", b"next(1)",
    b"setmetatable(1, {})", b"rawget(1)", b"ipairs()", b"unpack()", b"return math.floor('x')", b"return math.random(0)", b"return math.random(2, 1)",
    b"return math.random(1, 2, 3)", b"math.randomseed()", b"redis.setresp()", b"redis.setresp(4)", b"redis.setresp('x')", b"redis.set_repl()", b"redis.set_repl(9)",
    b"redis.log()", b"redis.log(1)", b"redis.log('x', 'y')", b"redis.log(9, 'y')", b"redis.acl_check_cmd()", b"redis.acl_check_cmd('nosuch')", b"redis.acl_check_cmd({})",
    b"assert(false)", b"assert(nil, 'said')", b"assert(false, {err = 'MINE'})", b"local t = setmetatable({}, {__index = function() error('deep') end}) return t.x",
    b"coroutine.yield(1)", b"local co = coroutine.wrap(function() error('in it') end) co()", b"string.format('%d', 'x')", b"table.concat({{}})", b"table.sort({3, 'x'})",
    b"loadstring(1)()", b"load(1)", b"dofile('x')", b"require('x')", b"io.write('x')", b"os.exit()", b"debug.getinfo(1)",
)  # fmt: skip

POOLS = (CALLERS, CALLS, HEADS, KEYED, VALUES, LIBRARIES, FAILURES)
ALL: tuple[bytes, ...] = tuple(code for pool in POOLS for code in pool)


def digest(code: bytes) -> bytes:
    """The name of a script."""
    return hashlib.sha1(code).hexdigest().encode()


BY_DIGEST: dict[bytes, bytes] = {digest(code): code for code in ALL}
# These are loaded often, so that their digests are known.
FEW: tuple[bytes, ...] = (b"#!lua\nreturn redis.call('SET', KEYS[1], 'v')", *CALLERS[:3], *KEYED[:4], *VALUES[:2])
