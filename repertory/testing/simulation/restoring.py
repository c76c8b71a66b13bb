"""Clients that bring back what was deleted."""

from repertory.actors.messages.trash import ListTrash, RestoreTrash
from repertory.errors import RepertoryError
from repertory.model import Level, ResourceId
from repertory.testing.simulation.asking import NOTHING_DONE, Asking, Restore, place_of
from repertory.testing.simulation.catalog import id_of, resources_of_patient
from repertory.testing.simulation.model import ABSENT, PRESENT, Deed


class Restoring(Asking):
    """Asks for the trash."""

    def list_trash(self) -> None:
        """Look what is in it."""
        self._try(ListTrash())

    def restore_trash(self, level: int, number: int) -> None:
        """Bring back a resource.

        What is there stays; what is not may come back as it was at any time.
        """
        if self._world.setup.patients:
            return  # a limit may take it away again
        restore = Restore(resources_of_patient(number), self._world.scheduler.here)
        self._restores.append(restore)
        for name in self._model.registers:
            if place_of(name) in restore.places:
                self._may_return(restore, name)
        file = self._model.of("file", number)
        sure = None
        if level == Level.INSTANCE and ABSENT in file.possible():
            sure = self._deed(PRESENT)
            file.deeds.append(sure)
            restore.deeds.append(sure)
        self._restore(id_of(Level(level), number), restore, sure)

    def _restore(self, id_: ResourceId, restore: Restore, sure: Deed | None) -> None:
        try:
            self.ask(RestoreTrash(name=id_))
            if sure is not None:
                sure.took_effect = True
        except NOTHING_DONE:
            for deed in restore.deeds:
                deed.took_effect = False
        except RepertoryError as error:
            self._world.scheduler.note(f"perhaps restored: {type(error).__name__}")
        finally:
            if not self._world.scheduler.is_dead:
                self._restores.remove(restore)
                for deed in restore.deeds:
                    deed.ended = self._world.scheduler.steps
