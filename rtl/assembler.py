"""The assembler of the link's processor: lays instructions out, and variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from spikeloom.hls_model.errors import FitError
from spikeloom.rtl.microcode import DATA_SIZE, Condition, Instruction, Mode, Port, Source, Strobe

__all__ = ["Program"]

_MAX_WORDS = 512

Branch = tuple[Condition, str] | None


@dataclass
class Program:
    """Instructions of all threads, and their variables.

    Each method that takes ``on`` appends an instruction; ``on`` is a condition and the label to go
    to if it holds before the instruction. A variable is called by its name, a constant by itself.
    """

    initial: dict[str, int] = field(default_factory=dict)
    """Values of variables at the start; those that are not named start at 0."""
    _cells: dict[str | int, int] = field(default_factory=dict)
    _code: dict[str, Instruction] = field(default_factory=dict)
    _labels: dict[str, str] = field(default_factory=dict)
    _pending: list[str] = field(default_factory=list)
    _last: str = ""
    _is_open: bool = False

    # Places.

    def address_of(self, name: str | int) -> int:
        """Where a variable or a constant lies."""
        return self._cells.setdefault(name, len(self._cells))

    def array(self, names: list[str]) -> tuple[int, int]:
        """First address of variables that lie side by side, and the one behind the last."""
        places = [self.address_of(name) for name in names]
        if places != list(range(places[0], places[0] + len(names))):
            raise ValueError(f"variables must lie side by side, not at {places}")
        return places[0], places[0] + len(names)

    def label(self, name: str) -> None:
        """Name the next instruction."""
        if name in self._labels or name in self._pending:
            raise ValueError(f"a label must be given once, not again: {name!r}")
        self._pending.append(name)

    def jump(self, label: str) -> None:
        """Let the last instruction be followed by the one at ``label``."""
        self._code[self._last] = replace(self._code[self._last], other=label)
        self._is_open = False

    # Instructions.

    def _append(self, on: Branch, **fields) -> None:
        name = f"#{len(self._code)}"
        if self._is_open:
            self._code[self._last] = replace(self._code[self._last], other=name)
        for label in self._pending:
            self._labels[label] = name
        self._pending.clear()
        condition, then = on or (Condition.NEVER, "")
        self._code[name] = Instruction(condition=condition, then=then, **fields)
        self._last, self._is_open = name, True

    def load(self, what: str | int, on: Branch = None, strobe=Strobe.NONE) -> None:
        """accumulator ← variable or constant"""
        self._append(on, load=True, source=Source.MEMORY, argument=what, strobe=strobe)

    def add(self, what: str | int, on: Branch = None, strobe=Strobe.NONE) -> None:
        """accumulator ← accumulator + variable or constant"""
        self._append(on, source=Source.MEMORY, argument=what, strobe=strobe)

    def subtract(self, what: str | int, on: Branch = None, strobe=Strobe.NONE) -> None:
        """accumulator ← accumulator − variable or constant"""
        self._append(on, negate=True, source=Source.MEMORY, argument=what, strobe=strobe)

    def hold(self, on: Branch = None, strobe=Strobe.NONE) -> None:
        """accumulator ← accumulator"""
        self._append(on, strobe=strobe)

    def store(self, name: str, on: Branch = None, strobe=Strobe.NONE) -> None:
        """variable ← accumulator"""
        self._append(on, store=True, argument=name, strobe=strobe)

    def take(self, port: int, on: Branch = None, strobe=Strobe.NONE) -> None:
        """accumulator ← port"""
        number = Port(port) if port < Port.VALUE else port
        self._append(on, load=True, source=Source.PORT, strobe=strobe, argument=f"port {number:d}")

    def fetch(self, mode: Mode, on: Branch = None, strobe=Strobe.NONE) -> None:
        """accumulator ← memory, where the accumulator pointed before the last instruction"""
        self._append(on, load=True, source=Source.MEMORY, mode=mode, strobe=strobe)

    def put(self, mode: Mode, on: Branch = None, strobe=Strobe.NONE) -> None:
        """memory, where the accumulator pointed before the last instruction, ← accumulator"""
        self._append(on, store=True, mode=mode, strobe=strobe)

    def increment(self, names: list[str], then: str) -> None:
        """Add 1 to a number of several bytes, lowest first, and go on at ``then``."""
        for name in names:
            self.load(name)
            self.add(1)
            self.store(name, on=None if name == names[-1] else (Condition.CARRY, f"{name} carries"))
            self.jump(then)
            if name != names[-1]:
                self.label(f"{name} carries")

    # Output.

    def variables(self) -> list[int]:
        """The page of variables at the start.

        Raises
        ------
        ValueError
            If there are too many.
        """
        if len(self._cells) > DATA_SIZE:
            raise ValueError(f"a program must have 256 variables at most, not {len(self._cells)}")
        unknown = self.initial.keys() - self._cells.keys()
        if unknown:
            raise ValueError(f"initial values must be of variables, not of {sorted(unknown)}")
        return [self.initial.get(cell, 0) & 0xff if isinstance(cell, str) else cell & 0xff
                for cell in self._cells] + [0] * (DATA_SIZE - len(self._cells))

    def words(self) -> list[int]:
        """The program. Every thread begins at address 0, with the first instruction.

        Raises
        ------
        ValueError
            If a label is missing.
        FitError
            If the program is too long.
        """
        places = _place(self._resolved())
        words = [0] * (max(places) + 1)
        for address, (instruction, successor) in places.items():
            words[address] = instruction.encode(self._argument(instruction.argument), successor)
        return words

    def _argument(self, argument: str | int) -> int:
        if isinstance(argument, str) and argument.startswith("port "):
            return int(argument.removeprefix("port "))
        return self.address_of(argument)

    def _resolved(self) -> dict[str, Instruction]:
        """The code with names of instructions instead of labels."""
        def find(label: str) -> str:
            name = self._labels.get(label, label)
            if name not in self._code:
                raise ValueError(f"a label must be defined, and {label!r} is not")
            return name

        return {
            name: replace(
                ins, other=find(ins.other), then=find(ins.then) if ins.condition else "")
            for name, ins in self._code.items()
        }


def _place(code: Mapping[str, Instruction]) -> dict[int, tuple[Instruction, int]]:
    """Instructions by address, each with the address of its successor, or of its pair of them.

    An instruction that belongs to several pairs is there several times.
    """
    free = iter(range(0, _MAX_WORDS, 2))
    halves: list[int] = []
    at: dict[str, int] = {}                # one of the places of an instruction
    taken: dict[int, str] = {}
    pairs: dict[tuple[str, str], int] = {}

    def put(name: str, address: int) -> None:
        taken[address] = name
        at.setdefault(name, address)

    try:
        start = next(iter(code))
        put(start, next(free))
        halves.append(1)
        for ins in code.values():
            if ins.condition and (ins.other, ins.then) not in pairs:
                address = pairs[ins.other, ins.then] = next(free)
                put(ins.other, address)
                put(ins.then, address + 1)
        for name in code:
            if name not in at:
                if not halves:
                    address = next(free)
                    halves += [address + 1, address]
                put(name, halves.pop())
    except StopIteration:
        raise FitError(
            f"the host link's program must have {_MAX_WORDS} words at most, and this network's has "
            "more; give it fewer than 8,192 inputs, or none of its weights to load"
        ) from None
    placed = {}
    for address, name in taken.items():
        ins = code[name]
        placed[address] = (ins, pairs[ins.other, ins.then] if ins.condition else at[ins.other])
    return placed
