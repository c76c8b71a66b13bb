import os
from pathlib import Path

import pytest

from repertory.building import stable_ages_of
from repertory.conf.loading import load_settings, read_settings
from repertory.conf.problems import InvalidSettings
from repertory.conf.settings import Settings

# Condensed from the shape of Orthanc's own sample: comments everywhere, a section for a plugin,
# commented-out options with commas of their own, an empty object full of comments.
AS_ORTHANC_WRITES = """{
  /**
   * General configuration
   **/

  // The logical name, see "/system".
  "Name" : "Radiology",
  "StorageDirectory" : "/var/lib/orthanc/db-v6",
  "IndexDirectory" : "/var/lib/orthanc/db-v6",
  "StorageCompression" : false,
  "LuaScripts" : [
  ],
  "ConcurrentJobs" : 2,   // as many as that
  "HttpPort" : 8043,
  "AcceptedTransferSyntaxes" : [ "1.2.840.10008.1.*" ],
  /**
     "JpegTransferSyntaxAccepted"         : true,
     "H265TransferSyntaxAccepted"         : true,  // New in Orthanc 1.9.0
  **/
  "RemoteAccessAllowed" : false,
  "SslCertificate" : "certificate.pem",
  "DicomModalities" : {
    /**
     * One could write "sample" : [ "STORESCP", "127.0.0.1", 2000 ]
     **/
    //"untrusted" : {
    //  "AET" : "ORTHANC"
    //}
  },
  "OverwriteInstances" : false,
  "KeepAlive" : true,
  "DelayedDeletion" : {
    "Enable" : true,
    "ThrottleDelayMs" : 5,
    "Path" : "pending.db"
  },
  "Worklists" : { "Enable" : false, "Database" : "/var/lib/orthanc/worklists" },
  "ZipLoaderThreads": 0
}
"""


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text, encoding="utf-8")


def problems_of(*paths, environment=os.environ):
    return [str(problem) for problem in read_settings(*paths, environment=environment).problems]


def warnings_of(*paths, environment=os.environ):
    return [str(warning) for warning in read_settings(*paths, environment=environment).warnings]


def test_without_files_everything_is_as_by_default():
    loaded = read_settings()

    assert (loaded.settings, loaded.problems, loaded.warnings) == (Settings(), (), ())


def test_a_file_of_orthanc_loads_unchanged(tmp_path):
    write(tmp_path, orthanc=AS_ORTHANC_WRITES)
    settings = load_settings(tmp_path / "orthanc.json")

    assert settings.name == "Radiology"
    assert settings.http_port == 8043
    assert settings.storage_directory == "/var/lib/orthanc/db-v6"
    assert settings.delayed_deletion.throttle_delay_ms == 5


def test_options_of_orthanc_without_effect_are_named_in_one_warning(tmp_path):
    file = tmp_path / "orthanc.json"
    file.write_text('{"HttpVerbose" : true, "LimitJobs" : 3, "DicomWeb" : {"Root" : 1}}')

    assert warnings_of(file) == [
        (
            f"{file}: Repertory does not honour (yet) what is set here: "
            "HttpVerbose, LimitJobs, DicomWeb."
        )
    ]


def test_hardware_tokens_are_told_to_be_unsupported(tmp_path):
    file = tmp_path / "orthanc.json"
    file.write_text('{"HttpVerbose" : true, "Pkcs11" : {"Module" : "/lib/some.so"}}')

    assert sorted(warnings_of(file)) == [
        (
            f"{file}, line 1: Pkcs11 is not supported, and has no effect: keys in hardware tokens"
            " and smart cards are not used. A peer can have a CertificateFile."
        ),
        f"{file}: Repertory does not honour (yet) what is set here: HttpVerbose.",
    ]
    file.write_text('{"Pkcs11" : {}}')
    assert warnings_of(file) == []


