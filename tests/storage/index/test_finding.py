"""Searches of the index, rule by rule."""

import json

import pytest

from repertory.criteria import Criteria, LabelsConstraint, Order, OrderKind
from repertory.errors import BadParameter, BadRequest, UnknownResource
from repertory.model import Level, Metadata, ResourceId, ResourceRef, TagForm
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags
from repertory.storage.resolving import Resolver

PATIENT, STUDY, SERIES, INSTANCE = Level
RESOLVER = Resolver(MAIN_DICOM_TAGS)
NOBODY = ResourceId("00000000-00000000-00000000-00000000-00000000")


@pytest.fixture
def find(reader):
    """Find by criteria; gives identifiers."""

    def find(level, resolver=RESOLVER, within=None, **criteria):
        tags = {k: criteria.pop(k) for k in list(criteria) if k[0].isupper()}
        asked = Criteria(level=level, tags=tuple(tags.items()), within=within, **criteria)
        return list(reader.find_resources(resolver.search(asked)))

    return find


@pytest.fixture
def wanted(reader):
    """The requested tags of what is found, in a form."""

    def wanted(level, *names, form=TagForm.SIMPLIFIED):
        search = RESOLVER.search(Criteria(level=level))
        found = reader.describe_found(search, RESOLVER.wanted(level, names, form))
        return [it.tags for _, it in found]

    return wanted


@pytest.fixture
def label(writer, made_up):
    """Label a resource."""

    def label(level, id_, text):
        writer._db.execute(
            "INSERT INTO labels SELECT id, ? FROM resources WHERE level = ? AND public_id = ?",
            (text, int(level), bytes.fromhex(id_.replace("-", ""))),
        )

    return label


@pytest.fixture
def archive(store, made_up):
    """Two patients, three studies; identifiers by a short name."""
    ids = {}
    rows = [
        ("s1", "A", "1", "1.1", {STUDY: {"0008,0020": "20200101", "0008,0050": "X1"}}, "CT"),
        ("s1b", "A", "1", "1.2", {STUDY: {"0008,0020": "20200101"}}, "SR"),
        ("s2", "A", "2", "2.1", {STUDY: {"0008,0020": "20210615", "0008,0050": "X10"}}, "MR"),
        ("s3", "B", "3", "3.1", {STUDY: {"0008,0020": "20220101", "0008,0050": "X9"}}, "CT"),
    ]
    for number, (name, patient, study, series, tags, modality) in enumerate(rows):
        patient_tags = {"0010,0010": f"DOE^{patient}", "0010,0040": "F" if patient == "A" else "M"}
        more = {SERIES: {"0008,0060": modality}, PATIENT: patient_tags}
        sop = f"{series}.9"
        store(patient, study, series, sop, tags=tags | more, now=made_up.NOON + number)
        ids[name] = made_up.ids_of(patient, study, series, sop)
    return ids


def test_an_identifier_of_an_upper_level_is_searched_at_every_level(archive, find):
    found = {level: find(level, PatientID="A") for level in Level}

    assert found[PATIENT] == [archive["s1"].patient]
    assert found[STUDY] == [archive["s1"].study, archive["s2"].study]
    assert found[SERIES] == [archive[name].series for name in ("s1", "s1b", "s2")]
    assert found[INSTANCE] == [archive[name].instance for name in ("s1", "s1b", "s2")]


def test_a_study_is_found_by_the_name_that_its_own_file_has(store, made_up, find):
    store("P", "1", "1.1", "1", tags={PATIENT: {"0010,0010": "MAIDEN^NAME"}})
    store("P", "2", "2.1", "2", tags={PATIENT: {"0010,0010": "MARRIED^NAME"}})

    assert find(STUDY, PatientName="married*") == [made_up.ids_of("P", "2").study]
    assert find(PATIENT, PatientName="married*") == []
    assert find(STUDY, PatientName="MARRIED*", case_sensitive=True) == [
        made_up.ids_of("P", "2").study
    ]
    assert find(INSTANCE, PatientName="MAIDEN*", case_sensitive=True) == [
        made_up.ids_of("P", "1", "1.1", "1").instance
    ]


@pytest.mark.parametrize("level", [STUDY, SERIES, INSTANCE])
def test_what_is_below_a_study_has_what_its_file_says_of_the_patient(store, find, wanted, level):
    store("P", "1", "1.1", "1", tags={PATIENT: {"0010,0010": "B", "0010,0040": "F"}})
    store("P", "2", "2.1", "2", tags={PATIENT: {"0010,0010": "A"}})

    tags = wanted(level, "PatientName", "PatientSex")
    assert tags == [{"PatientName": "B", "PatientSex": "F"}, {"PatientName": "A"}]
    assert wanted(PATIENT, "PatientName") == [{"PatientName": "B"}]
    first, second = find(level)
    assert find(level, PatientSex="F") == [first]
    by_name = Order(OrderKind.DICOM_TAG, "PatientName", descending=False)
    assert find(level, order=(by_name,)) == [second, first]


