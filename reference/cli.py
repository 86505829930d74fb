"""``redlark model``: the text itself as a server."""

from __future__ import annotations

import signal

import click

from redlark.reference.model import Model, profiles
from redlark.reference.tcp import ModelServer


@click.command()
@click.option("--port", default=7379, show_default=True, help="The port to listen on; 0 takes a free one.")
@click.option("--bind", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--profile", default="redis-8.2", show_default=True, type=click.Choice(profiles()))
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A configuration parameter, such as requirepass=secret.")
def model(port: int, bind: str, profile: str, settings: tuple[str, ...]) -> None:
    """Serve the text itself over TCP, so that redis-cli can talk to the specification.

    The model is slow and keeps everything in immutable values: it is for reading and for trying rules, not for use.
    """
    config = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals:
            raise click.BadParameter(f"{setting!r} is not NAME=VALUE", param_hint="--set")
        config[name] = value
    try:
        server = ModelServer(Model.load(profile), bind, port, config=config)
    except OSError as error:
        raise click.ClickException(f"cannot listen on {bind}:{port}: {error.strerror}; choose another --port") from None
    click.echo(f"The text of {profile} answers on {server.host}:{server.port}; Ctrl-C stops it.")
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())
    with server:
        server.serve()
