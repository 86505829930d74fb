"""The words of the language itself: what a text may name without defining it.

What must live here: the names of the state, the constants, the kinds of reply and the signatures of the built-in
functions, as data. The checker reads them; ``reference`` implements them, and a test holds the two together.
"""

from __future__ import annotations

from redlark.spec.primitives import Signature, parse_signature

CONSTANTS = frozenset({"nil", "none", "nil-array", "no-reply", "skip", "stop", "max-time"})
WORDS = frozenset({"OK", "TRUE", "FALSE"})
STATE = frozenset({
    "now", "selected", "request", "client", "in-exec", "in-script", "script", "databases", "db", "dbs", "ttl", "ttls",
    "field-ttl", "field-ttls",
    "encoding", "encodings", "session", "sessions", "server", "config", "command", "token", "woken-by",
    "woken-with",
})  # fmt: skip
TYPES = frozenset({"string", "list", "set", "hash", "zset", "stream"})
RAW_TYPES = frozenset({"text", "key", "pattern", "string"})  # argument types that take the text as it is
KINDS = frozenset({
    "set", "map", "pair-map", "map-in-order", "pairs", "flat", "double", "unordered", "status-set", "push", "verbatim",
    "big-number", "attributes",
    "several",
    "status", "seconds",
})  # fmt: skip
KEYWORDS = frozenset({
    "late", "once", "since", "until", "only", "when", "let", "need", "rule", "use", "each", "on", "choose", "among",
    "delete", "event", "propagate", "send", "perform", "park", "fail", "error", "given", "absent", "present", "is",
    "in", "not", "and", "or", "if", "else", "some", "every", "holds", "as", "div", "mod", "run", "at", "giving",
    "means", "replying", "otherwise", "while", "nothing", "declared", "ahead",
})  # fmt: skip
STEP_WORDS = frozenset({"event", "rule"})  # words that only begin a step, and may name an argument

FUNCTIONS: dict[str, Signature] = {
    signature.name: signature
    for signature in map(parse_signature, (
        "size(any) -> int", "abs(int) -> int", "upper(text) -> text", "lower(text) -> text",
        "joined(any, text) -> text",        "slice(any, int, int) -> any", "zeros(int) -> text", "status(text) -> any",
        "take(any, int) -> any", "drop(any, int) -> any", "first(any) -> any", "last(any) -> any", "only(any) -> any",
        "distinct(any) -> list of any", "set-of(any) -> set of any", "list-of(any) -> list of any",
        "flatten(any) -> list of any", "count-of(any, any) -> int", "sum(any) -> int", "union(any) -> set of any",
        "largest(any) -> any", "bytes-of(text) -> list of int", "verdict() -> any",
        "intersection(any) -> set of any", "first-of(any) -> any?", "fields(any) -> list of any",
        "reversed(any) -> any", "chunks(any, int) -> list of any",
        "places-of(any, any) -> list of int", "without-places(any, any) -> list of any",
        "without(any, any) -> any",
        "without-all(any, any) -> any", "pairs-of(any) -> list of any", "draws(any, int, bool) -> list of any",
        "first-place(any, any) -> int", "replaced(any, int, any) -> list of any",
        "excess(any, int?, int, bool) -> list of int",
        "absolute(int?, bool, bool, any) -> any", "subsets(any, int) -> any",
        "unshown(any, int) -> any", "samples(any, int) -> any",
        "type-of(any) -> text", "keys(any) -> set of any", "expired-keys(any) -> set of any", "live(any) -> int",
        "cursors-after(any) -> list of int", "orders(any) -> list of any", "help-lines() -> any",
        "empty-stream() -> any", "new-group(int, int?) -> any", "new-consumer(any, any) -> any",
        "new-pending(text, any, int) -> any", "entries(any) -> list of any", "length(any) -> int",
        "first-entry(any) -> any?", "last-entry(any) -> any?", "entry-at(any, int) -> any?",
        "entries-between(any, int, int, int?, bool) -> list of any", "removed(any, any) -> any",
        "appended(any, int, any, int, int) -> any", "trimmed(any, int?, int?, bool, int) -> any",
        "pending-between(any, int, int) -> list of any", "in-order(any) -> list of any",
        "without-consumer(any, text) -> any", "is-referenced(any, int) -> bool", "unreferenced(any, any) -> any",
        "fresh-ids(int, any) -> list of int", "begins-with(text, text) -> bool", "sorted(any) -> list of text",
        "in-protocol(any, int) -> any", "radix-nodes() -> any",
        "pages(any) -> list of any", "pages-of(any, int) -> list of any", "arity-holds(int, int) -> bool",
        "map-of(any) -> map", "with-score(any, text, float) -> zset", "zset-of(any) -> zset",
        "members(any) -> list of text",
        "reversed(any) -> list of any", "rank-in(any, any) -> int?",
        "selections(any, int) -> list of any",
        "runs(list of bool, list of bool, int, bool, bool) -> list of any",
        "removals(list of bool, list of bool) -> list of any", "run-counts(list of bool, list of bool) -> list of int",
        "runs-from-anywhere(list of bool) -> list of any",
        "nearest(any, bool, int?, int) -> list of any",
        "found-by-chance(any, int) -> list of any",
        "united(any, any, text) -> zset", "intersected(any, any, text) -> zset", "less(any) -> zset",
        "sublists(any) -> list of any", "refused-by-target() -> any",
        "loaded(text, int, text) -> any?",
        "sort-elements(any) -> list of any", "tied-groups(any, any, bool) -> list of any",
        "arrangements(any, int, int, any) -> list of any",
        "libraries-dumped(any, int) -> any", "libraries-in(text) -> list of any", "payload-version-of(text) -> int?",
        "all-categories() -> list of text", "memory-bounds(any, bool) -> list of int",
        "latest-delays(text, int, bool) -> any", "delays-told(int) -> any",
        "delay-graph(text, int) -> any", "some-digest() -> any", "object-told(text) -> any",
        "microseconds-slept(text) -> int",
        "emptied-log(any) -> any", "shortened-log(any, int) -> any", "log-lengths(any) -> list of int",
        "log-readings(any, int) -> list of any",
    ))
}  # fmt: skip

