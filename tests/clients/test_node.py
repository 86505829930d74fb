"""Clients of Node.js, in both protocols; what they check stands in the scripts of tests/clients/node."""

from __future__ import annotations

import re
import subprocess

import pytest

from tests.nodejs import PROJECT, node

CHECKS = re.compile(r"^(?:  async (\w+)\(\) \{|  checks\.(\w+) = async)", re.MULTILINE)


@pytest.mark.parametrize(
    ("client", "protocol"),
    [("ioredis", "2"), ("ioredis", "3"), ("node_redis", "2"), ("node_redis", "3"), ("bullmq", "3")],
)
def test_node_clients(url: str, client: str, protocol: str) -> None:
    """Every check of the script holds, from strings to reconnecting, and none is left out."""
    done = subprocess.run(
        [node(), f"{client}.js", url, protocol], cwd=PROJECT, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    named = CHECKS.findall((PROJECT / f"{client}.js").read_text())
    due = [always for always, _ in named if always] + [only for _, only in named if only and protocol == "3"]
    assert len(due) > 8
    assert done.stdout.split("\n") == [*(f"ok {name}" for name in due), ""]
