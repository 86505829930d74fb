"""The layout of lists: what must hold of every layout, however it came about. Real servers are asked by `conform`."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.quicklist import (
    SAFE,
    Elements,
    list_grown,
    list_inserted,
    list_loaded,
    list_replaced,
    list_rotated,
    list_stored,
    list_without,
)

ELEMENTS = st.sampled_from((b"a", b"1", b"bcd", b"x" * 100, b"y" * 3000, b"z" * 9000))
LIMITS = st.sampled_from((-5, -2, -1, 0, 1, 2, 3, 5))
CHANGES = ("push", "pop", "cut", "insert", "replace", "rotate")
STEPS = st.lists(st.tuples(st.sampled_from(CHANGES), ELEMENTS, st.integers(0, 9), LIMITS))


def counts(layout: bytes) -> list[int]:
    """How many elements each node of a quicklist has."""
    return [1 if word == b"plain" else int(word) for word in layout.split()[2:]]


def one_step(
    layout: bytes, held: Elements, what: str, element: bytes, number: int, limit: int
) -> tuple[bytes, Elements]:
    """A list after one change, its layout by the function for it."""
    place, end = number % len(held), (b"LEFT", b"RIGHT")[number % 2]
    match what:
        case "push":
            layout = list_grown(layout, held, (element,), end, len(element), limit)
            return layout, (element, *held) if end == b"LEFT" else (*held, element)
        case "pop":
            at = 0 if end == b"LEFT" else len(held) - 1
            return list_without(layout, held, (at,), limit), held[:at] + held[at + 1 :]
        case "cut":
            kept = tuple(e for i, e in enumerate(held) if i % 3 != number % 3)
            return list_without(layout, held, [i for i in range(len(held)) if i % 3 == number % 3], limit), kept
        case "insert":
            after = number > 4
            cut = place + after
            return list_inserted(layout, held, element, place, after, limit), (*held[:cut], element, *held[cut:])
        case "replace":
            return list_replaced(layout, held, element, place, limit), (*held[:place], element, *held[place + 1 :])
        case _:
            rest, moved = (held[1:], held[0]) if end == b"LEFT" else (held[:-1], held[-1])
            layout = list_rotated(layout, held, end, b"RIGHT", len(moved), limit)
            return layout, (*rest, moved)


@given(STEPS, LIMITS)
def test_nodes_hold_the_list(steps: list[tuple[str, bytes, int, int]], limit: int) -> None:
    """The nodes of a quicklist have as many elements together as the list, none is empty, and large ones are alone; its
    limit stays, whatever the configuration says as it is changed."""
    held: Elements = (b"a",)
    layout = list_grown(None, (), held, b"RIGHT", 1, limit)
    for what, element, number, limit in steps:
        before = layout.split()[1:2]
        layout, held = one_step(layout, held, what, element, number, limit)
        if not held:
            break
        if layout != b"listpack":
            assert layout.split()[1:2] == (before or [b"=%d" % limit])
            assert layout.startswith(b"quicklist ")
            assert sum(counts(layout)) == len(held)
            assert 0 not in counts(layout)
            assert layout.count(b"plain") <= sum(len(e) > 4096 for e in held)


def test_a_number_of_elements_has_a_bound_in_bytes() -> None:
    """A node counted in elements may not pass 8 KiB; a size class knows nothing of counts."""
    large = (b"x" * 3000,) * 3
    assert list_stored(large, 100) == b"quicklist =100 3"
    assert list_stored(large[:2], 100) == b"listpack"
    assert list_stored(large, -3) == b"listpack"
    assert list_stored((b"x" * (SAFE + 1),), -2) == b"quicklist =-2 1"


def test_back_at_half_the_limit() -> None:
    """A quicklist is a listpack again at half the limit, and as it is loaded at all of it."""
    four = (b"a", b"b", b"c", b"d")
    assert list_without(b"quicklist 4", four, (0,), 4) == b"quicklist =4 3"
    assert list_without(b"quicklist 4", four, (0, 1), 4) == b"listpack"
    assert list_loaded(b"quicklist 4", four, 4) == b"listpack"
    assert list_loaded(b"quicklist 3 1", four, 4) == b"quicklist =4 3 1"
