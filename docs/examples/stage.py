"""Tests of a program that listens to the archive, with an understudy in the archive's place."""

import pytest

from repertory.actors.messages.resources import DeleteResource, ListResources
from repertory.actors.messages.stability import ResourceStabilized
from repertory.actors.switchboard import Switchboard
from repertory.errors import UnknownResource
from repertory.model import DeletionReceipt, Level, ResourceId
from repertory.testing import Stage


class Forwarder:
    """The program under test: deletes each study that became stable."""

    def __init__(self, board: Switchboard) -> None:
        self.board = board
        board.listen(ResourceStabilized, self.resource_stabilized)

    def resource_stabilized(self, event: ResourceStabilized) -> None:
        """Ask for the deletion, without waiting."""
        if event.level is Level.STUDY:
            self.board.ask_soon(DeleteResource(level=event.level, id=event.id))


def test_a_stable_study_is_deleted() -> None:
    """The understudy remembers what was said to it."""
    with Stage() as stage:
        stage.understudy(DeleteResource, answer=DeletionReceipt(remaining_ancestor=None))
        Forwarder(stage.board)

        stage.board.publish(ResourceStabilized(level=Level.STUDY, id=ResourceId("a-study")))

        (deletion,) = stage.heard(DeleteResource)
        assert deletion.id == "a-study"


def test_an_understudy_refuses_as_the_archive_does() -> None:
    """An exception as the answer is a refusal."""
    with Stage() as stage:
        stage.understudy(ListResources, answer=UnknownResource())

        with pytest.raises(UnknownResource):
            stage.ask(ListResources(level=Level.STUDY))


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, "-q", "-p", "no:cacheprovider"]))
