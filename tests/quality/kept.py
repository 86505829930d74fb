"""What a measurement has found so far, kept in a file: one that is interrupted goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from attrs import asdict, define, field

from .beside import Seen
from .power import Power

Row = TypeVar("Row", Power, Seen)


@define
class Kept(Generic[Row]):
    """What became of each fault, by its name; written anew, as a whole, with every one that is added."""

    path: Path
    kind: Callable[..., Row]
    found: dict[str, Row] = field(init=False)

    @found.default
    def _read(self) -> dict[str, Row]:
        if not self.path.exists():
            return {}
        return {row["fault"]: self.kind(**row) for row in json.loads(self.path.read_text(encoding="utf-8"))}

    def add(self, one: Row) -> None:
        """Keep what became of one more."""
        self.found[one.fault] = one
        self.path.parent.mkdir(parents=True, exist_ok=True)
        written = self.path.with_suffix(".new")
        written.write_text(json.dumps([asdict(each) for each in self.found.values()], indent=1), encoding="utf-8")
        written.replace(self.path)
