"""Searching, as far as the index goes, and on into the files where it does not suffice."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog

from repertory.actors.messages.attachments import AttachmentDescription
from repertory.actors.messages.finding import (
    CountResources,
    DescribeFound,
    DescribeMany,
    FileConstraint,
    FileToSift,
    FindResources,
    FoundResource,
    Sifted,
    SiftFiles,
)
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.errors import BadRequest
from repertory.model import Level, Metadata, ResourceDescription, ResourceId, TagForm
from repertory.storage.dicom import tag_name
from repertory.storage.index.base import IndexReader
from repertory.storage.main_tags import MAIN_DICOM_TAGS, MainDicomTags
from repertory.storage.resolving import Resolver
from repertory.storage.searching import Candidate, Search, Wanted

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class FindingRules:
    """How an archive searches.

    ``main_tags`` are what the index keeps. ``storage_access`` is ``Always`` where files may be
    read, ``Answers`` where only for what is shown of a resource, or ``Never``.
    """

    main_tags: MainDicomTags = MAIN_DICOM_TAGS
    case_sensitive_pn: bool = False
    storage_access: str = "Always"


class Finder:
    """Answers searches by an index, and lets the storage look into files.

    It hands those searches up to an actor of a higher rank, but never waits for it: the reply is
    made of what comes.
    """

    def __init__(self, board: Switchboard, reader: IndexReader, rules: FindingRules) -> None:
        self._board = board
        self._reader = reader
        self._rules = rules
        self._signatures = {level: rules.main_tags.signature(level) for level in Level}
        self._resolver = Resolver(rules.main_tags, case_sensitive_pn=rules.case_sensitive_pn)

    def find(self, query: FindResources) -> Reply[tuple[ResourceId, ...]]:
        """The identifiers of what meets the criteria."""
        search = self._resolver.search(query.criteria)
        if not search.in_files:
            return _done(self._reader.find_resources(search))
        sifted = self._sift(search, self._candidates(search, Wanted()), Wanted(), search.limit)
        return sifted.then(lambda found: tuple(it.id for it in found))

    def count(self, query: CountResources) -> Reply[int]:
        """How many meet them."""
        search = replace(self._resolver.search(query.criteria), since=0, limit=0)
        if not search.in_files:
            return _done(self._reader.count_found(search))
        return self._sift(search, self._candidates(search, Wanted()), Wanted(), 0).then(len)

    def describe(self, query: DescribeFound) -> Reply[tuple[FoundResource, ...]]:
        """What meets them, described, with the tags that were requested."""
        search = self._resolver.search(query.criteria)
        wanted = self._resolver.wanted(query.criteria.level, query.requested, query.form)
        never = self._rules.storage_access == "Never"
        if never:
            wanted = replace(wanted, in_files=())
        if not search.in_files and not wanted.in_files:
            found = tuple(
                FoundResource(description=description, requested=tags)
                for description, tags in self._reader.describe_found(search, wanted)
            )
            missing = set() if never else self._missing(found, wanted)
            if not missing:
                return _done(found)
            kept = tuple(it for it in wanted.kept if it[0] not in missing)
            wanted = replace(wanted, kept=kept, in_files=tuple(sorted(missing)))
        candidates = self._candidates(search, wanted)
        known = {it.id: it.known for it in candidates}
        sifted = self._sift(search, candidates, wanted, search.limit)
        return sifted.then(lambda found: self._describe_sifted(search, found, known))

    def _missing(self, found: tuple[FoundResource, ...], wanted: Wanted) -> set[str]:
        """Wanted tags that resources lack which came in when the index kept other ones."""
        kept = [tag for tag, _ in wanted.kept]
        names = {tag: tag_name(tag) if wanted.form is TagForm.SIMPLIFIED else tag for tag in kept}
        missing: set[str] = set()
        for it in found:
            description = it.description
            signature = description.metadata.get(Metadata.MAIN_DICOM_TAGS_SIGNATURE)
            if signature is None or signature == self._signatures[description.level]:
                continue
            missing |= {tag for tag in kept if names[tag] not in it.requested}
        return missing

    def _describe_sifted(
        self,
        search: Search,
        sifted: tuple[Sifted, ...],
        known: dict[ResourceId, dict[str, Any]],
    ) -> Reply[tuple[FoundResource, ...]]:
        requested = {it.id: {**known[it.id], **it.tags} for it in sifted}
        question = DescribeMany(ids=tuple(requested), at=search.level)
        return self._board.ask_soon(question).then(lambda found: _found(found, requested))

    def _candidates(self, search: Search, wanted: Wanted) -> tuple[Candidate, ...]:
        names = sorted({it.name for it in search.in_files})
        if names and self._rules.storage_access != "Always":
            raise BadRequest(
                f"{' and '.join(names)} cannot be searched: the index does not keep it for a"
                f" {search.level.word}, and StorageAccessOnFind forbids to read the files."
            )
        return self._reader.find_candidates(search, wanted)

    def _sift(
        self, search: Search, candidates: tuple[Candidate, ...], wanted: Wanted, limit: int
    ) -> Reply[tuple[Sifted, ...]]:
        if not candidates:
            return _done(())
        log.warning(
            "files_searched",
            level=search.level.word,
            files=len(candidates),
            searched=sorted(it.name for it in search.in_files),
            shown=[tag_name(tag) for tag in wanted.in_files],
        )
        question = SiftFiles(
            files=tuple(
                FileToSift(id=it.id, file=_file(it), instance=it.instance) for it in candidates
            ),
            constraints=tuple(
                FileConstraint(
                    tag=it.tag,
                    value=it.value,
                    case_sensitive=it.case_sensitive,
                    is_ranged=it.is_ranged,
                )
                for it in search.in_files
            ),
            wanted=wanted.in_files,
            form=wanted.form,
            limit=limit,
        )
        return self._board.ask_soon(question)


def _file(candidate: Candidate) -> AttachmentDescription | None:
    if candidate.attachment is None:
        return None
    return AttachmentDescription(attachment=candidate.attachment, metadata=candidate.metadata)


def _found(
    descriptions: tuple[ResourceDescription, ...],
    requested: Mapping[ResourceId, Mapping[str, Any]],
) -> tuple[FoundResource, ...]:
    return tuple(FoundResource(description=it, requested=requested[it.id]) for it in descriptions)


R = TypeVar("R")


def _done(value: R) -> Reply[R]:
    reply: Reply[R] = Reply()
    reply.set(value)
    return reply
