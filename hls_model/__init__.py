"""Number types, the neuron language, the integer network and its reference."""
