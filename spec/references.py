"""Who uses what: the commands that an error, a type, a definition, a fragment or a field of the state may be felt by.

What must live here: following names through a resolved text, and nothing of what they mean.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import attrs
from attrs import mutable

from redlark.spec import syntax as s

Reference = tuple[str, str]  # a kind and a name
IMPLIED = frozenset((("error", "SYNTAX"), ("error", "WRONGTYPE")))  # what blocks refer to without naming it


@mutable
class Users:
    """The commands of a resolved text, and all that each of them refers to, at whatever distance."""

    text: s.Specification
    commands: dict[str, s.Command]

    def of(self, kind: str, name: str) -> tuple[str, ...]:
        """The commands that refer to this."""
        return tuple(command for command, found in self.reached.items() if (kind, name) in found)

    @cached_property
    def _definitions(self) -> dict[Reference, frozenset[Reference]]:
        kinds: dict[str, tuple[Any, ...]] = {
            "type": self.text.types,
            "definition": self.text.defines,
            "fragment": self.text.fragments,
        }
        return {(kind, one.name): frozenset(_references(one)) for kind, items in kinds.items() for one in items}

    @cached_property
    def reached(self) -> dict[str, frozenset[Reference]]:
        """What each command refers to, the commands that it means among it."""
        found = {name: self._closure(frozenset(_references(block))) for name, block in self.commands.items()}
        for name, block in self.commands.items():
            for means in block.means:
                found[name] |= found.get(means.command, frozenset()) | {("command", means.command)}
        return found

    def _closure(self, begin: frozenset[Reference]) -> frozenset[Reference]:
        reached, agenda = set(begin), list(begin)
        while agenda:
            for one in self._definitions.get(agenda.pop(), frozenset()):
                if one not in reached:
                    reached.add(one)
                    agenda.append(one)
        return frozenset(reached)


def trees(text: s.Specification) -> Iterator[tuple[Reference, s.Node]]:
    """Every block, error, type, definition and fragment of a text, with its kind and name."""
    for kind, items in (
        ("command", text.commands), ("error", text.errors), ("type", text.types), ("definition", text.defines),
        ("fragment", text.fragments),
    ):  # fmt: skip
        yield from (((kind, one.name), one) for one in items)


def _references(value: Any) -> Iterator[Reference]:
    """What a tree names."""
    match value:
        case tuple():
            for item in value:
                yield from _references(item)
            return
        case s.Error(name=str(name)):
            yield "error", name
        case s.Call(function=name):
            yield "definition", name
        case s.Use(fragment=name):
            yield "fragment", name
        case s.Argument(type=name):
            yield "type", name
        case s.Field(base=s.Name(name="session" | "server"), name=name):
            yield "state", name
        case s.Field(base=s.Index(base=s.Name(name="sessions")), name=name):
            yield "state", name
    if attrs.has(type(value)) and not isinstance(value, (s.Example, s.Place)):
        for one in attrs.fields(type(value)):
            if one.name not in ("place", "examples"):
                yield from _references(getattr(value, one.name))
