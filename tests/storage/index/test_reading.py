import pytest

from repertory.errors import BadParameter, UnknownItem, UnknownResource
from repertory.model import Level, Metadata, ResourceRef, ResourceStatistics, Totals


@pytest.fixture
def family(group, made_up):
    """Two patients, three studies, four series, five instances; in this order of arrival."""
    with group() as writer:
        for uids in ("P 1 1 1", "P 1 1 2", "Q 3 4 5", "P 1 2 3", "P 2 3 4"):
            writer.record_instance(**made_up.an_instance(*uids.split(), size=10, disk=4))


@pytest.fixture
def ids(made_up):
    return lambda *names: tuple(made_up.public_id(*name.split()) for name in names)


def test_resources_are_listed_in_order_of_arrival(family, reader, ids):
    assert reader.list_resources(Level.PATIENT, 0, 0) == ids("P", "Q")
    assert reader.list_resources(Level.STUDY, 0, 0) == ids("P 1", "Q 3", "P 2")
    assert reader.list_resources(Level.INSTANCE, 0, 0) == ids(
        "P 1 1 1", "P 1 1 2", "Q 3 4 5", "P 1 2 3", "P 2 3 4"
    )


@pytest.mark.parametrize(
    ("since", "limit", "expected"),
    [(0, 2, [0, 1]), (1, 2, [1, 2]), (1, 0, [1, 2]), (2, 5, [2]), (3, 1, []), (10**30, 10**30, [])],
)
def test_resources_are_listed_by_page(family, reader, ids, since, limit, expected):
    studies = ids("P 1", "Q 3", "P 2")

    assert reader.list_resources(Level.STUDY, since, limit) == tuple(studies[n] for n in expected)
    described = reader.describe_resources(Level.STUDY, since, limit)
    assert [one.id for one in described] == [studies[n] for n in expected]


