"""What a parameter's value may be: read from the words of a file, a command line or CONFIG SET, and shown again.

Which texts are taken, what is said of others and how a value is told are rules of the text
(`spec/text/config.redlark`), which this follows kind by kind; tests hold the two to real servers.  Must not live here:
which parameters there are (`parameters`), or what a value changes.
"""

from __future__ import annotations

import locale
import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from redlark.server import doubles, notifications
from redlark.server.parameters import ConfigError, Parameter
from redlark.server.values import INT64_MAX, INT64_MIN, to_integer, until_nul


class Limit(NamedTuple):
    """How much may wait for a client: at once, and for so many seconds; 0 is any amount."""

    hard: int
    soft: int
    seconds: int


Limits = tuple[Limit, ...]  # for each of CLASSES
Setting = int | bool | bytes | tuple[bytes, ...] | tuple[int, ...] | Limits

CLASSES: Final = (b"normal", b"slave", b"pubsub")
LOWEST_HZ, HIGHEST_HZ = 1, 500
LEAST: Final = {"repl-backlog-size": 16384}  # into which Redis brings it, but for 0
UNTOLD: Final = frozenset(("active-defrag-ignore-bytes", "client-query-buffer-limit"))  # whose upper limit is not told
_UNITS: Final = {b"": 1, b"b": 1, b"k": 1000, b"kb": 1024, b"m": 10**6, b"mb": 2**20, b"g": 10**9, b"gb": 2**30}
_MEMORY: Final = re.compile(rb"([0-9]*)([a-z]*)", re.ASCII)
_VARIABLE: Final = re.compile(rb"\{\{|\{(?:title|listen-addr|server-mode|port|tls-port|unixsocket|config-file)\}")
_UNFIT: Final = re.compile(rb"[\0!#-&(-+:;<>?@\[\]^{-~]")  # in a name that goes to other nodes
_LENIENT: Final = re.compile(rb"[ \t\n\v\f\r]*([+-]?[0-9]+)", re.ASCII)
_APART: Final = frozenset(("save-points", "buffer-limits", "scores", "percentiles", "enums", "addresses", "host-port"))


def parse(parameter: Parameter, texts: list[bytes], before: Setting | None = None) -> Setting:
    """Read the words behind a parameter's name; one that stands for several is taken apart at its spaces.

    `before` is what of the old value may stay.  Raises ConfigError with Redis's reason.
    """
    if parameter.kind in _APART:
        parts = texts[0].split(b" ") if len(texts) == 1 else texts
        if parameter.kind != "percentiles":
            parts = [until_nul(part) for part in parts]
        return _SEVERAL[parameter.kind](parameter, parts, before)
    if len(texts) != 1:
        raise ConfigError("wrong number of arguments")
    return _ONE.get(parameter.kind, _text)(parameter, texts[0])


def shown(parameter: Parameter, setting: Setting) -> bytes:
    """A setting as CONFIG GET tells it."""
    return b" ".join(shown_words(parameter, setting))


def shown_words(parameter: Parameter, setting: Setting) -> list[bytes]:
    """The words of it."""
    if parameter.kind == "buffer-limits":
        rows = zip(CLASSES, limits(setting), strict=True)
        return [word for name, row in rows for word in (name, *(b"%d" % number for number in row))]
    if isinstance(setting, tuple):
        return [part if isinstance(part, bytes) else b"%d" % part for part in setting if not isinstance(part, Limit)]
    if isinstance(setting, bool):
        return [b"yes" if setting else b"no"]
    if isinstance(setting, bytes):
        return [notifications.shown(setting) if parameter.kind == "event-classes" else setting]
    if parameter.kind == "octal":
        return [b"%o" % setting]
    return [b"%d%%" % -setting if parameter.kind == "memory-or-percent" and setting < 0 else b"%d" % setting]


def limits(setting: Setting | None) -> Limits:
    """A setting that is known to be one of limits."""
    assert isinstance(setting, tuple)
    return tuple(row for row in setting if isinstance(row, Limit))


# ------------------------------------------------------------------------------------------------------------ one word


def _check_locale(name: str) -> None:
    """Refuse what is no locale, as Redis does, and one whose order is not that of bytes: SORT ALPHA has no other yet.

    An empty name is that of the environment, and taken, since it is the default.
    """
    if not name:
        return
    before = locale.setlocale(locale.LC_COLLATE)
    try:
        locale.setlocale(locale.LC_COLLATE, name)
    except locale.Error:
        raise ConfigError("Invalid locale name") from None
    finally:
        locale.setlocale(locale.LC_COLLATE, before)
    if name != "POSIX" and name.partition(".")[0] != "C":
        raise ConfigError("redlark has only the order of 'C' yet, for lack of collation")


