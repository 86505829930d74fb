"""What is a secret in a request or a reply, and how it is taken out before anything is written down.

Passwords stand in AUTH, in HELLO behind AUTH, in MIGRATE behind AUTH and AUTH2, in rules of ACL SETUSER, and as values
of some parameters; in a reply to who asks for those, for users and their rules, or for a new password; in an error that
shows what it was asked; and in what MONITOR and the logs tell of others. Whatever looks like one of these is taken out,
in any case and in any place: rather a word too many than a password.
What must not live here: values of keys (``hashing.py``).
"""

from __future__ import annotations

import re

from redlark.conformance.watch.wire import Exchange, Words
from redlark.reference.resp import MAPS, Frame
from redlark.reference.transcript import command_line, printed, split

MARK = b"(redacted)"
# Parameters whose values are secrets, in CONFIG and in SENTINEL.
_PARAMETER = re.compile(rb"(?i)(requirepass|(master|primary)auth|(^|-)(pass|password|auth-pass|secret))$|.*-pass$")
_HASHES = re.compile(rb"#?[0-9a-fA-F]{64}")
_DIGITS = re.compile(rb"[0-9a-fA-F]+\Z")
_QUOTE = re.compile(rb"['\"`]")
_MONITORED = re.compile(rb"(\d+\.\d+ \[[^\]]*\] )(.*)\Z", re.DOTALL)
_PRINTED = re.compile(
    r'(?i)("(?:requirepass|(?:master|primary)auth|[\w-]*-pass)"(?: => |, |: |\s+\d+\) ))"(?:[^"\\]|\\.)+"'
)
_NAMES = frozenset((b"auth", b"hello", b"acl", b"config", b"migrate", b"sentinel", b"command"))
# What is asked about another request, and how many words stand before that.
_ABOUT_OTHERS = {(b"acl", b"dryrun"): 3, (b"command", b"getkeys"): 2, (b"command", b"getkeysandflags"): 2}


def secrets_in(words: Words) -> frozenset[int]:
    """The places of the words of a request that are secrets.

    >>> sorted(secrets_in((b"hello", b"3", b"AUTH", b"ana", b"pw")))
    [4]
    """
    name = words[0].lower() if words else b""
    if name not in _NAMES:
        return frozenset()
    second = words[1].lower() if len(words) > 1 else b""
    if (name, second) in _ABOUT_OTHERS:
        skipped = _ABOUT_OTHERS[name, second]
        return frozenset(skipped + place for place in secrets_in(words[skipped:]))
    if name == b"auth":
        return frozenset(range(2 if len(words) == 3 else 1, len(words)))
    if name == b"hello":
        return _behind(words, {b"auth": (2, 2)})
    if name == b"migrate":
        return _behind(words, {b"auth": (1, 1), b"auth2": (2, 2)})
    if name == b"acl" and second == b"setuser":
        return frozenset(place for place in range(2, len(words)) if words[place][:1] in (b">", b"<", b"#", b"!"))
    if (name == b"config" and second == b"set") or name == b"sentinel":
        found = [place + 1 for place in range(2, len(words) - 1) if _PARAMETER.match(words[place])]
        if found and name == b"config":  # all behind it: a password with spaces, not quoted, is several words
            return frozenset(range(found[0], len(words)))
        return frozenset(found)
    return frozenset()


def _behind(words: Words, options: dict[bytes, tuple[int, int]]) -> frozenset[int]:
    """The words behind an option, from the first to the last distance; where fewer stand there, all that do."""
    found: set[int] = set()
    for place in range(1, len(words)):
        reach = options.get(words[place].lower())
        if reach is not None:
            first = reach[0] if place + reach[1] < len(words) else 1
            found |= set(range(place + first, min(place + reach[1] + 1, len(words))))
    return frozenset(found)


def without_secrets(words: Words) -> Words:
    """The request with its secrets taken out; a rule of ACL SETUSER keeps its first sign."""
    places = secrets_in(words)
    if not places:
        return words
    rules = words[0].lower() == b"acl"
    return tuple((w[:1] + MARK if rules else MARK) if place in places else w for place, w in enumerate(words))


