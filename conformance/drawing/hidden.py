"""Blocks that no request names: which commands may make a server run one, as the text says.

Theory of operation. Each such block is run by something that steps of commands do: a script that they run, an event
that they tell, a field of the server that they set: `tracking`, `logs` (docs/reference/notation.md, "What happens by
itself"). Whose steps do it, fragments and meant commands included, is read off the text. What must not live here: what
the blocks say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import attrs

from redlark.reference import Model
from redlark.spec import syntax as s

SCRIPTS = frozenset(("run-script", "run-function"))
_RUN_BY = {"CALLED": "scripts", "NOTIFIED": "events", "LOGGED": "logs", "COUNTED": "counts"}
_ALWAYS = frozenset(("DISPATCH", "DELIVERY"))  # every request meets these
WHY = {
    "scripts": "no selected command runs scripts",
    "events": "no selected command tells of an event",
    "logs": "no selected command empties a log, so nothing is known of one",
    "counts": "no selected command lets what is counted begin anew, so nothing is known of it",
    "tracking": "no selected command makes a connection track",
}


def runners(model: Model) -> Mapping[str, frozenset[str]]:
    """For each hidden block of a model the commands that may make it run."""
    does = {name: _does(model, command.block) for name, command in model.commands.items()}
    return {
        name: frozenset(command for command, done in does.items() if name in _ALWAYS or cause(name) in done)
        for name in model.hidden
    }


def cause(block: str) -> str:
    """What runs a hidden block that not every request meets."""
    return _RUN_BY.get(block, "tracking")


def _does(model: Model, command: s.Command) -> frozenset[str]:
    """Which of these things the steps of a command may do."""
    found: set[str] = set()
    for node in _nodes(model, command, set()):
        match node:
            case s.Event() | s.Call(function="look-up" | "look-up-all"):
                found.add("events")
            case s.Call(function=function) if function in SCRIPTS:
                found.add("scripts")
            case s.Assign(target=s.Field(base=s.Name(name="server"), name="tracking")):
                found.add("tracking")
            case s.Assign(target=s.Index(base=s.Field(base=s.Name(name="server"), name="logs"))):
                found.add("logs")
            case s.Assign(target=s.Field(base=s.Name(name="server"), name="counts")):
                found.add("counts")
    return frozenset(found)


def _nodes(model: Model, node: object, seen: set[str]) -> Iterator[s.Node]:
    """A node and all below it that a profile holds; a fragment that is used, or a command that is meant, once."""
    if isinstance(node, tuple):
        for one in node:
            yield from _nodes(model, one, seen)
    elif isinstance(node, s.Node) and model.profile.holds(getattr(node, "guard", None)):
        yield node
        for held in attrs.fields(type(node)):
            yield from _nodes(model, getattr(node, held.name), seen)
        for name, there in _elsewhere(model, node):
            if name not in seen:
                seen.add(name)
                yield from _nodes(model, there.steps, seen)


def _elsewhere(model: Model, node: s.Node) -> Iterator[tuple[str, s.Fragment | s.Command]]:
    if isinstance(node, s.Use) and node.fragment in model.definitions.fragments:
        yield f"fragment {node.fragment}", model.definitions.fragments[node.fragment]
    if isinstance(node, s.Means) and node.command in model.commands:
        yield node.command, model.commands[node.command].block
