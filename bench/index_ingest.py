"""How fast one writer fills the index: instances per second by group size and synchronous mode.

``python bench/index_ingest.py [--already 200000] [--instances 20000] [--spread]``, from the root
of a checkout. All instances are new; a series has 100, a study 4 series, a patient 2 studies.
With ``--spread`` each instance of a group goes to another patient than the one before.
"""

import argparse
import hashlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from repertory.model import (
    Attachment,
    Identity,
    Level,
    Origin,
    OriginKind,
    ResourceId,
    ResourceIds,
    Summary,
)
from repertory.storage.index.base import IndexWriter
from repertory.storage.index.sqlite.engine import SqliteEngine

Record = dict[str, Any]

SIGNATURES = {
    Level.PATIENT: "0010,0010;0010,0020;0010,0030;0010,0040;0010,1000",
    Level.STUDY: ";".join(f"0008,{n:04x}" for n in range(11)),
    Level.SERIES: ";".join(f"0018,{n:04x}" for n in range(26)),
    Level.INSTANCE: ";".join(f"0020,{n:04x}" for n in range(11)),
}
ORIGIN = Origin(kind=OriginKind.REST_API, remote_ip="192.168.100.100", http_username="modality")
ROOT = "1.2.826.0.1.3680043.8.498"
DAY = 86_400.0


def public_id(*parts: str) -> ResourceId:
    """The Orthanc identifier of a resource."""
    return ResourceId(hashlib.sha1("|".join(parts).encode()).digest().hex("-", 4))


def make_record(number: int, place: int) -> Record:
    """What is said to the index of instance ``place`` of series ``number``."""
    patient, study = f"PATIENT-{number // 8:07}", f"{ROOT}.{number // 4}.1"
    series, sop = f"{study}.{number % 4}", f"{ROOT}.{number}.{place}.{number * 7919 % 10**9}"
    tags = {
        Level.PATIENT: {
            "0010,0010": f"DOE^JANE^{number // 8}",
            "0010,0020": patient,
            "0010,0030": "19700101",
            "0010,0040": "F",
        },
        Level.STUDY: {
            "0008,0020": "20260102",
            "0008,0030": "101112.500",
            "0008,0050": f"A{number // 4:08}",
            "0008,0080": "GENERAL HOSPITAL",
            "0008,1030": "CT THORAX AND ABDOMEN",
            "0020,000d": study,
            "0020,0010": str(number // 4),
        },
        Level.SERIES: {
            "0008,0021": "20260102",
            "0008,0031": "101112.500",
            "0008,0060": "CT",
            "0008,0070": "MANUFACTURER",
            "0008,103e": "AXIAL 1.0 MM",
            "0018,0015": "CHEST",
            "0020,000e": series,
            "0020,0011": str(number % 4),
            "0020,0037": "1\\0\\0\\0\\1\\0",
        },
        Level.INSTANCE: {
            "0008,0012": "20260102",
            "0008,0013": "101112.500",
            "0008,0018": sop,
            "0020,0012": "1",
            "0020,0013": str(place),
            "0020,0032": f"-250.0\\-250.0\\{place}.5",
            "0020,0037": "1\\0\\0\\0\\1\\0",
        },
    }
    name = os.urandom(16).hex()
    md5 = os.urandom(16).hex()
    return {
        "ids": ResourceIds(
            public_id(patient),
            public_id(patient, study),
            public_id(patient, study, series),
            public_id(patient, study, series, sop),
        ),
        "summary": Summary(
            identity=Identity(patient, study, series, sop),
            main_tags=tags,
            transfer_syntax="1.2.840.10008.1.2.1",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
            pixel_data_offset=1_530,
            pixel_data_vr="OW",
            index_in_series=place,
        ),
        "attachment": Attachment(
            f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:]}",
            1,
            525_842,
            md5,
            525_842,
            md5,
        ),
        "origin": ORIGIN,
        "now": 1.8e9 + number,
    }


def make_records(first: int, *, spread: bool) -> Iterator[Record]:
    """Instances without end, from series ``first`` on."""
    while True:
        if spread:
            for place in range(1, 101):
                for number in range(first, first + 64 * 8, 8):
                    yield make_record(number, place)
            first += 64 * 8
        else:
            for place in range(1, 101):
                yield make_record(first, place)
            first += 1


def ingest(writer: IndexWriter, records: list[Record], group: int) -> float:
    """Record them in groups; the seconds it took."""
    began = time.perf_counter()
    for start in range(0, len(records), group):
        writer.begin()
        for record in records[start : start + group]:
            writer.record_instance(**record)
        writer.commit()
    return time.perf_counter() - began


def measure(folder: Path, synchronous: str, options: argparse.Namespace) -> dict[int, float]:
    """Instances per second for each size of group: the median of the rounds."""
    engine = SqliteEngine(folder, synchronous=synchronous, signatures=SIGNATURES)
    engine.open()
    writer = engine.writer()
    try:
        records = make_records(0, spread=options.spread)
        remaining = options.already
        while remaining > 0:
            ingest(writer, list(islice(records, min(10_000, remaining))), 1_000)
            remaining -= 10_000
        rates: dict[int, list[float]] = {group: [] for group in options.groups}
        for _ in range(options.rounds):
            for group in options.groups:
                batch = list(islice(records, options.instances))
                rates[group].append(len(batch) / ingest(writer, batch, group))
        return {group: statistics.median(rates[group]) for group in rates}
    finally:
        writer.close()
        engine.close()


def main() -> None:
    """Measure, and print one line for each mode."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--already", type=int, default=0, help="instances there before")
    parser.add_argument("--instances", type=int, default=5_000, help="instances for each figure")
    parser.add_argument("--groups", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--modes", nargs="+", default=["FULL", "NORMAL"])
    parser.add_argument("--spread", action="store_true", help="each instance of another patient")
    options = parser.parse_args()
    print("instances per second; group of " + "".join(f"{group:>9}" for group in options.groups))
    for synchronous in options.modes:
        with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
            rates = measure(Path(folder), synchronous, options)
            size = (sum(f.stat().st_size for f in Path(folder).iterdir())) / 1e6
        line = "".join(f"{rate:>9,.0f}" for rate in rates.values())
        print(f"{options.already:>9,} there, {synchronous:<13}{line}   {size:,.0f} MB", flush=True)


if __name__ == "__main__":
    main()
