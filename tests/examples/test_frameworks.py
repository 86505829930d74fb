"""Web frameworks and queues of jobs, run as their users run them: a site or a worker as a process, and who asks it."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from .browser import Browser, site
from .conftest import Stage, until


def test_flask_sessions(stage: Stage) -> None:
    """A session is Redis's alone: a second site shares it, its number changes with the login, its deadline counts."""
    port, first = site(stage, "flask_sessions.py", "--minutes", "10")
    ada, bob = Browser(port), Browser(port)
    assert ada.get("/") == "nobody, visit 1, basket: []\n"
    before = ada.cookie
    assert bob.get("/") == "nobody, visit 1, basket: []\n"
    assert ada.post("/login", user="ada") == "ada, visit 2, basket: []\n"
    assert ada.cookie != before
    assert ada.post("/basket", item="t\N{LATIN SMALL LETTER E WITH ACUTE}") == "ada, visit 3, basket: ['té']\n"
    assert bob.get("/") == "nobody, visit 2, basket: []\n"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        bob.post("/basket", item="tea")
    keys = {f"example:session:{each.cookie}" for each in (ada, bob)}
    assert set(stage.db.keys("*")) == keys
    assert all(590 < stage.db.ttl(key) <= 600 for key in keys)
    first.terminate()
    first.wait(10)
    other, _ = site(stage, "flask_sessions.py")
    ada.base = f"http://127.0.0.1:{other}"
    assert ada.get("/") == "ada, visit 4, basket: ['té']\n"
    assert stage.db.delete(f"example:session:{ada.cookie}") == 1  # as its deadline does
    assert ada.get("/") == "nobody, visit 1, basket: []\n"


def test_django_cache_and_sessions(stage: Stage) -> None:
    """A page and a report are made once, however many ask; a session counts, is renamed by the login and ends."""
    port, _ = site(stage, "django_site.py")
    ada = Browser(port)
    assert [ada.get("/"), ada.get("/")] == ["nobody, visit 1\n", "nobody, visit 2\n"]
    before = ada.cookie
    assert ada.get("/login?user=ada") == "ada, visit 3\n"
    assert ada.cookie != before
    (session,) = stage.db.keys("example:django:*session*")
    assert session.endswith(ada.cookie)
    assert 1790 < stage.db.ttl(session) <= 1800

    assert ada.get("/page") == Browser(port).get("/page")
    with ThreadPoolExecutor(6) as pool:  # all at once, before there is a report
        reports = list(pool.map(lambda _: Browser(port).get("/report"), range(6)))
    assert len({report.split(",")[0] for report in reports}) == 1
    asked = sorted(int(found[1]) for report in reports if (found := re.search(r"asked (\d+) times", report)))
    assert asked == [1, 2, 3, 4, 5, 6]
    assert 0 < stage.db.ttl("example:django:1:report") <= 120
    assert stage.db.ttl("example:django:1:asked") == -1
    assert not stage.db.exists("example:django:1:report-lock")
    assert ada.get("/renew") == "1 forgotten\n"
    assert reports[0].split(",")[0] not in ada.get("/report")
    assert ada.get("/logout") == "good-bye\n"
    assert stage.db.keys("example:django:*session*") == []
    assert ada.get("/") == "nobody, visit 1\n"


def test_celery(stage: Stage) -> None:
    """Tasks, chains, chords, retries, delays and errors come back from a worker; it leaves nothing unacknowledged."""
    worker = stage.start("-m", "celery", "-A", "celery_tasks", "worker", "--pool", "solo", "--loglevel", "info")
    until(worker.stdout, " ready.")
    assert stage.run("celery_tasks.py", "--wait", "30") == [
        "add: 5",
        "chain: 113",
        "chord: 20",
        "retry: page fetched at try 3",
        "later: PENDING at first, then 42",
        "error: division by zero",
        "forgotten: PENDING",
    ]
    worker.terminate()
    said, _ = worker.communicate(timeout=30)
    assert worker.returncode == 0, said
    assert len(re.findall(r"Task celery_tasks\.\w+\[\S+\] received", said)) == 16
    assert len(re.findall(r"Task celery_tasks\.\w+\[\S+\] succeeded", said)) == 13
    keys = set(stage.db.keys("*"))
    assert all(key.startswith("example:celery:") for key in keys)
    assert not [key for key in keys if "unacked" in key or key == "example:celery:celery"]
    results = [key for key in keys if "task-meta" in key]
    assert len(results) == 13  # of add 1 and 3 + 5 + 1, total, fetch, divide; one was forgotten
    assert all(3500 < stage.db.ttl(key) <= 3600 for key in results)


def test_celery_without_a_worker(stage: Stage) -> None:
    """Where nobody answers, one line says so, and nothing is left to be done."""
    program = stage.start("celery_tasks.py", "--wait", "0.3")
    said, _ = program.communicate(timeout=30)
    assert program.returncode == 1
    assert said == "error: no worker answers within 0.3 s (celery -A celery_tasks worker --pool solo)\n"
    assert stage.db.llen("example:celery:celery") == 0


def test_rq(stage: Stage) -> None:
    """The urgent job goes first; one that fails is tried again, then kept with its error; results stay for an hour."""
    assert stage.run("rq_jobs.py", "add", "a b a", "", "x y x") == ["3 jobs wait, and 1 that goes first"]
    assert stage.run("rq_jobs.py", "results") == [
        "rq_jobs.report(3,): queued",
        "rq_jobs.most_common('a b a',): queued",
        "rq_jobs.most_common('',): queued",
        "rq_jobs.most_common('x y x',): queued",
    ]
    said = stage.run("-m", "rq.cli", "worker", "--url", stage.url, "--burst", "example-high", "example-low")
    taken = [found[1] for line in said if (found := re.search(r"example-\w+: (rq_jobs\.\w+\(.*?\)) \(", line))]
    assert taken[0] == "rq_jobs.report(3)"
    assert Counter(taken[1:]) == {
        "rq_jobs.most_common('a b a')": 1,
        "rq_jobs.most_common('')": 2,
        "rq_jobs.most_common('x y x')": 1,
    }
    assert stage.run("rq_jobs.py", "results") == [
        "rq_jobs.report(3,): 3 texts were handed in",
        "rq_jobs.most_common('a b a',): ('a', 2)",
        "rq_jobs.most_common('',) has failed: ValueError: there are no words",
        "rq_jobs.most_common('x y x',): ('x', 2)",
    ]
    assert stage.db.zcard("rq:finished:example-low") == 2
    assert stage.db.zcard("rq:failed:example-low") == 1
    assert all(0 < stage.db.ttl(key) <= 3600 for key in stage.db.keys("rq:job:*"))