def test_options_without_effect_that_ask_for_what_is_done_anyway_are_passed_over(tmp_path):
    file = tmp_path / "orthanc.json"
    file.write_text(
        '{"StoreDicom" : true, "OverwriteInstances" : "Never", "LimitFindResults" : 0,'
        ' "Housekeeper" : {"Enable" : false, "Force" : true}, "ServeFolders" : {}, "Plugins" : [],'
        ' "Warnings" : {"W001_TagsBeingReadFromStorage" : true}}'
    )

    assert warnings_of(file) == []


def test_warnings_of_orthanc_are_switched_off_by_their_names(tmp_path):
    write(tmp_path, a='{"Warnings" : {"W002_InconsistentDicomTagsInDb" : false}}')

    assert load_settings(tmp_path).warnings == {"W002_InconsistentDicomTagsInDb": False}
    assert warnings_of(tmp_path) == []


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('{"W009_Nonsense" : false}', "Warnings must not have W009_Nonsense"),
        ('{"W001_TagsBeingReadFromStorage" : 1}', "Warnings"),
        ("[]", "Warnings"),
    ],
)
def test_what_is_no_warning_of_orthanc_is_a_problem(tmp_path, written, reason):
    write(tmp_path, a=f'{{"Warnings" : {written}}}')

    assert reason in problems_of(tmp_path)[0]


def test_a_part_of_a_section_without_effect_is_named_with_its_section(tmp_path):
    write(tmp_path, a='{"DelayedDeletion" : {"Path" : "x.db"}}')

    assert "DelayedDeletion.Path" in warnings_of(tmp_path)[0]


@pytest.mark.parametrize("limit", ["MaximumStorageSize", "MaximumPatientCount"])
def test_without_patients_there_is_no_limit_by_which_they_are_recycled(tmp_path, limit):
    write(tmp_path, a=f'{{"PatientLevelEnabled" : false, "{limit}" : 1}}')

    assert f"{limit} must be 0 while PatientLevelEnabled is false" in problems_of(tmp_path)[0]


def test_what_has_changed_cannot_be_known_without_md5_sums(tmp_path):
    write(tmp_path, a='{"OverwriteInstances" : "IfChanged", "StoreMD5ForAttachments" : false}')

    assert "OverwriteInstances must not be IfChanged" in problems_of(tmp_path)[0]


@pytest.mark.parametrize(
    ("written", "meant"),
    [("true", "Always"), ("false", "Never"), ('"IfChanged"', "IfChanged"), ('"Never"', "Never")],
)
def test_overwriting_is_a_mode_or_a_truth_value(tmp_path, written, meant):
    write(tmp_path, a=f'{{"OverwriteInstances" : {written}}}')

    assert load_settings(tmp_path).overwrite_mode == meant


def test_another_mode_of_overwriting_is_refused(tmp_path):
    write(tmp_path, a='{"OverwriteInstances" : "Sometimes"}')

    assert "OverwriteInstances must be one of Never, Always, IfChanged" in problems_of(tmp_path)[0]


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        (
            '{"StorageCompressionFormat" : "ZlibWithSize", "StorageCompressionLevel" : 12}',
            "StorageCompressionLevel is more than 9",
        ),
        ('{"ReadOnly" : true, "MaximumPatientCount" : 3}', "ReadOnly is true: nothing is recycled"),
    ],
)
def test_what_is_probably_not_meant_of_the_storage_is_told(tmp_path, text, doubt):
    write(tmp_path, a=text)

    assert any(doubt in warning for warning in warnings_of(tmp_path))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ('{"HtttpPort" : 1}', "HtttpPort is not an option: did you mean HttpPort?"),
        ('{"httpport" : 1}', "httpport is not an option: did you mean HttpPort?"),
        (
            '{"DicomModalties" : {}}',
            "DicomModalties is not an option: did you mean DicomModalities?",
        ),
        ('{"Zzz" : 1}', "Zzz is not an option."),
        (
            '{"DelayedDeletion" : {"Enabled" : true}}',
            "DelayedDeletion.Enabled is not an option: did you mean Enable?",
        ),
    ],
)
def test_an_unknown_option_is_warned_of_with_the_nearest_known_one(tmp_path, text, hint):
    file = tmp_path / "a.json"
    file.write_text(f"\n\n{text}")

    assert warnings_of(file) == [f"{file}, line 3: {hint}"]


