"""The connection group without CLIENT: AUTH, ECHO, HELLO, PING, QUIT, RESET, SELECT."""

from __future__ import annotations

from hmac import compare_digest

from redlark.server import errors
from redlark.server.commands.common import database_index
from redlark.server.commands.registry import command
from redlark.server.dispatch import discard
from redlark.server.interfaces import NO_REPLY, OK, REPLY_OFF, REPLY_ON, CommandError, Context, Reply, Status
from redlark.server.state import PRODUCT_VERSION, leave
from redlark.server.values import to_integer

_HELLO_FIRST = (
    b"NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> "
    b"<pass> option can be used to authenticate the client and select the RESP protocol version at the same time"
)


def check_name(name: bytes, error: bytes = errors.BAD_CLIENT_NAME) -> None:
    """A name of a client or a library is printable ASCII without blanks, as far as C reads it.  Raises CommandError."""
    if not all(0x21 <= byte <= 0x7E for byte in name.split(b"\0", 1)[0]):
        raise CommandError(error)


def _authenticate(ctx: Context, user: bytes, password: bytes) -> None:
    """There is one user, `default`; without a password set, any password is right.  Raises WRONGPASS."""
    wanted = ctx.server.config.requirepass
    if user != b"default" or (wanted and not compare_digest(password, wanted)):
        ctx.server.denied += 1
        raise CommandError(errors.WRONGPASS)
    ctx.client.authenticated = True
    ctx.client.user = user


@command("AUTH")
def auth(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) > 3:
        raise errors.syntax()
    if len(args) == 2 and not ctx.server.config.requirepass:
        raise CommandError(errors.NO_PASSWORD)
    _authenticate(ctx, args[1] if len(args) == 3 else b"default", args[-1])
    return OK


@command("HELLO")
def hello(ctx: Context, args: list[bytes]) -> Reply:
    client = ctx.client
    version = client.resp
    if len(args) > 1:
        wanted = to_integer(args[1])
        if wanted is None:
            raise CommandError(b"ERR Protocol version is not an integer or out of range")
        if wanted not in (2, 3):
            raise CommandError(b"NOPROTO unsupported protocol version")
        version = wanted
    credentials, name = _hello_options(args[2:])
    if credentials:
        _authenticate(ctx, *credentials)
    if not client.authenticated:
        raise CommandError(_HELLO_FIRST)
    if name is not None:
        client.name = name
    client.resp = version
    return {
        b"server": b"redis",
        b"version": PRODUCT_VERSION.encode(),
        b"proto": version,
        b"id": client.id,
        b"mode": b"standalone",
        b"role": b"master",
        b"modules": [],
    }


def _hello_options(words: list[bytes]) -> tuple[tuple[bytes, bytes] | None, bytes | None]:
    """((user, password), name) as far as given.  Raises CommandError."""
    credentials: tuple[bytes, bytes] | None = None
    name: bytes | None = None
    rest = list(words)
    while rest:
        option = rest.pop(0)
        if option.upper() == b"AUTH" and len(rest) >= 2:
            credentials = rest.pop(0), rest.pop(0)
        elif option.upper() == b"SETNAME" and rest:
            name = rest.pop(0)
            check_name(name)
        else:
            shown = option.split(b"\0", 1)[0]
            raise CommandError(errors.one_line(b"ERR Syntax error in HELLO option '%b'" % shown))
    return credentials, name


@command("PING")
def ping(ctx: Context, args: list[bytes]) -> Reply:
    if len(args) > 2:
        raise CommandError(errors.wrong_arity(b"ping"))
    if ctx.client.subscribed and ctx.client.resp == 2:
        return [b"pong", args[1] if len(args) == 2 else b""]
    return args[1] if len(args) == 2 else Status(b"PONG")


@command("ECHO")
def echo(ctx: Context, args: list[bytes]) -> Reply:
    return args[1]


@command("SELECT")
def select(ctx: Context, args: list[bytes]) -> Reply:
    ctx.select(database_index(ctx, args[1]))
    return OK


@command("QUIT")
def quit_(ctx: Context, args: list[bytes]) -> Reply:
    ctx.client.reply(OK)
    leave(ctx.client)
    return NO_REPLY


@command("RESET")
def reset(ctx: Context, args: list[bytes]) -> Reply:
    """Back to a fresh connection, but for its id, what it said of its library, and a reply that is to be skipped."""
    client = ctx.client
    discard(client)
    ctx.server.pubsub.leave_all(client)
    ctx.server.tracking.end(client)
    ctx.server.monitor(client, False)
    client.name = b""
    client.resp = 2
    if client.reply_mode == REPLY_OFF:  # what CLIENT REPLY SKIP skips stays skipped
        client.reply_mode = REPLY_ON
    client.no_evict = client.no_touch = False
    client.user = b"default"
    client.authenticated = not ctx.server.config.requirepass
    ctx.select(0)
    return Status(b"RESET")
