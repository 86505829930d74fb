"""Jobs for workers with RQ: any function that they can import, kept in Redis until somebody has done it.

    pip install rq
    python docs/examples/rq_jobs.py add "the quick brown fox" "to be or not to be"
    cd docs/examples && rq worker --url redis://localhost:6379 --burst example-high example-low
    python docs/examples/rq_jobs.py results

A worker looks at its queues in the order in which they were named. A failed job is tried again, or kept with its error.
RQ names its keys itself: `rq:*`. Commands (by RQ): RPUSH and LPOP, HSET, ZADD and others of sorted sets (registries of
jobs), XADD (results), WATCH, MULTI, SUBSCRIBE.
"""

from __future__ import annotations

import argparse
from collections import Counter

import redis
from connecting import connect, fail, options, shown
from rq import Queue, Retry
from rq.job import Job, JobStatus

IDS = "example:rq:ids"


def most_common(text: str) -> tuple[str, int]:
    """The word that is there most often; ValueError where there are no words."""
    if not text.split():
        raise ValueError("there are no words")
    return Counter(text.split()).most_common(1)[0]


def report(count: int) -> str:
    return f"{count} texts were handed in"


def add(db: redis.Redis, given: argparse.Namespace) -> None:
    """Hand in a job for each text, and one that waits for all of them."""
    high, low = Queue("example-high", connection=db), Queue("example-low", connection=db)
    # By its name, since "__main__" is something else to the worker. Its results are kept for an hour.
    jobs = [
        low.enqueue("rq_jobs.most_common", text, retry=Retry(max=1), result_ttl=3600, failure_ttl=3600)
        for text in given.texts
    ]
    urgent = high.enqueue("rq_jobs.report", len(jobs), result_ttl=3600)
    db.delete(IDS)
    db.rpush(IDS, urgent.id, *(job.id for job in jobs))
    print(f"{len(low)} jobs wait, and {len(high)} that goes first")


def results(db: redis.Redis, given: argparse.Namespace) -> None:
    """What has become of the jobs."""
    for job in Job.fetch_many([name.decode() for name in db.lrange(IDS, 0, -1)], connection=db):
        if job is None:
            continue  # its time is over
        status = job.get_status()
        latest = job.latest_result()
        if status == JobStatus.FINISHED and latest:
            print(f"{job.func_name}{job.args}: {latest.return_value}")
        elif status == JobStatus.FAILED and latest:
            print(f"{job.func_name}{job.args} has failed: {(latest.exc_string or '?').strip().splitlines()[-1]}")
        else:
            print(f"{job.func_name}{job.args}: {status.value}")


if __name__ == "__main__":
    parser = options(__doc__)
    modes = parser.add_subparsers(required=True, metavar="add|results")
    mode = modes.add_parser("add", help="hand in jobs")
    mode.add_argument("texts", nargs="+")
    mode.set_defaults(does=add)
    modes.add_parser("results", help="what has become of them").set_defaults(does=results)
    given = parser.parse_args()
    db = connect(given.url, text=False)  # RQ packs what it keeps: bytes
    try:
        given.does(db, given)
    except redis.ConnectionError as problem:
        fail(f"lost {shown(given.url)}: {problem}")
