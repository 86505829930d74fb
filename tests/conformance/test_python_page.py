"""docs/reference/python.md: its examples run, and it names what the packages export."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import redlark.conformance
import redlark.server
from tests.conformance.test_pytest_plugin import NAMED

pytest_plugins = ["pytester"]

PAGE = Path(__file__).resolve().parents[2] / "docs/reference/python.md"
EXAMPLES = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
TESTS = [example for example in EXAMPLES if "def test_" in example]
PROGRAMS = [example for example in EXAMPLES if "def test_" not in example]


@pytest.mark.parametrize("example", PROGRAMS)
def test_programs_run(example: str, tmp_path: Path) -> None:
    """Each program of the page, in a process of its own, does what it asserts."""
    done = subprocess.run([sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", TESTS)
def test_suites_pass(pytester: pytest.Pytester, example: str) -> None:
    """Each suite of the page passes with the plugin."""
    pytester.makepyfile(example)
    ran = pytester.runpytest_subprocess(*NAMED, "-p", "no:cacheprovider")
    ran.assert_outcomes(passed=example.count("def test_"))


def test_what_is_exported_is_there_and_named() -> None:
    """Every name of `__all__` of the two packages can be imported, has a docstring, and stands on the page."""
    text = PAGE.read_text()
    assert (PROGRAMS, TESTS) != ([], [])
    for package in (redlark.conformance, redlark.server):
        for name in package.__all__:
            assert getattr(package, name).__doc__, name
            assert re.search(rf"`{name}\b", text), name
