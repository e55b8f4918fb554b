"""Stands in for docling, whose models need torch: the plain text of a PDF by pypdf."""
