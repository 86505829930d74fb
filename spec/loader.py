"""Reads a text: Lark's parse trees become the attrs trees of ``syntax.py``.

What must live here: turning characters into trees, and messages for what does not parse. No meaning: whether
names resolve and types fit is the checker's business.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve
from lark import Lark, Transformer, Tree, v_args
from lark import Token as LarkToken
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError
from lark.indenter import DedentError, Indenter

from redlark.spec import syntax as s


class NotationError(Exception):
    """A text that cannot be read: the place, the line itself and what to write instead."""

    def __init__(self, place: s.Place, message: str, line: str = "") -> None:
        self.place, self.message, self.line = place, message, line
        shown = f"\n  {line}\n  {' ' * (place.column - 1)}^" if line else ""
        super().__init__(f"{place}: {message}{shown}")


class _Blocks(Indenter):
    """Lark's indentation, as Python's: brackets do not suspend it, continuation lines do (grammar's CONT)."""

    NL_type = "_NL"
    OPEN_PAREN_types: ClassVar[list[str]] = []
    CLOSE_PAREN_types: ClassVar[list[str]] = []
    INDENT_type = "_INDENT"
    DEDENT_type = "_DEDENT"
    tab_len = 8


@cache
def _parser() -> Lark:
    grammar = files("redlark.spec").joinpath("grammar.lark").read_text()
    return Lark(grammar, parser="lalr", postlex=_Blocks(), propagate_positions=True, maybe_placeholders=True)


def parse_tree(text: str, file: str = "<text>") -> Tree[LarkToken]:
    """Lark's own tree of one text file, which knows where everything stands; raises :class:`NotationError`."""
    try:
        return _parser().parse(text + "\n")
    except UnexpectedInput as error:
        raise _explained(error, text, file) from None
    except DedentError as error:
        raise NotationError(s.Place(file, 1, 1), f"indentation: {error}") from None


def parse(text: str, file: str = "<text>") -> tuple[s.Item, ...]:
    """The items of one text file; raises :class:`NotationError` where it does not parse."""
    tree = parse_tree(text, file)
    try:
        return tuple(_Trees(file).transform(tree))
    except VisitError as error:
        if not isinstance(error.orig_exc, NotationError):
            raise
        raise error.orig_exc from None


def load(paths: Iterable[Path]) -> s.Specification:
    """One specification from several files; raises :class:`NotationError`."""
    items = [item for path in paths for item in parse(path.read_text(), path.name)]
    return collect(items)


def collect(items: Iterable[s.Item]) -> s.Specification:
    """The items of any number of files, sorted by kind."""
    kinds: dict[type, list[Any]] = {}
    for item in items:
        kinds.setdefault(type(item), []).append(item)

    def of(kind: type) -> tuple[Any, ...]:
        return tuple(kinds.get(kind, ()))

    return s.Specification(
        of(s.ErrorDefinition),
        of(s.TypeDefinition),
        of(s.Define),
        of(s.Fragment),
        of(s.Encodings),
        of(s.Command),
        of(s.State),
        of(s.Parameter),
    )


@cache
def specification() -> s.Specification:
    """Redlark's own text: every file of ``spec/text``."""
    folder = files("redlark.spec").joinpath("text")
    return load(sorted((Path(str(p)) for p in folder.iterdir() if p.name.endswith(".redlark")), key=lambda p: p.name))


def _explained(error: UnexpectedInput, text: str, file: str) -> NotationError:
    line, column = max(getattr(error, "line", 1), 1), max(getattr(error, "column", 1), 1)
    lines = text.split("\n")
    shown = lines[line - 1] if line <= len(lines) else ""
    if isinstance(error, UnexpectedToken):
        found = {"_NL": "the end of the line", "_INDENT": "an indented block", "_DEDENT": "the end of the block",
                 "$END": "the end of the file"}.get(error.token.type, repr(str(error.token)))  # fmt: skip
        expected = sorted(_plain(name) for name in error.accepts or error.expected)
        message = f"did not expect {found} here; write one of: {', '.join(expected[:12])}"
    elif isinstance(error, UnexpectedCharacters):
        message = f"did not expect {error.char!r} here"
    else:
        message = "the text ends too early"
    return NotationError(s.Place(file, line, column), message, shown)


def _plain(terminal: str) -> str:
    pattern = next((t.pattern for t in _parser().terminals if t.name == terminal), None)
    names = {"NAME": "a name", "WORD": "a WORD", "CMD": "a COMMAND", "_NL": "a new line",
             "_INDENT": "an indented block", "_DEDENT": "the end of the block", "STRING": '"text"',
             "INT": "a number", "VERSION": "a version", "EXAMPLE": "example"}  # fmt: skip
    if terminal in names:
        return names[terminal]
    return pattern.value if pattern is not None and pattern.type == "str" else terminal.lower()


def _unquoted(token: str) -> str:
    escapes = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}
    return re.sub(r"\\(.)", lambda m: escapes.get(m[1], m[1]), str(token)[1:-1])


