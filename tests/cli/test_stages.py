"""Stages one by one: what they need, and what they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from spikeloom import flow
from spikeloom.hls_model.errors import ArtefactError, SampleError, SpikeloomError


def test_stages_one_by_one_equal_a_build(build, chain, checkpoint, samples, tmp_path):
    whole = build(weight_bits=4)
    folder = tmp_path / "single"
    flow.run_stage("import", folder, checkpoint=checkpoint, preset="snntorch")
    flow.run_stage("quantize", folder, samples=samples, weight_bits=4)
    flow.run_stage("reference", folder)
    flow.run_stage("generate", folder, board="hx8k-evn")
    flow.run_stage("cosim", folder)
    report = flow.run_stage("synth", folder)
    assert {**report, "seconds": None} == {**whole, "seconds": None}


def test_a_stage_remembers_options(chain, checkpoint, samples, tmp_path):
    folder = tmp_path / "out"
    flow.run_stage("import", folder, checkpoint=checkpoint, preset="snntorch")
    flow.run_stage("quantize", folder, samples=samples, weight_bits=4)
    chain.calls.clear()
    flow.run_stage("quantize", folder)
    assert chain.ran == []


@pytest.mark.parametrize(
    ("stage", "missing", "maker"),
    [
        ("quantize", "graph.npz", "import"),
        ("reference", "network.npz", "quantize"),
        ("generate", "network.npz", "quantize"),
        ("cosim", "network.npz", "quantize"),
        ("synth", "network.npz", "quantize"),
    ],
)
def test_a_stage_names_what_comes_first(chain, tmp_path, stage, missing, maker):
    with pytest.raises(ArtefactError) as caught:
        flow.run_stage(stage, tmp_path)
    path = tmp_path / missing
    assert str(caught.value) == f"{path} does not exist; run `spikeloom {maker}` first"


def test_synth_needs_a_design_of_the_same_network(chain, network, tmp_path):
    network.save(tmp_path / "network.npz")
    with pytest.raises(
        ArtefactError, match=r"design\.json does not exist; run `spikeloom generate`"
    ):
        flow.run_stage("synth", tmp_path)
    flow.run_stage("generate", tmp_path, board="hx8k-evn")
    design = tmp_path / "design.json"
    design.write_text(design.read_text().replace(network.hash, "0" * 64))
    with pytest.raises(ArtefactError, match="belongs to another network; run `spikeloom generate`"):
        flow.run_stage("synth", tmp_path)
    design.write_text("{")
    with pytest.raises(ArtefactError, match=r"is damaged .*; run `spikeloom generate --force`"):
        flow.run_stage("synth", tmp_path)


def test_synth_needs_a_board(chain, network, tmp_path):
    network.save(tmp_path / "network.npz")
    flow.run_stage("generate", tmp_path)
    with pytest.raises(SpikeloomError, match="is for no board; run `spikeloom generate --board"):
        flow.run_stage("synth", tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not a zip", b"\x93NUMPY nonsense"])
def test_a_foreign_graph(chain, tmp_path, content):
    (tmp_path / "graph.npz").write_bytes(content)
    with pytest.raises(ArtefactError, match=r"is no graph file, or is damaged .* import --force`"):
        flow.run_stage("quantize", tmp_path)


def test_damaged_settings(tmp_path):
    (tmp_path / "settings.json").write_text('{"unknown": 1}')
    with pytest.raises(ArtefactError, match=r"settings\.json is damaged .*; remove it"):
        flow.run_stage("reference", tmp_path)


def test_samples_of_the_wrong_kind(chain, network, tmp_path):
    network.save(tmp_path / "network.npz")
    path = tmp_path / "s.npz"

    def refused(pattern, **arrays):
        np.savez(path, **arrays)
        with pytest.raises(SampleError, match=pattern):
            flow.run_stage("reference", tmp_path, samples=path)

    spikes = np.zeros((2, 3, 4), dtype=int)
    refused("must hold an array 'inputs', and holds", x=spikes)
    refused("inputs in .* must have the shape", inputs=np.zeros(3))
    refused("with at least one sample", inputs=spikes[:0])
    refused("labels in .* must be 2 integers, one per sample, not", inputs=spikes, labels=[1.5, 2])
    refused("labels in .* must be 2 integers", inputs=spikes, labels=[1, 2, 3])
    refused("must have the shape", inputs=np.zeros((2, 3, 5), dtype=int))
    refused("must lie in", inputs=spikes + 7)
    refused("must be an .npz of plain arrays", inputs=np.array([{}, {}]))
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(SampleError, match=r"must be an \.npz of plain arrays \("):
        flow.run_stage("reference", tmp_path, samples=path)
    np.save(tmp_path / "s.npy", spikes)
    with pytest.raises(
        SampleError, match=r"must be an \.npz of plain arrays \(it holds a single array\)"
    ):
        flow.run_stage("reference", tmp_path, samples=tmp_path / "s.npy")
    with pytest.raises(SampleError, match="do not exist"):
        flow.run_stage("reference", tmp_path, samples=tmp_path / "none.npz")


def test_flash_refuses_an_outdated_bitstream(build, spikeloom, monkeypatch, tmp_path):
    flashed = []

    def flash(board, bitstream, *, persist, options):
        flashed.append((board.name, bitstream.name, persist))
        return "volatile"

    monkeypatch.setattr("spikeloom.boards.flash.flash", flash)
    build()
    folder = tmp_path / "out"
    assert spikeloom("flash", folder).out == f"hx8k-evn runs {folder} (volatile)\n"
    assert flashed == [("hx8k-evn", "top.bin", False)]
    flow.run_stage("generate", folder, lanes=1)
    outcome = spikeloom("flash", folder)
    assert outcome.code == 1
    assert outcome.err == (
        f"error: {folder / 'design.json'} has changed since the bitstream was built; run "
        "`spikeloom synth` first\n"
    )
    assert len(flashed) == 1


def test_damaged_events_name_the_stage_that_writes_them(build, tmp_path):
    build(to="reference")
    events = tmp_path / "out" / "events.npz"
    events.write_bytes(events.read_bytes()[:100])
    with pytest.raises(ArtefactError, match=r"events\.npz is damaged .*reference --force"):
        flow.run_stage("generate", tmp_path / "out", board="hx8k-evn")


def test_kept_events_are_of_few_and_of_many():
    """As many samples below the median as above it, whatever their order."""
    from spikeloom.flow.stages import _representative

    events = np.random.default_rng(0).permutation(320)
    chosen = events[_representative(events)]
    assert chosen.tolist() == list(range(10, 320, 20))
    assert len(_representative(np.arange(5))) == 5
