"""Hints: histories to try for differences that requests drawn at random seldom show.

What must live here: redlark's own knowledge of what to try, as data. A hint proves nothing: the models and the real
servers decide whether it shows the difference that it is for.
"""

from __future__ import annotations

import re

from redlark.conformance.differences import hints_configured, hints_within
from redlark.conformance.differences.hint import Hint
from redlark.conformance.history import ClientId, Dumped, History, Part, Step, request
from redlark.reference.transcript import split

_ONES = " ".join(["1"] * 513)
_LETTERS = " ".join(["a"] * 129)
_MANY = " ".join(f"m{number}" for number in range(129))
_LONG = "x" * 41
_ENCODED = "return cjson.encode(0.123456789)"
_ROUNDED = f"cjson.encode_number_precision(3) {_ENCODED}"


HINTS: tuple[Hint, ...] = (
    Hint(
        r"rule RESET reset",
        (("CLIENT NO-EVICT ON", "RESET", "CLIENT LIST"), ("CLIENT NO-EVICT ON", "RESET", "CLIENT INFO")),
    ),
    Hint(
        r"definition \(shared\) counts-from-the-end",
        (("ZADD k 1 a 2 b 3 c", "SORT k ALPHA", "ZRANGEBYSCORE k 1 3 LIMIT -1 1"),),
    ),
    Hint(
        r"(rule|step) LPOS .*",
        (
            ("RPUSH k a", "LPOS k a RANK -9223372036854775808 COUNT 0"),
            ("RPUSH k a", "LPOS k a RANK -9223372036854775808"),
        ),
    ),
    Hint(
        r"(step SADD|definition \(shared\) (started|pack-limit)).*",
        ((f"SADD k {_ONES}", "OBJECT ENCODING k"), (f"SADD k {_LETTERS}", "OBJECT ENCODING k")),
    ),
    Hint(r"step ZADD let many", ((f"ZADD k {' '.join(['1 a'] * 129)}", "OBJECT ENCODING k"),)),
    Hint(
        r"definition \(shared\) left-as",
        (
            (f"SADD k {_MANY}", "SPOP k 128", "OBJECT ENCODING k"),
            (f"SADD k {_MANY}", "SPOP k 127", "OBJECT ENCODING k"),
        ),
    ),
    Hint(r"definition \(shared\) refused-by-scan", (("SADD k a", "SSCAN k 0 NOVALUES"), ("SCAN 0 NOVALUES",))),
    Hint(
        r"definition \(shared\) printable",
        (('CLIENT SETNAME "a\\x00\\n"',), ('CLIENT SETNAME "a\\x00 b"',), ('HELLO 2 SETNAME "a\\x00 b"',)),
    ),
    Hint(r"definition \(shared\) queue-refused", (("MULTI", "GET k"),), (("maxmemory", "1"),)),
    Hint(r"rule CALLED full", (("EVAL \"return redis.call('set', 'k', 'v')\" 1 k",),), (("maxmemory", "1"),)),
    Hint(r"definition \(shared\) is-shared", (("SET k 1", "OBJECT REFCOUNT k"), ("SET k 10", "OBJECT REFCOUNT k"))),
    Hint(
        r"definition \(shared\) (carried|embeds|beside|room)|step fragment set-deadline effects",
        (
            (f"SET k {_LONG}", "RENAME k keykeykeykeykeykeykey", "OBJECT ENCODING keykeykeykeykeykeykey"),
            (f"SET k {_LONG}", "COPY k keykeykeykeykeykeykey", "OBJECT ENCODING keykeykeykeykeykeykey"),
            (f"SET k {'x' * 40}", "EXPIRE k 100", "OBJECT ENCODING k"),
            (f"SET k {'x' * 38}", "EXPIRE k 100", "OBJECT ENCODING k"),
            (f"SET k {'x' * 36}", "EXPIRE k 100", "OBJECT ENCODING k"),
            (f"SET k {'x' * 34}", "EXPIRE k 100", "OBJECT ENCODING k"),
            (f"SET k {'x' * 60}", "OBJECT ENCODING k"),
        ),
    ),
    Hint(
        r"rule fragment wait-time too-far",
        (("WAIT 0 9223372036854775807",), ("XREAD BLOCK 9223372036854775807 STREAMS k 0",)),
    ),
    Hint(
        r"(error|definition) \(shared\) (CALL_.*|lua.*)",
        (
            ('EVAL "return redis.call()" 0',),
            ('EVAL "return redis.call(true)" 0',),
            ("EVAL \"return redis.call('nosuch')\" 0",),
            ("EVAL \"return redis.call('get')\" 0",),
            ("EVAL \"return redis.call('subscribe', 'c')\" 0",),
            ('EVAL "return server ~= nil" 0',),
            ('EVAL "return os.clock ~= nil" 0',),
            ('EVAL "return redis.log()" 0',),
            ("EVAL \"return redis.log(99, 'x')\" 0",),
            ('EVAL "return redis.setresp()" 0',),
            ('EVAL "return redis.acl_check_cmd()" 0',),
            ('EVAL "return redis.REDIS_VERSION" 0',),
            ('EVAL "return redis.REDIS_VERSION_NUM" 0',),
            ('EVAL "return tostring(0.1)" 0',),
            ('EVAL "return cjson.encode(0.1)" 0',),
            ('EVAL "return cmsgpack._COPYRIGHT" 0',),
        ),
    ),
    Hint(
        r"(step|rule) CLIENT\|LIST .*|definition \(shared\) ids-of",
        (("CLIENT LIST ID 1 1",), ("CLIENT LIST ID",), ("CLIENT LIST ID SKIPME no",), ("CLIENT KILL ID SKIPME no",)),
    ),
    Hint(
        r"(step|rule) CLIENT\|KILL .*|definition \(shared\) ids-of",
        (("CLIENT KILL ID 1 2",), ("CLIENT KILL ID SKIPME yes",), ("CLIENT KILL DB 1",), ("CLIENT KILL ID 0",)),
    ),
    Hint(r"option CLIENT\|KILL client-type PRIMARY", (("CLIENT KILL TYPE primary",),)),
    Hint(r"option CLIENT\|LIST client-type PRIMARY", (("CLIENT LIST TYPE primary",),)),
    Hint(
        r"(refusal|rule) (XADD|XTRIM) .*",
        (("XADD k ACKED DELREF 1-1 f v",), ("XADD k KEEPREF KEEPREF",), ("XTRIM k KEEPREF ACKED MAXLEN 1",)),
    ),
    Hint(
        r"step fragment spoil effects",
        (("MULTI", "SET k v", "NOSUCH", "EXEC"), ("MULTI", "SET k v", "NOSUCH", "CLIENT LIST")),
    ),
    Hint(r"rule fragment past|rule (SET|GETEX) past", (("SET k v", "SET k v PXAT 1"), ("SET k v", "GETEX k PXAT 1"))),
    Hint(r"definition \(shared\) kept-of", (("RPUSH k a", "LSET k 4294967296 x"),)),
    Hint(r"definition \(shared\) stored-text", (("ZADD k 0.1 a", "ZSCAN k 0"),)),
    Hint(
        r"definition \(shared\) (has-tombstones|position|lag|lag-known)|step fragment delivered use group-told",
        tuple(
            (
                "XADD k 1-1 f v",
                "XADD k 2-1 f v",
                "XADD k 3-1 f v",
                *before,
                f"XGROUP CREATE k g {begin}",
                *asked,
                "XINFO GROUPS k",
            )
            for begin in (
                "0 ENTRIESREAD 0",
                "0",
                "1-1",
                "2-1",
                "3-1",
                "$",
                "1-1 ENTRIESREAD 1",
                "3-1 ENTRIESREAD 3",
                "5-1",
            )
            for before, asked in (
                ((), ("XDEL k 1-1",)),
                (("XDEL k 1-1",), ()),
                ((), ("XDEL k 2-1",)),
                ((), ("XTRIM k MAXLEN 1",)),
                ((), ("XTRIM k MAXLEN 0",)),
                ((), ("XDEL k 1-1", "XREADGROUP GROUP g c COUNT 1 STREAMS k >")),
                ((), ("XDEL k 3-1", "XREADGROUP GROUP g c COUNT 1 STREAMS k >")),
                (("XDEL k 3-1",), ()),
            )
        ),
    ),
    Hint(
        r"definition \(shared\) carried",
        tuple(
            (f"SET k {'x' * size}", f"RENAME k {'j' * name}", f"OBJECT ENCODING {'j' * name}")
            for size in (20, 30, 35, 40, 44)
            for name in (10, 22, 31, 60)
        ),
    ),
    Hint(
        r"definition \(shared\) entries-known",
        (("XADD k 1-1 f v", "XGROUP CREATE k g 0 ENTRIESREAD 5", "XINFO GROUPS k"),),
    ),
    Hint(
        r"definition \(shared\) before-last",
        (("XADD k 1-1 f v", "XADD k 2-1 f v", "XDEL k 2-1", "XREAD STREAMS k +"),),
    ),
    Hint(r"error \(shared\) STRANGER", (("HELLO 3",),), (("requirepass", "secret"),)),
    Hint(
        r"(step|rule) REMEMBER .*",
        (
            ("CLIENT TRACKING ON", "EVAL \"return redis.call('GET', 'j')\" 0", "2> SET j v", "GET k"),
            ("CLIENT TRACKING ON", "EVAL \"return redis.call('GET', 'j')\" 1 k", "2> SET k v", "GET j"),
            (
                "CLIENT TRACKING ON",
                "XREAD BLOCK 0 STREAMS k $",
                "2> XADD k 1-1 f v",
                "1<",
                "2> XADD k 2-1 f v",
                "GET j",
            ),
        ),
    ),
    Hint(
        r"definition \(shared\) (flushed-first|flush-takes-long)",
        (("CLIENT TRACKING ON", "GET k", "FLUSHALL"), ("CLIENT TRACKING ON", "GET k", "2> FLUSHALL", "GET k")),
    ),
    Hint(
        r"definition \(shared\) keeps-caching",
        (("CLIENT TRACKING ON OPTIN", "CLIENT CACHING YES", "CLIENT SETINFO lib-name x", "CLIENT TRACKINGINFO"),),
    ),
    Hint(
        r"definition \(shared\) taken-quietly",
        (("CLIENT TRACKING ON BCAST NOLOOP", "2> BLPOP k 0", "RPUSH k a", "2<", "PING"),),
    ),
    Hint(
        r"definition \(shared\) served|rule XREAD woken",
        (
            ("2> BLPOP a b 0", "MULTI", "RPUSH b x", "RPUSH a y", "EXEC", "2<"),
            ("2> XREAD BLOCK 0 STREAMS a b $ $", "MULTI", "XADD b 1-1 f v", "XADD a 1-1 f v", "EXEC", "2<"),
        ),
    ),
    Hint(
        r"rule XREADGROUP woken|definition \(shared\) waits-anew",
        (
            (
                "XGROUP CREATE a g 0 MKSTREAM",
                "XGROUP CREATE b g 0 MKSTREAM",
                "2> XREADGROUP GROUP g c BLOCK 0 STREAMS a b > >",
                "MULTI",
                "XADD b 1-1 f v",
                "XADD a 1-1 f v",
                "EXEC",
                "2<",
            ),
            (
                "XGROUP CREATE a g 0 MKSTREAM",
                "XGROUP CREATE b g 0 MKSTREAM",
                "2> XREADGROUP GROUP g c BLOCK 0 STREAMS a b > >",
                "MULTI",
                "XADD a 1-1 f v",
                "XDEL a 1-1",
                "EXEC",
                "2<",
            ),
        ),
    ),
    Hint(
        r"rule FUNCTION\|FLUSH flushed",
        (
            (
                f"FUNCTION LOAD \"#!lua name=l\\n redis.register_function('f', function() {_ROUNDED} end)\"",
                "FCALL f 0",
                "FUNCTION FLUSH",
                f"FUNCTION LOAD \"#!lua name=l\\n redis.register_function('g', function() {_ENCODED} end)\"",
                "FCALL g 0",
            ),
        ),
    ),
    Hint(r"step fragment tell-gone each rest", (("SADD k a b c", "SPOP k 2"),)),
    Hint(r"step GEOADD let many", ((f"GEOADD k {' '.join(['0 0 a'] * 129)}", "OBJECT ENCODING k"),)),
    Hint(r"step fragment store-fields effects", ((f"HSET k {' '.join(['f v'] * 513)}", "OBJECT ENCODING k"),)),
    Hint(
        r"step fragment duplicate effects",
        (("HSET k f v", "HPEXPIRE k 100000 FIELDS 1 f", "COPY k j", "HPERSIST j FIELDS 1 f"),),
    ),
    Hint(
        r"step fragment set-fields each f",
        (("HSET k f v", "HPEXPIRE k 100000 FIELDS 1 f", "HSET k f w", "HPERSIST k FIELDS 1 f"),),
    ),
    Hint(r"rule LREM count-too-small", (("LREM k -9223372036854775808 a",),)),
    Hint(
        r"(refusal|rule|step|syntax) (HEXPIRE|HPEXPIRE|HEXPIREAT|HPEXPIREAT) .*",
        tuple(
            (f"{name} k {rest}",)
            for name in ("HEXPIRE", "HPEXPIRE", "HEXPIREAT", "HPEXPIREAT")
            for rest in ("1 NX NX FIELDS", "x FIELDS 0 f", "-1 FIELDS 0 f")
        ),
    ),
    Hint(
        r"(refusal|rule) (HPTTL|HTTL|HGETDEL|HPERSIST|HPEXPIRETIME|HEXPIRETIME) .*",
        tuple(
            history
            for name in ("HPTTL", "HTTL", "HGETDEL", "HPERSIST", "HPEXPIRETIME", "HEXPIRETIME")
            for history in (
                (f"{name} k FIELDS 2 f",),
                ("RPUSH k a", f"{name} k FIELDS 0 f"),
                (f"{name} k f g FIELDS",),
                (f"{name} k f FIELDS",),
            )
        ),
    ),
    Hint(
        r"(refusal|rule|step|syntax) HGETEX .*|(rule|step) fragment field-deadline .*",
        (
            *(
                (f"HGETEX k {word} {time} FIELDS {count} f",)
                for word in ("EX", "PX", "EXAT", "PXAT")
                for time in ("x", "-1", "9223372036854775807")
                for count in "01"
            ),
            ("HGETEX FIELDS 1 f x",),
            ("HGETEX FIELDS FIELDS 1 f",),
            ("HGETEX k f g FIELDS",),
            ("HGETEX k EX 1 FIELDS",),
            ("HGETEX k PERSIST PERSIST FIELDS 1 f",),
            ("HGETEX k EX 1 PX 1 FIELDS 1 f",),
            ("HSET k f v", "HGETEX k EX 100 FIELDS 1 g", "OBJECT ENCODING k"),
            ("HSET k f v g w", "HGETEX k PXAT 1 FIELDS 2 f g"),
            ("HSET k f v g w", "HPEXPIRE k 100000 FIELDS 1 f", "HGETEX k PERSIST FIELDS 2 f g"),
        ),
    ),
    Hint(
        r"(refusal|rule|step|syntax) HSETEX .*|type \(shared\) pair-numfields",
        (
            *(
                (f"HSETEX k {word} {time} FIELDS {count} f v",)
                for word in ("EX", "PX", "EXAT", "PXAT")
                for time in ("x", "-1", "9223372036854775807")
                for count in "01"
            ),
            ("HSETEX k f g v FIELDS",),
            ("HSETEX k EX 1 FXX FIELDS",),
            ("HSETEX k FIELDS 1 f v g w",),
            ("HSETEX k FIELDS 2147483648 f v",),
            ("HSETEX FIELDS 1 f v x",),
            ("HSET k f v", "HSETEX k PXAT 1 FIELDS 1 f w"),
            (
                "HSET k f v g w",
                "HPEXPIRE k 1 FIELDS 1 f",
                "9 ms later HSETEX k FXX FIELDS 1 f w",
                "HLEN k",
            ),
        ),
    ),
    Hint(
        r"(step|rule) (HINCRBY|HINCRBYFLOAT|HSETNX|HSET|HDEL|HGET|HMGET|HLEN|HSTRLEN|HEXISTS|HRANDFIELD) .*"
        r"|(step|rule) fragment (store-sum|expire-fields) .*|definition \(shared\) found-by-expire",
        (
            ("HSET k f 1", "HPEXPIRE k 100000 FIELDS 1 f", "HINCRBY k f 1"),
            *(
                ("HSET k f 1 g 1", "HPEXPIRE k 1 FIELDS 1 f", f"9 ms later {asked}", *look)
                for asked in (
                    "HINCRBY k f 1",
                    "HINCRBYFLOAT k f 1",
                    "HSETNX k f 2",
                    "HSET k f 2",
                    "HDEL k f",
                    "HGET k f",
                    "HMGET k f",
                    "HLEN k",
                    "HSTRLEN k f",
                    "HEXISTS k f",
                    "HPEXPIRE k 1 FIELDS 1 f",
                    "HRANDFIELD k 5",
                )
                for look in ((), ("HLEN k",))
            ),
            ("HSET k f v", "HPEXPIREAT k 1 FIELDS 1 f"),
            ("HSET k f v", "HPEXPIRE k 100 NX FIELDS 2 f g", "OBJECT ENCODING k"),
            ("HSET k f v", "HPEXPIRE k 100 FIELDS 1 g", "OBJECT ENCODING k"),
        ),
    ),
    Hint(
        r"type \(shared\) (box-width|box-height|radius|score|score-step|coordinate|weight)",
        (
            ("GEOSEARCH k FROMLONLAT 0 0 BYBOX 0x1 1 m",),
            ("GEOSEARCH k FROMLONLAT 0 0 BYBOX 1 0x1 m",),
            ("GEOSEARCH k FROMLONLAT 0 0 BYRADIUS 0x1 m",),
            ("GEOADD k 0x1 1 a",),
            ("ZADD k 0x1 a",),
            ("ZINCRBY k 0x1 a",),
            ("ZADD k INCR 0x1 a",),
            ("ZUNION 1 k WEIGHTS 0x1",),
            ("GEOADD k 0 0 a", "GEOSEARCH k FROMLONLAT 0 0 BYBOX 0x1 1 m"),
            ("GEOADD k 0 0 a", "GEOSEARCH k FROMLONLAT 0 0 BYBOX 1 0x1 m"),
            ("GEOADD k 0 0 a", "GEOSEARCH k FROMLONLAT 0 0 BYRADIUS 0x1 m"),
        ),
    ),
    Hint(
        r"error \(shared\) CALL_NO_SUBCOMMAND",
        (("EVAL \"return redis.call('client', 'nosuch')\" 0",), ("EVAL \"return redis.pcall('object', 'x')\" 0",)),
    ),
    Hint(
        r"rule CALLED full",
        (
            ("EVAL_RO \"return redis.call('set', 'k', 'v')\" 1 k",),
            ("EVAL \"#!lua flags=no-writes\\nreturn redis.call('set', 'k', 'v')\" 1 k",),
            ("EVAL \"return redis.call('set', 'k')\" 1 k",),
            ("EVAL \"return redis.call('subscribe', 'k')\" 1 k",),
        ),
        (("maxmemory", "1"),),
    ),
    Hint(
        r"(step|rule) DISPATCH .*",
        (("NOSUCH",), ("GET",), ("CLIENT NOSUCH",), ("AUTH",), ("SUBSCRIBE",), ("MULTI",)),
        (("requirepass", "secret"),),
    ),
    Hint(r"(step|rule) DISPATCH .*", (("GET k",), ("MULTI",), ("SET k v",)), (("maxmemory", "1"),)),
    Hint(
        r"rule BITCOUNT .*",
        (
            ("BITCOUNT k 0 x",),
            ("BITCOUNT k x",),
            ("BITCOUNT k x x",),
            ("BITCOUNT k 0 0 BYTE",),
            ("SET k a", "BITCOUNT k 0"),
        ),
    ),
    Hint(
        r"(rule|step|reply) CLIENT\|(KILL|LIST|TRACKING|UNBLOCK) .*|(refusal|reply) CLIENT\|.*",
        (
            ("CLIENT KILL ID 0",),
            ("CLIENT KILL ID",),
            ("CLIENT KILL ID -1",),
            ("CLIENT LIST ID",),
            ("CLIENT LIST TYPE",),
            ("CLIENT KILL SKIPME",),
            ("CLIENT UNBLOCK 1 TIMEOUT x",),
            ("CLIENT UNBLOCK 1 x y",),
            ("CLIENT TRACKING ON BCAST PREFIX a PREFIX ab",),
            ("CLIENT TRACKING ON BCAST PREFIX x PREFIX a PREFIX ab",),
            ("CLIENT TRACKING ON BCAST PREFIX x PREFIX a PREFIX ab", "CLIENT TRACKINGINFO"),
            ("CLIENT TRACKING ON BCAST PREFIX a PREFIX ab PREFIX b PREFIX bc",),
        ),
    ),
    Hint(
        r"(rule|refusal|option|syntax) (GEOSEARCH|GEOSEARCHSTORE) .*",
        (
            ("GEOSEARCH k BYPOLYGON 3 0 0 0 1",),
            ("GEOSEARCH k BYPOLYGON 2 0 0 0 1",),
            ("GEOSEARCHSTORE j k BYPOLYGON 3 0 0 0 1",),
            ("GEOSEARCHSTORE j k BYPOLYGON 2 0 0 0 1",),
        ),
    ),
    Hint(
        r"definition \(shared\) weight-number|(step|rule) fragment sort .*",
        (("RPUSH k 1E5000", "SORT k"), ("RPUSH k 1", "SET w1 1E5000", "SORT k BY w*"), ("RPUSH k 0x1", "SORT k")),
    ),
    Hint(r"rule SPOP all", (("SADD k a b", "SPOP k 5"), ("SADD k a", "SPOP k 1"), ("SADD k a", "SPOP k"))),
    Hint(
        r"rule fragment restore .*",
        (
            ("SET k v", "RESTORE k 1 {payload} ABSTTL REPLACE"),
            (
                "HSET k f v",
                "HPEXPIRE k 100000 FIELDS 1 f",
                "DUMP k",
                "DEL k",
                "RESTORE k 0 {payload}",
                "HPERSIST k FIELDS 1 f",
            ),
        ),
    ),
    Hint(
        r"rule fragment readable too-small",
        (("CONFIG SET maxmemory 9223372036854775808",), ("CONFIG SET slowlog-max-len 18446744073709551615",)),
    ),
    Hint(
        r"encoding \(shared\) hash|step fragment (keep-timed|expire-fields) .*",
        (("HSET k f v", "HPEXPIRE k 100000 FIELDS 1 f", "OBJECT ENCODING k"),),
    ),
    Hint(
        r"(step|rule) (LINSERT|LSET|fragment (push|take-out|move)) .*|definition \(shared\) list-read",
        (
            ("RPUSH k a", "OBJECT ENCODING k"),
            ("RPUSH k a", f"RPUSH k {'y' * 8200}", "OBJECT ENCODING k"),
            ("RPUSH k a", f"LSET k 0 {'y' * 8200}", "OBJECT ENCODING k"),
            ("RPUSH k a", f"LINSERT k AFTER a {'y' * 8200}", "OBJECT ENCODING k"),
            ("RPUSH k a", f"LINSERT k AFTER a {'y' * 8200}", f"LREM k 1 {'y' * 8200}", "OBJECT ENCODING k"),
            ("RPUSH k a", f"RPUSH j {'y' * 8200}", "LMOVE j k LEFT RIGHT", "OBJECT ENCODING k"),
            (f"RPUSH k a {'y' * 8200}", "RPOP k", "OBJECT ENCODING k"),
            (f"RPUSH k a {'y' * 8200}", "DUMP k", "RESTORE j 0 {payload}", "OBJECT ENCODING j"),
        ),
    ),
)


