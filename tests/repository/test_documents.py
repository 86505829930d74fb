"""Documents that point somewhere: every link leads to a file, every folder and target that they name exists."""

import re
from pathlib import Path

LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")
TARGET = re.compile(r"\bmake ([a-z]+)\b")
TEST_FOLDER = re.compile(r"`tests/(\w+)`")


def documents(root: Path, files: list[Path]) -> dict[Path, str]:
    """Every Markdown file of the tree."""
    return {path: (root / path).read_text() for path in files if path.suffix == ".md"}


def test_links_lead_somewhere(root: Path, files: list[Path]) -> None:
    """A relative link in a document names a file of the repository."""
    broken = [
        f"{path}: {link}"
        for path, text in documents(root, files).items()
        for link in LINK.findall(text)
        if "://" not in link and not (root / path.parent / link).exists()
    ]
    assert broken == []


def test_decisions_are_listed(root: Path, files: list[Path]) -> None:
    """The index of decisions has every record, under its number."""
    index = (root / "docs/decisions/README.md").read_text()
    records = sorted(path.name for path in files if path.parent == Path("docs/decisions") and path.name[0].isdigit())
    assert [name for name in LINK.findall(index) if name[0].isdigit()] == records
    assert [int(name[:4]) for name in records] == list(range(1, len(records) + 1))


def test_make_targets_exist(root: Path, files: list[Path]) -> None:
    """Every `make …` that a document names is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z]+):", (root / "Makefile").read_text(), re.MULTILINE))
    named = {target for text in documents(root, files).values() for target in TARGET.findall(text)}
    assert named - targets == set()


def test_the_map_of_tests_is_the_tests(root: Path, files: list[Path]) -> None:
    """tests/README.md names every folder of tests, and none that is not there."""
    folders = {path.parts[1] for path in files if path.parts[0] == "tests" and len(path.parts) > 2}
    assert set(TEST_FOLDER.findall((root / "tests/README.md").read_text())) == folders
