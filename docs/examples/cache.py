"""A cache in front of a slow database: look in Redis first, ask the database where nothing is there, keep the answer.

    python docs/examples/cache.py --url redis://localhost:6379

The deadline (EX) is the safety net: whatever goes wrong with invalidation, an answer is never older than that. Who
writes to the database deletes the cached answer instead of mending it, so that no two writers can leave an old one.
Commands: GET, SET EX, DEL, TTL.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import time
from typing import Any

import redis
from connecting import options, run

KEEP_SECONDS = 300


class Users:
    """Users in a database that takes its time, and in Redis, which does not."""

    def __init__(self, db: redis.Redis, slowness: float) -> None:
        self.db = db
        self.slowness = slowness
        self.asked = 0  # how often the database had to work
        self.table = sqlite3.connect(":memory:")
        self.table.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, city TEXT)")
        self.table.execute("INSERT INTO users VALUES (101, 'Ada', 'London'), (102, 'Emmy', 'Erlangen')")

    def get(self, number: int) -> dict[str, Any] | None:
        """The user with this number, or None; from the cache where it is there."""
        key = f"example:cache:user:{number}"
        cached = self.db.get(key)
        if cached is not None:
            found: dict[str, Any] | None = json.loads(cached)
            return found
        user = self._ask(number)
        # That there is no such user is kept as well ("null"): else whoever asks for random ones overloads the database.
        self.db.set(key, json.dumps(user), ex=KEEP_SECONDS)
        return user

    def move(self, number: int, city: str) -> None:
        """Write to the database, then forget the old answer: in the other order somebody could cache it anew."""
        self.table.execute("UPDATE users SET city = ? WHERE id = ?", (city, number))
        self.db.delete(f"example:cache:user:{number}")

    def _ask(self, number: int) -> dict[str, Any] | None:
        self.asked += 1
        time.sleep(self.slowness)
        row = self.table.execute("SELECT id, name, city FROM users WHERE id = ?", (number,)).fetchone()
        return dict(zip(("id", "name", "city"), row, strict=True)) if row else None


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    db.delete(*(f"example:cache:user:{number}" for number in (101, 102, 999)))  # what an earlier run left
    users = Users(db, given.slowness)

    def look(number: int) -> None:
        before, began = users.asked, time.perf_counter()
        user = users.get(number)
        took = (time.perf_counter() - began) * 1000
        print(f"user {number}: {user} from the {'database' if users.asked > before else 'cache'}, {took:.1f} ms")

    look(101)
    look(101)
    look(999)
    look(999)
    users.move(101, "Paris")
    look(101)
    look(101)
    print(f"the database was asked {users.asked} times; kept for {db.ttl('example:cache:user:101')} s")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--slowness", type=float, default=0.2, help="seconds that the database takes for an answer")
    run(main, parser)
