"""HTTP API of server mode: authentication, limits, routes, and streams."""
