"""The board of a folder as its bitstream describes it: unpacked, and simulated through its pins."""

from __future__ import annotations

from pathlib import Path

from spikeloom.flow.board import ConnectedBoard, connect_virtual, folder_design

__all__ = ["connect_bitstream"]


def connect_bitstream(folder: Path | str, *, timeout: float | None = None) -> ConnectedBoard:
    """Connect to the bitstream in ``folder``, in simulation, through the pins of its link.

    The clock is that of the PLL's output: the PLL itself is a wire.

    Raises
    ------
    ArtefactError
        If the folder holds no bitstream.
    BoardError
        If the family's bitstreams cannot be read back (see :mod:`spikeloom.boards.bitstream`), or
        the bitstream is silent or runs another network.
    ToolError
        If a tool is missing or fails.
    """
    from spikeloom.boards.bitstream import read_back
    from spikeloom.boards.design import identity_of
    from spikeloom.sim.cells import cell_models
    from spikeloom.sim.virtual import Pins, VirtualBoard, compile_virtual

    folder = Path(folder)
    design, board, baud = folder_design(folder)
    chip = read_back(board, folder / "synth")
    simulator = compile_virtual(
        {"chip.v": chip.verilog, "cells.v": cell_models(board.device.family)},
        "chip",
        Pins(chip.clk, chip.rx, chip.tx),
        quick=True,
    )
    clock_hz = identity_of(design, board).clock_hz
    virtual = VirtualBoard(simulator, clock_hz=clock_hz, baud=baud)
    return connect_virtual(design, virtual, timeout=timeout)
