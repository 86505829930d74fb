"""Expressions and steps as Python source: what is put together of many small parts is one function when it runs.

Theory of operation. A part is source over the frame ``v``, in which objects and temporaries stand unnamed, so that
parts can be put into each other. When a function is made of it they get names in the order in which they come: objects
as arguments with defaults (the fastest way to reach one), so that equal source is compiled once, whatever it refers to.
What must not live here: any notion of the text (``expressions.py``, ``steps.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import CodeType, FunctionType
from typing import Any

from redlark.reference.functions import DatabaseHandle
from redlark.reference.values import ABSENT, GO, ErrorReply, Kinded, Leave, Status

Closure = Callable[[list[Any]], Any]

DEEPEST = 30  # parts within parts that one function is made of; Python's own parser has a limit
_GLOBALS = {
    "ABSENT": ABSENT, "DatabaseHandle": DatabaseHandle, "ErrorReply": ErrorReply, "GO": GO, "Kinded": Kinded,
    "Leave": Leave, "Status": Status, "bytes": bytes, "int": int, "len": len, "sorted": sorted, "tuple": tuple,
    "type": type,
}  # fmt: skip
_COMPILED: dict[str, CodeType] = {}


class Object:
    """An object that source refers to."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


class Temporary:
    """A variable of the function that source becomes part of."""

    __slots__ = ()


class Code:
    """An expression as source; ``made`` is the function that it is by itself, where there is one already."""

    __slots__ = ("_made", "deep", "parts")

    def __init__(self, parts: tuple[str | Object | Temporary, ...], deep: int, made: Closure | None = None) -> None:
        self.parts, self.deep, self._made = parts, deep, made

    def closure(self) -> Closure:
        """The function of a frame that gives its value."""
        if self._made is None:
            text, objects = _named(self.parts)
            if not _bound(self.parts):
                raise AssertionError(f"a temporary that nothing here binds: {text}")
            self._made = _function("lambda v", ": " + text, objects)
        return self._made


def joined(*parts: str | Object | Temporary | Code) -> Code:
    """Parts one behind another; where they lie too deep in each other, a function of its own for each."""
    deep = max((part.deep + 1 for part in parts if type(part) is Code), default=0)
    if deep > DEEPEST:
        return joined(*[called(part.closure()) if type(part) is Code and part.deep else part for part in parts])
    found: list[str | Object | Temporary] = []
    for part in parts:
        if type(part) is Code:
            found.extend(part.parts)
        else:
            found.append(part)  # type: ignore[arg-type]
    return Code(tuple(found), deep)


def called(function: Closure) -> Code:
    """The source of what is a function already."""
    return Code((Object(function), "(v)"), 0, function)


def constant(value: Any) -> Code:
    """The source of a value."""
    if value is None or value is True or value is False or type(value) in (int, bytes):
        return Code((f"({value!r})" if type(value) is int else repr(value),), 0)
    if type(value) is tuple and all(type(item) in (int, bytes) for item in value):
        return Code((repr(value),), 0)
    return Code((Object(value),), 0)


def listed(items: Iterable[Code], before: str = "", after: str = "") -> list[str | Code]:
    """Parts with commas between them, and what stands around them."""
    found: list[str | Code] = [before]
    for number, item in enumerate(items):
        found += [", ", item] if number else [item]
    return [*found, after]


class Lines:
    """Statements as source, each with its depth; one that ends what they are part of returns what is not ``GO``."""

    __slots__ = ("lines",)

    def __init__(self, *lines: tuple[int, Code]) -> None:
        self.lines = lines

    def closure(self) -> Closure:
        """The function of a frame that runs them, and gives ``GO`` where none of them has ended it."""
        if not self.lines:
            return nothing
        if len(self.lines) == 2 and self.lines[0][1].parts[0] == "r = " and len(self.lines[0][1].parts) == 3:
            found = self.lines[0][1].parts[1]  # a function that is called, and nothing else
            if isinstance(found, Object):
                return found.value  # type: ignore[no-any-return]
        parts: list[str | Object | Temporary] = []
        for depth, line in self.lines:
            parts += ["\n" + " " * (depth + 1), *line.parts]
        text, objects = _named(tuple(parts))
        return _function("def run(v", f"):{text}\n return GO", objects)

    def under(self, condition: Code, word: str = "if") -> Lines:
        """The same, where a condition holds; as ``elif``, where what stood before did not."""
        return self._in(joined(f"{word} ", condition, ":"))

    def otherwise(self) -> Lines:
        """The same, where what stood before did not hold."""
        return self._in(joined("else:"))

    def _in(self, head: Code) -> Lines:
        return Lines((0, head), *((depth + 1, line) for depth, line in self.lines))


def sequence(blocks: Iterable[Lines]) -> Lines:
    """Statements one behind another."""
    return Lines(*(line for block in blocks for line in block.lines))


def effect(code: Code) -> Lines:
    """A statement that goes on."""
    return Lines((0, code))


def step(code: Code) -> Lines:
    """A statement that ends what it is part of unless its value is ``GO``."""
    return Lines((0, joined("r = ", code)), (0, joined("if r is not GO: return r")))


def answer(code: Code) -> Lines:
    """A statement that ends what it is part of."""
    return Lines((0, joined("return ", code)))


def nothing(v: list[Any]) -> Any:
    """A step that does nothing."""
    return GO


def _named(parts: tuple[str | Object | Temporary, ...]) -> tuple[str, tuple[Any, ...]]:
    """The source with every object and temporary named, and the objects."""
    names: dict[int, str] = {}
    objects: list[Any] = []
    temporaries = 0
    text: list[str] = []
    for part in parts:
        if type(part) is str:
            text.append(part)
        elif type(part) is Object:
            name = names.get(id(part.value))
            if name is None:
                name = names[id(part.value)] = f"k{len(objects)}"
                objects.append(part.value)
            text.append(name)
        else:
            name = names.get(id(part))
            if name is None:
                name = names[id(part)] = f"t{temporaries}"
                temporaries += 1
            text.append(name)
    return "".join(text), tuple(objects)


def _bound(parts: tuple[str | Object | Temporary, ...]) -> bool:
    """Whether every temporary gets its value in this very expression."""
    places = [place for place, part in enumerate(parts) if type(part) is Temporary]
    bound = {parts[place] for place in places if str(parts[place + 1]).startswith(" := ")}
    return all(parts[place] in bound for place in places)


def _function(head: str, body: str, objects: tuple[Any, ...]) -> Closure:
    source = head + "".join([f", k{number}" for number in range(len(objects))]) + body
    code = _COMPILED.get(source)
    if code is None:
        module = compile(source, "<the text>", "eval" if source.startswith("lambda") else "exec")
        code = _COMPILED[source] = next(one for one in module.co_consts if isinstance(one, CodeType))
    return FunctionType(code, _GLOBALS, argdefs=objects)
