"""What pages tell a reader to type is typed, and what they say will be printed is printed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import evolve

from redlark.reference.examples import played
from redlark.reference.model import Model, Observed
from redlark.reference.transcript import split
from redlark.spec import loader, syntax
from redlark.spec.checker import check
from redlark.spec.loader import specification

DOCS = Path(__file__).resolve().parents[2] / "docs"
STATUS = re.compile(r"^status (\d+)$")


def fences(page: str, language: str) -> list[str]:
    """The blocks of a page that are fenced with this word."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def steps(block: str) -> list[tuple[str, list[str]]]:
    """A block of console lines: each command with the lines that it prints."""
    found: list[tuple[str, list[str]]] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def fits(printed: str, expected: list[str]) -> bool:
    """Whether lines were printed as expected; ``...`` is any text within a line, by itself any lines."""
    patterns = [
        r"(?:[^\n]*\n)*" if line.strip() == "..." else re.sub(r"(?:\\\.){3}", r"[^\\n]*", re.escape(line)) + r"[ \t]*\n"
        for line in expected
    ]
    return re.fullmatch("".join(patterns), printed) is not None


def test_expected_lines_are_compared_as_the_page_says() -> None:
    """Dots stand for text, alone for lines, and nothing else is let through."""
    assert fits("one 1\ntwo\nthree\nfour\n", ["one ...", "...", "four"])
    assert fits("four\n", ["...", "four"])
    assert not fits("one 1\nfive\n", ["one ...", "four"])
    assert not fits("one\nmore\n", ["one"])


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """An environment in which `redlark` is this tree's."""
    tools = tmp_path / "bin"
    tools.mkdir()
    program = "import sys; sys.argv[0] = 'redlark'; from redlark.conformance.cli import main; main()"
    (tools / "redlark").write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{program}" "$@"\n')
    (tools / "redlark").chmod(0o755)
    # Wide enough that no table is folded.
    return {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}", "COLUMNS": "250", "TERM": "dumb"}


@pytest.mark.slow
@pytest.mark.timeout(1000)
@pytest.mark.parametrize("page", ["tutorial.md", "how-to/new-target.md"])
def test_a_walkthrough_does_what_it_says(page: str, shell: dict[str, str], tmp_path: Path) -> None:
    """Each command of the page is run, in order, in one shell; what it prints and how it ends is what stands there."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("the page's lines are run by bash, which is not here")
    script, expected = ["set -m"], []
    for block in fences(page, "console"):
        for command, lines in steps(block):
            status = next((int(m[1]) for line in lines if (m := STATUS.match(line))), 0)
            said = [line for line in lines if not STATUS.match(line)]
            name = f"{tmp_path}/{len(expected)}"
            if command.endswith(" &"):  # it goes on; the next line is typed as soon as it has said something
                wait = f"for _ in $(seq 900); do [ -s {name} ] && break; sleep 0.2; done"
                script += [f"PYTHONUNBUFFERED=1 {command[:-2]} >{name} 2>&1 &", wait, f"echo 0 >{name}.status"]
            else:
                script.append(f"{{ {command}; }} >{name} 2>&1; echo $? >{name}.status")
            expected.append((command, status, said))
    (tmp_path / "work").mkdir()
    subprocess.run([bash, "-c", "\n".join(script)], cwd=tmp_path / "work", env=shell, check=False, timeout=900)
    assert expected
    for number, (command, status, lines) in enumerate(expected):
        printed = (tmp_path / str(number)).read_text()
        assert int((tmp_path / f"{number}.status").read_text()) == status, f"$ {command}\n{printed}"
        assert fits(printed, lines), f"$ {command}\n{printed}"


def with_block(block: str) -> syntax.Specification:
    """The text with one more command."""
    (command,) = loader.parse(block, "example.redlark")
    assert isinstance(command, syntax.Command)
    text = specification()
    return evolve(text, commands=(*text.commands, command))


def test_the_rule_that_a_reader_writes_is_wrong_and_right_as_the_page_says() -> None:
    """The first block has the mistakes that are shown, in the words of the checker; the second has none, anywhere."""
    page = "how-to/write-a-rule.md"
    wrong, right = fences(page, "redlark")
    first, second = (block.strip() for block in fences(page, "text"))
    assert first in str(check(with_block(wrong))[0])
    slip = with_block(wrong.replace("leest", "least"))
    assert check(slip) == ()
    mistake = played(Model.load("redis-8.2", slip), slip.commands[-1], slip.commands[-1].examples[0])[1]
    assert second in str(mistake)
    whole = with_block(right)
    assert check(whole) == ()
    block, model = whole.commands[-1], Model.load("redis-8.2", whole)
    reached: set[str] = set()
    for example in block.examples:
        rules, mistake = played(model, block, example)
        assert mistake is None, mistake
        reached.update(rule for line in rules for rule in line)
    assert set(model.commands["GETLONG"].rules) - reached <= {"GETLONG/syntax"}


def transcript(block: str) -> syntax.Example:
    """A fenced transcript as an example of the text."""
    lines: list[syntax.ExampleLine] = []
    for line in block.splitlines():
        found = re.match(r"(?:(\d+))?([<>]) ?(.*)", line)
        if found:
            lines.append(syntax.ExampleLine(int(found[1] or 1), found[3], None, (), arrives=found[2] == "<"))
        else:
            lines[-1] = evolve(lines[-1], output=(*lines[-1].output, line))
    return syntax.Example(None, 2, None, tuple(lines))


def wire(lines: list[str]) -> bytes:
    """The reply that redis-cli has printed so, in RESP2: flat arrays and what is in them."""
    if len(lines) > 1 or re.match(r"1\) ", lines[0]):
        items = [re.sub(r"^\d+\) ", "", line) for line in lines]
        return b"*%d\r\n" % len(items) + b"".join(wire([item]) for item in items)
    (line,) = lines
    if line.startswith('"'):
        text = split(line)[0]
        return b"$%d\r\n%b\r\n" % (len(text), text)
    number = re.fullmatch(r"\(integer\) (-?\d+)", line)
    return f":{number[1]}\r\n".encode() if number else b"$-1\r\n" if line == "(nil)" else f"+{line}\r\n".encode()


def possible(model: Model, example: syntax.Example) -> bool:
    """Whether the model allows every reply of a transcript."""
    if any(line.arrives for line in example.lines):
        return played(model, specification().commands[0], example)[1] is None
    now = 1_000_000
    worlds = model.start(now=now)
    for client in sorted({line.client for line in example.lines}):
        worlds = model.connect(worlds, client)
    for line in example.lines:
        worlds = model.allows(
            worlds, line.client, split(line.request), (now, now + 1), Observed(wire(list(line.output)))
        )
        now += 1
    return bool(worlds)


def test_transcripts_that_explain_are_possible_or_not_as_the_pages_say() -> None:
    """Each is judged by the model: what is called impossible is refused, all else allowed to its last line."""
    model = Model.load("redis-8.2")
    pages = [path.relative_to(DOCS).as_posix() for path in sorted((DOCS / "explanation").glob("*.md"))]
    told = [(page, kind, one) for page in pages for kind in ("transcript", "impossible") for one in fences(page, kind)]
    assert len(told) > 6
    for page, kind, text in told:
        assert possible(model, transcript(text)) == (kind == "transcript"), f"{page}\n{text}"
