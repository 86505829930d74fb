"""The site in a browser, read from the file system: profiles, the playground, the search; nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """A page of a browser without a network; at the end nothing has failed, and nothing was asked of another host."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(60_000)
    context.set_offline(True)
    one, said, asked = context.new_page(), [], []
    one.on("pageerror", lambda error: said.append(str(error)))
    one.on("request", lambda request: asked.append(request.url))
    yield one
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "about:", "data:", "blob:"))] == []
    context.close()


def faded(page: Any) -> list[str]:
    """The words of the rules that do not hold in the chosen profile."""
    told: list[str] = page.eval_on_selector_all("pre.rl-text .rl-off", "all => all.map(one => one.textContent)")
    return told


def test_what_a_profile_lacks_fades(page: Any, site: Path) -> None:
    """SET as Redis 6.2 has it: IFEQ fades in the line, the rule `past` in the text; all versions at once: nothing."""
    page.goto((site / "commands" / "set.html").as_uri())
    choice = page.locator("[data-rl-profiles] select")
    assert faded(page) == []
    choice.select_option("redis-6.2")
    assert any("IFEQ" in words for words in faded(page))
    assert any(words.startswith("rule past") for words in faded(page))
    assert not any("get-with-nx" in words for words in faded(page))
    choice.select_option("valkey-9.1")
    assert any("get-with-nx" in words for words in faded(page))
    assert not any(words.startswith("rule past") for words in faded(page))


def test_the_playground_reads_two_profiles_beside_each_other(page: Any, site: Path) -> None:
    """A command is typed, two profiles are chosen; what one alone has is marked, and the address says what is shown."""
    page.goto((site / "playground.html").as_uri())
    name = page.get_by_label("Command", exact=True)
    name.fill("GETDEL")
    page.get_by_role("heading", name="GETDEL").wait_for()
    name.fill("SETEX")
    page.get_by_role("heading", name="SETEX").wait_for()
    name.fill("SET")
    page.get_by_role("heading", name="SET", exact=True).wait_for()
    page.get_by_label("Profile", exact=True).select_option("redis-6.2")
    page.get_by_label("Beside", exact=True).select_option("redis-8.2")
    assert "get-with-nx" in "".join(page.locator("pre .rl-only-a").all_text_contents())
    assert "past" not in "".join(page.locator("pre .rl-only-b").all_text_contents())
    assert "profile=redis-6.2" in page.url
    assert "beside=redis-8.2" in page.url
    page.get_by_label("hide what does not hold").check()
    assert not page.locator("pre .rl-off").first.is_visible()


def test_the_search_runs_without_a_server(page: Any, site: Path) -> None:
    """A word that is typed finds the page of a command, though no worker is started from a file."""
    page.goto((site / "index.html").as_uri())
    page.locator("[data-md-component=search-query]").press_sequentially("LINDEX")  # the theme listens to keys
    page.locator(".md-search-result__link[href*='commands/lindex.html']").first.wait_for(state="attached")
