"""Coverage: the rules that a run is asked about, and which of them are beyond the servers that it meets.

What must live here: what is to be reached, where. How it is reached is `pursuit`'s and `draw`'s; what was is the
campaign's to count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cached_property

from attrs import frozen

from redlark.conformance.drawing import hidden
from redlark.conformance.drawing.generate import Grammar, unreachable
from redlark.conformance.drawing.rehearse import Rehearsal
from redlark.conformance.targets.setups import OUT_OF_REACH, SETUPS, UNREHEARSED, Setup
from redlark.reference import Model

NOT_IN_MULTI = "DISPATCH/not-in-multi"


@frozen(slots=False)
class Coverage:
    """The rules of the selected commands, and those that hold for every command or are run by what those do."""

    model: Model
    grammars: Mapping[str, Grammar]
    selected: frozenset[str]
    sendable: frozenset[str]  # those of them of which requests are sent

    @cached_property
    def rules(self) -> tuple[str, ...]:
        """All rules that are asked about."""
        return (*self.common, *(rule for name in self.selected for rule in self.model.commands[name].rules))

    @cached_property
    def common(self) -> tuple[str, ...]:
        """The rules of the blocks that no request names and that a selected command may make run."""
        return tuple(rule for name in self.hidden for rule in self.model.hidden[name].rules)

    @cached_property
    def hidden(self) -> Mapping[str, frozenset[str]]:
        """The blocks that no request names, each with the selected commands that may make it run."""
        able = {name: by & self.sendable for name, by in self._runners.items()}
        return {name: by for name, by in able.items() if by}

    @cached_property
    def idle(self) -> Mapping[str, str]:
        """The rules of the other such blocks, each with the reason why this run does not ask about it."""
        return {
            rule: f"not asked: {hidden.WHY[hidden.cause(name)]}"
            for name in self._runners
            if name not in self.hidden
            for rule in self.model.hidden[name].rules
        }

    @cached_property
    def _runners(self) -> Mapping[str, frozenset[str]]:
        return {name: by for name, by in hidden.runners(self.model).items() if name != "DELIVERY"}

    @cached_property
    def unreachable(self) -> Mapping[str, str]:
        """Rules that no server can be brought to, as the text says, with the reason."""
        blocks = [*(shared.block for shared in self.model.shared), *(c.block for c in self.model.commands.values())]
        return {rule: why for block in blocks for rule, why in unreachable(block, self.model.profile).items()}

    def why_not(self, rule: str) -> str | None:
        """Why no run, or none of these commands, reaches a rule, where that is known."""
        if rule in self.unreachable:
            return f"no server can be brought there: {self.unreachable[rule]}"
        if rule == NOT_IN_MULTI and not any(self._never_in_multi(name) for name in self.sendable):
            return "not asked: each selected command may stand in a transaction, or is never sent"
        return next((reason for pattern, reason in OUT_OF_REACH if re.fullmatch(pattern, rule)), None)

    def _never_in_multi(self, name: str) -> bool:
        facts = self.model.commands[name].block.facts
        return any(
            one.kind == "flags" and "no-multi" in one.values and self.model.profile.holds(one.guard) for one in facts
        )

    def wanting(self, setup: Setup | None, rehearsal: Rehearsal) -> dict[str, frozenset[str]]:
        """The blocks of which rehearsals have not reached all that can be reached here, and those rules."""
        beyond = self._beyond(None if setup is None else setup.name)
        asked = {name: self.model.commands[name].rules for name in self.sendable}
        asked |= {name: self.model.hidden[name].rules for name in self.hidden}
        found = {
            name: frozenset(rule for rule in rules if not rehearsal.reached[rule] and not beyond.fullmatch(rule))
            for name, rules in asked.items()
        }
        return {name: rules for name, rules in sorted(found.items()) if rules}

    def _beyond(self, setup: str | None) -> re.Pattern[str]:
        """What cannot be reached, or not by rehearsals, with one set-up or none."""
        patterns = [pattern for pattern, _ in OUT_OF_REACH] + [re.escape(rule) for rule in self.unreachable]
        patterns += UNREHEARSED
        here = [one for one in SETUPS if one.is_of(self.model.profile.name)]
        patterns += [one.needed_by for one in here if setup is None or one.name != setup]
        return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))
