import io
import json
import zipfile

import pytest
from structlog.testing import capture_logs

from repertory import Repertory, Settings
from repertory.actors.messages.changes import ClearChanges
from repertory.actors.messages.instances import StoreInstance, StoreZip
from repertory.actors.messages.resources import DeleteResource, ListResources
from repertory.actors.messages.rest_api import CallRestApi
from repertory.actors.messages.scripting import ExecuteScript
from repertory.errors import CannotStart, ScriptFailed
from repertory.model import Level, Origin, OriginKind, StoreStatus
from repertory.testing.files import make_dicom, make_study
from repertory.testing.server import until

TELL = """
told = {}
local function tell(name)
  _G[name] = function(...)
    told[#told + 1] = { name, { ... } }
  end
end
"""


class Scripted:
    """An archive with a script."""

    def __init__(self, archive):
        self.archive = archive

    def execute(self, text):
        return self.archive.ask(ExecuteScript(text=text))

    def told(self):
        """What the script was told so far: names and arguments."""
        return json.loads(self.execute("print(DumpJson(told, true))"))

    def names(self):
        return [name for name, _ in self.told()]

    def store(self, **options):
        return self.archive.ask(StoreInstance(content=make_dicom(**options)))

    def call(self, method, uri, body=b""):
        return self.archive.ask(CallRestApi(method=method, uri=uri, body=body))


@pytest.fixture
def begin(tmp_path):
    """Start an archive with some scripts."""
    running = []

    def start(*texts, **options):
        scripts = []
        for number, text in enumerate(texts):
            script = tmp_path / f"script{number}.lua"
            script.write_text(text)
            scripts.append(str(script))
        settings = Settings(
            storage_directory=str(tmp_path / "archive"),
            **{
                "http_server_enabled": False,
                "lua_scripts": scripts,
                "execute_lua_enabled": True,
                "lua_time_limit": 0.25,
                **options,
            },
        )
        archive = Repertory(settings)
        running.append(archive)
        archive.start()
        return Scripted(archive)

    yield start
    for archive in running:
        archive.stop()


def test_a_script_is_told_of_a_stored_instance(begin):
    scripted = begin(TELL + 'tell("OnStoredInstance")')
    content = make_dicom(patient_id="007", tags={"PatientName": "DOE^JANE"})
    origin = Origin(kind=OriginKind.REST_API, remote_ip="10.0.0.1", http_username="alice")

    receipt = scripted.archive.ask(StoreInstance(content=content, origin=origin))
    until(scripted.told)
    ((name, (id_, tags, metadata, came_from)),) = scripted.told()

    assert (name, id_) == ("OnStoredInstance", receipt.ids.instance)
    assert (tags["PatientID"], tags["PatientName"]) == ("007", "DOE^JANE")
    assert metadata["Origin"] == "RestApi"
    assert came_from == {
        "RequestOrigin": "RestApi",
        "RemoteIp": "10.0.0.1",
        "Username": "alice",
    }


def test_a_script_is_told_what_is_stable(begin):
    scripted = begin(
        TELL + 'for _, l in ipairs({"Series", "Study", "Patient"}) do tell("OnStable" .. l) end',
        stable_age=1,
    )
    receipt = scripted.store(patient_id="S1")

    until(lambda: len(scripted.told()) == 3)
    told = dict(scripted.told())

    assert told["OnStablePatient"][0] == receipt.ids.patient
    assert told["OnStablePatient"][1]["PatientID"] == "S1"
    assert told["OnStableStudy"][0] == receipt.ids.study
    assert "LastUpdate" in told["OnStableSeries"][2]


