"""What one stage knows of another."""

from __future__ import annotations

import json

import numpy as np
from folders import BOARD, make_network

from spikeloom.boards.design import generate as generate_design
from spikeloom.flow.artefacts import DESIGN, NETWORK
from spikeloom.flow.job import Job
from spikeloom.flow.settings import Settings
from spikeloom.flow.stages import generate, reference


def test_a_bound_on_latency_is_kept_by_the_samples_of_the_reference(tmp_path):
    """Which fire in half of their steps only: were all steps alike, less would do."""
    network = make_network()
    network.save(tmp_path / NETWORK)
    inputs = np.zeros((4, 16, 3, 3), dtype=int)
    inputs[:, :8] = 1
    np.savez(tmp_path / "samples.npz", inputs=inputs)
    bound = {"target_mhz": 12.0, "fit": "area", "max_latency_us": 30.0}
    settings = Settings(board=BOARD, samples=tmp_path / "samples.npz", **bound)
    job = Job(tmp_path, settings, lambda *_: None, lambda _: None)
    reference(job)
    generate(job)

    cycles = json.loads((tmp_path / DESIGN).read_text())["estimate"]["cycles_per_sample"]
    assert cycles <= 30 * 12
    alike = generate_design(network, BOARD, activity=job.activity(network), steps=16, **bound)
    assert alike.estimate(job.events(network))["cycles_per_sample"] > 30 * 12
