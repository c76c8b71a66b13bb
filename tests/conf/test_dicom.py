import json

import pytest

from repertory.conf.loading import read_settings
from repertory.modalities import Service, read_modality, written


def read(folder, **options):
    file = folder / "orthanc.json"
    file.write_text(json.dumps(options))
    return read_settings(file)


def problems_of(folder, **options):
    return [str(it).partition(": ")[2] for it in read(folder, **options).problems]


def test_modalities_are_read_as_orthanc_writes_them(tmp_path):
    entries = {
        "sample": ["STORESCP", "127.0.0.1", 2000],
        "named": ["STORESCP", "localhost", "2000", "GenericNoWildcardInDates"],
        "untrusted": {
            "AET": "X",
            "Host": "h",
            "Port": 104,
            "AllowStore": False,
            "AllowEcho": False,
        },
    }
    loaded = read(tmp_path, DicomModalities=entries)

    assert loaded.problems == ()
    found = {name: read_modality(it) for name, it in loaded.settings.dicom_modalities.items()}
    assert found["sample"].port == 2000
    assert found["named"].manufacturer == "GenericNoWildcardInDates"
    assert found["untrusted"].denied == {Service.STORE, Service.ECHO}


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("AET", "a modality is an array or an object"),
        (["AET"], "a modality is [AET, Host, Port] or [AET, Host, Port, Manufacturer]"),
        (["", "h", 1], "the AET of a modality must be a text"),
        (["A" * 17, "h", 1], "the AET of a modality must have 1 to 16 letters of ASCII"),
        (["A", 5, 1], "the Host of a modality must be a text"),
        (["A", "h", 0], "the Port of a modality must be between 1 and 65535"),
        (["A", "h", "x"], "the Port of a modality must be between 1 and 65535"),
        (["A", "h", True], "the Port of a modality must be between 1 and 65535"),
        (
            {"AET": "A", "Host": "h", "Port": 1, "AllowEcho": 1},
            "the AllowEcho of a modality must be true or false",
        ),
        (
            {"AET": "A", "Host": "h", "Port": 1, "Timeout": -1},
            "the Timeout of a modality must be a number of seconds",
        ),
        (
            {"AET": "A", "Host": "h", "Port": 1, "RetrieveMethod": "C-PULL"},
            "the RetrieveMethod of a modality must be one of SystemDefault, C-MOVE, C-GET",
        ),
    ],
)
def test_what_is_no_modality_is_told_with_the_reason(tmp_path, entry, reason):
    (problem,) = problems_of(tmp_path, DicomModalities={"one": entry})

    assert problem.startswith(f"DicomModalities must hold what one is: {reason}")


def test_a_modality_is_written_so_that_it_can_be_read_again():
    modality = read_modality(
        {"AET": "A", "Host": "h", "Port": 1, "AllowMove": False, "LocalAet": "US", "Timeout": 7}
    )

    again = read_modality(written(modality))

    assert written(again) == written(modality)
    assert (again.denied, again.local_aet, again.timeout) == ({Service.MOVE}, "US", 7)


@pytest.mark.parametrize("length", [0, 4095, 131_073])
def test_the_length_of_pdus_is_bounded(tmp_path, length):
    (problem,) = problems_of(tmp_path, MaximumPduLength=length)

    assert problem == f"MaximumPduLength must be between 4096 and 131072, not {length}."


def test_tls_without_certificates_is_told_at_once(tmp_path):
    loaded = read(tmp_path, DicomTlsEnabled=True, DicomTlsPrivateKey="nowhere.pem")

    assert [it.option for it in loaded.problems] == [
        "DicomTlsCertificate",
        "DicomTlsPrivateKey",
        "DicomTlsTrustedCertificates",
    ]


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (
            {"DicomTlsMinimumProtocolVersion": 6},
            "DicomTlsMinimumProtocolVersion must be between 0 and 5, not 6.",
        ),
        (
            {"DicomTlsCiphersAccepted": ["AES256-SHA", "NONESUCH"]},
            (
                "DicomTlsCiphersAccepted must have names of ciphers that OpenSSL knows, which"
                " 'NONESUCH' is not"
            ),
        ),
        (
            {"DicomTlsCiphersAccepted": ["TLS_AES_999_GCM_SHA384"]},
            (
                "DicomTlsCiphersAccepted must have names of ciphers that OpenSSL knows, which"
                " 'TLS_AES_999_GCM_SHA384' is not"
            ),
        ),
        (
            {"DicomTlsCiphersAccepted": ["AES256-SHA256", "!AES"]},
            "DicomTlsCiphersAccepted must leave a cipher",
        ),
        (
            {"SslMinimumProtocolVersion": -1},
            "SslMinimumProtocolVersion must be between 0 and 5, not -1.",
        ),
        (
            {"SslCiphersAccepted": ["TLS_AES_256_GCM_SHA384"]},
            (
                "SslCiphersAccepted must have ciphers of TLS 1.2 and older, which"
                " TLS_AES_256_GCM_SHA384 is not"
            ),
        ),
    ],
)
def test_versions_and_ciphers_that_there_are_not_are_told_by_name(tmp_path, options, reason):
    (problem,) = problems_of(tmp_path, **options)

    assert problem.startswith(reason)


def test_ciphers_are_taken_as_openssl_names_them(tmp_path):
    ciphers = ["ECDHE-RSA-AES256-GCM-SHA384", "TLS_AES_256_GCM_SHA384", "!aNULL", "@SECLEVEL=1"]

    assert problems_of(tmp_path, DicomTlsCiphersAccepted=ciphers) == []


def test_another_version_of_tls_wants_its_ciphers(tmp_path):
    (tmp_path / "one.pem").write_text("")
    loaded = read(
        tmp_path,
        DicomTlsEnabled=True,
        DicomTlsCertificate="one.pem",
        DicomTlsPrivateKey="one.pem",
        DicomTlsTrustedCertificates="one.pem",
        DicomTlsMinimumProtocolVersion=4,
    )

    assert [it.option for it in loaded.problems] == ["DicomTlsCiphersAccepted"]


def test_whether_there_is_a_server_may_be_left_open(tmp_path):
    assert read(tmp_path).settings.dicom_server_enabled is None
    assert read(tmp_path, DicomServerEnabled=False).settings.dicom_server_enabled is False
