"""The other generated pages: the text file by file, the functions it names, the index of commands, the options.

What must live here: what is made for the whole text at once.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from html import escape
from importlib.metadata import entry_points

import click

from docs.generator import commands, notation
from docs.generator.diagram import diagram
from docs.generator.notation import Source, slug
from redlark.spec.language import FUNCTIONS, RUN_FUNCTIONS
from redlark.spec.primitives import primitives
from redlark.spec.profiles import PROFILES

NO_SEARCH = "hide:\n  - toc\nsearch:\n  exclude: true\n"


def text_page(source: Source) -> str:
    """One file of the text, whole; a command that has a page of its own is a line that leads there."""
    ids: set[str] = set()
    parts: list[str] = []
    at = 0
    for item in source.items:
        parts.append(source.html(at, item.start, "../"))
        known = f"{item.kind}-{slug(item.name) if item.kind == 'command' else item.name}"
        if known not in ids:
            ids.add(known)
            parts.append(f'<a id="{known}"></a>')
        if item.kind == "command" and item.name in notation.told():
            name = commands.spelled(item.name)
            link = f'<a href="../commands/{slug(item.name)}.html">{escape(name)}</a>'
            parts.append(f'<span class="rl-k">command</span> {link} <span class="rl-c">-- a page of its own</span>')
        else:
            parts.append(source.html(item.start, item.end, "../", prefix="{owner}-", ids=ids))
        at = item.end
    parts.append(source.html(at, len(source.text), "../"))
    title = f"{source.name}.redlark"
    return (
        f"---\ntitle: {title}\n{NO_SEARCH}---\n\n# {title}\n\n"
        f'<div class="rl-bar" data-rl-profiles></div>\n\n<pre class="rl-text">{"".join(parts)}</pre>\n'
    )


def text_index() -> str:
    """The list of the text's files, each with the sentence that it opens with."""
    lines = ["---\ntitle: The text\n---\n\n# The text\n", "What all commands share, file by file, as it is written. "]
    lines.append("What a file says of one command stands on [that command's page](../commands/README.md).\n")
    for name, source in notation.sources().items():
        head = [line[2:].strip() for line in source.text.split("\n\n")[0].splitlines() if line.startswith("--")]
        lines.append(f"- [{name}.redlark]({name}.md): {escape(' '.join(head))}")
    lines.append("- [Functions](../reference/functions.md): what the text may call and does not spell out.\n")
    return "\n".join(lines)


def functions_page() -> str:
    """Primitives with their own documentation, then the functions of the language."""
    lines = ["---\ntitle: Functions\n---\n\n# Functions\n"]
    lines.append("What the text calls and does not spell out. A primitive is a pure function, tested by itself.\n")
    lines.append("## Primitives\n")
    for name, one in primitives().items():
        said = inspect.getdoc(one.function) or ""
        first = said.split("\n\n")[0].replace("\n", " ")
        lines.append(f'<p id="{name}"><code>{escape(str(one.signature))}</code><br>{escape(first)}</p>\n')
    for title, table in (("Functions of values", FUNCTIONS), ("Functions of the state", RUN_FUNCTIONS)):
        rows = "".join(f'<li id="{name}"><code>{escape(str(one))}</code></li>' for name, one in sorted(table.items()))
        lines.append(f"## {title}\n\n<ul>{rows}</ul>\n")
    several = "".join(f'<li id="{name}"><code>{name}(...)</code></li>' for name in ("min", "max", "first-given"))
    lines.append(f"## Of any number of arguments\n\n<ul>{several}</ul>\n")
    return "\n".join(lines)


def command_index() -> str:
    """All commands, by group: a name, a sentence, and the profiles that have it where not all do."""
    groups: dict[str, list[str]] = {}
    for name, command in notation.told().items():
        bits = notation.command_mask(command)
        mark = f' data-p="{bits}"' if bits != notation.ALL else ""
        groups.setdefault(notation.group(command), []).append(
            f'<li{mark}><a href="{slug(name)}.html">{escape(commands.spelled(name))}</a> '
            f"<span>{escape(command.summary or '')}</span></li>"
        )
    parts = ['<div class="rl-bar" data-rl-profiles></div>\n\n<div class="rl-find" data-rl-find></div>\n']
    for group in sorted(groups):
        parts.append(f'## {group} {{ #{group} }}\n\n<ul class="rl-list rl-commands">{"".join(groups[group])}</ul>\n')
    return "\n".join(parts)


def reader_data(name: str) -> str:
    """What the reader of rules shows of one command: a script that hands it over."""
    command = notation.told()[name]
    shared = []
    for kind, key in sorted(_reached(name)):
        for source in notation.sources().values():
            for item in source.items:
                if item.kind == kind and item.name == key:
                    html = source.html(item.start, item.end, "", prefix="in-{owner}-").rstrip()
                    shared.append({"kind": kind, "name": key, "html": html})
    data = {
        "name": commands.spelled(name),
        "page": f"commands/{slug(name)}.html",
        "summary": command.summary or "",
        "mask": notation.command_mask(command),
        "syntax": commands.syntax(command, ""),
        "diagram": diagram(command),
        "rules": commands.rules_html(command, ""),
        "shared": shared,
    }
    return f"redlarkReader({json.dumps(data)});\n"


def _reached(name: str) -> set[tuple[str, str]]:
    """The fragments that a command uses, at whatever distance, and the definitions that it calls itself."""
    steps = commands.bodies(notation.told()[name])
    found = {("fragment", one.name) for one in commands.fragments_of(steps)}
    calls = {node.function for node in notation.walk(steps) if type(node).__name__ == "Call"}
    return found | {("define", call) for call in calls if ("define", call) in notation.links().places}


def reader_list() -> str:
    """The names that the reader offers, and the profiles in the order of the masks' bits."""
    rows = [[commands.spelled(name), slug(name)] for name in notation.told()]
    return f"window.redlarkProfiles = {json.dumps(list(PROFILES))};\nwindow.redlarkCommands = {json.dumps(rows)};\n"


# ---- the command line --------------------------------------------------------------------------------------------


def options_page() -> str:
    """Every subcommand of ``redlark`` with its options, as its own help tells them."""
    lines = ["---\ntitle: Options\n---\n\n# Every option\n"]
    lines.append("Made from the program itself. [The command line](cli.md) says what they are for.\n")
    (program,) = entry_points(group="console_scripts", name="redlark")
    lines += _command(program.load(), "redlark", 1)
    return "\n".join(lines)


def _command(command: click.Command, path: str, level: int) -> Iterator[str]:
    context = click.Context(command, info_name=path)
    if level > 1:
        yield f"{'#' * level} {path}\n"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```\n{path} {usage}\n```\n"
    for part in inspect.cleandoc(command.help or "").replace("\b\n", "").split("\n\n"):
        yield part.replace("\n", " ") + "\n"
    rows = [record for one in command.params if (record := one.get_help_record(context))]
    if rows:
        yield "| option | means |\n|---|---|"
        for names, said in rows:
            yield f"| `{_cell(names)}` | {_cell(escape(said, quote=False))} |"
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            if below is not None:
                yield from _command(below, f"{path} {name}", level + 1)


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("|", "\\|")
