"""The proof ladder: every level agrees, and each would notice if it did not."""

from __future__ import annotations

import numpy as np
import pytest

from spikeloom.flow.artefacts import load_network
from spikeloom.flow.verify import LEVELS, refuse_difference, verify_folder
from spikeloom.hls_model import simulate
from spikeloom.hls_model.errors import ArtefactError, MismatchError, SpikeloomError


@pytest.mark.parametrize("level", ["torch", "reference"])
def test_levels_of_software(folder, level):
    if level == "torch":
        pytest.importorskip("torch")
    report = verify_folder(folder, level, limit=20)
    assert (report["level"], report["samples"], report["mismatches"]) == (level, 20, 0)
    # 4 steps of 6 + 3 neurons with one state word each.
    assert report["spikes_compared"] == report["states_compared"] == 20 * 4 * 9


def test_a_difference_names_its_place(folder):
    network = load_network(folder)
    samples = np.ones((3, 4, 3, 3), dtype=int)
    right, wrong = simulate(network, samples), simulate(network, samples)
    wrong.states["hidden"]["v"][2, 1, 5] += 3
    wrong.spikes["classes"][2, 1, 0] ^= 1
    value = int(right.states["hidden"]["v"][2, 1, 5])
    with pytest.raises(
        MismatchError,
        match=rf"^it differs from the reference first at sample 12, step 1, population 'hidden', "
        rf"neuron 5: its state 'v' is {value + 3} and should be {value}$",
    ):
        refuse_difference(network, "it", wrong, right, 10)
    refuse_difference(network, "it", right, right)


def test_unknown_levels_and_waves(folder):
    with pytest.raises(SpikeloomError, match="must be one of torch, reference, rtl, netlist"):
        verify_folder(folder, "gates")
    with pytest.raises(SpikeloomError, match="'torch' has no waveform; those that do: rtl, netl"):
        verify_folder(folder, "torch", waves=True)
    with pytest.raises(
        ArtefactError, match=r"synth/top.json does not exist; run `spikeloom synth`"
    ):
        verify_folder(folder, "netlist")


def test_command_knows_the_levels():
    from spikeloom.cli.proofs import LevelName

    assert [level.value for level in LevelName] == list(LEVELS)