_EXAMPLE_REQUEST = re.compile(r"(?:(\d+))?([<>]) ?(.*)")
_TRAILING_GUARD = re.compile(r"\s{2,}((?:since|until|only)\b.*)$")


def _guarded(text: str) -> tuple[str, s.Guard | None]:
    """Splits a trailing guard off an example's line."""
    found = _TRAILING_GUARD.search(text)
    return (text, None) if found is None else (text[: found.start()].rstrip(), parse_guard(found[1]))


def parse_guard(text: str) -> s.Guard:
    """A guard written by itself, as on an example's line: ``since 7.0 or valkey 9.0``."""
    found = re.fullmatch(r"(since)\s+([\w. ]+?)\s+until\s+([\w. ]+?)|(since|until|only)\s+(.+?)", text.strip())
    if found is None:
        raise NotationError(s.NOWHERE, f"not a guard: {text!r}; write since, until or only, then a version")
    if found[1]:
        return s.Guard("between", (_version(found[2]), _version(found[3])))
    kind: Any = found[4]
    return s.Guard(kind, tuple(_version(v.strip()) for v in found[5].split(" or ")))


def _version(text: str) -> s.Version:
    product, _, number = text.rpartition(" ")
    if not number[0].isdigit():
        return s.Version(number, ())
    return s.Version(product or None, tuple(int(x) for x in number.split(".")))


