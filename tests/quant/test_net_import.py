"""lava-dl's blocks against its equations, written once more in plain integers."""

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import Network, simulate
from spikeloom.hls_model.errors import CheckpointError, SemanticsError
from spikeloom.quant.net_file import is_net, read
from spikeloom.quant.net_import import assumptions, to_network

LIMIT = (1 << 23) - 1


def write(path: Path, layers: list[dict], graded: bool = False) -> Path:
    """A file as ``export_hdf5`` writes it; each layer {key: value}, with neurons in ``neuron``."""
    with h5py.File(path, "w") as file:
        for index, layer in enumerate(layers):
            group = file.create_group(f"layer/{index}")
            group.create_dataset("type", (1,), "S10", [layer["type"].encode()])
            for key, value in layer.items():
                if key == "neuron":
                    for name, parameter in value.items():
                        group.create_dataset(f"neuron/{name}", data=parameter)
                elif key != "type":
                    group.create_dataset(key, data=value)
    return path


def dense(weights, i_decay=1024, v_decay=128, threshold=80, **changes) -> dict:
    weights = np.asarray(weights)
    layer = {
        "type": "dense",
        "shape": np.array([len(weights)]),
        "inFeatures": weights.shape[1],
        "outFeatures": len(weights),
        "weight": weights.astype(np.float32),
        "neuron": {
            "type": "CUBA",
            "iDecay": i_decay,
            "vDecay": v_decay,
            "vThMant": threshold,
            "refDelay": 1,
            "gradedSpike": False,
        },
    }
    return layer | changes


def toward_zero(value: int) -> int:
    """value / 4096 without its fraction."""
    return -(-value // 4096) if value < 0 else value // 4096


def block(layer: dict, spikes: np.ndarray) -> np.ndarray:
    """One block's own step for one sample [steps, inputs], in Python's integers, before delays."""
    weights = np.asarray(layer["weight"]).astype(int)
    size = len(weights)
    parameters = {
        k: np.broadcast_to(layer["neuron"][k], size) for k in ("iDecay", "vDecay", "vThMant")
    }
    out = np.zeros((len(spikes), size), int)
    for n in range(size):
        u = v = 0
        du, dv = int(parameters["iDecay"][n]), int(parameters["vDecay"][n])
        theta = 64 * int(parameters["vThMant"][n])
        for t, events in enumerate(spikes):
            u = toward_zero(u * (4096 - du)) + 64 * int(weights[n] @ events)
            v = toward_zero(v * (4096 - dv)) + u
            v = max(-LIMIT, min(LIMIT, v))
            if v > theta:
                out[t, n] = 1
                v = 0
    return out


def later(spikes: np.ndarray, steps) -> np.ndarray:
    """Each output [steps, outputs] delayed by its number of steps."""
    result = np.zeros_like(spikes)
    for n, delay in enumerate(np.broadcast_to(steps, spikes.shape[1])):
        result[delay:, n] = spikes[: len(spikes) - delay, n]
    return result


def by_hand(layers: list[dict], samples: np.ndarray) -> list[np.ndarray]:
    """The events that each block delivers in lava-dl: one step late, as delay_shift has it."""
    results, inputs = [], samples
    for layer in layers:
        spikes = np.stack([later(block(layer, s), 1) for s in inputs])
        results.append(spikes)
        inputs = np.stack([later(s, layer.get("delay", 0)) for s in spikes])
    return results


def assert_equal(spikes, layers: list[dict], samples: np.ndarray) -> None:
    """Spike for spike, each block as many steps earlier as there are blocks up to it."""
    for index, expected in enumerate(by_hand(layers, samples)):
        early = index + 1
        assert (spikes[f"layer{index}"][:, :-early] == expected[:, early:]).all()
        assert not expected[:, :early].any()


def network_of(path: Path, **options) -> Network:
    return to_network(read(path), path, **options)


DECAYS = st.sampled_from([0, 1, 64, 1024, 2500, 4095, 4096])


@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32 - 1))
def test_random_networks_are_equal_spike_for_spike(tmp_path_factory, data, seed):
    random = np.random.default_rng(seed)
    sizes = data.draw(st.lists(st.integers(1, 5), min_size=2, max_size=4))
    largest = data.draw(st.sampled_from([8, 127, 254]))
    layers = []
    for target, source in zip(sizes[1:], sizes, strict=False):
        weights = random.integers(-largest, largest + 1, (target, source))
        if data.draw(st.booleans()):
            weights = weights // 2 * 2
        each = data.draw(st.booleans())
        i_decay = random.integers(0, 4097, target) if each else data.draw(DECAYS)
        v_decay = random.integers(0, 4097, target) if each else data.draw(DECAYS)
        threshold = data.draw(st.sampled_from([1, 17, 80, 1000]))
        layers.append(dense(weights, i_decay, v_decay, threshold))
    if len(layers) > 1 and data.draw(st.booleans()):
        layers[0]["delay"] = random.integers(0, 4, sizes[1]).astype(np.float32)
        layers[0]["delay"] = layers[0]["delay"].astype(int)
    path = write(tmp_path_factory.mktemp("net") / "network.net", layers)
    samples = random.integers(0, 2, (2, 15, sizes[0]))
    result = simulate(network_of(path), samples)
    assert_equal(result.spikes, layers, samples)


