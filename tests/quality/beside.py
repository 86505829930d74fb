"""Faults that no proxy of replies can make: of what is pushed, of what replicas are told, between several clients.

Each has a test of its own beside this; here they are measured as those tests run them, on redis 8.2 where they do.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from attrs import frozen

from redlark.conformance.targets import servers as machine

from . import test_concurrency as concurrency
from . import test_invalidations as invalidations
from . import test_propagation as propagation
from . import test_pushes as pushes
from .power import Short
from .proxy import Handler

SERVER = "redis:8.2"


@frozen
class Seen:
    """What became of such a fault: after how many requests it was found (0: never), and what it was cut down to."""

    fault: str
    layer: str
    requests: int
    size: int
    longest: int  # that its test allows

    @property
    def found(self) -> bool:
        """Whether it was, and is told as shortly as its test asks for."""
        return 0 < self.size <= self.longest


Measure = Callable[[], tuple[int, int]]


def every() -> dict[str, tuple[str, int, Measure]]:
    """Of each fault, by what it does: its layer, how many requests it may be cut down to, and who measures it."""
    found: dict[str, tuple[str, int, Measure]] = {}
    for push in pushes.FAULTS:
        name = push.name.replace("_", " ") if push.pusher is pushes.nothing else _told(push.pusher)
        layer = {pushes.MESSAGES: "pub/sub", pushes.EVENTS: "events"}.get(push.commands, "waiting")
        found[name] = (layer, pushes.LONGEST, partial(_short, partial(pushes.measured, fault=push)))
    for pusher in invalidations.FAULTS:
        measured = partial(_short, partial(invalidations.measured, fault=pusher))
        found[_told(pusher)] = ("tracking", invalidations.LONGEST, measured)
    for change in propagation.FAULTS:
        found[_told(change)] = ("propagation", propagation.LONGEST, partial(_replica, change))
    for handler, waits in concurrency.BETWEEN.items():
        found[_told(handler)] = ("several clients", concurrency.LONGEST, partial(_crowd, handler, waits))
    return found


def measure(name: str) -> Seen:
    """One of them, before a server of its own."""
    layer, longest, measured = every()[name]
    requests, size = measured()
    return Seen(name, layer, requests, size, longest)


def _told(one: Callable[..., object]) -> str:
    """What a fault does, by its docstring."""
    text = (one.__doc__ or "").strip().rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() or text[1:2] == " " else text


def _short(search: Callable[[machine.Running], Short]) -> tuple[int, int]:
    with machine.running(machine.pick(SERVER, machine.find_servers())) as running:
        short = search(running)
    sure = short.finding is not None and short.finding.reproduced
    return (short.requests, len(short.asked)) if sure else (0, 0)


def _replica(change: propagation.Change) -> tuple[int, int]:
    with propagation.beside_a_replica(machine.pick(SERVER, machine.find_servers())) as bench:
        found = propagation.measured(bench, change)
    return (found.asked, len(found.shortest)) if found.shortest else (0, 0)


def _crowd(handler: Callable[[], Handler], waits: bool) -> tuple[int, int]:
    server = machine.pick(SERVER, machine.find_servers()) if waits else None
    with machine.running(server) as running:
        crowd = concurrency.crowd(running, handler(), concurrency.HISTORIES, waits=waits)
    found = crowd.contradictions
    return (crowd.requests, len(found[0].operations)) if found else (0, 0)
