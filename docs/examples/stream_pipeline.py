"""Readings of sensors through a stream, to two groups of consumers: one warns, one works out averages.

    python docs/examples/stream_pipeline.py --url redis://localhost:6379

A stream keeps what is added. Each group reads all of it, at its own pace; within a group every entry goes to one
consumer, so that work is shared. What a consumer was given and has not acknowledged stays on its list, and somebody
else claims it when the consumer is gone. Commands: XADD MAXLEN, XGROUP CREATE, XREADGROUP BLOCK, XACK, XPENDING,
XAUTOCLAIM, XINFO GROUPS.
"""

from __future__ import annotations

import argparse
import random
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import redis
from connecting import options, run

STREAM = "example:readings"
HOT = 30.0
Entry = tuple[str, dict[str, str]]


class Consumer:
    """A member of a group: reads, hands each entry to `handle`, acknowledges it; goes home after a quiet time."""

    def __init__(self, db: redis.Redis, group: str, name: str) -> None:
        self.db, self.group, self.member = db, group, name
        self.handled: list[Entry] = []

    def work(self, dies_after: int | None = None) -> None:
        """Read until nothing has come for 300 ms, or die, as a process does that is killed."""
        # ">" means: what nobody in this group has been given yet.
        while reply := self.db.xreadgroup(self.group, self.member, {STREAM: ">"}, count=10, block=300):
            entries = reply[STREAM][0] if isinstance(reply, dict) else reply[0][1]  # as RESP3 and RESP2 have it
            for entry in entries:
                if len(self.handled) == dies_after:
                    return  # what it was given and did not acknowledge stays on its list
                self.handle(entry)

    def handle(self, entry: Entry) -> None:
        self.handled.append(entry)
        self.db.xack(STREAM, self.group, entry[0])


def adopt(heir: Consumer) -> int:
    """Give the heir what others of its group were given and never acknowledged; how many entries that were."""
    adopted, start = 0, "0-0"
    while True:
        # In earnest one waits a minute or so before taking a consumer for dead (min_idle_time, milliseconds).
        start, entries, *_ = heir.db.xautoclaim(
            STREAM, heir.group, heir.member, min_idle_time=0, start_id=start, count=10
        )
        for entry in entries:
            heir.handle(entry)
        adopted += len(entries)
        if start == "0-0":  # the list has been walked to its end
            return adopted


def measure(db: redis.Redis, draw: random.Random, count: int) -> None:
    """Add readings of three sensors."""
    for number in range(count):
        reading = {"sensor": f"s{number % 3}", "celsius": f"{draw.uniform(15, 35):.1f}"}
        db.xadd(STREAM, reading, maxlen=100_000, approximate=True)  # "about": whole nodes go, which costs nothing


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    db.delete(STREAM)
    for group in ("warnings", "averages"):
        db.xgroup_create(STREAM, group, id="0", mkstream=True)  # from the first entry on

    draw = random.Random(given.seed)
    measure(db, draw, given.readings // 2)
    dead = Consumer(db, "averages", "a1")
    dead.work(dies_after=3)
    left = db.xpending(STREAM, "averages")["pending"]
    print(f"averages: a1 dies and leaves {left} entries that it was given")

    warns, heir, helper = Consumer(db, "warnings", "w1"), Consumer(db, "averages", "a2"), Consumer(db, "averages", "a3")
    with ThreadPoolExecutor() as pool:
        at_work = [pool.submit(consumer.work) for consumer in (warns, heir, helper)]
        measure(db, draw, given.readings - given.readings // 2)
        for each in at_work:
            each.result()  # what went wrong there is raised here
    print(f"averages: a2 adopts {adopt(heir)} entries of a1")

    hot = [fields for _, fields in warns.handled if float(fields["celsius"]) > HOT]
    print(f"warnings: {len(warns.handled)} readings, {len(hot)} too hot")
    by_sensor: dict[str, list[float]] = defaultdict(list)
    for _, fields in dead.handled + heir.handled + helper.handled:
        by_sensor[fields["sensor"]].append(float(fields["celsius"]))
    for sensor, values in sorted(by_sensor.items()):
        print(f"averages: {sensor} {sum(values) / len(values):.2f} of {len(values)} readings")
    for group in db.xinfo_groups(STREAM):
        print(f"{group['name']}: {group['consumers']} consumers, {group['pending']} pending, {group['lag']} behind")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--readings", type=int, default=60, help="how many readings come in")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same readings")
    run(main, parser)
