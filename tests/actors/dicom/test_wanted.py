"""What a C-GET of ours proposes to be sent."""

from repertory.actors.dicom.options import StorageRules
from repertory.actors.dicom.wanted import wanted

CT = "1.2.840.10008.5.1.4.1.1.2"
MR = "1.2.840.10008.5.1.4.1.1.4"
RT_IMAGE = "1.2.840.10008.5.1.4.1.1.481.1"
RT_INSTRUCTION = "1.2.840.10008.5.1.4.34.10"
PRIVATE = "1.2.3.4"
EXPLICIT = "1.2.840.10008.1.2.1"
JPEG = "1.2.840.10008.1.2.4.50"


def classes(**rules):
    return [sop_class for sop_class, _ in wanted(StorageRules(**rules))]


def test_what_is_in_use_is_asked_for_where_there_is_no_room_for_all():
    found = classes()

    assert len(found) == len(set(found)) == 127
    assert {CT, MR, RT_IMAGE} <= set(found)
    assert RT_INSTRUCTION not in found


def test_only_what_is_accepted_is_asked_for():
    assert classes(accepted_classes=(MR, PRIVATE, RT_INSTRUCTION)) == [MR, PRIVATE, RT_INSTRUCTION]
    assert set(classes(accepted_classes=(f"{CT}*",))) > {CT, f"{CT}.1"}
    assert MR not in classes(accepted_classes=(f"{CT}*",))


def test_what_is_rejected_is_not_asked_for():
    found = classes(rejected_classes=(f"{CT}*", MR))

    assert not {CT, MR} & set(found)
    assert len(found) == 127


def test_only_accepted_transfer_syntaxes_are_proposed():
    proposed = dict(wanted(StorageRules(transfer_syntaxes=(EXPLICIT, JPEG))))

    assert proposed[MR] == (EXPLICIT, JPEG)
    assert wanted(StorageRules(transfer_syntaxes=())) == []


def test_all_transfer_syntaxes_in_use_are_proposed_where_that_is_wanted():
    narrow = StorageRules(transfer_syntaxes=(EXPLICIT,), accepted_classes=(MR,))
    all_of_them = wanted(StorageRules(accepted_classes=(MR,)))

    assert wanted(narrow) == [(MR, (EXPLICIT,))]
    assert wanted(narrow, accepted_only=False) == all_of_them
    assert JPEG in all_of_them[0][1]