ALL = (*HINTS, *hints_configured.HINTS, *hints_within.HINTS)


def histories(identity: str, config: dict[str, str]) -> list[History]:
    """What to try for a difference, on a server set up so."""
    fitting = (hint for hint in ALL if re.fullmatch(hint.pattern, identity) and dict(hint.config) == config)
    return [history for hint in fitting for history in of(hint)]


def of(hint: Hint) -> list[History]:
    """The histories of one hint, in both protocols."""
    return [History(tuple(map(_step, lines)), protocol) for lines in hint.histories for protocol in (2, 3)]


def _step(line: str) -> Step:
    found = re.fullmatch(r"(?:(\d+) ms later )?(?:(\d)([<>]) ?)?(.*)", line)
    assert found is not None
    wait, client, direction, asked = found.groups()
    requests = () if direction == "<" else (request(*map(_part, split(asked))),)
    return Step(int(client or 1) - 1, requests, int(wait or 0))


def _part(word: bytes) -> Part:
    """A word as it is sent; what only the run can know stands in braces."""
    known: dict[bytes, Part] = {b"{payload}": Dumped(), b"{id}": ClientId(1)}
    return known.get(word, word)


def configurations(identity: str) -> list[dict[str, str]]:
    """The configurations that the hints for a difference want."""
    found = [dict(hint.config) for hint in ALL if re.fullmatch(hint.pattern, identity)]
    return [config for place, config in enumerate(found) if config not in found[:place]]
