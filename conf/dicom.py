"""The options of the DICOM protocol; they are at the root of the configuration, as in Orthanc."""

from typing import Any

from repertory.conf.fields import (
    application_entity_title,
    not_negative,
    one_of,
    port,
    positive,
    section,
    setting,
)
from repertory.conf.tls import cipher_names, tls_version
from repertory.conf.transcoding import transfer_syntax_or_empty
from repertory.conf.transfer_syntaxes import TransferSyntaxSettings
from repertory.modalities import read_modality

SMALLEST_PDU, LARGEST_PDU = 4096, 131_072


def pdu_length(value: int) -> str | None:
    """A length of PDUs that DCMTK, and so Orthanc, takes too."""
    if SMALLEST_PDU <= value <= LARGEST_PDU:
        return None
    return f"must be between {SMALLEST_PDU} and {LARGEST_PDU}"


ENCODINGS = (
    *("Arabic", "Ascii", "Chinese", "Cyrillic", "Greek", "Hebrew", "Japanese", "JapaneseKanji"),
    *("Korean", "Latin1", "Latin2", "Latin3", "Latin4", "Latin5", "SimplifiedChinese", "Thai"),
    *("Utf8", "Windows1251"),
)
"""What DefaultEncoding may be."""
encoding_name = one_of(*ENCODINGS)


def modalities(value: dict[str, Any]) -> str | None:
    """Other application entities, each written as Orthanc writes them: a list or an object."""
    for name, entry in value.items():
        if not name.strip():
            return "must not have an empty name"
        try:
            read_modality(entry)
        except ValueError as error:
            return f"must hold what {name} is: {str(error)[0].lower()}{str(error)[1:-1]}"
    return None


