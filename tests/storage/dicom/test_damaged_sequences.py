from contextlib import suppress
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.errors import MissingTag, NotDicom
from repertory.model import TagForm
from repertory.storage import dicom
from repertory.testing.files import make_dicom

ITEM = b"\xfe\xff\x00\xe0"


def test_the_rest_is_shown_where_a_sequence_is_damaged_inside():
    code = {"CodeValue": "T-12345", "CodeMeaning": "Knee"}
    whole = make_dicom(tags={"ProcedureCodeSequence": [code], "PixelData": None})
    at = whole.index(ITEM)
    damaged = whole[: at + 4] + b"\xff\xff\xff\x00" + whole[at + 8 :]

    dicom.summarize(damaged)
    before, after = (dicom.tags(content, TagForm.SIMPLIFIED) for content in (whole, damaged))

    assert before["ProcedureCodeSequence"] == [code]
    assert after == {**before, "ProcedureCodeSequence": None}


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(), deep=st.booleans())
def test_the_tags_of_whatever_is_archived_can_be_shown(seed, deep):
    chance = Random(seed)
    content = bytearray(make_dicom(rich=True, deep=deep, seed=1, tags={"PixelData": None}))
    for _ in range(4):
        content[chance.randrange(len(content))] = chance.randrange(256)

    with suppress(NotDicom, MissingTag):
        dicom.summarize(bytes(content))
        try:
            dicom.tags(bytes(content))
        except NotDicom as error:
            raise AssertionError("it was archived, and cannot be shown") from error
