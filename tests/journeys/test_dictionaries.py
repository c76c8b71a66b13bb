"""Dictionaries from files, and the private one, in whole servers."""

import io
import json
from pathlib import Path

import pydicom
import pytest
from pynetdicom import AE

from repertory.testing.files import EXPLICIT, IMPLICIT, make_dicom
from repertory.testing.orthanc import OrthancProcess, find_orthanc, free_port

DCMTK = Path("/usr/share/libdcmtk17")
needs_orthanc = pytest.mark.skipif(
    find_orthanc() is None or not DCMTK.is_dir(), reason="Orthanc or its dictionaries are missing"
)
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2.1"
OURS = (
    "# ours",
    "(0010,0010)\tPN\tComponentName\t1\tDICONDE",
    "(0014,1021)\tLO\tInventedName\t1\tOURS",
    '(7053,"INVENTED",03)\tST\tInventedFilename\t1\tOURS',
    '(7053,"INVENTED",04)\tUS\tInventedCount\t1\tOURS',
)


@pytest.fixture
def dictionary(tmp_path):
    def write(*lines):
        path = tmp_path / "ours.dic"
        path.write_text("\n".join(lines))
        return str(path)

    return write


def make(syntax=EXPLICIT):
    ds = pydicom.dcmread(io.BytesIO(make_dicom(seed=1, transfer_syntax=syntax)))
    block = ds.private_block(0x7053, "INVENTED", create=True)
    block.add_new(0x03, "ST", "scan.img")
    block.add_new(0x04, "US", 7)
    ds.private_block(0x0009, "GEMS_IDEN_01", create=True).add_new(0x01, "LO", "GE")
    ds.private_block(0x0009, "astm.org/diconde/iod/ComponentStudy", create=True).add_new(
        0x20, "DA", "20200101"
    )
    ds.private_block(0x7005, "DLX_ANNOT_01", create=True).add_new(0x04, "ST", "note")
    ds.add_new(0x00141021, "LO", "something")
    ds.add_new(0x00102160, "SH", "steel")
    ds.add_new(0x00101000, "LO", "other")
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


@pytest.mark.parametrize("processes", [0, 2])
def test_what_a_file_names_is_shown_and_found_by_rest(serve, dictionary, processes):
    server = serve(
        ExternalDictionaries=[dictionary(*OURS)],
        FrontEndProcesses=processes,
        ExtraMainDicomTags={"Study": ["InventedName"]},
    )
    id_ = server.post("/instances", make(IMPLICIT)).json["ID"]
    server.post("/instances", make_dicom())

    for _ in range(4 if processes else 1):
        found = server.get(f"/instances/{id_}/simplified-tags").json
        assert found["InventedFilename"] == "scan.img"
        assert found["InventedCount"] == "7"
        assert found["ComponentName"] == "Test^Patient"
        whole = server.get(f"/instances/{id_}/tags").json
        assert whole["7053,1003"]["Name"] == "InventedFilename"
        (study,) = server.post(
            "/tools/find", '{"Level": "Study", "Query": {"InventedName": "some*"}, "Expand": true}'
        ).json
        assert study["MainDicomTags"]["InventedName"] == "something"
        assert study["PatientMainDicomTags"]["ComponentName"] == "Test^Patient"
        for query in (
            {"InventedFilename": "scan.img"},
            {"InventedCount": "7", "ComponentName": "Test*"},
            {"PatientName": "Test*", "InventedName": "something"},
        ):
            body = json.dumps({"Level": "Instance", "Query": query})
            assert server.post("/tools/find", body).json == [id_], query


def test_what_a_file_names_is_found_by_c_find(serve, dictionary):
    server = serve(
        ExternalDictionaries=[dictionary(*OURS)],
        DicomServerEnabled=True,
        DicomPort=free_port(),
        DicomAlwaysAllowFind=True,
    )
    server.post("/instances", make())

    assert [it[0x70531004].value for it in find(server, 7)] == [7]
    assert find(server, 8) == []


def find(server, count):
    ae = AE(ae_title="ANYBODY")
    ae.add_requested_context(STUDY_ROOT, [EXPLICIT])
    association = ae.associate("127.0.0.1", server.options["DicomPort"], ae_title="ORTHANC")
    assert association.is_established
    ds = pydicom.Dataset()
    ds.QueryRetrieveLevel = "IMAGE"
    ds.StudyInstanceUID = ds.SeriesInstanceUID = ds.SOPInstanceUID = ""
    ds.add_new(0x70530010, "LO", "INVENTED")
    ds.add_new(0x70531004, "US", count)
    answers = [it for status, it in association.send_c_find(ds, STUDY_ROOT) if it is not None]
    association.release()
    return answers


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (None, "ExternalDictionaries must name files that exist"),
        (["(0014,1020) nonsense"], "ExternalDictionaries must name dictionaries of DCMTK: line 1"),
        (
            ["(0014,1021)\tLO\tPatientName\t1\tOURS"],
            "ExternalDictionaries must not give 0014,1021 the name PatientName",
        ),
    ],
)
def test_a_dictionary_that_cannot_be_used_hinders_the_start(serve, dictionary, lines, reason):
    path = "missing.dic" if lines is None else dictionary(*lines)
    with pytest.raises(RuntimeError, match=reason) as refusal:
        serve(ExternalDictionaries=[path])

    assert "Traceback" not in str(refusal.value)


def test_private_tags_are_unknown_where_their_dictionary_is_not_loaded(serve, dictionary):
    server = serve(LoadPrivateDictionary=False, ExternalDictionaries=[dictionary(*OURS)])
    id_ = server.post("/instances", make()).json["ID"]
    found = server.get(f"/instances/{id_}/tags").json

    assert found["0009,1001"]["Name"] == "Unknown Tag & Data"
    assert found["7053,1003"]["Name"] == "InventedFilename"


@needs_orthanc
@pytest.mark.parametrize(
    "options",
    [
        {"LoadPrivateDictionary": False},
        {
            "ExternalDictionaries": [str(DCMTK / it) for it in ("dicom.dic", "private.dic")],
        },
        {
            "ExternalDictionaries": [str(DCMTK / it) for it in ("dicom.dic", "diconde.dic")],
            "LoadPrivateDictionary": False,
        },
    ],
)
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_tags_are_shown_as_orthanc_shows_them(serve, tmp_path, options, syntax):
    server, content = serve(**options), make(syntax)
    with OrthancProcess(tmp_path / "orthanc", **options) as orthanc:
        id_ = json.loads(orthanc.ask("POST", "/instances", content)[1])["ID"]
        theirs = orthanc.get(f"/instances/{id_}/tags")
        (patient,) = orthanc.get("/patients?expand")
    server.post("/instances", content)

    assert server.get(f"/instances/{id_}/tags").json == theirs
    (ours,) = server.get("/patients?expand").json
    assert ours["MainDicomTags"] == patient["MainDicomTags"]
