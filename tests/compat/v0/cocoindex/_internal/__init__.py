"""Internals that the tests of CocoIndex import."""
