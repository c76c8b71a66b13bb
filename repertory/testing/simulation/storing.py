"""Clients that store instances, and read them."""

import io
import zipfile
from collections.abc import Iterable

from repertory.actors.messages.attachments import ReadAttachment
from repertory.actors.messages.changes import ClearChanges
from repertory.actors.messages.instances import AppendToUpload, BeginUpload, StoreInstance, StoreZip
from repertory.actors.messages.reconstruction import ReconstructResource
from repertory.errors import RepertoryError
from repertory.model import Level, StoreReceipt, StoreStatus
from repertory.testing.simulation.asking import GONE, Asking, place_of
from repertory.testing.simulation.books import Violation
from repertory.testing.simulation.catalog import content_of, id_of, resources_of_patient, version_of
from repertory.testing.simulation.model import ABSENT, PRESENT, Deed


class Storing(Asking):
    """Asks for instances and their files."""

    def store(self, number: int, version: int) -> None:
        """Upload an instance."""
        deed = self._write(version, "file", number)
        with self._deeds(deed, *self._recycling([number])):
            content = content_of(number, version)
            self._learn(number, deed, self.ask(StoreInstance(content=content)))

    def store_in_pieces(self, number: int, version: int) -> None:
        """Upload an instance in two pieces."""
        deed = self._write(version, "file", number)
        with self._deeds(deed, *self._recycling([number])):
            content = content_of(number, version)
            upload = self.ask(BeginUpload())
            self.ask(AppendToUpload(upload=upload, content=content[:1000]))
            self.ask(AppendToUpload(upload=upload, content=content[1000:]))
            self._learn(number, deed, self.ask(StoreInstance(content=upload)))

    def store_zip(self, *numbers: int) -> None:
        """Upload several instances in one archive."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            for place, number in enumerate(numbers):
                info = zipfile.ZipInfo(f"{place}.dcm")
                file.writestr(info, content_of(number, 0))
        deeds = [self._write(0, "file", number) for number in numbers]
        recycling = self._recycling(numbers)
        try:
            with self._deeds(*deeds, *recycling):
                receipts = self.ask(StoreZip(content=archive.getvalue()))
                if len(receipts) != len(deeds):
                    raise Violation("every file of a ZIP", f"{len(receipts)} of {len(deeds)}")
                for number, deed, receipt in zip(numbers, deeds, receipts, strict=True):
                    self._learn(number, deed, receipt)
        finally:
            # Files that were stored before the one that failed stay.
            for deed in (*deeds, *recycling):
                if deed.took_effect is False:
                    deed.took_effect = None

    def _learn(self, number: int, deed: Deed, receipt: StoreReceipt) -> None:
        deed.took_effect = True
        if receipt.status is not StoreStatus.SUCCESS and not receipt.repaired:
            deed.value = PRESENT
        elif not receipt.overwritten and not receipt.repaired:
            deed.is_new = True
            if self._model.of("file", number).is_stored_twice:
                raise Violation("stored once", f"{number} was told to be new twice")

    def forget_upload(self) -> None:
        """Begin an upload, and never end it."""
        upload = self._try(BeginUpload())
        if upload is not None:
            self._try(AppendToUpload(upload=upload, content=b"the beginning"))

    def clear_changes(self) -> None:
        """Empty the log of changes."""
        self._try(ClearChanges())

    def expect_recycling(self) -> None:
        """The archive starts with a limit: any patient may go."""
        began = self._world.scheduler.steps
        for register in self._model.registers.values():
            register.deeds.append(Deed(ABSENT, began, began))

    def _recycling(self, numbers: Iterable[int]) -> list[Deed]:
        """What may go to make room for instances: other patients, where their number is limited."""
        deeds = []
        if self._world.setup.patients:
            kept = [resources_of_patient(number) for number in numbers]
            for name, register in self._model.registers.items():
                if len(kept) > 1 or place_of(name) not in kept[0]:
                    deeds.append(self._deed(ABSENT))
                    register.deeds.append(deeds[-1])
        return deeds

    def read(self, number: int) -> None:
        """Read an instance's file."""
        began = self._world.scheduler.steps
        register = self._model.of("file", number)
        question = ReadAttachment(level=Level.INSTANCE, id=id_of(Level.INSTANCE, number))
        value: int | None
        try:
            value = version_of(number, self.ask(question).content)
        except GONE:
            value = ABSENT
        except RepertoryError as error:
            self._excuse(error, len(register.deeds))
            return
        self._expect("file", number, value=value, began=began)

    def tags(self, number: int) -> None:
        """Reconstruct one instance alone."""
        self._try(
            ReconstructResource(
                level=Level.INSTANCE,
                id=id_of(Level.INSTANCE, number),
                this_level_only=True,
            )
        )
