"""Where the daemon keeps what it knows: SQLite for metadata, LanceDB for terms and vectors."""
