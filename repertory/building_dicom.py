"""How the archive speaks DICOM, as the settings have it."""

from pathlib import Path
from typing import Any

from repertory.actors.crew import ThreadCrew
from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.options import (
    AccessRules,
    ClientOptions,
    FindLimits,
    ServerOptions,
    StorageRules,
    TlsOptions,
)
from repertory.actors.peers.connection import HttpOptions
from repertory.actors.worklists import WorklistOptions
from repertory.conf.settings import Settings
from repertory.conf.transfer_syntaxes import GROUPS
from repertory.modalities import read_modality
from repertory.peers import read_peer
from repertory.storage.dicom.wire import EXPLICIT
from repertory.storage.encoding import TextEncoding


def modalities_of(settings: Settings) -> ModalityBook:
    """The modalities of the configuration."""
    return ModalityBook(
        {name: read_modality(entry) for name, entry in settings.dicom_modalities.items()}
    )


def peers_of(settings: Settings) -> dict[str, Any]:
    """What the actor that calls peers is made of."""
    return {
        "peers": {name: read_peer(entry) for name, entry in settings.orthanc_peers.items()},
        "options": HttpOptions(
            timeout=settings.http_timeout,
            proxy=settings.http_proxy,
            ca_certificates=settings.https_ca_certificates,
            verify=settings.https_verify_peers,
        ),
        "crew": ThreadCrew(settings.peer_threads, name="peers"),
        "in_database": settings.orthanc_peers_in_database,
    }


def storage_rules_of(settings: Settings) -> StorageRules:
    """Which instances are taken from others."""
    taken: list[str] = []
    rejected: list[str] = []
    for group, syntaxes in GROUPS.items():
        wish = getattr(settings, f"{group}_transfer_syntax_accepted")
        if wish is not None:
            (taken if wish else rejected).extend(syntaxes)
    return StorageRules(
        transfer_syntaxes=(*settings.accepted_transfer_syntaxes, *taken),
        rejected_syntaxes=frozenset(rejected),
        accepted_classes=tuple(settings.accepted_sop_classes),
        rejected_classes=(*settings.rejected_sop_classes, *settings.rejected_sop_classes_too),
        unknown_accepted=settings.unknown_sop_class_accepted,
    )


def calls_of(settings: Settings, rules: StorageRules, encoding: TextEncoding) -> ClientOptions:
    """How the archive calls others."""
    return ClientOptions(
        aet=settings.dicom_aet.strip(),
        timeout=settings.dicom_scu_timeout,
        pdu_length=settings.maximum_pdu_length,
        tls=_tls(settings) if settings.dicom_tls_certificate else None,
        transcodes=settings.transcode_dicom_protocol,
        preferred_syntax=settings.dicom_scu_preferred_transfer_syntax or EXPLICIT,
        encoding=encoding,
        storage=rules,
        accepted_only=settings.dicom_get_scu_proposes_accepted_transfer_syntaxes,
        spool_threshold=settings.spool_threshold_mb << 20,
        close_delay=settings.dicom_association_close_delay,
    )


def dicom_options_of(
    settings: Settings, book: ModalityBook, rules: StorageRules, encoding: TextEncoding
) -> ServerOptions:
    """How the DICOM server behaves."""
    always = {
        "Echo": settings.dicom_always_allow_echo,
        "Find": settings.dicom_always_allow_find,
        "FindWorklist": settings.dicom_always_allow_find_worklist,
        "Get": settings.dicom_always_allow_get,
        "Move": settings.dicom_always_allow_move,
        "Store": settings.dicom_always_allow_store,
    }
    # A read-only archive keeps no jobs: there, others wait as long as it takes.
    defers = not settings.synchronous_c_move and not settings.read_only
    return ServerOptions(
        port=settings.dicom_port,
        timeout=settings.dicom_scp_timeout,
        associations=settings.dicom_maximum_associations,
        pdu_length=settings.maximum_pdu_length,
        read_only=settings.read_only,
        spool_threshold=settings.spool_threshold_mb << 20,
        tls=_tls(settings) if settings.dicom_tls_enabled else None,
        calls=calls_of(settings, rules, encoding),
        worklists=settings.worklists.enable,
        turns=settings.dicom_threads_count,
        defers_moves=settings.dicom_scu_retries if defers else None,
        access=AccessRules(
            aet=settings.dicom_aet.strip(),
            check_called=settings.dicom_check_called_aet,
            strict_titles=settings.strict_aet_comparison,
            check_host=settings.dicom_check_modality_host,
            always=frozenset(name for name, allowed in always.items() if allowed),
            modalities=book,
        ),
        storage=rules,
        limits=FindLimits(
            results=settings.limit_find_results, instances=settings.limit_find_instances
        ),
    )


def worklists_of(settings: Settings) -> WorklistOptions:
    """Where worklists are, and what becomes of them."""
    section = settings.worklists
    folder = section.directory or section.database
    return WorklistOptions(
        enabled=section.enable,
        folder=Path(folder) if folder else None,
        in_index=section.save_in_orthanc_database,
        filters_station=section.filter_issuer_aet,
        most_answers=section.limit_answers,
        sets_study=section.set_study_instance_uid_if_missing,
        ends_with_study=section.delete_worklists_on_stable_study,
        lifetime=section.delete_worklists_delay * 3600,
        interval=section.housekeeping_interval,
        read_only=settings.read_only,
    )


def _tls(settings: Settings) -> TlsOptions:
    trusted = settings.dicom_tls_trusted_certificates
    return TlsOptions(
        certificate=Path(settings.dicom_tls_certificate),
        private_key=Path(settings.dicom_tls_private_key),
        trusted=Path(trusted) if trusted else None,
        remote_required=settings.dicom_tls_remote_certificate_required,
        oldest=settings.dicom_tls_minimum_protocol_version,
        ciphers=tuple(settings.dicom_tls_ciphers_accepted),
    )
