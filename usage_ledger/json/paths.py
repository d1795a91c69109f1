"""Paths in a document: segments separated by `/`."""

EVERY = "*"
"""The segment of a path that matches each element of a list, or each member of a map."""
