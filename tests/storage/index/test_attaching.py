"""Attachments: revisions, sizes and released files, some by example and all against a model."""

import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repertory.errors import BadParameter, RevisionConflict, UnknownItem, UnknownResource
from repertory.integrity import Damage
from repertory.items import UNWRITTEN, Revision, written
from repertory.model import ChangeType, Level, Totals

NOBODY = "11111111-11111111-11111111-11111111-11111111"
LEVELS = list(Level)


@pytest.fixture
def ids(store):
    return store(size=1000, disk=900).ids


@pytest.fixture
def attach(group, made_up):
    """Give a resource an attachment in a group of its own."""

    def attach(level, id_, file, expected=None):
        with group() as writer:
            return writer.replace_attachment(level, id_, file, expected=expected, now=made_up.NOON)

    return attach


@pytest.mark.parametrize("level", LEVELS)
def test_an_attachment_counts_for_its_resource_and_all_above(ids, attach, reader, made_up, level):
    file = made_up.a_file(size=50, disk=20, content_type=1024)
    attached = attach(level, ids.at(level), file)

    assert attached.revision == 0
    assert file in reader.list_attachments(level, ids.at(level))
    for other in Level:
        kept = reader.describe_statistics(other, ids.at(other))
        counts = other <= level
        assert kept.disk_size == 900 + 20 * counts
        assert kept.uncompressed_size == 1000 + 50 * counts
        assert (kept.dicom_disk_size, kept.dicom_uncompressed_size) == (900, 1000)
    assert reader.describe_totals() == Totals(1, 1, 1, 1, 920, 1050)


@pytest.mark.parametrize("level", LEVELS)
def test_a_description_has_all_attachments_in_the_order_of_their_types(
    ids, attach, reader, group, made_up, level
):
    before = reader.list_attachments(level, ids.at(level))
    files = [made_up.a_file(content_type=kind) for kind in (1025, 1024)]
    for file in files:
        attach(level, ids.at(level), file)
    with group() as writer:
        writer.note_damage(level, ids.at(level), 1025, files[0].uuid, Damage.LOST)
    found = {
        it: reader.describe_resource(it, ids.at(it)).attachments for it in Level if it is not level
    }

    assert reader.describe_resource(level, ids.at(level)).attachments == (
        *before,
        files[1],
        replace(files[0], damage=Damage.LOST.value),
    )
    assert all(not files_of for it, files_of in found.items() if it is not Level.INSTANCE)


@pytest.mark.parametrize("level", LEVELS)
def test_the_attachment_before_is_released(ids, attach, reader, made_up, level):
    files = [made_up.a_file(size=n, content_type=1024) for n in (5, 7)]
    revisions = [attach(level, ids.at(level), file).revision for file in files]

    assert revisions == [0, 1]
    assert [file.uuid for file in reader.list_released(0)] == [files[0].uuid]
    assert reader.describe_totals().disk_size == 907


def test_a_dicom_file_that_is_rewritten_changes_the_sizes_of_dicom(ids, attach, reader, made_up):
    (old,) = reader.list_attachments(Level.INSTANCE, ids.instance)
    attach(Level.INSTANCE, ids.instance, made_up.a_file(size=1000, disk=300), written(old))

    kept = reader.describe_statistics(Level.STUDY, ids.study)
    assert (kept.dicom_disk_size, kept.disk_size) == (300, 300)
    assert reader.describe_resource(Level.INSTANCE, ids.instance).attachment.revision == 1
    assert [file.uuid for file in reader.list_released(0)] == [old.uuid]


def test_the_file_of_an_instance_of_the_same_group_is_replaced(group, reader, made_up):
    record = made_up.an_instance(size=1000)
    with group() as writer:
        writer.record_instance(**record)
        id_ = record["ids"].instance
        new = writer.replace_attachment(
            Level.INSTANCE, id_, made_up.a_file(size=400), expected=None, now=0.0
        )

    assert new.revision == 1
    assert [file.uuid for file in reader.list_released(0)] == [record["attachment"].uuid]
    assert reader.describe_totals().disk_size == 400


