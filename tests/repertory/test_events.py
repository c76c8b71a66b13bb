import pytest

from repertory.events import CLASSES, ArchiveEvent, NewStudy, types_of
from repertory.model import ChangeType, Level, ResourceId


@pytest.fixture
def event():
    return NewStudy(
        number=1,
        type=ChangeType.NEW_STUDY,
        level=Level.STUDY,
        id=ResourceId("s"),
        date="20260101T000000",
        parents={Level.PATIENT: ResourceId("p")},
    )


def test_an_event_tells_its_resource_and_what_is_above_and_nothing_below(event):
    assert (event.patient, event.study, event.series, event.instance) == ("p", "s", None, None)
    assert event.id_of(Level.PATIENT) == "p"
    with pytest.raises(LookupError):
        event.id_of(Level.SERIES)


def test_every_change_that_is_logged_has_a_class():
    logged = {change for change in ChangeType if change is not ChangeType.NEW_CHILD_INSTANCE}

    assert set(CLASSES) == types_of(ArchiveEvent) == logged


def test_an_event_cannot_be_changed(event):
    with pytest.raises(AttributeError):
        event.number = 2
