"""The types of values that are more than a string: what each promises to commands, whichever core supplies it.

A core exposes the classes `List`, `Set`, `Hash` and `SortedSet` (`Types`), each constructed empty from the limits of
the configuration; commands reach them through `State.types` and name no class.  What a value is its `kind` tells.

Must live here: protocols, with what each method costs.  Must not: behaviour, which is the cores'.

Costs: n is the number of elements, k that of those named, told or moved.  A structure that is packed (listpack, intset)
is as small as the limits say, so that what is linear in it is bounded; costs are those of the other form.

Encodings are Redis 8.2's, step by step: which form a value has depends on how it came about, and OBJECT ENCODING tells.
An emptied value is not kept by a caller, and is of no use to it any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Protocol, Self

if TYPE_CHECKING:
    from redlark.server.geo import Area
    from redlark.server.groups import Pending

NO_LIMIT: Final = 2**63 - 1


class Limits(Protocol):
    """What of the configuration decides how values are kept; `config.Config` has it.  Read anew at each write."""

    list_max_listpack_size: int
    set_max_intset_entries: int
    set_max_listpack_entries: int
    set_max_listpack_value: int
    hash_max_listpack_entries: int
    hash_max_listpack_value: int
    zset_max_listpack_entries: int
    zset_max_listpack_value: int
    stream_node_max_entries: int
    stream_node_max_bytes: int


class Collection(Protocol):
    """What all of them have."""

    def __len__(self) -> int:
        """How many elements.  O(1)."""

    @property
    def encoding(self) -> bytes:
        """The name that OBJECT ENCODING gives.  O(1)."""

    def memory(self) -> int:
        """About how many bytes the value takes.  O(1)."""

    def copy(self) -> Self:
        """A value of its own with the same content in the same form.  O(n)."""

    def check(self) -> None:
        """Assert every invariant of the structure (for tests)."""


Packed = tuple[Sequence[bytes], bool]


class List(Collection, Protocol):
    """A sequence of byte strings.  Places count from 0, and are within it where a method does not say otherwise."""

    kind: Literal[b"list"]

    def __iter__(self) -> Iterator[bytes]:
        """From the first.  Nothing may be changed meanwhile."""

    def __reversed__(self) -> Iterator[bytes]:
        """From the last."""

    def push(self, elements: Sequence[bytes], left: bool, moved: bool = False) -> None:
        """Put them at an end, one after another.  O(k).

        moved: they come from another list: those that it kept as numbers count no bytes while room is looked for.
        """

    def pop(self, count: int, left: bool) -> list[bytes]:
        """Take at most count from an end, the one at the very end first.  O(k)."""

    def rotate(self, from_left: bool, to_left: bool) -> bytes:
        """Take one from an end and put it at an end of the same list.  O(1)."""

    def get(self, place: int) -> bytes:
        """The element at a place.  O(n / elements in a node)."""

    def range(self, start: int, stop: int) -> list[bytes]:
        """The elements from start up to, without it, stop.  O(n / elements in a node + k)."""

    def set(self, place: int, element: bytes) -> bool:
        """Replace.  False where there is no such place, but the list makes room as if there were.  As `get`."""

    def insert(self, pivot: bytes, element: bytes, after: bool) -> bool:
        """Put an element beside the first that equals pivot.  False where none does; makes room even so.  O(n)."""

    def remove(self, element: bytes, count: int) -> int:
        """Take out what equals element: count from the first, -count from the last, 0: all; how many went.  O(n)."""

    def trim(self, start: int, stop: int) -> None:
        """Keep what stands from start up to, without it, stop.  O(elements that go)."""

    def gather(self, elements: Sequence[bytes]) -> None:
        """Fill the empty list with a result, pushed to a quicklist that becomes a listpack if it may.  O(k)."""

    def packed(self) -> Iterator[Packed]:
        """Its listpacks, each with False, and single elements too large for any, with True.  O(n)."""

    def load(self, nodes: Sequence[Packed]) -> None:
        """Fill the empty list as another server has kept it, node by node, none of them empty.  O(k)."""


class Walked(Collection, Protocol):
    """What is in no order that clients may rely on, and is walked by SSCAN and its kin.

    A sample is of different elements, in any order, all equally likely; draws may repeat.
    """

    def __iter__(self) -> Iterator[bytes]:
        """Every member (field), once.  Nothing may be changed meanwhile."""

    def __contains__(self, member: object, /) -> bool:
        """O(1)."""

    def scan(self, cursor: int, count: int) -> tuple[int, list[bytes]]:
        """One step of a walk: the next cursor (0 at the end) and about count members; a packed value all at once.

        cursor is any unsigned 64-bit number.  What is there from the start to the end of a walk is told at least once,
        whatever comes and goes meanwhile, and even if the value is replaced by another one that has it.  O(k + log n)
        """

    def draw(self, count: int) -> list[bytes]:
        """count times a random member.  O(k), packed O(n + k)."""

    def sample(self, count: int) -> list[bytes]:
        """count different random members, or all if there are no more.  O(k), packed O(n)."""


class Set(Walked, Protocol):
    """Different byte strings."""

    kind: Literal[b"set"]

    def add(self, members: Sequence[bytes], announced: int = 0) -> int:
        """Add them; how many were new.  O(k), while it grows O(log n) each.

        announced: so many will come, as SADD takes the number of its arguments, which may decide the form at once.
        """

    def gather(self, members: Iterable[bytes], integers: bool = True) -> None:
        """Fill the empty set with a result that is stored.  As `add`.

        integers: it begins as an intset; otherwise it is one only if it can be in the end.
        """

    def load(self, members: Sequence[bytes], encoding: bytes) -> None:
        """Fill the empty set with different members, as another server has kept them, unless they are too many.  O(k)

        Of an intset all are integers.
        """

    def remove(self, members: Iterable[bytes]) -> int:
        """Take them out; how many were there.  As `add`."""

    def take(self, count: int) -> list[bytes]:
        """Take count < n random members out, as SPOP with a count does.  O(k), or O(n) where k exceeds a third of n."""


class Hash(Walked, Protocol):
    """Fields and their values."""

    kind: Literal[b"hash"]
    timed: bool  # fields may have deadlines; as long as it is False, none has

    @property
    def ends(self) -> int | None:
        """The earliest deadline of a field (ms), None if none has one.  O(1)."""

    def set(self, fields: Sequence[bytes], values: Sequence[bytes], keep_deadlines: bool = False) -> int:
        """Give each field its value; how many were new.  O(k), while it grows O(log n) each.

        Their deadlines are over with, unless they are kept.
        """

    def be_timed(self) -> None:
        """If it is packed, be packed from now on as hashes are whose fields may have deadlines."""

    def deadline(self, field: bytes) -> int | None:
        """The deadline of a field (ms), None if it has none.  O(1)."""

    def set_deadline(self, field: bytes, at: int | None) -> None:
        """Give a field that is there a deadline, or take it away.  O(log of those that have one)."""

    def end(self, now: int, most: int) -> int:
        """Take out, the earliest first, at most so many fields with a deadline before now; how many went."""

    def load(self, fields: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Fill the empty hash with different fields that were packed elsewhere, unless they are too many.  O(k)"""

    def get(self, field: bytes) -> bytes | None:
        """The value of a field.  O(1)."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Fields with values, in the order of `__iter__`."""

    def remove(self, fields: Iterable[bytes]) -> int:
        """Take them out; how many were there.  As `set`."""


