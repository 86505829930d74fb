"""Trees as text again: the notation that the loader reads, in the style of the house.

What must live here: how each construct is written, and nothing of what it means. What is printed parses to the tree
that was printed; a test holds that for the whole text.
"""

from __future__ import annotations

from collections.abc import Iterable

from redlark.spec import syntax as s
from redlark.spec.resolved import NEVER

WIDTH = 110

# How tightly each construct binds: brackets stand around what binds less than its place asks for.
COND, OR, AND, NOT, CMP, SPAN, SUM, TERM, POST, ATOM = range(10)

_TERMS = ("*", "div", "mod")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}


def quoted(text: str) -> str:
    """A string literal."""
    return '"' + "".join(_ESCAPES.get(char, char) for char in text) + '"'


# ---- guards --------------------------------------------------------------------------------------------------


def guarded(text: str, guard: s.Guard | None, gap: str = " ") -> str:
    """A text and the guard behind it."""
    return text if guard is None else f"{text}{gap}{guard_text(guard)}"


def guard_text(guard: s.Guard) -> str:
    """``since 7.0 or valkey 9.0``."""
    versions = [version_text(version) for version in guard.versions]
    if guard.kind == "between":
        return f"since {versions[0]} until {versions[1]}"
    return f"{guard.kind} {' or '.join(versions)}"


def version_text(version: s.Version) -> str:
    """``valkey 8.1``, ``7.0.0``, ``redis``."""
    number = ".".join(map(str, version.number))
    return " ".join(part for part in (version.product, number) if part)


# ---- expressions ---------------------------------------------------------------------------------------------


def expression(node: s.Expression, least: int = COND) -> str:
    """An expression, in brackets if it binds less tightly than `least`."""
    text, binds = _expression(node)
    return text if binds >= least else f"({text})"


def _expression(node: s.Expression) -> tuple[str, int]:
    match node:
        case s.Name(name=name):
            return name, ATOM
        case s.Word(word=word):
            return word, ATOM
        case s.Int(value=number):
            return str(number), ATOM
        case s.Float(value=fraction):
            return str(fraction), ATOM
        case s.Text(value=text):
            return quoted(text), ATOM
        case s.Call(function=name, arguments=arguments):
            return f"{name}({_list(arguments)})", POST
        case s.Field(base=base, name=name):
            return f"{expression(base, POST)}.{name}", POST
        case s.Index(base=base, key=key):
            return f"{expression(base, POST)}[{expression(key)}]", POST
        case s.At(type=type_, key=key):
            return f"{type_} at {expression(key, POST)}", POST
        case s.Run(request=request):
            return f"run {expression(request, POST)}", POST
        case s.Array(items=items):
            return f"[{_list(items)}]", ATOM
        case s.Mapping(pairs=pairs):
            return "{" + ", ".join(f"{expression(key)}: {expression(value)}" for key, value in pairs) + "}", ATOM
        case s.Error():
            return error(node), ATOM
        case s.VersionConditional(yes=yes, guard=guard, no=no):
            return f"({expression(yes)} {guard_text(guard)} else {expression(no)})", ATOM
        case s.Comprehension():
            return _comprehension(node), ATOM
    return _operation(node)


def _operation(node: s.Expression) -> tuple[str, int]:
    match node:
        case s.Conditional(test=test, yes=yes, no=no):
            return f"{expression(yes, OR)} if {expression(test, OR)} else {expression(no)}", COND
        case s.Boolean(operator=operator, left=left, right=right):
            binds = OR if operator == "or" else AND
            return f"{expression(left, binds)} {operator} {expression(right, binds + 1)}", binds
        case s.Not(operand=operand):
            return f"not {expression(operand, NOT)}", NOT
        case s.Compare(operator=operator, left=left, right=right):
            return f"{expression(left, SUM)} {operator} {expression(right, SUM)}", CMP
        case s.In(item=item, domain=domain, negated=negated):
            return f"{expression(item, SUM)} {'not in' if negated else 'in'} {expression(domain, SPAN)}", CMP
        case s.Is(item=item, type=type_, negated=negated):
            return f"{expression(item, SUM)} {'is not' if negated else 'is'} {type_}", CMP
        case s.Given(item=item, negated=negated):
            return f"{expression(item, SUM)} {'absent' if negated else 'given'}", CMP
        case s.Quantified(kind=kind, variable=variable, domain=domain, body=body):
            return f"{kind} {variable} in {expression(domain, SPAN)} holds {expression(body, CMP)}", CMP
        case s.Arithmetic(operator=operator, left=left, right=right):
            binds = TERM if operator in _TERMS else SUM
            return f"{expression(left, binds)} {operator} {expression(right, binds + 1)}", binds
        case s.Range(low=low, high=high):
            return f"{expression(low, SUM)} .." + (f" {expression(high, SUM)}" if high is not None else ""), SPAN
        case s.As(item=item, kind=kind):
            return f"{expression(item, SUM)} as {kind}", SUM
    raise TypeError(f"no way to print {type(node).__name__}")


