"""Faults of scripts, of SORT and of payloads."""

from __future__ import annotations

import re

from . import answers, asks, elements, instead, number, without

SCRIPT, GENERIC = "scripting", "generic"


answers("a script's true is true", SCRIPT, "EVAL EVALSHA", lambda raw, asked: b"#t\r\n" if raw == b":1\r\n" else None)
answers(
    "a script's false is an error",
    SCRIPT,
    "EVAL EVALSHA",
    lambda raw, _: b"-ERR false\r\n" if raw in (b"_\r\n", b"$-1\r\n") else None,
)
answers("a script's number keeps its decimals", SCRIPT, "EVAL", lambda raw, _: number(raw, lambda n: n + 1))
answers(
    "a script's table goes on behind nil",
    SCRIPT,
    "EVAL",
    lambda raw, _: (
        raw[:1] + b"%d" % (int(raw[1 : raw.index(b"\r")]) + 1) + raw[raw.index(b"\r") :] + b"$-1\r\n"
        if re.match(rb"\*\d+\r\n", raw)
        else None
    ),
)
answers(
    "a script that is not known is told otherwise",
    SCRIPT,
    "EVALSHA EVALSHA_RO",
    lambda raw, _: b"-ERR no such script\r\n" if raw.startswith(b"-NOSCRIPT") else None,
    errors=True,
)
answers(
    "SCRIPT EXISTS finds what is not there",
    SCRIPT,
    "SCRIPT",
    lambda raw, asked: elements(raw, lambda parts: [b":1\r\n"] * len(parts)) if asked[1].upper() == b"EXISTS" else None,
)
answers(
    "SCRIPT LOAD tells the digest in capitals",
    SCRIPT,
    "SCRIPT",
    lambda raw, asked: raw.upper() if asked[1].upper() == b"LOAD" else None,
)
answers(
    "a script's error has no place",
    SCRIPT,
    "EVAL EVALSHA",
    lambda raw, _: re.sub(rb" script: [^\r]*", b"", raw),
    errors=True,
)
answers(
    "a negative number of keys is told otherwise",
    SCRIPT,
    "EVAL EVAL_RO",
    lambda raw, _: b"-ERR value is not an integer or out of range\r\n" if b"negative" in raw else None,
    errors=True,
)
answers(
    "FCALL of no function is told otherwise",
    SCRIPT,
    "FCALL FCALL_RO",
    lambda raw, _: b"-ERR no such function\r\n" if b"not found" in raw else None,
    errors=True,
)
asks("EVAL_RO writes", SCRIPT, "EVAL_RO", lambda asked: (b"EVAL", *asked[1:]))
asks(
    "ARGV begins with the keys",
    SCRIPT,
    "EVAL",
    lambda asked: (*asked[:2], b"0", *asked[3:]) if asked[2:3] == (b"1",) else None,
)

asks("SORT ignores DESC", GENERIC, "SORT SORT_RO", lambda asked: without(asked, b"DESC"))
asks("SORT ignores LIMIT", GENERIC, "SORT SORT_RO", lambda asked: without(asked, b"LIMIT", 2))
asks("SORT ignores ALPHA", GENERIC, "SORT SORT_RO", lambda asked: without(asked, b"ALPHA"))
asks("SORT ignores BY", GENERIC, "SORT SORT_RO", lambda asked: without(asked, b"BY", 1))
asks("SORT stores nothing", GENERIC, "SORT", lambda asked: without(asked, b"STORE", 1))
asks("RESTORE replaces unasked", GENERIC, "RESTORE", lambda asked: (*asked, b"REPLACE") if len(asked) == 4 else None)
asks("RESTORE ignores ABSTTL", GENERIC, "RESTORE", lambda asked: without(asked, b"ABSTTL"))
asks("PEXPIREAT takes seconds", GENERIC, "PEXPIREAT", lambda asked: (b"EXPIREAT", *asked[1:]))
asks("EXPIRE XX means NX", GENERIC, "EXPIRE PEXPIRE", lambda asked: instead(asked, b"XX", b"NX"))
asks(
    "RENAMENX overwrites",
    GENERIC,
    "RENAMENX",
    lambda asked: (b"COPY", *asked[1:], b"REPLACE") if len(asked) == 3 else None,
)
asks("SCAN ignores TYPE", GENERIC, "SCAN", lambda asked: without(asked, b"TYPE", 1))
asks("SCAN ignores MATCH", GENERIC, "SCAN", lambda asked: without(asked, b"MATCH", 1))
answers(
    "a payload that is broken is told otherwise",
    GENERIC,
    "RESTORE",
    lambda raw, _: b"-ERR Bad data format\r\n" if b"checksum" in raw else None,
    errors=True,
)
answers("UNLINK counts one too many", GENERIC, "UNLINK", lambda raw, _: number(raw, lambda n: n and n + 1))
answers(
    "EXPIRETIME tells one second less",
    GENERIC,
    "EXPIRETIME",
    lambda raw, _: number(raw, lambda n: n - 1 if n > 0 else n),
)
answers(
    "RANDOMKEY of nothing is empty",
    GENERIC,
    "RANDOMKEY",
    lambda raw, _: b"$0\r\n\r\n" if raw in (b"_\r\n", b"$-1\r\n") else None,
)
