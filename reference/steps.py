"""Steps and whole commands as closures: what happens, in reading order.

Theory of operation. A step is a function of the frame that gives ``GO``, or the reply that ends the command (or, inside
``each``, the loop's element). Rules are named ``COMMAND/rule``; each one that fires is noted in ``run.reached``. What
must not live here: expressions (``expressions.py``), parsing (``arguments.py``), dispatch (the text's own block).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen
from immutables import Map

from redlark.reference import fields, values, writes
from redlark.reference.arguments import reader
from redlark.reference.certain import certain, missing
from redlark.reference.expressions import expression, root_of
from redlark.reference.scope import Closure, Frame, Scope, refuse
from redlark.reference.shapes import declared
from redlark.reference.values import GO, Leave, Waiting
from redlark.reference.walks import rows
from redlark.spec import syntax as s

Step = Callable[[Frame], Any]


def nothing(v: Frame) -> Any:
    """A step that does nothing: one that this profile has not."""
    return GO


@frozen
class Conditional:
    """A step that is taken only where a condition holds; the block around it asks, which saves a call a step."""

    when: Closure
    then: Step

    def __call__(self, v: Frame) -> Any:
        """The step by itself, where no block is around it."""
        return self.then(v) if self.when(v) else GO


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
        """Steps one behind another; those of other versions are left out."""
        profile = scope.text.profile
        compiled = [self.step(x, scope) for x in steps if profile.holds(getattr(x, "guard", None))]
        compiled = [step for step in compiled if step is not nothing]
        if len(compiled) <= 1:
            return compiled[0] if compiled else nothing

        pairs = [(s.when, s.then) if isinstance(s, Conditional) else (None, s) for s in compiled]

        def block(v: Frame) -> Any:
            for when, then in pairs:
                if when is None or when(v):
                    reply = then(v)
                    if reply is not GO:
                        return reply
            return GO

        return block

    def step(self, node: s.Step, scope: Scope) -> Step:
        """One step."""
        return getattr(self, f"_{type(node).__name__.lower()}")(node, scope)  # type: ignore[no-any-return]

    def _let(self, node: s.Let, scope: Scope) -> Step:
        value = expression(node.value, scope)
        slots = [scope.binding(name) for name in node.names]
        if len(slots) == 1:
            (slot,) = slots

            def let(v: Frame) -> Any:
                v[slot] = value(v)
                return GO

            return let

        def unpack(v: Frame) -> Any:
            for slot, item in zip(slots, value(v), strict=True):
                v[slot] = item
            return GO

        return unpack

    def _need(self, node: s.Need, scope: Scope) -> Step:
        if node.value is None:
            return self._need_argument(node, scope)
        if isinstance(node.value, s.At):
            return self._need_at(node, node.value, scope)
        value = expression(node.value, scope)
        if node.error is None:
            raise refuse(node, f"say what fails: need {node.name} = ... else error ...")
        error = expression(node.error, scope)
        slot, rule = scope.binding(node.name), self.rule(node.rule or f"bad-{node.name}")

        def need(v: Frame) -> Any:
            found = value(v)
            if found is None:
                v[0].reached.append(rule)
                return Leave(error(v))
            v[slot] = found
            return GO

        return need

    def _need_at(self, node: s.Need, at: s.At, scope: Scope) -> Step:
        key, slot, rule = expression(at.key, scope), scope.binding(node.name), self.rule(node.rule or "wrong-type")
        type_, empty = at.type, values.EMPTY.get(at.type)
        error = expression(node.error or s.Error("WRONGTYPE", None, place=node.place), scope)
        if type_ not in values.EMPTY:
            raise refuse(at, f"no type {type_!r}; there are {', '.join(values.EMPTY)}")

        def need(v: Frame) -> Any:
            run = v[0]
            found = run.value(run.selected, name := key(v))
            if found is None:
                v[slot] = empty
            elif values.TYPES[type(found)] == type_:
                v[slot] = fields.living(run, run.selected, name) if type(found) is Map else found
            else:
                run.reached.append(rule)
                return Leave(error(v))
            return GO

        return need

    def _need_argument(self, node: s.Need, scope: Scope) -> Step:
        """``need seconds``: a late argument is converted here."""
        if node.name in self.choices:
            return self._need_choice(node, self.choices[node.name], scope)
        argument = self.arguments.get(node.name)
        if argument is None:
            if node.name in scope.elsewhere:
                return lambda v: GO
            raise refuse(node, f"{node.name!r} is no argument of the syntax line")
        slot = scope.slot(node.name)
        convert, failed = reader(argument.type, scope, argument)
        if convert is None or failed is None:
            return lambda v: GO
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

        return need

    def _need_choice(self, node: s.Need, choice: s.Choice, scope: Scope) -> Step:
        """``need status``: one of several words, looked at here."""
        slot, rule = scope.slot(node.name), self.rule(node.rule or f"bad-{node.name}")
        words = frozenset(word.encode() for word, guard in choice.words if scope.text.profile.holds(guard))
        error = expression(node.error or s.Error("SYNTAX", None, place=node.place), scope)

        def need(v: Frame) -> Any:
            if v[slot] is None or v[slot] in words:
                return GO
            v[0].reached.append(rule)
            return Leave(error(v))

        return need

    def _rule(self, node: s.Rule, scope: Scope) -> Step:
        if node.when is not None and certain(node.when, scope) is False:
            expression(node.when, scope)  # what it names must exist all the same
            return nothing
        rule = self.rule(node.name)
        when = None if node.when is None else expression(node.when, scope)
        steps = self.steps(node.steps, scope) if node.steps else None
        reply = None if node.reply is None else self.reply(node.reply, scope)
        if steps is None and reply is not None:
            answer = reply

            def fire(v: Frame) -> Any:
                v[0].reached.append(rule)
                return answer(v)

        else:

            def fire(v: Frame) -> Any:
                v[0].reached.append(rule)
                if steps is not None:
                    ended = steps(v)
                    if ended is not GO:
                        return ended
                return GO if reply is None else reply(v)

        return fire if when is None else Conditional(when, fire)

    def reply(self, node: s.Reply, scope: Scope) -> Step:
        """What stands behind an arrow."""
        if isinstance(node, s.Fail):
            error = expression(node.error, scope)
            return lambda v: Leave(error(v))
        if isinstance(node, s.Park):
            return self._park(node, scope)
        if isinstance(node, s.Declared):
            return self._declared(node, scope)
        return expression(node, scope)

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
        until, reply = expression(node.until, scope), self.reply(node.reply, scope)
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

    def _use(self, node: s.Use, scope: Scope) -> Step:
        fragment = scope.text.fragments.get(node.fragment)
        if fragment is None:
            raise refuse(node, f"no fragment {node.fragment!r}")
        if len(fragment.parameters) != len(node.arguments):
            raise refuse(node, f"fragment {node.fragment} takes {len(fragment.parameters)} arguments")
        when = None if node.when is None else expression(node.when, scope)
        inner = Scope(scope.text, dict(scope.names), dict(scope.words), scope.elsewhere, scope.size, scope.command)
        inner.foreign, inner.given = set(scope.names) - scope.given, set(scope.given)
        assigned: list[tuple[int, Closure]] = []
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
                assigned.append((slot, expression(argument, scope)))
            inner.names[parameter] = inner.words[parameter] = slot
        steps = self.steps(fragment.steps, inner)
        for name, slot in inner.names.items():  # what the fragment binds, its user sees, but for names of its own
            if name not in fragment.parameters and name not in scope.names:
                scope.names[name] = slot
                scope.given.add(name)

        def use(v: Frame) -> Any:
            for slot, value in assigned:
                v[slot] = value(v)
            return steps(v)

        used = use if assigned else steps
        return used if when is None else Conditional(when, used)

    def _each(self, node: s.Each, scope: Scope) -> Step:
        domains = [expression(domain, scope) for domain in node.domains]
        giving = None if node.giving is None else scope.binding(node.giving)
        before = dict(scope.names)
        slots = [scope.fresh() for _ in node.variables]
        scope.names.update(zip(node.variables, slots, strict=True))
        steps = self.steps(node.steps, scope)
        reply = None if node.reply is None else self.reply(node.reply, scope)
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

        return each

    def _choose(self, node: s.Choose, scope: Scope) -> Step:
        domain, slot = expression(node.domain, scope), scope.binding(node.name)

        def choose(v: Frame) -> Any:
            v[slot] = v[0].pick(domain(v))
            return GO

        return choose

    # ---- effects ---------------------------------------------------------------------------------------------

    def _when(self, node: Any, scope: Scope, effect: Callable[[Frame], Any]) -> Step:
        known = True if node.when is None else certain(node.when, scope)
        if known is False:
            expression(node.when, scope)
            return nothing

        def always(v: Frame) -> Any:
            effect(v)
            return GO

        return always if known else Conditional(expression(node.when, scope), always)

    def _assign(self, node: s.Assign, scope: Scope) -> Step:
        value = expression(node.value, scope)
        store = self.store(node.target, scope)
        return self._when(node, scope, _told(node, lambda v: store(v, value(v))))

    def store(self, target: s.Expression, scope: Scope) -> Callable[[Frame, Any], None]:
        """How a place is written."""
        root = root_of(target, scope)
        if root is not None:
            part, number, key = root
            if part == "db":
                return lambda v, x: writes.put(v[0], number(v), key(v), x)
            if part == "ttl":
                return lambda v, x: v[0].set_deadline(number(v), key(v), x)
            if part == "field-ttl":
                return lambda v, x: fields.set_deadlines(v[0], number(v), key(v), x)
            return lambda v, x: v[0].set_encoding(number(v), key(v), x)
        root = root_of(target.base, scope) if isinstance(target, s.Index) else None
        if isinstance(target, s.Index) and root is not None and root[0] == "field-ttl":
            _, number, key = root
            field = expression(target.key, scope)
            return lambda v, x: fields.set_deadline(v[0], number(v), key(v), field(v), x)
        if isinstance(target, s.Field):
            name = target.name
            if isinstance(target.base, s.Name) and target.base.name == "session":
                return lambda v, x: writes.set_own(v[0], name, x)
            if isinstance(target.base, s.Name) and target.base.name == "server":
                return lambda v, x: writes.set_server(v[0], name, x)
            if isinstance(target.base, s.Index) and _named(target.base.base, "sessions"):
                client = expression(target.base.key, scope)
                return lambda v, x: v[0].set_session(client(v), name, x)
            whole, record = self.store(target.base, scope), expression(target.base, scope)
            return lambda v, x: whole(v, record(v).put(name, x))
        if isinstance(target, s.Index):
            if _named(target.base, "config"):
                key = expression(target.key, scope)
                return lambda v, x: writes.set_server(v[0], "config", v[0].server["config"].set(key(v), x))
            inner, base = self.store(target.base, scope), expression(target.base, scope)
            key = expression(target.key, scope)
            return lambda v, x: inner(v, writes.joined(base(v), key(v), x))
        raise refuse(target, "not a place: write db[key], ttl[key], encoding[key], session.field or server.field")

    def _delete(self, node: s.Delete, scope: Scope) -> Step:
        root = root_of(node.target, scope)
        if root is not None:
            part, number, key = root
            if part == "db":
                return self._when(node, scope, _told(node, lambda v: v[0].delete(number(v), key(v))))
            if part == "ttl":
                return self._when(node, scope, lambda v: v[0].set_deadline(number(v), key(v), None))
        if isinstance(node.target, s.Index):
            inner, base = self.store(node.target.base, scope), expression(node.target.base, scope)
            key = expression(node.target.key, scope)
            return self._when(node, scope, _told(node, lambda v: inner(v, writes.without(base(v), key(v)))))
        raise refuse(node, "not a place that can be deleted: write db[key], ttl[key] or an element of a map")

    def _event(self, node: s.Event, scope: Scope) -> Step:
        name, key = expression(node.event, scope), expression(node.key, scope)
        number = expression(s.Name("selected") if node.database is None else node.database, scope)
        return self._when(node, scope, lambda v: v[0].notify(number(v), name(v), key(v)))

    def _propagate(self, node: s.Propagate, scope: Scope) -> Step:
        if node.items is None:
            return self._when(node, scope, _propagate_nothing)
        items = [
            (expression(item.item, scope), True) if isinstance(item, s.Spread) else (expression(item, scope), False)
            for item in node.items
        ]

        def propagate(v: Frame) -> None:
            request: list[Any] = []
            for item, spread in items:
                request.extend(item(v)) if spread else request.append(item(v))
            v[0].propagated.append((v[0].selected, tuple(request)))
            v[0].silent_propagation = True

        return self._when(node, scope, propagate)

    def _perform(self, node: s.Perform, scope: Scope) -> Step:
        call = expression(node.call, scope)
        return self._when(node, scope, call)

    def _push(self, node: s.Push, scope: Scope) -> Step:
        client, ahead = expression(node.to, scope), node.ahead
        if isinstance(node.value, s.As) and node.value.kind == "unordered":
            frames = expression(node.value.item, scope)
            return self._when(node, scope, lambda v: writes.push_all(v[0], client(v), frames(v)))
        value = expression(node.value, scope)
        return self._when(node, scope, lambda v: v[0].send(client(v), values.Kinded("push", value(v)), ahead=ahead))

    def _on(self, node: s.On, scope: Scope) -> Step:
        raise refuse(node, "`on` belongs at the top of a block, before the first other step that needs all arguments")


def _told(node: s.Assign | s.Delete, write: Callable[[Frame], Any]) -> Callable[[Frame], Any]:
    """A write, of which those who watch the key are told unless it is done quietly."""
    if not node.quietly:
        return write

    def quietly(v: Frame) -> Any:
        v[0].quiet = True
        write(v)
        v[0].quiet = False

    return quietly


def _named(node: s.Expression, name: str) -> bool:
    return isinstance(node, s.Name) and node.name == name


def _propagate_nothing(v: Frame) -> None:
    v[0].silent_propagation = True
