"""A node that is alone in its cluster: how it comes to serve every slot, and what is asked of it that changes that.

What must live here: what would leave the node otherwise than it was is asked here alone, in histories that put it right
again, or that are the node's last. What else a cluster refuses or tells is drawn.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence

from redlark.conformance.drawing import examples
from redlark.conformance.drawing.generate import Grammar
from redlark.conformance.errors import CannotRun, Lost
from redlark.conformance.history import History, Request, request, steps_of
from redlark.conformance.targets.target import Target, line
from redlark.reference import Model
from redlark.reference.transcript import split

SLOTS = 16384
PATIENCE = 10.0  # seconds that a node may take to find that its cluster is whole; it takes two
_NOBODY = "0" * 40  # the id of no node

# Of which no request is drawn: they change which slots are served, or which nodes are known.
CHANGING = frozenset((
    "CLUSTER|ADDSLOTS", "CLUSTER|ADDSLOTSRANGE", "CLUSTER|DELSLOTS", "CLUSTER|DELSLOTSRANGE", "CLUSTER|FLUSHSLOTS",
    "CLUSTER|RESET", "CLUSTER|SETSLOT", "CLUSTER|MEET", "CLUSTER|MIGRATESLOTS", "CLUSTER|SYNCSLOTS",
    "CLUSTER|REPLICATE",
))  # fmt: skip

_TAKING = [[b"CLUSTER", name] for name in (b"DELSLOTS", b"DELSLOTSRANGE", b"FLUSHSLOTS", b"RESET")]

# Not drawn: what scripts may reach in Valkey 9.1's cluster is not specified, and elsewhere it is asked here.
SCRIPTS = frozenset(("EVAL", "EVAL_RO", "EVALSHA", "EVALSHA_RO", "FCALL", "FCALL_RO", "FUNCTION|LOAD", "SCRIPT|LOAD"))
# Not drawn there: MSETEX in a transaction stores keys where nothing finds them again (docs/findings.md, Valkey 9.1.2).
LOSING = frozenset(("MSETEX",))

_PUT_RIGHT: tuple[tuple[str, ...], ...] = (
    (
        "CLUSTER ADDSLOTS x", "CLUSTER ADDSLOTS 6 x", "CLUSTER ADDSLOTS 6", "CLUSTER DELSLOTS 5 5",
        "CLUSTER DELSLOTS 16384", "SET {k}1 v", "CLUSTER DELSLOTS 5 7629", "CLUSTER DELSLOTS 5", "GET {k}1", "GET j",
        "MGET {k}1 j", "CLUSTER INFO", "KEYS *", "CLUSTER COUNTKEYSINSLOT 7629", "CLUSTER ADDSLOTS 5 5",
        "CLUSTER ADDSLOTS 7629", "GET j", "MULTI", "GET {k}1", "EXEC", "CLUSTER ADDSLOTS 5", "GET j", "GET {k}1",
        "CLUSTER FLUSHSLOTS", "CLUSTER RESET", "CLUSTER RESET x", "CLUSTER RESET SOFT x", "FAILOVER", "FAILOVER ABORT",
    ),
    (
        "CLUSTER DELSLOTSRANGE 5 x", "CLUSTER DELSLOTSRANGE 6 5", "CLUSTER DELSLOTSRANGE 5 6 7",
        "CLUSTER DELSLOTSRANGE 5 6 6 7", "CLUSTER DELSLOTSRANGE 5 6 9 9", "CLUSTER DELSLOTSRANGE 6 6", "GET k",
        "CLUSTER ADDSLOTSRANGE x 6", "CLUSTER ADDSLOTSRANGE 6 5", "CLUSTER ADDSLOTSRANGE 4 6",
        "CLUSTER ADDSLOTSRANGE 5 6 5 5", "CLUSTER ADDSLOTSRANGE 5 6 7", "CLUSTER ADDSLOTSRANGE 5 6 9 9", "GET k",
    ),
    (
        "CLUSTER SETSLOT 5 STABLE", "CLUSTER SETSLOT x STABLE", "CLUSTER SETSLOT 5 STABLE x",
        *(f"CLUSTER SETSLOT 5 STABLE TIMEOUT {time}" for time in ("10", "x", "-1", "10 x")),
        f"CLUSTER SETSLOT 5 NODE {_NOBODY}", "CLUSTER MEET nowhere 99999",
        "CLUSTER MEET nowhere x 1 1", "CLUSTER MIGRATESLOTS SLOTSRANGE 5 5 NODE nobody", "CLUSTER SYNCSLOTS nothing",
        "CLUSTER REPLICATE nobody", f"CLUSTER REPLICATE {_NOBODY}", "CLUSTER REPLICATE nobody at all",
        *(f"CLUSTER {name} {_NOBODY}" for name in ("FORGET", "REPLICAS", "SLAVES", "COUNT-FAILURE-REPORTS")),
    ),
)  # fmt: skip
_TWO = "redis.call('GET', 'a') return redis.call('GET', 'b')"
_KEEPS, _ROAMS = f'"#!lua\\n{_TWO}"', f'"#!lua flags=allow-cross-slot-keys\\n{_TWO}"'
_AT_ONCE = "\"return redis.call('MGET', 'a', 'b')\""
_NEVER = '"#!lua flags=no-cluster,no-writes\\nreturn 1"'
_NEVER_SHA = hashlib.sha1(b"#!lua flags=no-cluster,no-writes\nreturn 1").hexdigest()

# Which keys a script may name, by what it says of itself.
_CALLING: tuple[tuple[str, ...], ...] = (
    (f'EVAL "{_TWO}" 0', f'EVAL "{_TWO}" 1 a', f"EVAL {_AT_ONCE} 0", f"EVAL {_AT_ONCE} 1 a", 'EVAL "return 1" 2 a b'),
    (f"EVAL {_KEEPS} 0", f"EVAL {_KEEPS} 1 a", f"EVAL {_KEEPS} 1 c", f"EVAL {_ROAMS} 0", f"EVAL {_ROAMS} 1 c"),
    (f"EVAL_RO {_AT_ONCE} 0", f'EVAL_RO "{_TWO}" 1 c'),
    *(
        ("MULTI", f'EVAL {one} 0', "EVAL \"#!lua\\nreturn redis.call('GET', 'b')\" 0", f"EVAL {_KEEPS} 0", "EXEC")
        for one in (f'"{_TWO}"', _ROAMS, "\"#!lua\\nreturn redis.call('GET', 'c')\"")
    ),
    *(
        (
            f"FUNCTION LOAD \"#!lua name=l\\nredis.register_function{{function_name='f', callback=function() {_TWO} end"
            f', flags={{{flags}}}}}"', "FCALL f 0", "FCALL f 1 a", "FCALL f 1 c", "FCALL_RO f 0",
        )
        for flags in ("", "'no-writes'", "'allow-cross-slot-keys'")
    ),
)  # fmt: skip
_REFUSED: tuple[tuple[str, ...], ...] = (
    (f"EVAL {_NEVER} 0", f"EVALSHA {_NEVER_SHA} 0"),
    (f"EVAL_RO {_NEVER} 0", f"EVALSHA_RO {_NEVER_SHA} 0"),
    (
        "FUNCTION LOAD \"#!lua name=l\\nredis.register_function{function_name='f', callback=function() return 1 end"
        ", flags={'no-cluster', 'no-writes'}}\"", "FCALL f 0", "FCALL_RO f 0",
    ),
)  # fmt: skip
_LAST = ("CLUSTER FLUSHSLOTS", "GET k", "SET j v", "CLUSTER RESET", "GET k")


def _histories(lines: Sequence[str], names: Collection[str], protocols: Sequence[int]) -> list[History]:
    """These requests, but for those that a server does not have."""
    known = [words for words in map(str.split, lines) if words[0] != "CLUSTER" or "|".join(words[:2]) in names]
    asked = [request(*words) for words in known]
    return [History(steps_of(0, asked), protocol) for protocol in protocols] if asked else []


def changes(history: History) -> bool:
    """Whether a history may leave the node without some slot: a shorter one, of one that puts it right again, does."""
    return any(
        one.fixed is not None and [part.upper() for part in one.fixed[0][:2]] in _TAKING
        for step in history.steps
        for one in step.requests
    )


def histories(grammars: Mapping[str, Grammar], protocols: Sequence[int], model: Model) -> list[History]:
    """What is asked of such a node first: histories that put it right again, scripts, and the text's examples of it."""
    shown = [name for name, one in grammars.items() if not one.never_sent]
    return [
        *put_right(grammars, protocols),
        *scripts(grammars, protocols, model.rules),
        *examples.histories(grammars, shown, model.profile, protocols, clustered=True),
    ]


