"""The tables of the standard are pydicom's, whoever loads them."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import datadict
from pydicom._private_dict import private_dictionaries
from pydicom._uid_dict import UID_dictionary
from pydicom.data import get_testdata_file

from repertory.storage.dicom.standard import (
    is_listed,
    private_entry_of,
    standard_entry,
    standard_keywords,
    standard_uids,
    tag_of_keyword,
)


def theirs(tag):
    try:
        return datadict.get_entry(tag)
    except KeyError:
        return None


def ours(tag):
    try:
        return standard_entry(tag)
    except KeyError:
        return None


def test_all_that_pydicom_lists_is_here():
    assert list(standard_keywords()) == list(datadict.keyword_dict)
    for tag in datadict.DicomDictionary:
        assert is_listed(tag)
        assert standard_entry(tag) == datadict.get_entry(tag)
    for keyword, tag in datadict.keyword_dict.items():
        assert tag_of_keyword(keyword) == tag
    assert tag_of_keyword("NoSuchThing") is None


@given(
    st.integers(0, 0xFFFFFFFF)
    | st.builds(
        lambda group, element: group << 16 | element,
        st.sampled_from([*range(0x5000, 0x5100), *range(0x6000, 0x6100), 0x20, 0x28, 0x7F02]),
        st.integers(0, 0x3200),
    )
)
def test_repeating_groups_are_what_pydicom_takes_them_for(tag):
    assert ours(tag) == theirs(tag)


CREATORS = sorted(private_dictionaries)


@given(st.data())
def test_private_elements_are_what_pydicom_takes_them_for(data):
    creator = data.draw(st.sampled_from([*CREATORS, "nobody"]))
    listed = sorted(private_dictionaries.get(creator, {"0009xx01": ()}))
    digits = data.draw(st.sampled_from("0123456789abcdef"))
    key = data.draw(st.sampled_from(listed)).replace("x", digits)
    tag = int(key, 16) ^ data.draw(st.sampled_from([0, 0, 1, 0x100, 0x20000]))

    try:
        vr, _, name, _ = datadict.get_private_entry(tag, creator)
    except KeyError:
        with pytest.raises(KeyError):
            private_entry_of(tag, creator)
    else:
        assert private_entry_of(tag, creator) == (vr, name)


def test_uids_are_those_of_pydicom():
    assert standard_uids() == {uid: entry[:2] for uid, entry in UID_dictionary.items()}


@pytest.mark.parametrize("first", ["", "import pydicom"])
def test_the_tables_do_not_bring_the_package(first):
    words = (
        f"{first}\nimport sys\n"
        "from pathlib import Path\n"
        "from repertory.storage import dicom\n"
        "from repertory.storage.dicom.names import private_entry, tag_name\n"
        "from repertory.storage.dicom.wire import storage_classes\n"
        "from repertory.storage.main_tags import MAIN_DICOM_TAGS\n"
        "assert tag_name('0010,0010') == 'PatientName'\n"
        "assert tag_name('6002,3000') == 'OverlayData'\n"
        "assert private_entry(0x00091001, 'GEMS_IDEN_01').name == 'FullFidelity'\n"
        "assert '1.2.840.10008.5.1.4.1.1.2' in storage_classes()\n"
        "dicom.summarize(Path(sys.argv[1]).read_bytes(), MAIN_DICOM_TAGS)\n"
        "print('pydicom' in sys.modules)"
    )
    file = get_testdata_file("CT_small.dcm")
    done = subprocess.run(
        [sys.executable, "-c", words, file], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == str(bool(first))
