"""``redlark model``: the text itself as a server; ``redlark spec``: the text as a thing to check and list."""

from __future__ import annotations

import json
import signal
import sys

import click
from rich.console import Console
from rich.table import Table

from redlark.reference.examples import failures
from redlark.reference.model import Model, profiles
from redlark.reference.parameters import is_parameter
from redlark.reference.tcp import ModelServer
from redlark.spec.checker import check
from redlark.spec.choices import choices
from redlark.spec.derivation import since
from redlark.spec.loader import NotationError, specification
from redlark.spec.profiles import PROFILES


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=7379,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option("--bind", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--profile", default="redis-8.2", show_default=True, type=click.Choice(profiles()))
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter: requirepass=secret.")
def model(port: int, bind: str, profile: str, settings: tuple[str, ...]) -> None:
    """Serve the text itself over TCP, so that redis-cli can talk to the specification.

    The model is slow and keeps everything in immutable values: it is for reading and for trying rules, not for use.
    """
    config = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.BadParameter(f"{setting!r} is not NAME=VALUE", param_hint="--set")
        config[name] = value
    text = Model.load(profile)
    for name in config:
        if not is_parameter(text, name):
            raise click.BadParameter(f"the text of {profile} has no parameter {name!r}", param_hint="--set")
    try:
        server = ModelServer(text, bind, port, config=config)
    except OSError as error:
        click.echo(f"redlark: cannot listen on {bind}:{port}: {error.strerror}; choose another --port", err=True)
        sys.exit(2)
    click.echo(f"The text of {profile} answers on {server.host}:{server.port}; Ctrl-C stops it.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    with server:
        server.serve()


@click.group()
def spec() -> None:
    """Check, list and read the specification."""


@spec.command("check")
@click.option("--profile", "names", multiple=True, type=click.Choice(profiles()), help="Only these profiles' examples.")
@click.option("--choices", "show_choices", is_flag=True, help="List each choice, and whether replies show it.")
def check_text(names: tuple[str, ...], show_choices: bool) -> None:
    """Check the text: names, types, effects, and that every example shows what the rules do."""
    if show_choices:
        fragments = {fragment.name: fragment for fragment in specification().fragments}
        for command in specification().commands:
            for choice in choices(command, fragments):
                click.echo(str(choice))
    try:
        found = list(check(specification()))
        if not found:
            for name in names or profiles():
                found.extend(failures(Model.load(name)))
    except NotationError as error:
        found = [error]
    for mistake in found:
        click.echo(str(mistake))
    if found:
        raise click.exceptions.Exit(1)
    click.echo(f"{len(specification().commands)} blocks, {len(names or profiles())} profiles: nothing wrong.")


@spec.command("list")
@click.option("--profile", default="redis-8.2", show_default=True, type=click.Choice(profiles()))
@click.option("--json", "as_json", is_flag=True, help="As JSON: name, group, since, semantics, rules.")
def list_commands(profile: str, as_json: bool) -> None:
    """List the commands of a profile and the rules that each holds.

    Where a command's semantics are `schema`, its errors are specified and of its replies the types alone.
    """
    rows = [
        {
            "name": command.name,
            "group": str(command.facts["group"][0]),
            "since": since(command.block, PROFILES[profile]),
            "semantics": "schema" if "semantics" in command.facts else "executable",
            "rules": list(command.rules),
        }
        for command in sorted(Model.load(profile).commands.values(), key=lambda c: c.name)
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = Table("command", "group", "since", "semantics", "rules", title=f"{profile}: {len(rows)} commands")
    for row in rows:
        short = ", ".join(rule.partition("/")[2] for rule in row["rules"])
        table.add_row(str(row["name"]), str(row["group"]), str(row["since"]), str(row["semantics"]), short)
    Console().print(table)
