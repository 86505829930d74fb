"""What a page says of versions: a command's history, and what each profile has otherwise than the one before it."""

from __future__ import annotations

from functools import cache
from html import escape

from redlark.spec import syntax as s
from redlark.spec.derivation import number
from redlark.spec.differences import Comparison, Difference
from redlark.spec.printing import guard_text

# Each profile beside the one that it grew out of: Valkey left Redis after 7.2.
STEPS = (
    ("redis-6.2", "redis-7.0"), ("redis-7.0", "redis-7.2"), ("redis-7.2", "redis-7.4"), ("redis-7.4", "redis-8.0"),
    ("redis-8.0", "redis-8.2"), ("redis-7.2", "valkey-8.1"), ("valkey-8.1", "valkey-9.1"), ("redis-8.2", "valkey-9.1"),
)  # fmt: skip


@cache
def differences() -> dict[str, list[tuple[str, str, Difference]]]:
    """By command: every difference that is its own, with the two profiles."""
    found: dict[str, list[tuple[str, str, Difference]]] = {}
    for first, second in STEPS:
        for one in Comparison(first, second).differences:
            found.setdefault(one.subject, []).append((first, second, one))
    return found


@cache
def shared() -> dict[tuple[str, str], dict[str, int]]:
    """By two profiles and a command: how many differences of what commands share may be felt by it."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for first, second in STEPS:
        counts = found.setdefault((first, second), {})
        for one in Comparison(first, second).differences:
            if one.group == "shared":
                for user in one.users:
                    counts[user] = counts.get(user, 0) + 1
    return found


def section(command: s.Command) -> str:
    """The part of a command's page that is about versions; empty where nothing has ever changed."""
    lines = ["## Versions", ""]
    history = [fact for fact in command.facts if fact.kind == "history"]
    if history:
        items = []
        for fact in history:
            version, text = fact.values[0], fact.values[1]
            assert isinstance(version, s.Version)
            said = getattr(text, "value", text)
            guard = f" <span>{escape(guard_text(fact.guard))}</span>" if fact.guard else ""
            items.append(f"<li><b>{escape(number(version))}</b> {escape(str(said))}{guard}</li>")
        lines += [f'<ul class="rl-list">{"".join(items)}</ul>', ""]
    steps = [_step(command, first, second) for first, second in STEPS]
    steps = [one for one in steps if one]
    if not history and not steps:
        return "## Versions\n\nEvery profile that has it has it alike.\n"
    if steps:
        lines += ["What the text has otherwise from one profile to the next:", "", *steps]
        lines.append("\nWhere two real servers have shown it: [What an upgrade changes](../versions.md).\n")
    return "\n".join(lines)


def _step(command: s.Command, first: str, second: str) -> str:
    own = [one for a, b, one in differences().get(command.name, ()) if (a, b) == (first, second)]
    felt = shared()[first, second].get(command.name, 0)
    if not own and not felt:
        return ""
    told = f"{len(own)} of its own" if own else ""
    more = f"{felt} in what commands share" if felt else ""
    body = "".join(_difference(one) for one in own)
    count = ", ".join(part for part in (told, more) if part)
    if not body:
        return f'<p class="rl-step"><code>{first}</code> → <code>{second}</code>: {count}</p>\n'
    return (
        f'<details class="rl-more"><summary><code>{first}</code> → <code>{second}</code>: {count}</summary>'
        f"{body}</details>\n"
    )


def _difference(one: Difference) -> str:
    name = f"{one.kind} {one.name}".strip()
    lines = [f'<span class="rl-minus">- {escape(line)}</span>' for line in one.before if line not in one.after]
    lines += [f'<span class="rl-plus">+ {escape(line)}</span>' for line in one.after if line not in one.before]
    kept = one.kind == "fact" and one.name == "arguments"
    body = "\n".join(lines) if not kept else "the arguments, as COMMAND DOCS tells them"
    note = f"<p>{escape(one.note)}</p>" if one.note else ""
    said = {"new": "new", "gone": "gone", "changed": "differs"}[one.change]
    return f'<p class="rl-step">{escape(name)}: {said}</p>{note}<pre class="rl-diff" data-search-exclude>{body}</pre>'