def test_a_study_from_before_it_kept_its_own_has_its_patients_tags(
    store, writer, find, wanted, reader
):
    store("P", "1", "1.1", "1", tags={PATIENT: {"0010,0040": "F"}})
    for number, packed in writer._db.all("SELECT id, main_tags FROM resources"):
        tags = {tag: it for tag, it in json.loads(packed).items() if tag != "patient"}
        row = (json.dumps(tags), number)
        writer._db.execute("UPDATE resources SET main_tags = ? WHERE id = ?", row)

    (study,) = reader.describe_resources(STUDY, 0, 0)
    assert study.patient_tags["0010,0040"] == "F"
    assert wanted(SERIES, "PatientSex") == [{"PatientSex": "F"}]
    assert find(STUDY, PatientSex="F", PatientName="DOE^JOHN", case_sensitive=True) == [study.id]


def test_an_empty_query_finds_everything_in_order_of_arrival(archive, find):
    assert find(SERIES) == [it.series for it in archive.values()]
    assert find(SERIES, Modality="", PatientName="") == find(SERIES)


def test_tags_may_be_numbers(archive, find):
    by_number = {"0010,0020": "B"}

    assert find(STUDY, PatientID="B") == [archive["s3"].study]
    search = RESOLVER.search(Criteria(level=STUDY, tags=tuple(by_number.items())))
    assert search.tags == RESOLVER.search(Criteria(level=STUDY, tags=(("PatientID", "B"),))).tags


@pytest.mark.parametrize(
    ("range_", "names"),
    [
        ("20200101-20210615", ["s1", "s2"]),
        ("-20210614", ["s1"]),
        ("20210616-", ["s3"]),
        ("20200101", ["s1"]),
        ("2021-2021", ["s2"]),
        ("20200101\\20220101", ["s1", "s3"]),
        ("2022*", ["s3"]),
        ("-", ["s1", "s2", "s3"]),
    ],
)
def test_dates_are_found_by_ranges_that_include_their_ends(archive, find, range_, names):
    assert find(STUDY, StudyDate=range_) == [archive[name].study for name in names]


def test_the_index_answers_what_the_study_and_its_patient_keep(archive, find):
    assert find(STUDY, PatientSex="m") == [archive["s3"].study]
    assert find(SERIES, PatientSex="F", StudyDate="2021*") == [archive["s2"].series]
    assert find(INSTANCE, Modality="sr") == [archive["s1b"].instance]


def test_modalities_in_study_are_those_of_any_series(archive, find):
    assert find(STUDY, ModalitiesInStudy="SR") == [archive["s1"].study]
    assert find(STUDY, ModalitiesInStudy="MR\\SR") == [archive["s1"].study, archive["s2"].study]
    assert find(SERIES, ModalitiesInStudy="SR") == [archive["s1"].series, archive["s1b"].series]


def test_a_tag_of_a_lower_level_is_found_in_anything_below(archive, find):
    assert find(STUDY, Modality="CT") == [archive["s1"].study, archive["s3"].study]
    assert find(PATIENT, Modality="MR") == [archive["s1"].patient]
    assert find(PATIENT, InstanceNumber="1") == [archive["s1"].patient, archive["s3"].patient]


def test_case_counts_where_the_search_or_the_archive_says_so(archive, find):
    strict = Resolver(MAIN_DICOM_TAGS, case_sensitive_pn=True)

    assert find(STUDY, AccessionNumber="x1") == [archive["s1"].study]
    assert find(STUDY, AccessionNumber="x1", case_sensitive=True) == []
    assert find(STUDY, AccessionNumber="X1", case_sensitive=True) == [archive["s1"].study]
    assert find(STUDY, strict, PatientName="doe*") == []
    assert find(STUDY, strict, PatientName="doe^b", case_sensitive=False) == [archive["s3"].study]
    assert find(STUDY, strict, AccessionNumber="x1") == [archive["s1"].study]


