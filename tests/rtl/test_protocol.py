"""The frame codec and the messages, against their definitions."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikeloom.hls_model.errors import BoardError
from spikeloom.hls_model.ranges import Range
from spikeloom.rtl.protocol import (
    CRC,
    MAX_BODY,
    OVERHEAD,
    Counters,
    Description,
    FrameError,
    Identity,
    cobs_decode,
    cobs_encode,
    crc16,
    decode_frame,
    encode_frame,
)
from spikeloom.rtl.tokens import TokenFormat


def test_crc_check_value():
    # The check value of CRC-16/IBM-3740 in the catalogue of reveng.
    assert crc16(b"123456789") == 0x29B1
    assert crc16(b"123456789\x29\xb1") == 0


@given(st.binary(max_size=200))
def test_crc_is_the_gateware_s(data):
    assert crc16(data) == CRC().compute(data)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        # The examples of the COBS paper's usual retelling.
        ("", "01"),
        ("00", "0101"),
        ("0000", "010101"),
        ("001100", "01021101"),
        ("11220033", "0311220233"),
        ("11223344", "0511223344"),
        ("11000000", "0211010101"),
    ],
)
def test_cobs_vectors(data, code):
    assert cobs_encode(bytes.fromhex(data)).hex() == code
    assert cobs_decode(bytes.fromhex(code)).hex() == data


@given(st.binary(max_size=253))
def test_cobs_round_trip(data):
    code = cobs_encode(data)
    assert 0 not in code
    assert len(code) == len(data) + 1
    assert cobs_decode(code) == data


@pytest.mark.parametrize("code", [b"", b"\x03\x11", b"\x01\x00\x01", b"\x01\xff"])
def test_bad_cobs(code):
    with pytest.raises(FrameError):
        cobs_decode(code)


def test_cobs_has_a_limit():
    with pytest.raises(ValueError, match="at most 253 bytes, not 254"):
        cobs_encode(bytes(254))


def test_a_frame_byte_by_byte():
    # docs/link.md shows this frame.
    assert encode_frame(0x02, 0x00, b"\x05\x81").hex(" ") == "02 02 05 05 81 17 f4 00"


@given(st.integers(0, 255), st.integers(0, 255), st.binary(max_size=MAX_BODY))
def test_frame_round_trip(kind, tag, body):
    code = encode_frame(kind, tag, body)
    assert len(code) == len(body) + OVERHEAD
    assert code.index(0) == len(code) - 1
    assert decode_frame(code[:-1]) == (kind, tag, body)


@given(st.binary(min_size=1, max_size=MAX_BODY), st.data())
def test_up_to_three_flipped_bits_are_found(body, data):
    # The Hamming distance of this CRC is 4 up to 4,093 bytes (Koopman).
    frame = cobs_decode(encode_frame(2, 0, body)[:-1])
    bits = data.draw(
        st.lists(st.integers(0, 8 * len(frame) - 1), min_size=1, max_size=3, unique=True))
    number = int.from_bytes(frame, "big")
    for bit in bits:
        number ^= 1 << bit
    with pytest.raises(FrameError, match="CRC"):
        decode_frame(cobs_encode(number.to_bytes(len(frame), "big")))


@pytest.mark.parametrize("size", [0, 3, 129])
def test_frames_of_a_wrong_length(size):
    with pytest.raises(FrameError, match=f"4 to 128 bytes, not {size}"):
        decode_frame(cobs_encode(bytes(size)))


def test_a_body_too_long():
    with pytest.raises(ValueError, match="at most 124 bytes, not 125"):
        encode_frame(2, 0, bytes(125))


DESCRIPTION = Description(
    Identity(0x0123456789ABCDEF, "ulx3s-25f", 25_000_000, contract=3),
    512, TokenFormat(784, Range(0, 1)), TokenFormat(10, Range(-(2**31), 2**31 - 1)))


def test_description_byte_by_byte():
    assert DESCRIPTION.pack() == (
        b"SPKL\x01\x03\x00\x02\x40\x78\x7d\x01"
        b"\xef\xcd\xab\x89\x67\x45\x23\x01"
        b"\x10\x03\x00\x00" + bytes(8) + b"\x01" + bytes(7)
        + b"\x0a\x00\x00\x00\x00\x00\x00\x80\xff\xff\xff\xff\xff\xff\xff\x7f" + bytes(4)
        + b"ulx3s-25f"
    )
    assert Description.unpack(DESCRIPTION.pack()) == DESCRIPTION


@pytest.mark.parametrize("size", [0, 4, 5, 6, 30, 59])
def test_a_truncated_description_is_refused(size):
    with pytest.raises(BoardError, match=r"\A[^\n]+\Z"):
        Description.unpack(DESCRIPTION.pack()[:size])


@pytest.mark.parametrize("board", ["", "x" * 33, "ü"])
def test_board_names(board):
    with pytest.raises(ValueError, match="1 to 32 ASCII characters"):
        Identity(0, board, 1)


def test_network_hashes_have_64_bits():
    with pytest.raises(ValueError, match="64 bits"):
        Identity(1 << 64, "board", 1)


def test_counters_byte_by_byte():
    code = bytes.fromhex("01000000 00020000 00000300 04000000")
    assert Counters.unpack(code) == Counters(1, 0x200, 0x30000, 4)
    assert Counters(1, 0x200, 0x30000, 4).pack() == code
    with pytest.raises(BoardError, match="16 bytes, not 3"):
        Counters.unpack(bytes(3))
