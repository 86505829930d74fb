"""The text as HTML: its own words and comments, coloured, with links, anchors, and marks of what holds where.

What must live here: turning a piece of a ``.redlark`` file into HTML. Nothing is left out and nothing rewritten: what
a reader sees is what the loader reads. What a guard governs is taken from the loader's own tree, not from layout.

Every piece that does not hold everywhere is a ``<span data-p="MASK">``: bit n of the mask is the nth of `PROFILES`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from lark import Token, Tree

from redlark.spec import syntax as s
from redlark.spec.derivation import exists
from redlark.spec.language import FUNCTIONS, KEYWORDS, RUN_FUNCTIONS, VARIADIC
from redlark.spec.loader import parse_guard, parse_tree, specification
from redlark.spec.primitives import primitives
from redlark.spec.profiles import PROFILES

FOLDER = Path(__file__).resolve().parents[2] / "spec" / "text"
ALL = (1 << len(PROFILES)) - 1

_GUARDS = frozenset(("guard", "g_since", "g_until", "g_only", "g_between"))
_ITEMS = {"fragment": "fragment", "define": "define", "typedef": "type", "encodings": "encodings", "command": "command",
          "errdef": "error", "state": "state"}  # fmt: skip
_TOKEN = re.compile(
    r'(?P<c>--[^\n]*)|(?P<s>"(?:\\.|[^"\\\n])*")|(?P<v>\d+(?:\.\d+)+)|(?P<i>-?\d+)|(?P<a>=>|:=|\.\.\.|\.\.)'
    r"|(?P<w>[A-Z][A-Z0-9_]*(?:-[A-Z0-9]+)*(?:\|[A-Z-]+)?)|(?P<n>[a-z][a-z0-9_]*(?:-[a-z0-9_]+)*)|(?P<o>.|\n)"
)
_STEPS = frozenset({
    "rule", "need", "let", "use", "each", "on", "choose", "delete", "event", "propagate", "send", "perform", "park",
    "fail", "quietly", "command", "fragment", "define", "type", "state", "encodings", "parameters", "errors", "means",
})  # fmt: skip
_FACTS = frozenset({
    "group", "complexity", "flags", "acl", "arity", "container", "deprecated", "touches", "tips", "history",
    "doc-flags", "shown", "returns", "refuses", "tells", "semantics", "never-sent", "unreachable", "needs",
})  # fmt: skip


def mask(guard: s.Guard | None) -> int:
    """The profiles for which a guard holds, as bits in the order of `PROFILES`."""
    return sum(1 << place for place, profile in enumerate(PROFILES.values()) if profile.holds(guard))


def command_mask(command: s.Command) -> int:
    """The profiles that have a command."""
    return sum(1 << place for place, profile in enumerate(PROFILES.values()) if exists(command, profile))


def profiles_of(bits: int) -> list[str]:
    """The names of the profiles in a mask."""
    return [name for place, name in enumerate(PROFILES) if bits >> place & 1]


def slug(command: str) -> str:
    """The file name of a command's page: ``client-kill`` for ``CLIENT|KILL``."""
    return command.lower().replace("|", "-")


@frozen
class Item:
    """A definition of a text file, or a command: where its words begin and end."""

    kind: str
    name: str
    start: int
    end: int


@frozen
class _Mark:
    """A stretch of text that holds in some profiles only."""

    start: int
    end: int
    mask: int


