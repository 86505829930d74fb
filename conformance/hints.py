"""Hints: histories to try for differences that requests drawn at random seldom show, and why some cannot be shown.

What must live here: redlark's own knowledge of what to try, as data. A hint proves nothing: the models and the real
servers decide whether it shows the difference that it is for.
"""

from __future__ import annotations

import re

from attrs import frozen

from redlark.conformance.history import History, request, steps_of
from redlark.reference.transcript import split

_ONES = " ".join(["1"] * 513)
_LETTERS = " ".join(["a"] * 129)
_MANY = " ".join(f"m{number}" for number in range(129))
_LONG = "x" * 41


@frozen
class Hint:
    """Histories for the differences whose id has this pattern; each is lines as typed into redis-cli."""

    pattern: str
    histories: tuple[tuple[str, ...], ...]
    config: tuple[tuple[str, str], ...] = ()


HINTS: tuple[Hint, ...] = (
    Hint(
        r"rule RESET reset",
        (("CLIENT NO-EVICT ON", "RESET", "CLIENT LIST"), ("CLIENT NO-EVICT ON", "RESET", "CLIENT INFO")),
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
)

# Why no history of one connection's requests can show it.
_LAYOUT = (
    "it is a part of `encodings list`: before 7.2 a list is a quicklist whatever it was, so nothing shows this alone"
)
REASONS: tuple[tuple[str, str], ...] = (
    (r"(step|rule) (LINSERT|LSET|fragment (push|take-out|move)) .*", _LAYOUT),
    (r"option CONFIG\|GET .*|syntax .*", "requests mean the same; COMMAND DOCS tells it otherwise"),
    (r"reply MODULE\|LIST", "no module is loaded on these servers"),
    (r"option MODULE\|.*", "needs a server that was started to load modules"),
    (r"(step|option|rule) CLUSTER\|.*", "needs a server that is part of a cluster"),
    (r"definition \(shared\) (gone-at-deadline|moment-per-command|ghosts)", "it shows within one millisecond alone"),
    (r"definition \(shared\) waits-anew", "it shows where somebody waits again while an EXEC still runs"),
    (r"refusal (ZRANK|ZREVRANK) too-many", "the other version answers such a request with the same error: its arity"),
    (r"(refusal XADD condition|rule XTRIM policy-twice)", "a part of the options: without them the same error comes"),
    (r"rule SET stored|step fragment put effects", "the order of writes inside one command: no request comes between"),
    (
        r"rule (XADD added|XAUTOCLAIM claimed|XCLAIM claimed)",
        "a part of the difference beside it; alone it changes nothing",
    ),
    (r"(step|rule) CLIENT\|(LIST|KILL) (let|choose).*", "a part of the options that are new"),
    (r"definition \(shared\) ids-of", "a part of the options that are new"),
    (r"step fragment spoil effects", "what a spoiled transaction keeps is dropped by EXEC in either"),
    (r"(rule|step) HELLO .*", "of a HELLO that fails nothing else is to be seen"),
)


def histories(identity: str, config: dict[str, str]) -> list[History]:
    """What to try for a difference, on a server set up so."""
    return [
        History(steps_of(0, (request(*split(line)) for line in lines)), protocol)
        for hint in HINTS
        if re.fullmatch(hint.pattern, identity) and dict(hint.config) == config
        for lines in hint.histories
        for protocol in (2, 3)
    ]


def configurations(identity: str) -> list[dict[str, str]]:
    """The configurations that the hints for a difference want."""
    found = [dict(hint.config) for hint in HINTS if re.fullmatch(hint.pattern, identity)]
    return [config for place, config in enumerate(found) if config not in found[:place]]


def reason(identity: str) -> str:
    """Why a difference cannot be shown, or that no history was found."""
    return next((why for pattern, why in REASONS if re.fullmatch(pattern, identity)), "")
