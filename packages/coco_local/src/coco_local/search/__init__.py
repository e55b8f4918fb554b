"""Answering: executor, hydration, live search, and the shapes of answers."""
