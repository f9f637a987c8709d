"""Other networks in a design's logic: exact, or refused with the reason."""

from __future__ import annotations

from typing import Any

import networks
import numpy as np
import pytest
from replay import replay

from spikeloom.hls_model import (
    LIF,
    Input,
    Integrator,
    Network,
    Output,
    Population,
    Projection,
    Range,
    ShiftLeak,
)
from spikeloom.hls_model.errors import FitError
from spikeloom.rtl.exchange import exchange

WORD = Range.signed(8)


def network(
    seed: int = 0,
    *,
    thresholds: Any = None,
    largest: int = 3,
    word: Range = WORD,
    hidden: int = 6,
    bits: int = 4,
    leak: int = 2,
    output: str = "out",
) -> Network:
    """5-6-3; all of a hidden neuron's weights are ``largest`` or less."""
    rng = np.random.default_rng(seed)
    bias = rng.integers(0, 4, 3) + np.array([0, 1, 4])
    if thresholds is None:
        thresholds = rng.integers(4, 8, hidden)
        thresholds[:2] = 4, 7
    first = rng.integers(-largest, largest + 1, (hidden, 5))
    first[0], first[1] = largest, -largest
    second = rng.integers(-3, 4, (3, hidden))
    second[0], second[1] = 3, -3
    return Network(
        (Input("pixels", (5,)),),
        (
            Population("hidden", hidden, LIF(word, ShiftLeak((leak,))), {"threshold": thresholds}),
            Population("out", 3, Integrator(WORD), {}, {"x": bias}),
        ),
        (
            Projection("pixels", "hidden", first, bits=bits),
            Projection("hidden", "out", second, bits=4),
        ),
        Output(output, "v" if output == "out" else "events"),
    )


def design() -> Any:
    return networks.design_of(network(), hidden=(3, 1, 1), out=(3, 3, 1))


def test_another_network_runs_exactly_in_the_same_logic():
    # Narrower sums and thresholds than those that the logic is made for.
    other = network(1, thresholds=[1, 2, 3, 3, 2, 1], largest=1)
    exchanged = exchange(design(), other)
    assert exchanged.network is other
    assert {n: p.dataflow.inputs.keys() for n, p in exchanged.plans.items()} == {
        n: p.dataflow.inputs.keys() for n, p in design().plans.items()
    }
    rng = np.random.default_rng(0)
    replay(exchanged, rng.random((3, 6, 5)) < 0.6)
    again = exchange(exchanged, network(2))
    replay(again, rng.random((2, 5, 5)) < 0.6)


def test_only_memories_differ():
    def logic(design: Any) -> list[str]:
        text = design.verilog()
        return [line for line in text.splitlines() if not ("'h" in line and "] = " in line)]

    other = network(1, thresholds=[1, 2, 3, 3, 2, 1], largest=1)
    assert logic(exchange(design(), other)) == logic(design())
    assert exchange(design(), other).verilog() != design().verilog()


@pytest.mark.parametrize(("changes", "message"), [
    ({"hidden": 7}, (
        "the populations must stay [('hidden', 6), ('out', 3)], not become [('hidden', 7), "
        "('out', 3)]"
    )),
    ({"bits": 5}, (
        "the projection pixels→hidden (x, delay 0, 4 bits) must stay, and not become "
        "pixels→hidden (x, delay 0, 5 bits)"
    )),
    ({"output": "hidden"}, "the outputs must stay [('out', 'v')], not become [('hidden'"),
    ({"leak": 3}, "the neuron of 'hidden' must stay LIF("),
    ({"word": Range.signed(9)}, "the neuron of 'hidden' must stay LIF("),
    ({"largest": 7}, "weighted sums of 'hidden' must lie in [-16, 15], not in [-35, 35]"),
    ({"thresholds": [4, 5, 6, 7, 8, 9]}, (
        "the parameter 'threshold' of 'hidden' must lie in [0, 7], not in [4, 9]"
    )),
])
def test_what_is_part_of_the_logic_is_refused(changes: dict[str, Any], message: str):
    with pytest.raises(FitError) as error:
        exchange(design(), network(1, **changes))
    assert str(error.value).startswith(message)
    assert str(error.value).endswith(", which is part of the logic; run `spikeloom build`")


def test_a_parameter_that_all_share_is_a_constant():
    shared = networks.design_of(network(thresholds=5), hidden=(3, 1, 1), out=(3, 3, 1))
    assert exchange(shared, network(1, thresholds=5)).network.hash == network(
        1, thresholds=5).hash
    with pytest.raises(FitError) as error:
        exchange(shared, network(1, thresholds=6))
    assert str(error.value) == (
        "the parameter 'threshold' of 'hidden', which all neurons share, must stay 5, not become "
        "[6, 6], which is part of the logic; run `spikeloom build`"
    )
