"""What every example here shares: the address of the server, and one clear line where it cannot be had.

An example's `main` takes a connected client and its own options; `run` does the rest. Nothing in it is of one server:
`--url redis://:password@host:6379/0`, or REDIS_URL in the environment, may name Redis, Valkey or `redlark serve`.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

DEFAULT_URL = "redis://localhost:6379"


def options(description: str | None) -> argparse.ArgumentParser:
    """A parser that knows --url; an example adds what it needs."""
    parser = argparse.ArgumentParser(description=(description or "").split("\n\n")[0])
    parser.add_argument(
        "--url",
        default=os.environ.get("REDIS_URL", DEFAULT_URL),
        help="the server's address, redis://[:password@]host[:port][/database]; else REDIS_URL, else %(default)s",
    )
    return parser


def shown(url: str) -> str:
    """The address as it may be printed: a password belongs in no log.

    >>> shown("redis://:secret@localhost:6379/1")
    'redis://:***@localhost:6379/1'
    """
    password = urlsplit(url).password
    return url.replace(f":{password}@", ":***@", 1) if password else url


def fail(text: str) -> None:
    """Say what is wrong in one line, as a program of the command line does, and end with status 1."""
    print(f"error: {text}", file=sys.stderr)
    raise SystemExit(1)


def connect(url: str, *, text: bool = True) -> redis.Redis:
    """A client of the server at this address that is known to answer; it gives strings as text, or as bytes."""
    try:
        # redis-py would try again for some seconds: right for a service, but not for somebody who waits at a prompt.
        with redis.Redis.from_url(url, retry=Retry(NoBackoff(), 0), socket_connect_timeout=5) as probe:
            probe.ping()
    except redis.AuthenticationError as problem:
        fail(f"{shown(url)} does not let us in: {problem}")
    except redis.RedisError as problem:
        fail(f"cannot reach {shown(url)}: {problem}; is a server running there? (redlark serve)")
    except ValueError as problem:
        fail(f"{shown(url)} is no address of a server: {problem}")
    return redis.Redis.from_url(url, decode_responses=text)


def run(main: Callable[[redis.Redis, argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Read the command line, connect, run `main`; a server that goes away meanwhile is told in one line as well."""
    given = parser.parse_args()
    db = connect(given.url)
    try:
        main(db, given)
    except redis.ConnectionError as problem:
        fail(f"lost {shown(given.url)}: {problem}")
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        db.close()
