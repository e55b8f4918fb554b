"""Stands in for colpali-engine, with a model that sees colors."""