# Functions of the whole state: what they take besides is what stands in the brackets.
RUN_FUNCTIONS: dict[str, Signature] = {
    signature.name: signature
    for signature in map(parse_signature, (
        "all-databases() -> list of int", "arity-of(text) -> int", "command-of(any) -> text?",
        "flush(int, int?) -> any", "has-flag(text, text) -> bool", "is-container(text) -> bool", "owe(int, any) -> any",
        "owe-of(text, int, any) -> any", "disown(text, any) -> any", "field-is-late(text, text) -> bool",
        "field-is-just-over(text, text) -> bool",
        "clear-late(text, any) -> any", "clear-late-but-key(text, any) -> any", "clear-late-untold(text, any) -> any",
        "lost-field(any) -> bool",
        "store-fieldless(int, text) -> any", "clear-fieldless(text) -> any", "owed-of(text, int) -> set of text",
        "microseconds() -> list of int", "owed(int) -> list of text", "swap(int, int) -> any", "version(any) -> int",
        "stored-ghost(any) -> bool", "held-type(int, text) -> text?", "bury(text) -> any", "overlook(text) -> any",
        "forget-some() -> any",
        "read-clock() -> any",
        "count(text) -> any", "lose-count(text) -> any", "look-up(text) -> any", "look-up-all(any) -> any",
        "look-up-in-any-order(any) -> any", "look-up-untold(text) -> any", "tell-of-misses() -> any",
        "all-command-names() -> list of text", "command-names() -> list of text",
        "command-docs(any) -> list of any", "command-rows(text) -> list of any", "command-tables() -> list of any",
        "name-lists(any) -> list of any", "has-keys(text) -> bool", "in-category(text, text) -> bool",
        "keys-of(any) -> any?", "found-keys(any) -> any?", "store-unseen(text, any) -> any", "is-parked(int) -> bool",
        "unblock(int, text?) -> any", "wake(text) -> any",
        "lua-problem(text) -> text?", "run-script(text, text, any, any, bool, bool) -> any",
        "function-problem(text) -> text?", "registering-problem(text) -> text?", "functions-of(text) -> list of any",
        "run-function(text, text, any, any, bool, bool) -> any",
        "keep-what-is-written() -> any", "dumped(text, int, text) -> any",
        "took() -> list of int", "words-read() -> int", "conceal(int) -> any", "is-concealed(int) -> bool",
        "octets-asked() -> list of int", "octets-answered() -> list of int", "be-busy(int) -> any",
        "answer-late() -> any", "histograms(any) -> any", "info-texts(any, any) -> list of text",
        "digest-at(text) -> text", "digest-of-all() -> text?", "lacks-fields(text) -> bool",
        "with-entry(any, any, text?, text, any, bool) -> any",
        "parameter-named(text) -> any?", "parameter-names() -> list of text", "setting(text) -> text",
    ))
}  # fmt: skip
VARIADIC = frozenset({"min", "max", "first-given"})  # functions of any number of arguments
