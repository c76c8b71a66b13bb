"""The parts of an archive, made as the settings have it: for the server, and for commands."""

from pathlib import Path
from typing import Any

from repertory.actors.clock import Clock
from repertory.actors.finding_rules import FindingRules
from repertory.actors.lua.actor import LuaOptions
from repertory.actors.lua.machine import Limits
from repertory.actors.targets.base import Rules
from repertory.actors.targets.webhook import WebhookTarget
from repertory.conf.databases import database_of
from repertory.conf.encryption import StorageEncryptionSettings
from repertory.conf.fields import shown
from repertory.conf.settings import Settings
from repertory.dictionaries import read_dictionary
from repertory.errors import BadParameter, CannotStart
from repertory.housekeeping import Configuration
from repertory.model import ChangeType, Compression, Level
from repertory.nodes import CALLBACKS, DELIVERY, HOUSEKEEPING, TIERING
from repertory.servers import server_engine
from repertory.storage.areas import FilesystemArea, ObjectArea
from repertory.storage.areas.base import StorageArea
from repertory.storage.areas.encrypted import EncryptedArea
from repertory.storage.areas.staging import Living
from repertory.storage.dicom.dictionary import (
    know_private_elements,
    teach_elements,
    teach_files,
    unusual_names,
)
from repertory.storage.dicom.lookup import resolve_tag
from repertory.storage.encoding import TextEncoding
from repertory.storage.files import FileOptions
from repertory.storage.index.base import IndexEngine
from repertory.storage.index.policy import Overwriting, StableAges, StorePolicy
from repertory.storage.index.sqlite.engine import SqliteEngine
from repertory.storage.main_tags import MainDicomTags
from repertory.storage.pixels.rules import IngestRules
from repertory.storage.pixels.syntaxes import SYNTAXES
from repertory.stores import bucket_of, encryption_of, keys_of, names_of
from repertory.version import ORTHANC_VERSION
from repertory.vocabulary import read_elements


def files_folder(settings: Settings) -> Path:
    """The folder of the files."""
    return Path(settings.storage_directory)


def index_folder(settings: Settings) -> Path:
    """The folder of the index."""
    return Path(settings.index_directory or settings.storage_directory)


def local_area_of(
    settings: Settings, *, branch: str = "", living: Living | None = None
) -> StorageArea:
    """The folder of files, encrypted where that is configured.

    ``branch`` names a front-end, or a node, which knows who of the others are ``living``.

    Raises:
        CannotStart: the keys cannot be used.
    """
    area = FilesystemArea(
        files_folder(settings),
        synchronize=settings.sync_storage_area,
        branch=branch,
        living=living,
    )
    return with_encryption(area, settings.storage_encryption)


def with_encryption(area: StorageArea, section: StorageEncryptionSettings | None) -> StorageArea:
    """An area that encrypts as a section wants it; without one, the area itself.

    Raises:
        CannotStart: the keys cannot be used.
    """
    keys = keys_of(section)
    return area if keys is None else EncryptedArea(area, keys)


def area_of(settings: Settings) -> StorageArea:
    """The place of all files: the object store if there is one, else the folder.

    Raises:
        CannotStart: it cannot be one.
    """
    return object_area_of(settings) or local_area_of(settings)


def object_area_of(
    settings: Settings,
    *,
    untouched: bool = False,
    raw: bool = False,
    branch: str = "",
    living: Living | None = None,
) -> StorageArea | None:
    """The object store, if one is configured; ``untouched`` by its start, as if read-only.

    A ``raw`` one gives what is encrypted in it as it is. ``branch`` names a node, which knows who
    of the others are ``living``.

    Raises:
        CannotStart: it cannot be one.
    """
    named = bucket_of(settings)
    if named is None:
        return None
    bucket, section = named
    encryption = getattr(section, "storage_encryption", None)
    names = names_of(section, keys_of(encryption))
    untouched = untouched or settings.read_only
    area = ObjectArea(
        bucket,
        staging=files_folder(settings),
        names=names,
        untouched=untouched,
        branch=branch,
        living=living,
    )
    return area if raw else with_encryption(area, encryption)


def main_tags_of(settings: Settings) -> MainDicomTags:
    """The tags that the index keeps; whoever reads files knows those of Dictionary from now on.

    Raises:
        CannotStart: the option ExtraMainDicomTags names a tag that nobody knows, or Dictionary or
            ExternalDictionaries has an entry that is none.
    """
    _teach(settings)
    encoding = TextEncoding(settings.default_encoding)
    return MainDicomTags.defaults(_extra_tags(settings), encoding)


def _teach(settings: Settings) -> None:
    know_private_elements(known=settings.load_private_dictionary)
    option = "ExternalDictionaries"
    try:
        for path in settings.external_dictionaries:
            teach_files(read_dictionary(path))
        option = "Dictionary"
        creator = settings.default_private_creator
        teach_elements(read_elements(settings.dictionary, default_creator=creator))
    except ValueError as error:
        raise CannotStart(f"{option} {error}.") from error


def engine_of(settings: Settings, main_tags: MainDicomTags) -> IndexEngine:
    """The database of the index: a server, if one is configured, or a file.

    Raises:
        CannotStart: what is needed to speak to the server is not installed.
    """
    database = database_of(settings)
    if database is not None:
        return server_engine(*database, **_engine_options(settings, main_tags))
    return file_engine_of(settings, main_tags)


def file_engine_of(
    settings: Settings,
    main_tags: MainDicomTags,
    *,
    folder: Path | None = None,
    synchronous: str | None = None,
) -> SqliteEngine:
    """The index in a file, in another folder or synchronized otherwise if one is given."""
    return SqliteEngine(
        folder or index_folder(settings),
        synchronous=synchronous or settings.index_synchronous,
        is_shared=settings.front_end_processes > 0,
        **_engine_options(settings, main_tags),
    )


