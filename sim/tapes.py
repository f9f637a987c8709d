"""Stimulus and expectation as files of packed words, made from the reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikeloom.hls_model.network import EVENTS, Output
from spikeloom.hls_model.reference import Result
from spikeloom.hls_model.samples import InputEvents
from spikeloom.rtl.events import EventLayout, PairLayout, shape_of
from spikeloom.rtl.plan import CorePlan
from spikeloom.sim.bench import whole_bytes

__all__ = ["Fields", "probe_fields", "write_expected", "write_input", "write_output"]

Fields = list[tuple[npt.NDArray[np.int64], int]]
"""Columns of words, lowest bits first: values and their width in bits."""


def pack(fields: Fields) -> bytes:
    """Words of all rows, big-endian, each filled up to whole bytes."""
    planes = [
        ((values[:, None] >> np.arange(width, dtype=np.int64)) & 1).astype(np.uint8)
        for values, width in fields
        if width
    ]
    bits = np.concatenate(planes, axis=1)
    padding = whole_bytes(bits.shape[1]) - bits.shape[1]
    bits = np.pad(bits, ((0, 0), (0, padding)))
    return np.packbits(bits[:, ::-1], axis=1).tobytes()


def token_fields(
    layout: EventLayout | PairLayout,
    values: npt.NDArray[np.integer],
    is_sent: npt.NDArray[np.bool_] | None = None,
) -> Fields:
    """Event tokens of samples [samples, steps, size], ascending in each step, steps closed.

    The n-th event of an even address in a step makes a pair with the n-th of an odd one, where
    ``layout`` has pairs. ``is_sent``, of a shape that broadcasts to that of ``values``, says which
    values are events; by default those that are not 0.
    """
    _, steps, size = values.shape
    sent = np.broadcast_to(values != 0 if is_sent is None else is_sent, values.shape)
    flat, sent = values.reshape(-1, size), sent.reshape(-1, size)
    is_paired = isinstance(layout, PairLayout)
    every = 2 if is_paired else 1
    counts = [sent[:, first::every].sum(axis=1) for first in range(every)]
    longest = np.max(counts, axis=0)
    end = np.cumsum(longest + 1) - 1

    def column(at: npt.NDArray[np.int64], content: Any) -> npt.NDArray[np.int64]:
        words = np.zeros(end[-1] + 1, dtype=np.int64)
        words[at] = content
        return words

    fields: Fields = [(column(end, 1), 1), (column(end[steps - 1 :: steps], 1), 1)]
    for first, count in enumerate(counts):
        event = layout[("even", "odd")[first]].shape if is_paired else layout
        step, address = np.nonzero(sent[:, first::every])
        place = np.arange(len(step)) - (np.cumsum(count) - count)[step]
        at = (end - longest)[step] + place
        if is_paired:
            fields.append((column(at, 1), 1))
        fields += [
            (column(at, address), event["address"].width),
            (column(at, flat[step, every * address + first]), event["value"].width),
        ]
    return fields


def write_input(path: Path, layout: EventLayout | PairLayout, events: InputEvents) -> None:
    """Append an input's tokens."""
    _append(path, token_fields(layout, events.sent))


def write_output(path: Path, output: Output, layout: EventLayout, result: Result) -> None:
    """Append the tokens that must leave the network as ``output``."""
    if output.source == EVENTS:
        _append(path, token_fields(layout, result.spikes[output.population]))
        return
    words = result.states[output.population][output.source]
    # At the last step every neuron sends its word, even if it is 0.
    is_last = np.arange(words.shape[1])[:, None] == words.shape[1] - 1
    _append(path, token_fields(layout, words, is_last))


def write_expected(path: Path, plan: CorePlan, result: Result) -> None:
    """Append a population's sweep entries."""
    _append(path, probe_fields(plan, result))


def probe_fields(plan: CorePlan, result: Result) -> Fields:
    """Expected words of :class:`.core.ProbeLayout`, without ``valid``, in sweep order."""
    name = plan.population
    ranges = plan.network.population(name).neuron.states()
    events = _by_entry(plan, result.spikes[name])
    states = {word: _by_entry(plan, result.states[name][word]) for word in ranges}
    fields = [(events[:, u], shape_of(plan.event_range).width) for u in range(plan.units)]
    for unit in range(plan.units):
        fields += [(states[w][:, unit], shape_of(r).width) for w, r in ranges.items()]
    return fields


def _by_entry(plan: CorePlan, values: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """[samples, steps, size] as [entries, units], 0 where there is no neuron."""
    padding = plan.sweep * plan.units - plan.size
    padded = np.pad(values.astype(np.int64), ((0, 0), (0, 0), (0, padding)))
    return padded.reshape(-1, plan.units)


def _append(path: Path, fields: Fields) -> None:
    with path.open("ab") as file:
        file.write(pack(fields))
