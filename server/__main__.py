"""`python -m redlark.server`: the same as `redlark serve`."""

from redlark.server.cli import serve

serve()
