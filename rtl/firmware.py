"""The program of the link's processor: what is done with bytes, frames and tokens."""

from __future__ import annotations

from spikeloom.rtl.assembler import Program
from spikeloom.rtl.executing import execute
from spikeloom.rtl.microcode import Condition as If
from spikeloom.rtl.microcode import Mode, Strobe
from spikeloom.rtl.protocol import Description
from spikeloom.rtl.receiving import receive
from spikeloom.rtl.sending import send

__all__ = ["firmware"]


def firmware(board: Description, timeout: int, is_loadable: bool = False) -> Program:
    """All four threads.

    Bytes that come in are decoded into a ring of 256 bytes, where a frame begins with its length.
    A frame that is right is executed by the second thread; answers and output become frames in the
    third, in another ring, which the fourth empties.

    Parameters
    ----------
    board : its identity and the formats of its streams
    timeout : cycles of silence after which a half frame is dropped, up to twice that
    is_loadable : whether there is an image of weights
    """
    p = Program()
    identity = board.pack()
    described = [f"identity {index}" for index in range(len(identity))]
    p.array(described)
    p.initial |= dict(zip(described, identity, strict=True))
    p.initial |= {"floor": -1, "stop": -3}
    p.array([f"count {index}" for index in range(16)])

    p.hold(on=(If.SLOT0, "odd"))
    p.hold(on=(If.SLOT1, "execute"))
    p.jump("receive")
    p.label("odd")
    p.hold(on=(If.SLOT1, "transmit"))
    p.jump("send")

    receive(p, timeout)
    execute(p, board, is_loadable)
    send(p, board)
    _transmit(p)
    return p


def _transmit(p: Program) -> None:
    """Give whole frames to the line, and count the cycles that the lowest byte cannot."""
    p.label("transmit")
    p.load("sent", on=(If.WRAPPED, "count cycles"))
    p.subtract("whole")
    p.hold(on=(If.ZERO, "transmit"))
    p.hold(on=(If.SENT, "transmit byte"))
    p.jump("transmit")
    p.label("transmit byte")
    p.load("sent")
    p.hold()
    p.fetch(Mode.LINE)
    p.load("sent", strobe=Strobe.SEND)
    p.add(1)
    p.store("sent")
    p.jump("transmit")
    p.label("count cycles")
    p.increment([f"cycles {index}" for index in range(1, 4)], "cycles counted")
    p.label("cycles counted")
    p.hold(strobe=Strobe.UNWRAP)
    p.jump("transmit")
