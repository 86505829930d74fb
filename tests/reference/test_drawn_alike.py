"""What stands for many choices is the same in every process, whatever order its sets have there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

WORLDS = """
import sys

from redlark.reference import Model

model = Model.load("redis-8.2")
worlds = model.connect(model.start(now=1_000), 1)
members = [b"%d" % n for n in range(99)]
for line in (
    (b"SADD", b"s", *members),
    (b"HSET", b"h", *(word for member in members for word in (member, b"v"))),
    (b"ZADD", b"z", *(word for member in members for word in (b"1", member))),
    tuple(sys.argv[1].encode().split()),
):
    worlds = model.allows(worlds, 1, line, (1_000, 1_000), None)
for world in worlds:
    held = world.databases[0]
    print(sorted(held[b"s"].value), held[b"taken"].value if b"taken" in held else None)
"""


@pytest.mark.parametrize(
    "line",
    [
        "SPOP s",
        "SPOP s 2",
        "EVAL redis.call('RPUSH','taken',redis.call('SRANDMEMBER','s')) 0",
        "EVAL redis.call('RPUSH','taken',redis.call('HRANDFIELD','h')) 0",
        "EVAL redis.call('RPUSH','taken',redis.call('ZRANDMEMBER','z')) 0",
        "EVAL redis.call('RPUSH','taken',redis.call('RANDOMKEY')) 0",
    ],
)
def test_a_choice_that_nobody_saw_hangs_on_no_process(line: str) -> None:
    """Of what could have been taken unseen the same is tried in each process: a verdict can be had again."""
    told = [
        subprocess.run(
            [sys.executable, "-c", WORLDS, line],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1] != ""
