import base64

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from repertory.errors import FileCorrupted
from repertory.storage.areas import cipher
from repertory.storage.areas.cipher import FileKey, Keys

MASTER = bytes(range(32))
KNOWN = (
    "QTEHAAAAQ8Nr7+NC+LeQ97oILi2jP4kKlr3cpno95rOxZJYkzLFd+LBXvX2AFeE0"
    "S7I9L6xUW+alzJ5peIwYiNENyrZfik7YyXy8tIaSJrZTB/AHr+GC9K5iMJDLVAk="
)
KEYS = Keys({7: MASTER, 2: b"\2" * 32}, 7)


def from_zero(key, content):
    return Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor().update(content)


@given(st.binary(max_size=5000))
def test_a_file_has_the_format_of_the_plugins(content):
    stored = cipher.encrypted(KEYS, content)
    iv, key = from_zero(MASTER, stored[6:38]), from_zero(MASTER, stored[38:70])

    assert len(stored) == len(content) + 86
    assert stored[:6] == b"A1\x07\0\0\0"
    assert AESGCM(key).decrypt(iv, stored[70:], stored[:70]) == content


@given(
    st.binary(max_size=5000),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=32, max_size=32),
)
def test_what_the_plugins_wrote_is_decrypted(content, iv, key):
    header = b"A1\x02\0\0\0" + from_zero(b"\2" * 32, iv) + from_zero(b"\2" * 32, key)
    stored = header + AESGCM(key).encrypt(iv, content, header)

    assert cipher.number_of(stored) == 2
    assert cipher.decrypted(cipher.key_in(stored, b"\2" * 32), stored) == content


def test_a_file_that_was_encrypted_once_stays_readable():
    stored = base64.b64decode(KNOWN)

    assert cipher.decrypted(cipher.key_in(stored, MASTER), stored) == b"Repertory"


@given(st.data(), st.binary(min_size=1, max_size=3000))
def test_any_range_is_decrypted_alone(data, content):
    stored = cipher.encrypted(KEYS, content)
    start = data.draw(st.integers(0, len(content)))
    length = data.draw(st.integers(0, len(content)))
    file = cipher.key_in(stored, MASTER)
    some = stored[70:-16][start : start + length]

    assert cipher.decrypted_range(file, start, some) == content[start : start + length]


@given(st.integers(0, 100))
def test_the_counter_begins_anew_after_its_last_number(start):
    # With an IV of 12 bytes, GCM's counter is known; wherever it stands, only 4 bytes count on.
    file = FileKey(b"", bytes(12), MASTER)
    far = (2**32 - 3) * 16 + start
    block = far // 16
    expected = b""
    for number in range(block, block + 8):
        counter = bytes(12) + ((2 + number) % 2**32).to_bytes(4, "big")
        expected += Cipher(algorithms.AES(MASTER), modes.ECB()).encryptor().update(counter)

    assert cipher.decrypted_range(file, far, bytes(100)) == expected[far % 16 :][:100]


@given(st.data())
def test_a_bit_that_is_flipped_anywhere_behind_the_number_is_noticed(data):
    stored = bytearray(cipher.encrypted(KEYS, b"some content"))
    place = data.draw(st.integers(6, len(stored) - 1))
    stored[place] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(FileCorrupted):
        cipher.decrypted(cipher.key_in(bytes(stored), MASTER), bytes(stored))


@pytest.mark.parametrize("left_out", [1, 16, 20])
def test_a_file_that_was_cut_off_is_noticed(left_out):
    stored = cipher.encrypted(KEYS, b"some content")[:-left_out]

    with pytest.raises(FileCorrupted):
        cipher.decrypted(cipher.key_in(stored, MASTER), stored)


def test_no_two_files_have_the_same_keys():
    files = [cipher.new_key(KEYS) for _ in range(50)]

    assert len({file.iv for file in files} | {file.key for file in files}) == 100


def test_keys_are_not_shown():
    assert repr(MASTER) not in repr(KEYS)
    assert repr(cipher.new_key(KEYS).key) not in repr(cipher.new_key(KEYS))