def put_right(names: Collection[str], protocols: Sequence[int]) -> list[History]:
    """Histories that change what the node serves and change it back."""
    return [history for lines in _PUT_RIGHT for history in _histories(lines, names, protocols)]


def scripts(names: Collection[str], protocols: Sequence[int], rules: Collection[str]) -> list[History]:
    """Histories of scripts: what a profile with these rules specifies of them in a cluster."""
    lines = (*(_CALLING if "CALLED/cross-slot" in rules else ()), *(_REFUSED if "EVAL/no-cluster" in rules else ()))
    able = [each for each in lines if all(one.split()[0] in names or one.startswith("FUNCTION") for one in each)]
    return [
        History(steps_of(0, [Request(split(one)) for one in each]), protocol)
        for each in able
        if "FUNCTION|LOAD" in names or not each[0].startswith("FUNCTION")
        for protocol in protocols
    ]


def last(names: Collection[str], protocols: Sequence[int]) -> list[History]:
    """The last history of a node, behind which it serves nothing."""
    return _histories(_LAST, names, protocols[:1])


def serve_all(target: Target) -> None:
    """Gives the node every slot that it lacks, and waits until it finds its cluster whole. Raises `CannotRun`."""
    try:
        with target.address.enter() as connection:
            served = [
                (one.value[0].value, one.value[1].value) for one in connection.ask(b"CLUSTER", b"SLOTS").value or ()
            ]
            lacking = [slot for slot in range(SLOTS) if not any(low <= slot <= high for low, high in served)]
            said = connection.ask(b"CLUSTER", b"ADDSLOTS", *(b"%d" % slot for slot in lacking)) if lacking else None
            if said is not None and said.is_error:
                raise CannotRun(f"the node refuses its slots: {line(said)}")
            deadline = time.monotonic() + PATIENCE
            while b"cluster_state:ok" not in connection.ask(b"CLUSTER", b"INFO").raw:
                if time.monotonic() > deadline:
                    raise CannotRun(f"the node does not find its cluster whole within {PATIENCE:g} s")
                time.sleep(0.02)
    except Lost as lost:
        raise CannotRun(f"the node {lost.what}") from None
