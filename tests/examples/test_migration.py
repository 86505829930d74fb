"""The migration check on real programs: watched on Redis 8.2.3, replayed on Valkey 9.1.2 and on `redlark serve`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from redlark.conformance.targets import profiles
from redlark.conformance.targets.target import parse_address, prepare
from redlark.conformance.watch import Watch
from redlark.conformance.watch import replay as replaying
from redlark.conformance.watch.differing import FREE, OPEN, SKIPPED, VERSION, Difference
from redlark.conformance.watch.replay_cli import of
from redlark.conformance.watch.trace import read
from tests.conftest import Address, Starter

from .browser import Browser, site
from .conftest import Stage, until

Program = Callable[[Stage], None]


def leaderboard(stage: Stage) -> None:
    stage.run("leaderboard.py")


def wallet(stage: Stage) -> None:
    stage.run("wallet.py", "--workers", "4", "--transfers", "20")


def stream_pipeline(stage: Stage) -> None:
    stage.run("stream_pipeline.py", "--readings", "40", "--seed", "3")


def token_bucket(stage: Stage) -> None:
    stage.run("token_bucket.py", "--size", "4", "--rate", "2")


def counters(stage: Stage) -> None:
    stage.run("counters.py", "--views", "300", "--seed", "7")


def cache(stage: Stage) -> None:
    stage.run("cache.py", "--slowness", "0.01")


def reliable_queue(stage: Stage) -> None:
    stage.run("reliable_queue.py", "add", "a", "b", "c")
    stage.run("reliable_queue.py", "work", "w2", "--seconds", "0.01", "--patience", "1")


def chat(stage: Stage) -> None:
    ana = stage.start("chat.py", "ana")
    until(ana.stdout, "here:")
    ben = stage.start("chat.py", "ben")
    until(ben.stdout, "here:")
    until(ana.stdout, "ben has come")
    assert ben.stdin is not None
    ben.stdin.write("good morning\n")
    ben.stdin.flush()
    until(ana.stdout, "good morning")
    for program in (ben, ana):
        program.communicate("", timeout=30)


def celery(stage: Stage) -> None:
    worker = stage.start("-m", "celery", "-A", "celery_tasks", "worker", "--pool", "solo", "--loglevel", "info")
    until(worker.stdout, " ready.")
    stage.run("celery_tasks.py", "--wait", "30")
    worker.terminate()
    worker.communicate(timeout=30)


def rq(stage: Stage) -> None:
    stage.run("rq_jobs.py", "add", "a b a", "x y x")
    stage.run("-m", "rq.cli", "worker", "--url", stage.url, "--burst", "example-high", "example-low")
    stage.run("rq_jobs.py", "results")


def flask(stage: Stage) -> None:
    port, program = site(stage, "flask_sessions.py", "--minutes", "10")
    ada = Browser(port)
    ada.get("/")
    ada.post("/login", user="ada")
    ada.post("/basket", item="tea")
    program.terminate()
    program.wait(10)


def django(stage: Stage) -> None:
    port, program = site(stage, "django_site.py")
    ada = Browser(port)
    for path in ("/", "/login?user=ada", "/page", "/report", "/report", "/renew", "/logout"):
        ada.get(path)
    program.terminate()
    program.wait(10)


PROGRAMS = [leaderboard, wallet, stream_pipeline, token_bucket, counters, cache, reliable_queue, chat]
FRAMEWORKS = [celery, rq, flask, django]
# So much at once, now and then, or scripts that read the clock, that not all of it can be judged.
OPEN_NOW_AND_THEN = [stream_pipeline, token_bucket, celery, rq, django]


def replayed(path: Path, url: str) -> list[Difference]:
    """What differs as a trace is run on a server."""
    target = prepare(parse_address(url), destructive=True)
    model = profiles.model_of(profiles.choose(target.info).profile, target)
    run = replaying.of(read(path), target, model)
    run.run()
    assert not run.notes
    return of(run)


@pytest.mark.slow
@pytest.mark.parametrize("program", [*PROGRAMS, *FRAMEWORKS], ids=lambda program: program.__name__)
def test_a_program_that_moves(start_server: Starter, address: Address, tmp_path: Path, program: Program) -> None:
    """What it does is judged and allowed where it runs; elsewhere nothing breaks, and differences are named."""
    running = start_server("redis:8.2")
    with Watch(running.url, trace=tmp_path / "trace") as watch:
        with ExitStack() as started, redis.Redis.from_url(watch.url, decode_responses=True) as db:
            program(Stage(watch.url, db, started))
        assert watch.findings() == ()
        assert watch.judge is not None
        assert watch.judge.judged.total() > 10
        assert not watch.failed
    for target in ("valkey:9.1", "embedded"):
        url = address(target)
        with redis.Redis.from_url(url) as db:
            db.script_flush()
        found = replayed(tmp_path / "trace", url)
        assert not [one for one in found if one.breaks]
        unsure = {OPEN} if program in OPEN_NOW_AND_THEN else set[str]()
        assert {one.kind for one in found} <= {FREE, VERSION, SKIPPED} | unsure
