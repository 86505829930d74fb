"""A chat room: what one writes, all who are there read at once (publish and subscribe).

    python docs/examples/chat.py ana --url redis://localhost:6379
    python docs/examples/chat.py ben                               # in another terminal

Published messages are not kept: who is not subscribed at that moment never sees them. So the room also keeps its last
messages in a list, for those who come later, and the names of who is there in a set. Lines from standard input are
said; its end (Ctrl-D) leaves. Commands: SUBSCRIBE, PUBLISH, SADD, SREM, SMEMBERS, LPUSH, LTRIM, LRANGE.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time

import redis
from connecting import options, run

KEPT = 10


class Room:
    """A room as one person sees it."""

    def __init__(self, db: redis.Redis, name: str, person: str) -> None:
        self.db, self.person = db, person
        self.channel, self.history, self.present = (f"example:chat:{name}:{part}" for part in ("say", "past", "here"))
        self.ears = db.pubsub()

    def enter(self) -> None:
        """Listen first, look at the past then: in the other order, what is said in between would be missed."""
        self.ears.subscribe(self.channel)
        self.ears.get_message(timeout=None)  # the confirmation: from now on nothing is missed
        for line in reversed(self.db.lrange(self.history, 0, KEPT - 1)):
            said = json.loads(line)
            print(f"(earlier) {said['who']}: {said['text']}", flush=True)
        self.db.sadd(self.present, self.person)
        print(f"here: {', '.join(sorted(self.db.smembers(self.present)))}", flush=True)
        self.say("has come", kind="note")

    def say(self, text: str, kind: str = "text") -> int:
        """Tell everybody, and keep it; gives how many were listening."""
        line = json.dumps({"who": self.person, "kind": kind, "text": text})
        with self.db.pipeline() as pipe:  # MULTI: a message is either kept and told, or neither
            if kind == "text":
                pipe.lpush(self.history, line)
                pipe.ltrim(self.history, 0, KEPT - 1)
            pipe.publish(self.channel, line)
            return int(pipe.execute()[-1])

    def listen(self) -> None:
        """Print what others say, until we leave; a lost connection is made anew."""
        while True:
            try:
                for message in self.ears.listen():
                    if message["type"] == "unsubscribe":
                        return
                    if message["type"] == "message":
                        self.hear(json.loads(message["data"]))
            except redis.ConnectionError as problem:
                # redis-py subscribes again by itself once there is a connection. What was said meanwhile is missed.
                print(f"(not connected: {problem}; trying again)", flush=True)
                time.sleep(0.5)

    def hear(self, said: dict[str, str]) -> None:
        """Print what one of the others said."""
        if said["who"] != self.person:
            mark = ":" if said["kind"] == "text" else ""
            print(f"{said['who']}{mark} {said['text']}", flush=True)

    def leave(self) -> None:
        """Say so, and stop listening; the thread in `listen` ends with the confirmation."""
        self.say("has left", kind="note")
        self.db.srem(self.present, self.person)
        self.ears.unsubscribe(self.channel)


def main(db: redis.Redis, given: argparse.Namespace) -> None:
    room = Room(db, given.room, given.person)
    room.enter()
    listener = threading.Thread(target=room.listen, daemon=True)
    listener.start()
    try:
        for line in sys.stdin:
            if line.strip():
                heard = room.say(line.strip()) - 1  # we hear ourselves, too
                print(f"(heard by {heard})", flush=True)
    finally:
        room.leave()
        listener.join(5)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("person", help="your name in the room")
    parser.add_argument("--room", default="lobby", help="which room (default: %(default)s)")
    run(main, parser)