def test_everything_that_is_wrong_is_said_at_once(tmp_path):
    write(
        tmp_path,
        a='{"HttpPort" : 70000,\n"KeepAlive" : 1,\n"RegisteredUsers" : {"alice" : 7}}',
        b='{"StableAge" : "60", "DelayedDeletion" : {"ThrottleDelayMs" : -1}}',
        c='{"Name" "x"}',
        d="[]",
    )
    with pytest.raises(InvalidSettings) as caught:
        load_settings(tmp_path, tmp_path / "nosuch.json", tmp_path / "a.json" / "x")

    a, b, c, d = (tmp_path / f"{name}.json" for name in "abcd")
    assert sorted(map(str, caught.value.problems)) == sorted(
        [
            f"{a}, line 1: HttpPort must be between 0 and 65535, not 70000.",
            f"{a}, line 2: KeepAlive must be true or false, not 1.",
            f"{a}, line 3: RegisteredUsers.alice must be a text in double quotes.",
            f'{b}, line 1: StableAge must be a whole number, not "60".',
            f"{b}, line 1: DelayedDeletion.ThrottleDelayMs must be 0 or more, not -1.",
            f'{c}, line 1: column 9: a colon is missing after "Name".',
            f"{d}: It does not hold an object in braces.",
            f"{tmp_path / 'nosuch.json'}: There is no such file.",
            f"{a / 'x'}: It cannot be read: Not a directory.",
        ]
    )
    assert all(str(problem) in str(caught.value) for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"Modality" : {"CT" : 0}}', "Modality must be 1 second or more for CT"),
        ('{"Modality" : {"CT" : "30"}}', "Modality.CT must be a whole number"),
        ('{"Modality" : {"CT" : 30, "ct " : 40}}', "Modality must not name CT twice"),
        ('{"Modality" : {" " : 30}}', "Modality must have names of 1 to 16 characters"),
        ('{"RemoteAet" : {"A" : 30, "A " : 30}}', "RemoteAet must not name A twice"),
        ('{"CalledAet" : {"ABCDEFGHIJKLMNOPQ" : 30}}', "CalledAet must have names of 1 to 16"),
        ('{"CalledAet" : 30}', "CalledAet must be an object in braces"),
    ],
)
def test_stable_ages_that_make_no_sense_are_refused(tmp_path, text, problem):
    write(tmp_path, a=f'{{"StableAges" : {text}}}')

    (found,) = problems_of(tmp_path)
    assert f"StableAges.{problem}" in found


def test_stable_ages_are_read_by_modality_and_by_title(tmp_path):
    write(
        tmp_path,
        a='{"DicomServerEnabled" : false,'
        ' "StableAges" : {"Modality" : {"ct" : 30}, "RemoteAet" : {"a" : 5, "A" : 6}}}',
    )
    loaded = read_settings(tmp_path)

    ages = stable_ages_of(loaded.settings)
    assert (ages.shortest, ages.longest, ages.default) == (5, 60, 60)
    assert (ages.by_modality, ages.by_remote_aet) == ({"CT": 30}, {"a": 5, "A": 6})
    assert "StableAges names application entity titles" in warnings_of(tmp_path)[0]


@pytest.mark.parametrize("age", [0, -5])
def test_a_stable_age_below_1_is_60_as_in_orthanc(tmp_path, age):
    assert stable_ages_of(Settings(stable_age=age)).default == 60
    assert stable_ages_of(Settings(stable_age=1)).default == 1


def test_what_must_be_a_section_is_one(tmp_path):
    write(tmp_path, a='{"DelayedDeletion" : true}')

    assert problems_of(tmp_path) == [
        f"{tmp_path / 'a.json'}, line 1: DelayedDeletion must be an object in braces, not true."
    ]


def test_secrets_are_never_shown(tmp_path):
    write(tmp_path, a='{"RegisteredUsers" : {"al:ice" : "hunter2"}}')
    write(tmp_path, b='{"RegisteredUsers" : ["hunter2"]}')
    said = str(problems_of(tmp_path / "a.json") + problems_of(tmp_path / "b.json"))

    assert said.count("RegisteredUsers must") == 2
    assert "hunter2" not in said
    assert "hunter2" not in repr(Settings(registered_users={"alice": "hunter2"}))


