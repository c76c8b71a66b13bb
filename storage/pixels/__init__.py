"""Pixel data: which transfer syntaxes there are, and from one to another.

What decodes and encodes runs in processes of its own (``worker``): a codec that crashes, hangs or
takes too much memory harms nobody else.
"""
