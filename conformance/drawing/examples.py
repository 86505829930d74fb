"""The text's own examples as histories: what a reader of the specification sees, a server must do.

The checker of the specification has shown that the model gives exactly the printed output; the judge, which asks the
same model, therefore holds a server to it. What an example leaves open (an id, an order) stays open here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from redlark.conformance.drawing.generate import Grammar
from redlark.conformance.history import History, Request, Step
from redlark.reference.transcript import split
from redlark.spec import syntax
from redlark.spec.profiles import Profile


def histories(
    grammars: Mapping[str, Grammar],
    selected: Iterable[str],
    profile: Profile,
    protocols: Sequence[int],
    *,
    clustered: bool = False,
) -> list[History]:
    """One history for each example of the selected commands and each protocol that it is for.

    Those of a node that is alone in its cluster, or those of a server that is in none.
    """
    found = []
    for name in sorted(selected):
        for example in (one for one in grammars[name].examples if one.clustered == clustered):
            steps = _steps(example, profile)
            wanted = [protocol for protocol in protocols if protocol >= example.resp]
            found += [History(steps, protocol) for protocol in wanted if steps]
    return found


def _steps(example: syntax.Example, profile: Profile) -> tuple[Step, ...]:
    lines = [line for line in example.lines if profile.holds(line.guard)]
    asked = (() if line.arrives else (Request(split(line.request)),) for line in lines)
    return tuple(Step(line.client - 1, requests) for line, requests in zip(lines, asked, strict=True))