@pytest.mark.parametrize("level", LEVELS)
def test_a_deleted_attachment_is_released_and_logged(ids, attach, group, reader, made_up, level):
    file = made_up.a_file(content_type=1024)
    attach(level, ids.at(level), file)
    with group() as writer:
        writer.delete_attachment(level, ids.at(level), 1024, expected=None, now=made_up.NOON)

    assert [one.uuid for one in reader.list_released(0)] == [file.uuid]
    assert reader.describe_totals().disk_size == 900
    page = reader.list_changes(4, None, 100, ())
    assert [(c.type, c.level) for c in page.changes] == [(ChangeType.UPDATED_ATTACHMENT, level)] * 2


def test_a_deleted_study_releases_the_attachments_of_all_levels(
    ids, attach, delete, reader, made_up
):
    files = {level: made_up.a_file(content_type=1024) for level in Level}
    for level, file in files.items():
        attach(level, ids.at(level), file)
    delete(Level.PATIENT, ids.patient)

    released = {file.uuid for file in reader.list_released(0)}
    assert {file.uuid for file in files.values()} < released
    assert reader.describe_totals() == Totals(0, 0, 0, 0, 0, 0)


def test_what_is_refused_leaves_the_group_as_it_was(ids, group, reader, made_up):
    file = made_up.a_file(content_type=1024)
    study = (Level.STUDY, ids.study)
    with group() as writer:
        writer.record_instance(**made_up.an_instance(sop="1.1.1.2"))
        writer.replace_attachment(*study, file, expected=None, now=0.0)
        for expected in (UNWRITTEN, Revision(1, file.uncompressed_md5), Revision(0, "0" * 32)):
            with pytest.raises(RevisionConflict):
                writer.replace_attachment(*study, file, expected=expected, now=0.0)
            with pytest.raises(RevisionConflict):
                writer.delete_attachment(*study, 1024, expected=expected, now=0.0)
        with pytest.raises(UnknownItem):
            writer.delete_attachment(*study, 1025, expected=None, now=0.0)
        with pytest.raises(UnknownResource):
            writer.replace_attachment(Level.STUDY, NOBODY, file, expected=None, now=0.0)
        nameless = made_up.a_file(content_type=1024, uuid="nonsense")
        with pytest.raises(BadParameter):
            writer.replace_attachment(*study, nameless, expected=None, now=0.0)

    assert reader.list_attachments(*study) == (file,)
    assert reader.describe_totals().instances == 2
    assert reader.list_released(0) == ()


def test_a_refusal_can_be_known_before(ids, attach, reader, made_up):
    file = made_up.a_file(content_type=1024)
    reader.check_attachment(Level.STUDY, ids.study, 1024, UNWRITTEN)
    attach(Level.STUDY, ids.study, file)
    reader.check_attachment(Level.STUDY, ids.study, 1024, written(file))
    reader.check_attachment(Level.STUDY, ids.study, 1024, None)

    with pytest.raises(RevisionConflict):
        reader.check_attachment(Level.STUDY, ids.study, 1024, UNWRITTEN)
    with pytest.raises(UnknownResource):
        reader.check_attachment(Level.STUDY, NOBODY, 1024, None)


# Against a model: of each level and kind, the contents that were written, one after the other.

steps = st.lists(
    st.tuples(
        st.sampled_from(["set", "set", "delete"]),
        st.sampled_from(["metadata", "attachment"]),
        st.sampled_from(LEVELS),
        st.sampled_from([1024, 1025]),
        st.sampled_from(["a", "b", ""]),
        st.sampled_from(["any", "current", "number", "content", "none"]),
    ),
    max_size=25,
)
groups = st.lists(st.tuples(steps, st.booleans()), max_size=4)


def md5(content):
    return hashlib.md5(content.encode()).hexdigest()


