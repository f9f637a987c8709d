"""Accumulators and emitters of a core, for every possible traffic."""

from __future__ import annotations

from typing import Any

import networks
import numpy as np
import pytest
from amaranth.hdl import Array, Assert, Assume, Cat, Const, Module, Mux, Signal, signed
from proving import MISSING, holds

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range
from spikeloom.rtl.bank import Bank
from spikeloom.rtl.emitter import Emitter
from spikeloom.rtl.weights import bank_rows

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"needs {', '.join(MISSING)}")

WEIGHTS = np.array([[3, -4, 2], [-1, 1, 3]])


def plan(size: int = 2, units: int = 2, event: Range | None = None) -> Any:
    """3-2, or 3-4 in two sweep entries."""
    weights = np.resize(WEIGHTS, (size, 3))
    network = Network(
        (Input("i", (3,)),),
        (Population("p", size, LIF(Range.signed(8)), {"threshold": 5}),),
        (Projection("i", "p", weights),),
        Output("p"),
    )
    return networks.design_of(network, p=(size, units, 1)).plans["p"]


class Exact:
    """Sums are those of the events since the last sweep, and lie in their declared range, if each
    address sends at most one event per step."""

    def __init__(self, bank: Bank, plan: Any) -> None:
        self._bank, self._plan = bank, plan
        self.inputs: list[Signal] = []

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan = self._plan
        m.submodules.bank = bank = self._bank
        row, accumulate, sweep = Signal(2), Signal(), Signal()
        self.inputs += [row, accumulate, sweep]
        operation = bank.operation
        m.d.comb += [
            operation.row.eq(row), operation.accumulate.eq(accumulate), operation.sweep.eq(sweep),
            Assume(~(accumulate & sweep)), Assume(row < 3),
        ]  # fmt: skip
        sent = Array(Signal(name=f"sent{n}") for n in range(3))
        with m.If(accumulate):
            m.d.comb += Assume(~sent[row])
            m.d.sync += sent[row].eq(1)
        with m.If(sweep):
            m.d.sync += [s.eq(0) for s in sent]
        for lane in range(2):
            total = sum(Mux(sent[n], Const(int(WEIGHTS[lane, n]), signed(8)), 0) for n in range(3))
            wanted, is_due = total, sweep
            for cycle in range(plan.accumulate_latency):
                later = Signal(signed(12), name=f"wanted_{lane}_{cycle}")
                due = Signal(name=f"due_{lane}_{cycle}")
                m.d.sync += [later.eq(wanted), due.eq(is_due)]
                wanted, is_due = later, due
            seen = bank.sums[0][lane]["x"]
            declared = plan.accumulator_range("x")
            with m.If(is_due):
                m.d.comb += [
                    Assert(seen == wanted),
                    Assert((seen >= declared.lo) & (seen <= declared.hi)),
                ]
        return m


class Complete:
    """Each neuron that fired leaves once, in the step in which it fired, before the step's end."""

    def __init__(self, emitter: Emitter, plan: Any) -> None:
        self._emitter, self._plan = emitter, plan
        self.inputs: list[Signal] = []

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        plan, emitter = self._plan, self._emitter
        m.submodules.emitter = emitter
        go, fired, ready = Signal(), Signal(plan.units), Signal()
        self.inputs += [go, fired, ready]
        left = Signal(range(plan.sweep + 1))
        start = Signal()
        m.d.comb += [
            start.eq(go & emitter.room & (left == 0)),
            emitter.reserve.eq(start),
            emitter.valid.eq(left != 0),
            emitter.entry.index.eq(plan.sweep - left),
            emitter.entry.fired.eq(fired),
            emitter.o.ready.eq(ready),
        ]
        with m.If(start):
            m.d.sync += left.eq(plan.sweep)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        self._compare(m, start, left, fired)
        return m

    def _compare(self, m: Module, start: Any, left: Signal, fired: Signal) -> None:
        """The spikes of a freely chosen step beside those that leave in that step."""
        plan, o = self._plan, self._emitter.o
        step, kept, running = Signal(3), Signal(3), Signal()
        self.inputs.append(step)
        m.d.sync += [kept.eq(step), running.eq(1)]
        with m.If(running):
            m.d.comb += Assume(step == kept)
        came, gone = Signal(4), Signal(4)
        spikes, pending = Signal(plan.size), Signal(plan.size)
        with m.If((left != 0) & (came == step)):
            now = [Mux(left == plan.sweep - entry, fired, 0) for entry in range(plan.sweep)]
            m.d.sync += pending.eq(pending | Cat(now))
        with m.If(left == 1):
            m.d.sync += came.eq(came + 1)
        token = o.payload
        with m.If(o.valid & (gone == step)):
            with m.If(token.end):
                m.d.comb += Assert(pending == spikes)
            with m.Else():
                bit = Signal(plan.size)
                m.d.comb += [
                    bit.eq(1 << token.address),
                    Assert((pending & bit).any()),
                    Assert(~(spikes & bit).any()),
                ]
                with m.If(o.ready):
                    m.d.sync += spikes.eq(spikes | bit)
        with m.If(o.valid & o.ready & token.end):
            m.d.sync += gone.eq(gone + 1)
            m.d.comb += Assert(gone < came)


def test_accumulators_stay_in_their_range(tmp_path):
    p = plan()
    assert holds(Exact(Bank(p, bank_rows(p)[0]), p), tmp_path, depth=12)


def test_a_wrong_weight_is_found(tmp_path):
    p = plan()
    rows = bank_rows(p)[0]
    rows[0][1] ^= 1
    assert not holds(Exact(Bank(p, rows), p), tmp_path, depth=8)


def test_spikes_leave_before_their_steps_end(tmp_path):
    p = plan(size=4, units=2)
    assert holds(Complete(Emitter(p, p.event_range), p), tmp_path, depth=14)


class Blind(Emitter):
    """An emitter that gives each pair of neurons one address."""

    def elaborate(self, platform: Any) -> Module:
        m = super().elaborate(platform)
        m.d.comb += self.o.payload.address[0].eq(0)
        return m


def test_a_planted_bug_is_found(tmp_path):
    p = plan(size=4, units=2)
    assert not holds(Complete(Blind(p, p.event_range), p), tmp_path, depth=14)
