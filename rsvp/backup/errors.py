"""Backup errors, each with one line for the operator."""

from __future__ import annotations


class BackupError(Exception):
    """It can't be done, and nothing was changed."""


class FileError(BackupError):
    """Something is wrong with a file; the message goes on from its name."""


class Damaged(FileError):
    """The file is not as it was written."""

    def __init__(self, why: str = "its contents don't add up") -> None:
        super().__init__(f"is damaged or cut off ({why}); nothing was changed")
