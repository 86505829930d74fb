"""Connections in the model: what a reply becomes, ids that only replies show, transactions across protocols."""

from __future__ import annotations

import pytest

from redlark.reference import Model, Observed
from redlark.reference.model import Worlds

PROFILES = ("redis-6.2", "redis-7.0", "redis-8.2", "valkey-8.1", "valkey-9.1")
NOW = (1_000_000, 1_000_001)


class Session:
    """One model, a few connections; each exchange must be allowed, or must not."""

    def __init__(self, profile: str, **config: str) -> None:
        self.model = Model.load(profile)
        self.worlds: Worlds = self.model.start(config=config)
        for client in (1, 2):
            self.worlds = self.model.connect(self.worlds, client)

    def after(self, request: str, reply: bytes | None, client: int = 1) -> Worlds:
        """The worlds that are possible after an exchange; None is no reply."""
        observed = None if reply is None else Observed(raw=reply)
        return self.model.allows(self.worlds, client, tuple(request.encode().split(b" ")), NOW, observed)

    def tell(self, request: str, reply: bytes | None, client: int = 1) -> None:
        """An exchange that must be allowed."""
        after = self.after(request, reply, client)
        assert after, f"{request} cannot be answered {reply!r}"
        self.worlds = after

    def silent(self, request: str) -> bool:
        """Whether a request will get no reply."""
        return self.model.silent(self.worlds, 1, tuple(request.encode().split(b" ")))


@pytest.mark.parametrize("profile", PROFILES)
def test_skip_holds_for_one_reply(profile: str) -> None:
    """CLIENT REPLY SKIP and the request behind it get no reply, the next one does."""
    session = Session(profile)
    for _ in range(2):
        assert session.silent("CLIENT REPLY SKIP")
        session.tell("CLIENT REPLY SKIP", None)
        assert session.silent("PING")
        session.tell("PING", None)
        assert not session.silent("PING")
        session.tell("PING", b"+PONG\r\n")


def test_pushes_come_in_silence() -> None:
    """Of what answers with a push and a reply, who asked for silence gets the push alone; attributes are no push."""
    session = Session("redis-6.2")  # where DEBUG is allowed without a setting
    session.worlds = tuple(session.model.perform(world, 1, (b"HELLO", b"3"), NOW[0])[0] for world in session.worlds)
    session.tell("CLIENT REPLY OFF", None)
    push = b">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"
    assert not session.silent("DEBUG PROTOCOL push")
    session.tell("DEBUG PROTOCOL push", push)
    assert session.silent("DEBUG PROTOCOL attrib")
    session.tell("DEBUG PROTOCOL attrib", None)
    session.tell("CLIENT REPLY ON", b"+OK\r\n")


@pytest.mark.parametrize("profile", PROFILES)
def test_off_holds_until_on(profile: str) -> None:
    """After CLIENT REPLY OFF requests run unanswered; ON, and RESET, are answered again."""
    session = Session(profile)
    for loud, reply in (("CLIENT REPLY ON", b"+OK\r\n"), ("RESET", b"+RESET\r\n")):
        session.tell("CLIENT REPLY OFF", None)
        session.tell("SET k v", None)
        session.tell("NOSUCH", None)
        assert not session.silent(loud)
        session.tell(loud, reply)
        session.tell("GET k", b"$1\r\nv\r\n")


@pytest.mark.parametrize("profile", PROFILES)
def test_an_id_stays(profile: str) -> None:
    """The first CLIENT ID may be any positive number; from then on it is that one, and no other connection's."""
    session = Session(profile)
    assert not session.after("CLIENT ID", b":0\r\n")
    session.tell("CLIENT ID", b":7\r\n")
    assert not session.after("CLIENT ID", b":8\r\n")
    assert not session.after("CLIENT ID", b":7\r\n", client=2)
    session.tell("CLIENT ID", b":8\r\n", client=2)


def test_an_unseen_reply_shows_no_id() -> None:
    """A HELLO whose reply is not seen leaves the id open."""
    session = Session("redis-8.2")
    session.tell("CLIENT REPLY SKIP", None)
    session.tell("HELLO 3", None)
    session.tell("CLIENT ID", b":12345\r\n")


