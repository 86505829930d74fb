"""`make fuzz`: bytes that atheris draws, led by what they reach in the server's Python, to both cores at once.

The compiled core runs in a process of its own, built with sanitizers: a fault of memory ends it, and the run. What
comes back must be RESP, and the same from both cores where it can be foretold; a server must go on to answer; and at
the end it must hold about as much memory as once it had come to rest, and leak none of what the core has asked for.

    python -m tests.fuzz [--seconds 60] [--seed 1] [--corpus FOLDER] [--no-sanitizers]
"""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click

from redlark.conformance.targets import servers
from tests.bench import measure
from tests.fuzz import sanitized

AT_REST = 0.3  # of the time, after which memory has come to rest
LEAK = 24 << 20  # bytes by which it may grow afterwards


@click.command()
@click.option("--seconds", default=60, show_default=True, help="How long.")
@click.option("--seed", default=1, show_default=True, help="Of what is drawn.")
@click.option("--corpus", type=click.Path(file_okay=False, path_type=Path), help="Inputs to begin with, and to keep.")
@click.option("--no-sanitizers", is_flag=True, help="The core as it is built.")
def fuzz(seconds: int, seed: int, corpus: Path | None, no_sanitizers: bool) -> None:
    """Look for inputs that a server cannot bear."""
    if importlib.util.find_spec("atheris") is None:
        raise click.ClickException("atheris is not installed: pip install 'redlark[fuzz]' (Linux, CPython to 3.13)")
    click.echo("the core as it is built" if no_sanitizers else "building the core with sanitizers ...")
    with _as_built() if no_sanitizers else sanitized.started() as (port, process, log):
        options = [f"-max_total_time={seconds}", f"-seed={seed}", "-print_final_stats=1"]
        options.append(f"-artifact_prefix={tempfile.gettempdir()}/redlark-")
        if corpus is not None:
            corpus.mkdir(parents=True, exist_ok=True)
            options.append(str(corpus))
        with subprocess.Popen([sys.executable, "-m", "tests.fuzz.drawing", str(port), *options]) as drawing:
            try:
                drawing.wait(seconds * AT_REST)
            except subprocess.TimeoutExpired:
                at_rest = measure.resident(process.pid)
                drawing.wait()
            else:
                at_rest = 0
        said = log.read_text(errors="replace")[-6000:]
        if process.poll() is not None:
            raise click.ClickException(f"the server has ended:\n{said}")
        if drawing.returncode:
            raise click.ClickException(f"an input was found (above); the server's log ends with:\n{said[-500:]}")
        grown = measure.resident(process.pid) - at_rest if at_rest else 0
    click.echo(f"nothing was found in {seconds} s (seed {seed}); memory grew by {grown >> 10} KiB")
    if grown > LEAK:
        raise click.ClickException(f"that is more than {LEAK >> 10} KiB")


@contextlib.contextmanager
def _as_built() -> Iterator[tuple[int, subprocess.Popen[bytes], Path]]:
    with servers.running(None, {"databases": "2"}) as server:
        assert server.log is not None
        yield server.port, server.process, server.log


if __name__ == "__main__":
    fuzz()
