"""The tree as data: its root, its files, and the parsed modules of the product."""

import ast
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("spec", "reference", "server", "conformance")


def tree_files() -> list[Path]:
    """What git tracks or would track, relative to the root; outside a checkout, what an sdist holds."""
    listed = subprocess.run(
        ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [Path(name) for name in listed.stdout.split("\0") if name]
    else:
        hidden = (".venv", ".git", "build", "dist", "node_modules")
        names = [p.relative_to(ROOT) for p in ROOT.rglob("*") if not set(hidden) & set(p.relative_to(ROOT).parts)]
    return sorted(name for name in names if (ROOT / name).is_file() and ".types" not in name.parts)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the tree."""
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Every file of the repository, relative to the root."""
    return tree_files()


@pytest.fixture(scope="session")
def product(files: list[Path]) -> dict[Path, ast.Module]:
    """The Python modules of the four packages, parsed."""
    return {
        path: ast.parse((ROOT / path).read_text())
        for path in files
        if path.suffix == ".py" and path.parts[0] in PACKAGES
    }
