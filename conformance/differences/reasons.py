"""Why nothing shows some differences of the text: a sentence for each, by the pattern of its id.

What must live here: what is known of differences that no two servers can be seen to have. It is redlark's own
knowledge, as data; nothing is searched for where a reason is known, unless a search is to be thorough.
"""

from __future__ import annotations

import re

from redlark.spec.differences import Comparison, Difference

NAMED = "it names what the step beside it writes, and that was seen: neither stands without the other"
PART = "a part of what is new beside it: without that, either version refuses the request with the same error"
SAME = "it makes up for another difference: both servers do the same there"
OPEN = (
    "it settles what the other version leaves open: an expired field may be cleared away at any moment, and what was "
    "seen is allowed in either"
)
FOREIGN = "it needs a payload of the other product or version, whose number is refused before anything else is read"
TOGETHER = "the options that are new are read by it; without them it does the same"
UNHEARD = "it is about what replicas get for one who has waited; a search follows only what requests themselves tell"
ALONE = "it is about what a server clears away by itself; a search follows only what requests themselves tell"

REASONS: tuple[tuple[str, str], ...] = (
    (r"step fragment (push|take-out|move) let layout", NAMED),
    (r"definition \(shared\) list-read", "before 7.2 a list is a quicklist whatever it was read from"),
    (r"definition \(shared\) (left-as|met-in)", "before 7.2 a set is never a listpack, so nothing shows this alone"),
    (
        r"step CALLED use called-in-cluster",
        "what scripts may call in the cluster of Valkey 9.1 is not specified: one refused call spoils all that follow",
    ),
    (r"step SADD let start|step ZRANGESTORE let at-once", SAME),
    (r"reply MODULE\|LIST", "no module is loaded on these servers"),
    (r"option MODULE\|.*", "needs a server that was started to load modules"),
    (
        r"option SHUTDOWN FAILOVER",
        "it ends the server; where that is refused (SAFE, in a cluster) COMMAND DOCS alone tells of the option",
    ),
    (
        r"definition \(shared\) (gone-at-deadline|moment-per-command|ghosts)|step fragment (expire|restore) effects",
        "it shows within one millisecond alone",
    ),
    (
        r"definition \(shared\) (answer\S+|lacks-a-source)|rule (LREM removed|XADD added)"
        r"|step fragment pop-pairs event",
        "on which side of a reply the events of the own connection come: a search looks at each of them by itself",
    ),
    (
        r"step COUNTED effects",
        "LATENCY HISTOGRAM alone shows it, whose times may be any: a search compares whole replies",
    ),
    (
        r"definition \(shared\) leaps",
        "the random towers of a skip list say what is found there, and what one version shows the other may show, too",
    ),
    (r"step SCAN effects", "it says only that a count is not known any more: any number is then allowed"),
    (r"step NOTIFIED let class", ALONE),
    (r"step fragment (set-fields|store-sum) (choose told|let due)", OPEN),
    (r"refusal (ZRANK|ZREVRANK) too-many", "the other version answers such a request with the same error: its arity"),
    (r"(refusal XADD condition|rule XTRIM policy-twice)", PART),
    (r"rule (GEOSEARCH|GEOSEARCHSTORE) (centre-of-polygon|polygon-with-centre)|refusal \S+ missing", PART),
    (r"rule BITCOUNT bad-end", "without an end that may be left out, the same error comes as the request is read"),
    (r"rule SET stored|step fragment put effects", "the order of writes inside one command: no request comes between"),
    (
        r"rule (XAUTOCLAIM claimed|XCLAIM claimed)",
        "the consumer is heard of in either version, before or as it claims: `use heard-of` beside it shows that",
    ),
    (r"(step|rule) CLIENT\|(LIST|KILL) (let|choose).*|definition \(shared\) ids-of", TOGETHER),
    (r"rule CLIENT\|(KILL|LIST) (lone-word|id-too-small)", SAME),
    (
        r"reply CLIENT\|TRACKING",
        "its rule `on-with-overlap` shows it: the types of replies only declare what that says",
    ),
    (r"step fragment spoil effects", "what a spoiled transaction keeps is dropped by EXEC in either"),
    (
        r"error \(shared\) OLD_FUNCTION|rule FUNCTION\|RESTORE old-function",
        "needs a payload that a release candidate of Redis 7.0 made",
    ),
    (r"rule fragment restore restored", FOREIGN),
    (r"step fragment delivered use group-told", UNHEARD),
    (
        r"step (HDEL|HEXISTS|HGET|HMGET|HRANDFIELD|HSETEX|HSETNX|HSTRLEN) effects|step HSET choose gone"
        r"|rule (HSET stored|HLEN counted-ended|HINCRBY added)|step HDEL let found",
        OPEN,
    ),
    (r"definition \(shared\) position", "it shows only where nothing else tells how far a group is; none was found"),
    (
        r"rule fragment field-deadline bad-.*",
        "where a time stands behind the fields it is read later; the error is the same, and so is what comes before it",
    ),
    (
        r"step fragment sort choose stale",
        "its rule `stale-range` shows it: without the choice that is never asked",
    ),
    (
        r"parameter \(parameters\) cluster-announce-.*",
        "what a `special` one takes is not specified, and what the other takes both servers tell alike",
    ),
)


def reason(identity: str) -> str:
    """Why a difference cannot be shown, or was not; empty where nothing is known."""
    return next((why for pattern, why in REASONS if re.fullmatch(pattern, identity)), "")


def why_unseen(comparison: Comparison, one: Difference) -> str:
    """Why no history shows a difference, as far as that is known."""
    return why_known(comparison, one) or "no history was found that shows it"


def why_known(comparison: Comparison, one: Difference) -> str:
    """Why nothing can show a difference, or nothing does; empty where that is not known."""
    found = reason(one.id)
    if found or not one.users:
        return found
    sent = [
        fact.values[0] if fact else None
        for commands in comparison.commands
        for user in one.users
        if user in commands
        for fact in [next((f for f in commands[user].facts if f.kind == "never-sent"), None)]
    ]
    return f"requests of this command are not sent: {sent[0]}" if sent and None not in sent else ""
