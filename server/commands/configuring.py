"""CONFIG: the configuration of the server that runs."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

from redlark.server import errors, rewriting, sockets
from redlark.server.commands.registry import command
from redlark.server.interfaces import OK, CommandError, Context, Reply
from redlark.server.parameters import PARAMETERS, ConfigError
from redlark.server.state import State, is_local
from redlark.server.values import until_nul

EVENTS = "notify-keyspace-events"
OOM_SCORE = ("oom-score-adj", "oom-score-adj-values")


@command("CONFIG|GET")
def config_get(ctx: Context, args: list[bytes]) -> Reply:
    return dict(ctx.server.config.matching(args[2:]))


@command("CONFIG|SET")
def config_set(ctx: Context, args: list[bytes]) -> Reply:
    """All or nothing: what was set before one that fails is as it was."""
    words = args[2:]
    if len(words) % 2:
        raise CommandError(b"ERR syntax error")
    names: list[str] = []
    for word in words[::2]:
        names.append(_settable(ctx, word, names))
    config = ctx.server.config
    before = {name: config.get(name) for name in names}
    given, folder, name = set(config.given), os.getcwd(), ""
    port, moved = ctx.server.port, False
    try:
        for name, text in zip(names, words[1::2], strict=True):
            config.put(name, [text])
        for name in names:
            _apply(ctx, name)
        where = [name for name in names if name in _WHERE]
        if where:
            name, moved = where[-1], True
            _listen(ctx.server, config.port if "port" in where else port, _WHERE[name])
    except ConfigError as problem:
        for set_before, setting in before.items():
            config.keep(set_before, setting)
        if EVENTS in names[: names.index(name) + 1]:  # Redis puts back what it tells, which is not every class
            config.put(EVENTS, [config.told(EVENTS)])
            ctx.server.configured()
        config.given = given
        os.chdir(folder)
        if moved:
            _listen(ctx.server, port, "")
        if not set(names).isdisjoint(OOM_SCORE):
            with contextlib.suppress(OSError, ValueError):
                ctx.server.oom_score.apply(config)
        raise _failed(name.encode(), str(problem)) from None
    ctx.server.configured()
    if "maxmemory" in names and 0 < config.maxmemory < (used := ctx.server.used_memory()):
        what = f"maxmemory is {config.maxmemory}, less than the {used} bytes that are used"
        ctx.server.log("warning", f"CONFIG SET: {what}: keys are evicted, or writes refused, as maxmemory-policy says")
    if "proc-title-template" in names or moved:
        ctx.server.show_title()
    return OK


def _settable(ctx: Context, word: bytes, earlier: list[str]) -> str:
    """The parameter that is meant, if it may be set.  Raises CommandError."""
    name = until_nul(word).decode("latin-1").lower()
    if name not in PARAMETERS:
        shown = until_nul(word)
        raise CommandError(errors.one_line(b"ERR Unknown option or number of arguments for CONFIG SET - '%b'" % shown))
    row = PARAMETERS[name]
    if row.fixed:
        raise _failed(word, "can't set immutable config")
    if row.protected and not _may_set_protected(ctx):
        raise _failed(word, "can't set protected config")
    if name in earlier:
        raise _failed(word, "duplicate parameter")
    return name


def _may_set_protected(ctx: Context) -> bool:
    allowed = ctx.server.config.enable_protected_configs
    return allowed == b"yes" or (allowed == b"local" and (ctx.client.unix or is_local(ctx.client.addr)))


def _failed(name: bytes, reason: str) -> CommandError:
    said = b"ERR CONFIG SET failed (possibly related to argument '%b') - %b" % (name, reason.encode())
    return CommandError(errors.one_line(until_nul(said)))


def _apply(ctx: Context, name: str) -> None:
    """Do at once what a new setting asks of the process.  Raises ConfigError where it cannot be done."""
    config = ctx.server.config
    if name == "dir":
        _move_to(config.dir)
    elif name == "maxclients":
        fits = sockets.allow_descriptors(config.maxclients)
        if fits < config.maxclients:
            raise ConfigError(
                f"The operating system is not able to handle the specified number of clients, try with {fits}"
            )
    elif name in OOM_SCORE:
        try:
            ctx.server.oom_score.apply(config)
        except (OSError, ValueError) as problem:
            ctx.server.log("warning", f"CONFIG SET: can't write oom_score_adj: {problem}")
            raise ConfigError("Failed to set current oom_score_adj. Check server logs.") from None


def _move_to(folder: bytes) -> None:
    try:
        os.chdir(folder)
    except OSError as problem:
        raise ConfigError(problem.strerror) from None


_WHERE: Final = {
    "bind": "Failed to bind to specified addresses.",
    "port": "Unable to listen on this port. Check server logs.",
}


def _listen(server: State, port: int, error: str) -> None:
    """Listen at a port of the addresses of `bind` and nowhere else; of port 0, at none.  Raises ConfigError."""
    kept = [one for one in server.listeners if one.family == socket.AF_UNIX]
    old = [one for one in server.listeners if one not in kept]
    server.listen(kept)
    sockets.shut(old)
    try:
        server.listen([*(sockets.tcp_listeners(server.config, port) if port else ()), *kept])
    except sockets.ListenError as problem:
        server.log("warning", f"CONFIG SET: {problem}")
        raise ConfigError(error) from None


@command("CONFIG|REWRITE")
def config_rewrite(ctx: Context, args: list[bytes]) -> Reply:
    config = ctx.server.config
    if not config.file:
        raise CommandError(b"ERR The server is running without a config file")
    try:
        rewriting.rewrite(config)
    except OSError as problem:
        ctx.server.log("warning", f"CONFIG REWRITE: {config.file}: {problem.strerror}")
        raise CommandError(b"ERR Rewriting config file: %b" % str(problem.strerror).encode()) from None
    ctx.server.log("notice", "CONFIG REWRITE executed with success.")
    return OK


@command("CONFIG|RESETSTAT")
def config_resetstat(ctx: Context, args: list[bytes]) -> Reply:
    ctx.server.forget_counts()
    return OK
