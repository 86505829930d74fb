"""Requests of commands that are never sent: only those go out that the text refuses for how they are spelled."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from redlark.conformance.drawing import refused
from redlark.conformance.drawing.generate import grammar
from redlark.reference import Model
from redlark.reference.values import ErrorReply

NOW = 1_000_000_000_000


def campaign(profile: str, launch: object, seed: int = 1) -> SimpleNamespace:
    """As much of a campaign as says what may be sent."""
    model = Model.load(profile)
    grammars = {name: grammar(one.block, model.profile) for name, one in model.commands.items()}
    sendable = frozenset(name for name, one in grammars.items() if not one.never_sent)
    options = SimpleNamespace(seed=seed, protocols=(2,))
    return SimpleNamespace(
        launch=launch, options=options, model=model, grammars=grammars, selected=frozenset(grammars), sendable=sendable
    )


@pytest.mark.parametrize("profile", ["redis-6.2", "redis-8.2", "valkey-9.1"])
@pytest.mark.parametrize("cluster", ["no", "yes"])
def test_only_what_is_refused_is_sent(profile: str, cluster: str) -> None:
    """Each such request is answered with an error by the model, SHUTDOWN among them; so nothing ends or changes."""
    one = campaign(profile, object())
    model, asked = one.model, set()
    for history in refused.of(one, {"cluster-enabled": cluster}):  # type: ignore[arg-type]
        world = model.connect(model.start(config={"cluster-enabled": cluster}, now=NOW), 0)[0]
        for step in history.steps:
            parts = step.requests[0].resolve(NOW, lambda _: b"0")
            asked.add(model.command(parts).name if model.command(parts) else "")
            for run, reply in model.ways(world, 0, parts, NOW):
                assert isinstance(reply, ErrorReply), parts
                assert run.finish().databases == world.databases
                assert not run.session.get("closed")
    assert "SHUTDOWN" in asked
    assert asked.isdisjoint(refused.SPARED)


def test_servers_of_others_are_spared() -> None:
    """To a server that the run has not started, none of them is sent."""
    assert list(refused.of(campaign("redis-8.2", None), {})) == []  # type: ignore[arg-type]
