"""A stream of server-sent events reads the same wherever it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from da_node.service import (
    EventDecoder,
    ServerEvent,
    StreamTooLong,
    encode_comment,
    encode_event,
)
from da_node.service.sse import encode_id

STREAM = (
    b"retry: 1500\n"
    b": comment\n\n"
    b"id: 1\ndata: one\n\n"
    b"data\r\ndata:two \r\ndata:  lines\r\n\r\n"
    b"event: named\rid: 3\rdata: three\r\r"
    b"id: bad\0id\ndata: four\nretry: soon\nunknown: field\n\n"
    b"event: without data\n\n"
    b"id:\ndata: \xff\n\n"
    b"data: unfinished"
)
EVENTS = [
    ServerEvent(id="1", event="message", data="one"),
    ServerEvent(id="1", event="message", data="\ntwo \n lines"),
    ServerEvent(id="3", event="named", data="three"),
    ServerEvent(id="3", event="message", data="four"),
    ServerEvent(id="", event="message", data="�"),
]


def _decode(chunks, **options):
    decoder = EventDecoder(**({"max_event_bytes": 1000} | options))
    return [event for chunk in chunks for event in decoder.feed(chunk)], decoder


def test_a_stream_reads_whole():
    events, decoder = _decode([STREAM])
    assert events == EVENTS
    assert decoder.retry_ms == 1500


@pytest.mark.parametrize("cut", range(len(STREAM)))
def test_a_stream_reads_the_same_cut_anywhere(cut):
    events, _ = _decode([STREAM[:cut], STREAM[cut:]])
    assert events == EVENTS


def test_a_stream_reads_the_same_byte_by_byte():
    events, _ = _decode([STREAM[i : i + 1] for i in range(len(STREAM))])
    assert events == EVENTS


@given(st.lists(st.text(st.characters(exclude_characters="\r", codec="utf-8")), max_size=4))
def test_what_is_encoded_reads_back(texts):
    stream = encode_comment("hello") + b"".join(
        encode_event(text, id=str(number), event="e") for number, text in enumerate(texts)
    )
    events, _ = _decode([stream], max_event_bytes=10_000_000)
    assert events == [
        ServerEvent(id=str(number), event="e", data=text) for number, text in enumerate(texts)
    ]


def test_an_event_without_a_type_is_a_message():
    events, _ = _decode([encode_event("x", id="9")])
    assert events == [ServerEvent(id="9", event="message", data="x")]


@pytest.mark.parametrize(("chunk", "what"), [(b"x" * 10, "a line"), (b"data: xxxx\n", "an event")])
def test_an_endless_line_or_event_is_cut_off(chunk, what):
    with pytest.raises(StreamTooLong, match=f"{what} of more than 100 bytes"):
        _decode([chunk] * 11, max_event_bytes=100)


def test_an_id_by_itself_is_no_event_and_is_where_to_resume():
    decoder = EventDecoder(max_event_bytes=100)
    assert decoder.feed(encode_comment() + encode_id("7")) == []
    assert decoder.last_id == "7"


def test_one_resumes_after_what_was_given_out_not_after_what_has_begun():
    decoder = EventDecoder(max_event_bytes=100)
    first, second = encode_event("a", id="1"), encode_event("b", id="2")
    for cut in range(len(second) - 1):
        decoder.feed(first + second[:cut])
        assert decoder.last_id == "1"
        decoder = EventDecoder(max_event_bytes=100)
    decoder.feed(first + second)
    assert decoder.last_id == "2"
