"""Stands in for testcontainers: servers from wheels in place of containers."""