Scored = tuple[bytes, float]


class SortedSet(Walked, Protocol):
    """Members with scores, in the order of the scores and, where these are equal, of the members' bytes.

    A rank is a place in that order, from 0.  A score is never NaN.
    """

    kind: Literal[b"zset"]

    def score(self, member: bytes) -> float | None:
        """O(1)."""

    def put(self, member: bytes, score: float) -> None:
        """Give a member its score, adding it if need be.  A packed one keeps -0 as 0.  O(log n + sqrt n moves)."""

    def unpack(self) -> None:
        """Never be packed from now on.  O(n) the first time."""

    def gather(self, scores: Iterable[Scored]) -> None:
        """Fill the empty sorted set with a result whose size is known before it is stored.  O(n log n)."""

    def load(self, scores: Iterable[Scored]) -> None:
        """Fill the empty sorted set with one that was packed elsewhere, unless it is too large.  As `gather`."""

    def remove(self, members: Iterable[bytes]) -> int:
        """Take them out; how many were there.  As `put`, each."""

    def remove_range(self, start: int, stop: int) -> None:
        """Take out the members of these ranks, without stop.  O(k + sqrt n)."""

    def rank(self, member: bytes) -> int | None:
        """O(log n + blocks), which are about sqrt n in a large one."""

    def range(self, start: int, stop: int) -> list[Scored]:
        """The members of these ranks, without stop, with their scores.  O(blocks + k)."""

    def first(self, test: Callable[[float, bytes], bool]) -> int:
        """The rank of the first member of which a test of score and member holds; n if of none.

        If it holds of one it should hold of what follows.  Where it does not, of a packed one the first of all is
        found, else one behind a member of which it does not hold, or n if it does not hold of the last.
        O(log n + blocks)
        """


Items = tuple[bytes, ...]  # fields and values in turn
Entry = tuple[int, Items]


class StreamNode(NamedTuple):
    """Some entries of a stream that are kept together, oldest first."""

    first: int  # the id that it was made for
    last: int  # the last id that was ever put into it
    total: int  # entries that were ever put into it
    size: int  # bytes that it took elsewhere, those of deleted entries too
    fields: Items  # that its entries share
    entries: Sequence[Entry]


class Consumer(Protocol):
    """When a consumer was last heard of, when it last got something (-1: never; both in ms)."""

    seen: int
    active: int

    @property
    def name(self) -> bytes: ...

    @property
    def size(self) -> int:
        """How many entries it has pending."""


