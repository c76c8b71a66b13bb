"""The same Lua, run by Orthanc and by us."""

import json

import pytest

from repertory.testing.files import make_dicom
from repertory.testing.orthanc import OrthancProcess, find_orthanc
from repertory.testing.server import ServerProcess, until

pytestmark = pytest.mark.skipif(find_orthanc() is None, reason="Orthanc is not installed")

SCRIPT = """
told = {}
local function note(name)
  _G[name] = function(id, ...)
    told[#told + 1] = { name, id, { ... } }
  end
end
note("OnStoredInstance")
for _, level in ipairs({"Patient", "Study", "Series", "Instance"}) do
  note("OnStable" .. level)
  note("OnUpdated" .. level)
  note("OnDeleted" .. level)
end
function ReceivedInstanceFilter(dicom, origin, info)
  if info.HasPixelData ~= true or origin.RequestOrigin ~= "RestApi" then return false end
  if dicom.PatientID == "BROKEN" then return nosuch.field end
  if dicom.PatientID == "MUTE" then return nil end
  return dicom.PatientID ~= "OUT"
end
function IncomingHttpRequestFilter(method, uri, ip, username, headers)
  if uri == "/changes" then return false end
  if uri == "/exports" then return nosuch.field end
  return true
end
"""

EXECUTED = [
    'print("a", 1, 1.5, nil, true)',
    "print(1) print(2)",
    "return 3",
    "print(DumpJson({}))",
    'print(DumpJson({1, 2, "3", "a", 1.5, 2.0}))',
    'print(DumpJson({a = "1", b = {c = "01"}, d = true}))',
    'print(DumpJson({a = "1"}, true))',
    "print(DumpJson(nil))",
    'print(DumpJson({[1] = "a", [3] = "b"}))',
    'print(DumpJson({[1] = "a", x = "b"}))',
    "print(DumpJson(print))",
    "print(DumpJson(0/0))",
    'print(DumpJson("1e3"), DumpJson(" 7 "), DumpJson("0x1F"), DumpJson("1_0"))',
    "PrintRecursive({a = 1})",
    "PrintRecursive({b = {c = 2}})",
    'print(ParseJson("{"))',
    'print(ParseJson("[null, {}, \\"x\\"]")[3])',
    'print(RestApiGet("/nosuch"))',
    'print(RestApiPost("/tools/find", "x"))',
    'print(RestApiPut("/nosuch", "v"))',
    'print(RestApiDelete("/nosuch"))',
    "print(RestApiGet())",
    "print(RestApiGet({}))",
    'print(HttpGet("http://127.0.0.1:1/"))',
    'print(os.execute("true"), os.execute("false"))',
    'print(SetHttpCredentials("a", "b"))',
    'print(RestApiDelete("/changes"))',
    "kept = 5",
    "print(kept)",
    "print(os.time() > 0, io.open ~= nil, string.format('%s', 'x'))",
    "print(RestApiGet('/changes') ~= nil)",
]


class Orthanc:
    """Orthanc, asked like a server of ours."""

    def __init__(self, process):
        self.process = process

    def ask(self, method, path, body=None):
        status, content = self.process.ask(method, path, body)
        return status, content.decode()


class Ours:
    """A server of ours."""

    def __init__(self, process):
        self.process = process

    def ask(self, method, path, body=None):
        answer = self.process.ask(method, path, body)
        return answer.status, answer.text


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lua")
    script = folder / "script.lua"
    script.write_text(SCRIPT)
    options = {"LuaScripts": [str(script)], "ExecuteLuaEnabled": True, "StableAge": 1}
    with (
        OrthancProcess(folder / "orthanc", **options) as orthanc,
        ServerProcess(folder / "ours", **options) as ours,
    ):
        yield Orthanc(orthanc), Ours(ours)


@pytest.mark.parametrize("text", EXECUTED)
def test_a_script_prints_the_same(both, text):
    orthanc, ours = (server.ask("POST", "/tools/execute-script", text) for server in both)

    assert ours == orthanc


@pytest.mark.parametrize("text", ["x = = 1", 'error("boom")', "nosuch.field = 1"])
def test_a_script_fails_the_same(both, text):
    answers = [server.ask("POST", "/tools/execute-script", text) for server in both]
    (theirs, their_body), (our, our_body) = answers

    assert our == theirs
    assert json.loads(our_body) == json.loads(their_body)


def test_filters_answer_the_same(both):
    seen = []
    for server in both:
        answers = [server.ask("GET", path) for path in ("/changes", "/exports", "/system")]
        stored = [
            server.ask("POST", "/instances", make_dicom(patient_id=patient, seed=patient))
            for patient in ("OUT", "BROKEN", "MUTE")
        ]
        seen.append(
            [status for status, _ in (*answers, *stored)]
            + [answers[0][1], json.loads(stored[0][1])["Status"]]
            + [json.loads(body)["OrthancStatus"] for _, body in (answers[1], *stored[1:])]
        )

    assert seen[1] == seen[0]


def test_callbacks_are_told_the_same(both):
    content = make_dicom(patient_id="TOLD", study="1.2", series="1.3", instance="1.4")
    seen = []
    for server in both:
        server.ask("POST", "/tools/execute-script", "told = {}")
        study = json.loads(server.ask("POST", "/instances", content)[1])["ParentStudy"]

        def told(server=server):
            text = "print(DumpJson(told, true))"
            return json.loads(server.ask("POST", "/tools/execute-script", text)[1])

        until(lambda told=told: len(told()) == 4)
        server.ask("PUT", f"/studies/{study}/metadata/1024", "x")
        server.ask("DELETE", f"/studies/{study}")
        until(lambda told=told: len(told()) == 9)
        # Orthanc deletes a series, a study and a patient in no order.
        seen.append(sorted(told(), key=lambda entry: entry[0]))
    theirs, ours = seen

    assert [entry[0] for entry in ours] == [entry[0] for entry in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        assert [mine[1], told_to(mine)] == [other[1], told_to(other)]


VARYING = {"ReceptionDate", "LastUpdate", "PixelDataVR", "MainDicomTagsSignature"}
"""What differs from second to second, or came after Orthanc 1.10."""
LATER = {"MainDicomTagsSequences", "RemoteAET"}


def told_to(entry):
    """The arguments of a callback, without what may differ."""
    return [
        {name: value for name, value in words.items() if name not in VARYING | LATER}
        for words in entry[2]
        if isinstance(words, dict)
    ]