# Several files


def test_files_of_a_folder_are_put_together_in_the_order_of_their_names(tmp_path):
    write(tmp_path, b='{"Name" : "B"}', a='{"HttpPort" : 1}')
    (tmp_path / "C.JSON").write_text('{"DicomAet" : "C"}')
    (tmp_path / "notes.txt").write_text("no configuration")
    (tmp_path / "folder.json").mkdir()
    loaded = read_settings(tmp_path)

    assert [file.name for file in loaded.files] == ["C.JSON", "a.json", "b.json"]
    assert (loaded.settings.http_port, loaded.settings.name) == (1, "B")
    assert loaded.settings.dicom_aet == "C"


def test_sections_of_several_files_are_put_together(tmp_path):
    write(
        tmp_path,
        a='{"DelayedDeletion" : {"Enable" : false}, "RegisteredUsers" : {"alice" : "a"}}',
        b='{"DelayedDeletion" : {"ThrottleDelayMs" : 9}, "RegisteredUsers" : {"bob" : "b"}}',
    )
    settings = load_settings(tmp_path)

    assert settings.delayed_deletion.enable is False
    assert settings.delayed_deletion.throttle_delay_ms == 9
    assert settings.registered_users == {"alice": "a", "bob": "b"}


def test_an_option_that_two_files_set_is_a_problem(tmp_path):
    write(tmp_path, a='{"Name" : "A", "DelayedDeletion" : {\n"Enable" : true}}')
    write(tmp_path, b='{\n"Name" : "A", "DelayedDeletion" : {"Enable" : true}}')
    a, b = tmp_path / "a.json", tmp_path / "b.json"

    assert problems_of(tmp_path) == [
        f"{b}, line 2: Name is also set in {a}, line 1.",
        f"{b}, line 2: DelayedDeletion.Enable is also set in {a}, line 2.",
    ]


def test_a_folder_without_configuration_is_warned_of(tmp_path):
    assert warnings_of(tmp_path) == [f"{tmp_path}: The folder has no file named *.json."]


def test_a_file_that_is_not_in_utf8_is_read_all_the_same(tmp_path):
    (tmp_path / "a.json").write_bytes('{"Name" : "Liège"}'.encode("latin-1"))
    (tmp_path / "b.json").write_bytes(b'\xef\xbb\xbf{"HttpPort" : 1}')
    loaded = read_settings(tmp_path)

    assert (loaded.settings.name, loaded.settings.http_port) == ("Liège", 1)
    assert [str(warning) for warning in loaded.warnings] == [
        f"{tmp_path / 'a.json'}: It is not in UTF-8: it was read as Latin-1."
    ]


# Paths


def test_paths_are_relative_to_the_file_that_sets_them(tmp_path):
    (tmp_path / "conf").mkdir()
    write(tmp_path, a='{"StorageDirectory" : "files", "SslCertificate" : "../server.pem"}')
    write(tmp_path / "conf", b='{"IndexDirectory" : "index"}')
    settings = load_settings(tmp_path / "a.json", tmp_path / "conf")

    assert settings.storage_directory == str(tmp_path / "files")
    assert settings.ssl_certificate == str(tmp_path / "../server.pem")
    assert settings.index_directory == str(tmp_path / "conf" / "index")


def test_absolute_and_empty_paths_stay_as_they_are(tmp_path):
    write(tmp_path, a='{"StorageDirectory" : "/srv/dicom", "IndexDirectory" : ""}')
    settings = load_settings(tmp_path)

    assert (settings.storage_directory, settings.index_directory) == ("/srv/dicom", "")


def test_a_path_that_no_file_sets_is_relative_to_where_the_archive_runs(tmp_path):
    write(tmp_path, a="{}")

    assert load_settings(tmp_path).storage_directory == "RepertoryStorage"


# The environment


