"""The client that nobody is: for it scripts call commands, which know no other caller.

Must live here: that client, and replies as Lua values.  Must not: which commands scripts may call (`scripting`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from redlark.server import doubles
from redlark.server.interfaces import (
    NO_REPLY,
    REPLY_ON,
    CommandError,
    Context,
    Database,
    NoReply,
    NullArray,
    Pairs,
    Push,
    Reply,
    SetReply,
    Sizes,
    Status,
    Verbatim,
)


class ScriptClient:
    """See `interfaces.Client`.  What commands write to it by themselves is kept for who asked: `taken`."""

    def __init__(self) -> None:
        self.id = 0
        self.fd = -1
        self.addr = b"lua"  # as MONITOR shows it
        self.laddr = self.last_command = self.name = self.lib_name = self.lib_ver = b""
        self.unix = False
        self.context: Context
        self.db: Database
        self.created = self.last_active = 0
        self.user = b"default"
        self.authenticated = True
        self.resp = 2
        self.queue: list[list[bytes]] | None = None
        self.queue_failed = self.touched = False
        self.watching: list[tuple[Database, bytes]] = []
        self.reply_mode = REPLY_ON
        self.no_evict = self.no_touch = self.tracks = self.parked = self.subscribed = False
        self.net_in = self.net_out = self.commands = 0
        self._head: list[int] = []
        self._replies: list[Reply] = []

    def reply(self, value: Reply, /) -> None:
        self._replies.append(value)

    def write(self, raw: bytes, /) -> None:
        """The head of an array or a map, whose parts follow."""
        kind, count = raw[:1], int(raw[1:])
        self._head = [2 * count if kind == b"%" else count, kind == b"%"]

    def push(self, value: Reply, /) -> None:
        self.reply(value)

    def deliver(self, frame: bytes, /) -> None:
        """Nobody listens."""

    def run(self, request: list[bytes], /) -> None:
        raise AssertionError("a script cannot run a transaction")

    def resume(self) -> None:
        """It never waits."""

    def close(self, after_reply: bool = False) -> None:
        """There is no connection."""

    @property
    def owes(self) -> bool:
        return False

    def sizes(self) -> Sizes:
        return Sizes()

    def taken(self) -> Reply:
        """What a command wrote by itself, as one reply."""
        replies, self._replies = self._replies, []
        head, self._head = self._head, []
        if not head:
            return replies[0] if replies else NO_REPLY
        return Pairs([replies[at : at + 2] for at in range(0, len(replies), 2)]) if head[1] else replies


ITEM: Final = 100  # bytes that Lua takes for an element besides its text, while a table grows


def weight(reply: Reply) -> int:
    """About how many bytes Lua takes for a reply, at most."""
    if isinstance(reply, bytes):
        return len(reply)
    if isinstance(reply, list | tuple):
        if all(type(item) is bytes for item in reply):
            return sum(map(len, reply)) + ITEM * len(reply)
        return sum(map(weight, reply)) + ITEM * len(reply)
    if isinstance(reply, Mapping):
        return sum(weight(key) + weight(item) + 2 * ITEM for key, item in reply.items())
    if isinstance(reply, SetReply | Push):
        return weight(list(reply.items))
    return len(reply.text) if isinstance(reply, Verbatim) else ITEM


class Values:
    """Replies as Lua values: in RESP2 nothing is false, in RESP3 there are maps, sets, doubles and nil."""

    def __init__(self, table: Callable[..., Any]) -> None:
        self._table = table

    def of(self, reply: Reply, resp: int) -> Any:
        """The value of a reply, as Lua holds it."""
        kind = type(reply)
        if kind is bytes or (kind is int):
            return reply
        if kind is list or kind is tuple:
            return self._array(reply, resp)
        if reply is None or kind is NullArray:
            return None if resp == 3 else False
        if isinstance(reply, Status):
            return self._table({b"ok": reply.text})
        if isinstance(reply, CommandError):
            return self._table({b"err": reply.line})
        if isinstance(reply, bool):
            return reply if resp == 3 else int(reply)
        if isinstance(reply, float):
            return self._table({b"double": reply}) if resp == 3 else doubles.show(reply)
        if isinstance(reply, Verbatim):
            return self._verbatim(reply) if resp == 3 else reply.text
        if isinstance(reply, Mapping):
            return self._map(reply, resp)
        if isinstance(reply, SetReply):
            return self._set(reply, resp)
        if isinstance(reply, Push):
            return self._array(reply.items, resp)
        assert isinstance(reply, NoReply), reply
        return None if resp == 3 else False

    def _array(self, items: Any, resp: int) -> Any:
        if all(type(item) is bytes for item in items):
            return self._table(items)
        made = self._table()
        for place, item in enumerate(items, 1):
            value = self.of(item, resp)
            if value is not None:
                made[place] = value
        return made

    def _verbatim(self, reply: Verbatim) -> Any:
        inner = self._table({b"string": reply.text, b"format": reply.format})
        return self._table({b"verbatim_string": inner})

    def _map(self, reply: Mapping[Any, Reply], resp: int) -> Any:
        if resp != 3:
            return self._array([part for pair in reply.items() for part in pair], resp)
        inner = self._table()
        for key, item in reply.items():
            inner[self.of(key, resp)] = self.of(item, resp)
        return self._table({b"map": inner})

    def _set(self, reply: SetReply, resp: int) -> Any:
        if resp != 3:
            return self._array(reply.items, resp)
        inner = self._table()
        for item in reply.items:
            inner[self.of(item, resp)] = True
        return self._table({b"set": inner})
