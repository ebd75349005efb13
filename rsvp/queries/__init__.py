"""Queries: what pages and files show, reads that span tables."""
