"""HELP of the containers: how each subcommand is written and what it is for, from the table of facts."""

from __future__ import annotations

from collections.abc import Iterator

from redlark.server.commands.facts import TABLE
from redlark.server.commands.registry import command
from redlark.server.interfaces import Context, Reply, Status
from redlark.spec.metadata import Argument


def _written(argument: Argument) -> str:
    """An argument as a syntax line has it."""
    if argument.arguments:
        between = " | " if argument.type == "oneof" else " "
        text = between.join(map(_written, argument.arguments))
    elif argument.type == "pure-token":
        text = argument.token or argument.name.upper()
    else:
        text = f"<{argument.display or argument.name}>"
    if argument.token and argument.type != "pure-token":
        text = f"{argument.token} {text}"
    if "multiple" in argument.flags:
        text += f" [{text} ...]"
    return f"[{text}]" if "optional" in argument.flags else text


def lines(container: str) -> Iterator[str]:
    """The lines of `container HELP`."""
    yield f"{container.upper()} has these subcommands:"
    for name in TABLE.commands[container].subcommands:
        facts = TABLE.commands[name]
        yield " ".join((name.split("|")[1].upper(), *map(_written, facts.arguments)))
        yield f"    {facts.summary}"


@command(
    "ACL|HELP",
    "OBJECT|HELP",
    "CLIENT|HELP",
    "COMMAND|HELP",
    "PUBSUB|HELP",
    "XGROUP|HELP",
    "XINFO|HELP",
    "SLOWLOG|HELP",
    "LATENCY|HELP",
    "MEMORY|HELP",
    "CONFIG|HELP",
    "MODULE|HELP",
    "SCRIPT|HELP",
    "FUNCTION|HELP",
)
def help_(ctx: Context, args: list[bytes]) -> Reply:
    return [Status(line.encode()) for line in lines(args[0].decode().lower())]
