"""HTTP API of the daemon: routes, streams, metrics, and request checks."""
