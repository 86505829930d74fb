"""Connections' names, lines of CLIENT LIST, and the domains of what servers choose themselves."""

from hypothesis import given
from hypothesis import strategies as st

from redlark.spec.primitives.clients import (
    any_ids,
    client_ids,
    client_lists,
    counts,
    is_printable,
    lists_between,
    only_letters,
    server_modules,
    server_versions,
)


@given(st.binary(max_size=8))
def test_a_name_is_visible_ascii(text: bytes) -> None:
    """A text is printable if each byte of it is one of the 94 characters from ! to ~."""
    assert is_printable(text) == all(chr(byte) in map(chr, range(ord("!"), ord("~") + 1)) for byte in text)


@given(st.binary(max_size=6), st.binary(max_size=6))
def test_only_letters_is_a_subset(text: bytes, letters: bytes) -> None:
    """Only these letters: the bytes of the text are a subset of them."""
    assert only_letters(text, letters) == (set(text) <= set(letters))


def test_a_known_id_stays() -> None:
    """A connection whose id is known has no other, whatever a reply shows."""
    assert list(client_ids(7, (3,)).candidates([9])) == [7]
    assert list(client_ids(7, ()).all(9)) == [7]


def test_an_unknown_id_is_read_off_a_reply() -> None:
    """Numbers and lines of CLIENT LIST suggest ids, other connections' and zero aside; no reply suggests none."""
    ids = client_ids(None, (3,))
    assert list(ids.candidates([3, 5, 0, b"id=8 addr=127.0.0.1:9 name=id=4\n"])) == [5, 8, 4]
    assert list(ids.all(9)) == [None]
    assert any_ids().example in any_ids()
    assert 0 not in any_ids()


@given(st.sets(st.integers(0, 5), max_size=4), st.sets(st.integers(0, 5), max_size=4), st.integers(0, 6))
def test_lists_between_hold_the_sure(sure: set[int], maybe: set[int], most: int) -> None:
    """Each list holds the sure and nothing that is neither sure nor possible; beyond the sure it keeps to its size."""
    lists = list(lists_between(tuple(sorted(sure)), tuple(sorted(maybe)), most).all(99))
    assert len(lists) == len(set(lists))
    for one in lists:
        assert sure <= set(one) <= sure | maybe
        assert len(one) <= max(most, len(sure))


def test_counts_have_bounds() -> None:
    """A count is a whole number within its bounds; the smallest is given where none is seen."""
    numbers = counts(2, 4)
    assert [list(numbers.candidates([n])) for n in (1, 2, 4, 5)] == [[], [2], [4], []]
    assert list(numbers.all(9)) == [2]


LINE = b"id=3 addr=127.0.0.1:5000 name=one flags=N db=0 multi=-1 resp=2 cmd=client|list\n"


def _facts(**known: object) -> tuple[tuple[bytes, object], ...]:
    return tuple((name.replace("_", "-").encode(), value) for name, value in known.items())


def test_a_line_agrees_with_what_is_known() -> None:
    """What is known must be told so; what is not known is free."""
    assert LINE in client_lists((_facts(id=3, name=b"one", db=0, cmd=None),), (), False, 9)
    assert LINE not in client_lists((_facts(id=4),), (), False, 9)
    assert LINE not in client_lists((_facts(name=b"two"),), (), False, 9)
    assert LINE not in client_lists((_facts(lib_name=b""),), (), False, 9)


def test_transactions_and_flags_are_told() -> None:
    """A connection in MULTI shows an x and how many requests it queued; e and T are NO-EVICT and NO-TOUCH."""
    queued = b"id=3 flags=xeT multi=2\n"
    assert queued in client_lists((_facts(in_multi=True, queued=2, no_evict=True, no_touch=True),), (), False, 9)
    assert queued not in client_lists((_facts(in_multi=False),), (), False, 9)
    assert queued not in client_lists((_facts(queued=1),), (), False, 9)
    assert LINE not in client_lists((_facts(no_evict=True),), (), False, 9)


def test_watched_keys_are_counted() -> None:
    """No more watched keys are told than were watched; fewer may be, after one was touched."""
    two = b"id=3 flags=N watch=2\n"
    assert two in client_lists((_facts(watching=2),), (), False, 9)
    assert two in client_lists((_facts(watching=3),), (), False, 9)
    assert two not in client_lists((_facts(watching=1),), (), False, 9)
    assert two.replace(b" watch=2", b"") not in client_lists((_facts(watching=3),), (), False, 9)


def test_every_known_connection_has_a_line_of_its_own() -> None:
    """Two connections that one line would fit need two lines, in any order; a barred id is in none."""
    other = LINE.replace(b"id=3", b"id=4").replace(b"name=one", b"name=")
    both = (_facts(name=b"one"), _facts(resp=2))
    assert LINE + other in client_lists(both, (), False, 9)
    assert other + LINE in client_lists(both, (), False, 9)
    assert LINE not in client_lists(both, (), False, 9)
    assert LINE + LINE not in client_lists(both, (), False, 9)
    assert LINE + LINE in client_lists(both, (), True, 9)
    assert LINE + other not in client_lists(both, (4,), False, 9)
    assert LINE + other not in client_lists((), (), False, 1)


def test_an_example_is_a_member() -> None:
    """What a model that answers by itself would say is one of what it allows."""
    told = (_facts(id=3, name=b"one", in_multi=True, queued=1, watching=2), _facts(id=4))
    lists = client_lists(told, (), False, 9)
    assert lists.example in lists
    assert server_versions().example in server_versions()
    assert server_modules().example in server_modules()


def test_versions_and_modules_have_a_form() -> None:
    """A version is numbers and points, perhaps a release candidate; modules tell their names first."""
    assert all(text in server_versions() for text in (b"6.2.14", b"8.2.3", b"9.0.0-rc1"))
    assert not any(text in server_versions() for text in (b"", b"8.2", b"x.y.z", 8))
    assert ((b"name", b"lua", b"ver", 1),) in server_modules()
    assert (b"name",) not in server_modules()