def test_voltages_saturate_as_loihi_does(tmp_path):
    """A long inhibition without decay, out of which the neuron comes only from the limit."""
    layers = [dense([[-254, 254]], i_decay=4096, v_decay=0, threshold=1000)]
    network = network_of(write(tmp_path / "network.net", layers))
    samples = np.zeros((1, 1700, 2), int)
    samples[0, :1000, 0] = 1
    samples[0, 1000:, 1] = 1
    result = simulate(network, samples)
    assert result.states["layer0"]["v"].min() == -LIMIT
    assert result.spikes["layer0"].sum() > 0
    assert_equal(result.spikes, layers, samples)


def test_a_wide_current_keeps_its_value_and_says_so(tmp_path):
    layers = [dense([[254] * 6], i_decay=1, v_decay=4096, threshold=(1 << 17) - 1)]
    network = network_of(write(tmp_path / "network.net", layers))
    assert any("currents of 'layer0' may leave 24 bits" in a for a in assumptions(network))
    samples = np.ones((1, 120, 6), int)
    result = simulate(network, samples)
    assert result.states["layer0"]["i"].max() > LIMIT
    assert_equal(result.spikes, layers, samples)


def test_words_are_no_wider_than_their_worst_case(tmp_path):
    path = write(tmp_path / "network.net", [dense([[2, -4]], 2048, 4096, 1)])
    (population,) = network_of(path).populations
    assert {n: r.width for n, r in population.neuron.states().items()} == {"i": 11, "v": 11}
    (projection,) = network_of(path).projections
    assert projection.weights.tolist() == [[1, -2]]
    assert population.neuron.bits == 7


def test_the_shift_between_blocks_is_left_out_and_said(tmp_path):
    layers = [dense(100 * np.eye(2), i_decay=4096) for _ in range(2)]
    network = network_of(write(tmp_path / "network.net", layers))
    samples = np.zeros((1, 5, 2), int)
    samples[0, 1] = 1
    spikes = simulate(network, samples).spikes
    assert spikes["layer1"][0, :, 0].tolist() == [0, 1, 0, 0, 0]
    assert any("2 blocks deliver 2 steps earlier" in a for a in assumptions(network))


def test_outputs_with_different_delays_go_different_ways(tmp_path):
    layers = [dense(np.full((3, 2), 100), delay=np.array([2, 0, 2])), dense([[1, 2, 4]])]
    network = network_of(write(tmp_path / "network.net", layers))
    into = {p.delay: p.weights.tolist() for p in network.into("layer1")}
    assert into == {0: [[0, 2, 0]], 2: [[1, 0, 4]]}


def test_an_input_block_and_flatten_pass_events_on(tmp_path):
    layers = [
        {"type": "input", "shape": np.array([1, 2, 2])},
        {"type": "flatten", "shape": np.array([4, 1, 1])},
        dense(np.arange(8).reshape(2, 4)),
    ]
    network = network_of(write(tmp_path / "network.net", layers))
    assert network.inputs[0].shape == (1, 2, 2)
    assert [(p.target, p.delay) for p in network.projections] == [("layer2", 0)]


