"""Brevitas's quantized layers between snnTorch's neurons: their integers are taken over."""

import numpy as np
import pytest
import torch
from side_by_side import Recording, events, per_step, stack
from torch import nn

from spikeloom import hls_model
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant import load, quantize_with_report, simulate

qnn = pytest.importorskip("brevitas.nn")
quant = pytest.importorskip("brevitas.quant")
snntorch = pytest.importorskip("snntorch")

POWERS_OF_TWO = ["Int8WeightPerTensorFixedPoint", "Int8WeightPerChannelFixedPointMSE"]
ANY_SCALE = ["Int8WeightPerTensorFloat", "Int8WeightPerChannelFloat"]
FEW_LEVELS = ["SignedBinaryWeightPerTensorConst", "SignedTernaryWeightPerTensorConst"]
STEPS = 6


def layer(inputs: int, outputs: int, quantizer: str, bits: int | None, **settings) -> nn.Module:
    if bits is not None:
        settings["weight_bit_width"] = bits
    return qnn.QuantLinear(
        inputs, outputs, bias=False, weight_quant=getattr(quant, quantizer), **settings
    )


def network(quantizer: str, bits: int | None, seed: int = 0, **settings) -> nn.Module:
    torch.manual_seed(seed)
    module = nn.Sequential(
        layer(6, 5, quantizer, bits, **settings),
        snntorch.Leaky(0.5, threshold=0.25, init_hidden=True),
        layer(5, 3, quantizer, bits),
        snntorch.Synaptic(0.5, 0.5, threshold=0.25, init_hidden=True),
    )
    return module.eval()


def integers_of(module: nn.Module) -> np.ndarray:
    with torch.no_grad():
        return module.quant_weight().int().numpy().astype(np.int64)


@torch.no_grad()
def run(module: nn.Module, samples: np.ndarray) -> Recording:
    spikes = {"n1": [], "n3": []}
    membranes = {"n1": [], "n3": []}
    for x in per_step(samples, torch.float32):
        for index, part in enumerate(module):
            x = part(x)
            if index % 2:
                spikes[f"n{index}"].append(x)
                membranes[f"n{index}"].append(part.mem.clone())
    return Recording(
        {n: stack(v) for n, v in spikes.items()}, {n: stack(v) for n, v in membranes.items()}
    )


@pytest.mark.parametrize(
    ("quantizer", "bits"),
    [(q, b) for q in POWERS_OF_TWO + ANY_SCALE for b in (2, 3, 4, 8)]
    + [(q, None) for q in FEW_LEVELS],
)
def test_integers_are_taken_over(quantizer, bits):
    module = network(quantizer, bits)
    graph = load(module)
    samples = events(np.random.default_rng(0), 6)
    quantized = quantize_with_report(graph, calibration=samples)
    for projection, index in zip(quantized.network.projections, (0, 2), strict=True):
        assert (projection.weights == integers_of(module[index])).all()
        assert projection.bits == (bits or 2)
    report = quantize_with_report(graph, calibration=samples, weight_bits=3).report
    assert {p.bits for p in report.projections.values()} == {bits or 2}


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize("quantizer", POWERS_OF_TWO)
def test_networks_of_power_of_two_scales_are_exact(quantizer, bits):
    module = network(quantizer, bits, seed=1)
    samples = events(np.random.default_rng(1), 6)[:, :STEPS]
    recording = run(module, samples)
    quantized = quantize_with_report(load(module), calibration=samples, fraction_bits=16)
    integers = hls_model.simulate(quantized.network, samples.astype(np.int64))
    for name, spikes in recording.spikes.items():
        assert 0 < spikes.mean() < 1, name
        assert (integers.spikes[name] == spikes).all(), name
        membranes = integers.states[name]["v"] * quantized.scales[name]
        assert (membranes == recording.membranes[name]).all(), name
    assert quantized.report.warnings == ()


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("quantizer", ANY_SCALE)
def test_networks_of_any_scale_are_close(quantizer, bits):
    module = network(quantizer, bits, seed=2)
    samples = events(np.random.default_rng(2), 6)
    recording, graph = run(module, samples), load(module)
    floats = simulate(graph, samples)
    quantized = quantize_with_report(graph, calibration=samples)
    integers = hls_model.simulate(quantized.network, samples.astype(np.int64))
    for name, spikes in recording.spikes.items():
        assert np.allclose(floats.states[name]["v"], recording.membranes[name], atol=1e-5), name
        assert (floats.spikes[name] == spikes).all(), name
        assert (integers.spikes[name] == spikes).mean() > 0.95, name
        assert quantized.report.calibration.populations[name].agreement > 0.95


