"""COMMAND and its subcommands: what the table of facts says, as replies."""

from __future__ import annotations

from typing import Any

from redlark.server import errors
from redlark.server.commands.facts import TABLE
from redlark.server.commands.registry import command
from redlark.server.dispatch import find
from redlark.server.glob import matcher
from redlark.server.interfaces import NO_REPLY, CommandError, Context, Reply, SetReply, Status
from redlark.spec.metadata import Facts, SetOf


def _reply(told: Any) -> Reply:
    """A value of `redlark.spec.metadata` as a reply."""
    if isinstance(told, SetOf):
        return SetReply([_reply(item) for item in told])
    if isinstance(told, list):
        return [_reply(item) for item in told]
    if isinstance(told, dict):
        return {key: _reply(item) for key, item in told.items()}
    if isinstance(told, str):
        return Status(told.encode())
    if isinstance(told, bytes):
        return bytes(told)  # `Prose` is a kind of bytes, and a core takes none but plain ones
    reply: Reply = told
    return reply


def _top_level(ctx: Context) -> list[str]:
    """Those that can be called, by whatever name."""
    called = {row.name.decode() for row in ctx.server.commands.values()}
    return [name for name in TABLE.commands if name in called]


def _name(text: bytes) -> str:
    return text.decode("latin-1")


def _own_name(ctx: Context, text: bytes) -> str:
    """The own name of what is called so, which rename-command may have made another; empty where nothing is."""
    first, bar, rest = text.partition(b"|")
    row = ctx.server.commands.get(first.upper())
    return "" if row is None else _name(row.name + bar + rest)


@command("COMMAND")
def command_(ctx: Context, args: list[bytes]) -> Reply:
    return [_reply(TABLE.info(name)) for name in _top_level(ctx)]


@command("COMMAND|COUNT")
def command_count(ctx: Context, args: list[bytes]) -> Reply:
    return len(_top_level(ctx))


@command("COMMAND|INFO")
def command_info(ctx: Context, args: list[bytes]) -> Reply:
    names = [_own_name(ctx, text) for text in args[2:]] or _top_level(ctx)
    return [_reply(TABLE.info(name)) for name in names]


@command("COMMAND|DOCS")
def command_docs(ctx: Context, args: list[bytes]) -> Reply:
    """A map, but not a dict: who asks twice is told twice."""
    names = [_own_name(ctx, text).lower() for text in args[2:]] or _top_level(ctx)
    told = [(name, TABLE.docs(name)) for name in names]
    told = [(name, docs) for name, docs in told if docs is not None]
    client = ctx.client
    client.write((b"*%d\r\n" % (2 * len(told))) if client.resp == 2 else (b"%%%d\r\n" % len(told)))
    for name, docs in told:
        client.reply(name.encode())
        client.reply(_reply(docs))
    return NO_REPLY


@command("COMMAND|LIST")
def command_list(ctx: Context, args: list[bytes]) -> Reply:
    called = set(_top_level(ctx))
    names = [name for name in TABLE.commands if name.partition("|")[0] in called]
    if len(args) == 5 and args[2].upper() == b"FILTERBY":
        kind, value = args[3].upper(), args[4]
        if kind == b"MODULE":
            names = []
        elif kind == b"ACLCAT":
            names = [name for name in names if _name(value).lower() in TABLE.commands[name].categories]
        elif kind == b"PATTERN":
            matches = matcher(value, fold=True)
            names = [name for name in names if matches(name.encode())]
        else:
            raise errors.syntax()
    elif len(args) > 2:
        raise errors.syntax()
    return [name.encode() for name in names]


def _keys(ctx: Context, request: list[bytes]) -> list[tuple[bytes, tuple[str, ...]]]:
    """The keys of the request behind COMMAND GETKEYS.  Raises CommandError."""
    try:
        row = find(ctx.server.commands, request)
    except CommandError:
        raise CommandError(b"ERR Invalid command specified") from None
    facts: Facts = TABLE.commands[row.name.decode()]
    if all("not-key" in spec.flags for spec in facts.key_specs):
        raise CommandError(b"ERR The command has no key arguments")
    if len(request) < -row.arity or (row.arity > 0 and len(request) != row.arity):
        raise CommandError(b"ERR Invalid number of arguments specified for command")
    keys = facts.keys(request)
    if keys is None and "no-mandatory-keys" not in row.flags:
        raise CommandError(b"ERR Invalid arguments specified for command")
    return keys or []


@command("COMMAND|GETKEYS")
def command_getkeys(ctx: Context, args: list[bytes]) -> Reply:
    return [key for key, _ in _keys(ctx, args[2:])]


@command("COMMAND|GETKEYSANDFLAGS")
def command_getkeysandflags(ctx: Context, args: list[bytes]) -> Reply:
    return [
        [key, SetReply([Status(flag.replace("-", "_").encode()) for flag in flags])]
        for key, flags in _keys(ctx, args[2:])
    ]
