"""Fields of hashes that have deadlines of their own.

Theory. A key's entry has, beside its value, the deadlines of those fields that have one. Nothing shows when a server
clears an expired field away; so a field whose deadline is over stays in the stored value and counts as one that *may*
still be stored. Commands see the fields that live; where it shows whether an expired one was still there (HLEN, the
count of HDEL), the text chooses. A hash of which all fields have expired may be gone or not: a run decides it once.
What must not live here: what a command does with such a field (that is the text).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from immutables import Map

from redlark.reference.values import Moment, Variable

if TYPE_CHECKING:
    from redlark.reference.world import Run

Bounds = tuple[int, int]
Deadlines = Map[bytes, Any]  # a field's deadline: its bounds, the same object where it is the same moment; or a Moment


def moment(run: Run, deadline: Any) -> Moment:
    """A field's deadline as a moment of this run; fields that were given theirs together share it."""
    if type(deadline) is not tuple:
        assert isinstance(deadline, Moment)
        return deadline
    found = run.field_moments.get(id(deadline))
    if found is None:
        found = run.field_moments[id(deadline)] = (deadline, Moment(Variable(*deadline)))
    return found[1]


def is_over(run: Run, deadline: Any) -> bool:
    """Whether a field with this deadline has expired; at the very moment, the text says, as for keys."""
    if type(deadline) is tuple and deadline[0] > run.began.hi and id(deadline) not in run.field_moments:
        return False
    return run.is_over(moment(run, deadline))


def living(run: Run, number: int, key: bytes) -> Any:
    """The fields of a hash that have not expired, with their values."""
    entry = run.databases[number][key]
    if entry.fields is None:
        return entry.value
    run.field_places.add((number, key))
    value = entry.value
    for field, deadline in entry.fields.items():
        if is_over(run, deadline):
            value = value.delete(field)
    return value


def is_late(run: Run, number: int, key: bytes, field: bytes) -> bool:
    """Whether a field is stored, as far as one can know, and has expired."""
    deadlines = _deadlines(run, number, key)
    return deadlines is not None and field in deadlines and is_over(run, deadlines[field])


def is_just_over(run: Run, number: int, key: bytes, field: bytes) -> bool:
    """Whether a stored field has a deadline that may lie within the request, so that it can end between two looks."""
    deadlines = _deadlines(run, number, key)
    found = None if deadlines is None else deadlines.get(field)
    return found is not None and moment(run, found).hi >= run.earliest - 1


def emptied(run: Run, number: int, key: bytes) -> bool:
    """Whether the last field of a hash has expired and a server has cleared it away, the key with it."""
    entry = run.databases[number][key]
    if entry.fields is None or len(entry.fields) < len(entry.value):
        return False
    place = (number, key)
    known = run.emptied.get(place)
    if known is None or known[0] is not entry.fields:  # decided once for what it then held
        run.field_places.add(place)
        over = all(is_over(run, deadline) for deadline in entry.fields.values())
        known = run.emptied[place] = entry.fields, over and run.fork(2) == 1
    return known[1]


def deadlines_of(run: Run, number: int, key: bytes) -> Deadlines | None:
    """The deadlines of a key's fields."""
    entry = run.entry(number, key)
    return None if entry is None else entry.fields


def deadline_of(run: Run, number: int, key: bytes, field: bytes) -> Moment | None:
    """The deadline of a field, expired or not; None if it lives as long as its key."""
    deadlines = _deadlines(run, number, key)
    found = None if deadlines is None else deadlines.get(field)
    return None if found is None else moment(run, found)


def _deadlines(run: Run, number: int, key: bytes) -> Deadlines | None:
    entry = run.entry(number, key)
    if entry is None or entry.fields is None:
        return None
    run.field_places.add((number, key))
    return entry.fields


def set_deadline(run: Run, number: int, key: bytes, field: bytes, deadline: Any) -> None:
    """Sets a field's deadline, None for none."""
    entry = run.entry(number, key)
    if entry is None or (deadline is None and (entry.fields is None or field not in entry.fields)):
        return
    if deadline is None:
        kept = (entry.fields or Map()).delete(field)
    else:
        moment = deadline if isinstance(deadline, Moment) else Moment(Variable(deadline, deadline))
        kept = (Map() if entry.fields is None else entry.fields).set(field, moment)
    set_deadlines(run, number, key, kept)


def set_deadlines(run: Run, number: int, key: bytes, deadlines: Deadlines | None) -> None:
    """Sets the deadlines of all fields of a key."""
    entry = run.entry(number, key)
    if entry is not None and (deadlines or entry.fields):
        run.field_places.add((number, key))
        run.databases[number] = run.databases[number].set(key, entry._replace(fields=deadlines or None))
        run.touch(number, key)


def still(old: Deadlines | None, value: Any) -> Deadlines | None:
    """The deadlines of those fields that a new value still has."""
    if old is None or type(value) is not Map:
        return None
    for field in old:
        if field not in value:
            old = old.delete(field)
    return old or None


def take_away(run: Run, number: int, key: bytes, fields: Any, *, stays: bool = False) -> None:
    """Clears expired fields away, and the key with the last one: what a server does on its own, or as it meets them.

    ``stays``: not the key, which is about to be given other fields.
    """
    entry = run.entry(number, key)
    if entry is None or entry.fields is None:
        return
    late = [f for f in dict.fromkeys(fields) if is_late(run, number, key, f)]
    if not late:
        return
    value, deadlines = entry.value, entry.fields
    for field in late:
        value, deadlines = value.delete(field), deadlines.delete(field)
        run.propagated.append((number, (b"HDEL", key, field)))
    run.notify(number, b"hexpired", key, early=True)
    if value or stays:
        kept = entry._replace(value=value, fields=deadlines or None)
        run.databases[number] = run.databases[number].set(key, kept)
    else:
        run.remove(number, key)
        run.notify(number, b"del", key, early=True)
    run.over_for(number, key)


def finish(run: Run) -> None:
    """Stores what was found out about the deadlines of fields."""
    shared: dict[tuple[int, int], Bounds] = {}
    for number, key in run.field_places:
        entry = run.databases[number].get(key)
        if entry is None or entry.fields is None:
            continue
        changed = entry.fields
        for field, deadline in entry.fields.items():
            found = moment(run, deadline)
            bounds = (found.lo, found.hi)
            if bounds != deadline:
                changed = changed.set(field, shared.setdefault((id(found.variable), found.offset), bounds))
        if changed is not entry.fields:
            run.databases[number] = run.databases[number].set(key, entry._replace(fields=changed))