def finding_rules_of(settings: Settings, main_tags: MainDicomTags) -> FindingRules:
    """What searches may do."""
    return FindingRules(
        main_tags=main_tags,
        case_sensitive_pn=settings.case_sensitive_pn,
        storage_access=settings.storage_access_on_find,
        warnings=settings.warnings,
    )


def _engine_options(settings: Settings, main_tags: MainDicomTags) -> dict[str, Any]:
    return {
        "identifier": settings.database_server_identifier or "",
        "signatures": {level: main_tags.signature(level) for level in Level},
        "tag_names": unusual_names(main_tags.levels),
    }


def store_policy_of(settings: Settings) -> StorePolicy:
    """What the index does with an instance that is there already, or for which there is no room."""
    return StorePolicy(
        overwriting=Overwriting(settings.overwrite_mode),
        maximum_size=settings.maximum_storage_size << 20,
        maximum_patients=settings.maximum_patient_count,
        recycles=settings.maximum_storage_mode == "Recycle",
        stable_ages=stable_ages_of(settings),
    )


def stable_ages_of(settings: Settings) -> StableAges:
    """How long resources have to be quiet until they are stable."""
    rules = settings.stable_ages
    return StableAges(
        # A program that embeds the archive may say 0, as a configuration of Orthanc's may.
        default=settings.stable_age if settings.stable_age >= 1 else 60,
        by_modality={word.strip().upper(): age for word, age in rules.modality.items()},
        by_called_aet={title.strip(): age for title, age in rules.called_aet.items()},
        by_remote_aet={title.strip(): age for title, age in rules.remote_aet.items()},
    )


def file_options_of(settings: Settings) -> FileOptions:
    """How files are kept."""
    by_word = {"Zstandard": Compression.ZSTANDARD, "ZlibWithSize": Compression.ZLIB_WITH_SIZE}
    packed = by_word[settings.storage_compression_format]
    return FileOptions(
        compression=packed if settings.storage_compression else Compression.NONE,
        packed=packed,
        level=settings.storage_compression_level,
        keep_md5=settings.store_md5_for_attachments,
        verify=settings.verify_reads,
        cache_size=settings.maximum_storage_cache_size << 20,
    )


def ingest_rules_of(settings: Settings) -> IngestRules:
    """Which files are transcoded when they come in.

    Raises:
        CannotStart: nothing that is installed encodes the transfer syntax.
    """
    wanted = settings.ingest_transcoding
    if wanted and (wanted not in SYNTAXES or not SYNTAXES[wanted].can_be_encoded):
        raise CannotStart(
            f"IngestTranscoding: nothing that is installed encodes {wanted}:"
            " install repertory[codecs], or see docs/howto/transcoding.md."
        )
    return IngestRules(
        syntax=wanted,
        of_compressed=settings.ingest_transcoding_of_compressed,
        of_uncompressed=settings.ingest_transcoding_of_uncompressed,
    )


def lua_options_of(settings: Settings) -> LuaOptions:
    """Which scripts run, and within which limits; passwords and keys are not shown to them."""
    return LuaOptions(
        scripts=tuple(map(Path, settings.lua_scripts)),
        heart_beat=settings.lua_heart_beat_period,
        limits=Limits(seconds=settings.lua_time_limit, memory=settings.lua_memory_limit << 20),
        configuration=shown(settings),
    )


def housekeeping_of(settings: Settings, main_tags: MainDicomTags) -> Configuration:
    """What the housekeeper brings the archive in line with."""
    return Configuration(
        orthanc_version=ORTHANC_VERSION,
        storage_compression=settings.storage_compression,
        encryption=encryption_of(settings),
        ingest_transcoding=settings.ingest_transcoding,
        signatures={level: main_tags.signature(level) for level in Level},
    )


def webhooks_of(settings: Settings, clock: Clock) -> tuple[WebhookTarget, ...]:
    """Who is told of events by HTTP.

    Raises:
        CannotStart: an address or a file of authorities cannot be used.
    """
    words = {change.word: change for change in ChangeType}
    return tuple(
        WebhookTarget(
            name,
            webhook.url,
            clock=clock,
            rules=Rules(
                types=frozenset(words[word] for word in webhook.events),
                main_tags=webhook.main_dicom_tags,
                attempts=webhook.attempts,
                first_delay=webhook.retry_delay,
                last_delay=max(webhook.maximum_retry_delay, webhook.retry_delay),
            ),
            secret=webhook.secret,
            headers=webhook.headers,
            timeout=webhook.timeout,
            ca_certificates=webhook.ca_certificates,
        )
        for name, webhook in settings.webhooks.items()
    )


def duties_of(settings: Settings) -> frozenset[str]:
    """What this node does for all nodes of its archive, if no other one does it."""
    wanted = {CALLBACKS, DELIVERY}
    if settings.housekeeper.enable:
        wanted.add(HOUSEKEEPING)
    if settings.tiering.enable:
        wanted.add(TIERING)
    return frozenset(wanted)


def _extra_tags(settings: Settings) -> dict[Level, list[str]]:
    """The option ExtraMainDicomTags, with the tags as numbers."""
    levels = {level.word: level for level in Level}
    try:
        return {
            levels[word]: [resolve_tag(name) for name in names]
            for word, names in settings.extra_main_dicom_tags.items()
        }
    except BadParameter as error:
        raise CannotStart(f"ExtraMainDicomTags: {error}") from error
