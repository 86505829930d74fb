"""What becomes of a client's own bytes in an error message.

What lives here: the C library's view of a text (it ends at a NUL), lengths cut off, line ends made harmless. Which
message shows what is the text's business.
"""

from __future__ import annotations

from redlark.spec.primitives import primitive

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


@primitive("one-line(text) -> text")
def one_line(text: bytes) -> bytes:
    """A text fit for an error line: carriage returns and line feeds become spaces.

    >>> one_line(b"no\\r\\nsuch")
    b'no  such'

    Source: the RESP specification, "Simple errors", which may hold neither; observed with every server.
    """
    return text.translate(_ONE_LINE)


@primitive("last-line(text) -> text")
def last_line(text: bytes) -> bytes:
    """`one_line` for the end of an error: the carriage returns and line feeds at its end go.

    >>> last_line(b"no\\r\\nsuch\\r\\n")
    b'no  such'

    Source: observed with the unsupported option of EXPIRE, redis 7.0.15 and 8.2.3, valkey 8.1.8 and 9.1.2.
    """
    return one_line(text.rstrip(b"\r\n"))


@primitive("without-line-end(text) -> text")
def without_line_end(text: bytes) -> bytes:
    r"""A text without the line breaks at its end.

    >>> without_line_end(b"\na\n\r\n")
    b'\na'

    Source: observed with FUNCTION LOAD of redis 7.0.15, 8.2.3 and valkey 8.1.8, 9.1.2.
    """
    return text.rstrip(b"\r\n")


@primitive("until-nul(text) -> text")
def until_nul(text: bytes) -> bytes:
    """A text as C's ``%s`` prints it: up to the first NUL.

    Source: C17 7.21.6.1; observed with the unknown-command message of every server.
    """
    return text.partition(b"\0")[0]


@primitive("shortened(text, int) -> text")
def shortened(text: bytes, limit: int) -> bytes:
    """A text as C's ``%.*s`` prints it: up to the first NUL, and not more than `limit` bytes.

    Source: C17 7.21.6.1; Redis 7.0 and later show 128 bytes of an unknown command's name.
    """
    return text[:limit].partition(b"\0")[0]


@primitive("first-arguments(list of text, text, text) -> text")
def first_arguments(arguments: tuple[bytes, ...], before: bytes, after: bytes) -> bytes:
    """The arguments that an unknown-command message shows: each between `before` and `after`, about 128 bytes of all.

    The next argument is shown while the text has not reached 128 bytes, and what is shown of it is what is left of
    the 128, its own `before` and `after` not counted.

    >>> first_arguments((b"x", b"y"), b"'", b"' ")
    b"'x' 'y' "

    Source: observed with redis 6.2.14 to 8.2.3 and valkey 9.1.2.
    """
    shown = b""
    for argument in arguments:
        if len(shown) >= 128:
            break
        shown += before + shortened(argument, 128 - len(shown)) + after
    return shown
