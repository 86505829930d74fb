"""The parameters of a profile's configuration, as plain data for a server that need not parse the text.

What must live here: names, kinds, bounds and defaults as `text/parameters.redlark` lists them. The text is read by
`python -m redlark.spec.metadata` alone, which writes the JSON files in ``generated``. What a kind takes is a rule of
the text, and none of this module's business.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Final

from attrs import asdict, frozen

GENERATED: Final = Path(__file__).with_name("generated")


@frozen
class Parameter:
    """One parameter: its own name and the others that mean it, its kind, the words and bounds of that, its default.

    `default` is None where the machine or the way that the server was started decides; a hidden parameter is told where
    it is asked for by its name alone.
    """

    names: tuple[str, ...]
    kind: str
    words: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    default: str | None = None
    hidden: bool = False


def of_text(profile: str) -> tuple[Parameter, ...]:
    """The parameters that Redlark's own text lists for a profile."""
    from redlark.spec.loader import specification
    from redlark.spec.profiles import profile as profile_named

    holds = profile_named(profile).holds
    return tuple(
        Parameter(one.names, one.kind, one.words, one.low, one.high, one.default, one.hidden)
        for one in specification().parameters
        if holds(one.guard)
    )


def to_json(profile: str, parameters: tuple[Parameter, ...]) -> str:
    """The list as a JSON document with a parameter a line, what is not said left out."""
    rows = (
        json.dumps({key: item for key, item in asdict(one).items() if item not in (None, ()) and item is not False})
        for one in parameters
    )
    return f'{{"profile": {json.dumps(profile)}, "parameters": [\n  ' + ",\n  ".join(rows) + "\n]}\n"


@cache
def generated(profile: str = "redis-8.2") -> tuple[Parameter, ...]:
    """The list that was generated for a profile; FileNotFoundError where none was."""
    text = (GENERATED / f"{profile}-parameters.json").read_text(encoding="utf-8")
    return tuple(
        Parameter(**row | {"names": tuple(row["names"]), "words": tuple(row.get("words", ()))})
        for row in json.loads(text)["parameters"]
    )
