"""Short histories around one command: a few writes to few keys, then requests of it, drawn from its grammar.

What must live here: what makes it likely that one command's requests meet what they are about.
"""

from __future__ import annotations

import random

from redlark.conformance.drawing import company, functions, sorting, streaming, values
from redlark.conformance.drawing.scenarios import ALONE, HELPERS, Pool, at_key, on_one_key
from redlark.conformance.history import History, Request, steps_of


def attempt(pool: Pool, name: str, rng: random.Random, protocol: int) -> History:
    """A short history around one command: it may reach any of its rules."""
    if name not in company.COMPANY:
        return History(steps_of(0, _attempt(pool, name, rng)), protocol)
    several = company.scenarios(pool, rng.randrange(1, 5), rng)
    return company.history([*several, steps_of(0, _attempt(pool, name, rng))], protocol)


def _attempt(pool: Pool, name: str, rng: random.Random) -> list[Request]:
    """A few writes, then requests of one command."""
    helpers = [helper for helper in HELPERS if pool.has(helper)]
    writes = [pool.of(rng.choice(helpers), rng) for _ in range(rng.randrange(4)) if helpers]
    if pool.generator.commands[name].group == "stream" and rng.random() < 0.7:
        writes = list(streaming.set_up(rng, key := rng.choice(values.KEYS)))
        edge = [streaming.about(key, rng, (name,))] if rng.random() < 0.5 else []
        return [*writes, *edge, *(on_one_key(pool.of(name, rng), key) for _ in range(rng.choice((1, 2, 3))))]
    if name.startswith("SORT"):
        key = values.key(rng)
        made = sorting.set_up(key, rng)
        return [*made, *(at_key(pool.of(name, rng), key, rng) for _ in range(3))]
    if "FUNCTION|LOAD" in pool.generator.commands and name.startswith(("FCALL", "FUNCTION")) and rng.random() < 0.7:
        writes += functions.set_up(rng)
    asked = [pool.of(name, rng) for _ in range(rng.choice((1, 1, 2, 3)))]
    if rng.random() < 0.5:
        key = rng.choice(values.KEYS)
        writes, asked = ([on_one_key(one, key) for one in requests] for requests in (writes, asked))
    if name not in ALONE and pool.has("MULTI", "EXEC") and rng.random() < 0.1:
        asked = [Request((b"MULTI",)), *asked, Request((b"EXEC",))]
    return [*writes, *asked]