def test_variables_of_the_environment_are_filled_in(tmp_path):
    write(
        tmp_path,
        a='{"Name" : "${SITE}-${ROOM:-1}", "HttpPort" : ${PORT:-8043}, "StableAge" : ${AGE},'
        ' "RegisteredUsers" : {"${WHO}" : "${PASSWORD}"}}',
    )
    environment = {"SITE": "Liège", "AGE": "5", "WHO": "alice", "PASSWORD": 'a"b\\c${SITE}'}
    settings = load_settings(tmp_path, environment=environment)

    assert (settings.name, settings.http_port, settings.stable_age) == ("Liège-1", 8043, 5)
    assert settings.registered_users == {"alice": 'a"b\\c${SITE}'}


def test_a_variable_that_is_set_but_empty_is_empty_despite_its_default(tmp_path):
    write(tmp_path, a='{"Name" : "${SITE:-nowhere}"}')

    assert load_settings(tmp_path, environment={"SITE": ""}).name == ""


def test_a_variable_that_is_not_set_counts_as_empty_and_is_warned_of(tmp_path):
    write(tmp_path, a='{"Name" : "a${NOWHERE}b${NOWHERE}"}')
    loaded = read_settings(tmp_path, environment={})

    assert loaded.settings.name == "ab"
    assert [str(warning) for warning in loaded.warnings] == [
        f"{tmp_path / 'a.json'}: The environment variable NOWHERE is not set: it counts as empty."
    ]


def test_a_password_from_a_variable_that_is_not_set_is_refused(tmp_path):
    write(tmp_path, a='{"RegisteredUsers" : {"alice" : "${NOWHERE}"}}')

    assert problems_of(tmp_path, environment={}) == [
        (
            f"{tmp_path / 'a.json'}, line 1: RegisteredUsers must not have an empty password, "
            "as alice has."
        )
    ]


# As Orthanc


@pytest.mark.parametrize(
    ("text", "required"),
    [
        ("{}", False),
        ('{"RemoteAccessAllowed" : true, "RegisteredUsers" : {"a" : "b"}}', True),
        ('{"RemoteAccessAllowed" : true, "AuthenticationEnabled" : false}', False),
        ('{"AuthenticationEnabled" : true, "RegisteredUsers" : {"a" : "b"}}', True),
        ('{"AuthenticationEnabled" : null}', False),
    ],
)
def test_users_must_authenticate_where_remote_access_is_allowed(tmp_path, text, required):
    write(tmp_path, a=text)

    assert load_settings(tmp_path).authentication_required is required


@pytest.mark.parametrize("also", ["", '"AuthenticationEnabled" : true,', '"RegisteredUsers" : {},'])
def test_remote_access_with_authentication_but_without_users_is_refused(tmp_path, also):
    write(tmp_path, a=f'{{{also} "RemoteAccessAllowed" : true}}')

    assert ["RegisteredUsers must name a user" in text for text in problems_of(tmp_path)] == [True]


def test_remote_access_without_authentication_is_warned_of(tmp_path):
    write(tmp_path, a='{"RemoteAccessAllowed" : true, "AuthenticationEnabled" : false}')

    assert "users need not authenticate" in warnings_of(tmp_path)[0]


def test_a_stable_age_below_one_is_replaced(tmp_path):
    write(tmp_path, a='{"StableAge" : 0}')
    loaded = read_settings(tmp_path)

    assert loaded.settings.stable_age == 60
    assert "StableAge is less than 1" in str(loaded.warnings[0])


def test_the_address_may_be_given_as_orthanc_does(tmp_path):
    write(tmp_path, a='{"HttpBindAddresses" : ["127.0.0.1", "10.0.0.1"]}')
    loaded = read_settings(tmp_path)

    assert loaded.settings.http_bind_address == "127.0.0.1"
    assert "only 127.0.0.1 is listened on" in str(loaded.warnings[0])


