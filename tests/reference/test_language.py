"""The language: what the checker knows of built-in names is what the model implements."""

import inspect

import pytest

from redlark.reference import Model, Observed
from redlark.reference.examples import failures
from redlark.reference.functions import FUNCTIONS, RUN_FUNCTIONS
from redlark.reference.scope import CONSTANTS, STATE, WORDS
from redlark.spec import language
from redlark.spec.loader import collect, parse
from redlark.spec.profiles import PROFILES, profile


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


def test_a_fragment_binds_none_of_its_user_s_names() -> None:
    """A fragment reads its user's variables; one that it binds is another, and new ones are seen behind it."""
    text = """fragment inner(x)
  let kept = x + seen
  let given = kept
fragment outer(x)
  let kept = 100
  use inner(x)
  let both = kept + given
command T a:int
  group string  since 1.0.0  complexity "O(1)"  flags readonly  acl string fast
  returns [int...]
  "Tells numbers."
  let seen = 10
  let kept = 1
  use outer(a)
  use outer(a + 1)
  rule told  => [kept, given, both]
type int by parse-int(text) else error "ERR"
errors
  SYNTAX "ERR syntax error"
state session
  resp = 2
"""
    model = Model(collect(parse(text, "test")), profile("redis-8.2"))
    worlds = model.connect(model.start(), 1)
    reply = b"*3\r\n:1\r\n:16\r\n:116\r\n"
    assert model.allows(worlds, 1, (b"T", b"5"), (0, 0), Observed(reply))
