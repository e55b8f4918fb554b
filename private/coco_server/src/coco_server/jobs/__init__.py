"""Job queue on PostgreSQL: the queue's row is the row that users see."""