def test_a_batch_normalization_moves_the_step_only():
    module = network("Int8WeightPerChannelFloat", 4)
    normalization = nn.BatchNorm1d(5)
    normalization.running_mean.normal_()
    normalization.running_var.uniform_(0.5, 2)
    normalization.weight.data = torch.tensor([1.0, -2.0, 0.5, 1.0, 0.0])
    module = nn.Sequential(module[0], normalization, *module[1:]).eval()
    graph = load(module)
    signs = np.sign(normalization.weight.detach().numpy()).astype(np.int64)
    samples = events(np.random.default_rng(0), 6)
    quantized = quantize_with_report(graph, calibration=samples).network
    assert (quantized.projections[0].weights == signs[:, None] * integers_of(module[0])).all()
    with torch.no_grad():
        x = torch.tensor(samples[:, 0], dtype=torch.float32)
        expected = module[1](module[0](x))
    (first, _) = graph.populations
    sums = samples[:, 0] @ graph.into(first.name)[0].weights.T + first.bias
    assert np.allclose(sums, expected.numpy(), atol=1e-5)


def test_a_layer_that_quantizes_nothing_is_a_linear_layer():
    module = nn.Sequential(qnn.QuantLinear(3, 2, weight_quant=None), snntorch.Leaky(0.5)).eval()
    (projection,) = load(module).projections
    assert (projection.step, projection.bits) == (None, None)
    assert (projection.weights == module[0].weight.detach().double().numpy()).all()


def test_a_quantized_recurrence_is_taken_over():
    torch.manual_seed(0)
    neurons = snntorch.RLeaky(0.5, linear_features=4)
    neurons.recurrent = layer(4, 4, "Int8WeightPerTensorFixedPoint", 4)
    module = nn.Sequential(layer(3, 4, "Int8WeightPerTensorFixedPoint", 4), neurons).eval()
    neurons.recurrent.weight.data = neurons.recurrent.weight.data * 0.5
    module[0].weight.data[0, 0] = neurons.recurrent.weight.data.abs().max()
    graph = load(module)
    _, feedback = graph.into("n1")
    expected = integers_of(neurons.recurrent)
    assert feedback.bits == 4
    assert (np.rint(feedback.weights / feedback.step[:, None]) == expected).all()


@pytest.mark.parametrize(
    ("part", "message"),
    [
        (
            lambda: layer(3, 2, "ShiftedUint8WeightPerTensorFloat", 4),
            "weights of layer '0' must be symmetric integers times a scale, without zero point",
        ),
        (
            lambda: layer(3, 2, "Int8WeightPerTensorFloat", 12),
            "weights of layer '0' must have at most 8 bits, not 12; set weight_bit_width=8",
        ),
        (
            lambda: layer(3, 2, "Fp8e4m3WeightPerTensorFloat", None),
            "weights of layer '0' must be symmetric integers times a scale",
        ),
        (
            lambda: qnn.QuantLinear(3, 2, bias_quant=quant.Int8BiasPerTensorFloatInternalScaling),
            "layer '0' must quantize nothing but its weights, not its bias",
        ),
        (
            lambda: layer(
                3, 2, "Int8WeightPerTensorFloat", 4, input_quant=quant.Int8ActPerTensorFloat
            ),
            "layer '0' must quantize nothing but its weights, not its input",
        ),
        (
            lambda: layer(
                3, 2, "Int8WeightPerTensorFloat", 4, output_quant=quant.Int8ActPerTensorFloat
            ),
            "layer '0' must quantize nothing but its weights, not its output",
        ),
        (lambda: qnn.QuantReLU(), "layer '0' is a QuantReLU of brevitas, which cannot be imported"),
        (lambda: qnn.QuantConv1d(1, 1, 3), "layer '0' is a QuantConv1d .* convolutions share"),
    ],
)
def test_what_cannot_be_taken_over_is_refused(part, message):
    module = nn.Sequential(part(), snntorch.Leaky(0.5)).eval()
    with pytest.raises(SemanticsError, match=message) as error:
        load(module)
    assert "\n" not in str(error.value)


def test_quantized_layers_are_not_multiplied():
    module = nn.Sequential(
        layer(3, 4, "Int8WeightPerTensorFloat", 4), nn.Linear(4, 2), snntorch.Leaky(0.5)
    ).eval()
    with pytest.raises(SemanticsError, match="'0' must not be multiplied with another, as '0' and"):
        load(module)


def test_grades_that_differ_are_refused_before_a_quantized_layer():
    module = network("Int8WeightPerTensorFloat", 4)
    module[1].graded_spikes_factor = torch.tensor([1.0, 2.0, 1.0, 1.0, 1.0])
    with pytest.raises(SemanticsError, match="spikes of 'n1' must all be worth the same before"):
        load(module)


def test_steps_that_differ_where_membranes_are_compared_are_refused():
    module = network("Int8WeightPerChannelFloat", 4)
    graph = load(module, output="membrane")
    samples = events(np.random.default_rng(0), 6)
    with pytest.raises(SemanticsError, match=r"quantized weights of all neurons, .* one step"):
        quantize_with_report(graph, calibration=samples)
