"""Outputs of a board beside those of the reference, event for event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.errors import MismatchError
from spikeloom.hls_model.network import EVENTS, Network
from spikeloom.hls_model.reference import simulate_batches
from spikeloom.hls_model.samples import InputEvents

if TYPE_CHECKING:
    from spikeloom.boards.driver import Events

__all__ = ["Expected", "expected_outputs", "refuse_difference"]


@dataclass(frozen=True)
class Expected:
    """What one sample must give.

    Attributes
    ----------
    values : of the output's events, [steps, size]
    is_sent : where there is an event, [steps, size]; one may have the value 0
    readout : [size]
    """

    values: npt.NDArray[Any]
    is_sent: npt.NDArray[np.bool_]
    readout: npt.NDArray[Any]


def expected_outputs(network: Network, events: Mapping[str, InputEvents]) -> Iterator[Expected]:
    """The reference's outputs, sample by sample."""
    output = network.output
    for result in simulate_batches(network, events):
        for number, readout in enumerate(result.readout):
            if output.source == EVENTS:
                values = result.spikes[output.population][number]
                yield Expected(values, values != 0, readout)
                continue
            # At the last step every neuron sends its word, even if it is 0.
            values = np.zeros_like(result.states[output.population][output.source][number])
            values[-1] = result.states[output.population][output.source][number, -1]
            is_sent = np.zeros(values.shape, dtype=bool)
            is_sent[-1] = True
            yield Expected(values, is_sent, readout)


def refuse_difference(
    who: str, sample: int, population: str, observed: list[Events], expected: Expected, advice: str
) -> None:
    """Raise if a sample's outputs differ.

    Parameters
    ----------
    who : what has run, for the message
    sample : its number
    population : whose events they are
    observed : events of each step
    advice : what to do about it

    Raises
    ------
    MismatchError
        Naming the first step and neuron that differ, and both values.
    """
    place = f"{who} differs from the reference first at sample {sample}"
    for step, events in enumerate(observed):
        size = expected.values.shape[1]
        counts = np.bincount(events.addresses, minlength=size)
        sums = np.zeros(size, dtype=np.int64)
        np.add.at(sums, events.addresses, events.values)
        is_sent, values = expected.is_sent[step], expected.values[step]
        wrong = (counts != is_sent) | (is_sent & (sums != values))
        if wrong.any():
            neuron = int(wrong.argmax())
            seen = events.values[events.addresses == neuron].tolist()
            due = [int(values[neuron])] if is_sent[neuron] else []
            raise MismatchError(
                f"{place}, step {step}, population {population!r}, neuron {neuron}: "
                f"{_events(seen)} and should {_verb(_events(due))}; {advice}"
            )


def _events(values: list[int]) -> str:
    if not values:
        return "it sends no event"
    if len(values) > 1:
        return f"it sends {len(values)} events, {', '.join(map(str, values))}"
    return f"its event is {values[0]}"


def _verb(clause: str) -> str:
    """The same clause after "should"."""
    return clause.replace("it sends", "send").replace("its event is", "be")