def expectation(how, now):
    """What a writer may expect, and whether it is right, where ``now`` is there."""
    current = now or Revision(3, md5("gone"))
    return {
        "any": (None, True),
        "current": (current, True),
        "number": (Revision(current.number + 1, current.md5), False),
        "content": (Revision(current.number, md5("other")), False),
        "none": (UNWRITTEN, False),
    }[how]


class Model:
    def __init__(self):
        self.items = {}
        self.released = 0
        self.logged = 0

    def copy(self):
        copy = Model()
        copy.items, copy.released, copy.logged = dict(self.items), self.released, self.logged
        return copy

    def write(self, writer, made_up, step):
        verb, kind, level, number, content, how = step
        key = (kind, level, number)
        now, _ = self.items.get(key, (None, None))
        expected, right = expectation(how, now)
        place = (level, made_up.ids_of().at(level))
        if verb == "delete" and now is None:
            with pytest.raises(UnknownItem):
                self.delete(writer, kind, place, number, expected)
        elif now is not None and not right and verb == "delete":
            with pytest.raises(RevisionConflict):
                self.delete(writer, kind, place, number, expected)
        elif now is not None and not right:
            with pytest.raises(RevisionConflict):
                self.set(writer, made_up, kind, place, number, content, expected)
        else:
            self.logged += 1
            self.released += kind == "attachment" and now is not None
            if verb == "delete":
                self.delete(writer, kind, place, number, expected)
                del self.items[key]
                return
            revision = self.set(writer, made_up, kind, place, number, content, expected)
            assert revision == Revision(0 if now is None else now.number + 1, md5(content))
            self.items[key] = (revision, len(content))

    def set(self, writer, made_up, kind, place, number, content, expected):
        if kind == "metadata":
            return writer.set_metadata(*place, number, content, expected=expected, now=0.0).revision
        sums = {"uncompressed_md5": md5(content), "compressed_md5": md5(content)}
        file = made_up.a_file(size=len(content), content_type=number, **sums)
        return written(writer.replace_attachment(*place, file, expected=expected, now=0.0))

    def delete(self, writer, kind, place, number, expected):
        delete = writer.delete_metadata if kind == "metadata" else writer.delete_attachment
        delete(*place, number, expected=expected, now=0.0)

    def compare(self, reader, made_up):
        for level in Level:
            place = (level, made_up.ids_of().at(level))
            found = {
                ("attachment", level, it.content_type): (written(it), it.uncompressed_size)
                for it in reader.list_attachments(*place)
                if it.content_type >= 1024
            }
            for number in (1024, 1025):
                value = reader.describe_metadata(*place, number)
                if value is not None:
                    found["metadata", level, number] = (value.revision, len(value.value))
            assert found == {key: item for key, item in self.items.items() if key[1] == level}
            sizes = [
                size
                for (kind, at, _), (_, size) in self.items.items()
                if kind == "attachment" and at >= level
            ]
            assert reader.describe_statistics(*place).disk_size == 1000 + sum(sizes)
        assert reader.count_released() == self.released
        assert len(reader.list_changes(4, None, 10_000, ()).changes) == self.logged


@given(groups)
@settings(max_examples=30, deadline=None)
def test_revisions_and_sizes_are_those_of_a_model(make_engine, made_up, groups):
    with tempfile.TemporaryDirectory() as folder:
        engine = make_engine(Path(folder))
        engine.open()
        writer, reader = engine.writer(), engine.reader()
        writer.begin()
        writer.record_instance(**made_up.an_instance())
        writer.commit()
        model = Model()
        try:
            for steps, kept in groups:
                after = model.copy()
                writer.begin()
                for step in steps:
                    after.write(writer, made_up, step)
                if kept:
                    writer.commit()
                    model = after
                else:
                    writer.rollback()
                model.compare(reader, made_up)
        finally:
            writer.close()
            reader.close()
            engine.close()
