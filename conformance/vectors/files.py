"""The files of vectors: what a case, the set-ups and the coverage look like as JSON, and how they are written and read.

What must live here: the published format (docs/reference/vectors.md, ``schema/vectors.schema.json``). Files are the
same byte for byte for the same cases.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema

from redlark.conformance.drawing import clustered, parameters
from redlark.conformance.drawing.generate import group_of
from redlark.conformance.errors import CannotRun
from redlark.conformance.vectors.fill import Filling, Shown
from redlark.conformance.vectors.follow import Case
from redlark.conformance.vectors.gather import Place
from redlark.conformance.whole_files import why
from redlark.conformance.whole_files import write as put

FORMAT = 1
DEFAULT = "as it comes"
WHAT = "the vectors"
INDEX = "index.json"
CLEARING = ("FLUSHALL", "SCRIPT|FLUSH", "FUNCTION|FLUSH", "CONFIG|RESETSTAT", "SLOWLOG|RESET", "LATENCY|RESET")


def write(folder: Path, filling: Filling) -> dict[str, Any]:
    """Write the vectors of a profile into a folder; the index."""
    cases = _cases(filling)
    by_file: dict[str, list[dict[str, Any]]] = {}
    for name, case in cases:
        by_file.setdefault(name, []).append(case)
    places = {shown.place.name: shown.place for shown in filling.shown.values()}
    index = {
        "format": FORMAT,
        "profile": filling.model.profile.name,
        "seed": filling.seed,
        "clear": [name.split("|") for name in CLEARING if name in filling.model.commands],
        "servers": {name: _server(place) for name, place in places.items()},
        "commands": sorted(filling.model.commands),
        "files": {name: len(ones) for name, ones in by_file.items()},
        "rules": {
            rule: {"case": _named(filling, cases, rule)} if rule in filling.shown else {"not": filling.why[rule]}
            for rule in filling.rules
        },
    }
    made(folder)
    for old in _left(folder):
        (folder / old).unlink(missing_ok=True)
    for name, ones in by_file.items():
        put(folder / name, _lines(ones), WHAT)
    put(folder / INDEX, json.dumps(index, indent=1) + "\n", WHAT)
    return index


def made(folder: Path) -> None:
    """Make the folder, if it is not there. Raises `CannotRun`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise CannotRun(f"{WHAT} cannot be written to {folder}: {why(problem)}") from None


def _left(folder: Path) -> list[str]:
    """The files that an earlier fill has left there, by its index; what else stands there is not ours."""
    try:
        named = json.loads((folder / INDEX).read_text())["files"]
        return [name for name in named if name == Path(name).name and name.endswith(".json")]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _lines(ones: Iterable[dict[str, Any]]) -> str:
    return "[\n" + ",\n".join(json.dumps(one) for one in ones) + "\n]\n"


def _server(place: Place) -> dict[str, Any]:
    told: dict[str, Any] = {"config": dict(place.setting.config)}
    if not place.setting.signed_in:
        told["unauthenticated"] = True
    if place.setup is not None and place.setup.alone:
        told["slots"] = "all"
    return told


def _cases(filling: Filling) -> list[tuple[str, dict[str, Any]]]:
    """Every case once, with the file that it stands in: rules that the same case shows stand in it together."""
    found: dict[str, tuple[str, dict[str, Any]]] = {}
    for rule in filling.rules:
        shown = filling.shown.get(rule)
        for case in _written(shown) if shown is not None else ():
            body = json.dumps({name: value for name, value in case.items() if name not in ("name", "rules")})
            if body in found:
                found[body][1]["rules"] += case["rules"]
            else:
                found[body] = _file(filling, rule), case
    return list(found.values())


def _written(shown: Shown) -> list[dict[str, Any]]:
    """The case of a rule; one for each protocol where they differ."""
    first, *others = shown.cases
    if not others or _body(others[0]) != _body(first):
        suffix = " (RESP3)" if others else ""
        both = sorted(shown.cases, key=lambda case: case.protocol)
        return [_case(shown, one, (one.protocol,), suffix if one.protocol == 3 else "") for one in both]
    return [_case(shown, first, (2, 3), "")]


