"""`--redact`: what keys hold is hashed, so that a trace shows what was done and not with what.

The same value has the same hash throughout one trace, under a salt that is drawn for it and written nowhere; so what is
stored and read again still compares. A hash is as long as the value, twelve characters at least: lengths decide how
values are encoded and what STRLEN says. Kept as they are: the words of commands and options, keys, numbers, ids and
bounds that are no more than numbers, scripts, names of channels, and all that concerns connections and the server. What
a server computes from a value (a part of it, two put together, a script's work) is not found again: `redlark replay`
compares only how such replies look.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

from attrs import field, mutable

from redlark.conformance.crowds.footprints import Footprints
from redlark.conformance.drawing.generate import walk
from redlark.conformance.watch.secrets import MARK, bulk, rebuilt
from redlark.conformance.watch.wire import Exchange, Words
from redlark.reference import Model
from redlark.reference.resp import Frame
from redlark.spec import syntax
from redlark.spec.derivation import table

SHORTEST = 12
_DATA = frozenset(("string", "list", "set", "hash", "sorted-set", "stream", "bitmap", "hyperloglog", "geo", "generic"))
_NUMBER = re.compile(rb"(?i)[(\[]?[-+]?(\d+(\.\d+)?(e[-+]?\d+)?|inf|infinity)|[-+*$>=~]|\d+-(\d+|\*)|[ui]\d+|#\d+|")

_QUOTE = re.compile(rb"['\"`]")
_TYPES = frozenset((b"string", b"list", b"set", b"hash", b"zset", b"stream", b"none", b"PONG", b"QUEUED", b"0-0"))


@mutable
class Hashing:
    """Hashes values of requests and replies of one trace."""

    model: Model
    salt: bytes = field(factory=lambda: secrets.token_bytes(16))
    _tokens: dict[str, frozenset[bytes]] = field(factory=dict, init=False)
    _keys: set[bytes] = field(factory=set, init=False)  # that were named: in replies they stay as they are
    _footprints: Footprints = field(init=False)

    @_footprints.default
    def _of_model(self) -> Footprints:
        return Footprints(self.model)

    def hashed(self, value: bytes) -> bytes:
        """The hash of a value; numbers, and what was taken out already, stay."""
        if value == MARK or _NUMBER.fullmatch(value):
            return value
        length, digest, block = max(SHORTEST, len(value)), b"", 0
        while len(digest) < length:
            digest += hmac.new(self.salt, b"%d:" % block + value, hashlib.sha256).hexdigest().encode()
            block += 1
        return digest[:length]

    def words(self, words: Words) -> Words:
        """A request with its values hashed."""
        command = self.model.command(words)
        if command is None:  # unknown: all but its name and what is likely a key
            return (*words[:2], *(self.hashed(word) for word in words[2:]))
        facts = table(self.model.profile).commands.get(command.name.lower())
        group = "" if facts is None else facts.group
        name = words[0].lower()
        if name in (b"publish", b"spublish"):
            return (*words[:2], *(self.hashed(word) for word in words[2:]))
        keys = {thing[1] for thing in self._footprints.keys(words) if thing[0] == "key"}
        self._keys |= {key for key in keys if isinstance(key, bytes)}
        if name in (b"eval", b"evalsha", b"eval_ro", b"evalsha_ro", b"fcall", b"fcall_ro"):
            return (*words[:3], *(word if word in keys else self.hashed(word) for word in words[3:]))
        if group not in _DATA:
            return words
        tokens = self._tokens_of(command.name)
        named = 1 + command.name.count("|")
        kept = words[:named]
        return (*kept, *(w if w in keys or w.upper() in tokens else self.hashed(w) for w in words[named:]))

    def _tokens_of(self, name: str) -> frozenset[bytes]:
        known = self._tokens.get(name)
        if known is None:
            words = set[bytes]()
            for one in walk(self.model.commands[name].block.syntax):
                if isinstance(one, syntax.Token):
                    words.add(one.text.upper().encode())
                elif isinstance(one, syntax.Choice):
                    words |= {word.upper().encode() for word, _ in one.words}
            known = self._tokens[name] = frozenset(words)
        return known

    def frame(self, exchange: Exchange | None, frame: Frame) -> Frame:
        """A frame with its values hashed."""
        if exchange is not None and not self._tells_values(exchange):
            return frame
        if exchange is None and isinstance(frame.value, tuple) and frame.value:  # of a message the last is the value
            first = frame.value[0].value
            if first in (b"message", b"pmessage", b"smessage") and frame.value[-1].kind == b"$":
                return rebuilt(frame, (*frame.value[:-1], bulk(self.hashed(frame.value[-1].value))))
            return frame
        return self._hashed_frame(frame)

    def _tells_values(self, exchange: Exchange) -> bool:
        asked = exchange.queue or (exchange.words,)
        return any(self._is_data(words) for words in asked)

    def _is_data(self, words: Words) -> bool:
        command = self.model.command(words)
        facts = None if command is None else table(self.model.profile).commands.get(command.name.lower())
        return facts is None or facts.group in _DATA or facts.group == "scripting"

    def _hashed_frame(self, frame: Frame) -> Frame:
        if isinstance(frame.value, tuple):
            children = tuple(self._hashed_frame(child) for child in frame.value)
            return rebuilt(frame, children)
        if frame.kind == b"$" and frame.value is not None:
            return frame if frame.value in _TYPES or frame.value in self._keys else bulk(self.hashed(frame.value))
        quoted = _QUOTE.search(frame.value) if frame.is_error else None
        if quoted:  # it may show what it was asked
            text = frame.value[: quoted.start()] + MARK
            return Frame(b"-", text, b"-" + text + b"\r\n")
        return frame
