"""Debian's Chromium for tests of pages: one for all tests of a process, since two of its drivers do not go together."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

NEEDED = "REDLARK_NEED_BROWSER"
# Chromium asks for nothing of its own: no updates, no look-ups, no first run.
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Debian's Chromium without a window; the tests are skipped where it is not installed, and say so."""
    program = shutil.which("chromium")
    if not program and os.environ.get(NEEDED):
        pytest.fail(f"chromium is not installed, and {NEEDED} is set")
    if not program:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright, which drives the browser, is missing")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()
