"""The registry of primitives: signatures are parsed, kept and true."""

import doctest
import inspect
from importlib import import_module
from pkgutil import iter_modules

import pytest

from redlark.spec import primitives as package
from redlark.spec.primitives import Signature, Type, parse_signature, parse_type, primitive, primitives

SELF_EVIDENT = {"print-int", "fits-int", "is-finite"}
MODULES = [f"{package.__name__}.{module.name}" for module in iter_modules(package.__path__)]


def test_signature_is_kept_as_data() -> None:
    """A signature is taken apart into name, parameter types and result, and is partial where the result is optional."""
    read = parse_signature("pick(list of text?, int) -> set of int")
    expected = Signature("pick", (Type("list", Type("text", optional=True)), Type("int")), Type("set", Type("int")))
    assert read == expected
    assert not read.partial
    assert parse_signature("f() -> int?").partial
    assert str(read) == "pick(list of text?, int) -> set of int"


@pytest.mark.parametrize(
    "text", ["f(text)", "F(text) -> int", "f(number) -> int", "f(text) -> list of", "f(map of int) -> int"]
)
def test_bad_signature_is_refused(text: str) -> None:
    """What is no signature of the notation raises, and names what was written."""
    with pytest.raises(ValueError, match=r"notation|does not read"):
        parse_signature(text)


def test_unknown_type_is_named() -> None:
    """The message for an unknown type lists the types that there are."""
    with pytest.raises(ValueError, match="'number' is no type of the notation: any, bool, float, int, map, text, zset"):
        parse_type("number")


def test_a_name_is_taken_once() -> None:
    """Two primitives of one name are an error when the second is defined."""
    with pytest.raises(ValueError, match="two primitives are called parse-int"):
        primitive("parse-int(text) -> int?")(lambda text: None)


@pytest.mark.parametrize("name", sorted(primitives()))
def test_signature_fits_the_function(name: str) -> None:
    """Each primitive takes as many arguments as its signature says, and its docstring cites its source."""
    entry = primitives()[name]
    assert entry.signature.name == name
    assert len(inspect.signature(entry.function).parameters) == len(entry.signature.parameters)
    assert "Source:" in (entry.function.__doc__ or "") or name in SELF_EVIDENT


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_docstrings_hold(name: str) -> None:
    """Every example in a docstring of the primitives is true."""
    failed, _ = doctest.testmod(import_module(name))
    assert failed == 0
