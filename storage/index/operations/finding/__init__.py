"""Searching: criteria become SQL."""
