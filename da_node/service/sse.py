"""Server-sent events (WHATWG HTML, §9.2): the bytes of a stream, both ways. Pure.

Only `id`, `event`, `data`, `retry` and comments, which is all there is.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerEvent:
    """One event of a stream."""

    id: str
    """Last id the stream has named so far, this event's or an earlier one's; empty if none."""
    event: str
    """Type; "message" unless named."""
    data: str
    """Its lines joined by a newline."""


class StreamTooLong(ValueError):
    """One event is longer than the decoder's bound."""


def encode_event(data: str, *, id: str, event: str | None = None) -> bytes:
    """One event's bytes. `id` and `event` are a single line."""
    lines = [f"id: {id}"]
    if event is not None:
        lines.append(f"event: {event}")
    lines.extend(f"data: {line}" for line in data.split("\n"))
    return ("\n".join(lines) + "\n\n").encode()


def encode_id(id: str) -> bytes:
    """No event: only the id that a reader resumes with from here on."""
    return f"id: {id}\n\n".encode()


def encode_comment(text: str = "") -> bytes:
    """A line that readers ignore: keeps proxies from closing a quiet stream."""
    return f": {text}\n\n".encode()


class EventDecoder:
    """Turns a stream's bytes, cut anywhere, into its events. Holds at most `max_event_bytes`."""

    def __init__(self, *, max_event_bytes: int) -> None:
        self._max_event_bytes = max_event_bytes
        self._rest = b""
        self._data: list[str] = []
        self._data_bytes = 0
        self._event = ""
        self._id = ""
        self.last_id = ""
        """With what to resume after all that has been given out so far; empty if not named."""
        self.retry_ms: int | None = None
        """Reconnection time the server asked for, in milliseconds."""

    def feed(self, chunk: bytes) -> list[ServerEvent]:
        """The events that this chunk completes. Raises StreamTooLong."""
        text = self._rest + chunk
        # A trailing CR may be half of CRLF: it waits for what follows.
        held = b"\r" if text.endswith(b"\r") else b""
        lines = text[: len(text) - len(held)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *complete, rest = lines.split(b"\n")
        self._rest = rest + held
        events = [event for line in complete if (event := self._line(line)) is not None]
        if len(self._rest) > self._max_event_bytes:
            raise StreamTooLong(f"a line of more than {self._max_event_bytes} bytes")
        return events

    def _line(self, line: bytes) -> ServerEvent | None:
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data_bytes += len(line)
            if self._data_bytes > self._max_event_bytes:
                raise StreamTooLong(f"an event of more than {self._max_event_bytes} bytes")
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
        elif name == "retry" and value.isascii() and value.isdecimal():
            self.retry_ms = int(value[:9])
        return None

    def _dispatch(self) -> ServerEvent | None:
        data, kind = self._data, self._event or "message"
        self._data, self._data_bytes, self._event = [], 0, ""
        self.last_id = self._id
        if not data:
            return None
        return ServerEvent(id=self._id, event=kind, data="\n".join(data))
