"""A queue of jobs that loses none when a worker dies: BLMOVE puts a job into the worker's own list as it takes it out.

    python docs/examples/reliable_queue.py add resize:1 resize:2 resize:3
    python docs/examples/reliable_queue.py work w1                         # ends when nothing has come for a while
    python docs/examples/reliable_queue.py recover                         # what dead workers held is waiting again

A worker that took a job with BRPOP and died would take it to its grave. With BLMOVE the job is always in one list or
the other. A worker's heartbeat is a key with a deadline; `recover` gives back the jobs of those whose heart stopped.
So a job may be done twice (its worker died before it said that it was done), but never no times. Commands: LPUSH,
BLMOVE, LREM, SET EX, SCAN, LMOVE.
"""

from __future__ import annotations

import argparse
import time

import redis
from connecting import options, run

WAITING, DONE = "example:queue:waiting", "example:queue:done"
HELD = "example:queue:held:"  # and a worker's name
HEART = "example:queue:heart:"


def add(db: redis.Redis, given: argparse.Namespace) -> None:
    """Put jobs at the list's left; workers take from its right, so the oldest goes first."""
    print(f"{db.lpush(WAITING, *given.jobs)} waiting")


def work(db: redis.Redis, given: argparse.Namespace) -> None:
    """Take jobs and do them, one at a time, until none has come for `--patience` seconds."""
    held, heart = HELD + given.name, HEART + given.name
    # A job must not take longer than the heart beats without help; a long one would beat from a thread of its own.
    beat = max(round(given.seconds * 3), 2)
    while True:
        db.set(heart, "beats", ex=beat + given.patience)
        job = db.blmove(WAITING, held, given.patience, "RIGHT", "LEFT")
        if job is None:
            break
        print(f"{given.name} takes {job}", flush=True)
        time.sleep(given.seconds)  # where a real worker resizes an image
        with db.pipeline() as pipe:
            pipe.lpush(DONE, job)
            pipe.lrem(held, 1, job)
            pipe.execute()
        print(f"{given.name} has done {job}", flush=True)
    db.delete(heart)
    print(f"{given.name} goes home", flush=True)


def recover(db: redis.Redis, given: argparse.Namespace) -> None:
    """Give back what is held by workers whose heart has stopped."""
    for held in list(db.scan_iter(HELD + "*")):
        worker = held.removeprefix(HELD)
        if db.exists(HEART + worker):
            print(f"{worker} is at work")
            continue
        # From the end where workers take, so that what has waited longest is taken next. LMOVE, as BLMOVE, is one step.
        while (job := db.lmove(held, WAITING, "LEFT", "RIGHT")) is not None:
            print(f"{worker} is dead: {job} waits again")


def clear(db: redis.Redis, given: argparse.Namespace) -> None:
    """Forget all jobs, waiting, held and done."""
    for key in list(db.scan_iter("example:queue:*")):
        db.delete(key)


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    given.does(db, given)


if __name__ == "__main__":
    parser = options(__doc__)
    modes = parser.add_subparsers(required=True, metavar="add|work|recover|clear")
    mode = modes.add_parser("add", help="put jobs into the queue")
    mode.add_argument("jobs", nargs="+")
    mode.set_defaults(does=add)
    mode = modes.add_parser("work", help="do jobs until there are none")
    mode.add_argument("name", help="the worker's name, which no other has")
    mode.add_argument("--seconds", type=float, default=0.5, help="how long a job takes")
    mode.add_argument("--patience", type=int, default=2, help="seconds to wait for a job before going home")
    mode.set_defaults(does=work)
    modes.add_parser("recover", help="give back what dead workers held").set_defaults(does=recover)
    modes.add_parser("clear", help="forget all jobs").set_defaults(does=clear)
    run(main, parser)
