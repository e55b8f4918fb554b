"""The job queue: PostgreSQL holds the truth; the row that users see is the queue's row."""
