"""cjson, cmsgpack, struct and bit of the server's scripts, beside the model's, which are held to real servers' octets.

The two were written apart, and have nothing in common.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings

from redlark.reference import Model
from tests.reference.test_script_libraries import NOW, script, scripts
from tests.server.conftest import Wire


def test_libraries_answer_as_the_models_do(client: Wire) -> None:
    """Values, errors and the settings that stay: every octet is the model's."""
    model = Model.load("redis-8.2")
    world = model.connect(model.start(now=NOW), 0)[0]

    @settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
    @given(scripts(pairs=3))
    def agrees(drawn: list[str]) -> None:
        nonlocal world
        for request in ((b"SCRIPT", b"FLUSH"), *(script(call) for call in drawn)):
            world, reply = model.perform(world, 0, request, NOW)
            assert client(*request) == reply, request

    agrees()
