"""Figures that are the server's own: the texts of INFO, how much memory a value takes, as domains of a choice.

What must live here: what can be said of such a reply without knowing the server's inside. A member is recognised, or
bounded, never computed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from redlark.reference.functions import pure

_LINE = re.compile(rb"[\w@|.() -]+:[^\r\n]*")
_HEADING = re.compile(rb"# [A-Z][\w -]*")

# The sections that every server of the text has and tells of in a standalone server, as it spells them.
SECTIONS = {
    name.lower(): b"# " + name
    for name in (b"Server", b"Clients", b"Memory", b"Persistence", b"Stats", b"Replication", b"CPU", b"Keyspace")
}
ALL = frozenset({b"default", b"all", b"everything"})


class InfoTexts:
    """The texts that INFO may give for these sections; for none, those that it tells by default."""

    def __init__(self, sections: Iterable[bytes]) -> None:
        wanted = set(sections)
        self.needed = set(SECTIONS.values() if not wanted or wanted & ALL else map(SECTIONS.get, wanted)) - {None}
        self.describe = "lines of INFO: headings, and names with values"
        self.example = b"\r\n".join(heading + b"\r\n" for heading in sorted(filter(None, self.needed)))

    def __contains__(self, text: Any) -> bool:
        if not isinstance(text, bytes):
            return False
        lines = [line for line in text.split(b"\r\n") if line]
        return self.needed <= set(lines) and all(_HEADING.fullmatch(x) or _LINE.fullmatch(x) for x in lines)


@pure
def info_texts(sections: tuple[bytes, ...]) -> InfoTexts:
    """The texts that INFO may give for these sections, in small letters."""
    return InfoTexts(sections)


@pure
def least_memory(value: Any) -> int:
    """A number of bytes that a key with this value takes at least: a string that is no number takes its own bytes."""
    is_text = type(value) is bytes and re.fullmatch(rb"-?\d{1,19}", value) is None
    return len(value) if is_text else 1