def test_membranes_can_be_read(tmp_path):
    path = write(tmp_path / "network.net", [dense([[100, 100]])])
    assert network_of(path, output="membrane").output.source == "v"
    assert network_of(path).output.source == "events"


def test_a_net_file_is_told_from_a_nir_file(tmp_path):
    path = write(tmp_path / "network.net", [dense([[1, 2]])])
    assert is_net(path)
    assert is_net(path.rename(tmp_path / "network.h5"))


WEIGHTS = np.array([[2, -4, 6]])


@pytest.mark.parametrize(
    ("layer", "error", "message"),
    [
        (
            {"type": "conv"},
            CheckpointError,
            "layer 0 of .* must be dense, not 'conv', which",
        ),
        ({"type": "pool"}, CheckpointError, "must be dense, not 'pool'"),
        (
            dense(WEIGHTS * 0.5 + 0.25),
            CheckpointError,
            r"weight .* must be integers, not 1\.25",
        ),
        (dense(WEIGHTS * np.nan), CheckpointError, "weight .* must be integers, not nan"),
        (dense(WEIGHTS, i_decay=4097), CheckpointError, "iDecay .* from 0 to 4096, not .* 4097"),
        (dense(WEIGHTS, v_decay=-1), CheckpointError, "vDecay .* from 0 to 4096, not .* from -1"),
        (dense(WEIGHTS, threshold=0), CheckpointError, "vThMant .* from 1 to 131071, not .*from 0"),
        (
            dense(WEIGHTS, i_decay=[1, 2]),
            CheckpointError,
            r"one integer or 1, .* not \(2,\)",
        ),
        (dense(WEIGHTS, bias=np.array([3])), SemanticsError, "bias .* must be 0: lava adds it to"),
        (dense(WEIGHTS, delay=np.array([1])), SemanticsError, "delay of the last block 'layer0'"),
        (dense(WEIGHTS, delay=np.array([-1])), CheckpointError, "delay .* must hold 1 steps, 0 or"),
        (dense(WEIGHTS, shape=np.array([2])), CheckpointError, r"must be a matrix \[2, inputs\]"),
        (
            dense(WEIGHTS) | {"neuron": dense(WEIGHTS)["neuron"] | {"refDelay": 2}},
            SemanticsError,
            "refDelay .* must be 1, not 2, which no neuron",
        ),
        (
            dense(WEIGHTS) | {"neuron": dense(WEIGHTS)["neuron"] | {"gradedSpike": True}},
            SemanticsError,
            "gradedSpike .* must be 0, not 1",
        ),
        (
            dense(WEIGHTS) | {"neuron": {"type": "ALIF"}},
            SemanticsError,
            "neurons of layer 0 .* must be CUBA, not 'ALIF'",
        ),
        (
            {"type": "input", "shape": np.array([3]), "neuron": {"type": "CUBA"}},
            SemanticsError,
            "must hold no neurons: lava-dl and its netx encode",
        ),
        ({"type": "flatten"}, CheckpointError, "must have a dense block, and has none"),
    ],
)
def test_what_cannot_be_imported_is_refused(tmp_path, layer, error, message):
    with pytest.raises(error, match=message) as caught:
        network_of(write(tmp_path / "network.net", [layer]))
    assert "\n" not in str(caught.value)


def test_blocks_that_do_not_fit_are_refused(tmp_path):
    path = write(tmp_path / "network.net", [dense([[1, 2]]), dense([[1, 2, 3]])])
    with pytest.raises(CheckpointError, match=r"layer1 .* takes 3 values, but 'layer0' delivers 1"):
        network_of(path)


def test_damaged_files_are_refused(tmp_path):
    whole = write(tmp_path / "network.net", [dense([[1, 2]])]).read_bytes()
    path = tmp_path / "truncated.net"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r"cannot be read as a \.net file"):
        read(path)
    with h5py.File(path, "w") as file:
        file["weights"] = np.zeros(3)
    with pytest.raises(CheckpointError, match="must hold 'layer' itself"):
        read(path)
    with h5py.File(path, "w") as file:
        file.create_group("layer/1")
    with pytest.raises(CheckpointError, match="numbered from 0 without gaps"):
        read(path)
