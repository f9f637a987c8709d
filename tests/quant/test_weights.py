import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikeloom.quant.weights import Block, choose_scales, quantize_weights


def block(weights: np.ndarray, bits: int) -> Block:
    return Block(weights, 2 ** (bits - 1) - 1, np.ones(weights.shape[1]))


@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.integers(2, 8),
    power=st.booleans(),
    one_scale=st.booleans(),
)
def test_what_integers_can_express_stays_exact(seed, bits, power, one_scale):
    random = np.random.default_rng(seed)
    limit = 2 ** (bits - 1) - 1
    levels = random.integers(-limit, limit + 1, (5, 9))
    steps = 2.0 ** random.integers(-6, 3, 5) if power else random.uniform(0.01, 3, 5)
    steps = np.full(5, steps[0]) if one_scale else steps
    weights = (levels * steps[:, None]).astype(np.float32).astype(np.float64)
    scales = choose_scales([block(weights, bits)], np.ones(5), one_scale)
    restored = quantize_weights(weights, scales, limit) * scales[:, None]
    assert np.allclose(restored, weights, rtol=1e-5, atol=0)
    if power:
        assert (np.log2(scales) % 1 == 0).all()
        assert (restored == weights).all()


def test_clipping_lowers_the_error_of_outliers():
    weights = np.random.default_rng(3).normal(0, 1, (8, 400))
    weights[:, 0] = 6.0
    scales = choose_scales([block(weights, 4)], np.ones(8))
    plain = np.abs(weights).max(axis=1) / 7

    def error(s):
        return ((quantize_weights(weights, s, 7) * s[:, None] - weights) ** 2).sum()

    assert error(scales) < 0.8 * error(plain)


def test_projections_into_one_neuron_share_its_scale():
    a, b = np.array([[0.5, 0.25]]), np.array([[8.0]])
    (scale,) = choose_scales([block(a, 8), block(b, 4)], np.ones(1))
    assert quantize_weights(b, np.array([scale]), 7)[0, 0] * scale == pytest.approx(8)


def test_a_row_of_zeros_takes_the_fallback():
    assert choose_scales([block(np.zeros((2, 3)), 4)], np.array([0.5, 0.25])).tolist() == [
        0.5,
        0.25,
    ]
