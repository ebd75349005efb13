"""Disk space: whether the data folder has room left."""

from __future__ import annotations

import os
from pathlib import Path

from flask import Flask

from rsvp.extensions import db

LOW_BYTES = 200 * 1000 * 1000
"""Below it an operator should look: a rush writes some tens of megabytes, a WAL that
readers hold up as much again."""

LOW_FILES = 100
"""A file system may also run out of names for files; SQLite makes three or four."""


def data_folder(app: Flask) -> Path:
    """Return where the database is: SQLite's own folder, else the instance folder (a
    database server's disk can't be seen from here)."""
    engine = db.engine
    file = engine.url.database
    if engine.dialect.name == "sqlite" and file and file != ":memory:":
        return Path(file).resolve().parent
    return Path(app.instance_path)


def find_shortage(folder: Path) -> str | None:
    """Return what is wrong with the disk of this folder, in words for the log; None:
    nothing.

    The room counted is what this process may use: file systems keep some for root.
    """
    try:
        state = os.statvfs(folder)
    except OSError as error:
        return f"the folder of the database can't be looked at: {error.strerror}"
    if state.f_flag & os.ST_RDONLY:
        return "the disk of the database is mounted read-only"
    free = state.f_bavail * state.f_frsize
    if free < LOW_BYTES:
        return f"{free // 1_000_000} MB are free on the disk of the database"
    # Some file systems make names as they go, and say that they have none at all.
    if state.f_files and state.f_favail < LOW_FILES:
        return f"the disk of the database has names for {state.f_favail} more files"
    return None
