"""Keys in a backup, and which ones the restored site gets."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from flask import Flask

from rsvp import tokens
from rsvp.backup.archive import OpenArchive
from rsvp.backup.destination import name_timestamp
from rsvp.backup.errors import Damaged, FileError


@dataclass(frozen=True)
class SiteKeys:
    """The keys that the restored site has, and the files to write for that."""

    code_key: bytes
    secret_key: str
    files: dict[str, bytes]


def choose_keys(app: Flask, archive: OpenArchive) -> SiteKeys:
    """Choose the site's own keys where its code key is the backup's, else those in the
    backup. Raises BackupError where neither fits."""
    own_key: bytes = app.config["CODE_KEY"]
    key_ids = archive.about.code_keys
    if tokens.key_id(own_key) in key_ids:
        return SiteKeys(own_key, app.config["SECRET_KEY"], {})
    folder = Path(app.instance_path)
    if "code_key" not in archive.keys:
        raise FileError(
            "belongs to another code key than the one here, without which no ticket "
            f"works: put the old one back as {folder / 'code_key'} (or in "
            "RSVP_CODE_KEY) first; its fingerprint is "
            f"{' or '.join(key_ids)}, that of the one here {tokens.key_id(own_key)}"
        )
    if not is_key_in_file(folder / "code_key", own_key):
        raise FileError(
            "has its code key with it, and RSVP_CODE_KEY is another: unset it"
        )
    code_key = archive.keys["code_key"].decode(errors="replace").strip()
    secret_key = archive.keys.get("secret_key", b"").decode(errors="replace").strip()
    if not re.fullmatch("[0-9a-f]{64}", code_key) or len(secret_key) < 32:
        raise Damaged("its keys are none")
    if tokens.key_id(bytes.fromhex(code_key)) not in key_ids:
        raise Damaged("its keys are not its own")
    return SiteKeys(bytes.fromhex(code_key), secret_key, archive.keys)


def is_key_in_file(file: Path, key: bytes) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return bytes.fromhex(file.read_text().strip()) == key
    return False


def write_keys(app: Flask, keys: SiteKeys, now: datetime) -> tuple[str, ...]:
    """Write the files of the keys; those that were there get another name."""
    folder = Path(app.instance_path)
    for name, content in keys.files.items():
        file = folder / name
        if file.exists():
            file.rename(folder / f"{name}.before-{name_timestamp(now)}")
        handle, made = tempfile.mkstemp(dir=folder, prefix=name)  # mode 600
        with os.fdopen(handle, "wb") as opened:
            opened.write(content.strip() + b"\n")
            opened.flush()
            os.fsync(handle)
        Path(made).rename(file)
    return tuple(keys.files)
