"""`redlark`, and how it finds its subcommands: through the entry-point group `redlark.commands`.

So no package imports another for the command line's sake. Must not live here: whatever takes time to import, for
`redlark serve` begins here, too.
"""

from __future__ import annotations

import contextlib
import os
import sys
from importlib.metadata import EntryPoint, PackageNotFoundError, distribution, entry_points, version
from typing import Any, Final

import click

GROUP: Final = "redlark.commands"
COULD_NOT: Final = 2


def our_version() -> str:
    """Redlark's version, as installed."""
    try:
        return version("redlark")
    except PackageNotFoundError:
        return "unknown"


def listed(option: str, text: str | None) -> tuple[str, ...]:
    """What stands between the commas of an option's text; nothing where the option is not given.

    Raises `click.BadParameter` where it is given and names nothing: that would mean all.
    """
    found = tuple(part.strip() for part in (text or "").split(",") if part.strip())
    if text is not None and not found:
        raise click.BadParameter("names nothing; leave it out to have all", param_hint=option)
    return found


def commands_of(text: str | None) -> frozenset[str]:
    """The full names of `--commands`."""
    return frozenset(one.upper().replace(" ", "|") for one in listed("--commands", text))


def groups_of(text: str | None) -> frozenset[str]:
    """The names of `--groups`."""
    return frozenset(one.lower() for one in listed("--groups", text))


class Plain(click.Group):
    """Subcommands of which users see one line for what went wrong, with status 2, and never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand. What click itself makes of wrong options stays so.

        Where nobody reads any more (a closed pipe), nothing is said; 1 would say that something diverges.
        """
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except BrokenPipeError:
            _write_nowhere()
            sys.exit(COULD_NOT)
        except SystemExit as end:
            if isinstance(end.__context__, BrokenPipeError):  # that is how rich ends
                sys.exit(COULD_NOT)
            raise
        except KeyboardInterrupt:
            line = "interrupted"
        except Exception as problem:
            if os.environ.get("REDLARK_DEBUG"):
                raise
            line = _line(problem)
        click.echo(f"redlark: {line}", err=True)
        sys.exit(COULD_NOT)


def _write_nowhere() -> None:
    """What is still to be written on standard output goes nowhere, so that the interpreter's end is silent, too."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _line(problem: Exception) -> str:
    from redlark.conformance.errors import CannotRun, Lost

    if isinstance(problem, CannotRun | Lost):
        return str(problem)
    if isinstance(problem, OSError) and problem.strerror:
        return problem.strerror.lower() + (f": {problem.filename}" if problem.filename is not None else "")
    return f"a fault of Redlark: {problem!r}; REDLARK_DEBUG=1 shows where"


class Commands(Plain):
    """The subcommands that are installed, loaded when they are asked for."""

    def _found(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=GROUP)}

    def _own(self, name: str) -> EntryPoint | None:
        """One of our own distribution's: looking through all that are installed takes longer than many a subcommand."""
        try:
            points = distribution("redlark").entry_points.select(group=GROUP)
        except PackageNotFoundError:
            return None
        return next((point for point in points if point.name == name), None)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names of all subcommands."""
        return sorted(self._found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One subcommand; None when there is none of that name."""
        point = self._own(cmd_name) or self._found().get(cmd_name)
        if point is None:
            return None
        try:
            command = point.load()
            if cmd_name == "spec":
                import redlark.conformance.differences.diff_cli  # noqa: F401 - which adds a subcommand that needs real servers
        except Exception as problem:  # a subcommand that is broken must not take the others with it
            return _unavailable(cmd_name, problem)
        return command if isinstance(command, click.Command) else None


def _unavailable(name: str, problem: Exception) -> click.Command:
    """What stands for a subcommand that cannot be loaded."""

    def fail(**_: object) -> None:
        click.echo(f"redlark: `redlark {name}` cannot be loaded: {problem}", err=True)
        sys.exit(COULD_NOT)

    return click.Command(name, callback=fail, short_help=f"(cannot be loaded: {problem})", add_help_option=False)


def _version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(f"redlark, version {our_version()}")
        ctx.exit()


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Show it and exit.")
def main() -> None:
    """Redis, written down formally: a specification that runs, a server held to it, a conformance suite."""
