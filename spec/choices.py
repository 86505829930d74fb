"""Which choices of the text a reply shows, and which the model has to enumerate.

What must live here: the label of each ``choose``. One that flows into a reply is *determined*: the model takes its
candidates from the observed reply. Any other is *enumerated*, so its domain must have an end: the checker refuses
one that has none. What must not live here: domains themselves (``reference``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import attrs

from redlark.spec import syntax as s


@attrs.frozen
class Choice:
    """One ``choose`` of a command, and whether the reply shows what was chosen."""

    command: str
    node: s.Choose
    determined: bool

    @property
    def endless(self) -> bool:
        """Whether it would have to be enumerated and has no end."""
        return not self.determined and isinstance(self.node.domain, s.Range) and self.node.domain.high is None

    def __str__(self) -> str:
        how = "determined by the reply" if self.determined else "enumerated"
        return f"{self.node.place}: {self.command} chooses {self.node.name}: {how}"


def choices(command: s.Command, fragments: dict[str, s.Fragment]) -> tuple[Choice, ...]:
    """The choices of a command, those of the fragments that it uses among them, each with its label."""
    steps = list(_steps(command.steps, fragments))
    flows: dict[str, set[str]] = {}
    shown: set[str] = set()
    for step in steps:
        if isinstance(step, s.Let):
            for name in step.names:
                flows.setdefault(name, set()).update(names(step.value))
        elif isinstance(step, s.Assign):
            for name in names(step.target):
                flows.setdefault(name, set()).update(names(step.value))
        elif isinstance(step, s.Each):
            for name in step.variables:
                flows.setdefault(name, set()).update(*(names(domain) for domain in step.domains))
            if step.giving is not None:
                flows.setdefault(step.giving, set()).update(_replies([step], fragments))
    shown.update(_replies(command.steps, fragments))
    while True:
        more = {source for name in shown for source in flows.get(name, ())} - shown
        if not more:
            break
        shown |= more
    return tuple(Choice(command.name, step, step.name in shown) for step in steps if isinstance(step, s.Choose))


def names(node: Any) -> Iterator[str]:
    """Every name in an expression or a reply; a field of the session as one name, ``session.id``."""
    if isinstance(node, s.Name):
        yield node.name
    elif isinstance(node, s.Field) and isinstance(node.base, s.Name):
        yield f"{node.base.name}.{node.name}"
    elif isinstance(node, tuple):
        for item in node:
            yield from names(item)
    elif attrs.has(type(node)) and isinstance(node, s.Node):
        for field in attrs.fields(type(node)):
            if field.name != "place":
                yield from names(getattr(node, field.name))


def _steps(steps: Iterable[s.Step], fragments: dict[str, s.Fragment]) -> Iterator[s.Step]:
    for step in steps:
        yield step
        if isinstance(step, (s.Rule, s.Each, s.On)):
            yield from _steps(step.steps, fragments)
        elif isinstance(step, s.Use) and step.fragment in fragments:
            yield from _steps(fragments[step.fragment].steps, fragments)


def _replies(steps: Iterable[s.Step], fragments: dict[str, s.Fragment]) -> set[str]:
    replies = [step.reply for step in _steps(steps, fragments) if isinstance(step, (s.Rule, s.Each))]
    return {name for reply in replies if reply is not None for name in names(reply)}