def test_a_script_is_told_of_updates_and_deletions(begin):
    scripted = begin(
        TELL
        + """
        for _, level in ipairs({"Instance", "Series", "Study", "Patient"}) do
          tell("OnUpdated" .. level)
          tell("OnDeleted" .. level)
        end
        """
    )
    ids = scripted.store().ids
    for level in Level:
        scripted.call("PUT", f"/{level.plural}/{ids.at(level)}/metadata/1024", b"x")
    scripted.archive.ask(DeleteResource(level=Level.PATIENT, id=ids.patient))
    until(lambda: len(scripted.told()) == 8)

    assert [(name, words[0]) for name, words in scripted.told()] == [
        *((f"OnUpdated{level.word}", ids.at(level)) for level in Level),
        *(
            (f"OnDeleted{level.word}", ids.at(level))
            for level in (Level.INSTANCE, Level.SERIES, Level.STUDY, Level.PATIENT)
        ),
    ]


def test_a_script_is_told_of_the_beginning_and_the_end(begin, tmp_path):
    mark = tmp_path / "mark"
    scripted = begin(
        f"""
        function Initialize() begun = true end
        function Finalize()
          local file = io.open("{mark}", "w")
          file:write(RestApiGet("/statistics"))
          file:close()
        end
        """,
        lua_time_limit=10.0,
    )
    until(lambda: scripted.execute("print(begun)") == "true\n")
    scripted.archive.stop()

    assert json.loads(mark.read_text())["CountInstances"] == 0


def test_a_heart_beats(begin):
    scripted = begin("beats = 0 function OnHeartBeat() beats = beats + 1 end")
    scripted.archive.stop()
    scripted = begin(
        "beats = 0 function OnHeartBeat() beats = beats + 1 end", lua_heart_beat_period=1
    )

    until(lambda: int(scripted.execute("print(beats)")) >= 1)


def test_what_was_stored_before_the_start_is_not_told(begin):
    first = begin(TELL)
    first.store(instance="1.2.3")
    first.archive.stop()
    scripted = begin(TELL + 'tell("OnStoredInstance")')
    receipt = scripted.store(instance="1.2.4")
    until(scripted.told)

    assert [words[0] for _, words in scripted.told()] == [receipt.ids.instance]


def test_clearing_the_log_takes_nothing_from_a_script(begin):
    scripted = begin(TELL + 'tell("OnStoredInstance")')
    receipts = [scripted.store(instance=f"1.2.{number}") for number in range(5)]
    scripted.archive.ask(ClearChanges())
    until(lambda: len(scripted.told()) == len(receipts))

    assert [words[0] for _, words in scripted.told()] == [it.ids.instance for it in receipts]


def test_a_script_uses_the_rest_api_from_a_callback(begin):
    scripted = begin(
        """
        function OnStoredInstance(id, tags)
          local study = ParseJson(RestApiGet("/instances/" .. id .. "/study")).ID
          RestApiPut("/studies/" .. study .. "/labels/" .. tags.Modality, "")
          done = study
        end
        """
    )
    study = scripted.store(tags={"Modality": "CT"}).ids.study
    until(lambda: scripted.execute("print(done)") == f"{study}\n")

    assert json.loads(scripted.call("GET", f"/studies/{study}/labels").body) == ["CT"]


def test_what_a_script_stores_passes_its_own_filter(begin):
    # The callback waits for the store, the store for the filter, all in one Lua.
    scripted = begin(
        """
        function ReceivedInstanceFilter(tags, origin)
          seen = origin.RequestOrigin
          return tags.PatientID ~= "OUT"
        end
        function OnStoredInstance(id, tags)
          if tags.PatientID == "IN" then
            local file = RestApiGet("/instances/" .. id .. "/file")
            again = ParseJson(RestApiPost("/instances", file)).Status
          end
        end
        """
    )
    scripted.store(patient_id="IN")
    until(lambda: scripted.execute("print(again)") == "AlreadyStored\n")

    assert scripted.execute("print(seen)") == "Lua\n"


