"""How a campaign meets its target: a server that is named is started, one that is given is asked who it is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from attrs import evolve

from redlark.conformance.campaign import Campaign
from redlark.conformance.listener import Listener
from redlark.conformance.options import Options
from redlark.conformance.targets import profiles
from redlark.conformance.targets import servers as machine
from redlark.conformance.targets.configure import configured
from redlark.conformance.targets.target import Target, at, leave_empty, parse_address, prepare


@contextlib.contextmanager
def campaign_on(name: str, options: Options, listener: Listener) -> Iterator[Campaign]:
    """A campaign on one target; a server that is named is started for it and stopped after. Raises `CannotRun`."""
    if not machine.is_server_name(name):
        target = prepare(parse_address(name), destructive=options.destructive, timeout=options.timeout)
        campaign = _on(target.address.text, target, options, listener)
        campaign.launch = lambda config: configured(target, config, options.destructive)
        try:
            yield campaign
        finally:
            leave_empty(target)
        return
    server = None if name == machine.EMBEDDED else machine.pick(name, machine.find_servers())

    @contextlib.contextmanager
    def launch(config: Mapping[str, str]) -> Iterator[Target]:
        with machine.running(server, config) as running:
            address = at(parse_address(running.url), running.host, running.port, name)
            address = evolve(address, password=config.get("requirepass"))
            target = prepare(address, destructive=True, timeout=options.timeout)
            yield evolve(target, config={**target.config, **config})

    with launch({}) as target:
        campaign = _on(name, target, options, listener)
        campaign.launch, campaign.starts = launch, True
        yield campaign


def _on(name: str, target: Target, options: Options, listener: Listener) -> Campaign:
    choice = profiles.choose(target.info, options.profile)
    model = profiles.model_of(choice.profile, target)
    return Campaign(name, target, model, choice, options, listener=listener)
