"""The backup file: a gzipped tar archive that says itself what it is.

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
ABOUT = "about.json"
DATABASES = {"sqlite": "database.sqlite", "postgresql": "database.sql"}
KEYS = ("code_key", "secret_key")
PIECE = 1 << 18
LARGEST_ABOUT = 1 << 20
LARGEST_KEY = 4096

Progress = Callable[[str, int, int], None]
"""Told what is being done, and how much of how much of it, in bytes or pages."""


class Kind(StrEnum):
    """What a file is, by its first bytes."""

    ARCHIVE = "archive"
    ENCRYPTED = "encrypted"
    SQLITE = "sqlite"  # a bare copy of a SQLite database


HEAD = 64
BEGINNINGS = {
    b"\x1f\x8b": Kind.ARCHIVE,
    b"age-encryption.org/v1\n": Kind.ENCRYPTED,
    b"-----BEGIN AGE ENCRYPTED FILE-----": Kind.ENCRYPTED,
    b"SQLite format 3\x00": Kind.SQLITE,
}
DUMPS = (b"PGDMP", b"--\n-- PostgreSQL database dump")


def kind_of(head: bytes) -> Kind:
    """What begins with these bytes. Raises BackupError for what can't be a backup."""
    for beginning, kind in BEGINNINGS.items():
        if head.startswith(beginning):
            return kind
    if not head:
        raise FileError("is empty")
    if head.startswith(DUMPS):
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
        """Raises Damaged, and BackupError where a newer RSVP has written it."""
        try:
            facts = json.loads(text)
            if facts.pop("what") != "backup of rsvp":
                raise ValueError("what")
            if facts.pop("format") != FORMAT:
                raise FileError("was written by a newer RSVP; update this one first")
            facts["made_at"] = datetime.fromisoformat(facts["made_at"]).astimezone(UTC)
            about = cls(**{k: tupled(v) for k, v in facts.items()})
            if about.engine not in DATABASES or not re.fullmatch(
                "[0-9a-f]{64}", about.sha256
            ):
                raise ValueError("engine")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Damaged from error
        return about


def tupled(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


# --- writing ------------------------------------------------------------------------


def write(
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
        for name, content in {ABOUT: about.to_json(), **keys}.items():
            tar.addfile(member(name, len(content)), io.BytesIO(content))
        reading = Watched(database, about.size, "Writing", progress)
        tar.addfile(member(DATABASES[about.engine], about.size), reading)


class Watched(io.RawIOBase):
    """A file that tells how far it has been read."""

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


def digest_of(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while piece := file.read(PIECE):
        digest.update(piece)
    return digest.hexdigest()


# --- reading ------------------------------------------------------------------------


@dataclass
class Archive:
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
        while left and (piece := self.stream.read(min(PIECE, left))):
            digest.update(piece)
            left -= len(piece)
            if sink is not None:
                sink.write(piece)
            progress("Reading", self.about.size - left, self.about.size)
        if left or self.stream.read(1) or digest.hexdigest() != self.about.sha256:
            raise Damaged
        self.end()


@contextlib.contextmanager
def reading(source: BinaryIO) -> Iterator[Archive]:
    """The archive in `source`, which is read once, from its beginning to its end.

    Raises Damaged, at the latest when the database has been copied.
    """

    def end() -> None:
        while packed.read(PIECE):
            pass

    try:
        with (
            gzip.GzipFile(fileobj=source) as packed,
            tarfile.open(mode="r|", fileobj=packed) as tar,
        ):
            yield opened(tar, end)
    except (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise Damaged(str(error).splitlines()[0].lower()) from error


def opened(tar: tarfile.TarFile, end: Callable[[], None]) -> Archive:
    about = About.from_json(small(tar, ABOUT, LARGEST_ABOUT))
    if not set(about.keys) <= set(KEYS):
        raise Damaged
    keys = {name: small(tar, name, LARGEST_KEY) for name in about.keys}
    stream = member_of(tar, DATABASES[about.engine], about.size)
    return Archive(about, keys, stream, end)


def small(tar: tarfile.TarFile, name: str, largest: int) -> bytes:
    return member_of(tar, name, largest).read()


def member_of(tar: tarfile.TarFile, name: str, largest: int) -> BinaryIO:
    """The next member, which must be this one."""
    info = tar.next()
    if info is None or info.name != name or not info.isreg() or info.size > largest:
        raise Damaged
    file = tar.extractfile(info)
    assert file is not None
    return file  # type: ignore[return-value]
