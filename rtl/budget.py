"""What a design may take: of a device's resources, and of time."""

from dataclasses import dataclass, replace

from spikeloom.rtl.estimate import Estimate

__all__ = ["Budget", "LatencyBound"]


@dataclass(frozen=True)
class Budget:
    """What a design may use of a device.

    Attributes
    ----------
    name : of the device, for messages
    luts : 4-input look-up tables
    blocks : block RAMs
    sprams : SPRAMs
    multipliers : hardware multipliers
    lut_rams : look-up-table RAMs; None: as many as tables allow
    easy_luts : more tables than these only for what is a good deal faster; None: ``luts``
    """

    name: str
    luts: int
    blocks: int
    sprams: int = 0
    multipliers: int = 0
    lut_rams: int | None = None
    easy_luts: int | None = None

    def has_room_for(self, needed: Estimate) -> bool:
        return (
            needed.luts <= self.luts
            and needed.blocks <= self.blocks
            and needed.sprams <= self.sprams
            and needed.multipliers <= self.multipliers
            and (self.lut_rams is None or needed.lut_rams <= self.lut_rams)
        )

    @property
    def easy(self) -> "Budget":
        """The same, less full."""
        return self if self.easy_luts is None else replace(self, luts=self.easy_luts)


@dataclass(frozen=True)
class LatencyBound:
    """The longest that a sample may take, on average; what keeps to it is made small.

    Attributes
    ----------
    microseconds : the bound
    steps : of a sample
    clock_mhz : what the device will run at
    """

    microseconds: float
    steps: int
    clock_mhz: float

    @property
    def cycles(self) -> float:
        return self.microseconds * self.clock_mhz
