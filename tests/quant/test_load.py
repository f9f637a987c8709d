"""Golden traces first; then every way in which a checkpoint can be wrong."""

from itertools import pairwise

import numpy as np
import pytest
from networks import random_network

from spikeloom.hls_model import EVENTS, NoLeak
from spikeloom.hls_model.errors import ArtefactError, CheckpointError, SemanticsError
from spikeloom.quant import load, quantize_with_report, simulate

LOAD = {"preset": "snntorch", "dt": 1e-3}


@pytest.mark.parametrize(
    ("trace", "preset", "unit"),
    [
        ("lif_norse", "norse", 1.0),
        # snnTorch's importer divides the threshold, not the weights, by the gain dt/tau = 1/25.
        ("lif_snntorch", "snntorch:reset=zero,reset_delay=false", 25.0),
    ],
)
def test_recorded_traces_are_met(data, trace, preset, unit):
    samples, membranes, spikes = np.loadtxt(data / "nir" / f"{trace}.csv", delimiter=",").T
    graph = load(data / "nir" / "lif_norse.nir", preset=preset, dt=1e-4)
    (population,) = graph.populations
    result = simulate(graph, samples[None, :, None])
    assert np.flatnonzero(result.spikes[population.name]).tolist() == [460, 510, 710, 760]
    assert (result.spikes[population.name][0, :, 0] == spikes).all()
    assert np.abs(result.states[population.name]["v"][0, :, 0] * unit - membranes).max() < 2e-6


def test_the_exact_solution_fires_at_the_same_steps(data):
    spikes = np.loadtxt(data / "nir" / "lif_exact.csv", delimiter=",")[:, 2]
    samples = np.loadtxt(data / "nir" / "lif_exact.csv", delimiter=",")[None, :, :1]
    graph = load(data / "nir" / "lif_norse.nir", preset="norse", dt=1e-4)
    quantized = quantize_with_report(graph, calibration=samples, fraction_bits=16)
    agreement = quantized.report.calibration.populations[graph.populations[0].name]
    assert agreement.agreement == 1
    assert agreement.integer_spikes == spikes.sum()


def test_a_nir_file_is_read_in_any_order(write_nir, lif_chain):
    names = list(lif_chain)
    edges = list(pairwise(names))
    path = write_nir(dict(sorted(lif_chain.items(), reverse=True)), edges[::-1])
    graph = load(path, **LOAD)
    assert [p.name for p in graph.populations] == ["lif1", "li"]
    assert graph.population("lif1").parameters["beta"].tolist() == [0.5, 0.5]
    assert graph.population("li").parameters["beta"].tolist() == [0.75]
    assert graph.population("lif1").bias.tolist() == [0, 0.125]
    assert graph.into("li")[0].weights.tolist() == [[0.5, -0.25]]
    assert (graph.output.population, graph.output.source) == ("li", "v")
    assert "snntorch" in graph.assumptions[0]


def test_flatten_scalars_and_skips_are_understood(write_nir, lif_chain):
    lif_chain["input"]["shape"] = np.array([1, 3])
    lif_chain["flatten"] = {"type": "Flatten", "start_dim": 1, "end_dim": -1}
    lif_chain["skip"] = {"type": "Linear", "weight": np.ones((1, 3))}
    lif_chain["lif1"] |= {"tau": 0.002, "r": 2.0, "v_leak": 0.0, "v_threshold": 1.0}
    edges = [
        ("input", "flatten"),
        ("flatten", "fc1"),
        ("fc1", "lif1"),
        ("lif1", "fc2"),
        ("fc2", "li"),
        ("input", "skip"),
        ("skip", "li"),
        ("li", "output"),
        ("li", "output"),
    ]
    graph = load(write_nir(lif_chain, edges), **LOAD)
    assert graph.inputs[0].shape == (1, 3)
    assert {p.source for p in graph.into("li")} == {"input", "lif1"}
    assert graph.population("lif1").parameters["threshold"].tolist() == [1, 1]


def test_a_leak_potential_is_folded_where_the_framework_has_one(write_nir, lif_chain):
    lif_chain["lif1"] |= {"v_leak": np.full(2, 0.25), "v_reset": np.full(2, 0.125)}
    path = write_nir(lif_chain)
    graph = load(path, preset="norse", dt=1e-3)
    assert graph.population("lif1").parameters["threshold"].tolist() == [0.75, 1.25]
    assert graph.population("lif1").parameters["reset_value"].tolist() == [-0.125, -0.125]
    with pytest.raises(SemanticsError, match="v_reset of node 'lif1' must equal its v_leak"):
        load(path, preset="spikingjelly", dt=1e-3)
    with pytest.raises(SemanticsError, match=r"v_leak of node 'lif1' must be 0 .*, not 0\.25"):
        load(path, **LOAD)