def test_an_empty_index_has_nothing_to_list(reader):
    for level in Level:
        assert reader.list_resources(level, 0, 0) == ()
        assert reader.describe_resources(level, 0, 0) == ()
    assert reader.describe_totals() == Totals(0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize("level", list(Level))
def test_a_page_describes_like_one_by_one(family, reader, level):
    described = reader.describe_resources(level, 0, 0)

    assert described == tuple(
        reader.describe_resource(level, id_) for id_ in reader.list_resources(level, 0, 0)
    )


def test_a_patient_is_described(family, reader, ids):
    patient = reader.describe_resource(Level.PATIENT, *ids("P"))

    assert patient.level is Level.PATIENT
    assert patient.parent is None
    assert patient.children == ids("P 1", "P 2")
    assert patient.main_tags["0010,0020"] == "P"
    assert patient.patient_tags == {}
    assert patient.labels == ()
    assert not patient.is_protected
    assert patient.attachment is None


def test_a_study_is_described_with_its_patients_tags(family, reader, ids):
    study = reader.describe_resource(Level.STUDY, *ids("P 1"))

    assert (study.parent,) == ids("P")
    assert study.children == ids("P 1 1", "P 1 2")
    assert study.main_tags["0020,000d"] == "1"
    assert study.patient_tags["0010,0020"] == "P"


def test_studies_keep_what_their_own_first_files_say_of_the_patient(store, reader, ids):
    for uids, name in (("P 1 1 1", "A"), ("P 2 2 2", "B"), ("P 2 2 3", "C")):
        store(*uids.split(), tags={Level.PATIENT: {"0010,0010": name}})

    studies = reader.describe_resources(Level.STUDY, 0, 0)
    (patient,) = reader.describe_resources(Level.PATIENT, 0, 0)
    assert [it.patient_tags["0010,0010"] for it in studies] == ["A", "B"]
    assert patient.main_tags["0010,0010"] == "A"
    assert sorted(studies[1].main_tags) == ["0008,0020", "0008,0050", "0008,1030", "0020,000d"]


def test_children_come_in_order_of_arrival(store, reader, ids):
    for uid in ("9", "10", "1", "5"):
        store("P", "1", "1", uid)

    series = reader.describe_resource(Level.SERIES, *ids("P 1 1"))
    assert series.children == ids("P 1 1 9", "P 1 1 10", "P 1 1 1", "P 1 1 5")


def test_an_instance_is_described_with_its_file(family, reader, ids):
    instance = reader.describe_resource(Level.INSTANCE, *ids("P 1 1 2"))

    assert (instance.parent,) == ids("P 1 1")
    assert instance.children == ()
    assert instance.attachment.uncompressed_size == 10
    assert instance.attachment.compressed_size == 4
    assert Metadata.LAST_UPDATE not in instance.metadata


@pytest.mark.parametrize("id_", ["", "P", "é" * 44, "0" * 40, "G" * 44])
def test_malformed_identifiers_are_unknown(family, reader, id_):
    for level in Level:
        with pytest.raises(UnknownResource):
            reader.describe_resource(level, id_)
        with pytest.raises(UnknownResource):
            reader.describe_statistics(level, id_)
        with pytest.raises(UnknownResource):
            reader.list_children(level, id_, Level.INSTANCE)
        with pytest.raises(UnknownResource):
            reader.describe_parent(level, id_, Level.PATIENT)
        with pytest.raises(UnknownResource):
            reader.describe_attachment(level, id_, 1)


def test_only_one_way_of_writing_an_identifier_is_known(family, reader, ids):
    (id_,) = ids("P")
    for other in (id_.upper(), id_.replace("-", ""), f" {id_}", id_.replace("-", " ")):
        with pytest.raises(UnknownResource):
            reader.describe_resource(Level.PATIENT, other)


def test_descendants_are_listed_at_each_level(family, reader, ids):
    (patient,) = ids("P")

    assert reader.list_children(Level.PATIENT, patient, Level.STUDY) == ids("P 1", "P 2")
    assert reader.list_children(Level.PATIENT, patient, Level.SERIES) == ids(
        "P 1 1", "P 1 2", "P 2 3"
    )
    assert reader.list_children(Level.PATIENT, patient, Level.INSTANCE) == ids(
        "P 1 1 1", "P 1 1 2", "P 1 2 3", "P 2 3 4"
    )
    assert reader.list_children(Level.STUDY, *ids("P 1"), Level.INSTANCE) == ids(
        "P 1 1 1", "P 1 1 2", "P 1 2 3"
    )
    assert reader.list_children(Level.PATIENT, patient, Level.PATIENT) == (patient,)


def test_descendants_are_described(family, reader, ids):
    described = reader.describe_children(Level.PATIENT, *ids("P"), Level.SERIES)

    assert [one.id for one in described] == list(ids("P 1 1", "P 1 2", "P 2 3"))
    assert described[0].children == ids("P 1 1 1", "P 1 1 2")


def test_ancestors_are_described_at_each_level(family, reader, ids):
    (instance,) = ids("P 2 3 4")
    for level, name in zip(Level, ("P", "P 2", "P 2 3", "P 2 3 4"), strict=True):
        assert (reader.describe_parent(Level.INSTANCE, instance, level).id,) == ids(name)


def test_children_lie_below_and_parents_above(family, reader, ids):
    with pytest.raises(BadParameter):
        reader.list_children(Level.STUDY, *ids("P 1"), Level.PATIENT)
    with pytest.raises(BadParameter):
        reader.describe_parent(Level.STUDY, *ids("P 1"), Level.SERIES)


def test_statistics_are_told_at_each_level(family, reader, ids):
    assert [
        reader.describe_statistics(level, *ids(name))
        for level, name in zip(Level, ("P", "P 1", "P 1 1", "P 1 1 1"), strict=True)
    ] == [
        ResourceStatistics(2, 3, 4, 16, 40, 16, 40),
        ResourceStatistics(1, 2, 3, 12, 30, 12, 30),
        ResourceStatistics(0, 1, 2, 8, 20, 8, 20),
        ResourceStatistics(0, 0, 1, 4, 10, 4, 10),
    ]


def test_totals_are_told(family, reader):
    assert reader.describe_totals() == Totals(2, 3, 4, 5, 20, 50)


def test_the_index_describes_itself(family, engine, reader):
    described = reader.describe_index()

    assert described.totals == reader.describe_totals()
    assert described.engine
    assert described.schema_version >= 1
    assert len(described.identifier) == 44


def test_the_index_keeps_its_identifier(engine):
    seen = set()
    for _ in range(2):
        reader = engine.reader()
        seen.add(reader.describe_index().identifier)
        reader.close()
        engine.close()
        engine.open()

    assert len(seen) == 1


def test_an_attachment_comes_with_the_metadata(family, reader, ids):
    (instance,) = ids("P 1 1 1")
    attachment, metadata = reader.describe_attachment(Level.INSTANCE, instance, 1)

    described = reader.describe_resource(Level.INSTANCE, instance)
    assert attachment == described.attachment
    assert metadata == described.metadata


def test_an_attachment_that_is_not_there_is_an_unknown_item(family, reader, ids):
    with pytest.raises(UnknownItem):
        reader.describe_attachment(Level.INSTANCE, *ids("P 1 1 1"), 3)
    with pytest.raises(UnknownItem):
        reader.describe_attachment(Level.STUDY, *ids("P 1"), 1)


@pytest.mark.parametrize(
    ("places", "expected", "status"),
    [
        ((1, 2, 3), 3, "Complete"),
        ((1, 3), 3, "Missing"),
        ((None,), 3, "Missing"),
        ((1, 2, None), 2, "Complete"),
        ((1, 2, 2), 3, "Inconsistent"),
        ((1, 2, 4), 3, "Inconsistent"),
        ((0, 1, 2), 3, "Inconsistent"),
        ((1, 2, 3), None, "Unknown"),
    ],
)
def test_the_status_of_a_series_is_orthancs(store, reader, ids, places, expected, status):
    for number, place in enumerate(places):
        store("P", "1", "1", str(number), place=place, expected=expected)

    assert reader.describe_resource(Level.SERIES, *ids("P 1 1")).series_status == status


def test_identifiers_are_looked_up_at_their_level(store, reader, ids):
    store("P", "1.2", "1.2.3", "1.2.3.4")

    def found(identifier):
        return [(ref.level, ref.id) for ref in reader.lookup_identifier(identifier)]

    assert found("P") == [(Level.PATIENT, *ids("P"))]
    assert found("1.2") == [(Level.STUDY, *ids("P 1.2"))]
    assert found("1.2.3") == [(Level.SERIES, *ids("P 1.2 1.2.3"))]
    assert found("1.2.3.4") == [(Level.INSTANCE, *ids("P 1.2 1.2.3 1.2.3.4"))]
    assert found("1.2.3.4.5") == []
    assert found("DOE^JOHN") == []


def test_identifiers_are_looked_up_without_regard_to_case_accents_and_blanks(store, reader):
    receipt = store("Émile_1 ")

    expected = ResourceRef(Level.PATIENT, receipt.ids.patient)
    assert reader.lookup_identifier(" emile 1") == (expected,)


def test_all_resources_of_an_identifier_are_found(store, reader):
    store("p", "1", "1", "1")
    store("P", "1", "1", "1")

    assert [ref.level for ref in reader.lookup_identifier("P")] == [Level.PATIENT] * 2
    assert [ref.level for ref in reader.lookup_identifier("1")] == [
        *[Level.STUDY] * 2,
        *[Level.SERIES] * 2,
        *[Level.INSTANCE] * 2,
    ]


def test_readers_see_what_was_committed_only(writer, reader, made_up):
    writer.begin()
    writer.record_instance(**made_up.an_instance())
    assert reader.describe_totals().instances == 0
    assert reader.list_resources(Level.INSTANCE, 0, 0) == ()
    writer.commit()

    assert reader.describe_totals().instances == 1
