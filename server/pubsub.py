"""Publish and subscribe: who listens to what, and the frames that messages are.

Must live here: the tables of listeners, and sending to them.  Must not: the commands (`commands.pubsub`), or which
events are messages.
"""

from __future__ import annotations

from typing import Final

import attrs

from redlark.server.glob import matches
from redlark.server.interfaces import Client

CHANNEL, PATTERN, SHARD = "channels", "patterns", "shards"
KINDS: Final = (CHANNEL, PATTERN, SHARD)
Listeners = dict[bytes, dict[Client, None]]  # in the order in which they came


@attrs.define(slots=True, eq=False)
class Listening:
    """What one connection listens to, in the order in which it asked."""

    channels: dict[bytes, None] = attrs.Factory(dict)
    patterns: dict[bytes, None] = attrs.Factory(dict)
    shards: dict[bytes, None] = attrs.Factory(dict)

    def names(self, kind: str) -> dict[bytes, None]:
        """The names of one kind."""
        found: dict[bytes, None] = getattr(self, kind)
        return found

    def __bool__(self) -> bool:
        return bool(self.channels or self.patterns or self.shards)


@attrs.define(slots=True, eq=False)
class PubSub:
    """The listeners of one server."""

    channels: Listeners = attrs.Factory(dict)
    patterns: Listeners = attrs.Factory(dict)
    shards: Listeners = attrs.Factory(dict)

    def listeners(self, kind: str) -> Listeners:
        """Who listens to names of one kind."""
        found: Listeners = getattr(self, kind)
        return found

    def join(self, client: Client, kind: str, name: bytes) -> None:
        """From now on the client listens to a name; again, if it does already, changes nothing."""
        client.context.listening.names(kind)[name] = None
        self.listeners(kind).setdefault(name, {})[client] = None
        client.subscribed = True

    def leave(self, client: Client, kind: str, name: bytes) -> None:
        """The client listens to a name no longer, if it did."""
        listening = client.context.listening
        listening.names(kind).pop(name, None)
        client.subscribed = bool(listening)
        listeners = self.listeners(kind)
        if name in listeners:
            listeners[name].pop(client, None)
            if not listeners[name]:
                del listeners[name]

    def leave_all(self, client: Client) -> None:
        """The client is gone, or as good as new."""
        for kind in KINDS if client.subscribed else ():
            for name in list(client.context.listening.names(kind)):
                self.leave(client, kind, name)

    def publish(self, channel: bytes, message: bytes) -> int:
        """Sends a message to who listens to a channel, by its name or by patterns; how many times it was sent."""
        sent = self._send(self.channels.get(channel, {}), b"message", channel, message)
        for pattern, clients in self.patterns.items():
            if matches(pattern, channel):
                sent += self._send(clients, b"pmessage", pattern, channel, message)
        return sent

    def publish_to_shard(self, channel: bytes, message: bytes) -> int:
        """The same for the channels of a shard, which no pattern matches."""
        return self._send(self.shards.get(channel, {}), b"smessage", channel, message)

    def _send(self, clients: dict[Client, None], *words: bytes) -> int:
        if clients:
            body = b"%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in words)
            for client in list(clients):
                client.context.tell(body)
        return len(clients)
