"""What the text asks of its own commands: which one a request names, its facts, what COMMAND tells of it.

What must live here: ``@of_run`` functions that read the compiled commands and the table that ``spec.derivation`` makes
of the text. A server has commands beside those of the text, and words its prose itself: where a reply may hold such,
it is a :class:`~replies.Predicate`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from redlark.reference.functions import command_of, of_run, pure
from redlark.reference.replies import Predicate, matches
from redlark.reference.resp import Frame
from redlark.reference.values import Kinded, Status
from redlark.spec.derivation import table as derived
from redlark.spec.metadata import CATEGORIES, Facts, KeySpec, Prose, SetOf, Table

Request = Sequence[bytes]


@cache
def _table(model: Any) -> Table:
    table = derived(model.profile, model.text)
    lacking = {name.lower() for name in model.lacking}
    return table.only(table.commands.keys() - lacking) if lacking else table


# ---- of requests -----------------------------------------------------------------------------------------------


@of_run
def has_keys(run: Any, name: bytes) -> bool:
    """Whether requests of a command have keys."""
    facts = _facts(run, name)
    return facts is not None and (
        any("not-key" not in spec.flags for spec in facts.key_specs) if facts.key_specs else bool(facts.key_range[0])
    )


@of_run
def keys_of(run: Any, request: Request) -> tuple[tuple[bytes, tuple[bytes, ...]], ...] | None:
    """The keys of a request, each with what is done with it; absent where they cannot be told."""
    return _keys(run, request, by_command=_is_old(run))


@of_run
def found_keys(run: Any, request: Request) -> tuple[tuple[bytes, tuple[bytes, ...]], ...] | None:
    """The keys that a command itself finds in its request, as `keys_of` has them: nothing else asks specifications."""
    return _keys(run, request, by_command=True, walks=not _is_old(run))


def _is_old(run: Any) -> bool:
    profile = run.model.profile
    return bool(profile.product == "redis" and profile.version < (7, 0))


def _keys(
    run: Any, request: Request, by_command: bool, walks: bool = False
) -> tuple[tuple[bytes, tuple[bytes, ...]], ...] | None:
    facts = _facts(run, command_of(run, request))
    if facts is None:
        return None
    # Redis 6.2 knows the first key, the last and the step alone.
    if not facts.key_specs or (by_command and facts.key_range[0] and all(map(_is_fixed, facts.key_specs))):
        first, last, step = facts.key_range
        if not first:
            return None
        stop = last if last >= 0 else len(request) + last
        if max(first, stop) >= len(request):
            return None
        return tuple((request[place], ()) for place in range(first, stop + 1, step))
    found = facts.keys(request, by_command=by_command, walks=walks)
    return None if found is None else tuple((key, tuple(_spelled(f) for f in flags)) for key, flags in found)


def _is_fixed(spec: KeySpec) -> bool:
    return spec.keyword is None and spec.count is None and not spec.unknown


def _spelled(flag: str) -> bytes:
    return flag.replace("-", "_").encode()


def _facts(run: Any, name: bytes | None) -> Facts | None:
    if name is None:
        return None
    known = _table(run.model).commands
    return known.get(name.decode()) or known.get(name.decode().partition("|")[0])


# ---- what COMMAND tells ------------------------------------------------------------------------------------------


@of_run
def command_names(run: Any) -> tuple[bytes, ...]:
    """The names of the commands, subcommands not among them."""
    return tuple(name.encode() for name in _table(run.model).commands if "|" not in name)


@of_run
def all_command_names(run: Any) -> tuple[bytes, ...]:
    """The names of the commands and of their subcommands."""
    return tuple(name.encode() for name in _table(run.model).commands)


@of_run
def in_category(run: Any, name: bytes, category: bytes) -> bool:
    """Whether a command is in a category of rights."""
    return category.lower().decode(errors="replace") in _table(run.model).commands[name.decode()].categories


@pure
def all_categories() -> tuple[bytes, ...]:
    """The categories of rights."""
    return tuple(category.encode() for category in CATEGORIES.split())


@of_run
def command_tables(run: Any) -> tuple[Predicate]:
    """What COMMAND tells: a row for each command, others beside ours."""
    table = _table(run.model)
    rows = [_told(table.info(name.decode()), run) for name in command_names(run)]
    return (_at_least("*", rows, run),)


@of_run
def command_rows(run: Any, name: bytes) -> tuple[Any]:
    """What COMMAND INFO tells of a name: our row; where the name is not in the text, nothing or a row of that name."""
    wanted = name.lower()
    row = _table(run.model).info(wanted.decode(errors="replace"))
    if row is not None:
        return (_told(row, run),)

    def holds(frame: Frame) -> bool:
        return frame.value is None or (frame.kind == b"*" and bool(frame.value) and frame.value[0].value == wanted)

    return (Predicate("nil, or what another command of that name is", holds, None),)


@of_run
def command_docs(run: Any, names: tuple[bytes, ...] | None) -> tuple[Predicate]:
    """What COMMAND DOCS tells of these names, or of all: documents of the names in the text, perhaps of others."""
    table = _table(run.model)
    wanted = [name.lower() for name in names] if names else command_names(run)
    pairs = [(name, table.docs(name.decode(errors="replace"))) for name in wanted]
    ours = [(name, _told(docs, run)) for name, docs in pairs if docs is not None]
    return (_at_least("%", ours, run, most=len(pairs) if names else None),)


@of_run
def name_lists(run: Any, names: tuple[bytes, ...]) -> tuple[Predicate]:
    """Lists of names in any order that hold all of ours that are wanted, and none of ours that are not."""
    wanted, ours = frozenset(names), frozenset(all_command_names(run))

    def holds(frame: Frame) -> bool:
        if frame.kind != b"*" or any(child.kind != b"$" for child in frame.value):
            return False
        found = [child.value for child in frame.value]
        return len(found) == len(set(found)) and ours & set(found) == wanted

    return (Predicate("names, these and no others of the text: " + ", ".join(map(repr, names)), holds, names),)


def _told(value: Any, run: Any) -> Any:
    """A plain value of ``spec.metadata`` as a reply of the model."""
    if isinstance(value, Prose):
        return Predicate("a sentence", lambda frame: bool(frame.kind == b"$" and frame.value is not None), bytes(value))
    if isinstance(value, str):
        return Status(value.encode())
    if isinstance(value, dict):
        return Kinded("map", tuple((_told(k, run), _subcommands(k, v, run)) for k, v in value.items()))
    if isinstance(value, SetOf):
        items = tuple(_told(item, run) for item in value)
        return _at_least("~", items, run) if _are_rows(value) else Kinded("set", items)
    if isinstance(value, list):
        items = tuple(_told(item, run) for item in value)
        return _at_least("*", items, run) if _are_rows(value) else items
    return value


def _are_rows(value: list[Any]) -> bool:
    """Whether this is a list of subcommands' rows: a server may have others beside ours."""
    return bool(value) and isinstance(value[0], list) and len(value[0]) > 6


