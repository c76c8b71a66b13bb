"""A stage for the archive's actors: play any of them for real, and understudies for the rest.

    stage = Stage()
    stage.understudy(RecordInstance, answer=receipt)
    stage.put_on(StorageActor, area=area, crew=InlineCrew(), main_tags=MainDicomTags())
    assert stage.ask(StoreInstance(content=make_dicom())) == receipt
    stage.close()

Time stands still on a stage until ``stage.clock.advance(60)``.
"""

from repertory.actors.crew import InlineCrew
from repertory.testing.clock import ManualClock
from repertory.testing.stage import Stage

__all__ = ["InlineCrew", "ManualClock", "Stage"]
