"""Git as CoCo reads it: work trees, what they track, and whose files lie where."""
