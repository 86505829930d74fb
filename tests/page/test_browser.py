"""The page in a real browser: what one sees, clicks, types and copies."""

from __future__ import annotations

import copy
import json
import random
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from redlark.conformance.cli import conform
from tests.waiting import soon

from .conftest import Open, Opened

pytestmark = [pytest.mark.xdist_group("browser"), pytest.mark.slow]
Json = dict[str, Any]
SIGNS = {"conforms": "✓", "diverges": "✕", "unsupported": "⊘", "not run": "○", "unspecified": "?"}


def diverging(report: Json) -> tuple[int, str, Json]:
    """A divergence of a rule of its own command, and where: the target's number and the command."""
    for number, target in enumerate(report["targets"]):
        for name, verdict in target["commands"].items():
            for one in verdict["divergences"]:
                if one["rules"] and one["rules"][0] in verdict["reached"]:
                    return number, name, one
    pytest.skip("every server of this machine conforms to the newest profile")


def test_cells_say_what_the_report_says(open_page: Open, small: Json) -> None:
    """Each command's cell has the sign of its verdict and its count; so has each line of the summary."""
    one = open_page(small)
    one.all_rows()
    for number, target in enumerate(small["targets"]):
        line = one.page.locator(f'.summary tr[data-target="{number}"]')
        assert f"{target['totals']['requests']:,}" in line.inner_text()
        for name, verdict in target["commands"].items():
            text = one.cell(name, number).inner_text().split()
            assert SIGNS[verdict["verdict"]] in text
            if verdict["verdict"] == "diverges":
                assert str(len(verdict["divergences"])) in text
            elif verdict["verdict"] == "conforms" and verdict["rules"]:
                assert f"{verdict['rules_reached']}/{verdict['rules']}" in text


def test_a_rules_cell_has_both_protocols(open_page: Open, small: Json) -> None:
    """Unfolded, a command shows for each rule how often RESP2 and RESP3 reached it."""
    one = open_page(small)
    one.page.locator('.command[data-name="LMOVE"] .name').click()
    target = small["targets"][0]
    for rule in target["commands"]["LMOVE"]["reached"]:
        halves = one.cell("LMOVE", 0, rule.split("/")[1]).locator(".half").all_inner_texts()
        assert halves == [str(target["reached_in"][p].get(rule) or "○") for p in "23"]
    one.page.locator("[data-protocol='3']").click()
    assert one.cell("LMOVE", 0, "moved").locator(".half:visible").count() == 1


def test_a_cell_opens_its_rule_and_what_was_seen(open_page: Open, small: Json, tmp_path: Path) -> None:
    """The detail holds the rule as it is written, what was allowed and seen, and the transcript."""
    number, name, found = diverging(small)
    one = open_page(small)
    one.page.locator(f'.command[data-name="{name}"] .name').click()
    rule = found["rules"][0].split("/")[1]
    one.cell(name, number, rule).click()
    detail = one.page.locator("#detail")
    assert rule in detail.locator("pre.source .here").first.inner_text()
    assert detail.locator("pre.allowed").first.inner_text() == found["allowed"][0]
    assert detail.locator("pre.seen").first.inner_text() == found["seen"]
    for exchange in found["exchanges"]:
        assert exchange["request"] in detail.locator("pre.transcript").first.inner_text()
    one.page.screenshot(path=tmp_path / "detail.png")
    one.page.keyboard.press("Escape")
    assert detail.is_hidden()


def test_the_command_line_runs_just_that_again(open_page: Open, small: Json, tmp_path: Path) -> None:
    """What the detail gives to run finds a divergence of the same rule again."""
    number, name, found = diverging(small)
    one = open_page(small, f"{name}/{found['rules'][0].split('/')[1]}/{small['targets'][number]['target']}")
    words = shlex.split(one.page.locator("pre.again").first.inner_text())
    assert words[:3] == ["redlark", "conform", small["targets"][number]["target"]]
    file = tmp_path / "again.json"
    done = CliRunner().invoke(conform, [*words[2:], "--requests", "400", "--quiet", "--json", str(file)])
    assert done.exit_code == 1, done.output
    (target,) = json.loads(file.read_text())["targets"]
    assert target["profile"] == small["targets"][number]["profile"]
    assert found["rules"] in [d["rules"] for one in target["commands"].values() for d in one["divergences"]]


