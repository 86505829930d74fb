"""The process that draws, in which the plain core runs: `python -m tests.fuzz.drawing PORT [libFuzzer's options]`.

It ends with 0 when its time is over, and otherwise when an input was found, which it tells.
"""

from __future__ import annotations

import sys

import atheris

import redlark.reference.resp  # noqa: F401 -- before the server: the judge's own code is not what inputs are to reach

with atheris.instrument_imports(include=["redlark.server"], exclude=["redlark.server.engine"]):
    from tests.fuzz.pair import Found, Pair

EVERY = 1_000  # inputs between two words of it


def main() -> None:
    """Draw until the time is over."""
    with Pair.started("plain") as plain:
        pair, done = Pair((*plain.ports, int(sys.argv[1]))), 0

        def one(data: bytes) -> None:
            nonlocal done
            try:
                pair.judge(data)
            except (Found, OSError) as problem:
                print(f"{problem}\ninput: {data.hex()}", flush=True)
                raise
            done += 1
            if done % EVERY == 0:
                print(f"{done} inputs", flush=True)

        atheris.Setup([sys.argv[0], "-max_len=600", "-verbosity=0", *sys.argv[2:]], one)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
