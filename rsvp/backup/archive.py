"""Backup archive: the gzipped tar file format, written and read as a stream.

Its first member is `about.json` (`About`), then come the keys, where they were asked
for, and last the database: a SQLite file, or the SQL that pg_dump writes. `tar xzf`
takes it apart without us.
"""

from __future__ import annotations

import contextlib
import dataclasses
import gzip
import hashlib
import io
import json
import re
import tarfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Any, BinaryIO

from rsvp.backup.errors import Damaged, FileError

FORMAT = 1
ABOUT_NAME = "about.json"
DATABASE_NAMES = {"sqlite": "database.sqlite", "postgresql": "database.sql"}
KEY_NAMES = ("code_key", "secret_key")
CHUNK_BYTES = 1 << 18
MAX_ABOUT_BYTES = 1 << 20
MAX_KEY_BYTES = 4096

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much of it, in bytes or pages."""


class FileKind(StrEnum):
    """The kind of a file, by its first bytes."""

    ARCHIVE = "archive"
    ENCRYPTED = "encrypted"
    SQLITE = "sqlite"  # a bare copy of a SQLite database


HEAD_BYTES = 64
MAGIC_BYTES = {
    b"\x1f\x8b": FileKind.ARCHIVE,
    b"age-encryption.org/v1\n": FileKind.ENCRYPTED,
    b"-----BEGIN AGE ENCRYPTED FILE-----": FileKind.ENCRYPTED,
    b"SQLite format 3\x00": FileKind.SQLITE,
}
DUMP_MAGIC_BYTES = (b"PGDMP", b"--\n-- PostgreSQL database dump")


def file_kind(head: bytes) -> FileKind:
    """Return the kind of a file that begins with these bytes. Raises BackupError for
    what can't be a backup."""
    for beginning, kind in MAGIC_BYTES.items():
        if head.startswith(beginning):
            return kind
    if not head:
        raise FileError("is empty")
    if head.startswith(DUMP_MAGIC_BYTES):
        raise FileError(
            "is a dump of pg_dump's own, which `psql` or `pg_restore` put back; "
            "`rsvp restore` takes what `rsvp backup` has written"
        )
    raise FileError("is no backup: `rsvp backup` writes them")


@dataclass(frozen=True)
class About:
    """What a backup says of itself. `schema` is the version of the tables, `code_keys`
    are the fingerprints of the keys that its codes come from, `namespace` is the schema
    that PostgreSQL had the tables in, `size` and `sha256` are the database's."""

    made_at: datetime
    engine: str
    schema: str
    code_keys: tuple[str, ...]
    counts: Mapping[str, int]
    size: int
    sha256: str
    namespace: str = ""
    keys: tuple[str, ...] = ()
    program: str = dataclasses.field(default_factory=lambda: version("rsvp"))

    def to_json(self) -> bytes:
        facts = dataclasses.asdict(self)
        facts["made_at"] = self.made_at.isoformat()
        head = {"what": "backup of rsvp", "format": FORMAT}
        return (json.dumps(head | facts, indent=1) + "\n").encode()

    @classmethod
    def from_json(cls, text: bytes) -> About:
        """Parse what a backup says of itself. Raises Damaged, and BackupError where a
        newer RSVP has written it."""
        try:
            facts = json.loads(text)
            if facts.pop("what") != "backup of rsvp":
                raise ValueError("what")
            if facts.pop("format") != FORMAT:
                raise FileError("was written by a newer RSVP; update this one first")
            facts["made_at"] = datetime.fromisoformat(facts["made_at"]).astimezone(UTC)
            about = cls(**{k: list_to_tuple(v) for k, v in facts.items()})
            if about.engine not in DATABASE_NAMES or not re.fullmatch(
                "[0-9a-f]{64}", about.sha256
            ):
                raise ValueError("engine")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged from error
        return about


def list_to_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# --- writing ------------------------------------------------------------------------


