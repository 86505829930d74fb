"""What is seen of a script from outside: whether chance or the clock may have had a hand in it, and what it may touch.

What must not live here: running one (the model's to do).
"""

from __future__ import annotations

import re

from redlark.conformance.watch.orders import SCRIPTED
from redlark.conformance.watch.wire import Words
from redlark.reference import World

# What a script may ask or do whose outcome its reply need not show.
_HIDDEN = re.compile(
    rb"(?i)\b(time|random|randomkey|srandmember|spop|hrandfield|zrandmember|s?scan|hscan|zscan|keys|smembers|hgetall|hkeys"
    rb"|hvals|sinter|sunion|sdiff|xadd|ttl|pttl|object|info|pairs)\b"
)
# Names of keys that it makes, or is given as other arguments.
_MADE = re.compile(rb"\.\.|\bcall\s*\(\s*['\"]\w+['\"]\s*,\s*ARGV|unpack")


def source(world: World, words: Words) -> bytes | None:
    """The code that a request runs; None where it runs none, or it is not known."""
    name = words[0].lower() if words else b""
    if name not in SCRIPTED or len(words) < 2:
        return None
    if name.startswith(b"eval") and b"sha" not in name:
        return words[1]
    if name.startswith(b"evalsha"):
        found = world.server["scripts"].get(words[1].lower())
        return found if isinstance(found, bytes) else None
    return b"\n".join(code for code in world.server.get("libraries", {}).values() if isinstance(code, bytes))


def chooses(world: World, words: Words) -> bool:
    """Whether what a script did may hang on what nobody outside sees."""
    code = source(world, words)
    return code is not None and bool(_HIDDEN.search(code))


def keeps_to_its_keys(world: World, words: Words) -> bool:
    """Whether a script touches no other keys than those that it was given, as far as its text shows."""
    code = source(world, words)
    return code is not None and words[0].lower() not in (b"fcall", b"fcall_ro") and not _MADE.search(code)
