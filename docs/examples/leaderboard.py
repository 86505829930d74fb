"""A leaderboard: a sorted set keeps players in the order of their scores while these change.

    python docs/examples/leaderboard.py --url redis://localhost:6379

A sorted set holds every member once, with a score. Where a player stands is asked in O(log n), however many there are;
no query sorts anything. Commands: ZADD, ZINCRBY, ZREVRANGE, ZREVRANK, ZCOUNT, ZUNIONSTORE.
"""

from __future__ import annotations

import argparse

import redis
from connecting import options, run

MONDAY, TUESDAY, WEEK = "example:board:monday", "example:board:tuesday", "example:board:week"


def show(db: redis.Redis, board: str, first: int = 0, last: int = -1) -> None:
    """Print places `first` to `last`, counted from 0; -1 is the last one, as everywhere in Redis."""
    rows = db.zrange(board, first, last, desc=True, withscores=True)
    for place, (player, score) in enumerate(rows, first + 1):
        print(f"  {place}. {player:8} {score:g}")


def around(db: redis.Redis, board: str, player: str, span: int = 1) -> tuple[int, int]:
    """The places beside a player's own: what a player wants to see who is in the middle of a million."""
    place = db.zrevrank(board, player)
    if place is None:
        raise KeyError(player)
    return max(place - span, 0), place + span


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    db.delete(MONDAY, TUESDAY, WEEK)  # what an earlier run left

    db.zadd(MONDAY, {"alice": 1000, "bob": 1200, "carol": 800, "dave": 950})
    print("Monday")
    show(db, MONDAY)

    # ZINCRBY reads, adds and writes as one step: two games that end at once both count.
    db.zincrby(MONDAY, 450, "carol")
    # GT lets a score only rise, so a best result needs no look at the one before; CH counts what has changed.
    risen = db.zadd(MONDAY, {"bob": 1100, "dave": 990}, gt=True, ch=True)
    print(f"After the evening's games (best results risen: {risen})")
    show(db, MONDAY, 0, 2)
    print("Around alice")
    show(db, MONDAY, *around(db, MONDAY, "alice"))
    print(f"Players with 1000 or more: {db.zcount(MONDAY, 1000, '+inf')}")

    db.zadd(TUESDAY, {"alice": 600, "erin": 1700, "bob": 100})
    # Whoever is in both boards gets the sum; Tuesday counts double here.
    db.zunionstore(WEEK, {MONDAY: 1, TUESDAY: 2})
    print("The week, Tuesday counted twice")
    show(db, WEEK)
    # Boards of a time should leave by themselves when it is over.
    db.expire(WEEK, 7 * 24 * 3600)


if __name__ == "__main__":
    run(main, options(__doc__))
