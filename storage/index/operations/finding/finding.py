"""What a search answers: identifiers, descriptions with the tags wanted besides, candidates."""

from collections.abc import Mapping, Sequence

from repertory.model import Level, ResourceDescription, ResourceId
from repertory.storage.index.database import Database
from repertory.storage.index.operations.describing import NO_NAMES, describe
from repertory.storage.index.operations.finding.requesting import requested_tags
from repertory.storage.index.operations.finding.selecting import (
    first_instances,
    resolve,
    select,
)
from repertory.storage.index.packing import unpack_id
from repertory.storage.searching import Candidate, Requested, Search, Wanted


def find_ids(db: Database, search: Search) -> tuple[ResourceId, ...]:
    """The identifiers of what is found."""
    return tuple([unpack_id(row[1]) for row in select(db, search)])


def describe_found(
    db: Database, search: Search, wanted: Wanted, names: Mapping[str, str] = NO_NAMES
) -> tuple[tuple[ResourceDescription, Requested], ...]:
    """What is found, described, each with the wanted tags that the index knows, and should."""
    numbers = [row[0] for row in select(db, search)]
    descriptions = describe(db, search.level, numbers, names)
    tags = requested_tags(db, search.level, numbers, wanted)
    return tuple(
        (description, tags[number])
        for number, description in zip(numbers, descriptions, strict=True)
    )


def request_found(db: Database, search: Search, wanted: Wanted) -> tuple[Requested, ...]:
    """Of what is found, the wanted tags that the index knows, and should."""
    numbers = [row[0] for row in select(db, search)]
    tags = requested_tags(db, search.level, numbers, wanted)
    return tuple(tags[number] for number in numbers)


def find_candidates(db: Database, search: Search, wanted: Wanted) -> tuple[Candidate, ...]:
    """What is found as far as the index knows, each with the file to look at."""
    rows = select(db, search)
    numbers = [row[0] for row in rows]
    files = first_instances(db, search.level, numbers)
    tags = requested_tags(db, search.level, numbers, wanted)
    met: set[int] = set()
    if search.doubtful:
        if not search.in_files:
            met = {row[0] for row in select(db, search.by_index_alone())}
        undecided = [number for number in numbers if number not in met]
        lowest = max(it.level or search.level for it in search.doubtful)
        if lowest > search.level:
            files |= first_instances(db, search.level, undecided, lowest)
    return tuple(
        Candidate(
            id=unpack_id(digest),
            files=tuple(files.get(number, ())),
            is_met=number in met,
            known=tags[number].tags,
            missing=tags[number].missing,
        )
        for number, digest in rows
    )


def describe_many(
    db: Database, ids: Sequence[ResourceId], at: Level | None, names: Mapping[str, str] = NO_NAMES
) -> tuple[ResourceDescription, ...]:
    """Resources of whatever level, described; those that are not there are left out."""
    return tuple(
        description
        for level, numbers in resolve(db, ids, at)
        for description in describe(db, level, numbers, names)
    )
