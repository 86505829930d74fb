"""Whole blocks: a command compiled for one profile, from its syntax line, facts and steps.

What must live here: what holds a block's parts together, families (``means``) among them. Steps are ``steps.py``'s,
arguments ``arguments.py``'s.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from attrs import define, field

from redlark.reference.arguments import OVERLOOKED, Arguments, Ended, Hooks, compile_parser
from redlark.reference.expressions import expression
from redlark.reference.lines import arguments_of, declare, held, named
from redlark.reference.refusals import syntax_rules
from redlark.reference.scope import Definitions, Frame, Scope, refuse
from redlark.reference.steps import Compiler, Step
from redlark.reference.values import GO, ErrorReply, Leave
from redlark.spec import syntax as s
from redlark.spec.derivation import arity


@define
class Compiled:
    """A command in one profile: its parser, its steps, the rules that it holds and the block it came from."""

    name: str
    block: s.Command
    arity: int
    parse: Callable[[Arguments, Frame], None]
    run: Step
    size: list[int]
    words: tuple[int, ...]
    rules: tuple[str, ...]
    flags: frozenset[bytes]
    container: bool = False
    parks: bool = False  # may leave its client waiting for keys
    facts: dict[str, tuple[Any, ...]] = field(factory=dict)
    first: Step | None = None  # what happens before any argument is read
    key: bytes = field(init=False)  # the full name in small letters, as error messages have it
    behind: int = field(init=False)  # how many words of a request stand before its arguments

    def __attrs_post_init__(self) -> None:
        self.key = self.name.lower().encode()
        self.behind = 1 + self.name.count("|")

    def execute(self, run: Any, arguments: Arguments) -> Any:
        """Parses and runs; gives the reply."""
        v: Frame = [None] * self.size[0]
        v[0] = run
        looked, run.looks, run.vanished = run.looks, b"readonly" in self.flags, ()
        for slot in self.words:
            v[slot] = False
        try:
            reply = GO if self.first is None else self.first(v)
            if reply is GO:
                self.parse(arguments, v)
                reply = self.run(v)
        except Ended as ended:
            if ended.rule is not None:
                run.reached.append(ended.rule)
            reply = ended.reply
        run.looks = looked
        return reply.reply if type(reply) is Leave else reply


def facts_of(block: s.Command, definitions: Definitions) -> dict[str, tuple[Any, ...]]:
    """The facts that hold in a profile, values of repeated facts one behind another."""
    facts: dict[str, tuple[Any, ...]] = {}
    for fact in block.facts:
        if definitions.profile.holds(fact.guard):
            facts[fact.kind] = (*facts.get(fact.kind, ()), *fact.values)
    return facts


def compile_command(block: s.Command, definitions: Definitions, blocks: dict[str, s.Command]) -> Compiled:
    """Compiles a block for one profile; raises NotationError."""
    name = block.name
    scope = Scope(definitions, elsewhere=_elsewhere(block, definitions, blocks), command=name.lower())
    compiler, facts = Compiler(name, scope), facts_of(block, definitions)
    compiler.returns = tuple(one for one in facts.get("returns", ()) if isinstance(one, s.ReplyType))
    parts = held(block.syntax, scope)
    compiler.arguments = {p.name: p for p in arguments_of(parts)}
    compiler.choices = {p.name: p for p in parts if isinstance(p, s.Choice)}
    declare(parts, scope)
    scope.slot("token")
    refusals = {"syntax": expression(s.Error("SYNTAX", None, place=block.place), scope)}
    for fact in block.facts:
        if fact.kind == "refuses" and definitions.profile.holds(fact.guard):
            kind, error = fact.values
            refusals[str(kind)] = OVERLOOKED if error is None else expression(error, scope)  # type: ignore[arg-type]
    hooks = Hooks(refusals, {}, [], name)
    rest: list[s.Step] = []
    first: Step | None = None
    for step in block.steps:
        if isinstance(step, s.On) and step.argument == "request":
            later = compiler.steps(step.steps, scope)
            first = later if first is None else _both(first, later)
        elif isinstance(step, s.On):
            if step.argument in scope.names or step.argument in scope.words:
                earlier = hooks.steps.get(step.argument)
                later = compiler.steps(step.steps, scope)
                hooks.steps[step.argument] = later if earlier is None else _both(earlier, later)
        else:
            rest.append(step)
    parse = compile_parser(block.syntax, scope, hooks)
    run = compiler.steps(rest, scope)
    for means in block.means:
        if definitions.profile.holds(means.guard):
            run = _both(run, _means(means, compiler, scope, definitions, blocks))
    rules = (*syntax_rules(parts, hooks), *compiler.rules)
    return Compiled(
        name, block, arity(block, definitions.profile), parse, run, scope.size, tuple(scope.words.values()),
        tuple(dict.fromkeys(rules)), frozenset(str(f).encode() for f in facts.get("flags", ())), "container" in facts,
        compiler.parks, facts, first,
    )  # fmt: skip


def _both(first: Step, second: Step) -> Step:
    def run(v: Frame) -> Any:
        reply = first(v)
        return reply if reply is not GO else second(v)

    return run


def _elsewhere(block: s.Command, definitions: Definitions, blocks: dict[str, s.Command]) -> frozenset[str]:
    """What other versions of the syntax line name, and, for `means`, what the meant command's line does."""
    found = named(block.syntax)
    for means in block.means:
        if means.command in blocks:
            found |= named(blocks[means.command].syntax)
    return found


def _means(
    means: s.Means, compiler: Compiler, scope: Scope, definitions: Definitions, blocks: dict[str, s.Command]
) -> Step:
    """``means``: another command's steps with this one's arguments, words and bindings; its replies exchanged."""
    target = blocks.get(means.command)
    if target is None:
        raise refuse(means, f"no command {means.command} to mean")
    inner = Scope(definitions, dict(scope.names), dict(scope.words), named(target.syntax), scope.size, scope.command)
    true = scope.fresh()
    bound = [(scope.fresh(), name, expression(value, scope)) for name, value in means.bindings]
    for slot, name, _ in bound:
        inner.names[name] = slot
    for word in means.words:
        inner.words[word] = true
    before = compiler.arguments
    compiler.arguments = {
        **{p.name: p for p in arguments_of(held(target.syntax, scope)) if p.name in before}, **before
    }  # fmt: skip
    steps = compiler.steps([x for x in target.steps if not isinstance(x, s.On)], inner)
    compiler.arguments = before
    profile = definitions.profile
    swaps = [
        (expression(old, scope), expression(new, scope)) for new, old, guard in means.replying if profile.holds(guard)
    ]

    def run(v: Frame) -> Any:
        v[true] = True
        for slot, value in [(slot, value(v)) for slot, _, value in bound]:
            v[slot] = value
        reply = steps(v)
        if swaps and reply is not GO and not isinstance(reply, (Leave, ErrorReply)):
            for old, new in swaps:
                if old(v) == reply:
                    return new(v)
        return reply

    return run
