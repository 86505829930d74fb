"""`redlark serve --check-system`: what of this machine hurts a server that keeps everything in memory.

Source: https://redis.io/docs/latest/operate/oss_and_stack/management/admin/
"""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from redlark.server.sockets import SPARE_DESCRIPTORS

_ROOT: Final = Path("/")


def _read(root: Path, name: str) -> str | None:
    try:
        return (root / name).read_text(encoding="ascii", errors="replace").strip()
    except OSError:
        return None


def _overcommit(root: Path) -> str | None:
    if _read(root, "proc/sys/vm/overcommit_memory") == "0":
        return "vm.overcommit_memory is 0: what is to be forked may find no memory. sysctl vm.overcommit_memory=1"
    return None


def _huge_pages(root: Path) -> str | None:
    if "[always]" in (_read(root, "sys/kernel/mm/transparent_hugepage/enabled") or ""):
        return "huge pages are always used: memory and delays grow after a fork. Write madvise to .../enabled"
    return None


def _backlog(root: Path) -> str | None:
    most = _read(root, "proc/sys/net/core/somaxconn")
    if most and most.isdecimal() and int(most) < 511:
        return f"net.core.somaxconn is {most}, less than tcp-backlog: connections that come at once are refused"
    return None


def _clock(root: Path) -> str | None:
    source = _read(root, "sys/devices/system/clocksource/clocksource0/current_clocksource")
    return f"the clock source is {source}, which is slow to read" if source in ("xen", "acpi_pm", "hpet") else None


def _files(root: Path) -> str | None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < 10_000 + SPARE_DESCRIPTORS:
        return f"a process may open {hard} files: fewer than maxclients asks for"
    return None


CHECKS: Final[dict[str, Callable[[Path], str | None]]] = {
    "overcommit": _overcommit,
    "huge-pages": _huge_pages,
    "backlog": _backlog,
    "clocksource": _clock,
    "open-files": _files,
}


def lines(root: Path = _ROOT) -> Iterator[tuple[str, bool]]:
    """A line for each check, and whether all is well."""
    for name, check in CHECKS.items():
        trouble = check(root)
        yield f"[{name}] {'OK' if trouble is None else f'WARNING: {trouble}'}", trouble is None
