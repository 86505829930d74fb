"""What servers tell of their commands: COMMAND INFO, COMMAND DOCS, arity, key positions.

What must live here: the facts of a profile's commands as plain data, and the replies made of them. The data comes from
the text (`derivation` reads it off the syntax lines and facts) or, for a server that need not parse the text, from the
JSON files in ``generated``, which ``python -m redlark.spec.metadata`` writes. No parsing of the notation, no rules.

Replies are plain values: ``bytes`` a bulk string, `Prose` one whose words are our own, ``str`` a simple string,
``int``, ``list``, ``dict`` a map, `SetOf` a set (an array in RESP2), None.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

from attrs import asdict, evolve, field, frozen

GENERATED: Final = Path(__file__).with_name("generated")


class Prose(bytes):
    """A bulk string that explains something in our own words; a real server's words differ."""


class SetOf(list[Any]):
    """A set of RESP3, an array in RESP2; its order carries no meaning and is Redis's own."""


# The order in which servers list these. Members of a set, so nothing hangs on it but the eye.
FLAGS = (
    "write readonly denyoom module admin pubsub noscript blocking random sort-for-script loading stale skip-monitor "
    "skip-slowlog skip-commandlog asking fast no-auth may-replicate no-mandatory-keys no-async-loading no-multi "
    "allow-busy movablekeys"
)
CATEGORIES = (
    "keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin fast slow blocking "
    "dangerous connection transaction scripting"
)
ACCESS = "RO RW OW RM access update insert delete not-key incomplete variable-flags"


@frozen
class KeySpec:
    """Where keys stand in a request, and what is done with them: a key specification of COMMAND INFO.

    The search begins at `index`, or behind the word `keyword`, looked for from `start` on. From there keys are a range
    up to `last` (relative if not negative, else from the end of the request, of which `limit` tells the part that has
    keys: 2 is its first half) or, where `count` is given, as many as
    the argument at that offset says, from the offset `first` on. `step` is the distance between two of them.

    Where it is `unknown`, the specification does not say; keys may stand behind `keyword` all the same.
    """

    flags: tuple[str, ...]
    index: int = 0
    keyword: str | None = None
    start: int = 0
    last: int = 0
    step: int = 1
    count: int | None = None
    first: int = 0
    notes: str | None = None
    limit: int = 0
    unknown: bool = False

    def positions(self, request: Sequence[bytes]) -> list[int] | None:
        """Where the keys of a request stand; None if the request gives a count that it does not hold."""
        begin = self.index
        if self.keyword is not None:
            word = self.keyword.encode()
            places = range(self.start, len(request) - 1) if self.start > 0 else range(len(request) + self.start, 0, -1)
            begin = next((i + 1 for i in places if request[i].upper() == word), 0)
            if not begin:
                return []
        if begin >= len(request):
            return None
        if self.count is None:
            last = begin + self.last if self.last >= 0 else len(request) + self.last
            if self.limit > 1:
                last = begin + (len(request) - begin) // self.limit + self.last
            places = range(begin, last + 1, self.step)
        else:
            if begin + self.count >= len(request):
                return None
            text = request[begin + self.count]
            if re.fullmatch(rb"[1-9][0-9]{0,18}", text) is None:
                return None
            number = int(text)
            first = begin + self.first
            places = range(first, first + number * self.step, self.step)
        return list(places) if not places or places[-1] < len(request) else None

    def reply(self) -> dict[bytes, Any]:
        """This specification as COMMAND INFO tells it."""
        notes: dict[bytes, Any] = {} if self.notes is None else {b"notes": Prose(self.notes.encode())}
        flags = notes | {b"flags": SetOf(_spelled(flag) for flag in self.flags)}
        if self.unknown:
            nothing = {b"type": b"unknown", b"spec": {}}
            return flags | {b"begin_search": nothing, b"find_keys": nothing}
        begin: dict[bytes, Any] = {b"index": self.index}
        if self.keyword is not None:
            begin = {b"keyword": self.keyword.encode(), b"startfrom": self.start}
        if self.count is None:
            find = {b"lastkey": self.last, b"keystep": self.step, b"limit": self.limit}
        else:
            find = {b"keynumidx": self.count, b"firstkey": self.first, b"keystep": self.step}
        kinds = (b"index" if self.keyword is None else b"keyword", b"range" if self.count is None else b"keynum")
        return flags | {
            b"begin_search": {b"type": kinds[0], b"spec": begin},
            b"find_keys": {b"type": kinds[1], b"spec": find},
        }