def write_archive(
    sink: BinaryIO,
    about: About,
    database: BinaryIO,
    keys: Mapping[str, bytes],
    progress: Progress,
) -> None:
    """Write the whole archive into `sink`, a piece at a time."""
    at = int(about.made_at.timestamp())

    def member(name: str, size: int) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.size, info.mode, info.mtime = size, 0o600, at
        return info

    # Names and mails are text: most of the gain is had at the low levels.
    packed = gzip.GzipFile("", "wb", compresslevel=4, fileobj=sink, mtime=at)
    with packed, tarfile.open(mode="w|", fileobj=packed) as tar:
        for name, content in {ABOUT_NAME: about.to_json(), **keys}.items():
            tar.addfile(member(name, len(content)), io.BytesIO(content))
        reading = ProgressReader(database, about.size, "Writing", progress)
        tar.addfile(member(DATABASE_NAMES[about.engine], about.size), reading)


class ProgressReader(io.RawIOBase):
    """A file that reports how far it has been read."""

    def __init__(
        self, file: BinaryIO, size: int, what: str, progress: Progress
    ) -> None:
        self.file, self.size, self.what, self.progress = file, size, what, progress
        self.done = 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self.file.read(size)
        self.done += len(piece)
        self.progress(self.what, self.done, self.size)
        return piece


def sha256_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(CHUNK_BYTES):
        digest.update(piece)
    return digest.hexdigest()


# --- reading ------------------------------------------------------------------------


@dataclass
class OpenArchive:
    """An archive that is being read: what it says, its keys, then its database."""

    about: About
    keys: dict[str, bytes]
    stream: BinaryIO
    end: Callable[[], None] = lambda: None
    """Reads what is left, where the checksum of it all stands."""

    def copy_database(self, sink: BinaryIO | None, progress: Progress) -> None:
        """Write the database into `sink` (None: only read it), and read the file to its
        end. Raises Damaged where it is not the one that was written."""
        digest, left = hashlib.sha256(), self.about.size
        while left and (piece := self.stream.read(min(CHUNK_BYTES, left))):
            digest.update(piece)
            left -= len(piece)
            if sink is not None:
                sink.write(piece)
            progress("Reading", self.about.size - left, self.about.size)
        if left or self.stream.read(1) or digest.hexdigest() != self.about.sha256:
            raise Damaged
        self.end()


@contextlib.contextmanager
def open_archive(source: BinaryIO) -> Iterator[OpenArchive]:
    """Open the archive in `source`, which is read once, from its beginning to its end.

    Raises Damaged, at the latest when the database has been copied.
    """

    def end() -> None:
        while packed.read(CHUNK_BYTES):
            pass

    try:
        with (
            gzip.GzipFile(fileobj=source) as packed,
            tarfile.open(mode="r|", fileobj=packed) as tar,
        ):
            yield read_head_of(tar, end)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Damaged(str(error).splitlines()[0].lower()) from error


def read_head_of(tar: tarfile.TarFile, end: Callable[[], None]) -> OpenArchive:
    about = About.from_json(read_small_member(tar, ABOUT_NAME, MAX_ABOUT_BYTES))
    if not set(about.keys) <= set(KEY_NAMES):
        raise Damaged
    keys = {name: read_small_member(tar, name, MAX_KEY_BYTES) for name in about.keys}
    stream = next_member(tar, DATABASE_NAMES[about.engine], about.size)
    return OpenArchive(about, keys, stream, end)


def read_small_member(tar: tarfile.TarFile, name: str, largest: int) -> bytes:
    return next_member(tar, name, largest).read()


def next_member(tar: tarfile.TarFile, name: str, largest: int) -> BinaryIO:
    """Return the next member, which must be this one."""
    info = tar.next()
    if info is None or info.name != name or not info.isreg() or info.size > largest:
        raise Damaged
    file = tar.extractfile(info)
    assert file is not None
    return file  # type: ignore[return-value]
