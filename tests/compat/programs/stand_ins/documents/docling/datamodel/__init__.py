"""Inputs and options."""
