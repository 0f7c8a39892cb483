"""The parity, against reedsolo codeword by codeword."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reedsolo import RSCodec

from da_node.archive.errors import BeyondParity
from da_node.archive.reed_solomon import MAX_DATA_ROWS, PARITY_ROWS, Bytes, parity_of, restore

CODEWORDS = 5


def words_of(data_rows: int, seed: int = 1) -> Bytes:
    data = np.random.default_rng(seed).integers(0, 256, (data_rows, CODEWORDS), np.uint8)
    return np.concatenate([data, parity_of(data)])


@pytest.mark.parametrize("data_rows", [1, 2, 31, 32, 33, 149, 222, MAX_DATA_ROWS])
def test_parity_is_what_reedsolo_encodes(data_rows: int) -> None:
    words = words_of(data_rows)
    for word in words.T:
        assert bytes(RSCodec(PARITY_ROWS).encode(bytes(word[:data_rows]))) == bytes(word)


@settings(deadline=None)
@given(st.data())
def test_twice_the_errors_plus_the_erasures_up_to_32_are_restored(data: st.DataObject) -> None:
    words = words_of(data.draw(st.sampled_from([1, 2, 40, MAX_DATA_ROWS])))
    rows = data.draw(st.permutations(range(len(words))))
    erasures = data.draw(st.integers(0, PARITY_ROWS))
    errors = data.draw(st.integers(0, (PARITY_ROWS - erasures) // 2))
    damaged = words.copy()
    damaged[rows[:erasures]] = 0
    damaged[rows[erasures : erasures + errors], data.draw(st.integers(0, CODEWORDS - 1))] ^= 0x5A
    assert np.array_equal(restore(damaged, rows[:erasures]), words)


# With nearly 32 erasures one error more can look like another codeword: the entries' SHA-256 tells.
@pytest.mark.parametrize("erasures", [0, 2, 16])
@pytest.mark.parametrize("data_rows", [1, 60, MAX_DATA_ROWS])
def test_one_error_more_is_refused(data_rows: int, erasures: int) -> None:
    words = words_of(data_rows)
    errors = (PARITY_ROWS - erasures) // 2 + 1
    words[erasures : erasures + errors, 3] ^= 0x5A
    with pytest.raises(BeyondParity):
        restore(words, range(erasures))


def test_one_erasure_more_is_refused() -> None:
    with pytest.raises(BeyondParity, match="33 of the 42 sectors"):
        restore(words_of(10), range(33))


def test_codewords_beside_a_wrong_one_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    words = words_of(100)
    damaged = words.copy()
    damaged[7, 2] ^= 1
    decoded: list[bytes] = []
    decode = RSCodec.decode

    def counted(self: RSCodec, word: bytearray, **options: object) -> object:
        decoded.append(bytes(word))
        return decode(self, word, **options)

    monkeypatch.setattr(RSCodec, "decode", counted)
    assert np.array_equal(restore(damaged, []), words)
    assert decoded == [bytes(damaged[:, 2])]
