"""Which Repertory this is, and which contract it keeps."""

VERSION = "0.1.0"

ORTHANC_VERSION = "1.13.0"
"""The Orthanc whose REST contract we keep; clients switch features on by it."""

ORTHANC_API_VERSION = 31
DATABASE_VERSION = 6
"""Orthanc's index schema as seen by clients in ``/system``; ours has a number of its own."""
