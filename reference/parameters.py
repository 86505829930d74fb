"""The parameters of the configuration, as the text lists them for a profile and as a server has told them.

What must live here: ``@of_run`` functions that look a parameter up. What a value must look like, and what is said of
one that does not, is the text's. A server that has told its configuration has the parameters that it told, and hidden
ones; of one that has not, the text's list is all there is.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from attrs import frozen

from redlark.reference.functions import of_run
from redlark.reference.values import Record


@frozen
class Parameter(Record):
    """One parameter: every name that means it, its kind, words, bounds (None: none) and default."""

    names: tuple[bytes, ...]
    kind: bytes
    words: tuple[bytes, ...]
    low: int | None
    high: int | None
    default: bytes
    hidden: bool


@cache
def _listed(model: Any) -> dict[bytes, Parameter]:
    found = {}
    for one in model.text.parameters:
        if model.profile.holds(one.guard):
            names = tuple(name.encode() for name in one.names)
            words = tuple(word.encode() for word in one.words)
            default = (one.default or "").encode()
            record = Parameter(names, one.kind.encode(), words, one.low, one.high, default, one.hidden)
            found.update(dict.fromkeys(names, record))
    return found


def is_parameter(model: Any, name: str) -> bool:
    """Whether the text lists a parameter of that name, in small letters."""
    return name.encode() in _listed(model)


def _unlisted(name: bytes) -> Parameter:
    return Parameter((name,), b"special", (), None, None, b"", False)


@of_run
def parameter_named(run: Any, name: bytes) -> Parameter | None:
    """The parameter of that name, in small letters; absent where the server has none."""
    found, told = _listed(run.model).get(name), run.server["config"]
    if b"maxmemory" in told and name not in told and not (found is not None and found.hidden):
        return None
    return found if found is not None or name not in told else _unlisted(name)


@of_run
def parameter_names(run: Any) -> tuple[bytes, ...]:
    """The names of all parameters that are told where a pattern asks."""
    listed, told = _listed(run.model), run.server["config"]
    hidden = {name for name, one in listed.items() if one.hidden}
    return tuple(sorted((set(told) if b"maxmemory" in told else set(listed)) - hidden))


@of_run
def setting(run: Any, name: bytes) -> bytes:
    """The value of a parameter as CONFIG GET tells it."""
    told = run.server["config"].get(name)
    if told is not None:
        return bytes(told)
    found = _listed(run.model).get(name)
    return found.default if found is not None else b""
