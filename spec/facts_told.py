"""What servers tell of a command, fact by fact, as lines that two versions of them can be compared by.

What must live here: how each fact of COMMAND INFO and COMMAND DOCS is said in a line. Summaries are left out: they are
Redlark's own words.
"""

from __future__ import annotations

from collections.abc import Iterator

from redlark.spec.derivation import table
from redlark.spec.metadata import Argument, Facts, KeySpec
from redlark.spec.profiles import Profile

Lines = tuple[str, ...]

# Facts that COMMAND INFO tells, in the order of its reply; COMMAND DOCS tells the others.
INFO = ("arity", "flags", "keys", "acl", "tips", "key-specs")
DOCS = ("group", "since", "complexity", "history", "doc-flags", "deprecated", "arguments")


def compared(name: str, first: Profile, second: Profile) -> Iterator[tuple[str, Lines, Lines]]:
    """The facts of a command that differ, with their lines; of what one of the two does not tell at all, none."""
    ours, theirs = (table(profile).commands.get(name) for profile in (first, second))
    if ours is None or theirs is None:
        return
    early = any(profile.name == "redis-6.2" for profile in (first, second))
    before, after = lines(ours), lines(theirs)
    for fact in (*INFO, *DOCS):
        if before[fact] != after[fact] and not (early and fact not in INFO[:4]):
            yield fact, before[fact], after[fact]


def lines(facts: Facts) -> dict[str, Lines]:
    """Every fact as lines."""
    return {
        "arity": (str(facts.arity),),
        "flags": (" ".join(facts.flags),),
        "keys": (" ".join(map(str, facts.key_range)),),
        "acl": (" ".join(f"@{category}" for category in facts.categories),),
        "tips": facts.tips,
        "key-specs": tuple(map(_key_spec, facts.key_specs)),
        "group": (facts.group,),
        "since": (facts.since,),
        "complexity": (facts.complexity,) if facts.complexity else (),
        "history": tuple(f"{version}: {text}" for version, text in facts.history),
        "doc-flags": (" ".join(facts.doc_flags),) if facts.doc_flags else (),
        "deprecated": (f"since {facts.deprecated[0]}, for {facts.deprecated[1]}",) if facts.deprecated else (),
        "arguments": tuple(line for argument in facts.arguments for line in _argument(argument, 0)),
    }


def _key_spec(spec: KeySpec) -> str:
    begin = f"behind {spec.keyword} from {spec.start}" if spec.keyword is not None else f"at {spec.index}"
    found = f"up to {spec.last} by {spec.step}" + (f" of 1/{spec.limit}" if spec.limit else "")
    if spec.count is not None:
        found = f"as many as argument {spec.count} says, from {spec.first} by {spec.step}"
    return f"{begin}, {found}: {' '.join(spec.flags)}" + (f" ({spec.notes})" if spec.notes else "")


def _argument(argument: Argument, depth: int) -> Iterator[str]:
    told = {
        "display": argument.display if argument.display != argument.name else None,
        "token": repr(argument.token) if argument.token is not None else None,
        "key spec": argument.key_spec,
        "since": argument.since,
        "deprecated": argument.deprecated,
    }
    said = "".join(f", {name} {value}" for name, value in told.items() if value is not None)
    flags = f" ({' '.join(argument.flags)})" if argument.flags else ""
    yield f"{'  ' * depth}{argument.name}: {argument.type}{flags}{said}"
    for inner in argument.arguments:
        yield from _argument(inner, depth + 1)
