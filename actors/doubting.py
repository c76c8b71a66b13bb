"""What the index may not know of some resources: tags that it did not keep when they came."""

from collections.abc import Iterable
from dataclasses import replace

import structlog

from repertory.actors.finding_rules import FindingRules
from repertory.conf.orthanc_warnings import (
    FROM_LOWER_LEVEL,
    FROM_META_HEADER,
    INCONSISTENT_TAGS,
    NO_SIGNATURE,
    NOT_READ_FROM_DISK,
)
from repertory.items import Outdated
from repertory.model import Level
from repertory.storage.dicom import tag_name
from repertory.storage.index.base import IndexReader
from repertory.storage.main_tags import lacks
from repertory.storage.searching import Search, TagConstraint, Wanted

log = structlog.get_logger(__name__)

_META_HEADER = "0002,"


class Doubts:
    """Compares what a search needs with what all resources were recorded with.

    Mostly all have the tags that new ones get, which the index tells in one short answer.
    """

    def __init__(self, reader: IndexReader, rules: FindingRules) -> None:
        self._reader = reader
        self._rules = rules

    def of_search(self, search: Search) -> Search:
        """The search, with the constraints marked that some resources may meet unknown to it."""
        places = [
            (it.level, it.tag) for it in search.tags if it.level is not None and self._is_kept(it)
        ]
        keys = [(it.level, it.tag) for it in search.order if it.tag]
        if not places and not keys:
            return search
        outdated = self._reader.list_outdated()
        if not outdated:
            return search
        self._warn(search.level, [*places, *keys], outdated)
        if not self._rules.may_search_files:
            return search
        return replace(search, tags=tuple(self._marked(it, outdated) for it in search.tags))

    def _is_kept(self, constraint: TagConstraint) -> bool:
        """Whether it is about a value that is kept; identifiers are, whatever the options."""
        level = constraint.level
        if level is None or constraint.is_identifier:
            return False
        return constraint.tag in self._rules.main_tags.by_level[level]

    def _marked(self, constraint: TagConstraint, outdated: tuple[Outdated, ...]) -> TagConstraint:
        if constraint.level is None or not self._is_kept(constraint):
            return constraint
        lacking = _lacking(outdated, constraint.level, constraint.tag)
        return replace(constraint, lacking=tuple(it.signature for it in lacking))

    def of_wanted(self, level: Level, wanted: Wanted) -> Wanted:
        """What is wanted, without what may not be read, and with the tags marked that some lack."""
        in_files = self._readable(level, wanted.in_files)
        places = [(place, tag) for tag, place in wanted.kept]
        outdated = self._reader.list_outdated() if places else ()
        doubtful = frozenset(tag for place, tag in places if _lacking(outdated, place, tag))
        if doubtful:
            self._warn(level, places, outdated)
        left_out = [] if self._rules.may_show_files else [*in_files, *sorted(doubtful)]
        if left_out:
            in_files = ()
            if self._rules.warns(NOT_READ_FROM_DISK):
                log.warning("tags_left_out", level=level.word, names=_names(left_out))
        return replace(wanted, in_files=in_files, doubtful=doubtful)

    def _readable(self, level: Level, in_files: tuple[str, ...]) -> tuple[str, ...]:
        """The tags that a data set can have."""
        header = [tag for tag in in_files if tag.startswith(_META_HEADER)]
        if header and self._rules.warns(FROM_META_HEADER):
            log.warning("header_requested", level=level.word, names=_names(header))
        levels = self._rules.main_tags.levels
        lower = [tag for tag in in_files if any(it > level for it in levels.get(tag, ()))]
        if lower and self._rules.warns(FROM_LOWER_LEVEL):
            log.warning("lower_level_requested", level=level.word, names=_names(lower))
        return tuple(tag for tag in in_files if tag not in header)

    def _warn(
        self, level: Level, places: Iterable[tuple[Level, str]], outdated: tuple[Outdated, ...]
    ) -> None:
        """Say which tags are in doubt, and of how many resources."""
        found = [(one, tag) for place, tag in places for one in _lacking(outdated, place, tag)]
        lacking = {one for one, _ in found}
        names = _names(sorted({tag for _, tag in found}))
        of_another = [it.resources for it in lacking if it.signature]
        of_none = [it.resources for it in lacking if not it.signature]
        word = level.word
        if of_another and self._rules.warns(INCONSISTENT_TAGS):
            log.warning("main_tags_outdated", level=word, names=names, resources=sum(of_another))
        if of_none and self._rules.warns(NO_SIGNATURE):
            log.warning("signatures_missing", level=word, names=names, resources=sum(of_none))


def _lacking(outdated: tuple[Outdated, ...], place: Level, tag: str) -> list[Outdated]:
    return [it for it in outdated if it.level is place and lacks(it.signature, place, tag)]


def _names(tags: Iterable[str]) -> list[str]:
    return [tag_name(tag) for tag in tags]
