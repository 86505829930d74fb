"""What is said once: the command table against the facts, the configuration against its table, docstrings' examples."""

from __future__ import annotations

import doctest
import pkgutil
import re
from importlib import import_module
from pathlib import Path

import attrs
import pytest

import redlark.server
from redlark.server.commands import command_table
from redlark.server.commands.facts import TABLE
from redlark.server.commands.registry import FUNCTIONS
from redlark.server.config import DEFAULTS, Config, acted_on
from redlark.server.parameters import ROWS

MODULES = [
    f"redlark.server.{module.name}"
    for module in pkgutil.iter_modules(redlark.server.__path__)
    if module.name not in ("__main__", "_core")
] + [f"redlark.server.plain.{name}" for name in ("codec", "index", "database")]


def test_every_specified_command_has_a_function() -> None:
    """What the specification generates for redis-8.2 is all there, and nothing is registered that has no facts."""
    runnable = {name.upper() for name, facts in TABLE.commands.items() if not facts.container or name == "command"}
    assert set(FUNCTIONS) == runnable


def test_the_table_holds_every_subcommand() -> None:
    """Containers lead to their subcommands by their own names."""
    table = command_table()
    assert table[b"GET"].arity == 2
    assert table[b"CLIENT"].subcommands
    assert table[b"CLIENT"].subcommands[b"ID"].name == b"client|id"
    assert table[b"SET"].denyoom
    assert table[b"AUTH"].no_auth


def test_the_configuration_has_an_attribute_for_each_parameter() -> None:
    """`Config` has the defaults of the text: of what counts in attributes, of the rest by name."""
    apart = ("others", "given", "bygone", "renamed", "file")
    fields = {field.name: field.default for field in attrs.fields(Config) if field.name not in apart}
    assert fields == {row.attribute: DEFAULTS[row.name] for row in ROWS if acted_on(row)}
    assert Config().others == {row.name: DEFAULTS[row.name] for row in ROWS if not acted_on(row)}


def test_the_documents_name_every_parameter() -> None:
    """docs/reference/serve.md tells of each parameter that changes something, and of no other."""
    page = (Path(__file__).parents[2] / "docs/reference/serve.md").read_text(encoding="utf-8")
    listed = re.findall(r"`([a-z-]+)(?: [a-z]+)?`", page.split("## Parameters")[1].split("Every other parameter")[0])
    assert sorted(listed) == sorted(name for row in ROWS if acted_on(row) for name in row.names)


@pytest.mark.parametrize("name", MODULES)
def test_examples_in_documents_hold(name: str) -> None:
    """The examples in docstrings give what they show."""
    failed, _ = doctest.testmod(import_module(name))
    assert failed == 0
