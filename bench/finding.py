"""How fast the index answers searches: median milliseconds for each kind of search.

``python bench/finding.py [--studies 20000] [--rounds 21]``, from the root of a checkout. The index
is filled by its own writer; a patient has two studies, a study two series of two instances.
"""

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from repertory.criteria import Criteria, LabelsConstraint, Order, OrderKind
from repertory.model import (
    Attachment,
    Identity,
    Level,
    Metadata,
    Origin,
    ResourceId,
    ResourceIds,
    Summary,
    TagForm,
)
from repertory.storage.index.base import IndexReader, IndexWriter
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.main_tags import MAIN_DICOM_TAGS
from repertory.storage.resolving import Resolver

ROOT = "1.2.826.0.1.3680043.8.498"
NAMES = ("SMITH", "MUELLER", "GARCIA", "NGUYEN", "OKAFOR", "IVANOVA", "ROSSI", "TANAKA")
RESOLVER = Resolver(MAIN_DICOM_TAGS)
STUDY, SERIES, INSTANCE = Level.STUDY, Level.SERIES, Level.INSTANCE


def public_id(*parts: str) -> ResourceId:
    """The Orthanc identifier of a resource."""
    return ResourceId(hashlib.sha1("|".join(parts).encode()).digest().hex("-", 4))


def uid(number: int) -> str:
    """The StudyInstanceUID of a study."""
    return f"{ROOT}.{number * 7919 % 10**7}.{number}"


def make_record(number: int, series: int, place: int) -> dict[str, Any]:
    """What is said to the index of one instance of study ``number``."""
    patient, study = f"PAT{number // 2 * 7919 % 10**7:07}", uid(number)
    series_uid, sop = f"{study}.{series}", f"{study}.{series}.{place}"
    tags = {
        Level.PATIENT: {
            "0010,0010": f"{NAMES[number // 2 % 8]}^JANE^{number // 2}",
            "0010,0020": patient,
            "0010,0030": f"19{number // 2 % 90 + 10}0101",
            "0010,0040": "F",
        },
        STUDY: {
            "0008,0020": f"{2000 + number % 25}{number % 12 + 1:02}{number % 28 + 1:02}",
            "0008,0030": "101112.500",
            "0008,0050": f"A{number:08}",
            "0008,0080": "GENERAL HOSPITAL",
            "0008,1030": "CT THORAX AND ABDOMEN",
            "0020,000d": study,
            "0020,0010": str(number),
        },
        SERIES: {
            "0008,0021": "20260102",
            "0008,0060": ("CT", "MR", "US", "PT")[number % 4],
            "0008,103e": "AXIAL 1.0 MM",
            "0020,000e": series_uid,
            "0020,0011": str(series),
        },
        INSTANCE: {"0008,0018": sop, "0020,0013": str(place), "0020,0032": f"0\\0\\{place}"},
    }
    name, md5 = os.urandom(16).hex(), os.urandom(16).hex()
    uuid = f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}"
    return {
        "ids": ResourceIds(
            public_id(patient),
            public_id(patient, study),
            public_id(patient, study, series_uid),
            public_id(patient, study, series_uid, sop),
        ),
        "summary": Summary(
            identity=Identity(patient, study, series_uid, sop),
            main_tags=tags,
            transfer_syntax="1.2.840.10008.1.2.1",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            pixel_data_offset=1_530,
            pixel_data_vr="OW",
            index_in_series=place,
        ),
        "attachment": Attachment(uuid, 1, 525_842, md5, 525_842, md5),
        "origin": Origin(),
        "now": 1.8e9 + number,
    }


def fill(writer: IndexWriter, studies: int) -> None:
    """Record all studies."""
    for first in range(0, studies, 250):
        writer.begin()
        for number in range(first, min(first + 250, studies)):
            for series in (1, 2):
                for place in (1, 2):
                    writer.record_instance(**make_record(number, series, place))
        writer.commit()


def add_labels(engine: SqliteEngine, every: int) -> None:
    """Label one study in ``every``."""
    writer = engine.writer()
    try:
        writer._db.execute(  # noqa: SLF001 - labels have no other way in yet
            "INSERT INTO labels SELECT id, 'urgent' FROM resources WHERE level = 2 AND id % ? = 0",
            (every,),
        )
    finally:
        writer.close()


def tags(level: Level, **values: str) -> Criteria:
    """Criteria of some tags."""
    return Criteria(level=level, tags=tuple(values.items()))


