"""Commands that are ordinary Python functions, and the table in which a server finds them."""

from __future__ import annotations

import importlib
import pkgutil
from functools import partial

from redlark.server.commands.facts import TABLE, keep_only
from redlark.server.commands.registry import FUNCTIONS
from redlark.server.interfaces import Command, CommandError, Context, Reply
from redlark.server.notifications import counts, looks
from redlark.spec.metadata import Facts

__all__ = ["command_table"]

for _module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{_module.name}")  # it registers the functions that it has

keep_only(FUNCTIONS)

MAY_REPLICATE = frozenset(("publish", "spublish", "pfcount"))  # of which COMMAND INFO does not tell


def command_table() -> dict[bytes, Command]:
    """Every command by its upper-case name, with the function that runs it."""
    return {name.upper().encode(): _row(facts) for name, facts in TABLE.commands.items() if "|" not in name}


def _row(facts: Facts) -> Command:
    flags = frozenset(facts.flags)
    below = [TABLE.commands[name] for name in facts.subcommands]
    return Command(
        name=facts.name.encode(),
        function=FUNCTIONS.get(facts.name.upper(), _container),
        arity=facts.arity,
        flags=flags,
        subcommands={sub.name.split("|")[1].upper().encode(): _row(sub) for sub in below} or None,
        denyoom="denyoom" in flags,
        no_auth="no-auth" in flags,
        no_multi="no-multi" in flags,
        no_script="noscript" in flags,
        allow_busy="allow-busy" in flags,
        may_replicate=facts.name in MAY_REPLICATE,
        write="write" in flags,
        reads="readonly" in flags,
        looks=looks(facts.name.encode(), flags),
        counts=counts(facts.name.encode(), flags),
        keys=partial(facts.keys, by_command=True),
    )


def _container(ctx: Context, args: list[bytes]) -> Reply:
    """A container is refused for its arity before this; a command without a function is a defect, and said so."""
    raise CommandError(b"ERR '%b' is specified, but this server lacks it" % args[0])
