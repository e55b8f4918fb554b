"""The embedding models: the daemon's own, and those that indexing configs name."""
