"""Taking a byte format apart from the front, its length having been checked."""

from __future__ import annotations


class Reader:
    """What is left of some bytes. Reading past the end is a mistake of the caller's."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._offset = 0

    def bytes(self, length: int) -> bytes:
        """The next `length` bytes. Raises ValueError where so many are not left."""
        end = self._offset + length
        if end > len(self._data):
            raise ValueError(f"{end} bytes read of {len(self._data)}")
        taken = self._data[self._offset : end]
        self._offset = end
        return taken

    def number(self, length: int) -> int:
        """The next `length` bytes as an unsigned big-endian integer."""
        return int.from_bytes(self.bytes(length), "big")
