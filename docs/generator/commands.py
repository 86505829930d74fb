"""The page of a command: its syntax as a picture, its rules as the text has them, its examples, its versions.

What must live here: how a page is put together. Where a thing comes from is the text; what is said of servers comes
from `records` (findings, reports) and from the examples, which are run on every profile's model as the page is made.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache
from html import escape

from docs.generator import notation, records, versions
from docs.generator.diagram import diagram
from docs.generator.notation import ALL, Source, slug
from redlark.reference.examples import played
from redlark.reference.model import Model
from redlark.spec import syntax as s
from redlark.spec.derivation import table
from redlark.spec.loader import specification
from redlark.spec.metadata import Facts
from redlark.spec.printing import guard_text, reply_type
from redlark.spec.profiles import PROFILES

NEWEST = ("redis-8.2", "valkey-9.1")


def spelled(name: str) -> str:
    """A command as it is typed: ``CLIENT KILL``."""
    return name.replace("|", " ")


def facts(name: str) -> Facts | None:
    """What the newest Redis that has a command tells of it, or else the newest Valkey; None where COMMAND is silent."""
    return next((found for p in NEWEST if (found := table(p).commands.get(name.lower()))), None)


def page(command: s.Command) -> str:
    """The whole page, in Markdown with pieces of HTML."""
    name = spelled(command.name)
    summary = command.summary or ""
    parts = [
        f"---\ntitle: {name}\ndescription: {_yaml(summary)}\nhide:\n  - toc\n---\n\n# {name}\n\n{_lead(summary)}\n",
        '<div class="rl-bar" data-rl-profiles></div>\n',
        _table(command),
        f"## Syntax\n\n{picture(command)}\n",
        f'<pre class="rl-text" data-search-exclude>{syntax(command)}</pre>\n',
        _below(command),
        _rules(command),
        _examples(command),
        versions.section(command),
        records.section(command.name),
    ]
    return "\n".join(part for part in parts if part)


def _yaml(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _lead(summary: str) -> str:
    return f'<p class="rl-lead">{escape(summary)}</p>'


# ---- what is told of it ------------------------------------------------------------------------------------------


def _table(command: s.Command) -> str:
    told = facts(command.name)
    rows = [("Group", f'<a href="index.html#{notation.group(command)}">{notation.group(command)}</a>')]
    rows.append(("In", _profiles(notation.command_mask(command))))
    if told is not None:
        rows.append(("Since", escape(told.since)))
        if told.deprecated:
            rows.append(("Deprecated", f"since {escape(told.deprecated[0])}. {escape(told.deprecated[1])}"))
        if told.complexity:
            rows.append(("Complexity", escape(told.complexity)))
        rows.append(("Arity", str(told.arity)))
        rows.append(("Flags", _words(told.flags)))
        rows.append(("ACL categories", _words(f"@{one}" for one in told.categories)))
        rows.append(("Keys", "; ".join(_key(spec.flags) for spec in told.key_specs)))
        rows.append(("Tips", _words(told.tips)))
    rows.append(("Replies", _replies(command)))
    rows.append(("Events", _words(events(command))))
    cells = "".join(f"<tr><th>{title}</th><td>{said}</td></tr>" for title, said in rows if said)
    return f'<table class="rl-facts"><tbody>{cells}</tbody></table>\n'


def _words(words: Iterable[str]) -> str:
    return " ".join(f"<code>{escape(word)}</code>" for word in words)


def _key(flags: Iterable[str]) -> str:
    return _words(flags)


def _profiles(bits: int) -> str:
    names = notation.profiles_of(bits)
    if len(names) == len(PROFILES):
        return "every profile"
    return ", ".join(names)


def _replies(command: s.Command) -> str:
    said = []
    for fact in command.facts:
        if fact.kind == "returns":
            types = " | ".join(reply_type(one) for one in fact.values if isinstance(one, s.ReplyType))
            bits = notation.mask(fact.guard)
            guard = f" {escape(guard_text(fact.guard))}" if fact.guard else ""
            said.append(f'<span data-p="{bits}"><code>{escape(types)}</code>{guard}</span>')
    return "<br>".join(said)


def events(command: s.Command) -> list[str]:
    """The keyspace events that a command may tell: those that its steps, its fragments and its family's head name."""
    found: dict[str, None] = {}
    for node in notation.walk(bodies(command)):
        if isinstance(node, s.Event):
            for text in notation.walk(node.event):
                if isinstance(text, s.Text):
                    found[text.value] = None
    return sorted(found)


def bodies(command: s.Command) -> tuple[tuple[s.Step, ...], ...]:
    """The steps of a command, of the commands that it means and of all fragments that these use."""
    family = [command, *(named(means.command) for means in command.means)]
    found = [one.steps for one in family]
    return (*found, *(fragment.steps for fragment in fragments_of(tuple(found))))