def test_integrate_and_fire(write_nir, lif_chain):
    lif_chain["lif1"] = {"type": "IF", "r": np.ones(2), "v_threshold": np.ones(2)}
    path = write_nir(lif_chain)
    assert load(path, **LOAD).population("lif1").neuron.leak == NoLeak()
    with pytest.raises(SemanticsError, match="r of the IF node 'lif1' must be 1/dt"):
        load(path, preset="spikingjelly", dt=1e-3)


@pytest.mark.parametrize(
    ("node", "change", "error", "message"),
    [
        ("fc1", {"weight": np.full((2, 3), np.nan)}, CheckpointError, "6 of 6 are not.*first is n"),
        ("fc1", {"bias": np.array([0, np.inf])}, CheckpointError, "bias of 'lif1' must be finite"),
        ("fc1", {"weight": np.ones((2, 4))}, CheckpointError, "'fc1' takes 4 values, but 'input'"),
        ("fc1", {"weight": np.ones(3)}, CheckpointError, "must be a matrix"),
        ("fc1", {"weight": np.ones((5, 3))}, CheckpointError, "'fc1' must hold 5 numbers, not 2"),
        ("fc1", {"weight": np.array([b"x"])}, CheckpointError, "must hold numbers"),
        ("fc2", {"weight": np.ones((1, 7))}, CheckpointError, "'fc2' takes 7 values"),
        ("lif1", {"tau": np.zeros(2)}, SemanticsError, "tau .* positive and finite, not 0"),
        ("lif1", {"tau": np.full(2, np.inf)}, SemanticsError, "not inf: its .* effect; a neuron"),
        ("lif1", {"tau": np.full(2, 1e-4)}, SemanticsError, "dt must be at most the tau"),
        ("lif1", {"tau": np.ones(3)}, CheckpointError, "as many numbers each, not {'tau': 3, 'r"),
        ("li", {"tau": np.ones(3)}, CheckpointError, "'li' has 3 neurons, but gets 1 values"),
        ("lif1", {"r": np.full(2, np.nan)}, CheckpointError, "r of node 'lif1' must be finite"),
        ("lif1", {"v_threshold": np.zeros(2)}, SemanticsError, "threshold .* positive, not 0"),
        ("lif1", {"v_reset": np.ones(2)}, SemanticsError, "v_reset .* must be 0 .*, not 1"),
        ("lif1", {"type": "CubaLIF"}, CheckpointError, "'lif1' .* parameter 'tau_syn', as every"),
        (
            "fc1",
            {"type": "Conv2d"},
            CheckpointError,
            r"'fc1' of .*\(after 'input' and before 'lif1'\) has the type 'Conv2d'.*use Linear",
        ),
        ("fc1", {"type": "__import__"}, CheckpointError, "'__import__', .* use only LIF, IF, LI"),
        ("input", {"shape": np.array([0])}, CheckpointError, "must have an Input node"),
    ],
)
def test_wrong_parameters_are_refused(write_nir, lif_chain, node, change, error, message):
    lif_chain[node] |= change
    with pytest.raises(error, match=message) as caught:
        load(write_nir(lif_chain), **LOAD)
    assert "\n" not in str(caught.value)


def test_a_missing_parameter_is_named(write_nir, lif_chain):
    del lif_chain["lif1"]["tau"]
    with pytest.raises(CheckpointError, match=r"'lif1' .* must have the parameter 'tau'"):
        load(write_nir(lif_chain), **LOAD)