def _subcommands(key: bytes, value: Any, run: Any) -> Any:
    if key != b"subcommands":
        return _told(value, run)
    return _at_least("%", [(name, _told(docs, run)) for name, docs in value.items()], run)


def _at_least(mark: str, items: Iterable[Any], run: Any, most: int | None = None) -> Predicate:
    """A collection that holds these items in any order, and may hold others, but not more than so many in all."""
    wanted, resp = list(items), run.session["resp"]
    kind = mark.encode() if resp == 3 else b"*"

    def holds(frame: Frame) -> bool:
        if frame.kind != kind or frame.value is None:
            return False
        children = list(frame.value)
        if mark == "%":
            children = [Frame(b"*", pair, b"") for pair in zip(children[::2], children[1::2], strict=True)]
        if most is not None and len(children) > most:
            return False
        by_name: dict[Any, list[Frame]] = {}
        for child in children:
            by_name.setdefault(child.value[0].value, []).append(child)
        return all(_takes(item, by_name, resp) for item in wanted)

    example = {"%": Kinded("map", tuple(wanted)), "~": Kinded("set", tuple(wanted)), "*": tuple(wanted)}[mark]
    return Predicate(f"at least {len(wanted)} entries of the text's commands", holds, example)


def _takes(item: Any, by_name: dict[Any, list[Frame]], resp: int) -> bool:
    """Takes the frame that is this item, an array that begins with its name, away from those that are left."""
    found = by_name.get(item[0], [])
    if not found:
        return False
    child = found.pop(0)
    if child.raw:
        return matches(item, child, resp)
    return all(matches(part, frame, resp) for part, frame in zip(item, child.value, strict=True))
