"""How to get at a bucket of an object store."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from repertory.storage.areas.calls import StoreCalls, obstore_calls

if TYPE_CHECKING:
    from obstore.store import ObjectStore


@dataclass(frozen=True, slots=True)
class Bucket:
    """How to get at a store.

    ``place`` names it in sentences, without anything secret; ``options`` are those to look at when
    it cannot be used. ``make`` connects, patiently or, for the first try, not; ``prepare`` makes
    the bucket where that is wanted, and tells whether it did. ``part_size`` is in bytes.
    """

    place: str
    options: str
    make: "Callable[[bool], ObjectStore]"
    prepare: Callable[[], bool] = lambda: False
    attributes: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    part_size: int = 5 << 20
    parts_at_once: int = 10
    tells_sums: bool = False
    """Whether entity tags are MD5 sums, as a rule."""
    calls: Callable[[], StoreCalls] = obstore_calls
    """What works with what ``make`` makes."""
