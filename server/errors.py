"""Every error text that more than one place uses, without the leading '-' and the CRLF.

Texts are those of Redis 8.2.3 as it sends them.  A text that belongs to one command alone stands with that command.
"""

from __future__ import annotations

from typing import Final

from redlark.server.interfaces import CommandError

SYNTAX: Final = b"ERR syntax error"
NOT_INTEGER: Final = b"ERR value is not an integer or out of range"
NOT_INT32: Final = b"ERR value is out of range, value must between -2147483648 and 2147483647"
NOT_POSITIVE: Final = b"ERR value is out of range, must be positive"
NOT_SYMMETRIC: Final = b"ERR value is out of range, value must between -9223372036854775807 and 9223372036854775807"
OUT_OF_RANGE: Final = b"ERR value is out of range"
INDEX_RANGE: Final = b"ERR index out of range"
BAD_CURSOR: Final = b"ERR invalid cursor"
NOT_FLOAT: Final = b"ERR value is not a valid float"
NAN_OR_INFINITY: Final = b"ERR increment would produce NaN or Infinity"
OVERFLOW: Final = b"ERR increment or decrement would overflow"
WRONG_TYPE: Final = b"WRONGTYPE Operation against a key holding the wrong kind of value"
NO_SUCH_KEY: Final = b"ERR no such key"
SAME_OBJECT: Final = b"ERR source and destination objects are the same"
DB_RANGE: Final = b"ERR DB index is out of range"
TOO_LONG: Final = b"ERR string exceeds maximum allowed size (proto-max-bulk-len)"
TIMEOUT_NOT_INTEGER: Final = b"ERR timeout is not an integer or out of range"
TIMEOUT_NEGATIVE: Final = b"ERR timeout is negative"
TIMEOUT_RANGE: Final = b"ERR timeout is out of range"

NOAUTH: Final = b"NOAUTH Authentication required."
WRONGPASS: Final = b"WRONGPASS invalid username-password pair or user is disabled."
NO_PASSWORD: Final = (
    b"ERR AUTH <password> called without any password configured for the default user. "
    b"Are you sure your configuration is correct?"
)
OOM: Final = b"OOM command not allowed when used memory > 'maxmemory'."
NO_REPLICAS: Final = b"NOREPLICAS Not enough good replicas to write."
EXECABORT: Final = b"EXECABORT Transaction discarded because of previous errors."
NO_MULTI: Final = b"ERR Command not allowed inside a transaction"
INTERNAL: Final = b"ERR internal error"
MAX_CLIENTS: Final = b"ERR max number of clients reached"
BAD_CLIENT_NAME: Final = b"ERR Client names cannot contain spaces, newlines or special characters."

# The parser's errors: the connection is closed after them.
PROTOCOL_MULTIBULK_LENGTH: Final = b"ERR Protocol error: invalid multibulk length"
PROTOCOL_BULK_LENGTH: Final = b"ERR Protocol error: invalid bulk length"
PROTOCOL_MULTIBULK_UNAUTHENTICATED: Final = b"ERR Protocol error: unauthenticated multibulk length"
PROTOCOL_BULK_UNAUTHENTICATED: Final = b"ERR Protocol error: unauthenticated bulk length"
PROTOCOL_MULTIBULK_STRING: Final = b"ERR Protocol error: too big mbulk count string"
PROTOCOL_BULK_STRING: Final = b"ERR Protocol error: too big bulk count string"
PROTOCOL_INLINE: Final = b"ERR Protocol error: too big inline request"
PROTOCOL_QUOTES: Final = b"ERR Protocol error: unbalanced quotes in request"
PROTOCOL_DOLLAR: Final = b"ERR Protocol error: expected '$', got '%c'"  # CR and LF are shown as a blank

_SHOWN = 128  # bytes of a name and of the arguments that an error repeats
_BLANKS = bytes.maketrans(b"\r\n", b"  ")


NO_DEBUG = (
    b'ERR DEBUG command not allowed. If the enable-debug-command option is set to "local", you can run it from a local '
    b"connection, otherwise you need to set this option in the configuration file, and then restart the server."
)
ONLY_WATCHES = b"ERR Replica can't interact with the keyspace"  # said to who monitors, too


def subscribed(name: bytes) -> bytes:
    """A command that a listening client of RESP2 may not send."""
    return (
        b"ERR Can't execute '%b': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
        b"context" % name
    )


def subcommand_syntax(request: list[bytes]) -> bytes:
    """A subcommand whose arguments do not fit."""
    named, container = request[1].split(b"\0", 1)[0], request[0].upper()
    return one_line(b"ERR unknown subcommand or wrong number of arguments for '%b'. Try %b HELP." % (named, container))


def bare(error: CommandError) -> CommandError:
    """An error that is kept as a reply, without the frames from which it was raised.

    They lead to the one that keeps it, and so round: whatever they hold, half a gigabyte perhaps, would wait for
    Python's collector of cycles.
    """
    error.__context__ = None
    return error.with_traceback(None)


def one_line(text: bytes) -> bytes:
    """An error that repeats what the client sent must not break the protocol: line ends become blanks."""
    return text.translate(_BLANKS)


def _c_string(text: bytes) -> bytes:
    """What C prints of it: up to the first NUL."""
    return text.split(b"\0", 1)[0]


def unknown_command(request: list[bytes]) -> bytes:
    """The name is cut at 128 bytes, the arguments once they fill 128 together."""
    shown = b""
    for argument in request[1:]:
        if len(shown) >= _SHOWN:
            break
        shown += b"'%b' " % _c_string(argument)[: _SHOWN - len(shown)]
    name = _c_string(request[0])[:_SHOWN]
    return one_line(b"ERR unknown command '%b', with args beginning with: %b" % (name, shown))


def unknown_subcommand(container: bytes, given: bytes) -> bytes:
    """A container has no subcommand of the given name, which is shown as far as Redis shows it."""
    return one_line(b"ERR unknown subcommand '%b'. Try %b HELP." % (_c_string(given)[:_SHOWN], container.upper()))


def wrong_number(container: bytes, given: bytes) -> bytes:
    """A subcommand that looks at the number of its arguments itself got too many."""
    shown = _c_string(given)[:_SHOWN]
    said = b"ERR unknown subcommand or wrong number of arguments for '%b'. Try %b HELP." % (shown, container)
    return one_line(said)


def wrong_arity(name: bytes) -> bytes:
    """A command, by its full name in lower case, got too few or too many arguments."""
    return b"ERR wrong number of arguments for '%b' command" % name


def invalid_expire(name: bytes) -> bytes:
    """An expiry is not positive or leaves 64 bits."""
    return b"ERR invalid expire time in '%b' command" % name


def exec_abort(reason: bytes) -> bytes:
    """EXEC itself was refused: wrong arity (said without its ERR), NOAUTH, OOM."""
    return b"EXECABORT Transaction discarded because of: " + reason.removeprefix(b"ERR ")


def syntax() -> CommandError:
    """The exception whose reply is Redis's syntax error."""
    return CommandError(SYNTAX)


def wrong_type() -> CommandError:
    """The exception whose reply is WRONGTYPE."""
    return CommandError(WRONG_TYPE)
