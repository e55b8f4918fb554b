"""HTTP server over the flows of an application: inspection, queries, updates."""
