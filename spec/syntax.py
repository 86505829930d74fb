"""The syntax trees of the notation, as attrs classes.

What must live here: the shape of a text, nothing of its meaning. The loader builds these trees from
``grammar.lark``; the checker, the model, the metadata, the generators and the documents read them.
Every node that a message can point at carries its :class:`Place`.
"""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen


@frozen
class Place:
    """Where a node stands: file name, line and column, both counted from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


NOWHERE = Place("<text>", 0, 0)


# ---- versions ------------------------------------------------------------------------------------------------


@frozen
class Version:
    """A version of a product; ``product`` is None where the text gives a bare number (Redis's own numbering)."""

    product: str | None
    number: tuple[int, ...]


@frozen
class Guard:
    """``since`` any of these versions, ``until`` (before) all of them, ``only`` for them, or ``between`` two."""

    kind: Literal["since", "until", "only", "between"]
    versions: tuple[Version, ...]


# ---- expressions ---------------------------------------------------------------------------------------------


@frozen
class Node:
    """What every expression and step has: its place in the text."""

    place: Place = field(kw_only=True, default=NOWHERE, eq=False, repr=False)


@frozen
class Name(Node):
    """A variable, a parameter or a field of the state: ``old``, ``now``, ``session``."""

    name: str


@frozen
class Word(Node):
    """A token of the syntax line used as a truth value (``NX``), or a constant (``OK``, ``TRUE``)."""

    word: str


@frozen
class Int(Node):
    """A whole number."""

    value: int


@frozen
class Float(Node):
    """A number with a fraction."""

    value: float


@frozen
class Text(Node):
    """A string literal; ``{name}`` in it stands for a variable where it is the text of an error."""

    value: str


@frozen
class Call(Node):
    """A primitive, a definition or a built-in function applied to arguments."""

    function: str
    arguments: tuple[Expression, ...]


@frozen
class Field(Node):
    """``session.queue``."""

    base: Expression
    name: str


@frozen
class Index(Node):
    """``db[key]``, ``queue[0]``."""

    base: Expression
    key: Expression


@frozen
class At(Node):
    """``string at key``: the value if it has this type, its empty value if absent, else a failure."""

    type: str
    key: Expression


@frozen
class Run(Node):
    """``run request``: executes a request in this state and gives its reply."""

    request: Expression


@frozen
class Conditional(Node):
    """``yes if test else no``."""

    test: Expression
    yes: Expression
    no: Expression


@frozen
class VersionConditional(Node):
    """``(yes since 7.0 else no)``."""

    yes: Expression
    guard: Guard
    no: Expression


@frozen
class Boolean(Node):
    """``and`` and ``or``, evaluated from the left."""

    operator: Literal["and", "or"]
    left: Expression
    right: Expression


@frozen
class Not(Node):
    """``not x``."""

    operand: Expression


@frozen
class Compare(Node):
    """``= != < <= > >=``."""

    operator: str
    left: Expression
    right: Expression


@frozen
class In(Node):
    """``x in domain``."""

    item: Expression
    domain: Expression
    negated: bool


@frozen
class Is(Node):
    """``value is string``: an absent value passes every type test."""

    item: Expression
    type: str
    negated: bool


@frozen
class Given(Node):
    """``x given`` (or ``present``), negated ``x not given`` (or ``absent``)."""

    item: Expression
    negated: bool


@frozen
class Quantified(Node):
    """``some x in xs holds p`` and ``every x in xs holds p``."""

    kind: Literal["some", "every"]
    variable: str
    domain: Expression
    body: Expression


@frozen
class Arithmetic(Node):
    r"""``+ - * div mod``, ``++`` (concatenation) and ``\`` (set difference)."""

    operator: str
    left: Expression
    right: Expression


@frozen
class Range(Node):
    """``low .. high``, both included; ``high`` is None for no upper bound."""

    low: Expression
    high: Expression | None


@frozen
class As(Node):
    """``value as map``: the kind of a reply."""

    item: Expression
    kind: str


@frozen
class Array(Node):
    """``[a, b]``."""

    items: tuple[Expression, ...]


@frozen
class Comprehension(Node):
    """``[body for x, y in xs, ys when test]``: several domains are walked side by side."""

    body: Expression
    variables: tuple[str, ...]
    domains: tuple[Expression, ...]
    when: Expression | None


@frozen
class Mapping(Node):
    """``{a: b}``."""

    pairs: tuple[tuple[Expression, Expression], ...]


@frozen
class Error(Node):
    """``error SYNTAX``, ``error ARITY(command)`` or ``error "ERR ..."``."""

    name: str | None
    text: str | None
    arguments: tuple[Expression, ...] = ()


Expression = (
    Name | Word | Int | Float | Text | Call | Field | Index | At | Run | Conditional | VersionConditional | Boolean
    | Not | Compare | In | Is | Given | Quantified | Arithmetic | Range | As | Array | Comprehension | Mapping | Error
)  # fmt: skip


# ---- replies and steps ---------------------------------------------------------------------------------------


@frozen
class Park(Node):
    """``park on keys until timeout with kept then reply``: the client waits; waking runs the block again."""

    keys: Expression
    until: Expression
    reply: Expression
    kept: Expression | None = None


@frozen
class Fail(Node):
    """``fail error E`` inside ``each``: leaves the whole command."""

    error: Error


@frozen
class Declared(Node):
    """``=> declared``: any reply of the types that the fact ``returns`` declares."""


Reply = Expression | Park | Fail | Declared


@frozen
class Let(Node):
    """``let x = expression``: total and pure; several names take a sequence apart."""

    names: tuple[str, ...]
    value: Expression
    guard: Guard | None = None


@frozen
class Need(Node):
    """``need x = partial else error E as rule``: a named rule that ends the command where the value fails."""

    name: str
    value: Expression | None
    error: Expression | None
    rule: str | None
    guard: Guard | None = None


@frozen
class Use(Node):
    """``use fragment(arguments) when condition``: the fragment's steps stand here."""

    fragment: str
    arguments: tuple[Expression, ...]
    when: Expression | None = None
    guard: Guard | None = None


@frozen
class On(Node):
    """``on argument steps``: the steps run as soon as that argument is read."""

    argument: str
    steps: tuple[Step, ...]


@frozen
class Rule(Node):
    """``rule name when condition => reply``: where the condition holds, the command ends here."""

    name: str
    when: Expression | None
    steps: tuple[Step, ...]
    reply: Reply | None
    guard: Guard | None = None


@frozen
class Each(Node):
    """``each x, y in xs, ys giving zs``: a loop whose rules answer for the element."""

    variables: tuple[str, ...]
    domains: tuple[Expression, ...]
    giving: str | None
    steps: tuple[Step, ...]
    reply: Reply | None


@frozen
class Choose(Node):
    """``choose x among domain``: any of its members; which one, the reply shows."""

    name: str
    domain: Expression
    guard: Guard | None = None


@frozen
class Assign(Node):
    """``place := value when condition``; ``quietly``: WATCH does not notice."""

    target: Expression
    value: Expression
    when: Expression | None
    quietly: bool = False
    guard: Guard | None = None


@frozen
class Delete(Node):
    """``delete place when condition``; ``quietly``: WATCH does not notice."""

    target: Expression
    when: Expression | None
    quietly: bool = False
    guard: Guard | None = None


@frozen
class Event(Node):
    """``event "set" key``: a keyspace notification; ``in number`` tells it of another database.

    Who tracks keys is told of the changes before it first; ``ahead``: behind it.
    """

    event: Expression
    key: Expression
    when: Expression | None
    guard: Guard | None = None
    database: Expression | None = None
    ahead: bool = False


@frozen
class Spread(Node):
    """``name...`` in ``propagate``: each element is an argument of its own."""

    item: Expression


@frozen
class Propagate(Node):
    """``propagate DEL key``: what replicas and the append-only file get; None items mean ``nothing``."""

    items: tuple[Expression | Spread, ...] | None
    when: Expression | None
    guard: Guard | None = None


@frozen
class Push(Node):
    """``send push value to session``."""

    value: Expression
    to: Expression
    when: Expression | None
    guard: Guard | None = None
    ahead: bool = False


@frozen
class Perform(Node):
    """``perform call``: an effect that a primitive describes."""

    call: Call
    when: Expression | None
    guard: Guard | None = None


Step = Let | Need | Use | On | Rule | Each | Choose | Assign | Delete | Event | Propagate | Push | Perform


# ---- syntax lines --------------------------------------------------------------------------------------------

Repeat = None | Literal["many"] | tuple[Literal["counted"], str]


@frozen
class Argument(Node):
    """``name:[late] type`` with ``...`` (many) or ``#n`` (counted by the argument n)."""

    name: str
    type: str = "text"
    late: bool = False
    repeat: Repeat = None


@frozen
class Token(Node):
    """A literal word of the request, in any case; ``APPROXIMATELY spelled "~"`` is sent as a sign."""

    word: str
    spelling: str | None = None

    @property
    def text(self) -> str:
        """What a request has."""
        return self.word if self.spelling is None else self.spelling


@frozen
class Choice(Node):
    """``where:<LEFT | RIGHT>``: one of several words, each perhaps guarded."""

    name: str
    words: tuple[tuple[str, Guard | None], ...]
    late: bool = False


@frozen
class Pairs(Node):
    """``(score member)...``: arguments that belong together; ``label`` is their name in COMMAND DOCS."""

    parts: tuple[Part, ...]
    repeat: Repeat = None
    label: str | None = None


@frozen
class Alternative(Node):
    """One alternative of a group; ``once`` refuses its repetition."""

    parts: tuple[Part, ...]
    guard: Guard | None = None
    once: bool = False


@frozen
class Group(Node):
    """``[A | B]`` (exclusive) or ``[A / B]`` (compatible); ``label`` is its name in COMMAND DOCS."""

    kind: Literal["exclusive", "compatible"]
    alternatives: tuple[Alternative, ...]
    label: str | None = None
    once: bool = False
    many: bool = False
    guard: Guard | None = None


Part = Argument | Token | Choice | Pairs | Group


# ---- facts ---------------------------------------------------------------------------------------------------


@frozen
class Fact(Node):
    """One fact of a command: its kind (``flags``, ``acl``, ``tips`` ...), its values, its guard."""

    kind: str
    values: tuple[object, ...]
    guard: Guard | None = None


@frozen
class ReplyType:
    """A declared reply type: a name (``bulk``, ``int``, ``map`` ...), its parameters, and the fields of a map."""

    name: str
    of: tuple[ReplyType, ...] = ()
    fields: tuple[ReplyField, ...] = ()
    more: bool = False  # other fields beside these


@frozen
class ReplyField:
    """A field of a declared map: ``"name": type``, with ``?`` one that may be missing."""

    name: str
    type: ReplyType
    perhaps: bool = False
    guard: Guard | None = None


@frozen
class Means(Node):
    """``means SET with EX, start = max``: another command's steps, with these words and arguments."""

    command: str
    words: tuple[str, ...]
    bindings: tuple[tuple[str, Expression], ...]
    replying: tuple[tuple[Expression, Expression, Guard | None], ...]
    guard: Guard | None = None


@frozen
class ExampleLine:
    """A request of an example (client number, its text) and the lines that redis-cli prints for it.

    Or, where it ``arrives``, what a client gets that has asked for nothing now; the request is empty then.
    """

    client: int
    request: str
    guard: Guard | None
    output: tuple[str, ...]
    arrives: bool = False


@frozen
class Example(Node):
    """A runnable example: what a person types into redis-cli, and what it prints.

    Where it is ``clustered``, the server is a node that is alone in its cluster and serves every slot.
    """

    title: str | None
    resp: int
    guard: Guard | None
    lines: tuple[ExampleLine, ...]
    clustered: bool = False


@frozen
class Command(Node):
    """One command: syntax line, facts, sentence, steps, examples."""

    name: str
    syntax: tuple[Part, ...]
    facts: tuple[Fact, ...]
    summary: str | None
    steps: tuple[Step, ...]
    means: tuple[Means, ...]
    examples: tuple[Example, ...]


# ---- definitions ---------------------------------------------------------------------------------------------


@frozen
class ErrorDefinition(Node):
    """``SYNTAX "ERR syntax error"``, perhaps with parameters."""

    name: str
    parameters: tuple[str, ...]
    text: str
    guard: Guard | None = None


@frozen
class TypeDefinition(Node):
    """``type int by parse-int(text) else error NOT_INT``: how an argument is read and what it owns as error."""

    name: str
    shown: str | None
    value: Expression
    error: Expression | None
    guard: Guard | None = None


@frozen
class State(Node):
    """``state session`` or ``state server``: the fields that a connection or the server has, with first values."""

    name: str
    fields: tuple[tuple[str, Expression, Guard | None], ...]


@frozen
class Define(Node):
    """``define name(parameters) = expression``."""

    name: str
    parameters: tuple[str, ...]
    value: Expression
    guard: Guard | None = None


@frozen
class Fragment(Node):
    """``fragment name(parameters)`` and its steps."""

    name: str
    parameters: tuple[str, ...]
    steps: tuple[Step, ...]


@frozen
class Encoding(Node):
    """One line of an ``encodings`` table; ``condition`` is None for ``otherwise``."""

    name: str
    condition: Expression | None
    guard: Guard | None = None


@frozen
class Encodings(Node):
    """``encodings string``: the first encoding whose condition holds."""

    type: str
    encodings: tuple[Encoding, ...]


@frozen
class Parameter(Node):
    """One parameter of the configuration: its names (aliases behind the first), kind, bounds and default.

    `default` is None where the machine or the way that the server was started decides; a hidden parameter is told where
    it is asked for by its name alone.
    """

    names: tuple[str, ...]
    kind: str
    words: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    default: str | None = None
    hidden: bool = False
    guard: Guard | None = None

    @property
    def name(self) -> str:
        """The name that it goes by."""
        return self.names[0]


Item = ErrorDefinition | TypeDefinition | State | Define | Fragment | Encodings | Command | Parameter


@frozen
class Specification:
    """A whole text, all versions in one."""

    errors: tuple[ErrorDefinition, ...]
    types: tuple[TypeDefinition, ...]
    defines: tuple[Define, ...]
    fragments: tuple[Fragment, ...]
    encodings: tuple[Encodings, ...]
    commands: tuple[Command, ...]
    states: tuple[State, ...] = ()
    parameters: tuple[Parameter, ...] = ()
