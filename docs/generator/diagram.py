"""Railroad diagrams of syntax lines, as SVG that a page's own style colours.

What must live here: from the parts of a syntax line to a picture. What holds in some profiles only says so, and carries
the same mask as the text does (``data-p``), so that a reader who picks a profile sees what it lacks fade.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import Any

import railroad as rr

from docs.generator.notation import ALL, command_mask, mask
from redlark.spec import syntax as s
from redlark.spec.printing import guard_text

WIDTH = 600  # pixels that a row may take before the line is broken
rr.CHAR_WIDTH = 8.2
rr.COMMENT_CHAR_WIDTH = 6.6
rr.INTERNAL_ALIGNMENT = "left"


class _Choice(rr.Choice):  # type: ignore[misc]
    """A choice whose height is that of what is drawn: the library's forgets the rows of its last alternative."""

    def __init__(self, default: int, *items: Any) -> None:
        super().__init__(default, *items)
        middle, above, below = self.items[default], self.items[:default][::-1], self.items[default + 1 :]
        up = 0.0
        for nearer, item in zip([middle, *above], above, strict=False):
            least = 2 * rr.AR if nearer is middle else rr.AR
            up += max(least, nearer.up + rr.VS + item.down + item.height)
        down = 0.0
        for nearer, item in zip([middle, *below], below, strict=False):
            least = 2 * rr.AR if nearer is middle else rr.AR
            down += max(least, nearer.height + nearer.down + rr.VS + item.up)
        self.up = max(middle.up, up + above[-1].up) if above else middle.up
        lowest = down + below[-1].height + below[-1].down if below else 0.0
        self.down = max(middle.down, lowest - middle.height)


def _optional(item: Any) -> Any:
    return _Choice(1, rr.Skip(), item)


def diagram(command: s.Command) -> str:
    """The syntax of a command in all versions at once, as one ``<svg>`` element."""
    drawer = _Drawer(command_mask(command))
    words = [rr.Terminal(word, cls="rl-name") for word in command.name.split("|")]
    items = [*words, *drawer.sequence(command.syntax)]
    drawn = rr.Diagram(_rows(items), type="complex")
    drawn.format(8)
    drawn.attrs["xmlns"] = "http://www.w3.org/2000/svg"
    drawn.attrs["role"] = "img"
    drawn.attrs["aria-label"] = f"The syntax of {command.name.replace('|', ' ')} as a railroad diagram"
    out = io.StringIO()
    drawn.writeSvg(out.write)
    return out.getvalue().replace("\n", "")


def _rows(items: Sequence[Any]) -> Any:
    """The items in as many rows as they need."""
    rows: list[list[Any]] = [[]]
    used = 0.0
    for item in items:
        if rows[-1] and used + item.width > WIDTH:
            rows.append([])
            used = 0.0
        rows[-1].append(item)
        used += item.width + 20
    drawn = [row[0] if len(row) == 1 else rr.Sequence(*row) for row in rows]
    return drawn[0] if len(drawn) == 1 else rr.Stack(*drawn)


class _Drawer:
    """Parts of one command's syntax line; `whole` are the profiles that have the command."""

    def __init__(self, whole: int) -> None:
        self.whole = whole

    def sequence(self, parts: Iterable[s.Part]) -> list[Any]:
        """Parts one behind another; neighbouring options, which may come in any order, stand in a box that says so."""
        drawn: list[Any] = []
        bag: list[s.Group] = []
        for part in (*parts, None):
            if isinstance(part, s.Group):
                bag.append(part)
                continue
            if len(bag) > 1:
                stacked = _rows([self.group(one) for one in bag])
                drawn.append(rr.Group(stacked, "in any order"))
            else:
                drawn += [self.group(one) for one in bag]
            bag = []
            if part is not None:
                drawn.append(self.part(part))
        return drawn

    def part(self, part: s.Part) -> Any:
        """One part of a syntax line."""
        match part:
            case s.Token():
                return rr.Terminal(part.text)
            case s.Argument(name=name, repeat=repeat, type=type_):
                title = (
                    "a key" if type_ == "text" and name == "key" else f"read as {type_}" if type_ != "text" else None
                )
                return self._times(rr.NonTerminal(name, title=title), repeat)
            case s.Choice(words=words):
                return _Choice(0, *(self._guarded(rr.Terminal(word), guard) for word, guard in words))
            case s.Pairs(parts=parts, repeat=repeat):
                return self._times(_rows(self.sequence(parts)), repeat)
        return self.group(part)

    def group(self, group: s.Group) -> Any:
        """Options in brackets: one, or none; several of them, or a repetition, as a loop."""
        alternatives = [self._guarded(_rows(self.sequence(one.parts)), one.guard) for one in group.alternatives]
        inner = alternatives[0] if len(alternatives) == 1 else _Choice(0, *alternatives)
        if group.many or group.kind == "compatible":
            inner = rr.OneOrMore(inner)
        return self._guarded(_optional(inner), group.guard)

    def _times(self, item: Any, repeat: s.Repeat) -> Any:
        if repeat is None:
            return item
        return rr.OneOrMore(item) if repeat == "many" else rr.OneOrMore(item, rr.Comment(f"{repeat[1]} of them"))

    def _guarded(self, item: Any, guard: s.Guard | None) -> Any:
        """An item that says since when it is there, unless all profiles that have the command have it."""
        bits = mask(guard)
        if guard is None or bits & self.whole == self.whole:
            return item
        box = rr.Sequence(item, rr.Comment(guard_text(guard), cls="rl-guard"))
        box.attrs["data-p"] = str(bits & ALL)
        return box
