"""Norse itself beside the import of its modules."""

import warnings

import numpy as np
import pytest
import torch
from side_by_side import (
    Recording,
    assert_close,
    assert_exact,
    assert_imported,
    events,
    fill,
    is_active,
    per_step,
    stack,
)
from torch import nn

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant import load, simulate

with warnings.catch_warnings():
    # Norse 1.1 compiles functions when it is imported, the way PyTorch 2.13 deprecates.
    warnings.filterwarnings("ignore", "`torch.jit.script` is deprecated", DeprecationWarning)
    warnings.filterwarnings("ignore", "`torch.jit.script_method` is deprecated", DeprecationWarning)
    norse = pytest.importorskip("norse.torch")
    from norse.torch.functional.iaf import IAFParameters
    from norse.torch.functional.leaky_integrator import LIParameters
    from norse.torch.functional.leaky_integrator_box import LIBoxParameters
    from norse.torch.functional.lif import LIFParameters
    from norse.torch.functional.lif_box import LIFBoxParameters
    from norse.torch.functional.reset import reset_subtract

DT = 0.5
"""On the grid, dt·tau_inv is 1/2."""


def tensor(value, dtype) -> torch.Tensor:
    return torch.tensor(value, dtype=dtype)


class Numbers:
    """Random parameters, on a grid or not."""

    def __init__(self, random: np.random.Generator, grid: bool, dtype: torch.dtype) -> None:
        self.random, self.grid, self.dtype = random, grid, dtype

    def rate(self) -> torch.Tensor:
        return tensor(1.0 if self.grid else self.random.uniform(0.2, 1.8), self.dtype)

    def level(self, lo: float, hi: float) -> torch.Tensor:
        value = self.random.uniform(lo, hi)
        return tensor(np.ceil(value * 16) / 16 if self.grid else value, self.dtype)

    def lif(self, leak: bool) -> dict[str, torch.Tensor]:
        return {
            "tau_mem_inv": self.rate(),
            "v_th": self.level(0.1, 0.5),
            "v_reset": self.level(-0.5, 0),
            "v_leak": self.level(-0.25, 0) if leak else tensor(0.0, self.dtype),
        }


def hidden(kind: str, n: Numbers, leak: bool) -> nn.Module:
    match kind:
        case "LIFBoxCell":
            return norse.LIFBoxCell(LIFBoxParameters(**n.lif(leak)), dt=DT)
        case "LIFBoxCell soft":
            p = LIFBoxParameters(**n.lif(False), reset_method=reset_subtract)
            return norse.LIFBoxCell(p, dt=DT)
        case "IAFCell":
            return norse.IAFCell(IAFParameters(n.level(0.5, 1), n.level(-0.5, 0)))
    return norse.LIFCell(LIFParameters(tau_syn_inv=n.rate(), **n.lif(leak)), dt=DT)


def readout(kind: str, n: Numbers, leak: bool) -> nn.Module:
    rest = n.level(-0.25, 0) if leak else tensor(0.0, n.dtype)
    if kind == "LIBoxCell":
        return norse.LIBoxCell(LIBoxParameters(n.rate(), rest), dt=DT)
    return norse.LICell(LIParameters(n.rate(), n.rate(), rest), dt=DT)


def network(kind: str, last: str, leak: bool, n: Numbers) -> nn.Module:
    """6 inputs, 5 neurons, 4 that never fire."""
    module = norse.SequentialState(
        nn.Linear(6, 5), hidden(kind, n, leak), nn.Linear(5, 4), readout(last, n, leak)
    )
    return fill(module, n.random, n.grid, n.dtype)


@torch.no_grad()
def run(module: nn.Module, samples: np.ndarray, names: dict[str, nn.Module]) -> Recording:
    """Step by step with states handed on; membranes are counted from where they start."""
    spikes = {name: [] for name in names}
    membranes = {name: [] for name in names}
    handles = []
    for name, neurons in names.items():

        def record(neurons, inputs, output, name=name):
            fired, state = output
            rest = getattr(neurons.p, "v_leak", None)
            rest = neurons.p.v_reset if rest is None else rest
            membranes[name].append(state.v - rest)
            is_readout = not hasattr(neurons.p, "v_th")
            spikes[name].append(torch.zeros_like(fired) if is_readout else fired)

        handles.append(neurons.register_forward_hook(record))
    state = None
    for x in per_step(samples, module[0].weight.dtype):
        _, state = module(x, state)
    for handle in handles:
        handle.remove()
    return Recording(
        {n: stack(v) for n, v in spikes.items()}, {n: stack(v) for n, v in membranes.items()}
    )


