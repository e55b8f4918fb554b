"""Stores of the daemon: SQLite for metadata, LanceDB for terms and vectors."""
