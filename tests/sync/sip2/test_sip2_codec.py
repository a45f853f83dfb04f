"""The codec: what is said comes back, wherever the bytes are cut, and garbage raises its own error only."""

import re
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.sip2 import dates, xml
from sync.sip2.codec import (
    MAX_FRAME,
    Framer,
    Message,
    Spelling,
    WireError,
    decode,
    decode_text,
    encode,
    encode_text,
    is_damaged,
    sequence_of,
    trailer,
)
from sync.sip2.fields import SHAPES

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
_VALUES = st.text("abcæøåABCÆØÅ 0123456789%&<>-.,", max_size=40)
_IDS = st.text("ABCDEFGHIJKLMNOP", min_size=2, max_size=2)


@st.composite
def messages(draw: st.DrawFn) -> Message:
    code = draw(st.sampled_from(sorted(SHAPES)))
    shape = SHAPES[code]
    fixed = tuple((name, draw(st.text("YN 0123", min_size=width, max_size=width))) for name, width in shape.fixed)
    needed = tuple((name, draw(_VALUES)) for name in shape.fields if name in shape.required)
    return Message(code, fixed, needed + tuple(draw(st.lists(st.tuples(_IDS, _VALUES), max_size=4))))


@given(messages(), st.sampled_from(("utf-8", "latin-1", "cp1252", "cp850")), st.booleans(), st.sampled_from("0179"))
def test_what_is_said_comes_back_in_every_spelling(message: Message, encoding: str, fence: bool, digit: str) -> None:
    sent = encode(message, Spelling(encoding, fence), digit, checked=True)
    (frame,) = Framer().feed(sent)
    assert not is_damaged(frame)
    assert sequence_of(frame) == digit
    assert decode(frame, encoding) == message


@given(messages())
def test_what_is_said_in_an_envelope_comes_back(message: Message) -> None:
    asked = xml.Asked("automat", "p&<>\"'", encode_text(message, Spelling(fence=True, longest=None)))
    read = xml.read_request(xml.write_request(asked))
    assert read == asked
    assert decode_text(read.request) == message
    answer = xml.read_answer(xml.write_response(asked.request))
    assert answer == xml.Response(asked.request)


@given(st.lists(messages(), max_size=4), st.sampled_from((b"\r", b"\n", b"\r\n")), st.lists(st.integers(0, 400)))
def test_any_cut_of_the_bytes_gives_the_same_frames(said: list[Message], end: bytes, cuts: list[int]) -> None:
    sent = b"".join(b"\x00\xfb\x01" + encode(message, Spelling())[:-1] + end for message in said)
    whole = list(Framer().feed(sent))
    framer, places = Framer(), sorted({0, len(sent), *(min(cut, len(sent)) for cut in cuts)})
    pieces = [sent[start:stop] for start, stop in pairwise(places)]
    assert [frame for piece in pieces for frame in framer.feed(piece)] == whole
    assert [decode(frame, "utf-8") for frame in whole] == said


@given(st.binary(max_size=300), st.sampled_from(("utf-8", "latin-1", "cp1252", "cp850")))
def test_garbage_raises_nothing_but_the_codecs_error(garbage: bytes, encoding: str) -> None:
    for frame in [garbage, *Framer().feed(garbage + b"\r"), b"64" + garbage, b"99" + garbage]:
        is_damaged(frame)
        try:
            message = decode(frame, encoding)
        except WireError:
            continue
        text = "".join(value for _, value in message.fixed + message.fields)
        assert re.search(r"[\x00-\x1f\x7f-\x9f|]", text) is None


@given(st.binary(max_size=200))
def test_garbage_in_an_envelope_raises_nothing_but_the_codecs_error(garbage: bytes) -> None:
    for body in (garbage, b'<sip login="a" password="b"><request>' + garbage + b"</request></sip>"):
        for read in (xml.read_request, xml.read_answer):
            try:
                read(body)
            except WireError:
                continue


