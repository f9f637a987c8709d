import numpy as np
import pytest

from spikeloom.hls_model import NoLeak, ScaleLeak, ShiftLeak
from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.leaks import choose_leak


@pytest.mark.parametrize(
    ("beta", "shifts"),
    [(0.0, (0,)), (0.5, (1,)), (0.875, (3,)), (0.8125, (3, 4)), (np.float32(1 - 2**-10), (10,))],
)
def test_decays_on_the_grid_of_shifts_are_exact(beta, shifts):
    found = choose_leak(np.full(3, beta, dtype=np.float64))
    assert found.leak == ShiftLeak(shifts)
    assert np.abs(found.beta - beta).max() <= 1e-6


def test_no_decay_is_no_leak():
    assert choose_leak(np.ones(2)).leak == NoLeak()
    assert str(choose_leak(np.ones(2))) == "v"


def test_other_decays_take_as_many_bits_as_they_need():
    found = choose_leak(np.array([0.9, 0.95]))
    assert isinstance(found.leak, ScaleLeak)
    assert (np.abs(found.beta - [0.9, 0.95]) <= [0.1 / 256, 0.05 / 256]).all()
    assert choose_leak(np.array([0.25, 0.5])).leak == ScaleLeak(2)
    assert str(choose_leak(np.array([0.25, 0.5]))) == "(v·[1 … 2])≫2"


def test_shifts_are_taken_when_asked_for():
    assert choose_leak(np.full(2, 0.9), "shift").leak == ShiftLeak((4, 5))
    assert str(choose_leak(np.full(2, 0.9), "shift")) == "v − (v≫4) − (v≫5)"
    with pytest.raises(SemanticsError, match=r"one decay for all neurons of 'a', not \[0.9 … 1\]"):
        choose_leak(np.array([0.9, 1.0]), "shift", "a")