@frozen
class Argument:
    """An argument as COMMAND DOCS tells it; a block or oneof holds others."""

    name: str
    type: str
    display: str | None = None
    key_spec: int | None = None
    token: str | None = None
    summary: str | None = None
    since: str | None = None
    deprecated: str | None = None
    flags: tuple[str, ...] = ()
    arguments: tuple[Argument, ...] = ()

    def reply(self) -> dict[bytes, Any]:
        """This argument as COMMAND DOCS tells it."""
        told: dict[bytes, Any] = {b"name": self.name.encode(), b"type": self.type.encode()}
        if self.display is not None:
            told[b"display_text"] = self.display.encode()
        if self.key_spec is not None:
            told[b"key_spec_index"] = self.key_spec
        if self.token is not None:
            told[b"token"] = self.token.encode()
        if self.summary is not None:
            told[b"summary"] = Prose(self.summary.encode())
        if self.since is not None:
            told[b"since"] = self.since.encode()
        if self.deprecated is not None:
            told[b"deprecated_since"] = self.deprecated.encode()
        if self.flags:
            told[b"flags"] = SetOf(self.flags)
        if self.arguments:
            told[b"arguments"] = [argument.reply() for argument in self.arguments]
        return told


KeyUse = tuple[bytes, tuple[str, ...]]  # a key and what is done with it


@frozen
class Facts:
    """All that is told of one command: its name in lower case, ``client|id`` for a subcommand."""

    name: str
    group: str
    since: str
    summary: str
    complexity: str
    arity: int
    flags: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    tips: tuple[str, ...] = ()
    key_specs: tuple[KeySpec, ...] = ()
    key_range: tuple[int, int, int] = (0, 0, 0)
    arguments: tuple[Argument, ...] = ()
    history: tuple[tuple[str, str], ...] = ()
    doc_flags: tuple[str, ...] = ()
    deprecated: tuple[str, str] | None = None
    subcommands: tuple[str, ...] = ()

    @property
    def container(self) -> bool:
        return bool(self.subcommands)

    def keys(self, request: Sequence[bytes], by_command: bool = False, walks: bool = False) -> list[KeyUse] | None:
        """The keys of a request, each with what is done with it; None where the request cannot be one of this command.

        Where a key specification says ``variable-flags``, the words behind the key tell what is done with it. Where the
        specifications do not find the keys, or are not asked (``by_command``), the command's own search does; from
        Redis 7.0 on it ``walks`` from option to option.
        """
        if any(spec.unknown or "incomplete" in spec.flags for spec in self.key_specs):
            return _among_options(self, request, by_command and not walks, walks)
        if by_command and any(spec.limit for spec in self.key_specs):
            return _first_half(self, request)
        counted = [spec for spec in self.key_specs if spec.count is not None]
        worded = [spec for spec in self.key_specs if spec.keyword is not None and spec.count is None]
        fixed = [spec for spec in self.key_specs if spec.keyword is None and spec.count is None]
        if fixed and worded and (by_command or any("variable-flags" in spec.flags for spec in worded)):
            return _behind_last_word(fixed, worded, request)
        found = None if by_command and counted else self._specified(request)
        return _as_c_counts(counted, fixed, request) if found is None and counted else found

    def _specified(self, request: Sequence[bytes]) -> list[KeyUse] | None:
        found: list[KeyUse] = []
        for spec in self.key_specs:
            if "not-key" in spec.flags:
                continue
            places = spec.positions(request)
            if places is None:
                return None
            flags = tuple(flag for flag in spec.flags if flag != "variable-flags")
            if flags != spec.flags:
                words = [word.upper() for word in request]
                if self.group == "bitmap" and _reads_fields(words[2:]):
                    flags = ("RO", "access")
                elif self.group != "bitmap" and b"GET" not in words[3:]:
                    flags = ("OW", *(flag for flag in flags if flag not in ("RW", "access")))
            found += [(request[place], flags) for place in places]
        needed = {one.token for one in self.arguments if one.token and "optional" not in one.flags}
        if not found and any(spec.keyword in needed for spec in self.key_specs):
            return None  # the word that keys stand behind is missing (XREAD without STREAMS)
        return found


