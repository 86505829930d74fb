"""What a server answers that is alone: no cluster, no replicas, one user, nothing on disk.

These replies are Redis 8.2.3's own where that is so with it.  Where it would do more, see `off`.
"""

from __future__ import annotations

import hashlib
from secrets import token_hex
from typing import Final

from redlark.server import errors
from redlark.server.commands.facts import TABLE
from redlark.server.commands.registry import command
from redlark.server.interfaces import CommandError, Context, Reply
from redlark.server.values import to_integer, until_nul
from redlark.spec.metadata import CATEGORIES

NO_CLUSTER: Final = b"ERR This instance has cluster support disabled"
NO_ACL_FILE: Final = (
    b"ERR This Redis instance is not configured to use an ACL file. You may want to specify users via the ACL SETUSER "
    b"command and then issue a CONFIG REWRITE (assuming you have a Redis configuration file set) in order to store "
    b"users in the Redis configuration."
)
BITS: Final = (
    b"ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to 4096"
)
MOST_BITS: Final = 4096
_BEHIND: Final = {b"TO": 2, b"TIMEOUT": 1, b"FORCE": 0}  # how many words belong to one of FAILOVER's

# ---- the cluster ----------------------------------------------------------------------------------------------------

_SUBCOMMANDS: Final = [name.upper() for name in TABLE.commands["cluster"].subcommands]


@command(*_SUBCOMMANDS, "ASKING", "READONLY", "READWRITE")
def clustered(ctx: Context, args: list[bytes]) -> Reply:
    raise CommandError(NO_CLUSTER)


# ---- replicas, and the disk -----------------------------------------------------------------------------------------


@command("FAILOVER")
def failover(ctx: Context, args: list[bytes]) -> Reply:
    """Arguments are read before anything is looked for; each may be given once, ABORT only by itself."""
    if [word.upper() for word in args[1:]] == [b"ABORT"]:
        raise CommandError(b"ERR No failover in progress.")
    seen: set[bytes] = set()
    place = 1
    while place < len(args):
        word, left = args[place].upper(), len(args) - place - 1
        if word in seen or left < _BEHIND.get(word, left + 1):
            raise errors.syntax()
        seen.add(word)
        place += _BEHIND[word] + 1
        number = to_integer(args[place - 1])
        if word != b"FORCE" and number is None:
            raise CommandError(errors.NOT_INTEGER)
        if word == b"TIMEOUT" and number is not None and number <= 0:
            raise CommandError(b"ERR FAILOVER timeout must be greater than 0")
    raise CommandError(b"ERR FAILOVER requires connected replicas.")


@command("LASTSAVE")
def lastsave(ctx: Context, args: list[bytes]) -> Reply:
    """When the server started, for nothing was saved since."""
    return ctx.server.started // 1000


# ---- users: there is one, who may do everything ---------------------------------------------------------------------


@command("ACL|WHOAMI")
def acl_whoami(ctx: Context, args: list[bytes]) -> Reply:
    return ctx.client.user


@command("ACL|USERS")
def acl_users(ctx: Context, args: list[bytes]) -> Reply:
    return [b"default"]


@command("ACL|LIST")
def acl_list(ctx: Context, args: list[bytes]) -> Reply:
    """The rule of a file that makes the user what it is."""
    password = ctx.server.config.requirepass
    secret = f"sanitize-payload #{hashlib.sha256(password).hexdigest()}" if password else "nopass sanitize-payload"
    return [f"user default on {secret} ~* &* +@all".encode()]


@command("ACL|CAT")
def acl_cat(ctx: Context, args: list[bytes]) -> Reply:
    """The categories, or the commands of one, those of this server."""
    if len(args) > 3:
        raise CommandError(errors.subcommand_syntax(args))
    if len(args) == 2:
        return [category.encode() for category in CATEGORIES.split()]
    said = until_nul(args[2])
    category = said.decode("latin-1").lower()
    if category not in CATEGORIES.split():
        raise CommandError(errors.one_line(b"ERR Unknown category '%b'" % said))
    return [name.encode() for name, facts in TABLE.commands.items() if category in facts.categories]


@command("ACL|GENPASS")
def acl_genpass(ctx: Context, args: list[bytes]) -> Reply:
    """So many bits, as hexadecimal digits."""
    if len(args) > 3:
        raise CommandError(errors.subcommand_syntax(args))
    bits = to_integer(args[2]) if len(args) == 3 else 256
    if bits is None or not 1 <= bits <= MOST_BITS:
        raise CommandError(errors.NOT_INTEGER if bits is None else BITS)
    digits = (bits + 3) // 4
    return token_hex((digits + 1) // 2)[:digits].encode()


@command("ACL|LOAD", "ACL|SAVE")
def acl_file(ctx: Context, args: list[bytes]) -> Reply:
    raise CommandError(NO_ACL_FILE)
