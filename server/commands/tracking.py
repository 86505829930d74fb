"""Client-side caching: CLIENT TRACKING, CACHING, GETREDIR, TRACKINGINFO."""

from __future__ import annotations

import attrs

from redlark.server import errors
from redlark.server.commands.registry import command
from redlark.server.interfaces import OK, CommandError, Context, Reply, SetReply
from redlark.server.values import integer, until_nul

SWITCHED = (
    b"ERR You can't switch %b mode %bbefore disabling tracking for this client, and then re-enabling it with a "
    b"different mode."
)
CANNOT_CACHE = (
    b"ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled"
)
OVERLAPS = b"ERR Prefix '%b' overlaps with %b prefix '%b'. Prefixes for a single client must not overlap."


@attrs.define(slots=True)
class _Asked:
    redirect: int = 0
    prefixes: list[bytes] = attrs.Factory(list)
    modes: set[bytes] = attrs.Factory(set)


def _read(ctx: Context, words: list[bytes]) -> _Asked:
    """Raises CommandError."""
    asked = _Asked()
    rest = iter(words)
    for word in rest:
        name = word.upper()
        if name in (b"BCAST", b"OPTIN", b"OPTOUT", b"NOLOOP"):
            asked.modes.add(name)
        elif name not in (b"REDIRECT", b"PREFIX") or (text := next(rest, None)) is None:
            raise errors.syntax()
        elif name == b"PREFIX":
            asked.prefixes.append(text)
        elif asked.redirect:
            raise CommandError(b"ERR A client can only redirect to a single other client")
        else:
            asked.redirect = integer(text)
            if asked.redirect not in ctx.server.clients:
                raise CommandError(b"ERR The client ID you want redirect to does not exist")
    return asked


def _check_modes(ctx: Context, asked: _Asked) -> None:
    """Raises CommandError where modes do not go together, or with those that hold already."""
    track, modes = ctx.track, asked.modes
    if asked.prefixes and b"BCAST" not in modes:
        raise CommandError(b"ERR PREFIX option requires BCAST mode to be enabled")
    if track.on and track.bcast != (b"BCAST" in modes):
        raise CommandError(SWITCHED % (b"BCAST", b"on/off "))
    if b"BCAST" in modes and modes & {b"OPTIN", b"OPTOUT"}:
        raise CommandError(b"ERR OPTIN and OPTOUT are not compatible with BCAST")
    if modes >= {b"OPTIN", b"OPTOUT"}:
        raise CommandError(b"ERR You can't specify both OPTIN mode and OPTOUT mode")
    if (b"OPTIN" in modes and track.optout) or (b"OPTOUT" in modes and track.optin):
        raise CommandError(SWITCHED % (b"OPTIN/OPTOUT", b""))


def _overlap(one: bytes, other: bytes) -> bool:
    return one.startswith(other) or other.startswith(one)


def _clash(ctx: Context, prefixes: list[bytes]) -> CommandError | None:
    """Raises the error of prefixes that overlap; one is told, but keeps nothing from being done, and is given back.

    Redis looks at the given prefixes in turn, and only what the first of them overlaps with counts.
    """
    held = sorted(ctx.track.prefixes)
    for place, prefix in enumerate(prefixes):
        old = next((each for each in held if _overlap(prefix, each)), None)
        if old is not None:
            raise CommandError(_told(prefix, b"an existing", old))
        other = next((each for each in prefixes[place + 1 :] if _overlap(prefix, each)), None)
        if other is not None:
            error = CommandError(_told(prefix, b"another provided", other))
            if place == 0:
                raise error
            return error
    return None


def _told(one: bytes, which: bytes, other: bytes) -> bytes:
    return errors.one_line(OVERLAPS % (until_nul(one), which, until_nul(other)))


@command("CLIENT|TRACKING")
def client_tracking(ctx: Context, args: list[bytes]) -> Reply:
    asked = _read(ctx, args[3:])
    track, tracker = ctx.track, ctx.server.tracking
    if args[2].upper() not in (b"ON", b"OFF"):
        raise errors.syntax()
    if args[2].upper() == b"OFF":
        tracker.end(ctx.client)
        return OK
    _check_modes(ctx, asked)
    clash = _clash(ctx, asked.prefixes)
    track.on, track.broken, track.redirect = True, False, asked.redirect
    track.bcast, track.noloop = b"BCAST" in asked.modes, b"NOLOOP" in asked.modes
    track.optin, track.optout = b"OPTIN" in asked.modes, b"OPTOUT" in asked.modes
    if track.bcast:
        track.prefixes.update(asked.prefixes or [b""])
    tracker.begin(ctx.client)
    if clash is not None:
        ctx.client.reply(clash)
    return OK


@command("CLIENT|CACHING")
def client_caching(ctx: Context, args: list[bytes]) -> Reply:
    track, word = ctx.track, args[2].upper()
    if not track.on:
        raise CommandError(CANNOT_CACHE)
    if word not in (b"YES", b"NO"):
        raise errors.syntax()
    if word == b"YES" and not track.optin:
        raise CommandError(b"ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.")
    if word == b"NO" and not track.optout:
        raise CommandError(b"ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.")
    track.caching = True
    return OK


@command("CLIENT|GETREDIR")
def client_getredir(ctx: Context, args: list[bytes]) -> Reply:
    return ctx.track.redirect if ctx.track.on else -1


@command("CLIENT|TRACKINGINFO")
def client_trackinginfo(ctx: Context, args: list[bytes]) -> Reply:
    track = ctx.track
    flags = (
        (b"on", track.on),
        (b"off", not track.on),
        (b"bcast", track.bcast),
        (b"optin", track.optin),
        (b"caching-yes", track.optin and track.caching),
        (b"optout", track.optout),
        (b"caching-no", track.optout and track.caching),
        (b"noloop", track.noloop),
        (b"broken_redirect", track.broken),
    )
    return {
        b"flags": SetReply([name for name, holds in flags if holds]),
        b"redirect": track.redirect if track.on else -1,
        b"prefixes": sorted(track.prefixes),
    }