@cache
def _fragments() -> dict[str, list[s.Fragment]]:
    found: dict[str, list[s.Fragment]] = {}
    for fragment in specification().fragments:
        found.setdefault(fragment.name, []).append(fragment)
    return found


def fragments_of(steps: object) -> list[s.Fragment]:
    """The fragments that steps use, and those that these use."""
    found: dict[str, list[s.Fragment]] = {}
    agenda = [steps]
    while agenda:
        for node in notation.walk(agenda.pop()):
            if isinstance(node, s.Use) and node.fragment not in found:
                found[node.fragment] = _fragments().get(node.fragment, [])
                agenda += [one.steps for one in found[node.fragment]]
    return [one for several in found.values() for one in several]


@cache
def named(name: str) -> s.Command:
    """The block of that name."""
    return next(command for command in specification().commands if command.name == name)


# ---- syntax and rules --------------------------------------------------------------------------------------------


def picture(command: s.Command) -> str:
    """The railroad diagram in its box."""
    return f'<div class="rl-railroad">{diagram(command)}</div>'


def syntax(command: s.Command, up: str = "../") -> str:
    """The syntax line as it is written."""
    source, item = notation.source_of(command)
    return source.html(item.start, facts_begin(source, item), up)


def facts_begin(source: Source, item: notation.Item) -> int:
    """Where the facts of a block begin: at the line of its group."""
    found = re.compile(r"^  group ", re.MULTILINE).search(source.text, item.start, item.end)
    assert found is not None
    return found.start() - 1


def dedented(html: str) -> str:
    """Lines two blanks further to the left, as a block's inside stands by itself."""
    return re.sub(r"(?m)^  ", "", html.strip("\n").rstrip())


def rules_html(command: s.Command, up: str = "../") -> str:
    """The steps of a block as they are written, with anchors."""
    source, _ = notation.source_of(command)
    return dedented(source.html(source.steps[command.name], source.examples[command.name], up))


def facts_html(command: s.Command, up: str = "../") -> str:
    """The facts of a block as they are written."""
    source, item = notation.source_of(command)
    return dedented(source.html(facts_begin(source, item), source.steps[command.name], up))


def _below(command: s.Command) -> str:
    below = [name for name in notation.told() if name.startswith(f"{command.name}|")]
    if not below:
        return ""
    rows = "".join(
        f'<li><a href="{slug(name)}.html">{escape(spelled(name))}</a> '
        f"<span>{escape(notation.told()[name].summary or '')}</span></li>"
        for name in below
    )
    return f'## Subcommands\n\n<ul class="rl-list">{rows}</ul>\n'


def _rules(command: s.Command) -> str:
    source, item = notation.source_of(command)
    first = source.line(item.start)
    where = f'<a href="../text/{source.name}.html#command-{slug(command.name)}">{source.name}.redlark</a>, line {first}'
    steps = rules_html(command)
    lines = ["## Rules", "", "In reading order: the first rule that holds answers. "]
    lines[-1] += f"From {where}; [how to read it](README.md#how-to-read-a-page).\n"
    if steps.strip():
        lines.append(f'<pre class="rl-text">{steps}</pre>\n')
    else:
        lines.append("The block has no steps: a container answers for its subcommands alone.\n")
    lines += _used(command)
    lines.append('<details class="rl-more"><summary>The facts, as written</summary><pre class="rl-text">')
    lines[-1] += f"{facts_html(command)}</pre></details>\n"
    lines.append(_index(command))
    return "\n".join(lines)


def _used(command: s.Command) -> Iterator[str]:
    """What the block uses and does not spell out itself, folded up."""
    for means in command.means:
        link = f'<a href="{slug(means.command)}.html">{spelled(means.command)}</a>'
        yield f"<p>It means {link}: its rules are those.</p>\n"
    direct = sorted({node.fragment for node in notation.walk(command.steps) if isinstance(node, s.Use)})
    calls = {node.function for node in notation.walk(command.steps) if isinstance(node, s.Call)}
    defined = {one.name for one in specification().defines}
    for kind, names in (("fragment", direct), ("define", sorted(calls & defined))):
        for name in names:
            pieces = [
                source.html(item.start, item.end, "../", prefix="in-{owner}-").rstrip()
                for source in notation.sources().values()
                for item in source.items
                if item.kind == kind and item.name == name
            ]
            place = notation.links().places[kind, name]
            body = "\n".join(pieces)
            yield (
                f'<details class="rl-more"><summary><code>{kind} {escape(name)}</code></summary>'
                f'<pre class="rl-text">{body}</pre><p><a href="../{place}">where it stands</a></p></details>\n'
            )


@cache
def models() -> dict[str, Model]:
    """The model of every profile."""
    return {name: Model.load(name) for name in PROFILES}


