"""Trees are printed as the notation that they were read from."""

from __future__ import annotations

import re

from redlark.reference.model import profiles
from redlark.spec import printing
from redlark.spec import syntax as s
from redlark.spec.loader import parse, specification
from redlark.spec.resolved import resolved_text

GUARD = re.compile(r"\b(since|until|only) (\d|redis|valkey)")


def block_of(command: s.Command) -> str:
    """A command's steps as a block of their own, with the syntax line that they need."""
    means = [line for one in command.means for line in printing.means(one)]
    body = [*printing.steps(command.steps), *means]
    head = f"command {command.name} {printing.syntax_line(command.syntax)}"
    return "\n".join([head, "  group generic", *(f"  {line}" for line in body)])


def test_what_is_printed_is_what_was_read() -> None:
    """Syntax line, steps and families of every command, printed and read again, are the same trees."""
    for command in specification().commands:
        (again,) = parse(block_of(command))
        assert isinstance(again, s.Command)
        assert (again.syntax, again.steps, again.means) == (command.syntax, command.steps, command.means), command.name


def test_definitions_are_printed_as_they_were_read() -> None:
    """Definitions, types, fragments, parameters and tables of encodings, too."""
    text = specification()
    for define in text.defines:
        assert parse(printing.definition(define)) == (define,)
    for type_ in text.types:
        assert parse(printing.type_definition(type_)) == (type_,)
    for fragment in text.fragments:
        lines = [f"fragment {fragment.name}({', '.join(fragment.parameters)})", *printing.steps(fragment.steps, 2)]
        assert parse("\n".join(lines)) == (fragment,)
    for one in text.parameters:
        assert parse(f"parameters\n  {printing.parameter(one)}") == (one,)
    for table in text.encodings:
        assert parse("\n".join(printing.encodings(table))) == (table,)


def test_a_resolved_text_has_no_guards() -> None:
    """What a profile's text prints holds no guard: each is decided."""
    for name in profiles():
        for command in resolved_text(name).commands:
            printed = block_of(command)
            assert not GUARD.search(re.sub(r'"(\\\\.|[^"])*"', "", printed)), printed
            assert parse(printed)
