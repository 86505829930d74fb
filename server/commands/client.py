"""CLIENT: what connections know of themselves and of one another."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from redlark.server import errors
from redlark.server.commands.connection import check_name
from redlark.server.commands.registry import command
from redlark.server.dispatch import find, go_on
from redlark.server.interfaces import (
    NO_REPLY,
    OK,
    REPLY_OFF,
    REPLY_ON,
    REPLY_SKIP_NEXT,
    Client,
    CommandError,
    Context,
    Reply,
    Verbatim,
)
from redlark.server.state import leave
from redlark.server.values import INT64_MAX, integer, to_integer

UNBLOCKED = b"UNBLOCKED client unblocked via CLIENT UNBLOCK"
_KINDS = frozenset((b"normal", b"master", b"replica", b"slave", b"pubsub"))


@command("CLIENT|ID")
def client_id(ctx: Context, args: list[bytes]) -> Reply:
    return ctx.client.id


@command("CLIENT|GETNAME")
def client_getname(ctx: Context, args: list[bytes]) -> Reply:
    return ctx.client.name or None


@command("CLIENT|SETNAME")
def client_setname(ctx: Context, args: list[bytes]) -> Reply:
    check_name(args[2])
    ctx.client.name = args[2]
    return OK


@command("CLIENT|SETINFO")
def client_setinfo(ctx: Context, args: list[bytes]) -> Reply:
    option, value = args[2].upper(), args[3]
    if option not in (b"LIB-NAME", b"LIB-VER"):
        shown = args[2].split(b"\0", 1)[0]
        raise CommandError(errors.one_line(b"ERR Unrecognized option '%b'" % shown))
    check_name(value, b"ERR %b cannot contain spaces, newlines or special characters." % args[2])
    if option == b"LIB-NAME":
        ctx.client.lib_name = value
    else:
        ctx.client.lib_ver = value
    return OK


def _on_off(text: bytes) -> bool:
    if text.lower() not in (b"on", b"off"):
        raise errors.syntax()
    return text.lower() == b"on"


@command("CLIENT|NO-EVICT")
def client_no_evict(ctx: Context, args: list[bytes]) -> Reply:
    ctx.client.no_evict = _on_off(args[2])
    return OK


@command("CLIENT|NO-TOUCH")
def client_no_touch(ctx: Context, args: list[bytes]) -> Reply:
    ctx.client.no_touch = _on_off(args[2])
    return OK


@command("CLIENT|REPLY")
def client_reply(ctx: Context, args: list[bytes]) -> Reply:
    client, mode = ctx.client, args[2].upper()
    if mode == b"ON":
        client.reply_mode = REPLY_ON
        return OK
    if mode == b"OFF":
        client.reply_mode = REPLY_OFF
    elif mode != b"SKIP":
        raise errors.syntax()
    elif client.reply_mode != REPLY_OFF:
        client.reply_mode = REPLY_SKIP_NEXT
    return NO_REPLY


# ---------------------------------------------------------------------------------------------------------- LIST, INFO


def _flags(client: Client) -> bytes:
    flags = b""
    if client.context.executing or client.queue is not None:
        flags += b"x"
    if client.subscribed:
        flags += b"P"
    if client.tracks:
        flags += b"t"
        if client.context.track.broken:
            flags += b"R"
        if client.context.track.bcast:
            flags += b"B"
    if client.touched:
        flags += b"d"
    if client in client.context.server.observer.monitors:
        flags += b"O"
    if client.id in client.context.server.waiting.clients or client in client.context.server.pause.held:
        flags += b"b"
    if client.unix:
        flags += b"U"
    if client.no_evict:
        flags += b"e"
    if client.no_touch:
        flags += b"T"
    return flags or b"N"


def line(client: Client, now: int) -> bytes:
    """A client as CLIENT LIST shows it."""
    sizes = client.sizes()
    queue, listening = client.queue, client.context.listening
    fields: list[tuple[str, object]] = [
        ("id", client.id),
        ("addr", client.addr),
        ("laddr", client.laddr),
        ("fd", client.fd),
        ("name", client.name),
        ("age", max(0, now - client.created) // 1000),
        ("idle", max(0, now - client.last_active) // 1000),
        ("flags", _flags(client)),
        ("db", client.context.index),
        ("sub", len(listening.channels)),
        ("psub", len(listening.patterns)),
        ("ssub", len(listening.shards)),
        ("multi", -1 if queue is None else len(queue)),
        ("watch", len(client.watching)),
        ("qbuf", sizes.qbuf),
        ("qbuf-free", sizes.qbuf_free),
        ("argv-mem", sizes.argv_mem),
        ("multi-mem", sizes.multi_mem),
        ("rbs", sizes.rbs),
        ("rbp", sizes.rbp),
        ("obl", sizes.obl),
        ("oll", sizes.oll),
        ("omem", sizes.omem),
        ("tot-mem", sizes.tot_mem),
        ("events", b"r"),
        ("cmd", client.last_command or b"NULL"),
        ("user", client.user),
        ("redir", client.context.track.redirect if client.tracks else -1),
        ("resp", client.resp),
        ("lib-name", client.lib_name),
        ("lib-ver", client.lib_ver),
        ("io-thread", 0),
        ("tot-net-in", client.net_in),
        ("tot-net-out", client.net_out),
        ("tot-cmds", client.commands),
    ]
    return b" ".join(b"%b=%b" % (key.encode(), _text(value)) for key, value in fields) + b"\n"


def _text(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


@command("CLIENT|INFO")
def client_info(ctx: Context, args: list[bytes]) -> Reply:
    return Verbatim(b"txt", line(ctx.client, ctx.now))


@command("CLIENT|LIST")
def client_list(ctx: Context, args: list[bytes]) -> Reply:
    clients = ctx.server.clients
    chosen = list(clients.values())
    if len(args) == 4 and args[2].upper() == b"TYPE":
        chosen = list(filter(_of_kind(args[3]), chosen))
    elif len(args) > 3 and args[2].upper() == b"ID":
        chosen = []
        for text in args[3:]:
            number = to_integer(text)
            if number is None:
                raise CommandError(b"ERR Invalid client ID")
            if number in clients:
                chosen.append(clients[number])
    elif len(args) > 2:
        raise errors.syntax()
    return Verbatim(b"txt", b"".join(line(client, ctx.now) for client in chosen))


def _of_kind(text: bytes) -> Callable[[Client], bool]:
    """Whether a connection is of the type that text names: who listens is of its own.  Raises CommandError."""
    name = text.split(b"\0", 1)[0].lower()
    if name not in _KINDS:
        raise CommandError(errors.one_line(b"ERR Unknown client type '%b'" % text.split(b"\0", 1)[0]))
    return lambda client: name == (b"pubsub" if client.subscribed else b"normal")


# ---------------------------------------------------------------------------------------------------------------- KILL


@attrs.define(slots=True)
class _Filter:
    """All that is given must hold; of an option that is repeated, the last."""

    conditions: dict[bytes, Callable[[Client], bool]] = attrs.Factory(dict)
    skip_me: bool = True


def _filter(ctx: Context, words: list[bytes]) -> _Filter:
    """Read option and value pairs.  Raises CommandError."""
    chosen = _Filter()
    for place in range(0, len(words), 2):
        option = words[place].upper()
        if place + 1 == len(words):
            raise errors.syntax()
        value = words[place + 1]
        if option == b"SKIPME":
            if value.lower() not in (b"yes", b"no"):
                raise errors.syntax()
            chosen.skip_me = value.lower() == b"yes"
        else:
            chosen.conditions[option] = _condition(ctx, option, value)
    return chosen


def _condition(ctx: Context, option: bytes, value: bytes) -> Callable[[Client], bool]:
    number = to_integer(value)
    if option == b"ID":
        if number is None or number < 1:
            raise CommandError(b"ERR client-id should be greater than 0")
        return lambda client: client.id == number
    if option == b"MAXAGE":
        if number is None:
            raise CommandError(b"ERR maxage is not an integer or out of range")
        if number < 1:
            raise CommandError(b"ERR maxage should be greater than 0")
        oldest = ctx.now - min(number, INT64_MAX // 1000) * 1000
        return lambda client: client.created <= oldest
    if option == b"TYPE":
        return _of_kind(value)
    if option == b"USER":
        if value != b"default":
            shown = value.split(b"\0", 1)[0]
            raise CommandError(errors.one_line(b"ERR No such user '%b'" % shown))
        return lambda client: client.user == value
    if option == b"ADDR":
        return lambda client: client.addr == value
    if option == b"LADDR":
        return lambda client: client.laddr == value
    raise errors.syntax()


@command("CLIENT|KILL")
def client_kill(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) == 3:  # the old form names an address, may hit the caller, and answers OK
        chosen = _Filter({b"ADDR": lambda client: client.addr == args[2]}, skip_me=False)
    else:
        chosen = _filter(ctx, args[2:])
    victims = [
        client
        for client in ctx.server.clients.values()
        if all(holds(client) for holds in chosen.conditions.values()) and not (chosen.skip_me and client is ctx.client)
    ]
    if len(args) == 3 and not victims:
        raise CommandError(b"ERR No such client")
    reply: Reply = len(victims) if len(args) > 3 else OK
    for client in victims:
        if client is not ctx.client:
            client.close()
    if ctx.client not in victims:
        return reply
    ctx.client.reply(reply)
    leave(ctx.client)
    return NO_REPLY


# --------------------------------------------------------------------------------------------------------------- PAUSE


@command("CLIENT|PAUSE")
def client_pause(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) > 4:
        raise CommandError(errors.wrong_number(b"CLIENT", args[1]))
    mode = args[3].upper() if len(args) == 4 else b"ALL"
    if mode not in (b"WRITE", b"ALL"):
        raise CommandError(b"ERR CLIENT PAUSE mode must be WRITE or ALL")
    timeout = integer(args[2], errors.TIMEOUT_NOT_INTEGER)
    if timeout < 0:
        raise CommandError(errors.TIMEOUT_NEGATIVE)
    if timeout + ctx.now > INT64_MAX:
        raise CommandError(errors.TIMEOUT_RANGE)
    ctx.server.pause.begin(ctx.now + timeout, mode == b"ALL", lambda: go_on(ctx.server))
    ctx.server.loop.configure()
    return OK


@command("CLIENT|UNPAUSE")
def client_unpause(ctx: Context, args: list[bytes]) -> Reply:
    go_on(ctx.server)
    return OK


@command("CLIENT|UNBLOCK")
def client_unblock(ctx: Context, args: list[bytes]) -> Reply:
    """As if its time were over, or with an error."""
    if len(args) > 4:
        raise CommandError(errors.wrong_number(b"CLIENT", args[1]))
    reason = args[3].upper() if len(args) == 4 else b"TIMEOUT"
    if reason not in (b"TIMEOUT", b"ERROR"):
        raise CommandError(b"ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")
    waiting = ctx.server.waiting
    wait = waiting.clients.get(integer(args[2]))
    if wait is None or not wait.may_be_freed:
        return 0
    if reason == b"TIMEOUT":
        waiting.end(wait, wait.late)
    else:
        waiting.end(wait, CommandError(UNBLOCKED))
        find(ctx.server.commands, args).usage.failed += 1  # it has made an error
    return 1
