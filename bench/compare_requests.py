"""What both servers are asked, once they have the same files: several hundred requests."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

LEVELS = ("patients", "studies", "series", "instances")
NOBODY = "00000000-00000000-00000000-00000000-00000000"
PLAIN_PAGES = (
    "/system",
    "/statistics",
    "/changes",
    "/changes?limit=3",
    "/changes?since=4&limit=2",
    "/changes?last",
    "/changes?since=100000",
    "/changes?limit=nonsense",
    "/exports",
    "/exports?last",
    "/plugins",
    "/plugins/nonsense",
    "/jobs",
    "/jobs?expand",
    "/jobs/nonsense",
    "/modalities",
    "/modalities?expand",
    "/modalities/nonsense",
    "/peers",
    "/queries",
    "/tools",
    "/tools/now",
    "/tools/generate-uid?level=study",
    "/tools/generate-uid?level=nonsense",
    "/tools/generate-uid",
    "/tools/default-encoding",
    "/tools/log-level",
    "/tools/metrics",
    "/nonsense",
    "/tools/nonsense",
    "/instances/nonsense/nonsense",
)
OF_EACH = (
    "",
    "?full",
    "?short",
    "/statistics",
    "/metadata",
    "/metadata?expand",
    "/metadata/LastUpdate",
    "/metadata/nonsense",
    "/attachments",
    "/attachments/dicom",
    "/attachments/nonsense/data",
    "/patient",
    "/study",
    "/series",
    "/studies",
    "/instances",
    "/module",
    "/module-patient",
    "/shared-tags",
    "/shared-tags?simplify",
    "/instances-tags?simplify",
    "/protected",
)
OF_INSTANCE = (
    "/file",
    "/tags",
    "/tags?short",
    "/tags?simplify",
    "/tags?ignore-length=0008-0018",
    "/simplified-tags",
    "/header",
    "/header?simplify",
    "/content",
    "/content/0010-0010",
    "/content/PatientName",
    "/content/nonsense",
    "/frames",
    "/frames/0/raw",
    "/frames/9/raw",
    "/metadata/TransferSyntax",
    "/metadata/SopClassUid",
    "/metadata/Origin",
    "/metadata/IndexInSeries",
    "/attachments/dicom/size",
    "/attachments/dicom/md5",
    "/attachments/dicom/compressed-size",
    "/attachments/dicom/compressed-md5",
    "/attachments/dicom/is-compressed",
    "/attachments/dicom/data",
    "/attachments/dicom/compressed-data",
)
QUERIES: tuple[dict[str, Any], ...] = (
    {"Level": "Patient", "Query": {}},
    {"Level": "Study", "Query": {}},
    {"Level": "Series", "Query": {}},
    {"Level": "Instance", "Query": {}},
    {"Level": "Study", "Query": {"PatientID": "ONE"}},
    {"Level": "Study", "Query": {"PatientID": "one"}},
    {"Level": "Study", "Query": {"PatientID": "ON*"}},
    {"Level": "Study", "Query": {"PatientID": "?NE"}},
    {"Level": "Study", "Query": {"PatientID": "ONE\\TWO"}},
    {"Level": "Study", "Query": {"PatientName": "*ü*"}},
    {"Level": "Study", "Query": {"PatientName": "test^*"}},
    {"Level": "Study", "Query": {"PatientName": "test^*"}, "CaseSensitive": True},
    {"Level": "Study", "Query": {"StudyDate": "20200101-20300101"}},
    {"Level": "Study", "Query": {"StudyDate": "-20100101"}},
    {"Level": "Study", "Query": {"StudyDate": "20200101-"}},
    {"Level": "Series", "Query": {"Modality": "MR"}},
    {"Level": "Series", "Query": {"Modality": "MR\\CT"}, "Expand": True},
    {"Level": "Series", "Query": {"PatientID": "TWO", "Modality": "MR"}},
    {"Level": "Instance", "Query": {"InstanceNumber": "2"}},
    {"Level": "Study", "Query": {"PatientID": "ONE"}, "Expand": True},
    {"Level": "Study", "Query": {"PatientID": "ONE"}, "Expand": True, "Full": True},
    {"Level": "Study", "Query": {"PatientID": "ONE"}, "Expand": True, "Short": True},
    {
        "Level": "Study",
        "Query": {"PatientID": "ONE"},
        "Expand": True,
        "RequestedTags": ["Modality"],
    },
    {"Level": "Instance", "Query": {}, "Limit": 2},
    {"Level": "Instance", "Query": {}, "Limit": 2, "Since": 2},
    {"Level": "studies", "Query": {}},
    {"Level": "Nonsense", "Query": {}},
    {"Level": "Study", "Query": {"Nonsense": "1"}},
    {"Level": "Study", "Query": "nonsense"},
    {"Level": "Study", "Query": {"PatientID": 5}},
    {"Level": "Study"},
    {"Query": {}},
    {"Level": "Study", "Query": {}, "Limit": "nonsense"},
    {"Level": "Study", "Query": {}, "Expand": "nonsense"},
    {"Level": "Study", "Query": {"StudyInstanceUID": "1.2.3.4.5"}},
    {"Level": "Study", "Query": {"BodyPartExamined": "*"}},
    {"Level": "Patient", "Query": {"PatientBirthDate": "19700101"}},
    {"Level": "Study", "Query": {"PatientID": ""}},
)


@dataclass(frozen=True, slots=True)
class Question:
    """A request; ``kind`` is its path without the identifiers in it."""

    method: str
    path: str
    kind: str
    body: bytes | None = None


def questions(resources: dict[str, list[str]], tags: list[str]) -> Iterator[Question]:
    """Everything that is asked of a server with these resources; ``tags`` identify some."""
    for path in PLAIN_PAGES:
        yield Question("GET", path, path)
    for level in LEVELS:
        yield from _pages_of(level, resources[level])
    for query in QUERIES:
        text = json.dumps(query)
        yield Question("POST", "/tools/find", f"/tools/find {text}", text.encode())
    for body in (b"", b"nonsense", b"[]"):
        yield Question("POST", "/tools/find", f"/tools/find {body.decode()!r}", body)
    for tag in [*tags, "nonsense", ""]:
        kind = "/tools/lookup (an identifier)" if tag in tags else f"/tools/lookup {tag!r}"
        yield Question("POST", "/tools/lookup", kind, tag.encode())
    for body in (b"", b"nonsense", b"PK\x03\x04nonsense"):
        yield Question("POST", "/instances", f"/instances {body!r}", body)
    yield from _jobs()
    yield from _changes(resources)


def _pages_of(level: str, ids: list[str]) -> Iterator[Question]:
    for words in ("", "?expand", "?since=1&limit=1", "?limit=0", "?expand&limit=1", "?limit=x"):
        yield Question("GET", f"/{level}{words}", f"/{level}{words}")
    for method in ("PUT", "DELETE"):
        yield Question(method, f"/{level}", f"/{level}")
    ends = (*OF_EACH, *(OF_INSTANCE if level == "instances" else ()))
    for id_ in [*ids[:4], NOBODY]:
        name = "{unknown}" if id_ == NOBODY else "{id}"
        for end in ends:
            yield Question("GET", f"/{level}/{id_}{end}", f"/{level}/{name}{end}")


def _jobs() -> Iterator[Question]:
    """What is said of jobs that are not there, and of deletions that delete nothing."""
    for word in ("cancel", "pause", "resume", "resubmit"):
        yield Question("POST", f"/jobs/nonsense/{word}", f"/jobs/nonsense/{word}", b"")
    yield Question("GET", "/jobs/nonsense/archive", "/jobs/nonsense/archive")
    for resources in ([], ["nonsense"], [NOBODY], 5, [5]):
        text = json.dumps({"Resources": resources})
        yield Question("POST", "/tools/bulk-delete", f"/tools/bulk-delete {text}", text.encode())
    for body in (b"", b"nonsense", b"[]", b"{}"):
        kind = f"/tools/bulk-delete {body.decode()!r}"
        yield Question("POST", "/tools/bulk-delete", kind, body)


def _changes(resources: dict[str, list[str]]) -> Iterator[Question]:
    """Requests that change something, alike on both; what they change is asked again."""
    for level in LEVELS:
        path = f"/{level}/{resources[level][0]}"
        kind = f"/{level}/{{id}}"
        for method, end, body in (
            ("PUT", "/metadata/1024", b"mine"),
            ("GET", "/metadata/1024", None),
            ("PUT", "/metadata/LastUpdate", b"mine"),
            ("PUT", "/metadata/nonsense", b"mine"),
            ("GET", "/metadata?expand", None),
            ("DELETE", "/metadata/1024", None),
            ("DELETE", "/metadata/1024", None),
            ("GET", "/metadata/1024", None),
            ("PUT", "/attachments/1025", b"a report"),
            ("GET", "/attachments", None),
            ("GET", "/attachments/1025/data", None),
            ("GET", "/attachments/1025/md5", None),
            ("POST", "/attachments/1025/verify-md5", b""),
            ("POST", "/attachments/1025/compress", b""),
            ("GET", "/attachments/1025/is-compressed", None),
            ("GET", "/attachments/1025/data", None),
            ("POST", "/attachments/1025/uncompress", b""),
            ("PUT", "/attachments/dicom", b"x"),
            ("PUT", "/attachments/nonsense", b"x"),
            ("DELETE", "/attachments/dicom", None),
            ("DELETE", "/attachments/1025", None),
            ("DELETE", "/attachments/1025", None),
            ("GET", "/statistics", None),
            ("POST", "/reconstruct", b""),
        ):
            yield Question(method, path + end, kind + end, body)
    patient = resources["patients"][0]
    for body in (b"1", b"0", b"nonsense"):
        path = f"/patients/{patient}/protected"
        yield Question("PUT", path, f"/patients/{{id}}/protected {body.decode()}", body)
        yield Question("GET", path, "/patients/{id}/protected")
    for level in reversed(LEVELS):
        for id_ in (NOBODY, resources[level][-1]):
            name = "{unknown}" if id_ == NOBODY else "{id}"
            yield Question("DELETE", f"/{level}/{id_}", f"/{level}/{name}")
            yield Question("GET", f"/{level}/{id_}", f"/{level}/{name} (deleted)")
    yield Question("GET", "/statistics", "/statistics")
    yield Question("GET", "/changes", "/changes")
    yield Question("DELETE", "/changes", "/changes")
    yield Question("GET", "/changes", "/changes (cleared)")
