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
from typing import Any, BinaryIO

import pyrage

from rsvp.backup.errors import BackupError, Damaged, FileError

LARGEST_WITH_PASSPHRASE = 200_000_000
"""Bytes of a backup that is encrypted with a passphrase."""


# --- keys ---------------------------------------------------------------------------


def recipient(text: str) -> Any:
    """A public key: `age1…`, or a line of SSH's. Raises BackupError."""
    text = text.strip()
    with contextlib.suppress(pyrage.RecipientError):
        if text.startswith("ssh-"):
            return pyrage.ssh.Recipient.from_str(text)
        return pyrage.x25519.Recipient.from_str(text)
    if text.upper().startswith("AGE-SECRET-KEY-"):
        raise BackupError("this is a secret key: --recipient wants the public one")
    raise BackupError(f"{text} is no public key: it begins with age1 or ssh-")


def identities(file: Path) -> list[Any]:
    """The secret keys in a file, as `age-keygen` and ssh-keygen write them. Raises
    BackupError; what stands in the file is never told."""
    try:
        text = file.read_bytes()
    except OSError as error:
        raise BackupError(f"{file} can't be read: {error.strerror}") from error
    try:
        if text.startswith(b"-----BEGIN"):
            return [pyrage.ssh.Identity.from_buffer(text)]
        lines = [line.strip() for line in text.decode().splitlines()]
        wanted = [line for line in lines if line and not line.startswith("#")]
        found = [pyrage.x25519.Identity.from_str(line) for line in wanted]
    except (pyrage.IdentityError, UnicodeDecodeError):
        found = []
    if not found:
        raise BackupError(
            f"{file} has no secret key that can be used here: AGE-SECRET-KEY-1…, "
            "or a private key of SSH without a passphrase"
        )
    return found


def new_identity() -> tuple[str, str]:
    """A new pair of keys: the secret one and the public one."""
    made = pyrage.x25519.Identity.generate()
    return str(made), str(made.to_public())


# --- encrypting ---------------------------------------------------------------------


def encrypt(
    sink: BinaryIO, recipients: Sequence[Any], write: Callable[[BinaryIO], None]
) -> None:
    """Run `write(stream)`, and put what it writes into `sink`, encrypted."""
    reading, writing = os.pipe()
    beside = Beside(lambda: write_to(writing, write))
    source, guarded = Noting(os.fdopen(reading, "rb")), Noting(sink)
    try:
        with source.file:
            pyrage.encrypt_io(source, guarded, recipients)
    except pyrage.EncryptError as error:
        beside.join()
        raise guarded.error or source.error or BackupError(str(error)) from error
    except BaseException:
        beside.join()
        raise
    beside.join()
    if beside.error is not None:
        raise beside.error


def write_to(handle: int, write: Callable[[BinaryIO], None]) -> None:
    with os.fdopen(handle, "wb") as stream:
        write(stream)


def encrypt_with(
    sink: BinaryIO, passphrase: str, write: Callable[[BinaryIO], None]
) -> None:
    """The same with a passphrase. Raises BackupError for more than it can be."""
    whole = Limited(LARGEST_WITH_PASSPHRASE)
    write(whole)
    sink.write(pyrage.passphrase.encrypt(whole.getvalue(), passphrase))


class Limited(io.BytesIO):
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


def wants_passphrase(head: bytes) -> bool:
    """Whether what begins like this was encrypted with a passphrase."""
    return head.startswith(b"age-encryption.org/v1\n-> scrypt ")


@contextlib.contextmanager
def decrypted(source: BinaryIO, keys: Sequence[Any]) -> Iterator[BinaryIO]:
    """What was encrypted for one of these keys. Raises BackupError where none of them
    fits, Damaged where the end is missing or a bit is another."""
    reading, writing = os.pipe()
    guarded = Noting(os.fdopen(writing, "wb"))

    def decrypt() -> None:
        # Closed while nobody listens, it fails once more.
        with contextlib.suppress(BrokenPipeError), guarded.file:
            pyrage.decrypt_io(source, guarded, keys)

    stream = Decrypted(os.fdopen(reading, "rb"), guarded, Beside(decrypt))
    try:
        yield stream  # type: ignore[misc]
    finally:
        stream.close()


class Decrypted(io.RawIOBase):
    """The decrypted end of the pipe. At its end it raises what decrypting failed of."""

    def __init__(self, pipe: BinaryIO, guarded: Noting, beside: Beside) -> None:
        self.pipe, self.guarded, self.beside = pipe, guarded, beside

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        piece = self.pipe.read(size)
        if len(piece) < size or size < 0:
            self.beside.join()
            if self.beside.error is not None:
                raise in_words(self.beside.error) from self.beside.error
        return piece

    def close(self) -> None:
        """Whoever decrypts ends by it, where nobody read to the end."""
        self.pipe.close()
        self.beside.join()
        super().close()


def decrypt_with(source: BinaryIO, passphrase: str) -> BinaryIO:
    """The same with a passphrase; in memory."""
    # The header and the tags of each 64 KiB come on top.
    text = source.read(LARGEST_WITH_PASSPHRASE + (1 << 20))
    try:
        return io.BytesIO(pyrage.passphrase.decrypt(text, passphrase))
    except pyrage.DecryptError as error:
        raise in_words(error) from error
    except OSError as error:
        raise Damaged("it can't be decrypted to its end") from error


def in_words(error: BaseException) -> BackupError:
    text = str(error)
    if "No matching keys" in text:
        return FileError("is encrypted for another key than the one that was given")
    if text == "Decryption failed":
        return FileError("can't be decrypted: the passphrase is another one")
    return Damaged("it can't be decrypted to its end")


# --- two ends of a pipe -------------------------------------------------------------


class Beside:
    """Work in a thread of its own, with what it failed of kept until it is joined."""

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


class Noting:
    """A file that keeps what it failed of: the library tells that as its own."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file
        self.error: BaseException | None = None

    def read(self, size: int = -1) -> bytes:
        return self.noting(lambda: self.file.read(size))

    def write(self, piece: bytes) -> int:
        return self.noting(lambda: self.file.write(piece))

    def flush(self) -> None:
        self.noting(self.file.flush)

    def noting(self, what: Callable[[], Any]) -> Any:
        try:
            return what()
        except BaseException as error:
            self.error = error
            raise
