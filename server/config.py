"""The configuration: one table of parameters, read from a redis.conf, from redis-server's command line, by CONFIG SET.

A parameter is a row of `PARAMETERS`; everything else (parsing, CONFIG GET, the list in --help) is derived from it.
A row whose `inert` is set is understood and kept but changes nothing yet, and says so where an operator looks. Of what
redis.conf has beyond the table, a file may say what only tunes parts that are not here (`TUNING`); anything else, such
as `user`, `rename-command` or `replicaof`, is refused: a server that ignored it would promise what it does not do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

import attrs

from redlark.server import notifications
from redlark.server.glob import matcher
from redlark.server.values import to_integer

INT, MEMORY, YES_NO, TEXT = "int", "memory", "yes-no", "text"
WORDS, ENUM, OCTAL, SAVE, EVENTS = "words", "enum", "octal", "save", "events"
LOWEST_HZ, HIGHEST_HZ = 1, 500
Setting = int | bool | bytes | tuple[bytes, ...]


class ConfigError(Exception):
    """One line that says what is wrong, and where."""


@attrs.frozen(slots=True)
class Parameter:
    """One row: the name as in redis.conf, how its text is read, the value before anybody says otherwise."""

    name: str
    kind: str
    default: Setting
    low: int = 0
    high: int = 2**31 - 1
    choices: tuple[str, ...] = ()
    immutable: bool = False  # CONFIG SET refuses it
    inert: str = ""  # why it changes nothing yet
    only: str | None = None  # the one value that can be had, and is asked for by CONFIG SET or a file in vain otherwise
    open: bool = False  # the upper limit is that of its type, and is not told
    signed: bool = False  # of a MEMORY: Redis keeps it in a signed number, and tells of both limits in any case
    of: str = ""  # the parameter of which this is another name

    @property
    def attribute(self) -> str:
        return (self.of or self.name).replace("-", "_")


_ORDERS = ("lru", "lfu", "random")
_POLICIES = (
    *(f"volatile-{order}" for order in (*_ORDERS, "ttl")),
    *(f"allkeys-{order}" for order in _ORDERS),
    "noeviction",
)
_LEVELS = ("debug", "verbose", "notice", "warning", "nothing")
_NO_SAVE = "nothing is written to disk yet"
_PACKED = (  # until when values are packed: name, the older name, kind, default, lowest
    ("list-max-listpack-size", "list-max-ziplist-size", INT, -2, -(2**31)),
    ("set-max-intset-entries", "", INT, 512, 0),
    ("set-max-listpack-entries", "", INT, 128, 0),
    ("set-max-listpack-value", "", INT, 64, 0),
    ("hash-max-listpack-entries", "hash-max-ziplist-entries", INT, 512, 0),
    ("hash-max-listpack-value", "hash-max-ziplist-value", MEMORY, 64, 0),
    ("zset-max-listpack-entries", "zset-max-ziplist-entries", INT, 128, 0),
    ("zset-max-listpack-value", "zset-max-ziplist-value", MEMORY, 64, 0),
    ("stream-node-max-entries", "", INT, 100, 0),
    ("stream-node-max-bytes", "", MEMORY, 4096, 0),
)

PARAMETERS: Final = {
    row.name: row
    for row in (
        Parameter("port", INT, 6379, high=65535, immutable=True),
        Parameter("bind", WORDS, (b"127.0.0.1", b"-::1"), immutable=True),
        Parameter("unixsocket", TEXT, b"", immutable=True),
        Parameter("unixsocketperm", OCTAL, 0, high=0o777, immutable=True),
        Parameter("tcp-backlog", INT, 511, immutable=True),
        Parameter("tcp-keepalive", INT, 300),
        Parameter("databases", INT, 16, low=1, immutable=True),
        Parameter("timeout", INT, 0),
        Parameter("maxclients", INT, 10000, low=1),
        Parameter("requirepass", TEXT, b""),
        Parameter("proto-max-bulk-len", MEMORY, 512 * 2**20, low=2**20, high=2**63 - 1, signed=True),
        Parameter("client-query-buffer-limit", MEMORY, 2**30, low=2**20, high=2**63 - 1),
        Parameter("maxmemory", MEMORY, 0, high=2**63 - 1, open=True),
        Parameter("maxmemory-policy", ENUM, b"noeviction", choices=_POLICIES),
        Parameter("maxmemory-samples", INT, 5, low=1, high=64),
        Parameter("lfu-log-factor", INT, 10),
        Parameter("lfu-decay-time", INT, 1),
        Parameter("hz", INT, 10),
        Parameter("loglevel", ENUM, b"notice", choices=_LEVELS),
        Parameter("logfile", TEXT, b"", immutable=True),
        Parameter("pidfile", TEXT, b"", immutable=True),
        Parameter("dir", TEXT, b"", immutable=True),
        Parameter("daemonize", YES_NO, False, immutable=True, only="no"),
        Parameter("save", SAVE, b"", inert=_NO_SAVE),
        Parameter("appendonly", YES_NO, False, only="no"),
        Parameter("dbfilename", TEXT, b"dump.rdb", immutable=True, inert=_NO_SAVE),
        Parameter("protected-mode", YES_NO, True),
        Parameter("slowlog-log-slower-than", INT, 10_000, low=-1, high=2**63 - 1),
        Parameter("slowlog-max-len", INT, 128, high=2**63 - 1),
        Parameter("latency-monitor-threshold", INT, 0, high=2**63 - 1),
        Parameter("enable-debug-command", ENUM, b"no", choices=("no", "yes", "local"), immutable=True),
        Parameter("notify-keyspace-events", EVENTS, b""),
        Parameter("busy-reply-threshold", INT, 5000, high=2**63 - 1),
        Parameter("lua-time-limit", INT, 5000, high=2**63 - 1, of="busy-reply-threshold"),
        Parameter("hll-sparse-max-bytes", MEMORY, 3000, high=2**63 - 1, open=True),
        Parameter("tracking-table-max-keys", INT, 1_000_000, high=2**63 - 1, open=True),
        Parameter("cluster-enabled", YES_NO, False, immutable=True, only="no"),
        *(
            Parameter(
                each,
                kind,
                default,
                low,
                2**31 - 1 if low else 2**63 - 1,
                open=not low and not name.startswith("stream"),
                of=name if each != name else "",
            )
            for name, older, kind, default, low in _PACKED
            for each in (name, older)
            if each
        ),
    )
}

# Parameters of redis.conf, by the beginning or the end of their names, that tune what this server does not have: taken
# from a file, since existing files are full of them, and named at start-up; CONFIG GET and CONFIG SET do not know them.
TUNING: Final = re.compile(
    r"(acllog|active-?defrag|active-expire|aof-|append|auto-aof|client-output-buffer|cluster-|crash-|io-threads|latency-|lazyfree-"
    r"|list-compress|maxmemory-|no-appendfsync|oom-score|proc-title|rdb|repl-|replica-|slave-|slowlog-|stop-writes"
    r"|supervised$|set-proc|syslog-).*"
    r"|activerehashing|always-show-logo|disable-thp"
    r"|dynamic-hz|jemalloc-bg-thread|sanitize-dump-payload|shutdown-timeout"
)


@attrs.define(slots=True, eq=False)
class Config:
    """The settings, one attribute for each row of `PARAMETERS` (a test holds that)."""

    port: int = 6379
    bind: tuple[bytes, ...] = (b"127.0.0.1", b"-::1")
    unixsocket: bytes = b""
    unixsocketperm: int = 0
    tcp_backlog: int = 511
    tcp_keepalive: int = 300
    databases: int = 16
    timeout: int = 0
    maxclients: int = 10000
    requirepass: bytes = b""
    proto_max_bulk_len: int = 512 * 2**20
    client_query_buffer_limit: int = 2**30
    maxmemory: int = 0
    maxmemory_policy: bytes = b"noeviction"
    maxmemory_samples: int = 5
    lfu_log_factor: int = 10
    lfu_decay_time: int = 1
    hz: int = 10
    loglevel: bytes = b"notice"
    logfile: bytes = b""
    pidfile: bytes = b""
    dir: bytes = b""
    daemonize: bool = False
    save: bytes = b""
    appendonly: bool = False
    dbfilename: bytes = b"dump.rdb"
    protected_mode: bool = True
    slowlog_log_slower_than: int = 10_000
    slowlog_max_len: int = 128
    latency_monitor_threshold: int = 0
    enable_debug_command: bytes = b"no"
    notify_keyspace_events: bytes = b""
    busy_reply_threshold: int = 5000
    hll_sparse_max_bytes: int = 3000
    tracking_table_max_keys: int = 1_000_000
    cluster_enabled: bool = False
    list_max_listpack_size: int = -2
    set_max_intset_entries: int = 512
    set_max_listpack_entries: int = 128
    set_max_listpack_value: int = 64
    hash_max_listpack_entries: int = 512
    hash_max_listpack_value: int = 64
    zset_max_listpack_entries: int = 128
    zset_max_listpack_value: int = 64
    stream_node_max_entries: int = 100
    stream_node_max_bytes: int = 4096
    given: set[str] = attrs.Factory(set)  # names that a file, the command line or CONFIG SET has set
    ignored: dict[str, None] = attrs.Factory(dict)  # names of TUNING that a file has set, in their order

    def get(self, name: str) -> Setting:
        setting: Setting = getattr(self, PARAMETERS[name].attribute)
        return setting

    def put(self, name: str, texts: list[bytes], *, last: bool = True) -> None:
        """Set one parameter from the words behind its name.  Raises ConfigError with the reason alone.

        What stands in a file need not be the last word: whether we have it is asked by `check`.
        """
        parameter = PARAMETERS[name]
        setting = parse(parameter, texts)
        lacking = parameter.only is not None and shown(parameter, setting) != parameter.only.encode()
        if last and lacking and not parameter.inert:
            raise ConfigError(f"redlark has only '{parameter.only}' yet")
        setattr(self, parameter.attribute, setting)
        self.given.add(name)

    def check(self) -> None:
        """Refuse what was set and cannot be had.  Raises ConfigError."""
        for name, row in PARAMETERS.items():
            said = shown(row, self.get(name)).decode("utf-8", "replace")
            if row.only is not None and said != row.only:
                only = row.only or '""'
                instead = f"--{name} {only} overrides a file"
                raise ConfigError(f"{name} {said}: redlark has only '{row.only}' yet; {instead}")

    def matching(self, patterns: Iterable[bytes]) -> dict[bytes, bytes]:
        """What CONFIG GET answers: a name as it was asked for, what a pattern finds by its own; each once."""
        found: dict[bytes, bytes] = {}
        for pattern in patterns:
            text = pattern.split(b"\0", 1)[0]
            if any(sign in text for sign in (b"*", b"?", b"[")):
                matches = matcher(text, fold=True)
                names = [name.encode() for name in PARAMETERS if matches(name.encode())]
            else:
                names = [pattern] if pattern.lower().decode("latin-1") in PARAMETERS else []
            known = {name.lower() for name in found}
            for name in names:
                if name.lower() not in known:
                    row = PARAMETERS[name.lower().decode()]
                    found[name] = shown(row, self.get(row.name))
        return found

    def inert(self) -> list[str]:
        """A line for each parameter that was given and changes nothing, and one for all that are ignored."""
        lines = [
            f"{row.name}: accepted, but {row.inert}"
            for row in PARAMETERS.values()
            if row.inert and row.name in self.given and self.get(row.name) not in (b"", row.default)
        ]
        if self.ignored:
            lines.append(f"of the configuration file, these change nothing yet: {', '.join(self.ignored)}")
        return lines


def shown(parameter: Parameter, setting: Setting) -> bytes:
    """The text that CONFIG GET gives."""
    if isinstance(setting, bool):
        return b"yes" if setting else b"no"
    if isinstance(setting, tuple):
        return b" ".join(setting)
    if isinstance(setting, int):
        return b"%o" % setting if parameter.kind == OCTAL else b"%d" % setting
    return notifications.shown(setting) if parameter.kind == EVENTS else setting


def parse(parameter: Parameter, texts: list[bytes]) -> Setting:
    """Read the words behind a parameter's name.  Raises ConfigError with Redis's reason."""
    if parameter.kind == WORDS:
        return tuple(word for text in texts for word in text.split())
    if parameter.kind == SAVE:
        return _save_points(texts)
    if len(texts) != 1:
        raise ConfigError("wrong number of arguments")
    (text,) = texts
    if parameter.kind == YES_NO:
        if text.lower() not in (b"yes", b"no"):
            raise ConfigError("argument must be 'yes' or 'no'")
        return text.lower() == b"yes"
    if parameter.kind == ENUM:
        if text.lower().decode("latin-1") not in parameter.choices:
            raise ConfigError(f"argument(s) must be one of the following: {', '.join(parameter.choices)}")
        return text.lower()
    if parameter.kind in (INT, MEMORY, OCTAL):
        return _number(parameter, text)
    return _event_classes(text) if parameter.kind == EVENTS else text


def _event_classes(text: bytes) -> bytes:
    try:
        return notifications.spelled(text.split(b"\0", 1)[0])
    except ValueError:
        raise ConfigError("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.") from None


def _number(parameter: Parameter, text: bytes) -> int:
    if parameter.kind == MEMORY:
        number = memory(text)
        if number is None:
            raise ConfigError("argument must be a memory value")
        if number >= 2**63 and not parameter.signed:
            raise ConfigError("argument must be greater or equal to 0")
    elif parameter.kind == OCTAL:
        try:
            number = int(text, 8)
        except ValueError:
            raise ConfigError("argument couldn't be parsed into an octal number") from None
    else:
        canonical = to_integer(text)
        if canonical is None:
            raise ConfigError("argument couldn't be parsed into an integer")
        number = canonical
    if not parameter.low <= number <= parameter.high:
        if parameter.open:
            raise ConfigError(f"argument must be greater or equal to {parameter.low}")
        raise ConfigError(f"argument must be between {parameter.low} and {parameter.high} inclusive")
    if parameter.name == "hz":  # Redis brings it into range without a word
        return min(max(number, LOWEST_HZ), HIGHEST_HZ)
    return number


_UNITS = {b"": 1, b"b": 1, b"k": 1000, b"kb": 1024, b"m": 10**6, b"mb": 2**20, b"g": 10**9, b"gb": 2**30}


def memory(text: bytes) -> int | None:
    """A number of bytes with one of Redis's units.

    >>> memory(b"100mb"), memory(b"1k"), memory(b""), memory(b"-1"), memory(b"1 gb")
    (104857600, 1000, 0, None, None)
    """
    found = re.fullmatch(rb"([0-9]*)([a-z]*)", text.lower())
    if not found or found[2] not in _UNITS:
        return None
    return int(found[1] or 0) * _UNITS[found[2]]


def _save_points(texts: list[bytes]) -> bytes:
    words = texts[0].split(b" ") if len(texts) == 1 and texts[0] else texts if len(texts) > 1 else []
    numbers = [to_integer(word.split(b"\0", 1)[0]) for word in words]
    if len(words) % 2 or not all(n is not None and n >= 1 - at % 2 for at, n in enumerate(numbers)):
        raise ConfigError("Invalid save parameters")
    return b" ".join(words)


# ----------------------------------------------------------------------------------------------- files, command line

_ESCAPES = {0x6E: b"\n", 0x72: b"\r", 0x74: b"\t", 0x62: b"\b", 0x61: b"\a"}
_BLANK = b" \t\n\v\f\r"  # may stand before a word, and behind a quote
_END = b" \t\n\r"  # end a word without quotes


def split_words(line: bytes) -> list[bytes] | None:
    r"""A line into words as redis.conf and inline requests have them: "..." with \xHH \n \r \t \b \a, '...' with \'.

    None when the quotes are not balanced.

    >>> split_words(b'set "a b\\x41" \'it\\\'s\'')
    [b'set', b'a bA', b"it's"]
    >>> split_words(b'a "b"c') is None
    True
    """
    words: list[bytes] = []
    at, end = 0, len(line)
    while True:
        while at < end and line[at] in _BLANK:
            at += 1
        if at >= end:
            return words
        found = _word(line, at)
        if found is None:
            return None
        word, at = found
        words.append(word)


def _word(line: bytes, at: int) -> tuple[bytes, int] | None:
    word = bytearray()
    end = len(line)
    quote = 0
    while at < end:
        sign = line[at]
        if quote == 0x22 and sign == 0x5C and at + 1 < end:
            digits = line[at + 2 : at + 4]
            if line[at + 1] == 0x78 and re.fullmatch(rb"[0-9a-fA-F]{2}", digits):
                word.append(int(digits, 16))
                at += 4
            else:
                word += _ESCAPES.get(line[at + 1], line[at + 1 : at + 2])
                at += 2
            continue
        if quote == 0x27 and line[at : at + 2] == b"\\'":
            word += b"'"
            at += 2
            continue
        at += 1
        if quote:
            if sign != quote:
                word.append(sign)
            elif at < end and line[at] not in _BLANK:
                return None
            else:
                return bytes(word), at
        elif sign in (0x22, 0x27):
            quote = sign
        elif sign in _END:
            return bytes(word), at
        else:
            word.append(sign)
    return None if quote else (bytes(word), at)


def load(text: bytes, source: str, config: Config) -> None:
    """Read the lines of a configuration file into config.  Raises ConfigError naming source, line number and line."""
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = raw.strip()
        if not line or line.startswith(b"#"):
            continue
        words = split_words(line)
        where = f"{source}, line {number}: {line.decode('utf-8', 'replace')}"
        if not words:
            raise ConfigError(f"{where}\nunbalanced quotes in configuration line")
        name = words[0].decode("latin-1").lower()
        if name not in PARAMETERS:
            if TUNING.fullmatch(name):
                config.ignored[name] = None
                continue
            raise ConfigError(f"{where}\nunknown directive '{name}'{_suggestion(name)}")
        try:
            config.put(name, words[1:], last=False)
        except ConfigError as problem:
            raise ConfigError(f"{where}\n{problem}") from None


def _suggestion(name: str) -> str:
    import difflib

    near = difflib.get_close_matches(name, PARAMETERS, n=1)
    return f"; did you mean '{near[0]}'?" if near else " (redlark does not have it yet, or Redis never had it)"


def from_arguments(arguments: list[str], stdin: bytes = b"") -> Config:
    """redis-server's own conventions: [file] [-] [--name value ...] ...; what stands later wins.

    Raises ConfigError.

    >>> from_arguments(["--port", "7000", "--save", "", "--bind", "127.0.0.1", "::1"]).bind
    (b'127.0.0.1', b'::1')
    """
    config = Config()
    rest = list(arguments)
    if rest and rest[0] != "-" and not rest[0].startswith("--"):
        name = rest.pop(0)
        try:
            with open(name, "rb") as file:
                text = file.read()
        except OSError as problem:
            raise ConfigError(f"can't read the configuration file '{name}': {problem.strerror}") from None
        load(text, name, config)
    if rest and rest[0] == "-":
        rest.pop(0)
        load(stdin, "standard input", config)
    while rest:
        option = rest.pop(0)
        if not option.startswith("--"):
            raise ConfigError(f"'{option}' stands where an option was expected: --name value")
        name = option[2:].lower()
        if name not in PARAMETERS:
            raise ConfigError(f"unknown option '{option}'{_suggestion(name)}")
        values: list[bytes] = []
        while rest and not rest[0].startswith("--"):
            values.append(rest.pop(0).encode("utf-8", "surrogateescape"))
        try:
            config.put(name, values)
        except ConfigError as problem:
            shown_values = " ".join(value.decode("utf-8", "replace") for value in values)
            raise ConfigError(f"{option} {shown_values}: {problem}") from None
    config.check()
    return config
