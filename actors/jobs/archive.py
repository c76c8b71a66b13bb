"""Making a ZIP archive, or a medium, to be downloaded later."""

from typing import Any, ClassVar, Self

from repertory.actors.archiving.describing import total_of
from repertory.actors.jobs.base import Job, Parameters, Turn
from repertory.actors.messages.archives import (
    AbandonArchive,
    ArchiveForm,
    ArchiveId,
    ArchiveState,
    BeginArchive,
    DescribeArchive,
    ReadArchive,
)
from repertory.actors.messages.instances import (
    AbandonUpload,
    AppendToUpload,
    BeginUpload,
    UploadId,
)
from repertory.actors.messages.job_outputs import StoreOutput
from repertory.actors.reply import Reply, gather
from repertory.errors import BadParameter, UnknownItem
from repertory.jobs import JobFailure, JobOutput, JobStep, Object
from repertory.model import Attachment, Level, ResourceId

KEY = "archive"
PARCELS = 32
"""Parcels in a step: some megabytes, after which a pause or a cancellation is heeded."""

_MEGABYTE = 1 << 20
_LEVELS = {level.word: level for level in Level}


class MakeArchive(Job):
    """Makes an archive of resources, some megabytes with each step.

    The archive lies in a file of its own until it is whole. One that a crash, or a pause of more
    than an hour, interrupted is made anew. Instances that cannot be read are reported.
    """

    type = "Archive"
    media: ClassVar[bool] = False

    def __init__(
        self, ids: tuple[ResourceId, ...], level: Level | None, form: ArchiveForm, filename: str
    ) -> None:
        self._ids = ids
        self._level = level
        self._form = form
        self._filename = filename

    @classmethod
    def read(cls, parameters: Parameters) -> Self:
        """``Resources``, perhaps all of one ``Level``; ``Filename``, and so on as in the API."""
        ids = parameters.need("Resources", list)
        if not all(isinstance(id_, str) for id_ in ids):
            raise BadParameter("The field Resources must be an array of identifiers.")
        level = None
        if "Level" in parameters:
            level = _LEVELS.get(parameters.need("Level", str))
            if level is None:
                raise BadParameter("The field Level must be Patient, Study, Series or Instance.")
        form = ArchiveForm(
            media=cls.media,
            extended=parameters.get("Extended", default=False),
            utf8=parameters.get("Utf8", default=False),
            permissive=parameters.get("Permissive", default=True),
        )
        filename = parameters.get("Filename", "Archive.zip")
        return cls(tuple(ResourceId(id_) for id_ in ids), level, form, filename)

    def step(self, turn: Turn) -> Reply[JobStep]:
        """Begin, or make the next parcels."""
        if "Archive" not in turn.position:
            return self._begin(turn)
        return _Step(turn, self._filename).run()

    def content(self, position: Object) -> Object:
        """How many instances and bytes it has, as Orthanc tells it."""
        size, made = position.get("TotalSize", 0), position.get("Size", 0)
        return {
            "Description": "Creating media" if self.media else "Creating archive",
            "InstancesCount": position.get("Total", 0),
            "UncompressedSize": str(size),
            "UncompressedSizeMB": size // _MEGABYTE,
            "ArchiveSize": str(made),
            "ArchiveSizeMB": made // _MEGABYTE,
            "Utf8": self._form.utf8,
            "FailedInstancesCount": position.get("Missing", 0),
            "Resources": list(self._ids),
        }

    def _begin(self, turn: Turn) -> Reply[JobStep]:
        board = turn.board
        begin = BeginArchive(ids=self._ids, level=self._level, form=self._form)

        def ends(answers: tuple[ArchiveId, UploadId, tuple[int, int]]) -> JobStep:
            archive, upload, (instances, size) = answers
            return turn.ends(
                {"Archive": archive, "Upload": upload, "Total": instances, "TotalSize": size}
            )

        def count(archive: ArchiveId) -> Reply[JobStep]:
            upload: Reply[Any] = board.ask_soon(BeginUpload())
            others = [upload, total_of(board, self._ids, self._level)]
            return gather(others).then(lambda answers: ends((archive, *answers)))

        return board.ask_soon(begin).then(count)


class MakeMedia(MakeArchive):
    """Makes an archive with a DICOMDIR, in the same way."""

    type = "Media"
    media = True


class _Step:
    """Some parcels of an archive, one after the other."""

    def __init__(self, turn: Turn, filename: str) -> None:
        self._turn = turn
        self._board = turn.board
        self._filename = filename
        self._archive = ArchiveId(turn.position["Archive"])
        self._upload = UploadId(turn.position["Upload"])
        self._size = int(turn.position.get("Size", 0))
        self._left = PARCELS
        self._outcome: Reply[JobStep] = Reply()
        self._state = ArchiveState(instances=0, size=0, missing=())

    def run(self) -> Reply[JobStep]:
        """Make them; the reply is what the step came to."""
        self._go_on()
        return self._outcome

    def _go_on(self) -> None:
        self._board.ask_soon(ReadArchive(archive=self._archive)).on_done(self._take)

    def _take(self, reply: Reply[bytes]) -> None:
        if isinstance(reply.error, UnknownItem):
            # Nobody knows it any more: it is begun anew.
            self._board.ask_soon(AbandonUpload(upload=self._upload))
            self._outcome.set(self._turn.ends({}))
        elif reply.error is not None:
            self._fail(reply.error)
        elif parcel := reply.get():
            self._size += len(parcel)
            append = AppendToUpload(upload=self._upload, content=parcel)
            self._board.ask_soon(append).on_done(self._look)

    def _look(self, reply: Reply[None]) -> None:
        if reply.error is not None:
            self._fail(reply.error)
            return
        self._board.ask_soon(DescribeArchive(archive=self._archive)).on_done(self._note)

    def _note(self, reply: Reply[ArchiveState]) -> None:
        if reply.error is not None:
            self._fail(reply.error)
            return
        self._state = reply.get()
        self._left -= 1
        if self._state.is_whole:
            self._board.ask_soon(AbandonArchive(archive=self._archive))
            self._finish()
        elif self._left:
            self._go_on()
        else:
            self._outcome.set(self._turn.ends(self._position(), progress=self._progress()))

    def _finish(self) -> None:
        def ends(file: Attachment) -> JobStep:
            output = JobOutput(
                key=KEY, attachment=file, media_type="application/zip", filename=self._filename
            )
            return self._turn.ends(
                self._position(),
                progress=1.0,
                done=True,
                outputs=(output,),
                failures=tuple(JobFailure(it, reason) for it, reason in self._state.missing),
            )

        stored = self._board.ask_soon(StoreOutput(content=self._upload))
        self._outcome.set(stored.then(ends))

    def _fail(self, error: BaseException) -> None:
        self._board.ask_soon(AbandonArchive(archive=self._archive))
        self._board.ask_soon(AbandonUpload(upload=self._upload))
        self._outcome.refuse(error)

    def _position(self) -> Object:
        return {
            **self._turn.position,
            "Size": self._size,
            "Missing": len(self._state.missing),
        }

    def _progress(self) -> float:
        total = self._turn.position.get("TotalSize", 0)
        return min(self._state.size / total, 1.0) if total else 0.0
