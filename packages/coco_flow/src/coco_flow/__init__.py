"""Pipelines of CoCo: incremental data flows that need no server."""
