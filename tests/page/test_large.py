"""Four hundred commands by eight targets: what is done at once, what is left until it is seen, and how long that took.

Times are told, not judged: they hang on the machine. What is judged is how much was done.
"""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Open

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]

BUILT = "document.documentElement.redlark.built"
TIMES = "performance.getEntriesByType('measure').map(m => [m.name.replace('redlark:', ''), m.duration])"


def test_rows_are_made_as_they_come_into_view(
    open_page: Open, large: dict[str, Any], record_property: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """At first only rows near the view have cells; filters make few; going to the end makes those that are met."""
    one = open_page(large)
    page = one.page
    total = page.locator(".command").count()
    assert total >= 400
    assert page.locator(".columns [data-t]").count() == 8
    page.wait_for_function(f"{BUILT}.rows > 5")
    first = page.evaluate(BUILT)
    assert first["rows"] < total / 4
    assert first["children"] == 0
    page.locator("#q").fill("s")
    page.locator("#q").fill("")
    for verdict in ("diverges", "conforms", "diverges", "conforms"):
        page.locator(f'.chip[data-verdict="{verdict}"]').click()
    after = page.evaluate(BUILT)
    assert after["filters"] >= first["filters"] + 6
    assert after["rows"] < total / 2
    page.locator(".command:visible .name").first.focus()
    page.keyboard.press("Control+End")
    page.wait_for_function(f"{BUILT}.rows > {after['rows']}")
    assert one.focused()[0] != ""
    times: dict[str, list[float]] = {}
    for name, took in page.evaluate(TIMES):
        times.setdefault(name, []).append(took)
    told = {name: f"{sorted(each)[len(each) // 2]:.0f} ms" for name, each in times.items()}
    record_property("times", told)
    with capsys.disabled():
        print(f"\n  {total} rows by 8 targets, {len(one.path.read_text()) / 1e6:.1f} MB: {told}")


def test_everything_can_be_unfolded(open_page: Open, large: dict[str, Any]) -> None:
    """With x every rule of every command is there, in every target's column, and again none."""
    one = open_page(large)
    rules = {rule for target in large["targets"] for c in target["commands"].values() for rule in c["reached"]}
    one.page.keyboard.press("x")
    assert one.page.evaluate("document.querySelectorAll('.leafrow.rule .cell').length") >= 8 * len(rules)
    one.page.keyboard.press("x")
    assert one.page.evaluate("[...document.querySelectorAll('.leafrow')].filter(e => e.checkVisibility()).length") == 0
