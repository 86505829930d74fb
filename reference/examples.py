"""The text's examples, run on the model: what a block shows a reader is what its rules do.

What must live here: an example's requests, and the comparison of what redis-cli would print with what is written.
Where the model leaves freedom (an order, an id) the printed reply must be one of those allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from redlark.reference.model import Model
from redlark.reference.owing import Worlds
from redlark.reference.replies import encode, some
from redlark.reference.resp import frame, show
from redlark.reference.transcript import split
from redlark.reference.values import NO_REPLY, PARKED, Several
from redlark.reference.world import World
from redlark.spec import syntax as s
from redlark.spec.loader import NotationError


def failures(model: Model) -> Iterator[NotationError]:
    """Every example of a profile that does not show what the model does."""
    names = set(model.commands).union(shared.name for shared in model.shared)
    for command in model.text.commands:
        if command.name in names:
            for example in command.examples:
                if model.profile.holds(example.guard):
                    mistake = played(model, command, example)[1]
                    if mistake is not None:
                        yield mistake


def played(model: Model, command: s.Command, example: s.Example) -> tuple[list[tuple[str, ...]], NotationError | None]:
    """The rules that each line that the profile has of an example reaches, and the first mistake."""
    worlds = model.start(now=1_000_000, config={"cluster-enabled": "yes"} if example.clustered else None)
    connected: set[int] = set()
    told: list[tuple[str, ...]] = []
    for line in example.lines:
        if not model.profile.holds(line.guard):
            continue
        if line.client not in connected:
            worlds = model.connect(worlds, line.client)
            connected.add(line.client)
            if example.resp == 3:
                worlds = (model.perform(worlds[0], line.client, (b"HELLO", b"3"), worlds[0].now)[0],)
        if line.arrives:
            worlds, got = _arrival(model, worlds[0], line.client)
            told.append(())
            if got != "\n".join(line.output):
                return told, NotationError(
                    example.place,
                    f"{model.profile.name}: the example of {command.name} shows that client {line.client} gets\n"
                    f"{chr(10).join(line.output)}\nbut the rules give it\n{got}",
                )
            continue
        request = split(line.request)
        candidates = list(model.ways(worlds[0], line.client, request, worlds[0].now + 1))
        expected = "\n".join(line.output)
        shown = [_shown(reply, run.session["resp"]) for run, reply in candidates]
        if expected not in shown:
            return told, NotationError(
                example.place,
                f"{model.profile.name}: the example of {command.name} shows for {line.request!r}\n{expected}\n"
                f"but the rules give\n{shown[0] if shown else '(no reply at all)'}",
            )
        run = candidates[shown.index(expected)][0]
        told.append(tuple(run.reached))
        worlds = (run.finish(),)
    return told, None


def _arrival(model: Model, world: World, client: int) -> tuple[Worlds, str]:
    """The world behind the next frame that a client is owed, and that frame; where it waits, what ends its waiting."""
    waits = world.waits(client)
    if not world.owed(client) and waits is not None and waits.deadline is not None:
        world = next(iter(model.spontaneous(world, waits.deadline[1])))
    owed = world.owed(client)
    if not owed:
        return (world,), "(nothing)"
    left = tuple(one for one in world.outbox if one is not owed[0])
    return (evolve(world, outbox=left),), _shown(owed[0].reply, owed[0].resp)


def _shown(reply: object, resp: int) -> str:
    if reply is NO_REPLY or reply is PARKED:
        return ""
    if type(reply) is Several:
        return "\n".join(_shown(frame, resp) for frame in reply.frames)
    return show(frame(encode(some(reply, resp), resp)))
