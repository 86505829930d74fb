"""The report as a badge: an SVG of our own that needs no network, or what an endpoint of shields.io is given.

Widths are guesses for Verdana at 11 pixels; `textLength` makes every other font fit them.
"""

from __future__ import annotations

import json
from xml.sax.saxutils import escape, quoteattr

from attrs import frozen

from redlark.conformance import reports
from redlark.conformance.reports import Json

# Names that shields.io knows, and the same colours for the SVG; white on them is read at a contrast of 4.5 or more.
COLOURS = {"brightgreen": "#2d7d46", "red": "#b3261e", "lightgrey": "#616161"}
NARROW, WIDE = frozenset("ijl.,:;'|!()[] fIrt1"), frozenset("mwMW%@")
PADDING, HEIGHT = 6, 20  # pixels


@frozen
class Badge:
    """What is said in a few words, and in which colour."""

    label: str
    message: str
    colour: str


def of(report: Json) -> Badge:
    """What a badge says of a report."""
    targets = report["targets"]
    verdicts = [reports.verdict(target) for target in targets]
    profiles = list(dict.fromkeys(filter(None, (target["profile"] for target in targets))))
    label = " ".join(["redlark", *profiles]) if len(profiles) == 1 else "redlark"
    if not targets or any(verdict in ("could not run", "lost") for verdict in verdicts):
        return Badge(label, "no verdict", "lightgrey")
    good = sum(verdict.startswith("conforms") for verdict in verdicts)
    colour = "brightgreen" if good == len(targets) else "red"
    if len(targets) > 1:
        return Badge(label, f"{good} of {len(targets)} conform", colour)
    if good:
        known = len({found.identity for found in reports.divergences(targets[0])})
        return Badge(label, f"conforms, {known} known" if known else "conforms", colour)
    count = targets[0]["totals"]["diverge"]
    return Badge(label, f"{count} of {targets[0]['totals']['commands']} diverge" if count else "diverges", colour)


def endpoint(badge: Badge) -> str:
    """The badge as shields.io's endpoint schema has it."""
    told = {"schemaVersion": 1, "label": badge.label, "message": badge.message, "color": badge.colour}
    return json.dumps(told | ({"isError": True} if badge.colour == "lightgrey" else {})) + "\n"


def svg(badge: Badge) -> str:
    """The badge as an image."""
    label, message = _width(badge.label), _width(badge.message)
    left, total = label + 2 * PADDING, label + message + 4 * PADDING
    said = quoteattr(f"{badge.label}: {badge.message}")

    def text(words: str, start: int, width: int) -> str:
        return f'<text x="{start + PADDING}" y="14" textLength="{width}">{escape(words)}</text>'

    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{total}" height="{HEIGHT}" role="img" aria-label={said}>'
        f"<title>{escape(f'{badge.label}: {badge.message}')}</title>"
        f'<clipPath id="r"><rect width="{total}" height="{HEIGHT}" rx="3"/></clipPath>'
        f'<g clip-path="url(#r)"><rect width="{left}" height="{HEIGHT}" fill="#444"/>'
        f'<rect x="{left}" width="{total - left}" height="{HEIGHT}" fill="{COLOURS[badge.colour]}"/></g>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f"{text(badge.label, 0, label)}{text(badge.message, left, message)}</g></svg>\n"
    )


def _width(text: str) -> int:
    return sum(4 if sign in NARROW else 10 if sign in WIDE else 7 for sign in text)
