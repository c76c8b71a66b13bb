"""The dictionary, the default encoding, and what is taken by C-STORE, in whole servers."""

import io
import json
import re

import pydicom
import pytest
from pydicom.uid import UID
from pynetdicom import AE

from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, find_orthanc, free_port

needs_orthanc = pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")
MR = "1.2.840.10008.5.1.4.1.1.4"
CT = "1.2.840.10008.5.1.4.1.1.2"
SECONDARY = "1.2.840.10008.5.1.4.1.1.7"
EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
OWN = "1.2.3.4.5.6"
DICTIONARY = {
    "0014,1021": ["LO", "InventedName", 1, 1],
    "7053,1003": ["ST", "InventedFilename", 1, 1, "INVENTED"],
    "7053,1c": ["LO", "InventedShort", 1, 1, "INVENTED"],
}


def with_private(**changes):
    ds = pydicom.dcmread(io.BytesIO(make_dicom(seed=1)))
    block = ds.private_block(0x7053, "INVENTED", create=True)
    block.add_new(0x03, "ST", "scan.img")
    block.add_new(0x1C, "LO", "abc")
    ds.add_new(0x00141021, "LO", "something")
    for name, value in changes.items():
        setattr(ds, name, value)
    file = io.BytesIO()
    ds.save_as(file)
    return file.getvalue()


def test_elements_of_the_dictionary_are_shown_found_and_kept(serve):
    server = serve(
        Dictionary=DICTIONARY,
        ExtraMainDicomTags={"Study": ["InventedName"], "Instance": ["InventedFilename"]},
    )
    id_ = server.post("/instances", with_private()).json["ID"]
    server.post("/instances", make_dicom())

    found = server.get(f"/instances/{id_}/simplified-tags").json
    assert found["InventedFilename"] == "scan.img"
    assert found["InventedShort"] == "abc"
    assert server.get(f"/instances/{id_}").json["MainDicomTags"]["InventedFilename"] == "scan.img"
    for level, query in (
        ("Study", {"InventedName": "some*"}),
        ("Instance", {"InventedFilename": "scan.img"}),
        ("Instance", {"InventedShort": "ab?"}),
        ("Instance", {"7053,101c": "abc"}),
    ):
        body = json.dumps({"Level": level, "Query": query})
        assert len(server.post("/tools/find", body).json) == 1, query
    wrong = server.post("/tools/find", '{"Level": "Study", "Query": {"InventedNam": ""}}')
    assert "Did you mean InventedName" in wrong.json["Details"]


@needs_orthanc
def test_elements_of_the_dictionary_are_shown_as_orthanc_shows_them(serve, tmp_path):
    server = serve(Dictionary=DICTIONARY)
    content = with_private()
    with OrthancProcess(tmp_path / "orthanc", Dictionary=DICTIONARY) as orthanc:
        id_ = json.loads(orthanc.ask("POST", "/instances", content)[1])["ID"]
        theirs = orthanc.get(f"/instances/{id_}/tags")
    server.post("/instances", content)
    ours = server.get(f"/instances/{id_}/tags").json

    for tag in ("0014,1021", "7053,0010", "7053,1003", "7053,101c"):
        assert ours[tag] == theirs[tag]


def test_a_dictionary_that_is_none_hinders_the_start(serve):
    with pytest.raises(RuntimeError, match="Dictionary"):
        serve(Dictionary={"0014,1021": ["XX", "Name"]})


def encoded(encoding):
    """A file that does not say what its text is written in."""
    ds = pydicom.dcmread(io.BytesIO(make_dicom(patient_id="CODED")))
    del ds.SpecificCharacterSet
    plain = io.BytesIO()
    ds.PatientName = "X" * 6
    ds.save_as(plain)
    name = "Жанна"[:3].encode(encoding).ljust(6)
    return plain.getvalue().replace(b"XXXXXX", name)


def test_text_is_read_as_the_default_encoding_has_it_and_otherwise_when_it_changes(serve):
    server = serve(
        DefaultEncoding="Cyrillic",
        DicomServerEnabled=True,
        DicomPort=free_port(),
        DicomAlwaysAllowFind=True,
    )
    id_ = server.post("/instances", encoded("iso8859-5")).json["ID"]
    (patient,) = server.get("/patients?expand").json
    assert patient["MainDicomTags"]["PatientName"] == "Жан"
    assert server.get(f"/instances/{id_}/simplified-tags").json["PatientName"] == "Жан"
    found = server.post(
        "/tools/find", '{"Level": "Study", "Query": {"PatientName": "жан"}}'.encode()
    )
    assert len(found.json) == 1
    assert server.get("/tools/default-encoding").text == "Cyrillic"

    assert server.ask("PUT", "/tools/default-encoding", "Utf8").text == "Utf8"
    assert server.get("/tools/default-encoding").text == "Utf8"
    assert server.get(f"/instances/{id_}/simplified-tags").json["PatientName"] != "Жан"
    server.delete(f"/patients/{patient['ID']}")
    server.post("/instances", encoded("utf-8"))
    (patient,) = server.get("/patients?expand").json
    assert patient["MainDicomTags"]["PatientName"] == "Жан"
    assert query_by(server, "Жан".encode()) == 1
    wrong = server.ask("PUT", "/tools/default-encoding", "Klingon")
    assert (wrong.status, wrong.json["OrthancStatus"]) == (400, 3)


