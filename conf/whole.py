"""What is wrong, or odd, in settings as a whole: where two options depend on each other."""

from collections.abc import Iterator
from pathlib import Path

from repertory.conf import databases, nodes, stores, tiering
from repertory.conf.settings import Settings
from repertory.conf.storages import OBJECT_STORAGE, storage_names, write_storage
from repertory.conf.webhooks import NAME, WebhookSettings
from repertory.dictionaries import read_dictionary
from repertory.vocabulary import read_elements


def faults_of(settings: Settings) -> Iterator[tuple[str, str]]:
    """Why the archive must not start: an option, and the rest of the sentence."""
    if (
        settings.remote_access_allowed
        and settings.authentication_required
        and not settings.registered_users
    ):
        # Orthanc 1.13 does not start either.
        yield (
            "RegisteredUsers",
            'must name a user, or "AuthenticationEnabled" be false: remote access is allowed',
        )
    if not settings.patient_level_enabled:
        for option, limit in (
            ("MaximumStorageSize", settings.maximum_storage_size),
            ("MaximumPatientCount", settings.maximum_patient_count),
        ):
            if limit:
                yield option, "must be 0 while PatientLevelEnabled is false"
    if settings.overwrite_mode == "IfChanged" and not settings.store_md5_for_attachments:
        yield "OverwriteInstances", "must not be IfChanged while StoreMD5ForAttachments is false"
    for script in settings.lua_scripts:
        yield from _missing("LuaScripts", script)
    yield from _faults_of_events(settings)
    yield from _faults_of_storages(settings)
    if settings.http_server_enabled and settings.ssl_enabled:
        yield from _missing("SslCertificate", settings.ssl_certificate)
        if settings.ssl_verify_peers:
            yield from _missing(
                "SslTrustedClientCertificates", settings.ssl_trusted_client_certificates
            )
    yield from stores.faults_of(settings)
    yield from databases.faults_of(settings)
    yield from nodes.faults_of(settings)
    yield from _faults_of_dicom(settings)
    if settings.https_ca_certificates:
        yield from _missing("HttpsCACertificates", settings.https_ca_certificates)


def _faults_of_dicom(settings: Settings) -> Iterator[tuple[str, str]]:
    try:
        read_elements(settings.dictionary, default_creator=settings.default_private_creator)
    except ValueError as error:
        yield "Dictionary", str(error)
    for path in settings.external_dictionaries:
        try:
            read_dictionary(path)
        except ValueError as error:
            yield "ExternalDictionaries", str(error)
    speaks_tls = settings.dicom_tls_enabled or bool(settings.dicom_tls_certificate)
    version = settings.dicom_tls_minimum_protocol_version
    if speaks_tls and version and not settings.dicom_tls_ciphers_accepted:
        yield (
            "DicomTlsCiphersAccepted",
            f"must name ciphers while DicomTlsMinimumProtocolVersion is {version}",
        )
    if not settings.dicom_tls_enabled:
        return
    for option, path in (
        ("DicomTlsCertificate", settings.dicom_tls_certificate),
        ("DicomTlsPrivateKey", settings.dicom_tls_private_key),
    ):
        if path:
            yield from _missing(option, path)
        else:
            yield option, "must name a file while DicomTlsEnabled is true"
    trusted = settings.dicom_tls_trusted_certificates
    if trusted:
        yield from _missing("DicomTlsTrustedCertificates", trusted)
    elif settings.dicom_tls_remote_certificate_required:
        yield (
            "DicomTlsTrustedCertificates",
            "must name a file while DicomTlsRemoteCertificateRequired is true",
        )


def _faults_of_storages(settings: Settings) -> Iterator[tuple[str, str]]:
    disks = settings.advanced_storage.disks
    if write_storage(settings) not in storage_names(settings):
        yield (
            "AdvancedStorage.MultipleStorages.CurrentWriteStorage",
            f"must be one of {', '.join(disks) or 'the Storages'}, not {write_storage(settings)}",
        )
    if any(Path(folder) == Path(settings.storage_directory) for folder in disks.values()):
        yield (
            "AdvancedStorage.MultipleStorages.Storages",
            "must not name the StorageDirectory, which is a storage of its own",
        )
    storages = storage_names(settings)
    local = tuple(name for name in storages if name != OBJECT_STORAGE)
    yield from tiering.faults_of(settings.tiering, storages, local)


def doubts_about(settings: Settings) -> Iterator[tuple[str, str]]:
    """What is probably not meant: an option, and the rest of the sentence."""
    yield from _doubts_about_access(settings)
    yield from _doubts_about_files(settings)
    yield from _doubts_about_events(settings)


