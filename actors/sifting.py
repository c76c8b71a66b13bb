"""Sifting files: those whose tags meet what the index could not check."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from repertory.actors.crew import Crew
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import AttachmentDescription
from repertory.actors.messages.finding import FileToSift, InstanceFile, Sifted, SiftFiles
from repertory.actors.reply import Reply
from repertory.errors import FileCorrupted, FileLost, NotDicom
from repertory.model import Level, ResourceRef, TagForm
from repertory.storage import dicom
from repertory.storage.dicom.tags_json import Json, in_form
from repertory.storage.encoding import TextEncoding
from repertory.storage.patterns import Pattern, matches, parse_patterns

log = structlog.get_logger(__name__)

AT_A_TIME = 16
"""Files in one piece of the crew's work: other work comes between."""


class Sifting:
    """Looks into the files of one ``SiftFiles``, some at a time, until enough have passed.

    Args:
        crew: who reads.
        read_head: reads an instance without its pixels.
        query: what to look for.
        mending: marks the files that cannot be read.
        encoding: what text is written in where a file does not say it.
    """

    def __init__(
        self,
        *,
        crew: Crew,
        read_head: Callable[[AttachmentDescription], bytes],
        query: SiftFiles,
        mending: Mending,
        encoding: TextEncoding,
    ) -> None:
        self._crew = crew
        self._read_head = read_head
        self._query = query
        self._mending = mending
        self._encoding = encoding
        self._constraints = [
            (it.tag, parse_patterns(it.value, ranged=it.is_ranged), it.case_sensitive)
            for it in query.constraints
        ]
        self._left = iter(query.files)
        self._passed: list[Sifted] = []
        self._reply: Reply[tuple[Sifted, ...]] = Reply()

    def begin(self) -> Reply[tuple[Sifted, ...]]:
        """Begin; the reply will hold what has passed."""
        self._go_on()
        return self._reply

    def _go_on(self) -> None:
        self._crew.do(self._sift_some).on_done(self._note)

    def _note(self, done: Reply[bool]) -> None:
        if done.error is not None:
            self._reply.refuse(done.error)
        elif done.get():
            self._reply.set(tuple(self._passed))
        else:
            self._go_on()

    def _sift_some(self) -> bool:
        """Look into some files; whether that is enough."""
        limit = self._query.limit
        looked_at = 0
        while looked_at < AT_A_TIME:
            if limit and len(self._passed) >= limit:
                return True
            file = next(self._left, None)
            if file is None:
                return True
            looked_at += max(len(file.files), 1)
            self._sift(file)
        return False

    def _sift(self, file: FileToSift) -> None:
        constraints = [] if file.is_met else list(self._constraints)
        wanted = file.wanted
        chosen: Json = {}
        for number, found in enumerate(file.files):
            if not constraints and not (wanted and number == 0):
                break
            tags = self._read(found, wanted)
            constraints = [it for it in constraints if not _meets(tags, *it)]
            if number == 0:
                chosen = {tag: tags[tag] for tag in wanted if tag in tags}
        if not constraints:
            self._passed.append(Sifted(id=file.id, tags=in_form(chosen, self._query.form)))

    def _read(self, found: InstanceFile, wanted: tuple[str, ...]) -> Json:
        """All tags in the full form; none where they cannot be read."""
        whole = frozenset([*wanted, *(tag for tag, _, _ in self._constraints)])
        owner = ResourceRef(Level.INSTANCE, found.instance)
        try:
            with self._mending.watching_for(owner, found.file.attachment):
                return self._tags(found.file, whole)
        except (FileLost, FileCorrupted) as error:
            # One bad file must not keep the others from being found.
            log.error(  # noqa: TRY400 - the reason is said, the way here is known
                "file_passed_over",
                uuid=found.file.attachment.uuid,
                reason=type(error).__name__,
            )
            return {}

    def _tags(self, file: AttachmentDescription, whole: frozenset[str]) -> Json:
        head = self._read_head(file)
        try:
            encoding = self._encoding.name
            return dicom.tags(head, TagForm.FULL, ignore_length=whole, default_encoding=encoding)
        except NotDicom as error:
            raise FileCorrupted from error


def _meets(
    tags: Mapping[str, Any], tag: str, patterns: tuple[Pattern, ...], case_sensitive: bool
) -> bool:
    element = tags.get(tag)
    value = element["Value"] if element is not None and element["Type"] == "String" else None
    return matches(patterns, value, case_sensitive=case_sensitive)
