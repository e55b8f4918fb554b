"""Daemon: composition, start, and stop."""
