"""File kinds: what files a form takes, told by their content."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from flask_babel import gettext as _

from rsvp.text.cleaning import CONTROL_CHARACTERS


@dataclass(frozen=True)
class FileKind:
    """A kind of file that a form may take. `accept` is what the browser offers, which
    binds nobody: `matches` looks at the bytes."""

    name: str
    accept: str
    matches: Callable[[bytes], bool]


def begins_with(signature: bytes) -> Callable[[bytes], bool]:
    return lambda content: content.startswith(signature)


def is_webp(content: bytes) -> bool:
    return content.startswith(b"RIFF") and content[8:12] == b"WEBP"


def is_text(content: bytes) -> bool:
    """Whether it is UTF-8 that shows: no program, archive or picture is."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return CONTROL_CHARACTERS.search(text) is None


PNG = FileKind("PNG", "image/png", begins_with(b"\x89PNG\r\n\x1a\n"))
JPEG = FileKind("JPEG", "image/jpeg", begins_with(b"\xff\xd8\xff"))
WEBP = FileKind("WebP", "image/webp", is_webp)
YAML = FileKind("YAML", ".yaml,.yml", is_text)
CSV = FileKind("CSV", ".csv,text/csv", is_text)


@dataclass(frozen=True)
class UploadedFile:
    """A file that was sent; `name` is what its sender calls it, and proves nothing."""

    name: str
    content: bytes
    kind: FileKind


def read_upload(
    stream: IO[bytes], name: str, kinds: tuple[FileKind, ...], max_bytes: int
) -> UploadedFile:
    """Read a file of one of these kinds, and no more of it than the form takes. Raises
    ValueError with words for whoever sent it."""
    content = stream.read(max_bytes + 1)
    if not content:
        raise ValueError(_("This file is empty. Choose another one."))
    if len(content) > max_bytes:
        raise ValueError(
            _(
                "This file is too big. Choose one of at most %(size)s.",
                size=size_text(max_bytes),
            )
        )
    kind = next((kind for kind in kinds if kind.matches(content)), None)
    if kind is None:
        raise ValueError(
            _(
                "This is no such file. Choose one of this kind: %(kinds)s.",
                kinds=", ".join(kind.name for kind in kinds),
            )
        )
    return UploadedFile(name, content, kind)


def size_text(size: int) -> str:
    """A number of bytes as people say it: `2 MB`, `300 kB`."""
    return f"{size // 10**6} MB" if size >= 10**6 else f"{size // 1000} kB"
