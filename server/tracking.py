"""Client-side caching: who is told that a key has changed, because of having read it or of a prefix that it has.

A database calls `Tracker.changed` for each change of a key, but only while anybody tracks (`Database.tracker`); a
command that reads ends in `called`.  Others are told of a change at once; who has made it, behind the reply
(`answered`); of prefixes all are told before the loop sleeps, once it has served whom it could (`broadcast`).
What a connection has read stays remembered when it tracks no longer: it may track again.

Must live here: what is remembered of whom, and what is told.  Must not: the commands (`commands.tracking`).
Source: https://redis.io/docs/latest/develop/reference/client-side-caching/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Final

import attrs

from redlark.server.interfaces import Client, Command

if TYPE_CHECKING:
    from redlark.server.interfaces import Context

BROKEN: Final = b"2\r\n$21\r\ntracking-redir-broken\r\n:%d\r\n"
INVALIDATE: Final = b"2\r\n$10\r\ninvalidate\r\n"
MESSAGE: Final = b"3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n"  # to who speaks RESP2 and listens to anything
RUN_SCRIPTS: Final = frozenset((b"eval_ro", b"evalsha_ro", b"fcall_ro"))  # what these read their scripts read


@attrs.define(slots=True, eq=False)
class Track:
    """How one connection tracks, what it has read, and what it is to be told."""

    on: bool = False
    bcast: bool = False
    optin: bool = False
    optout: bool = False
    noloop: bool = False
    caching: bool = False  # CLIENT CACHING was said of the next command, or transaction
    redirect: int = 0  # the id of the connection that is told instead
    broken: bool = False  # it was not there when it should have been told
    prefixes: set[bytes] = attrs.Factory(set)
    remembered: set[bytes] = attrs.Factory(set)
    unheard: list[bytes | None] = attrs.Factory(list)  # changes of its own; None: a database was emptied

    def remembers(self) -> bool:
        """Are the keys to be remembered that are being read?"""
        if not self.on or self.bcast:
            return False
        return not self.caching if self.optout else self.caching or not self.optin


@attrs.define(slots=True, eq=False)
class Tracker:
    """Everyone who tracks.  `switched` is called when the first one begins and when nobody is left."""

    find: Callable[[int], Client | None]  # a connection by its id
    switched: Callable[[], None]
    on: bool = False
    writer: Client | None = None  # whose request is under way
    # Who is to be told of a key; who has gone is counted by its id until the key changes, as in Redis.
    readers: dict[bytes, dict[Client | int, None]] = attrs.Factory(dict)
    prefixes: dict[bytes, dict[Client, None]] = attrs.Factory(dict)
    clients: dict[Client, None] = attrs.Factory(dict)  # who track now
    pending: dict[bytes, dict[bytes, Client | None]] = attrs.Factory(dict)  # by prefix, keys with who changed them last

    # ---- who tracks ---------------------------------------------------------------------------------------------

    def begin(self, client: Client) -> None:
        """The client tracks from now on, as its `Track` says."""
        self.clients[client] = None
        client.tracks = True
        for prefix in client.context.track.prefixes:
            self.prefixes.setdefault(prefix, {})[client] = None
        self._switch()

    def end(self, client: Client) -> None:
        """The client tracks no longer; what it has read stays remembered."""
        track = client.context.track
        for prefix in track.prefixes:
            self.prefixes[prefix].pop(client, None)
            if not self.prefixes[prefix]:
                del self.prefixes[prefix]
                self.pending.pop(prefix, None)
        track.prefixes.clear()
        track.on = track.bcast = track.optin = track.optout = track.noloop = track.caching = track.broken = False
        self.clients.pop(client, None)
        client.tracks = False
        self._switch()

    def leave(self, client: Client) -> None:
        """The connection is gone."""
        for key in client.context.track.remembered:
            readers = self.readers[key]
            del readers[client]
            readers[client.id] = None
        if client.tracks:
            self.end(client)
        elif self.on:
            self._switch()

    def _switch(self) -> None:
        on = bool(self.clients or self.readers)
        if on != self.on:
            self.on = on
            self.switched()

    # ---- what happens -------------------------------------------------------------------------------------------

    def called(self, ctx: Context, command: Command, request: list[bytes]) -> None:
        """A command has run, for a connection or a script of its own: the keys that it has read are remembered."""
        if not command.reads or not ctx.track.remembers() or command.name in RUN_SCRIPTS:
            return
        for key, *_ in command.keys(request) or ():
            ctx.track.remembered.add(key)
            self.readers.setdefault(key, {})[ctx.client] = None
        wait = ctx.server.waiting.clients.get(ctx.client.id)
        if wait is not None:
            wait.read = command, request

    def changed(self, key: bytes, expired: bool) -> None:
        """A key has changed, because of the request that is under way or because its time is over."""
        for prefix in self.prefixes:
            if key.startswith(prefix):
                self.pending.setdefault(prefix, {})[key] = None if expired else self.writer
        readers = self.readers.pop(key, None)
        if readers is not None:
            self._tell_readers(key, readers)

    def _tell_readers(self, key: bytes, readers: Iterable[Client | int], asking: Client | None = None) -> None:
        for client in sorted(_there(readers), key=_id):
            track = client.context.track
            track.remembered.discard(key)
            if not track.on or track.bcast or (track.noloop and client is asking):
                continue
            if not client.context.running:
                self._tell(client, _array((key,)))
            elif not track.noloop:
                track.unheard.append(key)

    def emptied(self, first: bool) -> None:
        """A database was emptied: whoever tracks is told so; first: before the reply."""
        for readers in self.readers.values():
            for client in _there(readers):
                client.context.track.remembered.clear()
        self.readers.clear()
        for client in sorted(self.clients, key=_id):
            if client.context.running and not first:
                client.context.track.unheard.append(None)
            else:
                self._tell(client, _nothing(client), first)

    def answered(self, client: Client, keeps_caching: bool = False) -> None:
        """A connection has its reply, or waits for it: what it has changed it is told now."""
        track = client.context.track
        if track.unheard:
            unheard, track.unheard = track.unheard, []
            for key in unheard:
                self._tell(client, _nothing(client) if key is None else _array((key,)))
        if not (client.parked or client.queue is not None or keeps_caching):
            track.caching = False

    def broadcast(self) -> None:
        """Tell of the changed keys that have prefixes, all that have the same at once."""
        pending, self.pending = self.pending, {}
        for prefix in sorted(pending):
            for client in sorted(self.prefixes.get(prefix, ()), key=_id):
                noloop = client.context.track.noloop
                keys = sorted(key for key, writer in pending[prefix].items() if not (noloop and writer is client))
                if keys:
                    self._tell(client, _array(keys))

    def shrink(self, most: int, asking: Client | None = None) -> None:
        """Remember no more keys than so many (0: any number): of those that go it is told as if they had changed.

        While nobody tracks nothing goes: who has read them may track again.
        asking: whose request is about to run, as if it had changed them.
        """
        while self.clients and 0 < most < len(self.readers):
            key = next(iter(self.readers))
            self._tell_readers(key, self.readers.pop(key), asking)

    def rest(self, most: int) -> None:
        """Nobody is to be served just now: what was put off until then is done."""
        self.shrink(most)
        if self.pending:
            self.broadcast()

    def _tell(self, client: Client, keys: bytes, first: bool = False) -> None:
        """Tell a connection, or the one that it redirects to, what has changed."""
        track = client.context.track
        target = self.find(track.redirect) if track.redirect else client
        if target is None:
            track.broken = True
            if client.resp == 3:
                _send(client, BROKEN % track.redirect, first)
        elif target.resp == 3:
            _send(target, INVALIDATE + keys, first)
        elif track.redirect and target.subscribed:
            _send(target, MESSAGE + keys, first)


def _send(client: Client, body: bytes, first: bool) -> None:
    if first:
        client.deliver((b">" if client.resp == 3 else b"*") + body)
    else:
        client.context.tell(body)


def _there(readers: Iterable[Client | int]) -> Iterator[Client]:
    return (one for one in readers if not isinstance(one, int))


def _id(client: Client) -> int:
    return client.id


def _array(keys: Iterable[bytes]) -> bytes:
    texts = [b"$%d\r\n%b\r\n" % (len(key), key) for key in keys]
    return b"*%d\r\n" % len(texts) + b"".join(texts)


def _nothing(client: Client) -> bytes:
    """Nil in the protocol of who tracks, whoever is told."""
    return b"_\r\n" if client.resp == 3 else b"$-1\r\n"
