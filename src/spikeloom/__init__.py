"""From a trained spiking network to a running FPGA, bit for bit."""
