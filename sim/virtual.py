"""A virtual board: a whole design behind its UART pins, simulated behind a pseudo-terminal.

Whatever can open a serial port can open the terminal; no Python runs per clock or per byte (see
``models/bridge.cpp``).
"""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from spikeloom.hls_model.errors import ToolError
from spikeloom.sim.verilator import TOP, Recipe, compile_simulator

__all__ = ["Figures", "Pins", "Traffic", "VirtualBoard", "compile_virtual"]

_MAIN = Path(__file__).parent / "models" / "bridge.cpp"
_RUNTIME = ("verilated", "verilated_threads")
_CONTROL = "`verilator_config\nlint_off\n"

_IDLE_SECONDS = 0.25
"""Of the board's time, after which an idle board's clock stops: longer than the link's timeout,
1/20 s or up to twice that."""


@dataclass(frozen=True)
class Pins:
    """Names of the top module's ports that the bridge needs."""

    clk: str = "clk"
    rx: str = "rx"
    tx: str = "tx"


@dataclass(frozen=True)
class Traffic:
    """Bytes that crossed the pins in one direction.

    Attributes
    ----------
    bytes : how many
    first, last : cycles at which the first began and the last ended
    """

    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Figures:
    """What a virtual board has measured, in its own time.

    Attributes
    ----------
    cycles : simulated since its start
    to_board, from_board : traffic since the last ``mark``
    """

    cycles: int
    to_board: Traffic
    from_board: Traffic


def compile_virtual(
    sources: Mapping[str, str],
    top: str,
    pins: Pins | None = None,
    *,
    defines: tuple[str, ...] = (),
    waves: bool = False,
    quick: bool = False,
) -> Path:
    """The simulator of a design with its bridge, from the cache if it is there.

    Parameters
    ----------
    sources : text of each Verilog file by its name
    top : name of the design's top module, which may have further ports: they are left open
    pins : names of its clock and UART ports; an ``inout`` will do
    defines : names of Verilog macros to define
    waves : whether it can write waveforms
    quick : compile fast rather than well; right for netlists

    Raises
    ------
    ToolError
        If a tool is missing, or the compilation fails.
    """
    names = pins or Pins()
    wrapper = f"""\
module {TOP}(input wire clk, input wire rx, output wire tx);
  wire [2:0] pins;
  assign pins[0] = clk, pins[1] = rx, tx = pins[2];
  \\{top} dut(.\\{names.clk} (pins[0]), .\\{names.rx} (pins[1]), .\\{names.tx} (pins[2]));
endmodule
"""
    recipe = Recipe(
        sources={"control.vlt": _CONTROL, f"{TOP}.v": wrapper} | dict(sources),
        main=_MAIN,
        runtime=_RUNTIME,
        options=tuple(f"+define+{name}" for name in defines),
        waves=waves,
        quick=quick,
    )
    return compile_simulator(recipe)


class VirtualBoard:
    """A running virtual board. A context manager that ends it.

    Parameters
    ----------
    simulator : from :func:`compile_virtual`
    clock_hz : the clock that the design believes in
    baud : bits per second of its UART
    delay : seconds, of the board's time, that a byte takes through the bridge in each direction
    waves : where to write an FST, if the simulator can

    Raises
    ------
    ToolError
        If the simulator cannot be started.
    """

    def __init__(
        self,
        simulator: Path,
        *,
        clock_hz: int,
        baud: int,
        delay: float = 0.0,
        waves: Path | None = None,
    ) -> None:
        self.clock_hz = clock_hz
        self.baud = baud
        numbers = (clock_hz, baud, clock_hz * _IDLE_SECONDS, clock_hz * delay)
        command = [str(simulator), *(str(round(number)) for number in numbers)]
        if waves is not None:
            command.append(str(waves.absolute()))
        try:
            # A session of its own: Ctrl-C reaches this process alone, which then ends the board.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(f"the virtual board cannot be started: {error.strerror}") from error
        self.port = self._line()
        """The pseudo-terminal's name."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the simulation. A waveform is complete then."""
        process = self._process
        with contextlib.suppress(OSError):
            process.stdin.close()  # type: ignore[union-attr]
        try:
            process.wait(timeout=10)
        except BaseException:
            process.kill()
            process.wait()
            raise
        finally:
            process.stdout.close()  # type: ignore[union-attr]

    def mark(self) -> None:
        """Begin a measurement."""
        self._say("mark")

    def figures(self) -> Figures:
        """What has happened since the last mark."""
        cycles, *numbers = map(int, self._say("figures").split())
        return Figures(cycles, Traffic(*numbers[:3]), Traffic(*numbers[3:]))

    def _say(self, command: str) -> str:
        try:
            print(command, file=self._process.stdin, flush=True)
        except (OSError, ValueError):
            raise self._gone() from None
        return self._line()

    def _line(self) -> str:
        line = self._process.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise self._gone()
        return line.strip()

    def _gone(self) -> ToolError:
        return ToolError("the virtual board has ended; start it again")
