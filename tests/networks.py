"""Random networks, samples and plans for the tests: the same for the same seed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spikeloom.hls_model import (
    EVENTS,
    LIF,
    Input,
    Integrator,
    Network,
    Neuron,
    NoLeak,
    Output,
    Population,
    Projection,
    Range,
    ScaleLeak,
    ShiftLeak,
    State,
    lookup,
    maximum,
    minimum,
    saturate,
    select,
    shift_right,
    wrap,
)
from spikeloom.rtl.design import Design
from spikeloom.rtl.families import FAMILIES
from spikeloom.rtl.plan import CorePlan

ROUNDINGS = ("floor", "trunc", "nearest")


@dataclass(frozen=True)
class Graded(Neuron):
    """Emits its membrane in coarse steps, with a dead zone, and keeps the rest."""

    v: Range
    shift: int
    largest: int
    dead: int

    def states(self):
        return {"v": self.v}

    def step(self, state, x, p):
        v = state.v + x
        q = saturate(shift_right(v, self.shift, "trunc"), Range(-self.largest, self.largest))
        q = select((q > self.dead) | (q < -self.dead), q, 0)
        return State(v=saturate(v - (q << self.shift), self.v)), q


@dataclass(frozen=True)
class TwoPort(Neuron):
    """Two weighted inputs, two states, and per-neuron parameters: a gate opens the membrane."""

    v: Range
    ports = ("x", "gate")
    parameters = ("threshold", "open")

    def states(self):
        return {"v": self.v, "g": Range.signed(6)}

    def step(self, state, x, p):
        g = saturate((state.g >> 1) + x.gate, Range.signed(6))
        v = select(g >= p.open, state.v + x.x, state.v)
        fired = v >= p.threshold
        return State(v=saturate(select(fired, v - p.threshold, v), self.v), g=g), fired


@dataclass(frozen=True)
class Everything(Neuron):
    """Every operator of the language in one step, and none of them folded away."""

    v: Range
    table: tuple[int, ...]
    parameters = ("a", "b")

    def states(self):
        return {"v": self.v, "w": Range.signed(8), "last": Range(0, 1)}

    def step(self, state, x, p):
        v = state.v + x - p.a
        index = saturate(v, Range(0, len(self.table) - 1))
        looked = lookup(self.table, index)
        product = shift_right(looked * p.b, 2, "nearest") + shift_right(-v, 1, "trunc")
        w = wrap(state.w + (product << 1), Range.signed(8))
        mixed = ((w & p.a) | (v ^ 5)) - minimum(w, v)
        bounded = maximum(mixed, looked) >> 1
        flip = (v == w) | ((v > w) & ~state.last)
        event = select(state.last, saturate(bounded, Range(-3, 3)), flip)
        return State(v=saturate(bounded, self.v), w=w, last=flip), event


def random_leak(rng: np.random.Generator) -> Any:
    rounding = str(rng.choice(ROUNDINGS))
    match rng.integers(3):
        case 0:
            return NoLeak()
        case 1:
            return ShiftLeak(tuple(map(int, rng.integers(1, 6, rng.integers(1, 3)))), rounding)
    return ScaleLeak(int(rng.integers(1, 9)), rounding)


def random_lif(rng: np.random.Generator) -> LIF:
    reset = str(rng.choice(["subtract", "value", "none"]))
    delayed = bool(rng.integers(2))
    return LIF(
        v=Range.signed(int(rng.integers(5, 15))),
        leak=random_leak(rng),
        reset=reset,
        strict=bool(rng.integers(2)),
        delayed=delayed,
        drop_input=delayed and bool(rng.integers(2)),
        leak_last=bool(rng.integers(4) == 0),
    )


def random_neuron(rng: np.random.Generator) -> Neuron:
    v = Range.signed(int(rng.integers(6, 13)))
    match rng.integers(8):
        case 0:
            return Integrator(v, random_leak(rng))
        case 1:
            return Graded(v, int(rng.integers(1, 4)), int(rng.integers(1, 9)), 1)
        case 2:
            return TwoPort(v)
    return random_lif(rng)


def random_population(rng: np.random.Generator, name: str, neuron: Neuron, size: int) -> Population:
    def shared_or_each(low: int, high: int) -> Any:
        values = rng.integers(low, high + 1, size)
        return int(values[0]) if rng.integers(3) == 0 else values

    v = neuron.states()["v"]
    ranges = {
        "threshold": (1, min(v.hi // 2, 40)),
        "reset_value": (v.lo // 4, v.hi // 4),
        "beta": (0, 1 << getattr(getattr(neuron, "leak", None), "bits", 0)),
        "open": (-3, 3),
        "a": (-20, 20),
        "b": (-9, 9),
    }
    return Population(
        name,
        size,
        neuron,
        {n: shared_or_each(*ranges[n]) for n in neuron.parameters},
        {port: shared_or_each(-6, 9) for port in neuron.ports if rng.integers(2)},
        {w: int(rng.integers(r.lo, r.hi + 1)) for w, r in neuron.states().items()}
        if rng.integers(4) == 0
        else {},
    )


def random_weights(rng: np.random.Generator, target: int, source: int) -> np.ndarray:
    bits = int(rng.integers(2, 9))
    low, high = -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    weights = rng.integers(low, high + 1, (target, source))
    match rng.integers(5):
        case 0:
            weights[rng.random(weights.shape) < 0.8] = 0
        case 1:
            weights = rng.choice([low, high], weights.shape)
    return weights


def random_parts(
    rng: np.random.Generator, prefix: str = ""
) -> tuple[list[Input], list[Population], list[Projection]]:
    """Inputs, populations and projections: forward, skipping, recurrent and delayed ones."""
    inputs = []
    for index in range(rng.integers(1, 3)):
        shape = (int(rng.integers(1, 41)),) if rng.integers(3) else (2, int(rng.integers(1, 9)))
        graded = [Range(-5, 7), Range(0, 9), Range(-1, 1)][rng.integers(3)]
        inputs.append(Input(f"{prefix}in{index}", shape, graded if rng.integers(4) == 0 else
                            Range(0, 1)))  # fmt: skip
    populations = []
    for index in range(rng.integers(1, 5)):
        size = int(rng.choice([1, 2, rng.integers(3, 13), rng.integers(13, 41)]))
        populations.append(random_population(rng, f"{prefix}p{index}", random_neuron(rng), size))
    projections: dict[tuple[str, str, str, int], Projection] = {}

    def connect(source: Input | Population, target: Population, delay: int) -> None:
        port = str(rng.choice(target.neuron.ports))
        weights = random_weights(rng, target.size, source.size)
        projections[source.name, target.name, port, delay] = Projection(
            source.name, target.name, weights, port, delay
        )

    nodes: list[Input | Population] = [*inputs, *populations]
    for index, population in enumerate(populations):
        # The chain, so that nothing is out of reach; then what may come on top of it.
        connect(nodes[len(inputs) + index - 1], population, 0)
        for _ in range(rng.integers(3)):
            source = nodes[rng.integers(len(nodes))]
            is_ahead = source in nodes[: len(inputs) + index]
            connect(source, population, int(rng.integers(0 if is_ahead else 1, 4)))
    return inputs, populations, list(projections.values())


def random_output(rng: np.random.Generator, population: Population) -> Output:
    sources = [EVENTS, *population.neuron.states()]
    return Output(population.name, str(rng.choice(sources)))


def random_network(rng: np.random.Generator, parts: int = 1) -> Network:
    """``parts`` random networks side by side, so that one simulator serves them all."""
    inputs: list[Input] = []
    populations: list[Population] = []
    projections: list[Projection] = []
    for part in range(parts):
        more = random_parts(rng, f"n{part}_")
        inputs += more[0]
        populations += more[1]
        projections += more[2]
    output = random_output(rng, populations[-1])
    return Network(tuple(inputs), tuple(populations), tuple(projections), output)


def holding(rng: np.random.Generator, network: Network) -> Network:
    """``network`` with at least one of its inputs held."""
    chosen = rng.integers(len(network.inputs))
    inputs = tuple(
        replace(i, held=bool(index == chosen or rng.integers(2)))
        for index, i in enumerate(network.inputs)
    )
    return replace(network, inputs=inputs)


def random_samples(
    rng: np.random.Generator, network: Network, samples: int, steps: int
) -> dict[str, np.ndarray]:
    """Sparse and dense samples, silent steps, and steps in which everything is at a limit."""

    def draw(input: Input) -> np.ndarray:
        low, high = input.range.lo, input.range.hi
        values = rng.integers(low, high + 1, (samples, steps, *input.shape))
        values[rng.random(values.shape) > rng.choice([0.1, 0.4, 1.0])] = 0
        limits = rng.integers(0, 6, (samples, steps))
        for limit, value in ((0, 0), (1, low), (2, high)):
            values[limits == limit] = value
        return np.repeat(values[:, :1], steps, axis=1) if input.held else values

    return {i.name: draw(i) for i in network.inputs}


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def random_plan(rng: np.random.Generator, network: Network, name: str) -> CorePlan:
    size = network.population(name).size
    lanes = int(rng.choice([1, size, rng.integers(1, size + 1), rng.integers(1, size + 1)]))
    units = int(rng.choice(divisors(lanes)))
    banks = int(rng.choice(divisors(lanes // units)))
    family = FAMILIES[str(rng.choice(list(FAMILIES)))]
    mhz = float(rng.choice([20, 60, 150, 300]))
    plan = CorePlan(network, name, family, mhz, lanes, units, banks)
    return replace(plan, accumulators=str(rng.choice(plan.accumulator_kinds)))


def random_design(rng: np.random.Generator, network: Network) -> Design:
    plans = {p.name: random_plan(rng, network, p.name) for p in network.populations}
    return Design(network, FAMILIES["ecp5"], 150.0, plans)


def design_of(network: Network, **knobs: tuple[Any, ...]) -> Design:
    """A design for an ECP5 with lanes, units, banks, … by population; 1 each if not given."""
    family = FAMILIES["ecp5"]
    plans = {
        p.name: CorePlan(network, p.name, family, 150.0, *knobs.get(p.name, (1, 1, 1)))
        for p in network.populations
    }
    return Design(network, family, 150.0, plans)
