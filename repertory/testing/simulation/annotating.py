"""Clients that write what belongs to resources: metadata, labels, attachments."""

from repertory.actors.messages.attachments import DeleteAttachment, ReadAttachment, StoreAttachment
from repertory.actors.messages.labels import AddLabel, RemoveLabel
from repertory.actors.messages.metadata import DeleteMetadata, SetMetadata
from repertory.errors import RepertoryError
from repertory.model import Level
from repertory.testing.simulation.asking import GONE, LABEL, NUMBER, Asking
from repertory.testing.simulation.catalog import id_of
from repertory.testing.simulation.model import ABSENT


class Annotating(Asking):
    """Asks for metadata, labels and attachments."""

    def set_metadata(self, level: int, number: int, value: int) -> None:
        """Write a metadata."""
        id_ = id_of(Level(level), number)
        deed = self._write(str(value), "metadata", Level(level), id_)
        with self._deeds(deed):
            question = SetMetadata(level=Level(level), id=id_, number=NUMBER, value=str(value))
            self.ask(question)
            deed.took_effect = True

    def delete_metadata(self, level: int, number: int) -> None:
        """Delete it."""
        id_ = id_of(Level(level), number)
        deed = self._write(ABSENT, "metadata", Level(level), id_)
        with self._deeds(deed):
            self.ask(DeleteMetadata(level=Level(level), id=id_, number=NUMBER))
            deed.took_effect = True

    def add_label(self, level: int, number: int, _value: int) -> None:
        """Give a label."""
        id_ = id_of(Level(level), number)
        deed = self._write(LABEL, "label", Level(level), id_)
        with self._deeds(deed):
            self.ask(AddLabel(level=Level(level), id=id_, label=LABEL))
            deed.took_effect = True

    def remove_label(self, level: int, number: int) -> None:
        """Take it."""
        id_ = id_of(Level(level), number)
        deed = self._write(ABSENT, "label", Level(level), id_)
        with self._deeds(deed):
            self.ask(RemoveLabel(level=Level(level), id=id_, label=LABEL))
            deed.took_effect = True

    def attach(self, level: int, number: int, value: int) -> None:
        """Store an attachment."""
        id_ = id_of(Level(level), number)
        deed = self._write(b"%d" % value * 300, "attachment", Level(level), id_)
        with self._deeds(deed):
            question = StoreAttachment(
                level=Level(level), id=id_, content_type=NUMBER, content=deed.value
            )
            self.ask(question)
            deed.took_effect = True

    def detach(self, level: int, number: int) -> None:
        """Delete it."""
        id_ = id_of(Level(level), number)
        deed = self._write(ABSENT, "attachment", Level(level), id_)
        with self._deeds(deed):
            self.ask(DeleteAttachment(level=Level(level), id=id_, content_type=NUMBER))
            deed.took_effect = True

    def read_attachment(self, level: int, number: int) -> None:
        """Read it."""
        id_ = id_of(Level(level), number)
        began = self._world.scheduler.steps
        name = ("attachment", Level(level), id_)
        try:
            question = ReadAttachment(level=Level(level), id=id_, content_type=NUMBER)
            value = self.ask(question).content
        except GONE:
            value = ABSENT
        except RepertoryError as error:
            self._excuse(error, len(self._model.of(*name).deeds))
            return
        self._expect(*name, value=value, began=began)