def _body(case: Case) -> object:
    return case.steps, case.within, case.clients


def _case(shown: Shown, case: Case, protocols: tuple[int, ...], suffix: str) -> dict[str, Any]:
    told: dict[str, Any] = {"name": shown.rule + suffix, "rules": [shown.rule], "protocols": list(protocols)}
    if shown.place.setup is not None:
        told["server"] = shown.place.name
    if case.clients > 1:
        told["clients"] = case.clients
    if case.within is not None:
        told["within"] = case.within
    changed = [name.decode("latin-1") for name in case.history.configured if name in parameters.VALUES]
    if changed:
        told["restore"] = sorted(changed)
    if shown.place.setup is not None and shown.place.setup.alone and clustered.changes(case.history):
        told["spoils"] = "slots"
    return told | {"steps": list(case.steps)}


def _file(filling: Filling, rule: str) -> str:
    """The file of a rule: that of its command's group."""
    command = filling.model.commands.get(rule.split("/")[0])
    if command is None:
        return "every-command.json"
    return f"{group_of(command.block)}.json"


def _named(filling: Filling, cases: Iterable[tuple[str, dict[str, Any]]], rule: str) -> str:
    return str(next(case["name"] for _, case in cases if rule in case["rules"]))


# ---- reading ---------------------------------------------------------------------------------------------------


def read(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The index and the cases of a folder. Raises `CannotRun` where it holds no vectors of this format."""
    try:
        index: dict[str, Any] = json.loads((folder / INDEX).read_text())
        cases = [case for name in index["files"] for case in json.loads((folder / name).read_text())]
    except OSError as problem:
        raise CannotRun(f"{folder}: holds no vectors: {Path(problem.filename).name}: {why(problem)}") from None
    except (ValueError, KeyError, TypeError, RecursionError) as problem:
        raise CannotRun(f"{folder}: holds no vectors: {problem}") from None
    if index.get("format") != FORMAT:
        raise CannotRun(f"{folder}: vectors of format {index.get('format')}; this is for format {FORMAT}")
    try:
        validate(index, cases)
    except jsonschema.ValidationError as problem:
        raise CannotRun(f"{folder}: holds no vectors: {_where(problem)}") from None
    for case in cases:
        found = _amiss(case, index)
        if found:
            raise CannotRun(f"{folder}: holds no vectors: {case['name']}: {found}")
    return index, cases


def _where(problem: jsonschema.ValidationError) -> str:
    return f"{problem.json_path}: {problem.message[:200]}"


def _amiss(case: Mapping[str, Any], index: Mapping[str, Any]) -> str:
    """What is wrong with a case that the schema cannot say: it names what is not there."""
    if case.get("server", DEFAULT) not in index["servers"]:
        return f"no set-up {case['server']!r}"
    clients, steps = case.get("clients", 1), case["steps"]
    for at, step in enumerate(steps):
        words = [word for word in step.get("send", ()) if isinstance(word, dict)]
        named = [step.get("client", 1), *(word.get("id", word.get("address", 1)) for word in words)]
        if max(named) > clients:
            return f"there is no connection {max(named)}"
        if any(not steps[word["reply"]].get("expect") for word in words if word.get("reply", at) < at):
            return "a word is a reply that does not come"
        if any(word["reply"] >= at for word in words if "reply" in word):
            return "a word is a reply that has not come yet"
    return ""


def schema() -> dict[str, Any]:
    """The JSON schema of the index and of a file of cases."""
    text = files("redlark.conformance").joinpath("schema/vectors.schema.json").read_text()
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def validate(index: Mapping[str, Any], cases: Iterable[Mapping[str, Any]]) -> None:
    """Hold an index and cases to the schema. Raises ``jsonschema.ValidationError``."""
    whole = schema()
    jsonschema.Draft202012Validator(whole | {"$ref": "#/$defs/index"}).validate(index)
    jsonschema.Draft202012Validator(whole | {"$ref": "#/$defs/cases"}).validate(list(cases))
