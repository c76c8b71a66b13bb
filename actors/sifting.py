"""Sifting files: those whose tags meet what the index could not check."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from repertory.actors.crew import Crew
from repertory.actors.mending import Mending
from repertory.actors.messages.attachments import AttachmentDescription
from repertory.actors.messages.finding import FileToSift, Sifted, SiftFiles
from repertory.actors.reply import Reply
from repertory.errors import FileCorrupted, FileLost, NotDicom
from repertory.model import Level, ResourceRef, TagForm
from repertory.storage import dicom
from repertory.storage.dicom.tags_json import in_form
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
    """

    def __init__(
        self,
        *,
        crew: Crew,
        read_head: Callable[[AttachmentDescription], bytes],
        query: SiftFiles,
        mending: Mending,
    ) -> None:
        self._crew = crew
        self._read_head = read_head
        self._query = query
        self._mending = mending
        self._constraints = [
            (it.tag, parse_patterns(it.value, ranged=it.is_ranged), it.case_sensitive)
            for it in query.constraints
        ]
        self._ignore_length = frozenset([*query.wanted, *(it.tag for it in query.constraints)])
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
        for _ in range(AT_A_TIME):
            if limit and len(self._passed) >= limit:
                return True
            file = next(self._left, None)
            if file is None:
                return True
            self._sift(file)
        return False

    def _sift(self, file: FileToSift) -> None:
        tags = self._read(file)
        if tags is None:
            if not self._constraints:
                self._passed.append(Sifted(id=file.id, tags={}))
        elif all(_meets(tags, *constraint) for constraint in self._constraints):
            chosen = {tag: tags[tag] for tag in self._query.wanted if tag in tags}
            self._passed.append(Sifted(id=file.id, tags=in_form(chosen, self._query.form)))

    def _read(self, file: FileToSift) -> Mapping[str, Any] | None:
        """All tags in the full form; ``None`` where they cannot be read."""
        if file.file is None:
            return None
        owner = None if file.instance is None else ResourceRef(Level.INSTANCE, file.instance)
        try:
            with self._mending.watching_for(owner, file.file.attachment):
                return self._tags(file.file)
        except (FileLost, FileCorrupted) as error:
            # One bad file must not keep the others from being found.
            log.error(  # noqa: TRY400 - the reason is said, the way here is known
                "file_passed_over",
                uuid=file.file.attachment.uuid,
                reason=type(error).__name__,
            )
            return None

    def _tags(self, file: AttachmentDescription) -> Mapping[str, Any]:
        head = self._read_head(file)
        try:
            return dicom.tags(head, TagForm.FULL, ignore_length=self._ignore_length)
        except NotDicom as error:
            raise FileCorrupted from error


def _meets(
    tags: Mapping[str, Any], tag: str, patterns: tuple[Pattern, ...], case_sensitive: bool
) -> bool:
    element = tags.get(tag)
    value = element["Value"] if element is not None and element["Type"] == "String" else None
    return matches(patterns, value, case_sensitive=case_sensitive)
