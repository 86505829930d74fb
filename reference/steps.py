"""Steps and whole commands as Python source: what happens, in reading order.

Theory of operation. A step is lines of a function of the frame, which return the reply that ends the command (or,
inside ``each``, the loop's element) or go on; the function gives ``GO`` at its end. Rules are named ``COMMAND/rule``;
each one that fires is noted in ``run.reached``. What must not live here: expressions (``expressions.py``), parsing
(``arguments.py``), dispatch (the text's own block).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from redlark.reference import fields, notifying, values, writes
from redlark.reference.arguments import reader
from redlark.reference.certain import certain, missing
from redlark.reference.expressions import code, expression, root_of
from redlark.reference.scope import Frame, Scope, refuse
from redlark.reference.shapes import declared
from redlark.reference.source import (
    Closure,
    Code,
    Lines,
    Object,
    Temporary,
    answer,
    called,
    constant,
    effect,
    joined,
    listed,
    sequence,
    step,
)
from redlark.reference.values import GO, Leave, Waiting
from redlark.reference.walks import rows
from redlark.spec import syntax as s

Step = Closure  # gives GO, or the reply that ends the command


class Compiler:
    """Compiles one command's steps; collects its rules."""

    def __init__(self, command: str, scope: Scope) -> None:
        self.command, self.scope = command, scope
        self.rules: list[str] = []
        self.arguments: dict[str, s.Argument] = {}
        self.choices: dict[str, s.Choice] = {}
        self.parks = False
        self.returns: tuple[s.ReplyType, ...] = ()

    def rule(self, name: str) -> str:
        """The full name of a rule, noted."""
        full = f"{self.command}/{name}"
        if full not in self.rules:
            self.rules.append(full)
        return full

    # ---- blocks ----------------------------------------------------------------------------------------------

    def steps(self, steps: Iterable[s.Step], scope: Scope) -> Step:
        """Steps one behind another as one function; those of other versions are left out."""
        return self.lines(steps, scope).closure()

    def lines(self, steps: Iterable[s.Step], scope: Scope) -> Lines:
        """The same as source."""
        profile = scope.text.profile
        return sequence([self.step(x, scope) for x in steps if profile.holds(getattr(x, "guard", None))])

    def step(self, node: s.Step, scope: Scope) -> Lines:
        """One step."""
        return getattr(self, f"_{type(node).__name__.lower()}")(node, scope)  # type: ignore[no-any-return]

    def _let(self, node: s.Let, scope: Scope) -> Lines:
        value = code(node.value, scope)
        slots = [f"v[{scope.binding(name)}]" for name in node.names]
        return effect(joined(", ".join(slots), " = ", value))

    def _need(self, node: s.Need, scope: Scope) -> Lines:
        if node.value is None:
            return self._need_argument(node, scope)
        if isinstance(node.value, s.At):
            return self._need_at(node, node.value, scope)
        value = code(node.value, scope)
        if node.error is None:
            raise refuse(node, f"say what fails: need {node.name} = ... else error ...")
        error = code(node.error, scope)
        slot, found = scope.binding(node.name), Temporary()
        fails = self._fails(self.rule(node.rule or f"bad-{node.name}"), error)
        return sequence([
            effect(joined(found, " = ", value)),
            fails.under(joined(found, " is None")),
            effect(joined(f"v[{slot}] = ", found)),
        ])  # fmt: skip

    def _fails(self, rule: str, error: Code) -> Lines:
        """A rule whose reply is an error."""
        return sequence([_reach(rule), answer(joined("Leave(", error, ")"))])

    def _need_at(self, node: s.Need, at: s.At, scope: Scope) -> Lines:
        key, slot, rule = code(at.key, scope), scope.binding(node.name), self.rule(node.rule or "wrong-type")
        type_, empty = at.type, values.EMPTY.get(at.type)
        error = code(node.error or s.Error("WRONGTYPE", None, place=node.place), scope)
        if type_ not in values.EMPTY:
            raise refuse(at, f"no type {type_!r}; there are {', '.join(values.EMPTY)}")
        name, found = Temporary(), Temporary()
        living = joined(Object(fields.living), "(v[0], v[0].selected, ", name, ")")
        there = living if type_ == "hash" else joined(found)
        wrong = joined(Object(values.TYPES), "[type(", found, f")] != {type_!r}")
        return sequence([
            effect(joined(name, " = ", key)),
            effect(joined(found, " = v[0].value(v[0].selected, ", name, ")")),
            effect(joined(Object(notifying.looked), "(v[0], ", name, ", ", found, " is not None)")).under(
                joined("v[0].looks")
            ),
            effect(joined(f"v[{slot}] = ", constant(empty))).under(joined(found, " is None")),
            self._fails(rule, error).under(wrong, "elif"),
            effect(joined(f"v[{slot}] = ", there)).otherwise(),
        ])  # fmt: skip

    def _need_argument(self, node: s.Need, scope: Scope) -> Lines:
        """``need seconds``: a late argument is converted here."""
        if node.name in self.choices:
            return self._need_choice(node, self.choices[node.name], scope)
        argument = self.arguments.get(node.name)
        if argument is None:
            if node.name in scope.elsewhere:
                return Lines()
            raise refuse(node, f"{node.name!r} is no argument of the syntax line")
        slot = scope.slot(node.name)
        convert, failed = reader(argument.type, scope, argument)
        if convert is None or failed is None:
            return Lines()
        error = None if node.error is None else expression(node.error, scope)
        rule = self.rule(node.rule or f"bad-{node.name}")

        def need(v: Frame) -> Any:
            raw = v[slot]
            if raw is None:
                return GO
            result = []
            many = type(raw) is tuple  # repeated, by itself or as one of a pair
            for text in raw if many else (raw,):
                frame = [v[0], text]
                value = convert(frame)
                if value is None:
                    v[0].reached.append(rule)
                    return Leave(error(v) if error is not None else failed(frame))
                result.append(value)
            v[slot] = tuple(result) if many else result[0]
            return GO

        return step(called(need))

    def _need_choice(self, node: s.Need, choice: s.Choice, scope: Scope) -> Lines:
        """``need status``: one of several words, looked at here."""
        slot, rule = scope.slot(node.name), self.rule(node.rule or f"bad-{node.name}")
        words = frozenset(word.encode() for word, guard in choice.words if scope.text.profile.holds(guard))
        error = expression(node.error or s.Error("SYNTAX", None, place=node.place), scope)

        def need(v: Frame) -> Any:
            if v[slot] is None or v[slot] in words:
                return GO
            v[0].reached.append(rule)
            return Leave(error(v))

        return step(called(need))

    def _rule(self, node: s.Rule, scope: Scope) -> Lines:
        if node.when is not None and certain(node.when, scope) is False:
            code(node.when, scope)  # what it names must exist all the same
            return Lines()
        rule = self.rule(node.name)
        when = None if node.when is None else code(node.when, scope)
        steps = self.lines(node.steps, scope)
        reply = Lines() if node.reply is None else answer(self.reply(node.reply, scope))
        fires = sequence([_reach(rule), steps, reply])
        return fires if when is None else fires.under(when)

    def reply(self, node: s.Reply, scope: Scope) -> Code:
        """What stands behind an arrow."""
        if isinstance(node, s.Fail):
            return joined("Leave(", code(node.error, scope), ")")
        if isinstance(node, s.Park):
            return called(self._park(node, scope))
        if isinstance(node, s.Declared):
            return called(self._declared(node, scope))
        return code(node, scope)

    def _declared(self, node: s.Declared, scope: Scope) -> Step:
        """Any reply of the types that the command declares."""
        if not self.returns:
            raise refuse(node, f"{self.command} declares no returns in this profile")
        resp2, resp3 = declared(self.returns, scope.text.profile)
        return lambda v: resp3 if v[0].session["resp"] == 3 else resp2

    def _park(self, node: s.Park, scope: Scope) -> Step:
        """Waiting for keys (``park on keys as list``: until one holds a list), or, for ``[]``, for the time alone.

        The time is in milliseconds, 0 is for ever. For the time alone, the reply is judged to have taken it.
        """
        until, reply = expression(node.until, scope), self.reply(node.reply, scope).closure()
        if node.keys == s.Array(()):

            def pause(v: Frame) -> Any:
                v[0].delay = until(v) or values.FOREVER
                return reply(v)

            return pause
        if not isinstance(node.keys, s.As) or node.keys.kind not in (*values.EMPTY, "any"):
            raise refuse(node, "say what is waited for: park on keys as list until ...; `as any` for every change")
        self.parks = True
        keys = expression(node.keys.item, scope)
        kept = (lambda v: None) if node.kept is None else expression(node.kept, scope)
        type_ = None if node.keys.kind == "any" else node.keys.kind

        def park(v: Frame) -> Any:
            run, wanted = v[0], keys(v)
            wanted = (wanted,) if isinstance(wanted, bytes) else wanted
            places = tuple(dict.fromkeys((run.selected, key) for key in wanted))
            return Leave(Waiting(places, type_, until(v), reply(v), kept(v)))

        return park

    def _use(self, node: s.Use, scope: Scope) -> Lines:
        fragment = scope.text.fragments.get(node.fragment)
        if fragment is None:
            raise refuse(node, f"no fragment {node.fragment!r}")
        if len(fragment.parameters) != len(node.arguments):
            raise refuse(node, f"fragment {node.fragment} takes {len(fragment.parameters)} arguments")
        when = None if node.when is None else code(node.when, scope)
        inner = Scope(scope.text, dict(scope.names), dict(scope.words), scope.elsewhere, scope.size, scope.command)
        inner.foreign, inner.given = set(scope.names) - scope.given, set(scope.given)
        assigned: list[Lines] = []
        for parameter, argument in zip(fragment.parameters, node.arguments, strict=True):
            inner.foreign.discard(parameter)
            if missing(argument, scope):
                inner.names.pop(parameter, None)
                inner.words.pop(parameter, None)
                inner.elsewhere |= {parameter}
                continue
            if isinstance(argument, s.Name) and argument.name in scope.names:
                slot = scope.names[argument.name]
            elif isinstance(argument, s.Word) and argument.word in scope.words:
                slot = scope.words[argument.word]
            else:
                slot = scope.fresh()
                assigned.append(effect(joined(f"v[{slot}] = ", code(argument, scope))))
            inner.names[parameter] = inner.words[parameter] = slot
        steps = self.lines(fragment.steps, inner)
        for name, slot in inner.names.items():  # what the fragment binds, its user sees, but for names of its own
            if name not in fragment.parameters and name not in scope.names:
                scope.names[name] = slot
                scope.given.add(name)

        used = sequence([*assigned, steps])
        return used if when is None else used.under(when)

    def _each(self, node: s.Each, scope: Scope) -> Lines:
        domains = [expression(domain, scope) for domain in node.domains]
        giving = None if node.giving is None else scope.binding(node.giving)
        before = dict(scope.names)
        slots = [scope.fresh() for _ in node.variables]
        scope.names.update(zip(node.variables, slots, strict=True))
        steps = self.steps(node.steps, scope)
        reply = None if node.reply is None else self.reply(node.reply, scope).closure()
        for name in list(scope.names):
            if name not in before:
                del scope.names[name]
        scope.names.update(before)

        def each(v: Frame) -> Any:
            given = []
            for row in rows(domains, len(slots), v):
                for slot, value in zip(slots, row, strict=True):
                    v[slot] = value
                ended = steps(v)
                if ended is GO and reply is not None:
                    ended = reply(v)
                if type(ended) is Leave:
                    return ended
                if ended is values.STOP:
                    break
                if ended is not GO and ended is not values.SKIP:
                    given.append(ended)
            if giving is not None:
                v[giving] = tuple(given)
            return GO

        return step(called(each))

    def _choose(self, node: s.Choose, scope: Scope) -> Lines:
        domain, slot = code(node.domain, scope), scope.binding(node.name)
        return effect(joined(f"v[{slot}] = v[0].pick(", domain, ")"))

    # ---- effects ---------------------------------------------------------------------------------------------

    def _when(self, node: Any, scope: Scope, *effects: Code) -> Lines:
        known = True if node.when is None else certain(node.when, scope)
        done = sequence([effect(one) for one in effects])
        if known:
            return done
        when = code(node.when, scope)  # what it names must exist though it never holds
        return Lines() if known is False else done.under(when)

    def _assign(self, node: s.Assign, scope: Scope) -> Lines:
        value, found = code(node.value, scope), Temporary()
        write = self.store(node.target, scope)(joined(found))
        return self._when(node, scope, joined(found, " = ", value), *_told(node, write))

    def store(self, target: s.Expression, scope: Scope) -> Callable[[Code], Code]:
        """How a place is written: the source that writes a value to it."""
        root = root_of(target, scope)
        if root is not None:
            part, number, key = root
            writing: dict[str, list[str | Object]] = {
                "db": [Object(writes.put), "(v[0], "], "ttl": ["v[0].set_deadline("],
                "field-ttl": [Object(fields.set_deadlines), "(v[0], "], "encoding": ["v[0].set_encoding("],
            }  # fmt: skip
            write = writing[part]
            return lambda x: joined(*write, number, ", ", key, ", ", x, ")")
        root = root_of(target.base, scope) if isinstance(target, s.Index) else None
        if isinstance(target, s.Index) and root is not None and root[0] == "field-ttl":
            place = listed([joined("v[0]"), *root[1:], code(target.key, scope)], "(")
            return lambda x: joined(Object(fields.set_deadline), *place, ", ", x, ")")
        if isinstance(target, s.Field):
            name = repr(target.name)
            if isinstance(target.base, s.Name) and target.base.name == "session":
                return lambda x: joined(Object(writes.set_own), f"(v[0], {name}, ", x, ")")
            if isinstance(target.base, s.Name) and target.base.name == "server":
                return lambda x: joined(Object(writes.set_server), f"(v[0], {name}, ", x, ")")
            if isinstance(target.base, s.Index) and _named(target.base.base, "sessions"):
                client = code(target.base.key, scope)
                return lambda x: joined("v[0].set_session(", client, f", {name}, ", x, ")")
            whole, record = self.store(target.base, scope), code(target.base, scope)
            return lambda x: whole(joined(record, f".put({name}, ", x, ")"))
        if isinstance(target, s.Index):
            at = code(target.key, scope)
            if _named(target.base, "config"):
                after = joined('v[0].server["config"].set(', at, ", ")
                return lambda x: joined(Object(writes.set_server), '(v[0], "config", ', after, x, "))")
            inner, base = self.store(target.base, scope), code(target.base, scope)
            return lambda x: inner(joined(Object(writes.joined), "(", base, ", ", at, ", ", x, ")"))
        raise refuse(target, "not a place: write db[key], ttl[key], encoding[key], session.field or server.field")

    def _delete(self, node: s.Delete, scope: Scope) -> Lines:
        root = root_of(node.target, scope)
        if root is not None:
            part, number, key = root
            if part == "db":
                return self._when(node, scope, *_told(node, joined("v[0].delete(", number, ", ", key, ")")))
            if part == "ttl":
                return self._when(node, scope, joined("v[0].set_deadline(", number, ", ", key, ", None)"))
        if isinstance(node.target, s.Index):
            inner, base = self.store(node.target.base, scope), code(node.target.base, scope)
            left = joined(Object(writes.without), "(", base, ", ", code(node.target.key, scope), ")")
            return self._when(node, scope, *_told(node, inner(left)))
        raise refuse(node, "not a place that can be deleted: write db[key], ttl[key] or an element of a map")

    def _event(self, node: s.Event, scope: Scope) -> Lines:
        name, key = code(node.event, scope), code(node.key, scope)
        number = code(s.Name("selected") if node.database is None else node.database, scope)
        return self._when(node, scope, joined("v[0].notify(", number, ", ", name, ", ", key, f", ahead={node.ahead})"))

    def _propagate(self, node: s.Propagate, scope: Scope) -> Lines:
        if node.items is None:
            return self._when(node, scope, called(_propagate_nothing))
        items = [
            joined("*", code(item.item, scope)) if isinstance(item, s.Spread) else code(item, scope)
            for item in node.items
        ]
        return self._when(node, scope, joined(Object(_propagate), *listed([joined("v[0]"), *items], "(", ")")))

    def _perform(self, node: s.Perform, scope: Scope) -> Lines:
        return self._when(node, scope, code(node.call, scope))

    def _push(self, node: s.Push, scope: Scope) -> Lines:
        client = code(node.to, scope)
        if isinstance(node.value, s.As) and node.value.kind == "unordered":
            frames = code(node.value.item, scope)
            sent = joined(Object(writes.push_all), "(v[0], ", client, ", ", frames, f", {node.ahead})")
            return self._when(node, scope, sent)
        value = joined('Kinded("push", ', code(node.value, scope), ")")
        return self._when(node, scope, joined("v[0].send(", client, ", ", value, f", ahead={node.ahead})"))

    def _on(self, node: s.On, scope: Scope) -> Lines:
        raise refuse(node, "`on` belongs at the top of a block, before the first other step that needs all arguments")


def _reach(rule: str) -> Lines:
    return effect(joined(f"v[0].reached.append({rule!r})"))


def _told(node: s.Assign | s.Delete, write: Code) -> list[Code]:
    """A write, of which those who watch the key are told unless it is done quietly."""
    return [joined("v[0].quiet = True"), write, joined("v[0].quiet = False")] if node.quietly else [write]


def _named(node: s.Expression, name: str) -> bool:
    return isinstance(node, s.Name) and node.name == name


def _propagate(run: Any, *request: Any) -> None:
    run.propagated.append((run.selected, request))
    run.silent_propagation = True


def _propagate_nothing(v: Frame) -> None:
    v[0].silent_propagation = True
