"""A network simulated with Python integers and loops only: slow, and independent of NumPy."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from spikeloom.hls_model import Input, Network, Value
from spikeloom.hls_model.plain import RULES


class PythonBackend:
    """Executes a neuron for one neuron at a time."""

    def constant(self, value: int) -> int:
        return value

    def apply(self, name: str, operands: tuple[int, ...], attrs: dict[str, Any]) -> int:
        return RULES[name](*operands, **attrs)


BACKEND = PythonBackend()


def step(neuron: Any, state: dict[str, int], x: Any, p: dict[str, int]) -> tuple[dict, int]:
    """One neuron's next state and event."""

    def value(number: int) -> Value:
        return Value(BACKEND, number)

    ports = SimpleNamespace(**{n: value(v) for n, v in x.items()})
    following, event = neuron.step(
        SimpleNamespace(**{n: value(v) for n, v in state.items()}),
        ports if len(x) > 1 else next(iter(vars(ports).values())),
        SimpleNamespace(**{n: value(v) for n, v in p.items()}),
    )

    def number(result: Any) -> int:
        return result.payload if isinstance(result, Value) else result

    return {n: number(v) for n, v in vars(following).items()}, number(event)


def _each(value: Any, index: int) -> int:
    return value if isinstance(value, int) else int(value[index])


def simulate(network: Network, sample: dict[str, list[list[int]]]) -> tuple[dict, dict]:
    """Events and states of one sample: {population: [step][neuron]}, with dicts for states."""
    steps = len(next(iter(sample.values())))
    events: dict[str, list[list[int]]] = {n: [] for n in sample}
    states: dict[str, list[list[dict[str, int]]]] = {}
    for p in network.populations:
        events[p.name], states[p.name] = [], []
    current = {
        p.name: [{w: p.initial.get(w, 0) for w in p.neuron.states()} for _ in range(p.size)]
        for p in network.populations
    }
    for t in range(steps):
        for input in network.inputs:
            assert isinstance(input, Input)
            events[input.name].append(sample[input.name][t])
        for p in network.populations:
            fired = []
            for n in range(p.size):
                sums = {port: _each(p.bias.get(port, 0), n) for port in p.neuron.ports}
                for q in network.into(p.name):
                    if t >= q.delay:
                        arriving = events[q.source][t - q.delay]
                        for s, e in enumerate(arriving):
                            sums[q.port] += int(q.weights[n, s]) * e
                parameters = {name: _each(v, n) for name, v in p.parameters.items()}
                current[p.name][n], event = step(p.neuron, current[p.name][n], sums, parameters)
                fired.append(event)
            events[p.name].append(fired)
            states[p.name].append([dict(s) for s in current[p.name]])
    return events, states