def compared(kind, last, leak, grid, dtype=torch.float32):
    """A graph, samples and Norse's run of them, for a network that does something."""
    for seed in range(20):
        random = np.random.default_rng(seed)
        module = network(kind, last, leak, Numbers(random, grid, dtype))
        samples = events(random, 6)
        recording = run(module, samples, {"n1": module[1], "n3": module[3]})
        if is_active(recording):
            return load(module), samples, recording
    raise AssertionError("no network fires")


cases = pytest.mark.parametrize(
    ("kind", "last", "leak"),
    [
        (kind, last, leak)
        for kind in ("LIFBoxCell", "LIFBoxCell soft", "IAFCell", "LIFCell")
        for last in ("LIBoxCell", "LICell")
        for leak in (False, True)
    ],
)


@cases
def test_modules_are_imported(kind, last, leak):
    graph, samples, recording = compared(kind, last, leak, False, torch.float64)
    assert_imported(graph, samples, recording)
    assert graph.output.source == "v"
    assert graph.assumptions[0] == "preset norse"
    shifted = any("is counted from" in text for text in graph.assumptions)
    assert shifted == (leak or kind == "IAFCell")


@cases
def test_networks_on_the_grid_are_exact(kind, last, leak):
    assert_exact(*compared(kind, last, leak, True))


@cases
def test_networks_off_the_grid_are_close(kind, last, leak):
    assert_close(*compared(kind, last, leak, False))


@pytest.mark.parametrize("grid", [True, False])
def test_recurrent_neurons_are_imported(grid):
    random = np.random.default_rng(4)
    dtype = torch.float32 if grid else torch.float64
    n = Numbers(random, grid, dtype)
    p = LIFParameters(tau_syn_inv=n.rate(), **n.lif(True))
    module = norse.SequentialState(norse.LIFRecurrentCell(6, 5, p, dt=DT))
    for name, shape in (("input_weights", (5, 6)), ("recurrent_weights", (5, 5))):
        values = random.integers(-7, 8, shape) / 8 if grid else random.normal(0.1, 0.5, shape)
        getattr(module[0], name).data = tensor(values, dtype)
    samples = events(random, 6)
    recording = recurrent_run(module[0], samples, dtype)
    graph = load(module)
    (assert_exact if grid else assert_imported)(graph, samples, recording)
    assert [p.delay for p in graph.into("n0")] == [0, 1]
    assert 0 < recording.spikes["n0"].mean() < 1


@torch.no_grad()
def recurrent_run(cell: nn.Module, samples: np.ndarray, dtype: torch.dtype) -> Recording:
    state, spikes, membranes = None, [], []
    for x in per_step(samples, dtype):
        fired, state = cell(x, state)
        spikes.append(fired)
        membranes.append(state.v - cell.p.v_leak)
    return Recording({"n0": stack(spikes)}, {"n0": stack(membranes)})


def test_layers_over_time_are_imported():
    random = np.random.default_rng(5)
    module = norse.SequentialState(
        nn.Linear(6, 5),
        norse.LIF(LIFParameters(v_th=torch.tensor(0.2)), dt=0.002),
        norse.Lift(nn.Linear(5, 2)),
        norse.LI(),
    )
    fill(module, random, False, torch.float64)
    samples = events(random, 6)
    with torch.no_grad():
        voltages, _ = module(per_step(samples, torch.float64))

    graph = load(module)
    result = simulate(graph, samples)
    assert np.allclose(result.states["n3"]["v"], stack(list(voltages)), atol=1e-9)
    assert 0 < result.spikes["n1"].mean() < 1


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (lambda: norse.LSNNCell(), "layer '1' is a LSNNCell of norse, which cannot be imported"),
        (
            lambda: norse.LIFBoxCell(
                LIFBoxParameters(v_leak=torch.tensor(-0.5), reset_method=reset_subtract)
            ),
            "reset_method of '1' must be reset_value, or reset_subtract with v_leak = 0",
        ),
        (
            lambda: norse.LIFBoxCell(LIFBoxParameters(tau_mem_inv=torch.tensor(1500.0))),
            r"decay beta of 'n1' must lie in \[0, 1\], not -0.5",
        ),
        (
            lambda: norse.LIFCell(LIFParameters(tau_syn_inv=torch.tensor(1250.0))),
            r"decay alpha of 'n1' must lie in \[0, 1\], not -0.25",
        ),
        (
            lambda: norse.LIFBoxCell(LIFBoxParameters(v_th=torch.tensor(0.0))),
            "threshold of 'n1' must be positive, not 0",
        ),
        (
            lambda: norse.LIFCell(LIFParameters(method="adjoint")),
            "method of '1' must be one of .* not 'adjoint'; choose one for inference",
        ),
    ],
)
def test_what_cannot_be_expressed_is_refused(part, message):
    module = norse.SequentialState(nn.Linear(3, 2), part())
    with pytest.raises(SemanticsError, match=message) as error:
        load(module)
    assert "\n" not in str(error.value)
