"""The built-in functions of the notation: what the language itself knows of its values.

What must live here: functions over values (size, take, distinct ...) and, marked ``@of_run``, those over the state
that a run works on (live keys, versions). Functions that compute something of Redis's own are primitives
(``spec/primitives``); functions that can be written in the notation are ``define``d there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from immutables import Map

from redlark.reference.domains import Draws, Samples, Subsets, Unshown
from redlark.reference.values import Status, plus, type_of

F = TypeVar("F", bound=Callable[..., Any])
FUNCTIONS: dict[str, Callable[..., Any]] = {}
RUN_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def _name(function: Callable[..., Any]) -> str:
    return function.__name__.rstrip("_").replace("_", "-")


def pure(function: F) -> F:
    """Registers a function of its arguments alone."""
    FUNCTIONS[_name(function)] = function
    return function


def of_run(function: F) -> F:
    """Registers a function whose first argument is the run."""
    RUN_FUNCTIONS[_name(function)] = function
    return function


# ---- numbers and texts ---------------------------------------------------------------------------------------


@pure
def size(value: Any) -> int:
    """The number of bytes, elements, members or fields; 0 for what is absent."""
    return 0 if value is None else len(value)


@pure
def min_(*numbers: Any) -> Any:
    """The smallest of several numbers."""
    return min(numbers)


@pure
def max_(*numbers: Any) -> Any:
    """The largest of several numbers."""
    return max(numbers)


@pure
def abs_(number: int) -> int:
    """The number without its sign."""
    return abs(number)


@pure
def joined(texts: Iterable[bytes], between: bytes) -> bytes:
    """Texts behind one another, with another one between each two."""
    return between.join(texts)


@pure
def upper(text: bytes) -> bytes:
    """ASCII letters as capitals."""
    return text.upper()


@pure
def lower(text: bytes) -> bytes:
    """ASCII letters as small ones."""
    return text.lower()


@pure
def slice_(value: Any, start: int, end: int) -> Any:
    """The bytes or elements from start to end, both counted from 0 and included; empty where they cross."""
    return value[max(start, 0) : max(end + 1, 0)]


@pure
def zeros(count: int) -> bytes:
    """That many zero bytes."""
    return bytes(count)


@pure
def status(text: bytes) -> Status:
    """A simple string reply."""
    return Status(text)


# ---- sequences and sets --------------------------------------------------------------------------------------


@pure
def take(value: Any, count: int) -> Any:
    """The first elements, at most that many."""
    return value[: max(count, 0)]


@pure
def drop(value: Any, count: int) -> Any:
    """What is left behind the first elements."""
    return value[max(count, 0) :]


@pure
def first(value: Any) -> Any:
    """The first element."""
    return value[0]


@pure
def last(value: Any) -> Any:
    """The last element."""
    return value[-1]


@pure
def only(value: Any) -> Any:
    """The one member of a set or list of one."""
    (member,) = value
    return member


@pure
def reversed_(value: Any) -> Any:
    """The elements in the opposite order."""
    return value[::-1]


@pure
def chunks(values: tuple[Any, ...], count: int) -> tuple[Any, ...]:
    """A list cut into lists of that many elements, the last one perhaps shorter."""
    return tuple(values[start : start + count] for start in range(0, len(values), count))


@pure
def places_of(element: Any, values: tuple[Any, ...]) -> tuple[int, ...]:
    """Where in a list an element stands, counted from 0."""
    return tuple([place for place, value in enumerate(values) if value == element])


@pure
def without_places(values: tuple[Any, ...], places: Iterable[int]) -> tuple[Any, ...]:
    """A list less the elements at these places."""
    gone = frozenset(places)
    return tuple([value for place, value in enumerate(values) if place not in gone])


@pure
def distinct(values: Iterable[Any]) -> tuple[Any, ...]:
    """Each value once, in the order of its first appearance."""
    return tuple(dict.fromkeys(values))


@pure
def set_of(values: Iterable[Any]) -> frozenset[Any]:
    """The values as a set."""
    return frozenset(values)


@pure
def list_of(values: Iterable[Any]) -> tuple[Any, ...]:
    """The values as a list; those of a set in an order that is the same in every process."""
    return tuple(sorted(values)) if type(values) is frozenset else tuple(values)


@pure
def flatten(values: Iterable[Iterable[Any]]) -> tuple[Any, ...]:
    """The elements of the elements."""
    return tuple(itertools.chain.from_iterable(values))


@pure
def count_of(value: Any, values: tuple[Any, ...]) -> int:
    """How many times a value stands in a list."""
    return sum(v == value for v in values)


@pure
def sum_(values: Iterable[int]) -> int:
    """The sum of a list of numbers."""
    return sum(values)


@pure
def largest(values: Iterable[Any]) -> Any:
    """The largest number of a list that is not empty."""
    return max(values)


@pure
def bytes_of(text: bytes) -> tuple[int, ...]:
    """The bytes of a text as numbers."""
    return tuple(text)


@pure
def intersection(sets: Iterable[frozenset[Any]]) -> frozenset[Any]:
    """The members that all of these sets have; there is at least one set."""
    first, *others = sets
    return frozenset(first).intersection(*others)


@pure
def first_place(value: Any, values: tuple[Any, ...]) -> int:
    """Where a value first stands in a list that holds it, counted from 0."""
    return values.index(value)


@pure
def replaced(values: tuple[Any, ...], place: int, by: tuple[Any, ...]) -> tuple[Any, ...]:
    """A list with others in the place of as many of its elements, from one place on."""
    return (*values[:place], *by, *values[place + len(by) :])


@pure
def union(sets: Iterable[frozenset[Any]]) -> frozenset[Any]:
    """The members of any of these sets."""
    return frozenset().union(*sets)


@pure
def first_given(*values: Any) -> Any:
    """The first of these values that is given; absent if none is."""
    return next((v for v in values if v is not None and v is not False), None)


@pure
def first_of(values: Iterable[Any]) -> Any:
    """The first element; absent where there is none."""
    return next(iter(values), None)


@pure
def fields(mapping: Map[Any, Any]) -> tuple[Any, ...]:
    """The keys of a map, in an order that is the same in every process."""
    return tuple(sorted(mapping))


@pure
def map_of(pairs: Iterable[tuple[Any, Any]]) -> Map[Any, Any]:
    """The pairs of key and value as a map."""
    return Map(pairs)


@pure
def without(mapping: Map[Any, Any], key: Any) -> Map[Any, Any]:
    """A map less one key."""
    return mapping.delete(key) if key in mapping else mapping


@pure
def without_all(mapping: Map[Any, Any], keys: Iterable[Any]) -> Map[Any, Any]:
    """A map less several keys."""
    for key in keys:
        mapping = without(mapping, key)
    return mapping


@pure
def pairs_of(mapping: Map[Any, Any]) -> tuple[tuple[Any, Any], ...]:
    """The keys of a map, each with its value, in the same order as the keys alone."""
    return tuple((key, mapping[key]) for key in sorted(mapping))


# ---- times ---------------------------------------------------------------------------------------------------


@pure
def absolute(amount: int | None, is_absolute: bool, is_seconds: bool, now: Any) -> Any:
    """The Unix time in milliseconds that an amount of seconds or milliseconds means; absent if there is none."""
    if amount is None:
        return None
    milliseconds = amount * 1000 if is_seconds else amount
    return milliseconds if is_absolute else plus(now, milliseconds)


# ---- domains of a choice -------------------------------------------------------------------------------------


@pure
def subsets(members: frozenset[bytes], count: int) -> Subsets:
    """The subsets of a set with that many members."""
    return Subsets(members, count)


@pure
def unshown(elements: tuple[Any, ...], count: int) -> Unshown:
    """So many of these elements, whichever they are: no reply tells of it."""
    return Unshown(elements, count)


@pure
def samples(members: frozenset[bytes], count: int) -> Samples:
    """The lists of that many members, repeats allowed."""
    return Samples(members, count)


@pure
def draws(members: tuple[Any, ...], count: int, different: bool) -> Draws:
    """The lists of that many members, in any order; different ones, or any."""
    return Draws(members, count, different)


# ---- state ---------------------------------------------------------------------------------------------------


@pure
def type_of_(value: Any) -> bytes:
    """The Redis type of a value: string, list, set, hash or none."""
    return type_of(value).encode()


class DatabaseHandle:
    """``db`` or ``dbs[n]`` as a value: what a function over a whole database gets."""

    __slots__ = ("number", "run")

    def __init__(self, run: Any, number: int) -> None:
        self.run, self.number = run, number

    def __len__(self) -> int:
        """The number of stored keys, expired ones that nothing has met yet among them."""
        return len(self.run.databases[self.number])


@pure
def keys(database: DatabaseHandle) -> frozenset[bytes]:
    """The keys of a database that have not expired; expired ones stay stored, for a server may not look at them all."""
    run, number = database.run, database.number
    return frozenset(k for k in sorted(run.databases[number]) if not run.expired(number, k))


@pure
def expired_keys(database: DatabaseHandle) -> frozenset[bytes]:
    """The keys of a database that have expired and that nothing has removed yet."""
    run, number = database.run, database.number
    return frozenset(k for k in sorted(run.databases[number]) if run.expired(number, k))


@pure
def live(database: DatabaseHandle) -> int:
    """How many keys of a database have not expired; expired ones stay stored."""
    run, number = database.run, database.number
    return sum(not run.expired(number, k) for k in sorted(run.databases[number]))


@of_run
def version(run: Any, place: tuple[int, bytes]) -> int:
    """A number that changes whenever the key at a place (a database's number and a key) does, its expiry included."""
    number, key = place
    return int(run.version(number, key) + run.expired(number, key))  # removing it will count: it counts already


@of_run
def read_clock(run: Any) -> None:
    """Lets `now` be a moment that may be later than the one it was."""
    run.read_clock()


@of_run
def stored_ghost(run: Any, place: tuple[int, bytes]) -> bool:
    """Whether a key has expired and nothing has met it since, so that the server may still store it."""
    number, key = place
    return bool(run.expired(number, key))


# ---- the text itself -----------------------------------------------------------------------------------------


@of_run
def command_of(run: Any, request: Sequence[bytes]) -> bytes | None:
    """The full name (``client|id``) of the command that a request names; its container's if it has no such one."""
    command = run.model.command(request)
    return None if command is None else bytes(command.key)


@of_run
def is_container(run: Any, name: bytes) -> bool:
    """Whether a command only holds subcommands."""
    return bool(run.model.by_key[name].container)


@of_run
def arity_of(run: Any, name: bytes) -> int:
    """How many words a request has, the command's own among them; negative: at least so many."""
    return int(run.model.by_key[name].arity)


@pure
def arity_holds(arity: int, count: int) -> bool:
    """Whether a request of so many texts has enough of them: exactly so many, or, negative, at least so many."""
    return count == arity if arity > 0 else count >= -arity


@of_run
def has_flag(run: Any, name: bytes | None, flag: bytes) -> bool:
    """Whether a command has a flag, such as ``no-multi``; what is no command has none."""
    found = run.model.by_key.get(name)
    return found is not None and flag in found.flags
