"""Where the text says what: the file and the lines of each block, and the places that each rule has in it.

What must live here: places, and the characters that stand there. What a rule means is nobody's business here; which
rules a profile has is the model's to say. A rule that the text does not write (the parser's own refusals) stands where
what it refuses is written: at the fact that gives its error, at the argument, or at the syntax line.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property
from importlib.resources import files

from attrs import frozen

from redlark.spec import syntax as s
from redlark.spec.loader import specification


@frozen
class Source:
    """Lines of a file of the text, counted from 1, the last one among them."""

    file: str
    first: int
    last: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.first}-{self.last}"


@frozen(slots=False, eq=False)
class Sources:
    """The places of one specification in the files that it was read from."""

    specification: s.Specification
    texts: Mapping[str, str]  # name of a file to what it holds

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of all files, by which two reports know that they speak of the same text."""
        whole = hashlib.sha256()
        for name, text in sorted(self.texts.items()):
            whole.update(f"{name}\0{text}\0".encode())
        return whole.hexdigest()

    @cached_property
    def commands(self) -> dict[str, s.Command]:
        """The blocks by their names."""
        return {command.name: command for command in self.specification.commands}

    @cached_property
    def fragments(self) -> dict[str, s.Fragment]:
        """The fragments by their names."""
        return {fragment.name: fragment for fragment in self.specification.fragments}

    def block(self, name: str) -> Source:
        """The block of a command, with the comment right above it. Raises `KeyError` where there is none."""
        return self._whole(self.commands[name].place)

    def around(self, file: str, line: int) -> Source:
        """The block, fragment or definition of which a line is part, with the comment right above it."""
        return self._whole(s.Place(file, line, 1))

    def places(self, rule: str) -> tuple[s.Place, ...]:
        """Where a rule, by its full name, stands; none where its block does not exist.

        There may be several places: a rule is written once for each range of versions in which it differs, and one
        of a fragment stands there and where it is used.
        """
        name, _, short = rule.partition("/")
        command = self.commands.get(name)
        if command is None:
            return ()
        found = self._written(name).get(short)
        return tuple(dict.fromkeys(found)) if found else (self._refused(command, short),)

    @cache  # noqa: B019 - there is one for a text, and it lives as long as that
    def _written(self, name: str) -> dict[str, list[s.Place]]:
        found: dict[str, list[s.Place]] = {}
        for rule, place in self._rules(self.commands[name], ()):
            found.setdefault(rule, []).append(place)
        return found

    def _rules(self, command: s.Command, met: tuple[str, ...]) -> Iterator[tuple[str, s.Place]]:
        yield from self._in(command.steps, met)
        for means in command.means:
            if means.command not in met and means.command in self.commands:
                yield from self._rules(self.commands[means.command], (*met, command.name, means.command))

    def _in(self, steps: Iterable[s.Step], met: tuple[str, ...]) -> Iterator[tuple[str, s.Place]]:
        for step in steps:
            if isinstance(step, s.Rule):
                yield step.name, step.place
            elif isinstance(step, s.Need):
                plain = "wrong-type" if isinstance(step.value, s.At) else f"bad-{step.name}"
                yield step.rule or plain, step.place
            elif isinstance(step, s.Use) and step.fragment in self.fragments and step.fragment not in met:
                inner = self._in(self.fragments[step.fragment].steps, (*met, step.fragment))
                for rule, place in inner:
                    yield rule, place
                    yield rule, step.place
            yield from self._in(getattr(step, "steps", ()), met)

    def _refused(self, command: s.Command, short: str) -> s.Place:
        """Where a refusal of the parser is written, or what it refuses."""
        refusals = [fact for fact in command.facts if fact.kind == "refuses"]
        about = {short, short.removeprefix("bad-")}
        place = next((fact.place for fact in refusals if str(fact.values[0]) in about), None)
        return place or command.place

    def _whole(self, place: s.Place) -> Source:
        lines = self.texts[place.file].split("\n")
        first = place.line - 1
        while first and not _ITEM.match(lines[first]):
            first -= 1
        last = next((n for n in range(max(first + 1, place.line), len(lines)) if _ITEM.match(lines[n])), len(lines))
        while first and lines[first - 1].startswith("--"):
            first -= 1
        while last > place.line and (not lines[last - 1].strip() or lines[last - 1].startswith("--")):
            last -= 1
        return Source(place.file, first + 1, last, "\n".join(lines[first:last]))


_ITEM = re.compile(r"\w")  # what begins in the first column is a block, a fragment or a definition


@cache
def sources() -> Sources:
    """The places of Redlark's own text."""
    folder = files("redlark.spec").joinpath("text")
    texts = {one.name: one.read_text() for one in folder.iterdir() if one.name.endswith(".redlark")}
    return Sources(specification(), texts)
