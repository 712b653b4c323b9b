"""The AMI stream as packets: whatever the cut, whatever the bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decroche.asterisk.decoder import EVENT_BYTES, HEADERS, Decoder, Packet

HELLO = b"Asterisk Call Manager/11.0.0\r\n"
PACKETS: list[Packet] = [
    {"Response": "Success", "ActionID": "1", "Message": "Authentication accepted"},
    {"Event": "CEL", "EventName": "CHAN_START", "Channel": "PJSIP/ana-1", "Extra": ""},
    {"Event": "QueueMember", "Name": "Zoé Ünal-日本 🙂", "Note": "a: b: c", "Empty": ""},
]


def written(packets: list[Packet]) -> bytes:
    text = "".join(
        "".join(f"{name}: {value}\r\n" for name, value in packet.items()) + "\r\n"
        for packet in packets
    )
    return text.encode()


def fed(*portions: bytes) -> list[Packet]:
    decoder = Decoder()
    return [packet for portion in portions for packet in decoder.feed(portion)]


def test_it_reads_whole_packets() -> None:
    assert fed(HELLO + written(PACKETS)) == PACKETS
    assert ["Event" in packet for packet in PACKETS] == [False, True, True]


def test_no_cut_loses_anything() -> None:
    stream = HELLO + written(PACKETS)
    for cut in range(len(stream) + 1):
        assert fed(stream[:cut], stream[cut:]) == PACKETS, cut


def test_single_bytes_lose_nothing() -> None:
    stream = HELLO + written(PACKETS)
    assert fed(*(stream[at : at + 1] for at in range(len(stream)))) == PACKETS


@given(st.lists(st.binary(max_size=60)), st.lists(st.integers(1, 40), min_size=1))
def test_any_bytes_give_the_same_packets_whatever_the_cuts(
    chunks: list[bytes], sizes: list[int]
) -> None:
    stream = HELLO + b"\r\n".join(chunks) + written(PACKETS)
    portions: list[bytes] = []
    at = 0
    while at < len(stream):
        size = sizes[len(portions) % len(sizes)]
        portions.append(stream[at : at + size])
        at += size
    assert fed(*portions) == fed(stream)
    assert fed(stream)[-2:] == PACKETS[-2:]


def test_the_first_of_a_repeated_header_wins() -> None:
    stream = b"Event: CEL\r\nChannel: true\r\nChannel: smuggled\r\nEvent: Forged\r\n\r\n"
    assert fed(HELLO + stream) == [{"Event": "CEL", "Channel": "true"}]


def test_bytes_that_are_no_text_are_marked_and_harm_nothing() -> None:
    (packet,) = fed(HELLO + b"Event: X\r\nName: \xff\xc3\r\nNext: y\r\n\r\n")
    assert packet == {"Event": "X", "Name": "\ufffd\ufffd", "Next": "y"}


def test_other_line_ends_are_part_of_a_value() -> None:
    """Only CR LF ends a line: no other control character of a value begins a header."""
    for code in (*range(0x00, 0x0D), *range(0x0E, 0x20), 0x7F, 0x85, 0x2028):
        sign = chr(code)
        stream = f"Event: X\r\nName: a{sign}Event: Forged{sign}{sign}b\r\n\r\n".encode()
        (packet,) = fed(HELLO + stream)
        assert packet["Event"] == "X"
        assert packet["Name"] == f"a{sign}Event: Forged{sign}{sign}b"


def test_lines_that_are_no_headers_are_left_out() -> None:
    stream = b"Event: X\r\nno header\r\nA:b\r\n: nameless\r\n\r\n"
    (packet,) = fed(HELLO + stream)
    assert packet["Event"] == "X" and packet["A"] == "b"
    assert "no header" not in packet


@pytest.mark.parametrize("portion", [1000, EVENT_BYTES * 3])
def test_a_packet_that_is_too_long_is_dropped_and_the_next_one_is_read(portion: int) -> None:
    long = b"Event: Long\r\nData: " + b"x" * (2 * EVENT_BYTES) + b"\r\n\r\n"
    stream = HELLO + written(PACKETS[:1]) + long + written(PACKETS[1:])
    decoder = Decoder()
    found: list[Packet] = []
    for at in range(0, len(stream), portion):
        found += decoder.feed(stream[at : at + portion])
        assert len(decoder._buffer) <= EVENT_BYTES + portion
    assert found == PACKETS
    assert decoder.dropped == 1


def test_headers_are_bounded() -> None:
    stream = "Event: X\r\n" + "".join(f"H{n}: {n}\r\n" for n in range(HEADERS + 10)) + "\r\n"
    (packet,) = fed(HELLO + stream.encode())
    assert len(packet) == HEADERS


def test_a_greeting_without_end_is_bounded() -> None:
    decoder = Decoder()
    for _ in range(4):
        decoder.feed(b"x" * EVENT_BYTES)
    assert len(decoder._buffer) <= EVENT_BYTES
