"""Metadata, labels, protection and exports of resources."""

import hashlib

import pytest

from repertory.errors import BadParameter, RevisionConflict, UnknownItem, UnknownResource
from repertory.items import UNWRITTEN, Revision
from repertory.model import ChangeType, Level, ResourceRef

NOBODY = "11111111-11111111-11111111-11111111-11111111"
LEVELS = list(Level)


def revision(number, value):
    return Revision(number, hashlib.md5(value.encode()).hexdigest())


@pytest.fixture
def ids(store):
    return store().ids


@pytest.fixture
def annotate(group, made_up):
    """Write a metadata in a group of its own."""

    def annotate(level, id_, value, *, number=1024, expected=None):
        with group() as writer:
            return writer.set_metadata(
                level, id_, number, value, expected=expected, now=made_up.NOON
            )

    return annotate


@pytest.mark.parametrize("level", LEVELS)
def test_a_metadata_is_written_read_and_deleted_at_every_level(
    ids, annotate, reader, group, made_up, level
):
    id_ = ids.at(level)
    before = reader.list_metadata(level, id_)
    written = annotate(level, id_, "Grüße")

    assert written.revision == revision(0, "Grüße")
    assert reader.describe_metadata(level, id_, 1024) == written
    assert reader.list_metadata(level, id_) == before | {1024: "Grüße"}
    assert reader.describe_resource(level, id_).metadata[1024] == "Grüße"
    with group() as writer:
        writer.delete_metadata(level, id_, 1024, expected=None, now=made_up.NOON)
    assert reader.describe_metadata(level, id_, 1024) is None
    assert reader.list_metadata(level, id_) == before


@pytest.mark.parametrize("level", LEVELS)
def test_every_writing_of_a_metadata_is_logged(ids, annotate, reader, group, made_up, level):
    id_ = ids.at(level)
    annotate(level, id_, "a")
    annotate(level, id_, "b")
    with group() as writer:
        writer.delete_metadata(level, id_, 1024, expected=None, now=made_up.NOON)

    page = reader.list_changes(4, None, 100, ())
    assert [(c.type, c.level, c.id) for c in page.changes] == [
        (ChangeType.UPDATED_METADATA, level, id_)
    ] * 3


def test_metadata_are_listed_in_the_order_of_their_numbers(ids, annotate, reader):
    for number in (65535, 1024, 5000):
        annotate(Level.STUDY, ids.study, "x", number=number)

    numbers = list(reader.list_metadata(Level.STUDY, ids.study))
    assert numbers == sorted(numbers)
    assert numbers[-3:] == [1024, 5000, 65535]


def test_the_date_of_the_last_update_can_be_read_as_a_metadata(ids, reader):
    assert reader.describe_metadata(Level.STUDY, ids.study, 7).value == "20270115T080000"


def test_a_metadata_of_what_is_not_there_is_refused(ids, reader, group):
    with pytest.raises(UnknownResource):
        reader.list_metadata(Level.STUDY, NOBODY)
    with pytest.raises(UnknownResource):
        reader.describe_metadata(Level.SERIES, ids.study, 1024)
    with group() as writer, pytest.raises(UnknownResource):
        writer.set_metadata(Level.STUDY, NOBODY, 1024, "x", expected=None, now=0.0)
    with group() as writer, pytest.raises(UnknownItem):
        writer.delete_metadata(Level.STUDY, ids.study, 1024, expected=None, now=0.0)


def test_a_value_that_is_no_text_is_refused_and_the_group_goes_on(ids, group, reader):
    with group() as writer:
        with pytest.raises(BadParameter):
            writer.set_metadata(Level.STUDY, ids.study, 1024, "\ud800", expected=None, now=0.0)
        writer.set_metadata(Level.STUDY, ids.study, 1025, "good", expected=None, now=0.0)

    assert reader.describe_metadata(Level.STUDY, ids.study, 1025).value == "good"


def test_a_conflict_leaves_the_group_as_it_was(ids, group, reader, made_up):
    with group() as writer:
        writer.record_instance(**made_up.an_instance(sop="1.1.1.2"))
        writer.set_metadata(Level.STUDY, ids.study, 1024, "a", expected=None, now=0.0)
        for expected in (UNWRITTEN, revision(1, "a"), revision(0, "b")):
            with pytest.raises(RevisionConflict):
                writer.set_metadata(Level.STUDY, ids.study, 1024, "b", expected=expected, now=0.0)
            with pytest.raises(RevisionConflict):
                writer.delete_metadata(Level.STUDY, ids.study, 1024, expected=expected, now=0.0)

    assert reader.describe_metadata(Level.STUDY, ids.study, 1024).value == "a"
    assert reader.describe_totals().instances == 2


def test_what_is_new_may_be_written_whatever_is_expected(ids, annotate):
    assert annotate(Level.STUDY, ids.study, "a", expected=UNWRITTEN).revision.number == 0
    made_anew = annotate(Level.STUDY, ids.study, "a", number=2000, expected=revision(7, "x"))
    assert made_anew.revision.number == 0


