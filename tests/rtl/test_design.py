"""Designs: Verilog with streams as ports, and a description for reports."""

from __future__ import annotations

import json

import networks
import numpy as np
import pytest
from amaranth.sim import Simulator

from spikeloom.hls_model import LIF, Input, Network, Output, Population, Projection, Range


@pytest.fixture(scope="module")
def design():
    network = Network(
        (Input("pixels", (3,)),),
        (Population("hidden", 4, LIF(Range.signed(8)), {"threshold": 3}),),
        (Projection("pixels", "hidden", np.ones((4, 3), int)),),
        Output("hidden"),
    )
    return networks.design_of(network, hidden=(4, 2, 1))


def test_verilog_has_streams_as_ports_and_names_to_recognise(design):
    text = design.verilog("classifier")
    assert "module classifier(" in text
    for name in ("i_pixels__payload", "i_pixels__valid", "i_pixels__ready", "o__valid"):
        assert name in text
    for name in ("hidden", "bank0", "unit1", "sequencer"):
        assert f"classifier.{name}" in text or f".{name}" in text
    assert text == design.verilog("classifier")


def test_cores_are_fresh_each_time(design):
    first, second = design.cores(), design.cores()
    assert first is not second
    for cores in (first, second):
        Simulator(cores)


def test_description_is_json(design):
    described = json.loads(json.dumps(design.as_dict()))
    assert described["family"] == "ecp5"
    assert described["target_mhz"] == 150.0
    assert [core["population"] for core in described["cores"]] == ["hidden"]
