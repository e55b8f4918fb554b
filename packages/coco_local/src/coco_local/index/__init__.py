"""What an index is: documents, chunks, vectors and postings in memory, and its checkpoint file."""
