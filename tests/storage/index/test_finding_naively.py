"""What a search finds is what a plain matcher finds, whatever the resources and the query."""

import string
import tempfile
import unicodedata
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from repertory.criteria import Criteria
from repertory.model import Level
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.storage.resolving import Resolver

RESOLVER = Resolver(MAIN_DICOM_TAGS)

# Few letters, so that values and patterns meet.
LETTERS = "aAbB^éÉ漢[%_!'\" 1"
DATES = ["20200101", "20200131", "20211231", "2020", ""]

TAGS = {
    "PatientID": ("0010,0020", Level.PATIENT, True),
    "PatientName": ("0010,0010", Level.PATIENT, True),
    "PatientSex": ("0010,0040", Level.PATIENT, False),
    "AccessionNumber": ("0008,0050", Level.STUDY, True),
    "StudyDate": ("0008,0020", Level.STUDY, True),
    "InstitutionName": ("0008,0080", Level.STUDY, False),
    "SeriesDate": ("0008,0021", Level.SERIES, False),
    "SeriesDescription": ("0008,103e", Level.SERIES, False),
}
DATED = {"StudyDate", "SeriesDate"}

texts = st.text(LETTERS, max_size=4)
values = st.none() | texts
parts = st.text(LETTERS + "**??", max_size=4)
patterns = st.lists(parts, min_size=1, max_size=3).map("\\".join)
dates = st.sampled_from(DATES)
date_patterns = st.one_of(
    dates, st.tuples(dates, dates).map("-".join), st.just("*"), st.just("2020*"), st.just("-")
)
instances = st.fixed_dictionaries(
    {
        "patient": st.sampled_from(["", "a", "A", "é", "b 1"]),
        "study": st.sampled_from("123"),
        "series": st.sampled_from("12"),
        **{name: values for name in TAGS if name != "PatientID" and name not in DATED},
        **{name: st.none() | dates for name in DATED},
    }
)
queries = st.fixed_dictionaries(
    {},
    optional={name: date_patterns if name in DATED else patterns for name in TAGS},
)


def plain(text):
    """Upper-case ASCII, as identifiers are searched."""
    text = unicodedata.normalize("NFKD", text.upper()).upper()
    kept = "".join(c for c in text if c in string.printable).strip()
    return kept.replace("%", " ").replace("_", " ").strip()


def same(letter, other, sensitive):
    return letter == other or (
        not sensitive and (letter.lower() == other.lower() or letter.upper() == other.upper())
    )


def resembles(text, pattern, sensitive):
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(resembles(text[n:], pattern[1:], sensitive) for n in range(len(text) + 1))
    if not text:
        return False
    return (pattern[0] == "?" or same(text[0], pattern[0], sensitive)) and resembles(
        text[1:], pattern[1:], sensitive
    )


def meets(name, value, query, sensitive):
    alternatives = [part.strip() for part in query.split("\\") if part.strip()]
    if not alternatives or (name in DATED and "-" in alternatives):
        return True
    if value is None:
        return False
    return any(meets_one(name, value.strip(), part, sensitive) for part in alternatives)


def meets_one(name, value, part, sensitive):
    if name in DATED and "-" in part:
        low, high = part.split("-")
        return value != "" and low <= value and (not high or value[: len(high)] <= high)
    if part == "*":
        return True
    identifier = TAGS[name][2]
    if identifier and not sensitive and all(c.isascii() or plain(c) for c in part):
        return resembles(plain(value), plain(part), sensitive=True)
    return resembles(value, part, sensitive)


@contextmanager
def filled(made_up, population):
    """An index of these instances, and their resources: identifier to the tags of each."""
    known = {level: {} for level in Level}
    with tempfile.TemporaryDirectory() as folder:
        engine = SqliteEngine(Path(folder), synchronous="NORMAL")
        engine.open()
        writer, reader = engine.writer(), engine.reader()
        writer.begin()
        for number, drawn in enumerate(population):
            uids = (drawn["patient"], drawn["study"], drawn["series"], str(number))
            record = made_up.an_instance(*uids)
            main_tags = record["summary"].main_tags
            for name, (tag, level, _) in TAGS.items():
                if name != "PatientID":
                    main_tags[level].pop(tag, None)
                    if drawn[name] is not None:
                        main_tags[level][tag] = drawn[name]
            writer.record_instance(**record)
            tags = {}
            for level in Level:
                id_ = record["ids"].at(level)
                own = {name: drawn.get(name) for name in TAGS if TAGS[name][1] is level}
                if level is Level.PATIENT:
                    own["PatientID"] = drawn["patient"]
                if level is Level.STUDY:
                    # What its own file says of the patient, whatever the patient's first said.
                    tags = {n: drawn.get(n) for n in tags} | {"PatientID": drawn["patient"]}
                tags = {**tags, **known[level].get(id_, own)}
                known[level].setdefault(id_, tags)
                tags = known[level][id_]
        writer.commit()
        try:
            yield reader, known
        finally:
            reader.close()
            writer.close()
            engine.close()


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    population=st.lists(instances, min_size=1, max_size=12),
    asked=st.lists(st.tuples(queries, st.sampled_from(Level), st.booleans()), max_size=25),
)
def test_what_is_found_is_what_a_plain_matcher_finds(made_up, population, asked):
    with filled(made_up, population) as (reader, known):
        for query, level, sensitive in asked:
            mine = {n: v for n, v in query.items() if TAGS[n][1] <= level}
            search = RESOLVER.search(
                Criteria(level=level, tags=tuple(mine.items()), case_sensitive=sensitive)
            )
            expected = [
                id_
                for id_, tags in known[level].items()
                if all(meets(n, tags[n], value, sensitive) for n, value in mine.items())
            ]

            assert list(reader.find_resources(search)) == expected, (mine, level, sensitive)
            assert reader.count_found(search) == len(expected)


@pytest.mark.parametrize(
    ("value", "part", "found"),
    [
        ("MÜLLER^Änne", "muller^a*", True),
        ("山田^太郎", "山田*", True),
        ("山田^太郎", "田山*", False),
        ("山田^太郎", "川^", False),
        ("DOE^JOHN", "DOE^J?HN", True),
        ("DOE^JOHN", "DOE", False),
        ("O[1]", "o[1]", True),
    ],
)
def test_names_are_found_in_any_case_and_without_accents(made_up, value, part, found):
    population = [
        dict.fromkeys(TAGS) | {"patient": "P", "study": "1", "series": "1", "PatientName": value}
    ]
    with filled(made_up, population) as (reader, _):
        search = RESOLVER.search(Criteria(level=Level.STUDY, tags=(("PatientName", part),)))
        assert bool(reader.find_resources(search)) is found