# A browser that does not let a page write to the clipboard; the old way, by a selection, is noted.
NO_CLIPBOARD = """() => {
  window.copied = "";
  Clipboard.prototype.writeText = async () => { throw new Error("refused"); };
  document.addEventListener("copy", () => { window.copied = document.activeElement.value; });
}"""


def test_the_transcript_is_copied(open_page: Open, small: Json) -> None:
    """The button beside it, and the key c, put the lines for redis-cli on the clipboard."""
    number, name, found = diverging(small)
    one = open_page(small, f"{name}/{found['rules'][0].split('/')[1]}/{small['targets'][number]['target']}")
    one.page.evaluate(
        "document.addEventListener('copy', () => { window.copied = String(document.activeElement.value); })"
    )
    one.page.evaluate("Clipboard.prototype.writeText = async (text) => { window.copied = text; }")
    button = one.page.locator("#detail .finding [data-copy]").first
    button.click()
    assert one.page.evaluate("window.copied") == found["transcript"]
    assert button.inner_text() == "Copied"
    one.page.evaluate(NO_CLIPBOARD)
    one.page.keyboard.press("c")
    one.page.wait_for_function("window.copied")
    assert one.page.evaluate("window.copied") == found["transcript"]


def test_what_a_baseline_knows_is_told_apart(open_page: Open, small: Json) -> None:
    """What a baseline accepts is hatched, its reason stands in the detail, and the verdict says so."""
    number, name, _ = diverging(small)
    report = copy.deepcopy(small)
    target = report["targets"][number]
    for verdict in target["commands"].values():
        for one in verdict["divergences"]:
            one["known"] = "wording of an older version"
    page = open_page(report, f"{name}//{target['target']}")
    assert "known" in page.cell(name, number).get_attribute("class").split()
    assert page.page.locator("#detail .finding .line").first.inner_text() == "Known: wording of an older version"
    assert "known" in page.page.locator(f'.summary tr[data-target="{number}"] .pill').inner_text()


# ---- filters ------------------------------------------------------------------------------------------------------


def expected(data: Json, state: Json) -> set[str]:
    """The rows that filters leave, worked out anew."""
    on = range(len(data["targets"])) if state["target"] == "" else [int(state["target"])]
    names = set()
    for row in data["commands"]:
        shared = row["group"] == "every command"
        standing = []
        for number, cell in enumerate(row["cells"]):
            if cell is None:
                standing.append(None)
                continue
            mine = [f for f in data["findings"] if f["target"] == number]
            rules = {f"{row['name']}/{rule[0]}" for rule in row["rules"]}
            found = [f for f in mine if (rules & {*f["rules"]} if shared else f["command"] == row["name"])]
            reached = any(rule[3][number] and rule[3][number][2] for rule in row["rules"])
            verdict = cell["verdict"] or ("diverges" if found else "conforms" if reached else "not run")
            standing.append((verdict, len(found)))
        words = [row["name"], row["name"].replace("|", " "), row["group"], row["summary"]]
        words += [option[0] for option in row["options"]] + [f"{row['name']}/{rule[0]}" for rule in row["rules"]]
        if (
            any(standing[n] for n in on)
            and (not state["group"] or row["group"] == state["group"])
            and (not state["verdicts"] or any(standing[n] and standing[n][0] in state["verdicts"] for n in on))
            and (not state["differ"] or len(set(standing)) > 1)
            and all(any(word in each.lower() for each in words) for word in state["q"].lower().split())
        ):
            names.add(row["name"])
    return names


