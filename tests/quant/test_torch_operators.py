"""PyTorch's operators: exact like NumPy's, and gradients against hand formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.hls_model import Range
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.hls_model.operators import OPERATORS
from spikeloom.quant.torch_operators import PLAIN, TORCH_OPERATORS, Gradients, Surrogate

quick = settings(derandomize=True, deadline=None, max_examples=300)
WIDE = Range.signed(24)
F32, F64 = torch.float32, torch.float64


def test_every_operator_is_there():
    assert set(TORCH_OPERATORS) == set(OPERATORS)


@st.composite
def cases(draw):
    """An operator, its operands (vectors of integers), and its attributes."""
    name = draw(st.sampled_from(sorted(OPERATORS)))
    number = st.integers(-(2**23), 2**23 - 1) | st.integers(-20, 20)
    if name in ("mul", "shift_left"):
        number = st.integers(-(2**11), 2**11)
    if name in ("add", "sub"):
        number = st.integers(-(2**22), 2**22)
    attrs = {}
    match name:
        case "shift_left":
            attrs = {"amount": draw(st.integers(0, 11))}
        case "shift_right":
            rounding = draw(st.sampled_from(["floor", "trunc", "nearest"]))
            attrs = {"amount": draw(st.integers(0, 40)), "rounding": rounding}
        case "saturate":
            attrs = {"range": Range(*sorted((draw(number), draw(number))))}
        case "wrap":
            word = draw(st.sampled_from([Range.signed, Range.unsigned]))
            attrs = {"range": word(draw(st.integers(1, 23)))}
        case "lookup":
            table = draw(st.lists(number, min_size=1, max_size=30))
            attrs, number = {"table": tuple(table)}, st.integers(0, len(table) - 1)
    count = {"neg": 1, "shift_left": 1, "shift_right": 1, "saturate": 1, "wrap": 1, "lookup": 1,
             "select": 3}.get(name, 2)  # fmt: skip
    length = draw(st.integers(1, 8))
    operands = [draw(st.lists(number, min_size=length, max_size=length)) for _ in range(count)]
    return name, operands, attrs


@quick
@given(cases(), st.sampled_from([F32, F64]))
def test_results_are_those_of_numpy(case, dtype):
    name, operands, attrs = case
    expected = OPERATORS[name].numpy(*(np.array(o, np.int64) for o in operands), **attrs)
    tensors = [torch.tensor(o, dtype=dtype) for o in operands]
    result = TORCH_OPERATORS[name].forward(*tensors, **attrs)
    assert result.dtype == dtype
    assert result.double().tolist() == np.asarray(expected).astype(float).tolist()
    assert [t.tolist() for t in tensors] == [[float(v) for v in o] for o in operands]


def gradient(name, *operands, ranges=None, how=PLAIN, grad=1.0, **attrs):
    tensors = tuple(torch.tensor(o, dtype=F64) for o in operands)
    ranges = ranges or (WIDE,) * len(operands)
    grads = TORCH_OPERATORS[name].backward(
        torch.full_like(tensors[0], grad), tensors, ranges, attrs, how
    )
    return [None if g is None else g.tolist() for g in grads]


FLAG = Range(0, 1)


@pytest.mark.parametrize(
    ("name", "operands", "attrs", "expected"),
    [
        ("add", ([3.0], [4.0]), {}, [[2.0], [2.0]]),
        ("sub", ([3.0], [4.0]), {}, [[2.0], [-2.0]]),
        ("neg", ([3.0],), {}, [[-2.0]]),
        ("mul", ([3.0], [4.0]), {}, [[8.0], [6.0]]),
        ("shift_left", ([3.0],), {"amount": 3}, [[16.0]]),
        ("shift_right", ([3.0],), {"amount": 3, "rounding": "floor"}, [[0.25]]),
        ("minimum", ([3.0, 4.0, 5.0], [4.0, 4.0, 4.0]), {}, [[2.0, 2.0, 0.0], [0.0, 0.0, 2.0]]),
        ("maximum", ([3.0, 4.0, 5.0], [4.0, 4.0, 4.0]), {}, [[0.0, 2.0, 2.0], [2.0, 0.0, 0.0]]),
        ("saturate", ([-9.0, -8.0, 0.0, 8.0],), {"range": Range(-8, 7)}, [[0.0, 2.0, 2.0, 0.0]]),
        ("wrap", ([9.0],), {"range": Range.signed(4)}, [[2.0]]),
        ("lookup", ([0.0, 1.0, 2.0],), {"table": (3, 5, 11)}, [[4.0, 8.0, 12.0]]),
        ("eq", ([3.0], [3.0]), {}, [None, None]),
        ("bit_and", ([6.0], [3.0]), {}, [None, None]),
    ],
)  # fmt: skip
def test_gradients(name, operands, attrs, expected):
    assert gradient(name, *operands, grad=2.0, **attrs) == expected


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("bit_and", lambda a, b: a * b),
        ("bit_or", lambda a, b: a + b - a * b),
        ("bit_xor", lambda a, b: a + b - 2 * a * b),
        ("eq", lambda a, b: 1 - a - b + 2 * a * b),
    ],
)
def test_flags_are_polynomials(name, rule):
    a = torch.tensor([0.0, 0.0, 1.0, 1.0], dtype=F64, requires_grad=True)
    b = torch.tensor([0.0, 1.0, 0.0, 1.0], dtype=F64, requires_grad=True)
    value = rule(a, b)
    assert TORCH_OPERATORS[name].forward(a, b).tolist() == value.tolist()
    faster = TORCH_OPERATORS[name].on_flags
    assert faster is None or faster(a.detach(), b.detach()).tolist() == value.tolist()
    expected = [g.tolist() for g in torch.autograd.grad(value.sum(), (a, b))]
    assert gradient(name, a.tolist(), b.tolist(), ranges=(FLAG, FLAG)) == expected


def test_not_of_a_flag():
    assert gradient("eq", [0.0, 1.0], [0.0, 0.0], ranges=(FLAG, Range(0, 0))) == [[-1, -1], None]


def test_select():
    operands = ([0.0, 1.0], [5.0, 5.0], [2.0, 2.0])
    flags, others = (FLAG, WIDE, WIDE), (WIDE, WIDE, WIDE)
    assert gradient("select", *operands, ranges=flags) == [[3.0, 3.0], [0.0, 1.0], [1.0, 0.0]]
    operands = ([0.0, 7.0], [5.0, 5.0], [2.0, 2.0])
    assert gradient("select", *operands, ranges=others) == [None, [0.0, 1.0], [1.0, 0.0]]


def test_saturated_values_pass_gradients_if_asked():
    how = Gradients(pass_saturated=True)
    assert gradient("saturate", [-9.0, 3.0], how=how, range=Range(-8, 7)) == [[1.0, 1.0]]


SHAPES = {
    "fast_sigmoid": lambda y: 1 / (1 + abs(y)) ** 2,
    "atan": lambda y: 1 / (1 + y * y),
    "triangle": lambda y: max(0.0, 1 - abs(y)),
    "box": lambda y: float(abs(y) <= 1),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_surrogates_are_measured_by_the_threshold(shape):
    """Twice the threshold: twice as wide, half as steep."""
    v = [90.0, 100.0, 117.0, 125.0, 160.0]
    for unit in (50.0, 100.0):
        how = Gradients(Surrogate(shape, 0.25), torch.tensor(unit, dtype=F64))
        expected = [SHAPES[shape]((a - 100) / (0.25 * unit)) / unit for a in v]
        to_v, to_threshold = gradient("ge", v, [100.0] * 5, how=how)
        assert to_v == pytest.approx(expected)
        assert to_threshold == pytest.approx([-e for e in expected])


def test_constants_of_the_code_measure_themselves():
    how = Gradients(Surrogate("triangle", 0.5), 1000.0)
    found = gradient("ge", [5.0, 4.0], [4.0, 4.0], ranges=(WIDE, Range(4, 4)), how=how)
    assert found[0] == pytest.approx([0.5 / 4, 1 / 4])


def test_snntorch_surrogates():
    """Its fast sigmoid with slope 25 and arctangent with alpha 2, at a threshold of 1."""
    snntorch = pytest.importorskip("snntorch")
    for ours, theirs in (
        (Surrogate("fast_sigmoid", 1 / 25), snntorch.surrogate.fast_sigmoid(25)),
        (Surrogate("atan", 1 / math.pi), snntorch.surrogate.atan(2.0)),
    ):
        v = torch.linspace(-2, 2, 41, dtype=F64, requires_grad=True)
        (expected,) = torch.autograd.grad(theirs(v).sum(), v)
        assert torch.allclose(ours.derivative(v.detach(), 1.0), expected)


def test_wrong_surrogates():
    with pytest.raises(SemanticsError, match=r"a surrogate's shape must be one of .*, not 'tanh'"):
        Surrogate("tanh")
    with pytest.raises(SemanticsError, match="a surrogate's width must be positive, not 0"):
        Surrogate(width=0)
