import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from repertory.errors import BadParameter
from repertory.model import Attachment, Compression
from repertory.storage.index import packing

md5s = st.one_of(st.just(""), st.binary(min_size=16, max_size=16).map(bytes.hex))
sizes = st.integers(0, 2**63 - 1)

A_UUID = uuid.UUID("0f0e0d0c-0b0a-4988-8766-554433221100")


@given(st.binary(min_size=20, max_size=20))
def test_identifiers_come_back_as_they_were(digest):
    id_ = packing.unpack_id(digest)

    assert len(id_) == 44
    assert packing.pack_id(id_) == digest


@given(st.one_of(st.text(), st.text(alphabet=string.hexdigits + "- ", min_size=38, max_size=46)))
def test_what_is_no_identifier_packs_to_nothing(text):
    packed = packing.pack_id(text)

    assert packed is None or packing.unpack_id(packed) == text


@given(
    st.builds(
        Attachment,
        uuid=st.uuids().map(str),
        content_type=st.integers(0, 65535),
        uncompressed_size=sizes,
        uncompressed_md5=md5s,
        compressed_size=sizes,
        compressed_md5=md5s,
        compression=st.sampled_from(list(Compression)),
        revision=st.integers(0, 10**6),
    )
)
def test_attachments_come_back_as_they_were(attachment):
    assert packing.unpack_attachment(packing.pack_attachment(attachment)) == attachment


@pytest.mark.parametrize("name", ["", "x", str(A_UUID).upper(), A_UUID.hex, f"{{{A_UUID}}}"])
def test_a_file_is_named_by_a_uuid_in_its_usual_form(name):
    with pytest.raises(BadParameter):
        packing.pack_uuid(name)


@given(st.dictionaries(st.text(), st.text()))
def test_tags_come_back_as_they_were(tags):
    assert packing.unpack_tags(packing.pack_tags(tags)) == tags


def test_dates_are_utc_in_whole_seconds():
    assert packing.stamp(0) == "19700101T000000"
    assert packing.stamp(1_800_000_000.999) == "20270115T080000"
