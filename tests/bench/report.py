"""Medians and ratios out of single runs; the table, the JSON, the plot."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

from attrs import define, field, frozen

BASE = "redis:8.2"
OURS = "redlark"
TARGETS = {1: 1.0, 16: 0.70, 64: 0.55}  # server CPU per command against Redis 8.2.3, by depth of the pipeline
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


@define
class Report:
    """All runs, and the memory a key takes."""

    versions: dict[str, str]
    runs: list[Run] = field(factory=list)
    memory: dict[str, float] = field(factory=dict)

    def median(self, test: str, pipeline: int, server: str) -> tuple[float, float]:
        """Requests per second and CPU nanoseconds a command."""
        of = [run for run in self.runs if (run.test, run.pipeline, run.server) == (test, pipeline, server)]
        return (
            statistics.median(run.requests / run.seconds for run in of),
            statistics.median(run.cpu_ns / run.requests for run in of),
        )

    def rows(self) -> list[dict[str, Any]]:
        """One for each test, depth and server, in the order of the runs."""
        seen = dict.fromkeys((run.test, run.pipeline, run.server, run.by) for run in self.runs)
        rows = []
        for test, pipeline, server, by in seen:
            rate, cpu = self.median(test, pipeline, server)
            row = {"test": test, "pipeline": pipeline, "server": server, "by": by, "requests_per_second": round(rate)}
            row["cpu_ns_per_command"] = round(cpu)
            if BASE in self.versions:
                base_rate, base_cpu = self.median(test, pipeline, BASE)
                row["rate_ratio"] = round(rate / base_rate, 3)
                row["cpu_ratio"] = round(cpu / base_cpu, 3)
                if server == OURS and pipeline in TARGETS:
                    row["cpu_ratio_at_most"] = TARGETS[pipeline]
            rows.append(row)
        return rows

    def misses(self) -> list[str]:
        """A line for each target that was not reached."""
        lines = [
            "{test} at pipeline {pipeline}: CPU {cpu_ratio:.2f}, target {cpu_ratio_at_most:.2f}".format_map(row)
            for row in self.rows()
            if row.get("cpu_ratio", 0) > row.get("cpu_ratio_at_most", float("inf"))
        ]
        if self.memory.get(OURS, 0) > BYTES_A_KEY:
            lines.append(f"{self.memory[OURS]:.0f} bytes a key, target {BYTES_A_KEY}")
        return lines

    def table(self) -> str:
        """For a terminal, or a document."""
        lines = [
            f"{'test':8}{'pipeline':>9}  {'server':14}{'requests/s':>12}{'CPU ns':>9}{'req ratio':>11}{'CPU ratio':>11}"
        ]
        before = None
        for row in self.rows():
            head = (row["test"], row["pipeline"])
            named = f"{row['test']:8}{row['pipeline']:>9}" if head != before else " " * 17
            before = head
            ratios = f"{row['rate_ratio']:>11.2f}{row['cpu_ratio']:>11.2f}" if "cpu_ratio" in row else ""
            at_most = f"  (at most {row['cpu_ratio_at_most']:.2f})" if "cpu_ratio_at_most" in row else ""
            means = f"{row['requests_per_second']:>12,}{row['cpu_ns_per_command']:>9,}"
            lines.append(f"{named}  {row['server']:14}{means}{ratios}{at_most}")
        lines += [f"{size:.1f} bytes a key (16-byte keys and values): {server}" for server, size in self.memory.items()]
        return "\n".join(lines)

    def write(self, folder: Path) -> list[Path]:
        """bench.json and, where matplotlib is installed, bench.png; what was written."""
        folder.mkdir(parents=True, exist_ok=True)
        made = [folder / "bench.json"]
        content = {
            "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": {"cpu": _cpu(), "cores": os.cpu_count(), "system": platform.platform()},
            "servers": self.versions,
            "results": self.rows(),
            "bytes_per_key": self.memory,
            "runs": [
                {"test": r.test, "pipeline": r.pipeline, "server": r.server, "requests": r.requests}
                | {"seconds": round(r.seconds, 4), "cpu_ns": r.cpu_ns}
                for r in self.runs
            ],
        }
        made[0].write_text(json.dumps(content, indent=1) + "\n")
        if self._plot(folder / "bench.png"):
            made.append(folder / "bench.png")
        return made

    def _plot(self, path: Path) -> bool:
        try:
            import matplotlib
        except ImportError:
            return False
        matplotlib.use("Agg")
        from matplotlib import pyplot

        rows = self.rows()
        depths = list(dict.fromkeys(row["pipeline"] for row in rows))
        tests = list(dict.fromkeys(row["test"] for row in rows))
        servers = list(self.versions)
        figure, axes = pyplot.subplots(1, len(depths), figsize=(5 * len(depths), 4), squeeze=False)
        for axis, depth in zip(axes[0], depths, strict=True):
            for number, server in enumerate(servers):
                costs = [self.median(test, depth, server)[1] for test in tests]
                places = [at + (number - (len(servers) - 1) / 2) * 0.8 / len(servers) for at in range(len(tests))]
                axis.bar(places, costs, width=0.8 / len(servers), label=self.versions[server])
            axis.set_xticks(range(len(tests)), tests)
            axis.set_title("no pipeline" if depth == 1 else f"pipeline {depth}")
            axis.set_ylabel("server CPU per command, ns")
        figure.legend(*axes[0][0].get_legend_handles_labels(), loc="upper center", ncols=len(servers), frameon=False)
        figure.tight_layout(rect=(0, 0, 1, 0.93))
        figure.savefig(path, dpi=120)
        return True


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
