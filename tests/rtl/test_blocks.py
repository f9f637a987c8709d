"""Block RAMs: their shapes, and where they keep the bits of a row."""

from __future__ import annotations

import pytest

from spikeloom.rtl.blocks import find_block

ECP5, ICE40 = find_block("ecp5"), find_block("iCE40")


@pytest.mark.parametrize(
    ("family", "rows", "width", "shape"),
    [
        ("ecp5", 8, 17, (1024, 18)),
        ("ecp5", 512, 64, (512, 36)),
        ("ecp5", 784, 64, (1024, 18)),
        # Six blocks above each other would need six multiplexers of 64 bits.
        ("ecp5", 6272, 64, (8192, 2)),
        ("ecp5", 1500, 36, (2048, 9)),
        ("GW1NR-9C", 3920, 108, (2048, 9)),
        ("gowin", 1568, 36, (2048, 9)),
        ("ice40hx", 5, 2, (2048, 2)),
        ("ice40hx", 64, 16, (256, 16)),
        ("ice40up", 784, 64, (1024, 4)),
    ],
)
def test_the_shape_that_takes_the_fewest_blocks(family, rows, width, shape):
    assert find_block(family).shape_for(rows, width) == shape


def test_words_of_an_ecp5_block():
    assert ECP5.words([1, 2], 18) == [1, 2]
    # Rows of 36 bits, the lower half first.
    assert ECP5.words([0x2_0000_0003 << 2 | 1, 5], 36) == [
        0xD, 0x2_0000_0003 << 2 >> 18, 5, 0,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("bits", "rows", "words"),
    [
        (9, [0x1FF, 0x001, 0x155], [0x001 << 9 | 0x1FF, 0x155]),
        (4, [1, 2, 3, 4, 15], [4 << 13 | 3 << 9 | 2 << 4 | 1, 15]),
        (2, [3, 0, 1, 2, 3], [3 << 9 | 2 << 6 | 1 << 4 | 3]),
        (1, [1] * 9 + [0] * 7 + [1], [1 << 9 | 0xFF, 1]),
    ],
)
def test_narrow_rows_leave_the_ninth_bit_of_a_byte(bits, rows, words):
    assert ECP5.words(rows, bits) == words


def test_words_of_an_ice40_block():
    assert ICE40.words([0x1234, 5], 16) == [0x1234, 5]
    # Rows from 256 on lie between the bits of those before.
    rows = [0] * 512
    rows[3], rows[259] = 0b1000_0001, 0b0000_0011
    words = ICE40.words(rows, 8)
    assert words[3] == (1 << 14 | 1 << 0) | (1 << 1 | 1 << 3)
    rows = [0] * 2048
    rows[0], rows[256], rows[1792] = 0b01, 0b10, 0b11
    assert ICE40.words(rows, 2)[0] == 1 << 0 | 1 << 9 | (1 << 7 | 1 << 15)


def test_other_families_are_left_to_yosys():
    assert find_block("") is None
