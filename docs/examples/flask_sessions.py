"""Sessions of a Flask application in Redis: a cookie holds a random number, all that belongs to it stays at the server.

    pip install flask flask-session redis
    python docs/examples/flask_sessions.py --url redis://localhost:6379 --port 5000

Any number of web servers share the sessions, a restart of one logs nobody out, and who is quiet for long is forgotten
by Redis itself: every change of a session sets a new deadline. Commands (by Flask-Session): GET, SET EX, DEL.
"""

from __future__ import annotations

from datetime import timedelta

import redis
from connecting import connect, options
from flask import Flask, Response, abort, redirect, request, session
from flask_session import Session


def create_app(db: redis.Redis, minutes: float = 30) -> Flask:
    """The application, with its sessions in this server."""
    app = Flask(__name__)
    app.config.update(
        SESSION_TYPE="redis",
        SESSION_REDIS=db,
        SESSION_KEY_PREFIX="example:session:",
        SESSION_COOKIE_SAMESITE="Lax",  # in earnest also SESSION_COOKIE_SECURE=True, behind TLS
        PERMANENT_SESSION_LIFETIME=timedelta(minutes=minutes),
    )
    Session(app)

    @app.get("/")
    def home() -> str:
        session["visits"] = session.get("visits", 0) + 1
        return f"{session.get('user', 'nobody')}, visit {session['visits']}, basket: {session.get('basket', [])}\n"

    @app.post("/login")
    def login() -> Response:
        # A number known before the login must not be worth anything after it: what was in the session gets a new one.
        app.session_interface.regenerate(session)
        session["user"] = request.form["user"]
        return redirect("/")

    @app.post("/basket")
    def add() -> Response:
        if "user" not in session:
            abort(403)
        session.setdefault("basket", []).append(request.form["item"])
        session.modified = True  # Flask sees that `session` is written to, but not what happens inside a list
        return redirect("/")

    @app.post("/logout")
    def logout() -> Response:
        session.clear()  # an empty session is deleted from Redis
        return redirect("/")

    @app.errorhandler(redis.ConnectionError)
    def no_sessions(problem: redis.ConnectionError) -> tuple[str, int]:
        return f"sessions cannot be had now: {problem}\n", 503

    return app


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("--port", type=int, default=5000, help="where the site is served (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=30, help="how long a session outlives its last visit")
    given = parser.parse_args()
    # Sessions are packed by msgpack: bytes, which must not be decoded as text.
    create_app(connect(given.url, text=False), given.minutes).run(port=given.port)
