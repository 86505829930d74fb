"""A session: all cases of a folder on one target, each on a server that is set up as it asks for.

What must live here: which server a case runs on: one that is started for it, or the one that was given, configured by
CONFIG SET and put back. What cannot be set up is skipped, with the reason.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

from attrs import evolve, field, mutable

from redlark.conformance.drawing import clustered
from redlark.conformance.errors import CannotRun
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.configure import configured
from redlark.conformance.targets.target import Target, at, leave_empty, parse_address, prepare
from redlark.conformance.vectors.files import DEFAULT
from redlark.conformance.vectors.runner import Failure, Runner, Slow, Unspoken, running


@mutable(slots=False)
class Session:
    """What was run on one target."""

    name: str
    index: Mapping[str, Any]
    cases: list[dict[str, Any]]
    destructive: bool = False
    timeout: float = 5.0
    tick: Callable[[Session], None] = lambda _: None
    passed: int = field(default=0, init=False)
    failures: list[Failure] = field(factory=list, init=False)
    skipped: dict[str, list[str]] = field(factory=dict, init=False)  # reasons, each with the cases

    @property
    def total(self) -> int:
        """How many runs there are: each case in each of its protocols."""
        return sum(len(case["protocols"]) for case in self.cases)

    @property
    def done(self) -> int:
        return self.passed + len(self.failures) + sum(map(len, self.skipped.values()))

    def run(self) -> None:
        """Run every case. Raises `CannotRun` where the target as it comes is none."""
        for name, told in self.index["servers"].items():
            cases = [case for case in self.cases if case.get("server", DEFAULT) == name]
            if not cases:
                continue
            try:
                with self._target(told) as target:
                    self._all(name, told, target, cases)
            except CannotRun as problem:
                if name == DEFAULT:
                    raise
                self._skip(f"needs a server where {name}: {problem}", cases)

    def _skip(self, reason: str, cases: list[dict[str, Any]]) -> None:
        known = self.skipped.setdefault(reason, [])
        known += [case["name"] for case in cases for _ in case["protocols"]]

    def _all(self, name: str, told: Mapping[str, Any], target: Target, cases: list[dict[str, Any]]) -> None:
        clear = tuple(tuple(word.encode() for word in request) for request in self.index["clear"])
        one = Runner(target.address, clear, name, not told.get("unauthenticated"), self.timeout)
        with running(one) as runner:
            for case in cases:
                lacking = sorted(target.lacks(self._asked(case)))
                if lacking:
                    self._skip(f"the server has no {', '.join(lacking).replace('|', ' ')}", [case])
                    continue
                for protocol in case["protocols"]:
                    try:
                        failure = runner.run(case, protocol)
                    except Unspoken:
                        self._skip("the server does not speak RESP3", [case | {"protocols": [protocol]}])
                        continue
                    except Slow:
                        self._skip("took longer than it may, again and again", [case | {"protocols": [protocol]}])
                        continue
                    if failure is None:
                        self.passed += 1
                    else:
                        self.failures.append(failure)
                    self.tick(self)
                    if case.get("spoils") == "slots":
                        clustered.serve_all(target)

    def _asked(self, case: Mapping[str, Any]) -> set[str]:
        """The commands of the profile that a case asks for."""
        found = set()
        for step in case["steps"]:
            words = [word.upper() for word in step.get("send", [])[:2] if isinstance(word, str)]
            names = ["|".join(words), words[0] if words else ""]
            found.update([name for name in names if name in self._known][:1])
        return found

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self.index["commands"])

    @contextlib.contextmanager
    def _target(self, told: Mapping[str, Any]) -> Iterator[Target]:
        config = told["config"]
        if machine.is_server_name(self.name):
            server = None if self.name == machine.EMBEDDED else machine.pick(self.name, machine.find_servers())
            with machine.running(server, config) as started:
                address = at(parse_address(started.url), started.host, started.port, self.name)
                address = evolve(address, password=config.get("requirepass"))
                target = prepare(address, destructive=True, timeout=self.timeout)
                if told.get("slots"):
                    clustered.serve_all(target)
                yield target
            return
        target = prepare(parse_address(self.name), destructive=self.destructive, timeout=self.timeout)
        try:
            if not config:
                yield target
                return
            with configured(target, config, self.destructive) as changed:
                yield changed
        finally:
            leave_empty(target)

    def as_json(self) -> dict[str, Any]:
        """What was run, as ``--json`` has it."""
        return {
            "target": self.name,
            "profile": self.index["profile"],
            "passed": self.passed,
            "failed": len(self.failures),
            "failures": [one.as_json() for one in self.failures],
            "skipped": self.skipped,
        }
