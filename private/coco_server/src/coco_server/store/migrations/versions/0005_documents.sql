SELECT 1; -- Imports: keys of requests, what activates, texts that are known.
