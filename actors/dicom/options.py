"""How the archive behaves towards others who speak DICOM."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from repertory.modalities import Modality
from repertory.storage.encoding import TextEncoding


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """Our certificate and key, and whom we trust; all in PEM files.

    ``oldest`` and ``ciphers`` are those of ``repertory.conf.tls.limit``.
    """

    certificate: Path
    private_key: Path
    trusted: Path | None = None
    remote_required: bool = True
    oldest: int = 0
    ciphers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AccessRules:
    """Who may connect, and what those may do who are not among the modalities."""

    aet: str = "ORTHANC"
    check_called: bool = False
    strict_titles: bool = False
    check_host: bool = False
    always: frozenset[str] = frozenset({"Echo", "Store"})
    modalities: Mapping[str, Modality] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class StorageRules:
    """Which instances are taken: wildcards for transfer syntaxes and SOP classes.

    ``rejected_syntaxes`` are not taken whatever the wildcards say.

    They may be changed while the archive runs, each as a whole, and hold for the associations
    that begin from then on.
    """

    transfer_syntaxes: tuple[str, ...] = ("1.2.840.10008.1.*",)
    rejected_syntaxes: frozenset[str] = frozenset()
    accepted_classes: tuple[str, ...] = ()
    rejected_classes: tuple[str, ...] = ()
    unknown_accepted: bool = False


@dataclass(frozen=True, slots=True)
class FindLimits:
    """How much one search finds at most, of instances and of what is above them; 0: no limit."""

    results: int = 0
    instances: int = 0


@dataclass(frozen=True, slots=True)
class ClientOptions:
    """How we call others. ``timeout`` 0 is for ever.

    ``transcodes`` says whether what they do not take is transcoded for them, to
    ``preferred_syntax`` first. ``storage`` says what we take of what they send by C-GET, but for
    its transfer syntaxes if not ``accepted_only``; files above ``spool_threshold`` bytes go to the
    disk while they come. An association by which instances were sent is kept for ``close_delay``
    seconds.
    """

    aet: str = "ORTHANC"
    timeout: float = 10.0
    pdu_length: int = 16384
    tls: TlsOptions | None = None
    transcodes: bool = True
    preferred_syntax: str = "1.2.840.10008.1.2.1"
    encoding: TextEncoding = field(default_factory=TextEncoding)
    storage: StorageRules = field(default_factory=StorageRules)
    accepted_only: bool = True
    spool_threshold: int = 16 << 20
    close_delay: float = 0.0


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """The DICOM server. ``timeout`` 0 is for ever, ``port`` 0 one that is free.

    Files above ``spool_threshold`` bytes go to the disk while they come. ``defers_moves`` is how
    often a job is tried again that a C-MOVE becomes; ``None``: it becomes none. ``turns`` is how
    many requests are answered at a time; ``None``: one of each association.
    """

    address: str = ""
    port: int = 4242
    timeout: float = 30.0
    associations: int = 50
    pdu_length: int = 16384
    read_only: bool = False
    spool_threshold: int = 16 << 20
    tls: TlsOptions | None = None
    access: AccessRules = AccessRules()
    storage: StorageRules = field(default_factory=StorageRules)
    limits: FindLimits = FindLimits()
    calls: ClientOptions = field(default_factory=ClientOptions)
    worklists: bool = False
    defers_moves: int | None = None
    turns: int | None = None