def _doubts_about_access(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.remote_access_allowed and not settings.authentication_required:
        yield (
            "RemoteAccessAllowed",
            "is true while users need not authenticate: whoever comes in can delete everything.",
        )
    elif settings.remote_access_allowed and not settings.ssl_enabled:
        yield (
            "SslEnabled",
            "is false while remote access is allowed: without a proxy, passwords go in the clear.",
        )
    if (
        settings.authentication_required
        and not settings.remote_access_allowed
        and not settings.registered_users
    ):
        yield ("RegisteredUsers", "names no user: nobody can use the REST API.")
    if len(settings.http_bind_addresses) > 1:
        yield (
            "HttpBindAddresses",
            f"has several addresses: only {settings.http_bind_address} is listened on.",
        )
    if settings.execute_lua_enabled:
        yield (
            "ExecuteLuaEnabled",
            "is true: whoever may use the REST API can run programs on this computer.",
        )
    if settings.ssl_verify_peers and not settings.ssl_enabled:
        yield ("SslVerifyPeers", "has no effect while SslEnabled is false.")


def _doubts_about_files(settings: Settings) -> Iterator[tuple[str, str]]:
    advanced = settings.advanced_storage
    if advanced.multiple_storages.storages and not advanced.enable:
        yield ("AdvancedStorage.Enable", "is false: MultipleStorages has no effect.")
    if settings.tiering.rules and not settings.tiering.enable:
        yield "Tiering.Enable", "is false: the rules have no effect."
    if settings.tiering.enable and settings.read_only:
        yield "Tiering.Enable", "is true while ReadOnly is: nothing moves."
    if settings.storage_compression_level > 9 and (
        settings.storage_compression_format == "ZlibWithSize"
    ):
        yield "StorageCompressionLevel", "is more than 9, which is the most that zlib knows."
    if settings.read_only and settings.is_limited:
        yield "ReadOnly", "is true: nothing is recycled."
    if settings.housekeeper.enable:
        yield from _doubts_about_housekeeping(settings)
    titles = settings.stable_ages.called_aet or settings.stable_ages.remote_aet
    if titles and settings.dicom_server_enabled is False:
        yield (
            "StableAges",
            "names application entity titles: without the DICOM server, nothing comes with one.",
        )
    yield from stores.doubts_about(settings)
    deletion = settings.delayed_deletion
    if deletion.throttle_delay_ms and not deletion.enable:
        yield "DelayedDeletion.ThrottleDelayMs", "has no effect while Enable is false."


def _doubts_about_housekeeping(settings: Settings) -> Iterator[tuple[str, str]]:
    hours = settings.housekeeper.schedule
    if hours and not any(hours.values()):
        yield ("Housekeeper.Schedule", "has no hours: the housekeeper never works.")
    if settings.read_only:
        yield ("Housekeeper.Enable", "is true while ReadOnly is: there is no housekeeper.")


def _faults_of_events(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, webhook in settings.webhooks.items():
        yield from _faults_of_webhook(f"Webhooks.{name}", name, webhook)
    yield from _faults_of_brokers(settings)
    if settings.python_script:
        yield from _missing("PythonScript", settings.python_script)
    for script in settings.python_scripts:
        yield from _missing("PythonScripts", script)


def _doubts_about_events(settings: Settings) -> Iterator[tuple[str, str]]:
    if settings.read_only and settings.webhooks:
        yield "Webhooks", "has no effect while ReadOnly is true: nothing happens."
    for option, brokers in (("RabbitMQ", settings.rabbit_mq), ("Nats", settings.nats)):
        if settings.read_only and brokers:
            yield option, "has no effect while ReadOnly is true: nothing happens."
        for name, it in brokers.items():
            goes_in_the_clear = any(url.startswith(("amqp://", "nats://")) for url in it.urls)
            if goes_in_the_clear and (it.password or it.main_dicom_tags):
                yield (
                    f"{option}.{name}.Urls",
                    "is without TLS: passwords and main DICOM tags go in the clear.",
                )
    if settings.read_only and settings.scripts:
        yield "PythonScripts", "has no effect while ReadOnly is true: nothing happens."
    for name, webhook in settings.webhooks.items():
        if webhook.url.startswith("http://") and (webhook.headers or webhook.main_dicom_tags):
            yield (
                f"Webhooks.{name}.Url",
                "is not https: headers and main DICOM tags go in the clear.",
            )


def _faults_of_webhook(
    option: str, name: str, webhook: WebhookSettings
) -> Iterator[tuple[str, str]]:
    yield from _faults_of_name(option, name)
    if not webhook.url:
        yield f"{option}.Url", "must not be empty"
    if webhook.ca_certificates:
        yield from _missing(f"{option}.CACertificates", webhook.ca_certificates)


def _faults_of_name(option: str, name: str) -> Iterator[tuple[str, str]]:
    if NAME.fullmatch(name) is None:
        yield option, "must have a name of at most 64 letters, digits, dots, dashes and underscores"


def _faults_of_brokers(settings: Settings) -> Iterator[tuple[str, str]]:
    for section, brokers in (("RabbitMQ", settings.rabbit_mq), ("Nats", settings.nats)):
        for name, it in brokers.items():
            option = f"{section}.{name}"
            yield from _faults_of_name(option, name)
            if not it.urls:
                yield f"{option}.Urls", "must not be empty"
            for member, path in (
                ("CACertificates", it.ca_certificates),
                ("Certificate", it.certificate),
                ("PrivateKey", it.private_key),
            ):
                if path:
                    yield from _missing(f"{option}.{member}", path)
    for name, nats in settings.nats.items():
        if nats.credentials_file:
            yield from _missing(f"Nats.{name}.CredentialsFile", nats.credentials_file)
    events = (*settings.webhooks, *settings.rabbit_mq, *settings.nats)
    for name in sorted({name for name in events if events.count(name) > 1}):
        yield "RabbitMQ, Nats, Webhooks", f"must not have two of the name {name}"


def _missing(option: str, path: str) -> Iterator[tuple[str, str]]:
    if not Path(path).is_file():
        yield (option, f"must name a file that exists, not {path}")
