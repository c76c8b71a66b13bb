"""Tiering: an actor that moves files between storages by rules, and back when they are read."""
