"""The digits at 2 bits: training brings accuracy back, and is exact on all test images."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from torch_level import same_as_reference

from spikeloom.hls_model import Network, simulate
from spikeloom.quant.fine_tuning import trainable
from spikeloom.quant.torch_network import torch_simulate

ROOT = Path(__file__).resolve().parents[2]


def run(module: str, *arguments: str) -> str:
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The script's figures, the network that it writes, and the test set."""
    pytest.importorskip("sklearn")
    folder = tmp_path_factory.mktemp("finetune")
    printed = run("examples.digits.finetune", "--epochs", "4", "--out", str(folder / "network.npz"))
    figures = re.findall(r"^test, .*: +([\d.]+)%$", printed, re.MULTILINE)
    run("examples.digits.samples", "--out", str(folder / "samples.npz"))
    with np.load(folder / "samples.npz") as file:
        inputs, labels = file["inputs"], file["labels"]
    return [float(f) for f in figures], Network.load(folder / "network.npz"), inputs, labels


def test_training_recovers_what_two_bits_lose(trained):
    (floats, quantized, after), network, inputs, labels = trained
    assert quantized < floats - 10
    assert after > quantized + 8
    assert {p.bits for p in network.projections} == {2}
    found = 100 * (simulate(network, inputs).predictions == labels).mean()
    assert found == pytest.approx(after, abs=0.01)


def test_torch_equals_the_reference_on_the_whole_test_set(trained):
    _, network, inputs, _ = trained
    expected, found = simulate(network, inputs), torch_simulate(network, inputs)
    assert len(inputs) == 360
    assert np.array_equal(expected.readout, found.readout)
    for name, spikes in expected.spikes.items():
        assert np.array_equal(spikes, found.spikes[name])
        for word, states in expected.states[name].items():
            assert np.array_equal(states, found.states[name][word])
    assert same_as_reference(trainable(network), inputs)
