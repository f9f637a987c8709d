"""Names the first difference between the RTL and the reference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Shape

from spikeloom.hls_model.samples import InputEvents
from spikeloom.rtl.core import ProbeLayout
from spikeloom.rtl.design import Design
from spikeloom.rtl.events import shape_of
from spikeloom.rtl.plan import CorePlan

__all__ = ["first_difference"]


def first_difference(
    design: Design, failed: Mapping[str, dict[str, Any]], events: InputEvents
) -> str:
    """One line: sample, step, population, neuron, and both values.

    Parameters
    ----------
    failed : outcome of each checker that failed, by population or output stream
    events : of one of the inputs
    """
    places = []
    for name, checker in failed.items():
        if name in design.plans:
            plan = design.plans[name]
            step, entry = divmod(checker["count"], plan.sweep)
            places.append((step, list(design.plans).index(name), name, entry))
    if not places:
        checker = next(iter(failed.values()))
        return (
            f"the output's token {checker['count']} is {checker['observed']} in the RTL and "
            f"{checker['expected']} in the reference, while all neurons agree; rerun with --waves"
        )
    step, _, name, entry = min(places)
    sample, step = divmod(step, events.steps)
    if sample >= events.samples:
        return (
            f"the RTL has results of population {name!r} after its last step, which the reference "
            "does not have; rerun with --waves to see it"
        )
    what = _differing_word(design.plans[name], failed[name], entry)
    return (
        f"the RTL differs from the reference first at sample {sample}, step {step}, population "
        f"{name!r}, {what}; rerun with --waves to see it"
    )


def _differing_word(plan: CorePlan, checker: Mapping[str, Any], entry: int) -> str:
    """Neuron, word and both values of the first field that differs in a sweep entry."""
    expected, observed = int(checker["expected"], 16), int(checker["observed"], 16)
    for unit, word, shape, offset in _fields(plan):
        values = [_decode(number >> offset, shape) for number in (observed, expected)]
        if values[0] != values[1]:
            neuron = entry * plan.units + unit
            return f"neuron {neuron}: {word} is {values[0]} and should be {values[1]}"
    return f"sweep entry {entry}: bits beyond those of its words"


def _fields(plan: CorePlan) -> list[tuple[int, str, Shape, int]]:
    """Unit, name, shape and lowest bit of each word; the probe's ``valid`` is left out."""
    layout = ProbeLayout(plan)
    states = plan.network.population(plan.population).neuron.states()
    event = shape_of(plan.event_range)
    fields = [
        (unit, "its event", event, layout["event"].offset - 1 + unit * event.width)
        for unit in range(plan.units)
    ]
    offset = layout["state"].offset - 1
    for unit in range(plan.units):
        for word, range_ in states.items():
            shape = shape_of(range_)
            fields.append((unit, f"its state {word!r}", shape, offset))
            offset += shape.width
    return fields


def _decode(number: int, shape: Shape) -> int:
    number &= (1 << shape.width) - 1
    if shape.signed and number >> (shape.width - 1):
        return number - (1 << shape.width)
    return number
