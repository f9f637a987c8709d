"""The FPGAs of the supported boards: what they hold and how the tools name them."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

__all__ = ["DEVICES", "BlockRam", "Device", "Family"]

Family = Literal["ice40", "ecp5", "gowin"]


@dataclass(frozen=True, slots=True)
class BlockRam:
    """One kind of on-chip memory block.

    Attributes
    ----------
    count : int
        Blocks in the device.
    bits : int
        Bits of one block, parity bits included.
    width : int
        Data bits of its widest port: what it delivers in one cycle.
    """

    count: int
    bits: int
    width: int


@dataclass(frozen=True, slots=True)
class Device:
    """An FPGA in its package and speed grade.

    Attributes
    ----------
    name : str
        How reports call it.
    family : {"ice40", "ecp5", "gowin"}
        Chooses synthesis, place and route, packer and PLL.
    timing : str
        Whose delays the pipelines are cut for: a name in :data:`spikeloom.rtl.families.FAMILIES`.
    part : str
        The manufacturer's ordering name.
    lut4, ff, dsp : int
        4-input tables, flip-flops, multiplier blocks (iCE40 and ECP5: 16x16 and 18x18 bit).
        Carry cells take the place of tables, one each.
    lut_rams : int or None
        RAMs of 16 words of 4 bits that tables can be; None: there are none, or more than tables.
    bram, spram : BlockRam
        Block RAM (initialised by the bitstream) and single-port RAM (not initialised).
    synth_options : tuple of str
        Arguments of the family's Yosys ``synth`` command.
    nextpnr_options : tuple of str
        Arguments that select the device.
    packer_options : tuple of str
        Arguments of the bitstream packer.
    datasheet : str
        Where the figures and the PLL limits come from.
    """

    name: str
    family: Family
    timing: str
    part: str
    lut4: int
    ff: int
    bram: BlockRam
    spram: BlockRam
    dsp: int
    synth_options: tuple[str, ...]
    nextpnr_options: tuple[str, ...]
    packer_options: tuple[str, ...]
    datasheet: str
    lut_rams: int | None = None

    @property
    def resources(self) -> dict[str, int]:
        """What there is of each resource of a report: ``lut4 ff carry bram spram dsp``, and
        ``lutram`` where it is scarce."""
        return {
            "lut4":  self.lut4,
            "ff":    self.ff,
            "carry": self.lut4,
            "bram":  self.bram.count,
            "spram": self.spram.count,
            "dsp":   self.dsp,
        } | ({} if self.lut_rams is None else {"lutram": self.lut_rams})


_NO_SPRAM = BlockRam(count=0, bits=0, width=0)


def _ecp5(
    size: str, lut4: int, bram: int, dsp: int, *,
    suffix: str = "", package: str = "BG381", sites: str = "CABGA381", grade: int = 6,
    packer: tuple[str, ...] = (),
) -> Device:
    return Device(
        name=f"ECP5-{size}F{suffix}",
        family="ecp5",
        timing="ecp5",
        part=f"LFE5U-{size}F-{grade}{package}C",
        lut4=lut4,
        ff=lut4,
        bram=BlockRam(count=bram, bits=18 * 1024, width=36),
        spram=_NO_SPRAM,
        dsp=dsp,
        synth_options=(),
        nextpnr_options=(f"--{size}k", "--package", sites, "--speed", str(grade)),
        packer_options=("--compress", *packer),
        datasheet="Lattice FPGA-DS-02012, ECP5 and ECP5-5G Family",
    )


DEVICES = MappingProxyType({device.name: device for device in (
    Device(
        name="iCE40UP5K",
        family="ice40",
        timing="ice40up",
        part="iCE40UP5K-SG48",
        lut4=5280,
        ff=5280,
        bram=BlockRam(count=30, bits=4 * 1024, width=16),
        spram=BlockRam(count=4, bits=256 * 1024, width=16),
        dsp=8,
        synth_options=("-device", "u", "-dsp"),
        nextpnr_options=("--up5k", "--package", "sg48"),
        packer_options=(),
        datasheet="Lattice FPGA-DS-02008, iCE40 UltraPlus Family",
    ),
    Device(
        name="iCE40HX8K",
        family="ice40",
        timing="ice40hx",
        part="iCE40HX8K-CT256",
        lut4=7680,
        ff=7680,
        bram=BlockRam(count=32, bits=4 * 1024, width=16),
        spram=_NO_SPRAM,
        dsp=0,
        synth_options=("-device", "hx"),
        nextpnr_options=("--hx8k", "--package", "ct256"),
        packer_options=(),
        datasheet="Lattice FPGA-DS-02029, iCE40 LP/HX Family",
    ),
    _ecp5("25", lut4=24288, bram=56, dsp=28),
    _ecp5("85", lut4=83640, bram=208, dsp=156),
    _ecp5(
        "25", lut4=24288, bram=56, dsp=28,
        suffix="-MG285", package="MG285", sites="CSFBGA285", grade=8,
        # How fast it reads its flash after power-on.
        packer=("--freq", "38.8"),
    ),
    Device(
        name="GW1NR-9",
        family="gowin",
        timing="gowin",
        part="GW1NR-LV9QN88PC6/I5",
        lut4=8640,
        ff=6480,
        bram=BlockRam(count=26, bits=18 * 1024, width=36),
        spram=_NO_SPRAM,
        dsp=20,
        synth_options=("-family", "gw1n"),
        nextpnr_options=("--device", "GW1NR-LV9QN88PC6/I5", "--vopt", "family=GW1N-9C"),
        # The board's buttons and LEDs share pins with the configuration interfaces.
        packer_options=("-d", "GW1N-9C", "--sspi_as_gpio", "--mspi_as_gpio"),
        datasheet="Gowin DS117, GW1NR series",
        lut_rams=270,
    ),
    Device(
        name="GW2AR-18",
        family="gowin",
        timing="gowin",
        part="GW2AR-LV18QN88C8/I7",
        lut4=20736,
        ff=15552,
        bram=BlockRam(count=46, bits=18 * 1024, width=36),
        spram=_NO_SPRAM,
        dsp=48,
        synth_options=("-family", "gw2a"),
        nextpnr_options=("--device", "GW2AR-LV18QN88C8/I7", "--vopt", "family=GW2A-18C"),
        packer_options=("-d", "GW2A-18C", "--sspi_as_gpio", "--mspi_as_gpio"),
        datasheet="Gowin DS226, GW2AR series",
        lut_rams=648,
    ),
)})
