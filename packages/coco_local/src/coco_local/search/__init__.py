"""Answering: executor, liveness, live search, and the shapes of answers."""