def _used(spec: KeySpec, request: Sequence[bytes]) -> list[KeyUse] | None:
    places, flags = spec.positions(request), tuple(flag for flag in spec.flags if flag != "variable-flags")
    return None if places is None else [(request[place], flags) for place in places]


def _among_options(facts: Facts, request: Sequence[bytes], by_command: bool, walks: bool) -> list[KeyUse] | None:
    """Keys at fixed places, and those behind words that specifications do not find: options are walked one by one.

    The last word that one key follows counts. A word that all the rest are keys of ends the walk, and puts them in the
    place of the fixed key, which must then be empty. By the command itself (Redis 6.2) such a word is one wherever it
    stands, even as an option's argument, and is none beside a fixed key; by one that ``walks``, it leaves no key beside
    a fixed one, even where none follows it.
    """
    fixed = [spec for spec in facts.key_specs if spec.keyword is None and not spec.unknown]
    worded = {str(spec.keyword).encode(): spec for spec in facts.key_specs if spec.keyword is not None}
    widths = {} if by_command and not any(s.unknown for s in worded.values()) else _option_widths(facts.arguments)
    uses = [_used(spec, request) for spec in fixed]
    if any(use is None for use in uses):
        return None
    found, last = [one for use in uses if use for one in use], None
    place = abs(facts.arity)
    while place < len(request):
        word = request[place].upper()
        spec = worded.get(word)
        if spec is not None and spec.last:
            if found[0][0]:
                if walks or (not by_command and place + 1 < len(request)):
                    return None
            elif by_command or walks or place + 1 < len(request):
                told = tuple(flag for flag in spec.flags if flag != "incomplete")
                return [(key, told) for key in request[place + 1 :]] or None
        elif spec is not None and place + 1 < len(request):
            last = (request[place + 1], spec.flags)
        elif spec is None:
            place += widths.get(word, 0)
        place += 1
    return found + ([last] if last else [])


