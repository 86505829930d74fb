"""Why nothing shows some differences of the text: a sentence for each, by the pattern of its id.

What must live here: what is known of differences that no two servers can be seen to have. It is redlark's own
knowledge, as data; nothing is searched for where a reason is known, unless a search is to be thorough.
"""

from __future__ import annotations

import re

LAYOUT = (
    "it is a part of `encodings list`: before 7.2 a list is a quicklist whatever it was, so nothing shows this alone"
)
PART = "a part of what is new beside it: without that, either version refuses the request with the same error"
SAME = "it makes up for another difference: both servers do the same there"
OPEN = (
    "it settles what the other version leaves open: an expired field may be cleared away at any moment, and what was "
    "seen is allowed in either"
)
FOREIGN = "it needs a payload of the other product or version, whose number is refused before anything else is read"
TOGETHER = "the options that are new are read by it; without them it does the same"
UNHEARD = "it is about what replicas get for one who has waited; a search follows only what requests themselves tell"

REASONS: tuple[tuple[str, str], ...] = (
    (r"(step|rule) (LINSERT|LSET|fragment (push|take-out|move)) .*|definition \(shared\) list-read", LAYOUT),
    (r"definition \(shared\) left-as", "before 7.2 a set is never a listpack, so nothing shows this alone"),
    (r"step SADD let start|step ZRANGESTORE let at-once", SAME),
    (r"option CONFIG\|GET .*|syntax .*", "requests mean the same; COMMAND DOCS tells it otherwise"),
    (r"type \(shared\) field-unix-time", "requests mean the same; COMMAND DOCS tells it otherwise"),
    (r"reply MODULE\|LIST", "no module is loaded on these servers"),
    (r"option MODULE\|.*", "needs a server that was started to load modules"),
    (r"(step|option|rule) CLUSTER\|.*", "needs a server that is part of a cluster"),
    (r"definition \(shared\) (gone-at-deadline|moment-per-command|ghosts)", "it shows within one millisecond alone"),
    (
        r"definition \(shared\) waits-anew",
        "it decides which of two who were both woken in vain is served first; nothing was found where that matters",
    ),
    (r"refusal (ZRANK|ZREVRANK) too-many", "the other version answers such a request with the same error: its arity"),
    (r"(refusal XADD condition|rule XTRIM policy-twice)", PART),
    (r"rule (GEOSEARCH|GEOSEARCHSTORE) (centre-of-polygon|polygon-with-centre)|refusal \S+ missing", PART),
    (r"rule BITCOUNT bad-end", "without an end that may be left out, the same error comes as the request is read"),
    (r"rule SET stored|step fragment put effects", "the order of writes inside one command: no request comes between"),
    (
        r"rule (XADD added|XAUTOCLAIM claimed|XCLAIM claimed)",
        "a part of the difference beside it; alone it changes nothing",
    ),
    (r"(step|rule) CLIENT\|(LIST|KILL) (let|choose).*|definition \(shared\) ids-of", TOGETHER),
    (r"rule CLIENT\|(KILL|LIST) (lone-word|id-too-small)", SAME),
    (
        r"reply CLIENT\|TRACKING",
        "its rule `on-with-overlap` shows it: the types of replies only declare what that says",
    ),
    (r"step fragment spoil effects", "what a spoiled transaction keeps is dropped by EXEC in either"),
    (r"(rule|step) HELLO .*", "of a HELLO that fails nothing else is to be seen"),
    (r"error \(shared\) OLD_FUNCTION", "needs a payload that a release candidate of Redis 7.0 made"),
    (r"definition \(shared\) (last-type|product)|rule fragment restore restored", FOREIGN),
    (r"step fragment delivered use group-told", UNHEARD),
    (
        r"step (HDEL|HEXISTS|HGET|HMGET|HRANDFIELD|HSETEX|HSETNX|HSTRLEN) effects|step HSET choose gone"
        r"|rule HSET stored|rule HLEN counted-ended|step HDEL let found|definition \(shared\) found-by-expire",
        OPEN,
    ),
    (
        r"step fragment sort choose stale|rule fragment sort stale-range",
        "what an earlier request has left behind decides",
    ),
    (r"rule HINCRBY added", "only replicas are told something else, and only of fields that have a deadline"),
    (r"definition \(shared\) position", "it shows only where nothing else tells how far a group is; none was found"),
    (r"encoding \(shared\) hash", "what puts a hash into that encoding shows it: `use keep-timed`"),
    (
        r"step (HGETEX|HSETEX) use time-before-fields|rule fragment field-deadline bad-.*",
        "where a time stands behind the fields it is read later; the error is the same, and so is what comes before it",
    ),
    (r"step fragment store-sum event", "the same event is told as the field's time is up, so nothing shows this alone"),
    (
        r"parameter \(parameters\) (cluster-announce-.*|max-new-.*connections-per-cycle)",
        "CONFIG GET and CONFIG SET say the same of either kind, within these bounds",
    ),
)


def reason(identity: str) -> str:
    """Why a difference cannot be shown, or was not; empty where nothing is known."""
    return next((why for pattern, why in REASONS if re.fullmatch(pattern, identity)), "")
