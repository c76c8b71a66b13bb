"""Places where files are kept; ``AREAS`` lists them by name."""
