"""Other weights for a design: what a bitstream that exists can take, and what it cannot."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from spikeloom.hls_model.errors import FitError
from spikeloom.hls_model.network import Network, Population
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.design import Design
from spikeloom.rtl.weights import bank_rows, parameter_rows

__all__ = ["exchange", "reload"]


def exchange(design: Design, network: Network) -> Design:
    """``design`` with the weights, thresholds, biases and the hash of ``network``.

    Its logic is that of ``design``, gate by gate; only what memories hold differs.

    Raises
    ------
    FitError
        If the logic would have to differ; the message says where.
    """
    for reason in _differences(design, network):
        raise FitError(f"{reason}, which is part of the logic; run `spikeloom build`")
    plans = {
        name: dataclasses.replace(plan, network=network, template=plan.template or plan.network)
        for name, plan in design.plans.items()
    }
    return dataclasses.replace(design, network=network, plans=plans)


def reload(design: Design, network: Network) -> Design:
    """``design`` with what the link can write of ``network``, and its hash.

    A running board takes it (:func:`.loading.image_of`): the weights of loadable cores, and the
    parameters and biases that differ between their neurons. Everything else must be the same.

    Raises
    ------
    FitError
        If no weights can be loaded, or something else would have to change; the message says what.
    """
    if not any(plan.is_loadable for plan in design.plans.values()):
        raise FitError("no weights of this design can be loaded; build it with `--loadable`")
    reloaded = exchange(design, network)
    for name, plan in design.plans.items():
        new = reloaded.plans[name]
        if plan.is_loadable:
            continue
        if bank_rows(plan) != bank_rows(new):
            raise FitError(_fixed(f"the weights of {name!r}, which are not loadable,"))
        if parameter_rows(plan) != parameter_rows(new):
            was, now = plan.network.population(name), network.population(name)
            for _, label, before, after in _parameters(was, now):
                if not np.array_equal(before, after):
                    raise FitError(_fixed(f"{label} of {name!r}, whose core is not loadable,"))
    return reloaded


def _fixed(what: str) -> str:
    return (
        f"{what} must stay as built; put them into the bitstream with `spikeloom reweight`, or "
        "build it with `--loadable`"
    )


def _differences(design: Design, new: Network) -> Iterator[str]:
    old = design.network
    yield from _of_streams(old, new)
    yield from _of_projections(old, new)
    for population in old.populations:
        yield from _of_neuron(old, new, population.name)
        yield from _of_values(design, new, population.name)


def _of_streams(old: Network, new: Network) -> Iterator[str]:
    for what, was, now in (
        ("the contract", old.contract, new.contract),
        ("the inputs", [(i.name, i.size, str(i.range), i.held) for i in old.inputs],
                       [(i.name, i.size, str(i.range), i.held) for i in new.inputs]),
        ("the populations", [(p.name, p.size) for p in old.populations],
                            [(p.name, p.size) for p in new.populations]),
        ("the outputs", [(o.population, o.source) for o in old.outputs],
                        [(o.population, o.source) for o in new.outputs]),
    ):
        if was != now:
            yield f"{what} must stay {was}, not become {now}"


def _of_projections(old: Network, new: Network) -> Iterator[str]:
    def described(network: Network) -> list[str]:
        return sorted(
            f"{p.source}→{p.target} ({p.port}, delay {p.delay}, {p.bits} bits)"
            for p in network.projections
        )

    was, now = described(old), described(new)
    if was != now:
        missing = [p for p in was if p not in now] or ["none"]
        added = [p for p in now if p not in was] or ["none"]
        yield f"the projection {missing[0]} must stay, and not become {added[0]}"


def _of_neuron(old: Network, new: Network, name: str) -> Iterator[str]:
    was, now = old.population(name), new.population(name)
    for what, before, after in (
        ("neuron", was.neuron, now.neuron),
        ("initial state", dict(was.initial), dict(now.initial)),
        ("range of events", old.event_range(name), new.event_range(name)),
    ):
        if before != after:
            yield f"the {what} of {name!r} must stay {before}, not become {after}"


def _of_values(design: Design, new: Network, name: str) -> Iterator[str]:
    plan = design.plans[name]
    inputs = plan.dataflow.inputs
    was, now = plan.network.population(name), new.population(name)
    for port in plan.ports:
        sums, room = new.accumulator_range(name, port), plan.accumulator_range(port).whole_word
        if port in inputs:
            room = inputs[port].range
        if sums not in room:
            yield f"weighted sums of {name!r} must lie in {room}, not in {sums}"
    for node, label, before, values in _parameters(was, now):
        if node in inputs:
            room = inputs[node].range
            if Range.of(values) not in room:
                yield f"{label} of {name!r} must lie in {room}, not in {Range.of(values)}"
        elif not np.array_equal(before, values):
            yield (
                f"{label} of {name!r}, which all neurons share, must stay {before}, not become "
                f"{Range.of(values)}"
            )


def _parameters(was: Population, now: Population) -> Iterator[tuple[str, str, Any, Any]]:
    """Parameters and biases: the input of the dataflow, in words, before and after."""
    for key in {**was.parameters, **now.parameters}:
        before, after = (population.parameters.get(key, 0) for population in (was, now))
        yield f"p.{key}", f"the parameter {key!r}", before, after
    for key in {**was.bias, **now.bias}:
        before, after = (population.bias.get(key, 0) for population in (was, now))
        yield f"bias.{key}", f"the bias of {key!r}", before, after
