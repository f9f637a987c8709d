"""Files as NIR's own package writes them, in its versions."""

from pathlib import Path

import nir
import numpy as np
import pytest

from spikeloom.hls_model.errors import CheckpointError
from spikeloom.quant import load
from spikeloom.quant.nir_file import read

WRITTEN_BY_1_0_4 = Path(__file__).parent / "files" / "nir_1_0_4.nir"
"""The graph of :func:`recurrent`, written by nir 1.0.4."""


def ends(size: int) -> dict[str, nir.NIRNode]:
    return {
        "input": nir.Input(input_type={"input": np.array([size])}),
        "output": nir.Output(output_type={"output": np.array([size])}),
    }


def recurrent() -> nir.NIRGraph:
    """A layer of recurrent CubaLIF as a nested graph, in single precision, and a readout."""
    ones = np.ones(4, np.float32)
    lif = nir.CubaLIF(
        tau_syn=ones * np.float32(2e-3),
        tau_mem=ones * np.float32(4e-3),
        r=ones * 4,
        v_leak=ones * 0,
        v_threshold=ones,
        w_in=ones * 2,
    )
    w_rec = nir.Linear(weight=np.arange(16, dtype=np.float32).reshape(4, 4) / 8 - 1)
    inner = nir.NIRGraph(
        nodes=ends(4) | {"lif": lif, "w_rec": w_rec},
        edges=[("input", "lif"), ("lif", "w_rec"), ("w_rec", "lif"), ("lif", "output")],
    )
    weights = np.arange(12, dtype=np.float32).reshape(4, 3) / 8 - 0.5
    nodes = ends(3) | {
        "fc": nir.Affine(weight=weights, bias=ones * np.float32(0.125)),
        "rsyn": inner,
        "out": nir.Linear(weight=weights[[0, 0]][:, [0, 1, 2, 0]]),
        "li": nir.LI(tau=np.ones(2) * 8e-3, r=np.ones(2) * 8, v_leak=np.zeros(2)),
    }
    nodes["output"] = nir.Output(output_type={"output": np.array([2])})
    edges = [("input", "fc"), ("fc", "rsyn"), ("rsyn", "out"), ("out", "li"), ("li", "output")]
    return nir.NIRGraph(nodes=nodes, edges=edges)


def test_files_of_every_version_give_the_same_graph(tmp_path):
    nir.write(tmp_path / "now.nir", recurrent())
    graphs = [
        load(path, preset="snntorch", dt=1e-3) for path in (tmp_path / "now.nir", WRITTEN_BY_1_0_4)
    ]
    for graph in graphs:
        assert [p.equation for p in graph.populations] == [
            "i = 0.5·i + x; v = 0.75·v + i − 1·(spike at t−1); spike if v > 1",
            "v = 0.875·v + x; never fires",
        ]
        assert graph.populations[0].bias.tolist() == [0.125] * 4
        assert "rsyn.lif is recurrent: delivered in the next step" in graph.assumptions
    for one, other in zip(graphs[0].projections, graphs[1].projections, strict=True):
        assert (one.name, one.delay) == (other.name, other.delay)
        assert (one.weights == other.weights).all()


def test_nested_graphs_are_inlined():
    graph = read(WRITTEN_BY_1_0_4)
    assert graph.nodes["rsyn.lif"].is_single
    assert not graph.nodes["li"].is_single
    assert {("fc", "rsyn.input"), ("rsyn.w_rec", "rsyn.lif"), ("rsyn.output", "out")} <= set(
        graph.edges
    )


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_truncated_file_is_refused(tmp_path, kept):
    whole = WRITTEN_BY_1_0_4.read_bytes()
    path = tmp_path / "truncated.nir"
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(CheckpointError, match=r"cannot be read as a \.nir file, which is HDF5: it"):
        read(path)


@pytest.mark.parametrize("kind", ["Conv2d", "SumPool2d"])
def test_a_node_that_cannot_be_imported_is_named_with_its_place(tmp_path, kind):
    graph = recurrent()
    if kind == "Conv2d":
        graph.nodes["fc"] = nir.Conv2d((4, 4), np.ones((1, 1, 3, 3)), 1, 0, 1, 1, np.zeros(1))
    else:
        graph.nodes["fc"] = nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0]))
    nir.write(tmp_path / "model.nir", graph)
    message = rf"node 'fc' of .* \(after 'input' and before 'rsyn'\) has the type '{kind}'"
    with pytest.raises(CheckpointError, match=message):
        read(tmp_path / "model.nir")