def _first_half(facts: Facts, request: Sequence[bytes]) -> list[KeyUse] | None:
    """Keys in the first half of what stands behind a word, looked for option by option; none if halves differ.

    XREAD and XREADGROUP are the only ones, and each lets the other's options pass here.
    """
    (spec,) = facts.key_specs
    widths, place = {b"BLOCK": 1, b"COUNT": 1, b"GROUP": 2, b"NOACK": 0}, 1
    while place < len(request):
        word = request[place].upper()
        if word == str(spec.keyword).encode():
            behind = request[place + 1 :]
            return None if len(behind) % 2 else [(key, spec.flags) for key in behind[: len(behind) // 2]] or None
        if word not in widths:
            return None
        place += widths[word] + 1
    return None


def _option_widths(arguments: Sequence[Argument]) -> dict[bytes, int]:
    """How many arguments follow the word of each option."""
    found: dict[bytes, int] = {}
    for one in arguments:
        if one.token:
            found[one.token.encode()] = len(one.arguments) if one.type == "block" else int(one.type != "pure-token")
        elif one.type == "oneof":
            found |= _option_widths(one.arguments)
    return found


def _behind_last_word(
    fixed: Sequence[KeySpec], worded: Sequence[KeySpec], request: Sequence[bytes]
) -> list[KeyUse] | None:
    """Keys at fixed places, then the one behind the last of some words, such as STORE: that is how it is run."""
    words = {str(spec.keyword).encode(): spec for spec in worded}
    place, found = 5, None  # GEORADIUS and its kin are the only ones: what stands before is positional
    while place < len(request) - 1:
        spec = words.get(request[place].upper())
        if spec is not None:
            place += 1
            found = (request[place], tuple(flag for flag in spec.flags if flag != "variable-flags"))
        place += 1
    uses = [_used(spec, request) for spec in fixed]
    if any(use is None for use in uses):
        return None
    return [one for use in uses if use for one in use] + ([found] if found else [])


def _as_c_counts(counted: Sequence[KeySpec], fixed: Sequence[KeySpec], request: Sequence[bytes]) -> list[KeyUse] | None:
    """Counted keys, then those at fixed places; a count is what C's atoi makes of its text."""
    found: list[KeyUse] = []
    for spec in counted:
        place = spec.index + (spec.count or 0)
        number = _atoi(request[place]) if place < len(request) else 0
        first = spec.index + spec.first
        if spec.keyword is not None or number < 1 or number > (len(request) - first) // spec.step:
            return None
        found += [(request[first + offset * spec.step], spec.flags) for offset in range(number)]
    return found + [one for spec in fixed for one in _used(spec, request) or ()]


def _atoi(text: bytes) -> int:
    """A C int as atoi reads it: leading white space and a sign, digits while there are some, the lower 32 bits."""
    found = re.match(rb"[ \t\n\v\f\r]*([+-]?[0-9]+)", text)
    number = int(found[1]) if found and len(found[1]) < 4000 else 0
    number = max(-(2**63), min(number, 2**63 - 1))
    return (number + 2**31) % 2**32 - 2**31


def _reads_fields(words: list[bytes]) -> bool:
    """Whether BITFIELD's operations are whole and read alone; one that is not whole counts as a write."""
    place = 0
    while place < len(words):
        width = {b"GET": 2, b"OVERFLOW": 1}.get(words[place])
        if width is None or place + width >= len(words):
            return False
        place += width + 1
    return True


@frozen
class Table:
    """The facts of every command that a profile specifies, by name in lower case."""

    profile: str
    commands: dict[str, Facts] = field(factory=dict)

    def only(self, names: Container[str]) -> Table:
        """The table of a server that has these commands alone; a container stays while one of its subcommands does."""
        kept = {name: facts for name, facts in self.commands.items() if name in names}
        for name, facts in self.commands.items():
            below = tuple(sub for sub in facts.subcommands if sub in kept)
            if below or name in kept:
                kept[name] = evolve(facts, subcommands=below)
        return evolve(self, commands={name: kept[name] for name in self.commands if name in kept})

    def info(self, name: str) -> list[Any] | None:
        """A command as COMMAND INFO tells it; None if there is none. Redis 6.2 tells the first seven items alone."""
        facts = self.commands.get(name.lower())
        if facts is None:
            return None
        told = [
            facts.name.encode(),
            facts.arity,
            SetOf(map(_spelled, facts.flags)),
            *facts.key_range,
            SetOf(f"@{category}" for category in facts.categories),
        ]
        if self.profile == "redis-6.2":
            return told
        told += [SetOf(tip.encode() for tip in facts.tips), SetOf(spec.reply() for spec in facts.key_specs)]
        below = [self.info(sub) for sub in facts.subcommands]
        return [*told, below if below or self._valkey_9 else SetOf()]

    @property
    def _valkey_9(self) -> bool:
        """Valkey 9 tells of no subcommands by an empty array, others by an empty set; some are an array everywhere."""
        return self.profile.startswith("valkey-9")

    def docs(self, name: str) -> dict[bytes, Any] | None:
        """A command as COMMAND DOCS tells it; None if there is none."""
        facts = self.commands.get(name.lower())
        if facts is None:
            return None
        told: dict[bytes, Any] = {
            b"summary": Prose(facts.summary.encode()),
            b"since": facts.since.encode(),
            b"group": facts.group.encode(),
            **({b"complexity": Prose(facts.complexity.encode())} if facts.complexity else {}),
        }
        if facts.complexity:
            told[b"complexity"] = Prose(facts.complexity.encode())
        if facts.doc_flags:
            told[b"doc_flags"] = SetOf(facts.doc_flags)
        if facts.deprecated:
            told[b"deprecated_since"] = facts.deprecated[0].encode()
            told[b"replaced_by"] = Prose(facts.deprecated[1].encode())
        if facts.history:
            told[b"history"] = SetOf([version.encode(), Prose(text.encode())] for version, text in facts.history)
        if facts.arguments:
            told[b"arguments"] = [argument.reply() for argument in facts.arguments]
        if facts.subcommands:
            told[b"subcommands"] = {sub.encode(): self.docs(sub) for sub in facts.subcommands}
        return told

    def to_json(self) -> str:
        """The table as a JSON document with a command a line, what is empty left out."""
        rows = (
            f"  {json.dumps(name)}: {json.dumps(_sparse(asdict(facts)), ensure_ascii=False)}"
            for name, facts in sorted(self.commands.items())
        )
        return f'{{"profile": {json.dumps(self.profile)}, "commands": {{\n' + ",\n".join(rows) + "\n}}\n"

    @classmethod
    def from_json(cls, text: str) -> Table:
        """The table that `to_json` wrote."""
        document = json.loads(text)
        return cls(document["profile"], {name: _facts(row) for name, row in document["commands"].items()})


def _spelled(flag: str) -> str:
    """A flag as servers spell it."""
    return flag.replace("-", "_")


def _says(key: str, item: object) -> bool:
    """Whether a member says something: a token may be the empty text."""
    return item is not False and item not in (None, (), []) and (item != "" or key == "token")


def _sparse(value: Any) -> Any:
    """A value without the members that are empty, so that a row is no longer than it says something."""
    if isinstance(value, dict):
        return {key: _sparse(item) for key, item in value.items() if _says(key, item)}
    return [_sparse(item) for item in value] if isinstance(value, (list, tuple)) else value


def _argument(row: dict[str, Any]) -> Argument:
    inner = tuple(_argument(each) for each in row.get("arguments", ()))
    return Argument(**row | {"flags": tuple(row.get("flags", ())), "arguments": inner})


def _facts(row: dict[str, Any]) -> Facts:
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
    return Facts(
        **plain
        | {
            "summary": row.get("summary", ""),
            "complexity": row.get("complexity", ""),
            "key_specs": tuple(KeySpec(**spec | {"flags": tuple(spec["flags"])}) for spec in row.get("key_specs", ())),
            "arguments": tuple(_argument(each) for each in row.get("arguments", ())),
            "history": tuple((version, text) for version, text in row.get("history", ())),
        }
    )


@cache
def generated(profile: str = "redis-8.2") -> Table:
    """The table that was generated for a profile; FileNotFoundError where none was."""
    return Table.from_json((GENERATED / f"{profile}.json").read_text(encoding="utf-8"))


def main() -> None:
    """Write the tables that servers read, beside this module."""
    from redlark.spec import parameters
    from redlark.spec.derivation import table

    folder = GENERATED
    folder.mkdir(exist_ok=True)
    for profile in ("redis-8.2",):
        path = folder / f"{profile}.json"
        path.write_text(table(profile).to_json(), encoding="utf-8")
        print(f"{path.name}: {len(generated(profile).commands)} commands")
        path = folder / f"{profile}-parameters.json"
        path.write_text(parameters.to_json(profile, parameters.of_text(profile)), encoding="utf-8")
        print(f"{path.name}: {len(parameters.generated(profile))} parameters")


if __name__ == "__main__":
    main()
