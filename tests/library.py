"""One population of every kind of neuron of the library, recurrent, with inputs on every port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikeloom.hls_model import (
    LIF,
    AdaptiveLIF,
    CubaLIF,
    FineInput,
    GatedUnit,
    GradedLIF,
    Grading,
    Input,
    Integrator,
    MultiSpikeLIF,
    Network,
    Neuron,
    NoLeak,
    Output,
    Population,
    Projection,
    Range,
    ScaleLeak,
    ShiftLeak,
    SigmoidTable,
    State,
    Value,
    saturate,
)

V = Range.signed(12)
EACH = np.array([40, 25, 60, 31, 90, 33, 47])
SIZE, SOURCES = len(EACH), 9
ALPHA = ScaleLeak(7, "trunc", parameter="alpha")
SCALED = {"threshold": EACH, "beta": 240}
CUBA = CubaLIF(V, ALPHA, LIF(V, ScaleLeak(8), reset="value"))
CURRENT = {"alpha": 100 + EACH // 4, "reset_value": 3, **SCALED}
GRADING = Grading(limit=31 << 4, shift=4, dead=3)


@dataclass(frozen=True)
class Odd(Neuron):
    """What no neuron does: a state and an event that are parameters for their own sake."""

    parameters = ("level", "other")

    def states(self) -> dict[str, Range]:
        return {"held": V, "input": V}

    def step(self, state: Any, x: Any, p: Any) -> tuple[State, Value]:
        level = p.level * p.other
        return State(held=saturate(level, V), input=saturate(x, V)), saturate(
            state.held + state.input + level, V
        )


NEURONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "lif": (LIF(V, ScaleLeak(8)), SCALED),
    "if": (LIF(V, NoLeak(), strict=True), {"threshold": EACH}),
    "lif delayed": (LIF(V, ShiftLeak((3,)), strict=True, delayed=True), {"threshold": EACH}),
    "lif lowered": (LIF(V, ScaleLeak(8), lowered=True, strict=True), SCALED),
    "lif zero": (LIF(V, ScaleLeak(8), "value"), SCALED | {"reset_value": -2}),
    "lif dropping": (
        LIF(V, ScaleLeak(8, "nearest"), "value", delayed=True, drop_input=True),
        SCALED | {"reset_value": 5},
    ),
    "lif delayed zero": (
        LIF(V, ShiftLeak((2, 4), "trunc"), "value", delayed=True),
        {"threshold": 44, "reset_value": 0},
    ),
    "lif no reset": (LIF(V, ShiftLeak((2,)), "none", leak_last=True), {"threshold": EACH}),
    "integrator": (Integrator(V, ScaleLeak(8)), {"beta": 230 + EACH // 4}),
    "fine lif": (FineInput(LIF(V, ScaleLeak(8)), 3), SCALED | {"offset": EACH - 40}),
    "cuba": (CUBA, CURRENT),
    "cuba old": (
        CubaLIF(V, ALPHA, LIF(V, ScaleLeak(8)), uses_old_current=True),
        SCALED | {"alpha": 110},
    ),
    "fine cuba": (FineInput(CUBA, 2), CURRENT | {"offset": EACH - 40}),
    "adaptive": (
        AdaptiveLIF(V, Range.unsigned(7), ShiftLeak((3,)), ScaleLeak(6, parameter="rho")),
        {"threshold": EACH, "jump": 9, "rho": 60},
    ),
    "multi-spike": (
        MultiSpikeLIF(V, 3, ShiftLeak((3,)), clamped=True),
        {"threshold": EACH, "lowest": -EACH},
    ),
    "graded": (GradedLIF(V, Grading(31 << 2, 2, 3, signed=True), ShiftLeak((4,))), {}),
    "gated": (GatedUnit(Range.unsigned(9), V, SigmoidTable(4, 3, 4, 6), GRADING), {}),
}
"""Neuron and parameters by name."""

ODD = {"odd": (Odd(), {"level": EACH, "other": 3})}


def recurrent(neuron: Any, parameters: Any, *, loop: bool = True, seed: int = 1) -> Network:
    """Seven neurons, each port with an input and, if asked for, a loop."""
    rng = np.random.default_rng(seed)
    projections = []
    for port in neuron.ports:
        weights = rng.integers(-8, 16, (SIZE, SOURCES))
        projections.append(Projection("i", "n", weights, port=port, bits=6))
        if loop:
            weights = rng.integers(-4, 4, (SIZE, SIZE))
            projections.append(Projection("n", "n", weights, port=port, delay=1, bits=4))
    ports = () if "offset" in parameters else neuron.ports
    bias = {port: rng.integers(-3, 6, SIZE) for port in ports}
    population = Population("n", SIZE, neuron, parameters, bias)
    return Network(
        (Input("i", (SOURCES,)),),
        (population,),
        tuple(projections),
        Output("n", "u" if "gated" in type(neuron).__name__.lower() else "v"),
    )


def spikes(samples: int = 4, steps: int = 10, seed: int = 2) -> np.ndarray:
    """Input events [samples, steps, SOURCES]."""
    return (np.random.default_rng(seed).random((samples, steps, SOURCES)) < 0.4).astype(int)