def cases(studies: int) -> dict[str, Criteria]:
    """What to ask, by the name of the line."""
    middle = make_record(studies // 2, 1, 1)["summary"]
    patient, study = middle.identity.patient_id, middle.identity.study_instance_uid
    number = studies // 4  # the number in the middle of a name
    last_update = Order(OrderKind.METADATA, str(int(Metadata.LAST_UPDATE)), descending=True)
    return {
        "PatientID": tags(STUDY, PatientID=patient),
        "PatientID, patients": tags(Level.PATIENT, PatientID=patient),
        "PatientID, instances": tags(INSTANCE, PatientID=patient),
        "PatientID, case sensitive": Criteria(
            level=STUDY, tags=(("PatientID", patient),), case_sensitive=True
        ),
        "StudyInstanceUID": tags(STUDY, StudyInstanceUID=study),
        "StudyInstanceUID, series": tags(SERIES, StudyInstanceUID=study),
        "AccessionNumber": tags(STUDY, AccessionNumber=f"A{studies // 2:08}"),
        "10 StudyInstanceUIDs": tags(STUDY, StudyInstanceUID="\\".join(map(uid, range(10)))),
        "PatientName *X*": tags(STUDY, PatientName=f"*^{number}*"),
        "PatientName prefix": tags(STUDY, PatientName=f"SMITH^JANE^{number // 8 * 8}*"),
        "PatientName SMITH*, 100": Criteria(
            level=STUDY, tags=(("PatientName", "SMITH*"),), limit=100
        ),
        "StudyDate, one day": tags(STUDY, StudyDate="20110101-20110101"),
        "StudyDate, one year": tags(STUDY, StudyDate="20110101-20111231"),
        "date, name *X*": tags(STUDY, StudyDate="20110101-20111231", PatientName=f"*{number}*"),
        "InstitutionName *X*": tags(STUDY, InstitutionName="*nowhere*"),
        "ModalitiesInStudy": Criteria(level=STUDY, tags=(("ModalitiesInStudy", "PT"),), limit=100),
        "label": Criteria(level=STUDY, labels=("urgent",)),
        "label and date": Criteria(
            level=STUDY, labels=("urgent",), tags=(("StudyDate", "20110101-20111231"),)
        ),
        "without label, 100": Criteria(
            level=STUDY, labels_constraint=LabelsConstraint.NONE, limit=100
        ),
        "newest 100 by StudyDate": Criteria(
            level=STUDY, order=(Order(OrderKind.DICOM_TAG, "StudyDate", True),), limit=100
        ),
        "first 100 by PatientName": Criteria(
            level=STUDY, order=(Order(OrderKind.DICOM_TAG, "PatientName"),), limit=100
        ),
        "newest 100 by LastUpdate": Criteria(level=STUDY, order=(last_update,), limit=100),
        "first 100": Criteria(level=STUDY, limit=100),
    }


def measure(ask: Callable[[], Any], rounds: int) -> tuple[float, Any]:
    """The median milliseconds of a question, and its answer."""
    answer = ask()
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        ask()
        times.append(time.perf_counter() - began)
    return statistics.median(times) * 1000, answer


def show(reader: IndexReader, studies: int, rounds: int) -> None:
    """Print a line for each case."""
    names = ("ModalitiesInStudy", "NumberOfStudyRelatedInstances", "PatientSex")
    wanted = RESOLVER.wanted(STUDY, names, TagForm.SIMPLIFIED)
    for name, criteria in cases(studies).items():
        search = RESOLVER.search(criteria)
        took, found = measure(lambda search=search: reader.find_resources(search), rounds)
        line = f"{name:<28}{len(found):>7,} found {took:>9.2f} ms"
        if criteria.level is STUDY and len(found) <= 1000:
            took, _ = measure(lambda s=search: reader.describe_found(s, wanted), rounds)
            line += f"   described {took:>8.2f} ms"
        print(line, flush=True)
    took, number = measure(lambda: reader.count_found(RESOLVER.search(Criteria(STUDY))), rounds)
    print(f"{'count of all':<28}{number:>7,}       {took:>9.2f} ms")


def main() -> None:
    """Fill an index, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=21)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        signatures = {level: MAIN_DICOM_TAGS.signature(level) for level in Level}
        engine = SqliteEngine(Path(folder), synchronous="NORMAL", signatures=signatures)
        engine.open()
        try:
            writer = engine.writer()
            began = time.perf_counter()
            fill(writer, options.studies)
            rate = options.studies * 4 / (time.perf_counter() - began)
            writer.close()
            add_labels(engine, 100)
            print(f"{options.studies:,} studies, recorded at {rate:,.0f} instances per second")
            reader = engine.reader()
            show(reader, options.studies, options.rounds)
            reader.close()
        finally:
            engine.close()


if __name__ == "__main__":
    main()