def test_labels_are_all_any_or_none(archive, find, label):
    one, two, three = (archive[name].study for name in ("s1", "s2", "s3"))
    label(STUDY, one, "a")
    label(STUDY, one, "b")
    label(STUDY, two, "b")

    def found(constraint, *labels):
        return find(STUDY, labels=labels, labels_constraint=LabelsConstraint(constraint))

    assert found("All", "a", "b") == [one]
    assert found("All", "b", "b") == [one, two]
    assert found("Any", "a", "c", "b") == [one, two]
    assert found("None", "a") == [two, three]
    assert found("None") == [three]
    assert found("All") == found("Any") == [one, two, three]
    assert find(PATIENT, labels=("a",)) == []
    assert find(STUDY, labels=("b",), PatientID="A", StudyDate="2021*") == [two]


def test_metadata_are_searched_by_number(archive, find, made_up):
    reception, update, origin = Metadata.RECEPTION_DATE, Metadata.LAST_UPDATE, Metadata.ORIGIN

    assert len(find(INSTANCE, metadata=((origin, "restapi"),))) == 4
    assert find(INSTANCE, metadata=((origin, "Lua\\Dicom*"),)) == []
    assert find(INSTANCE, metadata=((reception, "20270115T080003-"),)) == [archive["s3"].instance]
    assert find(STUDY, metadata=((update, "20270115T080002"),)) == [archive["s2"].study]
    assert find(STUDY, metadata=((update, "-20270115T080002"),)) == [
        archive["s1"].study,
        archive["s2"].study,
    ]
    assert find(STUDY, metadata=((1024, "*"),)) == []


def test_parents_bound_a_search(archive, find):
    patient, study = ResourceRef(PATIENT, archive["s1"].patient), archive["s1"].study

    assert find(SERIES, parents=(patient,)) == [archive[n].series for n in ("s1", "s1b", "s2")]
    assert find(INSTANCE, parents=(patient, ResourceRef(STUDY, study)), Modality="SR") == [
        archive["s1b"].instance
    ]
    assert find(STUDY, parents=(patient,), StudyDate="2021*") == [archive["s2"].study]
    assert find(STUDY, parents=(ResourceRef(PATIENT, NOBODY),)) == []
    with pytest.raises(BadParameter):
        find(STUDY, parents=(ResourceRef(STUDY, study),))


def test_a_search_within_a_resource_goes_up_and_down(archive, find):
    study = ResourceRef(STUDY, archive["s1"].study)

    assert find(STUDY, within=study) == [archive["s1"].study]
    assert find(SERIES, within=study) == [archive["s1"].series, archive["s1b"].series]
    assert find(INSTANCE, within=study, Modality="CT") == [archive["s1"].instance]
    assert find(PATIENT, within=study) == [archive["s1"].patient]
    with pytest.raises(UnknownResource):
        find(STUDY, within=ResourceRef(STUDY, NOBODY))


def test_what_is_found_comes_in_the_order_that_is_asked_for(archive, find):
    one, two, three = (archive[name].study for name in ("s1", "s2", "s3"))

    def found(kind, key, descending=False, level=STUDY):
        return find(level, order=(Order(OrderKind(kind), key, descending),))

    assert found("DicomTag", "StudyDate", True) == [three, two, one]
    assert found("DicomTag", "AccessionNumber") == [one, two, three]
    assert found("DicomTag", "PatientName", True) == [three, one, two]
    assert found("Metadata", "7", True) == [three, two, one]
    assert found("MetadataAsInt", "1024") == [one, two, three]
    assert found("DicomTag", "PatientSex", True, SERIES)[0] == archive["s3"].series
    two_keys = (Order(OrderKind.DICOM_TAG, "PatientID"), Order(OrderKind.METADATA, "7", True))
    assert find(STUDY, order=two_keys) == [two, one, three]


def test_numbers_are_ordered_as_numbers_and_what_has_none_comes_last(store, made_up, find):
    for place in (10, 9, 1):
        store("P", "1", "1.1", f"{place}", place=place)
    store("P", "1", "1.1", "none", tags={INSTANCE: {"0020,0013": ""}})
    ids = {n: made_up.ids_of("P", "1", "1.1", n).instance for n in ("1", "9", "10", "none")}

    def found(kind, key, descending=False):
        return find(INSTANCE, order=(Order(OrderKind(kind), key, descending),))

    assert found("DicomTag", "InstanceNumber") == [ids[n] for n in ("none", "1", "10", "9")]
    assert found("DicomTagAsInt", "InstanceNumber", True) == [
        ids[n] for n in ("10", "9", "1", "none")
    ]
    assert found("MetadataAsInt", "1") == [ids[n] for n in ("1", "9", "10", "none")]
    assert found("MetadataAsFloat", "1", True) == [ids[n] for n in ("10", "9", "1", "none")]


