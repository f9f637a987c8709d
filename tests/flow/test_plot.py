"""The plot of a report: what it shows, and what it says when there is nothing to show."""

from __future__ import annotations

import json
import sys

import pytest

from spikeloom.flow.plot import plot_report
from spikeloom.hls_model.errors import ArtefactError, ToolError

REPORT = {
    "roofline": {
        "cores": [
            {"population": "hidden", "memory": 160.0, "sweep": 130.0},
            {"population": "readout", "memory": 110.0, "sweep": 80.0},
        ],
        "cycles": 325.0,
        "limit": "weight memory of hidden",
    },
    "estimate": {"lut4": 3259, "bram": 31, "cycles_per_sample": 310.0},
    "resources": {
        "board": "hx8k-evn",
        "device": "iCE40HX8K",
        "lut4": {"used": 3530, "available": 7680},
        "bram": {"used": 31, "available": 32},
        "spram": {"used": 0, "available": 0},
    },
    "timing": {"clock_mhz": 72.0},
    "seconds": {"cosim": 3.8, "synth": 28.7},
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps(REPORT))
    return tmp_path


def test_shows_what_was_measured_and_estimated(folder):
    path = plot_report(folder, folder / "all.pdf")
    assert path.read_bytes().startswith(b"%PDF")
    picture = plot_report(folder).read_text()
    assert picture.startswith("<?xml")
    # Matplotlib leaves each text in a comment.
    for text in (
        "hidden", "measured, 325", "estimated, 310", "Bound by the weight memory of hidden",
        "iCE40HX8K at 72.0 MHz", "3,530", "synth",
    ):  # fmt: skip
        assert f"<!-- {text} -->" in picture
    assert "spram" not in picture


def test_only_what_has_run(folder):
    report = REPORT | {"roofline": None, "resources": None, "estimate": None}
    (folder / "report.json").write_text(json.dumps(report))
    picture = plot_report(folder).read_text()
    assert "<!-- seconds -->" in picture
    assert "cycles per sample" not in picture


def test_nothing_to_draw(folder):
    empty = dict.fromkeys(REPORT)
    (folder / "report.json").write_text(json.dumps(empty))
    with pytest.raises(ArtefactError, match="no figures to draw yet; run `spikeloom cosim"):
        plot_report(folder)
    with pytest.raises(ArtefactError, match="report"):
        plot_report(folder / "elsewhere")


def test_other_formats_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(ArtefactError, match=r"must end in \.svg, \.png, \.pdf, not 'a\.bmp'"):
        plot_report(tmp_path, tmp_path / "a.bmp")


def test_without_matplotlib(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ToolError, match=r"`pip install spikeloom\[plot\]`"):
        plot_report(folder)
    assert not (folder / "report.svg").exists()
