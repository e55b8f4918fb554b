"""The flow API: definitions, flows, transform flows, live updaters."""