@pytest.mark.parametrize("descending", [False, True])
def test_a_page_of_dates_goes_on_with_those_that_have_none(group, made_up, find, descending):
    dates = {"1": "20200101", "2": None, "3": "20220101", "4": "20210101", "5": None, "6": ""}
    for study, date in dates.items():
        record = made_up.an_instance("P", study, f"{study}.1", f"{study}.1.1")
        tags = record["summary"].main_tags[STUDY]
        tags["0008,0020"] = date
        if date is None:
            del tags["0008,0020"]
        with group() as writer:
            writer.record_instance(**record)
    order = (Order(OrderKind.DICOM_TAG, "StudyDate", descending),)
    whole = find(STUDY, order=order)
    first = ["3", "4", "1", "6"] if descending else ["6", "1", "4", "3"]

    assert whole == [made_up.ids_of("P", n).study for n in (*first, "2", "5")]
    for since in range(7):
        for limit in range(1, 7):
            page = find(STUDY, order=order, since=since, limit=limit)
            assert page == whole[since : since + limit]


def test_pages_of_an_order_make_up_the_whole(archive, find):
    order = (Order(OrderKind.DICOM_TAG, "StudyDate", True),)
    pages = [find(STUDY, order=order, since=n, limit=1) for n in range(4)]

    assert pages == [[id_] for id_ in find(STUDY, order=order)] + [[]]


def test_a_count_heeds_no_limit(archive, reader):
    search = RESOLVER.search(Criteria(level=SERIES, tags=(("PatientID", "A"),), limit=1))

    assert reader.count_found(search) == 3


@pytest.mark.parametrize(
    ("level", "names", "tags"),
    [
        (PATIENT, ["NumberOfPatientRelatedStudies"], {"NumberOfPatientRelatedStudies": "2"}),
        (PATIENT, ["NumberOfPatientRelatedSeries"], {"NumberOfPatientRelatedSeries": "3"}),
        (PATIENT, ["NumberOfPatientRelatedInstances"], {"NumberOfPatientRelatedInstances": "3"}),
        (STUDY, ["NumberOfStudyRelatedSeries"], {"NumberOfStudyRelatedSeries": "2"}),
        (STUDY, ["NumberOfStudyRelatedInstances"], {"NumberOfStudyRelatedInstances": "2"}),
        (SERIES, ["NumberOfSeriesRelatedInstances"], {"NumberOfSeriesRelatedInstances": "1"}),
        (SERIES, ["NumberOfStudyRelatedSeries"], {"NumberOfStudyRelatedSeries": "2"}),
        (STUDY, ["ModalitiesInStudy"], {"ModalitiesInStudy": "CT\\SR"}),
        (STUDY, ["SOPClassesInStudy"], {"SOPClassesInStudy": "1.2.840.10008.5.1.4.1.1.2"}),
        (INSTANCE, ["InstanceAvailability"], {"InstanceAvailability": "ONLINE"}),
        (INSTANCE, ["PatientID", "0008,0060"], {"PatientID": "A", "Modality": "CT"}),
        (STUDY, ["PatientName", "StudyDate"], {"PatientName": "DOE^A", "StudyDate": "20200101"}),
        (STUDY, ["StationName"], {}),
    ],
)
def test_requested_tags_come_from_above_or_are_worked_out(archive, wanted, level, names, tags):
    assert wanted(level, *names)[0] == tags


def test_requested_tags_have_the_form_that_is_asked_for(archive, wanted):
    assert wanted(STUDY, "ModalitiesInStudy", form=TagForm.SHORT)[1] == {"0008,0061": "MR"}
    assert wanted(STUDY, "ModalitiesInStudy", form=TagForm.FULL)[1] == {
        "0008,0061": {"Name": "ModalitiesInStudy", "Type": "String", "Value": "MR"}
    }


def test_candidates_are_what_the_index_finds_with_the_first_file_of_each(archive, reader):
    criteria = Criteria(level=STUDY, tags=(("PatientID", "A"), ("PatientWeight", "70")), limit=1)
    search = RESOLVER.search(criteria)
    wanted = RESOLVER.wanted(STUDY, ["PatientSex", "PatientWeight"], TagForm.SHORT)
    found = reader.find_candidates(search, wanted)

    assert [it.id for it in found] == [archive["s1"].study, archive["s2"].study]
    assert [it.known for it in found] == [{"0010,0040": "F"}] * 2
    assert wanted.in_files == ("0010,1030",)
    for it, name in zip(found, ("s1", "s2"), strict=True):
        file, _ = reader.describe_attachment(INSTANCE, archive[name].instance, 1)
        ((first, metadata, instance),) = it.files
        assert instance == archive[name].instance
        assert first == file
        assert metadata[Metadata.PIXEL_DATA_OFFSET] == "1530"


