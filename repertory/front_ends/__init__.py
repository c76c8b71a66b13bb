"""Processes that serve the REST API beside the one whose actors own the archive."""
