"""What a request can meet: which keys, whether the clock, and whether it may change what others see.

The search for an order (``linearize.py``) asks this to leave out orders that cannot differ. All of it is read off the
text: key specifications, flags, the names of arguments. Where the text does not say, the answer is the careful one.
What must not live here: a command by its name, but for those that make a transaction.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from attrs import field, mutable

from redlark.conformance.drawing.generate import walk
from redlark.reference import Model
from redlark.reference.blocks import Compiled
from redlark.spec import syntax
from redlark.spec.derivation import table
from redlark.spec.metadata import Facts

if TYPE_CHECKING:
    from redlark.conformance.crowds.linearize import Operation

Request = tuple[bytes, ...]
Thing = tuple[str, object]  # what two requests may share: a key, a write of one client, all who wait

WAITING: Thing = ("waiting", None)
EVERYTHING: Thing = ("everything", None)
_TIMES = frozenset((
    "seconds", "milliseconds", "unix-seconds", "unix-milliseconds", "unix-time-seconds", "unix-time-milliseconds",
    "timeout", "ttl", "min-idle-time",
))  # fmt: skip
_OWN = frozenset(("transactions", "connection"))  # groups whose commands, if without keys, touch their client alone


@mutable
class Footprints:
    """What the requests of one profile can meet."""

    model: Model
    _facts: dict[str, Facts] = field(init=False)
    _timed: dict[bytes, tuple[bool, frozenset[bytes]]] = field(factory=dict, init=False)

    @_facts.default
    def _table(self) -> dict[str, Facts]:
        return dict(table(self.model.profile, self.model.text).commands)

    def told(self, command: Compiled) -> Facts | None:
        """What COMMAND tells of a command; 6.2 tells of subcommands by their container alone, and of QUIT not at all.

        None, too, of a subcommand whose container a run leaves out.
        """
        name = command.name.lower()
        return self._facts.get(name) or self._facts.get(name.partition("|")[0])

    def keys(self, request: Request) -> frozenset[Thing]:
        """The keys that a request may read or write; `EVERYTHING` where only the whole keyspace can be named."""
        command = self.model.command(request)
        if command is None:
            return frozenset()  # nothing but an error
        facts = self.told(command)
        if facts is None:
            return frozenset((EVERYTHING, WAITING))
        if not facts.key_specs:
            things = () if facts.group in _OWN else (EVERYTHING,)
            return frozenset((*things, *((WAITING,) if command.key == b"client|unblock" else ())))
        if any(spec.unknown or "incomplete" in spec.flags for spec in facts.key_specs):
            return frozenset((EVERYTHING,))
        found = facts.keys(request)
        words = request[1:] if found is None else [key for key, _ in found]
        return frozenset((*(("key", word) for word in words), *((WAITING,) if command.parks else ())))

    def is_timed(self, request: Request) -> bool:
        """Whether a request may set a deadline, wait, or keep a time: whether the clock can matter because of it."""
        command = self.model.command(request)
        if command is None:
            return False
        known = self._timed.get(command.key)
        if known is None:
            always, words = False, set[bytes]()
            for part in command.block.syntax:
                if any(isinstance(one, syntax.Argument) and one.name in _TIMES for one in walk((part,))):
                    tokens = {one.text.encode() for one in walk((part,)) if isinstance(one, syntax.Token)}
                    always, words = always or not tokens, words | tokens
            facts = self.told(command)
            always = always or command.parks or facts is None or facts.group == "stream"
            known = self._timed[command.key] = always, frozenset(words)
        return known[0] or any(word.upper() in known[1] for word in request[1:])

    def only_reads(self, one: Operation, queued: Sequence[Request] = ()) -> bool:
        """Whether an operation that was answered so changes nothing that others see, wherever it stands.

        ``queued`` is what its client has queued, which EXEC runs. A request that failed may leave a value's encoding
        changed: that counts as nothing only where it failed before it had looked at a value.
        """
        assert one.reply is not None
        if one.request[0].upper() == b"EXEC":
            nothing_ran = one.reply.is_error or not one.reply.value
            return nothing_ran or all(self._reads(request) for request in queued)
        if self._reads(one.request):
            return True
        return one.reply.is_error and one.reply.raw.startswith((b"-WRONGTYPE", b"-ERR wrong number", b"-ERR unknown"))

    def _reads(self, request: Request) -> bool:
        command = self.model.command(request)
        if command is None:
            return True
        facts = self.told(command)  # PFCOUNT is `readonly`, and keeps what it has counted
        if facts is None or b"readonly" not in command.flags or command.parks:
            return False
        return all("RO" in spec.flags for spec in facts.key_specs)


@cache
def footprints_of(model: Model) -> Footprints:
    """The footprints of a model, read off its text once."""
    return Footprints(model)


def components(footprints: Footprints, operations: Sequence[Operation]) -> list[list[Operation]]:
    """The operations in groups that share nothing, each in the order in which they were.

    Joined are those that share a key, those of one write (their order is promised, though all of them were on their way
    at once), and those of one client from WATCH or MULTI on to the end of its transaction.
    """
    groups: dict[Thing, Thing] = {}

    def root(thing: Thing) -> Thing:
        while (up := groups.setdefault(thing, thing)) != thing:
            thing = up
        return thing

    freeing = any(
        WAITING in footprints.keys(one.request) and not footprints.model.parks(one.request) for one in operations
    )
    inside: dict[int, int] = {}  # of a client: where what it is inside of began
    homes: list[Thing] = []
    for one in operations:
        name = one.request[0].upper()
        if name in (b"WATCH", b"MULTI"):
            inside.setdefault(one.client, one.invoked)
        home: Thing = ("write", (one.client, one.invoked))
        homes.append(home)
        things = footprints.keys(one.request)
        if one.client in inside:
            things |= {("write", (one.client, inside[one.client]))}
        for thing in things if freeing else things - {WAITING}:
            groups[root(thing)] = root(home)
        ended = one.reply is not None and (not one.reply.is_error or one.reply.raw.startswith(b"-EXECABORT"))
        if name in (b"EXEC", b"DISCARD") and ended:
            inside.pop(one.client, None)
    if EVERYTHING in groups:
        return [list(operations)]
    found: dict[Thing, list[Operation]] = {}
    for one, home in zip(operations, homes, strict=True):
        found.setdefault(root(home), []).append(one)
    return list(found.values())
