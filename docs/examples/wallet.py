"""Money that moves between accounts while others move it too: WATCH, and try again where somebody was faster.

    python docs/examples/wallet.py --url redis://localhost:6379

WATCH remembers keys; if any of them changes before EXEC, nothing of the transaction is done. So a transfer may read the
balance, think about it, and write, without a lock that could be left behind. Commands: WATCH, GET, MULTI, EXEC.
"""

from __future__ import annotations

import argparse
import random
from concurrent.futures import ThreadPoolExecutor

import redis
from connecting import options, run


class NotEnough(Exception):
    """The account has less than what should be paid."""


def account(name: str) -> str:
    return f"example:wallet:{name}"


def transfer(db: redis.Redis, payer: str, payee: str, cents: int) -> int:
    """Move cents from one account to another; how many tries it took. Raises NotEnough, and nothing has moved then."""
    tries = 0
    with db.pipeline() as pipe:
        while True:
            tries += 1
            try:
                pipe.watch(account(payer))  # from here on, commands are sent at once, until multi()
                balance = int(pipe.get(account(payer)) or 0)
                if balance < cents:
                    raise NotEnough(f"{payer} has {balance}, not {cents}")  # leaving the block forgets the WATCH
                pipe.multi()
                pipe.decrby(account(payer), cents)
                pipe.incrby(account(payee), cents)
                pipe.execute()
                return tries
            except redis.WatchError:
                continue  # the balance is not what was read: look again


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    people = ["ana", "ben", "cleo"]
    db.mset({account(name): 10_000 for name in people})
    total = 10_000 * len(people)

    def work(seed: int) -> tuple[int, int, int]:
        """Transfers done, refused, and tries made again."""
        draw = random.Random(seed)
        done = refused = again = 0
        for _ in range(given.transfers):
            payer, payee = draw.sample(people, 2)
            try:
                again += transfer(db, payer, payee, draw.randrange(1, 4000)) - 1
                done += 1
            except NotEnough:
                refused += 1
        return done, refused, again

    # Threads may share a redis-py client: each command or pipeline takes a connection of its own from the pool.
    with ThreadPoolExecutor(given.workers) as pool:
        done, refused, again = (sum(column) for column in zip(*pool.map(work, range(given.workers)), strict=True))

    left = {name: int(db.get(account(name)) or 0) for name in people}
    print(f"{done} transfers done, {refused} refused; {again} tries had to be made again")
    print(", ".join(f"{name} {cents / 100:.2f}" for name, cents in left.items()))
    print(f"in all {sum(left.values()) / 100:.2f}, as at the start: {sum(left.values()) == total}")


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--workers", type=int, default=4, help="threads that transfer at the same time")
    parser.add_argument("--transfers", type=int, default=50, help="transfers that each of them tries")
    run(main, parser)
