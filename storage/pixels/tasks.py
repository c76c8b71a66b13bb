"""What a worker does: it gives a file another transfer syntax, or makes a picture of it."""

from typing import Any

from pydicom.dataset import FileDataset

from repertory.pictures import Depiction
from repertory.storage.pixels.frames import Undecodable
from repertory.storage.pixels.orders import read_task
from repertory.storage.pixels.raw import MEDIA_TYPES, NoSuchFrame, put_together, raw_frame
from repertory.storage.pixels.syntaxes import BIG_ENDIAN, can_draw
from repertory.storage.pixels.transcoding import CannotTranscode, read_file, swap, transcode

Said = tuple[dict[str, Any], bytes]


def perform(header: dict[str, Any], content: bytes) -> Said:
    """Do what ``header`` says with a file, and say what came of it."""
    return _draw(header, content) if "depiction" in header else _transcode(header, content)


def _transcode(header: dict[str, Any], content: bytes) -> Said:
    try:
        result = transcode(
            content,
            tuple(header["targets"]),
            allow_lossy=header["allow_lossy"],
            quality=header["quality"],
        )
    except CannotTranscode as error:
        return {"refusal": str(error)}, b""
    return {"syntax": result.syntax, "instance": result.instance}, result.content


def _draw(header: dict[str, Any], content: bytes) -> Said:
    order = read_task(header)
    is_raw = order.depiction is Depiction.RAW
    if not is_raw and not can_draw():
        return {"refusal": "Pictures need repertory[codecs], which is not installed here."}, b""
    try:
        head = header.get("head", 0)
        dataset = read_file(content[:head] if head else content)
        if head:
            dataset, order = put_together(dataset, content[head:], order)
        if is_raw:
            return _raw(dataset, order.frame or 0)
        from repertory.storage.pixels.depicting import depict  # noqa: PLC0415 - not everywhere

        drawn = depict(dataset, order)
    except NoSuchFrame:
        return {"missing" if is_raw else "refusal": "The instance has no such frame."}, b""
    except (CannotTranscode, Undecodable) as error:
        return {"refusal": str(error)}, b""
    answer = {
        "media_type": drawn.media_type,
        "shape": list(drawn.shape),
        "numbers": drawn.numbers,
    }
    return answer, drawn.content


def _raw(dataset: FileDataset, frame: int) -> Said:
    syntax = str(dataset.file_meta.TransferSyntaxUID)
    media_type = MEDIA_TYPES.get(syntax, "application/octet-stream")
    if syntax == BIG_ENDIAN:
        swap(dataset)  # as Orthanc gives it: who has the bytes alone expects them little endian
    answer: dict[str, Any] = {"media_type": media_type, "shape": [], "numbers": ""}
    return answer, raw_frame(dataset, frame)
