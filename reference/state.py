"""Functions over the whole state that a run works on: emptying and swapping databases, iterations, the clock.

What must live here: what the text cannot say key by key, as ``@of_run`` functions and the domains of its choices.
An iteration (SCAN and its kin) is kept as what it still owes: for a cursor, the keys, or the members of one key, that
were there since its first call and have not been returned.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from immutables import Map

from redlark.reference import counting
from redlark.reference.fields import is_just_over, is_late, take_away
from redlark.reference.functions import of_run, pure, version
from redlark.reference.logs import unblocked
from redlark.reference.replies import Predicate
from redlark.reference.resp import Frame
from redlark.reference.tracking import answered_as, become
from redlark.reference.values import NO_REPLY, Entry, ErrorReply, Status, type_of
from redlark.reference.watching import exchange
from redlark.reference.writes import store
from redlark.spec.primitives.slots import key_slot

ITERATIONS = "iterations"
MEMBER_ITERATIONS = "member-iterations"
MOST_ITERATIONS = 64
SELECTED = 64  # ways to select elements that are tried


@of_run
def all_databases(run: Any) -> range:
    """The numbers of all databases."""
    return range(len(run.databases))


@of_run
def flush(run: Any, number: int, slot: int | None) -> None:
    """Deletes every key of a database; what iterations over it owed is owed no more.

    slot: where alone a server looks for keys that somebody waits for, if it does not look everywhere.
    """
    if run.parked:
        places = [place for place in run.waited_for(number) if place[1] in run.databases[number]]
        run.signal_all([place for place in places if slot is None or key_slot(place[1]) == slot])
    told = len(run.happened)
    for key in run.databases[number]:
        run.touch(number, key)
    del run.happened[told:]  # who tracks is told otherwise
    _forget(run, {number})
    run.databases[number] = Map()


@of_run
def swap(run: Any, one: int, other: int) -> None:
    """Exchanges two databases; whoever watches a key that is on either side, not expired, finds it changed."""
    if one == other:
        return
    watched = sorted(place for place in run.versions if place[0] in (one, other))
    before = {place: (version(run, place), _is_live(run, place)) for place in watched}
    databases, exchanged = run.databases, {one: other, other: one}
    databases[one], databases[other] = databases[other], databases[one]
    run.deadlines = {(exchanged.get(n, n), key): moment for (n, key), moment in run.deadlines.items()}
    run.alive = {(exchanged.get(n, n), key) for n, key in run.alive}
    run.field_places |= {(exchanged.get(n, n), key) for n, key in run.field_places}
    run.emptied = {(exchanged.get(n, n), key): known for (n, key), known in run.emptied.items()}
    if run.parked:
        for number in (one, other):
            run.signal_all(run.waited_for(number))
    for place, (number, was_live) in before.items():
        changed = was_live or _is_live(run, place)
        run.versions = run.versions.set(place, number + changed - run.expired(*place))
    exchange(run, [place for place in watched if _is_live(run, place)])
    _forget_iterations(run, {one, other})


def _is_live(run: Any, place: tuple[int, bytes]) -> bool:
    number, key = place
    return key in run.databases[number] and not run.expired(number, key)


def _forget(run: Any, numbers: set[int]) -> None:
    for moment in [k for k in run.deadlines if k[0] in numbers]:
        del run.deadlines[moment]
    run.alive -= {k for k in run.alive if k[0] in numbers}
    _forget_iterations(run, numbers)


def _forget_iterations(run: Any, numbers: set[int]) -> None:
    for field in (ITERATIONS, MEMBER_ITERATIONS):
        owed = run.server.get(field)
        if owed:
            kept = Map({k: x for k, x in owed.items() if k[0] not in numbers})
            run.server = run.server.set(field, kept)


@of_run
def store_unseen(run: Any, key: bytes, value: Any) -> None:
    """Stores a value and counts it as no change: no replica and no watcher hears of it. The deadline stays."""
    old, number = run.entry(run.selected, key), run.selected
    entry = Entry(value, None if old is None else old.deadline, run.encodings(run, key, value, old))
    store(run, number, key, entry)


@of_run
def held_type(run: Any, number: int, key: bytes) -> bytes | None:
    """The type of what a key of a database holds; to ask for it is not to read it. Absent where there is none."""
    value = run.value(number, key)
    return None if value is None else type_of(value).encode()


@of_run
def keep_what_is_written(run: Any) -> None:
    """Even if the command fails, what it has written stays; a server that fails half way does not give it back."""
    run.keeps = True


# ---- who waits -------------------------------------------------------------------------------------------------


@of_run
def bury(run: Any, key: bytes) -> None:
    """Takes a key that has expired, and is still stored, out as any other: its end is a change by who asks."""
    run.remove(run.selected, key)
    run.touch(run.selected, key)


@of_run
def is_parked(run: Any, client: int) -> bool:
    """Whether a client waits for a key."""
    return any(parked.client == client for parked in run.parked)


@of_run
def unblock(run: Any, client: int, error: bytes | None) -> None:
    """Ends a client's waiting: with an error of this text, or, absent, as if its time were over."""
    for parked in run.parked:
        if parked.client == client:
            reply = parked.late if error is None else ErrorReply(error)
            mine = run.client
            become(run, client)
            told = run.model.delivered(run, reply)
            become(run, mine)
            run.parked = tuple(one for one in run.parked if one is not parked)
            if told is not NO_REPLY:
                run.send(client, told, push=False)
            counting.told(run, parked.request, reply, counting.UNBLOCKED)
            if run.server.get("logs"):
                unblocked(run, parked, reply)
            if run.server.get("tracking"):
                answered_as(run, parked)