@cache
def rules(name: str) -> dict[str, int]:
    """The rules of a command, in order, each with the profiles that have it."""
    found: dict[str, int] = {}
    for place, profile in sorted(enumerate(PROFILES), key=lambda each: each[1] not in NEWEST):
        model = models()[profile]
        if name in model.commands:
            for rule in model.commands[name].rules:
                found[rule] = found.get(rule, 0) | 1 << place
    return found


@cache
def place_of(rule: str) -> str | None:
    """Where a rule is written: an address below the top of the site; None for what the parser refuses by itself."""
    owner, _, short = rule.partition("/")
    if owner not in notation.told():
        source = next((one for one in notation.sources().values() for item in one.items if item.name == owner), None)
        return f"text/{source.name}.html#{owner}-{short}" if source is not None else None
    command = notation.told()[owner]
    for each in [command, *(named(means.command) for means in command.means)]:
        source, _ = notation.source_of(each)
        if (each.name, short) in source.anchors.values():
            return f"commands/{slug(each.name)}.html#rule-{short}"
    for fragment in fragments_of(bodies(command)):
        for source in notation.sources().values():
            if (fragment.name, short) in source.anchors.values():
                return f"text/{source.name}.html#{fragment.name}-{short}"
    return f"commands/{slug(owner)}.html#syntax"


def _index(command: s.Command) -> str:
    whole = notation.command_mask(command)
    chips = []
    for rule, bits in rules(command.name).items():
        short = rule.partition("/")[2]
        marked = "" if bits & whole == whole else f' data-p="{bits}"'
        place = place_of(rule)
        chips.append(f'<li{marked}><a href="../{place}">{escape(short)}</a></li>')
    if not chips:
        return ""
    head = "All its rules, those of the parser and of fragments among them, as reports cite them:"
    return f'<p>{head}</p>\n<ul class="rl-chips">{"".join(chips)}</ul>\n'


# ---- examples ----------------------------------------------------------------------------------------------------


class WrongExample(Exception):
    """An example that does not show what the rules do: no page is made of it."""


@cache
def _told_by(command_name: str, number: int) -> tuple[tuple[tuple[str, ...], ...], int]:
    """The rules that each line of an example reached, and the profiles whose models have run it."""
    command = named(command_name)
    example = command.examples[number]
    by: list[tuple[str, ...]] = [()] * len(example.lines)
    ran = 0
    for place, (name, profile) in enumerate(PROFILES.items()):
        if not (profile.holds(example.guard) and notation.command_mask(command) >> place & 1):
            continue
        reached, mistake = played(models()[name], command, example)
        if mistake is not None:
            raise WrongExample(str(mistake))
        ran |= 1 << place
        held = [at for at, line in enumerate(example.lines) if profile.holds(line.guard)]
        for at, told in zip(held, reached, strict=True):
            if not by[at] or name == NEWEST[0]:
                by[at] = tuple(dict.fromkeys(rule for rule in told if rule.partition("/")[0] in notation.told()))
    return tuple(by), ran


def _examples(command: s.Command) -> str:
    if not command.examples:
        return ""
    blocks = [_example(command, number) for number in range(len(command.examples))]
    return "## Examples\n\n" + "\n".join(blocks)


def _example(command: s.Command, number: int) -> str:
    example = command.examples[number]
    by, ran = _told_by(command.name, number)
    title = example.title or "As it is used"
    guard = f" <span>{escape(guard_text(example.guard))}</span>" if example.guard else ""
    resp = " <span>in RESP3</span>" if example.resp == 3 else ""
    resp += " <span>on a node alone in its cluster</span>" if example.clustered else ""
    lines = []
    for line, rules_told in zip(example.lines, by, strict=True):
        bits = notation.mask(line.guard)
        mark = f' data-p="{bits}"' if bits != ALL else ""
        told = "".join(f'<a href="../{place_of(rule)}">{escape(rule)}</a>' for rule in rules_told[:3])
        client = f"{line.client}" if line.client > 1 or any(each.client > 1 for each in example.lines) else ""
        sign = "&lt;" if line.arrives else "&gt;"
        request = f'<span class="rl-prompt">{client}{sign}</span> <b>{escape(line.request)}</b>'
        since = f'<i class="rl-guard">{escape(guard_text(line.guard))}</i>' if line.guard else ""
        output = escape("\n".join(line.output))
        side = f'<span class="rl-by" data-search-exclude>{since}{told}</span>'
        lines.append(f'<div{mark}><div class="rl-ask"><span>{request}</span>{side}</div>{output}\n</div>')
    mark = f' data-p="{notation.mask(example.guard)}"' if example.guard else ""
    executed = escape(records.executed(command, example, ran))
    return (
        f'<div class="rl-example"{mark}><p class="rl-title">{escape(title)}{guard}{resp}</p>'
        f'<pre class="rl-run">{"".join(lines)}</pre><p class="rl-ran">{executed}</p></div>\n'
    )
