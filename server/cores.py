"""Which core runs a server: the compiled one where it was built, else the one in plain Python."""

from __future__ import annotations

import importlib
import os
from types import ModuleType
from typing import Final

NAMES: Final = ("compiled", "plain")
VARIABLE: Final = "REDLARK_CORE"  # environment: one of NAMES


class NoCore(Exception):
    """The core asked for is not there."""


def choose(name: str | None = None) -> ModuleType:
    """The core called name; None: what the environment says, else the compiled one, else the plain one.

    Raises NoCore.
    """
    wanted = name or os.environ.get(VARIABLE) or None
    if wanted not in (None, *NAMES):
        raise NoCore(f"there is no core called '{wanted}': it is one of {', '.join(NAMES)}")
    if wanted != "plain":
        try:
            return importlib.import_module("redlark.server._core")
        except ImportError as problem:
            if wanted:
                raise NoCore(f"the compiled core is not there ({problem})") from None
    return importlib.import_module("redlark.server.plain")


def available() -> list[str]:
    """The names of the cores of this installation, the fastest first."""
    try:
        choose("compiled")
    except NoCore:
        return ["plain"]
    return list(NAMES)