def _is_about_secrets(words: Words) -> bool:
    name, second = words[0].lower(), words[1].lower() if len(words) > 1 else b""
    return name in (b"acl", b"slowlog", b"commandlog", b"sentinel") or (name == b"config" and second == b"get")


def clean(exchange: Exchange | None, frame: Frame) -> Frame:
    """A frame of a reply with its secrets taken out; without an exchange, a push."""
    if exchange is None:
        return _monitored(frame) if frame.kind == b"+" else frame
    return answering((exchange.words, *exchange.queue), frame)


def answering(asked: tuple[Words, ...], frame: Frame) -> Frame:
    """A frame of a reply to some requests (EXEC's to those that it runs), with its secrets taken out."""
    if not any(_is_about_secrets(words) or secrets_in(words) for words in asked):
        return frame
    known = [words[place] for words in asked for place in secrets_in(words)]
    about = [words for words in asked if _is_about_secrets(words)]
    return _cleaned(frame, known, about)


def shown(exchange: Exchange | None, frame: Frame) -> str:
    """A frame of a reply as redis-cli prints it, without its secrets; without an exchange, a push."""
    return printed(clean(exchange, frame).raw)


def hidden(text: str) -> str:
    """A reply that the text allows, as redis-cli prints it, without the secrets that the model was told.

    >>> print(hidden('1) "masterauth"\\n2) "pw"'))
    1) "masterauth"
    2) "(redacted)"
    """
    return _PRINTED.sub(r'\1"(redacted)"', text)


def _cleaned(frame: Frame, known: list[bytes], about: list[Words]) -> Frame:
    if frame.is_error and known:  # it may show what it was asked, whole or shortened
        value = frame.value
        quoted = _QUOTE.search(value)
        text = value[: quoted.start()] + MARK if quoted else value
        for secret in known:
            text = text.replace(secret, MARK) if secret else text
        return frame if text == value else Frame(b"-", text, b"-" + text + b"\r\n")
    if isinstance(frame.value, tuple):
        return _aggregate(frame, known, about)
    if about and frame.kind in b"$=" and frame.value is not None:
        names = {words[0].lower() for words in about}
        new = b"genpass" in {words[1].lower() for words in about if len(words) > 1} and _DIGITS.match(frame.value)
        text = MARK if new else _HASHES.sub(MARK, frame.value) if b"acl" in names else frame.value
        return frame if text == frame.value else bulk(text)
    return frame


def _aggregate(frame: Frame, known: list[bytes], about: list[Words]) -> Frame:
    children = [_cleaned(child, known, about) for child in frame.value]
    if about:
        for place in range(len(children) - 1):
            name, value = children[place].value, children[place + 1]
            if isinstance(name, bytes) and _PARAMETER.match(name) and value.value and value.kind == b"$":
                children[place + 1] = bulk(MARK)
        words = tuple(child.value for child in children)
        if words and all(child.kind == b"$" and isinstance(child.value, bytes) for child in children):
            children = [
                bulk(one) if one != old else c
                for one, old, c in zip(without_secrets(words), words, children, strict=True)
            ]
    if all(one is other for one, other in zip(children, frame.value, strict=True)):
        return frame
    return rebuilt(frame, tuple(children))


def _monitored(frame: Frame) -> Frame:
    """A line of MONITOR: a server takes passwords out of it, but not every version all of them."""
    found = _MONITORED.match(frame.value)
    if found is None:
        return frame
    try:
        words = split(found[2].decode())
    except ValueError:
        return Frame(b"+", found[1] + MARK, b"+" + found[1] + MARK + b"\r\n")
    if not words or not secrets_in(words):
        return frame
    text = found[1] + command_line(without_secrets(words)).encode()
    return Frame(b"+", text, b"+" + text + b"\r\n")


def bulk(text: bytes) -> Frame:
    """A bulk string."""
    return Frame(b"$", text, b"$%d\r\n%b\r\n" % (len(text), text))


def rebuilt(frame: Frame, children: tuple[Frame, ...]) -> Frame:
    """An aggregate of the same kind with other elements."""
    count = len(children) // (2 if frame.kind in MAPS else 1)
    return Frame(frame.kind, children, frame.kind + b"%d\r\n" % count + b"".join([child.raw for child in children]))
