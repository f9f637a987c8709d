"""What ``spikeloom explain`` prints, and a checkpoint of integers through the first stages."""

import json
from pathlib import Path

import h5py
import numpy as np
import pytest

DIGITS = Path(__file__).parents[2] / "examples" / "digits" / "digits.nir"
STATED = ("--preset", "snntorch", "--dt", "1e-3")


@pytest.fixture
def net(tmp_path) -> Path:
    """A dense block of lava-dl: four inputs, three neurons."""
    path = tmp_path / "network.net"
    with h5py.File(path, "w") as file:
        layer = file.create_group("layer/0")
        layer.create_dataset("type", (1,), "S10", [b"dense"])
        layer["shape"] = [3]
        layer["weight"] = 2.0 * np.arange(-3, 9).reshape(3, 4)
        numbers = {"type": "CUBA", "iDecay": 1024, "vDecay": 128, "vThMant": 10, "refDelay": 1}
        for name, value in numbers.items():
            layer[f"neuron/{name}"] = value
    return path


def test_tables_show_equations_numbers_and_assumptions(spikeloom):
    done = spikeloom("explain", DIGITS, *STATED)
    assert done.code == 0
    for text in (
        "float graph",
        "in each step",
        "spike if v >",
        "digits.nir: v_threshold of",
        "preset snntorch: .nir files do not hold it",
        "where they came from",
        "reset delayed by one step",
        "dt = 0.001 s",
    ):
        assert text in done.out
    assert done.err == ""


def test_json_is_nothing_but_json(spikeloom):
    done = spikeloom("explain", DIGITS, *STATED, "--json")
    assert json.loads(done.out)["kind"] == "float graph"


def test_what_is_missing_is_said(spikeloom):
    done = spikeloom("explain", DIGITS)
    assert (done.code, done.out) == (1, "")
    assert "name the framework that trained it with preset" in done.err
    assert "'rockpool']" in done.err


def test_integers_are_explained(spikeloom, net):
    done = spikeloom("explain", net)
    assert "integer network" in done.out
    assert "u = trunc(3072·u / 4096) + 128·x" in done.out
    assert "64·vThMant + 1" in done.out
    assert "1 blocks deliver 1 steps earlier" in done.out


def test_integers_are_taken_over(spikeloom, net, samples, tmp_path):
    from spikeloom.hls_model import Network
    from spikeloom.quant import load

    done = spikeloom("import", net, "--out", tmp_path / "out")
    assert done.code == 0
    assert "integers of lava-dl's CUBA neurons" in done.err
    done = spikeloom("quantize", tmp_path / "out", "--samples", samples, "--json")
    assert "taken over as it is" in done.err
    assert json.loads(done.out)["quantization"]["assumptions"][0] == "preset lava"
    assert Network.load(tmp_path / "out" / "network.npz").hash == load(net).hash
    done = spikeloom("reference", tmp_path / "out", "--json")
    assert json.loads(done.out)["accuracy"]["float"] is None


def test_integers_have_their_bits_already(spikeloom, net, tmp_path):
    spikeloom("import", net, "--out", tmp_path / "out")
    done = spikeloom("quantize", tmp_path / "out", "--weight-bits", "4")
    assert done.code == 1
    assert "weight_bits must not be stated for" in done.err
    assert "whose weights already are integers, not 4; leave it out" in done.err
