"""The storage area's handlers for looking after files: what is there, and in which state."""

from functools import partial

from repertory.actors.base import handles
from repertory.actors.crew import Crew
from repertory.actors.messages.integrity import ExamineFiles, SetAside, SurveyFiles
from repertory.actors.reply import Reply, gather
from repertory.errors import StorageFailed
from repertory.integrity import Damage, Finding, IndexedFile, Survey
from repertory.storage.areas.base import StorageArea
from repertory.storage.examining import examine
from repertory.storage.files import Files


class StorageIntegrity:
    """A part of ``StorageActor``, apart from it for length only."""

    _area: StorageArea
    _crew: Crew
    _files: Files

    @handles(SurveyFiles)
    def survey_files(self, query: SurveyFiles) -> Reply[Survey]:
        """List a part of the area."""
        location = self._files.location

        def survey() -> Survey:
            found = self._area.survey(query.folder)
            if not location:
                return found
            files = {uuid: it._replace(location=location) for uuid, it in found.files.items()}
            return Survey(files, found.foreign)

        return self._crew.do(survey)

    @handles(ExamineFiles)
    def examine_files(self, query: ExamineFiles) -> Reply[tuple[Finding, ...]]:
        """Look at files: at many in one piece of work, but read each in one of its own."""

        def look(file: IndexedFile) -> Finding:
            try:
                area = self._files.area_at(file.location)
            except StorageFailed:
                return Finding(Damage.UNREADABLE, None)
            return examine(area, file, checksums=query.checksums)

        if query.checksums:
            return gather([self._crew.do(partial(look, file)) for file in query.files])
        return self._crew.do(lambda: tuple(look(file) for file in query.files))

    @handles(SetAside)
    def set_aside(self, command: SetAside) -> Reply[bool]:
        """Move a file to the lost-and-found folder."""
        return self._crew.do(lambda: self._area.set_aside(command.uuid))
