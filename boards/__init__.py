"""Boards: what there is, how a design gets onto it, and what the open tools made of it.

Importing this imports no Amaranth: listing boards is fast. Flashing is ``spikeloom.boards.flash``.
"""

from spikeloom.boards.catalog import BOARDS, Board, find_board
from spikeloom.boards.clock import plan_clock
from spikeloom.boards.doctor import Check, diagnose
from spikeloom.boards.result import BuildResult, CriticalPath
from spikeloom.boards.toolchain import synthesise

__all__ = [
    "BOARDS",
    "Board",
    "BuildResult",
    "Check",
    "CriticalPath",
    "diagnose",
    "find_board",
    "plan_clock",
    "synthesise",
]
