import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.storage.index.normalization import normalized


@pytest.mark.parametrize(
    ("value", "searched"),
    [
        ("", ""),
        ("1.2.840.10008", "1.2.840.10008"),
        (" Doe^John ", "DOE^JOHN"),
        ("Müller^Zoë", "MULLER^ZOE"),
        ("Straße", "STRASSE"),
        ("100%_sure_", "100  SURE"),
        ("Yamada^Tarou=山田^太郎", "YAMADA^TAROU=^"),
        ("a\tb\x00c", "ABC"),
    ],
)
def test_identifiers_are_searched_in_plain_upper_case(value, searched):
    assert normalized(value) == searched


@given(st.text())
def test_what_is_searched_is_plain_and_stays_as_it_is(value):
    searched = normalized(value)

    assert searched.isascii()
    assert not searched or searched.isprintable()
    assert searched == searched.strip() == searched.upper()
    assert normalized(searched) == searched


@given(st.text())
def test_case_does_not_matter(value):
    assert normalized(value.upper()) == normalized(value)