def _text(parameter: Parameter, text: bytes) -> bytes:
    said = until_nul(text)
    if parameter.name == "locale-collate":
        _check_locale(said.decode("latin-1"))
    if parameter.name in ("dbfilename", "appendfilename", "appenddirname") and b"/" in said:
        what = "dirname" if parameter.name == "appenddirname" else "filename"
        raise ConfigError(f"{parameter.name} can't be a path, just a {what}")
    if parameter.name == "cluster-announce-human-nodename" and _UNFIT.search(text):
        raise ConfigError("Announced human node name contained invalid character")
    if parameter.name == "proc-title-template" and not is_template(said):
        raise ConfigError("template format is invalid or contains unknown variables")
    return said


def is_template(text: bytes) -> bool:
    """Can a title be made of it: is each brace that opens doubled, or begins a variable that there is?

    >>> is_template(b"{title} at {{port}}"), is_template(b"{nosuch}"), is_template(b"{title"), is_template(b" ")
    (True, False, False, False)
    """
    return bool(text.strip()) and b"{" not in _VARIABLE.sub(b"", text)


def _yes_no(parameter: Parameter, text: bytes) -> bool:
    said = until_nul(text).lower()
    if said not in (b"yes", b"no"):
        raise ConfigError("argument must be 'yes' or 'no'")
    return said == b"yes"


def _enum(parameter: Parameter, text: bytes) -> bytes:
    said = until_nul(text).lower()
    for word in parameter.words:
        if said == word.lower().encode():
            return word.encode()
    raise _not_among(parameter)


def _not_among(parameter: Parameter) -> ConfigError:
    return ConfigError(f"argument(s) must be one of the following: {', '.join(parameter.words)}")


def _integer(parameter: Parameter, text: bytes) -> int:
    number = to_integer(text)
    if number is None:
        raise ConfigError("argument couldn't be parsed into an integer")
    if parameter.kind == "natural" and number < 0:
        raise ConfigError("argument must be greater or equal to 0")
    _within(parameter, number)
    if parameter.kind == "rate":
        return min(max(number, LOWEST_HZ), HIGHEST_HZ)
    return _raised(parameter, number)


def _octal(parameter: Parameter, text: bytes) -> int:
    said = until_nul(text)
    if not re.fullmatch(rb"-?[0-7]{1,10}", said):
        raise ConfigError("argument couldn't be parsed as an octal number")
    number = int(said, 8)
    if number < 0:
        raise ConfigError("argument must be greater or equal to 0")
    _within(parameter, number)
    return number


def _bytes(parameter: Parameter, text: bytes) -> int:
    number = memory(text)
    if number is None:
        raise ConfigError("argument must be a memory value")
    if parameter.name in UNTOLD and number > INT64_MAX:
        raise ConfigError("argument must be greater or equal to 0")
    _within(parameter, number)
    return _raised(parameter, number)


def _raised(parameter: Parameter, number: int) -> int:
    """What is too small to be useful is made larger, without a word."""
    return max(number, LEAST.get(parameter.name, number)) if number else number


def _within(parameter: Parameter, number: int) -> None:
    low, high = parameter.low, parameter.high
    if low is not None and high is None and (number < low or number > INT64_MAX):
        raise ConfigError(f"argument must be greater or equal to {low}")
    if low is not None and high is not None and not low <= number <= high:
        raise ConfigError(f"argument must be between {low} and {high} inclusive")


def memory(text: bytes) -> int | None:
    """A number of bytes with one of Redis's units, as 64 bits without a sign hold it.

    >>> memory(b"100mb"), memory(b"1k"), memory(b""), memory(b"-1"), memory(b"1 gb")
    (104857600, 1000, 0, None, None)
    """
    found = _MEMORY.fullmatch(until_nul(text).lower())
    if not found or found[2] not in _UNITS or len(found[1]) > 127:
        return None
    return min(int(found[1] or 0), 2**64 - 1) * _UNITS[found[2]] % 2**64


def _share(parameter: Parameter, text: bytes) -> int:
    """An amount, or a part of `maxmemory` in percent, which is kept below 0."""
    if len(text) > 1 and text.endswith(b"%"):
        percent = to_integer(text[:-1])
        if percent is None or percent < 0:
            raise ConfigError("argument must be a memory or percent value")
        if percent > 100:
            raise ConfigError("percentage argument must be less or equal to 100")
        return -percent
    number = memory(text)
    if number is None:
        raise ConfigError("argument must be a memory or percent value")
    number = number if number <= INT64_MAX else number - 2**64  # as Redis keeps it
    if number < -100:
        raise ConfigError("percentage argument must be less or equal to 100")
    return number


def _event_classes(parameter: Parameter, text: bytes) -> bytes:
    try:
        return notifications.spelled(until_nul(text))
    except ValueError:
        raise ConfigError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.") from None


_ONE: Final[dict[str, Callable[[Parameter, bytes], Setting]]] = {
    "bool": _yes_no,
    "enum": _enum,
    "int": _integer,
    "natural": _integer,
    "rate": _integer,
    "octal": _octal,
    "memory": _bytes,
    "memory-or-percent": _share,
    "event-classes": _event_classes,
}


# ------------------------------------------------------------------------------------------------------- several words


