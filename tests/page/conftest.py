"""Real reports, a large one of their shapes, and Debian's Chromium to open pages in."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import field, mutable
from click.testing import CliRunner

from redlark.conformance import campaign
from redlark.conformance.cli import conform
from redlark.conformance.reports import html
from redlark.conformance.targets import servers as machine
from redlark.reference import Model

COMMANDS = "SET,GETEX,LPOS,LMOVE,ZADD"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The report of a real run: three targets at most, a few commands, one of them held to another version."""
    found = [one for one in machine.find_servers() if one.product == "redis"]
    if not found:
        pytest.skip("no redis-server on this machine")
    oldest = min(found, key=lambda one: one.number)
    file = tmp_path_factory.mktemp("small") / "report.json"
    targets = list(dict.fromkeys([found[0].name, oldest.name, "embedded"]))
    options = ("--profile", "redis-8.2", "--commands", COMMANDS, "--seed", "3", "--requests", "250", "--budget", "120")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(campaign, "TRIED_FIRST", 1000)  # what is looked for longest is of no interest here
        done = CliRunner().invoke(conform, [*targets, *options, "--quiet", "--json", str(file)])
    assert done.exit_code in (0, 1), done.output
    told: dict[str, Any] = json.loads(file.read_text())
    if len(found) > 1:
        assert done.exit_code == 1, "an old server conforms to a new profile"
    return told


@pytest.fixture(scope="session")
def large(small: dict[str, Any]) -> dict[str, Any]:
    """A report of four hundred commands by eight targets: the text's rules, divergences as they were seen."""
    rng = random.Random(1)
    seen = [d for target in small["targets"] for c in target["commands"].values() for d in c["divergences"]]
    profiles = (
        "redis-6.2",
        "redis-7.0",
        "redis-7.2",
        "redis-7.4",
        "redis-8.0",
        "redis-8.2",
        "valkey-8.1",
        "valkey-9.1",
    )
    report = copy.deepcopy(small)
    report["targets"] = [_target(small["targets"][0], profile, seen, rng) for profile in profiles]
    every = {name for target in report["targets"] for name in target["commands"]}
    for number in range(400 - len(every)):  # modules have commands that no profile knows
        for target in report["targets"][4:6]:
            target["commands"][f"MODULE{number}"] = _verdict("unspecified", "", {}, [], 0)
    return report


def _target(like: dict[str, Any], profile: str, seen: list[Any], rng: random.Random) -> dict[str, Any]:
    model, target = Model.load(profile), copy.deepcopy(like)
    target |= {"target": profile.replace("-", ":"), "server": profile.replace("-", " ") + ".9", "profile": profile}
    target["commands"], target["unreached"] = {}, {}
    target["reached_in"] = {"2": {}, "3": {}}
    for name, command in model.commands.items():
        verdict = rng.choices(("conforms", "diverges", "unsupported", "not run"), (80, 6, 8, 6))[0]
        reached = {}
        for rule in command.rules:
            both = [rng.choice((0, 1, 7, 140)) if verdict in ("conforms", "diverges") else 0 for _ in "23"]
            target["reached_in"]["2"][rule], target["reached_in"]["3"][rule] = both
            reached[rule] = sum(both)
            if not sum(both):
                target["unreached"][rule] = "not reached within the budget"
        found = []
        for one in rng.sample(seen, min(len(seen), 2)) if verdict == "diverges" else []:
            found.append({**one, "rules": [rng.choice(command.rules)] if command.rules else []})
        target["commands"][name] = _verdict(verdict, str(command.facts["group"][0]), reached, found, 100)
    verdicts = [one["verdict"] for one in target["commands"].values()]
    rules = [count for one in target["commands"].values() for count in one["reached"].values()]
    target["totals"] |= {
        "commands": len(verdicts), "conform": verdicts.count("conforms"), "diverge": verdicts.count("diverges"),
        "unsupported": verdicts.count("unsupported"), "not_run": verdicts.count("not run"), "rules": len(rules),
        "rules_reached": sum(count > 0 for count in rules), "requests": 1_234_567,
    }  # fmt: skip
    return target


def _verdict(verdict: str, group: str, reached: dict[str, int], found: list[Any], requests: int) -> dict[str, Any]:
    counted = {"rules": len(reached), "rules_reached": sum(count > 0 for count in reached.values()), "reached": reached}
    options = {"NX": requests // 3} if requests else {}
    return {
        "verdict": verdict, "group": group, "requests": requests, **counted, "options": options, "divergences": found,
    }  # fmt: skip


# ---- the browser --------------------------------------------------------------------------------------------------


@mutable
class Opened:
    """A page that was opened from a file, and all that it said and asked for since."""

    page: Any
    path: Path
    said: list[str] = field(factory=list)
    asked: list[str] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.page.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def go(self, fragment: str = "") -> None:
        """Open the file anew, at a fragment."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.path.as_uri()}#{fragment}" if fragment else self.path.as_uri())

    def all_rows(self) -> None:
        """Make every row, as for paper."""
        self.page.evaluate("dispatchEvent(new Event('beforeprint'))")

    def shown(self) -> list[str]:
        """The names of the rows that are shown, blocks of all commands among them."""
        names: list[str] = self.page.evaluate(
            "[...document.querySelectorAll('.command')].filter(r => r.checkVisibility()).map(r => r.dataset.name)"
        )
        return names

    def cell(self, command: str, target: int, rule: str = "") -> Any:
        """A cell of a command, or of one of its rules where that is unfolded."""
        row = self.page.locator(f'.command[data-name="{command}"]')
        if rule:
            named = self.page.locator(".name", has=self.page.get_by_text(rule, exact=True))
            row = row.locator("xpath=following-sibling::*[1]").locator(".leafrow.rule", has=named)
        return row.locator(f'[data-t="{target}"]')

    def focused(self) -> Any:
        """What has the focus: the row's name, the target's number, the element's id."""
        return self.page.evaluate(
            "(e => [e.closest('.row')?.querySelector('.name')?.firstChild.textContent ?? '', e.dataset.t ?? '', e.id])"
            "(document.activeElement)"
        )


Open = Callable[..., Opened]


@pytest.fixture
def open_page(chromium: Any, tmp_path: Path) -> Iterator[Open]:
    """Opens the page of a report; at the end it must have said nothing and asked for nothing but itself."""
    opened: list[Opened] = []
    contexts = []

    def start(
        report: dict[str, Any], fragment: str = "", *, width: int = 1280, height: int = 800, **more: Any
    ) -> Opened:
        path = tmp_path / f"report{len(opened)}.html"
        path.write_text(html.render(report), encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": height}, **more)
        context.set_offline(True)
        context.set_default_timeout(20_000)
        contexts.append(context)
        one = Opened(context.new_page(), path)
        one.go(fragment)
        opened.append(one)
        return one

    yield start
    for number, one in enumerate(opened):
        one.page.screenshot(path=tmp_path / f"at-the-end-{number}.png")
        assert one.said == []
        mine = (one.path.as_uri(), "about:blank", "data:")
        assert [url for url in one.asked if not url.startswith(mine)] == []
    for context in contexts:
        context.close()
