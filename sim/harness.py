"""The cocotb test inside the simulator: watches progress, reports the end.

Runs in the simulator's process; :mod:`.run` starts it and reads what it prints and writes.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import cocotb
from cocotb.triggers import First, RisingEdge, Timer

from spikeloom.sim.run import OPTIONS, OUTCOME, PROGRESS

_PERIOD_NS = 2
_CYCLES_BETWEEN_LOOKS = 500_000
_LOOKS_WITHOUT_PROGRESS = 2
_CYCLES_AFTERWARDS = 1000
"""In which nothing may follow what was expected."""


@cocotb.test()
async def replay(dut: Any) -> None:
    """Let the bench play its tapes; write the outcome as JSON."""
    options = json.loads(os.environ[OPTIONS])
    for name in ("gaps", "stalls", "isolate", "inspect"):
        getattr(dut, name).value = options.get(name, 0)
    began = time.perf_counter()
    stuck = await _watch(dut)
    seconds = time.perf_counter() - began
    samples, cycles = int(dut.samples.value), int(dut.cycles.value)
    await Timer(_PERIOD_NS * _CYCLES_AFTERWARDS, unit="ns")
    outcome = {
        "samples": samples,
        "cycles": cycles,
        "seconds": seconds,
        "stuck": stuck,
        "checkers": [await _inspect(dut, index) for index in range(options["checkers"])],
    }
    Path(os.environ[OUTCOME]).write_text(json.dumps(outcome))


async def _watch(dut: Any) -> bool:
    """Until the bench has finished: False; or until nothing happens any more: True."""
    seen, idle = -1, 0
    while not int(dut.finished.value):
        interval = Timer(_PERIOD_NS * _CYCLES_BETWEEN_LOOKS, unit="ns")
        await First(RisingEdge(dut.finished), interval)
        compared = int(dut.progress.value)
        idle = idle + 1 if compared == seen else 0
        if idle == _LOOKS_WITHOUT_PROGRESS:
            return True
        seen = compared
        print(PROGRESS, int(dut.samples.value), int(dut.cycles.value), flush=True)
    return False


async def _inspect(dut: Any, index: int) -> dict[str, Any]:
    dut.inspect.value = index
    await Timer(2 * _PERIOD_NS, unit="ns")
    return {
        "failed": bool(int(dut.failed.value) >> index & 1),
        "count": int(dut.count.value),
        "expected": hex(int(dut.expected.value)),
        "observed": hex(int(dut.observed.value)),
    }
