"""Searching, as far as the index goes, and on into the files where it does not suffice."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from repertory.actors.doubting import Doubts
from repertory.actors.finding_rules import FindingRules
from repertory.actors.messages.attachments import AttachmentDescription
from repertory.actors.messages.finding import (
    CountResources,
    DescribeFound,
    DescribeMany,
    FileConstraint,
    FileToSift,
    FindResources,
    FoundResource,
    InstanceFile,
    ReadFoundTags,
    Sifted,
    SiftFiles,
)
from repertory.actors.reply import Reply
from repertory.actors.switchboard import Switchboard
from repertory.conf.orthanc_warnings import READ_FROM_STORAGE
from repertory.criteria import Criteria
from repertory.errors import BadRequest
from repertory.model import Attachment, ResourceDescription, ResourceId
from repertory.storage.dicom import tag_name
from repertory.storage.index.base import IndexReader
from repertory.storage.resolving import Resolver
from repertory.storage.searching import Candidate, Search, TagConstraint, Wanted

log = structlog.get_logger(__name__)


class Finder:
    """Answers searches by an index, and lets the storage look into files.

    It hands those searches up to an actor of a higher rank, but never waits for it: the reply is
    made of what comes.
    """

    def __init__(self, board: Switchboard, reader: IndexReader, rules: FindingRules) -> None:
        self._board = board
        self._reader = reader
        self._rules = rules
        self._doubts = Doubts(reader, rules)
        self._resolver = Resolver(rules.main_tags, case_sensitive_pn=rules.case_sensitive_pn)

    def find(self, query: FindResources) -> Reply[tuple[ResourceId, ...]]:
        """The identifiers of what meets the criteria."""
        search = self._search(query.criteria)
        if not search.needs_files:
            return _done(self._reader.find_resources(search))
        sifted = self._sift(search, self._candidates(search, Wanted()), Wanted())
        return sifted.then(lambda found: tuple(it.id for it in found))

    def count(self, query: CountResources) -> Reply[int]:
        """How many meet them."""
        search = replace(self._search(query.criteria), since=0, limit=0)
        if not search.needs_files:
            return _done(self._reader.count_found(search))
        return self._sift(search, self._candidates(search, Wanted()), Wanted()).then(len)

    def describe(self, query: DescribeFound) -> Reply[tuple[FoundResource, ...]]:
        """What meets them, described, with the tags that were requested."""
        search = self._search(query.criteria)
        level = query.criteria.level
        wanted = self._resolver.wanted(level, query.requested, query.form)
        wanted = self._doubts.of_wanted(level, wanted)
        if not search.needs_files and not wanted.in_files:
            found = self._reader.describe_found(search, wanted)
            if not self._rules.may_show_files or not any(it.missing for _, it in found):
                return _done(tuple(_found(description, it.tags) for description, it in found))
        candidates = self._candidates(search, wanted)
        known = {it.id: it.known for it in candidates}
        sifted = self._sift(search, candidates, wanted)
        return sifted.then(lambda found: self._describe_sifted(search, found, known))

    def tags(self, query: ReadFoundTags) -> Reply[tuple[Mapping[str, Any], ...]]:
        """Of what meets them, the tags that were requested."""
        search = self._search(query.criteria)
        level = query.criteria.level
        wanted = self._resolver.wanted(level, query.requested, query.form)
        wanted = self._doubts.of_wanted(level, wanted)
        if not search.needs_files and not wanted.in_files:
            found = self._reader.request_found(search, wanted)
            if not self._rules.may_show_files or not any(it.missing for it in found):
                return _done(tuple(it.tags for it in found))
        candidates = self._candidates(search, wanted)
        known = {it.id: it.known for it in candidates}
        sifted = self._sift(search, candidates, wanted)
        return sifted.then(lambda found: tuple({**known[it.id], **it.tags} for it in found))

    def _search(self, criteria: Criteria) -> Search:
        return self._doubts.of_search(self._resolver.search(criteria))

    def _describe_sifted(
        self,
        search: Search,
        sifted: tuple[Sifted, ...],
        known: dict[ResourceId, dict[str, Any]],
    ) -> Reply[tuple[FoundResource, ...]]:
        requested = {it.id: {**known[it.id], **it.tags} for it in sifted}
        question = DescribeMany(ids=tuple(requested), at=search.level)
        described = self._board.ask_soon(question)
        return described.then(lambda found: tuple(_found(it, requested[it.id]) for it in found))

    def _candidates(self, search: Search, wanted: Wanted) -> tuple[Candidate, ...]:
        names = sorted({it.name for it in search.in_files})
        if names and not self._rules.may_search_files:
            raise BadRequest(
                f"{' and '.join(names)} cannot be searched: the index does not keep it for a"
                f" {search.level.word}, and StorageAccessOnFind forbids to read the files."
            )
        return self._reader.find_candidates(search, wanted)

    def _sift(
        self, search: Search, candidates: tuple[Candidate, ...], wanted: Wanted
    ) -> Reply[tuple[Sifted, ...]]:
        shows = self._rules.may_show_files
        files = tuple(
            FileToSift(
                id=it.id,
                files=tuple(_file(*file) for file in it.files),
                wanted=(*wanted.in_files, *it.missing) if shows else (),
                is_met=it.is_met,
            )
            for it in candidates
        )
        constraints = (*search.in_files, *search.doubtful)
        self._warn(search, files, constraints)
        # What the index cannot page is paged here.
        since = search.since if search.needs_files else 0
        question = SiftFiles(
            files=files,
            constraints=tuple(
                FileConstraint(
                    tag=it.tag,
                    value=it.value,
                    case_sensitive=it.case_sensitive,
                    is_ranged=it.is_ranged,
                )
                for it in constraints
            ),
            form=wanted.form,
            limit=since + search.limit if search.limit else 0,
        )
        if not files:
            return _done(())
        return self._board.ask_soon(question).then(lambda found: found[since:])

    def _warn(
        self,
        search: Search,
        files: tuple[FileToSift, ...],
        constraints: tuple[TagConstraint, ...],
    ) -> None:
        """Say how many files have to be read, at the most, and for what."""
        read = [it for it in files if it.wanted or (constraints and not it.is_met)]
        if read and self._rules.warns(READ_FROM_STORAGE):
            log.warning(
                "files_searched",
                level=search.level.word,
                files=sum(len(it.files) for it in read),
                searched=sorted({it.name for it in constraints}),
                shown=sorted({tag_name(tag) for it in read for tag in it.wanted}),
            )


def _file(attachment: Attachment, metadata: dict[int, str], instance: ResourceId) -> InstanceFile:
    description = AttachmentDescription(attachment=attachment, metadata=metadata)
    return InstanceFile(instance=instance, file=description)


def _found(description: ResourceDescription, requested: Mapping[str, Any]) -> FoundResource:
    return FoundResource(description=description, requested=requested)


R = TypeVar("R")


def _done(value: R) -> Reply[R]:
    reply: Reply[R] = Reply()
    reply.set(value)
    return reply
