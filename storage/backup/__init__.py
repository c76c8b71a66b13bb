"""Copies of an archive: made while it is served, added to, verified and put back."""