@pytest.mark.parametrize("level", LEVELS)
def test_labels_are_given_and_taken_and_twice_does_no_harm(ids, reader, group, level):
    id_ = ids.at(level)
    with group() as writer:
        for label in ("b", "A_1", "b", "c-d"):
            writer.add_label(level, id_, label)
        writer.remove_label(level, id_, "c-d")
        writer.remove_label(level, id_, "c-d")

    assert reader.list_labels(level, id_) == ("A_1", "b")
    assert reader.describe_resource(level, id_).labels == ("A_1", "b")


def test_all_labels_are_listed_once_and_sorted(store, reader, group):
    assert reader.list_all_labels() == ()
    for number in range(20):
        ids = store("P", "1", "1", str(number)).ids
        with group() as writer:
            writer.add_label(Level.INSTANCE, ids.instance, f"l{number % 3}")
            writer.add_label(Level.PATIENT, ids.patient, "all")

    assert reader.list_all_labels() == ("all", "l0", "l1", "l2")


def test_the_labels_of_what_is_deleted_are_used_no_more(ids, reader, group, delete):
    with group() as writer:
        writer.add_label(Level.SERIES, ids.series, "gone")
    delete(Level.STUDY, ids.study)

    assert reader.list_all_labels() == ()


@pytest.mark.parametrize("label", ["", "a b", "ä", "a" * 65, "a.b", "a\n"])
def test_a_label_has_few_characters_and_plain_ones(ids, group, label):
    with group() as writer:
        with pytest.raises(BadParameter):
            writer.add_label(Level.STUDY, ids.study, label)
        with pytest.raises(BadParameter):
            writer.remove_label(Level.STUDY, ids.study, label)
        writer.add_label(Level.STUDY, ids.study, "a" * 64)


def test_nothing_unknown_is_labelled(reader, group):
    with pytest.raises(UnknownResource):
        reader.list_labels(Level.STUDY, NOBODY)
    with group() as writer, pytest.raises(UnknownResource):
        writer.add_label(Level.STUDY, NOBODY, "a")


def test_a_patient_is_protected_until_it_is_no_more(ids, reader, group):
    assert not reader.describe_protection(ids.patient)
    for protected in (True, True, False):
        with group() as writer:
            writer.set_protection(ids.patient, protected=protected)
        assert reader.describe_protection(ids.patient) is protected
        assert reader.describe_resource(Level.PATIENT, ids.patient).is_protected is protected


@pytest.mark.parametrize("id_", [NOBODY, "nonsense"])
def test_nobody_else_is_protected(reader, group, id_):
    with pytest.raises(BadParameter):
        reader.describe_protection(id_)
    with group() as writer, pytest.raises(BadParameter):
        writer.set_protection(id_, protected=True)


def test_an_export_names_all_above_the_resource_and_outlives_it(
    ids, reader, group, delete, made_up
):
    resources = [ResourceRef(level, ids.at(level)) for level in Level]
    with group() as writer:
        writer.record_exports(resources, "PACS", made_up.NOON)
    delete(Level.PATIENT, ids.patient)

    page = reader.list_exports(0, 100)
    assert [(e.level, e.id) for e in page.exports] == [(r.level, r.id) for r in resources]
    assert [(e.remote, e.date) for e in page.exports] == [("PACS", "20270115T080000")] * 4
    assert page.exports[3].identity == made_up.an_instance()["summary"].identity
    assert page.exports[1].identity.series_instance_uid == ""
    assert (page.done, page.first, page.last) == (True, 1, 4)


def test_exports_are_listed_page_by_page(ids, reader, group):
    with group() as writer:
        writer.record_exports([ResourceRef(Level.STUDY, ids.study)] * 5, "PACS", 0.0)
        writer.record_exports([ResourceRef(Level.STUDY, NOBODY)], "PACS", 0.0)

    page = reader.list_exports(1, 2)
    assert ([e.seq for e in page.exports], page.done, page.last) == ([2, 3], False, 3)
    assert [e.seq for e in reader.list_exports(3, 0).exports] == [4, 5]
    assert reader.list_exports(7, 10) == reader.list_exports(7, 0)
    assert (reader.list_exports(7, 10).last, reader.list_exports(7, 10).first) == (7, None)
    assert reader.describe_last_export().last == 5


def test_the_numbers_of_exports_go_on_after_the_log_was_cleared(ids, reader, group):
    for _ in range(2):
        with group() as writer:
            writer.record_exports([ResourceRef(Level.STUDY, ids.study)], "PACS", 0.0)
            last = writer
        with group() as writer:
            writer.clear_exports()
    with group() as last:
        last.record_exports([ResourceRef(Level.STUDY, ids.study)], "PACS", 0.0)

    assert [e.seq for e in reader.list_exports(0, 0).exports] == [3]
