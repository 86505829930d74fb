"""Commands of Redis that this server lacks yet: who sends one is told what is off, rather than that nobody knows it.

They are in no table: COMMAND does not list them, scripts cannot call them, and `redlark conform` counts them as
unsupported.  Must not live here: commands that have an answer while something is off (`commands/alone`).
"""

from __future__ import annotations

from typing import Final

DISK: Final = b"this server writes nothing to disk yet"
REPLICAS: Final = b"this server is no replica and has none yet"
_USERS: Final = b"this server has no user but 'default' yet"
_MODULES: Final = b"modules are built for another server"

OFF: Final = {
    **dict.fromkeys((b"SAVE", b"BGSAVE", b"BGREWRITEAOF"), DISK),
    **dict.fromkeys((b"REPLICAOF", b"SLAVEOF", b"SYNC", b"PSYNC", b"REPLCONF"), REPLICAS),
    **dict.fromkeys((b"ACL|SETUSER", b"ACL|DELUSER", b"ACL|GETUSER", b"ACL|DRYRUN", b"ACL|LOG"), _USERS),
    **dict.fromkeys((b"MODULE|LOAD", b"MODULE|LOADEX", b"MODULE|UNLOAD"), _MODULES),
}


def refusal(name: bytes) -> bytes | None:
    """The error that a command, by its full name, is answered with; None where nothing is known of it.

    >>> refusal(b"bgsave")
    b'ERR BGSAVE is off: this server writes nothing to disk yet'
    >>> refusal(b"ACL|SetUser"), refusal(b"NOSUCH")
    (b"ERR ACL SETUSER is off: this server has no user but 'default' yet", None)
    """
    name = name.upper()
    return b"ERR %b is off: %b" % (name.replace(b"|", b" "), OFF[name]) if name in OFF else None
