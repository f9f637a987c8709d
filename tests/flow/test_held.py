"""Direct coding, as a user runs it: images without a step axis, to the virtual board's pins."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny import tiny_graph

from spikeloom import flow
from spikeloom.flow.artefacts import load_network
from spikeloom.flow.run import run_folder
from spikeloom.hls_model.errors import SampleError
from spikeloom.rtl.tokens import TokenFormat

STEPS = 6


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of 4-3 on pixels of 256 levels, held for six steps."""
    folder = tmp_path_factory.mktemp("held")
    (folder / "checkpoint").write_text(json.dumps([1, 1.0, 3]))
    random = np.random.default_rng(2)
    pixels = (random.integers(0, 256, (12, 4)) / 255).astype(np.float32)
    np.savez(folder / "images.npz", inputs=pixels, labels=random.integers(0, 3, 12))
    np.savez(folder / "changing.npz", inputs=random.random((12, STEPS, 4)).round())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spikeloom.quant.load", tiny_graph)
        flow.build(
            folder / "checkpoint",
            "hx8k-evn",
            folder / "out",
            to="generate",
            samples=folder / "images.npz",
            steps=STEPS,
            target_mhz=24.0,
        )
    return folder


def test_the_report_says_so(folder):
    report = json.loads((folder / "out" / "report.json").read_text())
    assert report["network"]["inputs"][0]["held"]
    found = report["quantization"]["inputs"]["input"]
    assert found["held"]
    assert found["unit"] == pytest.approx(1 / 255)
    assert found["worst_error"] < 1e-6


def test_the_virtual_board_gets_its_events_once(folder):
    report = run_folder(folder / "out", virtual=True)
    assert (report["samples"], report["mismatches"]) == (12, 0)
    pixels = np.load(folder / "images.npz")["inputs"]
    assert report["counters"]["events_in"] == np.count_nonzero(pixels)
    network = load_network(folder / "out")
    format = TokenFormat(4, network.event_range("input"))
    tokens = np.count_nonzero(pixels) * (1 + format.value_bytes) + 12 * STEPS
    assert tokens <= report["link"]["to_board"]["bytes"] < 1.5 * tokens


def test_samples_that_change_are_refused(folder):
    with pytest.raises(SampleError, match=r"which is held, must be the same in each step.*no-held"):
        flow.run_stage("reference", folder / "out", samples=folder / "changing.npz")
    with pytest.raises(SampleError, match=r"which is held, must be the same in each step"):
        flow.run_stage("quantize", folder / "out", samples=folder / "changing.npz", held=True)


def test_without_samples_random_ones_are_held(folder, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spikeloom.quant.load", tiny_graph)
        report = flow.build(
            folder / "checkpoint", "hx8k-evn", tmp_path, to="reference", held=True, steps=3
        )
    assert report["network"]["inputs"][0]["held"]
    assert load_network(tmp_path).inputs[0].held
