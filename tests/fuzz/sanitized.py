"""The compiled core with AddressSanitizer and UndefinedBehaviorSanitizer, in a process of its own.

The package is laid out anew in a folder: everything is a link to the tree's own files, but for the core.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import redlark.server
from redlark.conformance.targets.servers import free_port

FLAGS = "-fsanitize=address,undefined -fno-sanitize=alignment -fno-omit-frame-pointer -O1 -g"
ROOT = Path(__file__).parents[2]


def built(folder: Path) -> dict[str, str]:
    """Builds the core; the environment in which Python imports it. Raises subprocess.CalledProcessError."""
    package = folder / "redlark"
    package.mkdir()
    for name in ("spec", "reference", "conformance"):
        (package / name).symlink_to(ROOT / name)
    server = package / "server"
    server.mkdir()
    for path in Path(redlark.server.__file__).parent.iterdir():
        if not path.name.startswith(("_core", "__pycache__")):
            (server / path.name).symlink_to(path)
    command = [
        sys.executable,
        "setup.py",
        "--quiet",
        "build_ext",
        "--build-lib",
        str(folder),
        "--build-temp",
        str(folder),
    ]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "CFLAGS": FLAGS, "LDFLAGS": FLAGS}, check=True)
    library = subprocess.run(["gcc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "PYTHONMALLOC": "malloc",
        "LD_PRELOAD": library.stdout.strip(),
        # What was freed is kept from use for a while, but no more of it than leaves a leak to be seen.
        "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:handle_segv=1:allocator_may_return_null=1"
        ":quarantine_size_mb=8",
        "LSAN_OPTIONS": "exitcode=0:report_objects=0",
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }


class Leaked(AssertionError):
    """Memory that the core has asked for is neither freed nor reachable at the end."""


def leaked(said: str) -> list[str]:
    """Of what LeakSanitizer tells the leaks of the core's own memory: the interpreter leaves objects of its own behind.

    Those are asked for by Python's functions, so that the function above the allocator's is none of the core.
    """
    leaks = re.findall(r"^(?:Direct|Indirect) leak of .*?(?:\n\n|\Z)", said, re.MULTILINE | re.DOTALL)
    return [leak for leak in leaks if _CORES_OWN.search(leak)]


_CORES_OWN = re.compile(r"#0 .*\n(?: +#\d+ \S+ in rl_\w+ .*\n)* +#\d+ \S+ in (?:__pyx_f_|rl_|ql_|lp_)")


@contextlib.contextmanager
def started() -> Iterator[tuple[int, subprocess.Popen[bytes], Path]]:
    """A server on that core: its port, its process, and the log in which a fault is told.  Raises `Leaked`."""
    with tempfile.TemporaryDirectory(prefix="redlark-fuzz-") as name:
        folder = Path(name)
        environment, log, port = built(folder), folder / "log", free_port()
        command = [
            sys.executable,
            "-m",
            "redlark.server",
            "--port",
            str(port),
            "--bind",
            "127.0.0.1",
            "--core",
            "compiled",
        ]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, "--databases", "2"], stdout=out, stderr=out, env=environment, cwd=folder
            )
        try:
            while process.poll() is None and b"Ready to accept" not in log.read_bytes():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(0.1)
            if process.poll() is not None:
                raise RuntimeError(f"the server did not start: {log.read_text(errors='replace')[-2000:]}")
            yield port, process, log
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(120)  # leaks are looked for
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        found = leaked(log.read_text(errors="replace"))
        if found:
            raise Leaked(f"{len(found)} leaks, of which the first:\n{found[0]}")