def query_by(server, name):
    """How many studies a C-FIND finds that does not say what its name is written in."""
    ae = AE(ae_title="ANYBODY")
    ae.add_requested_context("1.2.840.10008.5.1.4.1.2.2.1", [EXPLICIT])
    association = ae.associate("127.0.0.1", server.options["DicomPort"], ae_title="ORTHANC")
    assert association.is_established
    ds = pydicom.Dataset()
    ds.QueryRetrieveLevel = "STUDY"
    ds.StudyInstanceUID = ""
    ds.add(pydicom.DataElement(0x00100010, "PN", name))
    statuses = [it.Status for it, _ in association.send_c_find(ds, "1.2.840.10008.5.1.4.1.2.2.1")]
    association.release()
    assert statuses[-1] == 0x0000
    return len(statuses) - 1


def accepted(server, *proposed):
    """The contexts that are accepted of those that are proposed."""
    ae = AE(ae_title="ANYBODY")
    for sop_class, syntax in proposed:
        ae.add_requested_context(UID(sop_class), [UID(syntax)])
    association = ae.associate("127.0.0.1", server.options["DicomPort"])
    taken = [
        (str(it.abstract_syntax), str(it.transfer_syntax[0]))
        for it in association.accepted_contexts
    ]
    if association.is_established:
        association.release()
    return taken


def test_what_is_taken_changes_with_the_next_association(serve):
    server = serve(
        DicomServerEnabled=True,
        DicomPort=free_port(),
        RejectSopClasses=[CT],
        RejectedSopClasses=["1.2.840.10008.5.1.4.1.1.7*"],
    )
    every = [(MR, EXPLICIT), (CT, EXPLICIT), (SECONDARY, EXPLICIT), (OWN, EXPLICIT)]
    assert accepted(server, *every) == [(MR, EXPLICIT)]
    classes = server.get("/tools/accepted-sop-classes").json
    assert MR in classes
    assert not {CT, SECONDARY} & set(classes)
    assert EXPLICIT in server.get("/tools/accepted-transfer-syntaxes").json

    changed = server.ask("PUT", "/tools/accepted-transfer-syntaxes", json.dumps([IMPLICIT]))
    assert changed.json == [IMPLICIT]
    assert accepted(server, (MR, EXPLICIT)) == []
    changed = server.ask("PUT", "/tools/accepted-transfer-syntaxes", "1.2.840.10008.1.2.?")
    assert changed.json == [EXPLICIT, "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.5"]
    assert accepted(server, (MR, EXPLICIT)) == [(MR, EXPLICIT)]

    assert server.get("/tools/unknown-sop-class-accepted").text == "0"
    assert server.ask("PUT", "/tools/unknown-sop-class-accepted", "true").status == 200
    assert server.get("/tools/unknown-sop-class-accepted").text == "1"
    assert accepted(server, (OWN, EXPLICIT)) == [(OWN, EXPLICIT)]


def test_what_is_done_by_dicom_is_told_in_words(serve):
    server = serve(AcceptedSopClasses=[MR], AcceptedTransferSyntaxes=[EXPLICIT])
    text = server.get("/tools/dicom-conformance").text

    assert text.startswith("DICOM conformance statement of Repertory\n=====")
    assert f"  MR Image Storage | {MR}\n" in text
    assert CT not in text
    assert text.rstrip().endswith(f"Explicit VR Little Endian | {EXPLICIT}")
    for service in ("SCP of C-FIND", "SCP of C-MOVE", "SCU of C-GET", "SCU of C-STORE"):
        assert service in text


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tools/accepted-transfer-syntaxes", "{}"),
        ("/tools/accepted-transfer-syntaxes", "[1]"),
        ("/tools/accepted-transfer-syntaxes", "["),
        ("/tools/unknown-sop-class-accepted", "maybe"),
        ("/tools/unknown-sop-class-accepted", ""),
    ],
)
def test_what_is_no_rule_is_refused(server, path, body):
    answer = server.ask("PUT", path, body)

    assert (answer.status, answer.json["OrthancStatus"]) == (400, 15)


NEWER = re.compile(r"1\.2\.840\.10008\.1\.(20|2\.(1\.98|4\.1\d\d\.1|4\.2\d\d|7\.\d))")
GROUPS = ("Deflated", "Jpeg", "Jpeg2000", "JpegLossless", "Jpip", "Mpeg2", "Mpeg4", "H265", "Rle")


@needs_orthanc
@pytest.mark.parametrize(("accepted", "wish"), [("1.2.840.10008.1.*", False), (IMPLICIT, True)])
def test_groups_of_transfer_syntaxes_are_those_of_orthanc(serve, tmp_path, accepted, wish):
    options = {f"{group}TransferSyntaxAccepted": wish for group in GROUPS}
    options["AcceptedTransferSyntaxes"] = [accepted]
    ours = set(serve(**options).get("/tools/accepted-transfer-syntaxes").json)
    with OrthancProcess(tmp_path / "orthanc", **options) as orthanc:
        theirs = set(json.loads(orthanc.ask("GET", "/tools/accepted-transfer-syntaxes")[1]))
    old = {it for it in ours if not NEWER.fullmatch(it)}

    assert old == theirs
