"""What names mean: the scope of a block, the definitions of a text in one profile, the language's own words.

What must live here: tables by which names resolve to slots, and nothing that computes. ``spec.language`` has the same
words for the checker; a test holds the two together.
"""

from __future__ import annotations

from typing import Any

from attrs import define, field

from redlark.reference import values
from redlark.reference.source import Closure, Code
from redlark.spec import syntax as s
from redlark.spec.loader import NotationError
from redlark.spec.profiles import Profile

Frame = list[Any]

CONSTANTS: dict[str, Any] = {
    "nil": None, "none": None, "nil-array": values.NIL_ARRAY, "no-reply": values.NO_REPLY, "skip": values.SKIP,
    "stop": values.STOP, "max-time": 9223372036854775807,
}  # fmt: skip
WORDS: dict[str, Any] = {"OK": values.OK, "TRUE": True, "FALSE": False}
STATE: dict[str, str] = {  # as source (source.py) over the frame
    "now": "v[0].now",
    "selected": "v[0].selected",
    "request": "v[0].request",
    "client": "v[0].client",
    "in-exec": "(v[0].children >= 0 or v[0].script is not None)",
    "in-script": "(v[0].script is not None)",
    "script": "v[0].script",
    "woken-by": "v[0].woken_by",
    "woken-with": "v[0].woken_with",
    "databases": "len(v[0].databases)",
    "db": "DatabaseHandle(v[0], v[0].selected)",
    "session": "v[0].session",
    "sessions": "tuple(sorted(v[0].sessions))",
    "server": "v[0].server",
    "config": 'v[0].server["config"]',
}


@define
class Scope:
    """What names mean in one block: slots of variables, words of the syntax line, what other versions have."""

    text: Definitions
    names: dict[str, int] = field(factory=dict)
    words: dict[str, int] = field(factory=dict)
    elsewhere: frozenset[str] = frozenset()  # names and words that other versions of this block have
    size: list[int] = field(factory=lambda: [1])
    command: str = ""
    foreign: set[str] = field(factory=set)  # in a fragment: variables of its user, which it may read and does not bind
    given: set[str] = field(factory=set)  # variables that fragments have bound for their user

    def binding(self, name: str) -> int:
        """The slot of a variable that a step binds: in a fragment, another one than its user's of the same name."""
        if name in self.foreign:
            self.foreign.discard(name)
            del self.names[name]
        self.given.discard(name)
        return self.slot(name)

    def slot(self, name: str) -> int:
        """The slot of a variable, a new one if the name is new."""
        if name not in self.names:
            self.names[name] = self.fresh()
        return self.names[name]

    def word(self, word: str) -> int:
        """The slot of an option's word."""
        if word not in self.words:
            self.words[word] = self.fresh()
        return self.words[word]

    def fresh(self) -> int:
        """A slot that nothing uses yet."""
        self.size[0] += 1
        return self.size[0] - 1

    def inner(self, command: str | None = None) -> Scope:
        """A scope of its own names in the same frame, for a fragment or another command's steps."""
        return Scope(self.text, {}, {}, self.elsewhere, self.size, command or self.command)


@define
class Definitions:
    """What a text defines, in one profile: the errors, types, definitions and fragments by name."""

    profile: Profile
    errors: dict[str, s.ErrorDefinition]
    types: dict[str, s.TypeDefinition]
    defines: dict[str, s.Define]
    fragments: dict[str, s.Fragment]
    compiled: dict[str, Closure] = field(factory=dict)
    inlined: dict[str, Code] = field(factory=dict)  # definitions without parameters, as source
    commands: dict[str, Any] = field(factory=dict)

    @classmethod
    def of(cls, text: s.Specification, profile: Profile) -> Definitions:
        """The definitions that hold in a profile."""

        def held(items: Any) -> dict[str, Any]:
            return {item.name: item for item in items if profile.holds(getattr(item, "guard", None))}

        return cls(profile, held(text.errors), held(text.types), held(text.defines), held(text.fragments))


def refuse(node: s.Node, message: str) -> NotationError:
    """A message that points at a node."""
    return NotationError(node.place, message)