@define
class Source:
    """One text file: its words, what it defines, what its guards govern, where its rules are named."""

    name: str
    text: str
    items: list[Item] = field(factory=list)
    marks: list[_Mark] = field(factory=list)
    anchors: dict[int, tuple[str, str]] = field(factory=dict)  # place of a rule's name: (owner, rule)
    steps: dict[str, int] = field(factory=dict)  # command: where its steps begin
    examples: dict[str, int] = field(factory=dict)  # command: where its examples begin

    @classmethod
    def of(cls, name: str) -> Source:
        """The text file ``spec/text/NAME.redlark``."""
        text = (FOLDER / f"{name}.redlark").read_text(encoding="utf-8")
        source = cls(name, text)
        tree = parse_tree(text, f"{name}.redlark")
        for node in tree.iter_subtrees():
            source._mark(node)
        for child in tree.children:
            if isinstance(child, Tree):
                source._item(child)
        source.items.sort(key=lambda item: item.start)
        return source

    def _trimmed(self, start: int, end: int) -> int:
        """Where a stretch ends, less the empty lines and the lines of comment behind it."""
        lines = self.text[start:end].split("\n")
        while len(lines) > 1 and (not lines[-1].strip() or lines[-1].lstrip().startswith("--")):
            lines.pop()
        return start + len("\n".join(lines).rstrip())

    def _item(self, node: Tree[Token]) -> None:
        kind = str(node.data)
        if kind == "errors":
            for one in node.children:
                if isinstance(one, Tree):
                    self._item(one)
        if kind not in _ITEMS:
            return
        name = next(str(child) for child in node.children if isinstance(child, Token))
        end = self._trimmed(node.meta.start_pos, node.meta.end_pos)
        self.items.append(Item(_ITEMS[kind], name, node.meta.start_pos, end))
        if kind in ("command", "fragment"):
            for rule in node.iter_subtrees():
                self._rule(name, rule)
        if kind == "command":
            parts = [part for part in node.children if isinstance(part, Tree) and not part.meta.empty]
            head = [p for p in parts if p.data in ("syntax", "facts", "doc")]
            shown = [p for p in parts if p.data == "example"]
            self.examples[name] = shown[0].meta.start_pos if shown else end
            self.steps[name] = self._trimmed(head[-1].meta.start_pos, head[-1].meta.end_pos)

    def _rule(self, owner: str, node: Tree[Token]) -> None:
        """Remembers where a rule is named; a ``need`` that does not say its name has one all the same."""
        if node.data == "rule":
            token = next(child for child in node.children if isinstance(child, Token))
            self.anchors[int(token.start_pos or 0)] = (owner, str(token))
        elif node.data == "need":
            name, value, error, rule = node.children[:4]
            if (
                rule is None and isinstance(error, Tree) and error.data == "as_"
            ):  # the loader reads `error E as name` so
                rule = error.children[-1]
            if isinstance(rule, Token):
                self.anchors[int(rule.start_pos or 0)] = (owner, str(rule))
            else:
                at = isinstance(value, Tree) and value.data == "at"
                self.anchors[node.meta.start_pos] = (owner, "wrong-type" if at else f"bad-{name}")

    def _mark(self, node: Tree[Token]) -> None:
        guards = [c for c in node.children if isinstance(c, Tree) and c.data in _GUARDS]
        if not guards or node.data in _GUARDS:
            return
        guard = guards[0]
        bits = mask(parse_guard(self.text[guard.meta.start_pos : guard.meta.end_pos]))
        if node.data == "version_cond":
            yes, no = node.children[0], node.children[-1]
            self._add(node.meta.start_pos + 1, guard.meta.end_pos, bits)
            between = self.text.index("else", guard.meta.end_pos)
            self._add(between + 4, node.meta.end_pos - 1, ALL & ~bits)
            assert yes is not no
            return
        self._add(node.meta.start_pos, self._trimmed(node.meta.start_pos, node.meta.end_pos), bits)

    def _add(self, start: int, end: int, bits: int) -> None:
        if bits != ALL:
            stripped = len(self.text[start:end]) - len(self.text[start:end].lstrip())
            self.marks.append(_Mark(start + stripped, end, bits))

    def line(self, place: int) -> int:
        """The number of the line of a place, from 1."""
        return self.text.count("\n", 0, place) + 1

    def html(self, start: int, end: int, up: str, prefix: str = "rule-", ids: set[str] | None = None) -> str:
        """A stretch of the text as the inside of a ``<pre>``; `up` leads from its page to the top of the site.

        Rules get anchors, named `prefix` and the rule (with ``{owner}`` in the prefix replaced); `ids` are those taken.
        """
        taken = ids if ids is not None else set()
        opens: dict[int, list[_Mark]] = {}
        for mark in self.marks:
            if start <= mark.start and mark.end <= end:
                opens.setdefault(mark.start, []).append(mark)
        out: list[str] = []
        pending: list[_Mark] = []
        before = ""
        for found in _TOKEN.finditer(self.text, start, end):
            place = found.start()
            while pending and pending[-1].end <= place:
                pending.pop()
                out.append("</span>")
            for mark in sorted(opens.get(place, ()), key=lambda m: -m.end):
                pending.append(mark)
                out.append(f'<span data-p="{mark.mask}">')
            if place in self.anchors:
                owner, rule = self.anchors[place]
                name = prefix.format(owner=owner) + rule
                if name not in taken:
                    taken.add(name)
                    if found[0] == rule:
                        out.append(f'<a class="rl-rule" id="{name}" href="#{name}">{escape(rule)}</a>')
                        before = rule
                        continue
                    out.append(f'<a id="{name}"></a>')
                elif found[0] == rule:
                    out.append(f'<span class="rl-rule">{escape(rule)}</span>')
                    before = rule
                    continue
            out.append(self._token(found, before, up))
            if found[0].strip():
                before = found[0]
        out += ["</span>"] * len(pending)
        return "".join(out)

    def _token(self, found: re.Match[str], before: str, up: str) -> str:
        kind, word = str(found.lastgroup), found[0]
        text = escape(word, quote=False)
        if kind == "o":
            return text
        if kind in "nw":
            call = self.text[found.end() : found.end() + 1] == "("
            adjacent = self.text[found.start() - 1 : found.start()] == ":"
            target = links().of(word, before, call, adjacent)
            if target is not None:
                return f'<a href="{up}{target}">{text}</a>'
            if kind == "n":
                if word in ("since", "until", "only"):
                    kind = "g"
                elif word in _STEPS or word in _FACTS:
                    kind = "k"
                elif word in KEYWORDS and word != "token":
                    kind = "q"
                else:
                    return text
        return f'<span class="rl-{kind}">{text}</span>'


