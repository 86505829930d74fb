"""Medians and ratios out of single runs; the table and the JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

from attrs import asdict, define, field, frozen

from tests.bench.shapes import GOAL

BASE = "redis:8.2"
OURS = "redlark"
TARGETS = {1: 1.0, 16: 0.70, 64: 0.55}  # server CPU per command against Redis 8.2.3, by depth of the pipeline
MEANS = {1: 0.90, 16: 0.58, 64: 0.40}  # the same of the ten of the goal, geometric mean
BYTES_A_KEY = 110


@frozen
class Run:
    """One run of one test."""

    test: str
    pipeline: int
    server: str
    by: str
    requests: int
    seconds: float
    cpu_ns: int
    clients: int = 50
    latencies: dict[str, float] = field(factory=dict, eq=False)  # milliseconds: p50, p99, p99.9, max


@frozen
class Growth:
    """What a server costs at a size: CPU nanoseconds an element added and a question; its longest stall on the way."""

    what: str
    size: int
    server: str
    adding_ns: int
    asking_ns: int
    stall_ms: float


def median(runs: list[Run]) -> tuple[float, float]:
    """Requests per second and CPU nanoseconds a command."""
    return (
        statistics.median(run.requests / run.seconds for run in runs),
        statistics.median(run.cpu_ns / run.requests for run in runs),
    )


def rows_of(runs: list[Run], targets: dict[int, float]) -> list[dict[str, Any]]:
    """One row for each test, depth, crowd and server, in the order of the runs; ratios to the base where it was run."""
    groups: dict[tuple[str, int, int], dict[str, list[Run]]] = {}
    for run in runs:
        groups.setdefault((run.test, run.pipeline, run.clients), {}).setdefault(run.server, []).append(run)
    rows = []
    for (test, pipeline, clients), of in groups.items():
        for server, own in of.items():
            rate, cpu = median(own)
            row: dict[str, Any] = {"test": test, "pipeline": pipeline, "server": server, "by": own[0].by}
            row |= {"clients": clients, "requests_per_second": round(rate), "cpu_ns_per_command": round(cpu)}
            if own[0].latencies:
                row["latency_ms"] = {
                    name: round(statistics.median(run.latencies[name] for run in own), 3) for name in own[0].latencies
                }
            if BASE in of:
                base_rate, base_cpu = median(of[BASE])
                row |= {"rate_ratio": round(rate / base_rate, 3), "cpu_ratio": round(cpu / base_cpu, 3)}
                if server == OURS and pipeline in targets:
                    row["cpu_ratio_at_most"] = targets[pipeline]
            rows.append(row)
    return rows


@define
class Report:
    """All runs, and what was measured of memory, growth and starts."""

    versions: dict[str, str]
    runs: list[Run] = field(factory=list)
    shapes: list[Run] = field(factory=list)
    refused: list[str] = field(factory=list)
    memory: dict[str, float] = field(factory=dict)  # bytes a key
    sizes: dict[str, dict[str, float]] = field(factory=dict)  # bytes an element
    growth: list[Growth] = field(factory=list)
    starts: dict[str, list[float]] = field(factory=dict)  # milliseconds

    def rows(self) -> list[dict[str, Any]]:
        """The tests whose goals stand here."""
        return rows_of(self.runs, TARGETS)

    def means(self) -> dict[int, float]:
        """The geometric mean of our CPU ratios over the ten shapes of the goal, by depth, where all ten were run."""
        found: dict[int, float] = {}
        rows = [row for row in rows_of(self.shapes, {}) if row["server"] == OURS and row["clients"] == 50]
        for depth in dict.fromkeys(row["pipeline"] for row in rows):
            of = {row["test"]: row["cpu_ratio"] for row in rows if row["pipeline"] == depth and "cpu_ratio" in row}
            if of.keys() >= set(GOAL):
                found[depth] = round(statistics.geometric_mean(of[name] for name in GOAL), 3)
        return found

    def misses(self) -> list[str]:
        """A line for each target that was not reached."""
        lines = [
            "{test} at pipeline {pipeline}: CPU {cpu_ratio:.2f}, target {cpu_ratio_at_most:.2f}".format_map(row)
            for row in self.rows()
            if row.get("cpu_ratio", 0) > row.get("cpu_ratio_at_most", float("inf"))
        ]
        lines += [
            f"the ten of the goal at pipeline {depth}: CPU {mean:.2f}, target {MEANS[depth]:.2f}"
            for depth, mean in self.means().items()
            if mean > MEANS.get(depth, float("inf"))
        ]
        lines += [
            "{test} at pipeline 16: CPU {cpu_ratio:.2f}, target 1.00".format_map(row)
            for row in rows_of(self.shapes, {})
            if row["pipeline"] == 16 and row["server"] == OURS and row.get("cpu_ratio", 0) > 1
        ]
        if self.memory.get(OURS, 0) > BYTES_A_KEY:
            lines.append(f"{self.memory[OURS]:.0f} bytes a key, target {BYTES_A_KEY}")
        for what, of in self.sizes.items():
            if BASE in of and of[OURS] > of[BASE]:
                lines.append(f"{what}: {of[OURS]:.0f} bytes an element, Redis {of[BASE]:.0f}")
        return [*lines, *(f"refused: {line}" for line in self.refused)]

    def table(self) -> str:
        """For a terminal, or a document."""
        lines = [
            f"{'test':18}{'pipeline':>9}{'clients':>8}  {'server':14}{'requests/s':>12}{'CPU ns':>9}"
            f"{'req ratio':>11}{'CPU ratio':>11}{'p50':>8}{'p99':>8}{'p99.9':>8}{'max':>8}"
        ]
        before = None
        for row in [*self.rows(), *rows_of(self.shapes, {})]:
            head = (row["test"], row["pipeline"], row["clients"])
            named = f"{head[0]:18}{head[1]:>9}{head[2]:>8}" if head != before else " " * 35
            before = head
            ratios = f"{row['rate_ratio']:>11.2f}{row['cpu_ratio']:>11.2f}" if "cpu_ratio" in row else ""
            late = "".join(f"{ms:>8.2f}" for ms in row.get("latency_ms", {}).values())
            at_most = f"  (at most {row['cpu_ratio_at_most']:.2f})" if "cpu_ratio_at_most" in row else ""
            means = f"{row['requests_per_second']:>12,}{row['cpu_ns_per_command']:>9,}"
            lines.append(f"{named}  {row['server']:14}{means}{ratios}{late}{at_most}")
        lines += [f"the ten of the goal, pipeline {depth}: CPU {mean:.3f}" for depth, mean in self.means().items()]
        lines += [f"{size:.1f} bytes a key (16-byte keys and values): {server}" for server, size in self.memory.items()]
        for what, of in self.sizes.items():
            lines.append(f"bytes an element, {what}: " + ", ".join(f"{name} {size:.1f}" for name, size in of.items()))
        for one in self.growth:
            cost = f"{one.adding_ns:,} ns to add one, {one.asking_ns:,} to ask, longest stall {one.stall_ms:.2f} ms"
            lines.append(f"{one.what} at {one.size:,}, {one.server}: {cost}")
        lines += [f"first answer of {name} after {statistics.median(ms):.0f} ms" for name, ms in self.starts.items()]
        return "\n".join(lines)

    def write(self, folder: Path) -> list[Path]:
        """bench.json and bench.txt; what was written."""
        folder.mkdir(parents=True, exist_ok=True)
        made = [folder / "bench.json", folder / "bench.txt"]
        content = {
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform()},
            "servers": self.versions,
            "results": self.rows(),
            "shapes": rows_of(self.shapes, {}),
            "means": self.means(),
            "refused": self.refused,
            "bytes_per_key": self.memory,
            "bytes_per_element": self.sizes,
            "growth": [asdict(one) for one in self.growth],
            "start_ms": self.starts,
            "runs": [
                {"test": r.test, "pipeline": r.pipeline, "server": r.server, "requests": r.requests}
                | {"clients": r.clients, "seconds": round(r.seconds, 4), "cpu_ns": r.cpu_ns}
                for r in [*self.runs, *self.shapes]
            ],
        }
        made[0].write_text(json.dumps(content, indent=1) + "\n")
        made[1].write_text(self.table() + "\n")
        return made


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