@v_args(inline=True)
class _Trees(Transformer):  # type: ignore[type-arg]
    """Parse trees to attrs trees, a method a grammar rule."""

    def __init__(self, file: str) -> None:
        super().__init__()
        self.file = file

    def _call_userfunc(self, tree: Tree, new_children: Any = None) -> Any:  # type: ignore[type-arg]
        self.meta = tree.meta
        return super()._call_userfunc(tree, new_children)  # type: ignore[no-untyped-call]

    @property
    def place(self) -> s.Place:
        if getattr(self.meta, "empty", True):
            return s.Place(self.file, 0, 0)
        return s.Place(self.file, self.meta.line, self.meta.column)

    # -- items
    def start(self, *items: s.Item | list[s.Item]) -> list[s.Item]:
        flat: list[s.Item] = []
        for item in items:
            flat.extend(item if isinstance(item, list) else [item])
        return [i for i in flat if not isinstance(i, LarkToken)]

    def errors(self, *definitions: s.ErrorDefinition) -> list[s.ErrorDefinition]:
        return list(definitions)

    def errdef(self, word: str, parameters: Any, text: str, guard: Any) -> s.ErrorDefinition:
        return s.ErrorDefinition(str(word), tuple(parameters or ()), _unquoted(text), guard, place=self.place)

    def typedef(self, name: str, shown: Any, value: Any, error: Any, guard: Any) -> s.TypeDefinition:
        return s.TypeDefinition(str(name), shown and str(shown), value, error, guard, place=self.place)

    def define(self, name: str, parameters: Any, value: Any, guard: Any) -> s.Define:
        return s.Define(str(name), tuple(parameters or ()), value, guard, place=self.place)

    def state(self, name: str, *fields: tuple[str, Any, Any]) -> s.State:
        return s.State(str(name), fields, place=self.place)

    def statefield(self, name: str, value: Any, guard: Any) -> tuple[str, Any, Any]:
        return (str(name), value, guard)

    def encodings(self, name: str, *lines: s.Encoding) -> s.Encodings:
        return s.Encodings(str(name), lines, place=self.place)

    def encoding(self, name: str, condition: Any, guard: Any) -> s.Encoding:
        return s.Encoding(str(name), None if isinstance(condition, LarkToken) else condition, guard, place=self.place)

    def parameters(self, *parameters: s.Parameter) -> list[s.Parameter]:
        return list(parameters)

    def name_list(self, *names: str) -> tuple[str, ...]:
        return tuple(map(str, names))

    def string_list(self, *texts: str) -> tuple[str, ...]:
        return tuple(map(_unquoted, texts))

    def bounds(self, low: str, high: Any) -> tuple[int | None, int | None]:
        return (int(low), None if high is None else int(high))

    def parameter(self, names: Any, kind: str, words: Any, bounds: Any, default: Any, hidden: Any, guard: Any) -> Any:
        low, high = bounds or (None, None)
        told = None if default is None else _unquoted(default)
        return s.Parameter(names, str(kind), words or (), low, high, told, bool(hidden), guard, place=self.place)

    def fragment(self, name: str, parameters: Any, *steps: s.Step) -> s.Fragment:
        return s.Fragment(str(name), tuple(parameters or ()), _flat(steps), place=self.place)

    def params(self, *names: str) -> list[str]:
        return [str(n) for n in names]

    names = params

    def param(self, name: str) -> str:
        return str(name)

    # -- commands
    def command(self, name: str, syntax: Any, facts: Any, *rest: Any) -> s.Command:
        place = self.place
        summary = next((r for r in rest if isinstance(r, str)), None)
        means = tuple(r for r in rest if isinstance(r, s.Means))
        examples = tuple(r for r in rest if isinstance(r, s.Example))
        steps = _flat(r for r in rest if not isinstance(r, (str, s.Means, s.Example)))
        return s.Command(str(name), syntax, facts, summary, steps, means, examples, place=place)

    def doc(self, text: str) -> str:
        return _unquoted(text)

    def syntax(self, *parts: s.Part) -> tuple[s.Part, ...]:
        return parts

    def arg(self, name: str, late: Any, type_: Any, repeat: Any) -> s.Argument:
        fallback = "key" if str(name) == "key" else "text"
        return s.Argument(str(name), str(type_) if type_ else fallback, bool(late), repeat, place=self.place)

    def counted(self, name: str) -> tuple[str, str]:
        return ("counted", str(name))

    def many(self, _ellipsis: str) -> str:
        return "many"

    def tok(self, word: str, spelling: Any) -> s.Token:
        return s.Token(str(word), spelling and _unquoted(spelling), place=self.place)

    def label(self, name: str) -> str:
        return str(name)

    def _group(self, kind: Any, children: tuple[Any, ...]) -> s.Group:
        label, *alternatives, once, many, guard = children
        return s.Group(kind, tuple(alternatives), label, bool(once), bool(many), guard, place=self.place)

    def exclusive(self, *children: Any) -> s.Group:
        return self._group("exclusive", children)

    def compatible(self, *children: Any) -> s.Group:
        return self._group("compatible", children)

    def alt(self, *children: Any) -> s.Alternative:
        *parts, once, guard = children
        return s.Alternative(tuple(parts), guard, bool(once), place=self.place)

    def pairs(self, *children: Any) -> s.Pairs:
        label, *parts, repeat = children
        return s.Pairs(tuple(parts), repeat, label, place=self.place)

    def choice(self, name: str, late: Any, *words: Any) -> s.Choice:
        return s.Choice(str(name), words, late is not None, place=self.place)

    def word_g(self, word: str, guard: Any) -> tuple[str, s.Guard | None]:
        return (str(word), guard)

    # -- facts
    def facts(self, *facts: s.Fact) -> tuple[s.Fact, ...]:
        return tuple(f for f in facts if isinstance(f, s.Fact))

    def _fact(self, kind: str, *values: Any, guard: Any = None) -> s.Fact:
        return s.Fact(kind, tuple(str(v) if isinstance(v, LarkToken) else v for v in values), guard, place=self.place)

    def f_group(self, name: str) -> s.Fact:
        return self._fact("group", name)

    def f_since(self, *versions: s.Version) -> s.Fact:
        return self._fact("since", *versions)

    def f_until(self, version: s.Version) -> s.Fact:
        return self._fact("until", version)

    def f_only(self, version: s.Version) -> s.Fact:
        return self._fact("only", version)

    def f_deprecated(self, version: s.Version, text: str, guard: Any) -> s.Fact:
        return self._fact("deprecated", version, _unquoted(text), guard=guard)

    def f_complexity(self, text: str, guard: Any) -> s.Fact:
        return self._fact("complexity", _unquoted(text), guard=guard)

    def f_flags(self, *names: Any) -> s.Fact:
        return self._fact("flags", *names[:-1], guard=names[-1])

    def f_acl(self, *names: Any) -> s.Fact:
        return self._fact("acl", *names[:-1], guard=names[-1])

    def f_arity(self, number: str, guard: Any) -> s.Fact:
        return self._fact("arity", int(number), guard=guard)

    def f_container(self, guard: Any) -> s.Fact:
        return self._fact("container", guard=guard)

    def f_touches(self, name: str, access: str | None, *rest: Any) -> s.Fact:
        *flags, note, guard = rest
        notes = () if note is None else (s.Text(_unquoted(note)),)
        told = () if access is None else (access,)  # what is no key (a shard's channel) is not accessed
        return self._fact("touches", name, *told, *flags, *notes, guard=guard)

    def f_tips(self, *texts: Any) -> s.Fact:
        return self._fact("tips", *(_unquoted(t) for t in texts[:-1]), guard=texts[-1])

    def f_doc_flags(self, *names: Any) -> s.Fact:
        return self._fact("doc-flags", *names[:-1], guard=names[-1])

    def f_shown(self, name: str, text: str, kind: Any, guard: Any) -> s.Fact:
        return self._fact("shown", name, _unquoted(text), *([kind] if kind else []), guard=guard)

    def f_shown_without(self, name: str, *rest: Any) -> s.Fact:
        return self._fact("shown-without", name, *rest[:-1], guard=rest[-1])

    def f_shown_with(self, name: str, text: str, guard: Any) -> s.Fact:
        return self._fact("shown-with", name, _unquoted(text), guard=guard)

    def f_shown_deprecated(self, name: str, version: s.Version, guard: Any) -> s.Fact:
        return self._fact("shown-deprecated", name, version, guard=guard)

    def f_shown_once(self, name: str, once: Any, guard: Any) -> s.Fact:
        return self._fact("shown-once", name, guard=guard)

    def f_shown_undated(self, name: str, guard: Any) -> s.Fact:
        return self._fact("shown-undated", name, guard=guard)

    def f_shown_dated(self, name: str, version: s.Version, guard: Any) -> s.Fact:
        return self._fact("shown-dated", name, version, guard=guard)

    def f_shown_keyed(self, name: str, guard: Any) -> s.Fact:
        return self._fact("shown-keyed", name, guard=guard)

    def f_shown_required(self, name: str, guard: Any) -> s.Fact:
        return self._fact("shown-required", name, guard=guard)

    def f_shown_optional(self, name: str, guard: Any) -> s.Fact:
        return self._fact("shown-optional", name, guard=guard)

    def f_shown_apart(self, name: str, guard: Any) -> s.Fact:
        return self._fact("shown-apart", name, guard=guard)

    def f_shown_of(self, name: str, *said: Any) -> s.Fact:
        return self._fact("shown-of", name, *said[:-1], guard=said[-1])

    def f_shown_in_parts(self, name: str, guard: Any) -> s.Fact:
        return self._fact("shown-in-parts", name, guard=guard)

    def said_token(self, text: str, name: str) -> tuple[str, str]:
        return (_unquoted(text), str(name))

    def said_name(self, name: str) -> str:
        return str(name)

    def f_needs(self, *words: Any) -> s.Fact:
        return self._fact("needs", *words[:-1], guard=words[-1])

    def f_history(self, version: s.Version, text: str, guard: Any) -> s.Fact:
        return self._fact("history", version, _unquoted(text), guard=guard)

    def f_returns(self, *types: Any) -> s.Fact:
        return self._fact("returns", *types[:-1], guard=types[-1])

    def f_refuses(self, name: str, error: Any, guard: Any) -> s.Fact:
        return self._fact("refuses", name, None if error == "nothing" else error, guard=guard)

    def f_tells_since(self, version: s.Version, guard: Any) -> s.Fact:
        return self._fact("tells-since", version, guard=guard)

    def f_semantics(self, name: str, reason: str, guard: Any) -> s.Fact:
        return self._fact("semantics", name, _unquoted(reason), guard=guard)

    def f_never_sent(self, reason: str, guard: Any) -> s.Fact:
        return self._fact("never-sent", _unquoted(reason), guard=guard)

    def f_unreachable(self, rule: str, reason: str, guard: Any) -> s.Fact:
        return self._fact("unreachable", str(rule), _unquoted(reason), guard=guard)

    def r_either(self, *types: s.ReplyType) -> s.ReplyType:
        return s.ReplyType("either", types)

    def r_fields(self, *children: Any) -> s.ReplyType:
        *fields, more = children
        return s.ReplyType("map", fields=tuple(fields), more=more is not None)

    def rfield(self, name: str, perhaps: Any, type_: s.ReplyType, guard: Any) -> s.ReplyField:
        return s.ReplyField(_unquoted(name), type_, perhaps is not None, guard)

    def rname(self, *children: Any) -> s.ReplyType:
        if len(children) == 1 and isinstance(children[0], LarkToken) and children[0].type != "ELLIPSIS":
            return s.ReplyType(str(children[0]))
        parts = tuple(c for c in children if isinstance(c, s.ReplyType))
        many = any(isinstance(c, LarkToken) for c in children)
        return s.ReplyType("array-of" if many and len(parts) == 1 else "array", parts)

    def r_of(self, outer: s.ReplyType, inner: s.ReplyType) -> s.ReplyType:
        return s.ReplyType(outer.name, (inner,))

    def means(self, command: str, *rest: Any) -> s.Means:
        words = tuple(r for r in rest if isinstance(r, str))
        bindings = tuple(r[1:] for r in rest if isinstance(r, tuple) and r[0] == "bind")
        swaps = tuple(r[1:] for r in rest if isinstance(r, tuple) and r[0] == "swap")
        guard = next((r for r in rest if isinstance(r, s.Guard)), None)
        return s.Means(str(command), words, bindings, swaps, guard, place=self.place)

    def bind_word(self, word: str) -> str:
        return str(word)

    def bind_name(self, name: str, value: Any) -> tuple[str, str, Any]:
        return ("bind", str(name), value)

    def swap(self, value: Any, pattern: Any, guard: Any) -> tuple[str, Any, Any, Any]:
        return ("swap", value, pattern, guard)

    def example(self, token: str) -> s.Example:
        head, *body = str(token).split("\n")
        first, guard = _guarded(head)
        title = re.search(r'"([^"]*)"', first)
        lines: list[s.ExampleLine] = []
        for line in (b[4:].rstrip() for b in body):
            found = _EXAMPLE_REQUEST.match(line)
            if found is not None:
                request, line_guard = _guarded(found[3])
                lines.append(s.ExampleLine(int(found[1] or 1), request, line_guard, (), arrives=found[2] == "<"))
            elif lines and (line or lines[-1].output):
                last = lines.pop()
                lines.append(evolve(last, output=(*last.output, line)))
        trimmed = tuple(evolve(x, output=tuple("\n".join(x.output).rstrip("\n").split("\n"))) for x in lines)
        words = re.sub(r'"[^"]*"', "", first).split()[1:]
        if strange := sorted({*words} - {"resp3", "cluster"}):
            raise NotationError(
                s.Place(self.file, _line(token), 3), f"an example of what: {strange[0]!r}? it may say resp3 or cluster"
            )
        resp, clustered = 3 if "resp3" in words else 2, "cluster" in words
        return s.Example(title and title[1], resp, guard, trimmed, clustered, place=s.Place(self.file, _line(token), 3))

    # -- steps
    def let(self, names: tuple[str, ...], value: Any, guard: Any) -> s.Let:
        return s.Let(names, value, guard, place=self.place)

    def lhs(self, *names: str) -> tuple[str, ...]:
        return tuple(str(n) for n in names)

    def need(self, name: str, value: Any, error: Any, rule: Any, guard: Any) -> s.Need:
        if isinstance(error, s.As) and rule is None:  # `else error E as name`: the grammar reads `as` into the error
            error, rule = error.item, error.kind
        return s.Need(str(name), value, error, rule and str(rule), guard, place=self.place)

    def use(self, name: str, arguments: Any, when: Any, guard: Any) -> s.Use:
        return s.Use(str(name), tuple(arguments or ()), when, guard, place=self.place)

    def on(self, name: str, *steps: s.Step) -> s.On:
        return s.On(str(name), _flat(steps), place=self.place)

    def rule(self, name: str, when: Any, guard: Any, *rest: Any) -> s.Rule:
        steps, reply = _body(rest)
        return s.Rule(str(name), when, steps, reply, guard, place=self.place)

    def when(self, test: Any) -> Any:
        return test

    def declared(self, _word: str) -> s.Declared:
        return s.Declared(place=self.place)

    def each(self, names: tuple[str, ...], domains: Any, giving: Any, *rest: Any) -> s.Each:
        steps, reply = _body(rest)
        return s.Each(names, tuple(domains), giving and str(giving), steps, reply, place=self.place)

    def sentence(self, step: Any, guard: Any) -> Any:
        from attrs import evolve

        return evolve(step, guard=guard) if guard is not None else step

    def choose(self, name: str, domain: Any) -> s.Choose:
        return s.Choose(str(name), domain, place=self.place)

    def assign(self, quietly: Any, target: Any, value: Any, when: Any) -> s.Assign:
        return s.Assign(target, value, when, bool(quietly), place=self.place)

    def p_name(self, name: str) -> s.Name:
        return s.Name(str(name), place=self.place)

    def p_index(self, base: Any, key: Any) -> s.Index:
        return s.Index(base, key, place=self.place)

    def p_field(self, base: Any, name: str) -> s.Field:
        return s.Field(base, str(name), place=self.place)

    def delete(self, quietly: Any, target: Any, when: Any) -> s.Delete:
        return s.Delete(target, when, bool(quietly), place=self.place)

    def event(self, name: Any, key: Any, database: Any, ahead: Any, when: Any) -> s.Event:
        return s.Event(name, key, when, database=database, ahead=ahead is not None, place=self.place)

    def propagate(self, *children: Any) -> s.Propagate:
        *items, when = children
        if len(items) == 1 and isinstance(items[0], LarkToken):
            return s.Propagate(None, when, place=self.place)
        return s.Propagate(tuple(items), when, place=self.place)

    def word_text(self, word: str) -> s.Text:
        return s.Text(str(word), place=self.place)

    def spread_name(self, name: str, _ellipsis: str) -> s.Spread:
        return s.Spread(s.Name(str(name), place=self.place), place=self.place)

    def parg_expr(self, value: Any, ellipsis: Any) -> Any:
        return s.Spread(value, place=self.place) if ellipsis else value

    def send(self, value: Any, to: Any, ahead: Any, when: Any) -> s.Push:
        return s.Push(value, to, when, ahead=ahead is not None, place=self.place)

    def perform(self, call: s.Call, when: Any) -> s.Perform:
        return s.Perform(call, when, place=self.place)

    def park(self, keys: Any, until: Any, kept: Any, reply: Any) -> s.Park:
        return s.Park(keys, until, reply, kept, place=self.place)

    def fail(self, error: Any) -> s.Fail:
        return s.Fail(error, place=self.place)

    def error(self, what: LarkToken, arguments: Any = None) -> s.Error:
        if what.type == "STRING":
            return s.Error(None, _unquoted(what), place=self.place)
        return s.Error(str(what), None, tuple(arguments or ()), place=self.place)

    # -- guards
    def guard(self, guard: s.Guard) -> s.Guard:
        return guard

    def g_since(self, *versions: s.Version) -> s.Guard:
        return s.Guard("since", versions)

    def g_until(self, *versions: s.Version) -> s.Guard:
        return s.Guard("until", versions)

    def g_only(self, *versions: s.Version) -> s.Guard:
        return s.Guard("only", versions)

    def g_between(self, first: s.Version, last: s.Version) -> s.Guard:
        return s.Guard("between", (first, last))

    def version(self, *parts: Any) -> s.Version:
        return _version(" ".join(str(p) for p in parts if p is not None))

    # -- expressions
    def cond(self, yes: Any, test: Any, no: Any) -> s.Conditional:
        return s.Conditional(test, yes, no, place=self.place)

    def version_cond(self, yes: Any, guard: s.Guard, no: Any) -> s.VersionConditional:
        return s.VersionConditional(yes, guard, no, place=self.place)

    def or_(self, left: Any, right: Any) -> s.Boolean:
        return s.Boolean("or", left, right, place=self.place)

    def and_(self, left: Any, right: Any) -> s.Boolean:
        return s.Boolean("and", left, right, place=self.place)

    def not_(self, operand: Any) -> s.Not:
        return s.Not(operand, place=self.place)

    def compare(self, left: Any, operator: str, right: Any) -> s.Compare:
        return s.Compare(str(operator), left, right, place=self.place)

    def in_(self, item: Any, domain: Any) -> s.In:
        return s.In(item, domain, False, place=self.place)

    def not_in(self, item: Any, domain: Any) -> s.In:
        return s.In(item, domain, True, place=self.place)

    def is_(self, item: Any, type_: Any) -> s.Is:
        return s.Is(item, _type_name(type_), False, place=self.place)

    def is_not(self, item: Any, type_: Any) -> s.Is:
        return s.Is(item, _type_name(type_), True, place=self.place)

    def given(self, item: Any) -> s.Given:
        return s.Given(item, False, place=self.place)

    def not_given(self, item: Any) -> s.Given:
        return s.Given(item, True, place=self.place)

    def some(self, variable: str, domain: Any, body: Any) -> s.Quantified:
        return s.Quantified("some", str(variable), domain, body, place=self.place)

    def every(self, variable: str, domain: Any, body: Any) -> s.Quantified:
        return s.Quantified("every", str(variable), domain, body, place=self.place)

    def arith(self, left: Any, operator: str, right: Any) -> s.Arithmetic:
        return s.Arithmetic(str(operator).strip(), left, right, place=self.place)

    def range_(self, low: Any, high: Any) -> s.Range:
        return s.Range(low, high, place=self.place)

    def range_up(self, low: Any) -> s.Range:
        return s.Range(low, None, place=self.place)

    def as_(self, item: Any, kind: str) -> s.As:
        return s.As(item, str(kind), place=self.place)

    def field(self, base: Any, name: str) -> s.Field:
        return s.Field(base, str(name), place=self.place)

    def index(self, base: Any, key: Any) -> s.Index:
        return s.Index(base, key, place=self.place)

    def at(self, type_: str, key: Any) -> s.At:
        return s.At(str(type_), key, place=self.place)

    def run(self, request: Any) -> s.Run:
        return s.Run(request, place=self.place)

    def call(self, name: str, arguments: Any) -> s.Call:
        return s.Call(str(name), tuple(arguments or ()), place=self.place)

    def args(self, *items: Any) -> tuple[Any, ...]:
        return items

    def name(self, name: str) -> s.Name:
        return s.Name(str(name), place=self.place)

    def word(self, word: str) -> s.Word:
        return s.Word(str(word), place=self.place)

    def int(self, number: str) -> s.Int:
        return s.Int(int(number), place=self.place)

    def float(self, number: str) -> s.Float:
        return s.Float(float(number), place=self.place)

    def string(self, text: str) -> s.Text:
        return s.Text(_unquoted(text), place=self.place)

    def array(self, items: Any = None) -> s.Array:
        return s.Array(tuple(items or ()), place=self.place)

    def comprehension(self, body: Any, names: tuple[str, ...], *rest: Any) -> s.Comprehension:
        *domains, when = rest
        return s.Comprehension(body, names, tuple(domains), when, place=self.place)

    def pair(self, key: Any, value: Any) -> tuple[Any, Any]:
        return (key, value)

    def map_(self, *pairs: Any) -> s.Mapping:
        return s.Mapping(tuple(p for p in pairs if p is not None), place=self.place)


def _flat(steps: Iterable[Any]) -> tuple[s.Step, ...]:
    return tuple(x for x in steps if x is not None and not isinstance(x, LarkToken))


def _body(rest: Iterable[Any]) -> tuple[tuple[s.Step, ...], s.Reply | None]:
    """The steps and the reply of a rule or a loop: the reply is what stands behind the arrow."""
    children = list(rest)
    for index, child in enumerate(children):
        if isinstance(child, LarkToken) and child.type == "ARROW":
            return _flat(children[:index]), children[index + 1]
    return _flat(children), None


def _type_name(node: Any) -> str:
    if isinstance(node, s.Name):
        return node.name
    raise NotationError(node.place, "expected the name of a type after 'is', such as string, list or set")


def _line(token: Any) -> int:
    return int(getattr(token, "line", 0) or 0)