def test_filters_leave_what_they_say(open_page: Open, small: Json) -> None:
    """Verdicts, group, target, text and `differ`, alone and together, from the controls: rows as worked out anew."""
    one = open_page(small)
    data = one.page.evaluate("document.documentElement.redlark.data")
    groups = ["", *dict.fromkeys(row["group"] for row in data["commands"])]
    rng = random.Random(2)
    for _ in range(40):
        state: Json = {
            "q": rng.choice(("", "", "set", "LMOVE", "nx", "bad-", "zzz", "get expire")),
            "verdicts": rng.choice(([], [], ["diverges"], ["conforms"], ["not run"], ["diverges", "unsupported"])),
            "group": rng.choice(groups), "target": rng.choice(("", "", "0", str(len(data["targets"]) - 1))),
            "differ": rng.random() < 0.3,
        }  # fmt: skip
        if one.page.locator("#reset").is_visible():
            one.page.locator("#reset").click()
        one.page.locator("#q").fill(state["q"])
        one.page.locator("#group").select_option(state["group"])
        one.page.locator("#target").select_option(state["target"])
        one.page.locator("#differ").set_checked(state["differ"])
        for verdict in list(state["verdicts"]):
            chip = one.page.locator(f'.chip[data-verdict="{verdict}"]')
            if chip.is_visible():
                chip.click()
            else:
                state["verdicts"].remove(verdict)
        assert set(one.shown()) == expected(data, state), state
        assert one.page.locator("#nothing").is_visible() == (not one.shown())


def test_a_rule_that_is_searched_for_is_unfolded(open_page: Open, small: Json) -> None:
    """Where only a rule's name matches, its command unfolds to that rule; without the search all is as before."""
    one = open_page(small)
    one.page.locator("#q").fill("nx-exists")
    assert "SET" in one.shown()
    assert one.page.locator(".leafrow:visible").all_inner_texts()
    assert all("nx-exists" in text for text in one.page.locator(".leafrow:visible > .name").all_inner_texts())
    one.page.locator("#q").fill("")
    assert one.page.locator(".leafrow:visible").count() == 0


def test_one_target_alone(open_page: Open, small: Json) -> None:
    """Its name in the summary shows its column alone, and again all of them."""
    one = open_page(small)
    one.page.locator(".pick").nth(1).click()
    assert one.page.locator('.columns [data-t="1"]').is_visible()
    assert one.page.locator('.columns [data-t="0"]').is_hidden()
    one.page.locator(".pick").nth(1).click()
    assert one.page.locator('.columns [data-t="0"]').is_visible()


# ---- addresses ----------------------------------------------------------------------------------------------------


def test_an_address_opens_a_cell_with_its_filters(open_page: Open, small: Json) -> None:
    """`#command/rule/target?filters` is what the page shows, and what it makes of its address as one goes on."""
    target = small["targets"][1]["target"]
    one = open_page(small, f"SET/stored/{target}?group=string")
    assert one.page.locator("#detail-title").inner_text().startswith("SET / stored")
    assert target in one.page.locator("#detail-title p").inner_text()
    assert one.page.locator("#group").input_value() == "string"
    assert one.cell("SET", 1, "stored").evaluate("e => e.classList.contains('open')")
    one.page.keyboard.press("Escape")
    one.page.locator("#q").fill("getex")
    assert one.page.evaluate("location.hash") == "#?q=getex&group=string"
    shown = one.shown()
    one.go("?q=getex&group=string")
    assert one.shown() == shown == ["GETEX"]
    one.page.evaluate(f"location.hash = 'LPOS//{target}'")
    one.page.wait_for_function("document.querySelector('#detail-title')?.textContent.startsWith('LPOS')")
    for nothing in ("NOSUCH/rule/target", "%E0%A4%A", "?target=99&verdict=x", "SET/nosuch/nosuch"):
        one.go(nothing)
        assert len(one.shown()) > 5


# ---- keys ---------------------------------------------------------------------------------------------------------


def press(one: Opened, *keys: str) -> None:
    for key in keys:
        one.page.keyboard.press(key)


