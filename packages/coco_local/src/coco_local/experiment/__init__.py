"""Experiments: every query strategy on every index, on one's own questions, in either product."""

__all__: list[str] = []
