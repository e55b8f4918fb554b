"""The code that the connectors of graph databases share."""

from __future__ import annotations
