"""Which studies rules ask for, compared with what a plain loop finds; and when they were read."""

import random
from dataclasses import replace

import pytest

from repertory.model import Level, ResourceRef
from repertory.places import Cursor
from repertory.tiering import Conditions, KeptTiering, StudiesWanted, StudyCursor, StudyRead

NOON = 1_800_000_000.0
DAY = 86_400
PLACES = ("file-system", "object-storage")
MODALITIES, LABELS = ("CT", "MR", "US"), ("a", "b", "c")


class Study:
    """What a test knows of a study."""

    def __init__(self, chance, number):
        self.uid = f"1.{number}"
        self.modalities = chance.sample(MODALITIES, chance.randint(1, 2))
        self.labels = chance.sample(LABELS, chance.randint(0, 2))
        self.received = NOON - DAY * chance.randint(0, 60)
        self.read = chance.choice([0, 0, int(NOON - DAY * chance.randint(0, 60))])
        self.places = {chance.choice(PLACES) for _ in self.modalities}
        self.id = None
        self.number = 0

    @property
    def used(self):
        return max(self.received, self.read)

    def meets(self, wanted):
        return (
            (wanted.received_before is None or self.received < wanted.received_before)
            and (wanted.read_before is None or self.used < wanted.read_before)
            and (not wanted.modalities or set(wanted.modalities) & set(self.modalities))
            and (not wanted.labels or set(wanted.labels) & set(self.labels))
            and not set(wanted.without_labels) & set(self.labels)
        )


@pytest.fixture
def studies(group, made_up, reader):
    chance = random.Random(5)
    found = [Study(chance, number) for number in range(1, 61)]
    for it in found:
        spread = [*it.places, *it.places][: len(it.modalities)]
        for number, (modality, place) in enumerate(zip(it.modalities, spread, strict=True)):
            series = f"{it.uid}.{number}"
            instance = made_up.an_instance(
                "P",
                it.uid,
                series,
                f"{series}.1",
                now=it.received,
                tags={Level.SERIES: {"0008,0060": modality}},
            )
            file = replace(instance["attachment"], location=PLACES.index(place))
            with group() as writer:
                writer.record_instance(**{**instance, "attachment": file})
        it.places = set(spread)
        it.id = made_up.ids_of("P", it.uid).study
        with group() as writer:
            for label in it.labels:
                writer.add_label(Level.STUDY, it.id, label)
        (read,) = reader.find_read_studies((ResourceRef(Level.STUDY, it.id),))
        it.number = read.number
        if it.read:
            with group() as writer:
                writer.record_accesses((it.number,), it.read)
    return found


def walk(reader, wanted):
    """All pages of a few studies each."""
    found, after = [], StudyCursor()
    while after is not None:
        page = reader.find_tierable(replace(wanted, after=after, looks=7))
        found += page.studies
        after = page.after
    return found


def conditions(chance):
    return Conditions(
        received_before=chance.choice([None, NOON - DAY * chance.randint(0, 60)]),
        read_before=chance.choice([None, NOON - DAY * chance.randint(0, 60)]),
        modalities=tuple(chance.sample(MODALITIES, chance.randint(0, 2))),
        labels=tuple(chance.sample(LABELS, chance.randint(0, 2))),
        without_labels=tuple(chance.sample(LABELS, chance.choice([0, 0, 1]))),
    )


def test_a_rule_finds_the_studies_that_a_plain_loop_finds(reader, studies):
    chance = random.Random(11)
    counts = set()
    for _ in range(150):
        wanted = StudiesWanted(
            source=chance.choice(PLACES),
            conditions=conditions(chance),
            unless=tuple(conditions(chance) for _ in range(chance.randint(0, 2))),
            not_read_since=chance.choice([None, NOON - 30 * DAY]),
        )
        expected = [
            it.id
            for it in studies
            if wanted.source in it.places
            and it.meets(wanted.conditions)
            and not any(it.meets(other) for other in wanted.unless)
            and (wanted.not_read_since is None or it.read < wanted.not_read_since)
        ]

        assert walk(reader, wanted) == expected
        counts.add(len(expected))
    assert len(counts) > 10


@pytest.mark.parametrize(("word", "key"), [("LastRead", "used"), ("LastReceived", "received")])
def test_studies_come_in_the_order_that_room_is_made_in(reader, studies, word, key):
    wanted = StudiesWanted("file-system", Conditions(), first_out=word)
    there = [it for it in studies if "file-system" in it.places]

    found = walk(reader, wanted)

    assert found == [it.id for it in sorted(there, key=lambda it: (getattr(it, key), it.number))]


def test_a_storage_that_nobody_knows_has_no_studies(reader, studies):
    assert studies
    assert walk(reader, StudiesWanted("nowhere", Conditions())) == []


def test_files_of_a_series_and_of_a_study_count_too(group, reader, made_up, store):
    ids = store().ids
    with group() as writer:
        writer.replace_attachment(
            Level.SERIES, ids.series, made_up.a_file(content_type=2000), expected=None, now=NOON
        )
    wanted = StudiesWanted("file-system", Conditions())
    assert walk(reader, wanted) == [ids.study]

    files = reader.list_movable([ids.study], *_anywhere(), "file-system").files

    assert [it.level for it in files] == [Level.SERIES, Level.INSTANCE]
    assert reader.count_movable([ids.study], "object-storage", "file-system") == (2, 2000)
    assert reader.count_movable([ids.study], "object-storage", "nowhere") == (0, 0)
    assert reader.list_movable([ids.study], *_anywhere(), "nowhere").files == []


def _anywhere():
    return Cursor(), "object-storage", 9


def test_a_read_is_never_set_back(group, reader, store):
    ids = store().ids
    study = (ResourceRef(Level.STUDY, ids.study),)
    (read,) = reader.find_read_studies(study)
    assert read == StudyRead(read.number, 0)

    for at in (500, 400, 600):
        with group() as writer:
            writer.record_accesses((read.number,), at)
        expected = max(500, at)
        assert reader.find_read_studies(study) == (StudyRead(read.number, expected),)


def test_the_study_of_an_instance_and_of_a_series_is_found_once(reader, store):
    ids = store().ids
    refs = tuple(ResourceRef(level, ids.at(level)) for level in Level)

    (read,) = reader.find_read_studies((*refs, ResourceRef(Level.STUDY, ids.patient)))

    assert reader.find_read_studies(refs[1:2]) == (read,)


def test_a_read_of_a_study_that_is_gone_leaves_nothing(group, reader, store, delete):
    ids = store().ids
    (read,) = reader.find_read_studies((ResourceRef(Level.STUDY, ids.study),))
    with group() as writer:
        writer.record_accesses((read.number,), 500)
    delete(Level.STUDY, ids.study)
    with group() as writer:
        writer.record_accesses((read.number,), 600)

    store()

    (again,) = reader.find_read_studies((ResourceRef(Level.STUDY, ids.study),))
    assert again.read_at == 0


def test_what_waits_to_be_removed_is_summed_up_by_storage(reader, store, delete):
    ids = store(size=700).ids
    assert reader.sum_released("file-system") == 0

    delete(Level.STUDY, ids.study)

    assert reader.sum_released("file-system") == 700
    assert reader.sum_released("object-storage") == reader.sum_released("nowhere") == 0


def test_what_is_kept_of_tiering_is_a_text_and_whether_it_is_paused(group, reader):
    assert reader.describe_kept_tiering() == KeptTiering("", is_paused=False)

    with group() as writer:
        writer.record_state("tiering", "text", paused=True)

    assert reader.describe_kept_tiering() == KeptTiering("text", is_paused=True)
