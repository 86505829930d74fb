"""What MkDocs calls as it builds the site: pages that no one writes, links that lead out of ``docs``, the navigation.

Generated pages are made in memory (none is kept in the tree). A document may link to any file of the repository: what
lies outside ``docs`` is published under ``project/``, and the link is led there.
"""

from __future__ import annotations

import logging
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)#\s:]+)(#[^)\s]*)?\)")
INDEX_MARK = "<!-- every command -->"
log = logging.getLogger("mkdocs.redlark")

# A section of the navigation: its title, and the pages or folders that it holds if they are there.
SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Start", ("index.md", "tutorial.md", "examples/README.md", "glossary.md")),
    ("How-to", ("how-to", "gate.md")),
    ("Commands", ("commands",)),
    ("Playground", ("playground.md",)),
    ("Reference", ("reference", "text")),
    ("Explanation", ("explanation", "decisions")),
    ("Results", ("results", "findings.md", "versions.md", "performance/README.md")),
)
TITLES = {"decisions": "Decisions", "text": "The text"}


def _generated() -> dict[str, str]:
    """Everything that is generated, by its place in the site."""
    from docs.generator import commands, notation, pages

    made = {f"commands/{notation.slug(name)}.md": commands.page(one) for name, one in notation.told().items()}
    made |= {f"text/{name}.md": pages.text_page(source) for name, source in notation.sources().items()}
    made |= {f"assets/reader/{notation.slug(name)}.js": pages.reader_data(name) for name in notation.told()}
    made["text/README.md"] = pages.text_index()
    made["reference/functions.md"] = pages.functions_page()
    made["reference/options.md"] = pages.options_page()
    made["assets/commands.js"] = pages.reader_list()
    return made


@event_priority(-50)
def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages and what documents link to outside ``docs``, then orders it all."""
    for place, content in _generated().items():
        files.append(File.generated(config, place, content=content))
    agenda = [file for file in files.documentation_pages() if file.abs_src_path is not None]
    seen: set[str] = set()
    while agenda:
        file = agenda.pop()
        for _, _, target, _ in LINK.findall(file.content_string):
            outside = _outside(file.src_uri, target)
            if outside is None or outside in seen:
                continue
            seen.add(outside)
            added = File.generated(config, f"project/{outside}", abs_src_path=str(ROOT / outside))
            files.append(added)
            if outside.endswith(".md"):
                agenda.append(added)
    config.nav = _nav(files)
    return files


def _repository_path(page: str, target: str) -> str:
    """The file that a link of a page means, from the top of the repository."""
    here = page.removeprefix("project/") if page.startswith("project/") else f"docs/{page}"
    return posixpath.normpath(posixpath.join(posixpath.dirname(here), target))


def _outside(page: str, target: str) -> str | None:
    """The file outside ``docs`` that a link means; None if it is none."""
    path = _repository_path(page, target)
    return path if not path.startswith(("docs/", "..")) and (ROOT / path).is_file() else None


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links to where their files are published, and writes the index of commands."""
    from docs.generator import pages

    uri = page.file.src_uri
    if uri == "commands/README.md":
        markdown = markdown.replace(INDEX_MARK, pages.command_index())

    def led(found: re.Match[str]) -> str:
        sign, text, target, anchor = found[1], found[2], found[3], found[4] or ""
        path = _repository_path(uri, target)
        place = path.removeprefix("docs/") if path.startswith("docs/") else f"project/{path}"
        if files.get_file_from_path(place) is None:
            if target.startswith("http") or files.get_file_from_path(posixpath.normpath(
                posixpath.join(posixpath.dirname(uri), target)
            )):  # fmt: skip
                return found[0]
            return text  # a folder, or a file that is not published: its name alone
        return f"{sign}[{text}]({posixpath.relpath(place, posixpath.dirname(uri) or '.')}{anchor})"

    pieces = re.split(r"(^```.*?^```[^\n]*$|^ {4}[^\n]*$|^<pre.*?</pre>)", markdown, flags=re.MULTILINE | re.DOTALL)
    return "".join(piece if at % 2 else LINK.sub(led, piece) for at, piece in enumerate(pieces))


# ---- the navigation ----------------------------------------------------------------------------------------------


def _nav(files: Files) -> list[Any]:
    """Sections by the table above; what no section holds stands under More, so that nothing is lost."""
    left = {file.src_uri: file for file in files.documentation_pages()}
    nav: list[Any] = []
    for title, places in SECTIONS:
        held: list[Any] = []
        for place in places:
            if place == "commands":
                held += _command_nav(left)
            elif place.endswith(".md"):
                held += [place] if left.pop(place, None) else []
            else:
                inner = sorted((uri for uri in left if uri.startswith(f"{place}/")), key=_order)
                for uri in inner:
                    left.pop(uri)
                held += [{TITLES[place]: inner}] if place in TITLES and inner else inner
        if len(held) == 1 and isinstance(held[0], str):
            nav.append({title: held[0]})
        elif held:
            nav.append({title: held})
    project = {"project/CHANGELOG.md": "What changed", "project/README.md": "The README",
               "project/tests/README.md": "Which test to run"}  # fmt: skip
    more: list[Any] = [{title: uri} for uri, title in project.items() if left.pop(uri, None)]
    more += sorted(left)
    if more:
        nav.append({"More": more})
    return nav


def _order(uri: str) -> tuple[bool, str]:
    """The index of a folder comes first."""
    return not uri.endswith("README.md"), uri


def _command_nav(left: dict[str, Any]) -> list[Any]:
    from docs.generator import commands, notation

    groups: dict[str, list[Any]] = {}
    for name, command in notation.told().items():
        uri = f"commands/{notation.slug(name)}.md"
        if left.pop(uri, None):
            groups.setdefault(notation.group(command), []).append({commands.spelled(name): uri})
    index = ["commands/README.md"] if left.pop("commands/README.md", None) else []
    return [*index, *({group: groups[group]} for group in sorted(groups))]
