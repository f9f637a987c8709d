"""The whole chain on the digits, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    pytest.importorskip("sklearn")
    path = tmp_path_factory.mktemp("samples") / "digits.npz"
    out = ["--out", str(path), "--limit", "40"]
    subprocess.run([sys.executable, "-m", "examples.digits.samples", *out], cwd=ROOT, check=True)
    return path


def spikeloom(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "spikeloom", *map(str, arguments)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def test_digits_from_checkpoint_to_cosimulation(samples, tmp_path):
    checkpoint = ROOT / "examples" / "digits" / "digits.nir"
    common = ["build", checkpoint, "--board", "hx8k-evn", "--out", "out", "--samples", samples]
    common += ["--preset", "snntorch", "--dt", "1e-3", "--weight-bits", "4", "--to", "cosim"]
    done = spikeloom(*common, "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["accuracy"]["samples"] == 40
    assert report["accuracy"]["integer"] >= 0.9
    assert abs(report["accuracy"]["integer"] - report["accuracy"]["float"]) <= 0.05
    cosim = report["cosim"]
    assert (cosim["samples"], cosim["mismatches"]) == (40, 0)
    # 8 steps of 48 + 10 neurons; the hidden ones keep their spike beside the membrane.
    assert cosim["spikes_compared"] == 40 * 8 * 58
    assert cosim["states_compared"] == 40 * 8 * (2 * 48 + 10)
    assert 0 < cosim["cycles_per_sample"]["min"] <= cosim["cycles_per_sample"]["mean"]

    again = spikeloom(*common, "--json", cwd=tmp_path)
    assert again.stdout == done.stdout
    assert again.stderr.count("unchanged") == 5


def test_both_checkpoints_of_an_example_are_the_same_network(samples, tmp_path):
    pytest.importorskip("torch")
    folder = ROOT / "examples" / "digits"
    hashes = set()
    for checkpoint in (folder / "digits.nir", folder / "digits.pt"):
        out = tmp_path / checkpoint.suffix[1:]
        common = ["build", checkpoint, "--board", "hx8k-evn", "--out", out, "--samples", samples]
        common += ["--preset", "snntorch", "--dt", "1e-3", "--weight-bits", "4"]
        done = spikeloom(*common, "--to", "quantize", "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        hashes.add(json.loads(done.stdout)["network"]["hash"])
    assert len(hashes) == 1