def test_a_filter_keeps_instances_out(begin):
    scripted = begin(
        """
        function ReceivedInstanceFilter(tags, origin, info)
          last = { tags.PatientID, origin, info }
          return tags.PatientID ~= "OUT"
        end
        """
    )

    kept_out = scripted.store(patient_id="OUT")
    kept = scripted.store(patient_id="IN")
    last = json.loads(scripted.execute("print(DumpJson(last, true))"))

    assert kept_out.status is StoreStatus.FILTERED_OUT
    assert kept.status is StoreStatus.SUCCESS
    assert scripted.archive.ask(ListResources(level=Level.INSTANCE)) == (kept.ids.instance,)
    assert last == [
        "IN",
        {"RequestOrigin": "Plugins"},
        {"HasPixelData": True, "TransferSyntaxUID": "1.2.840.10008.1.2.1"},
    ]


def test_a_filter_sees_large_files_and_those_in_zip_archives(begin):
    scripted = begin(
        'function ReceivedInstanceFilter(tags) return tags.PatientID ~= "OUT" end',
        spool_threshold_mb=1,
    )
    large = make_dicom(patient_id="OUT", size=3_000_000)
    contents = [make_dicom(patient_id=it, instance=f"1.{n}") for n, it in enumerate(("IN", "OUT"))]

    answer = json.loads(scripted.call("POST", "/instances", large).body)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number, content in enumerate(contents):
            archive.writestr(str(number), content)
    receipts = scripted.archive.ask(StoreZip(content=packed.getvalue()))

    assert answer["Status"] == "FilteredOut"
    assert [receipt.status.value for receipt in receipts] == ["Success", "FilteredOut"]


@pytest.mark.parametrize(
    "body",
    ["return nosuch.x", "while true do end", "return 5", "return nil", 'error("DOE^JANE")'],
)
def test_a_filter_that_fails_lets_nothing_in(begin, body):
    scripted = begin(f"function ReceivedInstanceFilter() {body} end")

    with pytest.raises(ScriptFailed), capture_logs() as logs:
        scripted.store()

    assert scripted.archive.ask(ListResources(level=Level.INSTANCE)) == ()
    assert {"script_failed", "filter_undecided"} & {line["event"] for line in logs}
    assert "DOE" not in str(logs)


def test_a_filter_that_waits_for_too_long_lets_nothing_in(begin):
    scripted = begin('function ReceivedInstanceFilter() os.execute("sleep 30") return true end')

    with pytest.raises(ScriptFailed):
        scripted.store()


def test_an_endless_callback_stalls_nobody(begin):
    scripted = begin(
        """
        function OnStoredInstance(id) while true do end end
        function OnDeletedInstance(id) gone = true end
        """
    )

    ids = [scripted.store(instance=f"1.{number}").ids.instance for number in range(3)]
    scripted.archive.ask(DeleteResource(level=Level.INSTANCE, id=ids[0]))

    assert len(scripted.archive.ask(ListResources(level=Level.INSTANCE))) == 2
    until(lambda: scripted.execute("print(gone)") == "true\n")


def test_an_error_in_a_callback_is_logged_with_its_place_and_without_its_words(begin):
    scripted = begin(
        """
        function OnStoredInstance(id, tags)
          local x = nosuch.field
        end
        function OnDeletedInstance(id)
          error("DOE^JANE is gone")
        end
        """
    )
    with capture_logs() as logs:

        def failures():
            return [line for line in logs if line["event"] == "script_failed"]

        id_ = scripted.store().ids.instance
        until(failures)
        scripted.archive.ask(DeleteResource(level=Level.INSTANCE, id=id_))
        until(lambda: len(failures()) == 2)

    assert [(it["function"], it["at"], it["reason"]) for it in failures()] == [
        ("OnStoredInstance", "script0.lua:3", "attempt to index"),
        ("OnDeletedInstance", "script0.lua:6", "an error of its own"),
    ]


def test_a_script_may_define_callbacks_later(begin):
    scripted = begin()
    scripted.execute('function ReceivedInstanceFilter(tags) return tags.PatientID == "A" end')
    assert scripted.store(patient_id="B").status is StoreStatus.FILTERED_OUT

    scripted.execute("ReceivedInstanceFilter = nil")
    assert scripted.store(patient_id="B").status is StoreStatus.SUCCESS


