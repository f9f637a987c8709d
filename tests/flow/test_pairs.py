"""Two events per cycle, as a user asks for them: the stages; a link that sends one at a time."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tiny import tiny_graph

from spikeloom import flow
from spikeloom.flow.run import run_folder
from spikeloom.hls_model.errors import FitError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Of 4-3 on random spikes."""
    folder = tmp_path_factory.mktemp("pairs")
    (folder / "checkpoint").write_text(json.dumps([1, 1.0, 3]))
    random = np.random.default_rng(2)
    spikes = random.integers(0, 2, (12, 6, 4))
    np.savez(folder / "samples.npz", inputs=spikes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spikeloom.quant.load", tiny_graph)
        flow.build(
            folder / "checkpoint",
            "hx8k-evn",
            folder / "out",
            to="cosim",
            samples=folder / "samples.npz",
            target_mhz=24.0,
            events_per_cycle=2,
        )
    return folder


def test_the_hardware_takes_them(folder):
    design = json.loads((folder / "out" / "design.json").read_text())
    assert design["options"]["events_per_cycle"] == 2
    assert [core["events_per_cycle"] for core in design["cores"]] == [2]
    core = json.loads((folder / "out" / "report.json").read_text())["roofline"]["cores"][0]
    assert core["memory"] == core["events"] / 2


def test_their_cycles_are_predicted(folder):
    """Exactly, on samples that are all simulated."""
    report = json.loads((folder / "out" / "report.json").read_text())
    cycles = report["estimate"]["cycles_per_sample"]
    assert cycles == pytest.approx(report["cosim"]["cycles_per_sample"]["mean"], rel=1e-12)


def test_a_link_sends_one_at_a_time(folder):
    report = run_folder(folder / "out", virtual=True)
    assert (report["samples"], report["mismatches"]) == (12, 0)
    spikes = np.load(folder / "samples.npz")["inputs"]
    assert report["counters"]["events_in"] == np.count_nonzero(spikes)


def test_they_are_switched_off_again(folder):
    flow.run_stage("generate", folder / "out", events_per_cycle=1)
    design = json.loads((folder / "out" / "design.json").read_text())
    assert [core["events_per_cycle"] for core in design["cores"]] == [1]


def test_other_numbers_are_refused(folder):
    with pytest.raises(FitError, match="events_per_cycle must be 1 or 2, not 3"):
        flow.run_stage("generate", folder / "out", events_per_cycle=3)
