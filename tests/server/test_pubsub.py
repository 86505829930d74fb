"""Publish and subscribe over the wire; what each frame must be, the judge asks (tests/server/test_against_model.py)."""

from __future__ import annotations

import redis

from redlark.server import Server

from .conftest import Connect

MESSAGE = b"*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n"


def test_a_message_reaches_every_listener_once(server: Server, wire: Connect) -> None:
    """A listener of the channel, one of two patterns, and one that has left."""
    one, two, gone, writer = (wire(server.port) for _ in range(4))
    one("SUBSCRIBE", "news")
    two("PSUBSCRIBE", "n*", "*s")
    two.frame()
    gone("SUBSCRIBE", "news")
    gone("UNSUBSCRIBE", "news")
    assert writer("PUBLISH", "news", "hello") == b":3\r\n"
    assert one.frame() == MESSAGE
    assert {two.frame(), two.frame()} == {
        b"*4\r\n$8\r\npmessage\r\n$2\r\n%b\r\n$4\r\nnews\r\n$5\r\nhello\r\n" % pattern for pattern in (b"n*", b"*s")
    }
    assert gone("PING") == b"+PONG\r\n"


def test_a_listener_that_goes_away_is_forgotten(server: Server, wire: Connect) -> None:
    """By closing its connection, and by RESET."""
    one, two, writer = (wire(server.port) for _ in range(3))
    one("SUBSCRIBE", "news")
    two("SSUBSCRIBE", "shard")
    two("PSUBSCRIBE", "n*")
    one.socket.close()
    two("RESET")
    while writer("PUBSUB", "CHANNELS") != b"*0\r\n":
        pass  # the server has yet to see that the connection is closed
    assert writer("PUBSUB", "NUMPAT") == b":0\r\n"
    assert writer("SPUBLISH", "shard", "x") == b":0\r\n"
    assert writer("CLIENT", "LIST").count(b" sub=0 psub=0 ssub=0 ") == 2


def test_own_messages_come_behind_the_reply(server: Server, wire: Connect) -> None:
    """In RESP3 a client may publish to itself, inside a transaction too."""
    one = wire(server.port)
    one("HELLO", "3")
    one("SUBSCRIBE", "news")
    push = b">" + MESSAGE[1:]
    assert one("PUBLISH", "news", "hello") == b":1\r\n"
    assert one.frame() == push
    one("MULTI")
    one("PUBLISH", "news", "hello")
    one("PING")
    assert one("EXEC") == b"*2\r\n:1\r\n+PONG\r\n"
    assert one.frame() == push


def test_messages_come_where_replies_are_off(server: Server, wire: Connect) -> None:
    """CLIENT REPLY OFF silences replies alone."""
    one, writer = (wire(server.port) for _ in range(2))
    one("SUBSCRIBE", "news")
    one("RESET")
    one.send("CLIENT", "REPLY", "OFF")
    one("SUBSCRIBE", "news")
    assert writer("PUBLISH", "news", "hello") == b":1\r\n"
    assert one.frame() == MESSAGE


def test_redis_py_listens(server: Server) -> None:
    """Both protocols, a thread of its own."""
    for protocol in (2, 3):
        with redis.Redis(port=server.port, protocol=protocol) as client, client.pubsub() as listener:
            listener.subscribe("news")
            listener.psubscribe("n*")
            assert listener.get_message(timeout=5)["type"] == "subscribe"
            assert listener.get_message(timeout=5)["type"] == "psubscribe"
            assert client.publish("news", "hello") == 2
            assert [listener.get_message(timeout=5)["data"] for _ in range(2)] == [b"hello"] * 2
