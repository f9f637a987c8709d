from __future__ import annotations

import pytest

from spikeloom.boards.devices import DEVICES


# Of the vendors' own tables: bits of block RAM in kilobits, and of iCE40 UltraPlus's SPRAM.
@pytest.mark.parametrize(("name", "block_kbit", "single_port_kbit"), [
    ("iCE40UP5K", 120, 1024),
    ("iCE40HX8K", 128, 0),
    ("ECP5-25F", 1008, 0),
    ("ECP5-85F", 3744, 0),
    ("GW1NR-9", 468, 0),
])
def test_memory_adds_up_to_the_datasheet(
    name: str, block_kbit: int, single_port_kbit: int,
) -> None:
    device = DEVICES[name]
    assert device.bram.count * device.bram.bits == block_kbit * 1024
    assert device.spram.count * device.spram.bits == single_port_kbit * 1024


def test_resources_have_the_names_of_reports() -> None:
    assert DEVICES["iCE40UP5K"].resources == {
        "lut4": 5280, "ff": 5280, "carry": 5280, "bram": 30, "spram": 4, "dsp": 8,
    }


@pytest.mark.parametrize(("name", "bits"), [("GW1NR-9", 17_280), ("GW2AR-18", 41_472)])
def test_lut_rams_add_up_to_the_datasheet(name: str, bits: int) -> None:
    assert DEVICES[name].resources["lutram"] * 16 * 4 == bits
