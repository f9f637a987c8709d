"""What is said of a checkpoint is all that it decides."""

import json

import h5py
import numpy as np

from spikeloom.hls_model import (
    GatedUnit,
    Grading,
    Input,
    Network,
    Output,
    Population,
    Projection,
    Range,
    SigmoidTable,
)
from spikeloom.quant import explain, load


def test_a_float_graph_is_explained(write_nir, lif_chain):
    found = explain(load(write_nir(lif_chain), preset="norse", dt=1e-3))
    assert found["kind"] == "float graph"
    assert found["inputs"] == [{"name": "input", "shape": [3]}]
    assert found["output"] == {"population": "li", "delivers": "its last membrane"}
    lif, li = found["populations"]
    assert lif["equation"].startswith("v = 0.5·v + x; spike if v > [1 … 1.5]")
    numbers = {n["name"]: (n["lo"], n["hi"], n["origin"]) for n in lif["numbers"]}
    assert numbers["threshold"] == (1.0, 1.5, "model.nir: v_threshold of lif1")
    assert numbers["bias"] == (0.0, 0.125, "model.nir: constants before lif1, times the gain")
    assert lif["choices"] == {"reset": "preset norse: .nir files do not hold it"}
    assert {n["name"]: n["origin"] for n in li["numbers"]}["bias"] == "none"
    assert "model.nir: weight of fc1" in [p["origin"] for p in found["projections"]]
    assert found["assumptions"][:2] == ["preset norse", "dt = 0.001 s"]
    assert json.loads(json.dumps(found)) == found


def test_an_integer_network_is_explained(tmp_path):
    path = tmp_path / "network.net"
    with h5py.File(path, "w") as file:
        layer = file.create_group("layer/0")
        layer.create_dataset("type", (1,), "S10", [b"dense"])
        layer["shape"], layer["weight"] = [2], np.array([[2.0, -4], [6, 8]])
        parameters = {"iDecay": [1024, 4096], "vDecay": 128, "vThMant": 80, "refDelay": 1}
        for name, value in ({"type": "CUBA"} | parameters).items():
            layer[f"neuron/{name}"] = value
    found = explain(load(path))
    assert found["kind"] == "integer network"
    (population,) = found["populations"]
    assert population["equation"] == (
        "u = trunc([0 … 3072]·u / 4096) + 128·x; v = trunc(3968·v / 4096) + u; "
        "spike if v ≥ 5121, then v = 0"
    )
    assert {n["name"] for n in population["numbers"]} == {
        "alpha",
        "beta",
        "threshold",
        "reset_value",
    }
    (projection,) = found["projections"]
    assert (projection["lo"], projection["hi"], projection["delay"]) == (-2, 4, 0)
    assert found["assumptions"][0] == "preset lava"
    assert json.loads(json.dumps(found)) == found


def test_an_integer_network_of_ones_own_is_explained(tmp_path):
    neuron = GatedUnit(Range.unsigned(9), Range.signed(12), SigmoidTable(4), Grading(127, 2, 3))
    network = Network(
        (Input("sound", (2,), Range(-9, 9)),),
        (Population("unit", 3, neuron, bias={"forget": np.array([5, 6, 7])}),),
        (Projection("sound", "unit", np.full((3, 2), -4), "cell"),),
        Output("unit"),
    )
    network.save(tmp_path / "n.npz")
    found = explain(load(tmp_path / "n.npz"))
    (population,) = found["populations"]
    assert population["equation"].startswith("GatedUnit(i=")
    (bias,) = population["numbers"]
    assert (bias["name"], bias["lo"], bias["hi"]) == ("bias of forget", 5, 7)
    assert found["projections"][0]["origin"] == "integers of the file, taken over as they are"
    assert found["assumptions"] == []
    assert json.loads(json.dumps(found)) == found