def test_the_standards_checksums_come_out() -> None:
    status = decode(b"9900802.00AY1AZFCA0", "utf-8")
    assert encode(status, Spelling(), "1", checked=True) == b"9900802.00AY1AZFCA0\r"
    assert encode(Message("97"), Spelling(), checked=True) == b"97AZFEF5\r"
    assert encode(Message("96"), Spelling(), checked=True) == b"96AZFEF6\r"
    login = decode(b"9300CNuser_id|COpassw0rd|AY1AZF594", "utf-8")
    assert (login.first("CN"), login.first("CO")) == ("user_id", "passw0rd")
    assert encode(login, Spelling(), "1", checked=True) == b"9300CNuser_id|COpassw0rd|AY1AZF594\r"


@pytest.mark.parametrize("frame", [b"9900802.00AY1AZfca0", b"9900802.00AY1AZFCA0|", b"97AZfef5", b"9900802.00"])
def test_a_frame_in_lower_case_or_without_checksum_is_not_damaged(frame: bytes) -> None:
    assert not is_damaged(frame)


@pytest.mark.parametrize(
    "frame", [b"9900802.00AY1AZFCA1", b"9900802.00AY2AZFCA0", b"9900802.00AY1AZFC", b"9900802.00AY1AZG000"]
)
def test_a_wrong_or_cut_checksum_is_damage(frame: bytes) -> None:
    assert is_damaged(frame)


def test_the_checksum_is_of_bytes_not_of_letters() -> None:
    said = Message("35", (("transaction_date", dates.BLANK),), (("AO", "Ærø"), ("AA", "å")))
    for encoding in ("utf-8", "cp850"):
        assert not is_damaged(encode(said, Spelling(encoding), "3", checked=True)[:-1])


def test_required_fields_are_sent_though_they_are_empty() -> None:
    said = Message("35", (("transaction_date", dates.BLANK),), (("AD", "1234"),))
    assert encode(said, Spelling()) == b"35" + b" " * 18 + b"AD1234|AO|AA|\r"


def test_a_bar_and_control_characters_do_not_get_into_a_value() -> None:
    said = Message("36", (("end_session", "Y"), ("transaction_date", dates.BLANK)), (("AF", "a|b\rAZ\0c"),))
    assert b"AFa b AZ c|" in encode(said, Spelling())


def test_a_value_is_cut_at_255_letters_where_the_spelling_says_so() -> None:
    said = Message("36", (("end_session", "Y"), ("transaction_date", dates.BLANK)), (("AF", "å" * 300),))
    assert "å" * 255 + "|" in encode(said, Spelling()).decode()
    assert "å" * 300 + "|" in encode_text(said, Spelling(longest=None))


def test_a_letter_that_the_encoding_lacks_is_replaced() -> None:
    said = Message("36", (("end_session", "Y"), ("transaction_date", dates.BLANK)), (("AF", "日本"),))
    assert b"AF??|" in encode(said, Spelling("cp850"))


def test_letters_in_two_parts_are_read_as_one() -> None:
    frame = b"35" + b" " * 18 + "AOA\u030a|AA|".encode()
    assert decode(frame, "utf-8").first("AO") == "Å"


@pytest.mark.parametrize(
    "said",
    [
        Message("77"),
        Message("36", (("end_session", "Y"),)),
        Message("94", (("ok", "11"),)),
        Message("94", (("ok", "\r"),)),
        Message("94", (("ok", "1"),), (("A|", ""),)),
    ],
)
def test_what_cannot_be_said_raises(said: Message) -> None:
    with pytest.raises(WireError):
        encode(said, Spelling())


def test_an_unknown_encoding_raises() -> None:
    with pytest.raises(WireError):
        Spelling("utf-16")


def test_a_frame_cut_in_its_fixed_part_raises() -> None:
    with pytest.raises(WireError):
        decode(b"9800", "utf-8")


def test_a_frame_that_does_not_end_raises() -> None:
    with pytest.raises(WireError):
        list(Framer().feed(b"9" * (MAX_FRAME + 1)))
    with pytest.raises(WireError):
        list(Framer().feed(b"9" * (MAX_FRAME + 1) + b"\r"))


def test_empty_lines_are_no_frames() -> None:
    assert list(Framer().feed(b"\r\n\r\n\nxx\r9900802.00\r\n")) == [b"9900802.00"]