def test_an_extra_main_tag_is_searched_in_the_index(store, made_up, find):
    resolver = Resolver(MainDicomTags.defaults({STUDY: ["0010,1030"]}))
    store("P", "1", "1.1", "1", tags={STUDY: {"0010,1030": "70"}})

    assert find(STUDY, resolver, PatientWeight="7?") == [made_up.ids_of("P", "1").study]
    assert find(STUDY, resolver, PatientWeight="8?") == []


def test_many_are_described_in_their_order_without_the_unknown(archive, reader):
    ids = [archive["s2"].series, NOBODY, archive["s1"].patient, archive["s2"].series, "odd"]

    assert [it.id for it in reader.describe_many(ids, None)] == [ids[0], ids[2]]
    assert [it.id for it in reader.describe_many(ids, STUDY)] == [
        archive["s2"].study,
        archive["s1"].study,
    ]
    assert len(reader.describe_many([archive["s1"].patient], INSTANCE)) == 3


@pytest.mark.parametrize(
    ("level", "tag", "hint"),
    [
        (STUDY, "PatienName", "Did you mean PatientName"),
        (STUDY, "xyzzyplugh", "no DICOM tag named xyzzyplugh"),
        (STUDY, "SOPInstanceUID", "at Level Instance or below, not at Level Study"),
        (PATIENT, "StudyDate", "at Level Study or below"),
        (PATIENT, "ModalitiesInStudy", "Level|level"),
        (STUDY, "NumberOfStudyRelatedSeries", "is computed"),
        (SERIES, "RequestAttributesSequence", "is a sequence"),
    ],
)
def test_what_cannot_be_searched_is_refused_with_a_hint(level, tag, hint):
    with pytest.raises(BadParameter, match=hint):
        RESOLVER.search(Criteria(level=level, tags=((tag, "X"),)))


def test_the_index_orders_by_what_it_keeps_alone():
    order = (Order(OrderKind.DICOM_TAG, "PatientWeight"),)
    with pytest.raises(BadParameter, match="PatientWeight cannot be ordered by"):
        RESOLVER.search(Criteria(level=STUDY, order=order))


def test_since_counts_in_the_index_alone():
    with pytest.raises(BadRequest, match="PatientWeight"):
        RESOLVER.search(Criteria(level=STUDY, tags=(("PatientWeight", "70"),), since=1))


@pytest.mark.parametrize("sensitive", [False, True])
def test_long_lists_are_searched(archive, find, sensitive):
    uids = "\\".join(f"9.{n}" for n in range(5_000))
    wild = "\\".join(f"{n}*" for n in range(100, 3_000))
    names = "\\".join(f"山{n}" for n in range(3_000))

    assert find(STUDY, StudyInstanceUID=f"{uids}\\2", case_sensitive=sensitive) == [
        archive["s2"].study
    ]
    assert find(STUDY, PatientName=f"{wild}\\DOE^B*", case_sensitive=sensitive) == [
        archive["s3"].study
    ]
    assert find(STUDY, PatientName=f"{names}\\DOE^B", case_sensitive=sensitive) == [
        archive["s3"].study
    ]
    assert find(STUDY, InstitutionName=names, case_sensitive=sensitive) == []


def test_what_a_database_cannot_take_is_refused(archive, find):
    with pytest.raises(BadParameter, match="too many values"):
        find(STUDY, PatientID="\\".join(map(str, range(40_000))))
    with pytest.raises(BadParameter, match="longer than"):
        find(STUDY, PatientName="a*" * 2_000)


def test_only_certain_ones_are_found_where_some_are_named(find, archive):
    ids = tuple(find(STUDY))
    some = (ids[2], NOBODY, ResourceId("nonsense"), ids[0])

    assert find(STUDY, among=some) == [ids[0], ids[2]]
    assert find(STUDY, among=some, limit=1) == [ids[0]]
    assert find(STUDY, among=some, PatientID="A") == find(STUDY, among=ids[:1])
    assert find(SERIES, among=ids) == []
    assert find(STUDY, among=(NOBODY,)) == []


def test_tags_alone_are_those_that_descriptions_come_with(reader, archive):
    names = ("PatientID", "StudyDate", "ModalitiesInStudy")
    for form in TagForm:
        search, tags = RESOLVER.search(Criteria(level=STUDY)), RESOLVER.wanted(STUDY, names, form)

        described = reader.describe_found(search, tags)

        assert reader.request_found(search, tags) == tuple(it for _, it in described)
        assert len(described) == len(reader.find_resources(search)) > 2
