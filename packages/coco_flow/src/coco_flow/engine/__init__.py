"""The engine: compiled flows, batches of rows, commits that survive a crash, live updates."""