def test_all_of_it_goes_by_keys(open_page: Open, small: Json) -> None:
    """From the search to a cell, its detail and back, without a mouse; the focus is where it was."""
    one = open_page(small)
    press(one, "/")
    one.page.keyboard.type("lmove")
    press(one, "ArrowDown")
    assert one.focused()[0] == "LMOVE"
    press(one, "ArrowRight", "ArrowDown")
    assert one.focused()[0] == "LEFT"
    press(one, "ArrowDown", "ArrowDown", "ArrowRight", "ArrowRight")
    where = one.focused()
    assert where[1] == "1"
    press(one, "Enter")
    assert one.focused()[2] == "detail-title"
    press(one, "Escape")
    assert one.focused() == where
    press(one, "Home", "ArrowLeft")
    assert one.focused()[0] == "LMOVE"
    press(one, "ArrowLeft")
    assert one.page.locator(".leafrow:visible").count() == 0
    press(one, "/", "Escape")
    assert one.page.locator("#q").input_value() == ""
    press(one, "Escape", "?")
    assert one.page.locator("#keys").is_visible()
    press(one, "Escape", "x")
    assert one.page.locator(".leafrow:visible").count() > 20
    press(one, "x", "d")
    assert one.page.locator("#differ").is_checked()


def test_divergences_one_after_another(open_page: Open, small: Json) -> None:
    """n and p go from cell to cell that diverges, in the order of the page, and round."""
    diverging(small)
    one = open_page(small)
    cells = sum(bool(c["divergences"]) for target in small["targets"] for c in target["commands"].values())
    titles = []
    for _ in range(cells + 1):
        press(one, "n")
        titles.append(one.page.locator("#detail-title").inner_text())
        assert one.page.locator("#detail .finding").count() > 0
    assert titles[0] == titles[-1]
    assert len(set(titles)) == cells
    press(one, "p")
    assert one.page.locator("#detail-title").inner_text() == titles[-2]


def test_tab_reaches_everything_once(open_page: Open, small: Json) -> None:
    """The grid is one stop of Tab; every control is another, and the focus can be seen on each."""
    one = open_page(small)
    stops = []
    for _ in range(60):
        press(one, "Tab")
        stop = one.page.evaluate(
            "(e => e === document.body ? '' : e.id || e.className || e.textContent)(document.activeElement)"
        )
        if not stop or stop in stops[:1]:
            break
        stops.append(stop)
        outline = one.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", stop
    assert {"theme", "keys-open", "q", "group", "target", "differ"} <= set(stops)
    assert sum(stop in ("name", "cell") or str(stop).startswith("cell ") for stop in stops) == 1


# ---- looks --------------------------------------------------------------------------------------------------------

CONTRAST = Path(__file__).with_name("contrast.js").read_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(open_page: Open, small: Json, scheme: str, tmp_path: Path) -> None:
    """A contrast of 4.5 at least, in both themes, with rows unfolded and a detail open."""
    number, name, _ = diverging(small)
    one = open_page(small, f"{name}//{small['targets'][number]['target']}", color_scheme=scheme)
    press(one, "x")
    one.page.locator(".legend summary").click()
    one.all_rows()
    one.page.screenshot(path=tmp_path / f"{scheme}.png")
    assert one.page.evaluate(CONTRAST) == []


def test_the_theme_is_the_systems_until_one_is_chosen(open_page: Open, small: Json) -> None:
    """The button goes from the system's to light to dark; what was chosen is kept."""

    def dark() -> bool:
        colour = one.page.evaluate("getComputedStyle(document.body).backgroundColor")
        return sum(map(int, colour[4:-1].split(","))) < 200

    one = open_page(small, color_scheme="dark")
    assert dark()
    one.page.emulate_media(color_scheme="light")
    assert not dark()
    press(one, "t", "t")
    assert dark()

    def kept() -> bool:
        one.go()
        return dark()

    soon(kept)  # another process may show the page anew, and hears a moment later of what was stored
    assert "dark" in one.page.locator("#theme").get_attribute("aria-label")
    one.page.locator("#theme").click()
    assert not dark()


