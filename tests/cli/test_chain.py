"""Stages: what they leave behind, and when they are skipped."""

from __future__ import annotations

import os

import numpy as np
import pytest

from spikeloom import flow
from spikeloom.hls_model.errors import BoardError, FitError, SampleError, SpikeloomError


def test_artefacts_of_a_whole_chain(build, tmp_path):
    build()
    files = {
        str(path.relative_to(tmp_path / "out"))
        for path in (tmp_path / "out").rglob("*")
        if path.is_file()
    }
    assert files == {
        "cosim.json",
        "design.json",
        "events.npz",
        "graph.npz",
        "network.npz",
        "quantization.json",
        "reference.json",
        "reference.npz",
        "report.json",
        "rtl/spikeloom.v",
        "settings.json",
        "stages.json",
        "synth/build.json",
        "synth/top.bin",
    }


def test_a_rerun_skips_everything(build, chain, checkpoint):
    first = build()
    os.utime(checkpoint)
    assert build() == first
    assert chain.ran == []


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("preset", "norse", ["import", "quantize"]),
        ("dt", 1e-3, ["import"]),
        ("weight_bits", 4, ["quantize"]),
        ("input_bits", 4, ["quantize"]),
        ("held", False, ["quantize"]),
        ("lanes", 2, ["generate", "cosim", "synth"]),
        ("target_mhz", 30.0, ["generate", "cosim", "synth"]),
        ("limit", 3, ["cosim"]),
        ("seed", 2, ["synth"]),
        ("force", True, ["import", "quantize", "generate", "cosim", "synth"]),
    ],
)
def test_an_option_runs_what_depends_on_it(build, chain, option, value, expected):
    # The stand-in quantizes every graph to the same network, so that the chain stops there.
    build()
    build(**{option: value})
    assert chain.ran == expected


def test_contents_count_rather_than_names(build, chain, checkpoint, samples):
    build()
    checkpoint.write_bytes(b"longer weights")
    build()
    assert chain.ran == ["import", "quantize"]
    np.savez(samples, inputs=np.ones((2, 5, 4), dtype=int))
    build()
    # Other samples have other activity, which weighs a design's knobs.
    assert chain.ran == ["quantize", "generate", "cosim"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("graph.npz", ["import"]),
        ("network.npz", ["quantize"]),
        ("design.json", ["generate"]),
        ("rtl/spikeloom.v", ["generate"]),
        ("cosim.json", ["cosim"]),
        ("synth/top.bin", ["synth"]),
    ],
)
@pytest.mark.parametrize("damage", ["truncated", "gone"])
def test_damaged_artefacts_are_made_again(build, chain, tmp_path, name, expected, damage):
    report = build()
    path = tmp_path / "out" / name
    intact = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(intact[: len(intact) // 2])
    again = build()
    assert chain.ran == expected
    assert path.read_bytes() == intact
    assert {**again, "seconds": None} == {**report, "seconds": None}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"import": 1}', '{"import": {"key": {}}}'])
def test_a_damaged_ledger_runs_everything_again(build, chain, tmp_path, content):
    build()
    (tmp_path / "out" / "stages.json").write_text(content)
    build()
    assert chain.ran == ["import", "quantize", "generate", "cosim", "synth"]


def test_a_change_of_the_program_runs_its_stages_again(build, chain, monkeypatch):
    build()
    from spikeloom.flow import chain as module

    real = module.versions_of

    def newer(packages, distributions):
        return real(packages, distributions) | (
            {"cocotb": "9"} if "cocotb" in distributions else {}
        )

    monkeypatch.setattr(module, "versions_of", newer)
    build()
    assert chain.ran == ["cosim"]


def test_to_stops_early(build, chain, tmp_path):
    report = build(to="generate")
    assert chain.ran == ["import", "quantize", "generate"]
    assert (report["cosim"], report["timing"], report["latency_us"]) == (None, None, None)
    with pytest.raises(SpikeloomError, match=r"must be one of import, .*, not 'fly'"):
        build(to="fly")


def test_a_failing_stage_keeps_those_before_it(build, chain, tmp_path):
    chain.fail["generate"] = FitError("too large")
    with pytest.raises(FitError):
        build()
    report = flow.read_report(tmp_path / "out")
    assert list(report["seconds"]) == ["import", "quantize", "reference"]
    assert not (tmp_path / "out" / "rtl").exists()
    del chain.fail["generate"]
    build()
    assert chain.ran == ["generate", "cosim", "synth"]


def test_a_failing_first_stage_leaves_nothing(build, chain, tmp_path):
    chain.fail["import"] = SpikeloomError("no")
    with pytest.raises(SpikeloomError):
        build()
    assert not (tmp_path / "out").exists()


def test_what_would_fail_late_fails_first(build, chain, tmp_path):
    with pytest.raises(SampleError, match=r"samples .*none\.npz do not exist"):
        build(samples=tmp_path / "none.npz")
    with pytest.raises(BoardError, match="hx8k-evn cannot run at 1 MHz"):
        build(target_mhz=1.0)
    assert chain.calls == []
    assert not (tmp_path / "out").exists()