def test_what_a_script_prints_is_its_answer(begin):
    scripted = begin()

    assert (
        scripted.execute('print("a", 1) PrintRecursive({2})') == "a, 1\ntable\n\t[1], number, 2\n"
    )
    assert scripted.execute("x = 5") == ""
    assert scripted.execute("print(x)") == "5\n"


def test_a_script_that_prints_without_end_fails(begin):
    scripted = begin()

    with pytest.raises(ScriptFailed, match="too much"):
        scripted.execute('local s = ("x"):rep(1000000) for i = 1, 20 do print(s) end')


def test_a_script_executes_another_one(begin):
    scripted = begin()

    assert scripted.execute('print(RestApiPost("/tools/execute-script", "print(7)"))') == "7\n\n"


def test_a_script_that_executes_itself_without_end_is_stopped(begin):
    scripted = begin()
    scripted.execute('again = [[print(RestApiPost("/tools/execute-script", again))]]')

    assert scripted.execute("print(RestApiPost('/tools/execute-script', again))").startswith("nil")


def test_the_configuration_is_seen_but_for_its_passwords(begin):
    scripted = begin(name="Mine", registered_users={"alice": "secret"})

    text = "local c = GetOrthancConfiguration() print(c.Name, c.StableAge, c.RegisteredUsers)"
    assert scripted.execute(text) == "Mine, 60, nil\n"


def test_the_toolbox_deletes_and_says_what_is_not_to_be_had(begin):
    scripted = begin()
    ids = scripted.store().ids

    with pytest.raises(ScriptFailed, match="ModifyStudy was refused"):
        scripted.execute(f'ModifyStudy("{ids.study}", {{PatientName = "X"}}, {{}}, true)')
    with pytest.raises(ScriptFailed, match="SendToModality was refused"):
        scripted.execute(f'SendToModality("{ids.study}", "pacs")')
    with pytest.raises(ScriptFailed, match="there is no such resource"):
        scripted.execute('Delete("nosuch")')
    scripted.execute(f'Delete("{ids.study}")')

    assert scripted.archive.ask(ListResources(level=Level.STUDY)) == ()


def test_a_script_declares_what_is_stable(begin):
    scripted = begin()
    study = scripted.store().ids.study

    def is_stable():
        return json.loads(scripted.call("GET", f"/studies/{study}").body)["IsStable"]

    assert scripted.execute(f'print(SetStableStatus("{study}", true))') == "true\n"
    assert is_stable()
    scripted.execute(f'SetStableStatus("{study}", false)')
    assert not is_stable()


def test_many_instances_are_told_in_their_order(begin):
    scripted = begin(TELL + 'tell("OnStoredInstance")')
    ids = [
        scripted.archive.ask(StoreInstance(content=content)).ids.instance
        for content in make_study(series=2, instances=20)
    ]
    until(lambda: scripted.execute("print(#told)") == "40\n")

    assert [words[0] for _, words in scripted.told()] == ids


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x = = 1", r"LuaScripts: script0.lua: script0.lua:1: unexpected symbol near '='"),
        ("\nnosuch.x = 1", r"LuaScripts: script0.lua: script0.lua:2: attempt to index"),
        ("while true do end", r"LuaScripts: script0.lua: stopped"),
    ],
)
def test_a_script_that_cannot_be_loaded_keeps_the_archive_from_starting(begin, text, reason):
    with pytest.raises(CannotStart, match=reason):
        begin(text)


def test_an_archive_without_scripts_has_no_lua(begin):
    scripted = begin(lua_scripts=[], execute_lua_enabled=False)

    assert ExecuteScript not in scripted.archive.board.kinds()


def test_a_read_only_archive_runs_scripts_too(begin):
    begin().archive.stop()
    scripted = begin("function Initialize() begun = true end", read_only=True)

    until(lambda: scripted.execute("print(begun)") == "true\n")
    assert scripted.execute('print(RestApiPut("/studies/x/labels/a", ""))') == "nil\n"
