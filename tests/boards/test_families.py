from __future__ import annotations

import pytest

from spikeloom.boards.devices import DEVICES
from spikeloom.boards.families import FLOWS, usage


@pytest.mark.parametrize(("family", "counts", "expected"), [
    ("ice40",
     {"SB_LUT4": 7, "SB_DFFESR": 2, "SB_DFF": 3, "SB_CARRY": 4, "SB_RAM40_4KNR": 1, "SB_IO": 9},
     {"lut4": 7, "ff": 5, "carry": 4, "bram": 1, "spram": 0, "dsp": 0}),
    ("ecp5",
     {"LUT4": 7, "CCU2C": 3, "TRELLIS_DPR16X4": 2, "TRELLIS_FF": 5, "DP16KD": 1, "MULT18X18D": 2},
     {"lut4": 21, "ff": 5, "carry": 6, "bram": 1, "spram": 0, "dsp": 2}),
    ("gowin",
     {"LUT1": 1, "LUT4": 2, "ALU": 3, "RAM16SDP4": 1, "DFFRE": 4, "SDPB": 1, "MULT18X18": 1},
     {"lut4": 14, "ff": 4, "carry": 3, "bram": 1, "spram": 0, "dsp": 1, "lutram": 1}),
])
def test_cells_are_counted(
    family: str, counts: dict[str, int], expected: dict[str, int],
) -> None:
    assert usage(counts, FLOWS[family].cells) == expected  # type: ignore[index]


def test_adders_and_memories_of_a_gowin_lie_in_places_of_tables() -> None:
    sites = {"LUT4": 10, "ALU": 3, "RAM16SDP4": 2, "DFF": 8, "BSRAM": 1}
    assert usage(sites, FLOWS["gowin"].bels) == {"lut4": 29, "ff": 8, "carry": 3, "lutram": 2}


@pytest.mark.parametrize("device", DEVICES.values(), ids=lambda device: device.name)
def test_every_resource_can_be_counted(device: object) -> None:
    cells = FLOWS[device.family].cells  # type: ignore[attr-defined]
    assert set(cells) == set(device.resources)  # type: ignore[attr-defined]


def test_packers_take_their_files_in_their_own_order() -> None:
    gowin, ecp5 = DEVICES["GW1NR-9"], DEVICES["ECP5-25F"]
    assert FLOWS["ecp5"].pack_arguments(ecp5, "in", "out") == ["--compress", "in", "out"]
    assert FLOWS["gowin"].pack_arguments(gowin, "in", "out")[-3:] == ["-o", "out", "in"]
