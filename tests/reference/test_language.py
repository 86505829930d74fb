"""The language: what the checker knows of built-in names is what the model implements."""

import inspect

import pytest

from redlark.reference import Model
from redlark.reference.examples import failures
from redlark.reference.functions import FUNCTIONS, RUN_FUNCTIONS
from redlark.reference.scope import CONSTANTS, STATE, WORDS
from redlark.spec import language
from redlark.spec.profiles import PROFILES


def test_the_checker_knows_the_model_s_functions() -> None:
    """The built-in functions have a signature each, with as many parameters as the implementation."""
    assert set(FUNCTIONS) == set(language.FUNCTIONS) | language.VARIADIC
    assert set(RUN_FUNCTIONS) == set(language.RUN_FUNCTIONS)
    for name, signature in {**language.FUNCTIONS, **language.RUN_FUNCTIONS}.items():
        function = FUNCTIONS.get(name) or RUN_FUNCTIONS[name]
        parameters = len(inspect.signature(function).parameters) - (name in RUN_FUNCTIONS)
        assert parameters == len(signature.parameters), name


def test_the_checker_knows_the_model_s_names() -> None:
    """Constants, words and names of the state are the same for the checker and the model."""
    assert set(CONSTANTS) == language.CONSTANTS
    assert set(WORDS) == language.WORDS
    assert set(STATE) <= language.STATE


@pytest.mark.parametrize("name", PROFILES)
def test_every_example_shows_what_the_rules_do(name: str) -> None:
    """Each example of each block, run on the model of each profile, prints what is written."""
    assert [str(failure) for failure in failures(Model.load(name))] == []
