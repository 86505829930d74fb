"""The metadata of the text against COMMAND INFO, COMMAND DOCS and COMMAND GETKEYSANDFLAGS of the servers found here.

Prose is our own (summaries, complexity, history, what replaces a deprecated command, notes of key specifications); all
else is equal. A failure lists every difference as `command.part: text ... / server ...`.
"""

import socket
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from redlark.conformance.drawing.generate import grammar
from redlark.conformance.targets.servers import Server, find_servers, start
from redlark.reference.resp import Decoder, Frame, encode_request
from redlark.spec import syntax as s
from redlark.spec.derivation import table
from redlark.spec.loader import specification
from redlark.spec.metadata import Prose, SetOf, Table
from redlark.spec.profiles import Profile, recognise

SERVERS = find_servers()

# Where a server tells otherwise, and the text does not follow it: by profile and place, each explained in
# docs/reference/metadata.md (a test holds that none is missing there, and that none has become true).
DIFFERENCES: dict[str, dict[str, str]] = {}

# What an older release of a version told otherwise in COMMAND INFO than the newest one, which the text follows.
OLDER = {"redis:6.2.5": {"migrate[3]", "migrate[4]", "migrate[5]"}}  # that its key is the third argument


@frozen
class Target:
    """A running server, its profile, and the text's metadata for it."""

    server: Server
    profile: Profile
    table: Table
    socket: socket.socket

    def ask(self, *request: str | bytes) -> Frame:
        """One request under RESP3."""
        self.socket.sendall(encode_request([r.encode() if isinstance(r, str) else r for r in request]))
        decoder = Decoder()
        while True:
            frames = decoder.feed(self.socket.recv(1 << 20))
            if frames:
                return frames[0]


@pytest.fixture(scope="module", params=SERVERS, ids=lambda server: server.name)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    """Each server of this machine."""
    profile = recognise(request.param.product, request.param.version)
    with start(request.param) as running, socket.create_connection(("127.0.0.1", running.port), timeout=20) as sock:
        target = Target(request.param, profile, table(profile), sock)
        target.ask("HELLO", "3")
        yield target


def plain(frame: Frame) -> Any:
    """A frame as plain values: sets in an order of their own, maps as dicts, simple strings as str."""
    if frame.kind == b"+":
        return frame.value.decode()
    if frame.value is None or frame.kind not in (b"*", b"~", b"%"):
        return frame.value
    items = [plain(item) for item in frame.value]
    if frame.kind == b"%":
        return dict(zip(items[::2], items[1::2], strict=True))
    return sorted(items, key=repr) if frame.kind == b"~" else items


def comparable(value: Any) -> Any:
    """Metadata as `plain` gives it, prose as itself."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, SetOf):
        return sorted((comparable(item) for item in value), key=repr)
    return [comparable(item) for item in value] if isinstance(value, list) else value


def differences(text: Any, server: Any, path: str) -> Iterator[str]:
    """Where two replies differ, in words."""
    if isinstance(text, Prose) and isinstance(server, bytes):
        return
    if isinstance(text, dict) and isinstance(server, dict):
        for key in [*text, *(key for key in server if key not in text)]:
            below = f"{path}.{key.decode()}"
            if key not in server:
                yield f"{below}: text adds {text[key]!r}"
            elif key not in text:
                yield f"{below}: text lacks {server[key]!r}"
            else:
                yield from differences(text[key], server[key], below)
    elif isinstance(text, list) and isinstance(server, list) and len(text) == len(server):
        for place, (one, other) in enumerate(zip(text, server, strict=True)):
            name = one[b"name"].decode() if isinstance(one, dict) and b"name" in one else str(place)
            yield from differences(one, other, f"{path}[{name}]")
    elif text != server:
        yield f"{path}: text {text!r} / server {server!r}"


def without_subcommands(docs: dict[bytes, Any]) -> dict[bytes, Any]:
    """The docs of a container alone: the text specifies some of its subcommands, and each is compared by itself."""
    return {key: value for key, value in docs.items() if key != b"subcommands"}


def test_command_info(target: Target) -> None:
    """COMMAND INFO of each command is what its syntax line and facts give, its subcommands' names apart."""
    found = []
    for name in target.table.commands:
        (real,) = plain(target.ask("COMMAND", "INFO", name))
        if real is None:
            found.append(f"{name}: the server has no such command")
        else:
            found += differences(comparable(target.table.info(name)[:9]), real[:9], name)
    found = [line for line in found if line.partition(":")[0] not in OLDER.get(target.server.name, ())]
    assert not found, "\n".join(found)


def test_command_docs(target: Target) -> None:
    """COMMAND DOCS of each command is what its syntax line and facts give, prose apart."""
    if target.profile.version < (7, 0):
        pytest.skip("COMMAND DOCS came with 7.0")
    found = []
    for name in target.table.commands:
        real = plain(target.ask("COMMAND", "DOCS", name)).get(name.encode(), {})
        text = comparable(target.table.docs(name))
        found += differences(without_subcommands(text), without_subcommands(real), name)
    known = DIFFERENCES.get(target.profile.name, {})
    assert not [line for line in found if line.partition(": ")[0] not in known], "\n".join(found)
    assert {line.partition(": ")[0] for line in found} == set(known), "a difference that is none any more"


def test_differences_are_explained() -> None:
    """Each difference between the text's metadata and a server's stands in the documents, with its reason."""
    page = (Path(__file__).parents[2] / "docs/reference/metadata.md").read_text()
    for profile, known in DIFFERENCES.items():
        for place, reason in known.items():
            assert f"| {profile} | `{place.replace('|', chr(92) + '|')}` | {reason} |" in page


def samples(parts: Iterable[s.Part], everything: bool) -> Iterator[str]:
    """A request's arguments, options left out or all in, each repetition twice, each count 2."""
    for part in parts:
        if isinstance(part, s.Token):
            yield part.word
        elif isinstance(part, s.Choice):
            yield part.words[0][0]
        elif isinstance(part, s.Pairs):
            yield from list(samples(part.parts, everything)) * (2 if part.repeat else 1)
        elif isinstance(part, s.Group):
            if everything:
                yield from samples(part.alternatives[0].parts, everything)
        else:
            yield from ["2" if part.type not in ("text", "key") else part.name] * (2 if part.repeat else 1)


@pytest.mark.parametrize("everything", [False, True], ids=["bare", "full"])
def test_keys(target: Target, everything: bool) -> None:
    """COMMAND GETKEYSANDFLAGS finds the keys of sample requests where the key specifications have them."""
    if target.profile.version < (7, 0):
        pytest.skip("COMMAND GETKEYSANDFLAGS came with 7.0")
    found = []
    for command in specification().commands:
        facts = target.table.commands.get(command.name.lower())
        if facts is None or all("not-key" in spec.flags for spec in facts.key_specs):
            continue
        line = grammar(command, target.profile).line
        request = [*command.name.split("|"), *samples(line, everything)]
        if len(request) < abs(facts.arity):  # an option that must be there
            request = [*command.name.split("|"), *samples(line, True)]
        real = plain(target.ask("COMMAND", "GETKEYSANDFLAGS", *request))
        keys = facts.keys([word.encode() for word in request])
        text = [[key, sorted(flag.replace("-", "_") for flag in flags)] for key, flags in keys or ()]
        if keys is None:  # there must be keys, and there are none
            real = [] if str(real).startswith("b'ERR Invalid arguments") else real
        found += differences(text, real, " ".join(request))
    assert not found, "\n".join(found)
