"""`redlark serve`: a server, started as redis-server is."""

from __future__ import annotations

import os
import sys
from typing import Final

import click

from redlark.server import checks, cores, ending, process
from redlark.server.conf_file import from_arguments
from redlark.server.config import acted_on
from redlark.server.logs import Defects, Log
from redlark.server.parameters import ROWS, ConfigError
from redlark.server.running import Running
from redlark.server.sockets import ListenError, allow_descriptors
from redlark.server.state import PRODUCT_VERSION

EXAMPLES = """\
  redlark serve                               the defaults, port 6379
  redlark serve --port 7000 --save ""
  redlark serve redis.conf --daemonize no     what stands later wins
  echo "port 7000" | redlark serve -
"""

EMPTY: Final = '""'


class _Raw(click.Command):
    """Arguments are redis-server's, which click's own parser would not understand."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] in ("--help", "-h"):
            click.echo(self.get_help(ctx))
            ctx.exit()
        if args and args[0] in ("--version", "-v"):
            bits = 64 if sys.maxsize > 2**32 else 32
            click.echo(f"Redlark server v={PRODUCT_VERSION} bits={bits} cores={','.join(cores.available())}")
            ctx.exit()
        if args and args[0] == "--check-system":
            found = list(checks.lines())
            click.echo("\n".join(line for line, _ in found))
            ctx.exit(0 if all(well for _, well in found) else 1)
        ctx.params["arguments"] = args
        return []

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return ["[CONFIG-FILE]", "[-]", "[--NAME VALUE ...] ..."]

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Examples"):
            formatter.write("".join(f"  {line}\n" for line in EXAMPLES.splitlines()))
        with formatter.section("Options of its own"):
            formatter.write_dl(
                [
                    ("--core NAME", f"compiled or plain; also {cores.VARIABLE} in the environment"),
                    ("--version", "the Redis that it behaves as, and which cores are there"),
                    ("--check-system", "what of this machine hurts; 1 where anything does"),
                    ("--help", "this text"),
                ]
            )
        rows = []
        for row in ROWS:
            note = "" if acted_on(row) else "; changes nothing yet"
            if row.only is not None:
                note = f"; only '{row.only}' yet, for lack of {row.lacks}"
            rows += [(f"--{name}", f"{row.kind}, default {row.default or EMPTY}{note}") for name in row.names]
        with formatter.section("Parameters (of redis.conf, the command line, CONFIG SET)"):
            formatter.write_dl(rows)


def _take_core(arguments: list[str]) -> tuple[list[str], str | None]:
    """--core is not a parameter of redis.conf, so it is taken out before those are read."""
    if "--core" not in arguments:
        return arguments, None
    place = arguments.index("--core")
    if place + 1 == len(arguments):
        raise ConfigError("--core: wrong number of arguments")
    return arguments[:place] + arguments[place + 2 :], arguments[place + 1]


def _fail(heading: str, problem: Exception) -> None:
    first, *more = str(problem).split("\n")
    click.echo(f"*** {heading} ***\n{first}" + "".join(f"\n>>> {line}" for line in more), err=True)
    sys.exit(1)


@click.command(cls=_Raw, short_help="Run the fast server.")
def serve(arguments: list[str]) -> None:
    """Run the fast server, until SIGTERM, SIGINT or SHUTDOWN."""
    try:
        arguments, core = _take_core(arguments)
        config = from_arguments(arguments, sys.stdin.buffer.read() if "-" in arguments[:2] else b"")
        if config.dir:
            try:
                os.chdir(config.dir)
            except OSError as problem:
                raise ConfigError(f"can't change to 'dir', {os.fsdecode(config.dir)}: {problem.strerror}") from None
        log = Log(config)
        clients = allow_descriptors(config.maxclients)
        if clients < config.maxclients:
            log("warning", f"maxclients {config.maxclients} lowered to {clients}: this process may not open more files")
            config.maxclients = clients
        process.ignore_signals()  # before anybody can connect
        running = Running(config, core)
    except (ConfigError, cores.NoCore) as problem:
        return _fail("FATAL CONFIG FILE ERROR (redlark)", problem)
    except (ListenError, OSError, ValueError) as problem:
        return _fail("CAN'T START (redlark)", problem)
    _serve(running, log)
    return None


def _announce(running: Running, log: Log) -> None:
    state, config = running.state, running.state.config
    log("notice", f"Redlark, as Redis {PRODUCT_VERSION}; {state.core} core; pid {os.getpid()}")
    if state.core == "plain":
        log("warning", "no compiled core in use: plain Python serves several times fewer requests a second")
    for line in config.inert():
        log("warning", line)
    loopback = all(address.lstrip(b"-") in (b"127.0.0.1", b"::1", b"localhost") for address in config.bind)
    if not loopback and not config.requirepass and not config.protected_mode:
        log("warning", "other machines may connect, and no password is asked for (requirepass is not set)")
    log("notice", f"Ready to accept connections at {', '.join(running.addresses())}")


def _serve(running: Running, log: Log) -> None:
    state, config = running.state, running.state.config
    state.log = state.watchdog.log = log
    if config.logfile or config.syslog_enabled:
        sys.stderr = Defects(log)
    background = config.daemonize and process.supervisor(config) == "no"
    if background:
        process.daemonize()
        state.process_id = os.getpid()
    pid_file = process.pid_file(config, background)
    if pid_file:
        process.write_pid(pid_file, log)
    process.log_crashes(config)
    try:
        state.oom_score.apply(config)
    except (OSError, ValueError) as problem:
        log("warning", f"can't write oom_score_adj: {problem}")
    state.titled, state.own_process = config.set_proc_title, True
    state.show_title()
    process.handle_signals(lambda signal: ending.end(state, signal), log)
    _announce(running, log)
    process.tell_supervisor(config, "READY=1\nSTATUS=Ready to accept connections\n", log)
    running.run()
    process.tell_supervisor(config, "STOPPING=1\n", log)
    if pid_file:
        process.remove_pid(pid_file)
    log("notice", "Gone")