@of_run
def wake(run: Any, key: bytes) -> None:
    """Who waits for a key looks at it again, although it has not come to be just now."""
    if run.parked:
        run.signalled.append((run.selected, key))


# ---- iterations ----------------------------------------------------------------------------------------------


@of_run
def owed(run: Any, cursor: int) -> frozenset[bytes]:
    """The keys that an iteration which goes on at this cursor still has to return."""
    found: frozenset[bytes] = run.server.get(ITERATIONS, Map()).get((run.selected, cursor), frozenset())
    return found


@of_run
def owe(run: Any, cursor: int, keys: frozenset[bytes]) -> None:
    """Notes what an iteration owes at its next cursor.

    Several iterations may stand at one cursor, and whoever comes with it goes on with all of them: what any of them
    owes is owed. No more than :data:`MOST_ITERATIONS` cursors are kept.
    """
    iterations, place = run.server.get(ITERATIONS, Map()), (run.selected, cursor)
    due = iterations.get(place, frozenset()) | keys
    if not due:
        return
    if place not in iterations and len(iterations) >= MOST_ITERATIONS:
        iterations = iterations.delete(min(iterations))
    run.server = run.server.set(ITERATIONS, iterations.set(place, due))


@of_run
def owed_of(run: Any, key: bytes, cursor: int) -> frozenset[bytes]:
    """The members of a key that an iteration over it which goes on at this cursor still has to return."""
    found: frozenset[bytes] = _cursors_of(run, key).get(cursor, frozenset())
    return found


@of_run
def owe_of(run: Any, key: bytes, cursor: int, members: frozenset[bytes]) -> None:
    """Notes what an iteration over a key's members owes at its next cursor; else as :func:`owe` does for keys.

    A write to the key takes off what it takes away (``world.Run.touch``).
    """
    cursors, place = _cursors_of(run, key), (run.selected, key)
    due = cursors.get(cursor, frozenset()) | members
    if not due:
        return
    if cursor not in cursors and len(cursors) >= MOST_ITERATIONS:
        cursors = cursors.delete(min(cursors))
    iterations = run.server.get(MEMBER_ITERATIONS, Map())
    if place not in iterations and len(iterations) >= MOST_ITERATIONS:
        iterations = iterations.delete(min(iterations))
    run.server = run.server.set(MEMBER_ITERATIONS, iterations.set(place, cursors.set(cursor, due)))


def _cursors_of(run: Any, key: bytes) -> Map[int, frozenset[bytes]]:
    found: Map[int, frozenset[bytes]] = run.server.get(MEMBER_ITERATIONS, Map()).get((run.selected, key), Map())
    return found


