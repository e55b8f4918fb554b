"""One search for both products: from an intent over an executor's candidates to a page of hits."""
