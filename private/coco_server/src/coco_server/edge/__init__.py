"""HTTP edge: connections with limits, TLS, probes, and the end of the process."""

__all__: list[str] = []
