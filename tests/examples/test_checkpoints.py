"""The checkpoints in the repository reach their accuracy as integers, from both of their files."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikeloom.quant import compare, load, quantize_with_report

ROOT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("SPIKELOOM_DATA", ROOT.parent / "shared" / "data"))


def samples(module: str, out: Path, *arguments: str) -> tuple[np.ndarray, np.ndarray]:
    """What ``python -m module --out out …`` writes."""
    command = [sys.executable, "-m", module, "--out", str(out), *arguments]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    with np.load(out) as file:
        return file["inputs"], file["labels"]


def accuracies(checkpoint: str, calibration, inputs, labels, steps=None):
    """Float and integer accuracy, the same from ``.pt`` and ``.nir``."""
    found = []
    for suffix in (".pt", ".nir"):
        path = ROOT / "examples" / f"{checkpoint}{suffix}"
        assert path.stat().st_size < 1_000_000
        graph = load(path, preset="snntorch", dt=1e-3)
        quantized = quantize_with_report(graph, calibration=calibration, weight_bits=4, steps=steps)
        assert quantized.report.warnings == ()
        assert all(p.worst_error < 1e-6 for p in quantized.report.projections.values())
        comparison = compare(
            graph, quantized.network, inputs, labels, scales=quantized.scales, steps=steps
        )
        found.append((comparison.float_accuracy, comparison.integer_accuracy))
    assert found[0] == found[1]
    return found[0]


def test_digits_by_direct_coding(tmp_path):
    pytest.importorskip("sklearn")
    options = ["--encoding", "direct"]
    calibration, _ = samples(
        "examples.digits.samples", tmp_path / "c.npz", *options, "--part", "train"
    )
    inputs, labels = samples("examples.digits.samples", tmp_path / "s.npz", *options)
    assert inputs.shape == (360, 64)
    floats, integers = accuracies(
        "digits/digits_direct", calibration[:256], inputs, labels, steps=8
    )
    assert integers >= 0.97
    # Two images of 360.
    assert abs(integers - floats) <= 0.006


def test_digits(tmp_path):
    pytest.importorskip("sklearn")
    calibration, _ = samples("examples.digits.samples", tmp_path / "c.npz", "--part", "train")
    inputs, labels = samples("examples.digits.samples", tmp_path / "s.npz")
    assert inputs.shape == (360, 8, 64)
    floats, integers = accuracies("digits/digits", calibration[:256], inputs, labels)
    assert integers >= 0.97
    assert abs(integers - floats) <= 0.003


@pytest.mark.parametrize(("encoding", "events"), [("latency", 150), ("rate", 2700)])
def test_mnist(tmp_path, encoding, events):
    if not (DATA / "mnist").is_dir():
        pytest.skip(f"no MNIST in {DATA}; set SPIKELOOM_DATA")
    options = ["--encoding", encoding, "--data", str(DATA / "mnist"), "--limit", "1000"]
    inputs, labels = samples("examples.mnist.samples", tmp_path / "s.npz", *options)
    assert inputs.sum() / len(inputs) <= events
    floats, integers = accuracies(f"mnist/mnist_{encoding}", inputs[:200], inputs, labels)
    # The first images of the test set are the harder half.
    assert integers >= 0.97
    assert abs(integers - floats) <= 0.003


def test_missing_data_is_said_clearly(tmp_path):
    command = [sys.executable, "-m", "examples.mnist.samples", "--data", str(tmp_path / "none")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "state the folder of its four .gz files with --data" in result.stderr
    assert "Traceback" not in result.stderr
