"""Which populations can take two events per cycle: those whose events come from inputs that send
pairs of an even and an odd address."""

from spikeloom.hls_model.errors import FitError
from spikeloom.hls_model.network import Input, Network

__all__ = ["check_events_per_cycle"]


def check_events_per_cycle(network: Network, population: str, count: int) -> None:
    """Refuse a number of events per cycle that ``population`` cannot take.

    Raises
    ------
    FitError
        If ``count`` is neither 1 nor 2; or is 2, and the population hears anything but one input
        that can send pairs.
    """
    if count not in (1, 2):
        raise FitError(f"events_per_cycle must be 1 or 2, not {count}")
    if count == 1:
        return
    inputs = {i.name: i for i in network.inputs}
    for name in dict.fromkeys(p.source for p in network.into(population)):
        reason = (
            _why_not(network, inputs[name])
            if name in inputs
            else f"a population sends one, and {population!r} hears {name!r}"
        )
        if reason is not None:
            raise FitError(
                f"{population!r} cannot take 2 events per cycle, as {reason}; leave "
                "events_per_cycle at 1"
            )


def _why_not(network: Network, input: Input) -> str | None:
    """What keeps an input from sending pairs; None if nothing does."""
    name = input.name
    if input.size < 2:
        return f"input {name!r} has one address"
    if input.held:
        return f"input {name!r} is held, and sends its events once per sample"
    for target in dict.fromkeys(p.target for p in network.out_of(name)):
        for p in network.into(target):
            if p.source != name:
                return f"{target!r} hears {p.source!r} beside input {name!r}"
            if p.delay:
                return f"{target!r} hears input {name!r} with delay {p.delay}"
    for other in network.populations:
        if name == network.inputs[0].name and all(p.delay for p in network.into(other.name)):
            return f"input {name!r} tells {other.name!r}, which has delays only, where steps end"
    return None
