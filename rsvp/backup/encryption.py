"""Encryption of backups with age (https://age-encryption.org/v1), by pyrage.

For a public key as a stream, whatever the size; with a passphrase in memory, which is
why that has a limit.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import pyrage

from rsvp.backup.errors import BackupError, Damaged, FileError

T = TypeVar("T")

MAX_BYTES_WITH_PASSPHRASE = 200_000_000
"""Bytes of a backup that is encrypted with a passphrase."""


# --- keys ---------------------------------------------------------------------------


def parse_recipient(text: str) -> Any:
    """Parse a public key: `age1…`, or a line of SSH's. Raises BackupError."""
    text = text.strip()
    with contextlib.suppress(pyrage.RecipientError):
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise BackupError("this is a secret key: --recipient wants the public one")
    raise BackupError(f"{text} is no public key: it begins with age1 or ssh-")


def read_identities(file: Path) -> list[Any]:
    """Read the secret keys in a file, as `age-keygen` and ssh-keygen write them. Raises
    BackupError; what stands in the file is never told."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BackupError(f"{file} can't be read: {error.strerror}") from error
    try:
        if text.startswith(b"-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(text)]
        lines = [line.strip() for line in text.decode().splitlines()]
        key_lines = [line for line in lines if line and not line.startswith("#")]
        identities = [pyrage.x25519.Identity.from_str(line) for line in key_lines]
    except (pyrage.IdentityError, UnicodeDecodeError):
        identities = []
    if not identities:
        raise BackupError(
            f"{file} has no secret key that can be used here: AGE-SECRET-KEY-1…, "
            "or a private key of SSH without a passphrase"
        )
    return identities


def generate_identity() -> tuple[str, str]:
    """Generate a pair of keys: the secret one and the public one."""
    identity = pyrage.x25519.Identity.generate()
    return str(identity), str(identity.to_public())


# --- encrypting ---------------------------------------------------------------------


def encrypt(
    sink: BinaryIO, recipients: Sequence[Any], write: Callable[[BinaryIO], None]
) -> None:
    """Run `write(stream)`, and put what it writes into `sink`, encrypted."""
    reading, writing = os.pipe()
    writer = BackgroundThread(lambda: write_to_pipe(writing, write))
    source, guarded = ErrorKeepingFile(os.fdopen(reading, "rb")), ErrorKeepingFile(sink)
    try:
        with source.file:
            pyrage.encrypt_io(source, guarded, recipients)
    except pyrage.EncryptError as error:
        writer.join()
        raise guarded.error or source.error or BackupError(str(error)) from error
    except BaseException:
        writer.join()
        raise
    writer.join()
    if writer.error is not None:
        raise writer.error


def write_to_pipe(handle: int, write: Callable[[BinaryIO], None]) -> None:
    with os.fdopen(handle, "wb") as stream:
        write(stream)


def encrypt_with_passphrase(
    sink: BinaryIO, passphrase: str, write: Callable[[BinaryIO], None]
) -> None:
    """The same with a passphrase. Raises BackupError for more than it can be."""
    whole = LimitedBuffer(MAX_BYTES_WITH_PASSPHRASE)
    write(whole)
    sink.write(pyrage.passphrase.encrypt(whole.getvalue(), passphrase))


class LimitedBuffer(io.BytesIO):
    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most

    def write(self, piece: Any) -> int:
        if self.tell() + len(piece) > self.most:
            raise BackupError(
                f"this backup is larger than {self.most // 1_000_000} MB, the most "
                "that a passphrase can encrypt: use --recipient"
            )
        return super().write(piece)


# --- decrypting ---------------------------------------------------------------------


def needs_passphrase(head: bytes) -> bool:
    """Whether a file that begins like this was encrypted with a passphrase."""
    return head.startswith(b"age-encryption.org/v1\n-> scrypt ")


@contextlib.contextmanager
def decrypt(source: BinaryIO, keys: Sequence[Any]) -> Iterator[BinaryIO]:
    """Decrypt a stream with one of these keys. Raises BackupError where none of them
    fits, Damaged where the end is missing or a bit is another."""
    reading, writing = os.pipe()
    guarded = ErrorKeepingFile(os.fdopen(writing, "wb"))

    def decrypt() -> None:
        # Closed while nobody listens, it fails once more.
        with contextlib.suppress(BrokenPipeError), guarded.file:
            pyrage.decrypt_io(source, guarded, keys)

    stream = DecryptedStream(
        os.fdopen(reading, "rb"), guarded, BackgroundThread(decrypt)
    )
    try:
        yield stream  # type: ignore[misc]
    finally:
        stream.close()


class DecryptedStream(io.RawIOBase):
    """The decrypted end of the pipe. At its end it raises the error that decrypting
    ended with."""

    def __init__(
        self, pipe: BinaryIO, guarded: ErrorKeepingFile, decryption: BackgroundThread
    ) -> None:
        self.pipe, self.guarded, self.decryption = pipe, guarded, decryption

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self.pipe.read(size)
        if len(piece) < size or size < 0:
            self.decryption.join()
            if self.decryption.error is not None:
                raise to_backup_error(self.decryption.error) from self.decryption.error
        return piece

    def close(self) -> None:
        """Close the pipe, which ends the decryption where nobody read to the end."""
        self.pipe.close()
        self.decryption.join()
        super().close()


def decrypt_with_passphrase(source: BinaryIO, passphrase: str) -> BinaryIO:
    """The same with a passphrase; in memory."""
    # The header and the tags of each 64 KiB come on top.
    text = source.read(MAX_BYTES_WITH_PASSPHRASE + (1 << 20))
    try:
        return io.BytesIO(pyrage.passphrase.decrypt(text, passphrase))
    except pyrage.DecryptError as error:
        raise to_backup_error(error) from error
    except OSError as error:
        raise Damaged("it can't be decrypted to its end") from error


def to_backup_error(error: BaseException) -> BackupError:
    text = str(error)
    if "No matching keys" in text:
        return FileError("is encrypted for another key than the one that was given")
    if text == "Decryption failed":
        return FileError("can't be decrypted: the passphrase is another one")
    return Damaged("it can't be decrypted to its end")


# --- two ends of a pipe -------------------------------------------------------------


class BackgroundThread:
    """Work in a thread of its own; its error is kept until it is joined."""

    def __init__(self, work: Callable[[], None]) -> None:
        self.error: BaseException | None = None
        self.work = work
        self.thread = threading.Thread(target=self.run, name="backup", daemon=True)
        self.thread.start()

    def run(self) -> None:
        try:
            self.work()
        except BaseException as error:
            self.error = error

    def join(self) -> None:
        self.thread.join()


class ErrorKeepingFile:
    """A file that keeps its error: the library raises one of its own for it."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        return self.noting(lambda: self.file.read(size))

    def write(self, piece: bytes) -> int:
        return self.noting(lambda: self.file.write(piece))

    def flush(self) -> None:
        self.noting(self.file.flush)

    def noting(self, what: Callable[[], T]) -> T:
        try:
            return what()
        except BaseException as error:
            self.error = error
            raise
