"""Who may overwrite what: revisions of metadata and attachments (spec, Revisions)."""

import hashlib

from repertory.errors import RevisionConflict
from repertory.items import Revision


def revision_of(value: str, number: int) -> Revision:
    """The revision of a text that is the ``number``-th writing, counted from 0."""
    md5 = hashlib.md5(value.encode(), usedforsecurity=False)
    return Revision(number, md5.hexdigest())


def check(expected: Revision | None, found: Revision | None) -> None:
    """Let a writing pass that expects a revision, or ``None``: whatever is there.

    What is not there yet may be made whatever is expected: so it is in Orthanc.

    Raises:
        RevisionConflict: another revision is there.
    """
    if expected is not None and found is not None and expected != found:
        raise RevisionConflict
