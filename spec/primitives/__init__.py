"""The named functions that the text uses and does not spell out: ``parse-int``, ``glob``, ``key-slot``.

What must live here: pure functions of values, each with its signature in the notation's types, its source and its own
tests against published vectors. What must not: anything that knows a command, a key or the clock; that is the text's.

A function is registered where it is defined::

    @primitive("parse-int(text) -> int?")
    def parse_int(text: bytes) -> int | None: ...

``primitives()`` is the whole table, by name: the checker reads the signatures, the model calls the functions. A
module of this package is found by being here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import MappingProxyType
from typing import Any, TypeVar

from attrs import frozen

TYPES = frozenset({"text", "int", "float", "bool", "map", "zset", "any"})

Function = TypeVar("Function", bound=Callable[..., Any])


@frozen
class Type:
    """A type of the notation: ``int``, ``text?`` (may be absent), ``list of text``, ``set of int``."""

    name: str
    of: Type | None = None
    optional: bool = False

    def __str__(self) -> str:
        return f"{self.name}{f' of {self.of}' if self.of else ''}{'?' if self.optional else ''}"


@frozen
class Signature:
    """``name(parameters) -> result``; a partial function is one whose result may be absent: it can fail."""

    name: str
    parameters: tuple[Type, ...]
    result: Type

    @property
    def partial(self) -> bool:
        return self.result.optional

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.parameters))}) -> {self.result}"


@frozen
class Primitive:
    """A registered function and what the notation knows of it."""

    signature: Signature
    function: Callable[..., Any]


_SIGNATURE = re.compile(r"([a-z][a-z0-9]*(?:-[a-z0-9]+)*)\((.*)\) -> (.+)")
_registry: dict[str, Primitive] = {}


def parse_type(text: str) -> Type:
    """Read a type: ``parse_type("list of text")``.

    >>> parse_type("list of int?")
    Type(name='list', of=Type(name='int', of=None, optional=True), optional=False)

    Raises ValueError where the text is none.
    """
    collection, _, member = text.partition(" of ")
    if member and collection in ("list", "set"):
        return Type(collection, parse_type(member))
    name = text.removesuffix("?")
    if name not in TYPES:
        raise ValueError(f"{text!r} is no type of the notation: {', '.join(sorted(TYPES))}, list of ..., set of ...")
    return Type(name, optional=text.endswith("?"))


def parse_signature(text: str) -> Signature:
    """Read a signature: ``parse_signature("parse-int(text) -> int?")``; ValueError where the text is none."""
    found = _SIGNATURE.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} does not read `name(type, type) -> type`")
    name, parameters, result = found.groups()
    return Signature(name, tuple(parse_type(p.strip()) for p in parameters.split(",") if p.strip()), parse_type(result))


def primitive(signature: str) -> Callable[[Function], Function]:
    """Register the function below as a primitive of the notation; it stays an ordinary function."""

    def register(function: Function) -> Function:
        parsed = parse_signature(signature)
        if parsed.name in _registry:
            raise ValueError(f"two primitives are called {parsed.name}")
        _registry[parsed.name] = Primitive(parsed, function)
        return function

    return register


@cache
def primitives() -> Mapping[str, Primitive]:
    """Every primitive by its name in the notation; imports all modules of this package the first time."""
    for module in iter_modules(__path__):
        import_module(f"{__name__}.{module.name}")
    return MappingProxyType(dict(sorted(_registry.items())))