@define
class Links:
    """Where what the text names is defined: addresses below the top of the site."""

    places: dict[tuple[str, str], str]
    commands: frozenset[str]

    def of(self, word: str, before: str, call: bool, adjacent: bool) -> str | None:
        """Where a word leads, by what stands before it and whether a bracket follows."""
        if before in ("means", "command") and word in self.commands:
            return f"commands/{slug(word)}.html" if before == "means" else None
        if before in ("fragment", "define", "type"):
            return None
        if before == "use":
            return self.places.get(("fragment", word))
        if before == "error" or (before == "," and word.isupper() and ("error", word) in self.places):
            return self.places.get(("error", word))
        if call:
            return self.places.get(("define", word)) or self.places.get(("function", word))
        if (before == ":" and adjacent) or before == "late":
            return self.places.get(("type", word))
        return None


@cache
def sources() -> dict[str, Source]:
    """Every text file by its name."""
    return {path.stem: Source.of(path.stem) for path in sorted(FOLDER.glob("*.redlark"))}


@cache
def links() -> Links:
    """Where everything is that the text names."""
    places: dict[tuple[str, str], str] = {}
    commands: set[str] = set()
    for name in sorted(path.stem for path in FOLDER.glob("*.redlark")):
        for item in sources()[name].items:
            if item.kind == "command":
                commands.add(item.name)
            else:
                places.setdefault((item.kind, item.name), f"text/{name}.html#{item.kind}-{item.name}")
    for function in (*primitives(), *FUNCTIONS, *RUN_FUNCTIONS, *VARIADIC):
        places.setdefault(("function", function), f"reference/functions.html#{function}")
    return Links(places, frozenset(commands))


@cache
def told() -> dict[str, s.Command]:
    """The commands that get a page: those that the newest profile of Redis or Valkey has, by name."""
    newest = [PROFILES["redis-8.2"], PROFILES["valkey-9.1"]]
    return {
        command.name: command
        for command in sorted(specification().commands, key=lambda c: c.name)
        if group(command) != "dispatch" and any(exists(command, profile) for profile in newest)
    }


def group(command: s.Command) -> str:
    """The group of Redis's documents that a command belongs to."""
    return str(next(fact.values[0] for fact in command.facts if fact.kind == "group"))


def source_of(command: s.Command) -> tuple[Source, Item]:
    """The file and the block of a command."""
    source = sources()[command.place.file.removesuffix(".redlark")]
    return source, next(item for item in source.items if item.kind == "command" and item.name == command.name)


def walk(node: Any) -> Iterator[Any]:
    """Every node of a tree of the text, itself first; examples aside."""
    if isinstance(node, tuple):
        for one in node:
            yield from walk(one)
    elif hasattr(node, "__attrs_attrs__") and not isinstance(node, (s.Place, s.Example)):
        yield node
        for one in node.__attrs_attrs__:
            if one.name != "place":
                yield from walk(getattr(node, one.name))
