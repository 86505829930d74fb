"""Files that a program writes are what it would write now."""

from pathlib import Path

from redlark.spec.derivation import table


def test_metadata_is_current(root: Path) -> None:
    """The tables of commands that servers read are those that the text gives (`make generated`)."""
    kept = sorted((root / "spec/generated").glob("*.json"))
    assert kept
    stale = [path.name for path in kept if path.read_text(encoding="utf-8") != table(path.stem).to_json()]
    assert stale == [], "make generated"