@pytest.mark.parametrize(
    ("add", "remove", "error", "message"),
    [
        (("lif1", "fc1"), None, CheckpointError, "'fc1' takes 3 values, but 'lif1' delivers 2"),
        (("fc2", "fc2"), None, SemanticsError, "cycle without neurons, as fc2 → fc2 do"),
        (("ghost", "fc1"), None, CheckpointError, "names a node 'ghost' that is not there"),
        (None, ("li", "output"), CheckpointError, "must be fed by exactly one LIF"),
        (("fc2", "output"), None, CheckpointError, r"not by \['li \(LI\)', 'fc2 \(Linear\)'\]"),
        (None, ("fc1", "lif1"), CheckpointError, "'lif1' .* must be fed by another node"),
    ],
)
def test_wrong_edges_are_refused(write_nir, lif_chain, add, remove, error, message):
    names = list(lif_chain)
    edges = [e for e in pairwise(names) if e != remove]
    with pytest.raises(error, match=message):
        load(write_nir(lif_chain, edges + [add] * (add is not None)), **LOAD)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"preset": "norse"}, r"state dt, in seconds, .*\(--dt 1e-4\), not None"),
        ({"preset": "norse", "dt": -1}, "positive number .*, not -1"),
        ({"preset": "norse", "dt": float("nan")}, "not nan"),
        ({"dt": 1e-3}, "does not hold how its neurons reset; name the framework"),
        ({"preset": "snn-torch", "dt": 1}, "not 'snn-torch'; did you mean 'snntorch'"),
        ({"preset": "xyz", "dt": 1}, "choose one of"),
        ({"preset": "snntorch:reset=hard", "dt": 1}, "reset .* must be one of .*, not 'hard'"),
        ({"preset": "snntorch:reset", "dt": 1}, "written name=value, not 'reset'"),
        ({"preset": "norse", "dt": 1, "reset": "zero"}, "'norse' has no option 'reset'"),
        ({"preset": "sinabs", "norm_input": True}, "needs min_v, .* state min_v='none'"),
        ({"preset": "sinabs:min_v=none"}, r"needs norm_input, .* \(the default of LIF\)"),
        ({"preset": "sinabs:min_v=none,norm_input=true", "dt": 1e-3}, "dt must be 1 .*, not 0.001"),
        ({"preset": "lava", "dt": 1}, "preset 'lava' is for lava-dl's integers: load the .net"),
        ({"preset": "snntorch", "dt": 1e-3, "output": "spikes"}, "output must be 'auto'"),
    ],
)
def test_what_is_not_stated_is_refused(write_nir, lif_chain, options, message):
    with pytest.raises(SemanticsError, match=message):
        load(write_nir(lif_chain), **options)


def test_damaged_files_are_refused(write_nir, lif_chain, tmp_path):
    whole = write_nir(lif_chain).read_bytes()
    for content in (whole[: len(whole) // 2], whole[:20], b"\x89HDF\r\n\x1a\n", b"PK\x03\x04zip"):
        path = tmp_path / "damaged.nir"
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"cannot be read as a \.nir file") as caught:
            load(path, **LOAD)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="must not be empty"):
        load(path, **LOAD)
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        load(tmp_path / "absent.nir", **LOAD)
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        load(tmp_path, **LOAD)


def test_a_foreign_hdf5_file_is_refused(tmp_path):
    import h5py

    path = tmp_path / "foreign.nir"
    with h5py.File(path, "w") as file:
        file["data"] = np.zeros(3)
    with pytest.raises(CheckpointError, match="must hold 'node' itself"):
        load(path, **LOAD)


def test_what_is_no_checkpoint_is_refused():
    with pytest.raises(CheckpointError, match=r"must be a path or a module .*, not a list"):
        load([1, 2], **LOAD)


def test_links_out_of_the_file_are_refused(write_nir, lif_chain, tmp_path):
    import h5py

    path = write_nir(lif_chain)
    with h5py.File(tmp_path / "other.nir", "w") as other:
        other["weight"] = np.ones((2, 3))
    with h5py.File(path, "a") as file:
        del file["node/nodes/fc1/weight"]
        file["node/nodes/fc1/weight"] = h5py.ExternalLink("other.nir", "weight")
    with pytest.raises(CheckpointError, match="must be stored in the file itself"):
        load(path, **LOAD)


def test_a_huge_array_is_refused_unread(write_nir, lif_chain):
    import h5py

    path = write_nir(lif_chain)
    with h5py.File(path, "a") as file:
        del file["node/nodes/fc1/weight"]
        shape = (1 << 20, 1 << 20)
        file["node/nodes/fc1"].create_dataset("weight", shape, chunks=(1, 1), dtype="f4")
    with pytest.raises(CheckpointError, match="must hold at most"):
        load(path, **LOAD)


def test_events_can_be_chosen_as_output(write_nir, lif_chain):
    lif_chain["li"] |= {"type": "LIF", "v_threshold": 1.0}
    path = write_nir(lif_chain)
    assert load(path, **LOAD).output.source == EVENTS
    assert load(path, **LOAD, output="membrane").output.source == "v"


def test_an_integer_network_is_itself(tmp_path):
    network = random_network(np.random.default_rng(1))
    path = tmp_path / "n.npz"
    network.save(path)
    assert load(path).hash == network.hash
    for option in ({"preset": "snntorch"}, {"dt": 1e-3}, {"output": "events"}):
        with pytest.raises(SemanticsError, match=r"is an integer network, which states every"):
            load(path, **option)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=r"n.npz"):
        load(path)
