"""Internals that the tests of the field import."""
