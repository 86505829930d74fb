"""Configuration files and redis-server's command line, read into a `Config`.

Source: the redis.conf that comes with Redis, https://redis.io/docs/latest/operate/oss_and_stack/management/config-file/
"""

from __future__ import annotations

import difflib
import glob
import os
from typing import Final

from redlark.server.config import Config
from redlark.server.parameters import BYGONE, PARAMETERS, ConfigError
from redlark.server.settings import Setting
from redlark.server.words import split_words

MOST_FILES: Final = 16  # one including the next
_ALONE: Final = {  # what stands beside the parameters in a file, and what it would need
    "user": "users",
    "loadmodule": "modules of Redis, which are shared objects for another server",
    "sentinel": "Sentinel",
}


def load(text: bytes, source: str, config: Config, depth: int = 1) -> None:
    """Read the lines of a configuration file into config.  Raises ConfigError naming source, line number and line.

    What a file says of a parameter that stands for several (`save`, `client-output-buffer-limit`) adds up.
    """
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        words = split_words(line)
        try:
            if not words:
                raise ConfigError("unbalanced quotes in configuration line")
            _take(words, config, depth)
        except ConfigError as problem:
            shown = line.decode("utf-8", "replace")
            raise ConfigError(f"{source}, line {number}: {shown}\n{problem}") from None


def _take(words: list[bytes], config: Config, depth: int) -> None:
    """One directive."""
    name = words[0].decode("latin-1").lower()
    if name in PARAMETERS:
        _add(name, words[1:], config)
    elif name == "include":
        _include(words[1:], config, depth)
    elif name == "rename-command":
        if len(words) != 3:
            raise ConfigError("wrong number of arguments")
        config.renamed.append((words[1], words[2]))
    elif name in _ALONE:
        raise ConfigError(f"'{name}': redlark has no {_ALONE[name]} yet")
    elif name in BYGONE:
        config.bygone[name] = None
    else:
        raise ConfigError(f"unknown directive '{name}'{_suggestion(name)}")


def _add(name: str, texts: list[bytes], config: Config) -> None:
    row = PARAMETERS[name]
    before: Setting = config.get(name)
    config.put(name, texts, last=False)
    if row.kind == "save-points" and (now := config.get(name)) and isinstance(now, tuple) and isinstance(before, tuple):
        config.keep(name, (*before, *now))


def _include(patterns: list[bytes], config: Config, depth: int) -> None:
    """Read other files in the place of the line; of a pattern all that it finds, in order, or none."""
    if len(patterns) != 1:
        raise ConfigError("wrong number of arguments")
    if depth >= MOST_FILES:
        raise ConfigError(f"more than {MOST_FILES} files, each including the next")
    name = os.fsdecode(patterns[0])
    for found in sorted(glob.glob(name)) if glob.has_magic(name) else [name]:
        load(read(found), found, config, depth + 1)


def read(name: str) -> bytes:
    """The text of a configuration file.  Raises ConfigError."""
    try:
        with open(name, "rb") as file:
            return file.read()
    except OSError as problem:
        raise ConfigError(f"can't read the configuration file '{name}': {problem.strerror}") from None


def _suggestion(name: str) -> str:
    near = difflib.get_close_matches(name, PARAMETERS, n=1)
    return f"; did you mean '{near[0]}'?" if near else " (redlark does not have it yet, or Redis never had it)"


def from_arguments(arguments: list[str], stdin: bytes = b"") -> Config:
    """redis-server's own conventions: [file] [-] [--name value ...] ...; what stands later wins.

    An argument may hold a name and its values, as a list of words in a compose file often does.  Raises ConfigError.

    >>> from_arguments(["--port", "7000", "--save", "", "--bind", "127.0.0.1", "::1"]).bind
    (b'127.0.0.1', b'::1')
    >>> from_arguments(["--save 60 1", "--port 7000"]).port
    7000
    """
    config = Config()
    rest = list(arguments)
    if rest and rest[0] != "-" and not rest[0].startswith("--"):
        name = rest.pop(0)
        load(read(name), name, config)
        config.file = os.path.abspath(name)
    if rest and rest[0] == "-":
        rest.pop(0)
        load(stdin, "standard input", config)
    seen: set[str] = set()
    while rest:
        option = rest.pop(0)
        if not option.startswith("--"):
            raise ConfigError(f"'{option}' stands where an option was expected: --name value")
        words = split_words(option.encode("utf-8", "surrogateescape"))
        if words is None:
            raise ConfigError(f"{option}: unbalanced quotes")
        option, values = words[0].decode("utf-8", "surrogateescape"), words[1:]
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0).encode("utf-8", "surrogateescape"))
        _option(option, values, config, seen)
    config.check()
    return config


def _option(option: str, values: list[bytes], config: Config, seen: set[str]) -> None:
    """One option of the command line: what it says takes the place of what a file says."""
    name = option[2:].lower()
    if name not in PARAMETERS:
        if name in ("include", "rename-command") or name in _ALONE or name in BYGONE:
            return _take([name.encode(), *values], config, 1)
        raise ConfigError(f"unknown option '{option}'{_suggestion(name)}")
    row = PARAMETERS[name]
    if row.kind in ("save-points", "addresses", "percentiles", "host-port") and not values:
        values = [b""]
    try:
        if row.kind == "save-points" and name not in seen:
            config.keep(name, ())
        seen.add(name)
        if row.only is not None:
            config.put(name, values)
        else:
            _add(name, values, config)
    except ConfigError as problem:
        shown = " ".join((option, *(value.decode("utf-8", "replace") for value in values)))
        raise ConfigError(f"{shown}: {problem}") from None
    return None
