"""Backups: one file with the whole site, taken while it runs and put back whole."""
