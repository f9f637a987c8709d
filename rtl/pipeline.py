"""Lowers a neuron's dataflow graph to a pipeline that meets a target clock."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from amaranth.hdl import *
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikeloom.hls_model.dataflow import Dataflow, Node
from spikeloom.rtl.events import shape_of
from spikeloom.rtl.families import Family
from spikeloom.rtl.operators import lower, lower_to, raise_to

__all__ = ["NeuronPipeline", "Schedule", "member_name", "output_name", "schedule"]


_CAUTION = 0.8
"""Part of a clock period that estimated paths may fill: wires of a full device are longer, and a
register more costs little."""


_SUMS = ("add", "sub", "neg")

_FEW_BITS = 4
"""Up to so many, tables are cheaper than a register more on all other paths."""


@dataclass(frozen=True)
class Schedule:
    """Which stage computes each node.

    Attributes
    ----------
    stages : stage of each node; inputs are there in stage 0
    registers : of nodes that end in registers of their own: their number
    latency : cycles from the inputs to the registered outputs; at least 1
    slowest : the longest estimated path between registers, in ns
    """

    latency: int
    slowest: float
    stages: Mapping[Node, int] = field(repr=False)
    registers: Mapping[Node, int] = field(repr=False)

    def ready(self, node: Node) -> int:
        """The first stage in which the node's value is there."""
        return self.stages[node] + self.registers.get(node, 0)


def schedule(dataflow: Dataflow, family: Family, target_mhz: float) -> Schedule:
    """Put each node into the earliest stage in which its path still meets the clock.

    Where registers are to spare, each of two sums in a row gets its own stage: synthesis would make
    one sum of three numbers of them, which takes more tables than two.

    Parameters
    ----------
    target_mhz : the clock to meet; a single operation slower than that gets a stage of its own
    """
    budget = _CAUTION * 1000 / target_mhz - family.register
    stages: dict[Node, int] = {}
    arrival: dict[Node, float] = {}
    registers = {node: _registers(node, family) for node in dataflow.nodes}
    slowest = 0.0
    for node in dataflow.nodes:
        ready = {o: stages[o] + registers[o] for o in node.operands}
        stage = max(ready.values(), default=0)
        last = [o for o in node.operands if ready[o] == stage and not registers[o]]
        start = max((arrival[o] for o in last), default=0.0)
        delay = family.delay(node)
        is_late = start > 0 and delay > 0 and start + delay > budget
        is_sum_of_sum = node.op in _SUMS and any(o.op in _SUMS for o in last)
        if is_late or (is_sum_of_sum and family.has_spare_registers):
            stage, start = stage + 1, 0.0
        stages[node], arrival[node] = stage, start + delay
        slowest = max(slowest, start + delay)
    latency = max(max(stages[n] + max(registers[n], 1) for n in dataflow.outputs.values()), 1)
    return Schedule(
        latency, slowest + family.register, stages, {n: k for n, k in registers.items() if k}
    )


def _registers(node: Node, family: Family) -> int:
    """How many registers do, by their reset, what tables would do in front of one: choose between
    a value and a constant. Only where a register can be used without its table."""
    if not family.has_spare_registers or node.range.width <= _FEW_BITS:
        return 0
    if node.op == "saturate":
        return 2
    branches = node.operands[1:]
    return int(node.op == "select" and sum(o.op == "constant" for o in branches) == 1)


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
            operands = [at(o, stage) for o in node.operands]
            if node in self._schedule.registers:
                value = _registered(m, node, operands, f"s{stage + 1}_{labels[node]}")
            else:
                value = Signal(shape_of(node.range), name=f"s{stage}_{labels[node]}")
                m.d.comb += value.eq(lower(m, node, operands))
            signals[node, self._schedule.ready(node)] = value
        for name, node in self._dataflow.outputs.items():
            m.d.comb += getattr(self, output_name(name)).eq(at(node, self._schedule.latency))
        return m


def _registered(m: Module, node: Node, operands: list[Value], name: str) -> Signal:
    """A choice between a value and a constant by the reset of a register, or two for a saturation.

    A register must start with what its reset makes it, or Yosys uses tables after all.
    """
    shape = shape_of(node.range)
    if node.op == "saturate":
        range = node.attrs["range"]
        (value,) = operands
        clamped = Signal(value.shape(), init=range.lo, name=f"{name}_low")
        result = Signal(shape, init=range.hi, name=name)
        m.d.sync += [clamped.eq(raise_to(value, range)), result.eq(lower_to(clamped, range))]
        return result
    constant = next(o.range.lo for o in node.operands[1:] if o.op == "constant")
    result = Signal(shape, init=constant, name=name)
    m.d.sync += result.eq(lower(m, node, operands))
    return result


def output_name(name: str) -> str:
    """``state.v`` as an output is ``next_v``."""
    return member_name(name.replace("state.", "next."))
