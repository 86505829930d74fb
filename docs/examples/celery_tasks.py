"""Work handed to other processes with Celery; Redis carries the messages and keeps the results.

    pip install celery redis
    cd docs/examples && celery -A celery_tasks worker --pool solo     # a worker, in another terminal
    python docs/examples/celery_tasks.py                              # sends tasks and waits for what comes of them

The worker and this program know each other by REDIS_URL alone. Commands (by Celery): LPUSH and BRPOP, SETEX, HSET and
ZADD (what was taken and not acknowledged), PUBLISH and SUBSCRIBE (a result is there), EVALSHA.
"""

from __future__ import annotations

import argparse
import os

import redis
from celery import Celery, chain, chord
from celery.exceptions import TimeoutError
from connecting import DEFAULT_URL, fail, options, run

# A worker imports this module and has no --url, so the address is read from the environment here.
URL = os.environ.get("REDIS_URL", DEFAULT_URL)

app = Celery("celery_tasks", broker=URL, backend=URL)
app.conf.update(
    task_default_queue="celery",
    result_expires=3600,  # seconds until Redis forgets a result that nobody fetched
    task_acks_late=True,  # acknowledged when done, not when taken: who dies at it leaves it to others
    broker_transport_options={"global_keyprefix": "example:celery:", "visibility_timeout": 60},
    result_backend_transport_options={"global_keyprefix": "example:celery:"},
    broker_connection_retry_on_startup=True,
)


@app.task
def add(x: int, y: int) -> int:
    return x + y


@app.task
def total(numbers: list[int]) -> int:
    return sum(numbers)


@app.task
def divide(x: int, y: int) -> float:
    return x / y


@app.task(bind=True, autoretry_for=(ConnectionError,), retry_backoff=False, default_retry_delay=0.1, max_retries=3)
def fetch(self, name: str) -> str:
    """Fails twice, as a service does that is busy; Celery puts it back, to be tried again."""
    if self.request.retries < 2:
        raise ConnectionError(f"{name} does not answer")
    return f"{name} fetched at try {self.request.retries + 1}"


def send(wait: float) -> None:
    """Send tasks, and print what comes of them; TimeoutError where nobody does them in time."""
    print(f"add: {add.delay(2, 3).get(wait)}")
    print(f"chain: {chain(add.s(1, 2), add.s(10), add.s(100)).delay().get(wait)}")
    # A chord counts in Redis how many of its parts have ended; the last one starts what comes after.
    print(f"chord: {chord([add.s(n, n) for n in range(5)], total.s()).delay().get(wait)}")
    print(f"retry: {fetch.delay('page').get(wait)}")
    later = add.apply_async((20, 22), countdown=0.5)
    print(f"later: {later.state} at first, then {later.get(wait)}")
    try:
        divide.delay(1, 0).get(wait)
    except ZeroDivisionError as problem:
        print(f"error: {problem}")  # what is raised in the worker is raised here
    forgotten = add.delay(1, 1)
    forgotten.get(wait)
    forgotten.forget()
    print(f"forgotten: {forgotten.state}")  # which an unknown task is, too


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    # Sent to whoever listens now: a task for a worker that starts later would wait for it in its queue.
    if not app.control.ping(timeout=given.wait, limit=1):
        fail(f"no worker answers within {given.wait:g} s (celery -A celery_tasks worker --pool solo)")
    try:
        send(given.wait)
    except TimeoutError:
        fail(f"no result within {given.wait:g} s: has the worker died?")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--wait", type=float, default=10, help="seconds to wait for an answer (default: %(default)s)")
    address = parser.parse_known_args()[0].url
    app.conf.update(broker_url=address, result_backend=address)
    run(main, parser)
