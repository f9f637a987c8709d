"""Tapes: golden words, and expectations in the order of the hardware."""

from __future__ import annotations

import networks
import numpy as np

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range, simulate
from spikeloom.hls_model.samples import InputEvents
from spikeloom.rtl.events import EventLayout, PairLayout
from spikeloom.sim.tapes import pack, probe_fields, token_fields, write_input, write_output


def test_words_are_big_endian_and_whole_bytes():
    values = np.array([1, 2, -1])
    assert pack([(values, 4)]) == bytes([0x01, 0x02, 0x0F])
    assert pack([(values, 4), (np.array([1, 0, 3]), 7)]) == bytes.fromhex("0011 0002 003f")


def columns(fields):
    return [tuple(int(values[i]) for values, _ in fields) for i in range(len(fields[0][0]))]


def test_tokens_ascend_in_a_step_and_close_it():
    """Two steps of three addresses: end, last, address, value."""
    layout = EventLayout(3, Range(-4, 3))
    fields = token_fields(layout, np.array([[[0, -4, 3], [0, 0, 0]]]))
    assert columns(fields) == [(0, 0, 1, -4), (0, 0, 2, 3), (1, 0, 0, 0), (1, 1, 0, 0)]
    assert [width for _, width in fields] == [1, 1, 2, 3]


def test_each_sample_closes_on_its_own():
    fields = token_fields(EventLayout(1, Range(0, 1)), np.zeros((3, 2, 1), dtype=int))
    assert [last for _, last, _, _ in columns(fields)] == [0, 1] * 3


def test_pairs_are_filled_up_from_both_sides():
    """Even addresses 0, 2, 4 and odd ones 1, 3; a step of even events alone, and one of none."""
    layout = PairLayout(5, Range(-4, 3))
    fields = token_fields(layout, np.array([[[1, 0, 2, -4, 3], [0, 0, 3, 0, 0], [0] * 5]]))
    # end, last; then valid, address and value of each.
    assert columns(fields) == [
        (0, 0, 1, 0, 1, 1, 1, -4), (0, 0, 1, 1, 2, 0, 0, 0), (0, 0, 1, 2, 3, 0, 0, 0),
        (1, 0, 0, 0, 0, 0, 0, 0), (0, 0, 1, 1, 3, 0, 0, 0), (1, 0, 0, 0, 0, 0, 0, 0),
        (1, 1, 0, 0, 0, 0, 0, 0),
    ]  # fmt: skip
    assert sum(width for _, width in fields) == layout.size


def test_held_input_is_played_every_step(tmp_path):
    layout = EventLayout(2, Range(0, 1))
    write_input(tmp_path / "held", layout, InputEvents(np.array([[[0, 1]]]), steps=3))
    write_input(tmp_path / "full", layout, InputEvents(np.array([[[0, 1]] * 3]), steps=3))
    assert (tmp_path / "held").read_bytes() == (tmp_path / "full").read_bytes()


def small_network(output):
    return Network(
        (Input("i", (2,)),),
        (Population("p", 3, LIF(Range.signed(5)), {"threshold": 4}),),
        (Projection("i", "p", np.array([[1, 2], [-3, 4], [0, 1]])),),
        output,
    )


SAMPLES = np.array([[[1, 1], [0, 1]]])


def test_expected_entries_hold_events_then_states_and_zeros_for_padding():
    network = small_network(Output("p"))
    design = networks.design_of(network, p=(2, 2, 1))
    fields = probe_fields(design.plans["p"], simulate(network, SAMPLES))
    # Step 0: v = 3, 1, 1. Step 1: v = 5 and 5 fire and lose 4, v = 2.
    assert columns(fields) == [(0, 0, 3, 1), (0, 0, 1, 0), (1, 1, 1, 1), (0, 0, 2, 0)]
    assert [width for _, width in fields] == [1, 1, 5, 5]


def test_readout_has_each_neuron_at_the_last_step(tmp_path):
    network = small_network(Output("p", "v"))
    layout = EventLayout(3, Range.signed(5))
    write_output(tmp_path / "out", network.output, layout, simulate(network, SAMPLES))
    words = (tmp_path / "out").read_bytes()
    tokens = [int.from_bytes(words[i : i + 2], "big") for i in range(0, len(words), 2)]
    decoded = [(t & 1, t >> 1 & 1, t >> 2 & 3, t >> 4) for t in tokens]
    assert decoded == [(1, 0, 0, 0), (0, 0, 0, 1), (0, 0, 1, 1), (0, 0, 2, 2), (1, 1, 0, 0)]