def _list(items: Iterable[s.Expression]) -> str:
    return ", ".join(map(expression, items))


def _comprehension(node: s.Comprehension) -> str:
    domains = ", ".join(expression(domain, OR) for domain in node.domains)
    when = f" when {expression(node.when, OR)}" if node.when is not None else ""
    return f"[{expression(node.body)} for {', '.join(node.variables)} in {domains}{when}]"


def error(node: s.Error) -> str:
    """``error SYNTAX``, ``error ARITY(command)``, ``error "ERR ..."``."""
    if node.name is None:
        return f"error {quoted(node.text or '')}"
    return f"error {node.name}" + (f"({_list(node.arguments)})" if node.arguments else "")


# ---- steps ---------------------------------------------------------------------------------------------------


def steps(nodes: Iterable[s.Step], indent: int = 0) -> list[str]:
    """The lines of some steps."""
    return [line for node in nodes for line in step(node, indent)]


def step(node: s.Step, indent: int = 0) -> list[str]:
    """The lines of one step."""
    match node:
        case s.Rule():
            return _rule(node, indent)
        case s.Each():
            giving = f" giving {node.giving}" if node.giving else ""
            head = f"each {', '.join(node.variables)} in {_list(node.domains)}{giving}"
            return _block(head, node.steps, node.reply, indent)
        case s.On(argument=argument, steps=inner):
            if len(inner) == 1 and isinstance(inner[0], (s.Rule, s.Need, s.Use)):
                first, *rest = step(inner[0], indent)
                return [f"{' ' * indent}on {argument} {first.strip()}", *rest]
            return _block(f"on {argument}", inner, None, indent)
    return [" " * indent + _line(node)]


def _rule(node: s.Rule, indent: int) -> list[str]:
    when = f" when {expression(node.when, OR)}" if node.when is not None else ""
    return _block(guarded(f"rule {node.name}{when}", node.guard), node.steps, node.reply, indent)


def _block(head: str, inner: Iterable[s.Step], answer: s.Reply | None, indent: int) -> list[str]:
    space, below = " " * indent, steps(inner, indent + 2)
    said = "" if answer is None else f"=> {reply(answer)}"
    if not below and said:
        if len(space + head + said) + 2 <= WIDTH and head.startswith("rule"):
            return [f"{space}{head}  {said}"]
        return [space + head, f"{space}  {said}"]
    return [space + head, *below, *([f"{space}  {said}"] if said else [])]


def reply(node: s.Reply) -> str:
    """What stands behind an arrow."""
    match node:
        case s.Park(keys=keys, until=until, reply=late, kept=kept):
            held = "" if kept is None else f" with {expression(kept)}"
            return f"park on {expression(keys)} until {expression(until)}{held} then {expression(late)}"
        case s.Fail(error=failed):
            return f"fail {error(failed)}"
        case s.Declared():
            return "declared"
    return expression(node)


def _line(node: s.Step) -> str:
    when = getattr(node, "when", None)
    condition = f"  when {expression(when, OR)}" if when is not None else ""
    return guarded(_sentence(node) + condition, getattr(node, "guard", None), "  ")


def _sentence(node: s.Step) -> str:
    match node:
        case s.Let(names=names, value=value):
            return f"let {', '.join(names)} = {expression(value)}"
        case s.Need():
            taken = f" = {expression(node.value)}" if node.value is not None else ""
            failed = f" else {expression(node.error, OR)}" if node.error is not None else ""
            return f"need {node.name}{taken}{failed}" + (f" as {node.rule}" if node.rule else "")
        case s.Use(fragment=fragment, arguments=arguments):
            return f"use {fragment}({_list(arguments)})"
        case s.Choose(name=name, domain=domain):
            return f"choose {name} among {expression(domain, SPAN)}"
        case s.Assign(target=target, value=value, quietly=quietly):
            return f"{'quietly ' if quietly else ''}{expression(target)} := {expression(value)}"
        case s.Delete(target=target, quietly=quietly):
            return f"{'quietly ' if quietly else ''}delete {expression(target)}"
        case s.Event(event=name, key=key, database=database, ahead=ahead):
            where = f" in {expression(database, POST)}" if database is not None else ""
            return f"event {expression(name, POST)} {expression(key, POST)}{where}{' ahead' if ahead else ''}"
        case s.Propagate(items=items):
            return "propagate " + ("nothing" if items is None else " ".join(map(_propagated, items)))
        case s.Push(value=value, to=to, ahead=ahead):
            return f"send push {expression(value)} to {expression(to)}{' ahead' if ahead else ''}"
        case s.Perform(call=call):
            return f"perform {expression(call)}"
    raise TypeError(f"no way to print {type(node).__name__}")


