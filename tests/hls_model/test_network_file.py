"""Network files: round trips, and every way in which a file can be wrong."""

from __future__ import annotations

import contextlib
import json
import pickle
import zipfile

import networks
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import Network, simulate
from spikeloom.hls_model.errors import ArtefactError
from spikeloom.hls_model.network_file import to_arrays


@pytest.mark.parametrize("seed", range(12))
def test_random_networks_survive(seed, tmp_path):
    rng = np.random.default_rng(seed)
    network = networks.random_network(rng)
    network.save(tmp_path / "network.npz")
    again = Network.load(tmp_path / "network.npz")
    assert again.hash == network.hash
    samples = networks.random_samples(rng, network, 2, 4)
    np.testing.assert_array_equal(
        simulate(again, samples).readout, simulate(network, samples).readout
    )
    assert [p.name for p in again.populations] == [p.name for p in network.populations]


@pytest.fixture
def path(tmp_path):
    networks.random_network(np.random.default_rng(4)).save(tmp_path / "network.npz")
    return tmp_path / "network.npz"


def test_missing(tmp_path):
    with pytest.raises(
        ArtefactError, match=r"none\.npz does not exist; run `spikeloom quantize` first"
    ):
        Network.load(tmp_path / "none.npz")


def test_truncated_at_every_length(path):
    content = path.read_bytes()
    for length in (0, 1, 4, 30, len(content) // 2, len(content) - 30, len(content) - 1):
        path.write_bytes(content[:length])
        with pytest.raises(ArtefactError, match="is not a network file, or is damaged"):
            Network.load(path)


@settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(position=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_flipped_bytes_never_crash(path, position, flip):
    """Damage is refused, or it hit a byte that does not matter."""
    content = bytearray(path.read_bytes())
    network = Network.load(path)
    index = int(position * len(content))
    content[index] ^= flip
    damaged = path.with_name("damaged.npz")
    damaged.write_bytes(content)
    with contextlib.suppress(ArtefactError):
        assert Network.load(damaged).hash == network.hash


def test_foreign_archives(tmp_path):
    path = tmp_path / "foreign.npz"
    np.savez(path, a=np.arange(3))
    with pytest.raises(ArtefactError, match="is not a network file, or is damaged"):
        Network.load(path)
    np.savez(path, header=np.asarray(json.dumps({"format": "something else"})))
    with pytest.raises(ArtefactError, match="is not a network file; its header is foreign"):
        Network.load(path)
    np.savez(path, header=np.asarray("[1, 2]"))
    with pytest.raises(ArtefactError, match="its header is foreign"):
        Network.load(path)
    np.save(tmp_path / "array.npy", np.arange(3))
    with pytest.raises(ArtefactError, match="is not a network file"):
        Network.load(tmp_path / "array.npy")
    path.write_text("not an archive at all")
    with pytest.raises(ArtefactError, match="is not a network file"):
        Network.load(path)
    with pytest.raises(ArtefactError, match="is not a network file"):
        Network.load(tmp_path)


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('a pickle was executed')",))


def test_pickles_are_never_executed(tmp_path):
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Bomb()))
    objects = np.empty(1, dtype=object)
    objects[0] = Bomb()
    np.savez(tmp_path / "array.npz", header=objects)
    for name in ("plain.npz", "array.npz"):
        with pytest.raises(ArtefactError, match="is not a network file, or is damaged"):
            Network.load(tmp_path / name)


def rewritten(path, change):
    """The same file with another header."""
    arrays = to_arrays(Network.load(path))
    header = json.loads(str(arrays["header"]))
    change(header)
    arrays["header"] = np.asarray(json.dumps(header))
    np.savez(path, **arrays)
    return path


def test_other_contract(path):
    rewritten(path, lambda header: header.update(contract=7))
    with pytest.raises(
        ArtefactError,
        match=r"follows version 7 of the arithmetic contract, and this is version 1; quantize the",
    ):
        Network.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.pop("inputs"), "is damaged: KeyError"),
        (lambda h: h["populations"][0].pop("size"), "is damaged: KeyError"),
        (lambda h: h["projections"][0].update(color=1), "is damaged: TypeError"),
        (lambda h: h["projections"][0].update(delay="soon"), "is damaged: TypeError"),
        (lambda h: h["populations"][0].update(size=999), "holds no valid network"),
        (lambda h: h["populations"][0].update(neuron={"type": "X"}), "holds no valid network"),
        (lambda h: h["output"].update(population="X"), "holds no valid network"),
        (lambda h: h["inputs"][0].update(range=[1, 0]), "holds no valid network: a range must"),
        (lambda h: h["inputs"][0].update(shape="wide"), "holds no valid network: the shape of"),
        (lambda h: h["inputs"][0].update(unit="one"), "is damaged"),
        (lambda h: h["populations"].clear(), "holds no valid network"),
        (lambda h: h.update(populations=3), "is damaged"),
    ],
)
def test_damaged_headers(path, change, message):
    rewritten(path, change)
    with pytest.raises(ArtefactError, match=message):
        Network.load(path)


def test_encrypted_archive(path):
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = content.find(signature)
        while start >= 0:
            content[start + offset] |= 1
            start = content.find(signature, start + 4)
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match="is not a network file, or is damaged"):
        Network.load(path)


def test_unknown_compression(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist()
    content = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
        start = content.find(signature)
        while start >= 0:
            content[start + offset] = 99
            start = content.find(signature, start + 4)
    path.write_bytes(content)
    with pytest.raises(ArtefactError, match="is not a network file, or is damaged"):
        Network.load(path)
