"""The HTTP API of the daemon: routes, streams, metrics and the guard in front of them."""
