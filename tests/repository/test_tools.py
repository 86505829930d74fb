"""Ruff and mypy find nothing, over the whole tree and the whole product."""

import subprocess
import sys
from pathlib import Path

import pytest


def said(root: Path, *command: str) -> str:
    """What a tool of this environment prints when it is not content, and nothing when it is."""
    run = subprocess.run([sys.executable, "-m", *command], cwd=root, capture_output=True, text=True, check=False)
    return "" if run.returncode == 0 else run.stdout + run.stderr


def test_ruff_is_content(root: Path) -> None:
    """No rule of the linter is broken anywhere."""
    assert said(root, "ruff", "check", "--quiet", "--output-format=concise", ".") == ""


@pytest.mark.slow
def test_mypy_is_content(root: Path) -> None:
    """`redlark.*` is fully annotated, and mypy's strict mode finds no fault in it."""
    assert said(root, "mypy") == ""
