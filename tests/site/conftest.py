"""The site, built once for all these tests, as `make docs` builds it."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytest.importorskip("mkdocs", reason="the site is built with what `pip install redlark[docs]` brings")
pytest.importorskip("railroad", reason="the site is built with what `pip install redlark[docs]` brings")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder of the built site, and all that the build has said; workers of one run share it."""
    base = tmp_path_factory.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder, said = base / "site", base / "site.log"
    with (base / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not said.exists():
            command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
            run = subprocess.run(
                command,
                cwd=ROOT,
                env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "NO_COLOR": "1"},
                capture_output=True,
                text=True,
                check=False,
            )
            said.write_text(f"{run.stdout}{run.stderr}\nstatus {run.returncode}\n")
    return folder, said.read_text()


@pytest.fixture(scope="session")
def site(built: tuple[Path, str]) -> Path:
    """The folder of the built site."""
    folder, said = built
    assert said.rstrip().endswith("status 0"), said
    return folder
