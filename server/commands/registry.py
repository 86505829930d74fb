"""Where command functions are collected by name: `@command("GET")`, `@command("CLIENT|ID")`.

A function is `def name(ctx, args) -> reply`; args[0] is the command's name.  Facts about the command (arity, flags,
keys) come from `redlark.spec.metadata`, never from here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from redlark.server.interfaces import Function

FUNCTIONS: Final[dict[str, Function]] = {}


def command(*names: str) -> Callable[[Function], Function]:
    """Register a function under one or several full, upper-case names."""

    def register(function: Function) -> Function:
        for name in names:
            assert name not in FUNCTIONS, f"{name} is registered twice"
            FUNCTIONS[name] = function
        return function

    return register
