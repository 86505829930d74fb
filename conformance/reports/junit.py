"""The report as JUnit XML: a suite for each target, a case for each command, a failure for each divergence.

What no request was sent of, what the server does not know, and what diverges as a baseline accepts are skipped cases
with their reason; a target that could not be judged is a case with an error. Times are the run's, in seconds.
"""

from __future__ import annotations

import re
from typing import Any

import junitparser

from redlark.conformance import reports
from redlark.conformance.reports import Found, Json

# What XML 1.0 has no way to write (https://www.w3.org/TR/xml/#charsets).
_UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Json) -> str:
    """The whole report as an XML document."""
    xml = junitparser.JUnitXml("redlark")
    suites = [_suite(target, report) for target in report["targets"]]
    for suite in suites:
        xml.append(suite)  # `add_testsuite` would make one of two that are alike
    for count in ("tests", "failures", "errors", "skipped", "time"):  # its own sums would take a suite's for its cases'
        setattr(xml, count, sum(getattr(suite, count) or 0 for suite in suites))
    text = xml.tostring()
    return (text.decode("utf-8") if isinstance(text, bytes) else str(text)).rstrip() + "\n"


def _suite(target: Json, report: Json) -> junitparser.TestSuite:
    suite = junitparser.TestSuite(_plain(f"{target['target']} ({target['profile'] or 'no profile'})"))
    facts = {
        "redlark": report["redlark"],
        "seed": report["seed"],
        **{name: target.get(name) for name in ("server", "profile", "level", "ended")},
        **{name: target["totals"].get(name) for name in ("requests", "histories", "rules", "rules_reached")},
    }
    for name, value in facts.items():
        suite.add_property(name, _plain(str(value)))
    why = reports.could_not_run(target)
    if why:
        suite.add_testcase(_case(target, "run", "", junitparser.Error(_plain(why), "could not run")))
    for name, command in target["commands"].items():
        found = [one for one in reports.divergences(target) if one.command == name]
        suite.add_testcase(_case(target, name, command.get("group", ""), *_results(command, found)))
    if target.get("concurrent") is not None:
        told = [junitparser.Failure(_plain(one["picture"]), "contradiction") for one in reports.contradictions(target)]
        lost = reports.lost_to_many(target)
        told += [junitparser.Failure(_plain(f"with several clients at once the server {lost}"), "lost")] if lost else []
        suite.add_testcase(_case(target, "concurrent histories", "", *told))
    if target.get("gate") is not None:
        said = [junitparser.Failure(_plain(line), "baseline") for line in reports.gate(target)]
        suite.add_testcase(_case(target, "baseline", "", *said))
    suite.update_statistics()
    suite.time = target["totals"]["seconds"]
    return suite


def _case(target: Json, name: str, group: str, *results: Any) -> junitparser.TestCase:
    classname = ".".join(filter(None, ("redlark", target["profile"].replace(".", "_"), group)))
    case = junitparser.TestCase(_plain(name), classname, 0.0)
    case.result = list(results)
    return case


def _results(command: Json, found: list[Found]) -> list[Any]:
    """Failures, or the one reason why a case is skipped; nothing where all was allowed."""
    failures = []
    for one in found:
        if not one.known:
            failure = junitparser.Failure(_plain(one.title), "divergence")
            failure.text = _plain(_told(one))
            failures.append(failure)
    if failures:
        return failures
    if found:
        return [junitparser.Skipped(_plain("known: " + "; ".join(dict.fromkeys(one.known for one in found))))]
    if command["verdict"] in ("unsupported", "not run", "unspecified"):
        return [junitparser.Skipped(_plain(": ".join(filter(None, (command["verdict"], command.get("reason"))))))]
    return []


def _told(found: Found) -> str:
    divergence = found.divergence
    allowed = "\n     or: ".join(divergence["allowed"])
    return f"{divergence['transcript']}\n   seen: {divergence['seen']}\nallowed: {allowed}"


def _plain(text: str) -> str:
    """The text with what XML cannot hold written as redis-cli would."""
    return _UNWRITABLE.sub(lambda found: f"\\u{ord(found[0]):04x}" if ord(found[0]) > 255 else _hex(found[0]), text)


def _hex(sign: str) -> str:
    return f"\\x{ord(sign):02x}"