@section("")
class DicomSettings(TransferSyntaxSettings):
    """A part of ``Settings``, apart from it for length only: how DICOM is spoken with others."""

    dicom_server_enabled: bool | None = setting(
        default=None,
        meaning="Whether modalities and workstations may connect by the DICOM protocol; not set:"
        " when the archive is a server of its own, not where a program embeds it.",
    )
    dicom_aet: str = setting(
        default="ORTHANC",
        meaning="The application entity title of the archive.",
        check=application_entity_title,
    )
    dicom_port: int = setting(
        default=4242,
        meaning="The TCP port of the DICOM protocol; 0: one that is free.",
        check=port,
    )
    dicom_check_called_aet: bool = setting(
        default=False, meaning="Whether those are turned away who call another title than ours."
    )
    strict_aet_comparison: bool = setting(
        default=False, meaning="Whether the case of application entity titles is heeded."
    )
    dicom_check_modality_host: bool = setting(
        default=False,
        meaning="Whether a modality must connect from the host that DicomModalities has for it.",
    )
    dicom_always_allow_echo: bool = setting(
        default=True, meaning="Whether C-ECHO is answered to whoever is not in DicomModalities."
    )
    dicom_always_allow_store: bool = setting(
        default=True, meaning="Whether whoever is not in DicomModalities may send instances."
    )
    dicom_always_allow_find: bool = setting(
        default=False, meaning="Whether whoever is not in DicomModalities may search."
    )
    dicom_always_allow_find_worklist: bool = setting(
        default=False, meaning="Whether whoever is not in DicomModalities may ask for worklists."
    )
    dicom_always_allow_get: bool = setting(
        default=False, meaning="Whether whoever is not in DicomModalities may retrieve by C-GET."
    )
    dicom_always_allow_move: bool = setting(
        default=False, meaning="Whether whoever is not in DicomModalities may retrieve by C-MOVE."
    )
    dicom_modalities: dict[str, Any] = setting(
        default_factory=dict,
        meaning='Others who speak DICOM, by name: ["AET", "host", 104], or an object with AET,'
        " Host, Port, and what they may do: AllowEcho, AllowFind, AllowStore and their like.",
        check=modalities,
    )
    dicom_modalities_in_database: bool = setting(
        default=False,
        meaning="Whether modalities are kept in the index, where the REST API enters them, and"
        " those of DicomModalities are passed over.",
    )
    default_encoding: str = setting(
        default="Latin1",
        meaning="What text is written in where a file does not say it: Latin1, Utf8, Ascii,"
        " Cyrillic, Japanese and so on.",
        check=encoding_name,
    )
    dictionary: dict[str, Any] = setting(
        default_factory=dict,
        meaning='DICOM tags that the standard does not have: "0014,1020" : ["DA", "Name", 1, 1],'
        ' and private ones with their creator: "00e1,c2" : ["UI", "Name", 1, 1, "ELSCINT1"].',
    )
    default_private_creator: str = setting(
        default="",
        meaning="The creator of the private tags of Dictionary that name none.",
    )
    external_dictionaries: list[str] = setting(
        default_factory=list,
        meaning="Files of DICOM tags, written as DCMTK's dicom.dic is. Their entries come before"
        " those of the standard, and later ones before earlier ones.",
        path=True,
    )
    load_private_dictionary: bool = setting(
        default=True,
        meaning="Whether private tags that are generally known have names; false: only those of"
        " Dictionary and ExternalDictionaries do.",
    )
    dicom_scp_timeout: int = setting(
        default=30,
        meaning="Seconds that another may stay silent within an association; 0: for ever.",
        check=not_negative,
    )
    dicom_scu_timeout: int = setting(
        default=10,
        meaning="Seconds that others may take to answer us; 0: for ever.",
        check=not_negative,
    )
    dicom_association_close_delay: int = setting(
        default=0,
        meaning="Seconds that an association stays open by which instances were sent to another,"
        " for the next ones that go to it; 0: none.",
        check=not_negative,
    )
    synchronous_c_move: bool = setting(
        default=True,
        meaning="Whether C-MOVE is answered when all is sent; false: at once, and a job sends it.",
        name="SynchronousCMove",
    )
    query_retrieve_size: int = setting(
        default=100,
        meaning="How many queries of other modalities are kept with their answers.",
        check=positive,
    )
    storage_commitment_reports_size: int = setting(
        default=100,
        meaning="How many reports of storage commitment are kept that others gave.",
        check=positive,
    )
    dicom_scu_threads: int = setting(
        default=4,
        meaning="How many others may be called at a time.",
        check=positive,
        ours=True,
    )
    dicom_scu_threads_per_modality: int = setting(
        default=2,
        meaning="How many calls to the same modality there may be at a time; 0: DicomScuThreads.",
        check=not_negative,
        ours=True,
    )
    dicom_scu_retries: int = setting(
        default=3,
        meaning="How often a job is tried again that cannot reach a modality, where nobody waits"
        " for its answer and its request does not say it (Retries).",
        check=not_negative,
        ours=True,
    )
    transcode_dicom_protocol: bool = setting(
        default=True,
        meaning="Whether instances are transcoded for those who do not take them as they are"
        " stored; AllowTranscoding says it for a modality.",
    )
    dicom_scu_preferred_transfer_syntax: str = setting(
        default="1.2.840.10008.1.2.1",
        meaning="The transfer syntax that they are sent in then, if it is taken; others follow.",
        check=transfer_syntax_or_empty,
    )
    dicom_default_retrieve_method: str = setting(
        default="C-MOVE",
        meaning="How the answers of queries are retrieved, where neither the request nor the"
        " modality says it.",
        check=one_of("C-MOVE", "C-GET"),
    )
    dicom_echo_checks_find: bool = setting(
        default=False,
        meaning="Whether a modality that is asked if it is there must answer a C-FIND, too.",
    )
    dicom_maximum_associations: int = setting(
        default=50,
        meaning="How many associations may be open at a time; more are turned away.",
        check=positive,
        ours=True,
    )
    dicom_threads_count: int | None = setting(
        default=None,
        meaning="How many requests of others are answered at a time, but for C-ECHO; the others"
        " wait for their turn. Not set: one of each association.",
        check=positive,
    )
    maximum_pdu_length: int = setting(
        default=16384,
        meaning="Bytes that a message of the DICOM protocol may have at most.",
        check=pdu_length,
    )
    accepted_transfer_syntaxes: list[str] = setting(
        default_factory=lambda: ["1.2.840.10008.1.*"],
        meaning="The transfer syntaxes in which instances are taken; * and ? stand for letters.",
    )
    dicom_get_scu_proposes_accepted_transfer_syntaxes: bool = setting(
        default=True,
        meaning="Whether those whom we ask by C-GET are offered AcceptedTransferSyntaxes alone;"
        " false: all transfer syntaxes in use.",
    )
    accepted_sop_classes: list[str] = setting(
        default_factory=list,
        meaning="The SOP classes of which instances are taken, or asked for by C-GET, likewise;"
        " empty: all of storage.",
    )
    rejected_sop_classes: list[str] = setting(
        default_factory=list,
        meaning="SOP classes of which none are taken, likewise.",
        name="RejectSopClasses",
    )
    rejected_sop_classes_too: list[str] = setting(
        default_factory=list,
        meaning="The same as RejectSopClasses, under another name; both count.",
        name="RejectedSopClasses",
    )
    unknown_sop_class_accepted: bool = setting(
        default=False,
        meaning="Whether instances are taken of SOP classes that the standard does not know.",
    )
    dicom_tls_enabled: bool = setting(
        default=False, meaning="Whether the DICOM protocol is spoken over TLS."
    )
    dicom_tls_certificate: str = setting(
        default="", meaning="The PEM file with our certificate.", path=True
    )
    dicom_tls_private_key: str = setting(
        default="", meaning="The PEM file with its private key.", path=True
    )
    dicom_tls_trusted_certificates: str = setting(
        default="", meaning="The PEM file with the certificates to trust.", path=True
    )
    dicom_tls_remote_certificate_required: bool = setting(
        default=True, meaning="Whether those who connect must show a certificate that is trusted."
    )
    dicom_tls_minimum_protocol_version: int = setting(
        default=0,
        meaning="The oldest version of TLS that is spoken with others, who call or are called: 0:"
        " 1.2, with the usual ciphers; 1 and 2: 1.0; 3: 1.1; 4: 1.2; 5: 1.3.",
        check=tls_version,
    )
    dicom_tls_ciphers_accepted: list[str] = setting(
        default_factory=list,
        meaning="The ciphers for that, as OpenSSL names them; to be given unless"
        " DicomTlsMinimumProtocolVersion is 0.",
        check=cipher_names,
    )