def lenient(text: bytes) -> int | None:
    r"""A number as C reads it from the whole of a text; nothing is 0, what is too large the largest.

    >>> lenient(b"\t+07"), lenient(b""), lenient(b"1 "), lenient(b"9" * 30) == 2**63 - 1
    (7, 0, None, True)
    """
    if not text:
        return 0
    found = _LENIENT.fullmatch(text)
    return None if found is None else max(INT64_MIN, min(int(found[1]), INT64_MAX))


def as_int(number: int) -> int:
    """A number as 32 bits keep it."""
    return (number + 2**31) % 2**32 - 2**31


def _save_points(parameter: Parameter, parts: list[bytes], before: Setting | None) -> tuple[int, ...]:
    numbers = [lenient(part) for part in (parts if parts != [b""] else [])]
    good = [number for number in numbers if number is not None]
    pairs = list(zip(good[::2], good[1::2], strict=False))
    if len(numbers) % 2 or len(good) < len(numbers) or not all(s >= 1 and c >= 0 for s, c in pairs):
        raise ConfigError("Invalid save parameters")
    return tuple(number for seconds, changes in pairs for number in (seconds, as_int(changes)))


def _buffer_limits(parameter: Parameter, parts: list[bytes], before: Setting | None) -> Limits:
    parts = [] if parts == [b""] else parts
    if len(parts) % 4:
        raise ConfigError("Wrong number of arguments in buffer limit configuration.")
    rows = dict(zip(CLASSES, limits(before), strict=True))
    for place in range(0, len(parts), 4):
        kind = parts[place].lower()
        kind = b"slave" if kind == b"replica" else kind
        if kind not in rows:
            raise ConfigError("Invalid client class specified in buffer limit configuration.")
        hard, soft, seconds = memory(parts[place + 1]), memory(parts[place + 2]), lenient(parts[place + 3])
        if hard is None or soft is None or seconds is None or as_int(seconds) < 0:
            raise ConfigError("Error in hard, soft or soft_seconds setting in buffer limit configuration.")
        rows[kind] = Limit(hard, soft, as_int(seconds))
    return tuple(rows.values())


def _scores(parameter: Parameter, parts: list[bytes], before: Setting | None) -> tuple[int, ...]:
    numbers = [lenient(part) for part in parts]
    if len(numbers) != 3:
        raise ConfigError("wrong number of arguments")
    if not all(number is not None and -2000 <= number <= 2000 for number in numbers):
        raise ConfigError("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
    return tuple(number for number in numbers if number is not None)


def _percentiles(parameter: Parameter, parts: list[bytes], before: Setting | None) -> tuple[bytes, ...]:
    if parts == [b""]:
        return ()
    told: list[bytes] = []
    for part in parts:
        number = doubles.read(part)
        if number is None:
            raise ConfigError(f"Invalid {parameter.name} parameters")
        if not 0 <= number <= 100:
            raise ConfigError(f"{parameter.name} parameters should sit between [0.0,100.0]")
        told.append(_percentile_shown(number))
    return tuple(told)


def _percentile_shown(number: float) -> bytes:
    return (b"%.6f" % number).rstrip(b"0").rstrip(b".")


def _enums(parameter: Parameter, parts: list[bytes], before: Setting | None) -> tuple[bytes, ...]:
    """In the order of the list; its first word stands for none."""
    said = {part.lower().decode("latin-1") for part in parts}
    if not said <= set(parameter.words) or not parts:
        raise _not_among(parameter)
    if {"save", "nosave"} <= said:
        raise ConfigError("shutdown options SAVE and NOSAVE can't be used simultaneously")
    chosen = [word for word in parameter.words[1:] if word in said] or [parameter.words[0]]
    return tuple(word.encode() for word in chosen)


def _addresses(parameter: Parameter, parts: list[bytes], before: Setting | None) -> tuple[bytes, ...]:
    return tuple(filter(None, parts))


def _host_port(parameter: Parameter, parts: list[bytes], before: Setting | None) -> tuple[bytes, ...]:
    if len(parts) != 2:
        if parts == [b""]:
            return ()
        raise ConfigError("wrong number of arguments")
    if [part.lower() for part in parts] == [b"no", b"one"]:
        return ()
    port = to_integer(parts[1])
    if port is None or not 0 <= port <= 65535:
        raise ConfigError("Invalid master port")
    return tuple(parts)


_SEVERAL: Final[dict[str, Callable[[Parameter, list[bytes], Setting | None], Setting]]] = {
    "save-points": _save_points,
    "buffer-limits": _buffer_limits,
    "scores": _scores,
    "percentiles": _percentiles,
    "enums": _enums,
    "addresses": _addresses,
    "host-port": _host_port,
}


def defaults(rows: Iterable[Parameter]) -> dict[str, Setting]:
    """Every parameter's setting at first."""
    nothing: Limits = (Limit(0, 0, 0),) * len(CLASSES)
    return {row.name: parse(row, [row.default.encode()], nothing) for row in rows}