def test_certificates_that_are_used_must_exist(tmp_path):
    text = '{"SslEnabled" : true, "SslVerifyPeers" : true, "SslCertificate" : "server.pem"}'
    write(tmp_path, a=text)

    assert problems_of(tmp_path) == [
        (
            f"{tmp_path / 'a.json'}, line 1: SslCertificate must name a file that exists, "
            f"not {tmp_path / 'server.pem'}."
        ),
        (
            "SslTrustedClientCertificates must name a file that exists, "
            "not trustedClientCertificates.pem."
        ),
    ]
    (tmp_path / "server.pem").touch()
    assert len(problems_of(tmp_path)) == 1


@pytest.mark.parametrize(
    "text",
    [
        '{"DicomAet" : "SEVENTEEN_LETTERS"}',
        '{"DicomAet" : " "}',
        '{"UserMetadata" : {"a" : 1023}}',
        '{"UserMetadata" : {"a" : 65536}}',
        '{"UserMetadata" : {"a" : 1024, "b" : 1024}}',
        '{"UserMetadata" : {"7" : 1024}}',
        '{"UserContentType" : {"a" : 1023}}',
        '{"UserContentType" : {"a" : [65536, "text/plain"]}}',
        '{"UserContentType" : {"a" : []}}',
        '{"UserContentType" : {"a" : [1024]}}',
        '{"UserContentType" : {"a" : [1024, "pdf"]}}',
        '{"UserContentType" : {"a" : ["text/plain", 1024]}}',
        '{"UserContentType" : {"a" : [1024, "text/plain", 2]}}',
        '{"UserContentType" : {"a" : 1024, "b" : [1024, "text/plain"]}}',
        '{"UserContentType" : {"7" : 1024}}',
        '{"RegisteredUsers" : {"" : "x"}}',
        '{"StorageDirectory" : ""}',
        '{"IndexSynchronous" : "OFF"}',
        '{"Name" : null}',
        '{"StableAge" : 1e400}',
    ],
)
def test_values_out_of_their_range_are_refused(tmp_path, text):
    write(tmp_path, a=text)

    assert len(problems_of(tmp_path)) == 1


def test_everything_that_is_wrong_with_delayed_deletion_is_told_at_once(tmp_path):
    write(
        tmp_path,
        a='{"DatabaseServerIdentifier" : "",\n"DelayedDeletion" : '
        '{"Enable" : 1, "ThrottleDelayMs" : "5"}}',
    )
    text = "\n".join(str(problem) for problem in read_settings(tmp_path).problems)

    assert "DatabaseServerIdentifier must not be empty" in text
    assert "DelayedDeletion.Enable must be true or false, not 1" in text
    assert "DelayedDeletion.ThrottleDelayMs must be a whole number" in text


def test_a_throttle_that_nothing_heeds_is_told(tmp_path):
    write(tmp_path, a='{"DelayedDeletion" : {"Enable" : false,\n"ThrottleDelayMs" : 5}}')

    (warning,) = warnings_of(tmp_path)
    assert "line 2: DelayedDeletion.ThrottleDelayMs has no effect" in warning


def test_a_script_is_looked_for_beside_the_file_that_names_it(tmp_path):
    (tmp_path / "a.lua").write_text("")
    (tmp_path / "orthanc.json").write_text('{"LuaScripts": ["a.lua"]}')

    settings = load_settings(tmp_path / "orthanc.json", environment={})

    assert settings.lua_scripts == [str(tmp_path / "a.lua")]


def test_all_that_is_wrong_with_scripts_is_told_at_once(tmp_path):
    (tmp_path / "orthanc.json").write_text(
        '{"LuaScripts": ["a.lua", "b.lua"], "LuaHeartBeatPeriod": -1, "LuaTimeLimit": 0}'
    )

    with pytest.raises(InvalidSettings) as caught:
        load_settings(tmp_path / "orthanc.json", environment={})
    told = str(caught.value)

    for word in ("LuaHeartBeatPeriod", "LuaTimeLimit"):
        assert word in told


def test_a_script_that_is_missing_is_told(tmp_path):
    (tmp_path / "orthanc.json").write_text('{"LuaScripts": ["a.lua", "b.lua"]}')

    with pytest.raises(InvalidSettings, match=r"LuaScripts.*a\.lua(.|\n)*b\.lua"):
        load_settings(tmp_path / "orthanc.json", environment={})
