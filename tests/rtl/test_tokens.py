"""Events as bytes, on the host."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom.hls_model.errors import SampleError
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.tokens import Token, TokenFormat


def write(format, addresses, values=None):
    """The events of one step as a frame's body."""
    body, page = b"", 0
    for number, run in format.runs(addresses, values):
        body += (format.page_code(number) if number != page else b"") + run
        page = number
    return body


@pytest.mark.parametrize(
    ("size", "value", "page_bits", "page_tokens", "value_bytes", "max_bytes"),
    [
        (1, Range(0, 1), 0, 0, 0, 1),
        (128, Range(0, 1), 0, 0, 0, 1),
        (129, Range(0, 1), 1, 1, 0, 2),
        (784, Range(-1, 0), 3, 1, 1, 3),
        (8192, Range(0, 255), 6, 1, 1, 3),
        (8193, Range(0, 256), 7, 2, 2, 5),
        (65536, Range.signed(32), 9, 2, 4, 7),
    ],
)
def test_sizes(size, value, page_bits, page_tokens, value_bytes, max_bytes):
    format = TokenFormat(size, value)
    assert format.page_bits == page_bits
    assert format.page_tokens == page_tokens
    assert format.value_bytes == value_bytes
    assert format.max_bytes == max_bytes


@pytest.mark.parametrize(
    ("format", "addresses", "values", "code"),
    [
        (TokenFormat(10, Range(0, 1)), [3, 0], None, "00 03"),
        (TokenFormat(784, Range(0, 1)), [5, 127, 128, 783], None, "05 7f c1 00 c6 0f"),
        (TokenFormat(65536, Range(0, 1)), [65535], None, "c7 ff 7f"),
        (TokenFormat(10, Range(-300, 300)), [1, 0], [-2, 300], "00 2c 01 01 fe ff"),
    ],
)
def test_vectors(format, addresses, values, code):
    assert write(format, addresses, values).hex(" ") == code
    assert format.end_code(False).hex() == "80"
    assert format.end_code(True).hex() == "81"


@st.composite
def steps(draw):
    size = draw(st.sampled_from([1, 10, 128, 129, 784, 8192, 8193, 65536]))
    lo = draw(st.integers(-(2**31), 0))
    hi = draw(st.integers(max(lo, 1), min(lo + 2**32, 2**31) - 1))
    format = TokenFormat(size, draw(st.sampled_from([Range(0, 1), Range(lo, hi)])))
    addresses = sorted(draw(st.lists(st.integers(0, size - 1), max_size=30)))
    values = [draw(st.integers(lo, hi)) if format.value_bytes else 1 for _ in addresses]
    return format, addresses, values


@given(steps())
def test_round_trip(step):
    format, addresses, values = step
    body = write(format, addresses, values) + format.end_code(True)
    assert list(format.decode(body)) == [
        *(Token(0, 0, *event) for event in zip(addresses, values, strict=True)),
        Token(1, 1, 0, 0),
    ]


def test_the_page_is_cleared_at_the_end_of_a_step():
    format = TokenFormat(784, Range(0, 1))
    tokens = list(format.decode(bytes.fromhex("c605 80 05")))
    assert [token.address for token in tokens if not token.end] == [773, 5]


@pytest.mark.parametrize(
    ("format", "code"),
    [
        (TokenFormat(10, Range(0, 1)), "0a"),
        (TokenFormat(10, Range(0, 1)), "c0"),
        (TokenFormat(10, Range(0, 1)), "82"),
        (TokenFormat(784, Range(0, 1)), "c610"),
        (TokenFormat(784, Range(0, 1)), "c8"),
        (TokenFormat(10, Range(0, 500)), "00f501"),
        (TokenFormat(10, Range(0, 500)), "0001"),
    ],
)
def test_what_is_no_token(format, code):
    with pytest.raises(ValueError, match=r"must be|is no token"):
        list(format.decode(bytes.fromhex(code)))


def test_spikes_without_grade_carry_the_value_one():
    format = TokenFormat(10, Range(0, 1))
    assert write(format, [3], [1]) == b"\3"
    with pytest.raises(SampleError, match=r"event values must be in \[1, 1\], not \[0, 0\]"):
        write(format, [3], [0])


@pytest.mark.parametrize("size", [0, 65537])
def test_numbers_of_addresses(size):
    with pytest.raises(ValueError, match=f"1 to 65,536 addresses, not {size}"):
        TokenFormat(size, Range(0, 1))


def test_values_beyond_32_bits():
    with pytest.raises(ValueError, match="32 bits"):
        TokenFormat(1, Range(0, 1 << 32))
