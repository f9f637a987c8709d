"""A serial port for the driver whose other end is gateware in Amaranth's simulator."""

import queue


class SimulatedPort:
    """A port that hands bytes to a simulation and takes its answers."""

    def __init__(self):
        self.timeout = None
        self.to_board = queue.SimpleQueue()
        self.from_board = queue.SimpleQueue()

    def write(self, data):
        for byte in data:
            self.to_board.put(byte)

    def read(self, size=1):
        try:
            return bytes([self.from_board.get(timeout=self.timeout)])
        except queue.Empty:
            return b""

    def close(self):
        pass