@pytest.mark.parametrize("width", [320, 390, 700, 1000, 1900])
def test_no_screen_is_too_narrow(open_page: Open, large: Json, width: int, tmp_path: Path) -> None:
    """With eight targets nothing reaches beyond the screen, with rows unfolded and with a detail open."""
    one = open_page(large, width=width, height=700)
    fits = "document.documentElement.scrollWidth <= innerWidth"
    assert one.page.evaluate(fits)
    one.page.screenshot(path=tmp_path / f"{width}.png")
    for fragment in ("SET/stored/redis:8.2", "CLIENT|TRACKING//valkey:9.1"):
        one.go(fragment)
        assert one.page.evaluate(fits)
        box = one.page.locator("#detail").bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert one.page.locator("#detail").evaluate("e => e.scrollWidth <= e.clientWidth")
    one.page.screenshot(path=tmp_path / f"{width}-detail.png")
    one.page.locator('[aria-label="Close (Esc)"]').click()
    one.page.locator('.command[data-name="SET"]').scroll_into_view_if_needed()
    cell = one.cell("SET", 5)
    cell.wait_for()
    assert cell.locator(".say").is_visible()


def test_on_paper_everything_is_there(open_page: Open, small: Json, tmp_path: Path) -> None:
    """Controls are gone, and what diverged stands behind the matrix, with its transcript."""
    one = open_page(small)
    one.page.pdf(path=tmp_path / "report.pdf")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    one.page.emulate_media(media="print")
    for gone in (".filters", ".tools", "#detail"):
        assert one.page.locator(gone).is_hidden()
    told = one.page.locator("#printed").inner_text()
    found = [d for t in small["targets"] for c in t["commands"].values() for d in c["divergences"]]
    assert all(d["seen"].split("\n")[0] in told for d in found)


def test_what_servers_say_is_never_markup(open_page: Open, small: Json) -> None:
    """Replies, names and notes are shown as they are, whatever is in them."""
    evil = "</script><script>window.owned = 1</script><img src=x onerror='window.owned = 1'>"
    report = copy.deepcopy(small)
    target = report["targets"][0]
    target |= {"target": evil, "server": evil, "notes": [evil]}
    target["commands"]["SET"] |= {"verdict": "diverges", "divergences": [
        {"rules": ["SET/stored", evil], "allowed": [evil], "seen": evil, "transcript": evil, "setup": evil,
         "exchanges": [{"client": 1, "request": evil, "reply": evil}]}]}  # fmt: skip
    target["commands"][evil] = target["commands"]["SET"] | {"reached": {}, "group": evil}
    one = open_page(report, "SET//x")
    one.cell("SET", 0).click()
    assert one.page.locator("pre.seen").first.inner_text() == evil
    one.all_rows()
    one.page.emulate_media(media="print")
    assert one.page.evaluate("window.owned") is None
    assert one.page.locator("img").count() == 0


def test_who_cannot_see_is_told(open_page: Open, small: Json) -> None:
    """The grid is a treegrid whose cells have a name that says target and verdict; the count of rows is announced."""
    one = open_page(small)
    one.all_rows()
    grid = one.page.get_by_role("treegrid")
    assert grid.get_by_role("columnheader").count() == len(small["targets"]) + 1
    for number, target in enumerate(small["targets"]):
        name = one.cell("SET", number).get_attribute("aria-label")
        assert name.startswith(f"{target['target']}: {target['commands']['SET']['verdict']}")
    for level in one.page.evaluate(
        "[...document.querySelectorAll('[role=row]')].map(r => r.getAttribute('aria-level'))"
    ):
        assert level in (None, "1", "2", "3")
    controls = one.page.locator("button, select, input").all()
    assert len(controls) > 8
    said = "e => (e.textContent.trim() || e.ariaLabel || e.labels?.[0]?.textContent || '').trim()"
    assert all(control.evaluate(said) for control in controls)
    assert one.page.locator("#count").get_attribute("aria-live") == "polite"
