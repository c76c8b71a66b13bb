"""Main DICOM tags that are sequences, in the index: recorded, described, refreshed."""

import json

import pytest

from repertory.model import Level, Metadata, TagForm
from repertory.storage.index.packing import pack_sequences, unpack_sequences
from repertory.storage.index.policy import Overwriting, StorePolicy
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.resolving import Resolver
from repertory.storage.searching import Search

TAG = "0040,0275"
RESOLVER = Resolver(MainDicomTags.defaults({level: [TAG] for level in Level}))


def sequence(text):
    inner = {"0040,0009": {"Name": "ScheduledProcedureStepID", "Type": "String", "Value": text}}
    return {TAG: {"Name": "RequestAttributesSequence", "Type": "Sequence", "Value": [inner]}}


def everywhere(text):
    return {level: sequence(f"{text}{int(level)}") for level in Level}


@pytest.fixture
def described(reader, made_up):
    """Describe the usual instance and its parents."""

    def described():
        ids = made_up.ids_of()
        return {level: reader.describe_resource(level, ids.at(level)) for level in Level}

    return described


@pytest.mark.parametrize("level", list(Level))
def test_sequences_are_kept_as_metadata_in_orthancs_form(store, described, level):
    store(main_sequences=everywhere("A"))
    resource = described()[level]

    assert resource.main_sequences == sequence(f"A{int(level)}")
    packed = resource.metadata[Metadata.MAIN_DICOM_SEQUENCES]
    assert json.loads(packed) == {"Version": 1, "Sequences": sequence(f"A{int(level)}")}
    assert list(resource.metadata) == sorted(resource.metadata)


def test_a_study_shows_those_of_its_patient(store, described):
    store(main_sequences=everywhere("A"))

    shown = {level: it.patient_sequences for level, it in described().items()}
    assert shown == {
        Level.PATIENT: {},
        Level.STUDY: sequence("A1"),
        Level.SERIES: {},
        Level.INSTANCE: {},
    }


def test_where_there_are_none_no_metadata_is_kept(store, described):
    store()

    for resource in described().values():
        assert resource.main_sequences == {}
        assert Metadata.MAIN_DICOM_SEQUENCES not in resource.metadata


@pytest.mark.parametrize("now", [{}, {"main_sequences": everywhere("B")}])
def test_a_reconstruction_refreshes_them(store, described, group, made_up, now):
    store(main_sequences=everywhere("A"))
    read = made_up.an_instance(**now)
    file = described()[Level.INSTANCE].attachment
    with group() as writer:
        writer.record_reconstruction(
            ids=read["ids"],
            summary=read["summary"],
            levels=frozenset(Level),
            replaces=file.uuid,
            attachment=None,
        )

    for level, resource in described().items():
        assert resource.main_sequences == now.get("main_sequences", {}).get(level, {})


def test_an_instance_that_is_overwritten_brings_its_own(store, described, group, made_up):
    store(main_sequences=everywhere("A"))
    with group() as writer:
        writer.record_instance(
            **made_up.an_instance(main_sequences=everywhere("B")),
            policy=StorePolicy(overwriting=Overwriting.ALWAYS),
        )

    for level, resource in described().items():
        assert resource.main_sequences == sequence(f"B{int(level)}")


@pytest.mark.parametrize(
    ("form", "shown"),
    [
        (TagForm.FULL, sequence("A4")),
        (TagForm.SHORT, {TAG: [{"0040,0009": "A4"}]}),
        (
            TagForm.SIMPLIFIED,
            {"RequestAttributesSequence": [{"ScheduledProcedureStepID": "A4"}]},
        ),
    ],
)
def test_requested_ones_come_from_the_index(store, reader, form, shown):
    store(main_sequences=everywhere("A"))
    wanted = RESOLVER.wanted(Level.INSTANCE, ["RequestAttributesSequence"], form)
    ((_, requested),) = reader.describe_found(Search(Level.INSTANCE), wanted)

    assert wanted.in_files == ()
    assert requested.tags == shown
    assert requested.missing == ()


def test_requested_ones_of_an_upper_level_come_from_there(store, reader):
    store(main_sequences={Level.PATIENT: {"0010,1002": sequence("A")[TAG]}})
    resolver = Resolver(MainDicomTags.defaults({Level.PATIENT: ["0010,1002"]}))
    wanted = resolver.wanted(Level.SERIES, ["OtherPatientIDsSequence"], TagForm.SHORT)
    ((_, requested),) = reader.describe_found(Search(Level.SERIES), wanted)

    assert requested.tags == {"0010,1002": [{"0040,0009": "A"}]}


def test_what_is_too_long_to_be_kept_is_missing(store, reader):
    too_long = {TAG: {"Name": "RequestAttributesSequence", "Type": "TooLong", "Value": None}}
    store(main_sequences={Level.SERIES: too_long})
    wanted = RESOLVER.wanted(Level.SERIES, [TAG], TagForm.FULL)
    ((_, requested),) = reader.describe_found(Search(Level.SERIES), wanted)

    assert requested.tags == {}
    assert requested.missing == (TAG,)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "nonsense",
        "[]",
        '{"Version":2,"Sequences":{"0040,0275":[]}}',
        '{"Version":1}',
        '{"Version":1,"Sequences":[]}',
        '{"Version":1,"Sequences":{"0040,0275":[]}}',
        '{"Version":1,"Sequences":{"0040,0275":{"Name":"x","Type":"Sequence","Value":null}}}',
    ],
)
def test_what_is_written_in_another_form_shows_no_sequences(written):
    assert unpack_sequences(written) == {}


def test_what_is_packed_comes_out_again():
    assert unpack_sequences(pack_sequences(sequence("Ü\n"))) == sequence("Ü\n")
