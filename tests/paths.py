"""Paths into the checkout, wherever a test's own file is."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MIGRATIONS = ROOT / "migrations"
CASES = ROOT / "tests" / "cases"
EVENT_FILES = CASES / "events"