class Pages:
    """What one call of an iteration may return: any of the keys or members that are there, some of them twice.

    ``width`` is how many elements of the reply each of them takes: a field and its value are two.
    """

    def __init__(self, keys: frozenset[bytes], width: int = 1) -> None:
        self.keys, self.width = keys, width

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[bytes, ...]]:
        """The page that the reply shows behind its cursor, if all of it is there."""
        page = tuple(leaves[1 :: self.width])
        if all(key in self.keys for key in page):
            yield page

    def all(self, bound: int) -> Iterable[tuple[bytes, ...]]:
        """One page with every key: what a model that answers by itself returns."""
        return [tuple(sorted(self.keys))]

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether there is but one page."""
        return not self.keys


@of_run
def disown(run: Any, key: bytes, members: Iterable[bytes]) -> None:
    """Members that were away and come back: no iteration over the key owes them."""
    iterations, place = run.server.get(MEMBER_ITERATIONS, Map()), (run.selected, key)
    if members and place in iterations:
        kept = {cursor: due - frozenset(members) for cursor, due in iterations[place].items()}
        changed = iterations.set(place, Map({cursor: due for cursor, due in kept.items() if due}))
        run.server = run.server.set(MEMBER_ITERATIONS, changed)


# ---- fields with deadlines of their own ------------------------------------------------------------------------


@of_run
def field_is_late(run: Any, key: bytes, field: bytes) -> bool:
    """Whether a field has expired, and may still be stored."""
    return is_late(run, run.selected, key, field)


@of_run
def field_is_just_over(run: Any, key: bytes, field: bytes) -> bool:
    """Whether a field may have expired while the request ran."""
    return is_just_over(run, run.selected, key, field)


@of_run
def clear_late(run: Any, key: bytes, fields: Iterable[bytes]) -> None:
    """Clears these fields away as far as they have expired: their server has, or does so now that it meets them."""
    if run.databases[run.selected].get(key, Entry(None)).fields is not None:
        take_away(run, run.selected, key, fields)


@of_run
def clear_late_but_key(run: Any, key: bytes, fields: Iterable[bytes]) -> None:
    """Clears fields away as :func:`clear_late` does, but not the key with the last one: it is about to have others."""
    if run.databases[run.selected].get(key, Entry(None)).fields is not None:
        take_away(run, run.selected, key, fields, stays=True)


@of_run
def clear_late_untold(run: Any, key: bytes, fields: Iterable[bytes]) -> None:
    """Clears fields away as :func:`clear_late` does, without an event."""
    events, outbox = len(run.events), run.outbox
    clear_late(run, key, fields)
    run.outbox = outbox
    del run.events[events:]


@of_run
def lost_field(run: Any, place: tuple[int, bytes]) -> bool:
    """Whether a server has cleared an expired field of a key away meanwhile: it may have where one has expired."""
    number, key = place
    entry = run.databases[number].get(key)
    if entry is None or entry.fields is None or run.expired(number, key):
        return False
    return any(is_late(run, number, key, field) for field in entry.fields) and run.fork(2) == 1


@of_run
def store_fieldless(run: Any, number: int, key: bytes) -> None:
    """Stores a hash without fields, with the deadline that the key has."""
    old = run.databases[number].get(key) or Entry(Map())
    store(run, number, key, old._replace(value=Map(), fields=None))
    run.touch(number, key)


@of_run
def clear_fieldless(run: Any, key: bytes) -> None:
    """Takes a hash without fields out, which nobody is told of."""
    entry = run.databases[run.selected].get(key)
    if entry is not None and entry.value == Map():
        run.remove(run.selected, key)


@pure
def pages(keys: frozenset[bytes]) -> Pages:
    """The pages that one call of an iteration may return."""
    return Pages(keys)


@pure
def pages_of(members: Iterable[bytes], width: int) -> Pages:
    """The pages that one call of an iteration over members may return, each of them so many elements of the reply."""
    return Pages(frozenset(members), width)


class Cursors:
    """The cursors that may come next: any but 0 while something is owed, else any."""

    def __init__(self, left: frozenset[bytes]) -> None:
        self.left = left

    def candidates(self, leaves: list[Any]) -> Iterable[int]:
        """The cursor that the reply begins with."""
        shown = leaves[0] if leaves else None
        if isinstance(shown, bytes) and shown.isdigit() and (int(shown) != 0 or not self.left):
            yield int(shown)

    def all(self, bound: int) -> Iterable[int]:
        """One cursor."""
        return [1 if self.left else 0]


@pure
def cursors_after(left: frozenset[bytes]) -> Cursors:
    """The cursors that may come next while these keys are owed."""
    return Cursors(left)


# ---- the clock, and texts that are the server's own ------------------------------------------------------------


class Microseconds:
    """The microseconds from one millisecond up to and through another."""

    def __init__(self, first: int, last: int) -> None:
        self.lo, self.hi = first * 1000, last * 1000 + 999

    def candidates(self, leaves: list[Any]) -> Iterable[int]:
        """The time that a reply of seconds and microseconds shows."""
        digits = len(leaves) == 2 and all(isinstance(x, bytes) and x.isdigit() for x in leaves)
        if digits and int(leaves[1]) < 1_000_000:
            instant = int(leaves[0]) * 1_000_000 + int(leaves[1])
            if self.lo <= instant <= self.hi:
                yield instant

    def all(self, bound: int) -> Iterable[int]:
        """The first microsecond."""
        return [self.lo]


@of_run
def microseconds(run: Any) -> Microseconds:
    """What the clock may show: a command has one moment, but the clock is read behind it, perhaps as EXEC ends."""
    return Microseconds(run.now.lo, run.latest)


@pure
def help_lines() -> Predicate:
    """Any array of simple strings: help is each server's own prose."""

    def holds(frame: Frame) -> bool:
        return frame.kind == b"*" and bool(frame.value) and all(line.kind == b"+" for line in frame.value)

    return Predicate("an array of simple strings", holds, (Status(b"See the documents of Redlark."),))


