"""Groups that a database undid for a passing reason."""

import pytest

from repertory.actors.index import IndexActor
from repertory.actors.index_repeating import REPETITIONS
from repertory.actors.messages.attachments import AttachmentsReleased
from repertory.actors.messages.changes import ChangesInDoubt, ChangesLogged, ClearChanges
from repertory.actors.messages.resources import DeleteResource
from repertory.errors import IndexBusy, IndexFailed, NoReplyInTime, UnknownResource
from repertory.model import Level, ResourceId


@pytest.fixture
def engine(fickle_engine_class, tmp_path):
    return fickle_engine_class(tmp_path / "index", synchronous="NORMAL")


@pytest.fixture
def index(stage, engine):
    stage.put_on(IndexActor, engine=engine)
    return stage


NOBODY = ResourceId("11111111-11111111-11111111-11111111-11111111")


def test_a_group_whose_commit_did_nothing_is_made_anew(index, engine):
    engine.fickle.failures = [IndexBusy(), IndexBusy()]
    begun = engine.fickle.begun

    assert index.ask(ClearChanges()) is None

    assert engine.fickle.begun == begun + 3


def test_a_group_in_which_a_change_did_nothing_is_made_anew(index, engine):
    engine.fickle.failures_of_changes = [IndexBusy()]

    assert index.ask(ClearChanges()) is None


def test_a_refusal_within_such_a_group_stays_one(index, engine):
    engine.fickle.failures = [IndexBusy()]
    good = index.ask_soon(ClearChanges())
    bad = index.ask_soon(DeleteResource(level=Level.STUDY, id=NOBODY))

    assert good.get(timeout=10) is None
    with pytest.raises(UnknownResource):
        bad.get(timeout=10)


def test_what_fails_again_and_again_is_told_as_not_done(index, engine):
    engine.fickle.failures = [IndexBusy() for _ in range(REPETITIONS + 1)]

    with pytest.raises(IndexBusy):
        index.ask(ClearChanges())

    assert index.ask(ClearChanges()) is None


@pytest.mark.parametrize("error", [IndexFailed, NoReplyInTime])
def test_what_may_be_done_or_would_fail_again_is_not_repeated(index, engine, error):
    engine.fickle.failures = [error()]
    begun = engine.fickle.begun

    with pytest.raises(error):
        index.ask(ClearChanges())

    assert engine.fickle.begun == begun + 1
    assert index.ask(ClearChanges()) is None


def test_of_a_group_in_doubt_those_hear_who_wait_for_what_may_be_there(index, engine):
    index.listen(ChangesInDoubt, AttachmentsReleased, ChangesLogged)
    for error in (IndexFailed(), NoReplyInTime()):
        engine.fickle.failures = [error]
        with pytest.raises(type(error)):
            index.ask(ClearChanges())

    assert len(index.heard(ChangesInDoubt)) == 1
    assert len(index.heard(AttachmentsReleased)) == 1
    assert len(index.heard(ChangesLogged)) == 1
