"""Databases that hold the index; ``ENGINES`` lists them by name."""
