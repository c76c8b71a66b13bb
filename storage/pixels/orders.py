"""Orders of pictures on their way to a worker and there: as JSON."""

from typing import Any

from repertory.pictures import Depiction, Encoding, PictureOrder


def picture_task(order: PictureOrder) -> dict[str, Any]:
    """What a worker is told."""
    return {
        "depiction": order.depiction.value,
        "frame": order.frame,
        "encoding": order.encoding.value,
        "quality": order.quality,
        "window": list(order.window),
        "width": order.width,
        "height": order.height,
        "smooth": order.smooth,
        "rescale": order.rescale,
        "compress": order.compress,
    }


def read_task(header: dict[str, Any]) -> PictureOrder:
    """What a worker was told."""
    center, width = header["window"]
    more = {name: header[name] for name in _SAME}
    return PictureOrder(
        depiction=Depiction(header["depiction"]),
        encoding=Encoding(header["encoding"]),
        window=(center, width),
        **more,
    )


_SAME = ("frame", "quality", "width", "height", "smooth", "rescale", "compress")