def test_a_message_does_not_show_what_it_holds() -> None:
    assert "1234" not in repr(Message("35", (("transaction_date", "1234"),), (("AD", "1234"),)))
    assert "1234" not in repr(xml.Asked("automat", "1234", "1234"))


def test_a_value_that_looks_like_a_checksum_is_a_value() -> None:
    frame = b"17" + b" " * 18 + b"AODK-766100|AB50AZ1234|"
    assert not is_damaged(frame)
    assert decode(frame, "utf-8").first("AB") == "50AZ1234"


def test_the_trailer_is_as_it_was_sent() -> None:
    assert trailer(b"9900802.00AY1AZFCA0") == b"AY1AZFCA0"
    assert trailer(b"9900802.00") == b""


# --- dates --------------------------------------------------------------------------------------


@given(st.integers(0, 4_000_000_000))
def test_a_moment_comes_back_to_the_second(seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC)
    back = dates.moment(dates.stamp(at, COPENHAGEN), COPENHAGEN)
    assert back is not None
    assert abs(back - at) in (timedelta(0), timedelta(hours=1))  # the hour that autumn has twice


@given(st.text(max_size=20))
def test_garbage_is_no_date(text: str) -> None:
    dates.moment(text, COPENHAGEN)
    dates.day(text, COPENHAGEN)


@pytest.mark.parametrize(
    ("text", "hour"),
    [
        ("20261124    103000", 9),
        ("202611240000103000", 9),
        ("20261124   Z103000", 10),
        ("20261124   A103000", 9),
        ("20261124   N103000", 11),
        ("20261124   J103000", 9),
    ],
)
def test_zones_are_read(text: str, hour: int) -> None:
    assert dates.moment(text, COPENHAGEN) == datetime(2026, 11, 24, hour, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", [dates.BLANK, "", "20261324    103000", "20261124  XX103000", "2026112４    103000"])
def test_a_blank_or_unreadable_date_is_none(text: str) -> None:
    assert dates.moment(text, COPENHAGEN) is None


@pytest.mark.parametrize("text", ["20261124    000000", "20261124", "24-11-26", "24-11-2026", "Nov 24 2026"])
def test_a_due_date_is_read_in_the_forms_that_servers_write(text: str) -> None:
    assert dates.day(text, COPENHAGEN) == date(2026, 11, 24)
    assert dates.stamp_of_day(date(2026, 11, 24)) == "20261124    000000"


# --- the envelope -------------------------------------------------------------------------------

_BOMB = b'<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;">]><sip login="a" password="b"><request>&c;</request></sip>'


@pytest.mark.parametrize(
    "body",
    [
        _BOMB,
        _BOMB.replace(b"DOCTYPE", b"doctype"),
        _BOMB.decode().encode("utf-16"),
        b"<html><body>Bad gateway</body></html>",
        b"<sip><request></request></sip>",
        b"<sip>" + b" " * MAX_FRAME + b"</sip>",
    ],
)
def test_what_is_no_envelope_raises(body: bytes) -> None:
    with pytest.raises(WireError):
        xml.read_request(body)
    with pytest.raises(WireError):
        xml.read_answer(body)


def test_failures_are_told_apart_from_answers() -> None:
    said = b"<error>Required field: LOGIN_PASSWORD must be set!</error>"
    assert xml.read_answer(said) == xml.Failure("Required field: LOGIN_PASSWORD must be set!")
    assert xml.read_answer(xml.write_error("a & b")) == xml.Failure("a & b")
    violation = xml.write_exception("OPTIMISTIC_LOCK_VIOLATION", "1")
    assert xml.read_answer(violation) == xml.Failure("", "OPTIMISTIC_LOCK_VIOLATION")


def test_a_real_servers_envelope_is_read() -> None:
    body = (
        b'<?xml version="1.0" encoding="UTF-8"?><ns1:sip password="P" login="U" xsi:schemaLocation="http://axiell.com/'
        b'Schema/sip.xsd" xmlns:ns1="http://axiell.com/Schema/sip.xsd" xmlns:xsi="http://www.w3.org/2001/XMLSchema-'
        b'instance">\n  <request>990xxx2.00</request>\n</ns1:sip>'
    )
    asked = xml.read_request(body)
    assert decode_text(asked.request).fixed_of("protocol_version") == "2.00"
