"""Worklists over an archive with a real index."""

import os

import pytest

from repertory.actors.messages.instances import StoreInstance
from repertory.actors.messages.stability import DeclareStable
from repertory.actors.messages.worklists import (
    CreateWorklist,
    DeleteWorklist,
    DescribeWorklist,
    FindWorklists,
    ListWorklists,
    SetWorklist,
)
from repertory.actors.worklists import WorklistActor, WorklistOptions
from repertory.errors import BadParameter, CannotStart, Forbidden, UnknownItem, Unsupported
from repertory.model import Level, TagForm
from repertory.storage.worklists import as_file
from repertory.testing.files import make_dicom

TAGS = {"PatientID": "P1", "ScheduledProcedureStepSequence": [{"ScheduledStationAETitle": "CT1"}]}


class Worklists:
    """The actor with some options; ``again`` is the next run."""

    def __init__(self, archive, folder):
        self.archive = archive
        self.folder = folder

    def start(self, **options):
        self.options = WorklistOptions(**{"enabled": True, **options})
        self.archive.stage.put_on(WorklistActor, options=self.options)
        return self

    def again(self):
        self.archive.restart()
        self.archive.stage.put_on(WorklistActor, options=self.options)

    def ask(self, question):
        return self.archive.stage.ask(question)

    def ids(self):
        return [it.id for it in self.ask(ListWorklists())]

    def found(self, station="", **keys):
        answer = self.ask(FindWorklists(keys={"0010,0020": "", **keys}, station=station))
        return [it["0010,0020"] for it in answer.answers], answer.complete


@pytest.fixture
def worklists(archive, tmp_path):
    return Worklists(archive, tmp_path / "worklists")


@pytest.fixture(params=["folder", "index"])
def kept(request, worklists):
    """Worklists that are made are kept in a folder, or in the index."""
    return worklists.start(folder=worklists.folder, in_index=request.param == "index")


def test_a_worklist_that_was_made_is_there_also_after_a_restart(kept):
    id_ = kept.ask(CreateWorklist(tags=TAGS))
    for _ in range(2):
        assert kept.ids() == [id_]
        shown = kept.ask(DescribeWorklist(id=id_)).tags
        assert shown["PatientID"] == "P1"
        assert shown["ScheduledProcedureStepSequence"] == [{"ScheduledStationAETitle": "CT1"}]
        assert shown["StudyInstanceUID"].startswith("2.25.")
        kept.again()
    assert kept.ask(DescribeWorklist(id=id_, form=TagForm.SHORT)).tags["0010,0020"] == "P1"


def test_a_worklist_is_changed_and_deleted(kept):
    id_ = kept.ask(CreateWorklist(tags=TAGS))
    kept.ask(SetWorklist(id=id_, tags={"PatientID": "P2"}))
    assert kept.ask(DescribeWorklist(id=id_)).tags["PatientID"] == "P2"

    kept.ask(DeleteWorklist(id=id_))

    assert kept.ids() == []
    for question in (
        DescribeWorklist(id=id_),
        DeleteWorklist(id=id_),
        SetWorklist(id=id_, tags={}),
        DescribeWorklist(id="../index/index"),
    ):
        with pytest.raises(UnknownItem):
            kept.ask(question)


def test_an_index_and_a_folder_are_searched_together(worklists):
    worklists.start(folder=worklists.folder, in_index=True)
    worklists.ask(CreateWorklist(tags={"PatientID": "KEPT"}))
    (worklists.folder / "ris.wl").write_bytes(as_file({"0010,0020": "LAID"}))

    assert worklists.found() == (["LAID", "KEPT"], True)


def test_worklists_without_a_folder_are_kept_in_the_index(worklists):
    worklists.start()

    id_ = worklists.ask(CreateWorklist(tags=TAGS))

    assert worklists.ids() == [id_]


