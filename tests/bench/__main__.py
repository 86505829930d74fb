"""`make bench`: redlark serve beside redis-server 8.2.3 and Valkey 9.1.2, in one run, pinned and alternating.

Each test is run several times, each time on every server in turn, so whatever else the machine does meets all alike.
Medians are compared.  CPU time per command is what counts: it is the server's own, whatever the load generator can do.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from tests.bench import load, plots, sizes, suite
from tests.bench.rarer import RARER
from tests.bench.report import Report
from tests.bench.shapes import GOAL, SHAPES
from tests.bench.stage import Stage

RIVALS = ("redis:8.2", "valkey:9.1")
USUAL = ("simple", "goal", "shapes", "clients", "memory", "growth", "start")
PARTS = (*USUAL, "rarer")
CROWDS = (1, 50, 1_000)
CROWDED = ("GET_3", "SET_3", "LPUSH", "ZADD")


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(PARTS))
@click.option("--quick", is_flag=True, help="A fifth of everything, three runs: minutes become one or two.")
@click.option("--runs", default=0, metavar="N", help="Runs of a test on each server (default: 5, shapes: 3).")
@click.option("--tests", default="", metavar="NAMES", help="Only these tests and shapes, with commas: GET,SET,ZADD.")
@click.option("--pipelines", default="1,16,64", show_default=True, help="Depths; shapes are run at 16.")
@click.option("--servers", "rivals", default=",".join(RIVALS), show_default=True, help="What to compare with.")
@click.option("--own-load", is_flag=True, help="Our own generator for the simple tests.")
@click.option("--largest", default=0, metavar="POWER", help="Growth goes up to 10^POWER (default: 7, quick: 5).")
@click.option("--output", default="bench-results", show_default=True, help="Folder for bench.json, bench.txt, plots.")
def bench(
    parts: tuple[str, ...],
    quick: bool,
    runs: int,
    tests: str,
    pipelines: str,
    rivals: str,
    own_load: bool,
    largest: int,
    output: str,
) -> None:
    """Measure the fast server beside real ones: all PARTS but the rarer shapes, or some of them."""
    parts = parts or USUAL
    chosen = set(filter(None, tests.upper().split(",")))
    depths, share = [int(depth) for depth in pipelines.split(",")], 5 if quick else 1
    by_benchmark = load.has_redis_benchmark()
    if not by_benchmark:
        click.echo("redis-benchmark is not there: only the simple tests are run, by our own generator", err=True)
        parts = tuple(part for part in parts if part in ("simple", "memory", "start"))
    stage, report = Stage.of(rivals), Report({})
    listed, rarer = ([one for one in all_ if not chosen or one.name.upper() in chosen] for all_ in (SHAPES, RARER))
    often, seldom = runs or (3 if quick else 5), runs or 3
    if "simple" in parts:
        wanted = [test for test in load.TESTS if not chosen or test.name in chosen]
        suite.simple(stage, wanted, depths, often, share, own_load or not by_benchmark, report)
    if "goal" in parts:
        others = [depth for depth in depths if depth != 16 or "shapes" not in parts]
        suite.shapes(stage, [shape for shape in listed if shape.name in GOAL], others, often, share, report)
    if "shapes" in parts:
        suite.shapes(stage, listed, [16], seldom, share, report)
    if "rarer" in parts:
        suite.shapes(stage, rarer, [16], seldom, share, report)
    if "clients" in parts:
        crowded = [shape for shape in listed if shape.name in CROWDED]
        crowds = [crowd for crowd in CROWDS if crowd != load.CLIENTS or "goal" not in parts]
        suite.shapes(stage, crowded, [1], seldom, share, report, crowds)
    if "memory" in parts:
        sizes.memory(stage, share, report)
    if "growth" in parts:
        sizes.growth(stage, largest or (5 if quick else 7), report)
    if "start" in parts:
        sizes.starting(stage, report)
    if not report.versions:
        with stage.all() as running:
            report.versions.update(stage.versions(running))
    click.echo(report.table())
    for path in [*report.write(Path(output)), *plots.draw(report, Path(output))]:
        click.echo(f"wrote {path}")
    misses = report.misses()
    for line in misses:
        click.echo(f"target missed: {line}")
    sys.exit(1 if misses else 0)


if __name__ == "__main__":
    bench()
