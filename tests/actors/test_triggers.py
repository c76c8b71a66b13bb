from dataclasses import replace

import pytest

from repertory.actors.passes import PassState, chores_of, completed_by
from repertory.actors.triggers import TRIGGERS
from repertory.conf.housekeeper import TriggersSettings
from repertory.housekeeping import Chores, Configuration
from repertory.model import Compression, Level

NOW = Configuration(
    orthanc_version="1.13.0", signatures={level: f"tags of {level.word}" for level in Level}
)
BY_OPTION = {trigger.option: trigger for trigger in TRIGGERS}
ON = TriggersSettings()


def fired(last, now=NOW, settings=ON):
    return {it.option for it in TRIGGERS if it.look(settings, last, now).fires}


def test_nothing_fires_where_nothing_has_changed():
    assert fired(NOW) == set()


def test_where_nothing_is_known_the_index_is_looked_through_and_no_file_rewritten():
    assert fired(None) == {"MainDicomTagsChange", "UnnecessaryDicomAsJsonFiles"}


@pytest.mark.parametrize(
    ("change", "trigger"),
    [
        ({"storage_compression": True}, "StorageCompressionChange"),
        ({"signatures": NOW.signatures | {Level.SERIES: "others"}}, "MainDicomTagsChange"),
        ({"orthanc_version": "1.9.0"}, "UnnecessaryDicomAsJsonFiles"),
        ({"orthanc_version": "1.8.2"}, "UnnecessaryDicomAsJsonFiles"),
    ],
)
def test_a_trigger_fires_by_what_it_is_named_after_unless_it_is_off(change, trigger):
    last = replace(NOW, **change)

    assert fired(last) == {trigger}
    off = TriggersSettings(**{BY_OPTION[trigger].field: False})
    assert fired(last, settings=off) == set()
    assert BY_OPTION[trigger].look(off, last, NOW).reason.startswith("It is switched off. ")


@pytest.mark.parametrize("version", ["1.9.1", "1.12.10", "1.13.0", "mainline"])
def test_a_later_orthanc_kept_no_tags_as_json(version):
    assert fired(replace(NOW, orthanc_version=version)) == set()


@pytest.mark.parametrize(
    "change",
    [{"ingest_transcoding": "1.2.840.10008.1.2.4.80"}, {"dicom_web_version": "1.14"}],
)
def test_what_there_is_not_yet_has_its_seat_and_makes_no_pass(change):
    last = replace(NOW, **change)

    assert fired(last) == set()
    reasons = [it.look(ON, last, NOW).reason for it in TRIGGERS]
    assert len([reason for reason in reasons if "(yet)" in reason and "changed" in reason]) == 1


def test_a_trigger_is_named_like_its_option():
    assert set(BY_OPTION) == {
        "StorageCompressionChange",
        "MainDicomTagsChange",
        "UnnecessaryDicomAsJsonFiles",
        "IngestTranscodingChange",
        "DicomWebCacheChange",
    }


def test_what_a_pass_left_out_is_not_taken_for_done():
    old = replace(NOW, orthanc_version="1.8.0", storage_compression=True, signatures={})
    done = completed_by(Chores(levels=frozenset({Level.STUDY})), NOW, old)

    assert done.signatures[Level.STUDY] == NOW.signatures[Level.STUDY]
    assert done.signatures[Level.SERIES] == ""
    assert done.storage_compression
    assert done.orthanc_version == "1.8.0"


def test_a_pass_over_everything_needs_no_trigger():
    levels = frozenset(Level)
    chores = chores_of((), levels=levels, form=Compression.NONE, everything=True, files=False)

    assert chores == Chores(levels=levels, obsolete=True, everything=True)


def test_of_an_orthanc_in_the_middle_of_a_pass_what_was_completed_counts():
    text = (
        '{"Version": 1, "LastProcessedChange": 126, "LastChangeToProcess": 420,'
        ' "LastTimeStarted": "20261120T232413.391988", "CurrentlyProcessingConfiguration":'
        ' {"OrthancVersion": "1.12.1", "DicomWebVersion": "", "StorageCompressionEnabled": true,'
        ' "IngestTranscoding": "", "MainDicomTagsSignature": {"Patient": "a"}},'
        ' "LastProcessedConfiguration": {"OrthancVersion": "1.11.0", "DicomWebVersion": "1.24",'
        ' "StorageCompressionEnabled": false, "IngestTranscoding": "", "MainDicomTagsSignature":'
        ' {"Patient": "b", "Study": "c", "Series": "d", "Instance": "e"}}}'
    )
    state = PassState.of(text)

    assert not state.runs
    assert state.completed.orthanc_version == "1.11.0"
    assert state.completed.signatures[Level.INSTANCE] == "e"


def test_a_state_is_read_as_it_was_written():
    state = PassState(started=1_795_217_053.391988, current=NOW, last=9, done=3, everything=True)

    assert PassState.of(state.text()) == state


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"LastProcessedConfiguration": 3}', '""'])
def test_what_is_no_state_counts_as_nothing(text):
    assert PassState.of(text) == PassState()
