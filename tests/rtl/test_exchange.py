"""Other networks in a design's logic: exact, or refused with the reason."""

from __future__ import annotations

import dataclasses
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
from spikeloom.rtl.exchange import exchange, reload
from spikeloom.rtl.loading import image_of

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


def loadable(**kinds: str) -> Any:
    """:func:`design`, some of whose populations have weights that the link can write."""
    built = design()
    plans = {
        name: dataclasses.replace(plan, weights=kinds.get(name, "bitstream"))
        for name, plan in built.plans.items()
    }
    return dataclasses.replace(built, plans=plans)


def but(old: Network, *, weights: Any = (), thresholds: Any = None) -> Network:
    """``old`` with other weights into the populations ``weights``."""
    projections = tuple(
        dataclasses.replace(p, weights=np.clip(p.weights[::-1] * -1, -4, 3))
        if p.target in weights else p
        for p in old.projections
    )
    populations = tuple(
        dataclasses.replace(p, parameters={"threshold": thresholds})
        if thresholds is not None and p.name == "hidden" else p
        for p in old.populations
    )
    return Network(old.inputs, populations, projections, old.output)


def test_what_a_running_board_takes():
    built = loadable(hidden="loadable")
    other = but(network(), weights=("hidden",))
    reloaded = reload(built, other)
    assert reloaded.network is other
    assert image_of(reloaded.plans) != image_of(built.plans)
    assert image_of(reload(reloaded, network()).plans) == image_of(built.plans)
    firmer = but(network(), thresholds=[5, 6, 7, 6, 5, 4])
    assert image_of(reload(built, firmer).plans) != image_of(built.plans)


@pytest.mark.parametrize(("kinds", "changes", "message"), [
    ({}, {"weights": ("hidden",)}, "no weights of this design can be loaded; build it with `--l"),
    ({"hidden": "loadable"}, {"weights": ("hidden", "out")},
     "the weights of 'out', which are not loadable, must stay as built; put them into the bits"),
    ({"out": "loadable"}, {"thresholds": [5, 6, 7, 6, 5, 4]},
     "the parameter 'threshold' of 'hidden', whose core is not loadable, must stay as built; put"),
    ({"hidden": "loadable"}, {"thresholds": [5, 6, 7, 6, 5, 14]},
     "the parameter 'threshold' of 'hidden' must lie in [0, 7], not in [5, 14]"),
])
def test_what_it_does_not_take(kinds: Any, changes: Any, message: str):
    with pytest.raises(FitError) as error:
        reload(loadable(**kinds), but(network(), **changes))
    assert str(error.value).startswith(message)


def test_sums_beyond_those_that_were_built_are_refused():
    wide = Network(
        network().inputs, network().populations,
        tuple(dataclasses.replace(p, weights=np.full_like(p.weights, 7))
              if p.target == "hidden" else p for p in network().projections),
        network().output,
    )  # fmt: skip
    with pytest.raises(FitError, match=r"sums of 'hidden' must lie in .*, not in \[0, 35\]"):
        reload(loadable(hidden="loadable"), wide)
