"""The conformance suite: holds any server that speaks RESP to the specification, and says where it differs.

It meets servers over a socket only. What a reply may be is asked of `redlark.reference`; what can be asked of a server
is read from `redlark.spec`; no rule about Redis lives here.

`Judge`, `History`, `Finding` and what they give are for programs of others, described in docs/reference/python.md.
They are loaded when they are asked for: pytest imports this package in every run, for the plugin's sake.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from redlark.conformance.errors import CannotRun
    from redlark.conformance.history import History, Request, Step
    from redlark.conformance.judging.divergence import Divergence, Exchange
    from redlark.conformance.judging.judge import Judge
    from redlark.conformance.report import Finding

_WHERE = {
    "CannotRun": "errors",
    "Divergence": "judging.divergence",
    "Exchange": "judging.divergence",
    "Finding": "report",
    "History": "history",
    "Judge": "judging.judge",
    "Request": "history",
    "Step": "history",
}

__all__ = ["CannotRun", "Divergence", "Exchange", "Finding", "History", "Judge", "Request", "Step"]


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
