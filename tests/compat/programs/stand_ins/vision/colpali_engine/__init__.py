"""Stands in for colpali-engine, with a model that sees colors."""

from colpali_engine.models import ColPali, ColPaliProcessor

__all__ = ["ColPali", "ColPaliProcessor"]