def test_a_station_gets_what_is_scheduled_for_it(worklists):
    worklists.start(filters_station=True)
    worklists.ask(CreateWorklist(tags=TAGS))

    assert worklists.found("CT1") == (["P1"], True)
    assert worklists.found("MR1") == ([], True)


def test_no_more_than_the_limit_is_answered(worklists):
    worklists.start(most_answers=2)
    for _ in range(2):
        worklists.ask(CreateWorklist(tags=TAGS))
    assert worklists.found() == (["P1", "P1"], True)

    worklists.ask(CreateWorklist(tags=TAGS))

    assert worklists.found() == (["P1", "P1"], False)


def test_a_study_is_given_an_identifier_only_where_that_is_wanted(worklists):
    worklists.start(sets_study=False)

    id_ = worklists.ask(CreateWorklist(tags=TAGS))

    assert "StudyInstanceUID" not in worklists.ask(DescribeWorklist(id=id_)).tags


def test_a_worklist_goes_when_its_study_is_stable(kept):
    kept.ask(CreateWorklist(tags={**TAGS, "StudyInstanceUID": "1.1"}))
    other = kept.ask(CreateWorklist(tags={**TAGS, "StudyInstanceUID": "1.2"}))
    study = kept.ask(StoreInstance(content=make_dicom(study="1.1"))).ids.study
    kept.archive.stage.clock.advance(60)
    assert len(kept.ids()) == 2

    kept.ask(DeclareStable(level=Level.STUDY, id=study))
    kept.archive.stage.settle()

    assert kept.ids() == [other]


def test_a_study_that_became_stable_unseen_is_noticed_later(kept):
    kept.ask(CreateWorklist(tags={**TAGS, "StudyInstanceUID": "1.1"}))
    kept.archive.restart()
    study = kept.ask(StoreInstance(content=make_dicom(study="1.1"))).ids.study
    kept.ask(DeclareStable(level=Level.STUDY, id=study))

    kept.again()
    kept.archive.stage.settle()

    assert kept.ids() == []


def test_a_worklist_goes_when_its_time_is_over(worklists):
    worklists.start(lifetime=3600.0)
    worklists.ask(CreateWorklist(tags=TAGS))

    worklists.archive.stage.clock.advance(3500)
    assert len(worklists.ids()) == 1
    worklists.archive.stage.clock.advance(160)
    assert worklists.ids() == []


def test_files_of_others_are_never_deleted(worklists):
    worklists.start(folder=worklists.folder, lifetime=1.0, interval=1e6)
    content = as_file({"0020,000d": "1.1"}).replace(b"2.25.189545322488", b"2.25.999999999999")
    (worklists.folder / "ris.wl").write_bytes(content)
    os.utime(worklists.folder / "ris.wl", (0, 0))
    study = worklists.ask(StoreInstance(content=make_dicom(study="1.1"))).ids.study

    worklists.ask(DeclareStable(level=Level.STUDY, id=study))
    worklists.archive.stage.clock.advance(2e6)

    assert worklists.ids() == ["ris"]


@pytest.mark.parametrize("tags", [{"Nonsense": "1"}, {"PatientID": 1}])
def test_what_is_no_worklist_is_not_kept(kept, tags):
    with pytest.raises(BadParameter):
        kept.ask(CreateWorklist(tags=tags))

    assert kept.ids() == []


def test_an_archive_without_worklists_says_so(worklists):
    worklists.start(enabled=False)

    for question in (ListWorklists(), CreateWorklist(tags=TAGS), FindWorklists(keys={})):
        with pytest.raises(Unsupported):
            worklists.ask(question)


def test_a_read_only_archive_makes_none(worklists):
    worklists.start(read_only=True)

    with pytest.raises(Forbidden):
        worklists.ask(CreateWorklist(tags=TAGS))


def test_a_folder_that_cannot_be_is_told_at_the_start(worklists, tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(CannotStart, match=r"Worklists\.Directory"):
        worklists.start(folder=tmp_path / "file")
