import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.conf.settings import Settings
from repertory.errors import UnknownItem
from repertory.http.names import Vocabulary

USERS = Vocabulary(
    Settings(user_metadata={"mine": 1024}, user_content_type={"pdf": (1025, "application/pdf")})
)


@given(st.integers(0, 65535))
def test_a_number_is_found_again_by_its_name(number):
    for names in (USERS.metadata, USERS.attachments):
        assert names.number(names.name(number)) == number
        assert names.number(str(number)) == number


@given(st.integers(65536))
def test_a_number_that_is_too_large_is_nobodys(number):
    assert not 0 <= USERS.metadata.number(str(number)) <= 65535


@given(st.text().filter(lambda text: not (text.isascii() and text.isdecimal())))
def test_what_is_neither_a_name_nor_a_number_is_unknown(text):
    if text in ("mine", "pdf"):
        return
    with pytest.raises(UnknownItem):
        Vocabulary(Settings()).metadata.number(text + " ")


def test_an_attachment_has_the_type_that_its_name_was_given():
    assert USERS.mime_types == {1025: "application/pdf"}
    assert Vocabulary(Settings(user_content_type={"a": 1024})).mime_types == {
        1024: "application/octet-stream"
    }
