"""Output file of a backup: it appears under its name whole, or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from rsvp.backup.errors import BackupError

BUFFER_BYTES = 1 << 20


class OutputFile:
    """A file that has no name until `finish`, so that even one who is killed leaves
    nothing half; where the file system can't do that, a hidden name beside."""

    def __init__(self, path: Path, *, force: bool) -> None:
        self.path = path
        self.force = force
        self.hidden: Path | None = None
        self.digest = hashlib.sha256()
        self.size = 0

    def refuse(self) -> None:
        """Raise BackupError where it must not or can't be written."""
        folder = self.path.parent
        if not folder.is_dir():
            raise BackupError(f"the folder {folder} is not there")
        if self.path.is_dir():
            raise BackupError(f"{self.path} is a folder; name the file in it")
        if os.path.lexists(self.path):
            if not self.force:
                raise BackupError(f"{self.path} is there already; --force replaces it")
            if not self.path.is_file():
                raise BackupError(f"{self.path} is no file that can be replaced")

    def open(self) -> None:
        folder = self.path.parent
        try:
            self.handle = os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o600)
        except (OSError, AttributeError):
            self.hidden = folder / f".{self.path.name}.{secrets.token_hex(4)}.part"
            flags = os.O_RDWR | os.O_CREAT | os.O_EXCL
            self.handle = os.open(self.hidden, flags, 0o600)
        self.file = os.fdopen(self.handle, "w+b", buffering=BUFFER_BYTES)

    def write(self, piece: bytes) -> int:
        self.digest.update(piece)
        self.size += len(piece)
        return self.file.write(piece)

    def flush(self) -> None:
        """What was written is digested; it is put on the disk by `read_again`."""

    def read_again(self) -> BinaryIO:
        """What is on the disk now, from its beginning, not what memory has of it."""
        self.file.flush()
        os.fsync(self.handle)
        with contextlib.suppress(OSError, AttributeError):
            os.posix_fadvise(self.handle, 0, 0, os.POSIX_FADV_DONTNEED)
        self.file.seek(0)
        return self.file

    def finish(self) -> None:
        """Give it its name. Raises BackupError where somebody else was quicker."""
        name = self.hidden or self.linked()
        if self.force:
            name.replace(self.path)
        else:
            try:
                os.link(name, self.path)
            except FileExistsError as error:
                raise BackupError(f"{self.path} is there already") from error
            except OSError:  # a file system that has no second names
                if os.path.lexists(self.path):
                    raise BackupError(f"{self.path} is there already") from None
                name.rename(self.path)
            else:
                name.unlink()
        self.hidden = None
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):
                os.fsync(folder)
        finally:
            os.close(folder)

    def linked(self) -> Path:
        """A hidden name for what had none."""
        self.hidden = (
            self.path.parent / f".{self.path.name}.{secrets.token_hex(4)}.part"
        )
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            # With a folder's handle: the plain call would link the name in /proc.
            source = f"/proc/self/fd/{self.handle}"
            os.link(source, self.hidden.name, dst_dir_fd=folder, follow_symlinks=True)
        finally:
            os.close(folder)
        return self.hidden

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.file.close()
        if self.hidden is not None:
            self.hidden.unlink(missing_ok=True)


@contextlib.contextmanager
def open_output(path: Path, *, force: bool) -> Iterator[OutputFile]:
    """Open an output file that is gone again unless it was finished. What the disk says
    is raised as a BackupError."""
    target = OutputFile(path, force=force)
    target.refuse()
    try:
        target.open()
        try:
            yield target
        finally:
            target.close()
    except OSError as error:
        raise BackupError(f"{path} can't be written: {os_error_text(error)}") from error


def os_error_text(error: Any) -> str:
    return error.strerror or str(error)
