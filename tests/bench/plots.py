"""The plots of a benchmark: cost by test and depth, ratios of all shapes, memory, growth."""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path
from typing import Any

from tests.bench.report import OURS, Report, rows_of


def draw(report: Report, folder: Path) -> list[Path]:
    """What was drawn: nothing where matplotlib is missing."""
    if importlib.util.find_spec("matplotlib") is None:
        return []
    matplotlib = importlib.import_module("matplotlib")
    matplotlib.use("Agg")
    pyplot = importlib.import_module("matplotlib.pyplot")
    made = []
    for name, drawing in (("bench", _costs), ("shapes", _shapes), ("memory", _memory), ("growth", _growth)):
        figure = drawing(report, pyplot)
        if figure is not None:
            figure.savefig(folder / f"{name}.png", dpi=110)
            made.append(folder / f"{name}.png")
            pyplot.close(figure)
    return made


def _costs(report: Report, pyplot: Any) -> Any:
    rows = report.rows()
    if not rows:
        return None
    depths = list(dict.fromkeys(row["pipeline"] for row in rows))
    figure, axes = pyplot.subplots(1, len(depths), figsize=(5 * len(depths), 4), squeeze=False)
    for axis, depth in zip(axes[0], depths, strict=True):
        of = [row for row in rows if row["pipeline"] == depth]
        costs = {(row["test"], row["server"]): row["cpu_ns_per_command"] for row in of}
        _bars(axis, costs, report.versions)
        axis.set_title("no pipeline" if depth == 1 else f"pipeline {depth}")
        axis.set_ylabel("server CPU per command, ns")
    return _finished(figure, axes[0][0], len(report.versions))


def _bars(axis: Any, values: dict[tuple[str, str], float], versions: dict[str, str]) -> None:
    names = list(dict.fromkeys(name for name, _ in values))
    width = 0.8 / max(1, len(versions))
    for number, server in enumerate(versions):
        places = [at + (number - (len(versions) - 1) / 2) * width for at in range(len(names))]
        heights = [values.get((name, server), 0) for name in names]
        axis.bar(places, heights, width=width, label=versions[server])
    axis.set_xticks(range(len(names)), names, rotation=0 if len(names) < 8 else 45, ha="center")


def _finished(figure: Any, axis: Any, columns: int) -> Any:
    figure.legend(*axis.get_legend_handles_labels(), loc="upper center", ncols=columns, frameon=False)
    figure.tight_layout(rect=(0, 0, 1, 0.93))
    return figure


def _shapes(report: Report, pyplot: Any) -> Any:
    """Our CPU against the base's, one bar a shape, cheapest first; beyond the line we lose."""
    rows = [row for row in rows_of(report.shapes, {}) if row["server"] == OURS and row["pipeline"] == 16]
    ratios = {row["test"]: row["cpu_ratio"] for row in rows if "cpu_ratio" in row and row["clients"] == 50}
    if not ratios:
        return None
    order = sorted(ratios, key=lambda name: ratios[name])
    figure, axis = pyplot.subplots(figsize=(8, 2 + 0.17 * len(order)))
    colours = ["tab:green" if ratios[name] <= 1 else "tab:red" for name in order]
    axis.barh(range(len(order)), [ratios[name] for name in order], color=colours)
    axis.set_yticks(range(len(order)), order, fontsize=7)
    axis.margins(y=0.005)
    axis.axvline(1, color="black", linewidth=0.8)
    axis.set_xlabel("server CPU per command against Redis, pipeline 16")
    figure.tight_layout()
    return figure


def _memory(report: Report, pyplot: Any) -> Any:
    if not report.sizes:
        return None
    figure, axis = pyplot.subplots(figsize=(11, 5), squeeze=True)
    values = {(what, server): size for what, of in report.sizes.items() for server, size in of.items()}
    values |= {("key", server): size for server, size in report.memory.items()}
    _bars(axis, values, report.versions)
    axis.set_ylabel("bytes an element")
    return _finished(figure, axis, len(report.versions))


def _growth(report: Report, pyplot: Any) -> Any:
    kinds = list(dict.fromkeys(one.what for one in report.growth))
    if not kinds:
        return None
    figure, axes = pyplot.subplots(3, len(kinds), figsize=(3 * len(kinds), 8), squeeze=False)
    for column, kind in enumerate(kinds):
        for row, (field, title) in enumerate(
            (("adding_ns", "ns to add one"), ("asking_ns", "ns to ask"), ("stall_ms", "longest stall, ms"))
        ):
            axis = axes[row][column]
            for server, version in report.versions.items():
                of = [one for one in report.growth if one.what == kind and one.server == server]
                axis.plot([one.size for one in of], [getattr(one, field) for one in of], marker=".", label=version)
            axis.set_xscale("log")
            axis.set_ylim(bottom=0)
            axis.set_title(f"{kind}: {title}", fontsize=8)
    return _finished(figure, axes[0][0], len(report.versions))
