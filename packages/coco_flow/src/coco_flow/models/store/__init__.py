"""What a database remembers of models: runs, documents, batches, tests, snapshots."""
