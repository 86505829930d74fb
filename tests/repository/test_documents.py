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


def test_every_page_is_found_from_the_index(root: Path, files: list[Path]) -> None:
    """docs/index.md leads to every page of the documentation; the decisions have an index of their own."""
    pages = {
        path for path in files if path.parts[0] == "docs" and path.suffix == ".md" and "decisions" not in path.parts
    }
    linked = {(Path("docs") / link) for link in LINK.findall((root / "docs/index.md").read_text())}
    assert pages - linked == {Path("docs/index.md")}


def test_the_block_of_the_readme_is_the_text(root: Path) -> None:
    """The block that the README shows stands in the specification, word for word."""
    shown = re.search(r"^    command .*?(?=^\S)", (root / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert shown
    block = re.sub(r"^    ", "", shown[0], flags=re.MULTILINE).strip()
    assert any(block in path.read_text() for path in (root / "spec/text").glob("*.redlark"))
