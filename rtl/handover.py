"""Brings the sums of the neurons that are swept from the accumulators to the neuron units."""

from math import ceil

from amaranth.hdl import *
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Handover", "handover_latency"]

_TABLE = 4
"""Inputs of a look-up table."""


def _fan_in(has_spare_registers: bool) -> int:
    """Sources whose gates fit in front of one row of registers.

    A gate in front of a register is the register's reset; where registers cannot be used without
    the table in front of them, that table gates two sources.
    """
    return 1 if has_spare_registers else _TABLE // 2


def handover_latency(sources: int, has_spare_registers: bool) -> int:
    """Cycles through a :class:`Handover`."""
    rows, latency = ceil(sources / _fan_in(has_spare_registers)), 1
    while rows > 1:
        rows, latency = ceil(rows / _TABLE), latency + 1
    return latency


class Handover(wiring.Component):
    """A multiplexer that selects by time: of the sources, one is ``enabled`` at a time.

    The others count as 0, and everything is or-ed in a tree with registers behind each table, so
    that the sources may lie anywhere in the device.

    Latency: :func:`handover_latency`. Throughput: one word per cycle.

    Parameters
    ----------
    shape : of a word
    sources : how many there are
    has_spare_registers : as :class:`.Family`

    Members
    -------
    i : In, a word of each source
    enabled : In, one bit per source
    o : Out, the word of the source that was enabled; meaningless if there was none
    """

    def __init__(self, shape: data.Layout, sources: int, has_spare_registers: bool):
        self._group = _fan_in(has_spare_registers)
        super().__init__({
            "i":       In(data.ArrayLayout(shape, sources)),
            "enabled": In(sources),
            "o":       Out(shape),
        })

    def elaborate(self, platform):
        m = Module()
        words = [Value.cast(self.i[source]) for source in range(len(self.enabled))]
        if len(words) > 1:
            # A multiplexer, which Yosys takes for a register's reset; not so an and-gate.
            words = [
                Mux(enabled, word, 0) for word, enabled in zip(words, self.enabled, strict=True)
            ]
        words = _registers(m, words, self._group, "gated")
        while len(words) > 1:
            words = _registers(m, words, _TABLE, "joined")
        m.d.comb += Value.cast(self.o).eq(words[0])
        return m


def _registers(m: Module, words: list[Value], group: int, name: str) -> list[Value]:
    """Each ``group`` of words, or-ed, one cycle later."""
    results: list[Value] = []
    for first in range(0, len(words), group):
        result = Signal(len(words[0]), name=f"{name}_{first // group}")
        total: Value = Const(0, len(result))
        for word in words[first : first + group]:
            total = total | word if group > 1 else word
        m.d.sync += result.eq(total)
        results.append(result)
    return results