def _propagated(item: s.Expression | s.Spread) -> str:
    inner = item.item if isinstance(item, s.Spread) else item
    dots = "..." if isinstance(item, s.Spread) else ""
    if isinstance(inner, s.Text) and inner.value and not dots:
        plain = inner.value.replace("-", "").replace("_", "")
        return inner.value if plain.isalnum() and plain.isupper() and plain[0].isalpha() else quoted(inner.value)
    if isinstance(inner, (s.Name, s.Text)) or (isinstance(inner, s.Int) and not dots):
        return expression(inner) + dots
    return f"({expression(inner)}){dots}"


# ---- syntax lines --------------------------------------------------------------------------------------------


def syntax_line(parts: Iterable[s.Part]) -> str:
    """A syntax line without the command's name; what never holds is left out."""
    return " ".join(filter(None, map(part, parts)))


def part(node: s.Part) -> str:
    """One part of a syntax line; empty for a group that never holds."""
    match node:
        case s.Token(word=word, spelling=spelling):
            return word + (f" spelled {quoted(spelling)}" if spelling else "")
        case s.Argument(name=name, type=type_, late=late, repeat=repeat):
            plain = type_ == ("key" if name == "key" else "text") and not late
            return name + ("" if plain else f":{'late ' if late else ''}{type_}") + _times(repeat)
        case s.Choice(name=name, words=words, late=late):
            return f"{name}:{'late ' if late else ''}<{' | '.join(guarded(word, guard) for word, guard in words)}>"
        case s.Pairs(parts=parts, repeat=repeat, label=label):
            return f"({f'{label} = ' if label else ''}{syntax_line(parts)}){_times(repeat)}"
    return _group(node)


def _times(repeat: s.Repeat) -> str:
    return "" if repeat is None else "..." if repeat == "many" else f"#{repeat[1]}"


def _group(node: s.Group) -> str:
    if node.guard == NEVER:
        return ""
    alternatives = [_alternative(one) for one in node.alternatives if one.guard != NEVER]
    alternatives = [one for one in alternatives if one]
    if not alternatives:
        return ""
    label = f"{node.label} = " if node.label else ""
    separator = " / " if node.kind == "compatible" else " | "
    end = (" once" if node.once else "") + ("..." if node.many else "")
    return guarded(f"[{label}{separator.join(alternatives)}]{end}", node.guard)


def _alternative(node: s.Alternative) -> str:
    inner = syntax_line(node.parts)
    return guarded(inner + (" once" if node.once and inner else ""), node.guard)


# ---- facts and definitions -----------------------------------------------------------------------------------


def reply_type(node: s.ReplyType) -> str:
    """A declared reply type."""
    if node.name == "map" and node.fields:
        fields = [guarded(f'"{f.name}"{"?" if f.perhaps else ""}: {reply_type(f.type)}', f.guard) for f in node.fields]
        return "{" + ", ".join([*fields, *(["..."] if node.more else [])]) + "}"
    inner = [reply_type(one) for one in node.of]
    match node.name:
        case "either":
            return f"({' | '.join(inner)})"
        case "array-of":
            return f"[{inner[0]}...]"
        case "array":
            return f"[{', '.join(inner)}]"
    return f"{node.name} of {inner[0]}" if inner else node.name


def definition(node: s.Define) -> str:
    """``define name(parameters) = expression``."""
    return guarded(f"define {node.name}({', '.join(node.parameters)}) = {expression(node.value)}", node.guard)


def type_definition(node: s.TypeDefinition) -> str:
    """``type int shown integer by parse-int(text) else error NOT_INT``."""
    shown = f" shown {node.shown}" if node.shown else ""
    failed = f" else {expression(node.error)}" if node.error is not None else ""
    return guarded(f"type {node.name}{shown} by {expression(node.value)}{failed}", node.guard)


def encodings(node: s.Encodings) -> list[str]:
    """The lines of a table of encodings."""
    lines = [
        guarded(f"  {e.name} " + ("otherwise" if e.condition is None else f"while {expression(e.condition)}"), e.guard)
        for e in node.encodings
    ]
    return [f"encodings {node.type}", *lines]


def means(node: s.Means) -> list[str]:
    """``means SET with EX, start = max`` and the replies that it exchanges."""
    bound = [*node.words, *(f"{name} = {expression(value)}" for name, value in node.bindings)]
    head = f"means {node.command}" + (f" with {', '.join(bound)}" if bound else "")
    swaps = [guarded(f"  replying {expression(new)} for {expression(old)}", guard) for new, old, guard in node.replying]
    return [guarded(head, node.guard), *swaps]


def parameter(node: s.Parameter) -> str:
    """``maxmemory-samples: int 1 .. 64 = "5"``."""
    words = f" ({', '.join(map(quoted, node.words))})" if node.words else ""
    bounds = "" if node.low is None else f" {node.low} .." + ("" if node.high is None else f" {node.high}")
    default = "" if node.default is None else f" = {quoted(node.default)}"
    line = f"{', '.join(node.names)}: {node.kind}{words}{bounds}{default}" + (" hidden" if node.hidden else "")
    return guarded(line, node.guard)
