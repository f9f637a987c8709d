"""Which edges of a loop go back follows from the graph, never from the order of a file."""

import itertools

import pytest

from spikeloom.hls_model.errors import SemanticsError
from spikeloom.quant.loops import feedback


def back(text: str, inputs=("in",), **delays: int) -> set[str]:
    edges = {tuple(e.split(">")): 0 for e in text.split()}
    edges |= {tuple(e.split("_")): d for e, d in delays.items()}
    results = {
        frozenset(feedback(dict(order), inputs, "model.nir"))
        for order in itertools.islice(itertools.permutations(edges.items()), 200)
    }
    (result,) = results
    return {">".join(edge) for edge in result}


def test_without_loops_nothing_goes_back():
    assert back("in>a a>b in>b b>c a>c") == set()


def test_what_returns_to_its_own_neurons_goes_back():
    assert back("in>a a>a a>b") == {"a>a"}


def test_what_returns_to_where_the_loop_was_entered_goes_back():
    assert back("in>a a>b b>c c>a c>d") == {"c>a"}
    assert back("in>a a>b b>a b>c c>b") == {"b>a", "c>b"}
    assert back("in>a a>b b>a a>c c>a") == {"b>a", "c>a"}


def test_several_inputs_may_enter_at_one_neuron():
    assert back("in>a x>a a>b b>a", inputs=("in", "x")) == {"b>a"}


def test_a_loop_with_a_delay_needs_no_decision():
    assert back("in>a a>b in>b", b_a=1) == set()


def test_a_loop_that_is_entered_twice_is_refused():
    with pytest.raises(SemanticsError, match=r"loop that can be entered at several .*, as") as e:
        back("in>a in>b a>b b>a")
    assert "put a Delay of one step on the edge that goes back" in str(e.value)
    assert "→" in str(e.value)


def test_a_loop_that_nothing_enters_is_refused():
    with pytest.raises(SemanticsError, match="entered at several"):
        back("in>a b>c c>b")
