"""Durations as people write them: `90`, `10m`, `8h`, `1h30m`; without a unit they are seconds."""

from __future__ import annotations

import math
import re
from typing import Any, Final

import click

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_FORM = re.compile("".join(rf"(?:(?P<{unit}>\d+(?:\.\d+)?){unit})?" for unit in UNITS))


def seconds(text: str) -> float:
    """A duration in seconds. Raises ValueError for what is none, and for what is not longer than nothing.

    >>> seconds("90"), seconds("1h30m"), seconds("0.5s")
    (90.0, 5400.0, 0.5)
    """
    bare = text.strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?|\.\d+", bare):
        found = float(bare)
    else:
        match = _FORM.fullmatch(bare)
        if not bare or match is None:
            raise ValueError(f"{text!r} is no duration; write 90, 10m, 8h or 1h30m")
        found = sum(UNITS[unit] * float(count) for unit, count in match.groupdict().items() if count)
    if found <= 0:
        raise ValueError(f"{text!r} is no time at all")
    return found


class Seconds(click.FloatRange):
    """A number of seconds as an option's type: more than none, and no more than clocks and sockets can wait."""

    MOST: Final = 31 * UNITS["d"]

    def __init__(self) -> None:
        super().__init__(0, self.MOST, min_open=True)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = float(super().convert(value, param, ctx))
        if math.isnan(found):
            self.fail(f"{value} is no number of seconds", param, ctx)
        return found


def option(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """A duration as an option's value, in seconds; what is none is a wrong option."""
    if value is None:
        return None
    try:
        return seconds(value)
    except ValueError as problem:
        raise click.BadParameter(str(problem), ctx, param) from None
