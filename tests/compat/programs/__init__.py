"""Drivers of public programs: what each needs around it, and what its targets hold afterwards."""
