"""How values are kept in columns: identifiers as bytes, tags and metadata as JSON, dates."""

import time
from collections.abc import Mapping
from functools import lru_cache
from typing import cast

import orjson

from repertory.errors import BadParameter
from repertory.model import Attachment, Compression, ResourceId, Sequences, Tags

LARGEST = 2**63 - 1
"""The largest number that a column holds."""


def pack_id(id_: ResourceId) -> bytes | None:
    """The 20 bytes of an Orthanc identifier; ``None`` for what is none."""
    try:
        digest = bytes.fromhex(id_.replace("-", ""))
    except ValueError:
        return None
    # Only the one way of writing it names the resource: lower case, five groups.
    if len(digest) != 20 or digest.hex("-", 4) != id_:
        return None
    return digest


def unpack_id(digest: bytes) -> ResourceId:
    """The Orthanc identifier of 20 bytes."""
    return ResourceId(digest.hex("-", 4))


def pack_uuid(uuid: str) -> bytes:
    """The 16 bytes of a UUID in lower case with dashes; ``BadParameter`` for anything else."""
    try:
        packed = bytes.fromhex(uuid.replace("-", ""))
    except ValueError:
        packed = b""
    if len(packed) != 16 or unpack_uuid(packed) != uuid:
        raise BadParameter("The name of a file is not a UUID.")
    return packed


def pack_uuid_or_none(uuid: str) -> bytes | None:
    """The 16 bytes of a UUID; ``None`` for anything else."""
    try:
        return pack_uuid(uuid)
    except BadParameter:
        return None


def unpack_uuid(packed: bytes) -> str:
    """The UUID of 16 bytes."""
    digits = packed.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def pack_md5(md5: str) -> bytes | None:
    """The 16 bytes of an MD5 sum; ``None`` where none is kept."""
    if not md5:
        return None
    try:
        packed = bytes.fromhex(md5)
    except ValueError:
        packed = b""
    if len(packed) != 16:
        raise BadParameter("An MD5 sum has 32 hexadecimal digits.")
    return packed


AttachmentRow = tuple[int, bytes, int, bytes | None, int, bytes | None, int, int, int]

ATTACHMENT_COLUMNS = (
    "content_type, uuid, uncompressed_size, uncompressed_md5,"
    " compressed_size, compressed_md5, compression, location, revision"
)


def pack_attachment(attachment: Attachment) -> AttachmentRow:
    """The values of ``ATTACHMENT_COLUMNS``; ``BadParameter`` where they cannot be kept."""
    compressed = attachment.compressed_md5
    md5 = pack_md5(attachment.uncompressed_md5)
    return (
        int(attachment.content_type),
        pack_uuid(attachment.uuid),
        attachment.uncompressed_size,
        md5,
        attachment.compressed_size,
        md5 if compressed == attachment.uncompressed_md5 else pack_md5(compressed),
        int(attachment.compression),
        attachment.location,
        attachment.revision,
    )


def unpack_attachment(row: AttachmentRow, damage: str = "") -> Attachment:
    """The attachment of a row of ``ATTACHMENT_COLUMNS``."""
    content_type, uuid, size, md5, compressed_size, compressed_md5, *others = row
    compression, location, revision = others
    return Attachment(
        uuid=unpack_uuid(uuid),
        content_type=content_type,
        uncompressed_size=size,
        uncompressed_md5=md5.hex() if md5 else "",
        compressed_size=compressed_size,
        compressed_md5=compressed_md5.hex() if compressed_md5 else "",
        compression=Compression(compression),
        location=location,
        revision=revision,
        damage=damage,
    )


OF_PATIENT = "patient"
"""Under this name, a study's main tags hold those of the patient as its own first file has them."""


def pack_tags(tags: Tags, of_patient: Tags | None = None) -> str:
    """Tags as JSON, of a study with its patient's; ``BadParameter`` where a value is not text."""
    try:
        return orjson.dumps(
            tags if of_patient is None else {**tags, OF_PATIENT: of_patient}
        ).decode()
    except TypeError as error:
        raise BadParameter("The value of a tag is not text.") from error


def unpack_tags(packed: str) -> Tags:
    """Tags from JSON; of a study, without its patient's."""
    return unpack_both_tags(packed)[0]


def unpack_both_tags(packed: str) -> tuple[Tags, Tags | None]:
    """Tags from JSON; apart from them, those of the patient if a study keeps its own."""
    tags = orjson.loads(packed)
    of_patient = tags.pop(OF_PATIENT, None)
    return cast("Tags", tags), cast("Tags | None", of_patient)


def pack_metadata(values: Mapping[str, tuple[str, int]]) -> str:
    """Metadata, number to value and revision, as JSON; ``BadParameter`` for what is not text."""
    try:
        return orjson.dumps(values).decode()
    except TypeError as error:
        raise BadParameter("The value of a metadata is not text.") from error


def unpack_entries(packed: str) -> dict[str, tuple[str, int]]:
    """Metadata from JSON as it went in: number to value and revision."""
    return {number: (entry[0], entry[1]) for number, entry in orjson.loads(packed).items()}


def unpack_metadata(packed: str) -> dict[int, str]:
    """Metadata from JSON, without the revisions."""
    return {int(number): entry[0] for number, entry in orjson.loads(packed).items()}


def pack_sequences(sequences: Sequences) -> str:
    """The metadata MainDicomSequences, in Orthanc's form."""
    return orjson.dumps({"Sequences": sequences, "Version": 1}).decode()


def unpack_sequences(packed: str) -> Sequences:
    """The sequences in a metadata MainDicomSequences; none in what is not written in its form."""
    if not packed:
        return {}
    try:
        value = orjson.loads(packed)
    except orjson.JSONDecodeError:
        return {}
    if not isinstance(value, dict) or value.get("Version") != 1:
        return {}
    sequences = value.get("Sequences")
    if not isinstance(sequences, dict):
        return {}
    return {tag: it for tag, it in sequences.items() if _is_sequence(it)}


def _is_sequence(element: object) -> bool:
    if not isinstance(element, dict) or not {"Name", "Type", "Value"} <= element.keys():
        return False
    return element["Type"] != "Sequence" or isinstance(element["Value"], list)


@lru_cache(maxsize=1024)
def _stamp(seconds: int) -> str:
    return time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))


def stamp(seconds: float) -> str:
    """The UTC date of a time since the epoch, as Orthanc writes it: ``20261120T232413``."""
    return _stamp(int(seconds))
