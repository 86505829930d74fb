"""A browser as a test needs it, and a site started for it."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar
from typing import Any

from redlark.conformance.targets import servers

from .conftest import Stage


class Browser:
    """Asks a site, and keeps its cookies."""

    def __init__(self, port: int) -> None:
        self.base = f"http://127.0.0.1:{port}"
        self.cookies = CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path: str) -> str:
        return self._ask(path, None)

    def post(self, path: str, **form: str) -> str:
        return self._ask(path, urllib.parse.urlencode(form).encode())

    @property
    def cookie(self) -> str:
        """The one cookie that it has."""
        (only,) = self.cookies
        assert only.value
        return only.value

    def _ask(self, path: str, data: bytes | None) -> str:
        with self._opener.open(self.base + path, data, timeout=30) as answer:
            text: str = answer.read().decode()
        return text


def site(stage: Stage, *command: str, **more: Any) -> tuple[int, subprocess.Popen[str]]:
    """Start a site at a free port, and wait until it answers."""
    port = servers.free_port()
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    program = stage.start(*command, "--port", str(port), **quiet, **more)
    for _ in range(1000):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/nowhere", timeout=10)
        except urllib.error.HTTPError:
            return port, program
        except OSError:
            assert program.poll() is None, f"{command} ended"
            time.sleep(0.02)
    raise AssertionError(f"{command} does not answer")
