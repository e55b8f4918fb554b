SELECT 1; -- Memos are indexed and counted.
