"""The built site: nothing is missing, nothing leads nowhere, nothing comes from elsewhere."""

from __future__ import annotations

import re
import xml.etree.ElementTree as Xml
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag

import pytest
from attrs import define, field

from redlark.spec import syntax
from redlark.spec.derivation import table

notation = pytest.importorskip("docs.generator.notation")
commands = pytest.importorskip("docs.generator.commands")
diagram = pytest.importorskip("docs.generator.diagram")

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("site")]


@define
class Document(HTMLParser):
    """A page: what it leads to, what it loads, which places it names, and its words."""

    links: list[str] = field(factory=list)
    loaded: list[str] = field(factory=list)
    ids: list[str] = field(factory=list)
    words: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if told.get("id"):
            self.ids.append(str(told["id"]))
        if tag == "a" and told.get("href"):
            self.links.append(str(told["href"]))
        elif tag == "link" and told.get("rel") not in ("prev", "next", "canonical"):
            self.loaded.append(str(told.get("href")))
        elif told.get("src"):
            self.loaded.append(str(told["src"]))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@cache
def read(path: Path) -> Document:
    """A page, parsed."""
    document = Document()
    document.feed(path.read_text(encoding="utf-8"))
    return document


def test_the_build_says_nothing_but_that_it_built(built: tuple[Path, str]) -> None:
    """In strict mode, without a warning: every page is in the navigation, every link and anchor is known."""
    _, said = built
    assert "WARNING" not in said
    assert "ERROR" not in said
    assert said.rstrip().endswith("status 0"), said


def test_every_command_has_a_page(site: Path) -> None:
    """All that COMMAND of the newest Redis and the newest Valkey tells of, and the pages are no fewer than that."""
    names = {name for profile in ("redis-8.2", "valkey-9.1") for name in table(profile).commands}
    pages = {path.stem for path in (site / "commands").glob("*.html")}
    assert {notation.slug(name.upper()) for name in names} - pages == set()
    assert len(names) > 380


def test_every_link_leads_somewhere(site: Path) -> None:
    """Each address within the site is a file of it, and its anchor is there."""
    broken = []
    for path in sorted(site.rglob("*.html")):
        document = read(path)
        for link in (*document.links, *document.loaded):
            if re.match(r"[a-z]+:", link):
                continue
            place, anchor = urldefrag(link)
            base = site if path.name == "404.html" else path.parent
            target = (base / unquote(place).lstrip("/")).resolve() if place else path
            if place.startswith("/"):
                target = site / place.lstrip("/")
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                broken.append(f"{path.relative_to(site)}: {link}")
            elif anchor and target.suffix == ".html" and anchor != "__" and unquote(anchor) not in read(target).ids:
                broken.append(f"{path.relative_to(site)}: {link} (no such place)")
    assert broken == []


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    """No page takes a script, a style, a font or a picture from another host."""
    outside = {one for path in site.rglob("*.html") for one in read(path).loaded if re.match(r"(https?:)?//", one)}
    assert outside == set()
    styles = "".join(path.read_text() for path in site.rglob("*.css"))
    assert re.findall(r"url\(['\"]?(?:https?:)?//", styles) == []


def test_no_place_is_named_twice(site: Path) -> None:
    """On the pages of commands and of the text each anchor is one place."""
    twice = {}
    for path in (*(site / "commands").glob("*.html"), *(site / "text").glob("*.html")):
        ids = read(path).ids
        repeated = sorted({one for one in ids if ids.count(one) > 1})
        if repeated:
            twice[path.name] = repeated
    assert twice == {}


def test_every_diagram_shows_its_syntax_line(site: Path) -> None:
    """Each page has one diagram, well-formed, in which every word and every argument of the syntax line stands."""
    for name, command in notation.told().items():
        page = (site / "commands" / f"{notation.slug(name)}.html").read_text(encoding="utf-8")
        pictures = re.findall(r"<svg[^>]*railroad-diagram.*?</svg>", page, re.DOTALL)
        assert len(pictures) == 1, name
        shown = [each.text or "" for each in Xml.fromstring(pictures[0]).iter() if each.tag.endswith("text")]
        wanted = set(name.split("|"))
        for node in notation.walk(command.syntax):
            match node:
                case syntax.Token():
                    wanted.add(node.text)
                case syntax.Argument():
                    wanted.add(node.name)
                case syntax.Choice():
                    wanted |= {word for word, _ in node.words}
        assert wanted - set(shown) == set(), name


def test_every_diagram_fits_its_frame() -> None:
    """Nothing is drawn outside of the picture that the browser shows."""
    for name, command in notation.told().items():
        root = Xml.fromstring(diagram.diagram(command))
        width, height = float(root.attrib["width"]), float(root.attrib["height"])
        for each in root.iter():
            if each.tag.endswith("rect"):
                x, y, w, h = (float(each.attrib[key]) for key in ("x", "y", "width", "height"))
                assert x >= 0, name
                assert x + w <= width, name
                assert y >= 0, name
                assert y + h <= height, name


def test_every_example_and_every_rule_stands_on_its_page(site: Path) -> None:
    """A page has each request of its block's examples, and each rule of every profile."""
    for name, command in notation.told().items():
        words = " ".join("".join(read(site / "commands" / f"{notation.slug(name)}.html").words).split())
        for example in command.examples:
            for line in example.lines:
                assert " ".join(line.request.split()) in words, (name, line.request)
        for rule in commands.rules(name):
            assert rule.partition("/")[2] in words, rule


def test_pages_say_where_examples_were_run(site: Path) -> None:
    """Behind each example of SET stands where it was run; SHUTDOWN's is not sent to servers, and says why."""
    words = "".join(read(site / "commands" / "set.html").words)
    assert "as this page was built, by tests on redis 6.2.14, redis 7.0.15, redis 8.2.3" in words
    assert "not sent to servers" in "".join(read(site / "commands" / "shutdown.html").words)
