"""Keeping indexes in step with the disk: changes, queues, workers, embedding."""
