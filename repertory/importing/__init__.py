"""``repertory import``: send folders, files and ZIP archives to an Orthanc-compatible server.

Only the standard library is used, so that the command is there at once and needs no archive.
"""

from repertory.importing.command import add_arguments, run

__all__ = ["add_arguments", "run"]
