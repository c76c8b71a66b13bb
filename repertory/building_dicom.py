"""How the archive speaks DICOM, as the settings have it."""

from pathlib import Path

from repertory.actors.dicom.book import ModalityBook
from repertory.actors.dicom.options import (
    AccessRules,
    ClientOptions,
    FindLimits,
    ServerOptions,
    StorageRules,
    TlsOptions,
)
from repertory.conf.settings import Settings
from repertory.modalities import read_modality


def modalities_of(settings: Settings) -> ModalityBook:
    """The modalities of the configuration."""
    return ModalityBook(
        {name: read_modality(entry) for name, entry in settings.dicom_modalities.items()}
    )


def calls_of(settings: Settings) -> ClientOptions:
    """How the archive calls others."""
    return ClientOptions(
        aet=settings.dicom_aet.strip(),
        timeout=settings.dicom_scu_timeout,
        pdu_length=settings.maximum_pdu_length,
        tls=_tls(settings) if settings.dicom_tls_certificate else None,
    )


def dicom_options_of(settings: Settings, book: ModalityBook) -> ServerOptions:
    """How the DICOM server behaves."""
    always = {
        "Echo": settings.dicom_always_allow_echo,
        "Find": settings.dicom_always_allow_find,
        "Get": settings.dicom_always_allow_get,
        "Move": settings.dicom_always_allow_move,
        "Store": settings.dicom_always_allow_store,
    }
    return ServerOptions(
        port=settings.dicom_port,
        timeout=settings.dicom_scp_timeout,
        associations=settings.dicom_maximum_associations,
        pdu_length=settings.maximum_pdu_length,
        read_only=settings.read_only,
        tls=_tls(settings) if settings.dicom_tls_enabled else None,
        calls=calls_of(settings),
        access=AccessRules(
            aet=settings.dicom_aet.strip(),
            check_called=settings.dicom_check_called_aet,
            strict_titles=settings.strict_aet_comparison,
            check_host=settings.dicom_check_modality_host,
            always=frozenset(name for name, allowed in always.items() if allowed),
            modalities=book,
        ),
        storage=StorageRules(
            transfer_syntaxes=tuple(settings.accepted_transfer_syntaxes),
            accepted_classes=tuple(settings.accepted_sop_classes),
            rejected_classes=tuple(settings.rejected_sop_classes),
            unknown_accepted=settings.unknown_sop_class_accepted,
        ),
        limits=FindLimits(
            results=settings.limit_find_results, instances=settings.limit_find_instances
        ),
    )


def _tls(settings: Settings) -> TlsOptions:
    trusted = settings.dicom_tls_trusted_certificates
    return TlsOptions(
        certificate=Path(settings.dicom_tls_certificate),
        private_key=Path(settings.dicom_tls_private_key),
        trusted=Path(trusted) if trusted else None,
        remote_required=settings.dicom_tls_remote_certificate_required,
    )