class Orders:
    """The orders in which the elements of a list may stand."""

    def __init__(self, elements: tuple[Any, ...]) -> None:
        self.elements = elements

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[Any, ...]]:
        """Those that begin with the elements that the reply shows, in its order."""
        shown = tuple(dict.fromkeys(leaf for leaf in leaves if leaf in self.elements))
        rest = [element for element in self.elements if element not in shown]
        return [(*shown, *others) for others in itertools.permutations(rest)]

    def all(self, bound: int) -> Iterable[tuple[Any, ...]]:
        """All of them."""
        return list(itertools.islice(itertools.permutations(self.elements), bound + 1))

    def whole(self, found: Sequence[Any]) -> bool:
        """Always: more than the bound is an error."""
        return True


@pure
def orders(elements: tuple[Any, ...]) -> Orders:
    """The orders in which the elements of a list may stand: few elements, or the choice is too large."""
    return Orders(elements)


class Selections:
    """So many of the elements of a list, in its order, whatever a reply shows; some ways only, where there are many."""

    def __init__(self, elements: tuple[Any, ...], count: int) -> None:
        self.elements, self.count = elements, count

    def candidates(self, leaves: list[Any]) -> Iterable[tuple[Any, ...]]:
        """Any of them."""
        return self.all(SELECTED)

    def all(self, bound: int) -> Iterable[tuple[Any, ...]]:
        """Any of them."""
        return itertools.islice(itertools.combinations(self.elements, self.count), min(bound, SELECTED))

    def whole(self, found: Sequence[Any]) -> bool:
        """Whether no selection was left out."""
        return len(found) < SELECTED


@pure
def selections(elements: tuple[Any, ...], count: int) -> Selections:
    """The ways to select so many of the elements of a list."""
    return Selections(elements, count)


@pure
def verdict() -> Predicate:
    """OK, or what failed: a server's test of itself draws by chance, and now and then is not content."""

    def holds(frame: Frame) -> bool:
        return frame.raw == b"+OK\r\n" or frame.raw.startswith(b"-ERR TESTFAILED ")

    return Predicate("OK, or the error TESTFAILED", holds, Status(b"OK"))
