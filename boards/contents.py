"""What the block RAMs of a design hold: in RTLIL, in a netlist, and in a routed design.

Only blocks that the design instantiates (:mod:`spikeloom.rtl.blocks`) are meant: weights, neuron
parameters and the board's identity. What Yosys infers (queues, states, buffers) stays.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from spikeloom.hls_model.errors import ArtefactError, ToolError

__all__ = [
    "DP16KD",
    "SB_RAM40_4K",
    "BlockFormat",
    "Contents",
    "first_difference",
    "patch_netlist",
    "read_rtlil",
]

Contents = Mapping[str, Mapping[str, str]]
"""By block, as the flat netlist calls it: its ``INIT…`` parameters, each as a string of bits."""

_INIT = r"INIT(?:VAL)?_[0-9A-F]{1,2}"
_CELL = re.compile(r"  cell \\(DP16KD|SB_RAM40_4K) \\(\S+)\n")
_PARAMETER = re.compile(rf"    parameter \\({_INIT}) \d+'([01]+)\n")


def read_rtlil(text: str) -> dict[str, dict[str, str]]:
    """The contents of all instantiated blocks of a design whose top is called ``top``."""
    blocks: dict[str, dict[str, str]] = {}
    module = ""
    parameters: dict[str, str] | None = None
    for line in text.splitlines(keepends=True):
        if line.startswith("module \\"):
            module = line.removeprefix("module \\top").strip().removeprefix(".")
        elif line.startswith("  cell "):
            match = _CELL.fullmatch(line)
            parameters = blocks.setdefault(f"{module}.{match[2]}", {}) if match else None
        elif parameters is not None and (match := _PARAMETER.fullmatch(line)):
            parameters[match[1]] = match[2]
    return blocks


def first_difference(before: str, after: str) -> str | None:
    """The module in which two designs in RTLIL differ in more than contents; None if they don't."""
    module, is_block = "top", False
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for was, now in zip(old, new, strict=False):
        if was.startswith("module \\"):
            module = was.removeprefix("module \\").strip()
        elif was.startswith("  cell "):
            is_block = _CELL.fullmatch(was) is not None
        if was != now and not (is_block and _without_contents(was) == _without_contents(now)):
            return module
    return None if len(old) == len(new) else module


def _without_contents(line: str) -> str:
    match = _PARAMETER.fullmatch(line)
    return f"{match[1]} {len(match[2])}" if match else line


def patch_netlist(text: str, contents: Contents) -> str:
    """Yosys's JSON netlist with other contents of its blocks.

    Raises
    ------
    ArtefactError
        If it is damaged, or a block is not there.
    """
    try:
        netlist = json.loads(text)
        cells = netlist["modules"]["top"]["cells"]
        for name, parameters in contents.items():
            cells[name]["parameters"] |= parameters
    except (ValueError, LookupError, TypeError) as error:
        raise ArtefactError(
            f"the netlist is damaged ({error!r}); run `spikeloom synth --force`"
        ) from error
    return json.dumps(netlist)


class BlockFormat(ABC):
    """How a family's routed design states what its block RAMs hold."""

    _section: re.Pattern[str]

    def locate(self, routed: Path) -> dict[str, str]:
        """The place of each block, by name, from the netlist that nextpnr wrote after routing.

        Raises
        ------
        ToolError
            If it cannot be read.
        """
        try:
            cells = json.loads(routed.read_text())["modules"]["top"]["cells"].values()
            return {
                cell["attributes"]["hdlname"].replace(" ", "."): self._place(cell["attributes"])
                for cell in cells
                if self._is_block(cell)
            }
        except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ToolError(f"nextpnr's netlist {routed.name} names no block: {error!r}") from error

    def exchange(
        self, routed: str, places: Mapping[str, str], before: Contents, after: Contents,
    ) -> str:
        """The routed design with the contents ``after`` in the blocks that hold ``before``.

        Raises
        ------
        ArtefactError
            If they do not.
        """
        at = {places[name]: name for name in before if name in places}
        found: set[str] = set()

        def replaced(match: re.Match[str]) -> str:
            name = at.get(match["place"])
            if name is None:
                return match[0]
            if match["words"] != self.words(before[name]):
                raise ArtefactError(
                    f"the routed design does not hold what {name!r} was built with; run "
                    "`spikeloom synth --force`"
                )
            found.add(name)
            return match[0][: -len(match["words"])] + self.words(after[name])

        result = self._section.sub(replaced, routed)
        for name in sorted(set(before) - found):
            raise ArtefactError(
                f"the routed design has no block {name!r}; run `spikeloom synth --force`"
            )
        return result

    def sections(self, routed: str) -> Iterator[tuple[str, str]]:
        """Place and words of each block RAM of a routed design, inferred ones included."""
        for match in self._section.finditer(routed):
            yield match["place"], match["words"]

    @abstractmethod
    def words(self, parameters: Mapping[str, str]) -> str:
        """A block's contents as the routed design states them."""

    @abstractmethod
    def _is_block(self, cell: Mapping[str, Any]) -> bool: ...

    @abstractmethod
    def _place(self, attributes: Mapping[str, str]) -> str: ...


class SB_RAM40_4K(BlockFormat):
    """iCE40: 16 lines of 256 bits in a section ``.ram_data X Y`` of the ``.asc``."""

    _section = re.compile(
        r"^\.ram_data (?P<place>\d+ \d+)\n(?P<words>(?:[0-9a-f]{64}\n){16})", re.M
    )

    def words(self, parameters: Mapping[str, str]) -> str:
        # Yosys's model of the block, ``ice40/cells_sim.v``: what is not stated is 0.
        lines = (int(parameters.get(f"INIT_{n:X}", "0"), 2) for n in range(16))
        return "".join(f"{line:064x}\n" for line in lines)

    def _is_block(self, cell: Mapping[str, Any]) -> bool:
        return bool(cell["type"] == "ICESTORM_RAM") and "hdlname" in cell["attributes"]

    def _place(self, attributes: Mapping[str, str]) -> str:
        match = re.fullmatch(r"X(\d+)/Y(\d+)/ram", attributes["NEXTPNR_BEL"])
        if match is None:
            raise ValueError(attributes["NEXTPNR_BEL"])
        return f"{match[1]} {match[2]}"


class DP16KD(BlockFormat):
    """ECP5: 2,048 words of 9 bits in a section ``.bram_init WID`` of the ``.config``.

    Source: nextpnr's ``ecp5/bitstream.cc``: an INITVAL holds sixteen 18-bit words in slots of 20
    bits, each of which is two words here, the lower half first.
    """

    _section = re.compile(
        r"^\.bram_init (?P<place>\d+)\n(?P<words>(?:(?:[0-9a-f]{3} ?){8}\n){256})", re.M
    )

    def words(self, parameters: Mapping[str, str]) -> str:
        lines = []
        for number in range(64):
            value = int(parameters[f"INITVAL_{number:02X}"], 2)
            halves = []
            for slot in range(16):
                word = value >> 20 * slot
                halves += [f"{word & 0x1ff:03x}", f"{word >> 9 & 0x1ff:03x}"]
            lines += [" ".join(halves[first : first + 8]) + "\n" for first in range(0, 32, 8)]
        return "".join(lines)

    def _is_block(self, cell: Mapping[str, Any]) -> bool:
        return bool(cell["type"] == "DP16KD") and "hdlname" in cell["attributes"]

    def _place(self, attributes: Mapping[str, str]) -> str:
        return str(int(attributes["WID"], 2))
