"""Carrying an index from one database to another."""
