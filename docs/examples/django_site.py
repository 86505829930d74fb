"""A Django site with its cache and its sessions in Redis, in one file.

    pip install django django-redis
    python docs/examples/django_site.py --url redis://localhost:6379 --port 8000

The settings that count are CACHES, SESSION_ENGINE and SESSION_CACHE_ALIAS. Shown are a page cached whole, a value
worked out once whoever asks, a lock over several web servers, and a session. Commands (by django-redis): GET, SET with
PX and NX, DEL, EXISTS, INCRBY, TTL, SCAN, MULTI, EVALSHA (the lock is released by a script).
"""

from __future__ import annotations

import time

import django
from connecting import connect, options
from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.http import HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.cache import cache_page

parser = options(__doc__)
parser.add_argument("--port", type=int, default=8000, help="where the site is served (default: %(default)s)")
given = parser.parse_args()

# What settings.py would hold; it has to be known before the views below are made.
settings.configure(
    SECRET_KEY="of an example; a real one is secret",
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    INSTALLED_APPS=["django.contrib.sessions"],
    CACHES={
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": given.url,
            "KEY_PREFIX": "example:django",
            "TIMEOUT": 300,  # seconds, where nothing else is said
        }
    },
    SESSION_ENGINE="django.contrib.sessions.backends.cache",
    SESSION_CACHE_ALIAS="default",
    SESSION_COOKIE_AGE=30 * 60,
)
django.setup()


def work_out() -> float:
    """Something slow; the moment at which it was done shows whether it was done anew."""
    time.sleep(0.2)
    return time.time()


def home(request: HttpRequest) -> HttpResponse:
    """A session: written back with a new deadline whenever it has changed."""
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(f"{request.session.get('user', 'nobody')}, visit {request.session['visits']}\n")


def login(request: HttpRequest) -> HttpResponse:
    request.session.cycle_key()  # a number known before the login must not be worth anything after it
    request.session["user"] = request.GET["user"]
    return home(request)


def logout(request: HttpRequest) -> HttpResponse:
    request.session.flush()
    return HttpResponse("good-bye\n")


@cache_page(60)
def page(request: HttpRequest) -> HttpResponse:
    """The whole answer is kept for a minute, and this function not called again meanwhile."""
    return HttpResponse(f"page made at {work_out():.6f}\n")


def report(request: HttpRequest) -> HttpResponse:
    """Worked out once, also where many ask at the same time: one has the lock, the others find the answer then."""
    figures = cache.get("report")
    if figures is None:
        with cache.lock("report-lock", timeout=10):  # 10 s: whoever dies with the lock does not keep it for ever
            figures = cache.get_or_set("report", work_out, timeout=120)
    cache.add("asked", 0, timeout=None)  # only where it is not there; None: without a deadline
    asked, good = cache.incr("asked"), cache.ttl("report")
    return HttpResponse(f"report of {figures:.6f}, asked {asked} times, good for {good} s\n")


def renew(request: HttpRequest) -> HttpResponse:
    """Forget by a pattern: django-redis walks the keys with SCAN."""
    return HttpResponse(f"{cache.delete_pattern('report*')} forgotten\n")


urlpatterns = [
    path("", home),
    path("login", login),
    path("logout", logout),
    path("page", page),
    path("report", report),
    path("renew", renew),
]


if __name__ == "__main__":
    connect(given.url).close()  # a clear word now is better than a page that fails later
    call_command("runserver", f"127.0.0.1:{given.port}", use_reloader=False, skip_checks=True)
