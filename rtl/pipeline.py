"""Lowers a neuron's dataflow graph to a pipeline that meets a target clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.hls_model.dataflow import Dataflow, Node
from spikeloom.rtl.events import shape_of
from spikeloom.rtl.families import Family
from spikeloom.rtl.operators import lower

__all__ = ["NeuronPipeline", "Schedule", "member_name", "output_name", "schedule"]


_CAUTION = 0.8
"""Part of a clock period that estimated paths may fill: wires of a full device are longer, and a
register more costs little."""


@dataclass(frozen=True)
class Schedule:
    """Which stage computes each node.

    Attributes
    ----------
    stages : stage of each node; inputs are there in stage 0
    latency : cycles from the inputs to the registered outputs; at least 1
    slowest : the longest estimated path between registers, in ns
    """

    latency: int
    slowest: float
    stages: Mapping[Node, int] = field(repr=False)


def schedule(dataflow: Dataflow, family: Family, target_mhz: float) -> Schedule:
    """Put each node into the earliest stage in which its path still meets the clock.

    Parameters
    ----------
    target_mhz : the clock to meet; a single operation slower than that gets a stage of its own
    """
    budget = _CAUTION * 1000 / target_mhz - family.register
    stages: dict[Node, int] = {}
    arrival: dict[Node, float] = {}
    for node in dataflow.nodes:
        stage = max((stages[o] for o in node.operands), default=0)
        start = max((arrival[o] for o in node.operands if stages[o] == stage), default=0.0)
        delay = family.delay(node)
        if start > 0 and delay > 0 and start + delay > budget:
            stage, start = stage + 1, 0.0
        stages[node], arrival[node] = stage, start + delay
    latency = max(stages[n] for n in dataflow.outputs.values()) + 1
    return Schedule(latency, max(arrival.values()) + family.register, stages)


def member_name(name: str) -> str:
    """A signal's name for a dataflow name: ``state.v`` becomes ``state_v``."""
    return name.replace(".", "_")


class NeuronPipeline(wiring.Component):
    """One neuron unit: a population's ``step`` for one neuron per cycle.

    Latency: ``schedule.latency`` cycles from inputs to outputs. Throughput: 1 neuron per cycle.

    Members
    -------
    One input for each input of the dataflow and ``next_<state>`` and ``event`` as outputs, named
    by :func:`member_name`, each of the shape of its range.
    """

    def __init__(self, dataflow: Dataflow, schedule: Schedule):
        self._dataflow = dataflow
        self._schedule = schedule
        super().__init__(
            {member_name(n): In(shape_of(node.range)) for n, node in dataflow.inputs.items()}
            | {output_name(n): Out(shape_of(node.range)) for n, node in dataflow.outputs.items()}
        )

    def elaborate(self, platform):
        m = Module()
        stages = self._schedule.stages
        signals: dict[tuple[Node, int], Value] = {}

        def at(node: Node, stage: int) -> Value:
            """``node``'s value as seen in ``stage``, delayed by registers where needed."""
            if node.op == "constant":
                return Const(node.range.lo, shape_of(node.range))
            if (node, stage) not in signals:
                earlier = at(node, stage - 1)
                signals[node, stage] = Signal(shape_of(node.range), name=f"s{stage}_{labels[node]}")
                m.d.sync += signals[node, stage].eq(earlier)
            return signals[node, stage]

        labels = {n: f"{n.op}{i}" for i, n in enumerate(self._dataflow.nodes)}
        for name, node in self._dataflow.inputs.items():
            signals[node, 0] = getattr(self, member_name(name))
        for node in self._dataflow.nodes:
            if node.op in ("input", "constant"):
                continue
            stage = stages[node]
            result = lower(m, node, [at(o, stage) for o in node.operands])
            signals[node, stage] = Signal(shape_of(node.range), name=f"s{stage}_{labels[node]}")
            m.d.comb += signals[node, stage].eq(result)
        for name, node in self._dataflow.outputs.items():
            m.d.comb += getattr(self, output_name(name)).eq(at(node, self._schedule.latency))
        return m


def output_name(name: str) -> str:
    """``state.v`` as an output is ``next_v``."""
    return member_name(name.replace("state.", "next."))