@pytest.mark.parametrize("profile", PROFILES)
def test_each_reply_of_exec_has_its_own_protocol(profile: str) -> None:
    """A HELLO inside EXEC changes how the replies behind it are written, not those before."""
    session = Session(profile)
    for request in ("MULTI", "GET k", "HELLO 3", "GET k"):
        session.tell(request, b"+OK\r\n" if request == "MULTI" else b"+QUEUED\r\n")
    product = b"valkey" if profile.startswith("valkey") else b"redis"
    hello = (
        b"%%7\r\n$6\r\nserver\r\n$%d\r\n%b\r\n$7\r\nversion\r\n$5\r\n1.2.3\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:4\r\n"
        b"$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n"
    ) % (len(product), product)
    assert not session.after("EXEC", b"*3\r\n_\r\n" + hello + b"_\r\n")
    session.tell("EXEC", b"*3\r\n$-1\r\n" + hello + b"_\r\n")
    session.tell("CLIENT ID", b":4\r\n")


@pytest.mark.parametrize("profile", PROFILES)
def test_strangers_are_told_nothing(profile: str) -> None:
    """Where a password is asked for, nothing runs before it is given; Valkey 9.1 does not even say what is unknown."""
    session = Session(profile, requirepass="sesame")
    noauth = b"-NOAUTH Authentication required.\r\n"
    session.tell("PING", noauth)
    session.tell("EXEC", b"-EXECABORT Transaction discarded because of: NOAUTH Authentication required.\r\n")
    assert bool(session.after("GET", noauth)) == (profile == "valkey-9.1")
    session.tell("AUTH wrong", b"-WRONGPASS invalid username-password pair or user is disabled.\r\n")
    session.tell("AUTH sesame", b"+OK\r\n")
    session.tell("PING", b"+PONG\r\n")
    session.tell("PING", noauth, client=2)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_full_server_refuses_what_needs_memory(profile: str) -> None:
    """Writes that may grow are refused, reads and deletions are not; and inside MULTI up to 7.2 everything is."""
    session = Session(profile, maxmemory="1")
    full = b"-OOM command not allowed when used memory > 'maxmemory'.\r\n"
    session.tell("SET k v", full)
    session.tell("DEL k", b":0\r\n")
    session.tell("MULTI", b"+OK\r\n")
    session.tell("GET k", full if profile in ("redis-6.2", "redis-7.0") else b"+QUEUED\r\n")
    session.tell("SET k v", full)
    session.tell("EXEC", b"-EXECABORT Transaction discarded because of previous errors.\r\n")


@pytest.mark.parametrize("profile", PROFILES)
def test_kill_closes_the_connection_that_has_the_id(profile: str) -> None:
    """A connection whose id is known is closed by CLIENT KILL ID, and the reply counts it; itself it spares."""
    session = Session(profile)
    session.tell("CLIENT ID", b":3\r\n")
    session.tell("CLIENT ID", b":4\r\n", client=2)
    assert not session.after("CLIENT KILL ID 4", b":0\r\n")
    session.tell("CLIENT KILL ID 3", b":0\r\n")
    session.tell("CLIENT KILL ID 4", b":1\r\n")
    assert session.model.closes(session.worlds, 2)
    assert not session.model.closes(session.worlds, 1)


@pytest.mark.parametrize("profile", PROFILES)
def test_what_the_text_says_of_commands_is_what_command_tells(profile: str) -> None:
    """Arity and keys as COMMAND tells them; what is no command, and what has no keys, is said so."""
    session = Session(profile)
    session.tell("COMMAND GETKEYS MSET a 1 b 2", b"*2\r\n$1\r\na\r\n$1\r\nb\r\n")
    session.tell("COMMAND GETKEYS PING x", b"-ERR The command has no key arguments\r\n")
    session.tell("COMMAND GETKEYS NOSUCH x", b"-ERR Invalid command specified\r\n")
    session.tell("COMMAND INFO nosuch", b"*1\r\n$-1\r\n")
    assert not session.after("COMMAND INFO get", b"*1\r\n$-1\r\n")
