"""Every example of the text, run on real servers: what a page shows is what they do."""

from __future__ import annotations

import re

import pytest

from redlark.conformance.drawing import examples
from redlark.conformance.drawing.generate import grammar
from redlark.conformance.judging.judge import Judge
from redlark.conformance.targets.profiles import choose, model_of
from redlark.conformance.targets.target import parse_address, prepare
from redlark.spec.profiles import profile

records = pytest.importorskip("docs.generator.records")

FEWEST = 900  # requests that the examples of any server's profile have between them


@pytest.mark.slow
@pytest.mark.parametrize("server", ["redis:8.2", "valkey:9.1", "redis:7.0", "redis:6.2", "valkey:8.1"])
def test_every_example_holds_on_a_real_server(start_server, server: str) -> None:
    """Each example of each command that is sent to servers is what this one does, in either protocol."""
    running = start_server(server)
    target = prepare(parse_address(running.url), destructive=True)
    chosen = profile(choose(target.info, None).profile)
    assert re.sub(r"\.\d+$", "", records.SERVERS[chosen.name]) == server.replace(":", " ")
    model = model_of(chosen.name, target)
    judge = Judge(model, target, timeout=60.0)  # PFSELFTEST takes its time
    wrong = []
    try:
        for name, command in sorted(model.commands.items()):
            if records.unsent(command.block):
                continue
            grammars = {name: grammar(command.block, chosen)}
            for history in examples.histories(grammars, [name], chosen, (2, 3)):
                found = judge.run(history)
                if found is not None:
                    wrong.append((name, found.seen, [each.request for each in found.exchanges]))
    finally:
        judge.close()
    assert wrong == []
    assert judge.requests > FEWEST