class Group(Protocol):
    """Consumers of a stream: the last id that they got, and how many of its entries that makes (None: unknown)."""

    last_id: int
    read: int | None

    @property
    def consumers(self) -> dict[bytes, Consumer]:
        """By name; `join` and `drop` change it."""

    @property
    def size(self) -> int:
        """How many entries are pending."""

    def memory(self) -> int:
        """Bytes, about.  O(1)."""

    def join(self, name: bytes, seen: int, active: int = -1) -> Consumer:
        """A consumer whom the group does not have joins it."""

    def drop(self, name: bytes) -> int:
        """A consumer goes with what it has pending; how much that was.  O(k log n)."""

    def first(self) -> int:
        """The first id that is pending; there is one."""

    def last(self) -> int:
        """The last one."""

    def held(self, id_: int) -> Pending | None:
        """What is known of an entry that is pending.  O(log n)."""

    def between(self, low: int, high: int, consumer: bytes | None = None) -> Iterator[tuple[int, Pending]]:
        """What is pending with ids from low to high, of one consumer or of all, oldest first.  O(k log n)."""

    def give(self, id_: int, consumer: bytes, time: int, count: int) -> None:
        """An entry is pending for a consumer of the group, and for nobody else.  O(log n)."""

    def take(self, id_: int) -> bool:
        """An entry is pending no longer; whether it was.  O(log n)."""

    def copy(self) -> Self:
        """A group of its own with the same content."""

    def check(self) -> None:
        """Assert every invariant."""


class Stream(Collection, Protocol):
    """Entries in the order of their ids, numbers of 128 bits, and groups of consumers.  An empty one is a value, too.

    `groups` are for the commands to change; they are copied and counted with the stream.
    """

    kind: Literal[b"stream"]
    last_id: int  # the largest that was ever given
    max_deleted: int  # the largest that was deleted out of turn, as XDEL and its kin say
    added: int  # entries that were ever added
    groups: dict[bytes, Group]

    @property
    def nodes(self) -> int:
        """How many nodes hold the entries."""

    def get(self, id_: int) -> Items | None:
        """The entry of an id.  O(log nodes)."""

    def between(self, low: int, high: int, newest_first: bool = False) -> Iterator[Entry]:
        """The entries with ids from low to high, both included.  Nothing may change meanwhile.  O(log nodes + k)."""

    def first(self) -> Entry | None:
        """The oldest entry.  O(1)."""

    def last(self) -> Entry | None:
        """The newest entry.  O(1)."""

    def append(self, id_: int, items: Items) -> None:
        """Add an entry with an id larger than `last_id`.  O(k)."""

    def remove(self, ids: Iterable[int]) -> int:
        """Take entries out; how many were there.  O(log nodes) each."""

    def trim(self, longest: int | None, least: int, whole: bool, limit: int) -> int:
        """Take out the oldest, down to a length (or None: below an id); how many went.  O(entries that go + nodes).

        whole: nodes that go altogether alone; limit: at most so many entries, 0: any number.
        """

    def packed(self) -> Iterator[StreamNode]:
        """Its nodes, the oldest first.  Nothing may change meanwhile.  O(n)."""

    def load(self, nodes: Sequence[StreamNode]) -> None:
        """Fill the empty stream node by node, none of them empty.  `last_id` and `added` are the caller's.  O(k)."""


Source = SortedSet  # of a search of places
Near = tuple[float, bytes, float, tuple[float, float]]  # the distance in metres, a member, its score and place


class Types(Protocol):
    """What a core supplies: its classes, each called with the limits, and work over every member or byte of a value."""

    @property
    def List(self) -> Callable[[Limits], List]: ...

    @property
    def Set(self) -> Callable[[Limits], Set]: ...

    @property
    def Hash(self) -> Callable[[Limits], Hash]: ...

    @property
    def SortedSet(self) -> Callable[[Limits], SortedSet]: ...

    @property
    def Stream(self) -> Callable[[Limits], Stream]: ...

    @property
    def Group(self) -> Callable[[int, int | None], Group]:
        """Called with the last id, and how many entries that makes."""

    def near(self, source: Source, area: Area, most: int | None, /) -> list[Near]:
        """The members in an area, in the order of its cells, at most so many; None: all.

        The sorted set is of this core.  O(log n) for each cell, and O(members in it).
        """

    def dumped(self, value: Collection, /) -> bytes | None:
        """A collection of this core as `rdb.write` has it, if it can copy what it keeps; None: rdb writes it.  O(n)."""

    def undumped(self, data: bytes, place: int, limits: Limits, /) -> tuple[Any, int] | None:
        """The value that begins at a place of RDB bytes, and the place behind, if the core can keep what stands there.

        None says nothing about the bytes: rdb reads them, or refuses.  Of what is not None it would read the same.
        O(n).
        """

    def crc64(self, data: bytes | bytearray, start: int = 0, /) -> int:
        """The checksum of RDB files, CRC-64/Jones, going on from that of the bytes before.  O(n)."""

    def compress(self, data: bytes, room: int, /) -> bytes | None:
        """By LZF, if that takes at most so many bytes.  O(n)."""

    def expand(self, data: bytes, size: int, /) -> bytes | None:
        """What LZF has made these bytes of, which were so many; None where that cannot be.  O(size)."""
