"""Where scripts say that an error is, beside Redis 8.2.3 and the model: levels of error() across pcall and xpcall."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.reference.test_scripts import Client
from tests.server.conftest import Wire

# No call of a script is a tail call here (sandbox.lua), so of one that is, Redis has no line and here there is one.
LAYERS = {
    "call": "local e = (function()\n{}\nend)()\nreturn e",
    "named": "local function f()\n{}\nend\nlocal e = f()\nreturn e",
    "pcall": "local ok, e = pcall(function()\n{}\nend)\nreturn e",
    "xpcall": "local ok, e = xpcall(function()\n{}\nend, function(m) return m end)\nreturn e",
    "again": "local ok, more, e = pcall(pcall, function()\n{}\nend)\nreturn e",
    "shown": "local ok, e = pcall(tostring, setmetatable({{}}, {{__tostring = function()\n{}\nend}}))\nreturn e",
}
MODEL = Client("redis-8.2")
CORES = (
    "error({})", "return error({})", "local ok, e = pcall(error, {})\nreturn e",
    "local ok, a, e = pcall(pcall, error, {})\nreturn e",
)  # fmt: skip
ARGUMENTS = st.tuples(
    st.sampled_from(("'x'", "7", "{err = 'x'}", "nil", "true")),
    st.sampled_from(("", ", nil", ", 0", ", -1", ", '2'", ", 2.5", ", 'x'", ", {}", *(f", {n}" for n in range(1, 9)))),
).map("".join)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(CORES), ARGUMENTS, st.lists(st.sampled_from(sorted(LAYERS)), max_size=4))
@example(CORES[2], "'x', 2", [])
@example(CORES[0], "'x', 3", ["pcall"])
def test_a_level_leads_where_it_does_in_redis(
    real_port: int, client: Wire, core: str, arguments: str, layers: list[str]
) -> None:
    """The same text, with the same line, or none, however many functions and catchers are in between."""
    code = core.format(arguments)
    for layer in layers:
        code = LAYERS[layer].format(code)
    real = Wire(real_port)
    try:
        told = real("EVAL", code, 0)
    finally:
        real.close()
    assert client("EVAL", code, 0) == told
    assert MODEL("EVAL", code, "0") == told
